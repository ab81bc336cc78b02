"""The number of threads for the matrix products of a fit."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

# Products with fewer multiplications than this are finished before a second thread can
# help. It then busy-waits, so two threads use twice the CPU time for the same wall
# time.
_WORTH_A_THREAD = 1 << 25


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """Return a controller of all loaded BLAS libraries."""
    return ThreadpoolController().select(user_api="blas")


@lru_cache(maxsize=1)
def _blas_of_scipy() -> ThreadpoolController:
    """Return a controller of SciPy's own BLAS; of none if it is the same as numpy's.

    The wheels of numpy and SciPy each contain a BLAS. In L-BFGS they alternate, and
    while one computes, the threads of the other busy-wait: together they are slower
    than one thread. SciPy's BLAS has little to do here.
    """
    paths = [
        library.filepath
        for library in _blas().lib_controllers
        if not {"scipy", "scipy.libs"}.isdisjoint(Path(library.filepath).parts)
    ]
    return _blas().select(filepath=paths)


@lru_cache(maxsize=1)
def touch_memory_of_products() -> None:
    """Make the BLAS write once to all of the memory that it packs matrices into.

    Products read a little ahead of what they have packed. As long as nothing was ever
    written there, the system has no memory behind these addresses, which seems to make
    each attempt slow: on some processors, a float32 product of 200 x 256 and 256 x 256
    numbers takes four times as long as it does after this product, which takes a
    millisecond.
    """
    np.zeros((24, 256)).dot(np.zeros((256, 1024)))


def one_thread_of_scipy() -> AbstractContextManager[Any]:
    """Return a context for products in which SciPy's BLAS uses a single thread."""
    touch_memory_of_products()
    return _blas_of_scipy().limit(limits=1)


def threads_for(largest_product: int) -> AbstractContextManager[Any]:
    """Return a context for steps, in which BLAS uses a single thread if that is best.

    SciPy's BLAS, which only adds, uses one in any case.

    Parameters
    ----------
    largest_product : int
        The number of multiplications in the largest product of a step.
    """
    if largest_product >= _WORTH_A_THREAD:
        return one_thread_of_scipy()
    touch_memory_of_products()
    return _blas().limit(limits=1)
