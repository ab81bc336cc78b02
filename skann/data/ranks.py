"""Ranks of cells among those of their column, as normal numbers.

A cell becomes the quantile of the normal distribution that belongs to its place among
the cells that were measured: whatever the shape of the column, its ranks are spread
evenly, and no cell is wild (the rank-based inverse normal transformation; Conover and
Iman, 1981, "Rank transformations as a bridge between parametric and nonparametric
statistics").
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from skann.core.types import FloatArray
from skann.data.measuring import each_column, quantiles

# So many quantiles tell cells apart.
N_QUANTILES = 500

# No rank is further out than the quantiles of these shares.
OUTERMOST = 1e-3


def column_quantiles(X: np.ndarray, sample_weight: FloatArray) -> np.ndarray:
    """Return evenly spaced quantiles of the columns of X.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The data, finite.

    sample_weight : ndarray of shape (n_samples,)
        The weights of the rows, as `quantiles` takes them.

    Returns
    -------
    quantiles : ndarray of shape (n_columns, N_QUANTILES), float64
        From the smallest to the largest value.
    """
    shares = np.linspace(0, 1, N_QUANTILES)
    columns = each_column(X)
    return np.array([quantiles(values, sample_weight, shares) for values in columns])


def normal_ranks(X: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return the normal ranks of cells, in float64.

    With p the share of the measured cells that are smaller, and P the share of those
    that are not larger, a rank is the normal quantile of (p + P) / 2, so that equal
    cells stand in the middle of their places.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The cells.

    measured : ndarray of shape (n_columns, N_QUANTILES)
        What `column_quantiles` returned.

    Returns
    -------
    ranks : ndarray of shape (n_samples, n_columns)
        Between -3.1 and 3.1.
    """
    n_columns, n = measured.shape
    cells = X.astype(np.float64)
    place = _last_not_larger(cells, measured)
    first_of_column = np.arange(n_columns) * n
    left = np.minimum(np.maximum(place, 0), n - 2)
    start = measured.take(left + first_of_column)
    stop = measured.take(left + first_of_column + 1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        width = stop - start
        position = left + (cells - start) / width
    is_too_wide = np.isinf(width)
    if is_too_wide.any():  # of differences that overflow there are no parts
        middle = np.clip(left + 0.5, place, place + 1)
        position = np.where(is_too_wide, middle, position)
    is_repeated = measured[:, 1:] == measured[:, :-1]
    if is_repeated.any():  # else p is P for cells that were measured, too
        is_equal = (cells == start) | (cells == stop)
        middle = _middle_of_equals(is_repeated).take(
            np.maximum(place, 0) + first_of_column
        )
        position = np.where(is_equal, middle, position)
    position /= n - 1
    return ndtri(np.clip(position, OUTERMOST, 1 - OUTERMOST))


def _middle_of_equals(is_repeated):
    """Return the middle place of each quantile and those equal to it before it."""
    places = np.arange(is_repeated.shape[1] + 1)
    is_new = np.insert(~is_repeated, 0, True, axis=1)
    first = np.maximum.accumulate(np.where(is_new, places, 0), axis=1)
    return (first + places) / 2


def _last_not_larger(cells, measured):
    """Return the place of the last quantile not larger than each cell, or -1.

    The search halves what is left for all cells of all columns at once. One cell after
    another, as `np.interp` does, takes longer: no processor guesses where it goes on.
    """
    n_columns, n = measured.shape
    size = 1 << n.bit_length()
    padded = np.full((n_columns, size), np.inf)
    padded[:, :n] = measured
    before_first = np.arange(n_columns) * size - 1
    place = np.broadcast_to(before_first, cells.shape).copy()
    further, quantile = np.empty_like(place), np.empty_like(cells)
    while size > 1:
        size //= 2
        np.add(place, size, out=further)
        np.take(padded, further, out=quantile, mode="clip")  # which needs no copy
        np.multiply(quantile <= cells, size, out=further)
        place += further
    return place - (before_first + 1)
