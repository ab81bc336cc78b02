"""Scaling: its statistics, how they grow, and how a network takes a change of them.

Then what follows for the estimators: the fit depends on no unit of measurement.
"""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

import skann.estimators.validation as validation_module
from skann import BackpropClassifier, BackpropRegressor
from skann.estimators.scaling import (
    SCALINGS,
    absorb_input_scaling,
    absorb_target_scaling,
    center_and_scale,
    column_statistics,
    fold_scaling,
    merge_statistics,
    scale_columns,
    unscale_columns,
)

# Few epochs never converge.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(IGNORE)

KINDS = (*SCALINGS, "mean")
EXACT = ("standard", "minmax", "mean")  # kinds whose statistics can be merged exactly
N = 41  # 4 k + 1, where all definitions of the quartiles agree

RANDOM = np.random.RandomState(0)
NORMAL = RANDOM.randn(N)
X = np.c_[NORMAL, RANDOM.exponential(size=N), RANDOM.randint(0, 4, N)]
WEIGHT = RANDOM.randint(0, 4, N).astype(float)

# Columns that a careless mean or standard deviation gets wrong.
COLUMNS = {
    "usual": NORMAL,
    "1e300": NORMAL * 1e300,
    "near the largest": RANDOM.uniform(-0.25, 0.25, N) * np.finfo(float).max,
    "1e-300": NORMAL * 1e-300,
    "subnormal": np.round(NORMAL * 1000) * 5e-324,
    "offset 1e6 spreads": NORMAL + 1e6,
    "offset 1e12 spreads": NORMAL - 1e12,
    "offset, large": (NORMAL + 1e6) * 1e290,
    "offset, small": (NORMAL + 1e6) * 1e-290,
    "an outlier": np.r_[NORMAL[:-1], 1e20],
    "two values": (NORMAL > 0).astype(float),
}
# How well a width can be known: to the rounding of a column that lies far from zero, or
# of subnormal numbers.
WIDTH_TOLERANCE = dict.fromkeys(COLUMNS, 1e-9)
WIDTH_TOLERANCE |= {"offset 1e12 spreads": 1e-4, "subnormal": 1e-2}
EACH_COLUMN = pytest.mark.parametrize("name", COLUMNS)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def sparse_data():
    """Return a matrix of which two thirds are zero, with columns of one sign too."""
    dense = np.where(RANDOM.uniform(size=(N, 4)) < 0.33, RANDOM.randn(N, 4) + 1, 0)
    dense[:, 2] = np.abs(dense[:, 2])
    dense[:, 3] = -np.abs(dense[:, 3])
    return sparse.csr_array(dense)


S = sparse_data()


def scaled(X, kind, sample_weight=None, dtype=None):
    statistics = column_statistics(X, sample_weight, kind)
    return scale_columns(X, statistics, dtype or X.dtype)


def assert_same_statistics(actual, expected, rtol=1e-12, ignore=()):
    """Compare everything but the total weight, relative to each column's size."""
    assert actual.keys() == expected.keys()
    size = np.maximum(np.abs(expected["low"]), np.abs(expected["high"]))
    with np.errstate(under="ignore"):
        size = np.where(size == 0, 1, size)
    for key in ("center", "spread", "low", "high"):
        if key not in ignore:
            assert_allclose(
                actual[key] / size, expected[key] / size, rtol=0, atol=rtol, err_msg=key
            )
    for key in ("kind", "centered"):
        assert actual[key] == expected[key]


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
    assert_allclose(statistics["center"], middle, rtol=1e-15)
    assert_allclose(statistics["spread"], high - low, rtol=1e-14, atol=1e-15)
    assert_allclose(middle, np.median(X[:n_samples], axis=0))


def test_mean_is_the_mean_and_moves_nothing():
    counts = np.abs(X)
    statistics = column_statistics(counts, WEIGHT, "mean")
    expected = np.average(counts, axis=0, weights=WEIGHT)
    assert_allclose(statistics["spread"], expected, rtol=1e-14)
    assert not statistics["center"].any()
    assert_allclose(scaled(counts, "mean", WEIGHT), counts / expected, rtol=1e-14)


