"""Where scikit-learn's MLP is wrong, skann is right: both numbers, row by row.

The names carry the ids of the faults, which docs/differences.md lists. The MLP's
side is asserted too, so that a test tells when scikit-learn mends the fault.
"""

import copy
import pickle
import re
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import shuffle

from skann import BackpropClassifier, BackpropRegressor, check_gradient

_random_state = np.random.RandomState(0)
X = _random_state.randn(500, 5)
Y = X[:, 0] + 0.5 * X[:, 1]
CLASSES = (Y > 0).astype(int)
SEED = {"random_state": 0}


def regressors(**params):
    """Return the MLP and skann's regressor with the same parameters, unscaled."""
    mlp = MLPRegressor(**SEED, **params)
    return mlp, BackpropRegressor(scaling=None, **mlp.get_params())


def classifiers(**params):
    """Return the MLP and skann's classifier with the same parameters, unscaled."""
    mlp = MLPClassifier(**SEED, **params)
    return mlp, BackpropClassifier(scaling=None, **mlp.get_params())


def fit(estimator, *args, **kwargs):
    """Fit; whether training converged is not the question here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*args, **kwargs)


def fit_despite_overflow(estimator, *args):
    """Fit the MLP on what makes numpy complain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(*args)


def parameters(estimator):
    return np.concatenate(
        [array.ravel() for array in [*estimator.coefs_, *estimator.intercepts_]]
    )


# ------------------------------------------------------------ silent or wrong results


def test_w1_small_targets():
    mlp = fit(MLPRegressor(**SEED), X, Y * 1e-3)
    assert mlp.n_iter_ < 50
    assert mlp.score(X, Y * 1e-3) < -100  # -701
    plain = fit(BackpropRegressor(**SEED), X, Y)
    for c in (1e-6, 1e-3, 1e6):
        ours = fit(BackpropRegressor(**SEED), X, c * Y)
        assert ours.score(X, c * Y) > 0.95
        assert ours.n_iter_ == plain.n_iter_
        assert_allclose(ours.predict(X) / c, plain.predict(X), rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "score_of_mlp"),
    [(Y * 1e3, 0.2), (Y * 1e6, 0.0), (Y + 1e4, -1e6)],  # 0.14, -0.003, -8e7
    ids=["thousandfold", "millionfold", "offset"],
)
def test_w2_large_targets(y, score_of_mlp):
    assert fit(MLPRegressor(**SEED), X, y).score(X, y) < score_of_mlp
    assert fit(BackpropRegressor(**SEED), X, y).score(X, y) > 0.95


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("mlp", "ours", "load", "score_of_mlp", "our_score"),
    [
        (MLPRegressor, BackpropRegressor, load_diabetes, 0.0, 0.40),  # -3.1
        (MLPClassifier, BackpropClassifier, load_wine, 0.93, 0.96),  # 0.893
    ],
    ids=["diabetes", "wine"],
)
def test_w3_raw_data(mlp, ours, load, score_of_mlp, our_score):
    data = load(return_X_y=True)
    assert cross_val_score(mlp(**SEED), *data).mean() < score_of_mlp
    assert cross_val_score(ours(**SEED), *data).mean() > our_score


DIVERGENCE = r"epoch 2.*learning rate 1:.*lower learning_rate_init"


def test_w4_divergence():
    mlp, ours = regressors(solver="sgd", learning_rate_init=1.0)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        fit_despite_overflow(mlp, X, X[:, 0] * 1e3)
    assert np.isnan(mlp.loss_curve_[2])
    assert mlp.n_iter_ == 200  # it went on for nothing
    with pytest.raises(ValueError, match=DIVERGENCE):
        ours.fit(X, X[:, 0] * 1e3)
    assert not hasattr(ours, "n_iter_")  # unfitted, as before the call


def test_w4_divergence_leaves_the_earlier_fit():
    _, ours = regressors(solver="sgd", max_iter=5)
    expected = fit(ours, X, Y).predict(X)
    ours.set_params(learning_rate_init=1.0)
    with pytest.raises(ValueError, match="Training diverged"):
        ours.fit(X, X[:, 0] * 1e3)
    assert_array_equal(ours.predict(X), expected)


