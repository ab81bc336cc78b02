"""The number of threads for the matrix products of a fit."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
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
    """Let the BLAS write to all of the memory that it packs matrices into, once.

    Its products read a little ahead of what they have packed. As long as nothing was
    ever written there, the system has no memory behind those addresses, and each
    attempt takes long: on some processors products of 200 x 256 and 256 x 256 numbers
    in float32 take four times as long as after this product, of a millisecond.
    """
    np.zeros((24, 256)).dot(np.zeros((256, 1024)))


def one_thread_of_scipy() -> AbstractContextManager[Any]:
    """Return a context in which SciPy's BLAS uses a single thread."""
    return _blas_of_scipy().limit(limits=1)


def threads_for(largest_product: int) -> AbstractContextManager[Any]:
    """Return a context in which BLAS uses a single thread, if more would not help.

    Parameters
    ----------
    largest_product : int
        The number of multiplications in the largest product of a step.
    """
    if largest_product >= _WORTH_A_THREAD:
        return nullcontext()
    return _blas().limit(limits=1)
