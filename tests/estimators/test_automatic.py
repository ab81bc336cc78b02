"""What "auto" stands for, and that cosines of the inputs are a part of everything."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.callbacks import ParameterRecorder
from skann.inspection import (
    ErrorSurfaceDisplay,
    UnitContributionDisplay,
    trace_backprop,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

AUTO = dict.fromkeys(
    (
        "learning_rate", "learning_rate_init", "max_iter", "n_iter_no_change",
        "dropout", "weight_decay", "n_frequencies",
    ),
    "auto",
)  # fmt: skip
RECIPE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.005,
    "max_iter": 60,
    "n_iter_no_change": np.inf,
    "dropout": 0.3,
    "weight_decay": 0.1,
    "n_frequencies": 8,
}
X, Y = make_friedman1(120, noise=0.5, random_state=0)


def auto_params(X=X, y=Y, **params):
    regressor = BackpropRegressor((4,), random_state=0, **{**AUTO, **params})
    return regressor.fit(X, y).auto_params_


def embedded(cls=BackpropRegressor, **params):
    settings = {"n_frequencies": 3, "max_iter": 5, "random_state": 0, **params}
    return cls((6,), "tanh", **settings)


def without(values, *names):
    return {name: value for name, value in values.items() if name not in names}


WIDE = np.random.RandomState(0).rand(120, 101)

NO_RECIPE = {"dropout": 0.0, "weight_decay": 0.0, "n_frequencies": 0}
CASES = {
    "a table": ({}, {}),
    "sgd": ({"solver": "sgd"}, NO_RECIPE),
    "unscaled": ({"scaling": None}, NO_RECIPE),
    "few samples": ({"X": X[:99], "y": Y[:99]}, {"dropout": 0.0}),
    "enough samples": ({"X": X[:100], "y": Y[:100]}, {}),
    "many columns": ({"X": WIDE}, {"n_frequencies": 0}),
    "not too many": ({"X": WIDE[:, :100]}, {}),
    "sparse": ({"X": sparse.csr_array(X)}, {"n_frequencies": 0}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_auto_stands_for(case):
    params, changed = CASES[case]
    assert auto_params(**params) == {**RECIPE, **changed}


def test_a_schedule_of_ones_own_is_the_end_of_the_recipe():
    off = NO_RECIPE
    rest = without(RECIPE, "learning_rate")
    assert auto_params(learning_rate="cosine") == {**rest, **off}
    plain = {"learning_rate_init": 0.001, "max_iter": 200, "n_iter_no_change": 10}
    assert auto_params(learning_rate="constant") == {**rest, **off, **plain}
    of_lbfgs = auto_params(solver="lbfgs")
    assert of_lbfgs == {"learning_rate": "one_cycle", **off, **plain}


def test_a_value_of_ones_own_is_kept():
    found = auto_params(max_iter=7, dropout=0.2, n_frequencies=2)
    assert found == without(RECIPE, "max_iter", "dropout", "n_frequencies")


def test_auto_is_the_same_as_the_values_that_it_stands_for():
    auto = BackpropRegressor((6,), random_state=0, **AUTO).fit(X, Y)
    by_hand = BackpropRegressor((6,), random_state=0, **RECIPE).fit(X, Y)
    assert auto.loss_curve_ == by_hand.loss_curve_
    assert_array_equal(auto.predict(X), by_hand.predict(X))
    assert by_hand.auto_params_ == {}
    assert clone(auto).get_params()["dropout"] == "auto"


def test_a_stream_has_a_constant_rate_and_nothing_else():
    stream = BackpropRegressor((6,), random_state=0, **AUTO).partial_fit(X, Y)
    assert stream.history_["learning_rate"] == [0.001]
    assert stream.auto_params_["dropout"] == stream.auto_params_["weight_decay"] == 0
    assert stream.embedding_ is None
    # After a fit it goes on with the cosines that were learned.
    fitted = BackpropRegressor((6,), random_state=0, **AUTO).fit(X, Y)
    frequencies = fitted.embedding_["frequencies"].copy()
    fitted.partial_fit(X, Y)
    assert (fitted.embedding_["frequencies"] != frequencies).any()


def test_the_recipe_learns_more_than_the_defaults():
    X, y = make_friedman1(1200, noise=1.0, random_state=0)
    train, test = slice(0, 600), slice(600, None)
    recipe = BackpropRegressor(
        (256, 256), "silu", init="auto", beta_2=0.95, random_state=0, **AUTO
    ).fit(X[train], y[train])
    plain = BackpropRegressor(random_state=0).fit(X[train], y[train])
    score = recipe.score(X[test], y[test])
    assert score > 0.94  # the noise leaves 0.96
    assert score > plain.score(X[test], y[test]) + 0.02


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("cls", [BackpropRegressor, BackpropClassifier])
def test_the_gradient_is_right_with_cosines(cls, solver, dtype):
    target = Y if cls is BackpropRegressor else np.digitize(Y, [10, 18])
    estimator = embedded(cls, solver=solver, dtype=dtype).fit(X, target)
    weight = np.linspace(0.5, 2, 30)
    report = check_gradient(estimator, X[:30], target[:30], weight)
    assert report.passed, str(report)
    n_weights = sum(W.size for W in estimator.coefs_)
    n_biases = sum(b.size for b in estimator.intercepts_)
    n_embedding = sum(array.size for array in estimator.embedding_.values())
    assert estimator.n_parameters_ == n_weights + n_biases + n_embedding
    assert estimator.coefs_[0].shape == (40, 6)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust"])
def test_the_units_of_columns_do_not_matter(scaling):
    units = 2.0 ** np.arange(-20, 20, 4)
    expected = embedded(scaling=scaling).fit(X, Y).predict(X)
    found = embedded(scaling=scaling).fit(X * units, Y).predict(X * units)
    assert_allclose(found, expected, rtol=1e-6)


def test_cosines_absorb_a_change_of_scale():
    regressor = embedded(learning_rate_init=1e-300).partial_fit(X, Y)
    before = regressor.predict(X)
    regressor.partial_fit(X * 3 + 5, Y * 2)
    assert_allclose(regressor.predict(X), before, rtol=1e-9)


def test_training_in_pieces_is_training_at_once(tmp_path):
    whole = embedded(dropout=0.2, weight_decay=0.1)
    for _ in range(4):
        whole.partial_fit(X, Y)
    pieces = embedded(dropout=0.2, weight_decay=0.1)
    for number in range(4):
        pieces.partial_fit(X, Y)
        joblib.dump(pieces, tmp_path / f"{number}.joblib")
        pieces = joblib.load(tmp_path / f"{number}.joblib")
    assert_array_equal(pieces._theta, whole._theta)


def test_the_embedding_is_shown():
    regressor = embedded().fit(X, Y)
    shapes = {name: array.shape for name, array in regressor.embedding_.items()}
    assert shapes == {
        "factors": (10,),
        "frequencies": (10, 3),
        "phases": (10, 3),
        "mixing_weights": (10, 3, 3),
        "mixing_biases": (10, 3),
    }
    assert BackpropRegressor((3,), max_iter=2).fit(X, Y).embedding_ is None
    assert not hasattr(BackpropRegressor(), "embedding_")


def test_an_irrelevant_input_fades():
    noise = np.random.RandomState(1).randn(2000, 6)
    y = np.sin(2 * noise[:, 0])
    regressor = BackpropRegressor((32,), "silu", random_state=0, **AUTO).fit(noise, y)
    factors = np.abs(regressor.embedding_["factors"])
    assert factors[0] > 3 * factors[1:].max()


def test_inspection_sees_the_columns_that_the_first_layer_takes():
    recorder = ParameterRecorder()
    regressor = embedded().set_callbacks(recorder).fit(X, Y)
    trace = trace_backprop(regressor, X[:4], Y[:4])
    assert trace.layers[0].input.shape == (4, 40)
    output = trace.layers[-1].activation[:, 0]
    scale = regressor._target_statistics
    assert_allclose(
        output * scale["spread"] + scale["center"], regressor.predict(X[:4])
    )
    earlier = recorder.estimator_at(regressor, 3)
    assert_array_equal(earlier.predict(X), embedded(max_iter=3).fit(X, Y).predict(X))
    plt = pytest.importorskip("matplotlib.pyplot")
    surface = ErrorSurfaceDisplay.from_estimator(
        regressor, X, Y, recorder=recorder, grid_resolution=3
    )
    assert_allclose(surface.path[-1], surface.trained, atol=1e-9)
    curve = embedded().fit(X[:, :1], Y)
    units = UnitContributionDisplay.from_estimator(curve, X[:, :1], Y)
    assert_allclose(curve.predict(units.x[:, np.newaxis]), units.output)
    plt.close("all")


@pytest.mark.parametrize(
    ("params", "data", "words"),
    [
        ({"learning_rate_init": "fast"}, X, "learning_rate_init"),
        ({"dropout": "some"}, X, "dropout"),
    ],
    ids=["rate", "dropout"],
)
def test_what_makes_no_sense_is_refused(params, data, words):
    estimator = BackpropRegressor((3,), **params)
    with pytest.raises(ValueError, match=words):
        estimator.fit(data, Y)
    assert not hasattr(estimator, "coefs_")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_inputs_can_have_cosines_too(solver):
    # Without a scaling, as sparse columns are not centred.
    dense = embedded(scaling=None, solver=solver).fit(X, Y)
    other = embedded(scaling=None, solver=solver).fit(sparse.csr_array(X), Y)
    assert_allclose(other.loss_curve_, dense.loss_curve_, rtol=1e-9)
    assert_allclose(other.predict(sparse.csr_array(X)), dense.predict(X), rtol=1e-9)
    assert_allclose(dense.predict(sparse.csr_array(X)), dense.predict(X), rtol=1e-9)


def test_there_are_no_weights_for_raw_inputs():
    with pytest.raises(ValueError, match="n_frequencies=0"):
        embedded().fit(X, Y).fold_scaling()


def test_training_does_not_go_on_with_other_cosines():
    regressor = embedded().fit(X, Y).set_params(n_frequencies=4)
    with pytest.raises(ValueError, match="n_frequencies"):
        regressor.partial_fit(X, Y)


def test_a_schedule_with_an_end_is_no_reason_to_warn(recwarn):
    BackpropRegressor((3,), random_state=0, **AUTO).fit(X, Y)
    assert not [w for w in recwarn if w.category is ConvergenceWarning]
