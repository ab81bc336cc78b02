"""Initial weights: the peer's own draws, and the spread that each name promises."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPClassifier, MLPRegressor

import skann
from skann import BackpropClassifier, BackpropRegressor
from skann.core.activations import HIDDEN_ACTIVATIONS, Logistic
from skann.core.initializers import (
    INITIALIZERS,
    Normal,
    Uniform,
    find_initializer,
)
from skann.core.network import Network

X = np.random.RandomState(0).randn(20, 6)
MLP_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("activation", MLP_ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("mlp_class", "skann_class", "y"),
    [
        (MLPRegressor, BackpropRegressor, X[:, 0]),
        (MLPClassifier, BackpropClassifier, np.arange(20) % 3),
    ],
    ids=["regressor", "classifier"],
)
def test_glorot_uniform_is_the_draw_of_the_mlp(
    mlp_class, skann_class, y, dtype, activation, seed
):
    # A step so small that it vanishes leaves the weights as they were drawn.
    mlp = mlp_class(
        hidden_layer_sizes=(5, 4),
        activation=activation,
        random_state=seed,
        solver="sgd",
        learning_rate_init=1e-300 if dtype == "float64" else 1e-40,
        max_iter=1,
    )
    ours = skann_class(scaling=None, **mlp.get_params())
    inputs = X.astype(dtype)
    mlp.fit(inputs, y)
    ours.fit(inputs, y)
    for drawn, expected in zip(
        ours.coefs_ + ours.intercepts_, mlp.coefs_ + mlp.intercepts_, strict=True
    ):
        assert drawn.dtype == expected.dtype == dtype
        assert_array_equal(drawn, expected)
    # and it is what the network draws, in the same order
    network = Network((6, 5, 4, ours.n_outputs_), activation)
    layers = zip(mlp.coefs_, mlp.intercepts_, strict=True)
    expected = network.layout.pack(layers, dtype)
    for init in ("glorot_uniform", find_initializer("glorot_uniform", activation)):
        theta = network.draw(init, np.random.RandomState(seed), dtype)
        assert_array_equal(theta, expected)


N, M = 400, 300  # 120 000 weights: their standard deviation is good to 0.2 %

# For a layer of n inputs and m outputs: the distribution, the bound of a uniform or the
# standard deviation of a normal one, and whether biases are random too.
SPREADS = {
    "glorot_uniform": ("uniform", np.sqrt(6 / (N + M)), True),
    "glorot_normal": ("normal", np.sqrt(2 / (N + M)), False),
    "he_uniform": ("uniform", np.sqrt(6 / N), False),
    "he_normal": ("normal", np.sqrt(2 / N), False),
    "lecun_uniform": ("uniform", np.sqrt(3 / N), False),
    "lecun_normal": ("normal", np.sqrt(1 / N), False),
    "fan_in_uniform": ("uniform", 1 / np.sqrt(N), True),
}


def check_spread(values, distribution, spread):
    assert abs(values.mean()) < 5 * values.std() / np.sqrt(values.size)
    if distribution == "uniform":
        assert np.abs(values).max() <= spread
        assert np.abs(values).max() > (1 - 10 / values.size) * spread
        assert_allclose(
            values.std(), spread / np.sqrt(3), rtol=2 / np.sqrt(values.size)
        )
    else:
        assert_allclose(values.std(), spread, rtol=4 / np.sqrt(values.size))
        # A normal distribution has 4.6 % beyond two standard deviations.
        assert_allclose(np.mean(np.abs(values) > 2 * spread), 0.0455, rtol=0.1)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_spread_of_each_name(name):
    distribution, spread, random_biases = SPREADS[name]
    weights, biases = INITIALIZERS[name].draw(N, M, np.random.RandomState(0))
    assert weights.shape == (N, M)
    assert biases.shape == (M,)
    check_spread(weights, distribution, spread)
    if random_biases:
        assert np.abs(biases).max() <= spread
        assert_allclose(biases.std(), spread / np.sqrt(3), rtol=0.1)
    else:
        assert_array_equal(biases, 0)


def test_glorot_uniform_is_narrower_for_logistic_units_alone():
    spreads = {"logistic": np.sqrt(2 / (N + M))}
    for activation in HIDDEN_ACTIVATIONS:
        initializer = find_initializer("glorot_uniform", activation)
        of_object = HIDDEN_ACTIVATIONS[activation]
        assert find_initializer("glorot_uniform", of_object) is initializer
        weights, biases = initializer.draw(N, M, np.random.RandomState(0))
        spread = spreads.get(activation, np.sqrt(6 / (N + M)))
        check_spread(weights, "uniform", spread)
        assert_allclose(biases.std(), spread / np.sqrt(3), rtol=0.1)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_find_initializer_leaves_other_names_and_objects_alone(activation):
    own = Uniform(0, 1)
    assert find_initializer(own, activation) is own
    for name in set(INITIALIZERS) - {"glorot_uniform"}:
        assert find_initializer(name, activation) is INITIALIZERS[name]


def draw_by_bounds(network, numerators, seed):
    """Return theta of layers uniform within sqrt(numerator / (fan_in + fan_out))."""
    random_state = np.random.RandomState(seed)
    weights, biases = [], []
    for (n, m), numerator in zip(
        pairwise(network.layer_sizes), numerators, strict=True
    ):
        bound = np.sqrt(numerator / (n + m))
        weights.append(random_state.uniform(-bound, bound, (n, m)))
        biases.append(random_state.uniform(-bound, bound, m))
    return network.layout.pack(zip(weights, biases, strict=True), "float64")


@pytest.mark.parametrize(
    ("hidden", "activation", "numerators"),
    [
        ((5, 4), ["logistic", "tanh"], [2, 6, 6]),
        ((5, 4), ["tanh", "logistic"], [6, 2, 2]),
        ((5, 4, 3), ["logistic", "gelu", Logistic()], [2, 6, 2, 2]),
        ((5, 4), "logistic", [2, 2, 2]),
        ((5, 4), Logistic(), [2, 2, 2]),
        ((5, 4), "selu", [6, 6, 6]),
        ((), "logistic", [2]),
        ((), Logistic(), [2]),
        ((), "relu", [6]),
        ((), [], [6]),
    ],
    ids=str,
)
def test_each_layer_is_drawn_for_its_own_activation(hidden, activation, numerators):
    network = Network((6, *hidden, 2), activation)
    theta = network.draw("glorot_uniform", np.random.RandomState(7), "float64")
    assert_array_equal(theta, draw_by_bounds(network, numerators, 7))


@pytest.mark.parametrize("init", ["he_normal", Uniform(0, 1)], ids=str)
def test_other_draws_do_not_depend_on_the_activations(init):
    thetas = [
        Network((6, 5, 4, 2), activation).draw(
            init, np.random.RandomState(7), "float64"
        )
        for activation in ("tanh", "logistic", ["logistic", "gelu"])
    ]
    assert_array_equal(thetas[1], thetas[0])
    assert_array_equal(thetas[2], thetas[0])


def test_uniform_keeps_its_bounds_for_weights_and_biases():
    weights, biases = Uniform(-0.25, 0.75).draw(N, M, np.random.RandomState(0))
    for values in (weights, biases):
        assert -0.25 <= values.min() < -0.24
        assert 0.74 < values.max() <= 0.75
        assert_allclose(values.mean(), 0.25, atol=0.03)


def test_normal_has_its_mean_and_scale_for_weights_and_biases():
    weights, biases = Normal(3.0, 0.5).draw(N, M, np.random.RandomState(0))
    check_spread(weights - weights.mean(), "normal", 0.5)
    for values in (weights, biases):
        assert_allclose(values.mean(), 3.0, atol=2.5 / np.sqrt(values.size))
        assert_allclose(values.std(), 0.5, rtol=3 / np.sqrt(values.size))


@pytest.mark.parametrize(
    "initializer",
    [Uniform(-0.5, 0.5), Normal(0.0, 1.0), *INITIALIZERS.values()],
    ids=repr,
)
def test_the_generator_alone_decides(initializer):
    first = initializer.draw(4, 3, np.random.RandomState(0))
    again = initializer.draw(4, 3, np.random.RandomState(0))
    other = initializer.draw(4, 3, np.random.RandomState(1))
    assert_array_equal(first[0], again[0])
    assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Uniform(1, 1), "low must be smaller than high.*low=1, high=1"),
        (lambda: Uniform(2, 1), "low must be smaller than high"),
        (lambda: Uniform(-np.inf, 1), "bounds must be finite"),
        (lambda: Uniform(0, np.nan), "bounds must be finite"),
        (lambda: Normal(0, 0), "scale must be positive and finite.*scale=0"),
        (lambda: Normal(0, -1), "scale must be positive"),
        (lambda: Normal(0, np.inf), "scale must be positive and finite"),
        (lambda: Normal(np.nan, 1), "mean must be finite"),
    ],
)
def test_impossible_distributions_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("init", "low", "high", "zero_biases"),
    [
        (skann.Uniform(2.0, 3.0), 2.0, 3.0, False),
        (skann.Normal(50.0, 0.1), 49.0, 51.0, False),
        ("he_uniform", -1.0, 1.0, True),
    ],
    ids=["Uniform", "Normal", "he_uniform"],
)
def test_estimators_start_from_what_init_says(init, low, high, zero_biases):
    estimator = BackpropRegressor(
        7, init=init, solver="sgd", learning_rate_init=1e-300, max_iter=1
    ).fit(X, X[:, 0])
    # He's bound for six inputs is exactly 1; for seven it is smaller.
    assert all(low <= W.min() <= W.max() <= high for W in estimator.coefs_)
    for biases in estimator.intercepts_:
        if zero_biases:
            assert_allclose(biases, 0, atol=1e-290)
        else:
            assert low <= biases.min() <= biases.max() <= high
