"""ONNX models are run by onnxruntime and by the reference, and compared."""

import numpy as np
import pytest
from exported import outputs_of
from numpy.testing import assert_allclose, assert_array_equal

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
reference = pytest.importorskip("onnx.reference")

DTYPES = ("float32", "float64")


def by_onnxruntime(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda X: session.run(None, X if isinstance(X, dict) else {"X": X})


def by_reference(model):
    evaluator = reference.ReferenceEvaluator(model)

    def run(X):
        with np.errstate(all="ignore"):  # it computes what is then not chosen, by numpy
            return evaluator.run(None, X if isinstance(X, dict) else {"X": X})

    return run


RUNTIMES = {"onnxruntime": by_onnxruntime, "reference": by_reference}


def require_equal(estimator, X, outputs, *, narrow):
    """Check labels and values of a model against those of the estimator."""
    labels, values = outputs_of(estimator, X)
    ours = outputs[-1]
    assert ours.shape == values.shape
    if labels is None:
        size = np.abs(values).max(axis=0)
        size = np.maximum(size, getattr(estimator, "size_of_targets", 0))
        size = np.where(size == 0, 1, size)
        assert_allclose(
            ours / size, values / size, rtol=0, atol=1e-6 if narrow else 1e-12
        )
        return
    assert_allclose(ours, values, rtol=0, atol=3e-6 if narrow else 1e-12)
    assert_array_equal(outputs[0], labels)
    if len(estimator.classes_) > 1:
        assert ours.min() > 0
        assert ours.max() < 1


def inputs_of(model, table):
    """Return what an ONNX model takes for a table: a matrix, or each column."""
    inputs = model.graph.input
    dtypes = [
        onnx.helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type)
        for item in inputs
    ]
    if len(inputs) == 1 and inputs[0].name == "X":
        return {"X": np.asarray(table, dtypes[0])}
    feeds = {}
    for item, dtype, name in zip(inputs, dtypes, table, strict=True):
        column = table[name]
        if dtype.kind == "O":  # missing text is any that is no level; "" is one here
            column = column.astype(object).where(column.notna(), "<NA>").map(str)
        feeds[item.name] = column.to_numpy(dtype)[:, np.newaxis]
    return feeds