@pytest.mark.parametrize("data", ["scores-stay-finite", "scores-become-nan"])
def test_w5_divergence_with_early_stopping(data):
    features, target = X, X[:, 0] * 1e3
    params = {"solver": "sgd", "learning_rate_init": 1.0, "early_stopping": True}
    if data == "scores-become-nan":
        features, target = load_iris(return_X_y=True)
        params |= {"activation": "identity", "max_iter": 20}
    mlp, ours = regressors(**params)
    fit_despite_overflow(mlp, features, target)
    assert mlp.score(features, target) < -1e3  # -1e94, -4e4
    with pytest.raises(ValueError, match=r"Training diverged in epoch \d+.*lower"):
        ours.fit(features, target)
    assert not hasattr(ours, "n_iter_")


@pytest.mark.parametrize(
    ("features", "unit"), [(X * 1e160, 1.0), (X, 1e200)], ids=["X", "y"]
)
def test_w6_lbfgs_on_huge_numbers(features, unit):
    mlp, ours = regressors(solver="lbfgs")
    fit_despite_overflow(mlp, features, Y * unit)
    assert np.isnan(mlp.loss_)
    assert mlp.n_iter_ == 0
    with pytest.raises(ValueError, match="too large for float64"):
        ours.fit(features, Y * unit)
    ours.set_params(scaling="standard").fit(features, Y * unit)
    assert_allclose(ours.predict(features) / unit, Y, atol=0.2)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_w7_negative_targets_of_poisson(solver):
    mlp, ours = regressors(loss="poisson", solver=solver, max_iter=3)
    fit_despite_overflow(mlp, X, Y)
    assert np.isnan(mlp.loss_)
    with pytest.raises(ValueError, match=r"loss='poisson'.* targets in \[0, inf\]"):
        ours.fit(X, Y)


def test_w8_negative_sample_weights():
    weight = np.r_[-1.0, np.ones(499)]
    mlp, ours = regressors(max_iter=3)
    assert np.isfinite(fit(mlp, X, Y, sample_weight=weight).loss_)  # accepted
    with pytest.raises(ValueError, match=r"[Nn]egative.*sample_weight"):
        ours.fit(X, Y, sample_weight=weight)


def test_w9_sample_weights_one_sample_at_a_time():
    weight = np.where(X[:, 0] > 0, 10.0, 0.1)
    params = {"batch_size": 1, "alpha": 0.0, "max_iter": 3}
    weighted = [fit(e, X, Y, weight).predict(X) for e in regressors(**params)]
    unweighted = [fit(e, X, Y).predict(X) for e in regressors(**params)]
    assert_allclose(weighted[0], unweighted[0], atol=1e-12)  # no effect
    assert np.abs(weighted[1] - unweighted[1]).max() > 0.1


def test_w9_a_sample_counts_by_its_weight_whatever_the_batch_size():
    weight = np.random.RandomState(1).uniform(0.1, 3.0, 500)
    rate = 0.01
    ours = BackpropRegressor(
        hidden_layer_sizes=(), solver="sgd", learning_rate_init=rate, momentum=0.0,
        alpha=0.0, batch_size=1, shuffle=False, max_iter=1, scaling=None,
    )  # fmt: skip
    fit(ours, X, Y, weight, coef_init=[np.zeros((5, 1))], intercept_init=[[0.0]])
    coef, intercept = np.zeros(5), 0.0
    for row, target, w in zip(X, Y, weight / weight.mean(), strict=True):
        error = row @ coef + intercept - target
        coef -= rate * w * error * row
        intercept -= rate * w * error
    assert_allclose(ours.coefs_[0][:, 0], coef, rtol=1e-10)
    assert_allclose(ours.intercepts_[0][0], intercept, rtol=1e-10)


