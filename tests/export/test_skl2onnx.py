"""Estimators within pipelines and other estimators, converted by skl2onnx."""

import numpy as np
import pandas as pd
import pytest
from exported import CLASSES, FAR, NUMBERS, TARGETS, fitted, inputs_for, outputs_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skann import BackpropClassifier, BackpropRegressor
from skann.export import register_onnx_converters

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
data_types = pytest.importorskip("skl2onnx.common.data_types")

# Training ends at max_iter here, and skl2onnx has warnings of its own.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:skl2onnx"),
]

SMALL = {"hidden_layer_sizes": (5,), "max_iter": 30, "random_state": 0}
TWO = (NUMBERS > 0).astype(int)
STRINGS = np.array(["no", "yes"])[TWO]


@pytest.fixture(autouse=True)
def registered():
    register_onnx_converters()


def run(estimator, X, *, opset=None, **options):
    """Return what the converted estimator gives out for a matrix."""
    tensor = data_types.DoubleTensorType
    if X.dtype == np.float32:
        tensor = data_types.FloatTensorType
    if X.dtype == np.int64:
        tensor = data_types.Int64TensorType
    options = {"zipmap": False, **options} if hasattr(estimator, "classes_") else {}
    model = skl2onnx.convert_sklearn(
        estimator,
        initial_types=[("X", tensor([None, X.shape[1]]))],
        options={id(estimator): options},
        target_opset=opset,
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"X": X})


def require_equal(estimator, X, outputs, atol):
    labels, values = outputs_of(estimator, X)
    if labels is None:
        assert_allclose(outputs[0], values, rtol=atol, atol=atol)
        return
    assert_allclose(outputs[1], values, rtol=0, atol=atol)
    assert_array_equal(outputs[0], labels)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_estimator_alone(target, dtype):
    estimator = fitted(target, "silu", "bounded", "float64", "members of two groups")
    X = inputs_for("bounded").astype(dtype)
    outputs = run(estimator, X)
    require_equal(estimator, X, outputs, 3e-6 if dtype == "float32" else 1e-12)
    assert outputs[-1].dtype == dtype


AROUND = {
    "pipeline": (lambda c: make_pipeline(StandardScaler(), c), STRINGS),
    "search": (lambda c: GridSearchCV(c, {"alpha": [0.1, 1.0]}, cv=2), CLASSES),
    "search in a pipeline": (
        lambda c: make_pipeline(
            StandardScaler(), GridSearchCV(c, {"alpha": [0.1, 1.0]}, cv=2)
        ),
        TWO,
    ),
    "voting": (
        lambda c: VotingClassifier(
            [("network", c), ("line", LogisticRegression())],
            voting="soft", flatten_transform=False,
        ),
        CLASSES,
    ),
    "voting by labels": (
        lambda c: VotingClassifier(
            [("network", c), ("line", LogisticRegression())], flatten_transform=False
        ),
        CLASSES,
    ),
    "stacking": (
        lambda c: StackingClassifier(
            [("network", c), ("line", LogisticRegression())], LogisticRegression(), cv=2
        ),
        CLASSES,
    ),
    "stacking of two classes": (
        lambda c: StackingClassifier([("network", c)], LogisticRegression(), cv=2),
        STRINGS,
    ),
    "stacking of decisions": (
        lambda c: StackingClassifier(
            [("network", c)], LogisticRegression(), cv=2,
            stack_method="decision_function",
        ),
        CLASSES,
    ),
    "network on top": (
        lambda c: StackingClassifier([("line", LogisticRegression())], c, cv=2),
        CLASSES,
    ),
    "calibrated": (lambda c: CalibratedClassifierCV(c, cv=2), TWO),
    "calibrated strings": (lambda c: CalibratedClassifierCV(c, cv=2), STRINGS),
    "calibrated, three classes": (lambda c: CalibratedClassifierCV(c, cv=2), CLASSES),
    "calibrated, two outputs": (
        lambda c: CalibratedClassifierCV(
            c.set_params(output_activation="softmax"), cv=2
        ),
        TWO,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AROUND)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_built_around_a_classifier(name, dtype):
    build, y = AROUND[name]
    X = FAR[:, :4].astype(dtype)
    X = (X - X.mean(axis=0)) / X.std(axis=0)  # the others do not scale
    made = build(BackpropClassifier(**SMALL)).fit(X, y)
    options = {}
    if name == "voting by labels":
        outputs = run(made, X)
        assert_array_equal(outputs[0], made.predict(X))
        return
    require_equal(
        made, X, run(made, X, **options), 5e-6 if dtype == "float32" else 1e-9
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda r: make_pipeline(StandardScaler(), r),
        lambda r: GridSearchCV(r, {"alpha": [0.1, 1.0]}, cv=2),
        lambda r: VotingRegressor([("network", r), ("line", Ridge())]),
        lambda r: StackingRegressor([("network", r)], Ridge(), cv=2),
    ],
    ids=["pipeline", "search", "voting", "stacking"],
)
def test_what_is_built_around_a_regressor(build):
    X = (FAR - FAR.mean(axis=0))[:, :4]
    made = build(BackpropRegressor(**SMALL)).fit(X, NUMBERS)
    require_equal(made, X, run(made, X), 1e-9)


