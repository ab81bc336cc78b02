"""From raw outputs to predictions, as nodes: a row of a table for each kind of target.

These are the formulas of `skann.estimators.targets`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skann.estimators.targets import Indicators, Labels, Numbers, Quantiles
from skann.export.onnx_graph.activations import activate, softplus
from skann.export.onnx_graph.graph import Value, concatenate
from skann.model import Model


@dataclass(frozen=True)
class Predictions:
    """What a graph gives out.

    Parameters
    ----------
    values : Value
        Predictions, of shape (n_samples, n_outputs), or probabilities.

    labels : Value or None
        The labels of a classifier.

    scores : Value or None
        Its decision values.
    """

    values: Value
    labels: Value | None = None
    scores: Any = None


def labels_as_tensor(classes: np.ndarray) -> np.ndarray:
    """Return class labels as ONNX can hold them: int64 or strings.

    Raises
    ------
    ValueError
        If they are something else.
    """
    classes = np.asarray(classes)
    kind = classes.dtype.kind
    if kind in "iub":
        return classes.astype(np.int64)
    if kind == "f" and (classes == np.round(classes)).all():
        return classes.astype(np.int64)
    if kind == "U" or (kind == "O" and all(isinstance(c, str) for c in classes)):
        return classes.astype(object)
    raise ValueError(
        "ONNX holds labels that are integers or strings. Got classes "
        f"{classes!r}: fit with y.astype(str), or with the numbers of the classes."
    )


def _log_logistic(z: Value) -> Value:
    """Return log(1 / (1 + exp(-z))), which never overflows."""
    return -softplus(-z)


def _inside_unit_interval(log_probabilities: Value) -> Value:
    """Return exp(log p) inside (0, 1), as `exp_inside_unit_interval` does.

    What takes the place of p below the threshold is the larger of the two there, and
    above it the smaller.
    """
    info = np.finfo(log_probabilities.dtype)
    threshold = float(info.tiny) * 2.0**20
    deficit = float(np.log(threshold)) - log_probabilities
    tail = threshold / ((deficit.relu() + 1).log() + 1)
    return log_probabilities.exp().maximum(tail).minimum(1 - float(info.epsneg))


def _of_labels(model: Model, target: Labels, raw: Value) -> Predictions:
    """Return labels, probabilities and scores of classes."""
    classes = labels_as_tensor(target.classes)
    n_outputs = model.architecture.layer_sizes[-1]
    if target.classes.size == 1:  # certain, and independent of the output
        ones = raw * 0 + 1
        number = (raw * 0).reshape(-1).astype(np.int64)
        return Predictions(ones, number.rows_of(classes), raw)
    if n_outputs == 1:
        both = concatenate([-raw, raw], axis=1)
        number, scores = both.argmax(), raw
        logarithms = _log_logistic(both)
    else:
        number, scores = raw.argmax(), raw
        if model.architecture.output_activation == "softmax":
            logarithms = raw.log_softmax(1)
        else:
            logarithms = _log_logistic(raw).log_softmax(1)
        if target.classes.size == 2:
            scores = raw.last([1]) - raw.last([0])
    probabilities = _inside_unit_interval(logarithms)
    return Predictions(probabilities, number.rows_of(classes), scores)


def _of_indicators(model: Model, target: Indicators, raw: Value) -> Predictions:
    """Return indicators, probabilities and scores of labels."""
    probabilities = _inside_unit_interval(_log_logistic(raw))
    return Predictions(probabilities, (raw > 0).astype(np.int64), raw)


def _in_target_units(model: Model, raw: Value) -> Value:
    """Return raw outputs as predictions, computed in float64 where there is a unit."""
    outputs = activate(raw, model.architecture.output_activation)
    if model.targets is None:
        return outputs
    center, width = model.targets.center_and_width
    largest = float(np.finfo(raw.dtype).max)
    values = outputs.astype(np.float64) * width + center
    return values.maximum(-largest).minimum(largest).astype(raw.dtype)


def _of_numbers(model: Model, target: Numbers, raw: Value) -> Predictions:
    """Return predictions in the target's units."""
    return Predictions(_in_target_units(model, raw))


def _of_quantiles(model: Model, target: Quantiles, raw: Value) -> Predictions:
    """Return quantiles in ascending order."""
    values = _in_target_units(model, raw)
    return Predictions(values.sorted(target.levels.size))


# What each kind of target makes of raw outputs.
TARGETS: dict[type, Callable[[Model, Any, Value], Predictions]] = {
    Labels: _of_labels,
    Indicators: _of_indicators,
    Numbers: _of_numbers,
    Quantiles: _of_quantiles,
}


def predict(model: Model, target: Any, raw: Value) -> Predictions:
    """Return what a target makes of raw outputs."""
    if type(target) not in TARGETS:
        raise ValueError(f"to_onnx does not know targets of {type(target).__name__}.")
    return TARGETS[type(target)](model, target, raw)


def refuse_what_is_not_finite(X: Value | None, raw: Value) -> Value:
    """Return raw outputs, and let a runtime fail where these or X are not finite.

    As in skann, where a prediction for infinity raises an error, the whole batch
    is refused: an element that does not exist is taken from a table. The name of the
    node says why.
    """
    # Zero, or NaN where a number is not finite.
    difference = raw - raw
    if X is not None:
        difference += (X - X).sum(1, keepdims=True).astype(raw.dtype)
    number = difference.is_nan().astype(np.int64)
    table = raw.graph.constant([0.0], raw.dtype)
    zero = raw.graph.node(
        "Gather", table, number, dtype=raw.dtype, axis=0,
        name="X_or_the_output_for_it_is_not_finite",
    )  # fmt: skip
    return raw + zero