def test_w10_a_minibatch_without_weight():
    weight = np.ones(500)
    weight[:50] = 0.0
    params = {
        "solver": "sgd", "momentum": 0.0, "alpha": 0.0, "shuffle": False,
        "batch_size": 50, "max_iter": 3,
    }  # fmt: skip
    mlp, ours = regressors(**params)
    with pytest.raises(ZeroDivisionError):
        mlp.fit(X, Y, sample_weight=weight)
    fit(ours, X, Y, sample_weight=weight)
    # It is as if those samples were not there; the mean weight of 0.9 raises the rate.
    _, without = regressors(**params, learning_rate_init=0.001 / 0.9)
    fit(without, X[50:], Y[50:])
    assert_allclose(parameters(ours), parameters(without), rtol=1e-10)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_w11_loss_and_gradient_of_several_targets(n_outputs):
    y = np.c_[Y, X[:, 2], -X[:, 3]][:, :n_outputs]
    y = y[:, 0] if n_outputs == 1 else y
    ratios, losses = [], []
    rate = 1e-6
    for estimator in regressors(
        hidden_layer_sizes=(10,), activation="tanh", solver="sgd", momentum=0.0,
        alpha=0.0, learning_rate_init=rate, batch_size=500, shuffle=False,
    ):  # fmt: skip
        before = parameters(estimator.partial_fit(X, y))
        gradient = (before - parameters(estimator.partial_fit(X, y))) / rate
        estimator.partial_fit(X, y)
        loss = estimator.loss_curve_  # each before the step of its epoch
        ratios.append(rate * gradient @ gradient / (loss[1] - loss[2]))
        losses.append(loss[0])
    assert_allclose(ratios[0], n_outputs, rtol=1e-3)  # of the MLP
    assert_allclose(ratios[1], 1.0, rtol=1e-3)
    assert_allclose(losses[1], n_outputs * losses[0], rtol=1e-12)
    assert check_gradient(estimator, X, y).passed


def share_in_validation(estimator, y, label):
    """Return the share of a class in the part that early stopping sets aside.

    It is the accuracy there of a network that gives this one answer and hardly moves.
    """
    estimator.set_params(
        early_stopping=True, warm_start=True, max_iter=1, learning_rate_init=1e-12
    )
    fit(estimator, X, y)
    answer = np.where(estimator.classes_ == label, 1e3, -1e3)
    biases = estimator.intercepts_[-1]
    biases[...] = answer[-biases.size :]  # for two classes the second's only
    return fit(estimator, X, y).validation_scores_[-1]


@pytest.mark.parametrize(("label", "share"), [(1, 0.08), (2, 0.02)])
def test_w12_early_stopping_with_several_classes(label, share):
    y = np.repeat([0, 1, 2], [450, 40, 10])
    shares = [
        [share_in_validation(e.set_params(random_state=seed), y, label) for e in pair]
        for seed, pair in enumerate(classifiers() for _ in range(5))
    ]
    of_mlp, of_ours = zip(*shares, strict=True)
    assert len(set(of_mlp)) > 1  # by chance, and once no sample of the last class
    assert set(of_ours) == {share}


def test_w12_early_stopping_with_a_class_of_one():
    y = np.r_[1, np.zeros(499, dtype=int)]
    mlp, ours = classifiers(early_stopping=True)
    with pytest.raises(ValueError, match="only 1 member"):
        mlp.fit(X, y)
    assert share_in_validation(ours, y, 1) == 0.0


def test_w13_a_single_class():
    mlp, ours = classifiers(max_iter=3)
    for estimator in (mlp, ours):
        fit(estimator, X, np.zeros(500))
        assert_array_equal(estimator.classes_, [0.0])
    assert mlp.predict_proba(X).shape == (500, 2)
    assert_array_equal(ours.predict_proba(X), np.ones((500, 1)))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_w14_log_probabilities_of_a_saturated_input(n_classes):
    mlp, ours = classifiers(max_iter=20)
    y = np.digitize(Y, [0.0, 1.0][: n_classes - 1])
    for estimator in (mlp, ours):
        fit(estimator, X, y)
    far = X[:10] * 1e6
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert np.isneginf(mlp.predict_log_proba(far)).any()
    log_probabilities = ours.predict_log_proba(far)
    assert np.isfinite(log_probabilities).all()
    assert log_probabilities.min() < -1e4
    assert ours.predict_proba(far).min() > 0  # the MLP's is 0
    assert mlp.predict_proba(far).min() == 0


