"""Outputs of a network block by block, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skann.core.network import Network, Workspace
from skann.core.types import FloatArray


def map_outputs(
    transform: Callable[[FloatArray], np.ndarray],
    network: Network,
    theta: FloatArray,
    X: Any,
    rows: np.ndarray | None = None,
    workspace: Workspace | None = None,
) -> np.ndarray:
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

    X : ndarray, CSR array or object whose rows can be indexed like theirs
        The inputs, of shape (n_samples, n_features), as the network takes them.

    rows : ndarray of int, default=None
        The rows of X to use; None stands for all.

    workspace : Workspace, default=None
        Memory for a block; None allocates it.

    Returns
    -------
    result : ndarray of n_samples (or len(rows)) rows
        The transformed outputs.
    """
    n_rows = X.shape[0] if rows is None else rows.size
    step = min(network.rows_per_block, n_rows)
    if workspace is None:
        workspace = Workspace(network, step, theta.dtype)
    result: np.ndarray | None = None
    for start in range(0, n_rows, step):
        stop = min(start + step, n_rows)
        block = X[start:stop] if rows is None else X[rows[start:stop]]
        part = transform(network.forward(theta, block, workspace))
        if result is None:
            result = np.empty((n_rows, *part.shape[1:]), part.dtype)
        result[start:stop] = part
    assert result is not None  # there is at least one row
    return result
