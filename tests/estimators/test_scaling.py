"""Statistics of the scaling: their definitions, and how they grow with the data."""

import copy
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scaling_data import COLUMNS, IGNORE, NORMAL, WEIGHT, N, S, X
from scipy import sparse
from sklearn.preprocessing import (
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from skann.data.scaling import (
    SCALINGS,
    column_statistics,
    scale_columns,
    unscale_columns,
)

pytestmark = pytest.mark.filterwarnings(IGNORE)

KINDS = (*SCALINGS, "mean")
EXACT = ("standard", "minmax", "mean")  # kinds whose statistics can be merged exactly
# How well a width can be known: to the rounding of a column that lies far from zero, or
# of subnormal numbers.
WIDTH_TOLERANCE = dict.fromkeys(COLUMNS, 1e-9)
WIDTH_TOLERANCE |= {"offset 1e12 spreads": 1e-4, "subnormal": 1e-2}
EACH_COLUMN = pytest.mark.parametrize("name", COLUMNS)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def scaled(X, kind, sample_weight=None, dtype=None):
    statistics = column_statistics(X, sample_weight, kind)
    return scale_columns(X, statistics, dtype or X.dtype)


def assert_same_statistics(actual, expected, rtol=1e-12, ignore=()):
    """Compare everything but the total weight, relative to each column's size."""
    size = np.maximum(np.abs(expected.low), np.abs(expected.high))
    with np.errstate(under="ignore"):
        size = np.where(size == 0, 1, size)
    for key in ("center", "spread", "low", "high"):
        if key not in ignore:
            assert_allclose(
                getattr(actual, key) / size,
                getattr(expected, key) / size,
                rtol=0, atol=rtol, err_msg=key,
            )  # fmt: skip
    for key in ("kind", "centered"):
        assert getattr(actual, key) == getattr(expected, key)


# ------------------------------------------------------------------- the definitions


def test_standard_is_that_of_standard_scaler():
    assert_allclose(
        scaled(X, "standard"), StandardScaler().fit_transform(X), atol=1e-14
    )
    weighted = StandardScaler().fit(X, sample_weight=WEIGHT).transform(X)
    assert_allclose(scaled(X, "standard", WEIGHT), weighted, atol=1e-13)


def test_minmax_is_that_of_min_max_scaler():
    scaler = MinMaxScaler(feature_range=(-1, 1))
    assert_allclose(scaled(X, "minmax"), scaler.fit_transform(X), atol=1e-14)


def test_robust_is_that_of_robust_scaler_where_the_quartiles_are_samples():
    assert_allclose(scaled(X, "robust"), RobustScaler().fit_transform(X), atol=1e-14)


@pytest.mark.parametrize("n_samples", range(1, 14))
def test_quartiles_are_averages_of_the_inverted_distribution_function(n_samples):
    statistics = column_statistics(X[:n_samples], None, "robust")
    low, middle, high = np.quantile(
        X[:n_samples], [0.25, 0.5, 0.75], axis=0, method="averaged_inverted_cdf"
    )
    assert_allclose(statistics.center, middle, rtol=1e-15)
    assert_allclose(statistics.spread, high - low, rtol=1e-14, atol=1e-15)
    assert_allclose(middle, np.median(X[:n_samples], axis=0))


def test_mean_is_the_mean_and_moves_nothing():
    counts = np.abs(X)
    statistics = column_statistics(counts, WEIGHT, "mean")
    expected = np.average(counts, axis=0, weights=WEIGHT)
    assert_allclose(statistics.spread, expected, rtol=1e-14)
    assert not statistics.center.any()
    assert_allclose(scaled(counts, "mean", WEIGHT), counts / expected, rtol=1e-14)


@EACH_KIND
def test_statistics_know_range_and_weight(kind):
    data = np.abs(X).astype(np.float32)
    statistics = column_statistics(data, WEIGHT.astype(np.float32), kind)
    present = data[WEIGHT > 0]
    assert_array_equal(statistics.low, present.min(axis=0))
    assert_array_equal(statistics.high, present.max(axis=0))
    assert statistics.weight == WEIGHT.sum()
    assert column_statistics(data, None, kind).weight == N
    assert statistics.kind == kind
    assert statistics.centered == (kind != "mean")
    for array in statistics.center_and_scale:
        assert array.dtype == np.float64


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_sparse_statistics_are_those_of_the_same_data_in_an_array(kind, weight):
    assert_same_statistics(
        column_statistics(S, weight, kind),
        column_statistics(S.toarray(), weight, kind),
    )


# --------------------------------------------------------------------------- weights


@EACH_KIND
@pytest.mark.parametrize(
    "data", [np.abs(X), S], ids=["dense", "sparse"]
)  # "mean" is for positive targets
def test_an_integer_weight_is_that_many_samples(kind, data):
    repeated = data[np.repeat(np.arange(N), WEIGHT.astype(int))]
    weighted = column_statistics(data, WEIGHT, kind)
    expected = column_statistics(repeated, None, kind)
    assert weighted.weight == expected.weight
    assert_same_statistics(weighted, expected, rtol=1e-14)


@EACH_KIND
@EACH_COLUMN
def test_an_integer_weight_is_that_many_samples_of_any_size(kind, name):
    column = COLUMNS[name][:, np.newaxis]
    repeated = np.repeat(column, WEIGHT.astype(int), axis=0)
    assert_same_statistics(
        column_statistics(column, WEIGHT, kind),
        column_statistics(repeated, None, kind),
    )


@EACH_KIND
@pytest.mark.parametrize("value", [1e300, -1e300, 1e20, 0.0, -5e-324])
@pytest.mark.parametrize("unit", [1.0, 1e-300])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_a_sample_of_weight_zero_is_absent(kind, value, unit, as_sparse):
    data = np.abs(X) * unit
    data[3] = value
    data[17] = -value
    weight = np.ones(N)
    weight[[3, 17]] = 0
    make = sparse.csr_array if as_sparse else np.asarray
    assert_same_statistics(
        column_statistics(make(data), weight, kind),
        column_statistics(make(np.delete(data, [3, 17], axis=0)), None, kind),
    )


@EACH_KIND
@pytest.mark.parametrize("factor", [1e-300, 1e-5, 7.0, 1e300])
def test_only_the_ratios_of_the_weights_count(kind, factor):
    data = np.abs(X)
    assert_same_statistics(
        column_statistics(data, WEIGHT * factor, kind),
        column_statistics(data, WEIGHT, kind),
        ignore=("weight",),
    )


# ------------------------------------------------------------------- extreme numbers


@pytest.mark.parametrize("kind", SCALINGS)
@EACH_COLUMN
def test_scaled_columns_have_the_promised_middle_and_width(name, kind):
    column = COLUMNS[name][:, np.newaxis]
    values = scaled(column, kind)[:, 0]
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    if kind == "standard":
        measured = values.mean(), values.std()
        wanted = 0.0, 1.0
    elif kind == "minmax":
        measured, wanted = (values.min(), values.max()), (-1.0, 1.0)
    elif name == "two values":  # the quartiles are 0 and 1
        measured, wanted = (np.ptp(values),), (1.0,)
    else:
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        measured, wanted = (middle, high - low), (0.0, 1.0)
    assert_allclose(measured, wanted, rtol=0, atol=WIDTH_TOLERANCE[name])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [-1e6, 0, 1e3, 1e6])
