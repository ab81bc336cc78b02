"""The layout of theta, and the forward and backward pass against plain loops."""

import math
import tracemalloc
from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import approx_fprime

from skann.core.activations import HIDDEN_ACTIVATIONS, HiddenActivation, LeakyRelu
from skann.core.initializers import Uniform
from skann.core.layers.periodic import Periodic
from skann.core.network import LayerList, Network, Workspace

SHAPES = [(3, 2), (3, 2, 1), (4, 5, 3), (2, 3, 1, 4), (6, 1, 1)]
all_shapes = pytest.mark.parametrize("sizes", SHAPES, ids=str)

FUNCTIONS = {
    "identity": (lambda z: z, lambda z: 1.0),
    "logistic": (
        lambda z: 1 / (1 + math.exp(-z)),
        lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2,
    ),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "leaky_relu": (lambda z: max(z, 0.01 * z), lambda z: 1.0 if z > 0 else 0.01),
    "elu": (
        lambda z: z if z > 0 else math.expm1(z),
        lambda z: 1.0 if z > 0 else math.exp(z),
    ),
    "selu": (
        lambda z: (
            1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * math.expm1(z))
        ),
        lambda z: (
            1.0507009873554805 * (1.0 if z > 0 else 1.6732632423543772 * math.exp(z))
        ),
    ),
    "gelu": (
        lambda z: z * math.erfc(-z / math.sqrt(2)) / 2,
        lambda z: (
            math.erfc(-z / math.sqrt(2)) / 2
            + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        ),
    ),
    "silu": (
        lambda z: z / (1 + math.exp(-z)),
        lambda z: (1 + (1 + z) * math.exp(-z)) / (1 + math.exp(-z)) ** 2,
    ),
    "softplus": (
        lambda z: math.log1p(math.exp(z)),
        lambda z: 1 / (1 + math.exp(-z)),
    ),
}
all_activations = pytest.mark.parametrize("activation", FUNCTIONS)


def random_theta(network, dtype="float64"):
    return np.random.RandomState(0).uniform(-1, 1, network.n_parameters).astype(dtype)


# -------------------------------------------------------------------- the layout


@pytest.mark.parametrize(
    ("sizes", "n_weights", "n_biases"),
    [
        ((3, 2, 1), 8, 3),
        ((10, 20, 3), 260, 23),
        ((10, 8, 6, 4, 2, 1), 162, 21),
        ((3, 2), 6, 2),
        ((64, 30, 10), 2220, 40),
    ],
)
def test_number_of_parameters(sizes, n_weights, n_biases):
    network = Network(sizes, "logistic")
    assert network.n_weights == n_weights
    assert network.n_parameters == n_weights + n_biases
    assert network.n_layers == len(sizes) - 1


@all_shapes
def test_views_cover_theta_once_weights_first(sizes):
    network = Network(sizes, "tanh")
    theta = np.arange(float(network.n_parameters))
    views = network.views(theta)
    assert [W.shape for W, _ in views] == list(pairwise(sizes))
    assert [b.shape for _, b in views] == [(size,) for size in sizes[1:]]
    flat = [W.ravel() for W, _ in views] + [b for _, b in views]
    assert_array_equal(np.concatenate(flat), theta)
    assert all(np.shares_memory(array, theta) for pair in views for array in pair)
    assert_array_equal(
        np.concatenate([W.ravel() for W in network.weights(theta)]),
        theta[: network.n_weights],
    )
    assert_array_equal(
        np.concatenate(network.biases(theta)), theta[network.n_weights :]
    )


@all_shapes
def test_parameter_names_point_at_their_elements(sizes):
    network = Network(sizes, "tanh")
    theta = random_theta(network)
    namespace = {"coefs_": network.weights(theta), "intercepts_": network.biases(theta)}
    names = [network.parameter_name(index) for index in range(theta.size)]
    assert [eval(name, {}, namespace) for name in names] == theta.tolist()


def test_layers_are_assigned_into_theta():
    network = Network((3, 2, 1), "tanh")
    theta = np.zeros(11)
    weights, biases = network.weights(theta), network.biases(theta)
    weights[1] = [[7.0], [8.0]]
    biases[-1] = [9.0]
    weights[0][2, 1] = 6.0
    assert_array_equal(theta, [0, 0, 0, 0, 0, 6, 7, 8, 0, 0, 9])


