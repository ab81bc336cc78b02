"""Conversion of a fitted estimator to ONNX, alone or within skl2onnx."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.base import is_classifier

from skann.core.layers.dense import Dense
from skann.estimators.fitted import model_of, target_of
from skann.export.onnx_graph.graph import Graph, Value, concatenate
from skann.export.onnx_graph.layers import calibrate, refuse_unknown_layers, run_network
from skann.export.onnx_graph.members import mean_of_members
from skann.export.onnx_graph.outputs import (
    Predictions,
    labels_as_tensor,
    predict,
)
from skann.export.onnx_graph.scaling import fill_gaps, folds, scale
from skann.export.onnx_graph.tables import (
    Inputs,
    input_dtypes,
    of_numbers,
    prepare,
    takes_columns,
)
from skann.export.parts import refuse_unknown_parts

FIRST_OPSET = 13
USUAL_OPSET = 18


def to_onnx(
    estimator: Any, *, dtype: str | None = None, opset: int | None = None
) -> Any:
    """Convert a fitted estimator to an ONNX model that takes raw inputs.

    The graph contains all processing steps: categories, missing values, scaling, ranks,
    cosines, the mean of the members, calibration, and the units of the target. As in
    skann, scaling and units are computed in float64 for any dtype; the network itself
    is computed in float32 if the fit or `dtype` is float32.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    dtype : {"float32", "float64"}, default=None
        The dtype of inputs and outputs. If None, the dtype of predictions for the
        training data, which is usually float64.

    opset : int, default=None
        The version of the ONNX operator set, at least 13. If None, 18 is used.

    Returns
    -------
    model : onnx.ModelProto
        A model with one input, "X", of shape (n_samples, n_features). For a table with
        text, it has one input of shape (n_samples, 1) per column, with the name of the
        column (X0, X1 and so on if columns have no names; "_input" is appended if an
        output has the same name). The inputs are strings for text, where any unknown
        string stands for a missing value; bool for booleans, or strings if the training
        data had missing ones; int64 for integer labels; and `dtype` for other numbers,
        with NaN for missing values.

        The outputs of a classifier are "label", int64 or strings of shape (n_samples,)
        (for multilabel targets, int64 of shape (n_samples, n_labels)), and
        "probabilities", of shape (n_samples, n_classes). The output of a regressor is
        "variable", of shape (n_samples, n_outputs), with one column per quantile if
        there are several. As in skann, infinite values in X are errors, and so are NaN
        if X is not scaled: the run fails at the node
        "X_or_the_output_for_it_is_not_finite".

    Raises
    ------
    ImportError
        If the package onnx is not installed.

    NotFittedError
        If the estimator is not fitted.

    ValueError
        If a parameter is invalid, or if the estimator cannot be expressed in ONNX
        because of a custom activation, class labels that are neither integers nor
        strings, or a column with categories of several types.

    See Also
    --------
    register_onnx_converters : Let skl2onnx convert pipelines with the estimator.

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
        raise ValueError(
            f"opset must be an int of at least {FIRST_OPSET}. Got {opset!r}."
        )
    names = column_names(estimator)
    dtypes = [np.dtype(dtype)]
    if model.columns is not None and takes_columns(model.columns):
        dtypes = input_dtypes(model.columns, names, dtype)
    else:
        names = ["X"]
    infos = _output_infos(helper, estimator, dtype)
    outputs = [info.name for info in infos]
    names = _told_apart(names, outputs)
    graph = Graph(opset, [*names, *outputs])
    values = [Value(graph, *of) for of in zip(names, dtypes, strict=True)]
    predictions = write_graph(values, estimator, dtype)
    if predictions.labels is not None:
        graph.rename(predictions.labels, "label")
    graph.rename(predictions.values, outputs[-1])
    n_columns = estimator.n_features_in_ if len(names) == 1 else 1
    made = helper.make_graph(
        graph.nodes,
        type(estimator).__name__,
        [
            helper.make_tensor_value_info(
                value.name,
                helper.np_dtype_to_tensor_dtype(value.dtype),
                ["n_samples", n_columns],
            )
            for value in values
        ],
        infos,
        graph.initializers,
    )
    opsets = [helper.make_opsetid(*item) for item in graph.domains.items()]
    return helper.make_model(
        made,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="skann",
    )