def test_an_offset_of_a_million_spreads_costs_no_more_than_its_rounding(dtype, offset):
    column = (NORMAL + offset).astype(dtype)[:, np.newaxis]
    exact = column.astype(np.longdouble)
    exact = (exact - exact.mean()) / exact.std()
    # The centre is rounded to the dtype, as the column itself is.
    rounding = np.finfo(dtype).eps * max(1, abs(offset))
    values = scaled(column, "standard")
    assert values.dtype == dtype
    assert_allclose(values, exact.astype(float), rtol=0, atol=4 * rounding)
    assert abs(values.std(dtype=float) - 1) < 1e-6


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_finite_numbers_have_finite_statistics(kind, dtype):
    largest = np.finfo(dtype).max
    # A quarter of the samples each, so that the quartiles lie as far apart as can be.
    column = np.repeat(np.array([-largest, largest], dtype), 8)[:, np.newaxis]
    center, scale = column_statistics(column, None, kind).center_and_scale
    assert np.isfinite(center).all()
    assert np.isfinite(scale).all()
    assert np.isfinite(scaled(column, kind)).all()


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("exponent", [-900, -40, -1, 1, 40, 900])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_a_unit_that_is_a_power_of_two_changes_no_bit(kind, exponent, as_sparse):
    data = S if as_sparse else X
    other = data * 2.0**exponent
    before, after = scaled(data, kind), scaled(other, kind)
    if as_sparse:
        before, after = before.toarray(), after.toarray()
    assert_array_equal(before, after)