@pytest.mark.parametrize(
    ("index", "value", "error", "match"),
    [
        (0, np.zeros((2, 3)), ValueError, r"Layer 0 has shape \(3, 2\).*\(2, 3\)"),
        (1, 1.0, ValueError, r"Layer 1 has shape \(2, 1\)"),
        (slice(0, 1), [np.zeros((3, 2))], TypeError, "one layer at a time"),
        (2, np.zeros(1), IndexError, "out of range"),
    ],
    ids=["shape", "scalar", "slice", "index"],
)
def test_wrong_assignment_is_refused_and_changes_nothing(index, value, error, match):
    network = Network((3, 2, 1), "tanh")
    theta = random_theta(network)
    before = theta.copy()
    layers = network.weights(theta)
    assert isinstance(layers, LayerList)
    with pytest.raises(error, match=match):
        layers[index] = value
    assert_array_equal(theta, before)


def test_draw_goes_layer_by_layer_weights_before_biases():
    network = Network((3, 2, 1), "tanh")
    theta = network.draw(Uniform(-1, 1), np.random.RandomState(5), "float32")
    draws = np.random.RandomState(5).uniform(-1, 1, 11).astype("float32")
    assert theta.dtype == np.float32
    # drawn: W1 (6), b1 (2), W2 (2), b2 (1); kept: W1, W2, b1, b2
    assert_array_equal(theta, draws[[0, 1, 2, 3, 4, 5, 8, 9, 6, 7, 10]])


# ------------------------------------------------------- forward and backward pass


def naive_pass(network, theta, X, delta, activation):
    """Return raw outputs and gradient, one number at a time.

    `activation` is a name, or a list with one for each hidden layer.
    """
    layers = network.views(theta)
    n_hidden = len(layers) - 1
    names = [activation] * n_hidden if isinstance(activation, str) else activation
    functions = [FUNCTIONS[name] for name in names]
    gradient = np.zeros_like(theta)
    gradients = network.views(gradient)
    raw = []
    for row, row_delta in zip(X, delta, strict=True):
        inputs, pre_activations = [list(row)], []
        for layer, (W, b) in enumerate(layers):
            z = []
            for j in range(W.shape[1]):
                total = b[j]
                for i in range(W.shape[0]):
                    total += inputs[layer][i] * W[i, j]
                z.append(total)
            pre_activations.append(z)
            if layer < n_hidden:
                inputs.append([functions[layer][0](value) for value in z])
        raw.append(pre_activations[-1])

        current = list(row_delta)
        for layer in reversed(range(len(layers))):
            W, _ = layers[layer]
            dW, db = gradients[layer]
            below = [0.0] * W.shape[0]
            for j in range(W.shape[1]):
                db[j] += current[j]
                for i in range(W.shape[0]):
                    dW[i, j] += inputs[layer][i] * current[j]
                    below[i] += current[j] * W[i, j]
            if layer > 0:
                zs, derivative = pre_activations[layer - 1], functions[layer - 1][1]
                current = [d * derivative(z) for d, z in zip(below, zs, strict=True)]
    return np.array(raw), gradient


def run_pass(network, theta, X, delta, workspace):
    """Return raw outputs and gradient as the network computes them."""
    raw = network.forward(theta, X, workspace, with_slopes=True).copy()
    workspace.buffers(X.shape[0]).delta[...] = delta
    gradient = np.full_like(theta, np.nan)
    network.backward(theta, X, workspace, gradient)
    return raw, gradient


def arrays_of(buffers):
    """Return all arrays of a workspace's buffers."""
    arrays = [buffers.delta]
    for memory in buffers.memories:
        arrays += [a for a in vars(memory).values() if isinstance(a, np.ndarray)]
    return arrays


def make_inputs(n_rows, sizes, dtype="float64"):
    random_state = np.random.RandomState(1)
    X = random_state.randn(n_rows, sizes[0])
    X[random_state.uniform(size=X.shape) < 0.3] = 0
    return X.astype(dtype), random_state.randn(n_rows, sizes[-1]).astype(dtype)


@pytest.mark.parametrize(
    "container",
    [np.asarray, sparse.csr_array, sparse.csr_matrix],
    ids=["dense", "csr_array", "csr_matrix"],
)
@all_activations
@all_shapes
def test_passes_equal_plain_loops(sizes, activation, container):
    network = Network(sizes, activation)
    theta = random_theta(network)
    X, delta = make_inputs(5, sizes)
    workspace = Workspace(network, 5, "float64")
    raw, gradient = run_pass(network, theta, container(X), delta, workspace)
    expected_raw, expected_gradient = naive_pass(network, theta, X, delta, activation)
    assert_allclose(raw, expected_raw, rtol=1e-13, atol=1e-15)
    assert_allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-14)
    assert_array_equal(theta, random_theta(network))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@all_activations
