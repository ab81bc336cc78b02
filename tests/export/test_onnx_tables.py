"""ONNX models of tables with categories and missing values."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from exported import CLASSES, SCALINGS, SHAPES, TARGETS
from exported_tables import TABLES, fitted_to_table
from numpy.testing import assert_array_equal
from onnx_runs import (
    DTYPES,
    RUNTIMES,
    by_onnxruntime,
    inputs_of,
    onnx,
    require_equal,
)

from skann import BackpropClassifier, BackpropRegressor
from skann.export import to_onnx, to_sklearn

WHERE = pytest.mark.parametrize("runtime", RUNTIMES)


def as_given(table, feeds):
    """Return a table with its numbers as the inputs of a model hold them."""
    if isinstance(table, np.ndarray):
        return feeds["X"]
    if "X" in feeds:  # of truth values and floats
        return table.astype(
            dict.fromkeys(table.select_dtypes("float"), feeds["X"].dtype)
        )
    dtypes = {
        name: cells.dtype
        for name, cells in zip(table, feeds.values(), strict=True)
        if cells.dtype.kind == "f"
    }
    return table.astype(dtypes)


def check(estimator, tables, dtype, *, opset=None, runtimes=tuple(RUNTIMES)):
    """Compare a model with the estimator that it was made of."""
    model = to_onnx(estimator, dtype=dtype, opset=opset)
    onnx.checker.check_model(model, full_check=True)
    narrow = "float32" in (dtype, estimator.dtype)
    for runtime in runtimes:
        run = RUNTIMES[runtime](model)
        for table in tables:
            feeds = inputs_of(model, table)
            outputs = run(feeds)
            assert outputs[-1].dtype == dtype
            require_equal(estimator, as_given(table, feeds), outputs, narrow=narrow)


def each_pair():
    """Return cases in which each two options of three kinds meet, in both dtypes."""
    return [
        (table, target, list(SHAPES)[(row + column) % len(SHAPES)], dtype)
        for row, table in enumerate(TABLES)
        for column, target in enumerate(TARGETS)
        for dtype in DTYPES
    ]


@pytest.mark.every(11)
@pytest.mark.parametrize(("table", "target", "shape", "fit_dtype"), each_pair())
def test_the_model_computes_what_the_estimator_does(table, target, shape, fit_dtype):
    estimator = fitted_to_table(table, target, shape=shape, dtype=fit_dtype)
    X, _, strange = TABLES[table]
    for dtype in DTYPES:
        check(estimator, [X, strange], dtype)


@pytest.mark.parametrize(
    ("scaling", "table"), [*product(SCALINGS[1:], ["gaps", "frame"])]
)
def test_every_scaling(scaling, table):
    X, _, strange = TABLES[table]
    estimator = fitted_to_table(table, "three classes", scaling=scaling)
    check(estimator, [X, strange], "float64", runtimes=["onnxruntime"])


def test_without_scaling_labels_come_in_but_gaps_do_not():
    estimator = fitted_to_table("numbers as labels alone", "one target", scaling=None)
    check(estimator, TABLES["numbers as labels alone"][::2], "float64")
    X = np.c_[CLASSES, np.linspace(0, 1, len(CLASSES))]
    estimator = BackpropRegressor(
        (3,), scaling=None, categorical_features=[0], solver="lbfgs", random_state=0
    ).fit(X, X[:, 1])
    check(estimator, [X], "float64")
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.predict(X)
    with pytest.raises(Exception, match="X_or_the_output_for_it_is_not_finite"):
        by_onnxruntime(to_onnx(estimator))(X)


@pytest.mark.parametrize("opset", [13, 17, 18, 22])
def test_every_set_of_operators_from_13_on(opset):
    X, _, strange = TABLES["frame"]
    estimator = fitted_to_table("frame", "strings", shape="members of two groups")
    check(estimator, [X, strange], "float64", opset=opset)


@pytest.mark.parametrize("n_rows", [0, 1])
@pytest.mark.parametrize("table", ["gaps", "numbers as labels alone", "frame"])
@WHERE
def test_one_row_and_none(n_rows, table, runtime):
    shape = "members of two groups"
    estimator = fitted_to_table(table, "three strings", shape=shape)
    X = TABLES[table][0][:n_rows]
    model = to_onnx(estimator)
    outputs = RUNTIMES[runtime](model)(inputs_of(model, X))
    assert [output.shape for output in outputs] == [(n_rows,), (n_rows, 3)]
    if n_rows:
        require_equal(estimator, X, outputs, narrow=False)


def test_inputs_have_the_names_and_types_of_columns():
    frame = TABLES["frame"][0]
    model = to_onnx(fitted_to_table("frame", "strings"), dtype="float32")
    inputs = {
        item.name: onnx.TensorProto.DataType.Name(item.type.tensor_type.elem_type)
        for item in model.graph.input
    }
    assert inputs == {
        "colour": "STRING",
        "size": "FLOAT",
        "label_input": "STRING",  # an output is called label
        "is_new": "BOOL",
        "weight": "FLOAT",
        "nearly all": "STRING",
        "name": "STRING",
        "count": "FLOAT",
        "is_old": "STRING",  # a truth value that may be missing
        "place": "INT64",
        "share": "FLOAT",
    }
    y = TARGETS["strings"][2]
    estimator = BackpropClassifier((3,), solver="lbfgs", random_state=0)
    estimator.fit(frame[["colour", "size"]].astype(object).to_numpy(), y)
    assert [item.name for item in to_onnx(estimator).graph.input] == ["X0", "X1"]
    for table in ("gaps", "numbers as labels", "truth values"):
        made = to_onnx(fitted_to_table(table, "one target"))
        assert [item.name for item in made.graph.input] == ["X"]


@WHERE
def test_what_is_missing_may_have_any_name_that_is_no_level(runtime):
    frame = TABLES["text alone"][0][["label"]][:4]
    estimator = fitted_to_table("one column of text", "two classes")
    expected = estimator.predict_proba(frame.assign(label=None))
    run = RUNTIMES[runtime](to_onnx(estimator))
    for missing in ("", "nan", "None", None, np.nan, "<NA>"):
        cells = np.full((4, 1), missing, object)
        assert_array_equal(run({"label_input": cells})[1].round(12), expected.round(12))


def test_infinity_is_refused():
    frame = TABLES["frame"][0][:3].copy()
    model = to_onnx(fitted_to_table("frame", "strings"))
    frame.loc[1, "weight"] = np.inf
    with pytest.raises(Exception, match="X_or_the_output_for_it_is_not_finite"):
        by_onnxruntime(model)(inputs_of(model, frame))


def fitted_to_labels(levels):
    table = pd.DataFrame({"label": np.tile(np.array(levels, object), 10)})
    estimator = BackpropRegressor(
        (3,), solver="lbfgs", random_state=0, categorical_features=["label"]
    )
    return estimator.fit(table, np.arange(len(table)))


def test_what_cannot_be_expressed_is_refused():
    with pytest.raises(ValueError, match="'label' have several"):
        to_onnx(fitted_to_labels(["a", 1]))
    with pytest.raises(ValueError, match="exceed the range of int64"):
        to_onnx(fitted_to_labels([1, 2**70]))
    precise = fitted_to_labels([0.1, 0.7])
    to_onnx(precise)
    with pytest.raises(ValueError, match="cannot be distinguished in float32"):
        to_onnx(precise, dtype="float32")
    with pytest.raises(ValueError, match="Encode and impute these"):
        to_sklearn(fitted_to_table("gaps", "one target"))
