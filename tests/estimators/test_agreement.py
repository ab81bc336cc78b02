"""Given the parameters of scikit-learn's MLP, skann trains the same network.

Run with `pytest -s` to see the largest relative difference of each solver.
"""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor, _multilayer_perceptron
from sklearn.preprocessing import scale

from skann import BackpropClassifier, BackpropRegressor

RTOL = 1e-6
STOCHASTIC = ("sgd", "adam")
SOLVERS = (*STOCHASTIC, "lbfgs")
TARGETS = ("binary", "multiclass", "multilabel", "regression", "counts")
FORMATS = {
    "dense": np.asarray,
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
    "csr_matrix": sparse.csr_matrix,
}
N_SAMPLES = 150


def _make_data():
    random_state = np.random.RandomState(0)
    X = random_state.randn(N_SAMPLES, 6)
    X[random_state.uniform(size=X.shape) < 0.3] = 0.0
    signal = X[:, 0] + np.sin(2 * X[:, 1]) - X[:, 2] * X[:, 3]
    noisy = signal + 0.3 * random_state.randn(N_SAMPLES)
    side = X[:, 4] + random_state.randn(N_SAMPLES)
    return X, {
        "binary": (noisy > 0).astype(int),
        "multiclass": np.digitize(noisy, [-1.0, 1.0]),
        "multilabel": np.c_[noisy > 0, side > 0, noisy > 1].astype(int),
        "regression": noisy,
        "counts": random_state.poisson(np.exp(0.5 * signal)),
    }


X, Y = _make_data()
WEIGHT = np.random.RandomState(1).uniform(0.1, 3.0, N_SAMPLES)
WEIGHT[::17] = 0.0


def make_pair(target, **params):
    """Return the MLP, and skann's estimator with all of the MLP's parameters."""
    params = {
        "hidden_layer_sizes": (11,),
        "batch_size": 32,
        "max_iter": 20,
        "random_state": 3,
        # With a smaller penalty the first line searches of L-BFGS reach samples that
        # are wrong with certainty, where the MLP clips the loss and skann does not.
        "alpha": 1.0 if params.get("solver") == "lbfgs" else 1e-4,
        **params,
    }
    if target in ("regression", "counts"):
        loss = "poisson" if target == "counts" else "squared_error"
        mlp = MLPRegressor(loss=loss, **params)
        return mlp, BackpropRegressor(scaling=None, **mlp.get_params())
    mlp = MLPClassifier(**params)
    return mlp, BackpropClassifier(scaling=None, **mlp.get_params())