@EACH_KIND
def test_statistics_know_range_and_weight(kind):
    data = np.abs(X).astype(np.float32)
    statistics = column_statistics(data, WEIGHT.astype(np.float32), kind)
    present = data[WEIGHT > 0]
    assert_array_equal(statistics["low"], present.min(axis=0))
    assert_array_equal(statistics["high"], present.max(axis=0))
    assert statistics["weight"] == WEIGHT.sum()
    assert column_statistics(data, None, kind)["weight"] == N
    assert statistics["kind"] == kind
    assert statistics["centered"] == (kind != "mean")
    for array in center_and_scale(statistics):
        assert array.dtype == np.float64


def test_sparse_standard_divides_by_the_standard_deviation_and_keeps_zeros():
    expected = StandardScaler(with_mean=False).fit_transform(S)
    assert_allclose(scaled(S, "standard").toarray(), expected.toarray(), rtol=1e-13)


def test_sparse_minmax_divides_by_the_largest_absolute_value():
    expected = MaxAbsScaler().fit_transform(S)
    assert_allclose(scaled(S, "minmax").toarray(), expected.toarray(), rtol=1e-15)


def test_sparse_robust_divides_by_the_interquartile_range():
    low, high = np.quantile(
        S.toarray(), [0.25, 0.75], axis=0, method="averaged_inverted_cdf"
    )
    assert (high > low).all()
    expected = S.toarray() / (high - low)
    assert_allclose(scaled(S, "robust").toarray(), expected, rtol=1e-14)


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_sparse_and_dense_statistics_differ_in_centring_alone(kind, weight):
    of_sparse = column_statistics(S, weight, kind)
    of_dense = column_statistics(S.toarray(), weight, kind)
    assert not of_sparse.pop("centered")
    assert of_dense.pop("centered")
    if kind == "minmax":  # without centring the range reaches from -high to high
        low, high = of_dense["low"], of_dense["high"]
        of_dense |= {"center": 0 * low, "spread": np.maximum(-low, high)}
    for key in ("center", "spread", "low", "high", "weight"):
        assert_allclose(of_sparse[key], of_dense[key], rtol=1e-12, err_msg=key)


# --------------------------------------------------------------------------- weights


@EACH_KIND
@pytest.mark.parametrize(
    "data", [np.abs(X), S], ids=["dense", "sparse"]
)  # "mean" is for positive targets
def test_an_integer_weight_is_that_many_samples(kind, data):
    repeated = data[np.repeat(np.arange(N), WEIGHT.astype(int))]
    weighted = column_statistics(data, WEIGHT, kind)
    expected = column_statistics(repeated, None, kind)
    assert weighted["weight"] == expected["weight"]
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


# -------------------------------------------------------------------- extreme numbers


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
    center, scale = center_and_scale(column_statistics(column, None, kind))
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


# --------------------------------------------------------------------------- constants


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("value", [0.0, 7.5, -1e300, 1e-300, 5e-324, 0.1])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_a_constant_column_becomes_zero_and_is_shifted_only(kind, value, weight):
    column = np.full((N, 1), value)
    statistics = column_statistics(column, weight, kind)
    assert_array_equal(scale_columns(column, statistics, float), np.zeros((N, 1)))
    center, scale = center_and_scale(statistics)
    assert_array_equal(center, [value])
    assert_array_equal(scale, [1.0])


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("value", [0.0, 7.5, -1e300, 1e-300])
def test_a_constant_sparse_column_is_divided_by_its_size(kind, value):
    column = sparse.csr_array(np.full((N, 1), value))
    expected = np.full((N, 1), np.sign(value))
    assert_array_equal(scaled(column, kind).toarray(), expected)


def test_a_constant_positive_target_is_divided_by_itself():
    assert_array_equal(scaled(np.full((5, 1), 40.0), "mean"), np.ones((5, 1)))
    assert_array_equal(scaled(np.zeros((5, 1)), "mean"), np.zeros((5, 1)))


@pytest.mark.parametrize("as_sparse", [False, True])
def test_a_mostly_constant_column_is_scaled_by_its_range(as_sparse):
    column = np.r_[np.zeros(N - 2), 3.0, -5.0][:, np.newaxis]
    if not as_sparse:
        assert_allclose(scaled(column, "robust"), column / 4.0)
    else:
        assert_allclose(
            scaled(sparse.csr_array(column), "robust").toarray(), column / 5
        )


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
    center, scale = center_and_scale(statistics)
    assert_array_equal(whole, (data - center) / scale)
    if kind == "standard":
        assert_allclose(center, data.mean(axis=0), rtol=1e-10)
        assert_allclose(scale, data.std(axis=0), rtol=1e-12)


