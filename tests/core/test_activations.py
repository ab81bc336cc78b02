"""Each activation is the function that its name says, and so is its derivative."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, special, stats
from sklearn.base import clone

from skann.core.activations import (
    ACTIVATIONS,
    HIDDEN_ACTIVATIONS,
    ElementwiseActivation,
    Elu,
    HiddenActivation,
    LeakyRelu,
    Selu,
    Tanh,
    find_activation,
    find_activations,
)

DTYPES = ("float32", "float64")
FUNCTIONS = {**HIDDEN_ACTIVATIONS, **ACTIVATIONS}
NAMES = tuple(FUNCTIONS)
ELEMENTWISE = tuple(name for name in ACTIVATIONS if name != "softmax")

# Klambauer et al. (2017) say 1.0507 and 1.6733; see the test of the standard normal.
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772

# The function and its derivative, written independently of each other.
REFERENCE = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (
        lambda z: 0.5 * (1 + np.tanh(z / 2)),
        lambda z: 0.25 / np.cosh(z / 2) ** 2,
    ),
    "tanh": (lambda z: 2 * special.expit(2 * z) - 1, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.where(z > 0, z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, 0.01 * z),
        lambda z: np.where(z > 0, 1.0, 0.01),
    ),
    "elu": (
        lambda z: np.where(z > 0, z, np.exp(z) - 1),
        lambda z: np.where(z > 0, 1.0, np.exp(z)),
    ),
    "selu": (
        lambda z: SCALE * np.where(z > 0, z, ALPHA * (np.exp(z) - 1)),
        lambda z: SCALE * np.where(z > 0, 1.0, ALPHA * np.exp(z)),
    ),
    "gelu": (
        lambda z: z * special.erfc(-z / np.sqrt(2)) / 2,
        lambda z: stats.norm.cdf(z) + z * stats.norm.pdf(z),
    ),
    "silu": (
        lambda z: z / (1 + np.exp(-z)),
        lambda z: (1 + (1 + z) * np.exp(-z)) / (1 + np.exp(-z)) ** 2,
    ),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z: 1 / (1 + np.exp(-z))),
    "exp": (np.exp, np.exp),
    "softmax": (lambda z: special.softmax(z, axis=1), None),
}

# An odd number of columns, zero among the values, and none too large for exp.
Z = np.linspace(-8, 8, 33).reshape(11, 3)


def apply(name, z):
    out = np.full_like(z, np.nan)
    FUNCTIONS[name].apply(z, out=out)
    return out


def apply_with_slope(activation, z):
    """Return f(z) and f'(z) as a hidden layer gets them, for a copy of z."""
    value, slope = z.copy(), np.full_like(z, np.nan)
    activation.apply_with_slope(value, slope)
    return value, slope


def backward(name, output, delta):
    """Return what `backward` leaves in delta, for copies of both arrays."""
    delta = delta.copy()
    ACTIVATIONS[name].backward(output.copy(), delta)
    return delta


def tolerance(dtype, factor=4):
    return factor * np.finfo(dtype).eps


def test_every_activation_has_a_reference():
    assert set(REFERENCE) == set(NAMES)
    assert [ACTIVATIONS[name].name for name in ACTIVATIONS] == list(ACTIVATIONS)
    only_hidden = {"gelu", "silu"}
    assert set(HIDDEN_ACTIVATIONS) - set(ACTIVATIONS) == only_hidden
    for name in set(HIDDEN_ACTIVATIONS) - only_hidden:
        assert isinstance(HIDDEN_ACTIVATIONS[name], ElementwiseActivation)
        assert ACTIVATIONS[name] is HIDDEN_ACTIVATIONS[name]


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
    FUNCTIONS[name].apply(z, out=z)
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
    value, slope = apply_with_slope(HIDDEN_ACTIVATIONS[name], z)
    assert_array_equal(value, apply(name, z))
    assert value.dtype == slope.dtype == dtype
    expected = REFERENCE[name][1](z.astype(np.float64))
    assert_allclose(slope, expected, rtol=tolerance(dtype), atol=tolerance(dtype))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_backward_of_ones_is_the_slope(name):
    value, slope = apply_with_slope(ACTIVATIONS[name], Z)
    assert_array_equal(backward(name, value, np.ones_like(Z)), slope)


@pytest.mark.parametrize("name", HIDDEN_ACTIVATIONS)
def test_slope_equals_finite_differences(name):
    z, step = Z + 0.1, 1e-6  # no kink within a step
    _, slope = apply_with_slope(HIDDEN_ACTIVATIONS[name], z)
    differences = (apply(name, z + step) - apply(name, z - step)) / (2 * step)
    # Rounding of a value near 8 counts for 1e-15 / step.
    assert_allclose(slope, differences, atol=2e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name", sorted(set(HIDDEN_ACTIVATIONS) - {"logistic", "softplus"})
)
def test_small_numbers_keep_their_digits(name, dtype):
    z = np.array([[-1e-6, 1e-6]], dtype)
    value, slope = apply_with_slope(HIDDEN_ACTIVATIONS[name], z)
    # f(0) = 0, so f(z) is z f'(z), but for a term of z ** 2.
    assert_allclose(value, z * slope, rtol=2e-6)


