"""The layer of cosines computes its formula, and starts as it says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann.core.layers.layer import Arrays
from skann.core.layers.periodic import N_MIXTURES, Periodic

X = np.random.RandomState(0).randn(6, 3)


def draw(layer, dtype=np.float64):
    values = layer.draw("auto", np.random.RandomState(1))
    # Not as they are drawn: all factors would be 1.
    factors = np.random.RandomState(2).uniform(0.5, 1.5, values[0].shape)
    return [array.astype(dtype) for array in (values[0] * factors, *values[1:])]


def columns(layer, parameters, X, *, with_slopes=True):
    memory = layer.memory(len(X), Arrays(parameters[0].dtype))
    return layer.forward(parameters, X, memory, with_slopes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_columns_are_the_formula(dtype):
    layer = Periodic(3, 4, 0.3)
    parameters = draw(layer, dtype)
    found = columns(layer, parameters, X.astype(dtype))
    factors, frequencies, phases, weights, biases = parameters
    scaled = X * factors
    expected = [scaled]
    for j in range(3):
        cosines = np.cos(np.outer(scaled[:, j], frequencies[j]) + phases[j])
        expected.append(cosines @ weights[j] + biases[j])
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(found, np.hstack(expected), atol=tolerance)
    assert layer.n_out == found.shape[1] == 3 * (1 + N_MIXTURES)


def test_it_starts_with_the_inputs_as_they_are():
    layer = Periodic(3, 4, 0.1)
    parameters = layer.draw("auto", np.random.RandomState(0))
    assert [array.shape for array in parameters] == [s.shape for s in layer.segments]
    found = columns(layer, parameters, X, with_slopes=False)
    assert_array_equal(found[:, :3], X)
    _, _, phases, weights, biases = parameters
    assert np.abs(phases).max() <= np.pi
    assert max(np.abs(weights).max(), np.abs(biases).max()) <= 0.5


def test_the_frequencies_have_the_spread_that_was_asked_for():
    layer = Periodic(50, 40, 0.7)
    frequencies = layer.draw("auto", np.random.RandomState(0))[1] / (2 * np.pi)
    assert_allclose(frequencies.std(), 0.7, rtol=0.05)
    assert_allclose(frequencies.mean(), 0, atol=0.05)


def test_it_stands_first():
    layer = Periodic(3, 4, 0.1)
    parameters = draw(layer)
    memory = layer.memory(6, Arrays("float64"))
    delta = layer.forward(parameters, X, memory, True)
    gradients = [np.empty_like(array) for array in parameters]
    with pytest.raises(NotImplementedError, match="first layer"):
        layer.backward(parameters, X, delta, memory, gradients, passes_on=True)
