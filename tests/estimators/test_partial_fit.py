"""Training in pieces is training at once, and a stream may hold any batch.

Statistics of the scaling grow with a stream; the function that the network computes
does not jump when they move.
"""

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

from skann import BackpropClassifier, BackpropRegressor

# A fit of five epochs never converges.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(IGNORE)

N = 50
RANDOM = np.random.RandomState(0)
X = RANDOM.randn(N, 4) * [1, 100, 1e-3, 1] + [0, 1e4, 0, -3]
SIGNAL = X[:, 0] + np.sin(X[:, 3]) + 0.3 * RANDOM.randn(N)
TARGETS = {
    "binary": (SIGNAL > 0).astype(int),
    "multiclass": np.array(["low", "middle", "high"])[np.digitize(SIGNAL, [-1, 1])],
    "multilabel": np.c_[SIGNAL > 0, X[:, 1] > 1e4].astype(int),
    "regression": 1000 * SIGNAL + 5e4,
    "two targets": np.c_[1e-3 * SIGNAL, X[:, 1]],
    "counts": RANDOM.poisson(np.exp(SIGNAL / 2)).astype(float),
}
Z = (X - X.mean(axis=0)) / X.std(axis=0)
CLASSES = {
    "binary": [0, 1],
    "multiclass": ["low", "middle", "high"],
    "multilabel": [0, 1],
}
WEIGHT = RANDOM.uniform(0.1, 3, N)
WEIGHT[::7] = 0
BASE = {
    "hidden_layer_sizes": (6,),
    "batch_size": 15,  # four batches an epoch, the last of five samples
    "tol": 0.0,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
EACH_TARGET = pytest.mark.parametrize("target", TARGETS)
EACH_SOLVER = pytest.mark.parametrize("solver", ["sgd", "adam"])


def make(target, **params):
    params = {**BASE, **params}
    if target in CLASSES:
        return BackpropClassifier(**params)
    if target == "counts":
        params["loss"] = "poisson"
    return BackpropRegressor(**params)


def first_call(target):
    """Return what the first call of partial_fit needs beside the data."""
    return {"classes": CLASSES[target]} if target in CLASSES else {}


def outputs(estimator, data):
    """Return the continuous output of either estimator."""
    if isinstance(estimator, BackpropClassifier):
        return estimator.decision_function(data)
    return estimator.predict(data)


def assert_same_training(estimator, other, data=X):
    for name in ("coefs_", "intercepts_"):
        for mine, theirs in zip(
            getattr(estimator, name), getattr(other, name), strict=True
        ):
            assert_array_equal(mine, theirs)
    assert estimator.loss_curve_ == other.loss_curve_
    assert estimator.t_ == other.t_
    for quantity in ("epoch", "loss", "learning_rate", "gradient_norm"):
        assert estimator.history_[quantity] == other.history_[quantity]
    assert_array_equal(outputs(estimator, data), outputs(other, data))


# ------------------------------------------------------------- in pieces and at once


def train_in_three_ways(target, n_epochs, data, *weight, **params):
    """Return the estimators of one fit, of warm fits, and of calls of partial_fit."""
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
    "invscaling": {"learning_rate": "invscaling", "learning_rate_init": 0.1},
    "adaptive": {"learning_rate": "adaptive"},
    # No epoch is good enough, so that every second one lowers the rate.
    "adaptive, impatient": {
        "learning_rate": "adaptive",
        "n_iter_no_change": 1,
        "tol": 1e20,
    },
}


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
        make("regression", random_state=np.random.RandomState(7)) for _ in range(2)
    )
    at_once.set_params(max_iter=4).fit(X, y)
    for _ in range(4):
        stream.partial_fit(X, y)
    assert_same_training(stream, at_once)


@EACH_SOLVER
@pytest.mark.parametrize("target", ["multiclass", "regression"])
def test_calls_of_all_kinds_can_be_mixed(target, solver):
    y = TARGETS[target]
    at_once = make(target, solver=solver, max_iter=9).fit(X, y)
    mixed = make(target, solver=solver, warm_start=True)
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


# --------------------------------------------------------------------------- counting


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
    params = {"learning_rate": "invscaling", "learning_rate_init": 0.1, "power_t": 0.4}
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


# ------------------------------------------------------------- statistics that move

SCALINGS = ("standard", "minmax", "robust")
STILL = {"solver": "sgd", "learning_rate_init": 1e-300, "momentum": 0.0}
PROBE = np.random.RandomState(1).uniform(-3, 3, (30, 4)) * X.std(axis=0) + X.mean(
    axis=0
)