def categories_of_warnings(method, *args, **kwargs):
    """Call the method and return the categories of the warnings that it gave.

    The MLP does not say that nothing was learned.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        method(*args, **kwargs)
    return sorted(
        warning.category.__name__
        for warning in caught
        if "nothing was learned" not in str(warning.message)
    )


def numbers(estimator, X):
    """Return the floats that training leaves and predicting gives, by name."""
    found = {f"coefs_[{i}]": array for i, array in enumerate(estimator.coefs_)}
    found |= {
        f"intercepts_[{i}]": array for i, array in enumerate(estimator.intercepts_)
    }
    found["loss_"] = estimator.loss_
    if estimator.solver in STOCHASTIC:  # of lbfgs the MLP keeps no record
        found["loss_curve_"] = estimator.loss_curve_
        found["best_loss_"] = estimator.best_loss_
        found["validation_scores_"] = estimator.validation_scores_
        found["best_validation_score_"] = estimator.best_validation_score_
    if hasattr(estimator, "predict_proba"):
        found["predict_proba"] = estimator.predict_proba(X)
        found["predict_log_proba"] = estimator.predict_log_proba(X)
    else:
        found["predict"] = estimator.predict(X)
    return {name: np.asarray(a) for name, a in found.items() if a is not None}


def largest_relative_difference(actual, expected):
    different = actual != expected
    difference = np.abs(actual - expected)[different] / np.abs(expected[different])
    return difference.max(initial=0.0)


def assert_same(mlp, ours, X, assert_close):
    """Compare two fitted estimators in all that they show."""
    assert ours.n_iter_ == mlp.n_iter_
    assert ours.n_layers_ == mlp.n_layers_
    assert ours.n_outputs_ == mlp.n_outputs_
    assert ours.out_activation_ == mlp.out_activation_
    if mlp.solver in STOCHASTIC:
        assert ours.t_ == mlp.t_
    our_numbers, mlp_numbers = numbers(ours, X), numbers(mlp, X)
    assert our_numbers.keys() == mlp_numbers.keys()
    for name, expected in mlp_numbers.items():
        assert our_numbers[name].shape == expected.shape, name
        assert_close(name, our_numbers[name], expected)
    if hasattr(mlp, "classes_"):
        assert_array_equal(ours.classes_, mlp.classes_)
        predicted = mlp.predict(X)
        if sparse.issparse(predicted):  # as the labels were; skann's is dense
            predicted = predicted.toarray()
        assert_array_equal(ours.predict(X), predicted)


@pytest.fixture(scope="module")
def largest():
    """Collect the largest relative difference of each solver, and print them."""
    found = {}
    yield found
    for (solver, name), difference in sorted(found.items()):
        print(
            f"\nlargest relative difference, {solver}, {name}: {difference:.1e}", end=""
        )


@pytest.fixture
def close(largest):
    """Return a comparison, element by element, that keeps the largest difference."""

    def close_with(solver):
        def assert_close(name, actual, expected):
            difference = largest_relative_difference(actual, expected)
            key = solver, name.split("[")[0]
            largest[key] = max(largest.get(key, 0.0), difference)
            assert_allclose(actual, expected, rtol=RTOL, err_msg=name)

        return assert_close

    return close_with


@pytest.fixture
def agree(close):
    """Return a function that fits both, compares them and returns skann's."""

    def fit_both(
        target,
        *,
        X=X,
        y=None,
        sample_weight=None,
        warns=("ConvergenceWarning",),
        assert_close=None,
        **params,
    ):
        y = Y[target] if y is None else y
        mlp, ours = make_pair(target, **params)
        given = [
            categories_of_warnings(estimator.fit, X, y, sample_weight)
            for estimator in (mlp, ours)
        ]
        assert given[0] == given[1]
        assert warns is None or given[0] == sorted(warns)
        assert_same(mlp, ours, X, assert_close or close(mlp.solver))
        return ours

    return fit_both


# ------------------------------------------------------------------------- solvers


@pytest.mark.every(7)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("nesterov", [False, True], ids=["classical", "nesterov"])
@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
def test_sgd_with_every_schedule_and_momentum(
    agree, schedule, momentum, nesterov, target
):
    ours = agree(
        target,
        solver="sgd",
        learning_rate=schedule,
        learning_rate_init=0.02,
        power_t=0.3,
        momentum=momentum,
        nesterovs_momentum=nesterov,
        # The adaptive rate falls after three epochs that gain less than this.
        tol=0.03 if schedule == "adaptive" else 0.0,
        n_iter_no_change=2 if schedule == "adaptive" else 10,
    )
    assert ours.n_iter_ == 20
    rates = ours.history_["learning_rate"]
    assert (rates[-1] < rates[0]) == (schedule != "constant")


@pytest.mark.every(3)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"beta_1": 0.0, "beta_2": 0.0},
        {"learning_rate_init": 0.05, "alpha": 0.0},
        {"alpha": 10.0},
    ],
    ids=["defaults", "betas", "no-memory", "fast", "penalty"],
)
def test_adam(agree, params, target):
    assert agree(target, solver="adam", **params).n_iter_ == 20


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("max_iter", [1, 20])
def test_lbfgs(agree, max_iter, target):
    assert agree(target, solver="lbfgs", max_iter=max_iter).n_iter_ == max_iter


@pytest.mark.parametrize("target", ["regression", "counts"])
def test_lbfgs_with_the_default_penalty(agree, target):
    assert agree(target, solver="lbfgs", alpha=1e-4).n_iter_ == 20


def test_lbfgs_stopped_by_max_fun(agree):
    ours = agree("regression", solver="lbfgs", max_fun=8)
    assert ours.n_iter_ < 20


# --------------------------------------------------------------- networks and data


