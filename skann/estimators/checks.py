"""Checks of single arguments, whose errors say what was wrong and what to do."""

from __future__ import annotations

import numpy as np

from skann.data.one_hot import OneHotRows


def assign_layers(layers, arrays, name):
    """Write given arrays into the views of a theta."""
    if len(arrays) != len(layers):
        raise ValueError(
            f"{name} must hold one array per layer of weights, {len(layers)} in all. "
            f"Got {len(arrays)}."
        )
    for index, (layer, array) in enumerate(zip(layers, arrays, strict=True)):
        if np.iscomplexobj(array):
            raise ValueError(f"{name}[{index}] must hold real numbers, not complex.")
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
    """Refuse several networks where one is looked at."""
    if n_members > 1:
        raise ValueError(
            f"The estimator averages {n_members} networks, but this works on one. Pass "
            "estimator.member(0), or another member, or fit with n_members=1."
        )


def check_target_range(loss, target, name):
    """Refuse targets that the loss has no value for, or its output cannot reach."""
    target = _numbers_of(target)
    low, high = loss.target_range
    outside = (target < low) | (target > high)
    if outside.any():
        start = "(0" if low == np.nextafter(0, 1) else f"[{low:g}"
        raise ValueError(
            f"loss={loss.name!r} with output_activation="
            f"{loss.output_activation.name!r} needs targets in {start}, {high:g}]. "
            f"Got {target[outside][0]:g} in {name}."
        )


def learning_weight(sample_weight, training_rows, n_samples):
    """Return the weights with zeros for the validation part, which must not leak."""
    if training_rows is None:
        return sample_weight
    weight = np.zeros(n_samples)
    rows = training_rows
    weight[rows] = 1.0 if sample_weight is None else sample_weight[rows]
    if not weight.any():
        raise ValueError(
            "The sample weights of the training part are all zero. Change "
            "validation_fraction or, if rows are shuffled, random_state."
        )
    return weight


def check_size(array, name):
    """Refuse numbers whose squares and sums the dtype of the fit cannot hold."""
    array = _numbers_of(array)
    if array.size == 0:  # a sparse matrix without entries
        return
    largest = max(float(array.max()), -float(array.min()))
    limit = float(np.sqrt(np.finfo(array.dtype).max)) / 1024
    if not largest <= limit:
        raise ValueError(
            f"{name} holds values that are too large for {array.dtype}: up to "
            f"{largest:.3g}, after any scaling, where a network needs {limit:.3g} at "
            "most. Scale them, look for outliers, or use dtype='float64'."
        )


def _numbers_of(array):
    """Return an array that holds the numbers of this one; all, or each once."""
    return array.background if isinstance(array, OneHotRows) else array