@pytest.mark.parametrize("name", HIDDEN_ACTIVATIONS)
def test_at_most_two_temporary_arrays(name):
    z, slope = np.random.RandomState(0).randn(200, 256), np.empty((200, 256))
    tracemalloc.start()
    HIDDEN_ACTIVATIONS[name].apply_with_slope(z, slope)
    HIDDEN_ACTIVATIONS[name].apply(z, out=z)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.1 * z.nbytes


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


# The values at -far and far. exp is beyond any float there, so it has one limit only.
LIMITS = {
    "identity": lambda far: (-far, far),
    "logistic": lambda far: (0, 1),
    "tanh": lambda far: (-1, 1),
    "relu": lambda far: (0, far),
    "leaky_relu": lambda far: (-0.01 * far, far),
    "elu": lambda far: (-1, far),
    "selu": lambda far: (-SCALE * ALPHA, SCALE * far),
    "gelu": lambda far: (0, far),
    "silu": lambda far: (0, far),
    "softplus": lambda far: (0, far),
    "exp": lambda far: (0, None),
    "softmax": lambda far: (0, 1),
}
# The derivatives there, if they are not both 0.
SLOPES = {
    "identity": (1, 1),
    "relu": (0, 1),
    "leaky_relu": (0.01, 1),
    "elu": (0, 1),
    "selu": (0, SCALE),
    "gelu": (0, 1),
    "silu": (0, 1),
    "softplus": (0, 1),
}


@pytest.mark.parametrize("far", [1e4, 1e30])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_stable_far_from_zero(name, dtype, far):
    low, high = LIMITS[name](far)
    z = np.array([[-far, far] if high is not None else [-far, -far]], dtype)
    value = apply(name, z)
    expected = [[low, high if high is not None else low]]
    # Limits of 0 are met exactly.
    assert_allclose(value, expected, rtol=tolerance(dtype))
    slopes = [SLOPES.get(name, (0, 0))]
    if name in HIDDEN_ACTIVATIONS:
        again, slope = apply_with_slope(HIDDEN_ACTIVATIONS[name], z)
        assert_array_equal(again, value)
        assert_allclose(slope, slopes, rtol=tolerance(dtype), atol=tolerance(dtype))
    if name in ACTIVATIONS:
        delta = backward(name, value, np.ones_like(z))
        assert_allclose(delta, slopes, rtol=tolerance(dtype), atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HIDDEN_ACTIVATIONS)
def test_finite_for_numbers_of_any_size(name, dtype):
    sizes = np.logspace(-37, 37, 200)
    z = np.stack([-sizes, sizes]).astype(dtype)
    value, slope = apply_with_slope(HIDDEN_ACTIVATIONS[name], z)
    assert np.isfinite(value).all()
    # The extremes are those of gelu, -0.13, and of selu near 0, 1.76.
    assert slope.min() > -0.15
    assert slope.max() < 1.8


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_output_range_holds_every_output(name):
    low, high = ACTIVATIONS[name].output_range
    lowest, highest = LIMITS[name](1e4)
    limits = [limit for limit in (lowest, highest) if limit is not None]
    values = np.concatenate([apply(name, Z).ravel(), limits])
    assert low <= values.min()
    assert values.max() <= high
    # and it is no wider than it must be
    assert low in (-np.inf, lowest)
    assert high in (np.inf, highest)


def test_selu_keeps_mean_and_variance_of_a_standard_normal():
    def integrand(z, power):
        value = np.array([[z]])
        Selu().apply(value, out=value)
        return value[0, 0] ** power * stats.norm.pdf(z)

    for power, expected in ((1, 0), (2, 1)):
        parts = [
            integrate.quad(integrand, *ends, args=(power,))[0]
            for ends in ((-np.inf, 0), (0, np.inf))
        ]
        assert_allclose(sum(parts), expected, atol=1e-9)


# ------------------------------------------------------ settings, and ways to say it

