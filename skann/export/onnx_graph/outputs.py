"""Conversion of raw outputs to predictions as nodes, for each kind of target.

These are the formulas of `skann.estimators.targets`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skann.estimators.targets import (
    Indicators,
    Labels,
    Numbers,
    Quantiles,
    Target,
)
from skann.export.onnx_graph.activations import activate, softplus
from skann.export.onnx_graph.graph import Value
from skann.model import Model

# The name of the node that fails.
NOT_FINITE = "X_or_the_output_for_it_is_not_finite"


@dataclass(frozen=True)
class Predictions:
    """The outputs of a graph.

    Parameters
    ----------
    values : Value
        Predictions, of shape (n_samples, n_outputs), or probabilities.

    labels : Value or None
        The labels of a classifier.

    scores : callable or None
        A function that returns the decision values.
    """

    values: Value
    labels: Value | None = None
    scores: Callable[[], Value] | None = None


def labels_as_tensor(classes: np.ndarray) -> np.ndarray:
    """Return class labels in a dtype that ONNX supports: int64 or strings.

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
        "Class labels in ONNX must be integers or strings. Got "
        f"{classes!r}. Fit with y.astype(str), or with the indices of the classes."
    )


def _log_logistic(z: Value) -> Value:
    """Return log(1 / (1 + exp(-z))), without overflow."""
    return -softplus(-z)


def _inside_unit_interval(
    probabilities: Value, deficit: Callable[[float, float], Value], at: Value
) -> Value:
    """Return probabilities inside (0, 1), as `exp_inside_unit_interval` does.

    Below a threshold t, p is replaced by t / (1 + log(1 + log(t / p))), which is larger
    than p there, and smaller above the threshold.

    Parameters
    ----------
    probabilities : Value
        The probabilities.

    deficit : callable
        A function that returns a - b log p, given a and b. It may be inaccurate if p is
        large.

    at : Value
        A value that makes the run fail if it is NaN.
    """
    info = np.finfo(probabilities.dtype)
    threshold = float(info.tiny) * 2.0**20
    inner = deficit(math.e * (1 + math.log(threshold)), math.e)
    tail = threshold / inner.clip(math.e, float(info.max) / 2).log()
    largest = at.number(1 - float(info.epsneg), at.dtype, NOT_FINITE)
    return probabilities.maximum(tail).minimum(largest)


def _refusing(raw: Value) -> Value:
    """Return raw outputs, and make the run fail if one of them is not finite."""
    return raw + (raw * 0.0).number(0.0, raw.dtype, NOT_FINITE)


def _exp(log_probabilities: Value, raw: Value) -> Value:
    """Return probabilities inside (0, 1), given their logarithms."""
    return _inside_unit_interval(
        log_probabilities.exp(), lambda a, b: a - log_probabilities * b, raw * 0.0
    )


def _numbers_of(number: Value, classes: np.ndarray) -> Value:
    """Return the labels of classes, given their indices."""
    if np.array_equal(classes, np.arange(len(classes))):
        return number
    return number.rows_of(classes)


def _of_labels(model: Model, target: Labels, raw: Value) -> Predictions:
    """Return labels, probabilities and scores of classes."""
    classes = labels_as_tensor(target.classes)
    n_outputs = model.architecture.layer_sizes[-1]
    if target.classes.size == 1:  # the probability is 1, whatever the output
        zeros = (raw * 0.0).number(0.0, raw.dtype, NOT_FINITE)
        number = zeros.reshape(-1).astype(np.int64)
        return Predictions(zeros + 1, number.rows_of(classes), lambda: _refusing(raw))
    if n_outputs == 1:
        return _of_two_classes(raw, classes)
    logarithms = raw
    if model.architecture.output_activation != "softmax":
        logarithms = _log_logistic(raw)
    probabilities = _exp(logarithms.log_softmax(1), raw)

    def scores() -> Value:
        safe = _refusing(raw)
        return safe.last([1]) - safe.last([0]) if classes.size == 2 else safe

    return Predictions(probabilities, _numbers_of(raw.argmax(), classes), scores)


def _of_two_classes(raw: Value, classes: np.ndarray) -> Predictions:
    """Return labels, probabilities and scores of two classes with one output.

    They need few nodes, which matters in a small network.
    """
    halves = raw.affine([[-0.5, 0.5]], 0.0)
    probabilities = halves.softmax()  # NaN, if an output is infinite

    def deficit(a: float, b: float) -> Value:
        # Small probabilities are exp(z), and z is the output or minus the output.
        return raw.affine([[b, -b]], a)

    return Predictions(
        _inside_unit_interval(probabilities, deficit, probabilities),
        _numbers_of(halves.argmax(), classes),
        lambda: _refusing(raw),
    )


def _of_indicators(model: Model, target: Indicators, raw: Value) -> Predictions:
    """Return indicators, probabilities and scores of labels."""
    probabilities = _exp(_log_logistic(raw), raw)
    labels = (raw > 0).astype(np.int64)
    return Predictions(probabilities, labels, lambda: _refusing(raw))


def _in_target_units(model: Model, raw: Value) -> Value:
    """Return predictions in the units of the target, computed in float64."""
    activation = model.architecture.output_activation
    if model.targets is None:
        return activate(_refusing(raw), activation)
    center, width = model.targets.center_and_width
    largest = float(np.finfo(raw.dtype).max)
    values = activate(raw, activation).astype(np.float64) * width
    if center.any():
        values = values + center
    bound = (raw * 0.0).number(largest, np.float64, NOT_FINITE)
    return values.maximum(-largest).minimum(bound).astype(raw.dtype)


def _of_numbers(model: Model, target: Numbers, raw: Value) -> Predictions:
    """Return predictions in the units of the target."""
    return Predictions(_in_target_units(model, raw))


def _of_quantiles(model: Model, target: Quantiles, raw: Value) -> Predictions:
    """Return quantiles in ascending order."""
    values = _in_target_units(model, raw)
    return Predictions(values.sorted(target.levels.size))


# Functions that convert raw outputs to predictions, for each kind of target.
TARGETS: dict[type, Callable[[Model, Any, Value], Predictions]] = {
    Labels: _of_labels,
    Indicators: _of_indicators,
    Numbers: _of_numbers,
    Quantiles: _of_quantiles,
}


def predict(model: Model, target: Target, raw: Value) -> Predictions:
    """Return the predictions for raw outputs.

    If a raw output is not finite, the run fails at a node whose name says so.
    """
    if type(target) not in TARGETS:
        raise ValueError(f"to_onnx does not support {type(target).__name__} targets.")
    return TARGETS[type(target)](model, target, raw)
