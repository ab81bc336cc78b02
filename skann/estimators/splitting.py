"""Splitting off a validation part."""

from __future__ import annotations

import math

import numpy as np
from sklearn.model_selection import train_test_split


def split_rows(n_samples, strata, validation_fraction, random_state):
    """Split rows into a training and a validation part.

    Parameters
    ----------
    n_samples : int
        The number of rows.

    strata : ndarray of shape (n_samples,) or None
        The strata of the split. A stratum with a single row goes to the training part.
        If one of the two parts is too small for a row of each other stratum, the split
        is not stratified.

    validation_fraction : float
        The share of the validation part.

    random_state : RandomState or None
        Draws the split, using `train_test_split`. If None, the last rows are the
        validation part, whatever the strata.

    Returns
    -------
    training_rows, validation_rows : ndarray of int
        The two parts.

    Raises
    ------
    ValueError
        If the validation part would have fewer than two rows, or the training part
        none.
    """
    rows = np.arange(n_samples)
    alone = rows[:0]
    in_order = random_state is None
    if strata is not None and not in_order:
        _, strata, sizes = np.unique(strata, return_inverse=True, return_counts=True)
        is_alone = sizes[strata] == 1
        alone, rows, strata = rows[is_alone], rows[~is_alone], strata[~is_alone]
    n_validation = math.ceil(validation_fraction * rows.size)
    if n_validation < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' (now "
            f"{validation_fraction}) or the size of your dataset (now {n_samples})."
        )
    if in_order:
        if n_validation >= n_samples:
            raise ValueError(
                f"validation_fraction={validation_fraction} leaves none of the "
                f"{n_samples} samples for training. Decrease it."
            )
        return rows[:-n_validation], rows[-n_validation:]
    if strata is not None:
        n_strata = np.unique(strata).size
        if min(n_validation, rows.size - n_validation) < n_strata:
            strata = None
    training_rows, validation_rows = train_test_split(
        rows,
        test_size=validation_fraction,
        random_state=random_state,
        stratify=strata,
    )
    return np.concatenate([training_rows, alone]), validation_rows
