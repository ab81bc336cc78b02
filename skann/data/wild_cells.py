"""Outliers ("wild cells"), which must not spoil the scaling of their column.

A failed instrument, a misplaced decimal point, or -999 for "missing": a few such cells
can cause nearly all of the variance of a column. Divided by the standard deviation, all
other cells become nearly equal, and a network can hardly distinguish them.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from skann.data.measuring import (
    each_column,
    equal_but_for_rounding,
    mean_and_deviation,
    median,
    precision_of,
    row_blocks,
    unit_exponent,
)

# A column is spoiled if its standard deviation is this many times the typical distance
# of its cells from the median. (The ratio is 1.5 for a normal distribution, and 3.5 for
# a lognormal one.)
RUIN = 5.0

# Cells are wild beyond this many typical distances.
REACH = 12.0

# Wild cells are codes (at most this many different ones) and errors. If more than this
# share of the cells are wild, but not codes, they are part of the distribution.
MOST_CODES = 3
MOST_ERRORS = 0.02

# Scaled cells are unchanged up to this distance from the centre, or up to the farthest
# cell that is not wild; beyond it, they are bounded by this additional distance.
MARGIN = 4.0
WIDTH = 3.0

# Differences larger than this share of the largest cell are not caused by rounding, and
# comparisons of sums with this margin do not depend on the order of summation.
_ROUNDING = 1e-6


def tame(X, sample_weight, center, spread, low, high):
    """Return the four measures of each column, without wild cells.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_columns)
        The data.

    sample_weight : ndarray of shape (n_samples,)
        The weights; samples with weight zero are ignored.

    center, spread, low, high : ndarray of shape (n_columns,)
        The mean, standard deviation and range of all cells.

    Returns
    -------
    center, spread, low, high : ndarray of shape (n_columns,)
        The measures of the cells that are not wild. Those of columns without wild cells
        are exactly the same.
    """
    measures = np.array([center, spread, low, high])
    size, precision = np.maximum(-low, high), precision_of(X)
    for j, (values, weight) in enumerate(_cells_of_columns(X, sample_weight)):
        if spread[j] == 0:
            continue
        is_tame = _tame_cells(values, weight, spread[j], size[j], precision)
        if is_tame is not None:
            values, weight = values[is_tame].astype(np.float64), weight[is_tame]
            low_high = values.min(keepdims=True), values.max(keepdims=True)
            moments = mean_and_deviation(
                values[:, np.newaxis], weight, unit_exponent(*low_high)
            )
            measures[:, j] = np.ravel([*moments, *low_high])
    return tuple(measures)


def _cells_of_columns(X, sample_weight):
    """Yield the values of each column with their weights; zeros may be merged."""
    if sparse.issparse(X):
        columns = X.tocsc()
        for j in range(X.shape[1]):
            values, weight = _stored_cells(columns, j, sample_weight)
            present = weight > 0
            yield values[present], weight[present]
        return
    present = sample_weight > 0
    if present.all():
        yield from ((values, sample_weight) for values in each_column(X))
    else:
        weight = sample_weight[present]
        yield from ((values[present], weight) for values in each_column(X))


def _stored_cells(columns, j, sample_weight):
    """Return the stored values of a column, and one zero for all others."""
    stored = slice(columns.indptr[j], columns.indptr[j + 1])
    weight = sample_weight[columns.indices[stored]]
    values = columns.data[stored].astype(np.float64)
    if values.size < columns.shape[0]:
        of_zeros = max(sample_weight.sum() - weight.sum(), 0.0)
        values, weight = np.append(values, 0.0), np.append(weight, of_zeros)
    return values, weight


def _tame_cells(values, weight, deviation, size, precision):
    """Return which cells of a column are not wild, or None if no cell is wild.

    The typical distance is the median distance of the cells that differ from the median
    at all: that of 1 from 0 in a column of rare ones, whatever their number. In most
    columns, more than half of the cells are so far from the median that the column
    cannot be spoiled, and the typical distance need not be computed.
    """
    middle = median(values, weight)
    far = deviation / (2 * RUIN) * (1 + _ROUNDING)
    if far > _ROUNDING * size:
        # In blocks: of many rows even one more array is large.
        weight_far = sum(
            weight[block] @ (_half_distance(values[block], middle) > far)
            for block in row_blocks(values[:, np.newaxis])
        )
        if weight_far > weight.sum() / 2 * (1 + _ROUNDING):
            return None
    values = values.astype(np.float64, copy=False)
    distance = _half_distance(values, middle)
    differs = ~equal_but_for_rounding(values, middle, precision)
    if not differs.any():
        return None
    typical = 2 * median(distance[differs], weight[differs])
    if deviation <= RUIN * typical:
        return None
    is_wild = distance > REACH / 2 * typical
    _, number = np.unique(values[is_wild], return_inverse=True)
    shares = np.sort(np.bincount(number, weight[is_wild])) / weight.sum()
    if not is_wild.any() or shares[:-MOST_CODES].sum() > MOST_ERRORS:
        return None
    return ~is_wild


def _half_distance(values, middle):
    """Return half the distance of some values from another, without overflow."""
    distance = np.divide(values, 2, dtype=np.float64)
    distance -= middle / 2
    return np.abs(distance, out=distance)


def bound(scaled, lower, upper):
    """Bound scaled cells smoothly beyond their limits, in place, and return them.

    Cells within the limits are not changed. At a limit, the slope is 1, and the bound
    is at a distance of WIDTH beyond it.

    Parameters
    ----------
    scaled : ndarray of shape (n_samples, n_columns) or (n_cells,)
        The cells.

    lower, upper : ndarray of shape (n_columns,) or (n_cells,)
        The limits.
    """
    places = np.flatnonzero((scaled < lower) | (scaled > upper))
    if places.size:
        columns = places % lower.size
        cells = scaled.take(places)
        limits = np.clip(cells, lower[columns], upper[columns])
        beyond = cells - limits
        bent = np.sign(beyond) * WIDTH * (1 - 1 / (1 + np.abs(beyond) / WIDTH))
        scaled.flat[places] = limits + bent
    return scaled
