"""The source of rows, which are scaled when they are read."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import RandomState
from numpy.typing import DTypeLike

from skann.core.types import FloatArray, Matrix
from skann.data.one_hot import OneHotRows
from skann.data.scaling import ColumnStatistics, scale_columns
from skann.data.stored import StoredRows

# With up to this many outputs, one-hot rows are copied faster than created.
_FEW_OUTPUTS = 16

# A smaller share of the weight may be just a rounding error.
_LEAST_SHARE = 1e-12


# The size in bytes of a window of rows, which are read for several steps. With
# shuffle="blocks", it is this share of all rows, within these limits.
_WINDOW_SHARE = 0.02
WINDOW_BYTES = 4 << 20, 64 << 20

# With shuffle="blocks", the rows of a window come from this many blocks.
BLOCKS_OF_A_WINDOW = 64

# They are read in parts of about this many bytes.
_BLOCK_BYTES = 512 << 10


class ScaledRows:
    """Rows that are scaled when they are read.

    Sparse rows remain sparse.

    Parameters
    ----------
    X : ndarray, CSR array or StoredRows of shape (n_samples, n_features)
        The unscaled rows.

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
        self.dtype = np.dtype(dtype)
        n_beside = 0 if statistics is None else statistics.n_beside
        self.shape = X.shape[0], X.shape[1] + n_beside

    def __getitem__(self, rows: slice | np.ndarray) -> Matrix:
        with np.errstate(over="ignore", invalid="ignore"):  # this setting is per thread
            return scale_columns(self._X[rows], self._statistics, self.dtype)

    def announce(self, rows: np.ndarray) -> None:
        """Ask the system to load some rows, in ascending order, from disk."""
        if isinstance(self._X, StoredRows):
            self._X.announce(rows)


