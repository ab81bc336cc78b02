"""Training in pieces is training at once, and a copy goes on like its original."""

import pickle
from copy import deepcopy
from io import BytesIO

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from streams import (
    EACH_SOLVER,
    EACH_TARGET,
    IGNORE,
    SIGNAL,
    TARGETS,
    WEIGHT,
    N,
    X,
    Z,
    assert_same_training,
    first_call,
    make,
    outputs,
)

from skann import BackpropClassifier
from skann.training.schedules import Adaptive, InverseScaling

pytestmark = pytest.mark.filterwarnings(IGNORE)


# ------------------------------------------------------------- in pieces and at once


def train_in_three_ways(target, n_epochs, data, *weight, **params):
    """Return the estimators of one fit, of warm fits, and of calls of partial_fit.

    By default a stream has a rate of its own.
    """
    params = {"learning_rate_init": 0.001, **params}
    y = TARGETS[target]
    if target == "regression" and params.get("scaling", "standard") is None:
        y = SIGNAL
    at_once = make(target, **params, max_iter=n_epochs).fit(data, y, *weight)
    warm = make(target, **params, max_iter=1, warm_start=True)
    for _ in range(n_epochs):
        warm.fit(data, y, *weight)
    stream = make(target, **params)
    for _ in range(n_epochs):
        stream.partial_fit(data, y, *weight, **first_call(target))
    return at_once, warm, stream


SCHEDULES = {
    "constant": {"learning_rate": "constant"},
    # As objects, which "adam" follows as well.
    "invscaling": {"learning_rate": InverseScaling(), "learning_rate_init": 0.1},
    "adaptive": {"learning_rate": Adaptive()},
    # No epoch is good enough, so that every second one lowers the rate.
    "adaptive, impatient": {
        "learning_rate": Adaptive(),
        "n_iter_no_change": 1,
        "tol": 1e20,
    },
}


@pytest.mark.every(5)
@pytest.mark.parametrize("scaling", ["standard", None])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("schedule", SCHEDULES)
@EACH_SOLVER
@pytest.mark.parametrize("target", ["multiclass", "regression"])
def test_pieces_are_the_whole_bit_for_bit(target, solver, schedule, shuffle, scaling):
    params = {"solver": solver, "shuffle": shuffle, "scaling": scaling}
    params |= SCHEDULES[schedule]
    data = X if scaling else Z
    at_once, warm, stream = train_in_three_ways(target, 8, data, **params)
    assert_same_training(warm, at_once, data)
    assert_same_training(stream, at_once, data)
    assert at_once.n_iter_ == stream.n_iter_ == 8
    assert at_once.best_loss_ == stream.best_loss_ == min(stream.loss_curve_)
    rates = at_once.history_["learning_rate"]
    moves = schedule in ("invscaling", "adaptive, impatient")
    assert (len(set(rates)) > 1) == moves


@EACH_TARGET
@EACH_SOLVER
def test_pieces_are_the_whole_for_every_target(target, solver):
    at_once, warm, stream = train_in_three_ways(target, 5, X, solver=solver)
    assert_same_training(warm, at_once)
    assert_same_training(stream, at_once)


@pytest.mark.every(5)
@pytest.mark.parametrize("data", [X, sparse.csr_array(X)], ids=["dense", "sparse"])
@pytest.mark.parametrize("weight", [(), (WEIGHT,)], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "params",
    [
        {"scaling": "minmax"},
        {"scaling": "robust"},
        {"batch_size": 1},
        {"batch_size": "auto"},
        {"batch_size": 49},
        {"dtype": "float32"},
        {"solver": "sgd", "momentum": 0.3, "nesterovs_momentum": False},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (5, 4, 3), "activation": "tanh"},
    ],
    ids=str,
)
def test_pieces_are_the_whole_whatever_the_settings(params, weight, data):
    for target in ("multiclass", "regression"):
        at_once, warm, stream = train_in_three_ways(target, 4, data, *weight, **params)
        assert_same_training(warm, at_once, data)
        assert_same_training(stream, at_once, data)


def test_pieces_are_the_whole_for_a_generator_that_the_user_passes():
    y = TARGETS["regression"]
    at_once, stream = (
        make(
            "regression",
            learning_rate_init=0.001,
            random_state=np.random.RandomState(7),
        )
        for _ in range(2)
    )
    at_once.set_params(max_iter=4).fit(X, y)
    for _ in range(4):
        stream.partial_fit(X, y)
    assert_same_training(stream, at_once)


@EACH_SOLVER
@pytest.mark.parametrize("target", ["multiclass", "regression"])
def test_calls_of_all_kinds_can_be_mixed(target, solver):
    y = TARGETS[target]
    params = {"solver": solver, "learning_rate_init": 0.001}
    at_once = make(target, **params, max_iter=9).fit(X, y)
    mixed = make(target, **params, warm_start=True)
    mixed.partial_fit(X, y, **first_call(target))
    mixed.set_params(max_iter=3).fit(X, y)
    assert mixed.n_iter_ == 3
    mixed.partial_fit(X, y).partial_fit(X, y)
    assert mixed.n_iter_ == 5
    mixed.set_params(max_iter=2).fit(X, y)
    mixed.partial_fit(X, y)
    assert_same_training(mixed, at_once)


@EACH_SOLVER
def test_each_epoch_has_its_own_shuffle(solver):
    # A learning rate of almost nothing leaves the parameters alone, so that the loss
    # of the last batch shows which samples are in it.
    stream = make("regression", solver=solver, learning_rate_init=1e-300)
    for _ in range(4):
        stream.partial_fit(X, TARGETS["regression"])
    assert len(set(stream.history_["gradient_norm"])) == 4
    ordered = clone(stream).set_params(shuffle=False)
    for _ in range(4):
        ordered.partial_fit(X, TARGETS["regression"])
    assert len(set(ordered.history_["gradient_norm"])) == 1


