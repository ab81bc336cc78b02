"""From raw inputs to what the network takes, as nodes.

All of it is computed in float64, as skann does: in float32 the difference of two large
numbers, or a scaling that is folded into the weights, would lose what matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from skann.data.ranks import OUTERMOST
from skann.data.scaling import BENDING, ColumnStatistics
from skann.data.wild_cells import WIDTH
from skann.export.onnx_graph.approximation import normal_quantile
from skann.export.onnx_graph.graph import Value, concatenate

# Weights do the scaling of columns whose centre is at most so many spreads from zero,
# and whose spread is neither larger than this nor smaller than one by it.
NEAR = 100.0
FARTHEST = 1e100


def fill_gaps(X: Value, statistics: ColumnStatistics | None) -> Value:
    """Return inputs with the centre of its column in place of each NaN."""
    if statistics is None:
        return X
    center, _ = statistics.center_and_scale
    return X.is_nan().where(X.like(center), X)


def folds(statistics: ColumnStatistics, dtype: DTypeLike) -> bool:
    """Say whether weights may do the scaling, without a loss that could be seen.

    They may where it is linear, if they are float64 and if columns are not far from
    zero: at n spreads from it the rounding error becomes n times as large.
    """
    if statistics.kind in BENDING or statistics.quantiles is not None:
        return False
    center, scale = statistics.center_and_scale
    is_usual = (scale > 1 / FARTHEST) & (scale < FARTHEST)
    is_near = np.abs(center) / NEAR <= scale
    return np.dtype(dtype) == np.float64 and bool((is_usual & is_near).all())


def fold(
    statistics: ColumnStatistics, weights: np.ndarray, biases: np.ndarray
) -> list[np.ndarray]:
    """Return the weights and biases of a layer that does the scaling as well."""
    center, scale = statistics.center_and_scale
    weights = weights / scale[:, np.newaxis]
    if statistics.centered:
        weights[statistics.is_constant] = 0
    return [weights, biases - center @ weights]


def scale(X: Value, statistics: ColumnStatistics | None, dtype: DTypeLike) -> Value:
    """Return scaled inputs, with their ranks to the right if there are any."""
    if statistics is None:
        return X.astype(dtype)
    wide = X.astype(np.float64)
    parts = [_scaled_cells(wide, statistics)]
    if statistics.quantiles is not None:
        ranks = _normal_ranks(wide, statistics.quantiles)
        parts.append(_without_constant(ranks, statistics))
    return concatenate([part.astype(dtype) for part in parts], axis=1)


def _scaled_cells(X: Value, statistics: ColumnStatistics) -> Value:
    """Return (X - center) / scale, bounded if the scaling is."""
    center, scale = statistics.center_and_scale
    if statistics.is_huge:  # differences of such numbers may overflow
        X, center, scale = X * 0.25, center / 4, scale / 4
    scaled = (X - center) / scale
    if statistics.kind in BENDING:
        scaled = _bound(scaled, *statistics.limits)
    if not statistics.centered:
        return scaled
    return _without_constant(scaled, statistics)


def _without_constant(values: Value, statistics: ColumnStatistics) -> Value:
    """Return values with zeros in columns that were constant."""
    if not statistics.is_constant.any():
        return values
    constant = values.graph.constant(statistics.is_constant)
    return constant.where(values.like(0.0), values)


def _bound(scaled: Value, lower: np.ndarray, upper: np.ndarray) -> Value:
    """Return cells as `skann.data.wild_cells.bound` does."""
    within = scaled.maximum(lower).minimum(upper)
    beyond = scaled - within
    excess = 1 - 1 / (beyond.abs() * (1 / WIDTH) + 1)
    return within + beyond.sign() * excess * WIDTH


def _normal_ranks(X: Value, measured: np.ndarray) -> Value:
    """Return ranks as `skann.data.ranks.normal_ranks` does.

    A cell lies between two quantiles, and its share is interpolated between theirs; one
    that is equal to several stands in the middle of their shares.
    """
    n_columns, n = measured.shape
    n_at_most = _count_at_most(X, measured)
    first_column = np.arange(n_columns) * n

    def quantile(place: Value) -> Value:
        return (place + first_column).rows_of(measured.ravel())

    # From the left: how far a cell is beyond the last quantile that is not larger.
    left = (n_at_most - 1).maximum(0).minimum(n - 2)
    start, stop = quantile(left), quantile(left + 1)
    after_some = (n_at_most > 0).astype(np.float64)
    from_left = left.astype(np.float64) + _part(X - start, stop - start, after_some)

    # From the right: how far it is from the first quantile that is not smaller.
    last = (n_at_most - 1).maximum(0)
    first_of_equals = _first_of_equals(measured)
    place = last
    if (first_of_equals != np.arange(n)).any():
        place = (last + first_column).rows_of(first_of_equals.ravel())
    first = quantile(last).equals(X).where(place, n_at_most)
    right = first.maximum(1).minimum(n - 1)
    start, stop = quantile(right - 1), quantile(right)
    before_all = (first <= 0).astype(np.float64)
    from_right = right.astype(np.float64) - _part(stop - X, stop - start, before_all)

    share = (from_left + from_right) * (0.5 / (n - 1))
    share = share.maximum(OUTERMOST).minimum(1 - OUTERMOST)
    return normal_quantile(share, OUTERMOST)


def _part(distance: Value, width: Value, otherwise: Value) -> Value:
    """Return distance / width within [0, 1]; something else where there is no width."""
    part = (distance / width).maximum(0.0).minimum(1.0)
    return (width > 0).where(part, otherwise)


def _count_at_most(X: Value, measured: np.ndarray) -> Value:
    """Return how many of the quantiles of its column are not larger than each cell.

    In two steps, as an index has pages: which block of quantiles, and which of it.
    """
    n_columns, n = measured.shape
    size = int(np.ceil(np.sqrt(n)))
    n_blocks = -(-n // size)
    padded = np.full((n_columns, n_blocks * size), np.inf)
    padded[:, :n] = measured
    blocks = padded.reshape(n_columns, n_blocks, size)
    cells = X.add_axes(2)

    def count(quantiles: Value) -> Value:
        is_at_most = (quantiles <= cells).astype(np.float32)
        return is_at_most.sum(2).astype(np.int64)

    block = (count(X.graph.constant(blocks[:, :, 0])) - 1).maximum(0)
    rows = block + np.arange(n_columns) * n_blocks
    within = count(rows.rows_of(blocks.reshape(-1, size)))
    return block * size + within


def _first_of_equals(measured: np.ndarray) -> np.ndarray:
    """Return for each quantile the place of the first that is equal to it."""
    places = np.arange(measured.shape[1])
    is_new = np.diff(measured, axis=1, prepend=-np.inf) > 0
    return np.maximum.accumulate(np.where(is_new, places, 0), axis=1)