# ----------------------------------------------------------------------------- merging


def merged(batches, weights, kind):
    total = None
    for batch, weight in zip(batches, weights, strict=True):
        statistics = column_statistics(batch, weight, kind)
        total = statistics if total is None else merge_statistics(total, statistics)
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
    assert_allclose(actual["weight"], expected["weight"], rtol=1e-15)
    assert_allclose(
        *map(np.array, (center_and_scale(actual), center_and_scale(expected)))
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
    assert_allclose(actual["spread"], expected["spread"], rtol=WIDTH_TOLERANCE[name])


def test_merged_quartiles_are_averages_over_the_batches():
    first, second = X[:10], X[10:]
    a = column_statistics(first, None, "robust")
    b = column_statistics(second, None, "robust")
    actual = merge_statistics(a, b)
    for key in ("center", "spread"):
        assert_allclose(actual[key], (10 * a[key] + 31 * b[key]) / 41, rtol=1e-14)
    assert_array_equal(actual["low"], X.min(axis=0))


@EACH_KIND
@EACH_COLUMN
@pytest.mark.parametrize("weight", [None, WEIGHT / 3], ids=["equal", "weighted"])
def test_the_same_data_again_change_nothing(kind, name, weight):
    column = np.abs(COLUMNS[name])[:, np.newaxis] if kind == "mean" else None
    column = COLUMNS[name][:, np.newaxis] if column is None else column
    first = column_statistics(column, weight, kind)
    again = first
    for _ in range(5):
        again = merge_statistics(again, first)
        for key in ("center", "spread", "low", "high"):
            assert_array_equal(again[key], first[key], err_msg=key)
    assert_allclose(again["weight"], 6 * first["weight"])


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_quartiles_far_below_an_outlier_do_not_change_either(weight):
    column = np.abs(NORMAL) * 1e-10
    column[5] = 1e300
    first = column_statistics(column[:, np.newaxis], weight, "robust")
    again = merge_statistics(first, first)
    for key in ("center", "spread"):
        assert_array_equal(again[key], first[key], err_msg=key)


@EACH_KIND
def test_merging_changes_neither_of_its_inputs(kind):
    a, b = (column_statistics(part, None, kind) for part in (X[:9] ** 2, X[9:] ** 2))
    before = {key: np.copy(value) for key, value in (a | b).items()}
    copies = {key: np.copy(value) for key, value in a.items()}
    merge_statistics(a, b)
    for key in before:
        assert_array_equal(b[key], before[key])
        assert_array_equal(a[key], copies[key])


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("sparse_first", [False, True])
def test_a_sparse_batch_ends_centring_for_good(kind, sparse_first):
    dense, other = S[:15].toarray(), S[15:]
    batches = [other, dense] if sparse_first else [dense, other]
    total = merged([*batches, dense], [None] * 3, kind)
    assert not total["centered"]
    center, _ = center_and_scale(total)
    assert not center.any()
    if kind != "robust":
        rows = sparse.csr_array(np.concatenate([S.toarray(), dense]))
        assert_same_statistics(total, column_statistics(rows, None, kind))


def test_constant_batches_of_different_values_are_not_constant():
    total = merged(
        [np.full((4, 1), 2.0), np.full((12, 1), 6.0)], [None] * 2, "standard"
    )
    assert_allclose(center_and_scale(total), [[5.0], [np.sqrt(3.0)]])
    assert_allclose(
        merged([np.full((4, 1), 2.0)] * 3, [None] * 3, "standard")["spread"], 0
    )


# ---------------------------------------------------------- what the network absorbs

# The columns of a first and of a second batch.
PAIRS = {
    "usual": (X[:20], X[20:] * 3 + 5),
    "far away": (X[:20], X[20:] * 1e-3 + 1e4),
    "another unit": (X[:20] * 1e-8, X[20:] * 1e8),
    "constant, then not": (np.full((20, 3), 2.5), X),
    "zero, then not": (np.zeros((20, 3)), X),
    "constant, then another constant": (np.full((9, 3), 2.5), np.full((5, 3), -4.0)),
    "not constant, then constant": (X, np.full((400, 3), 2.5)),
    "one constant column": (X * [1, 0, 1], X),
}
EACH_PAIR = pytest.mark.parametrize("pair", PAIRS)


def random_layer(n_inputs, n_outputs, dtype=np.float64):
    random_state = np.random.RandomState(3)
    weights = random_state.randn(n_inputs, n_outputs).astype(dtype)
    return weights, random_state.randn(n_outputs).astype(dtype)


@pytest.mark.parametrize("merge", [True, False], ids=["merged", "replaced"])
@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("as_sparse", [False, True])
@EACH_PAIR
def test_the_first_layer_absorbs_a_change_of_scaling(pair, as_sparse, kind, merge):
    first, second = PAIRS[pair]
    if as_sparse:
        first, second = sparse.csr_array(first), sparse.csr_array(second)
    old = column_statistics(first, None, kind)
    new = column_statistics(second, None, kind)
    if merge:
        new = merge_statistics(old, new)
    weights, biases = random_layer(3, 4)
    before = scale_columns(first, old, float) @ weights + biases
    absorb_input_scaling(weights, biases, old, new)
    after = scale_columns(first, new, float) @ weights + biases
    assert np.isfinite(weights).all()
    # Large inputs cancel against large biases.
    size = max(1, np.abs(weights).max(), np.abs(biases).max())
    assert_allclose(after, before, rtol=0, atol=1e-13 * size)


def test_a_change_of_scaling_is_absorbed_for_every_input_not_only_those_seen():
    old = column_statistics(X[:20], None, "standard")
    new = merge_statistics(old, column_statistics(X[20:] * 3 + 5, None, "standard"))
    weights, biases = random_layer(3, 4)
    elsewhere = np.random.RandomState(4).uniform(-50, 50, (30, 3))
    before = scale_columns(elsewhere, old, float) @ weights + biases
    absorb_input_scaling(weights, biases, old, new)
    after = scale_columns(elsewhere, new, float) @ weights + biases
    assert_allclose(after, before, atol=1e-12)


@pytest.mark.parametrize("kind", SCALINGS)
def test_the_first_layer_absorbs_the_end_of_centring(kind):
    old = column_statistics(X, None, kind)
    new = merge_statistics(old, column_statistics(sparse.csr_array(X[:5]), None, kind))
    assert not new["centered"]
    weights, biases = random_layer(3, 4)
    before = scale_columns(X, old, float) @ weights + biases
    absorb_input_scaling(weights, biases, old, new)
    after = scale_columns(sparse.csr_array(X), new, float) @ weights + biases
    assert_allclose(after, before, atol=1e-13)


def test_a_column_without_effect_so_far_starts_from_its_weights():
    constant = np.full((20, 3), 2.5)
    old = column_statistics(constant, None, "standard")
    new = merge_statistics(old, column_statistics(X * 1e6, None, "standard"))
    weights, biases = random_layer(3, 4)
    drawn = weights.copy()
    absorb_input_scaling(weights, biases, old, new)
    assert_array_equal(weights, drawn)


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize(
    "pair", [pair for pair in PAIRS if not pair.startswith(("constant", "zero", "one"))]
)
def test_the_last_layer_absorbs_a_change_of_target_scaling(pair, kind):
    first, second = PAIRS[pair]
    old = column_statistics(first, None, kind)
    new = merge_statistics(old, column_statistics(second, None, kind))
    weights, biases = random_layer(4, 3)
    hidden = np.random.RandomState(5).randn(30, 4)
    before = unscale_columns(hidden @ weights + biases, old)
    absorb_target_scaling(weights, biases, old, new, log_link=False)
    after = unscale_columns(hidden @ weights + biases, new)
    center, scale = center_and_scale(new)
    size = np.maximum(np.abs(center), scale).max()
    assert_allclose(after, before, rtol=1e-13, atol=1e-13 * size)


def test_a_target_that_was_constant_keeps_weights_and_gets_a_unit():
    old = column_statistics(np.full((20, 3), 2.5), None, "standard")
    new = merge_statistics(old, column_statistics(X * 1e6, None, "standard"))
    weights, biases = random_layer(4, 3)
    drawn = weights.copy()
    hidden = np.random.RandomState(5).randn(30, 4)
    raw = hidden @ weights + biases
    absorb_target_scaling(weights, biases, old, new, log_link=False)
    assert_array_equal(weights, drawn)
    _, scale = center_and_scale(new)
    after = unscale_columns(hidden @ weights + biases, new)
    assert_allclose(after, raw * scale + 2.5, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.abs(X), np.abs(X) * 1e6),
        (np.abs(X) * 1e-9, np.abs(X)),
        (np.full((20, 3), 40.0), np.abs(X)),
        (np.zeros((20, 3)), np.abs(X)),
        (np.abs(X), np.zeros((5, 3))),
    ],
    ids=["larger", "smaller", "constant first", "zero first", "zero next"],
)
def test_the_last_layer_absorbs_a_change_of_scaling_under_the_log_link(first, second):
    old = column_statistics(first, None, "mean")
    new = merge_statistics(old, column_statistics(second, None, "mean"))
    weights, biases = random_layer(4, 3)
    hidden = np.random.RandomState(5).randn(30, 4)
    before = unscale_columns(np.exp(hidden @ weights + biases), old)
    absorb_target_scaling(weights, biases, old, new, log_link=True)
    after = unscale_columns(np.exp(hidden @ weights + biases), new)
    assert_allclose(after, before, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_scaling_is_absorbed_without_a_rounding(dtype):
    data = X.astype(dtype) / 3
    statistics = column_statistics(data, None, "standard")
    same = merge_statistics(statistics, column_statistics(data, None, "standard"))
    for absorb, kwargs in (
        (absorb_input_scaling, {}),
        (absorb_target_scaling, {"log_link": False}),
        (absorb_target_scaling, {"log_link": True}),
    ):
        weights, biases = random_layer(3, 3, dtype)
        expected = weights.copy(), biases.copy()
        absorb(weights, biases, statistics, same, **kwargs)
        assert_array_equal(weights, expected[0])
        assert_array_equal(biases, expected[1])
        assert weights.dtype == biases.dtype == dtype


# ---------------------------------------------------------------------------- folding


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("hidden", [(), (5,)], ids=["linear", "hidden layer"])
@pytest.mark.parametrize("link", ["identity", "log", "none"])
def test_folding_gives_the_network_on_raw_data(kind, hidden, link):
    data = np.c_[X * [1e-3, 1, 1e3] + [0, 100, -5], np.full(N, 7.0)]
    target = np.abs(X[:, :2]) * [1, 1e4] + 3
    inputs = column_statistics(data, WEIGHT, kind)
    targets = None
    if link != "none":
        targets = column_statistics(
            target, WEIGHT, kind if link == "identity" else "mean"
        )
    sizes = [4, *hidden, 2]
    layers = [random_layer(*pair) for pair in pairwise(sizes)]
    weights, biases = (list(arrays) for arrays in zip(*layers, strict=True))
    output = np.exp if link == "log" else np.asarray

    def forward(a, weights, biases):
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            a = np.tanh(a @ W + b)
        return output(a @ weights[-1] + biases[-1])

    copies = [array.copy() for array in (*weights, *biases)]
    expected = unscale_columns(
        forward(scale_columns(data, inputs, float), weights, biases), targets
    )
    folded = fold_scaling(weights, biases, inputs, targets, log_link=link == "log")
    assert_allclose(forward(data, *folded), expected, rtol=1e-9)
    for array, copy in zip((*weights, *biases), copies, strict=True):
        assert_array_equal(array, copy)
        assert all(part is not array for parts in folded for part in parts)


def forward_raw(estimator, data):
    """Follow raw data through the folded weights, without skann's own forward pass."""
    coefs, intercepts = estimator.fold_scaling()
    assert all(array.dtype == np.float64 for array in (*coefs, *intercepts))
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        data = np.maximum(data @ W + b, 0)
    return data @ coefs[-1] + intercepts[-1]


RAW = X * [1e-3, 1, 1e3] + [0, 100, -5]
TARGET = X[:, 0] * 50 + X[:, 1] * 20 + 1000
FEW = {"hidden_layer_sizes": (7,), "max_iter": 15, "random_state": 0}


@pytest.mark.parametrize("scaling", [*SCALINGS, None])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_folded_weights_of_a_fitted_estimator_work_on_raw_data(scaling, as_sparse):
    data = sparse.csr_array(RAW) if as_sparse else RAW
    learning_rate = 1e-3 if scaling else 1e-9
    params = {**FEW, "scaling": scaling, "learning_rate_init": learning_rate}
    regressor = BackpropRegressor(**params).fit(data, TARGET)
    raw = forward_raw(regressor, RAW)
    assert_allclose(raw[:, 0], regressor.predict(RAW), rtol=1e-9)
    two = BackpropRegressor(**params).fit(data, np.c_[TARGET, -TARGET / 1000])
    assert_allclose(forward_raw(two, RAW), two.predict(RAW), rtol=1e-9)
    counts = BackpropRegressor(loss="poisson", **params).fit(
        data, np.abs(X[:, 0]) * 100
    )
    raw = np.exp(forward_raw(counts, RAW))
    assert_allclose(raw[:, 0], counts.predict(RAW), rtol=1e-9)
    classifier = BackpropClassifier(**params).fit(
        data, np.digitize(X[:, 0], [-0.5, 0.5])
    )
    raw = forward_raw(classifier, RAW)
    assert_allclose(raw, classifier.decision_function(RAW), rtol=1e-8, atol=1e-10)


# ----------------------------------------------------------- the fit knows no units

SOLVERS = ("sgd", "adam", "lbfgs")


def fit_predict(data, target, **params):
    params = {**FEW, "batch_size": 10, **params}
    if params["solver"] == "lbfgs":
        del params["batch_size"]
    return BackpropRegressor(**params).fit(data, target).predict(data)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [2.0**-400, 0.125, 2.0**20, 2.0**400])