# ------------------------------------------------------------------------- constants


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("value", [0.0, 7.5, -1e300, 1e-300, 5e-324, 0.1])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_a_constant_column_becomes_zero_and_is_shifted_only(kind, value, weight):
    column = np.full((N, 1), value)
    statistics = column_statistics(column, weight, kind)
    assert_array_equal(scale_columns(column, statistics, float), np.zeros((N, 1)))
    center, scale = statistics.center_and_scale
    assert_array_equal(center, [value])
    assert_array_equal(scale, [1.0])


def test_a_constant_positive_target_is_divided_by_itself():
    assert_array_equal(scaled(np.full((5, 1), 40.0), "mean"), np.ones((5, 1)))
    assert_array_equal(scaled(np.zeros((5, 1)), "mean"), np.zeros((5, 1)))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_a_mostly_constant_column_is_scaled_by_its_range(make):
    column = np.r_[np.zeros(N - 2), 3.0, -5.0][:, np.newaxis]
    actual = scaled(make(column), "robust")
    actual = actual.toarray() if sparse.issparse(actual) else actual
    assert_allclose(actual, column / 4.0)


# -------------------------------------------------------------------- there and back


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@EACH_KIND
def test_unscaling_is_the_inverse(kind, dtype):
    data = np.abs(X).astype(dtype)
    statistics = column_statistics(data, WEIGHT, kind)
    there = scale_columns(data, statistics, dtype)
    back = unscale_columns(there, statistics)
    assert there.dtype == back.dtype == dtype
    assert_allclose(back, data, atol=8 * np.finfo(dtype).eps)


def test_without_scaling_nothing_is_copied():
    assert scale_columns(X, None, X.dtype) is X
    assert scale_columns(S, None, S.dtype) is S
    assert unscale_columns(X, None) is X


@EACH_KIND
def test_scaling_leaves_the_data_alone(kind):
    for data in (np.abs(X), S.copy()):
        before = data.copy()
        scaled(data, kind, WEIGHT)
        difference = abs(data - before)
        assert difference.max() == 0


@pytest.mark.parametrize("kind", SCALINGS)
def test_a_block_of_rows_is_scaled_like_the_whole(kind):
    # More than one block of 64 Ki elements, whose last one is not full.
    data = np.random.RandomState(1).randn(30_000, 5)
    statistics = column_statistics(data, None, kind)
    whole = scale_columns(data, statistics, float)
    assert_array_equal(whole[123:130], scale_columns(data[123:130], statistics, float))
    center, scale = statistics.center_and_scale
    assert_array_equal(whole, (data - center) / scale)
    if kind == "standard":
        assert_allclose(center, data.mean(axis=0), rtol=1e-10)
        assert_allclose(scale, data.std(axis=0), rtol=1e-12)


# --------------------------------------------------------------------------- merging


