"""From the columns of a table to what the network takes, as nodes.

These are the formulas of `skann.data.columns`. A table comes as one matrix, or as one
input of shape (n_samples, 1) for each of its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skann.data.columns import Columns
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
        One matrix of all columns, or each column by itself.
    """

    values: Sequence[Value]

    def column(self, j: int) -> Value:
        """Return a column of the table, of shape (n_samples, 1)."""
        if len(self.values) == 1:
            return self.values[0].last([j])
        return self.values[j]

    def numbers(self, chosen: np.ndarray, n_columns: int) -> Value:
        """Return some of the columns side by side, as floats.

        Integers become float64, as float32 does not hold all that occur.
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
            "A column of numbers is given as text. Convert with an input for each "
            "column, those of numbers as such."
        )
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def takes_columns(columns: Columns) -> bool:
    """Say whether a table needs an input for each column, as it holds text.

    A column without any frequent level is taken for one of text, too.
    """
    return any(
        not levels or any(isinstance(level, str) for level in levels)
        for levels in columns.levels
    )


def input_dtypes(
    columns: Columns, names: Sequence[str], dtype: DTypeLike
) -> list[np.dtype]:
    """Return the dtype of the input for each column of a table; `object` for text.

    Parameters
    ----------
    columns : Columns
        The columns.

    names : sequence of str of length n_features
        What they are called.

    dtype : dtype
        The dtype of numbers.
    """
    dtypes = [np.dtype(dtype)] * len(names)
    for place, j in enumerate(np.flatnonzero(columns.is_categorical).tolist()):
        levels, n_groups = columns.levels[place], len(columns.shares[place])
        kind = kind_of_levels(levels, names[j])
        if kind.kind == "b" and n_groups > len(levels) == 2:
            kind = TEXT  # the third group is of missing values, which no bool says
        dtypes[j] = np.dtype(dtype) if kind == np.float64 else kind
    return dtypes


def kind_of_levels(levels: Sequence[Any], name: str) -> np.dtype:
    """Return the dtype that holds levels: text, bool, int64 or float64.

    Raises
    ------
    ValueError
        If none of them does.
    """
    if all(isinstance(level, str) for level in levels):
        return TEXT
    if any(isinstance(level, str) for level in levels):
        raise ValueError(
            f"ONNX holds columns of one type. The levels of {name!r} are of several: "
            f"{levels!r}. Turn them into text, and fit anew."
        )
    if all(isinstance(level, bool) for level in levels):
        return np.dtype(bool)
    if any(isinstance(level, float) for level in levels):
        return np.dtype(np.float64)
    if min(levels) < _INT64.min or max(levels) > _INT64.max:
        raise ValueError(
            f"The levels of {name!r} are beyond int64, which is what ONNX holds. Turn "
            "them into text, and fit anew."
        )
    return np.dtype(np.int64)


def prepare(
    inputs: Inputs,
    columns: Columns,
    names: Sequence[str],
    statistics: ColumnStatistics | None,
    network_dtype: DTypeLike,
) -> tuple[list[Value], Value | None]:
    """Return the indicators of a table, and its numbers without gaps.

    Parameters
    ----------
    inputs : Inputs
        The raw inputs.

    columns : Columns
        The columns of the table.

    names : sequence of str of length n_features
        What they are called.

    statistics : ColumnStatistics or None
        The scaling of the matrix that is made of the table. Its centres fill gaps where
        training had none.

    network_dtype : dtype
        The dtype of indicators, which are not scaled.

    Returns
    -------
    indicators : list of Value of shape (n_samples, n_columns)
        The indicators.

    numbers : Value of shape (n_samples, n_numbers) or None
        The columns of numbers; None if there are none.
    """
    labels = np.flatnonzero(columns.is_categorical).tolist()
    indicators = [
        _codes(inputs.column(j), columns.levels[place], names[j]).rows_of(
            columns.indicators[place], network_dtype
        )
        for place, j in enumerate(labels)
    ]
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
    """Return the statistics of the columns of numbers alone."""
    if statistics is None or not columns.n_indicators:
        return statistics
    measures = "center", "spread", "low", "high", "is_constant"
    kept = {
        name: getattr(statistics, name)[columns.n_indicators :] for name in measures
    }
    return replace(statistics, **kept)


def _codes(cells: Value, levels: Sequence[Any], name: str) -> Value:
    """Return the number of the level of each cell, as `codes_of` does.

    Of shape (n_samples,).
    """
    none, kind = len(levels), kind_of_levels(levels, name)
    if not levels:  # any key will do, as there is one place for all
        kind = cells.dtype
        levels = [""] if kind == TEXT else [0]
    if cells.dtype == TEXT:
        if kind != TEXT and kind.kind != "b":
            raise ValueError(
                f"The levels of {name!r} are numbers, and its input is text. Convert "
                "with an input of numbers for this column."
            )
        texts = [str(level) for level in levels]
        return cells.numbers_of(texts, none).reshape(-1)
    if kind == TEXT:
        raise ValueError(
            f"The levels of {name!r} are text, and its input is {cells.dtype}. Convert "
            "with an input for each column, this one of text."
        )
    if cells.dtype == bool:
        cells = cells.astype(np.int64)
    known = np.array(levels, cells.dtype)
    if known.tolist() != list(levels):
        raise ValueError(
            f"The levels of {name!r} cannot be told apart as {cells.dtype}. Export "
            "with float64, or turn them into text, and fit anew."
        )
    places = cells.graph.constant(np.arange(len(levels)), np.int64)
    return cells.equals(known).where(places, none).min(1)
