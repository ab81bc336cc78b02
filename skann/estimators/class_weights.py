"""Sample weights by class."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from skann.core.types import FloatArray
from skann.training.call import Call


def weigh_labels(
    class_weight: dict | str,
    labels: list[tuple[np.ndarray, np.ndarray]],
    sample_weight: FloatArray | None,
    call: Call,
) -> FloatArray:
    """Return the weight of each sample, multiplied by those of its labels.

    Parameters
    ----------
    class_weight : dict or "balanced"
        The weight of each class, as in the parameter of the classifier.

    labels : list of tuples of ndarray
        For each label of a sample, the classes and the labels of all samples.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights of the samples.

    call : Call
        The kind of call.

    Returns
    -------
    weight : ndarray of shape (n_samples,)
        The weights.

    Raises
    ------
    ValueError
        If the weights are invalid for these labels.
    """
    if isinstance(class_weight, str) and call.is_piece:
        raise ValueError(
            "class_weight='balanced' is not supported by partial_fit, because it needs "
            "all data at once. Pass a dict of weights, computed with "
            "sklearn.utils.class_weight.compute_class_weight('balanced', "
            "classes=classes, y=y)."
        )
    with np.errstate(over="ignore", invalid="ignore"):  # which is checked below
        weight = np.prod(
            [
                _weights_of_classes(class_weight, *label, sample_weight)
                for label in labels
            ],
            axis=0,
        )
        if sample_weight is not None:
            weight = weight * sample_weight
    if not (np.isfinite(weight).all() and weight.min() >= 0):
        raise ValueError(
            "The weights in class_weight must be finite and non-negative. Got "
            f"{class_weight}."
        )
    # In a data stream, a batch may have no weight.
    if not (weight.any() or call is Call.NEXT_PIECE):
        raise ValueError(
            f"class_weight={class_weight} sets the weights of all samples to zero. "
            "Increase the weight of a class that occurs in y."
        )
    return weight


def _weights_of_classes(class_weight: Any, classes, y, sample_weight) -> FloatArray:
    """Return the weight of each sample's class."""
    balanced = isinstance(class_weight, str)
    if not balanced:
        unknown = set(class_weight) - set(classes)
        if unknown:
            raise ValueError(
                f"class_weight contains {sorted(unknown, key=str)}, which are not "
                f"among the classes {classes}."
            )
        if not all(isinstance(weight, Real) for weight in class_weight.values()):
            raise ValueError(
                f"The weights in class_weight must be numbers. Got {class_weight}."
            )
    # Labels may be strings, and a class may have a tiny weight.
    with np.errstate(divide="ignore", over="ignore"):
        weights = compute_class_weight(
            class_weight, classes=classes, y=y, sample_weight=sample_weight
        )
    if balanced:
        weights[~np.isfinite(weights)] = 0
    return weights[np.searchsorted(classes, y)]