# ------------------------------------------------- warm_start, partial_fit, failures


def test_s1_the_best_weights_are_a_copy():
    reported, real = [], []
    for estimator in regressors(early_stopping=True, warm_start=True):
        estimator.fit(X, Y)
        assert estimator.score(X, Y) > 0.99
        fit(estimator.set_params(learning_rate_init=0.1, max_iter=20), X, Y)
        reported.append(estimator.best_validation_score_)
        real.append(estimator.score(X, Y))
    assert reported[0] > 0.99  # the MLP's report
    assert real[0] < 0.5  # -0.35
    assert reported[1] > 0.99
    assert real[1] > 0.99


def test_s2_each_fit_has_its_own_patience():
    n_iter = []
    for estimator in classifiers(warm_start=True, tol=0.05):
        n_iter.append([estimator.fit(X, CLASSES).n_iter_ for _ in range(2)])
    assert n_iter[0][0] == n_iter[1][0] > 10
    assert n_iter[0][1] == 1
    assert n_iter[1][1] > 10


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_s3_other_hidden_layers_under_warm_start(solver):
    mlp, ours = regressors(
        hidden_layer_sizes=(10,), solver=solver, warm_start=True, max_iter=3
    )
    for estimator in (mlp, ours):
        fit(estimator, X, Y).set_params(hidden_layer_sizes=(7,))
    if solver == "adam":  # lbfgs cuts the vector of weights anew, or breaks in scipy
        assert fit(mlp, X, Y).coefs_[0].shape == (5, 10)
    message = re.escape("[5, 10, 1]") + ".*" + re.escape("[5, 7, 1]")
    with pytest.raises(ValueError, match=message):
        ours.fit(X, Y)
    for estimator in (mlp, ours):
        estimator.set_params(hidden_layer_sizes=(4, 4))
    with pytest.raises(TypeError, match="NoneType"):
        mlp.fit(X, Y)
    with pytest.raises(ValueError, match=re.escape("[5, 4, 4, 1]")):
        ours.fit(X, Y)


def test_s4_training_in_pieces_is_training_at_once():
    at_once = [fit(e, X, Y) for e in regressors(max_iter=15)]
    warm = regressors(max_iter=1, warm_start=True)
    partial = regressors()
    for _ in range(15):
        for estimator in warm:
            fit(estimator, X, Y)
        for estimator in partial:
            estimator.partial_fit(X, Y)
    for pieces in (warm, partial):
        assert not np.allclose(parameters(pieces[0]), parameters(at_once[0]), rtol=0.01)
        assert_array_equal(parameters(pieces[1]), parameters(at_once[1]))
        assert pieces[1].loss_curve_ == at_once[1].loss_curve_


def test_s5_each_piece_has_its_own_shuffle():
    # A seed of 0 always gives the MLP this order, but for the first call, which also
    # draws the weights.
    order = shuffle(np.arange(500), random_state=0)
    always_the_same = []
    for estimator in regressors():
        estimator.partial_fit(X, Y)
        in_that_order = copy.deepcopy(estimator).set_params(shuffle=False)
        for _ in range(2):
            estimator.partial_fit(X, Y)
            in_that_order.partial_fit(X[order], Y[order])
        always_the_same.append(
            np.allclose(parameters(estimator), parameters(in_that_order), rtol=1e-9)
        )
    assert always_the_same == [True, False]


def test_s6_a_new_learning_rate_takes_effect():
    moved = []
    for estimator in regressors(solver="sgd", momentum=0.0):
        before = parameters(estimator.partial_fit(X, Y))
        estimator.set_params(learning_rate_init=1e-9).partial_fit(X, Y)
        moved.append(np.abs(parameters(estimator) - before).max())
    assert moved[0] > 1e-4  # by the old rate of 0.001
    assert 0 < moved[1] < 1e-8


