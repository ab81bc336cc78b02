"""Missing values, in training and at prediction."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from mixed_tables import FRAME, INPUTS, LABELS, N_ROWS, NUMBERS, TARGETS
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.impute import SimpleImputer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.inspection import NetworkDiagramDisplay, trace_backprop

IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(IGNORE)

CLASSES = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
BOTH = pytest.mark.parametrize("kind", CLASSES)

X = np.random.RandomState(0).normal(3, 2, (40, 3))
Y = X[:, 0] - X[:, 1]
HOLES = X.copy()
HOLES[::5, 1] = np.nan


def make(kind, **params):
    defaults = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
    return CLASSES[kind](**{**defaults, **params})


def regressor(**params):
    return make("regressor", **params)


# ------------------------------------------------------------------------------ gaps

AS_TABLE = {
    "array": lambda array: array,
    "float32": lambda array: array.astype(np.float32),
    "objects": lambda array: np.where(np.isnan(array), None, array.astype(object)),
    "pandas": pd.DataFrame,
    "pandas, nullable": lambda array: pd.DataFrame(array).astype("Float64"),
    "polars": pl.DataFrame,
    "sparse": sparse.csr_array,
    "list": np.ndarray.tolist,
}


@pytest.mark.parametrize("name", AS_TABLE)
def test_gaps_are_filled_with_the_median_and_marked(name):
    table = AS_TABLE[name](HOLES)
    estimator = regressor(dtype="float64").fit(table, Y)
    filled = np.where(np.isnan(HOLES), np.nanmedian(HOLES, axis=0), HOLES)
    model = estimator._model
    matrix = model.columns.matrix(np.asarray(HOLES), [])
    # A fifth is missing, so that the standard deviation of the marks is 0.4.
    assert_allclose(matrix, np.c_[np.isnan(HOLES[:, 1]) / 0.4, filled], rtol=1e-7)
    names = [key for key in estimator.input_weights() if key.startswith("missing")]
    assert len(names) == 1
    expected = regressor(dtype="float64").fit(HOLES, Y).predict(HOLES)
    rtol = 1e-4 if name == "float32" else 1e-9
    assert_allclose(estimator.predict(table), expected, rtol=rtol)


def test_a_fit_is_that_behind_an_imputer_with_an_indicator():
    imputer = SimpleImputer(strategy="median", add_indicator=True)
    encoded = imputer.fit_transform(HOLES)
    encoded[:, :3] = (encoded[:, :3] - encoded[:, :3].mean(axis=0)) / (
        encoded[:, :3].std(axis=0)
    )
    options = {"solver": "lbfgs", "recipe": "mlp"}
    encoded[:, 3] /= 0.4
    scaled = (Y - Y.mean()) / Y.std()
    # Of convex problems, whose solution does not depend on the order of the columns.
    options |= {"hidden_layer_sizes": (), "alpha": 1.0, "tol": 1e-9, "max_iter": 500}
    ours = regressor(scaling="standard", **options).fit(HOLES, Y)
    theirs = regressor(scaling=None, **options).fit(encoded, scaled)
    expected = theirs.predict(encoded) * Y.std() + Y.mean()
    assert_allclose(ours.predict(HOLES), expected, rtol=1e-5)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust", "bounded"])
@pytest.mark.parametrize("as_matrix", [np.array, sparse.csr_array])
def test_a_gap_where_training_had_none_is_the_centre_of_its_column(scaling, as_matrix):
    estimator = regressor(scaling=scaling).fit(as_matrix(X), Y)
    center = {
        "standard": X.mean(axis=0),
        "minmax": (X.min(axis=0) + X.max(axis=0)) / 2,
        "robust": np.median(X, axis=0),
        "bounded": X.mean(axis=0),
    }[scaling]
    filled = np.where(np.isnan(HOLES), center, HOLES)
    expected = estimator.predict(as_matrix(filled))
    assert_allclose(estimator.predict(as_matrix(HOLES)), expected, rtol=1e-9)


def test_numbers_without_gaps_are_what_they_were():
    estimator = regressor().fit(X, Y)
    assert estimator._model.columns is None
    assert_array_equal(
        estimator.predict(X), regressor(categorical_features=None).fit(X, Y).predict(X)
    )


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("column", ["weight", "size"])
def test_infinity_is_refused(value, column):
    with pytest.raises(ValueError, match="infinity"):
        regressor().fit(FRAME.assign(**{column: value}), NUMBERS)
    with pytest.raises(ValueError, match="infinity"):
        regressor().fit(FRAME, NUMBERS).predict(FRAME.assign(**{column: value}))


def test_rows_of_weight_zero_count_as_absent():
    weight = np.ones(len(X))
    weight[::5] = 0  # which are those with the gaps
    estimator = regressor().fit(HOLES, Y, weight)
    assert estimator.coefs_[0].shape[0] == 3
    weight = np.tile([0.0, 2.0], 20)
    estimator = regressor().fit(HOLES, Y, weight)
    assert estimator._model.columns.fills[1] == np.nanmedian(HOLES[1::2, 1])


def test_a_column_of_gaps_alone_says_nothing():
    empty = np.c_[X, np.full(len(X), np.nan)]
    estimator = regressor().fit(empty, Y)
    assert np.isfinite(estimator.predict(empty)).all()
    assert not estimator.input_weights()["x3"].any()


# ------------------------------------------------------------- what goes on working

WAYS = {
    "sgd": {"solver": "sgd"},
    "lbfgs": {"solver": "lbfgs"},
    "members": {"n_members": 4, "learning_rate": "cycles", "max_iter": 8},
    "stopping": {"early_stopping": True, "scoring": "loss"},
    "scorer": {"early_stopping": True, "scoring": "neg_max_error"},
    "float32": {"dtype": "float32"},
    "cosines": {"n_frequencies": 2},
    "ranks": {"n_frequencies": 2, "scaling": "bounded"},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "absolute error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "quantiles": {"loss": "quantile", "quantile": [0.2, 0.8]},
    "poisson": {"loss": "poisson"},
    "gamma": {"loss": "gamma"},
}


@pytest.mark.parametrize("name", WAYS)
def test_every_way_to_train_takes_tables(name):
    y = NUMBERS - NUMBERS.min() + 1
    options = {"sample_weight": np.linspace(1, 2, N_ROWS)}
    if name == "scorer":
        options = {}  # it takes none
    if name == "stopping":
        options |= {"X_val": FRAME[::-1], "y_val": y[::-1]}
    estimator = regressor(**WAYS[name]).fit(FRAME, y, **options)
    assert np.isfinite(estimator.predict(FRAME)).all()
    if "n_members" not in WAYS[name]:
        assert check_gradient(estimator, FRAME, y)


def test_validation_data_may_have_gaps_where_training_had_none():
    estimator = regressor(early_stopping=True)
    estimator.fit(X, Y, X_val=HOLES, y_val=Y)
    assert estimator.best_validation_score_ == estimator.score(HOLES, Y)
    estimator.fit(HOLES, Y, X_val=HOLES[:, ::1], y_val=Y)
    assert estimator.best_validation_score_ == estimator.score(HOLES, Y)


@pytest.mark.parametrize("scoring", [None, "loss", "r2"])
def test_validation_data_are_read_as_the_training_data_are(scoring):
    estimator = regressor(early_stopping=True, scoring=scoring)
    estimator.fit(FRAME, NUMBERS, X_val=FRAME, y_val=NUMBERS)
    if scoring != "loss":
        assert_allclose(
            estimator.best_validation_score_, estimator.score(FRAME, NUMBERS)
        )


@BOTH
def test_a_stream_keeps_the_columns_of_its_first_piece(kind):
    y = TARGETS[kind]
    classes = {"classes": [0, 1]} if kind == "classifier" else {}
    estimator = make(kind).partial_fit(FRAME[:30], y[:30], **classes)
    names = list(estimator.input_weights())
    later = FRAME[30:].assign(color="Mars", weight=np.nan)
    estimator.partial_fit(later, y[30:])
    assert list(estimator.input_weights()) == names == INPUTS
    assert np.isfinite(estimator.predict(later)).all()


def test_a_stream_without_gaps_goes_on_with_some():
    estimator = regressor().partial_fit(X, Y)
    expected = regressor().partial_fit(X, Y)
    expected.partial_fit(np.where(np.isnan(HOLES), X.mean(axis=0), HOLES), Y)
    estimator.partial_fit(HOLES, Y)
    assert_allclose(estimator.predict(X), expected.predict(X), rtol=1e-9)


@BOTH
def test_a_warm_fit_in_two_parts_is_one(kind):
    y = TARGETS[kind]
    once = make(kind, max_iter=6).fit(FRAME, y)
    twice = make(kind, warm_start=True).fit(FRAME, y).fit(FRAME, y)
    assert_array_equal(once.predict(FRAME), twice.predict(FRAME))


def test_a_row_of_weight_two_is_two_rows():
    weight = np.tile([1.0, 2.0], N_ROWS // 2)
    rows = np.repeat(np.arange(N_ROWS), weight.astype(int))
    options = {"solver": "lbfgs", "hidden_layer_sizes": (), "tol": 1e-9, "alpha": 1.0}
    # The scale of several levels follows their rows, whatever these weigh.
    table = FRAME.drop(columns="color")
    weighted = regressor(max_iter=500, **options).fit(table, NUMBERS, weight)
    repeated = regressor(max_iter=500, **options)
    repeated.fit(table.iloc[rows], NUMBERS[rows])
    expected = repeated.predict(table)
    assert_allclose(weighted.predict(table), expected, rtol=1e-4)


def test_a_step_is_traced_with_the_indicators_as_inputs():
    estimator = regressor().fit(FRAME, NUMBERS)
    trace = trace_backprop(estimator, FRAME[:2], NUMBERS[:2])
    assert trace.layers[0].input.shape == (2, len(INPUTS))


def test_a_diagram_names_indicators():
    pytest.importorskip("matplotlib").use("agg")
    estimator = regressor(n_frequencies=0).fit(FRAME, NUMBERS)
    display = NetworkDiagramDisplay.from_estimator(estimator, FRAME[:1])
    assert display.names[0] == INPUTS


def test_a_search_and_a_pipeline_take_tables():
    search = GridSearchCV(make("classifier"), {"alpha": [0.1, 1.0]}, cv=3)
    search.fit(FRAME, LABELS)
    assert np.isfinite(search.best_score_)
    pipeline = make_pipeline(FunctionTransformer(), regressor())
    assert np.isfinite(cross_val_score(pipeline, FRAME, NUMBERS, cv=3)).all()


def test_importances_and_partial_dependence_take_tables():
    estimator = regressor(max_iter=30, learning_rate_init=0.05).fit(FRAME, NUMBERS)
    found = permutation_importance(estimator, FRAME, NUMBERS, random_state=0)
    assert found.importances_mean.shape == (5,)
    for column in ("color", "weight"):
        table = FRAME.dropna()
        curve = partial_dependence(
            estimator, table, [column], categorical_features=["color"]
        )
        assert np.isfinite(curve["average"]).all()


def test_a_clone_has_learned_nothing():
    estimator = regressor(categorical_features=["color", "is_new"])
    copied = clone(estimator.fit(FRAME, NUMBERS))
    assert copied.categorical_features == ["color", "is_new"]


def test_an_interval_and_out_of_fold_predictions_of_a_table():
    data = load_diabetes(as_frame=True)
    table = data.data.mask(data.data > 0.08)
    table["sex"] = np.where(data.data["sex"] > 0, "f", "m")
    estimator = BackpropRegressor(max_iter=24, random_state=0).fit(table, data.target)
    assert estimator.oof_score_ > 0.3
    assert estimator.predict_interval(table).shape == (len(table), 2)
