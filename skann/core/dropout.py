"""Dropout: leaving out hidden units at random in training.

Each unit is left out of a step with probability `rate`. The others are divided by 1 -
rate, so the next layer gets the same sum on average, and predictions need no correction
(Srivastava et al., 2014, "Dropout: a simple way to prevent neural networks from
overfitting", section 4, in the inverted form of section 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from skann.core.members import GROUP_SIZE
from skann.core.types import FloatArray, Generators

# A unit is left out if 16 random bits are below the rate in units of 1 / 65536. They
# are drawn four times faster than floats.
_LEVELS = 1 << 16

# The length of the sequence from which masks are taken. It fits into the CPU cache.
N_DRAWN = 1 << 19

# Longer masks are taken for each member separately or, if still too long, drawn.
MOST_CUT = N_DRAWN // 4


@lru_cache(maxsize=64)
def _threshold(rate: float) -> int:
    """Return the threshold below which a unit is left out."""
    return min(round(rate * _LEVELS), _LEVELS - 1)


def leave_out(
    output: FloatArray,
    slope: FloatArray,
    rate: float,
    generator: Generators,
) -> None:
    """Multiply a hidden layer's output and slope by a random mask, in place.

    A mask contains 0 for units that are left out, else 1 / (1 - rate). It starts at a
    random position of one long random sequence, because drawing each mask would take a
    tenth of the time of a fit. Only very large masks are drawn. The masks of members
    are consecutive parts of the sequence.

    Parameters
    ----------
    output, slope : ndarray of shape (n_samples, n_units) or (n_members, ...)
        f(z) and f'(z) of the layer.

    rate : float
        The probability that a unit is left out, in [0, 1), rounded to a multiple of 1 /
        65536. With a rate of zero, nothing is drawn.

    generator : numpy.random.Generator or sequence of them
        The generators of the position or the bits, one per member. The first one draws
        the position for all members, unless their masks are very large.
    """
    threshold = _threshold(rate)
    if threshold == 0:
        return
    if isinstance(generator, Sequence):
        # As for a whole group: a member does not depend on how many others there are.
        if GROUP_SIZE * output[0].size > MOST_CUT:
            for its_output, its_slope, its_own in zip(
                output, slope, generator, strict=True
            ):
                leave_out(its_output, its_slope, rate, its_own)
            return
        generator = generator[0]
    n_units, dtype = output.size, output.dtype.char
    if n_units > MOST_CUT:
        numbers = _draw(threshold, n_units, dtype, generator)
    else:
        start = int(generator.bit_generator.random_raw() % (N_DRAWN - MOST_CUT))
        numbers = _sequence(threshold, dtype)[start : start + n_units]
    mask = numbers.reshape(output.shape)
    output *= mask
    slope *= mask


@lru_cache(maxsize=16)
def _sequence(threshold: int, dtype: str) -> FloatArray:
    """Return the sequence from which masks are taken, always the same."""
    return _draw(threshold, N_DRAWN, dtype, np.random.default_rng(0))


def _draw(threshold, n_numbers, dtype, generator):
    """Draw a number of elements of a mask."""
    words = generator.bit_generator.random_raw(-(-n_numbers // 4))
    numbers = (words.view(np.uint16)[:n_numbers] >= threshold).astype(dtype)
    numbers *= _LEVELS / (_LEVELS - threshold)
    return numbers
