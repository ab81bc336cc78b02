"""Predicting block by block, so that memory does not grow with the number of rows."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from skann.core.network import Workspace
from skann.estimators.scaling import scale_columns


class ScaledRows:
    """Rows that are scaled when they are read.

    Sparse rows stay sparse unless the scaling has a centre.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        The raw rows.

    statistics : dict or None
        The statistics of the scaling.

    dtype : dtype
        The dtype of the scaled rows.
    """

    def __init__(self, X, statistics, dtype):
        self._X = X
        self._statistics = statistics
        self._dtype = dtype
        self.shape = X.shape

    def __getitem__(self, rows):
        block = self._X[rows]
        if sparse.issparse(block) and self._statistics and self._statistics["centered"]:
            block = block.toarray()
        return scale_columns(block, self._statistics, self._dtype)


def map_outputs(transform, network, theta, X, rows=None):
    """Apply a function to the raw outputs of a network, block by block.

    Apart from the result, the memory that it takes depends on the network alone.

    Parameters
    ----------
    transform : callable
        Takes raw outputs of shape (n_block, n_outputs), which it must not keep, and
        returns an array of n_block rows.

    network : Network
        The network.

    theta : ndarray of shape (n_parameters,)
        Its parameters.

    X : ndarray, CSR array or ScaledRows of shape (n_samples, n_features)
        The inputs, as the network takes them.

    rows : ndarray of int, default=None
        The rows of X to use; None stands for all.

    Returns
    -------
    result : ndarray of n_samples (or len(rows)) rows
        The transformed outputs.
    """
    n_rows = X.shape[0] if rows is None else rows.size
    step = network.rows_per_block
    workspace = Workspace(network, min(step, n_rows), theta.dtype)
    result = None
    for start in range(0, n_rows, step):
        stop = min(start + step, n_rows)
        block = X[start:stop] if rows is None else X[rows[start:stop]]
        part = transform(network.forward(theta, block, workspace))
        if result is None:
            result = np.empty((n_rows, *part.shape[1:]), part.dtype)
        result[start:stop] = part
    return result
