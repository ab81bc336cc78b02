"""Several networks side by side: each learns as it would alone, and all are pooled."""

import warnings
from copy import deepcopy

import joblib
import numpy as np
import pytest
from interrupting import Interrupt
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from reference_data import WEIGHT, X, Y, both_weights
from scipy import sparse, special
from several import (
    SOLVERS,
    SignDescent,
    assert_same,
    both,
    each_case,
    each_solver,
    fitted,
    make,
    mean_of_members,
    members_of,
    outputs,
    parameters,
    raw_values,
    target_of,
)
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skann import check_gradient
from skann.callbacks import Checkpoint, ParameterRecorder
from skann.inspection import (
    ActivationDisplay,
    ErrorSurfaceDisplay,
    LossCurveDisplay,
    NetworkDiagramDisplay,
    UnitContributionDisplay,
    WeightImageDisplay,
    trace_backprop,
)

# A few epochs never converge.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ----------------------------------------------------------------------- predictions


@each_solver
@each_case
def test_a_prediction_is_the_mean_of_those_of_the_members(name, solver):
    """What orders quantiles, and makes probabilities add up to 1, comes after it."""
    estimator = fitted(name, solver=SOLVERS[solver])
    assert [W.shape for W in estimator.coefs_[:2]] == [(3, 4, 5), (3, 5, 4)]
    assert [b.shape for b in estimator.intercepts_[:2]] == [(3, 5), (3, 4)]
    expected = mean_of_members(estimator)
    if name == "quantiles":
        raw = [raw_values(member) for member in members_of(estimator)]
        expected = np.sort(np.mean(raw, axis=0), axis=1)
    elif name == "independent":
        raw = [member.decision_function(X) for member in members_of(estimator)]
        expected = special.expit(raw).mean(axis=0)
        expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(outputs(estimator), expected, rtol=1e-9, atol=1e-12)
    assert np.ptp([outputs(member) for member in members_of(estimator)], axis=0).any()
    if is_classifier(estimator):
        logarithms = estimator.predict_log_proba(X)
        assert_allclose(np.exp(logarithms), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["binary", "classes", "strings", "labels"])
def test_the_class_is_that_of_the_largest_mean(name):
    classifier = fitted(name)
    p = mean_of_members(classifier)
    expected = p > 0.5 if name == "labels" else classifier.classes_[p.argmax(axis=1)]
    assert_array_equal(classifier.predict(X), expected)
    raw = classifier.decision_function(X)
    of_raw = raw > 0 if raw.ndim == 1 or name == "labels" else raw.argmax(axis=1)
    if raw.ndim == 1:
        of_raw = of_raw.astype(int)
    if name != "labels":
        of_raw = classifier.classes_[of_raw]
    assert_array_equal(of_raw, expected)


def test_probabilities_of_sure_members_are_no_zeros():
    """Where each is sure of something else, the mean is half, and no overflow."""
    classifier = fitted("binary", n_members=2)
    with warnings.catch_warnings(action="error"):
        weights = [np.zeros_like(W) for W in classifier.coefs_]
        classifier.coefs_ = weights
        biases = [np.zeros_like(b) for b in classifier.intercepts_]
        biases[-1][:] = [[-800.0], [800.0]]
        classifier.intercepts_ = biases
        assert_allclose(classifier.predict_proba(X[:2]), 0.5)
        assert_allclose(classifier.decision_function(X[:2]), 0.0, atol=1e-9)
        assert_allclose(classifier.predict_log_proba(X[:2]), np.log(0.5))