def shifted_batches():
    """Return batches that each lie elsewhere, and on other scales."""
    return {
        "similar": X[:25],
        "shifted": X + np.array([5, 1e5, -1, 40]),
        "wider": X * [100, 10, 1000, 0.01],
        "single sample": X[:1] * 3,
        "constant": np.repeat(X[:1], 9, axis=0),
        "all zero": np.zeros((12, 4)),
        "sparse": sparse.csr_array(X * 2),
    }


@pytest.mark.parametrize("order", [1, -1], ids=["forward", "backward"])
@pytest.mark.parametrize("scaling", SCALINGS)
@EACH_TARGET
def test_the_function_does_not_jump_when_the_statistics_move(target, scaling, order):
    # The regressor's targets move too.
    y = TARGETS[target]
    # With tanh the outputs stay finite for inputs of any size.
    stream = make(target, scaling=scaling, activation="tanh", max_iter=20).fit(X, y)
    stream.set_params(**STILL, batch_size=1)
    expected = outputs(stream, PROBE)
    start = deepcopy(stream)
    for batch in list(shifted_batches().values())[::order]:
        labels = y[: batch.shape[0]]
        if target in ("regression", "two targets"):
            labels = 50 * labels + 123
        elif target == "counts":
            labels = labels * 20
        stream.partial_fit(batch, labels)
        size = np.abs(expected).max()
        assert_allclose(outputs(stream, PROBE), expected, rtol=1e-9, atol=1e-9 * size)
    # Both scalings did move.
    assert not np.allclose(stream.coefs_[0], start.coefs_[0], rtol=0.1)
    if target not in CLASSES:
        name = "intercepts_" if target == "counts" else "coefs_"
        last, first = getattr(stream, name)[-1], getattr(start, name)[-1]
        assert not np.allclose(last, first, rtol=0.1)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("target", ["multiclass", "two targets"])
def test_a_float32_function_does_not_jump_either(target, scaling):
    y = TARGETS[target]
    stream = make(target, scaling=scaling, max_iter=20, dtype="float32").fit(X, y)
    stream.set_params(**{**STILL, "learning_rate_init": 1e-30})
    expected = outputs(stream, PROBE)
    stream.partial_fit(X * 1.5 + 0.1 * X.std(axis=0), y)
    assert stream.coefs_[0].dtype == np.float32
    size = np.abs(expected).max(axis=0)
    assert_allclose(outputs(stream, PROBE) / size, expected / size, atol=1e-3)


def scale_of_columns(estimator):
    """Return what the columns of X are divided by, from weights that are public."""
    coefs, _ = estimator.fold_scaling()
    return estimator.coefs_[0][:, 0] / coefs[0][:, 0]


def test_the_statistics_of_a_stream_are_those_of_all_its_data():
    y = TARGETS["regression"]
    stream = make("regression")
    for rows in np.split(np.arange(N), [1, 20, 35]):
        stream.set_params(batch_size=1)
        stream.partial_fit(X[rows], y[rows], WEIGHT[rows] + 0.1)
    whole = make("regression", max_iter=1).fit(X, y, WEIGHT + 0.1)
    assert_allclose(scale_of_columns(stream), scale_of_columns(whole), rtol=1e-10)


def test_the_same_batches_again_move_nothing():
    y = TARGETS["regression"]
    stream = make("regression").partial_fit(X, y)
    scale = scale_of_columns(stream)
    for _ in range(5):
        stream.partial_fit(X, y)
    assert_allclose(scale_of_columns(stream), scale, rtol=1e-14)


def test_a_warm_fit_measures_anew_and_does_not_jump():
    y = TARGETS["regression"]
    estimator = make("regression", warm_start=True, max_iter=20).fit(X, y)
    expected = estimator.predict(PROBE)
    moved = X * [3, 1e-2, 50, 1] + [0, 7, 1, 2]
    estimator.set_params(**STILL, max_iter=1).fit(moved, y * 9 - 4e5)
    assert_allclose(estimator.predict(PROBE), expected, rtol=1e-8, atol=1e-3)
    fresh = make("regression", max_iter=1).fit(moved, y)
    assert_allclose(scale_of_columns(estimator), scale_of_columns(fresh), rtol=1e-12)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("first", "second"),
    [("poisson", "squared_error"), ("squared_error", "poisson")],
)
def test_the_function_does_not_jump_when_the_loss_changes(first, second, method):
    y = TARGETS["counts"] * 100
    params = {"output_activation": "exp", "max_iter": 20, "warm_start": True}
    estimator = BackpropRegressor(**BASE | params, loss=first)
    estimator.fit(X, y / (100 if first == "squared_error" else 1))
    expected = estimator.predict(PROBE)
    estimator.set_params(loss=second, **STILL | {"max_iter": 1})
    getattr(estimator, method)(X, y)
    assert_allclose(estimator.predict(PROBE), expected, rtol=1e-9)