def test_columns_of_several_kinds():
    colours = np.array(["red", "green", "blue"])[CLASSES]
    frame = pd.DataFrame({"size": FAR[:, 0], "width": FAR[:, 1], "colour": colours})
    made = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", "passthrough", ["size", "width"]),
                ("words", OneHotEncoder(sparse_output=False), ["colour"]),
            ]
        ),
        BackpropClassifier(**SMALL),
    ).fit(frame, STRINGS)
    kinds = [data_types.DoubleTensorType] * 2 + [data_types.StringTensorType]
    model = skl2onnx.convert_sklearn(
        made,
        initial_types=[
            (name, kind([None, 1])) for name, kind in zip(frame, kinds, strict=True)
        ],
        options={"zipmap": False},
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds = {name: frame[[name]].to_numpy() for name in frame}
    outputs = session.run(None, feeds)
    assert_array_equal(outputs[0], made.predict(frame))
    # The column transformer of skl2onnx concatenates in float32.
    assert outputs[1].shape == (len(frame), 2)


@pytest.mark.parametrize(
    "target", ["two classes", "two outputs", "three classes", "labels"]
)
def test_raw_scores_are_decision_values(target):
    estimator = fitted(target)
    X = inputs_for("standard")
    outputs = run(estimator, X, raw_scores=True)
    scores = estimator.decision_function(X)
    if scores.ndim == 1:
        scores = np.c_[-scores, scores]
    assert_allclose(outputs[1], scores, rtol=1e-12, atol=1e-12)
    assert_array_equal(outputs[0], estimator.predict(X))


def test_other_options_of_classifiers():
    estimator, X = fitted("three strings"), inputs_for("standard")
    numbers = run(estimator, X, nocl=True)[0]
    assert_array_equal(np.array(list("abc"))[numbers], estimator.predict(X))
    X = X.astype(np.float32)  # in float64 there are no dicts
    by_class = run(estimator, X, zipmap=True)[1]
    assert set(by_class[0]) == set("abc")
    assert_allclose(
        [row["b"] for row in by_class], estimator.predict_proba(X)[:, 1], atol=3e-6
    )


def test_integers_come_in_as_well():
    X = np.random.RandomState(0).randint(9, size=(60, 3))
    estimator = BackpropRegressor(**SMALL).fit(X, X[:, 0])
    outputs = run(estimator, X)
    assert_allclose(outputs[0][:, 0], estimator.predict(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opset", [13, 17, 18])
def test_sets_of_operators(opset):
    estimator = fitted("three classes", "gelu", "bounded", "float64", "cosines")
    X = inputs_for("bounded")
    require_equal(estimator, X, run(estimator, X, opset=opset), 1e-12)
