"""Sparse rows that are centred, but remain sparse."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from skann.core.types import FloatArray


class CenteredSparse:
    """The sum of a sparse matrix and the same row everywhere: X = S + 1 r.

    Its products are X W = S W + 1 (r W) and X^T D = S^T D + r^T (1^T D), so a layer can
    use it like any matrix.

    Parameters
    ----------
    stored : CSR array of shape (n_samples, n_columns)
        The sparse part, S.

    row : ndarray of shape (n_columns,)
        The row r that is added to each row.
    """

    def __init__(self, stored: sparse.csr_array, row: FloatArray):
        self._stored = stored
        self._row = row
        self.shape = stored.shape

    @property
    def data(self) -> FloatArray:
        """The stored values of the sparse part."""
        return self._stored.data

    @property
    def T(self) -> TransposedCenteredSparse:  # noqa: N802
        """The transpose, which only supports products."""
        return TransposedCenteredSparse(self._stored, self._row)

    def __getitem__(self, rows: slice | np.ndarray) -> CenteredSparse:
        return CenteredSparse(self._stored[rows], self._row)

    def __matmul__(self, weights: FloatArray) -> FloatArray:
        product = self._stored @ weights
        product += self._row @ weights
        return product

    def toarray(self) -> FloatArray:
        """Return the matrix as a dense array."""
        return self._stored.toarray() + self._row


class TransposedCenteredSparse:
    """The transpose of a `CenteredSparse`.

    Parameters
    ----------
    stored, row
        As in that class.
    """

    def __init__(self, stored: sparse.csr_array, row: FloatArray):
        self._stored = stored
        self._row = row

    def __matmul__(self, delta: FloatArray) -> FloatArray:
        # As an additional sample, whose delta is the sum of all: a sparse product adds
        # to its result in place, while numpy would need an outer product in memory.
        stored, row = self._stored, self._row
        n_rows, n_columns = stored.shape
        every_column = np.arange(n_columns, dtype=stored.indices.dtype)
        extended = sparse.csr_array(
            (
                np.concatenate([stored.data, row]),
                np.concatenate([stored.indices, every_column]),
                np.append(stored.indptr, stored.nnz + n_columns),
            ),
            shape=(n_rows + 1, n_columns),
        )
        total = np.ones((1, n_rows), delta.dtype) @ delta
        return extended.T @ np.concatenate([delta, total])
