"""Ranks of cells in their column, mapped to a normal distribution.

A cell is mapped to the quantile of the normal distribution that corresponds to its rank
among the measured cells. Whatever the distribution of the column, its ranks have the
same one, without outliers (the rank-based inverse normal transformation; Conover and
Iman, 1981, "Rank transformations as a bridge between parametric and nonparametric
statistics").
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from skann.core.types import FloatArray
from skann.data.measuring import each_column, quantiles

# The number of quantiles.
N_QUANTILES = 500

# The number of intervals of the grid that is used to find the quantiles of a cell.
_MESHES = 1024

# Ranks are limited to the normal quantiles of this share, and of one minus this.
OUTERMOST = 1e-3


def column_quantiles(X: np.ndarray, sample_weight: FloatArray) -> np.ndarray:
    """Return evenly spaced quantiles of the columns of X.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The data, finite.

    sample_weight : ndarray of shape (n_samples,)
        The weights of the rows, as in `quantiles`.

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

    If p is the share of measured cells that are smaller, and P the share of those that
    are not larger, the rank is the normal quantile of (p + P) / 2. Equal cells thus
    have the middle of their ranks.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        The cells.

    measured : ndarray of shape (n_columns, N_QUANTILES)
        The result of `column_quantiles`.

    Returns
    -------
    ranks : ndarray of shape (n_samples, n_columns)
        Between -3.1 and 3.1.
    """
    return NormalRanks(measured)(X)


class NormalRanks:
    """The function computed by `normal_ranks`, with precomputed data of the columns.

    Parameters
    ----------
    measured : ndarray of shape (n_columns, N_QUANTILES)
        The result of `column_quantiles`.
    """

    def __init__(self, measured: np.ndarray):
        self._n = measured.shape[1]
        self._first_of_column = np.arange(len(measured)) * self._n
        self._measured = measured
        with np.errstate(over="ignore"):
            self._width = np.diff(measured, axis=1, append=np.inf)
        # There is no interpolation where differences overflow.
        self._is_too_wide = bool(np.isinf(self._width[:, :-1]).any())
        is_repeated = measured[:, 1:] == measured[:, :-1]
        self._middle = _middle_of_equals(is_repeated) if is_repeated.any() else None
        self._search = _Search(measured)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the ranks of cells."""
        n = self._n
        cells = X.astype(np.float64)
        place = self._search(cells)
        left = np.minimum(np.maximum(place, 0), n - 2)
        at = left + self._first_of_column
        start, width = self._measured.take(at), self._width.take(at)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            position = left + (cells - start) / width
        if self._is_too_wide:
            middle = np.clip(left + 0.5, place, place + 1)
            position = np.where(np.isinf(width), middle, position)
        if self._middle is not None:  # otherwise p is P even for measured cells
            stop = self._measured.take(at + 1)
            is_equal = (cells == start) | (cells == stop)
            at = np.maximum(place, 0) + self._first_of_column
            position = np.where(is_equal, self._middle.take(at), position)
        position /= n - 1
        return ndtri(np.clip(position, OUTERMOST, 1 - OUTERMOST, out=position))


def _middle_of_equals(is_repeated):
    """Return the mean index of each quantile and the equal ones before it."""
    places = np.arange(is_repeated.shape[1] + 1)
    is_new = np.insert(~is_repeated, 0, True, axis=1)
    first = np.maximum.accumulate(np.where(is_new, places, 0), axis=1)
    return (first + places) / 2


class _Search:
    """Finds the index of the last quantile not larger than each cell, or -1.

    Each column has a grid, and the interval of a cell in the grid restricts the
    possible quantiles. The few remaining ones are bisected for all cells of all columns
    at once. Searching for one cell after another, like `np.interp`, takes longer
    because of branch mispredictions.
    """

    def __init__(self, measured):
        n_columns, n = measured.shape
        # Equal quantiles are merged.
        is_new = np.insert(measured[:, 1:] != measured[:, :-1], 0, True, axis=1)
        number = np.cumsum(is_new, axis=1) - 1
        # The outermost quantiles may be far from all others.
        low, high = measured[:, n // 250], measured[:, n - 1 - n // 250]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            per_unit = _MESHES / (high - low)
        has_grid = (high > low) & np.isfinite(per_unit) & (per_unit > 0)
        self._low = np.where(has_grid, low, 0.0)
        self._high = np.where(has_grid, high, 0.0)
        self._per_unit = np.where(has_grid, per_unit, 0.0)
        column = np.arange(n_columns)[:, np.newaxis]
        counts = np.zeros((n_columns, _MESHES + 2), np.intp)
        meshes = self._meshes(measured.T).T
        np.add.at(counts, (np.broadcast_to(column, meshes.shape), meshes), is_new)
        before = np.cumsum(counts, axis=1) - counts
        self._sizes = 1 << np.arange(int(counts.max()).bit_length())[::-1]
        # There is nothing beyond the last one, and the search must not leave the row.
        length = n + 2 * int(self._sizes[0])
        self._quantiles = np.full((n_columns, length), np.inf)
        self._quantiles[column, number + 1] = measured
        self._last = np.full((n_columns, length), -1)
        self._last[column, number + 1] = np.arange(n)
        self._start = before + column * length
        self._first_mesh = np.arange(n_columns) * counts.shape[1]

    def _meshes(self, cells):
        """Return the grid interval of each cell, which is monotonic in the cell."""
        within = np.maximum(cells, self._low)
        np.minimum(within, self._high, out=within)
        within -= self._low
        within *= self._per_unit
        return within.astype(np.intp)

    def __call__(self, cells):
        """Return the index for each cell; the last axis is that of columns."""
        meshes = self._meshes(cells)
        meshes += self._first_mesh
        place = self._start.take(meshes)
        further, quantile = meshes, np.empty_like(cells)
        for size in self._sizes:
            np.add(place, size, out=further)
            np.take(self._quantiles, further, out=quantile, mode="clip")  # no copy
            np.multiply(quantile <= cells, size, out=further)
            place += further
        return self._last.take(place)
