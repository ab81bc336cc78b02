"""Estimators of tables with categories and missing values, converted by skl2onnx."""

import numpy as np
import pytest
from exported import CLASSES, NUMBERS
from exported_tables import TABLES, fitted_to_table
from onnx_runs import by_onnxruntime, inputs_of, require_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skann import BackpropClassifier, BackpropRegressor
from skann.export import register_onnx_converters

skl2onnx = pytest.importorskip("skl2onnx")
data_types = pytest.importorskip("skl2onnx.common.data_types")

# Training ends at max_iter here, and skl2onnx has warnings of its own.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:skl2onnx"),
]

SMALL = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0}
GAPS = TABLES["gaps"][0]
# skl2onnx guesses the types of columns by their first cell, and knows no objects.
FRAME = TABLES["frame"][0][["colour", "size", "is_new", "count", "name"]]


@pytest.fixture(autouse=True)
def registered():
    register_onnx_converters()


def require_conversion(estimator, X, atol_of_float=False):
    options = {"zipmap": False} if hasattr(estimator, "classes_") else None
    model = skl2onnx.to_onnx(estimator, X[1:2], options=options)
    outputs = by_onnxruntime(model)(inputs_of(model, X))
    require_equal(estimator, X, outputs, narrow=atol_of_float)
    return model


@pytest.mark.parametrize(
    "around",
    [
        lambda c: c,
        make_pipeline,
        lambda c: GridSearchCV(c, {"alpha": [0.1, 1.0]}, cv=2),
        lambda c: make_pipeline(GridSearchCV(c, {"alpha": [0.1, 1.0]}, cv=2)),
    ],
    ids=["alone", "pipeline", "search", "search in a pipeline"],
)
def test_a_frame_has_an_input_for_each_column(around):
    made = around(BackpropClassifier(**SMALL)).fit(FRAME, CLASSES)
    model = require_conversion(made, FRAME)
    assert [item.name for item in model.graph.input] == list(FRAME)


def test_a_regressor_of_a_frame():
    require_conversion(BackpropRegressor(**SMALL).fit(FRAME, NUMBERS), FRAME)


@pytest.mark.parametrize(
    "around",
    [
        lambda c: c,
        make_pipeline,
        lambda c: CalibratedClassifierCV(c, cv=2),
        lambda c: VotingClassifier(
            [("a", c), ("b", c)], voting="soft", flatten_transform=False
        ),
        lambda c: StackingClassifier([("network", c)], LogisticRegression(), cv=2),
    ],
    ids=["alone", "pipeline", "calibrated", "voting", "stacking"],
)
def test_gaps_come_in_a_matrix(around):
    made = around(BackpropClassifier(**SMALL)).fit(GAPS, CLASSES)
    require_conversion(made, GAPS)


@pytest.mark.parametrize("kind", ["Float", "Double", "Int64"])
def test_labels_that_are_numbers_come_in_a_matrix_of_any_type(kind):
    X = np.c_[np.arange(60.0), CLASSES]
    estimator = BackpropClassifier(**SMALL, categorical_features=[1])
    estimator.fit(X, CLASSES)
    tensor = getattr(data_types, f"{kind}TensorType")([None, 2])
    model = skl2onnx.convert_sklearn(
        estimator, initial_types=[("X", tensor)], options={"zipmap": False}
    )
    outputs = by_onnxruntime(model)(inputs_of(model, X))
    require_equal(estimator, X, outputs, narrow=kind != "Double")


def test_all_columns_of_text_may_come_in_one_matrix():
    estimator = fitted_to_table("text alone", "strings")
    frame = TABLES["text alone"][0].fillna("<NA>")
    model = skl2onnx.convert_sklearn(
        estimator,
        initial_types=[("X", data_types.StringTensorType([None, 2]))],
        options={"zipmap": False},
    )
    outputs = by_onnxruntime(model)({"X": frame.to_numpy(object)})
    require_equal(estimator, TABLES["text alone"][0], outputs, narrow=True)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["String"], "numeric column is declared as text"),
        (["Double"], "categories of 'colour' are text, but its input is float64"),
        (["String", "String"], "one input with all of them or one input per column"),
        (["String", "Double", "String", "Int64", "String"], None),
        (["String", "String", "Boolean", "Int64", "String"], "is declared as text"),
    ],
)
def test_types_that_do_not_fit_are_refused(kinds, message):
    estimator = BackpropClassifier(**SMALL).fit(FRAME, CLASSES)
    n_columns = FRAME.shape[1] if len(kinds) == 1 else 1
    types = [
        (f"X{j}", getattr(data_types, f"{kind}TensorType")([None, n_columns]))
        for j, kind in enumerate(kinds)
    ]
    options = {"zipmap": False}
    if message is None:  # truth values as text are well defined
        skl2onnx.convert_sklearn(estimator, initial_types=types, options=options)
        return
    with pytest.raises(ValueError, match=message):
        skl2onnx.convert_sklearn(estimator, initial_types=types, options=options)
