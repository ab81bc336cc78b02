"""The normal distribution and its inverse, which ONNX does not have in float64.

Both are polynomials in a variable in which they are smooth. The coefficients are
computed from functions of SciPy when they are first needed.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx, ndtri

from skann.export.onnx_graph.graph import Value

# The tail of the normal distribution, times exp(z^2 / 2), is a smooth function of t =
# (x - k) / (x + k), where x = |z| / sqrt(2): Shepherd and Laframboise, 1981, "Chebyshev
# approximation of (1 + 2x) exp(x^2) erfc x", with this k. With degree 22, the error is
# at most 1e-14.
_K = 3.75
_DEGREE_OF_TAIL = 22

# The quantile of a share p < 1/2 is a smooth function of sqrt(-log p), as in Wichura,
# 1988, "Algorithm AS 241: The percentage points of the normal distribution". With
# degree 24, the error is at most 2e-14.
_DEGREE_OF_QUANTILE = 24


@cache
def tail_coefficients() -> tuple[float, ...]:
    """Return the polynomial in t of (1 + 2 x) exp(x^2) erfc(x)."""

    def scaled_tail(t):
        x = _K * (1 + t) / (1 - t)
        return (1 + 2 * x) * erfcx(x)

    series = chebyshev.chebinterpolate(scaled_tail, _DEGREE_OF_TAIL)
    return tuple(chebyshev.cheb2poly(series).tolist())


@cache
def quantile_coefficients(outermost: float) -> tuple[float, ...]:
    """Return the polynomial of minus the quantile, for shares above the outermost."""
    start, stop = _roots(outermost)

    def quantile(place):
        root = (start + stop + (stop - start) * place) / 2
        return -ndtri(np.exp(-np.square(root)))

    series = chebyshev.chebinterpolate(quantile, _DEGREE_OF_QUANTILE)
    return tuple(chebyshev.cheb2poly(series).tolist())


def _roots(outermost: float) -> tuple[float, float]:
    """Return sqrt(-log p) for p = 1/2 and for the outermost share."""
    return math.sqrt(math.log(2)), math.sqrt(-math.log(outermost))


def normal_distribution(z: Value) -> Value:
    """Return the distribution function of the standard normal distribution at z."""
    if z.dtype == np.float32:
        return ((z * math.sqrt(0.5)).erf() + 1) * 0.5
    x = z.abs() * math.sqrt(0.5)
    t = (x - _K) / (x + _K)
    scaled = t.polynomial(tail_coefficients()) / (x * 2 + 1)
    tail = (-(x * x)).exp() * scaled * 0.5
    return (z > 0).where(1 - tail, tail)


def normal_quantile(share: Value, n_columns: int, outermost: float) -> Value:
    """Return normal quantiles.

    Parameters
    ----------
    share : Value of shape (n_samples, n_columns)
        The probabilities of smaller values, minus 1/2.

    n_columns : int
        The number of columns.

    outermost : float
        All probabilities lie between this and one minus this.
    """
    start, stop = _roots(outermost)
    root = (-(0.5 - share.abs()).log()).sqrt()
    place = root * (2 / (stop - start)) - (start + stop) / (stop - start)
    quantile = place.polynomial_of_matrix(quantile_coefficients(outermost), n_columns)
    return share.sign() * quantile
