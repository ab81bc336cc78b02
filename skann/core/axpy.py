"""A multiple of one array added to another, in one pass over memory.

numpy takes two passes, one for the product and one for the sum, and needs memory for
the product. The BLAS has it as a function of its own, "a x plus y".
"""

from __future__ import annotations

from scipy.linalg.blas import daxpy, saxpy

from skann.core.types import FloatArray

_BY_DTYPE = {"f": saxpy, "d": daxpy}


def add_multiple(factor: float, array: FloatArray, out: FloatArray) -> None:
    """Add `factor * array` to `out`, in place.

    Parameters
    ----------
    factor : float
        The factor.

    array : ndarray of shape (n,)
        What is multiplied, not empty.

    out : ndarray of shape (n,)
        What it is added to, of the same dtype, float32 or float64.

    Raises
    ------
    ValueError
        If `out` is read-only, which the BLAS would not ask.
    """
    if not out.flags.writeable:
        raise ValueError("output array is read-only")
    # By position, which takes half of the time of a call by names.
    total = _BY_DTYPE[out.dtype.char](array, out, out.size, factor)
    if total is not out:  # the BLAS was given a copy: the memory is not contiguous
        out[...] = total
