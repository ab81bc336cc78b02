"""How many threads the products of a fit may use."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

from threadpoolctl import ThreadpoolController

# Smaller products than this many multiplications are done before a second thread has
# begun to help. It waits for more by going round in circles, so that two threads take
# twice the processor time for the same wall time.
_WORTH_A_THREAD = 1 << 25


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """Return the control of all that is loaded of BLAS."""
    return ThreadpoolController().select(user_api="blas")


@lru_cache(maxsize=1)
def _blas_of_scipy() -> ThreadpoolController:
    """Return the control of scipy's own BLAS; of nothing if it shares numpy's.

    The wheels of numpy and scipy bring one each. In L-BFGS they take turns, and while
    one works the other's threads wait for more: together they are slower than one
    thread. Those of scipy have little to do here.
    """
    paths = [
        library.filepath
        for library in _blas().lib_controllers
        if not {"scipy", "scipy.libs"}.isdisjoint(Path(library.filepath).parts)
    ]
    return _blas().select(filepath=paths)


def one_thread_of_scipy() -> AbstractContextManager[Any]:
    """Return a context in which scipy's BLAS uses one thread, and numpy's as many."""
    return _blas_of_scipy().limit(limits=1)


def threads_for(largest_product: int) -> AbstractContextManager[Any]:
    """Return a context in which BLAS uses one thread, if more would not help.

    Parameters
    ----------
    largest_product : int
        The multiplications in the largest product of a step.
    """
    if largest_product >= _WORTH_A_THREAD:
        return nullcontext()
    return _blas().limit(limits=1)
