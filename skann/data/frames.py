"""Tables of any kind: their categorical columns, and the contents of cells.

A table is a data frame that narwhals supports (pandas, polars, pyarrow and others), or
an array. Labels are strings, booleans, and the categories (levels) of categorical
columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

# The types of stored levels; all others are stored as text.
_PLAIN = (str, bool, int, float)

_OF_LABELS = (nw.Categorical, nw.Enum, nw.String, nw.Boolean)
_OF_DATES = (nw.Datetime, nw.Date, nw.Time, nw.Duration)


def categorical_by_dtype(X: Any) -> np.ndarray | None:
    """Return which columns are categorical, by their dtype.

    These are the categorical, string and boolean columns of a frame and, among its
    columns of dtype object and in an array of objects, those with a string or boolean.

    Parameters
    ----------
    X : object
        A table.

    Returns
    -------
    is_categorical : ndarray of bool of shape (n_features,) or None
        Which columns these are; None if X is not a table with dtypes.
    """
    if _is_frame(X):
        frame = nw.from_native(X)
        columns = enumerate(frame.schema.dtypes())
        return np.array(
            [
                dtype in _OF_LABELS
                or (dtype == nw.Object and _has_labels(cells_of(X, j)))
                for j, dtype in columns
            ],
            dtype=bool,
        )
    if _is_array_of_objects(X):
        return np.array([_has_labels(column) for column in X.T.tolist()], dtype=bool)
    return None


def column_of_dates(X: Any) -> tuple[Any, str] | None:
    """Return the index and dtype of the first column of dates, or None."""
    if _is_frame(X):
        for j, dtype in enumerate(nw.from_native(X).schema.dtypes()):
            if dtype in _OF_DATES:
                return j, str(dtype)
    return None


def cells_of(X: Any, j: int) -> list[Any]:
    """Return the cells of a column of a table as Python objects.

    Parameters
    ----------
    X : frame or ndarray of shape (n_samples, n_features)
        A table.

    j : int
        The index of the column.
    """
    if _is_frame(X):
        return nw.from_native(X)[:, int(j)].to_list()
    return X[:, j].tolist()


def number_columns(X: Any, numbers: np.ndarray) -> Any:
    """Return some columns of a table, which scikit-learn can convert to numbers.

    Parameters
    ----------
    X : frame or ndarray of shape (n_samples, n_features)
        A table.

    numbers : ndarray of int
        The indices of the columns.

    Returns
    -------
    columns : frame or ndarray of shape (n_samples, n_columns)
        The columns. In those of dtype object, missing cells are NaN.
    """
    if _is_frame(X):
        frame = nw.from_native(X)
        dtypes = frame.schema.dtypes()
        if all(dtypes[j] != nw.Object for j in numbers):
            return frame[:, numbers.tolist()].to_native()
    elif not _is_array_of_objects(X):
        return X[:, numbers]
    columns = np.empty((len(X), len(numbers)), object)
    for place, j in enumerate(numbers):
        cells = cells_of(X, j)
        columns[:, place] = [np.nan if is_missing(cell) else cell for cell in cells]
    return columns


def has_objects(X: Any) -> bool:
    """Return whether the cells of a table may be arbitrary objects."""
    if _is_frame(X):
        return nw.Object in nw.from_native(X).schema.dtypes()
    return _is_array_of_objects(X)


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, or a missing value of pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and value != value


def plain(cell: Any) -> str | bool | int | float | None:
    """Return a label as a plain object, or None if it is missing."""
    if is_missing(cell):
        return None
    if isinstance(cell, np.generic):
        cell = cell.item()
    return cell if isinstance(cell, _PLAIN) else str(cell)


def sorted_levels(levels: Iterable[Any]) -> list[Any]:
    """Return sorted levels; if they cannot be compared, sorted by type and as text."""
    try:
        return sorted(levels)
    except TypeError:
        return sorted(levels, key=lambda level: (type(level).__name__, str(level)))


def _is_frame(X: Any) -> bool:
    """Return whether X is a data frame."""
    return bool(nw.dependencies.is_into_dataframe(X))


def _is_array_of_objects(X: Any) -> bool:
    """Return whether X is a matrix of objects."""
    return isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 2


def _has_labels(cells: list[Any]) -> bool:
    """Return whether one of the cells is a string or a boolean."""
    return any(isinstance(cell, str | bool | np.bool_) for cell in cells)