@EACH_TARGET
def test_fit_without_warm_start_forgets_the_stream(target):
    y = TARGETS[target]
    estimator = make(target, max_iter=3)
    estimator.partial_fit(X * 7 + 1, y, **first_call(target))
    estimator.fit(X, y)
    assert_same_training(estimator, make(target, max_iter=3).fit(X, y))
    assert estimator.n_iter_ == 3


# ----------------------------------------------------------------------- persistence


def through_joblib(estimator):
    buffer = BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


COPIES = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "joblib": through_joblib,
    "deepcopy": deepcopy,
}


@pytest.mark.every(5)
@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
@EACH_SOLVER
@EACH_TARGET
def test_a_copy_goes_on_bit_for_bit(target, solver, copy):
    y = TARGETS[target]
    halves = slice(0, 30), slice(30, N)
    stream = make(target, solver=solver, learning_rate="invscaling")
    kwargs = first_call(target)
    for _ in range(2):
        for rows in halves:
            stream.partial_fit(X[rows], y[rows], WEIGHT[rows], **kwargs)
    other = copy(stream)
    assert_same_training(other, stream)
    for rows in (*halves, *halves):
        stream.partial_fit(X[rows], y[rows], WEIGHT[rows])
    before_going_on = outputs(other, X)
    for rows in (*halves, *halves):
        other.partial_fit(X[rows], y[rows], WEIGHT[rows])
    assert_same_training(other, stream)
    assert not np.array_equal(outputs(other, X), before_going_on)


def test_a_copy_and_its_original_share_nothing():
    stream = make("regression").partial_fit(X, TARGETS["regression"])
    other = deepcopy(stream)
    before = [array.copy() for array in stream.coefs_]
    other.partial_fit(X * 3, TARGETS["regression"])
    for array, copy in zip(stream.coefs_, before, strict=True):
        assert_array_equal(array, copy)
    assert stream.n_iter_ == 1
    assert len(stream.loss_curve_) == 1


# -------------------------------------------------------------------------- counting


@EACH_SOLVER
@pytest.mark.parametrize("target", ["multiclass", "regression"])
def test_epochs_and_samples_are_counted(target, solver):
    y = TARGETS[target]
    stream = make(target, solver=solver)
    sizes = [20, 30, 1, 50]
    for number, size in enumerate(sizes, start=1):
        stream.set_params(batch_size=min(size, 15))
        stream.partial_fit(X[:size], y[:size], **first_call(target))
        assert stream.n_iter_ == number
        assert stream.t_ == sum(sizes[:number])
        assert len(stream.loss_curve_) == number
        assert stream.loss_ == stream.loss_curve_[-1]
        assert stream.history_["epoch"] == list(range(1, number + 1))
    fitted = make(target, solver=solver, max_iter=3).fit(X, y)
    fitted.partial_fit(X[:20], y[:20])
    assert fitted.n_iter_ == 4
    assert fitted.t_ == 3 * N + 20


def test_invscaling_counts_the_samples_of_the_stream():
    params = {"learning_rate": InverseScaling(0.4), "learning_rate_init": 0.1}
    stream = make("regression", **params)
    sizes = [20, 30, 15, 50]
    for size in sizes:
        stream.partial_fit(X[:size], TARGETS["regression"][:size])
    seen = np.cumsum([0, *sizes[:-1]])
    expected = 0.1 / (seen + 1.0) ** 0.4
    assert_allclose(stream.history_["learning_rate"], expected, rtol=1e-14)


def test_a_new_learning_rate_takes_effect_at_the_next_call():
    y = TARGETS["regression"]
    params = {"solver": "sgd", "momentum": 0.0, "batch_size": "auto"}
    start = make("regression", learning_rate_init=1e-3, **params).partial_fit(X, y)
    same, faster = deepcopy(start), deepcopy(start)
    same.partial_fit(X, y)
    faster.set_params(learning_rate_init=4e-3).partial_fit(X, y)
    assert faster.history_["learning_rate"] == [1e-3, 4e-3]
    for before, after, after_four in zip(
        start.coefs_, same.coefs_, faster.coefs_, strict=True
    ):
        assert_allclose(after_four - before, 4 * (after - before), rtol=1e-9)


@EACH_SOLVER
def test_another_solver_goes_on_from_the_same_weights(solver):
    y = TARGETS["regression"]
    stream = make("regression", solver="adam" if solver == "sgd" else "sgd")
    stream.partial_fit(X, y)
    expected = stream.predict(X)
    stream.set_params(solver=solver, learning_rate_init=1e-300).partial_fit(X, y)
    assert_allclose(stream.predict(X), expected, rtol=1e-12)


# -------------------------------------------------------------------------- learning


@pytest.mark.every(3)
@EACH_SOLVER
@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_a_stream_learns_digits(solver, scaling):
    data, labels = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(labels.size)
    training, test = order[:1400], order[1400:]
    rate = 0.1 if solver == "sgd" else 0.005
    stream = BackpropClassifier(
        (40,),
        solver=solver,
        scaling=scaling,
        learning_rate_init=rate,
        batch_size=50,
        random_state=0,
    )
    for _ in range(8):
        for rows in np.array_split(training, 14):
            stream.partial_fit(data[rows], labels[rows], classes=np.arange(10))
    assert stream.score(data[test], labels[test]) > 0.95
    assert stream.n_iter_ == 8 * 14
