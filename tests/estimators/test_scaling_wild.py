"""scaling="bounded": "standard", but for cells far outside of all others."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scaling_data import FEW, IGNORE
from scipy import sparse

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.data.scaling import column_statistics, scale_columns
from skann.data.wild_cells import MARGIN, WIDTH, bound

pytestmark = pytest.mark.filterwarnings(IGNORE)

N = 400
RANDOM = np.random.RandomState(11)
NORMAL = RANDOM.randn(N)
FIRST = np.arange(N) < 0.05 * N


def rare(n):
    return (np.arange(N) % (N // n) == 0).astype(float)


# Nothing here is an error; each is scaled as "standard" scales it, to the last bit.
ORDINARY = {
    "normal": NORMAL,
    "uniform": RANDOM.rand(N),
    "far away": NORMAL + 1e6,
    "exponential": RANDOM.exponential(size=N),
    "lognormal": np.exp(NORMAL),
    "lognormal, heavy": np.exp(1.5 * NORMAL),
    "half a category": rare(N // 2),
    "a rare category": rare(4),
    "a category of one": rare(1),
    "a rare category among roundings": rare(20) + np.where(NORMAL > 0, 0.3, 0.1 + 0.2),
    "counts": RANDOM.poisson(2, N).astype(float),
    "rare counts": RANDOM.poisson(3, N) * rare(20),
    "mostly zero": np.exp(NORMAL) * rare(20),
    "two clusters": np.where(rare(N // 2) > 0, NORMAL + 1000, NORMAL),
    "an idle instrument": np.where(RANDOM.rand(N) < 0.9, 1e-6, 1.0) * NORMAL,
    "an outlier of ten spreads": np.r_[NORMAL[1:], 10.0],
    "constant": np.full(N, 7.0),
    "years": RANDOM.randint(1990, 2025, N).astype(float),
}

# Errors and codes, by what stands there; the rest is normal.
WILD = {
    "one cell of 1e9": np.r_[1e9, NORMAL[1:]],
    "one cell of -1e300": np.r_[-1e300, NORMAL[1:]],
    "both signs": np.r_[1e9, -1e12, NORMAL[2:]],
    "-999": np.where(FIRST, -999, NORMAL),
    "-999 in a third": np.where(np.arange(N) % 3 == 0, -999, NORMAL),
    "three codes": np.where(FIRST, np.take([97, 98, 99], np.arange(N) % 3), NORMAL),
    "codes and an error": np.r_[1e7, np.where(FIRST, 9999, NORMAL)[1:]],
    "1 % of errors": np.r_[RANDOM.randn(4) * 1e5, NORMAL[4:]],
    "a count of a billion": np.r_[1e9, RANDOM.poisson(2, N - 1)],
    "a cell of a sparse column": np.where(
        np.arange(N) == 5, 1e9, np.exp(NORMAL) * rare(40)
    ),
    "beside an offset": np.r_[0.0, NORMAL[1:] + 1e6],
}
EACH_ORDINARY = pytest.mark.parametrize("name", ORDINARY)
EACH_WILD = pytest.mark.parametrize("name", WILD)
CONTAINERS = pytest.mark.parametrize("contain", [np.asarray, sparse.csr_array])


def to_array(X):
    return X if isinstance(X, np.ndarray) else X.toarray()


def scaled(data, kind, weight=None):
    statistics = column_statistics(data, weight, kind)
    return to_array(scale_columns(data, statistics, float))


@EACH_ORDINARY
@CONTAINERS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ordinary_columns_are_scaled_as_ever(name, contain, dtype):
    data = contain(ORDINARY[name].astype(dtype)[:, np.newaxis])
    assert_array_equal(scaled(data, "bounded"), scaled(data, "standard"))


@EACH_WILD
@CONTAINERS
def test_wild_cells_leave_the_others_as_they_would_be_without_them(name, contain):
    column = WILD[name][:, np.newaxis]
    actual = scaled(contain(column), "bounded")
    distance = np.abs(column - np.median(column))
    is_tame = (distance < 30)[:, 0]
    assert 0.6 * N < is_tame.sum() < N
    expected = scaled(contain(column[is_tame]), "standard")
    assert_allclose(actual[is_tame], expected, rtol=1e-9, atol=1e-9)
    # Wild ones lie beyond them, in their order, and not far.
    largest = max(MARGIN, np.abs(expected).max())
    assert np.abs(actual).max() <= largest + WIDTH
    assert np.abs(actual[~is_tame]).min() > MARGIN
    order = np.argsort(column[:, 0], kind="stable")
    assert (np.diff(actual[order, 0]) >= 0).all()


@CONTAINERS
def test_weights_count_and_rows_of_weight_zero_do_not(contain):
    weight = RANDOM.randint(1, 3, N).astype(float)
    column = WILD["-999"][:, np.newaxis]
    repeated = np.repeat(column, weight.astype(int), axis=0)
    mine = column_statistics(contain(column), weight, "bounded")
    other = column_statistics(contain(repeated), None, "bounded")
    for name in ("center", "spread", "low", "high"):
        assert_allclose(getattr(mine, name), getattr(other, name), rtol=1e-12)
    absent = np.ones(N)
    absent[0] = 0
    mine = column_statistics(
        contain(WILD["one cell of 1e9"][:, np.newaxis]), absent, "bounded"
    )
    other = column_statistics(contain(NORMAL[1:, np.newaxis]), None, "standard")
    for name in ("center", "spread", "low", "high"):
        assert_allclose(getattr(mine, name), getattr(other, name), rtol=1e-12)


@pytest.mark.parametrize("unit", [2.0**-900, 2.0**-20, 2.0**30])
@EACH_WILD
def test_the_unit_of_a_column_does_not_matter(name, unit):
    column = WILD[name][:, np.newaxis]
    if np.abs(column).max() > 1e200:
        unit = min(unit, 1.0)
    assert_array_equal(scaled(column * unit, "bounded"), scaled(column, "bounded"))


def test_the_bound_is_smooth_and_keeps_the_order():
    x = np.linspace(-50, 50, 20_001)
    limits = np.array([-4.0]), np.array([6.0])
    y = bound(x.copy(), *limits)
    within = (x >= -4) & (x <= 6)
    assert_array_equal(y[within], x[within])
    slope = np.diff(y) / np.diff(x)
    assert (slope > 0).all()
    assert slope.max() <= 1 + 1e-9
    assert np.abs(np.diff(slope)).max() < 0.005  # no kink
    infinite = np.array([-np.inf, np.inf])
    assert_allclose(bound(infinite, *limits), [-4 - WIDTH, 6 + WIDTH])


def sines(X):
    return np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]


CLEAN = np.random.RandomState(0).randn(1200, 4)


def with_wild_cells(kind):
    data = CLEAN.copy()
    if kind == "one cell":
        data[0, 0] = 1e9
    elif kind == "codes":
        data[np.random.RandomState(1).rand(1200) < 0.05, 0] = -999
    return data


@pytest.mark.parametrize("kind", ["one cell", "codes"])
def test_wild_cells_do_not_keep_a_network_from_learning(kind):
    data, y = with_wild_cells(kind), sines(CLEAN)
    params = {"dtype": "float32", "random_state": 0, "scaling": "bounded"}
    regressor = BackpropRegressor(**params).fit(data[:900], y[:900])
    clean = BackpropRegressor(**params).fit(CLEAN[:900], y[:900])
    expected = clean.score(CLEAN[900:], y[900:])
    assert regressor.score(CLEAN[900:], y[900:]) > expected - 0.03
    assert regressor.score(data[900:], y[900:]) > expected - 0.06


@CONTAINERS
@pytest.mark.parametrize("value", [1e4, -1e9, 1e300, -1.7e308])
def test_a_wild_cell_of_a_new_row_moves_its_prediction_by_little(value, contain):
    y = sines(CLEAN)
    regressor = BackpropRegressor(random_state=0, max_iter=10, scaling="bounded")
    regressor.fit(contain(CLEAN), y)
    for column in range(4):
        row = CLEAN[:1].copy()
        row[0, column] = value
        moved = regressor.predict(contain(row))
        assert np.abs(moved - y.mean()) < 20 * y.std()
        far = regressor.predict(
            contain(np.where(row == value, np.sign(value) * 1e3, row))
        )
        assert_allclose(moved, far, rtol=0, atol=0.5 * y.std())


def test_sparse_and_dense_data_are_learned_alike():
    data = np.c_[
        np.column_stack(list(WILD.values())), np.column_stack(list(ORDINARY.values()))
    ]
    y = NORMAL + rare(20)
    params = {**FEW, "scaling": "bounded"}
    dense = BackpropRegressor(**params).fit(data, y)
    other = BackpropRegressor(**params).fit(sparse.csr_array(data), y)
    assert_allclose(
        other.predict(sparse.csr_array(data)), dense.predict(data), rtol=1e-7
    )
    assert check_gradient(other, sparse.csr_array(data), y)


def test_targets_are_standardised():
    y = sines(CLEAN) * 1000 + 5
    bounded = BackpropRegressor(**FEW, scaling="bounded").fit(CLEAN, y)
    standard = BackpropRegressor(**FEW, scaling="standard").fit(CLEAN, y)
    assert_array_equal(bounded.predict(CLEAN), standard.predict(CLEAN))


@pytest.mark.parametrize("way", ["partial_fit", "warm fit"])
def test_the_statistics_are_those_of_the_first_fit(way):
    y = sines(CLEAN)
    params = {**FEW, "scaling": "bounded", "warm_start": way == "warm fit"}
    regressor = BackpropRegressor(**params).fit(CLEAN, y)
    regressor.set_params(solver="adam", learning_rate_init=1e-300, max_iter=1)
    before = regressor.predict(CLEAN)
    moved = CLEAN * 7 + 3
    moved[0] = 1e9
    call = regressor.fit if way == "warm fit" else regressor.partial_fit
    call(moved, y)  # targets, which are scaled anew, are the same
    assert_allclose(regressor.predict(CLEAN), before, rtol=1e-9, atol=1e-9)


def test_a_stream_goes_on_after_the_first_batch():
    y = (sines(CLEAN) > 0).astype(int)
    classifier = BackpropClassifier(**FEW, scaling="bounded")
    for start in range(0, 1200, 100):
        rows = slice(start, start + 100)
        classifier.partial_fit(CLEAN[rows], y[rows], classes=[0, 1])
    assert np.isfinite(classifier.predict_proba(CLEAN * 1e12)).all()
    again = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(again.predict_proba(CLEAN), classifier.predict_proba(CLEAN))


@pytest.mark.parametrize(
    ("way", "n_first"), [("partial_fit", 1), ("partial_fit", 100), ("warm fit", 100)]
)
def test_a_column_that_was_constant_wakes_up(way, n_first):
    first, y = CLEAN * [1, 1, 0, 0] + 2.5, (sines(CLEAN) > 0).astype(int)
    first = first[:n_first]
    classifier = BackpropClassifier(
        **FEW, scaling="bounded", warm_start=way == "warm fit"
    )

    def learn(X, y):
        if way == "warm fit":
            classifier.fit(X, y)
        else:
            classifier.partial_fit(X, y, classes=[0, 1])

    learn(first, y[:n_first])
    classifier.set_params(learning_rate_init=1e-300, max_iter=1)
    before = classifier.predict_proba(first)
    later = CLEAN * [1, 1, 50, 1e6]
    later[7] = 1e15
    learn(later, y)
    assert_allclose(classifier.predict_proba(first), before, rtol=1e-9)
    row = later[100:101]
    moved = classifier.predict_proba(row + np.array([0, 0, 100, -1e6]))
    assert np.abs(moved - classifier.predict_proba(row)).max() > 1e-3


def test_no_weights_for_raw_data_do_the_same():
    regressor = BackpropRegressor(**FEW, scaling="bounded").fit(CLEAN, sines(CLEAN))
    with pytest.raises(ValueError, match="scaling='standard'"):
        regressor.fold_scaling()
