"""What "auto" stands for, and that cosines of the inputs are a part of everything."""

import re
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.callbacks import ParameterRecorder
from skann.estimators.recipes import ALONE, QUICK, RECIPES, epochs_of_cycles
from skann.inspection import (
    ErrorSurfaceDisplay,
    UnitContributionDisplay,
    trace_backprop,
)
from skann.training.optimizers import Adam
from skann.training.schedules import Cosine, Cycles

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# The numbers are those of the code; which of them hold when is what is tested.
SMOOTHING = RECIPES["table"]["label_smoothing"]
WITH_END = {"learning_rate_init": 0.005, "max_iter": 60, "n_iter_no_change": np.inf}
WITHOUT_END = {"learning_rate_init": 0.001, "max_iter": 200, "n_iter_no_change": 10}
RECIPE = {**RECIPES["table"], **WITH_END, "max_iter": epochs_of_cycles(120, "auto")}
del RECIPE["label_smoothing"]  # which a regressor has not
# Of a single network.
ONE = {**RECIPE, **ALONE, "max_iter": 60}
X, Y = make_friedman1(120, noise=0.5, random_state=0)


# What the MLP has, and nothing of what it does not have.
MLP = MLPRegressor().get_params()
PLAIN = {name: MLP.get(name, 0) for name in RECIPE} | {
    "scaling": "standard",
    "dtype": None,
    "n_members": 1,
}


def auto_params(X=X, y=Y, **params):
    return BackpropRegressor(random_state=0, **params).fit(X, y).auto_params_


def embedded(cls=BackpropRegressor, **params):
    settings = {"n_frequencies": 3, "max_iter": 5, "random_state": 0, **params}
    return cls((6,), "tanh", **settings)


def parameters(regressor):
    """Return all that was learned, the embedding of the inputs included."""
    layers = [*regressor.coefs_, *regressor.intercepts_]
    arrays = [*layers, *regressor.embedding_.values()]
    return np.concatenate([array.ravel() for array in arrays])


def without(values, *names):
    return {name: value for name, value in values.items() if name not in names}


WIDE = np.random.RandomState(0).rand(120, 101)
SPREAD = np.random.RandomState(1).randn(101, 1001)

