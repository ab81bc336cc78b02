"""Targets of exclusive classes, stored as integers until a batch is read.

For a million rows and a thousand classes, the one-hot targets would be a billion
numbers, nearly all of them zeros. Therefore, only the position of each one is stored,
and rows are created in the memory of a batch when they are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from skann.core.types import FloatArray


@dataclass(frozen=True, eq=False)
class OneHotRows:
    """Rows that differ only in the position of their one.

    Parameters
    ----------
    indices : ndarray of int of shape (n_samples,)
        The column of the one in each row.

    background : ndarray of shape (n_outputs,)
        The values in the columns of every row: zeros, or smoothed zeros.

    peak : float, default=1
        The number that is added at the position of the one.
    """

    indices: np.ndarray
    background: FloatArray
    peak: float = 1.0

    @property
    def n_outputs(self) -> int:
        """The number of columns."""
        return self.background.size

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and of columns."""
        return self.indices.size, self.n_outputs

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the numbers."""
        return self.background.dtype

    def __getitem__(self, rows: slice | np.ndarray) -> OneHotRows:
        return replace(self, indices=self.indices[rows])

    def astype(self, dtype: DTypeLike, copy: bool = True) -> OneHotRows:
        """Return the same rows with another dtype."""
        return replace(self, background=self.background.astype(dtype, copy=copy))

    def write(self, rows: slice | np.ndarray, out: FloatArray) -> FloatArray:
        """Write some rows into memory of shape (n_outputs, n_rows), one per column."""
        indices = self.indices[rows]
        out[...] = self.background[:, np.newaxis]
        out[indices, np.arange(indices.size)] += self.peak
        return out

    def toarray(self) -> FloatArray:
        """Return all rows as an ordinary array."""
        dense = np.tile(self.background, (self.indices.size, 1))
        dense[np.arange(self.indices.size), self.indices] += self.peak
        return dense

    def totals(self, sample_weight: FloatArray | None) -> FloatArray:
        """Return the summed weights of the rows with their one in each column."""
        counts = np.bincount(self.indices, sample_weight, minlength=self.n_outputs)
        return counts.astype(np.float64, copy=False)

    def mean(self, sample_weight: FloatArray | None) -> FloatArray:
        """Return the weighted mean of each column, in float64."""
        totals = self.totals(sample_weight)
        return self.background.astype(np.float64) + self.peak * totals / totals.sum()
