"""Matrices that are read when they are needed, checked block by block."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skann.data.measuring import row_blocks
from skann.data.stored import StoredRows

# What may be a table by itself, or is told by scikit-learn why it is none.
_KNOWN = (str, bytes, Number, np.generic, type(None))

# What numpy or narwhals makes a table of.
_OF_TABLES = ("__array__", "__array_interface__", "__dataframe__", "__len__", "shape")


def check_stored(estimator: Any, numbers: StoredRows, *, allow_nan: bool) -> None:
    """Refuse infinity, gaps and empty matrices as scikit-learn does.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        Whose data they are, for the words of the error.

    numbers : StoredRows of shape (n_samples, n_features)
        The matrix.

    allow_nan : bool
        Whether gaps are let through.

    Raises
    ------
    ValueError
        If there is something wrong with it.
    """
    blocks = row_blocks(numbers) if min(numbers.shape) else [slice(0, 0)]
    for block in blocks:
        check_array(
            numbers[block],
            dtype=numbers.dtype,
            ensure_all_finite="allow-nan" if allow_nan else True,
            estimator=estimator,
            input_name="X",
        )


def refuse_unsliceable(X: Any) -> None:
    """Refuse what has no rows to look at more than once: iterators, cursors, groups.

    Parameters
    ----------
    X : object
        What the caller passed.

    Raises
    ------
    TypeError
        If it is neither an array nor a table.
    """
    is_iterator = hasattr(X, "__next__")
    if not (is_iterator or isinstance(X, Mapping)):
        if isinstance(X, _KNOWN) or sparse.issparse(X):
            return
        if any(hasattr(X, name) for name in _OF_TABLES):
            return
    name = f"{type(X).__module__}.{type(X).__qualname__}".removeprefix("builtins.")
    raise TypeError(
        f"X is a {name}, which has no rows that can be sliced. Pass an array, a sparse "
        "matrix, a frame, or what has a shape, a dtype and slices of rows, as a memory "
        "map, an HDF5 dataset or a zarr array has. If it yields batches of rows, or "
        "can be read in batches, pass these to partial_fit one after the other."
    )
