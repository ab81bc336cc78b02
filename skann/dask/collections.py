"""Conversion of collections to blocks of rows, aligned for X, y and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.base import is_dask_collection
from dask.delayed import Delayed, delayed
from distributed import Future

from skann.dask.cluster import Cluster


def is_collection(data: Any) -> bool:
    """Return whether data are a dask collection, or a list of delayed parts."""
    if isinstance(data, list | tuple):
        return len(data) > 0 and all(isinstance(part, Delayed) for part in data)
    return is_dask_collection(data)


def is_frame(data: Any) -> bool:
    """Return whether data are a dask data frame or series."""
    return is_dask_collection(data) and hasattr(data, "map_partitions")


def delayed_blocks(data: Any, name: str) -> list[Delayed]:
    """Return the blocks of rows of a collection, in order.

    Parameters
    ----------
    data : dask Array, DataFrame or Series, or list of Delayed
        The collection. An array that is divided along its columns is rechunked.

    name : str
        The name of the data for error messages.

    Returns
    -------
    blocks : list of Delayed
        The blocks, as arrays, frames or series.

    Raises
    ------
    TypeError
        If the data are none of these.
    """
    if isinstance(data, da.Array) and data.ndim in (1, 2):
        if data.ndim == 2 and data.numblocks[1] > 1:
            data = data.rechunk({1: -1})
        return data.to_delayed().ravel().tolist()
    if is_frame(data) and not isinstance(data, da.Array):
        return data.to_delayed()
    if isinstance(data, Delayed):
        return [data]
    if isinstance(data, list | tuple) and is_collection(data):
        return list(data)
    raise TypeError(
        f"{name} must be a dask array, a dask data frame or series, or a list of "
        f"delayed parts. Got {type(data).__module__}.{type(data).__qualname__}. For "
        "data in memory, use the plain estimator, skann.BackpropClassifier or "
        "skann.BackpropRegressor."
    )


def local_blocks(data: Any, name: str) -> list[Delayed]:
    """Return the blocks of a collection, or other data as one block."""
    if is_collection(data):
        return delayed_blocks(data, name)
    return [delayed(data)]


def n_rows_of(block: Any) -> int:
    """Return the number of rows of a block."""
    return int(block.shape[0]) if hasattr(block, "shape") else len(block)


def joined(pieces: Sequence[tuple[Any, int, int]]) -> Any:
    """Return rows from one or several blocks as one block."""
    parts = []
    for block, start, stop in pieces:
        whole = start == 0 and stop == n_rows_of(block)
        rows = block.iloc[start:stop] if hasattr(block, "iloc") else block[start:stop]
        parts.append(block if whole else rows)
    if len(parts) == 1:
        return parts[0]
    return concatenated(parts)


def concatenated(parts: Sequence[Any]) -> Any:
    """Concatenate blocks to one of the same type."""
    if hasattr(parts[0], "iloc"):
        import pandas as pd

        return pd.concat(parts)
    if hasattr(parts[0], "tocsr"):
        from scipy import sparse

        return sparse.vstack(parts, format="csr")
    return np.concatenate([np.asarray(part) for part in parts])


def aligned_blocks(
    cluster: Cluster, X: Any, y: Any, sample_weight: Any, *, local: bool = False
) -> list[tuple[Future, Future, Future | None]]:
    """Return the non-empty blocks of X, with the same rows of y and the weights.

    Blocks are aligned by their lengths, which the workers determine. Chunk sizes may
    therefore be unknown, and y may be divided differently from X, for example because
    of other chunk sizes, or files fused by a projection.

    Parameters
    ----------
    cluster : Cluster
        The cluster with the blocks.

    X, y, sample_weight : collection
        The data; `sample_weight` may be None.

    local : bool, default=False
        Whether to treat data that are not collections as one block.

    Returns
    -------
    blocks : list of tuple of Future
        X, y and the weights (or None) of each block.

    Raises
    ------
    ValueError
        If the data have different numbers of rows, or no rows.
    """
    read = local_blocks if local else delayed_blocks
    names, given = ["X", "y"], [X, y]
    if sample_weight is not None:
        names, given = [*names, "sample_weight"], [*given, sample_weight]
    delayed_parts = [read(data, name) for data, name in zip(given, names, strict=True)]
    # Together, so that shared parts are computed only once.
    futures = cluster.compute(block for blocks in delayed_parts for block in blocks)
    counts = cluster.gather(cluster.map(n_rows_of, futures))
    parts, lengths, first = [], [], 0
    for n_blocks in map(len, delayed_parts):
        part = slice(first, first + n_blocks)
        parts.append(futures[part])
        lengths.append(np.array(counts[part], np.intp))
        first += n_blocks
    totals = [int(each.sum()) for each in lengths]
    if len(set(totals)) > 1:
        found = ", ".join(
            f"{name} has {n}" for name, n in zip(names, totals, strict=True)
        )
        raise ValueError(f"X and y must have the same number of rows: {found}.")
    if totals[0] == 0:
        raise ValueError("X has no rows: all its blocks are empty.")
    present = np.flatnonzero(lengths[0])
    stops = np.cumsum(lengths[0])
    aligned: list[list[Any]] = [[parts[0][number] for number in present]]
    for blocks, own in zip(parts[1:], lengths[1:], strict=True):
        ends = np.cumsum(own)
        aligned.append(
            [
                _cut(cluster, blocks, ends, stops[number] - lengths[0][number], stop)
                for number, stop in zip(present, stops[present], strict=True)
            ]
        )
    if sample_weight is None:
        aligned.append([None] * len(present))
    return list(zip(*aligned, strict=True))


def _cut(cluster, blocks, ends, start, stop):
    """Return the future of the rows from `start` to `stop`, given where blocks end."""
    pieces = []
    for number in range(np.searchsorted(ends, start, side="right"), len(blocks)):
        begin = ends[number - 1] if number else 0
        if begin >= stop:
            break
        here = max(start - begin, 0), min(stop, ends[number]) - begin
        if here[0] < here[1]:
            pieces.append((blocks[number], int(here[0]), int(here[1])))
    if len(pieces) == 1 and pieces[0][1:] == (0, stop - start):
        whole = pieces[0][0]
        last = blocks.index(whole)
        if ends[last] - (ends[last - 1] if last else 0) == stop - start:
            return whole
    return cluster.submit(joined, pieces)