def test_a_power_of_two_as_unit_of_the_target_changes_no_bit(factor, solver, scaling):
    params = {"solver": solver, "scaling": scaling}
    expected = fit_predict(X, TARGET, **params)
    actual = fit_predict(X, factor * TARGET, **params)
    assert_array_equal(actual, factor * expected)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("offset", [-1e6, 0.0, 1.0, 1e6])
def test_the_fit_of_a_transformed_target_is_the_transformed_fit(
    factor, offset, solver, scaling
):
    params = {"solver": solver, "scaling": scaling, "activation": "tanh"}
    target = NORMAL + X[:, 1]
    shift = offset * factor * target.std()
    expected = fit_predict(X, target, **params)
    actual = fit_predict(X, factor * target + shift, **params)
    # What rounding leaves of a target that lies a million spreads away.
    tolerance = 1e-11 if offset == 0 else 1e-7
    assert_allclose((actual - shift) / factor, expected, rtol=0, atol=tolerance)


# How far two fits in float32 may be apart that differ in the rounding of the scaled
# data: L-BFGS amplifies it.
FLOAT32_TOLERANCE = {"sgd": 1e-5, "adam": 1e-5, "lbfgs": 1e-4}


def assert_same_network(actual, expected, tolerance):
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(
            getattr(actual, name), getattr(expected, name), strict=True
        ):
            assert_allclose(mine, other, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("offset", [-1e6, -1e3, 0.0, 1.0, 1e6])
def test_the_float32_fit_of_a_transformed_target_is_the_transformed_fit(
    factor, offset, solver, scaling
):
    params = {**FEW, "solver": solver, "scaling": scaling, "activation": "tanh"}
    data = X.astype(np.float32)
    target = NORMAL + X[:, 1]
    shift = offset * factor * target.std()
    given = (factor * target + shift).astype(np.float32)
    # A million spreads away float32 keeps a tenth of a spread: what can be learned is
    # the target as it was rounded, here without its unit and its offset.
    rounded = (given.astype(np.float64) - shift) / factor
    actual = BackpropRegressor(**params).fit(data, given)
    expected = BackpropRegressor(**params).fit(data, rounded)
    assert_same_network(actual, expected, FLOAT32_TOLERANCE[solver])
    predictions = actual.predict(data)
    assert predictions.dtype == np.float32
    # They are rounded as the targets are.
    rounding = np.finfo(np.float32).eps * np.abs(given).max() / factor
    assert_allclose(
        (predictions.astype(np.float64) - shift) / factor,
        expected.predict(data),
        rtol=0,
        atol=rounding + 4 * FLOAT32_TOLERANCE[solver],
    )


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3, 1e6])
def test_the_poisson_fit_of_scaled_counts_is_the_scaled_fit(factor):
    counts = np.random.RandomState(0).poisson(3 + 2 * (X[:, 0] > 0)).astype(float)
    params = {"loss": "poisson", "solver": "adam", "activation": "tanh"}
    expected = fit_predict(X, counts, **params)
    assert_allclose(fit_predict(X, factor * counts, **params), factor * expected, 1e-10)