class RowWindow:
    """Scaled rows that are kept in memory for some steps, for all parts.

    Parameters
    ----------
    scaled : ScaledRows
        The source of the rows.

    rows : ndarray of int or None
        The rows to read, in this order, which may change after all were read; None for
        all rows in order.
    """

    def __init__(self, scaled: ScaledRows, rows: np.ndarray | None):
        self._scaled = scaled
        self._rows = rows
        self._start = 0
        self._X = np.empty((0, scaled.shape[1]), scaled.dtype)
        # The part in use, and the part that is being read.
        self._memory = [self._X, self._X]

    def spans(self, n_rows: int, stride: int) -> Iterator[tuple[int, int]]:
        """Yield the start and stop of the rows in memory, one part after the other.

        While a part is in use, a thread reads the next one.

        Parameters
        ----------
        n_rows : int
            The total number of rows.

        stride : int
            The number of rows of a part.
        """
        starts = range(0, n_rows, stride)
        spans = [(start, min(start + stride, n_rows)) for start in starts]
        if len(spans) == 1:
            self.load(0, n_rows)
            yield 0, n_rows
            return
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._read, *spans[0], 0)
            for number, span in enumerate(spans, start=1):
                self._X, self._start = coming.result(), span[0]
                if number < len(spans):
                    coming = reader.submit(self._read, *spans[number], number % 2)
                yield span

    def load(self, start: int, stop: int) -> None:
        """Read the rows from `start` to `stop` of the order."""
        self._X, self._start = self._read(start, stop, 0), start

    def _read(self, start, stop, number):
        """Return some rows, using one of the two parts of memory."""
        n_rows = stop - start
        if len(self._memory[number]) < n_rows:
            shape = n_rows, self._scaled.shape[1]
            self._memory[number] = np.empty(shape, self._scaled.dtype)
        X = self._memory[number]
        # In the order of the file, and few at a time, to avoid a second copy.
        rows = None if self._rows is None else self._rows[start:stop]
        order = None if rows is None else np.argsort(rows)
        if rows is not None and order is not None:
            self._scaled.announce(rows[order])
        step = max(1, _BLOCK_BYTES // max(1, X[:1].nbytes))
        for first in range(0, n_rows, step):
            block = slice(first, min(first + step, n_rows))
            if rows is None or order is None:
                read = slice(start + block.start, start + block.stop)
                X[block] = self._scaled[read]
            else:
                places = order[block]
                X[places] = self._scaled[rows[places]]
        return X

    def __getitem__(self, part: slice) -> FloatArray:
        return self._X[part.start - self._start : part.stop - self._start]


def rows_per_window(
    shape: tuple[int, ...], itemsize: int, *, in_blocks: bool = False
) -> int:
    """Return the number of scaled rows that are kept in memory.

    Parameters
    ----------
    shape : tuple of int
        The total number of rows, and of columns.

    itemsize : int
        The size of a number in bytes.

    in_blocks : bool, default=False
        Whether only the rows of a window are shuffled together. The more rows there
        are, the better they are mixed.
    """
    row = max(1, shape[1] * itemsize)
    least, most = WINDOW_BYTES
    size: float = least
    if in_blocks:
        size = min(max(least, _WINDOW_SHARE * shape[0] * row), most)
    return max(1, int(size) // row)


def shuffle_blocks(
    rows: np.ndarray, window_size: int, random_state: RandomState
) -> None:
    """Shuffle rows in place so that the rows of a window are in a few blocks.

    Parameters
    ----------
    rows : ndarray of int of shape (n_rows,)
        The indices of the rows, in any order.

    window_size : int
        The number of rows that are read at a time.

    random_state : RandomState
        Draws the order of the blocks, and then that of the rows in each window.
    """
    rows.sort()
    size = max(1, window_size // BLOCKS_OF_A_WINDOW)
    blocks = np.split(rows, np.arange(size, rows.size, size))
    order = random_state.permutation(len(blocks))
    rows[...] = np.concatenate([blocks[number] for number in order])
    for start in range(0, rows.size, window_size):
        random_state.shuffle(rows[start : start + window_size])


@dataclass(frozen=True)
class TrainingData:
    """The training data of a network.

    Parameters
    ----------
    X : ndarray, CSR array, CenteredSparse or ScaledRows of shape (n_samples, n_inputs)
        The scaled inputs.

    target : ndarray or OneHotRows of shape (n_samples, n_outputs)
        The targets.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights of the samples.

    mean_weight : float
        The mean weight, by which losses are divided; 1 without weights.

    folds : ndarray of int of shape (n_samples,) or None
        For each row, the index of the member that leaves it out; None if all members
        use all rows.
    """

    X: Matrix
    target: FloatArray | OneHotRows
    sample_weight: FloatArray | None
    mean_weight: float
    folds: np.ndarray | None = None

    @property
    def n_samples(self) -> int:
        """The number of rows."""
        return self.target.shape[0]

    @cached_property
    def dense_target(self) -> FloatArray:
        """All targets as one array of shape (n_samples, n_outputs)."""
        if isinstance(self.target, OneHotRows):
            return self.target.toarray()
        return self.target

    @cached_property
    def fold_factors(self) -> np.ndarray:
        """The factors of shape (n_folds,) that compensate for the rows of each fold.

        Multiplied by the factor of a fold, the weights of all other rows have the sum
        of all weights. It is zero if their weight is negligible.
        """
        assert self.folds is not None
        sums = np.bincount(self.folds, self.sample_weight)
        others = 1 - sums / sums.sum()
        return np.where(others > _LEAST_SHARE, 1 / np.maximum(others, _LEAST_SHARE), 0)


class RowReader:
    """Reads rows of the data; dense rows are always copied to the same memory.

    Targets are in Fortran order, which is fast for losses; one-hot rows of many classes
    are created when they are read.

    Parameters
    ----------
    data : TrainingData
        The data.

    rows : ndarray of int or None
        The rows to read, in this order, which may change between reads; None for all
        rows in order, which need no copy.

    members : range, default=None
        The members to train: targets and weights are repeated for each member, and the
        weights of a member for its own fold are zero. None for a single network.

    window : RowWindow, default=None
        The window from which rows of X are read; None for the data themselves.
    """

    def __init__(
        self,
        data: TrainingData,
        rows: np.ndarray | None,
        members: range | None = None,
        window: RowWindow | None = None,
    ):
        self._data = data
        self._rows = rows
        self._window = window
        self._members = members
        self._target = _by_output(data.target)
        self._buffers: dict[int, tuple[FloatArray | None, FloatArray]] = {}
        self._repeated: dict[int, FloatArray] = {}
        if members is not None and data.folds is not None:
            self._weight_of_fold = _weights_by_fold(data, members, self._target.dtype)

    def read(
        self, start: int, stop: int
    ) -> tuple[Matrix, FloatArray, FloatArray | None]:
        """Return X, target and sample_weight of the rows from `start` to `stop`."""
        X, target, weight = self._read_once(start, stop)
        if self._members is None:
            return X, target, weight
        try:
            repeated = self._repeated[stop - start]
        except KeyError:
            shape = target.shape[1], len(self._members), stop - start
            repeated = self._repeated[stop - start] = np.empty(shape, target.dtype)
        repeated[...] = target.T[:, np.newaxis]
        return (
            X,
            repeated.reshape(len(repeated), -1).T,
            self._weights_of_members(self._members, start, stop, weight),
        )

    def _weights_of_members(self, numbers, start, stop, weight):
        """Return the weights of rows for each member, or None if all are equal."""
        folds = self._data.folds
        if folds is None:
            return None if weight is None else np.tile(weight, len(numbers))
        part: slice | np.ndarray = slice(start, stop)
        if self._rows is not None:
            part = self._rows[part]
        weights = self._weight_of_fold.take(folds[part], axis=1)
        if weight is not None:
            weights *= weight
        return weights.ravel()

    def _read_once(self, start, stop):
        """Return X, target and sample_weight of the rows, shared by all members."""
        data = self._data
        weight = data.sample_weight
        if self._rows is None:
            part = slice(start, stop)
            if isinstance(self._target, OneHotRows):
                target = self._target.write(part, self._buffers_of(stop - start)[1])
            else:
                target = self._target[:, part]
            X = (data.X if self._window is None else self._window)[part]
            return X, target.T, None if weight is None else weight[part]
        rows = self._rows[start:stop]
        X_buffer, target = self._buffers_of(rows.size)
        if self._window is not None:
            X = self._window[start:stop]
        elif X_buffer is None:
            X = data.X[rows]
        else:
            # "clip" avoids the bounds check, which takes longer than the copy.
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


def _weights_by_fold(
    data: TrainingData, members: range, dtype: DTypeLike
) -> FloatArray:
    """Return how much the rows of each fold weigh for each member: its own nothing."""
    numbers = np.array(members)[:, np.newaxis]
    factors = data.fold_factors
    weights = (np.arange(len(factors)) != numbers) * factors[numbers]
    return weights.astype(dtype)


def _by_output(target: FloatArray | OneHotRows) -> FloatArray | OneHotRows:
    """Return targets with a row for each output, unless they are kept one-hot."""
    if not isinstance(target, OneHotRows):
        return np.ascontiguousarray(target.T)
    if target.n_outputs > _FEW_OUTPUTS:
        return target
    return target.write(slice(None), np.empty(target.shape[::-1], target.dtype))
