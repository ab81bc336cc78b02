"""A multiple of an array is added in place, whatever its numbers and its memory."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann.core.axpy import add_multiple

both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@both_dtypes
@pytest.mark.parametrize("size", [1, 7, 1000, 30_001])
@pytest.mark.parametrize("step", [1, 3], ids=["contiguous", "strided"])
def test_the_sum_is_that_of_the_formula(size, step, dtype):
    random_state = np.random.RandomState(0)
    array = random_state.randn(size * step).astype(dtype)[::step]
    memory = random_state.randn(size * step).astype(dtype)
    before, out = memory.copy(), memory[::step]
    array.setflags(write=False)
    add_multiple(-0.3, array, out)
    expected = before[::step].astype(float) - 0.3 * array.astype(float)
    assert_allclose(out, expected, rtol=0, atol=4 * np.finfo(dtype).eps)
    assert out.dtype == dtype
    if step > 1:  # what lies between is left alone
        assert_array_equal(memory[1::step], before[1::step])


@both_dtypes
def test_numbers_that_are_not_finite_and_subnormal_ones(dtype):
    tiny = np.finfo(dtype).tiny
    array = np.array([np.nan, np.inf, -np.inf, tiny / 4, 0], dtype)
    out = np.array([1, 1, np.inf, 0, -0.0], dtype)
    add_multiple(2.0, array, out)
    assert_array_equal(out, np.array([np.nan, np.inf, np.nan, tiny / 2, 0], dtype))


@both_dtypes
def test_an_array_that_must_not_change_is_refused(dtype):
    out = np.zeros(3, dtype)
    out.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        add_multiple(1.0, np.ones(3, dtype), out)
    assert_array_equal(out, 0)
