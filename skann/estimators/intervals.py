"""Prediction intervals from the errors of members on the rows they left out.

This is CV+ of Barber, Candes, Ramdas and Tibshirani, 2021, "Predictive inference with
the jackknife+", section 3. Row i of n training rows was left out by the member k(i),
whose absolute error there is R_i. For a new x, with alpha = 1 - confidence level, the
limits are

    lower: the m-th smallest of mu_k(i)(x) - R_i, over all i,
    upper: the m-th largest of mu_k(i)(x) + R_i, over all i,

where m = floor(alpha (n + 1)), and mu_k is the prediction of member k. (In the paper,
the upper limit is the one of rank ceil((1 - alpha) (n + 1)) from below, which is n + 1
- m.) With too few rows, m is 0 and the limits are infinite.
"""

from __future__ import annotations

from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np

from skann.core.types import FloatArray

# The maximum number of values to rank at once (but at least one per training row).
MOST_NUMBERS = 1 << 22


def check_level(confidence_level: Any) -> None:
    """Raise an error unless the level is a number between 0 and 1.

    Parameters
    ----------
    confidence_level : float
        The share of targets that intervals should contain.

    Raises
    ------
    ValueError
        If the level is invalid.
    """
    if not isinstance(confidence_level, Real) or not 0 < float(confidence_level) < 1:
        raise ValueError(
            "confidence_level must be a number between 0 and 1, such as 0.9. Got "
            f"{confidence_level!r}."
        )


def rank_of_limits(n_samples: int, confidence_level: float) -> int:
    """Return the rank of the limits among all candidates; 0 for infinite limits.

    Parameters
    ----------
    n_samples : int
        The number of training rows.

    confidence_level : float
        The share of targets that intervals should contain.

    Returns
    -------
    rank : int
        The number m of the formulas above.

    Examples
    --------
    >>> from skann.estimators.intervals import rank_of_limits
    >>> rank_of_limits(99, 0.9), rank_of_limits(98, 0.9), rank_of_limits(5, 0.9)
    (10, 9, 0)
    """
    # The level in decimal form: in floats, 1 - 0.9 is less than 0.1.
    alpha = 1 - Fraction(str(float(confidence_level)))
    return int(alpha * (n_samples + 1))


def interval_limits(
    predictions: FloatArray,
    residuals: FloatArray,
    folds: np.ndarray,
    confidence_level: float,
) -> FloatArray:
    """Return the limits of the intervals of CV+, for each output separately.

    Parameters
    ----------
    predictions : ndarray of shape (n_members, n_rows, n_outputs)
        The predictions of each member for new rows.

    residuals : ndarray of shape (n_samples, n_outputs)
        The absolute error for each training row of the member that left it out.

    folds : ndarray of int of shape (n_samples,)
        The index of this member.

    confidence_level : float
        The share of targets that intervals should contain.

    Returns
    -------
    limits : ndarray of shape (n_rows, n_outputs, 2)
        The lower and the upper limits. Below a level of 0.5, the formulas may give them
        in reverse order if members disagree; they are then swapped.
    """
    rank = rank_of_limits(len(residuals), confidence_level)
    limits = np.empty((*predictions.shape[1:], 2), predictions.dtype)
    for output in range(predictions.shape[2]):
        of_members, errors = predictions[:, :, output].T, residuals[:, output]
        limits[:, output, 0] = _ranked(of_members, errors, folds, rank)
        # The m-th largest value is the m-th smallest with all signs reversed.
        limits[:, output, 1] = -_ranked(-of_members, errors, folds, rank)
    limits.sort(axis=-1)
    return limits


def _ranked(of_members, errors, folds, rank):
    """Return for each row the value with a given rank of prediction minus error.

    Processing blocks of rows limits the memory.
    """
    if rank == 0:
        return np.full(len(of_members), -np.inf, of_members.dtype)
    step = max(1, MOST_NUMBERS // errors.size)
    blocks = [
        _ranked_of_block(of_members[start : start + step], errors, folds, rank)
        for start in range(0, len(of_members), step)
    ]
    return np.concatenate(blocks)


def _ranked_of_block(of_members, errors, folds, rank):
    """Return the same for one block of rows."""
    lowest = of_members.take(folds, axis=1)
    lowest -= errors
    lowest.partition(rank - 1, axis=1)
    return lowest[:, rank - 1].copy()
