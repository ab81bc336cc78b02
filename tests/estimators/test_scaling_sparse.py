"""Sparse inputs are scaled, learned from and predicted for as dense ones are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scaling_data import FEW, IGNORE, TARGET, WEIGHT, N, S
from scipy import sparse

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.data.centered import CenteredSparse
from skann.data.rows import ScaledRows
from skann.data.scaling import SCALINGS, column_statistics, scale_columns
from skann.inspection import trace_backprop

pytestmark = pytest.mark.filterwarnings(IGNORE)

RANDOM = np.random.RandomState(5)
NORMAL = RANDOM.randn(N)
YEAR = RANDOM.randint(2018, 2025, N).astype(float)
DENSE = np.c_[
    S.toarray(),
    YEAR,
    np.where(np.arange(N) == 7, 0, YEAR),  # one zero among large values
    NORMAL,
    np.zeros(N),
    np.full(N, 7.5),
    np.eye(N)[3],  # a rare category
    -np.abs(NORMAL) - 1,
]
EACH_SCALING = pytest.mark.parametrize("scaling", SCALINGS)
EACH_DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
LABELS = (np.median(TARGET) < TARGET).astype(int)


def to_array(X):
    return X if isinstance(X, np.ndarray) else X.toarray()


def assert_alike(data, target, estimator_class=BackpropRegressor, weight=None, **given):
    """Fit to dense and to sparse data, and compare the networks and predictions."""
    tolerance = TOLERANCE[data.dtype.name]
    dense = estimator_class(**FEW | given).fit(data, target, weight)
    other = estimator_class(**FEW | given).fit(sparse.csr_array(data), target, weight)
    for mine, expected in zip(other.coefs_, dense.coefs_, strict=True):
        assert_allclose(mine, expected, rtol=0, atol=tolerance)
    size = np.abs(dense.predict(data)).max()
    for rows in (data, sparse.csr_array(data), sparse.csc_array(data)):
        assert_allclose(
            other.predict(rows), dense.predict(data), rtol=0, atol=tolerance * size
        )
    return dense, other


@EACH_SCALING
@EACH_DTYPE
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_scaled_sparse_data_are_the_scaled_dense_data(scaling, dtype, weight):
    data = DENSE.astype(dtype)
    statistics = column_statistics(sparse.csr_array(data), weight, scaling)
    actual = scale_columns(sparse.csr_array(data), statistics, dtype)
    expected = scale_columns(data, statistics, dtype)
    assert isinstance(actual, CenteredSparse)
    assert actual.data.dtype == dtype
    rounding = 4 * np.finfo(dtype).eps
    assert_allclose(to_array(actual), expected, rtol=rounding, atol=2 * rounding)


@EACH_SCALING
@EACH_DTYPE
@pytest.mark.parametrize("offset", [0, 30, 300, 1e4, 1e6, -1e6])
@pytest.mark.parametrize("share_of_zeros", [0, 0.02, 0.3, 0.7])
def test_no_offset_costs_more_than_the_rounding_of_the_data(
    offset, share_of_zeros, scaling, dtype
):
    column = np.where(np.arange(N) < share_of_zeros * N, 0.0, NORMAL + offset)
    data = column.astype(dtype)[:, np.newaxis]
    in_sparse = sparse.csr_array(data)
    of_sparse = column_statistics(in_sparse, None, scaling)
    of_dense = column_statistics(data, None, scaling)
    actual = to_array(scale_columns(in_sparse, of_sparse, dtype))
    expected = scale_columns(data, of_dense, dtype)
    rounding = 8 * np.finfo(dtype).eps
    assert_allclose(actual, expected, rtol=rounding, atol=rounding)


@EACH_SCALING
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@EACH_DTYPE
def test_a_network_learns_the_same_from_sparse_and_dense_data(solver, scaling, dtype):
    params = {"scaling": scaling, "solver": solver, "activation": "tanh"}
    if solver == "lbfgs" and dtype == "float32":
        params["max_iter"] = 3  # it magnifies roundings
    data = DENSE.astype(dtype)
    assert_alike(data, TARGET / 100, **params)
    assert_alike(data, LABELS, BackpropClassifier, **params)


@pytest.mark.parametrize("offset", [30, 300, 1e4, 1e6])
@EACH_DTYPE
def test_offsets_do_not_keep_a_network_from_learning(offset, dtype):
    data = np.c_[NORMAL + offset, np.eye(N)[:, :20]].astype(dtype)
    dense, other = assert_alike(
        data, NORMAL, solver="adam", max_iter=300, learning_rate_init=0.01
    )
    assert (
        abs(other.score(sparse.csr_array(data), NORMAL) - dense.score(data, NORMAL))
        < 1e-4
    )
    assert dense.score(data, NORMAL) > 0.9


@EACH_SCALING
def test_weights_count_and_those_of_zero_do_not(scaling):
    params = {"weight": WEIGHT, "scaling": scaling, "shuffle": False}
    _, expected = assert_alike(DENSE, TARGET / 100, **params)
    far = DENSE.copy()
    far[WEIGHT == 0, 4:] = 1e6
    _, other = assert_alike(far, TARGET / 100, **params)
    for mine, wanted in zip(other.coefs_, expected.coefs_, strict=True):
        assert_allclose(mine, wanted, rtol=0, atol=1e-9)


@EACH_SCALING
@pytest.mark.parametrize("first_is_sparse", [False, True])
def test_batches_of_a_stream_can_be_mixed(scaling, first_is_sparse):
    y = TARGET / 100
    mixed, dense = (BackpropRegressor(**FEW, scaling=scaling) for _ in range(2))
    for number, rows in enumerate(np.split(np.arange(N), [1, 12, 13, 30])):
        batch = DENSE[rows]
        as_sparse = (number % 2 == 0) == first_is_sparse
        mixed.partial_fit(sparse.csr_array(batch) if as_sparse else batch, y[rows])
        dense.partial_fit(batch, y[rows])
    assert_allclose(mixed.predict(DENSE), dense.predict(DENSE), rtol=1e-9)


@EACH_SCALING
def test_a_warm_fit_can_change_from_dense_to_sparse(scaling):
    params = {**FEW, "scaling": scaling, "warm_start": True}
    mixed, dense = (
        BackpropRegressor(**params).fit(DENSE, TARGET / 100) for _ in range(2)
    )
    moved = DENSE * 3 + 1
    mixed.fit(sparse.csr_array(moved), TARGET / 100)
    dense.fit(moved, TARGET / 100)
    assert_allclose(mixed.predict(moved), dense.predict(moved), rtol=1e-8)


def test_cosines_take_centred_sparse_inputs():
    assert_alike(DENSE, TARGET / 100, n_frequencies=3)


def test_early_stopping_scores_the_same():
    dense, other = assert_alike(
        DENSE, TARGET / 100, early_stopping=True, validation_fraction=0.3
    )
    assert_allclose(other.validation_scores_, dense.validation_scores_, rtol=1e-8)


@EACH_SCALING
def test_values_that_are_stored_in_parts_count_as_their_sum(scaling):
    plain = sparse.csr_array(DENSE)
    duplicated = sparse.csr_array(
        (
            np.c_[plain.data - 1, np.ones(plain.nnz)].ravel(),
            np.repeat(plain.indices, 2),
            plain.indptr * 2,
        ),
        shape=plain.shape,
    )
    assert duplicated.nnz == 2 * plain.nnz
    before = duplicated.data.copy()
    mine = BackpropRegressor(**FEW, scaling=scaling).fit(duplicated, TARGET / 100)
    expected = BackpropRegressor(**FEW, scaling=scaling).fit(DENSE, TARGET / 100)
    assert_allclose(mine.predict(duplicated), expected.predict(DENSE), rtol=1e-9)
    assert_array_equal(duplicated.data, before)


def test_stored_zeros_are_zeros():
    data = sparse.csr_array(DENSE + 1.0)
    data.data[:] = DENSE.ravel()
    assert data.nnz == DENSE.size
    mine = BackpropRegressor(**FEW).fit(data, TARGET / 100)
    expected = BackpropRegressor(**FEW).fit(DENSE, TARGET / 100)
    assert_allclose(mine.predict(data), expected.predict(DENSE), rtol=1e-9)


@EACH_SCALING
def test_what_looks_at_the_network_takes_centred_sparse_inputs(scaling):
    data, y = sparse.csr_array(DENSE), TARGET / 100
    regressor = BackpropRegressor(**FEW, scaling=scaling, activation="tanh").fit(
        data, y
    )
    assert check_gradient(regressor, data, y)
    by_sparse = trace_backprop(regressor, data[:3], y[:3])
    by_dense = trace_backprop(regressor, DENSE[:3], y[:3])
    assert_allclose(by_sparse.loss, by_dense.loss, rtol=1e-9)
    assert_allclose(
        to_array(by_sparse.layers[0].input), by_dense.layers[0].input, atol=1e-12
    )


@EACH_SCALING
def test_sparse_data_are_as_many_numbers_after_scaling_as_before(scaling):
    data = sparse.random_array((3000, 200), density=0.02, rng=0, format="csr")
    year = RANDOM.randint(2018, 2025, (3000, 1)).astype(float)
    data = sparse.csr_array(sparse.hstack([data, year]))
    statistics = column_statistics(data, None, scaling)
    scaled = scale_columns(data, statistics, float)
    assert scaled.data.size == data.nnz
    # A row that lacks what others have gets one number more.
    zeros = ScaledRows(sparse.csr_array((4, 201)), statistics, float)[:]
    assert zeros.data.size <= 4
    expected = scale_columns(np.zeros((4, 201)), statistics, float)
    assert_allclose(to_array(zeros), expected, atol=1e-12)


def test_parts_of_centred_rows():
    rows = CenteredSparse(S, np.arange(4.0))
    dense = S.toarray() + np.arange(4.0)
    weights, delta = RANDOM.randn(4, 3), RANDOM.randn(N, 2)
    assert rows.shape == dense.shape
    assert_allclose(rows @ weights, dense @ weights, atol=1e-14)
    assert_allclose(rows.T @ delta, dense.T @ delta, atol=1e-13)
    for part in (slice(3, 9), np.array([4, 4, 0])):
        assert_array_equal(rows[part].toarray(), dense[part])
