"""Conversion of raw inputs to the inputs of the network, as nodes.

Like in skann, everything is computed in float64: in float32, the difference of two
large numbers, or a scaling that is folded into the weights, would be too inaccurate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from skann.data.ranks import OUTERMOST
from skann.data.scaling import BENDING, ColumnStatistics
from skann.data.wild_cells import WIDTH
from skann.export.onnx_graph.approximation import normal_quantile
from skann.export.onnx_graph.graph import Value, concatenate

# The scaling is folded into the weights if the centres of all columns are at most this
# many spreads from zero, and their spreads and inverse spreads are below this limit.
NEAR = 100.0
FARTHEST = 1e100

# Quantiles beyond the first number are multiplied by the second, without rounding.
HUGE, SHRINKING = 1e300, 2.0**-400


def fill_gaps(X: Value, statistics: ColumnStatistics | None) -> Value:
    """Return inputs with each NaN replaced by the centre of its column."""
    if statistics is None:
        return X
    center, _ = statistics.center_and_scale
    return X.is_nan().where(X.like(center), X)


def folds(statistics: ColumnStatistics, dtype: DTypeLike) -> bool:
    """Return whether the scaling can be folded into the weights accurately.

    The scaling must be linear, the weights must be float64, and the columns must not be
    far from zero: at n spreads from zero, the rounding error is n times as large.
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
    """Return the weights and biases of a layer that includes the scaling."""
    center, scale = statistics.center_and_scale
    weights = weights / scale[:, np.newaxis]
    if statistics.centered:
        weights[statistics.is_constant] = 0
    return [weights, biases - center @ weights]


def scale(X: Value, statistics: ColumnStatistics | None, dtype: DTypeLike) -> Value:
    """Return scaled inputs, followed by ranks or columns by recent rows if used."""
    if statistics is None:
        return X.astype(dtype)
    wide = X.astype(np.float64)
    parts = [_scaled_cells(wide, statistics)]
    if statistics.recent is not None:
        numbers = wide.from_column(len(statistics.center) - statistics.n_beside)
        parts.append(_scaled_cells(numbers, statistics.recent))
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
    """Return cells as `skann.data.wild_cells.bound` does.

    W (1 - 1 / (1 + b / W)), of what is beyond by b, is b / (1 + b / W).
    """
    within = scaled.maximum(lower).minimum(upper)
    beyond = (scaled - within).clip(-FARTHEST, FARTHEST)  # infinity is bounded as well
    return within + beyond / (beyond.abs() * (1 / WIDTH) + 1)


def _normal_ranks(X: Value, measured: np.ndarray) -> Value:
    """Return ranks as `skann.data.ranks.normal_ranks` does.

    Everything that depends only on the position of a cell is stored in a table.
    """
    with np.errstate(over="ignore"):
        is_too_wide = np.isinf(np.diff(measured))
    if np.abs(measured).max() > HUGE:
        X, measured = X * SHRINKING, measured * SHRINKING
    cells = X.add_axes(2)
    table = _table_of_places(measured, is_too_wide)
    row = _row_of_places(cells, measured).rows_of(table)
    left, start, width, *middle_of_equals = row.split(table.shape[1])
    share = left + (cells - start) / width
    for middle in middle_of_equals:
        share = start.equals(cells).where(middle, share)
    share = share.without_axis(2).clip(OUTERMOST - 0.5, 0.5 - OUTERMOST)
    return normal_quantile(share, len(measured), OUTERMOST)


def _blocks(measured: np.ndarray) -> np.ndarray:
    """Return the quantiles of each column in blocks, like the pages of an index.

    The last block of each column has room for at least one more quantile, and is filled
    with infinity.
    """
    n_columns, n = measured.shape
    size = int(np.ceil(np.sqrt(n)))
    n_blocks = n // size + 1
    padded = np.full((n_columns, n_blocks * size), np.inf)
    padded[:, :n] = measured
    return padded.reshape(n_columns, n_blocks, size)


def _row_of_places(cells: Value, measured: np.ndarray) -> Value:
    """Return the row of the table for each cell: how many quantiles are not larger.

    This takes two steps: find the block of quantiles, and the quantile in the block.

    Parameters
    ----------
    cells : Value of shape (n_samples, n_columns, 1)
        The cells.

    measured : ndarray of shape (n_columns, n_quantiles)
        The quantiles.
    """
    blocks = _blocks(measured)
    n_columns, n_blocks, size = blocks.shape
    first = np.arange(n_columns) * n_blocks

    def count(quantiles: Value) -> Value:
        is_at_most = (quantiles <= cells).astype(np.float32)
        return is_at_most.sum(2).astype(np.int64)

    block = (count(cells.graph.constant(blocks[:, :, 0])) + (first - 1)).maximum(first)
    return block * size + count(block.rows_of(blocks.reshape(-1, size)))


def _table_of_places(measured: np.ndarray, is_too_wide: np.ndarray) -> np.ndarray:
    """Return a table of what is needed to compute the share of smaller cells.

    Shares are relative to that of the median.

    Parameters
    ----------
    measured : ndarray of shape (n_columns, n_quantiles)
        The quantiles.

    is_too_wide : ndarray of bool of shape (n_columns, n_quantiles - 1)
        The intervals in which skann does not interpolate.

    Returns
    -------
    table : ndarray of shape (n_rows, 3 or 4)
        For each column, a row for each number of quantiles that are not larger than the
        cell: the share and the value of the last of them, and the distance to the next
        one divided by the difference of their shares. If some quantiles are repeated,
        the mean share of those equal to the last one follows.
    """
    n_columns, n_blocks, size = _blocks(measured).shape
    n = measured.shape[1]
    shares = np.arange(n) / (n - 1) - 0.5
    width = np.pad(np.diff(measured), ((0, 0), (0, 1)), constant_values=np.inf)
    width[:, :-1][is_too_wide] = np.inf  # half of it is the share of all that is within
    share = np.tile(shares, (n_columns, 1))
    share[:, :-1][is_too_wide] += 0.5 / (n - 1)
    columns = [share, measured, width * (n - 1)]
    if (measured[:, 1:] == measured[:, :-1]).any():
        columns.append((shares[_first_of_equals(measured)] + shares) / 2)
    table = np.stack(columns, axis=2)
    before_all = np.array([-0.5, np.inf, 1.0, 0.0])[: len(columns)]  # minus infinity
    rows = np.empty((n_columns, n_blocks * size, len(columns)))
    rows[:, 0] = before_all
    rows[:, 1 : n + 1] = table
    rows[:, n + 1 :] = before_all  # which nothing reaches
    return rows.reshape(-1, len(columns))


def _first_of_equals(measured: np.ndarray) -> np.ndarray:
    """Return for each quantile the index of the first that is equal to it."""
    places = np.arange(measured.shape[1])
    is_new = measured[:, 1:] > measured[:, :-1]
    is_new = np.insert(is_new, 0, True, axis=1)
    return np.maximum.accumulate(np.where(is_new, places, 0), axis=1)
