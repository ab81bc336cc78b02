"""Each activation is the function that its name says, and so is its derivative."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from skann.core.activations import ACTIVATIONS, HIDDEN_ACTIVATIONS

DTYPES = ("float32", "float64")
NAMES = tuple(ACTIVATIONS)
ELEMENTWISE = tuple(name for name in NAMES if name != "softmax")

# The function and its derivative, written independently of each other.
REFERENCE = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (
        lambda z: 0.5 * (1 + np.tanh(z / 2)),
        lambda z: 0.25 / np.cosh(z / 2) ** 2,
    ),
    "tanh": (lambda z: 2 * special.expit(2 * z) - 1, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.where(z > 0, z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "exp": (np.exp, np.exp),
    "softmax": (lambda z: special.softmax(z, axis=1), None),
}

# An odd number of columns, zero among the values, and none too large for exp.
Z = np.linspace(-8, 8, 33).reshape(11, 3)


def apply(name, z):
    out = np.full_like(z, np.nan)
    ACTIVATIONS[name].apply(z, out=out)
    return out


def backward(name, output, delta):
    """Return what `backward` leaves in delta, for copies of both arrays."""
    delta = delta.copy()
    ACTIVATIONS[name].backward(output.copy(), delta)
    return delta


def tolerance(dtype, factor=4):
    return factor * np.finfo(dtype).eps


def test_every_activation_has_a_reference():
    assert set(REFERENCE) == set(ACTIVATIONS)
    assert set(HIDDEN_ACTIVATIONS) <= set(ACTIVATIONS)
    assert [ACTIVATIONS[name].name for name in NAMES] == list(NAMES)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_value_equals_closed_form(name, dtype):
    z = Z.astype(dtype)
    value = apply(name, z)
    assert value.dtype == dtype
    expected = REFERENCE[name][0](z.astype(np.float64))
    # The reference is a difference of numbers near 1.
    assert_allclose(value, expected, rtol=tolerance(dtype), atol=1e-15)
    assert_array_equal(z, Z.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_apply_in_place_gives_the_same(name, dtype):
    z = Z.astype(dtype)
    expected = apply(name, z)
    ACTIVATIONS[name].apply(z, out=z)
    assert_array_equal(z, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_backward_multiplies_by_the_derivative(name, dtype):
    z = Z.astype(dtype)
    incoming = np.random.RandomState(0).randn(*Z.shape).astype(dtype)
    delta = backward(name, apply(name, z), incoming)
    assert delta.dtype == dtype
    expected = incoming * REFERENCE[name][1](z.astype(np.float64))
    # f (1 - f) and 1 - f ** 2 lose digits near f = 1, as much as eps in all.
    assert_allclose(delta, expected, rtol=tolerance(dtype), atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HIDDEN_ACTIVATIONS)
def test_function_and_slope_together(name, dtype):
    z = Z.astype(dtype)
    value, slope = z.copy(), np.full_like(z, np.nan)
    HIDDEN_ACTIVATIONS[name].apply_with_slope(value, slope)
    assert_array_equal(value, apply(name, z))
    assert slope.dtype == dtype
    assert_array_equal(slope, backward(name, value, np.ones_like(z)))


@pytest.mark.parametrize("name", HIDDEN_ACTIVATIONS)
def test_nan_is_not_hidden(name):
    value, slope = np.array([[np.nan, 1.0]]), np.empty((1, 2))
    HIDDEN_ACTIVATIONS[name].apply_with_slope(value, slope)
    assert np.isnan(value[0, 0])
    assert np.isnan(apply(name, np.array([[np.nan, 1.0]]))[0, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_backward_multiplies_by_the_jacobian(dtype):
    z = Z.astype(dtype)
    incoming = np.random.RandomState(0).randn(*Z.shape).astype(dtype)
    delta = backward("softmax", apply("softmax", z), incoming)
    assert delta.dtype == dtype
    for row, incoming_row, delta_row in zip(Z, incoming, delta, strict=True):
        p = special.softmax(row)
        jacobian = np.array(
            [[p[k] * ((k == j) - p[j]) for j in range(p.size)] for k in range(p.size)]
        )
        expected = incoming_row @ jacobian
        assert_allclose(delta_row, expected, atol=tolerance(dtype))


def test_softmax_rows_sum_to_one_and_ignore_a_shift():
    probabilities = apply("softmax", Z)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)
    assert_allclose(apply("softmax", Z + 100), probabilities, rtol=1e-13)


def test_relu_has_derivative_zero_at_zero():
    z = np.array([[-1.0, 0.0, 1.0]])
    delta = backward("relu", apply("relu", z), np.ones_like(z))
    assert_array_equal(delta, [[0, 0, 1]])


# The limits at -1e4 and 1e4. exp(1e4) is beyond any float, so exp has one limit only.
LIMITS = {
    "identity": (-1e4, 1e4),
    "logistic": (0, 1),
    "tanh": (-1, 1),
    "relu": (0, 1e4),
    "exp": (0, None),
    "softmax": (0, 1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_stable_far_from_zero(name, dtype):
    low, high = LIMITS[name]
    z = np.array([[-1e4, 1e4] if high is not None else [-1e4, -1e4]], dtype)
    value = apply(name, z)
    assert_array_equal(value, [[low, high if high is not None else low]])
    delta = backward(name, value, np.ones_like(z))
    slopes = {"identity": [[1, 1]], "relu": [[0, 1]]}
    assert_array_equal(delta, slopes.get(name, [[0, 0]]))


@pytest.mark.parametrize("name", NAMES)
def test_output_range_holds_every_output(name):
    low, high = ACTIVATIONS[name].output_range
    limits = [limit for limit in LIMITS[name] if limit is not None]
    values = np.concatenate([apply(name, Z).ravel(), limits])
    assert low <= values.min()
    assert values.max() <= high
    # and it is no wider than it must be
    assert low in (-np.inf, LIMITS[name][0])
    assert high in (np.inf, LIMITS[name][1])
