"""From a table with categories and missing values to a matrix of numbers.

A column of labels becomes an indicator column for each of its frequent levels. All
others have one place together: rare levels, those that training has not seen, and
missing labels. If the training data had any, this place has an indicator column as
well, which is trained; if not, such a label becomes the shares of the levels, which is
what the training data are in the mean.

A column of numbers with gaps is filled with its median. An indicator column says where
the gaps were, as that may mean something (the missing-indicator method).

Indicators have a scale of their own. One of two groups is a column like any other, and
has a standard deviation of 1, unless it is rare. That of a level among several is 2 in
rows of that level, or down to a half if there are few of these: what few rows say is
learned slowly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from skann.core.types import FloatArray, Matrix
from skann.data.frames import plain, sorted_levels
from skann.data.measuring import column_of, quantiles, row_blocks
from skann.data.stored import StoredRows

# A level of fewer rows is rare, and so are all but the most frequent ones of many.
LEAST_ROWS = 5
MOST_LEVELS = 50

# The indicator of a level with so many rows is 1, and it grows with their root, between
# these limits.
ROWS_OF_ONE = 400
SIZES = 0.5, 2.0

# With this one no indicator is beyond the margin that "bounded" leaves as it is.
LEAST_DEVIATION = 0.25


@dataclass(frozen=True, eq=False)
class Columns:
    """How the columns of a table become numbers.

    The matrix has the indicator columns first, those of the categorical columns before
    those of gaps, and then the columns of numbers in their order.

    Parameters
    ----------
    is_categorical : ndarray of bool of shape (n_features,)
        Which columns of the table hold labels.

    levels : list of lists
        The frequent levels of each categorical column.

    shares : list of ndarray of shape (n_levels,) or (n_levels + 1,), float64
        What part of the training rows has each of them, and what part none of them, if
        there were any such rows.

    fills : ndarray of shape (n_numbers,), float64
        What stands for a gap in each column of numbers; NaN where training had none.

    gap_shares : ndarray of shape (n_numbers,), float64
        What part of the training rows had a gap in it. If it is not zero, there is an
        indicator column of its gaps.

    n_rows : int
        The number of the training rows.
    """

    is_categorical: np.ndarray
    levels: list[list[Any]]
    shares: list[np.ndarray]
    fills: np.ndarray
    gap_shares: np.ndarray
    n_rows: int

    @cached_property
    def indicators(self) -> list[np.ndarray]:
        """List of ndarray : The indicators of each level, and of what is none of them.

        Of shape (n_levels + 1, n_columns) for each categorical column.
        """
        return [
            _indicators(len(levels), shares, self.n_rows)
            for levels, shares in zip(self.levels, self.shares, strict=True)
        ]

    @property
    def is_marked(self) -> np.ndarray:
        """Ndarray of bool : Which columns of numbers have an indicator of gaps."""
        return self.gap_shares > 0

    @property
    def marks(self) -> np.ndarray:
        """Ndarray : What marks a gap, of each of these.

        Anything else is 0, so that sparse X stays so.
        """
        return 1 / _deviation(self.gap_shares[self.is_marked])

    @property
    def n_indicators(self) -> int:
        """The number of indicator columns."""
        of_levels = sum(table.shape[1] for table in self.indicators)
        return of_levels + int(self.is_marked.sum())

    def matrix(self, numbers: Matrix, labels: Sequence[list[Any]]) -> Matrix:
        """Return the rows of a table as numbers.

        Parameters
        ----------
        numbers : ndarray, CSR array or StoredRows of shape (n_samples, n_numbers)
            Its columns of numbers, with NaN for gaps.

        labels : sequence of lists of n_samples objects
            Its categorical columns.

        Returns
        -------
        X : of the type of numbers, of shape (n_samples, n_columns)
            The matrix. There may be NaN left in columns that had no gaps in training.
        """
        if sparse.issparse(numbers):
            return self._sparse_matrix(numbers)
        if isinstance(numbers, StoredRows):
            return numbers.with_columns(self)
        n_indicators = self.n_indicators
        shape = numbers.shape[0], n_indicators + numbers.shape[1]
        X = np.empty(shape, numbers.dtype)
        start = 0
        for table, levels, cells in zip(
            self.indicators, self.levels, labels, strict=True
        ):
            stop = start + table.shape[1]
            X[:, start:stop] = table[codes_of(cells, levels)]
            start = stop
        is_gap = np.isnan(numbers)
        X[:, start:n_indicators] = is_gap[:, self.is_marked] * self.marks
        X[:, n_indicators:] = np.where(is_gap, self.fills, numbers)
        return X

    def _sparse_matrix(self, numbers):
        """Return a CSR array whose gaps are filled and marked."""
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
            Those of the columns of the table.
        """
        of_labels = [
            feature_names[j] for j in np.flatnonzero(self.is_categorical).tolist()
        ]
        of_numbers = [
            feature_names[j] for j in np.flatnonzero(~self.is_categorical).tolist()
        ]
        names: list[str] = []
        for name, table, levels in zip(
            of_labels, self.indicators, self.levels, strict=True
        ):
            of_levels = [*levels, "infrequent"]
            if table.shape[1] == 1:  # the larger one of two
                of_levels = [of_levels[int(np.argmax(table[:, 0]))]]
            names += [f"{name}_{level}" for level in of_levels[: table.shape[1]]]
        marked = zip(of_numbers, self.is_marked, strict=True)
        names += [f"missingindicator_{name}" for name, is_marked in marked if is_marked]
        return [*names, *of_numbers]


