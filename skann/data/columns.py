"""Conversion of a table with categories and missing values to a numeric matrix.

A categorical column is converted to an indicator column for each of its frequent levels
(categories) or, if there are many, to a column of their codes, for which a layer of the
network looks up learned vectors (`core/layers/categories.py`). All other labels share
one group: rare, unknown and missing ones. If the training data contain any of these,
the group also has an indicator column, which is trained; if not, such a label is
replaced with the shares of the levels, which is the mean of the training data. Among
codes, the group has the last one, which is trained in any case.

Missing values in a numeric column are replaced with its median. An additional indicator
column marks them, since they may be informative (the missing-indicator method).

Indicators have their own scale. With two groups, the indicator has a standard deviation
of 1, like any other column, unless it is rare. With several levels, the indicator of a
level is 2 in the rows of that level, or down to 0.5 if these are few, so that the
effect of rare levels is learned slowly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from skann.core.layers.categories import CODE_STEP
from skann.core.types import FloatArray, Matrix
from skann.data.frames import plain, sorted_levels
from skann.data.measuring import column_of, quantiles, row_blocks
from skann.data.stored import StoredRows

# A level with fewer rows is rare, in a column with few and with many levels. Sums of
# weights may have this relative error.
LEAST_ROWS = 5
LEAST_ROWS_OF_MANY = 2
ROUNDING = 1e-6

# A column with more levels has vectors instead of indicators.
MOST_INDICATORS = 50

# The indicator of a level with this many rows is 1. It is proportional to the square
# root of the number of rows, within these limits.
ROWS_OF_ONE = 400
SIZES = 0.5, 2.0

# With this limit, no indicator exceeds the range that "bounded" does not change.
LEAST_DEVIATION = 0.25


@dataclass(frozen=True, eq=False)
class Columns:
    """The conversion of the columns of a table to numbers.

    The matrix contains the columns of codes first, then the indicators of categories,
    the indicators of missing values, and finally the numeric columns, in order.

    Parameters
    ----------
    is_categorical : ndarray of bool of shape (n_features,)
        Which columns of the table are categorical.

    levels : list of lists
        The frequent levels of each categorical column.

    shares : list of ndarray of shape (n_levels,) or (n_levels + 1,), float64
        The share of training rows with each level, and of those with none of them, if
        there are any.

    fills : ndarray of shape (n_numbers,), float64
        The replacement of missing values in each numeric column; NaN if training had
        none.

    gap_shares : ndarray of shape (n_numbers,), float64
        The share of training rows with a missing value. If it is not zero, there is an
        indicator column of missing values.

    n_rows : int
        The number of training rows.
    """

    is_categorical: np.ndarray
    levels: list[list[Any]]
    shares: list[np.ndarray]
    fills: np.ndarray
    gap_shares: np.ndarray
    n_rows: int

    @cached_property
    def indicators(self) -> list[np.ndarray]:
        """The indicators of each level, and of all other labels.

        An array of shape (n_levels + 1, n_columns) for each categorical column; for one
        with codes, there are no columns.
        """
        return [
            np.empty((len(levels) + 1, 0))
            if has_vectors(levels)
            else _indicators(len(levels), shares, self.n_rows)
            for levels, shares in zip(self.levels, self.shares, strict=True)
        ]

    @property
    def n_levels(self) -> tuple[int, ...]:
        """The number of levels of each column of codes."""
        return tuple(len(levels) for levels in self.levels if has_vectors(levels))

    @property
    def shares_of_codes(self) -> list[np.ndarray]:
        """The shares of each column of codes."""
        pairs = zip(self.levels, self.shares, strict=True)
        return [shares for levels, shares in pairs if has_vectors(levels)]

    @property
    def is_marked(self) -> np.ndarray:
        """Which numeric columns have an indicator of missing values."""
        return self.gap_shares > 0

    @property
    def marks(self) -> np.ndarray:
        """The values of these indicators for a missing value.

        All other cells are 0, so that sparse X remains sparse.
        """
        return 1 / _deviation(self.gap_shares[self.is_marked])

    @property
    def n_indicators(self) -> int:
        """The number of columns of codes and indicators, which come first."""
        of_levels = sum(table.shape[1] for table in self.indicators)
        return len(self.n_levels) + of_levels + int(self.is_marked.sum())

    def matrix(self, numbers: Matrix, labels: Sequence[list[Any]]) -> Matrix:
        """Return the rows of a table as numbers.

        Parameters
        ----------
        numbers : ndarray, CSR array or StoredRows of shape (n_samples, n_numbers)
            The numeric columns, with NaN for missing values.

        labels : sequence of lists of n_samples objects
            The categorical columns.

        Returns
        -------
        X : of the type of numbers, of shape (n_samples, n_columns)
            The matrix. Columns without missing values in training may contain NaN.
        """
        if sparse.issparse(numbers):
            return self._sparse_matrix(numbers)
        if isinstance(numbers, StoredRows):
            return numbers.with_columns(self)
        n_indicators = self.n_indicators
        shape = numbers.shape[0], n_indicators + numbers.shape[1]
        X = np.empty(shape, numbers.dtype)
        place, start = 0, len(self.n_levels)
        for table, levels, cells in zip(
            self.indicators, self.levels, labels, strict=True
        ):
            codes = codes_of(cells, levels)
            if has_vectors(levels):
                X[:, place] = codes * CODE_STEP
                place += 1
            stop = start + table.shape[1]
            X[:, start:stop] = table[codes]
            start = stop
        is_gap = np.isnan(numbers)
        X[:, start:n_indicators] = is_gap[:, self.is_marked] * self.marks
        X[:, n_indicators:] = np.where(is_gap, self.fills, numbers)
        return X

    def _sparse_matrix(self, numbers):
        """Return a CSR array with imputed and marked missing values."""
        is_gap = np.isnan(numbers.data)
        filled = numbers.copy()
        filled.data[is_gap] = self.fills[numbers.indices[is_gap]]
        marks = numbers.copy()
        marks.data = is_gap.astype(numbers.dtype)
        marks.eliminate_zeros()
        marks = marks[:, np.flatnonzero(self.is_marked)]
        marks.data *= self.marks[marks.indices]
        return sparse.csr_array(sparse.hstack([marks, filled], format="csr"))

    def names(self, feature_names: Sequence[str]) -> list[str]:
        """Return a name for each column of the matrix.

        Parameters
        ----------
        feature_names : sequence of str of length n_features
            The names of the columns of the table.
        """
        of_labels = [
            feature_names[j] for j in np.flatnonzero(self.is_categorical).tolist()
        ]
        of_numbers = [
            feature_names[j] for j in np.flatnonzero(~self.is_categorical).tolist()
        ]
        pairs = list(zip(of_labels, self.levels, strict=True))
        names = [name for name, levels in pairs if has_vectors(levels)]
        for (name, levels), table in zip(pairs, self.indicators, strict=True):
            of_levels = [*levels, "infrequent"]
            if table.shape[1] == 1:  # the larger of the two
                of_levels = [of_levels[int(np.argmax(table[:, 0]))]]
            names += [f"{name}_{level}" for level in of_levels[: table.shape[1]]]
        marked = zip(of_numbers, self.is_marked, strict=True)
        names += [f"missingindicator_{name}" for name, is_marked in marked if is_marked]
        return [*names, *of_numbers]


def has_vectors(levels: Sequence[Any]) -> bool:
    """Return whether a column with these levels has codes instead of indicators."""
    return len(levels) > MOST_INDICATORS


def codes_of(cells: Sequence[Any], levels: Sequence[Any]) -> np.ndarray:
    """Return the index of the level of each cell, and n_levels for all other labels.

    Parameters
    ----------
    cells : sequence of n_samples objects
        A categorical column.

    levels : sequence
        The levels, as plain objects.
    """
    numbers = {level: number for number, level in enumerate(levels)}
    none = len(numbers)
    codes = {cell: numbers.get(plain(cell), none) for cell in set(cells)}
    return np.fromiter(map(codes.__getitem__, cells), np.intp, len(cells))


def measure_columns(
    numbers: Matrix,
    labels: Sequence[list[Any]],
    is_categorical: np.ndarray | None,
    sample_weight: FloatArray | None,
) -> Columns | None:
    """Measure the columns of a table, and define their conversion to numbers.

    Parameters
    ----------
    numbers : ndarray or CSR array of shape (n_samples, n_numbers)
        The numeric columns, with NaN for missing values.

    labels : sequence of lists of n_samples objects
        The categorical columns.

    is_categorical : ndarray of bool of shape (n_features,) or None
        Which columns are categorical; None if there are none.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights; samples with weight zero are ignored.

    Returns
    -------
    columns : Columns or None
        The conversion; None for numbers without missing values.
    """
    with_gaps = _columns_with_gaps(numbers)
    if is_categorical is None:
        if not with_gaps.size:
            return None
        is_categorical = np.zeros(numbers.shape[1], bool)
    n_samples = numbers.shape[0]
    weight = np.ones(n_samples) if sample_weight is None else sample_weight
    present = np.flatnonzero(weight)
    levels, shares = [], []
    for cells in labels:
        if present.size < n_samples:
            cells = [cells[row] for row in present]
        frequent = _frequent_levels(cells, weight[present])
        codes = codes_of(cells, frequent)
        total = np.bincount(codes, weight[present])
        levels.append(frequent)
        shares.append(total / total.sum())
    fills, gap_shares = _measure_gaps(numbers, weight, with_gaps)
    return Columns(
        is_categorical=is_categorical,
        levels=levels,
        shares=shares,
        fills=fills,
        gap_shares=gap_shares,
        n_rows=present.size,
    )


def has_gaps(numbers: Matrix) -> bool:
    """Return whether there is a NaN in a matrix of numbers."""
    if isinstance(numbers, StoredRows):
        return any(has_gaps(numbers[block]) for block in row_blocks(numbers))
    values = numbers.data if sparse.issparse(numbers) else numbers
    # The minimum is NaN if one of the numbers is, and needs no memory.
    return values.size > 0 and bool(np.isnan(values.min()))


def fill_gaps(numbers: Matrix, values: np.ndarray) -> Matrix:
    """Return a matrix with each NaN replaced by a number for its column."""
    if isinstance(numbers, StoredRows):
        return numbers.filled(values)
    if sparse.issparse(numbers):
        is_gap = np.isnan(numbers.data)
        filled = numbers.copy()
        filled.data[is_gap] = values[numbers.indices[is_gap]]
        return filled
    return np.where(np.isnan(numbers), values, numbers).astype(numbers.dtype)


def _frequent_levels(cells, weight):
    """Return the sorted levels of a column that are not rare.

    A row counts as its weight divided by the mean weight: only ratios matter.
    """
    all_levels = list(set(map(plain, set(cells))) - {None})
    if not all_levels:
        return []
    codes = codes_of(cells, all_levels)
    total = np.bincount(codes, weight, len(all_levels) + 1)
    n_rows = total / total.sum() * len(cells)
    n_rows = n_rows[:-1] * (1 + ROUNDING)
    frequent = np.flatnonzero(n_rows >= LEAST_ROWS_OF_MANY)
    if len(frequent) <= MOST_INDICATORS:
        frequent = np.flatnonzero(n_rows >= LEAST_ROWS)
    return sorted_levels([all_levels[code] for code in frequent])


def _columns_with_gaps(numbers):
    """Return the indices of the columns that contain NaN."""
    if not has_gaps(numbers):
        return np.empty(0, np.intp)
    if sparse.issparse(numbers):
        return np.unique(numbers.indices[np.isnan(numbers.data)])
    blocks = [np.isnan(numbers[block]).any(axis=0) for block in row_blocks(numbers)]
    return np.flatnonzero(np.any(blocks, axis=0))


def _measure_gaps(numbers, weight, with_gaps):
    """Return the replacement of missing values in each column, and their share."""
    fills = np.full(numbers.shape[1], np.nan)
    shares = np.zeros(numbers.shape[1])
    columns = numbers
    if with_gaps.size and sparse.issparse(numbers):
        columns = numbers.tocsc()
    for j in with_gaps:
        values = column_of(columns, j)
        is_gap = np.isnan(values)
        shares[j] = weight[is_gap].sum() / weight.sum()
        known = ~is_gap & (weight > 0)
        fills[j] = 0.0
        if known.any():
            fills[j] = quantiles(values[known], weight[known], [0.5])[0]
    return fills, shares


def _indicators(n_levels, shares, n_rows):
    """Return the indicators of each level, and of all other labels.

    Two groups are distinguished by a single column.
    """
    n_groups = len(shares)
    table = np.eye(n_levels + 1, n_groups)
    if n_groups == n_levels:
        table[-1] = shares
    if n_groups > 2:
        return table * np.clip(np.sqrt(shares * n_rows / ROWS_OF_ONE), *SIZES)
    return (table[:, -1:] - shares[-1]) / _deviation(shares[-1])


def _deviation(shares):
    """Return the standard deviation of indicators, with a lower limit."""
    return np.maximum(np.sqrt(shares * (1 - shares)), LEAST_DEVIATION)
