"""The gradient of the objective equals scipy's finite differences, in every case.

Run with `pytest -s` to see the largest relative error of each loss.
"""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import approx_fprime

from skann.core.activations import ACTIVATIONS, HIDDEN_ACTIVATIONS
from skann.core.losses import LOSSES, make_loss
from skann.core.network import Network, Workspace
from skann.core.objective import Objective

N_SAMPLES, N_INPUTS, N_HIDDEN = 7, 4, 5
WEIGHT = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.25, 1.5])

# The differences below are good to about 1e-12 of the largest derivative. Derivatives
# that are smaller than a thousandth of it are compared on the scale of that thousandth.
RTOL = 1e-8
FLOOR = 1e-3

# Losses whose slope jumps at a residual of 0, or whose curvature does at 1: what they
# are near there is seen in test_losses.py.
KINKS = ("absolute_error", "quantile", "huber")

PAIRS = [
    (loss, output_activation, n_outputs)
    for (loss, output_activation), n_outputs in product(LOSSES, (1, 3))
    # A softmax over one output is 1 whatever the parameters are: its gradient is zero.
    if not (output_activation == "softmax" and n_outputs == 1)
]
PAIR_IDS = ["-".join(map(str, pair)) for pair in PAIRS]


class Problem:
    """An objective with data at some theta, far enough from the kinks of a relu."""

    def __init__(self, pair, hidden, *, weighted, is_sparse, alpha, layers=(N_HIDDEN,)):
        loss, output_activation, n_outputs = pair
        random_state = np.random.RandomState(3)
        X = random_state.randn(N_SAMPLES, N_INPUTS)
        X[random_state.uniform(size=X.shape) < 0.3] = 0
        self.X = sparse.csr_array(X) if is_sparse else X
        self.target = make_target(loss, output_activation, n_outputs, random_state)
        self.sample_weight = WEIGHT if weighted else None
        self.total_weight = WEIGHT.sum() if weighted else float(N_SAMPLES)
        network = Network((N_INPUTS, *layers, n_outputs), hidden)
        self.objective = Objective(network, make_loss(loss, output_activation), alpha)
        self.workspace = Workspace(network, N_SAMPLES, np.float64)
        activations = [hidden] * len(layers) + [output_activation]
        self.theta = random_state.uniform(-1, 1, network.n_parameters)
        while not self._is_clear_of_kinks(activations):
            self.theta = random_state.uniform(-1, 1, network.n_parameters)
        if loss in KINKS:
            raw = network.forward(self.theta, self.X, self.workspace)
            ACTIVATIONS[output_activation].apply(raw, out=raw)
            self.target = raw + random_state.choice([-1.5, -0.5, 0.5, 1.5], raw.shape)

    def _is_clear_of_kinks(self, activations):
        """Say whether no step of the differences takes a relu to its other side."""
        outputs = self.X
        layers = self.objective.network.views(self.theta)
        for (weights, biases), activation in zip(layers, activations, strict=True):
            z = outputs @ weights + biases
            outputs = np.maximum(z, 0) if activation == "relu" else z
            kinked = activation in ("relu", "leaky_relu", "elu", "selu")
            if kinked and np.abs(z).min() < 0.02:
                return False
        # Of outputs that are all cut off there would be nothing to see.
        return activations[-1] != "relu" or z.max(axis=0).min() > 0.2

    def value(self, theta):
        return self._evaluate(theta)[0]

    def gradient(self):
        return self._evaluate(self.theta)[1]

    def _evaluate(self, theta):
        gradient = np.full_like(theta, np.nan)
        value = self.objective.value_and_gradient(
            theta,
            self.X,
            self.target,
            self.sample_weight,
            self.total_weight,
            self.workspace,
            gradient,
        )
        return value, gradient


def make_target(loss, output_activation, n_outputs, random_state):
    shape = (N_SAMPLES, n_outputs)
    if output_activation == "softmax":
        return np.eye(n_outputs)[np.arange(N_SAMPLES) % n_outputs]
    if loss == "log_loss":
        return random_state.randint(2, size=shape).astype(float)
    if loss == "poisson":
        return random_state.poisson(2.0, shape).astype(float)
    if loss == "gamma":
        return random_state.gamma(2.0, size=shape)
    return random_state.uniform(0, 1, shape)