def codes_of(cells: Sequence[Any], levels: Sequence[Any]) -> np.ndarray:
    """Return the number of the level of each cell, n_levels for what is none of them.

    Parameters
    ----------
    cells : sequence of n_samples objects
        A column of labels.

    levels : sequence
        The levels, plain.
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
    """Say how the columns of a table become numbers.

    Parameters
    ----------
    numbers : ndarray or CSR array of shape (n_samples, n_numbers)
        Its columns of numbers, with NaN for gaps.

    labels : sequence of lists of n_samples objects
        Its categorical columns.

    is_categorical : ndarray of bool of shape (n_features,) or None
        Which columns these are; None for none.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights; a sample of weight zero counts as absent.

    Returns
    -------
    columns : Columns or None
        None for numbers without gaps, which are what they are.
    """
    if is_categorical is None:
        if not has_gaps(numbers):
            return None
        is_categorical = np.zeros(numbers.shape[1], bool)
    n_samples = numbers.shape[0]
    weight = np.ones(n_samples) if sample_weight is None else sample_weight
    present = np.flatnonzero(weight)
    levels, shares = [], []
    for cells in labels:
        if present.size < n_samples:
            cells = [cells[row] for row in present]
        frequent = _frequent_levels(cells)
        codes = codes_of(cells, frequent)
        total = np.bincount(codes, weight[present])
        levels.append(frequent)
        shares.append(total / total.sum())
    fills, gap_shares = _measure_gaps(numbers, weight)
    return Columns(
        is_categorical=is_categorical,
        levels=levels,
        shares=shares,
        fills=fills,
        gap_shares=gap_shares,
        n_rows=present.size,
    )


def has_gaps(numbers: Matrix) -> bool:
    """Say whether there is a NaN in a matrix of numbers."""
    if isinstance(numbers, StoredRows):
        return any(has_gaps(numbers[block]) for block in row_blocks(numbers))
    values = numbers.data if sparse.issparse(numbers) else numbers
    # The smallest number is NaN if one of them is, and needs no memory.
    return values.size > 0 and bool(np.isnan(values.min()))


def fill_gaps(numbers: Matrix, values: np.ndarray) -> Matrix:
    """Return a matrix with a number of its column in place of each NaN."""
    if isinstance(numbers, StoredRows):
        return numbers.filled(values)
    if sparse.issparse(numbers):
        is_gap = np.isnan(numbers.data)
        filled = numbers.copy()
        filled.data[is_gap] = values[numbers.indices[is_gap]]
        return filled
    return np.where(np.isnan(numbers), values, numbers).astype(numbers.dtype)


def _frequent_levels(cells):
    """Return the levels of a column that are not rare, in order."""
    rows: Counter[Any] = Counter()
    for cell, count in Counter(cells).items():
        rows[plain(cell)] += count
    rows.pop(None, None)
    most = [level for level, n in rows.most_common(MOST_LEVELS) if n >= LEAST_ROWS]
    return sorted_levels(most)


def _measure_gaps(numbers, weight):
    """Return what fills the gaps of each column, and the share of the gaps."""
    fills = np.full(numbers.shape[1], np.nan)
    shares = np.zeros(numbers.shape[1])
    if not has_gaps(numbers):
        return fills, shares
    if sparse.issparse(numbers):
        columns = numbers.tocsc()
        with_gaps = np.unique(numbers.indices[np.isnan(numbers.data)])
    else:
        columns = numbers
        blocks = [np.isnan(numbers[b]).any(axis=0) for b in row_blocks(numbers)]
        with_gaps = np.flatnonzero(np.any(blocks, axis=0))
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
    """Return the indicators of each level, and of what is none of them.

    Of two groups a single column tells which it is.
    """
    n_groups = len(shares)
    table = np.eye(n_levels + 1, n_groups)
    if n_groups == n_levels:
        table[-1] = shares
    if n_groups > 2:
        return table * np.clip(np.sqrt(shares * n_rows / ROWS_OF_ONE), *SIZES)
    return (table[:, -1:] - shares[-1]) / _deviation(shares[-1])


def _deviation(shares):
    """Return the standard deviation of indicators, but for a least one."""
    return np.maximum(np.sqrt(shares * (1 - shares)), LEAST_DEVIATION)