def test_passes_keep_float32(activation, container):
    sizes = (4, 5, 3)
    network = Network(sizes, activation)
    theta = random_theta(network, "float32")
    X, delta = make_inputs(5, sizes, "float32")
    workspace = Workspace(network, 5, "float32")
    raw, gradient = run_pass(network, theta, container(X), delta, workspace)
    assert raw.dtype == gradient.dtype == np.float32
    buffers = workspace.buffers(5)
    assert {array.dtype.name for array in arrays_of(buffers)} == {"float32"}
    expected = naive_pass(
        network, theta.astype(float), X.astype(float), delta.astype(float), activation
    )
    assert_allclose(raw, expected[0], rtol=1e-5, atol=1e-6)
    assert_allclose(gradient, expected[1], rtol=1e-5, atol=1e-5)


# Each activation is first, last, or in the middle.
MIXTURES = [
    ["relu", "gelu"],
    ["logistic", "leaky_relu", "softplus"],
    ["selu", "identity", "silu"],
    ["elu", "tanh", "elu"],
]


def mixed_network(activations, n_inputs=4, n_outputs=2):
    widths = range(5, 5 - len(activations), -1)
    return Network((n_inputs, *widths, n_outputs), activations)


def test_mixtures_hold_every_activation():
    assert {name for mixture in MIXTURES for name in mixture} == set(HIDDEN_ACTIVATIONS)
    assert set(FUNCTIONS) == set(HIDDEN_ACTIVATIONS)


@pytest.mark.parametrize("activations", MIXTURES, ids="-".join)
def test_each_layer_has_its_own_activation(activations):
    network = mixed_network(activations)
    assert network.activations == [HIDDEN_ACTIVATIONS[name] for name in activations]
    theta = random_theta(network)
    X, delta = make_inputs(5, network.layer_sizes)
    workspace = Workspace(network, 5, "float64")
    raw, gradient = run_pass(network, theta, X, delta, workspace)
    expected_raw, expected_gradient = naive_pass(network, theta, X, delta, activations)
    assert_allclose(raw, expected_raw, rtol=1e-13, atol=1e-15)
    assert_allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-14)
    assert_array_equal(network.forward(theta, X, workspace), raw)


class Sine(HiddenActivation):
    """An activation of the user's own, not a function of whose output the slope is."""

    def apply(self, pre_activation, out):
        np.sin(pre_activation, out=out)

    def apply_with_slope(self, pre_activation, slope):
        np.cos(pre_activation, out=slope)
        np.sin(pre_activation, out=pre_activation)


@pytest.mark.parametrize(
    "activations",
    [*MIXTURES, [Sine(), "gelu"], ["softplus", LeakyRelu(0.2), Sine()]],
    ids=lambda activations: "-".join(
        each if isinstance(each, str) else type(each).__name__ for each in activations
    ),
)
def test_gradient_equals_finite_differences(activations):
    network = mixed_network(activations)
    X, delta = make_inputs(5, network.layer_sizes)
    workspace = Workspace(network, 5, "float64")

    def objective(theta):
        return float((network.forward(theta, X, workspace) * delta).sum())

    theta = random_theta(network)
    _, gradient = run_pass(network, theta, X, delta, workspace)
    differences = (
        approx_fprime(theta, objective, 1e-6) + approx_fprime(theta, objective, -1e-6)
    ) / 2
    assert np.abs(gradient).max() > 0.1, "a gradient of zero proves nothing"
    assert_allclose(gradient, differences, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    ("sizes", "activation", "match"),
    [
        ((3, 2, 1), "swish", "one of .*'identity'.* Got 'swish' instead"),
        ((3, 1), "swish", "Got 'swish' instead"),
        ((3, 2, 2, 1), ["tanh"], "one for each hidden layer, 2 in all. Got 1 instead"),
        ((3, 1), ["tanh"], "0 in all. Got 1 instead"),
        ((3, 2, 2, 1), ["tanh", 7], "Got 7 instead"),
    ],
    ids=["name", "name without use", "too few", "too many", "element"],
)
def test_impossible_activations_are_refused(sizes, activation, match):
    with pytest.raises(ValueError, match=match):
        Network(sizes, activation)


@all_activations
def test_one_workspace_serves_batches_of_different_sizes(activation):
    sizes = (4, 5, 3)
    network = Network(sizes, activation)
    theta = random_theta(network)
    X, delta = make_inputs(7, sizes)
    shared = Workspace(network, 4, "float64")
    for _ in range(2):
        for rows in (slice(0, 4), slice(4, 7), slice(2, 3)):
            alone = Workspace(network, X[rows].shape[0], "float64")
            got = run_pass(network, theta, X[rows], delta[rows], shared)
            expected = run_pass(network, theta, X[rows], delta[rows], alone)
            assert_array_equal(got[0], expected[0])
            assert_array_equal(got[1], expected[1])