@pytest.mark.parametrize("n_frequencies", [0, 2])
@pytest.mark.parametrize("scaling", [None, "standard", "bounded"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@both
def test_every_kind_of_input(name, is_sparse, dtype, scaling, n_frequencies):
    inputs = sparse.csr_array(X) if is_sparse else X
    params = {"dtype": dtype, "scaling": scaling, "n_frequencies": n_frequencies}
    # More than one group of members.
    estimator = make(name, n_members=6, **params).fit(inputs, target_of(name))
    assert estimator.coefs_[0].dtype == dtype
    assert_allclose(
        outputs(estimator, inputs),
        mean_of_members(estimator, inputs),
        rtol=1e-9 if dtype == "float64" else 1e-5,
        atol=1e-12 if dtype == "float64" else 1e-6,
    )
    assert_allclose(
        outputs(estimator, inputs[:3]), outputs(estimator, inputs)[:3], rtol=1e-4
    )


# ------------------------------------------------------- each is a network of its own

ALIKE = {
    "plain": {},
    "sgd": {"solver": "sgd"},
    "own": {"solver": SignDescent()},
    "penalty": {"alpha": 3.0},
    "decay": {"weight_decay": 0.3},
    "clipped": {"max_grad_norm": 0.1},
    "unscaled": {"scaling": None},
    "bounded": {"scaling": "bounded"},
    "cosine": {"learning_rate": "cosine"},
    "one batch": {"batch_size": len(X)},
    "no hidden layers": {"hidden_layer_sizes": ()},
    "each layer": {"activation": ("tanh", "relu")},
}


def assert_each_learns_alone(name, weight=None, **params):
    """Train from given weights several networks, and then each of them alone."""
    # Order depends on what was drawn before.
    params = {**params, "shuffle": False, "n_members": 3}
    start = fitted(name, **{**params, "max_iter": 1, "learning_rate_init": 1e-30})
    init = {"coef_init": start.coefs_, "intercept_init": start.intercepts_}
    together = make(name, **params).fit(X, target_of(name), weight, **init)
    losses = []
    for number, member in enumerate(members_of(together)):
        own = {key: [array[number] for array in init[key]] for key in init}
        alone = make(name, **{**params, "n_members": 1})
        alone.fit(X, target_of(name), weight, **own)
        assert_allclose(parameters(member), parameters(alone), rtol=1e-6, atol=1e-9)
        assert_allclose(outputs(member), outputs(alone), rtol=1e-6, atol=1e-9)
        losses.append(alone.loss_curve_)
    assert_allclose(together.loss_curve_, np.mean(losses, axis=0), rtol=1e-7)


@both_weights
@each_case
def test_each_member_learns_as_it_would_alone(name, weight):
    assert_each_learns_alone(name, weight)


@both
@pytest.mark.parametrize("case", ALIKE)
def test_each_member_learns_as_it_would_alone_with(case, name):
    assert_each_learns_alone(name, WEIGHT, **ALIKE[case])


@pytest.mark.parametrize("n_members", [3, 6])
@pytest.mark.parametrize(
    "params",
    [
        {"max_grad_norm": 0.01},
        {"solver": "sgd", "max_grad_norm": 0.05},
        {"solver": SignDescent(), "alpha": 1.0},
        {"weight_decay": 0.3, "dropout": 0.2},
    ],
    ids=str,
)
@both
def test_members_of_a_group_share_their_cosines(name, params, n_members):
    estimator = fitted(name, n_frequencies=2, n_members=n_members, **params)
    for values in estimator.embedding_.values():
        assert len(values) == n_members
        for group in (values[:4], values[4:]):
            assert_array_equal(group, np.broadcast_to(group[:1], group.shape))
    assert_allclose(outputs(estimator), mean_of_members(estimator), rtol=1e-9)


def test_units_are_left_out_of_each_member_on_their_own():
    """Members that begin alike go on otherwise."""
    weights = [
        np.full((3, *W.shape), 0.1) for W in fitted("numbers", n_members=1).coefs_
    ]
    estimator = make("numbers", dropout=0.5).fit(X, Y["numbers"], coef_init=weights)
    first, second, third = estimator.coefs_[1]
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


@both
def test_the_first_members_do_not_depend_on_the_number_of_members(name):
    """What is drawn for dropout and weights goes from member to member."""
    params = {"shuffle": False, "dropout": 0.2}
    few, many = fitted(name, n_members=2, **params), fitted(name, n_members=6, **params)
    for ours, theirs in zip(few.coefs_, many.coefs_, strict=True):
        assert_allclose(ours, theirs[:2], rtol=1e-9)


# --------------------------------------------------------------------- many at a time


@pytest.mark.parametrize("learning_rate", ["constant", "cycles"])
@both
def test_the_number_of_jobs_changes_nothing(name, learning_rate):
    params = {
        "n_members": 9, "n_frequencies": 2, "dropout": 0.2,
        "learning_rate": learning_rate,
    }  # fmt: skip
    one = fitted(name, **params)
    for n_jobs in (1, 2, 3, -1):
        assert_same(fitted(name, n_jobs=n_jobs, **params), one)


@pytest.mark.parametrize(
    "backend", ["threading", pytest.param("loky", marks=pytest.mark.exhaustive)]
)
def test_a_parallel_job_has_no_parallel_jobs_of_its_own(backend):
    expected = fitted("numbers", n_members=5)
    jobs = (delayed(fitted)("numbers", n_members=5, n_jobs=2) for _ in range(2))
    for found in Parallel(2, backend=backend)(jobs):
        assert_same(found, expected)


def test_there_are_no_zero_jobs():
    with pytest.raises(ValueError, match="n_jobs == 0"):
        fitted("numbers", n_jobs=0)


# ------------------------------------------------------------------- training goes on


@each_solver
@both
def test_a_stream_of_several_networks(name, solver, tmp_path):
    """A pickle between two pieces changes nothing."""
    params = {"solver": SOLVERS[solver], "dropout": 0.2, "n_frequencies": 1}
    first = {"classes": np.unique(Y[name])} if name == "classes" else {}
    whole, pieces = make(name, **params), make(name, **params)
    for number in range(3):
        part = slice(50 * number, 50 * (number + 1))
        for estimator in (whole, pieces):
            estimator.partial_fit(X[part], Y[name][part], WEIGHT[part], **first)
        joblib.dump(pieces, tmp_path / "piece.joblib")
        pieces = joblib.load(tmp_path / "piece.joblib")
    assert whole.coefs_[0].shape == (3, 8, 5)
    assert_same(pieces, whole)
    assert_allclose(outputs(whole), mean_of_members(whole), rtol=1e-9)


@both
def test_a_stream_whose_columns_move(name):
    """Each member absorbs the change, so that predictions stay what they were."""
    params = {"learning_rate_init": 1e-30, "n_frequencies": 2}
    first = {"classes": np.unique(Y[name])} if name == "classes" else {}
    estimator = make(name, **params).partial_fit(X, Y[name], **first)
    before = outputs(estimator)
    estimator.partial_fit(3 * X + 5, Y[name])
    assert_allclose(outputs(estimator), before, rtol=1e-6)


@both
def test_a_stream_with_validation_data(name):
    first = {"classes": np.unique(Y[name])} if name == "classes" else {}
    own = {"X_val": X[100:], "y_val": Y[name][100:], **first}
    stream = make(name)
    for _ in range(3):
        stream.partial_fit(X[:100], Y[name][:100], **own)
    assert len(stream.validation_scores_) == 3
    expected = stream.score(X[100:], Y[name][100:])
    assert stream.validation_scores_[-1] == pytest.approx(expected)


@both
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_goes_on(name, solver):
    params = {"solver": solver, "shuffle": False, "n_iter_no_change": np.inf}
    warm = fitted(name, warm_start=True, **params)
    before = warm.loss_curve_[-1]
    warm.fit(X, target_of(name))
    assert warm.coefs_[0].shape == (3, 4, 5)
    assert len(warm.loss_curve_) == 6
    assert warm.loss_curve_[3] < before
    warm.set_params(n_members=2)
    with pytest.raises(ValueError, match="n_members=3"):
        warm.fit(X, target_of(name))
    # "auto" is what was trained.
    warm.set_params(n_members="auto", hidden_layer_sizes="auto").fit(X, target_of(name))
    assert warm.auto_params_["n_members"] == 3


@pytest.mark.parametrize("scoring", [None, "loss"])
@pytest.mark.parametrize("own", [False, True], ids=["set aside", "own data"])
@both
def test_early_stopping_scores_the_mean(name, own, scoring):
    estimator = make(
        name, early_stopping=True, scoring=scoring, n_members=4, max_iter=12,
        learning_rate_init=0.2, validation_fraction=0.3, learning_rate="cycles",
    )  # fmt: skip
    y = target_of(name)
    if own:
        estimator.fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    else:
        estimator.fit(X, y)
    assert len(estimator.validation_scores_) == estimator.n_iter_
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)
    assert not hasattr(estimator, "oof_score_")
    if own and scoring is None:
        score = estimator.score(X[100:], y[100:])
        assert estimator.best_validation_score_ == pytest.approx(score)


@pytest.mark.every(2)
@pytest.mark.parametrize("learning_rate", ["constant", "cycles"])
@pytest.mark.parametrize("epoch", [5, 9, 20])
@pytest.mark.parametrize(
    "params", [{}, {"early_stopping": True, "learning_rate_init": 0.1}], ids=str
)
@both
def test_a_fit_that_was_cut_off_is_brought_to_its_end(
    name, params, epoch, learning_rate, tmp_path
):
    params = {
        "n_members": 5, "max_iter": 24, "dropout": 0.2, "n_frequencies": 1,
        "n_iter_no_change": np.inf, "learning_rate": learning_rate, **params,
    }  # fmt: skip
    path = tmp_path / "{epoch}.joblib"
    whole = make(name, **params).set_callbacks(Checkpoint(path, every=epoch))
    whole.fit(X, target_of(name), WEIGHT)
    if whole.n_iter_ < epoch:
        return
    rest = joblib.load(str(path).format(epoch=epoch))
    rest.set_params(warm_start=True, n_jobs=2).fit(X, target_of(name), WEIGHT)
    assert_same(rest, whole)
    for attribute in ("n_iter_", "t_", "best_loss_", "oof_score_"):
        assert getattr(rest, attribute, None) == getattr(whole, attribute, None)


@both
def test_an_interrupt_keeps_all_members(name):
    expected = fitted(name, max_iter=2)
    interrupted = make(name, max_iter=9).set_callbacks(Interrupt(2))
    with pytest.warns(UserWarning, match="interrupted by user after 2 complete"):
        interrupted.fit(X, target_of(name))
    assert_same(interrupted, expected)


@both
def test_divergence_changes_nothing(name):
    estimator = fitted(name, solver="sgd", n_members=5, n_jobs=2)
    before = outputs(estimator)
    estimator.set_params(learning_rate_init=1e300)
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        estimator.fit(X, target_of(name))
    assert_array_equal(outputs(estimator), before)


# ------------------------------------------------------------------- a fitted estimator


@both
def test_copies_and_pickles(name, tmp_path):
    estimator = fitted(name, dropout=0.2)
    again = clone(estimator)
    assert not hasattr(again, "coefs_")
    assert again.get_params()["n_members"] == 3
    joblib.dump(estimator, tmp_path / "members.joblib")
    for copy in (deepcopy(estimator), joblib.load(tmp_path / "members.joblib")):
        assert_same(copy, estimator)
        for number, member in enumerate(members_of(copy)):
            assert_same(member, estimator.member(number))
    before = outputs(estimator)
    estimator.finalize()
    assert_array_equal(outputs(estimator), before)
    estimator.partial_fit(X, target_of(name))
    assert len(estimator.loss_curve_) == 4


@both
def test_a_member_is_an_estimator_of_one_network(name):
    estimator = fitted(name, n_frequencies=2, n_members=4, learning_rate="cycles")
    y, before = target_of(name), outputs(estimator)
    assert hasattr(estimator, "oof_score_")
    member = estimator.member(1)
    assert [W.shape for W in member.coefs_[:2]] == [(12, 5), (5, 4)]
    assert member.get_params()["n_members"] == 1
    assert member.embedding_["frequencies"].shape == (2, 4)
    assert not hasattr(member, "oof_score_")
    report = check_gradient(member, X[:30], y[:30], WEIGHT[:30])
    assert report.passed, str(report)
    assert trace_backprop(member, X[:2], y[:2]).layers[0].input.shape == (2, 12)
    alone = outputs(member)
    member.set_params(learning_rate="constant").partial_fit(X, y)
    assert not np.array_equal(outputs(member), alone)
    # The others, and the ensemble, are what they were.
    assert_array_equal(outputs(estimator), before)
    assert member.fit(X, y).coefs_[0].shape == (12, 5)


@both
def test_the_auto_params_of_a_member_are_those_that_it_goes_on_with(name):
    estimator = make(name, hidden_layer_sizes="auto", n_members="auto", recipe="table")
    estimator.set_params(max_iter=24, batch_size="auto").fit(X, target_of(name))
    assert estimator.auto_params_["n_members"] == len(estimator.coefs_[0])
    member = estimator.member(0)
    assert "n_members" not in member.auto_params_
    sizes = member.auto_params_["hidden_layer_sizes"]
    member.partial_fit(X, target_of(name))
    assert member.auto_params_["hidden_layer_sizes"] == sizes
    assert [b.size for b in member.intercepts_[:-1]] == list(sizes)


def test_there_are_as_many_members_as_were_trained():
    estimator = fitted("numbers")
    for number in (-1, 3, 100):
        with pytest.raises(IndexError, match="between 0 and 2"):
            estimator.member(number)
    with pytest.raises(NotFittedError):
        make("numbers").member(0)
    single = fitted("numbers", n_members=1)
    assert_same(single.member(0), single)
    with pytest.raises(IndexError, match="between 0 and 0"):
        single.member(1)


LOOKS = {
    "gradient": lambda one, x, y: check_gradient(one, x, y),
    "trace": lambda one, x, y: trace_backprop(one, x[:2], y[:2]),
    "scaling": lambda one, x, y: one.fold_scaling(),
    "input weights": lambda one, x, y: one.input_weights(),
    "diagram": lambda one, x, y: NetworkDiagramDisplay.from_estimator(one, x[:1]),
    "units": lambda one, x, y: UnitContributionDisplay.from_estimator(one, x, y),
    "images": lambda one, x, y: WeightImageDisplay.from_estimator(one, (1, 1)),
    "surface": lambda one, x, y: ErrorSurfaceDisplay.from_estimator(
        one, x, y, grid_resolution=3
    ),
    "recorder": lambda one, x, y: (
        clone(one).set_callbacks(ParameterRecorder()).fit(x, y)
    ),
}


@pytest.mark.parametrize("look", LOOKS)
def test_one_network_is_looked_at(look):
    plt = pytest.importorskip("matplotlib.pyplot")
    x, y = X[:, :1], Y["numbers"]
    estimator = make("numbers").fit(x, y)
    with pytest.raises(ValueError, match=r"3 networks.*member\(0\)"):
        LOOKS[look](estimator, x, y)
    LOOKS[look](estimator.member(2), x, y)
    plt.close("all")


def test_what_all_networks_have_in_common_is_shown():
    plt = pytest.importorskip("matplotlib.pyplot")
    estimator = fitted("numbers")
    assert_array_equal(
        LossCurveDisplay.from_estimator(estimator).ax_.lines[0].get_ydata(),
        estimator.loss_curve_,
    )
    ActivationDisplay.from_estimator(estimator)
    plt.close("all")


@both
def test_weights_of_all_members_are_set(name):
    estimator = fitted(name, n_members=4, learning_rate="cycles")
    other = fitted(name, n_members=4, random_state=1)
    estimator.coefs_ = other.coefs_
    # Predictions out of fold were those of other weights.
    assert not hasattr(estimator, "oof_score_")
    estimator.intercepts_ = other.intercepts_
    assert_array_equal(outputs(estimator), outputs(other))
    estimator.coefs_[0][1] = 0
    assert not estimator.member(1).coefs_[0].any()
    assert estimator.member(0).coefs_[0].all()
    with pytest.raises(ValueError, match=r"must have shape \(4, 4, 5\)"):
        estimator.coefs_ = other.member(0).coefs_


# --------------------------------------------------------------------------- parameters


@pytest.mark.parametrize("recipe", ["auto", "mlp", "table"])
@both
def test_lbfgs_trains_one_network(name, recipe):
    with pytest.raises(ValueError, match="n_members=3 is not supported by"):
        fitted(name, solver="lbfgs", recipe=recipe)
    params = {"hidden_layer_sizes": "auto", "n_members": "auto", "batch_size": "auto"}
    single = fitted(name, solver="lbfgs", recipe=recipe, **params)
    assert single.auto_params_["n_members"] == 1
    assert single.coefs_[0].ndim == 2


def test_weights_to_start_from_are_those_of_all_members():
    single = fitted("numbers", n_members=1)
    with pytest.raises(ValueError, match=r"coef_init\[0\] must have shape \(3, 4, 5\)"):
        make("numbers").fit(X, Y["numbers"], coef_init=single.coefs_)


def test_whether_anything_is_learned_is_said_of_members_too():
    noise = np.ones_like(X)
    with pytest.warns(ConvergenceWarning, match="nothing was learned.* 4 inputs"):
        make("numbers", n_members=4, learning_rate="cycles").fit(noise, Y["numbers"])
