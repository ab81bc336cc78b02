"""Leaving out hidden units at random while a network learns.

Each unit is left out of a step with the probability `rate`; those that stay are
divided by 1 - rate, so that the next layer gets the same sum on average and nothing is
changed when predicting (Srivastava et al., 2014, "Dropout: a simple way to prevent
neural networks from overfitting", section 4, in the inverted form of section 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from skann.core.types import FloatArray, Generators

# A unit is left out if 16 random bits are below the rate in units of 1 / 65536: they
# are drawn four times as fast as floats.
_LEVELS = 1 << 16


@lru_cache(maxsize=64)
def _threshold(rate: float) -> int:
    """Return below which number a unit is left out, never all of them."""
    return min(round(rate * _LEVELS), _LEVELS - 1)


def leave_out(
    output: FloatArray,
    slope: FloatArray,
    rate: float,
    generator: Generators,
) -> None:
    """Multiply a hidden layer's output and slope by a new random mask, in place.

    A mask holds 0 for units that are left out, else 1 / (1 - rate).

    Parameters
    ----------
    output, slope : ndarray of shape (n_samples, n_units) or (n_members, ...)
        f(z) and f'(z) of the layer.

    rate : float
        The probability to be left out, in [0, 1); it is rounded to a multiple of
        1 / 65536. A rate of zero draws nothing.

    generator : numpy.random.Generator or sequence of them
        Where the random bits come from; with members, one for each.
    """
    if isinstance(generator, Sequence):
        for its_output, its_slope, its_own in zip(
            output, slope, generator, strict=True
        ):
            leave_out(its_output, its_slope, rate, its_own)
        return
    threshold = _threshold(rate)
    if threshold == 0:
        return
    words = generator.bit_generator.random_raw(-(-output.size // 4))
    bits = words.view(np.uint16)[: output.size].reshape(output.shape)
    mask = np.greater_equal(bits, threshold).astype(output.dtype)
    mask *= _LEVELS / (_LEVELS - threshold)
    output *= mask
    slope *= mask