@pytest.mark.parametrize("embedding", [None, Periodic(4, 3, 0.1)], ids=["", "cosines"])
def test_workspace_allocates_once(embedding):
    network = Network((4, 5, 3), "tanh", embedding)
    workspace = Workspace(network, 4, "float64")
    large, small = workspace.buffers(4), workspace.buffers(3)
    outputs = [memory.output for memory in small.memories]
    assert [array.shape for array in outputs[-2:]] == [(3, 5), (3, 3)]
    for a, b in zip(arrays_of(large), arrays_of(small), strict=True):
        assert np.shares_memory(a, b)
        assert b.flags.c_contiguous or b.flags.f_contiguous
    assert workspace.buffers(4) is large
    for a, b in combinations(arrays_of(large), 2):
        assert not np.shares_memory(a, b)


def test_a_step_allocates_nothing_that_grows_with_the_batch():
    network = Network((20, 30, 10), "tanh", Periodic(20, 8, 0.1))
    theta = random_theta(network, "float32")
    X = np.ones((8000, 20), "float32")
    workspace = Workspace(network, 8000, "float32")
    run_pass(network, theta, X, np.ones((8000, 10), "float32"), workspace)
    gradient = np.empty_like(theta)
    tracemalloc.start()
    try:
        network.forward(theta, X, workspace, with_slopes=True)
        network.backward(theta, X, workspace, gradient)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes / 6  # numpy's own buffers have a fixed size


KEPT = pytest.mark.parametrize(
    "embedding", [None, Periodic(4, 3, 0.1)], ids=["", "cosines"]
)


@KEPT
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_a_workspace_that_keeps_shows_both_passes(container, embedding):
    network = Network((4, 5, 3, 2), ["relu", "tanh"], embedding)
    theta = random_theta(network)
    X, delta = make_inputs(6, (4, 2))
    showing = Workspace(network, 6, "float64", keep=True)
    plain = Workspace(network, 6, "float64")
    shown = run_pass(network, theta, container(X), delta, showing)
    silent = run_pass(network, theta, container(X), delta, plain)
    assert_array_equal(shown[0], silent[0])
    assert_array_equal(shown[1], silent[1])
    assert all(memory.kept is None for memory in plain.buffers(6).memories)
    kept = [memory.kept for memory in showing.buffers(6).memories]
    assert_array_equal(kept[0]["input"], X)
    for below, above in pairwise(kept):
        assert_array_equal(above["input"], below["activation"])
    assert_array_equal(kept[-1]["activation"], shown[0])
    assert_array_equal(kept[-1]["delta"], delta)
    dense = kept[-network.n_layers :]
    for layer, (W, b), (dW, db) in zip(
        dense, network.views(theta), network.views(shown[1]), strict=True
    ):
        assert_allclose(layer["pre_activation"], layer["input"] @ W + b)
        assert_allclose(dW, layer["input"].T @ layer["delta"])
        assert_allclose(db, layer["delta"].sum(axis=0), atol=1e-14)
    for layer, name in zip(dense[:-1], ["relu", "tanh"], strict=True):
        activation = layer["pre_activation"].copy()
        HIDDEN_ACTIVATIONS[name].apply(activation, out=activation)
        assert_array_equal(layer["activation"], activation)
        assert not np.signbit(layer["activation"][activation == 0]).any()


@all_activations
def test_forward_gives_the_same_with_and_without_slopes(activation):
    network = Network((4, 5, 3), activation)
    theta = random_theta(network)
    X, _ = make_inputs(6, (4, 5, 3))
    workspace = Workspace(network, 6, "float64")
    predicting = network.forward(theta, X, workspace).copy()
    training = network.forward(theta, X, workspace, with_slopes=True)
    assert_array_equal(training, predicting)


def test_raw_output_is_in_fortran_order():
    network = Network((4, 5, 3), "tanh")
    workspace = Workspace(network, 6, "float64")
    X, _ = make_inputs(5, (4, 5, 3))
    raw = network.forward(random_theta(network), X, workspace)
    assert raw.shape == (5, 3)
    assert raw.flags.f_contiguous


def test_workspace_follows_a_changed_and_a_replaced_theta():
    network = Network((4, 5, 3), "tanh")
    X, delta = make_inputs(4, (4, 5, 3))
    workspace = Workspace(network, 4, "float64")
    theta = random_theta(network)
    first = run_pass(network, theta, X, delta, workspace)
    theta *= 2  # in place, as an optimizer does
    doubled = run_pass(network, theta, X, delta, workspace)
    other = theta / 2
    again = run_pass(network, other, X, delta, workspace)
    assert_array_equal(again[0], first[0])
    assert_array_equal(again[1], first[1])
    expected = naive_pass(network, theta, X, delta, "tanh")
    assert_allclose(doubled[0], expected[0], rtol=1e-13)
    assert_allclose(doubled[1], expected[1], rtol=1e-12, atol=1e-14)
