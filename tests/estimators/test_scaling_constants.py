"""Columns that are constant but for rounding count as constant; all others do not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scaling_data import FEW, IGNORE, NORMAL, TARGET, N, X
from scipy import sparse

from skann import BackpropClassifier, BackpropRegressor
from skann.data.scaling import SCALINGS, column_statistics

pytestmark = pytest.mark.filterwarnings(IGNORE)

RANDOM = np.random.RandomState(7)
HALF = np.arange(N) % 2 == 0
PARTS = RANDOM.dirichlet(np.ones(30), N)
PARTS32 = PARTS.astype(np.float32)
KEYS = RANDOM.randint(1, 50, N).astype(float)
KEYS32 = KEYS.astype(np.float32)


def either(a, b):
    return np.where(HALF, a, b)


CONSTANT = {
    "exactly": np.full(N, 0.1),
    "0.1 + 0.2": either(0.1 + 0.2, 0.3),
    "sums to one": np.cumsum(PARTS, axis=1)[:, -1],
    "sums to 1e30": np.cumsum(PARTS * 1e30, axis=1)[:, -1],
    "sums to -1e-300": -np.cumsum(PARTS * 1e-300, axis=1)[:, -1],
    "sums to one in float32": np.cumsum(PARTS32, axis=1)[:, -1],
    "partly float32": either(0.1, np.float64(np.float32(0.1))),
    "partly float32, large": either(1e9 / 3, np.float64(np.float32(1e9 / 3))),
    "thirds": KEYS * (1 / 3) / KEYS,
    "thirds in float32": (KEYS32 / 3) / KEYS32,
    "large float32": (either(1, 1.0000001) * 1e8).astype(np.float32),
    "one cell": np.r_[np.full(N - 1, 2.7), 2.7 * (1 + 4e-16)],
}

DAY = 1.7e9 + RANDOM.randint(0, 86_400, N)
VARYING = {
    "seconds of a day": DAY,
    "seconds of a day in float32": DAY.astype(np.float32),
    "microseconds of a second": 1.7e9 + RANDOM.rand(N),
    "whole microseconds": 1.7e15 + RANDOM.randint(0, 100, N),
    "numbers of orders": 1e15 + np.arange(N),
    "neighbours beyond float32": either(2.0**24, 2.0**24 + 1),
    "neighbours in float32": either(2.0**24, 2.0**24 - 1).astype(np.float32),
    "offset of 1e12 spreads": NORMAL + 1e12,
    "offset of 1e5 spreads in float32": (NORMAL + 1e5).astype(np.float32),
    "a tiny category": either(0.0, 1e-300),
    "around zero": NORMAL * 1e-300,
    "rare": np.r_[np.zeros(N - 1), 1e-12],
    "of both signs": either(-0.1, 0.1),
}
EACH_CONSTANT = pytest.mark.parametrize("name", CONSTANT)
EACH_VARYING = pytest.mark.parametrize("name", VARYING)
EACH_SCALING = pytest.mark.parametrize("scaling", SCALINGS)
CONTAINERS = pytest.mark.parametrize("contain", [np.asarray, sparse.csr_array])


@EACH_CONSTANT
@EACH_SCALING
@CONTAINERS
def test_constant_but_for_rounding_is_constant(name, scaling, contain):
    data = contain(CONSTANT[name][:, np.newaxis])
    assert column_statistics(data, None, scaling).is_constant.all()
    ends = contain(CONSTANT[name][[0, -1], np.newaxis])
    merged = column_statistics(ends, None, scaling)
    assert merged.merge(column_statistics(data, None, scaling)).is_constant.all()


@EACH_VARYING
@EACH_SCALING
@CONTAINERS
def test_a_small_spread_that_was_measured_stays(name, scaling, contain):
    data = contain(VARYING[name][:, np.newaxis])
    statistics = column_statistics(data, None, scaling)
    assert not statistics.is_constant.any()
    one, rest = (
        column_statistics(data[rows], None, scaling)
        for rows in (slice(0, 1), slice(1, None))
    )
    assert not one.merge(rest).is_constant.any()


@EACH_CONSTANT
@EACH_SCALING
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@CONTAINERS
def test_a_constant_column_contributes_nothing_whatever_comes(
    name, scaling, solver, contain
):
    column = CONSTANT[name]
    base = X.astype(column.dtype)
    params = {**FEW, "scaling": scaling, "solver": solver}
    regressor = BackpropRegressor(**params)
    regressor.fit(contain(np.c_[base, column]), TARGET)
    expected = regressor.predict(contain(np.c_[base, column]))
    for other in (column * 2, -column, column * 0, column.astype(np.float32)):
        rows = contain(np.c_[base, other].astype(base.dtype))
        assert_array_equal(regressor.predict(rows), expected)
    coefs, _ = regressor.fold_scaling()
    assert not coefs[0][-1].any()
    # And the rest is learned as if the column were exactly constant.
    exact = BackpropRegressor(**params).fit(
        contain(np.c_[base, np.full(N, column[0])]), TARGET
    )
    assert_allclose(exact.predict(contain(np.c_[base, column])), expected, rtol=1e-4)


def test_float32_rows_after_a_float64_fit():
    data = np.c_[X, CONSTANT["0.1 + 0.2"], CONSTANT["sums to one"]]
    regressor = BackpropRegressor(random_state=0, max_iter=30).fit(data, TARGET)
    expected = regressor.predict(data)
    spread = TARGET.std()
    actual = regressor.predict(data.astype(np.float32))
    assert_allclose(actual, expected, rtol=0, atol=1e-3 * spread)


@EACH_SCALING
@pytest.mark.parametrize("first", ["0.1 + 0.2", "sums to one", "partly float32"])
def test_a_column_of_a_stream_wakes_up(first, scaling):
    column = CONSTANT[first]
    regressor = BackpropRegressor(
        **FEW | {"learning_rate_init": 1e-300}, solver="sgd", scaling=scaling
    )
    constant = np.c_[X, column]
    regressor.partial_fit(constant, TARGET)
    before = regressor.predict(constant)
    regressor.partial_fit(np.c_[X, NORMAL * 50 + 3], TARGET)
    after = regressor.predict(constant)
    assert_allclose(after, before, rtol=1e-9, atol=1e-9 * TARGET.std())
    awake = regressor.predict(np.c_[X, NORMAL * 50 + 3])
    assert np.abs(awake - regressor.predict(np.c_[X, NORMAL])).max() > 0


@EACH_SCALING
@pytest.mark.parametrize("value", [0.3, 1e9 / 3, -1e-5])
def test_a_target_that_is_constant_but_for_rounding(scaling, value):
    near = either(value, value * (1 + 4e-16))
    target = np.c_[near, TARGET]
    regressor = BackpropRegressor(**FEW, scaling=scaling).fit(X, target)
    assert_allclose(regressor.predict(X * 5)[:, 0], value, rtol=1e-15)


def test_a_classifier_with_nothing_but_constants_predicts_the_frequencies():
    data = np.c_[CONSTANT["0.1 + 0.2"], CONSTANT["sums to one"]]
    y = (np.arange(N) % 4 == 0).astype(int)
    classifier = BackpropClassifier(random_state=0, max_iter=300).fit(data, y)
    p = classifier.predict_proba(RANDOM.randn(5, 2) * 100)
    assert np.ptp(p, axis=0).max() == 0
    assert abs(p[0, 1] - y.mean()) < 0.1
