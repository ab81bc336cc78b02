"""A fitted estimator as an ONNX model, alone or within skl2onnx."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.base import is_classifier

from skann.estimators.fitted import model_of, target_of
from skann.export.onnx_graph.graph import Graph, Value
from skann.export.onnx_graph.layers import run_network
from skann.export.onnx_graph.members import mean_of_members
from skann.export.onnx_graph.outputs import (
    Predictions,
    labels_as_tensor,
    predict,
    refuse_what_is_not_finite,
)
from skann.export.onnx_graph.scaling import fill_gaps, scale
from skann.export.parts import refuse_unknown_parts

FIRST_OPSET = 13
USUAL_OPSET = 18


def to_onnx(
    estimator: Any, *, dtype: str | None = None, opset: int | None = None
) -> Any:
    """Return a fitted estimator as an ONNX model that takes raw inputs.

    Everything is in the graph: scaling, ranks, cosines, members and their mean,
    calibration, and the units of the target. Scaling and units are computed in float64
    whatever the dtype, as in skann; the network itself in float32 if the fit or `dtype`
    is float32.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    dtype : {"float32", "float64"}, default=None
        The dtype of inputs and outputs. None is that of predictions for the data of the
        fit: usually float64, which is that of most arrays.

    opset : int, default=None
        The version of ONNX's set of operators, from 13. None is 18.

    Returns
    -------
    model : onnx.ModelProto
        A model with one input, "X", of shape (n_samples, n_features). The outputs of a
        classifier are "label", int64 or strings of shape (n_samples,) (of indicators
        int64 of shape (n_samples, n_labels)), and "probabilities", of shape
        (n_samples, n_classes). That of a regressor is "variable", of shape (n_samples,
        n_outputs), with a column for each quantile if there are several. Infinity in X
        is refused, as in skann, and so is NaN if X is not scaled: the run ends with an
        error at the node "X_or_the_output_for_it_is_not_finite".

    Raises
    ------
    ImportError
        Without the package onnx.

    NotFittedError
        Before `fit`.

    ValueError
        If a parameter is invalid, or if something in the estimator cannot be expressed:
        an activation of your own, or labels that are neither integers nor strings.

    See Also
    --------
    register_onnx_converters : Lets skl2onnx convert pipelines around the estimator.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skann import BackpropClassifier
    >>> from skann.export import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = BackpropClassifier((20,), solver="lbfgs", random_state=0)
    >>> model = to_onnx(classifier.fit(X, y))
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    model = model_of(estimator)
    helper = _import_onnx().helper
    dtype = model.architecture.output_dtype if dtype is None else dtype
    if not isinstance(dtype, str) or dtype not in ("float32", "float64"):
        raise ValueError(f"dtype must be 'float32' or 'float64'. Got {dtype!r}.")
    opset = USUAL_OPSET if opset is None else opset
    if isinstance(opset, bool) or not isinstance(opset, int) or opset < FIRST_OPSET:
        raise ValueError(f"opset must be an int from {FIRST_OPSET}. Got {opset!r}.")
    graph = Graph(opset)
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    predictions = write_graph(Value(graph, "X", dtype), estimator)
    n_in = model.architecture.layer_sizes[0]
    n_values = _n_values(estimator)
    X = helper.make_tensor_value_info("X", number, ["n_samples", n_in])
    outputs = []
    if predictions.labels is None:
        graph.rename(predictions.values, "variable")
    else:
        graph.rename(predictions.labels, "label")
        graph.rename(predictions.values, "probabilities")
        outputs.append(_label_info(helper, estimator))
    name = "variable" if predictions.labels is None else "probabilities"
    shape = ["n_samples", n_values]
    outputs.append(helper.make_tensor_value_info(name, number, shape))
    made = helper.make_graph(
        graph.nodes, type(estimator).__name__, [X], outputs, graph.initializers
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(
        made,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="skann",
    )


def _import_onnx() -> Any:
    """Return the package onnx, or say how to get it."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "to_onnx needs the package onnx: pip install 'skann[onnx]'."
        ) from error
    return onnx


def _n_values(estimator: Any) -> int:
    """Return the number of columns of probabilities or predictions."""
    if is_classifier(estimator):
        return len(estimator.classes_)
    return model_of(estimator).architecture.layer_sizes[-1]


def _label_info(helper: Any, estimator: Any) -> Any:
    """Return the type and shape of labels."""
    from onnx import TensorProto

    target, shape = target_of(estimator), ["n_samples"]
    if target.kind == "indicators":
        n_labels: Any = len(estimator.classes_)
        return helper.make_tensor_value_info(
            "label", TensorProto.INT64, [*shape, n_labels]
        )
    is_text = labels_as_tensor(estimator.classes_).dtype == object
    kind = TensorProto.STRING if is_text else TensorProto.INT64
    return helper.make_tensor_value_info("label", kind, shape)


def write_graph(
    X: Value, estimator: Any, *, numbers_as_labels: bool = False
) -> Predictions:
    """Write the nodes of a fitted estimator, and return its predictions.

    Parameters
    ----------
    X : Value
        The raw inputs, float32 or float64, which is the dtype of what comes out.

    estimator : BackpropClassifier or BackpropRegressor
        The estimator.

    numbers_as_labels : bool, default=False
        Whether the labels of a classifier are to be 0, 1, 2 and so on.
    """
    model = model_of(estimator)
    target: Any = target_of(estimator)
    if numbers_as_labels:
        target = replace(target, classes=np.arange(len(target.classes)))
    refuse_unknown_parts(model)
    dtype: DTypeLike = X.dtype
    narrow = np.float32 in (X.dtype, model.theta.dtype)
    network_dtype = np.dtype(np.float32 if narrow else np.float64)
    X = fill_gaps(X, model.inputs)
    raw = run_network(model, scale(X, model.inputs, network_dtype)).astype(dtype)
    architecture = model.architecture
    if model.theta.ndim > 1:
        raw = mean_of_members(
            raw, architecture.n_members, architecture.output_activation
        )
    if model.offsets is not None:
        raw = raw / model.temperature + model.offsets
    raw = refuse_what_is_not_finite(X, raw)
    return predict(model, target, raw)