def test_s7_n_iter_counts_partial_fits():
    mlp, ours = regressors()
    for _ in range(4):
        mlp.partial_fit(X, Y)
        ours.partial_fit(X, Y)
    assert mlp.n_iter_ == 1
    assert ours.n_iter_ == 4


def test_s8_partial_fit_with_warm_start_on_a_batch_that_lacks_a_class():
    y = np.digitize(Y, [-0.5, 0.5])
    mlp, ours = classifiers(warm_start=True)
    for estimator in (mlp, ours):
        estimator.partial_fit(X, y, classes=[0, 1, 2])
    some = y > 0
    with pytest.raises(ValueError, match="same classes"):
        mlp.partial_fit(X[some], y[some])
    before = parameters(ours)
    ours.partial_fit(X[some], y[some])
    assert (parameters(ours) != before).any()


def test_s9_a_partial_fit_that_fails_changes_nothing():
    mlp, ours = regressors()
    for estimator in (mlp, ours):
        estimator.partial_fit(X, np.c_[Y, Y])
    before = joblib.hash(ours.__dict__)
    with pytest.raises(ValueError, match="broadcast"):
        mlp.partial_fit(X, np.c_[Y, Y, Y])
    assert mlp.n_outputs_ == 3  # and so it is broken
    with pytest.raises(ValueError, match=re.escape("[5, 100, 3]")):
        ours.partial_fit(X, np.c_[Y, Y, Y])
    assert joblib.hash(ours.__dict__) == before


def test_s10_lbfgs_has_no_partial_fit():
    mlp, ours = regressors(solver="lbfgs")
    assert hasattr(mlp, "partial_fit")
    assert not hasattr(ours, "partial_fit")
    assert not hasattr(classifiers(solver="lbfgs")[1], "partial_fit")


@pytest.mark.parametrize("ours", [BackpropRegressor, BackpropClassifier])
def test_s11_hidden_layer_sizes_is_the_first_parameter(ours):
    assert MLPRegressor((50,)).loss == (50,)
    assert ours((50,), "tanh").get_params()["hidden_layer_sizes"] == (50,)
    with pytest.raises(TypeError, match="positional"):
        ours((50,), "tanh", "sgd")


def test_s12_early_stopping_of_a_stream():
    noise = np.random.RandomState(1).randn(500)
    data = {"X_val": X[400:], "y_val": Y[400:]}
    mlp, ours = regressors(early_stopping=True, learning_rate_init=0.05)
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        mlp.partial_fit(X[:400], Y[:400])
    with pytest.raises(
        ValueError, match=r"early_stopping=True without X_val and y_val"
    ):
        ours.partial_fit(X[:400], Y[:400])
    for _ in range(30):
        ours.partial_fit(X[:400], (Y + 2 * noise)[:400], **data)
    scores = ours.validation_scores_
    assert len(scores) == 30
    assert ours.best_validation_score_ == max(scores) > scores[-1] + 0.01
    assert_allclose(ours.score(X[400:], Y[400:]), max(scores))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_s13_keyboard_interrupt(monkeypatch, early_stopping):
    def interrupt(message, **kwargs):
        if message.startswith("Iteration 4"):
            raise KeyboardInterrupt

    pair = regressors(verbose=True, early_stopping=early_stopping)
    monkeypatch.setattr("builtins.print", interrupt)
    with pytest.warns(UserWarning, match="^Training interrupted by user.$"):
        pair[0].fit(X, Y)
    kept = "best" if early_stopping else "last"
    with pytest.warns(UserWarning, match=f"after 4 .*epoch.*{kept} parameters") as _:
        ours = pair[1].fit(X, Y)
    # With early stopping the fourth epoch was not yet compared with the best.
    reference = regressors(max_iter=3 if early_stopping else 4)[1]
    reference.set_params(early_stopping=early_stopping)
    monkeypatch.undo()
    assert_array_equal(parameters(ours), parameters(fit(reference, X, Y)))


