"""Conversion of the columns of a table to the inputs of the network, as nodes.

These are the formulas of `skann.data.columns`. A table is given as one matrix, or as
one input of shape (n_samples, 1) per column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skann.core.layers.categories import CODE_STEP
from skann.data.columns import Columns, has_vectors
from skann.data.scaling import ColumnStatistics
from skann.export.onnx_graph.graph import Value, concatenate

TEXT = np.dtype(object)
_INT64 = np.iinfo(np.int64)


@dataclass(frozen=True)
class Inputs:
    """The raw inputs of a graph.

    Parameters
    ----------
    values : sequence of Value
        One matrix of all columns, or each column separately.
    """

    values: Sequence[Value]

    def column(self, j: int) -> Value:
        """Return a column of the table, of shape (n_samples, 1)."""
        if len(self.values) == 1:
            return self.values[0].last([j])
        return self.values[j]

    def numbers(self, chosen: np.ndarray, n_columns: int) -> Value:
        """Return some of the columns side by side, as floats.

        Integers are converted to float64, since float32 cannot represent all of them.
        """
        if len(self.values) == 1:
            X = self.values[0]
            return _as_floats(X if len(chosen) == n_columns else X.last(chosen))
        values = [_as_floats(self.values[j]) for j in chosen]
        dtype = np.result_type(*(value.dtype for value in values))
        return concatenate([value.astype(dtype) for value in values], axis=1)


def _as_floats(values: Value) -> Value:
    """Return numbers, float32 or float64."""
    if values.dtype == TEXT:
        raise ValueError(
            "A numeric column is declared as text. Convert with one input per column, "
            "and declare numeric columns as numbers."
        )
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def takes_columns(columns: Columns) -> bool:
    """Return whether a table needs one input per column, because it contains text.

    A column without any frequent category is also considered text.
    """
    return any(
        not levels or any(isinstance(level, str) for level in levels)
        for levels in columns.levels
    )


def input_dtypes(
    columns: Columns, names: Sequence[str], dtype: DTypeLike
) -> list[np.dtype]:
    """Return the dtype of the input for each column of a table; object for text.

    Parameters
    ----------
    columns : Columns
        The columns.

    names : sequence of str of length n_features
        The names of the columns.

    dtype : dtype
        The dtype of numbers.
    """
    dtypes = [np.dtype(dtype)] * len(names)
    for place, j in enumerate(np.flatnonzero(columns.is_categorical).tolist()):
        levels, n_groups = columns.levels[place], len(columns.shares[place])
        kind = kind_of_levels(levels, names[j])
        if kind.kind == "b" and n_groups > len(levels) == 2:
            kind = TEXT  # the third group is missing values, unknown to bool
        dtypes[j] = np.dtype(dtype) if kind == np.float64 else kind
    return dtypes


def kind_of_levels(levels: Sequence[Any], name: str) -> np.dtype:
    """Return the dtype of categories: text, bool, int64 or float64.

    Raises
    ------
    ValueError
        If none of them does.
    """
    if all(isinstance(level, str) for level in levels):
        return TEXT
    if any(isinstance(level, str) for level in levels):
        raise ValueError(
            "A column in ONNX has one type, but the categories of "
            f"{name!r} have several: {levels!r}. Convert the column to text, and fit "
            "again."
        )
    if all(isinstance(level, bool) for level in levels):
        return np.dtype(bool)
    if any(isinstance(level, float) for level in levels):
        return np.dtype(np.float64)
    if min(levels) < _INT64.min or max(levels) > _INT64.max:
        raise ValueError(
            f"The categories of {name!r} exceed the range of int64, which ONNX uses "
            "for integers. Convert the column to text, and fit again."
        )
    return np.dtype(np.int64)


def prepare(
    inputs: Inputs,
    columns: Columns,
    names: Sequence[str],
    statistics: ColumnStatistics | None,
    network_dtype: DTypeLike,
) -> tuple[list[Value], Value | None]:
    """Return the indicators of a table, and its numbers without missing values.

    Parameters
    ----------
    inputs : Inputs
        The raw inputs.

    columns : Columns
        The columns of the table.

    names : sequence of str of length n_features
        The names of the columns.

    statistics : ColumnStatistics or None
        The scaling of the matrix derived from the table. Its centres replace missing
        values in columns that had none in training.

    network_dtype : dtype
        The dtype of indicators, which are not scaled.

    Returns
    -------
    indicators : list of Value of shape (n_samples, n_columns)
        The codes of categories with vectors, and the indicators.

    numbers : Value of shape (n_samples, n_numbers) or None
        The numeric columns; None if there are none.
    """
    labels = np.flatnonzero(columns.is_categorical).tolist()
    vectors, indicators = [], []
    for j, levels, table in zip(
        labels, columns.levels, columns.indicators, strict=True
    ):
        codes = _codes(inputs.column(j), levels, names[j])
        if has_vectors(levels):
            steps = codes.reshape(-1, 1).astype(network_dtype) * CODE_STEP
            vectors.append(steps)
        else:
            indicators.append(codes.rows_of(table, network_dtype))
    indicators = vectors + indicators
    number_columns = np.flatnonzero(~columns.is_categorical)
    if not number_columns.size:
        return indicators, None
    numbers = inputs.numbers(number_columns, columns.is_categorical.size)
    fills, marked = columns.fills, np.flatnonzero(columns.is_marked)
    if statistics is not None:
        center, _ = statistics.center_and_scale
        fills = np.where(np.isnan(fills), center[columns.n_indicators :], fills)
    is_gap = numbers.is_nan()
    if marked.size:
        gaps = is_gap if marked.size == len(fills) else is_gap.last(marked)
        marks = is_gap.graph.constant(columns.marks, network_dtype)
        indicators.append(gaps.where(marks, 0.0))
    return indicators, is_gap.where(numbers.like(fills), numbers)


def of_numbers(
    statistics: ColumnStatistics | None, columns: Columns
) -> ColumnStatistics | None:
    """Return the statistics of only the numeric columns."""
    if statistics is None or not columns.n_indicators:
        return statistics
    measures = "center", "spread", "low", "high", "is_constant"
    kept = {
        name: getattr(statistics, name)[columns.n_indicators :] for name in measures
    }
    return replace(statistics, **kept)


def _codes(cells: Value, levels: Sequence[Any], name: str) -> Value:
    """Return the index of the level of each cell, like `codes_of`.

    The shape is (n_samples,).
    """
    none, kind = len(levels), kind_of_levels(levels, name)
    if not levels:  # any key works, since all cells have the same code
        kind = cells.dtype
        levels = [""] if kind == TEXT else [0]
    if cells.dtype == TEXT:
        if kind != TEXT and kind.kind != "b":
            raise ValueError(
                f"The categories of {name!r} are numbers, but its input is text. "
                "Convert with a numeric input for this column."
            )
        texts = [str(level) for level in levels]
        return cells.numbers_of(texts, none).reshape(-1)
    if kind == TEXT:
        raise ValueError(
            f"The categories of {name!r} are text, but its input is {cells.dtype}. "
            "Convert with one input per column, and a text input for this one."
        )
    if cells.dtype == bool:
        cells = cells.astype(np.int64)
    known = np.array(levels, cells.dtype)
    if known.tolist() != list(levels):
        raise ValueError(
            f"The categories of {name!r} cannot be distinguished in {cells.dtype}. "
            "Export with float64, or convert the column to text and fit again."
        )
    places = cells.graph.constant(np.arange(len(levels)), np.int64)
    return cells.equals(known).where(places, none).min(1)
