"""The embedding computes its formula, and its gradient is right."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime

from skann.core.embedding import N_MIXTURES, EmbeddingMemory, PeriodicEmbedding

X = np.random.RandomState(0).randn(6, 3)


def make(n_frequencies=4, dtype=np.float64, n_inputs=3):
    embedding = PeriodicEmbedding(n_inputs, n_frequencies, 0.3)
    parameters = embedding.draw(np.random.RandomState(1), dtype)
    # Not as they are drawn: all factors would be 1.
    parameters *= np.random.RandomState(2).uniform(0.5, 1.5, parameters.size)
    return embedding, parameters.astype(dtype)


def columns(embedding, parameters, X, *, with_slopes=True):
    memory = EmbeddingMemory(embedding, len(X), parameters.dtype)
    result = embedding.forward(parameters, X, memory, with_slopes=with_slopes)
    return result, memory


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_columns_are_the_formula(dtype):
    embedding, parameters = make(dtype=dtype)
    found, _ = columns(embedding, parameters, X.astype(dtype))
    factors, frequencies, phases, weights, biases = embedding.values(parameters)
    scaled = X * factors
    expected = [scaled]
    for j in range(3):
        cosines = np.cos(np.outer(scaled[:, j], frequencies[j]) + phases[j])
        expected.append(cosines @ weights[j] + biases[j])
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(found, np.hstack(expected), atol=tolerance)
    assert embedding.n_columns == found.shape[1] == 3 * (1 + N_MIXTURES)


@pytest.mark.parametrize("n_rows", [1, 6])
@pytest.mark.parametrize("n_frequencies", [1, 4])
def test_the_gradient_is_that_of_finite_differences(n_rows, n_frequencies):
    embedding, parameters = make(n_frequencies)
    rows = X[:n_rows]
    delta = np.random.RandomState(3).randn(n_rows, embedding.n_columns)

    def value(parameters):
        return float(np.sum(columns(embedding, parameters, rows)[0] * delta))

    _, memory = columns(embedding, parameters, rows)
    memory.columns[...] = delta
    gradient = np.full_like(parameters, np.nan)
    embedding.backward(parameters, rows, memory, gradient)
    expected = approx_fprime(parameters, value, 1e-7)
    assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_it_starts_with_the_inputs_as_they_are():
    embedding = PeriodicEmbedding(3, 4, 0.1)
    parameters = embedding.draw(np.random.RandomState(0), np.float64)
    assert parameters.size == embedding.n_parameters
    found, _ = columns(embedding, parameters, X, with_slopes=False)
    assert_allclose(found[:, :3], X)
    _, _, phases, weights, biases = embedding.values(parameters)
    assert np.abs(phases).max() <= np.pi
    assert max(np.abs(weights).max(), np.abs(biases).max()) <= 0.5


def test_the_frequencies_have_the_spread_that_was_asked_for():
    embedding = PeriodicEmbedding(50, 40, 0.7)
    parameters = embedding.draw(np.random.RandomState(0), np.float64)
    frequencies = embedding.values(parameters)[1] / (2 * np.pi)
    assert_allclose(frequencies.std(), 0.7, rtol=0.05)
    assert_allclose(frequencies.mean(), 0, atol=0.05)
