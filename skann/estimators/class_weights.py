"""Weights of samples by their classes."""

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
    """Return the weight of each sample, times those of its labels.

    Parameters
    ----------
    class_weight : dict or "balanced"
        The weight of each class, as the classifier takes it.

    labels : list of tuples of ndarray
        For each label that a sample has, the classes and the samples' labels.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights of the samples.

    call : Call
        What is asked for.

    Returns
    -------
    weight : ndarray of shape (n_samples,)
        The weights.

    Raises
    ------
    ValueError
        If the weights make no sense for these labels.
    """
    if isinstance(class_weight, str) and call.is_piece:
        raise ValueError(
            "class_weight='balanced' needs all data at once, and partial_fit has a "
            "batch. Pass a dict of weights: compute_class_weight('balanced', "
            "classes=classes, y=y) of sklearn.utils.class_weight gives them."
        )
    with np.errstate(over="ignore", invalid="ignore"):  # which is seen below
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
            "class_weight must hold finite weights that are not negative. Got "
            f"{class_weight}."
        )
    # In a stream a batch may count for nothing.
    if not (weight.any() or call is Call.NEXT_PIECE):
        raise ValueError(f"class_weight={class_weight} leaves no sample with a weight.")
    return weight


def _weights_of_classes(class_weight: Any, classes, y, sample_weight) -> FloatArray:
    """Return the weight of each sample's class."""
    balanced = isinstance(class_weight, str)
    if not balanced:
        unknown = set(class_weight) - set(classes)
        if unknown:
            raise ValueError(
                f"class_weight names {sorted(unknown, key=str)}, which are not "
                f"among the classes {classes}."
            )
        if not all(isinstance(weight, Real) for weight in class_weight.values()):
            raise ValueError(f"class_weight must hold numbers. Got {class_weight}.")
    # Labels may be strings, and a class may be of next to no weight.
    with np.errstate(divide="ignore", over="ignore"):
        weights = compute_class_weight(
            class_weight, classes=classes, y=y, sample_weight=sample_weight
        )
    if balanced:
        weights[~np.isfinite(weights)] = 0
    return weights[np.searchsorted(classes, y)]
