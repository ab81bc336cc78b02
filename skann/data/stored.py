"""Rows that remain in their source, usually a file, until they are read.

A memory map, an HDF5 dataset or a zarr array may be larger than memory. A fit reads it
in blocks of rows: each block is converted to floating-point numbers, missing values are
imputed, and it is released before the next one is read.
"""

from __future__ import annotations

import copy
import mmap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from skann.core.types import FloatArray

if TYPE_CHECKING:
    from skann.data.columns import Columns

# The memory in which columns are gathered: in bytes, or as a share of the matrix.
_COLUMN_BYTES = 4 << 20
_COLUMN_SHARE = 0.02

# Rows closer than this are read together: a call takes as long as these bytes.
_GAP_BYTES = 64 << 10

# Runs of consecutive rows are prefetched if their mean length is at least this.
_LEAST_RUN = 8

# Whole chunks are read if those of some rows are not larger than this.
_CHUNK_BYTES = 32 << 20

# An object with one of these attributes is not a file, but a frame or an array of a
# library whose operations differ from those of numpy.
_NOT_STORED = ("__array_ufunc__", "__array_namespace__", "__dataframe__")


def is_stored(X: Any) -> bool:
    """Return whether X is a numeric matrix whose rows are read on demand.

    These are memory maps, and objects with the shape and dtype of a matrix and row
    slices that are not numpy arrays, such as HDF5 datasets and zarr arrays.
    """
    if isinstance(X, StoredRows):
        return True
    if isinstance(X, np.ndarray):
        return X.ndim == 2 and X.dtype.kind in "biuf" and _mapping(X) is not None
    if sparse.issparse(X) or any(hasattr(X, name) for name in _NOT_STORED):
        return False
    dtype = getattr(X, "dtype", None)
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
        return False
    shape = getattr(X, "shape", None)
    return isinstance(shape, tuple) and len(shape) == 2 and hasattr(X, "__getitem__")


