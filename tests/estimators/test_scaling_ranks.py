"""Ranks of cells: evenly spread, whatever the column, and beside the scaled cells."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scaling_data import COLUMNS, IGNORE
from scipy import sparse, stats

from skann import BackpropRegressor
from skann.core.layers.periodic import Periodic
from skann.core.network import Network, Workspace
from skann.data.measuring import each_column, median, quantiles
from skann.data.ranks import N_QUANTILES, column_quantiles, normal_ranks
from skann.data.scaling import change_of_scaling, column_statistics, scale_columns

pytestmark = pytest.mark.filterwarnings(IGNORE)

N = 2 * N_QUANTILES + 1
RANDOM = np.random.RandomState(0)
NORMAL = RANDOM.randn(N)
OUTERMOST = stats.norm.ppf(0.999)

# Columns that hold any number once, in any order of magnitude.
DISTINCT = {
    "normal": NORMAL,
    "skewed": np.exp(3 * NORMAL),
    "wild": np.r_[1e300, -1e12, NORMAL[2:]],
    "large": NORMAL * 1e307,
    "small": NORMAL * 1e-300,
    "far away": NORMAL + 1e6,
    "whole numbers": RANDOM.permutation(N).astype(float),
}


def column(values):
    return np.asarray(values, float)[:, np.newaxis]


def ranks_of(values, among=None, weight=None):
    """Return the ranks of values among those of a column, their own by default."""
    among = values if among is None else among
    weight = np.ones(len(among)) if weight is None else weight
    quantiles = column_quantiles(column(among), weight)
    return normal_ranks(column(values), quantiles)[:, 0]


# ------------------------------------------------------------------------- the ranks


@pytest.mark.parametrize("name", DISTINCT)
def test_ranks_are_normal_whatever_the_column(name):
    values = DISTINCT[name]
    ranks = ranks_of(values)
    share = (stats.rankdata(values) - 1) / (N - 1)
    expected = stats.norm.ppf(np.clip(share, 0.001, 0.999))
    # Between two quantiles the distribution is taken for uniform.
    inner = (share > 0.01) & (share < 0.99)
    assert_allclose(ranks[inner], expected[inner], atol=0.1)
    assert abs(ranks.mean()) < 1e-2
    assert abs(ranks.std() - 1) < 2e-2
    assert np.abs(ranks).max() <= OUTERMOST + 1e-9
    order = np.argsort(values)
    assert (np.diff(ranks[order]) >= 0).all()


@pytest.mark.parametrize("name", COLUMNS)
def test_any_column_has_finite_ranks_in_its_order(name):
    values = COLUMNS[name]
    ranks = ranks_of(values)
    assert np.isfinite(ranks).all()
    assert (np.diff(ranks[np.argsort(values)]) >= 0).all()
    assert np.ptp(ranks) > 1


@pytest.mark.parametrize("digits", [0, 1, 15])
@pytest.mark.parametrize("name", ["normal", "skewed", "large", "far away"])
def test_a_rank_is_the_middle_of_two_interpolations(name, digits):
    size = 1e307 if name == "large" else 1.0
    values = np.round(DISTINCT[name] / size, digits) * size  # with more or fewer equals
    q = column_quantiles(column(values), np.ones(N))
    beyond = [values.min() - size, values.max() + size]
    cells = np.r_[values, q[0, :-1] / 2 + q[0, 1:] / 2, beyond, -1.7e308, 1.7e308]
    shares = np.linspace(0, 1, N_QUANTILES)
    at_most = np.interp(cells, q[0], shares)
    smaller = 1 - np.interp(-cells, -q[0, ::-1], shares)
    expected = stats.norm.ppf(np.clip((at_most + smaller) / 2, 0.001, 0.999))
    assert_allclose(normal_ranks(column(cells), q)[:, 0], expected, atol=1e-10)


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("measured", [[-1.0, 1.0], [0.0, 1.0], [-1.0, 0.0], [1.0]])
def test_numbers_of_any_size_have_ranks(measured, size):
    cells = np.array([-1.0, 0.0, 1.0]) * size
    found = ranks_of(cells, np.repeat(measured, 9) * size)
    assert_array_equal(found, ranks_of([-1.0, 0.0, 1.0], np.repeat(measured, 9)))


@pytest.mark.parametrize(
    "shares", [[0.8, 0.2], [0.25, 0.5, 0.25], [0.1, 0.2, 0.3, 0.4]], ids=str
)
def test_equal_cells_stand_in_the_middle_of_their_places(shares):
    counts = np.round(1000 * np.array(shares)).astype(int)
    values = np.repeat(np.arange(len(shares)), counts)
    edges = np.r_[0, np.cumsum(shares)]
    middle = (edges[:-1] + edges[1:]) / 2
    found = ranks_of(np.arange(len(shares)), values)
    assert_allclose(stats.norm.cdf(found), middle, atol=2 / N_QUANTILES)


def test_cells_between_and_beyond_those_that_were_measured():
    values = np.repeat([-1.0, 1.0], 100)
    found = ranks_of([-1e300, -5.0, -1.0, 0.0, 1.0, 5.0, 1e300], values)
    assert_allclose(found[[0, 1]], -OUTERMOST)
    assert_allclose(found[[5, 6]], OUTERMOST)
    assert_allclose(found[3], 0, atol=1e-2)
    assert_allclose(stats.norm.cdf(found[[2, 4]]), [0.25, 0.75], atol=5e-3)


def test_one_cell_is_in_the_middle():
    for values in ([3.0], [3.0] * 7):
        assert_allclose(ranks_of([3.0], values), 0, atol=1e-12)
        found = ranks_of([2.0, 4.0], values)
        assert_allclose(found, [-OUTERMOST, OUTERMOST])


@pytest.mark.parametrize("name", DISTINCT)
def test_a_wild_cell_moves_the_others_by_one_place(name):
    values = DISTINCT[name]
    with_error = np.r_[values, 1.7e308]
    moved = ranks_of(values, with_error)
    inner = np.abs(moved) < 2
    assert np.abs(moved - ranks_of(values))[inner].max() < 0.05
    assert_allclose(ranks_of([1.7e308], with_error), OUTERMOST)


@pytest.mark.parametrize("unit", [1.0, 0.3])
def test_a_row_counts_as_often_as_its_weight_says(unit):
    weight = RANDOM.randint(0, 3, N)
    X = np.c_[NORMAL, np.where(weight > 0, NORMAL, 1e300)]
    found = column_quantiles(X, weight * unit)
    repeated = X.repeat(weight, axis=0)
    assert_array_equal(found, column_quantiles(repeated, np.ones(len(repeated))))
    assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 499, 500, 998, 999])
def test_quantiles_of_equal_weights_are_those_of_any(n, dtype):
    values, shares = NORMAL[:n].astype(dtype), np.linspace(0, 1, N_QUANTILES)
    ones = np.ones(n)
    found = quantiles(values, ones, shares)
    assert_array_equal(found, quantiles(values, 3 * ones, shares))
    assert median(values, ones) == quantiles(values, ones, [0.5])[0]
    assert median(values, 3 * ones) == median(values, ones)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (255, 17), (256, 8), (257, 33)])
@pytest.mark.parametrize("order", "CF")
def test_columns_are_read_together(shape, dtype, order):
    X = np.array(np.arange(np.prod(shape)).reshape(shape), dtype, order=order)
    for data in (X, sparse.csr_array(X)):
        assert_array_equal(list(each_column(data)), X.T)


@pytest.mark.parametrize("n_rows", [1, 2, 3, N])
def test_quantiles_go_from_the_smallest_to_the_largest(n_rows):
    X = RANDOM.randn(n_rows, 3)
    quantiles = column_quantiles(X, np.ones(n_rows))
    assert quantiles.shape == (3, N_QUANTILES)
    assert_array_equal(quantiles[:, 0], X.min(axis=0))
    assert_array_equal(quantiles[:, -1], X.max(axis=0))
    assert (np.diff(quantiles) >= 0).all()


# ------------------------------------------------------------- beside the scaled cells

X = np.c_[NORMAL, np.exp(2 * NORMAL), np.full(N, 7.0), NORMAL > 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("input_dtype", ["float32", "float64"])
def test_ranks_stand_to_the_right_of_the_scaled_cells(dtype, input_dtype):
    data = X.astype(input_dtype)
    statistics = column_statistics(data, None, "bounded", ranked=True)
    plain = column_statistics(data, None, "bounded")
    assert plain.quantiles is None
    found = scale_columns(data, statistics, dtype)
    assert found.dtype == dtype
    assert_array_equal(found[:, :4], scale_columns(data, plain, dtype))
    ranks = normal_ranks(data, statistics.quantiles)
    assert_array_equal(found[:, [4, 5, 7]], ranks[:, [0, 1, 3]].astype(dtype))
    assert_array_equal(found[:, 6], 0)


def test_a_constant_column_has_no_ranks_whatever_comes_later():
    statistics = column_statistics(X, None, "bounded", ranked=True)
    later = X[:5].copy()
    later[:, 2] = [-1e9, 0.0, 7.0, 8.0, 1e9]
    assert_array_equal(scale_columns(later, statistics, float)[:, [2, 6]], 0)


def test_a_block_of_rows_has_the_ranks_of_the_whole():
    data = np.random.RandomState(1).randn(30_000, 5)  # more than a block of 64 Ki
    statistics = column_statistics(data, None, "bounded", ranked=True)
    whole = scale_columns(data, statistics, float)
    rows = slice(13_000, 13_200)
    assert_array_equal(whole[rows], scale_columns(data[rows], statistics, float))


def test_sparse_rows_have_the_ranks_of_dense_ones():
    data = np.where(X > 0, X, 0)
    stored = sparse.csr_array(data)
    weight = (np.arange(N) % 3 > 0).astype(float)
    for given in (None, weight):
        dense = column_statistics(data, given, "bounded", ranked=True)
        found = column_statistics(stored, given, "bounded", ranked=True)
        assert_array_equal(found.quantiles, dense.quantiles)
    assert_array_equal(
        scale_columns(stored[:50], dense, "float32"),
        scale_columns(data[:50], dense, "float32"),
    )


# --------------------------------------------------------------------------- merging


def test_quantiles_stay_but_where_a_column_was_constant():
    first, second = X[:300], np.c_[X[300:, :2] * 5, NORMAL[300:], X[300:, 3]]
    old, new = (
        column_statistics(part, None, "bounded", ranked=True)
        for part in (first, second)
    )
    before = old.quantiles.copy()
    merged = old.merge(new)
    assert_array_equal(merged.quantiles[[0, 1, 3]], old.quantiles[[0, 1, 3]])
    assert_array_equal(merged.quantiles[2], new.quantiles[2])
    assert_array_equal(old.quantiles, before)
    assert merged.is_settled
    found = scale_columns(second, merged, float)
    assert_array_equal(found[:, 6], normal_ranks(second, new.quantiles)[:, 2])


@pytest.mark.parametrize("ranked", [(True, False), (False, True), (False, False)])
def test_ranks_are_there_if_they_were_there_at_first(ranked):
    old, new = (column_statistics(X, None, "bounded", ranked=each) for each in ranked)
    merged = old.merge(new)
    assert (merged.quantiles is not None) == ranked[0]


@pytest.mark.parametrize("later", ["varies", "is constant elsewhere", "stays"])
def test_a_change_of_ranks_is_absorbed(later):
    values = {"varies": NORMAL, "is constant elsewhere": np.full(N, -2.0)}
    second = X.copy()
    second[:, 2] = values.get(later, X[:, 2])
    old = column_statistics(X, None, "bounded", ranked=True)
    new = old.merge(column_statistics(second, None, "bounded", ranked=True))
    network = Network((4, 6, 2), "tanh", Periodic(4, 3, 0.3))
    theta = network.draw("auto", np.random.RandomState(0), "float64")
    workspace = Workspace(network, N, "float64")
    before = network.forward(theta, scale_columns(X, old, float), workspace).copy()
    network.absorb_input_change(theta, *change_of_scaling(old, new))
    after = network.forward(theta, scale_columns(X, new, float), workspace)
    assert_allclose(after, before, atol=1e-9)


def test_settled_ranks_change_nothing():
    data = np.delete(X, 2, axis=1)
    old = column_statistics(data, None, "bounded", ranked=True)
    new = old.merge(column_statistics(data * 3, None, "bounded", ranked=True))
    shift, ratio = change_of_scaling(old, new)
    assert_array_equal(shift, np.zeros(6))
    assert_array_equal(ratio, np.ones(6))
    without = change_of_scaling(
        replace(old, quantiles=None), replace(new, quantiles=None)
    )
    assert [each.shape for each in without] == [(3,), (3,)]


# ------------------------------------------------------------------- in an estimator

OPTIONS = {
    "hidden_layer_sizes": (8,), "scaling": "bounded", "n_frequencies": 2,
    "max_iter": 3, "random_state": 0, "dtype": "float64",
}  # fmt: skip
TARGET = NORMAL + np.sin(X[:, 1])
each_number_of_members = pytest.mark.parametrize("n_members", [1, 4])


@each_number_of_members
def test_sparse_rows_are_predicted_as_dense_ones(n_members):
    regressor = BackpropRegressor(n_members=n_members, **OPTIONS).fit(X, TARGET)
    stored = sparse.csr_array(X)
    assert_array_equal(regressor.predict(stored), regressor.predict(X))
    other = BackpropRegressor(n_members=n_members, **OPTIONS).fit(X, TARGET)
    regressor.partial_fit(X, TARGET)
    other.partial_fit(stored, TARGET)
    assert_array_equal(other.predict(X), regressor.predict(X))


@each_number_of_members
def test_predictions_do_not_depend_on_the_unit_of_a_column(n_members):
    regressor = BackpropRegressor(n_members=n_members, **OPTIONS).fit(X, TARGET)
    scaled = BackpropRegressor(n_members=n_members, **OPTIONS).fit(X * 8, TARGET)
    assert_allclose(scaled.predict(X * 8), regressor.predict(X), rtol=1e-8)


@each_number_of_members
def test_a_column_that_begins_to_vary_changes_no_prediction(n_members):
    regressor = BackpropRegressor(
        n_members=n_members, learning_rate_init=1e-13, **OPTIONS
    )
    regressor.partial_fit(X, TARGET)
    before = regressor.predict(X)
    regressor.partial_fit(np.c_[X[:, :2], NORMAL, X[:, 3]], TARGET)
    assert_allclose(regressor.predict(X), before, atol=1e-8)
