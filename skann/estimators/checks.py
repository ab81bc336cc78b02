"""Checks of single arguments, with errors that say what to do."""

from __future__ import annotations

import numpy as np

from skann.data.one_hot import OneHotRows


def assign_layers(layers, arrays, name):
    """Write arrays into the views of a theta."""
    if len(arrays) != len(layers):
        raise ValueError(
            f"{name} must contain one array per layer of weights, {len(layers)} in "
            f"total. Got {len(arrays)}."
        )
    for index, (layer, array) in enumerate(zip(layers, arrays, strict=True)):
        if np.iscomplexobj(array):
            raise ValueError(f"{name}[{index}] must contain real, not complex numbers.")
        array = np.asarray(array, dtype=np.float64)
        if array.shape != layer.shape:
            raise ValueError(
                f"{name}[{index}] must have shape {layer.shape}. Got {array.shape}."
            )
        with np.errstate(over="ignore"):
            layer[...] = array
        if not np.isfinite(layer).all():
            raise ValueError(f"{name}[{index}] must be finite in {layer.dtype}.")


def refuse_members(n_members):
    """Raise an error for an ensemble where a single network is needed."""
    if n_members > 1:
        raise ValueError(
            f"The estimator is an ensemble of {n_members} networks, but a single "
            "network is needed here. Pass estimator.member(0) or another member, or "
            "fit with n_members=1."
        )


def check_target_range(loss, target, name):
    """Raise an error for targets outside the range of the loss or the output."""
    target = _numbers_of(target)
    low, high = loss.target_range
    outside = (target < low) | (target > high)
    if outside.any():
        start = "(0" if low == np.nextafter(0, 1) else f"[{low:g}"
        raise ValueError(
            f"loss={loss.name!r} with output_activation="
            f"{loss.output_activation.name!r} requires targets in {start}, {high:g}]. "
            f"Got {target[outside][0]:g} in {name}."
        )


def learning_weight(sample_weight, training_rows, n_samples):
    """Return the weights, with zeros for the validation part to avoid leaks."""
    if training_rows is None:
        return sample_weight
    weight = np.zeros(n_samples)
    rows = training_rows
    weight[rows] = 1.0 if sample_weight is None else sample_weight[rows]
    if not weight.any():
        raise ValueError(
            "All sample weights of the training part are zero. Change "
            "validation_fraction or, if rows are shuffled, random_state."
        )
    return weight


def check_size(array, name):
    """Raise an error for numbers whose squares and sums could overflow."""
    array = _numbers_of(array)
    if array.size == 0:  # a sparse matrix without entries
        return
    largest = max(float(array.max()), -float(array.min()))
    limit = float(np.sqrt(np.finfo(array.dtype).max)) / 1024
    if not largest <= limit:
        raise ValueError(
            f"{name} contains values that are too large for {array.dtype}: up to "
            f"{largest:.3g} (after scaling, if any), but the limit is {limit:.3g}. "
            "Scale the data, check for outliers, or use dtype='float64'."
        )


def _numbers_of(array):
    """Return an array with all numbers of this one, or with each of them once."""
    return array.background if isinstance(array, OneHotRows) else array