# -------------------------------------------------------------------- unusual batches


@pytest.mark.parametrize("scaling", [*SCALINGS, None])
@EACH_TARGET
def test_a_stream_may_begin_with_a_single_sample(target, scaling):
    # Every column of a single sample is constant, and so is its target.
    y = TARGETS[target]
    data = X if scaling else Z
    if scaling is None and target in ("regression", "two targets"):
        y = y / 1e5
    stream = make(target, scaling=scaling, learning_rate_init=0.01, batch_size=1)
    for i in range(12):
        stream.partial_fit(data[[i]], y[[i]], **first_call(target))
        assert np.isfinite(stream.loss_)
    assert stream.t_ == stream.n_iter_ == 12
    for _ in range(12):
        stream.partial_fit(data, y)
    assert np.isfinite(outputs(stream, data)).all()
    assert stream.loss_ < stream.loss_curve_[12]


def test_a_stream_of_single_samples_learns_raw_data():
    y = 1000 * (X[:, 0] + np.sin(X[:, 3]))
    random_state = np.random.RandomState(0)
    stream = make("regression", hidden_layer_sizes=(20,), learning_rate_init=0.005)
    stream.set_params(batch_size=1).partial_fit(X[:5], y[:5])
    for _ in range(7):
        for i in random_state.permutation(N):
            stream.partial_fit(X[[i]], y[[i]])
    assert stream.score(X, y) > 0.9


@pytest.mark.parametrize("warm_start", [False, True])
@EACH_SOLVER
def test_batches_may_lack_classes(solver, warm_start):
    y = TARGETS["multiclass"]
    stream = make("multiclass", solver=solver, warm_start=warm_start, batch_size=5)
    for label in ("high", "low", "middle", "low"):
        rows = y == label
        stream.partial_fit(X[rows], y[rows], **first_call("multiclass"))
        assert_array_equal(stream.classes_, ["high", "low", "middle"])
        probabilities = stream.predict_proba(X)
        assert probabilities.shape == (N, 3)
        assert_allclose(probabilities.sum(axis=1), 1)
    # Each step raises the probability of the class that it saw.
    before = stream.predict_proba(X)[:, 2].mean()
    rows = y == "middle"
    for _ in range(20):
        stream.partial_fit(X[rows], y[rows])
    assert stream.predict_proba(X)[:, 2].mean() > before


def test_a_binary_stream_may_begin_with_one_class():
    y = TARGETS["binary"]
    stream = make("binary", batch_size=1, learning_rate_init=0.01)
    for label in (1, 0):
        stream.partial_fit(X[y == label], y[y == label], classes=[1, 0])
        assert_array_equal(stream.classes_, [0, 1])
        assert stream.predict_proba(X).shape == (N, 2)
    for _ in range(30):
        stream.partial_fit(X, y)
    assert stream.score(X, y) > 0.85


def test_labels_that_no_sample_of_a_batch_has_are_learned_as_absent():
    y = np.zeros((N, 2), int)
    y[:, 1] = 1
    stream = make("multilabel", learning_rate_init=0.05)
    for _ in range(40):
        stream.partial_fit(X, y, classes=[0, 1])
    assert_array_equal(stream.predict(X), y)


@pytest.mark.parametrize("scaling", [None, *SCALINGS])
@pytest.mark.parametrize("target", ["multiclass", "regression"])
def test_dense_and_sparse_batches_may_alternate(target, scaling):
    y = TARGETS[target]
    params = {"scaling": scaling}
    if target == "regression" and scaling is None:
        params["learning_rate_init"] = 1e-6
    streams = []
    for forms in (
        (np.asarray, sparse.csr_array, sparse.csc_matrix),
        (np.asarray, sparse.coo_array, sparse.csr_matrix),
    ):
        stream = make(target, **params)
        for epoch in range(9):
            rows = slice(0, 30) if epoch % 2 else slice(20, N)
            batch = forms[epoch % 3](Z[rows])
            stream.partial_fit(batch, y[rows], **first_call(target))
        streams.append(stream)
    assert_allclose(outputs(streams[0], Z), outputs(streams[1], Z))
    for stream in streams:
        assert_allclose(
            outputs(stream, sparse.csr_array(Z)),
            outputs(stream, Z),
            rtol=1e-10,
        )
    if scaling is None:  # then the form of a batch makes no difference
        dense = make(target, **params)
        for epoch in range(9):
            rows = slice(0, 30) if epoch % 2 else slice(20, N)
            dense.partial_fit(Z[rows], y[rows], **first_call(target))
        assert_allclose(outputs(streams[0], Z), outputs(dense, Z), rtol=1e-9)


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32")])
def test_the_first_batch_sets_the_dtype(dtypes):
    first, second = dtypes
    y = TARGETS["regression"]
    stream = make("regression").partial_fit(X.astype(first), y)
    stream.partial_fit(X.astype(second), y.astype(second), WEIGHT.astype(second))
    for array in (*stream.coefs_, *stream.intercepts_, stream.predict(X)):
        assert array.dtype == first


