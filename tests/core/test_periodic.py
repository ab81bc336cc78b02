"""The layer of cosines computes its formula, and starts as it says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import approx_fprime

from skann.core.layers.layer import Arrays
from skann.core.layers.periodic import FACTOR_RATE, PERIODIC_RATE, Periodic
from skann.core.parameters import ParameterLayout

_random_state = np.random.RandomState(0)
X = _random_state.randn(6, 3)
RANKS = _random_state.uniform(-3, 3, (6, 3))
INPUTS = {"inputs": X, "inputs and ranks": np.hstack([X, RANKS])}
all_inputs = pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)


def draw(layer, dtype=np.float64):
    values = layer.draw("auto", np.random.RandomState(1))
    # Not as they are drawn: all factors would be 1.
    factors = np.random.RandomState(2).uniform(0.5, 1.5, values[0].shape)
    return [array.astype(dtype) for array in (values[0] * factors, *values[1:])]


def columns(layer, parameters, given, *, with_slopes=True):
    n_rows = given.shape[0]
    memory = layer.memory(n_rows, Arrays(parameters[0].dtype))
    return layer.forward(parameters, given, memory, with_slopes)


@all_inputs
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_columns_are_the_formula(given, dtype):
    layer = Periodic(3, 4, 0.3)
    parameters = draw(layer, dtype)
    found = columns(layer, parameters, given.astype(dtype))
    factors, frequencies, phases = parameters
    expected = [X * factors]
    for its_frequencies, its_phases in zip(frequencies, phases, strict=True):
        angles = given[:, -3:] * factors * its_frequencies + its_phases
        expected.append(np.cos(angles))
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(found, np.hstack(expected), atol=tolerance)
    assert layer.n_out == found.shape[1] == 3 * (1 + 4)


def test_it_starts_with_the_inputs_as_they_are():
    layer = Periodic(3, 4, 0.1)
    parameters = layer.draw("auto", np.random.RandomState(0))
    assert [array.shape for array in parameters] == [s.shape for s in layer.segments]
    found = columns(layer, parameters, X, with_slopes=False)
    assert_array_equal(found[:, :3], X)
    assert np.abs(parameters[2]).max() <= np.pi
    assert np.abs(found[:, 3:]).max() <= 1


def test_sparse_inputs_have_the_columns_of_dense_ones():
    layer = Periodic(3, 4, 0.3)
    parameters = draw(layer)
    zeroed = np.where(X > 0, X, 0)
    assert_array_equal(
        columns(layer, parameters, sparse.csr_array(zeroed)),
        columns(layer, parameters, zeroed),
    )


def test_the_frequencies_have_the_spread_that_was_asked_for():
    layer = Periodic(50, 40, 0.7)
    frequencies = layer.draw("auto", np.random.RandomState(0))[1] / (2 * np.pi)
    assert_allclose(frequencies.std(), 0.7, rtol=0.05)
    assert_allclose(frequencies.mean(), 0, atol=0.05)


@all_inputs
def test_the_gradient_is_that_of_finite_differences(given):
    # Those of inputs alone are those of every layer, in test_layers.py.
    layer = Periodic(3, 2, 0.2)
    layout = ParameterLayout([layer.segments])
    theta = layout.pack([draw(layer)], "float64")
    memory = layer.memory(6, Arrays("float64"))
    weight = np.random.RandomState(3).randn(6, layer.n_out)

    def value(point):
        output = layer.forward(layout.values(point)[0], given, memory, True)
        return float((output * weight).sum())

    value(theta)
    gradient = np.full_like(theta, np.nan)
    before = given.copy()
    (views,) = layout.views(gradient)
    layer.backward(layout.values(theta)[0], given, weight.copy(), memory, views)
    layout.multiply_by_rates(gradient)
    found = approx_fprime(theta, value, 1e-6) + approx_fprime(theta, value, -1e-6)
    assert_allclose(gradient, found / 2, rtol=1e-6, atol=1e-6)
    assert_array_equal(given, before)


@pytest.mark.parametrize("of_ranks", [False, True], ids=["inputs", "ranks"])
def test_it_absorbs_a_change_of_its_inputs(of_ranks):
    layer = Periodic(3, 4, 0.3)
    layout = ParameterLayout([layer.segments])
    theta = layout.pack([draw(layer)], "float64")
    shift, ratio = np.array([0.5, 0.0, -2.0]), np.array([1.0, 3.0, 0.25])
    given, changed = X, (X - shift) / ratio
    change = shift, ratio
    if of_ranks:  # which have a change of their own
        given = np.hstack([X, RANKS])
        changed = np.hstack([changed, RANKS + np.array([1.0, 0.0, 0.0])])
        change = np.r_[shift, -1.0, 0.0, 0.0], np.r_[ratio, 1.0, 1.0, 1.0]
    before = columns(layer, layout.values(theta)[0], given)
    above = layer.absorb_input_change(layout.views(theta)[0], *change)
    after = columns(layer, layout.values(theta)[0], changed)
    assert [array.shape for array in above] == [(layer.n_out,)] * 2
    assert_allclose(after * above[1] + above[0], before, atol=1e-12)
    # The change of the cosines is taken up by their own parameters.
    assert_array_equal(above[0][3:], 0)
    assert_array_equal(above[1][3:], 1)


def test_the_weights_of_an_input_are_those_of_its_columns():
    layer = Periodic(3, 2, 0.3)
    parameters = draw(layer)
    weights = np.random.RandomState(4).randn(layer.n_out, 5)
    found = layer.weights_by_input(parameters, weights)
    assert [part.shape for part in found] == [(3, 5)] * 3
    output = columns(layer, parameters, X)
    total = 0.0
    for j, part in enumerate(found):
        total += np.column_stack([X[:, j], output[:, 3 + j], output[:, 6 + j]]) @ part
    assert_allclose(total, output @ weights)


def test_members_have_its_values_in_common():
    layer = Periodic(3, 2, 0.3)
    assert all(segment.shared for segment in layer.segments)
    rates = {segment.name: segment.rate for segment in layer.segments}
    assert rates == {
        "factors": FACTOR_RATE,
        "frequencies": PERIODIC_RATE,
        "phases": PERIODIC_RATE,
    }


def test_it_stands_first():
    layer = Periodic(3, 4, 0.1)
    parameters = draw(layer)
    memory = layer.memory(6, Arrays("float64"))
    delta = layer.forward(parameters, X, memory, True)
    gradients = [np.empty_like(array) for array in parameters]
    with pytest.raises(NotImplementedError, match="first layer"):
        layer.backward(parameters, X, delta, memory, gradients, passes_on=True)
