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
    shares = np.linspace(0, 1, measured.shape[1])
    is_distinct = _are_distinct(measured)
    middle = np.empty(X.shape)
    for j, q in enumerate(measured):
        column = X[:, j].astype(np.float64)
        at_most = np.interp(column, q, shares)
        if is_distinct[j]:  # at most one cell of those measured is equal: p is P
            middle[:, j] = at_most
            continue
        at_least = np.interp(-column, -q[::-1], shares)
        # Between subnormal numbers interpolation may end at infinity.
        middle[:, j] = (np.clip(at_most, 0, 1) + 1 - np.clip(at_least, 0, 1)) / 2
    return ndtri(np.clip(middle, OUTERMOST, 1 - OUTERMOST))


def _are_distinct(measured):
    """Return of which columns no two quantiles are equal, nor almost or very far.

    Between such quantiles interpolation from the left is that from the right.
    """
    with np.errstate(over="ignore"):
        gaps = np.diff(measured)
    return ((gaps > np.finfo(np.float64).tiny) & (gaps < np.inf)).all(axis=1)