@pytest.mark.every(7)
@pytest.mark.parametrize("target", ["multiclass", "regression"])
@pytest.mark.parametrize("hidden_layer_sizes", [(), 11, (7, 5), (6, 5, 4)], ids=str)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_activation_and_depth(
    agree, solver, activation, hidden_layer_sizes, target
):
    agree(
        target,
        solver=solver,
        activation=activation,
        hidden_layer_sizes=hidden_layer_sizes,
        tol=0.0,
        warns=None,  # without a hidden layer lbfgs converges
    )


@pytest.mark.every(7)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shuffle", [False, True], ids=["in-order", "shuffled"])
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_dense_and_sparse_inputs(agree, solver, kind, shuffle, target):
    agree(target, X=FORMATS[kind](X), solver=solver, shuffle=shuffle)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", FORMATS)
def test_lbfgs_on_dense_and_sparse_inputs(agree, kind, target):
    agree(target, X=FORMATS[kind](X), solver="lbfgs")


INPUTS = {
    "list": X.tolist(),
    "int": (3 * X).astype(int),
    "bool": X > 0,
    "float16": X.astype(np.float16),
    "fortran": np.asfortranarray(X),
    "frame": pd.DataFrame(X, columns=list("abcdef")),
    "int-csr": sparse.csr_array((3 * X).astype(int)),
    "coo": sparse.coo_array(X),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_of_input(agree, kind):
    agree("multiclass", X=INPUTS[kind])


@pytest.mark.every(3)
@pytest.mark.parametrize("batch_size", [1, 7, 32, 149, 150, "auto", 1000])
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_every_batch_size(agree, solver, batch_size):
    clipped = ["UserWarning"] if batch_size == 1000 else []
    agree(
        "multiclass",
        solver=solver,
        batch_size=batch_size,
        learning_rate_init=1e-4,
        warns=["ConvergenceWarning", *clipped],
    )


LABELS = {
    "strings": np.array(["ham", "eggs", "spam"])[Y["multiclass"]],
    "objects": np.array(["ham", "eggs", "spam"], dtype=object)[Y["multiclass"]],
    "two-strings": np.array(["no", "yes"])[Y["binary"]],
    "bool": Y["binary"].astype(bool),
    "gaps": np.array([-5, 0, 70])[Y["multiclass"]],
    "floats": np.array([1.0, 2.0, 3.0])[Y["multiclass"]],
    "four-of-six-labels": np.pad(Y["multilabel"], ((0, 0), (0, 1))),
    "sparse-multilabel": sparse.csr_matrix(Y["multilabel"]),
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_kind_of_label(agree, solver, labels):
    agree("multiclass", y=LABELS[labels], solver=solver)


@pytest.mark.parametrize("target", ["binary", "regression"])
def test_target_as_a_column(agree, target):
    agree(
        target,
        y=Y[target][:, np.newaxis],
        warns=["ConvergenceWarning", "DataConversionWarning"],
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_several_counts(agree, solver):
    agree("counts", y=np.c_[Y["counts"], Y["multiclass"]], solver=solver)


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_several_regression_targets_get_the_same_weights(close, solver):
    # The loss is another: see W11 in test_peer_faults.
    y = np.c_[Y["regression"], X[:, 4], -Y["regression"]]
    mlp, ours = make_pair("regression", solver=solver, tol=0.0)
    for estimator in (mlp, ours):
        categories_of_warnings(estimator.fit, X, y)
    for i in range(2):
        close(solver)(f"coefs_[{i}]", ours.coefs_[i], mlp.coefs_[i])
        close(solver)(f"intercepts_[{i}]", ours.intercepts_[i], mlp.intercepts_[i])
    close(solver)("predict", ours.predict(X), mlp.predict(X))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("load", [load_iris, load_wine, load_diabetes])
def test_real_data_with_default_parameters(agree, load, solver):
    features, y = load(return_X_y=True)
    agree(
        "regression" if load is load_diabetes else "multiclass",
        X=scale(features),
        y=y,
        solver=solver,
        hidden_layer_sizes=(100,),
        batch_size="auto",
        alpha=1e-4,
        tol=1e-4,
        warns=None,
    )


# ------------------------------------------------------------------------- weights


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_sample_weights_on_all_data_at_once(agree, solver, target):
    agree(
        target,
        solver=solver,
        batch_size=N_SAMPLES,
        sample_weight=WEIGHT,
        learning_rate_init=0.01,
    )


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weight", [0.2, 3.0])
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_equal_sample_weights_with_minibatches(agree, solver, weight, target):
    agree(target, solver=solver, alpha=0.5, sample_weight=np.full(N_SAMPLES, weight))


@pytest.mark.parametrize("target", ["binary", "multilabel", "regression"])
def test_sample_weights_with_early_stopping(agree, target):
    agree(
        target,
        early_stopping=True,
        batch_size="auto",  # all that is not set aside
        sample_weight=WEIGHT,
        n_iter_no_change=20,
    )


# ------------------------------------------------------------------------ stopping


def split_last_rows_off(*arrays, test_size, random_state, stratify):
    return train_test_split(*arrays, test_size=test_size, shuffle=False)


@pytest.mark.every(3)
@pytest.mark.parametrize("target", ["binary", "multilabel", "regression", "counts"])
@pytest.mark.parametrize("shuffle", [False, True], ids=["in-order", "shuffled"])
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_early_stopping(agree, solver, shuffle, target, monkeypatch):
    if not shuffle:
        # Rows in order: skann sets the last ones aside, the MLP random ones.
        peer = _multilayer_perceptron
        monkeypatch.setattr(peer, "train_test_split", split_last_rows_off)
    ours = agree(
        target, solver=solver, shuffle=shuffle, early_stopping=True,
        validation_fraction=0.2, learning_rate_init=0.03, n_iter_no_change=5,
        tol=1e-6, max_iter=300, warns=[],
    )  # fmt: skip
    assert np.argmax(ours.validation_scores_) + 1 < ours.n_iter_  # went past the best


def test_early_stopping_with_string_labels(agree):
    agree("binary", y=LABELS["two-strings"], early_stopping=True)


@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_early_stopping_on_sparse_inputs(agree, kind):
    agree("binary", X=FORMATS[kind](X), early_stopping=True)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_stopping_by_tol(agree, solver, target):
    params = {"solver": solver, "learning_rate_init": 0.02, "tol": 0.02}
    ours = agree(target, **params, n_iter_no_change=4, max_iter=300, warns=[])
    assert 5 < ours.n_iter_ < 300
    # When the last epoch is the one that stops, training has converged.
    n_iter = ours.n_iter_
    agree(target, **params, n_iter_no_change=4, max_iter=n_iter, warns=[])
    agree(target, **params, n_iter_no_change=4, max_iter=n_iter - 1)


def test_stopping_at_the_lowest_adaptive_rate(agree):
    ours = agree(
        "binary",
        solver="sgd",
        learning_rate="adaptive",
        tol=0.5,
        n_iter_no_change=2,
        max_iter=300,
        warns=[],
    )
    assert ours.history_["learning_rate"][-1] <= 1e-6


def test_adaptive_rate_with_early_stopping(agree):
    ours = agree(
        "binary",
        solver="sgd",
        learning_rate="adaptive",
        early_stopping=True,
        n_iter_no_change=2,
        max_iter=60,
        warns=[],
    )
    assert len(set(ours.history_["learning_rate"])) > 3


def test_patience_without_end(agree):
    ours = agree("binary", solver="sgd", tol=1e9, n_iter_no_change=np.inf, max_iter=50)
    assert ours.n_iter_ == 50


@pytest.mark.parametrize("target", TARGETS)
def test_lbfgs_that_converges(agree, target):
    ours = agree(target, solver="lbfgs", tol=1e-2, max_iter=500, warns=[])
    assert ours.n_iter_ < 500


# ------------------------------------------------------- random numbers and pieces


@pytest.mark.parametrize("early_stopping", [False, True], ids=["all", "early-stopping"])
def test_a_random_state_instance_is_drawn_from_in_the_same_order(close, early_stopping):
    pair = make_pair("binary", early_stopping=early_stopping)
    generators = [np.random.RandomState(8) for _ in pair]
    for estimator, generator in zip(pair, generators, strict=True):
        estimator.set_params(random_state=generator)
        categories_of_warnings(estimator.fit, X, Y["binary"])
    assert_same(*pair, X, close("adam"))
    # Whoever draws next gets the same numbers, too.
    assert generators[0].randint(1 << 30) == generators[1].randint(1 << 30)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("solver", "schedule"),
    [("sgd", "constant"), ("sgd", "invscaling"), ("adam", "constant")],
)
def test_partial_fit_over_batches_in_order(close, solver, schedule, target):
    # In order, because the MLP's shuffle is the same at each call: S5.
    mlp, ours = make_pair(
        target, solver=solver, learning_rate=schedule, shuffle=False, batch_size=10
    )
    y = Y[target]
    first = {}
    if hasattr(mlp, "predict_proba"):
        first["classes"] = np.arange(3) if y.ndim == 2 else np.unique(y)
    for start in range(0, N_SAMPLES, 50):
        rows = slice(start, start + 50)
        mlp.partial_fit(X[rows], y[rows], **first)
        ours.partial_fit(X[rows], y[rows], **first)
        first = {}
    assert ours.t_ == mlp.t_ == N_SAMPLES
    our_numbers = numbers(ours, X)
    for name, expected in numbers(mlp, X).items():
        close(solver)(name, our_numbers[name], expected)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "params",
    # Without anything that the MLP forgets or repeats between two fits: S2, S4, S5.
    [{"solver": "sgd", "momentum": 0.0, "shuffle": False}, {"solver": "lbfgs"}],
    ids=["sgd", "lbfgs"],
)
def test_warm_start(close, params, target):
    mlp, ours = make_pair(target, warm_start=True, max_iter=7, tol=1e-8, **params)
    for _ in range(2):
        for estimator in (mlp, ours):
            given = categories_of_warnings(estimator.fit, X, Y[target])
            assert given == ["ConvergenceWarning"]
        assert_same(mlp, ours, X, close(mlp.solver))


@pytest.mark.parametrize(
    "params",
    [
        {"max_iter": 3},
        {"max_iter": 3, "early_stopping": True},
        {"tol": 1.0, "n_iter_no_change": 2},
        {"early_stopping": True, "tol": 1.0, "n_iter_no_change": 2},
    ],
    ids=["loss", "score", "stopped-by-loss", "stopped-by-score"],
)
def test_verbose_tells_of_the_same(capsys, params):
    printed = []
    for estimator in make_pair("binary", solver="sgd", verbose=True, **params):
        categories_of_warnings(estimator.fit, X, Y["binary"])
        printed.append(capsys.readouterr().out)
    theirs = [float(loss) for loss in re.findall("loss = (.*)", printed[0])]
    rows = [line.split() for line in printed[1].splitlines()[2:]]
    rows = [row for row in rows if row[0].isdigit()]
    assert_allclose([float(row[1]) for row in rows], theirs, atol=5.1e-6)
    scores = [float(score) for score in re.findall("score: (.*)", printed[0])]
    assert_allclose([float(row[2]) for row in rows if scores], scores, atol=5.1e-6)
    reasons = re.findall(".* did not improve .*", printed[0])
    assert re.findall(".* did not improve .*", printed[1]) == reasons


# ------------------------------------------------------------------------- float32


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("solver", "max_iter", "tolerance"),
    [("sgd", 20, 5e-6), ("adam", 20, 5e-6), ("lbfgs", 10, 2e-4)],
)
def test_float32(agree, solver, max_iter, tolerance, target):
    # An epsilon is 1.2e-7 here. Twenty epochs of SGD and Adam add up some ten
    # roundings, relative to the largest element of each array: about as many as lie
    # between the MLP's own results in float32 and float64. L-BFGS divides by
    # differences of gradients, which magnifies them up to tenfold every second
    # iteration: after ten 2e-5 are left on any processor, after twenty two hundredths
    # on most. And the MLP keeps its L-BFGS weights in float64 (D1).
    def assert_close(name, actual, expected):
        atol = tolerance * np.abs(expected).max()
        assert_allclose(actual, expected, rtol=0, atol=atol, err_msg=name)

    y = Y[target].astype(np.float32) if target == "regression" else Y[target]
    ours = agree(
        target, X=X.astype(np.float32), y=y, solver=solver, max_iter=max_iter,
        assert_close=assert_close,
    )  # fmt: skip
    assert ours.coefs_[0].dtype == np.float32