def test_s14_invscaling_counts_samples():
    # The same formula under the same name, and the documentation warns of it.
    X_many = np.tile(X, (20, 1))
    mlp, ours = regressors(
        solver="sgd", learning_rate="invscaling", hidden_layer_sizes=(2,), max_iter=2
    )
    for estimator in (mlp, ours):
        fit(estimator, X_many, X_many[:, 0])
    first, second = ours.history_["learning_rate"]
    assert_allclose(first / second, 100, rtol=1e-3)
    assert_allclose(ours.loss_curve_, mlp.loss_curve_, rtol=1e-9)
    assert "hundredfold" in type(ours).__doc__


# ------------------------------------------------------------------ dtype and memory


def test_d1_lbfgs_keeps_float32():
    X32, y32 = X.astype(np.float32), Y.astype(np.float32)
    dtypes = []
    for estimator in regressors(solver="lbfgs", max_iter=5):
        fit(estimator, X32, y32)
        dtypes.append((estimator.coefs_[0].dtype, estimator.predict(X32).dtype))
    assert dtypes[0] == (np.float64, np.float64)
    assert dtypes[1] == (np.float32, np.float32)


def arrays_in(state):
    """Yield all arrays in nested dicts, lists and tuples."""
    if isinstance(state, np.ndarray):
        yield state
    elif isinstance(state, dict):
        yield from arrays_in(list(state.values()))
    elif isinstance(state, (list, tuple)):
        for part in state:
            yield from arrays_in(part)


@pytest.mark.parametrize("scaling", [None, "standard"])
def test_d2_every_array_of_a_fit_is_float32(scaling):
    mlp, ours = regressors(max_iter=2)
    ours.set_params(scaling=scaling)
    for estimator in (mlp, ours):
        fit(estimator, X.astype(np.float32), Y, np.ones(500))  # y is float64
    assert mlp.coefs_[0].dtype == np.float32
    assert mlp._optimizer.ms[0].dtype == np.float64
    kept = [a for a in arrays_in(vars(ours)) if a.size == ours.n_parameters_]
    assert len(kept) >= 3  # the parameters and two moments of each
    assert {array.dtype for array in kept} == {np.dtype(np.float32)}


def peak_memory(function, *args):
    """Return the largest number of bytes allocated at once during a call."""
    tracemalloc.start()
    try:
        result = function(*args)
        return tracemalloc.get_traced_memory()[1] - getattr(result, "nbytes", 0)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_d3_a_finalized_pickle_is_hardly_larger_than_the_weights(solver):
    data, classes = load_digits(return_X_y=True)
    estimator = BackpropClassifier(
        (400,), solver=solver, learning_rate="constant", random_state=0, max_iter=2
    )
    with pytest.warns(ConvergenceWarning, match="hasn't converged"):
        estimator.fit(data, classes)
    weights = sum(array.nbytes for array in (*estimator.coefs_, *estimator.intercepts_))
    unfinished = len(pickle.dumps(estimator))
    expected = estimator.predict_proba(data)
    assert unfinished > 1.9 * weights  # what training needs to go on
    assert estimator.finalize() is estimator
    saved = pickle.dumps(estimator)
    assert len(saved) < 1.1 * weights
    again = pickle.loads(saved)
    assert_array_equal(again.predict_proba(data), expected)
    assert again.loss_curve_ == estimator.loss_curve_
    again.partial_fit(data, classes)  # from the weights on
    assert again.n_iter_ == 3
    assert again.loss_ < estimator.loss_


def test_d3_finalize_needs_a_fit():
    with pytest.raises(NotFittedError):
        BackpropRegressor().finalize()


def test_d4_predict_works_in_blocks():
    peaks = []
    for estimator in regressors(hidden_layer_sizes=(100,), max_iter=1):
        fit(estimator, X, Y)
        peaks.append(
            [peak_memory(estimator.predict, np.tile(X, (n, 1))) for n in (20, 80)]
        )
    assert peaks[0][1] > 3.9 * peaks[0][0]  # 32 MB, 8 MB
    assert peaks[1][1] < 1.1 * peaks[1][0] < 5e6


