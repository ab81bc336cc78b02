"""Dropout leaves out the share that it is told to, and its gradient is right."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime

from skann.core.dropout import leave_out
from skann.core.losses import make_loss
from skann.core.network import Network, Workspace
from skann.core.objective import Objective

BOTH_DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def draw(rate, shape, dtype="float64", seed=0):
    """Return the mask of a layer, which ones show."""
    output, slope = np.ones(shape, dtype), np.full(shape, 2, dtype)
    leave_out(output, slope, rate, np.random.default_rng(seed))
    assert_array_equal(slope, 2 * output)
    assert output.dtype == dtype
    return output


@BOTH_DTYPES
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1000, 100), (1000, 400)], ids=["cut", "drawn"])
def test_the_share_left_out_is_the_rate_and_the_mean_stays(shape, rate, dtype):
    mask = draw(rate, shape, dtype)
    spread = np.sqrt(rate * (1 - rate) / mask.size)
    assert abs(np.mean(mask == 0) - rate) < 5 * spread + 1e-5
    assert_allclose(np.unique(mask), [0, 1 / (1 - rate)], rtol=1e-4)
    # The expected mean is exactly 1: the factor belongs to the rounded rate.
    assert abs(mask.mean(dtype=float) - 1) < 5 * spread / (1 - rate)


def test_units_and_samples_are_drawn_independently():
    mask = draw(0.5, (2000, 16)) > 0
    correlation = np.corrcoef(mask.T) - np.eye(16)
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)
    assert np.abs(np.corrcoef(mask[:16]) - np.eye(16)).max() < 1


@pytest.mark.parametrize("rate", [0.0, 1e-9])
def test_a_rate_of_zero_draws_nothing(rate):
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    output = np.ones((30, 5))
    leave_out(output, output.copy(), rate, generator)
    assert_array_equal(output, 1)
    assert generator.bit_generator.state == before


def test_each_layer_has_its_own_rate():
    network = Network((4, 500, 500, 500, 2), "identity", dropout=[0.0, 0.7, 0.2])
    theta = np.ones(network.n_parameters)
    workspace = Workspace(network, 1, float)
    network.forward(
        theta, np.ones((1, 4)), workspace, with_slopes=True,
        generator=np.random.default_rng(0),
    )  # fmt: skip
    masks = [memory.slope for memory in workspace.buffers(1).memories[:-1]]
    shares = [np.mean(mask == 0) for mask in masks]
    assert_allclose(shares, [0, 0.7, 0.2], atol=0.1)
    # Without slopes, which is how predictions are made, nothing is left out.
    raw = network.forward(
        theta, np.ones((1, 4)), workspace, generator=np.random.default_rng(0)
    ).copy()
    assert_array_equal(raw, network.forward(theta, np.ones((1, 4)), workspace))


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_any_number_of_units_gets_a_mask(size):
    assert set(np.unique(draw(0.5, (7, size)))) <= {0.0, 2.0}


def test_a_rate_next_to_one_leaves_some_units():
    mask = draw(1 - 1e-12, (1000, 1000))
    assert np.isfinite(mask).all()
    assert mask.max() > 0


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
def test_the_gradient_is_that_of_the_network_that_is_left(hidden):
    random_state = np.random.RandomState(0)
    X, target = random_state.randn(6, 4), random_state.randn(6, 2)
    network = Network((4, 8, 6, 2), hidden, dropout=[0.3, 0.5])
    objective = Objective(network, make_loss("squared_error", "identity"), 0.3)
    theta = random_state.uniform(-1, 1, network.n_parameters)
    workspace = Workspace(network, 6, float)
    gradient = np.empty_like(theta)

    def value(point):
        generator = np.random.default_rng(5)  # the same mask
        return objective.value_and_gradient(
            point, X, target, None, 6.0, workspace, gradient, generator=generator
        )

    value(theta)
    expected = gradient.copy()
    objective.value_and_gradient(theta, X, target, None, 6.0, workspace, gradient)
    assert np.abs(gradient - expected).max() > 0.1
    found = approx_fprime(theta, value, 1e-6) + approx_fprime(theta, value, -1e-6)
    assert_allclose(found / 2, expected, atol=1e-6)
