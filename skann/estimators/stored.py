"""Checks of stored matrices, which are read block by block."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skann.data.measuring import row_blocks
from skann.data.stored import StoredRows

# Types that can be tables, or for which scikit-learn raises the error.
_KNOWN = (str, bytes, Number, np.generic, type(None))

# Attributes of what numpy or narwhals can convert to a table.
_OF_TABLES = ("__array__", "__array_interface__", "__dataframe__", "__len__", "shape")


def check_stored(estimator: Any, numbers: StoredRows, *, allow_nan: bool) -> None:
    """Raise an error for infinity, NaN and empty matrices, like scikit-learn.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator, for the error message.

    numbers : StoredRows of shape (n_samples, n_features)
        The matrix.

    allow_nan : bool
        Whether NaN is allowed.

    Raises
    ------
    ValueError
        If the matrix is invalid.
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
    """Raise an error for iterators, cursors and other objects without row access.

    Parameters
    ----------
    X : object
        The inputs passed by the caller.

    Raises
    ------
    TypeError
        If X is neither an array nor a table.
    """
    is_iterator = hasattr(X, "__next__")
    if not (is_iterator or isinstance(X, Mapping)):
        if isinstance(X, _KNOWN) or sparse.issparse(X):
            return
        if any(hasattr(X, name) for name in _OF_TABLES):
            return
    name = f"{type(X).__module__}.{type(X).__qualname__}".removeprefix("builtins.")
    raise TypeError(
        f"X has type {name}, whose rows cannot be sliced. Pass an array, a sparse "
        "matrix, a data frame, or an object with a shape, a dtype and row slices, such "
        "as a memory map, an HDF5 dataset or a zarr array. If X can be read in "
        "batches, pass these to partial_fit one after the other."
    )