def merged(batches, weights, kind):
    total = None
    for batch, weight in zip(batches, weights, strict=True):
        statistics = column_statistics(batch, weight, kind)
        total = statistics if total is None else total.merge(statistics)
    return total


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("weight", [None, WEIGHT + 0.25], ids=["equal", "weighted"])
@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("cuts", [(1,), (20,), (40,), (1, 2, 3), (5, 11, 30)])
def test_merged_batches_have_the_statistics_of_all(kind, weight, as_sparse, cuts):
    data = np.abs(X) if kind == "mean" else X
    data = S if as_sparse else data
    slices = [slice(*bounds) for bounds in pairwise((0, *cuts, N))]
    actual = merged(
        [data[rows] for rows in slices],
        [None if weight is None else weight[rows] for rows in slices],
        kind,
    )
    expected = column_statistics(data, weight, kind)
    assert_same_statistics(actual, expected)
    assert_allclose(actual.weight, expected.weight, rtol=1e-15)
    assert_allclose(
        *map(np.array, (actual.center_and_scale, expected.center_and_scale))
    )


@pytest.mark.parametrize("kind", EXACT)
@EACH_COLUMN
def test_merging_is_exact_for_numbers_of_any_size(kind, name):
    column = COLUMNS[name][:, np.newaxis]
    batches = [column[:7], column[7:8], column[8:]]
    actual = merged(batches, [None] * 3, kind)
    expected = column_statistics(column, None, kind)
    assert_same_statistics(actual, expected, 1e-3 if name == "subnormal" else 1e-12)
    # Where the offset is large, the spread must not drown in it.
    assert_allclose(actual.spread, expected.spread, rtol=WIDTH_TOLERANCE[name])


def test_merged_quartiles_are_averages_over_the_batches():
    first, second = X[:10], X[10:]
    a = column_statistics(first, None, "robust")
    b = column_statistics(second, None, "robust")
    actual = a.merge(b)
    assert_allclose(actual.center, (10 * a.center + 31 * b.center) / 41, rtol=1e-14)
    assert_allclose(actual.spread, (10 * a.spread + 31 * b.spread) / 41, rtol=1e-14)
    assert_array_equal(actual.low, X.min(axis=0))


@EACH_KIND
@EACH_COLUMN
@pytest.mark.parametrize("weight", [None, WEIGHT / 3], ids=["equal", "weighted"])
def test_the_same_data_again_change_nothing(kind, name, weight):
    column = np.abs(COLUMNS[name])[:, np.newaxis] if kind == "mean" else None
    column = COLUMNS[name][:, np.newaxis] if column is None else column
    first = column_statistics(column, weight, kind)
    again = first
    for _ in range(5):
        again = again.merge(first)
        for key in ("center", "spread", "low", "high"):
            assert_array_equal(getattr(again, key), getattr(first, key), err_msg=key)
    assert_allclose(again.weight, 6 * first.weight)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_quartiles_far_below_an_outlier_do_not_change_either(weight):
    column = np.abs(NORMAL) * 1e-10
    column[5] = 1e300
    first = column_statistics(column[:, np.newaxis], weight, "robust")
    again = first.merge(first)
    for key in ("center", "spread"):
        assert_array_equal(getattr(again, key), getattr(first, key), err_msg=key)


@EACH_KIND
def test_merging_changes_neither_of_its_inputs(kind):
    a, b = (column_statistics(part, None, kind) for part in (X[:9] ** 2, X[9:] ** 2))
    before = copy.deepcopy([vars(a), vars(b)])
    a.merge(b)
    for statistics, kept in zip((a, b), before, strict=True):
        for key, value in kept.items():
            assert_array_equal(getattr(statistics, key), value, err_msg=key)


@pytest.mark.parametrize("kind", SCALINGS)
def test_sparse_and_dense_batches_can_be_mixed(kind):
    dense, other = S[:15].toarray(), S[15:]
    mixed = merged([dense, other, dense], [None] * 3, kind)
    expected = merged([dense, other.toarray(), dense], [None] * 3, kind)
    assert_same_statistics(mixed, expected)


def test_constant_batches_of_different_values_are_not_constant():
    total = merged(
        [np.full((4, 1), 2.0), np.full((12, 1), 6.0)], [None] * 2, "standard"
    )
    assert_allclose(total.center_and_scale, [[5.0], [np.sqrt(3.0)]])
    assert_allclose(
        merged([np.full((4, 1), 2.0)] * 3, [None] * 3, "standard").spread, 0
    )
