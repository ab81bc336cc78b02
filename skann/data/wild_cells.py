"""Cells far outside of all others, which must not ruin the column that they stand in.

An instrument that failed, a comma in the wrong place, or -999 for "missing": a few such
cells make up nearly all of a column's variance. Divided by its standard deviation, all
others become alike, and a network hardly sees them any more.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches

from skann.data.measuring import (
    each_column,
    equal_but_for_rounding,
    mean_and_deviation,
    median,
    precision_of,
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

# Cells that differ by more than this part of the largest do not by rounding alone, and
# a sum that is larger than another by more than this is so in any order of its parts.
_ROUNDING = 1e-6

_CELLS_AT_ONCE = 1 << 16


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
    """Yield the values of each column with their weights; zeros may be one of them."""
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
    """Return the values that are stored of a column, and zero for all others."""
    stored = slice(columns.indptr[j], columns.indptr[j + 1])
    weight = sample_weight[columns.indices[stored]]
    values = columns.data[stored].astype(np.float64)
    if values.size < columns.shape[0]:
        of_zeros = max(sample_weight.sum() - weight.sum(), 0.0)
        values, weight = np.append(values, 0.0), np.append(weight, of_zeros)
    return values, weight


def _tame_cells(values, weight, deviation, size, precision):
    """Return which cells of a column are not wild, or None if none of them is.

    The typical distance is the median one of the cells that differ from the median at
    all: that of 1 from 0 in a column of rare ones, whatever their number. Of most
    columns more than half of the cells are too far from the median for the column to
    be ruined, so that it need not be known.
    """
    middle = median(values, weight)
    far = deviation / (2 * RUIN) * (1 + _ROUNDING)
    if far > _ROUNDING * size:
        # In blocks: of many rows even one more array is large.
        weight_far = sum(
            weight[block] @ (_half_distance(values[block], middle) > far)
            for block in gen_batches(values.size, _CELLS_AT_ONCE)
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
    """Return half the distance of some values from another, so that none overflows."""
    distance = np.divide(values, 2, dtype=np.float64)
    distance -= middle / 2
    return np.abs(distance, out=distance)


def bound(scaled, lower, upper):
    """Bend scaled cells smoothly beyond their limits, in place, and return them.

    Within the limits they are what they were; at a limit the slope is 1, and the way
    that is left to go beyond it is WIDTH.

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
