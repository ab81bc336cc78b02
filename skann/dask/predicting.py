"""Lazy predictions, made block by block where the rows are."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import delayed

from skann.dask.collections import delayed_blocks, is_frame, n_rows_of


def predict_block(
    block: Any, estimator: Any, method: str, like: np.ndarray
) -> np.ndarray:
    """Apply a method of a plain estimator to a block, which may be empty.

    Parameters
    ----------
    block : array, frame or sparse matrix
        The rows.

    estimator : BackpropClassifier or BackpropRegressor
        The fitted estimator.

    method : str
        The name of the method.

    like : ndarray of no rows
        The result of the method for no rows.
    """
    if n_rows_of(block) == 0:
        return like
    return getattr(estimator, method)(block)


def predict_lazily(X: Any, estimator: Any, method: str, like: np.ndarray) -> da.Array:
    """Return predictions for a collection as a lazy dask array.

    Parameters
    ----------
    X : dask Array or DataFrame, or list of Delayed
        The inputs.

    estimator : BackpropClassifier or BackpropRegressor
        The plain, fitted estimator.

    method : str
        The name of the method.

    like : ndarray of no rows
        The result of the method for no rows.

    Returns
    -------
    predictions : dask Array
        The predictions, with the same chunks as X; their sizes are unknown if those of
        X are.
    """
    model, tail = delayed(estimator, traverse=False), like.shape[1:]
    if isinstance(X, da.Array) and X.ndim == 2:
        if X.numblocks[1] > 1:
            X = X.rechunk({1: -1})
        if X.npartitions == 0:
            return da.from_array(like)
        return da.map_blocks(
            predict_block,
            X,
            estimator=model,
            method=method,
            like=like,
            dtype=like.dtype,
            meta=like,
            chunks=(X.chunks[0], *((n,) for n in tail)),
            drop_axis=None if tail else [1],
        )
    blocks = delayed_blocks(X, "X")
    predict = delayed(predict_block, pure=is_frame(X))
    parts = [
        da.from_delayed(
            predict(block, model, method, like), (np.nan, *tail), like.dtype, like
        )
        for block in blocks
    ]
    return da.concatenate(parts, allow_unknown_chunksizes=True)