# ---------------------------------------------------------------------------- weights

PLAIN = {
    "solver": "sgd",
    "momentum": 0.0,
    "alpha": 0.0,
    "scaling": None,
    "learning_rate_init": 1e-3,
    "batch_size": 1,
}


def step(stream, weight):
    """Return the change of the weights by one sample of the given weight."""
    moved = deepcopy(stream)
    moved.partial_fit(Z[[1]], SIGNAL[[1]], [weight])
    pairs = zip(moved.coefs_, stream.coefs_, strict=True)
    return np.concatenate([np.ravel(after - before) for after, before in pairs])


def test_the_weight_of_a_single_sample_counts():
    stream = make("regression", **PLAIN).partial_fit(Z[[0]], SIGNAL[[0]], [1.0])
    usual = step(stream, 1.0)
    assert np.abs(usual).max() > 0
    # Divided by the mean weight so far, (1 + 3) / 2 and (1 + 0.5) / 2.
    assert_allclose(step(stream, 3.0), usual * 3 / 2, rtol=1e-9)
    assert_allclose(step(stream, 0.5), usual * 0.5 / 0.75, rtol=1e-9)
    assert_array_equal(step(stream, 0.0), np.zeros_like(usual))


def test_the_unit_of_the_weights_does_not_count():
    streams = [make("multiclass", **PLAIN), make("multiclass", **PLAIN)]
    for stream, unit in zip(streams, (1.0, 2.0**20), strict=True):
        for rows in np.split(np.arange(N), [10, 11, 30]):
            y = TARGETS["multiclass"][rows]
            stream.partial_fit(
                Z[rows], y, unit * (WEIGHT[rows] + 1), **first_call("multiclass")
            )
    assert_same_training(*streams, data=Z)


def test_no_weights_are_weights_of_one():
    streams = [make("regression"), make("regression")]
    for rows in np.split(np.arange(N), [20, 35]):
        y = TARGETS["regression"][rows]
        streams[0].partial_fit(X[rows], y)
        streams[1].partial_fit(X[rows], y, np.ones(rows.size))
    assert_same_training(*streams)


@pytest.mark.parametrize("batch_size", [1, 15, "auto"])
@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("scaling", [*SCALINGS, None])
@EACH_TARGET
def test_a_batch_of_no_weight_teaches_nothing(target, scaling, as_sparse, batch_size):
    y = TARGETS[target]
    params = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "batch_size": batch_size}
    data = sparse.csr_array(Z) if as_sparse else Z
    rate = 1e-9 if scaling is None and target in ("regression", "two targets") else 1e-3
    params |= {"scaling": scaling, "learning_rate_init": rate}
    stream = make(target, **params).partial_fit(data, y, **first_call(target))
    before = [array.copy() for array in (*stream.coefs_, *stream.intercepts_)]
    expected = outputs(stream, data)
    stream.partial_fit(data * 100, y, np.zeros(N))
    for array, copy in zip((*stream.coefs_, *stream.intercepts_), before, strict=True):
        assert_array_equal(array, copy)
    assert_array_equal(outputs(stream, data), expected)
    assert stream.n_iter_ == 2
    assert stream.loss_ == 0


def test_samples_without_weight_do_not_move_the_statistics():
    y = TARGETS["regression"]
    weight = np.ones(N)
    weight[30:] = 0
    far, far_y = X.copy(), y.copy()
    far[30:] *= 1e6
    far_y[30:] += 1e9
    streams = [make("regression", **STILL), make("regression", **STILL)]
    streams[0].partial_fit(X, y).partial_fit(X[:30], y[:30])
    streams[1].partial_fit(X, y).partial_fit(far, far_y, weight)
    assert_allclose(*map(scale_of_columns, streams), rtol=1e-12)


# ---------------------------------------------------------------------------- learning


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
