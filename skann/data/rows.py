"""Where rows come from, scaled as they are read."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from skann.core.types import Matrix
from skann.data.scaling import ColumnStatistics, scale_columns


class ScaledRows:
    """Rows that are scaled when they are read.

    Sparse rows stay sparse unless the scaling has a centre.

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
        block = self._X[rows]
        statistics = self._statistics
        if sparse.issparse(block) and statistics is not None and statistics.centered:
            block = block.toarray()
        return scale_columns(block, statistics, self._dtype)