@pytest.mark.parametrize(
    ("factor", "offset"),
    [(1, 0), (1e-3, 0), (1e3, 0), (1e6, 0), (1e-6, 0), (1, 1e4), (1e-6, 1)],
)
def test_defaults_learn_a_target_in_any_unit(factor, offset):
    random_state = np.random.RandomState(0)
    data = random_state.randn(500, 5)
    target = factor * (data[:, 0] + 0.5 * data[:, 1]) + offset
    regressor = BackpropRegressor(random_state=0, max_iter=60).fit(data, target)
    assert regressor.score(data, target) > 0.95


UNITS = np.array([1e-6, 1e6, 37.0])


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_fit_does_not_depend_on_the_units_of_the_columns(solver, scaling):
    params = {"solver": solver, "scaling": scaling, "activation": "tanh"}
    expected = fit_predict(X, TARGET, **params)
    powers = 2.0 ** np.array([-300, 5, 300])
    assert_array_equal(fit_predict(X * powers, TARGET, **params), expected)
    actual = fit_predict(X * UNITS + 1000 * UNITS, TARGET, **params)
    assert_allclose(actual, expected, rtol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_classifier_does_not_depend_on_the_units_of_the_columns(scaling):
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    expected = BackpropClassifier(**FEW, scaling=scaling).fit(X, y).predict_proba(X)
    other = X * UNITS - 500 * UNITS
    actual = BackpropClassifier(**FEW, scaling=scaling).fit(other, y)
    assert_allclose(actual.predict_proba(other), expected, rtol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_fit_of_sparse_columns_does_not_depend_on_their_units(scaling):
    params = {"solver": "adam", "scaling": scaling}
    expected = fit_predict(S, TARGET, **params)
    units = np.array([1e-6, 1e6, 37.0, 0.3])
    actual = fit_predict(sparse.csr_array(S * units), TARGET, **params)
    assert_allclose(actual, expected, rtol=1e-10)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("estimator_class", [BackpropClassifier, BackpropRegressor])
def test_the_float32_fit_does_not_depend_on_the_units_of_the_columns(
    estimator_class, solver, scaling
):
    params = {**FEW, "solver": solver, "scaling": scaling, "activation": "tanh"}
    is_classifier = estimator_class is BackpropClassifier
    y = np.digitize(X[:, 0], [-0.5, 0.5]) if is_classifier else TARGET

    def fit(data, dtype):
        return estimator_class(**params, dtype="float32").fit(data.astype(dtype), y)

    data = X.astype(np.float32)
    powers = (2.0 ** np.array([-60, 5, 60])).astype(np.float32)
    assert_same_network(fit(data * powers, np.float32), fit(data, np.float32), 0)
    for offset in (0.0, 1e3, 1e6):
        given = ((X + offset) * UNITS).astype(np.float32)
        rounded = given.astype(np.float64) / UNITS - offset
        actual, expected = fit(given, np.float32), fit(rounded, np.float64)
        assert_same_network(actual, expected, FLOAT32_TOLERANCE[solver])


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_float32_fit_of_sparse_columns_does_not_depend_on_their_units(scaling):
    params = {**FEW, "scaling": scaling}
    given = sparse.csr_array(S * np.array([1e-6, 1e6, 37.0, 0.3])).astype(np.float32)
    actual = BackpropRegressor(**params).fit(given, TARGET)
    expected = BackpropRegressor(**params).fit(S.astype(np.float32), TARGET)
    assert actual.predict(given).dtype == np.float32
    assert_same_network(actual, expected, FLOAT32_TOLERANCE["adam"])


ORDINARY = np.c_[NORMAL, np.full(N, 7.0), X[:, 1] - 1, NORMAL**2 - X[:, 1], NORMAL > 0]
MIXED_CONTAINERS = {
    "dense": np.asarray,
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
}


@pytest.mark.parametrize("container", MIXED_CONTAINERS)
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("estimator_class", [BackpropClassifier, BackpropRegressor])
def test_columns_of_every_size_fit_together(
    estimator_class, solver, scaling, container
):
    contain = MIXED_CONTAINERS[container]
    params = {**FEW, "solver": solver, "scaling": scaling, "activation": "tanh"}
    is_classifier = estimator_class is BackpropClassifier
    y = np.digitize(X[:, 0], [-0.5, 0.5]) if is_classifier else TARGET

    def outputs(units):
        data = contain(ORDINARY * units)
        estimator = estimator_class(**params).fit(data, y)
        assert np.isfinite(estimator.loss_curve_).all()
        assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
        assert np.isfinite(estimator.predict(data)).all()
        if is_classifier:
            return estimator.predict_proba(data)
        return estimator.predict(data)

    expected = outputs(np.ones(5))
    powers = 2.0 ** np.array([0, 0, 996, -996, 0])
    assert_array_equal(outputs(powers), expected)
    actual = outputs(np.array([1, 1, 1e300, 1e-300, 1]))
    assert_allclose(actual, expected, rtol=1e-7)


def test_scaling_is_what_a_pipeline_with_a_scaler_does():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    for data, scaler in ((RAW, StandardScaler()), (S, StandardScaler(with_mean=False))):
        mine = BackpropClassifier(**FEW).fit(data, y)
        transformed = scaler.fit_transform(data)
        other = BackpropClassifier(**FEW, scaling=None).fit(transformed, y)
        assert_allclose(
            mine.predict_proba(data), other.predict_proba(transformed), rtol=1e-10
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaling", [*SCALINGS, None])
def test_sparse_predictions_of_a_network_fitted_to_dense_data_are_the_same(
    scaling, dtype
):
    dense = S.toarray().astype(dtype)
    if scaling is not None:
        # A constant and an offset that must cancel before they meet the weights.
        dense = np.c_[dense, np.full(N, 2.0**31), NORMAL + 2.0**17].astype(dtype)
    regressor = BackpropRegressor(**FEW, scaling=scaling).fit(dense, TARGET / 1000)
    actual = regressor.predict(sparse.csr_array(dense))
    tolerance = 1e-5 if dtype == "float32" else 1e-9
    assert_allclose(actual, regressor.predict(dense), rtol=tolerance)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("value", [0.0, 1e-6, -7.25, 1e9])
def test_a_constant_target_is_predicted_as_it_is(value, scaling):
    target = np.c_[np.full(N, value), TARGET]
    regressor = BackpropRegressor(**FEW, scaling=scaling).fit(X, target)
    assert_array_equal(regressor.predict(X * 5)[:, 0], np.full(N, value))
    assert_array_equal(forward_raw(regressor, X * 5)[:, 0], np.full(N, value))
    regressor.partial_fit(X, target[:, ::-1])  # and is free to vary from then on
    assert np.ptp(regressor.predict(X), axis=0).min() > 0


# ------------------------------------------------------------------ what is not seen


@pytest.mark.parametrize("estimator_class", [BackpropClassifier, BackpropRegressor])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("weight", [None, WEIGHT + 0.5], ids=["equal", "weighted"])
def test_statistics_do_not_see_the_validation_part(
    estimator_class, scaling, weight, monkeypatch
):
    training, validation = np.arange(30), np.arange(30, N)
    monkeypatch.setattr(
        validation_module, "split_rows", lambda *_: (training, validation)
    )
    params = {"early_stopping": True, "n_iter_no_change": np.inf, "scaling": scaling}
    is_classifier = estimator_class is BackpropClassifier
    y = (X[:, 0] > 0).astype(int) if is_classifier else TARGET
    moved, moved_y = X.copy(), y.copy()
    moved[validation] = moved[validation] * 100 + 1e6
    if not is_classifier:
        moved_y[validation] -= 1e5
    curves = [
        estimator_class(**FEW, **params).fit(data, target, weight).loss_curve_
        for data, target in ((X, y), (moved, moved_y))
    ]
    assert curves[0] == curves[1]
    moved[training] *= [1, 10, 1]
    moved[0] += 1
    other = estimator_class(**FEW, **params).fit(moved, moved_y, weight).loss_curve_
    assert other != curves[0]


@pytest.mark.parametrize("estimator_class", [BackpropClassifier, BackpropRegressor])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_samples_of_weight_zero_do_not_count(estimator_class, scaling, solver):
    absent = np.array([3, 17, 30])
    weight = np.ones(N)
    weight[absent] = 0
    is_classifier = estimator_class is BackpropClassifier
    y = (X[:, 0] > 0).astype(int) if is_classifier else TARGET
    far, far_y = X.copy(), y.copy()
    far[absent] = 1e12
    if not is_classifier:
        far_y[absent] = -1e12
    params = {**FEW, "scaling": scaling, "solver": solver, "shuffle": False}
    mine = estimator_class(**params).fit(far, far_y, weight)
    rest = np.delete(np.arange(N), absent)
    other = estimator_class(**params).fit(X[rest], y[rest])
    # Outside the data a relu network is linear; what counts is what it learned.
    for a, b in zip(mine.coefs_, other.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-7, atol=1e-9)