def central_differences(function, theta, step):
    """Return the mean of scipy's forward and backward differences."""
    forward = approx_fprime(theta, function, step)
    return (forward + approx_fprime(theta, function, -step)) / 2


def differentiate(function, theta, step=4e-4):
    """Return the derivative by central differences at two steps, extrapolated.

    The error of one step falls with its square, that of the combination with its
    fourth power (Richardson, 1911).
    """
    coarse = central_differences(function, theta, 2 * step)
    return (4 * central_differences(function, theta, step) - coarse) / 3


def largest_relative_error(problem):
    analytic = problem.gradient()
    numeric = differentiate(problem.value, problem.theta)
    size = np.maximum(np.abs(analytic), np.abs(numeric))
    assert size.max() > 1e-3, "a gradient of zero proves nothing"
    size = np.maximum(size, FLOOR * size.max())
    return float((np.abs(analytic - numeric) / size).max())


@pytest.fixture(scope="module")
def errors():
    found = {}
    yield found
    print()
    for pair, values in found.items():
        print(f"{'-'.join(pair):<24} {max(values):.1e} ({len(values)} cases)")
    if found:
        largest = max(max(values) for values in found.values())
        print(f"largest relative error   {largest:.1e}")


@pytest.mark.every(11)
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("hidden", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_IDS)
def test_gradient(pair, hidden, weighted, is_sparse, errors):
    alpha = 0.7 if weighted else 0.0
    problem = Problem(pair, hidden, weighted=weighted, is_sparse=is_sparse, alpha=alpha)
    error = largest_relative_error(problem)
    errors.setdefault(pair[:2], []).append(error)
    assert error < RTOL


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_IDS)
def test_gradient_without_hidden_layer(pair, errors):
    problem = Problem(
        pair, "identity", weighted=True, is_sparse=False, alpha=0.7, layers=()
    )
    error = largest_relative_error(problem)
    errors.setdefault(pair[:2], []).append(error)
    assert error < RTOL


@pytest.mark.parametrize("hidden", ["logistic", "tanh"])
def test_gradient_of_three_hidden_layers(hidden, errors):
    pair = ("log_loss", "softmax", 3)
    problem = Problem(
        pair, hidden, weighted=True, is_sparse=False, alpha=0.7, layers=(5, 4, 3)
    )
    error = largest_relative_error(problem)
    errors.setdefault(pair[:2], []).append(error)
    assert error < RTOL


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
def test_sums_over_blocks_add_up_to_the_whole(is_sparse, weighted):
    problem = Problem(
        ("log_loss", "softmax", 3),
        "tanh",
        weighted=weighted,
        is_sparse=is_sparse,
        alpha=0.0,
    )

    def sums(rows, scale=1.0):
        gradient = np.empty_like(problem.theta)
        weight = problem.sample_weight
        value = problem.objective.sums(
            problem.theta,
            problem.X[rows],
            problem.target[rows],
            None if weight is None else weight[rows],
            problem.workspace,
            gradient,
            scale,
        )
        return np.r_[value, gradient]

    whole = sums(slice(None))
    assert_allclose(sums(slice(0, 3)) + sums(slice(3, None)), whole, rtol=1e-12)
    # and the objective is the sums divided
    mean = np.r_[problem.value(problem.theta), problem.gradient()]
    assert_allclose(whole / problem.total_weight, mean, rtol=1e-13)
    assert_allclose(sums(slice(None), 2.5), 2.5 * whole, rtol=1e-13)


def test_penalty_is_half_alpha_times_the_squared_weights_without_biases():
    pair, options = ("squared_error", "identity", 3), {"is_sparse": False}
    plain = Problem(pair, "tanh", weighted=True, alpha=0.0, **options)
    penalised = Problem(pair, "tanh", weighted=True, alpha=0.7, **options)
    weights = penalised.objective.network.weights(penalised.theta)
    squares = sum(float((matrix**2).sum()) for matrix in weights)
    added = penalised.value(penalised.theta) - plain.value(plain.theta)
    assert_allclose(added, 0.7 / (2 * WEIGHT.sum()) * squares, rtol=1e-13)
    added = penalised.gradient() - plain.gradient()
    views = penalised.objective.network.views(added)
    for (dW, db), W in zip(views, weights, strict=True):
        assert_allclose(dW, 0.7 / WEIGHT.sum() * W, rtol=1e-10, atol=1e-15)
        assert_allclose(db, 0, atol=1e-15)
