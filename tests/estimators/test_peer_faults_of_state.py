"""Where scikit-learn's MLP keeps a wrong state, type or copy, and skann does not.

Continues test_peer_faults.py: warm starts, streams, failures, dtypes and memory.
"""

import copy
import pickle
import re
import tracemalloc

import joblib
import numpy as np
import pytest
from fitted_state import arrays_in
from numpy.testing import assert_allclose, assert_array_equal
from peers import X, Y, classifiers, fit, parameters, regressors
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.neural_network import MLPRegressor
from sklearn.utils import shuffle

from skann import BackpropClassifier, BackpropRegressor

CLASSES = (Y > 0).astype(int)


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
    before = joblib.hash(ours.__getstate__())
    with pytest.raises(ValueError, match="broadcast"):
        mlp.partial_fit(X, np.c_[Y, Y, Y])
    assert mlp.n_outputs_ == 3  # and so it is broken
    with pytest.raises(ValueError, match=re.escape("[5, 100, 3]")):
        ours.partial_fit(X, np.c_[Y, Y, Y])
    assert joblib.hash(ours.__getstate__()) == before


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
        # The MLP's line of the fourth epoch, and ours.
        if message.startswith("Iteration 4") or message.split()[0] == "4":
            raise KeyboardInterrupt

    pair = regressors(verbose=True, early_stopping=early_stopping)
    monkeypatch.setattr("builtins.print", interrupt)
    with pytest.warns(UserWarning, match="^Training interrupted by user.$"):
        pair[0].fit(X, Y)
    kept = "best" if early_stopping else "last"
    with pytest.warns(UserWarning, match=f"after 4 .*epoch.*{kept} parameters") as _:
        ours = pair[1].fit(X, Y)
    reference = regressors(max_iter=4)[1]
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
    assert "to a hundredth" in " ".join(type(ours).__doc__.split())


# ------------------------------------------------------------------ dtype and memory


def test_d1_lbfgs_keeps_float32():
    X32, y32 = X.astype(np.float32), Y.astype(np.float32)
    dtypes = []
    for estimator in regressors(solver="lbfgs", max_iter=5):
        fit(estimator, X32, y32)
        dtypes.append((estimator.coefs_[0].dtype, estimator.predict(X32).dtype))
    assert dtypes[0] == (np.float64, np.float64)
    assert dtypes[1] == (np.float32, np.float32)


@pytest.mark.parametrize("scaling", [None, "standard"])
def test_d2_every_array_of_a_fit_is_float32(scaling):
    mlp, ours = regressors(max_iter=2)
    ours.set_params(scaling=scaling)
    for estimator in (mlp, ours):
        fit(estimator, X.astype(np.float32), Y, np.ones(500))  # y is float64
    assert mlp.coefs_[0].dtype == np.float32
    assert mlp._optimizer.ms[0].dtype == np.float64
    kept = [a for a in arrays_in(ours.__getstate__()) if a.size == ours.n_parameters_]
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
