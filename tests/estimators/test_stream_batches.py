"""A stream may hold any batch.

Statistics of the scaling grow with a stream; the function that the network computes
does not jump when they move.
"""

from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from streams import (
    BASE,
    CLASSES,
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

from skann import BackpropRegressor

pytestmark = pytest.mark.filterwarnings(IGNORE)


# -------------------------------------------------------------- statistics that move

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


@pytest.mark.every(5)
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


# ------------------------------------------------------------------- unusual batches


@pytest.mark.every(5)
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


# --------------------------------------------------------------------------- weights

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


@pytest.mark.every(7)
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