SETTINGS = {
    "LeakyRelu(0.2)": (LeakyRelu(0.2), [-0.6, 0, 2], [0.2, 0.2, 1]),
    "LeakyRelu(0)": (LeakyRelu(0), [0, 0, 2], [0, 0, 1]),
    "LeakyRelu(1)": (LeakyRelu(1), [-3, 0, 2], [1, 1, 1]),
    "Elu(0.5)": (Elu(0.5), [0.5 * np.expm1(-3), 0, 2], [0.5 * np.exp(-3), 0.5, 1]),
    "Elu(40)": (Elu(40), [40 * np.expm1(-3), 0, 2], [40 * np.exp(-3), 40, 1]),
    "numpy's": (LeakyRelu(np.float64(0.2)), [-0.6, 0, 2], [0.2, 0.2, 1]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("activation", "values", "slopes"), SETTINGS.values(), ids=SETTINGS
)
def test_settings_change_the_function(activation, values, slopes, dtype):
    z = np.array([[-3.0, 0.0, 2.0]], dtype)
    value, slope = apply_with_slope(activation, z)
    assert value.dtype == slope.dtype == dtype
    assert_allclose(value, [values], rtol=tolerance(dtype))
    # f + 40 loses 40 eps.
    assert_allclose(slope, [slopes], rtol=tolerance(dtype), atol=tolerance(dtype, 40))
    activation.apply(z, out=z)
    assert_array_equal(z, value)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LeakyRelu(-0.1), r"between 0 and 1.*LeakyRelu\(slope=-0.1\)"),
        (lambda: LeakyRelu(1.5), r"between 0 and 1.*slope=1.5"),
        (lambda: LeakyRelu(np.nan), "between 0 and 1.*slope=nan"),
        (lambda: Elu(0), r"positive and finite.*Elu\(alpha=0\)"),
        (lambda: Elu(-1.0), "positive and finite.*alpha=-1.0"),
        (lambda: Elu(np.inf), "positive and finite.*alpha=inf"),
        (lambda: Elu(np.nan), "positive and finite.*alpha=nan"),
    ],
)
def test_impossible_settings_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        lambda activation: pickle.loads(pickle.dumps(activation)),
        lambda activation: clone(activation, safe=False),
    ],
    ids=["deepcopy", "pickle", "clone"],
)
@pytest.mark.parametrize(
    "activation", [*HIDDEN_ACTIVATIONS.values(), LeakyRelu(0.2), Elu(0.5)], ids=repr
)
def test_copies_are_equal(activation, copied):
    other = copied(activation)
    assert other == activation
    assert hash(other) == hash(activation)
    assert repr(other) == repr(activation)


def test_activations_differ_by_class_and_settings():
    different = {*HIDDEN_ACTIVATIONS.values(), LeakyRelu(0.2), Elu(0.5)}
    assert len(different) == len(HIDDEN_ACTIVATIONS) + 2
    assert LeakyRelu() == LeakyRelu(0.01) == find_activation("leaky_relu")
    assert Elu() == Elu(1) == find_activation("elu")


def test_settings_are_plain_numbers():
    # A scalar of numpy would turn float32 into float64.
    assert repr(LeakyRelu(np.float64(0.2))) == "LeakyRelu(slope=0.2)"
    assert repr(Elu(np.float64(2))) == "Elu(alpha=2.0)"


def test_settings_cannot_change():
    with pytest.raises(AttributeError):
        LeakyRelu().slope = 0.5


class Doubling(HiddenActivation):
    """Just the two methods, and one name that `for` might take for a sequence."""

    def apply(self, pre_activation, out):
        np.multiply(pre_activation, 2, out=out)

    def apply_with_slope(self, pre_activation, slope):
        pre_activation *= 2
        slope.fill(2)

    def __iter__(self):
        raise AssertionError("This is one activation.")


OWN = Doubling()


@pytest.mark.parametrize(
    ("activation", "n_hidden_layers", "expected"),
    [
        ("tanh", 2, [Tanh(), Tanh()]),
        ("tanh", 0, []),
        (OWN, 1, [OWN]),
        (["tanh", LeakyRelu(0.2)], 2, [Tanh(), LeakyRelu(0.2)]),
        ((OWN, "elu", OWN), 3, [OWN, Elu(), OWN]),
        (np.array(["elu", "tanh"]), 2, [Elu(), Tanh()]),
        ((), 0, []),
    ],
    ids=["name", "no layer", "object", "list", "tuple", "array", "empty"],
)
def test_one_activation_for_each_hidden_layer(activation, n_hidden_layers, expected):
    assert find_activations(activation, n_hidden_layers) == expected


@pytest.mark.parametrize(
    ("activation", "n_hidden_layers", "match"),
    [
        ("swish", 2, r"must be one of \['identity', .*Got 'swish' instead"),
        ("swish", 0, "Got 'swish' instead"),
        ("softmax", 1, "Got 'softmax' instead"),
        (["tanh", "swish"], 2, "Got 'swish' instead"),
        (["tanh", None], 2, "Got None instead"),
        (None, 1, "Got None instead"),
        (Tanh, 1, "HiddenActivation object. Got <class .*Tanh'> instead"),
        (ACTIVATIONS["softmax"], 1, "Got <.*Softmax object"),
        (["tanh"], 2, "one for each hidden layer, 2 in all. Got 1 instead"),
        (["tanh", "tanh"], 0, "0 in all. Got 2 instead"),
        ([], 1, "1 in all. Got 0 instead"),
    ],
)
def test_anything_else_is_refused(activation, n_hidden_layers, match):
    with pytest.raises(ValueError, match=match):
        find_activations(activation, n_hidden_layers)