CASES = {
    "a table": ({}, RECIPE),
    "few samples": ({"X": X[:99], "y": Y[:99]}, PLAIN),
    "enough samples": ({"X": X[:100], "y": Y[:100]}, RECIPE),
    "many columns": ({"X": WIDE}, {**RECIPE, "n_frequencies": 1}),
    "too many columns": (
        {"X": WIDE @ SPREAD, "max_iter": 1},
        {**without(RECIPE, "max_iter"), **QUICK, "n_frequencies": 0},
    ),
    "not too many": ({"X": WIDE[:, :100]}, RECIPE),
    "two values": ({"X": np.rint(X)}, {**RECIPE, "n_frequencies": 1}),
    "three values": ({"X": np.rint(2 * X)}, RECIPE),
    "two values in most columns": ({"X": np.c_[np.rint(X), X[:, :1]]}, RECIPE),
    "sparse": ({"X": sparse.csr_array(X)}, {**RECIPE, "n_frequencies": 0}),
    "sgd": ({"solver": "sgd"}, PLAIN),
    "lbfgs": ({"solver": "lbfgs"}, PLAIN),
    "lbfgs, stopped early": (
        {"solver": "lbfgs", "early_stopping": True},
        {**PLAIN, "n_iter_no_change": np.inf},
    ),
    "an optimizer": ({"solver": Adam()}, PLAIN),
    "unscaled": ({"scaling": None}, PLAIN),
    "constant": ({"learning_rate": "constant"}, PLAIN),
    "a narrow layer": ({"hidden_layer_sizes": (64, 31)}, PLAIN),
    "wide layers": ({"hidden_layer_sizes": (64, 32)}, ONE),
    "no hidden layer": ({"hidden_layer_sizes": ()}, PLAIN),
    "an end": ({"learning_rate": "cosine"}, {**RECIPE, "max_iter": 60}),
    "one cycle": ({"learning_rate": "one_cycle"}, {**RECIPE, "max_iter": 60}),
    "its own schedule by name": ({"learning_rate": "cycles"}, RECIPE),
    "an end of one's own": (
        {"learning_rate": Cosine(5)}, {**RECIPE, "max_iter": 60},
    ),
    "cycles of one's own": (
        {"learning_rate": Cycles(24)}, {**RECIPE, "max_iter": 60},
    ),
    "an end for sgd": (
        {"learning_rate": "cosine", "solver": "sgd"},
        {
            **PLAIN, **WITH_END,
        },
    ),
    "an end by the score": (
        {"early_stopping": True},
        {**ONE, **QUICK, "n_iter_no_change": 10, "max_iter": 30},
    ),
    "a tolerance": ({"tol": 1e-3}, {**RECIPE, "n_iter_no_change": 10}),
    "the table's by name": (
        {"recipe": "table", "X": X[:50], "y": Y[:50], "hidden_layer_sizes": (3,)},
        ONE,
    ),
    "the table's for sgd": ({"recipe": "table", "solver": "sgd"}, RECIPE),
    "the table's for lbfgs": (
        {"recipe": "table", "solver": "lbfgs"},
        {
            **ONE, **WITHOUT_END,
            "dropout": 0.0, "weight_decay": 0.0, "dtype": None,
        },
    ),
    "the MLP's by name": ({"recipe": "mlp"}, {**PLAIN, "scaling": None}),
    "values of one's own": (
        {"max_iter": 40, "dropout": 0.2, "n_frequencies": 2},
        RECIPE,
    ),
    "an activation of one's own": ({"activation": "tanh"}, RECIPE),
    "one network": ({"n_members": 1}, ONE),
    "members": ({"n_members": 5}, RECIPE),
    "few epochs": ({"max_iter": 23}, {**ONE, **QUICK}),
    "not so few": ({"max_iter": 24}, RECIPE),
    "members of one's own": (
        {"n_members": 2, "hidden_layer_sizes": (40,), "max_iter": 7}, RECIPE,
    ),
    "members, stopped early": (
        {"n_members": 4, "early_stopping": True},
        {**RECIPE, "n_iter_no_change": 10, "max_iter": 30},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_auto_stands_for(case):
    params, expected = CASES[case]
    assert auto_params(**params) == without(expected, *params)


@pytest.mark.parametrize(
    ("cls", "peer"),
    [(BackpropRegressor, MLPRegressor), (BackpropClassifier, MLPClassifier)],
)
def test_unscaled_data_are_learned_as_the_mlp_learns_them(cls, peer):
    y = Y if cls is BackpropRegressor else np.digitize(Y, [10, 18])
    ours = cls(scaling=None, random_state=0).fit(X, y)
    theirs = peer(random_state=0).fit(X, y)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    exactly = cls(scaling=None, **theirs.get_params()).fit(X, y)
    assert exactly.loss_curve_ == ours.loss_curve_
    by_name = cls(recipe="mlp", random_state=0).fit(X, y)
    assert by_name.loss_curve_ == ours.loss_curve_
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)


@pytest.mark.parametrize("cls", [BackpropRegressor, BackpropClassifier])
def test_auto_is_the_same_as_the_values_that_it_stands_for(cls):
    y = Y if cls is BackpropRegressor else np.digitize(Y, [10, 18])
    values = RECIPE
    if cls is BackpropClassifier:
        values = {**RECIPE, "label_smoothing": SMOOTHING}
    auto = cls(random_state=0).fit(X, y)
    by_hand = cls(random_state=0, **values).fit(X, y)
    assert auto.auto_params_ == values
    assert auto.loss_curve_ == by_hand.loss_curve_
    for learned, named in zip(auto.coefs_, by_hand.coefs_, strict=True):
        assert_array_equal(learned, named)
    # The network is in float32 either way; named, so are its predictions.
    assert_allclose(auto.predict(X), by_hand.predict(X), rtol=1e-6)
    assert by_hand.auto_params_ == {}
    assert clone(auto).get_params()["dropout"] == "auto"


STREAM = {
    **PLAIN, "hidden_layer_sizes": (64, 64), "activation": "silu", "batch_size": 20,
    "learning_rate_init": 0.005, "n_members": 4, "scaling": "stream",
    "dtype": "float32",
}  # fmt: skip
MLP_OF_STREAM = {**PLAIN, "learning_rate_init": 0.003}


@pytest.mark.parametrize(
    ("params", "expected", "reason"),
    [
        ({}, STREAM, "may drift"),
        ({"learning_rate": "constant"}, without(STREAM, "learning_rate"), "may drift"),
        ({"n_members": 2}, without(STREAM, "n_members"), "may drift"),
        (
            {"hidden_layer_sizes": (40,)},
            without({**STREAM, "n_members": 1}, "hidden_layer_sizes"),
            "may drift",
        ),
        (
            {"hidden_layer_sizes": (20,)},
            without(MLP_OF_STREAM, "hidden_layer_sizes"),
            "fewer than 32 units",
        ),
        (
            {"learning_rate": "exponential"},
            without(MLP_OF_STREAM, "learning_rate"),
            "is not constant",
        ),
        ({"solver": "sgd"}, PLAIN, "is not 'adam'"),
        ({"scaling": None}, without(PLAIN, "scaling"), "not scaled"),
        ({"recipe": "stream"}, STREAM, "was set"),
    ],
    ids=str,
)
def test_a_stream_has_a_recipe_of_its_own(params, expected, reason):
    stream = BackpropRegressor(random_state=0, **params).partial_fit(X, Y)
    assert stream.auto_params_ == expected
    # The second piece follows what the first one chose.
    for piece in (X[:7], Y[:7]), (X, Y):
        stream.partial_fit(*piece)
        known = {name: stream.auto_params_[name] for name in expected}
        assert {**known, "dtype": expected["dtype"]} == expected
        assert stream.recipe_ == ("stream" if "batch_size" in expected else "mlp")
        assert reason in stream.recipe_reason_


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_columns_of_a_stream_stand_twice_if_they_are_few_and_dense(container):
    few, many = (np.random.RandomState(0).rand(30, n) for n in (100, 101))
    for rows, scaling in ((few, "stream"), (many, "standard")):
        stream = BackpropRegressor(random_state=0)
        stream.partial_fit(container(rows), rows[:, 0])
        if container is not np.asarray:
            scaling = "standard"
        assert stream.auto_params_["scaling"] == scaling
        assert stream.predict(container(rows)).shape == (30,)


def test_training_goes_on_after_a_stream_and_a_stream_after_a_fit():
    stream = BackpropRegressor(random_state=0).partial_fit(X, Y)
    assert stream.history_["learning_rate"] == [0.005]
    assert stream.embedding_ is None
    # After a fit it goes on with the network that was trained, cosines included.
    fitted = BackpropRegressor(random_state=0).fit(X, Y)
    frequencies = fitted.embedding_["frequencies"].copy()
    fitted.partial_fit(X, Y)
    assert (fitted.embedding_["frequencies"] != frequencies).any()
    for name in ("hidden_layer_sizes", "activation", "n_members"):
        assert fitted.auto_params_[name] == RECIPE[name]
    # And a fit that goes on after a stream, with the stream's.
    stream.set_params(warm_start=True, max_iter=3).fit(X, Y)
    expected = {
        "n_frequencies": 0, "scaling": "stream", "n_members": 4,
    }  # fmt: skip
    assert stream.auto_params_ == without({**RECIPE, **expected}, "max_iter")


def test_the_defaults_learn_more_than_the_mlp():
    X, y = make_friedman1(1200, noise=1.0, random_state=0)
    train, test = slice(0, 600), slice(600, None)
    ours = BackpropRegressor(random_state=0).fit(X[train], y[train])
    plain = BackpropRegressor(random_state=0, learning_rate="constant")
    score = ours.score(X[test], y[test])
    assert score > 0.94  # the noise leaves 0.96
    assert score > plain.fit(X[train], y[train]).score(X[test], y[test]) + 0.02


@pytest.mark.every(5)
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
    assert_array_equal(parameters(pieces), parameters(whole))


def test_the_embedding_is_shown():
    regressor = embedded().fit(X, Y)
    shapes = {name: array.shape for name, array in regressor.embedding_.items()}
    assert shapes == {
        "factors": (10,),
        "frequencies": (3, 10),
        "phases": (3, 10),
    }
    assert BackpropRegressor((3,), max_iter=2).fit(X, Y).embedding_ is None
    assert not hasattr(BackpropRegressor(), "embedding_")


def test_an_irrelevant_input_fades():
    noise = np.random.RandomState(1).randn(2000, 6)
    y = np.sin(2 * noise[:, 0])
    regressor = BackpropRegressor((32,), random_state=0).fit(noise, y)
    factors = np.abs(regressor.embedding_["factors"])
    assert factors[0] > 3 * factors[1:].max()


def test_inspection_sees_the_columns_that_the_first_layer_takes():
    recorder = ParameterRecorder()
    regressor = embedded().set_callbacks(recorder).fit(X, Y)
    trace = trace_backprop(regressor, X[:4], Y[:4])
    assert trace.layers[0].input.shape == (4, 40)
    output = trace.layers[-1].activation[:, 0]
    assert_allclose(output * Y.std() + Y.mean(), regressor.predict(X[:4]))
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
    BackpropRegressor(random_state=0).fit(X, Y)
    assert not [w for w in recwarn if w.category is ConvergenceWarning]


def test_whether_anything_is_learned_is_judged_with_all_units():
    inputs = np.random.RandomState(0).randn(500, 5)
    with pytest.warns(ConvergenceWarning, match="nothing was learned"):
        BackpropRegressor(random_state=0).fit(np.ones_like(inputs), inputs[:, 0])
    with pytest.warns(ConvergenceWarning, match="nothing was learned"):
        BackpropRegressor((32,), random_state=0).fit(np.ones_like(inputs), inputs[:, 0])
    # With a tenth of the units the loss is larger than that of the mean, 0.5.
    regressor = BackpropRegressor(
        (64,), dropout=0.9, max_iter=20, n_frequencies=0, random_state=2
    )
    with warnings.catch_warnings(action="error"):
        regressor.fit(inputs, inputs[:, 0])
    assert regressor.loss_ > 0.6
    assert regressor.score(inputs, inputs[:, 0]) > 0.1


# ------------------------------------------------------------------ what people type


REASONS = {
    "a table": ({}, "table", "100 samples or more"),
    "few samples": ({"n": 60}, "mlp", "60 samples are fewer than 100"),
    "sgd": ({"solver": "sgd"}, "mlp", "solver='sgd' is not 'adam'"),
    "constant": (
        {"learning_rate": "constant"}, "mlp", "learning_rate='constant' has no end",
    ),
    "narrow": ({"hidden_layer_sizes": (64, 4)}, "mlp", "fewer than 32 units"),
    "unscaled": ({"scaling": None}, "mlp", "not scaled"),
    "by name": ({"recipe": "mlp"}, "mlp", "recipe='mlp' was set"),
    "slow": ({"learning_rate_init": 1e-4}, "mlp", "0.0001 is too small"),
    "not slow": ({"learning_rate_init": 0.001}, "table", "100 samples or more"),
    "few steps": ({"batch_size": 4096}, "mlp", "batch_size=4096 allows too few steps"),
    "enough steps": ({"batch_size": 100}, "table", "100 samples or more"),
    "two reasons": (
        {"solver": "lbfgs", "scaling": None}, "mlp", "'lbfgs'.* and .*not scaled",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:batch_size=4096 is larger")
@pytest.mark.parametrize("case", REASONS)
def test_the_recipe_and_its_reason_are_named(case):
    params, recipe, reason = REASONS[case]
    params = dict(params)
    n = params.pop("n", 120)
    regressor = BackpropRegressor(max_iter=2, random_state=0, **params)
    regressor.fit(X[:n], Y[:n])
    assert regressor.recipe_ == recipe
    assert re.search(reason, regressor.recipe_reason_), regressor.recipe_reason_
    html = regressor._repr_html_()
    assert "recipe_" in html
    assert "recipe_reason_" in html
    assert "auto_params_" in html


@pytest.mark.parametrize("cls", [BackpropRegressor, BackpropClassifier])
def test_max_iter_is_a_cap_of_the_recipes_cycle(cls):
    y = Y if cls is BackpropRegressor else np.digitize(Y, [10, 18])
    usual = cls(random_state=0).fit(X, y)
    many = cls(random_state=0, max_iter=1000).fit(X, y)
    assert many.loss_curve_ == usual.loss_curve_
    few = cls(random_state=0, max_iter=7).fit(X, y)
    assert few.n_iter_ == 7
    assert few.history_["learning_rate"][-1] < 0.15 * max(few.history_["learning_rate"])
    # A schedule that is named takes all of it.
    named = cls(random_state=0, learning_rate="one_cycle", max_iter=7).fit(X, y)
    assert named.loss_curve_ == few.loss_curve_
    longer = cls(
        random_state=0, learning_rate="one_cycle", max_iter=70, n_members=1
    ).fit(X, y)
    assert longer.n_iter_ == 70
    assert longer.recipe_ == "table"


def test_lbfgs_has_no_cycle_that_max_iter_would_cap():
    params = {"recipe": "table", "solver": "lbfgs", "n_frequencies": 0, "tol": 0.0}
    regressor = BackpropRegressor((4,), max_iter=70, random_state=0, **params)
    assert regressor.fit(X, Y).n_iter_ == 70


@pytest.mark.parametrize("n_members", [1, "auto"])
def test_the_value_that_auto_stood_for_changes_nothing(n_members):
    params = {"random_state": 0, "n_members": n_members}
    if n_members == "auto":
        params["max_iter"] = 24  # which takes less time, and changes none of the others
    auto = BackpropRegressor(**params).fit(X, Y)
    for name in auto.auto_params_:
        # The dtype is also that of predictions. Who names layers has one network in
        # mind, and says so for more.
        if name == "dtype" or (name == "hidden_layer_sizes" and n_members == "auto"):
            continue
        named = BackpropRegressor(**{**params, name: auto.auto_params_[name]})
        assert named.fit(X, Y).loss_curve_ == auto.loss_curve_, name


@pytest.mark.parametrize(
    "params",
    [{"early_stopping": True}, {"tol": 0.1}, {"n_iter_no_change": 3}],
    ids=str,
)
def test_who_asks_for_an_end_gets_one_with_the_recipe(params):
    noise = np.random.RandomState(3).randn(300, 5)
    regressor = BackpropRegressor(random_state=0, n_members=1, **params)
    regressor.fit(noise, noise[::-1, 0])
    assert regressor.recipe_ == "table"
    assert regressor.n_iter_ < 60


@pytest.mark.parametrize("cls", [BackpropRegressor, BackpropClassifier])
def test_rows_after_a_fit_do_not_destroy_it(cls):
    random_state = np.random.RandomState(0)
    X, new = random_state.randn(600, 4), random_state.randn(20, 4)

    def target(X):
        values = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
        return values if cls is BackpropRegressor else (values > 0).astype(int)

    model = cls(random_state=0).fit(X, target(X))
    before = model.score(X, target(X))
    settings = without(model.auto_params_, "learning_rate", "learning_rate_init")
    for row in new:
        model.partial_fit([row], target(row[np.newaxis]))
    assert model.score(X, target(X)) > before - 0.01
    assert model.recipe_ == "table"
    kept = {name: model.auto_params_[name] for name in ("beta_2", "dropout", "dtype")}
    assert kept.items() <= settings.items()


def test_a_stream_that_has_moved_is_followed():
    random_state = np.random.RandomState(0)

    def batch(n, shift):
        X = random_state.randn(n, 4) + shift
        return X, np.sin(2 * X[:, 0]) + X[:, 1] * (1 if shift == 0 else -1)

    ours = BackpropRegressor(random_state=0).fit(*batch(1000, 0.0))
    first = batch(1000, 0.0)
    theirs = MLPRegressor(random_state=0).fit(*first)
    for _ in range(200):
        moved = batch(100, 1.0)
        ours.partial_fit(*moved)
        theirs.partial_fit(*moved)
    test = batch(1000, 1.0)
    assert ours.score(*test) > theirs.score(*test)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_recipe_in_float32_keeps_the_precision_of_the_data(offset):
    inputs, y = X + offset, Y + offset
    regressor = BackpropRegressor(random_state=0).fit(inputs, y)
    assert regressor.coefs_[0].dtype == np.float32
    predicted = regressor.predict(inputs)
    assert predicted.dtype == np.float64
    if offset == 0.0:
        return
    plain = BackpropRegressor(random_state=0).fit(X, Y)
    assert_allclose(predicted - offset, plain.predict(X), atol=0.05 * Y.std())
    assert regressor.score(inputs, y) == pytest.approx(plain.score(X, Y), abs=0.01)
    # Float32 data are predicted in float32.
    narrow = BackpropRegressor(random_state=0).fit(X.astype("float32"), Y)
    assert narrow.predict(X.astype("float32")).dtype == np.float32


def test_weights_beyond_float32_are_no_obstacle_for_the_recipe():
    weight = np.linspace(1, 2, len(Y))
    usual = BackpropRegressor(random_state=0).fit(X, Y, weight)
    huge = BackpropRegressor(random_state=0).fit(X, Y, weight * 1e50)
    assert_allclose(huge.predict(X), usual.predict(X), rtol=1e-3)
