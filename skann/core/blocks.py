"""Outputs of a network block by block, with constant memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skann.core.members import groups_in
from skann.core.network import Network, Workspace
from skann.core.types import FloatArray


def map_outputs(
    transform: Callable[[FloatArray], np.ndarray],
    network: Network,
    theta: FloatArray,
    X: Any,
    rows: np.ndarray | None = None,
    workspaces: Sequence[Workspace] | None = None,
) -> np.ndarray:
    """Apply a function to the raw outputs of a network, block by block.

    Apart from the result, the required memory depends only on the network.

    Parameters
    ----------
    transform : callable
        A function of raw outputs of shape (n_block, n_outputs), with an additional
        first axis if theta has one. It must not keep its argument, and returns an array
        of n_block rows.

    network : Network
        The network.

    theta : ndarray of shape (n_parameters,) or (n_members, n_parameters)
        The parameters.

    X : ndarray, CSR array or object whose rows can be indexed like theirs
        The inputs of the network, of shape (n_samples, n_features).

    rows : ndarray of int, default=None
        The rows of X to use. If None, all rows.

    workspaces : sequence of Workspace, default=None
        The memory for a block, for each group of members. If None, it is allocated.

    Returns
    -------
    result : ndarray of n_samples (or len(rows)) rows
        The transformed outputs.
    """
    n_rows = X.shape[0] if rows is None else rows.size
    step = min(network.rows_per_block, n_rows)
    parts = groups_in(theta)
    if workspaces is None:
        workspaces = make_workspaces(network, theta, step)
    result: np.ndarray | None = None
    for start in range(0, n_rows, step):
        stop = min(start + step, n_rows)
        block = X[start:stop] if rows is None else X[rows[start:stop]]
        outputs = [
            network.forward(part, block, workspace)
            for part, workspace in zip(parts, workspaces, strict=True)
        ]
        raw = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        transformed = transform(raw)
        if result is None:
            result = np.empty((n_rows, *transformed.shape[1:]), transformed.dtype)
        result[start:stop] = transformed
    assert result is not None  # there is at least one row
    return result


def make_workspaces(
    network: Network, theta: FloatArray, n_rows: int
) -> list[Workspace]:
    """Return memory for at most `n_rows` rows, for each group of members in theta."""
    return [
        Workspace(network, n_rows, theta.dtype, part.shape[:-1])
        for part in groups_in(theta)
    ]
