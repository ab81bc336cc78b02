"""Cells far outside of all others, which must not ruin the column that they stand in.

An instrument that failed, a comma in the wrong place, or -999 for "missing": a few such
cells make up nearly all of a column's variance. Divided by its standard deviation, all
others become alike, and a network hardly sees them any more.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from skann.data.measuring import (
    column_of,
    equal_but_for_rounding,
    mean_and_deviation,
    precision_of,
    quantiles,
    unit_exponent,
)

# A column is ruined if its standard deviation is so many times its typical distance
# from the median. (That is 1.5 for a normal distribution, 3.5 for a lognormal one.)
RUIN = 5.0

# Its cells are wild beyond so many typical distances.
REACH = 12.0

# Wild cells are codes, of which there may be so many different ones, and errors. If
# more than this share are neither, they are a part of the distribution, and measured.
MOST_CODES = 3
MOST_ERRORS = 0.02

# Scaled, cells may lie so far from the centre, or as far as the tame ones did, before
# the bound begins; and it lets them go so much further.
MARGIN = 4.0
WIDTH = 3.0


def tame(X, sample_weight, center, spread, low, high):
    """Return the four measures of each column without its wild cells.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_columns)
        The data.

    sample_weight : ndarray of shape (n_samples,)
        Weights; samples of weight zero do not count.

    center, spread, low, high : ndarray of shape (n_columns,)
        Mean, standard deviation and range of all cells.

    Returns
    -------
    center, spread, low, high : ndarray of shape (n_columns,)
        Those of the cells that are not wild. Columns without wild cells keep theirs, to
        the last bit.
    """
    measures = np.array([center, spread, low, high])
    columns = X.tocsc() if sparse.issparse(X) else X
    for j in np.flatnonzero(spread > 0):
        values, weight = _cells(columns, j, sample_weight)
        is_tame = _tame_cells(values, weight, spread[j], precision_of(X))
        if is_tame is not None:
            values, weight = values[is_tame], weight[is_tame]
            low_high = values.min(keepdims=True), values.max(keepdims=True)
            moments = mean_and_deviation(
                values[:, np.newaxis], weight, unit_exponent(*low_high)
            )
            measures[:, j] = np.ravel([*moments, *low_high])
    return tuple(measures)


def _cells(columns, j, sample_weight):
    """Return the values of a column with their weights; zeros may be one of them."""
    if sparse.issparse(columns):
        stored = slice(columns.indptr[j], columns.indptr[j + 1])
        weight = sample_weight[columns.indices[stored]]
        values = columns.data[stored].astype(np.float64)
        if values.size < columns.shape[0]:
            of_zeros = max(sample_weight.sum() - weight.sum(), 0.0)
            values, weight = np.append(values, 0.0), np.append(weight, of_zeros)
    else:
        values, weight = column_of(columns, j).astype(np.float64), sample_weight
    present = weight > 0
    return values[present], weight[present]


def _tame_cells(values, weight, deviation, precision):
    """Return which cells of a column are not wild, or None if none of them is.

    The typical distance is the median one of the cells that differ from the median at
    all: that of 1 from 0 in a column of rare ones, whatever their number.
    """
    middle = quantiles(values, weight, [0.5])[0]
    distance = np.abs(values / 2 - middle / 2)
    differs = ~equal_but_for_rounding(values, middle, precision)
    if not differs.any():
        return None
    typical = 2 * quantiles(distance[differs], weight[differs], [0.5])[0]
    if deviation <= RUIN * typical:
        return None
    is_wild = distance > REACH / 2 * typical
    _, number = np.unique(values[is_wild], return_inverse=True)
    shares = np.sort(np.bincount(number, weight[is_wild])) / weight.sum()
    if not is_wild.any() or shares[:-MOST_CODES].sum() > MOST_ERRORS:
        return None
    return ~is_wild


def bound(scaled, lower, upper):
    """Return scaled cells, bent smoothly beyond their limits so that they are bounded.

    Within the limits they are what they were; at a limit the slope is 1, and the way
    that is left to go beyond it is WIDTH.
    """
    # For a single row `np.clip` takes longer than these two.
    within = np.minimum(np.maximum(scaled, lower), upper)
    if (within == scaled).all():
        return scaled
    beyond = scaled - within
    return within + np.sign(beyond) * WIDTH * (1 - 1 / (1 + np.abs(beyond) / WIDTH))
