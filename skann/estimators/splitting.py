"""Setting a validation part aside."""

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
        What the split is stratified by. A stratum with a single member goes to the
        training part; if one of the parts has no room for a member of each of the
        others, the split is not stratified.

    validation_fraction : float
        The share of the validation part.

    random_state : RandomState or None
        Draws the split, by `train_test_split`. None keeps the rows in order: the last
        ones are the validation part, without any regard to strata.

    Returns
    -------
    training_rows, validation_rows : ndarray of int
        The two parts.

    Raises
    ------
    ValueError
        If the validation part would have fewer than two rows, or the other none.
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
                f"validation_fraction={validation_fraction} leaves none of "
                f"{n_samples} samples to learn from. Decrease it."
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