def test_d5_early_stopping_does_not_copy_the_data():
    wide = np.tile(X, (80, 40))  # many blocks of rows
    grows = []
    for together, set_aside in zip(
        regressors(hidden_layer_sizes=(2,), max_iter=1),
        regressors(hidden_layer_sizes=(2,), max_iter=1, early_stopping=True),
        strict=True,
    ):
        peaks = [peak_memory(fit, e, wide, wide[:, 0]) for e in (together, set_aside)]
        grows.append((peaks[1] - peaks[0]) / wide.nbytes)
    assert grows[0] > 0.9
    assert grows[1] < 0.1


def test_d6_csc_input_is_converted_once(monkeypatch):
    taken = []
    getitem = sparse.csc_array.__getitem__

    def spy(array, index):
        taken.append(index)
        return getitem(array, index)

    monkeypatch.setattr(sparse.csc_array, "__getitem__", spy)
    counts = []
    for estimator in regressors(max_iter=3, batch_size=100):
        fit(estimator, sparse.csc_array(X), Y)
        counts.append(len(taken))
        taken.clear()
    assert counts == [15, 0]  # the MLP cuts each batch out of the columns


# ------------------------------------------------------- found beside those in the list


def test_the_loss_of_a_saturated_sample_is_not_clipped():
    # One unit of weight 100: the log-loss of a wrong answer is 100. The MLP clips the
    # probability to an epsilon in the loss, though not in the gradient, so that the
    # two disagree, and line searches of lbfgs are misled.
    losses = []
    for estimator in classifiers(
        hidden_layer_sizes=(1,), activation="identity", solver="sgd",
        learning_rate_init=1e-12, alpha=0.0, warm_start=True, max_iter=1,
    ):  # fmt: skip
        fit(estimator, [[1.0], [-1.0]], [1, 0])
        for weights, biases, value in zip(
            estimator.coefs_, estimator.intercepts_, (1.0, 100.0), strict=True
        ):
            weights[...] = value
            biases[...] = 0.0
        losses.append(fit(estimator, [[1.0], [-1.0]], [0, 1]).loss_)
    assert_allclose(losses[0], -np.log(np.finfo(float).eps), rtol=1e-3)  # 36.04
    assert_allclose(losses[1], 100.0, rtol=1e-9)


def test_adam_follows_the_schedule():
    params = {"learning_rate": "invscaling", "max_iter": 5}
    constant = [fit(e, X, Y) for e in regressors(max_iter=5)]
    scheduled = [fit(e, X, Y) for e in regressors(**params)]
    assert scheduled[0].loss_curve_ == constant[0].loss_curve_  # ignored
    assert scheduled[1].loss_curve_ != constant[1].loss_curve_


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("ours", [BackpropClassifier, BackpropRegressor])
def test_a_fit_that_learns_nothing_says_so(ours, solver):
    # The inputs are constant: the mean is all that there is to learn.
    data, target = np.ones((60, 3)), np.arange(60) % 3
    estimator = ours((5,), solver=solver, random_state=0, max_iter=500)
    with pytest.warns(ConvergenceWarning, match="no better than.*nothing was learned"):
        estimator.fit(data, target)
    # Targets that are all equal are learned by their mean.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours((5,), solver=solver, random_state=0, max_iter=2000).fit(data, [7] * 60)


@pytest.mark.parametrize("ours", [BackpropClassifier, BackpropRegressor])
def test_a_piece_of_a_stream_does_not_say_that_training_stopped(ours):
    data, target = np.ones((60, 3)), np.arange(60) % 3
    estimator = ours((5,), random_state=0, n_iter_no_change=2)
    options = {"classes": [0, 1, 2]} if ours is BackpropClassifier else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(20):
            estimator.partial_fit(data, target, **options)


def test_a_penalty_that_forbids_to_learn_is_named():
    estimator = BackpropRegressor((5,), alpha=1e6, random_state=0, max_iter=2000)
    with pytest.warns(ConvergenceWarning, match=r"nothing was learned.*alpha=1e\+06"):
        estimator.fit(X, Y)
