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

# So many meshes has the grid by which a cell finds its quantiles.
_MESHES = 1024

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
    return NormalRanks(measured)(X)


class NormalRanks:
    """The function that `normal_ranks` computes, with what it has to know of columns.

    Parameters
    ----------
    measured : ndarray of shape (n_columns, N_QUANTILES)
        What `column_quantiles` returned.
    """

    def __init__(self, measured: np.ndarray):
        self._n = measured.shape[1]
        self._first_of_column = np.arange(len(measured)) * self._n
        self._measured = measured
        with np.errstate(over="ignore"):
            self._width = np.diff(measured, axis=1, append=np.inf)
        # Of differences that overflow there are no parts.
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
        if self._middle is not None:  # else p is P for cells that were measured, too
            stop = self._measured.take(at + 1)
            is_equal = (cells == start) | (cells == stop)
            at = np.maximum(place, 0) + self._first_of_column
            position = np.where(is_equal, self._middle.take(at), position)
        position /= n - 1
        return ndtri(np.clip(position, OUTERMOST, 1 - OUTERMOST, out=position))


def _middle_of_equals(is_repeated):
    """Return the middle place of each quantile and those equal to it before it."""
    places = np.arange(is_repeated.shape[1] + 1)
    is_new = np.insert(~is_repeated, 0, True, axis=1)
    first = np.maximum.accumulate(np.where(is_new, places, 0), axis=1)
    return (first + places) / 2


class _Search:
    """Finds the place of the last quantile not larger than each cell, or -1.

    Each column has a grid, whose mesh that a cell lies in says between which quantiles
    it lies. Few are left then, and a search halves them for all cells of all columns at
    once. One cell after another, as `np.interp` does, takes longer: no processor
    guesses where it goes on.
    """

    def __init__(self, measured):
        n_columns, n = measured.shape
        # Equal quantiles are one.
        is_new = np.insert(measured[:, 1:] != measured[:, :-1], 0, True, axis=1)
        number = np.cumsum(is_new, axis=1) - 1
        # Outermost quantiles may be far out, where no other is.
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
        # Beyond the last there is nothing, and nothing to look for outside of the row.
        length = n + 2 * int(self._sizes[0])
        self._quantiles = np.full((n_columns, length), np.inf)
        self._quantiles[column, number + 1] = measured
        self._last = np.full((n_columns, length), -1)
        self._last[column, number + 1] = np.arange(n)
        self._start = before + column * length
        self._first_mesh = np.arange(n_columns) * counts.shape[1]

    def _meshes(self, cells):
        """Return in which mesh of its column each cell lies; larger ones not before."""
        within = np.maximum(cells, self._low)
        np.minimum(within, self._high, out=within)
        within -= self._low
        within *= self._per_unit
        return within.astype(np.intp)

    def __call__(self, cells):
        """Return the place of each cell, whose last axis is that of columns."""
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