def _import_onnx() -> Any:
    """Import the package onnx, or raise an error that says how to install it."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "to_onnx needs the package onnx: pip install 'skann[onnx]'."
        ) from error
    return onnx


def column_names(estimator: Any) -> list[str]:
    """Return the names of the columns of X; X0, X1 and so on if they have none."""
    numbers = range(estimator.n_features_in_)
    names = getattr(estimator, "feature_names_in_", [f"X{j}" for j in numbers])
    return [str(name) for name in names]


def _told_apart(names: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Return unique names of inputs, which differ from those of the outputs."""
    taken, unlike = set(outputs), []
    for name in names:
        while name in taken or (name in names and name in unlike):
            name += "_input"
        taken.add(name)
        unlike.append(name)
    return unlike


def _output_infos(helper: Any, estimator: Any, dtype: DTypeLike) -> list[Any]:
    """Return the names, types and shapes of the predictions of an estimator."""
    from onnx import TensorProto

    n_samples, number = "n_samples", helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    if not is_classifier(estimator):
        n_outputs = model_of(estimator).architecture.layer_sizes[-1]
        shape = [n_samples, n_outputs]
        return [helper.make_tensor_value_info("variable", number, shape)]
    shape = [n_samples, len(estimator.classes_)]
    probabilities = helper.make_tensor_value_info("probabilities", number, shape)
    kind = TensorProto.INT64
    if target_of(estimator).kind != "indicators":
        shape = [n_samples]
        if labels_as_tensor(estimator.classes_).dtype == object:
            kind = TensorProto.STRING
    return [helper.make_tensor_value_info("label", kind, shape), probabilities]


def write_graph(
    values: Sequence[Value],
    estimator: Any,
    dtype: DTypeLike,
    *,
    numbers_as_labels: bool = False,
) -> Predictions:
    """Write the nodes of a fitted estimator, and return its predictions.

    Parameters
    ----------
    values : sequence of Value
        The raw inputs: one matrix of all columns, or each column separately.

    estimator : BackpropClassifier or BackpropRegressor
        The estimator.

    dtype : {"float32", "float64"}
        The dtype of predictions.

    numbers_as_labels : bool, default=False
        Whether to use 0, 1, 2 and so on as the labels of a classifier.
    """
    model = model_of(estimator)
    target: Any = target_of(estimator)
    if numbers_as_labels:
        target = replace(target, classes=np.arange(len(target.classes)))
    refuse_unknown_parts(model)
    refuse_unknown_layers(model)
    dtype = np.dtype(dtype)
    narrow = np.float32 in (dtype, model.theta.dtype)
    network_dtype = np.dtype(np.float32 if narrow else np.float64)
    inputs = Inputs(values)
    indicators: list[Value] = []
    if model.columns is None:
        statistics = model.inputs
        n_columns = estimator.n_features_in_
        everything = inputs.numbers(np.arange(n_columns), n_columns)
        numbers: Value | None = fill_gaps(everything, statistics)
    else:
        names = column_names(estimator)
        indicators, numbers = prepare(
            inputs, model.columns, names, model.inputs, network_dtype
        )
        statistics = of_numbers(model.inputs, model.columns)
    is_folded = (
        statistics is not None
        and model.theta.ndim == 1
        and not indicators
        and isinstance(model.network.layers[0], Dense)
        and folds(statistics, network_dtype)
    )
    parts = indicators
    if numbers is not None:
        scaling = None if is_folded else statistics
        parts = [*indicators, scale(numbers, scaling, network_dtype)]
    raw = run_network(
        model, concatenate(parts, axis=1), numbers, statistics if is_folded else None
    ).astype(dtype)
    if model.theta.ndim > 1:
        architecture = model.architecture
        raw = mean_of_members(
            raw, architecture.n_members, architecture.output_activation
        )
    return predict(model, target, calibrate(model, raw, numbers))
