"""The layer of vectors looks them up, adds up by level, and learns what is unknown."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann.core.layers.beside import Plain
from skann.core.layers.categories import (
    CODE_STEP,
    LARGEST_SIZE,
    UNKNOWN_SHARE,
    Categories,
    vector_size,
)
from skann.core.layers.layer import Arrays

N_LEVELS = 70
N_ROWS = 200
_random_state = np.random.RandomState(0)
CODES = _random_state.randint(N_LEVELS + 1, size=N_ROWS)
NUMBERS = _random_state.randn(N_ROWS, 2)
X = np.column_stack([CODES * CODE_STEP, NUMBERS])


def make(members=(), dtype="float64"):
    """Return a layer, parameters that are not zero, and memory."""
    layer = Categories((N_LEVELS,), Plain(2))
    parameters = [
        np.random.RandomState(1).randn(*members, *segment.shape).astype(dtype)
        for segment in layer.segments
    ]
    return layer, parameters, layer.memory(N_ROWS, Arrays(dtype), members)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_have_the_vectors_of_their_levels(dtype):
    layer, parameters, memory = make(dtype=dtype)
    found = layer.forward(parameters, X.astype(dtype), memory)
    expected = np.hstack([parameters[0][CODES], NUMBERS.astype(dtype)])
    assert_array_equal(found, expected)
    assert found.shape == (N_ROWS, layer.n_out)


def test_members_have_vectors_of_their_own():
    layer, parameters, memory = make((3,))
    found = layer.forward(parameters, X, memory, with_slopes=True)
    size = layer.sizes[0]
    assert_array_equal(found[..., :size], parameters[0][:, CODES])
    assert_array_equal(found[..., size:], np.stack([NUMBERS] * 3))
    assert not layer.segments[0].shared


def test_gradients_are_added_up_by_level():
    layer, parameters, memory = make()
    layer.forward(parameters, X, memory, with_slopes=True)
    delta = np.random.RandomState(2).randn(N_ROWS, layer.n_out)
    gradient = np.full_like(parameters[0], np.nan)
    layer.backward(parameters, X, delta.copy(), memory, [gradient])
    expected = np.zeros_like(gradient)
    np.add.at(expected, CODES, delta[:, : layer.sizes[0]])
    assert_allclose(gradient, expected, atol=1e-12)


def test_vectors_start_at_zero_and_are_penalised():
    layer, _, _ = make()
    (drawn,) = layer.draw("auto", np.random.RandomState(0))
    assert_array_equal(drawn, 0)
    assert layer.segments[0].penalised


def test_the_largest_code_is_exact_in_float32():
    codes = np.array([0, 1, 2**23 + 1, 2**24 - 1])
    stored = (codes * CODE_STEP).astype(np.float32)
    assert_array_equal(stored / np.float32(CODE_STEP), codes)
    assert stored.max() <= 1


@pytest.mark.parametrize(
    "generator",
    [np.random.default_rng(0), [np.random.default_rng(0), np.random.default_rng(1)]],
    ids=["one network", "members"],
)
def test_a_few_labels_are_taken_for_unknown_ones_while_it_learns(generator):
    layer, parameters, memory = make()
    n_unknown = n_other = 0
    for _ in range(100):
        layer.forward(parameters, X, memory, with_slopes=True, generator=generator)
        (codes,) = memory.codes
        n_unknown += np.count_nonzero((codes != CODES) & (codes == N_LEVELS))
        n_other += np.count_nonzero((codes != CODES) & (codes != N_LEVELS))
    share = n_unknown / np.count_nonzero(CODES != N_LEVELS) / 100
    assert_allclose(share, UNKNOWN_SHARE, rtol=0.2)
    assert n_other == 0
    layer.forward(parameters, X, memory, generator=generator)
    assert_array_equal(memory.codes[0], CODES)


def test_what_nothing_has_taught_is_the_mean_of_all():
    layer, parameters, _ = make((2,))
    shares = np.random.RandomState(3).dirichlet(np.ones(N_LEVELS))
    before = parameters[0].copy()
    layer.settle_unknown(parameters, 0, shares)
    assert_array_equal(parameters[0][:, :-1], before[:, :-1])
    expected = [np.average(table[:-1], axis=0, weights=shares) for table in before]
    assert_allclose(parameters[0][:, -1], expected)


@pytest.mark.parametrize(
    ("n_levels", "size"), [(1, 1), (16, 2), (60, 4), (200, 8), (10_000, LARGEST_SIZE)]
)
def test_more_levels_have_longer_vectors(n_levels, size):
    assert vector_size(n_levels) == size


@pytest.mark.parametrize("layer", [Plain(3), make()[0]], ids=["plain", "vectors"])
def test_it_stands_first(layer):
    memory = layer.memory(N_ROWS, Arrays("float64"))
    with pytest.raises(NotImplementedError, match="first layer"):
        layer.backward([], X, memory.output, memory, [], passes_on=True)
