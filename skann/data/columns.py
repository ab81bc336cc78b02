"""From a table with categories and missing values to a matrix of numbers.

A column of labels becomes an indicator column for each of its frequent levels or, if
these are many, a column of their codes, for which a layer of the network looks up
vectors that are learned (`core/layers/categories.py`). All other labels have one place
together: rare levels, those that training has not seen, and missing labels. If the
training data had any, this place has an indicator column as well, which is trained; if
not, such a label becomes the shares of the levels, which is what the training data are
in the mean. Among codes it is the last one, which is trained in any case.

A column of numbers with gaps is filled with its median. An indicator column says where
the gaps were, as that may mean something (the missing-indicator method).

Indicators have a scale of their own. One of two groups is a column like any other, and
has a standard deviation of 1, unless it is rare. That of a level among several is 2 in
rows of that level, or down to a half if there are few of these: what few rows say is
learned slowly.
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

# A level of fewer rows is rare, in a column of few levels and in one of many. Sums of
# weights may be wrong by this share.
LEAST_ROWS = 5
LEAST_ROWS_OF_MANY = 2
ROUNDING = 1e-6

# A column of more levels has a vector for each of them rather than an indicator.
MOST_INDICATORS = 50

# The indicator of a level with so many rows is 1, and it grows with their root, between
# these limits.
ROWS_OF_ONE = 400
SIZES = 0.5, 2.0

# With this one no indicator is beyond the margin that "bounded" leaves as it is.
LEAST_DEVIATION = 0.25


@dataclass(frozen=True, eq=False)
class Columns:
    """How the columns of a table become numbers.

    The matrix has the columns of codes first, then the indicator columns, those of the
    categorical columns before those of gaps, and then the columns of numbers in their
    order.

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

        Of shape (n_levels + 1, n_columns) for each categorical column; one with codes
        has none.
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
        """List of ndarray : The shares of each column of codes."""
        pairs = zip(self.levels, self.shares, strict=True)
        return [shares for levels, shares in pairs if has_vectors(levels)]

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
        """The number of columns of codes and indicators, which come first."""
        of_levels = sum(table.shape[1] for table in self.indicators)
        return len(self.n_levels) + of_levels + int(self.is_marked.sum())

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
        pairs = list(zip(of_labels, self.levels, strict=True))
        names = [name for name, levels in pairs if has_vectors(levels)]
        for (name, levels), table in zip(pairs, self.indicators, strict=True):
            of_levels = [*levels, "infrequent"]
            if table.shape[1] == 1:  # the larger one of two
                of_levels = [of_levels[int(np.argmax(table[:, 0]))]]
            names += [f"{name}_{level}" for level in of_levels[: table.shape[1]]]
        marked = zip(of_numbers, self.is_marked, strict=True)
        names += [f"missingindicator_{name}" for name, is_marked in marked if is_marked]
        return [*names, *of_numbers]


def has_vectors(levels: Sequence[Any]) -> bool:
    """Return whether a column of these levels becomes codes rather than indicators."""
    return len(levels) > MOST_INDICATORS


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


def _frequent_levels(cells, weight):
    """Return the levels of a column that are not rare, in order.

    A row counts by its weight, of which the mean is 1: only ratios of weights matter.
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
    """Return the numbers of the columns that hold a NaN."""
    if not has_gaps(numbers):
        return np.empty(0, np.intp)
    if sparse.issparse(numbers):
        return np.unique(numbers.indices[np.isnan(numbers.data)])
    blocks = [np.isnan(numbers[block]).any(axis=0) for block in row_blocks(numbers)]
    return np.flatnonzero(np.any(blocks, axis=0))


def _measure_gaps(numbers, weight, with_gaps):
    """Return what fills the gaps of each column, and the share of the gaps."""
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
