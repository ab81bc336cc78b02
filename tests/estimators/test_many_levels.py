"""Categorical columns of so many levels that each has a vector."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.data.columns import MOST_INDICATORS
from skann.export import to_sklearn
from skann.inspection import NetworkDiagramDisplay, trace_backprop

IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(IGNORE)

N_LEVELS, N_ROWS = 60, 600
_RANDOM = np.random.RandomState(0)
EFFECTS = _RANDOM.normal(size=N_LEVELS)
CODES = _RANDOM.permutation(np.arange(N_ROWS) % N_LEVELS)
TABLE = pd.DataFrame(
    {
        "size": _RANDOM.normal(5, 2, N_ROWS),
        "city": [f"city{code:02}" for code in CODES],
        "color": np.array(["blue", "green", "red"])[_RANDOM.randint(3, size=N_ROWS)],
    }
)
NUMBERS = EFFECTS[CODES] + TABLE["size"].to_numpy() / 4
TARGETS = {"classifier": (NUMBERS > 1.25).astype(int), "regressor": NUMBERS}
CLASSES = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
BOTH = pytest.mark.parametrize("kind", CLASSES)


def make(kind, **params):
    defaults = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
    return CLASSES[kind](**{**defaults, **params})


def regressor(**params):
    return make("regressor", **params)


def predicted_for(estimator, city):
    """Return what is predicted if all rows are of that city."""
    return estimator.predict(TABLE.assign(city=city).astype({"city": object}))


# ------------------------------------------------------------------- what it is made of


def test_a_column_of_many_levels_has_a_vector_for_each():
    estimator = regressor(n_frequencies=2, scaling="standard").fit(TABLE, NUMBERS)
    assert list(estimator.input_weights()) == [
        "city", "color_blue", "color_green", "color_red", "size",
    ]  # fmt: skip
    vectors = estimator.embedding_["vectors_0"]
    assert vectors.shape == (N_LEVELS + 1, 4)
    assert estimator.embedding_["factors"].shape == (1,)
    assert estimator.input_weights()["city"].shape == (4, 6)
    assert estimator.coefs_[0].shape == (4 + 3 + 3, 6)


@pytest.mark.parametrize("n_rows", [2, 3])
def test_of_many_levels_two_rows_are_enough(n_rows):
    labels = np.repeat([f"id{number}" for number in range(60)], n_rows)
    table = pd.DataFrame({"id": np.append(labels, ["once"])})
    estimator = regressor().fit(table, np.arange(60.0 * n_rows + 1))
    assert estimator.embedding_["vectors_0"].shape == (60 + 1, 4)


@pytest.mark.parametrize("n_levels", [MOST_INDICATORS, MOST_INDICATORS + 1])
def test_a_column_of_few_levels_has_indicators(n_levels):
    table = pd.DataFrame({"id": np.repeat(np.arange(n_levels), 5).astype(str)})
    estimator = regressor(n_frequencies=0).fit(table, np.arange(5.0 * n_levels))
    has_vectors = estimator.embedding_ is not None
    assert has_vectors == (n_levels > MOST_INDICATORS)
    assert len(estimator.input_weights()) == (1 if has_vectors else n_levels)


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "lbfgs", "max_iter": 100},
        {"solver": "sgd", "learning_rate_init": 0.05},
        {"recipe": "mlp", "categorical_features": ["city", "color"]},
    ],
    ids=["adam", "lbfgs", "sgd", "mlp"],
)
def test_every_way_to_fit_learns_what_levels_mean(kind, options):
    estimator = make(kind, **{"max_iter": 60, "batch_size": 50, **options})
    estimator.fit(TABLE, TARGETS[kind])
    without = TABLE.drop(columns="city")
    worse = make(kind, max_iter=5).fit(without, TARGETS[kind])
    error = 1 - estimator.score(TABLE, TARGETS[kind])
    assert error < 0.7 * (1 - worse.score(without, TARGETS[kind]))


def test_two_columns_have_a_table_each():
    table = TABLE.assign(other=TABLE["city"].str.replace("city", "c"))
    estimator = regressor().fit(table[["city", "other"]], NUMBERS)
    shapes = {name: each.shape for name, each in estimator.embedding_.items()}
    assert shapes == {"vectors_0": (61, 4), "vectors_1": (61, 4)}


# ------------------------------------------------------------------ all other labels


def with_rare_cities():
    table = TABLE.copy()
    table.loc[0, "city"] = "Rome"
    table.loc[4:7, "city"] = None
    return table


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_rare_unknown_and_missing_labels_have_one_place(solver):
    table = with_rare_cities()
    estimator = regressor(max_iter=30, solver=solver).fit(table, NUMBERS)
    unknown = predicted_for(estimator, "Paris")
    for city in ("Rome", None, np.nan):
        assert_array_equal(predicted_for(estimator, city), unknown)
    assert (predicted_for(estimator, "city10") != unknown).all()
    assert estimator.embedding_["vectors_0"][-1].any()


def test_an_unknown_label_is_learned_although_training_had_none():
    estimator = regressor(max_iter=60, batch_size=50, n_frequencies=0)
    estimator.fit(TABLE, NUMBERS)
    assert estimator.embedding_["vectors_0"][-1].any()
    of_unknown = predicted_for(estimator, "Paris").mean()
    assert abs(of_unknown - NUMBERS.mean()) < 0.4 * EFFECTS.std()


def test_without_steps_of_minibatches_it_is_the_mean_of_all():
    estimator = regressor(solver="lbfgs", max_iter=50).fit(TABLE, NUMBERS)
    vectors = estimator.embedding_["vectors_0"]
    shares = np.bincount(CODES) / N_ROWS
    assert_allclose(vectors[-1], shares @ vectors[:-1])


def test_a_level_is_frequent_by_the_weight_of_its_rows():
    table = with_rare_cities()
    weight = np.ones(N_ROWS)
    for scale, n_levels in ((1.0, N_LEVELS), (2.1, N_LEVELS + 1)):
        weight[0] = scale  # the row of Rome, which counts as two
        for unit in (1.0, 1e-3):
            estimator = regressor().fit(table, NUMBERS, weight * unit)
            assert estimator.embedding_["vectors_0"].shape[0] == n_levels + 1


# -------------------------------------------------------------- what goes on working


@BOTH
@pytest.mark.parametrize("options", [{"n_frequencies": 2}, {"alpha": 1.0}])
def test_the_gradient_is_right(kind, options):
    estimator = make(kind, **options).fit(TABLE, TARGETS[kind])
    rows = slice(0, 100)
    check = check_gradient(
        estimator, TABLE[rows], TARGETS[kind][rows], max_parameters=40
    )
    assert check.passed


def test_members_keep_their_vectors_and_stay_honest():
    estimator = regressor(
        n_members=4, max_iter=24, learning_rate="cycles", batch_size=20,
        learning_rate_init=0.02, dropout=0,
    )  # fmt: skip
    estimator.fit(TABLE, NUMBERS)
    vectors = estimator.embedding_["vectors_0"]
    assert vectors.shape == (4, N_LEVELS + 1, 4)
    assert (vectors[0] != vectors[1]).any()
    single = [estimator.member(number).predict(TABLE) for number in range(4)]
    assert_allclose(np.mean(single, axis=0), estimator.predict(TABLE), rtol=1e-5)
    # Of noise the members know nothing but the rows that they have learned from.
    noise = np.random.RandomState(0).permutation(NUMBERS)
    estimator.fit(TABLE, noise)
    assert estimator.oof_score_ < 0.02 < 0.1 < estimator.score(TABLE, noise)


def test_pickles_go_on_as_if_nothing_had_been():
    y = NUMBERS
    in_pieces, at_once = regressor(), regressor()
    for _ in range(3):
        in_pieces = pickle.loads(pickle.dumps(in_pieces)).partial_fit(TABLE, y)
        at_once.partial_fit(TABLE, y)
    assert_array_equal(in_pieces.predict(TABLE), at_once.predict(TABLE))
    assert_array_equal(
        in_pieces.embedding_["vectors_0"], at_once.embedding_["vectors_0"]
    )
    in_pieces.finalize().partial_fit(TABLE.assign(city="Paris"), y)


def test_a_warm_start_goes_on_with_its_levels():
    estimator = regressor(warm_start=True, max_iter=20).fit(TABLE, NUMBERS)
    before = estimator.score(TABLE, NUMBERS)
    estimator.fit(TABLE.assign(city=TABLE["city"].where(CODES > 0, "new")), NUMBERS)
    assert estimator.score(TABLE, NUMBERS) > before
    assert estimator.embedding_["vectors_0"].shape[0] == N_LEVELS + 1


def test_weights_can_be_given():
    first = regressor(dropout=0).fit(TABLE, NUMBERS)
    weights = {"coef_init": first.coefs_, "intercept_init": first.intercepts_}
    again = regressor(dropout=0).fit(TABLE, NUMBERS, **weights)
    assert again.coefs_[0].shape == first.coefs_[0].shape
    first.coefs_ = [np.zeros_like(each) for each in first.coefs_]
    assert np.ptp(first.predict(TABLE)) < 1e-6


def test_it_can_be_looked_at():
    estimator = regressor(n_frequencies=2).fit(TABLE, NUMBERS)
    trace = trace_backprop(estimator, TABLE[:5], NUMBERS[:5])
    assert trace.layers[0].input.shape == (5, estimator.coefs_[0].shape[0])
    assert "input" in trace._repr_html_()
    NetworkDiagramDisplay.from_estimator(estimator)


def test_the_mlp_has_no_vectors():
    estimator = regressor(scaling="standard", n_frequencies=0).fit(TABLE, NUMBERS)
    with pytest.raises(ValueError, match="cannot be exported"):
        to_sklearn(estimator)


def test_weights_of_raw_inputs_do_not_exist():
    estimator = regressor(scaling="standard", n_frequencies=0).fit(TABLE, NUMBERS)
    with pytest.raises(ValueError, match="vectors for the categories"):
        estimator.fold_scaling()


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_vectors_of_rare_levels_do_not_become_subnormal(solver):
    # Rome has two rows, so that most steps do not see it.
    table = TABLE.assign(city=TABLE["city"].where(np.arange(N_ROWS) > 1, "Rome"))
    estimator = regressor(
        solver=solver, batch_size=2, max_iter=2, dtype="float32", weight_decay=0.1
    )
    estimator.fit(table, NUMBERS)
    tiny = np.finfo(np.float32).tiny
    state = estimator._training_state.optimizer["optimizer"]
    arrays = [each for each in state.values() if isinstance(each, np.ndarray)]
    assert arrays
    for array in (estimator._model.theta, *arrays):
        sizes = np.abs(array[array != 0])
        assert sizes.min() >= tiny


@pytest.mark.exhaustive
def test_ten_thousand_levels_in_a_hundred_thousand_rows():
    random = np.random.RandomState(0)
    codes = random.permutation(np.arange(100_000) % 10_000)
    table = pd.DataFrame({"id": codes.astype(str), "x": random.normal(size=100_000)})
    y = random.normal(size=10_000)[codes] + 0.1 * table["x"]
    estimator = BackpropRegressor((32,), max_iter=8, random_state=0).fit(table, y)
    assert estimator.embedding_["vectors_0"].shape == (10_001, 8)
    assert estimator.score(table, y) > 0.8
