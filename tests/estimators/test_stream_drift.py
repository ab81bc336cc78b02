"""A stream whose columns drift is seen in relation to its recent rows."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skann import BackpropClassifier, BackpropRegressor
from skann.data.scaling import RECENT_ROWS, column_statistics
from skann.data.wild_cells import MARGIN, WIDTH

PIECE = 50

each_scaling = pytest.mark.parametrize("scaling", ["adaptive", "stream"])


def drifting(n_rows, seed=0):
    """Return inputs whose level and size drift, and labels that do not know of it."""
    random_state = np.random.RandomState(seed)
    X = random_state.randn(n_rows, 4)
    y = (np.sin(2 * X[:, 0]) + X[:, 1] > 0).astype(int)
    way = np.linspace(0, 1, n_rows)[:, np.newaxis]
    return X * (1 + 4 * way) + 20 * way, y


def pieces(*arrays):
    for start in range(0, len(arrays[0]), PIECE):
        yield [array[start : start + PIECE] for array in arrays]


def share_of_right(stream, X, y):
    """Test, then train; return the share of right predictions in the second half."""
    right = []
    for rows, labels in pieces(X, y):
        if right or hasattr(stream, "classes_"):
            right.append(np.mean(stream.predict(rows) == labels))
        stream.partial_fit(rows, labels, classes=[0, 1])
    return np.mean(right[len(right) // 2 :])


def test_a_drift_is_followed():
    X, y = drifting(8000)
    found = {}
    for scaling in ("standard", "adaptive"):
        stream = BackpropClassifier(scaling=scaling, random_state=0)
        found[scaling] = share_of_right(stream, X, y)
    assert found["adaptive"] > 0.8
    assert found["adaptive"] > found["standard"] + 0.05


@pytest.mark.parametrize("unit", [1.0, 0.01])
@each_scaling
def test_what_is_known_fades_to_so_many_rows(unit, scaling):
    X, y = drifting(20 * PIECE)
    stream = BackpropRegressor((4,), scaling=scaling, random_state=0)
    mean = variance = None
    for rows, targets in pieces(X, y):
        stream.partial_fit(rows, targets, np.full(PIECE, unit))
        if mean is None:
            mean, variance = rows.mean(axis=0), rows.var(axis=0)
            weight = min(PIECE, RECENT_ROWS[scaling])
            continue
        # Two samples together, the first of which counts as `weight` rows.
        share = PIECE / (weight + PIECE)
        difference = rows.mean(axis=0) - mean
        variance = variance * (1 - share) + rows.var(axis=0) * share
        variance += difference**2 * share * (1 - share)
        mean = mean + difference * share
        weight = min(weight + PIECE, RECENT_ROWS[scaling])
    inputs = stream._model.inputs
    center, scale = (inputs.recent or inputs).center_and_scale
    assert_allclose(center, mean)
    assert_allclose(scale, np.sqrt(variance))
    if scaling == "stream":  # beside these are those of all rows
        center, scale = inputs.center_and_scale
        assert_allclose(center, X.mean(axis=0))
        assert_allclose(scale, X.std(axis=0))


def test_by_default_both_the_level_and_what_is_usual_are_seen():
    random_state = np.random.RandomState(0)
    X, y = drifting(5000)
    level = 4 * np.sin(np.arange(5000) / 300) + random_state.randn(5000)
    X[:, 3] = level
    y = np.where(level > 0, y, 1 - y)
    found = {
        scaling: share_of_right(
            BackpropClassifier(scaling=scaling, random_state=0), X, y
        )
        for scaling in ("auto", "adaptive", "standard")
    }
    assert found["auto"] > found["adaptive"] + 0.05
    assert found["auto"] > found["standard"] + 0.05


def turning(n_rows, seed=0):
    """Return inputs and targets that depend on them in a way that changes."""
    random_state = np.random.RandomState(seed)
    X = random_state.randn(n_rows, 4)
    weights = random_state.randn(4) + 0.03 * random_state.randn(n_rows, 4).cumsum(0)
    return X, 500 + 20 * (np.einsum("ij,ij->i", X, weights) + np.abs(X[:, 0]))


def test_what_changes_is_learned_sooner_than_by_the_settings_of_the_mlp():
    X, y = turning(3000)
    found = {}
    for recipe in ("auto", "mlp"):
        stream, errors = BackpropRegressor(recipe=recipe, random_state=0), []
        scaling = {"auto": "auto", "mlp": "standard"}[recipe]
        stream.set_params(scaling=scaling)
        for rows, targets in pieces(X, y):
            if hasattr(stream, "n_iter_"):
                errors.append(np.mean((stream.predict(rows) - targets) ** 2))
            stream.partial_fit(rows, targets)
        found[recipe] = np.mean(errors[len(errors) // 2 :])
    assert found["auto"] < 0.3 * found["mlp"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_is_that_of_standard_scaling_within_the_bound():
    X, y = drifting(200)
    params = {"hidden_layer_sizes": (8,), "max_iter": 5, "n_iter_no_change": np.inf}
    found, expected = (
        BackpropRegressor(scaling=scaling, random_state=0, **params).fit(X, y)
        for scaling in ("adaptive", "standard")
    )
    assert_array_equal(found.predict(X), expected.predict(X))


@pytest.mark.parametrize("kind", ["adaptive", "stream"])
def test_wild_cells_are_bounded(kind):
    X = np.random.RandomState(0).randn(100, 2)
    statistics = column_statistics(X, None, kind)
    scaled = statistics.scale_cells(np.array([[1e300, -1e300], [3.0, -3.0]]))
    assert_allclose(np.abs(scaled[0]), MARGIN + WIDTH)
    assert np.abs(scaled[1]).max() < MARGIN


@each_scaling
def test_a_column_that_stands_still_and_wakes_up_gives_finite_numbers(scaling):
    X, y = drifting(200 * PIECE)
    X[: len(X) // 4, 1] = 7.0
    X[len(X) // 2 :, 0] = 0.1
    stream = BackpropClassifier((8,), scaling=scaling, random_state=0)
    for rows, labels in pieces(X, y):
        stream.partial_fit(rows, labels, classes=[0, 1])
        assert np.isfinite(stream.predict_proba(rows)).all()
    # A column that stands still long enough says nothing any more.
    quiet = np.repeat(rows[:1], 2, axis=0)
    quiet[1, 0] += 1e-12
    assert_allclose(*stream.predict_proba(quiet), rtol=1e-3)


@each_scaling
def test_sparse_rows_are_learned_as_dense_ones(scaling):
    X, y = drifting(6 * PIECE)
    X *= np.random.RandomState(1).rand(*X.shape) < 0.5
    dense, thin = (
        BackpropClassifier((8,), scaling=scaling, random_state=0) for _ in range(2)
    )
    for rows, labels in pieces(X, y):
        dense.partial_fit(rows, labels, classes=[0, 1])
        thin.partial_fit(sparse.csr_array(rows), labels, classes=[0, 1])
    assert_allclose(thin.predict_proba(X), dense.predict_proba(X), rtol=1e-6)


@each_scaling
def test_a_pickle_goes_on_as_the_original_does(scaling):
    X, y = drifting(8 * PIECE)
    stream = BackpropClassifier((8,), scaling=scaling, random_state=0)
    for rows, labels in pieces(X[: 4 * PIECE], y[: 4 * PIECE]):
        stream.partial_fit(rows, labels, classes=[0, 1])
    copy = pickle.loads(pickle.dumps(stream))
    for rows, labels in pieces(X[4 * PIECE :], y[4 * PIECE :]):
        stream.partial_fit(rows, labels)
        copy.partial_fit(rows, labels)
    assert_array_equal(copy.predict_proba(X), stream.predict_proba(X))


def test_no_weights_for_raw_inputs_do_the_same():
    X, y = drifting(100)
    regressor = BackpropRegressor((), scaling="adaptive", solver="lbfgs").fit(X, y)
    with pytest.raises(ValueError, match="scaling='adaptive' is not linear"):
        regressor.fold_scaling()


@pytest.mark.parametrize(
    ("params", "rate"),
    [
        ({}, 0.005),
        ({"scaling": "standard"}, 0.005),
        ({"hidden_layer_sizes": (8,)}, 0.003),
        ({"scaling": None}, 0.001),
        ({"recipe": "mlp"}, 0.001),
        ({"solver": "sgd"}, 0.001),
    ],
    ids=str,
)
def test_a_stream_has_a_rate_of_its_own(params, rate):
    X, y = drifting(PIECE)
    stream = BackpropRegressor(random_state=0, **params).partial_fit(X, y)
    assert stream.auto_params_["learning_rate_init"] == rate
    stream.partial_fit(X, y)
    assert stream.auto_params_["learning_rate_init"] == rate
    assert stream.history_["learning_rate"] == [rate, rate]
