"""Adding a multiple of one array to another in a single pass over memory.

numpy needs two passes, one for the product and one for the sum, and memory for the
product. The BLAS function axpy ("a x plus y") does both at once.
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
        The array that is multiplied, not empty.

    out : ndarray of shape (n,)
        The array it is added to, of the same dtype, float32 or float64.

    Raises
    ------
    ValueError
        If `out` is read-only. The BLAS would write to it without checking.
    """
    if not out.flags.writeable:
        raise ValueError("output array is read-only")
    # Positional arguments take half the time of keywords.
    total = _BY_DTYPE[out.dtype.char](array, out, out.size, factor)
    if total is not out:  # the BLAS was given a copy: the memory is not contiguous
        out[...] = total