def _mapping(array):
    """Return the memory map to which an array belongs, or None."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return getattr(array, "_mmap", None)
        array = array.base
    return None


class StoredRows:
    """A matrix of floats whose rows are read on demand.

    Parameters
    ----------
    source : object
        The stored numeric matrix; for valid types, see `is_stored`.

    Attributes
    ----------
    shape : tuple of int
        The number of rows and of columns.

    dtype : dtype
        float32 if this is the stored dtype, else float64.
    """

    ndim = 2

    def __init__(self, source: Any):
        self._source = source
        self._rows: np.ndarray | None = None
        self._columns: Columns | None = None
        self._fills: np.ndarray | None = None
        self._n_left_out = 0
        self._chunk: tuple[int, np.ndarray] | None = None
        self.shape: tuple[int, int] = tuple(source.shape)
        self.dtype = np.dtype(np.float32 if source.dtype == np.float32 else np.float64)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> FloatArray:
        """Return some rows as an array, which must not be modified."""
        block = self._read(rows)
        if self._columns is not None:
            block = self._columns.matrix(block, [])
        if self._fills is not None:
            block = np.where(np.isnan(block), self._fills, block).astype(self.dtype)
        return block[:, self._n_left_out :]

    def announce(self, rows: np.ndarray) -> None:
        """Ask the system to load some rows of a memory map from disk, if possible.

        Otherwise, the system would load much more, since it expects sequential access.

        Parameters
        ----------
        rows : ndarray of int
            The rows that will be read, in ascending order.
        """
        mapping, source = _mapping(self._source), self._source
        if mapping is None or self._rows is not None or rows.size == 0:
            return
        if not (source.flags.c_contiguous and hasattr(mmap, "MADV_WILLNEED")):
            return
        first = np.flatnonzero(np.diff(rows, prepend=-2) > 1)
        if first.size * _LEAST_RUN > rows.size:
            return
        starts, stops = rows[first], rows[np.append(first[1:], rows.size) - 1] + 1
        size, page = source.strides[0], mmap.PAGESIZE
        offset = source.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
        begins = (offset + starts * size) // page * page
        lengths = offset + stops * size - begins
        for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True):
            mapping.madvise(mmap.MADV_WILLNEED, begin, length)

    def columns(self) -> Iterator[FloatArray]:
        """Yield the columns, each as an array of shape (n_samples,), for a single use.

        As many columns as fit into some memory are gathered in one pass over all rows.
        """
        n_rows, n_columns = self.shape
        size = max(1, n_rows * self.dtype.itemsize)
        memory = max(_COLUMN_BYTES, int(_COLUMN_SHARE * size * n_columns))
        n_together = max(1, memory // size)
        for first in range(0, n_columns, n_together):
            yield from self._gather_columns(first, min(first + n_together, n_columns))

    def column(self, j: int) -> FloatArray:
        """Return a column as an array of shape (n_samples,)."""
        return self._gather_columns(j, j + 1)[0]

    def selected(self, rows: np.ndarray) -> StoredRows:
        """Return some of the rows, which also remain in their source."""
        selected = copy.copy(self)
        selected._rows = rows if self._rows is None else self._rows[rows]
        selected.shape = rows.size, self.shape[1]
        return selected

    def with_columns(self, columns: Columns) -> StoredRows:
        """Return the rows with imputed and marked missing values."""
        changed = copy.copy(self)
        changed._columns = columns
        changed.shape = self.shape[0], self.shape[1] + columns.n_indicators
        return changed

    def filled(self, values: np.ndarray) -> StoredRows:
        """Return the rows with each NaN replaced by a number for its column."""
        changed = copy.copy(self)
        changed._fills = values
        return changed

    def without_first(self, n_columns: int) -> StoredRows:
        """Return the rows without their first columns."""
        changed = copy.copy(self)
        changed._n_left_out = self._n_left_out + n_columns
        changed.shape = self.shape[0], self.shape[1] - n_columns
        return changed

    def _gather_columns(self, first, last):
        """Return some columns, each of them contiguous."""
        n_rows = self.shape[0]
        gathered = np.empty((last - first, n_rows), self.dtype)
        n_at_once = max(1, (1 << 16) // max(1, self.shape[1]))
        for start in range(0, n_rows, n_at_once):
            block = slice(start, start + n_at_once)
            gathered[:, block] = self[block][:, first:last].T
        return gathered

    def _read(self, rows):
        """Return some rows of the source as floats."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(self.shape[0])
            if step == 1 and self._rows is None:
                return self._read_slice(start, max(start, stop))
            rows = np.arange(start, stop, step)
        if self._rows is not None:
            rows = self._rows[rows]
        in_order = (rows[1:] >= rows[:-1]).all()
        if in_order and isinstance(self._source, np.ndarray):
            return self._floats(self._source[rows])
        # In the order of the file, since neighbours are in the same page or chunk.
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        block = np.empty((rows.size, self._source.shape[1]), self.dtype)
        if isinstance(self._source, np.ndarray):
            block[order] = self._source[ascending]
            return block
        for first, last in self._runs(ascending):
            start = ascending[first]
            read = self._read_slice(start, ascending[last - 1] + 1)
            block[order[first:last]] = read[ascending[first:last] - start]
        return block

    def _runs(self, ascending):
        """Yield the start and stop of rows that are close enough to read together."""
        row_bytes = max(1, self._source.shape[1] * self._source.dtype.itemsize)
        near = max(_GAP_BYTES // row_bytes, self._rows_of_chunk)
        most = max(near, _CHUNK_BYTES // row_bytes)
        ends = [*(np.flatnonzero(np.diff(ascending) > near) + 1), ascending.size]
        first = 0
        for end in ends:
            while first < end:
                last = np.searchsorted(ascending, ascending[first] + most)
                last = min(int(last), int(end))
                yield first, last
                first = last

    @property
    def _rows_of_chunk(self):
        """The number of rows in a chunk of the source; 0 if it has no chunks."""
        chunks = getattr(self._source, "chunks", None)
        if isinstance(chunks, tuple) and isinstance(chunks[0], int):
            return chunks[0]
        return 0

    def _read_slice(self, start, stop):
        """Return the rows from `start` to `stop` of the source as floats."""
        size = self._rows_of_chunk
        row_bytes = self._source.shape[1] * self.dtype.itemsize
        if size * row_bytes == 0 or stop <= start:
            return self._floats(self._source[start:stop])
        first = start // size * size
        last = min(-(-stop // size) * size, self._source.shape[0])
        if (last - first) * row_bytes > _CHUNK_BYTES:
            return self._floats(self._source[start:stop])
        # A whole chunk is unpacked for each part of it that is read.
        kept = self._chunk
        if kept is None or start < kept[0] or stop > kept[0] + len(kept[1]):
            kept = self._chunk = first, self._floats(self._source[first:last])
        return kept[1][start - kept[0] : stop - kept[0]]

    def _floats(self, rows):
        """Convert rows that were read to an array of floats."""
        if np.ma.isMaskedArray(rows):  # masked cells are missing in netCDF
            rows = np.ma.filled(rows.astype(self.dtype), np.nan)
        return np.asarray(rows).astype(self.dtype, copy=False)
