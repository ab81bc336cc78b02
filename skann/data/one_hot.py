"""Targets of exclusive classes: labels stay integers until a batch is read.

Of a million rows and a thousand classes the targets are a thousand million numbers, all
but a million of them zeros. So only the place of each one is kept, and the rows
themselves are made in the memory of the batch that they are read for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from skann.core.types import FloatArray


@dataclass(frozen=True, eq=False)
class OneHotRows:
    """Rows that differ from each other only in where their one stands.

    Parameters
    ----------
    indices : ndarray of int of shape (n_samples,)
        The column of the one of each row.

    background : ndarray of shape (n_outputs,)
        What stands in the columns of every row: zeros, or what label smoothing makes of
        them.

    peak : float, default=1
        What is added to it where the one stands.
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
        """Return the same rows with numbers of that dtype."""
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
