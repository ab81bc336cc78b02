"""Where rows come from, scaled as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from skann.core.types import FloatArray, Matrix
from skann.data.one_hot import OneHotRows
from skann.data.scaling import ColumnStatistics, scale_columns

# Of so few outputs one-hot rows are copied faster than they are made.
_FEW_OUTPUTS = 16


class ScaledRows:
    """Rows that are scaled when they are read.

    Sparse rows stay sparse.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        The raw rows.

    statistics : ColumnStatistics or None
        The statistics of the scaling.

    dtype : dtype
        The dtype of the scaled rows.
    """

    def __init__(
        self, X: Matrix, statistics: ColumnStatistics | None, dtype: DTypeLike
    ):
        self._X = X
        self._statistics = statistics
        self._dtype = dtype
        self.shape = X.shape

    def __getitem__(self, rows: slice | np.ndarray) -> Matrix:
        return scale_columns(self._X[rows], self._statistics, self._dtype)


@dataclass(frozen=True)
class TrainingData:
    """What a network learns from.

    Parameters
    ----------
    X : ndarray, CSR array or CenteredSparse of shape (n_samples, n_inputs)
        The inputs.

    target : ndarray or OneHotRows of shape (n_samples, n_outputs)
        The targets.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights of the samples.

    mean_weight : float
        The mean weight that losses are divided by; 1 without weights.
    """

    X: Matrix
    target: FloatArray | OneHotRows
    sample_weight: FloatArray | None
    mean_weight: float

    @property
    def n_samples(self) -> int:
        """The number of rows."""
        return self.target.shape[0]

    @cached_property
    def dense_target(self) -> FloatArray:
        """Ndarray of shape (n_samples, n_outputs) : All targets as one array."""
        if isinstance(self.target, OneHotRows):
            return self.target.toarray()
        return self.target


class RowReader:
    """Reads rows of the data; dense ones are copied into the same memory each time.

    Targets come in Fortran order, as losses like them; one-hot rows of many classes are
    made when they are read.

    Parameters
    ----------
    data : TrainingData
        The data.

    rows : ndarray of int or None
        The rows to read, in this order, which may change from read to read; None for
        all rows as they are, which need no copying.
    """

    def __init__(self, data: TrainingData, rows: np.ndarray | None):
        self._data = data
        self._rows = rows
        self._target = _by_output(data.target)
        self._buffers: dict[int, tuple[FloatArray | None, FloatArray]] = {}

    def read(
        self, start: int, stop: int
    ) -> tuple[Matrix, FloatArray, FloatArray | None]:
        """Return X, target and sample_weight of the rows from `start` to `stop`."""
        data = self._data
        weight = data.sample_weight
        if self._rows is None:
            part = slice(start, stop)
            if isinstance(self._target, OneHotRows):
                target = self._target.write(part, self._buffers_of(stop - start)[1])
            else:
                target = self._target[:, part]
            return data.X[part], target.T, None if weight is None else weight[part]
        rows = self._rows[start:stop]
        X_buffer, target = self._buffers_of(rows.size)
        if X_buffer is None:
            X = data.X[rows]
        else:
            # "clip" skips the bounds check, which costs more than the copy.
            X = data.X.take(rows, axis=0, out=X_buffer, mode="clip")
        if isinstance(self._target, OneHotRows):
            self._target.write(rows, target)
        else:
            self._target.take(rows, axis=1, out=target, mode="clip")
        return X, target.T, None if weight is None else weight[rows]

    def _buffers_of(self, n_rows: int) -> tuple[FloatArray | None, FloatArray]:
        """Return memory for the rows of X, if they are dense, and for the targets."""
        try:
            return self._buffers[n_rows]
        except KeyError:
            X, target = self._data.X, self._data.target
            copied = isinstance(X, np.ndarray) and self._rows is not None
            buffers = self._buffers[n_rows] = (
                np.empty((n_rows, X.shape[1]), X.dtype) if copied else None,
                np.empty((target.shape[1], n_rows), target.dtype),
            )
            return buffers


def _by_output(target: FloatArray | OneHotRows) -> FloatArray | OneHotRows:
    """Return targets with a row for each output, if they do not stay one-hot rows."""
    if not isinstance(target, OneHotRows):
        return np.ascontiguousarray(target.T)
    if target.n_outputs > _FEW_OUTPUTS:
        return target
    return target.write(slice(None), np.empty(target.shape[::-1], target.dtype))
