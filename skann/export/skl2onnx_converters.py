"""Converters with which skl2onnx exports skann's estimators, also in pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from skann.estimators.classifier import BackpropClassifier
from skann.estimators.fitted import model_of, target_of
from skann.estimators.regressor import BackpropRegressor
from skann.export.onnx_graph.graph import ML_DOMAIN, ML_OPSET, Graph, Value, concatenate
from skann.export.onnx_graph.outputs import labels_as_tensor
from skann.export.onnx_model import write_graph

# The options of skl2onnx's own classifiers.
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "raw_scores": [True, False],
    "nocl": [True, False],
    "output_class_labels": [False, True],
}


def register_onnx_converters() -> None:
    """Register converters for skann's estimators in skl2onnx.

    After this call, `skl2onnx.to_onnx` converts the estimators alone and in pipelines,
    column transformers, searches, stacking, voting and calibrated classifiers. It
    writes the same graph as `to_onnx`. Classifiers have the same options as those of
    skl2onnx: "zipmap", "raw_scores" (decision values instead of probabilities, as
    required by calibrated classifiers), "nocl" and "output_class_labels".

    The input is one matrix of all columns, or one of shape (n_samples, 1) per column,
    as skl2onnx provides for a data frame. Columns of text must be strings, and numeric
    columns must be numbers: a preceding ColumnTransformer that mixes both is not
    supported.

    Raises
    ------
    ImportError
        If the package skl2onnx is not installed.

    See Also
    --------
    to_onnx : Convert an estimator without skl2onnx.

    Examples
    --------
    >>> from skann.export import register_onnx_converters
    >>> register_onnx_converters()
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "register_onnx_converters needs the package skl2onnx: pip install skl2onnx."
        ) from error
    for kind, options in ((BackpropClassifier, OPTIONS), (BackpropRegressor, None)):
        alias = f"Skann{kind.__name__}"
        update_registered_converter(kind, alias, _set_shapes, _convert, options=options)


class _ContainerGraph(Graph):
    """A graph whose nodes are added to a container of skl2onnx."""

    def __init__(self, scope: Any, container: Any):
        super().__init__(int(container.target_opset))
        self._scope = scope
        self._container = container

    def new_name(self, kind):
        return self._scope.get_unique_variable_name(f"skann_{kind.lower()}")

    def write_node(self, op, inputs, outputs, name, domain="", **attributes):
        name = self._scope.get_unique_operator_name(name)
        if domain == ML_DOMAIN:
            attributes["op_version"] = ML_OPSET
        self._container.add_node(
            op, inputs, outputs, op_domain=domain, name=name, **attributes
        )

    def write_constant(self, array, name):
        from onnx import TensorProto, numpy_helper

        if array.dtype == object:
            content = [text.encode() for text in array.ravel()]
            self._container.add_initializer(
                name, TensorProto.STRING, list(array.shape), content
            )
            return
        tensor = numpy_helper.from_array(array, name)
        self._container.add_initializer(
            name, tensor.data_type, list(array.shape), tensor
        )


def _dtype_of(variable: Any) -> np.dtype:
    """Return the dtype of a variable of skl2onnx; object for text."""
    from onnx import helper

    tensor = variable.type.to_onnx_type().tensor_type
    return np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))


def _is_double(operator: Any) -> bool:
    """Return whether any input of an operator is float64."""
    return any(_dtype_of(variable) == np.float64 for variable in operator.inputs)


def _set_shapes(operator: Any) -> None:
    """Set the types and shapes of the outputs of an operator."""
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    estimator = operator.raw_operator
    n_inputs, n_columns = len(operator.inputs), estimator.n_features_in_
    if n_inputs not in (1, n_columns):
        raise ValueError(
            f"The estimator was fitted to {n_columns} columns, and needs either one "
            f"input with all of them or one input per column. Got {n_inputs} inputs."
        )
    n_rows = operator.inputs[0].get_first_dimension()
    of_values = DoubleTensorType if _is_double(operator) else FloatTensorType
    if not is_classifier(estimator):
        n_outputs = model_of(estimator).architecture.layer_sizes[-1]
        operator.outputs[0].type = of_values([n_rows, n_outputs])
        return
    n_classes, is_multilabel = len(estimator.classes_), _is_multilabel(estimator)
    of_labels = Int64TensorType
    if not _wants_numbers(operator.scope_inst, estimator) and (
        labels_as_tensor(estimator.classes_).dtype == object
    ):
        of_labels = StringTensorType
    operator.outputs[0].type = of_labels(
        [n_rows, n_classes] if is_multilabel else [n_rows]
    )
    operator.outputs[1].type = of_values([n_rows, n_classes])


def _is_multilabel(estimator: Any) -> bool:
    """Return whether a classifier predicts an indicator matrix."""
    return target_of(estimator).kind == "indicators"


def _wants_numbers(scope: Any, estimator: Any) -> bool:
    """Return whether to use the indices of the classes as labels."""
    return bool(scope.get_options(estimator, {"nocl": False})["nocl"])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Write the nodes of an operator."""
    estimator = operator.raw_operator
    graph = _ContainerGraph(scope, container)
    dtype = np.float64 if _is_double(operator) else np.float32
    inputs = [
        Value(graph, variable.full_name, _dtype_of(variable))
        for variable in operator.inputs
    ]
    numbers = is_classifier(estimator) and _wants_numbers(scope, estimator)
    predictions = write_graph(inputs, estimator, dtype, numbers_as_labels=numbers)
    if predictions.labels is None:
        graph.rename(predictions.values, operator.outputs[0].full_name)
        return
    values = predictions.values
    wants_scores = container.get_options(estimator, {"raw_scores": False})["raw_scores"]
    if wants_scores and predictions.scores is not None:
        values = predictions.scores()
        if target_of(estimator).kind == "labels" and len(estimator.classes_) == 2:
            # One column per class, like skl2onnx's linear classifiers.
            values = concatenate([-values, values], axis=1)
    graph.rename(predictions.labels, operator.outputs[0].full_name)
    graph.rename(values, operator.outputs[1].full_name)
