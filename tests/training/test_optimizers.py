"""Each optimizer makes the steps of its formula and finds the minimum."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann.training.optimizers import SGD, Adam

OPTIMIZERS = {
    "gradient descent": SGD(momentum=0.0, nesterov=False),
    "gradient descent, nesterov": SGD(momentum=0.0, nesterov=True),
    "momentum": SGD(momentum=0.9, nesterov=False),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "adam": Adam(),
    "adam, other": Adam(beta_1=0.5, beta_2=0.9, epsilon=1e-3),
    "rmsprop": Adam(beta_1=0.0, beta_2=0.9),
}
all_optimizers = pytest.mark.parametrize("name", OPTIMIZERS)


def minimize(name, gradient_of, start, rate_of, n_steps):
    """Return where `n_steps` steps lead."""
    optimizer = OPTIMIZERS[name]
    theta = np.array(start)
    state = optimizer.initial_state(theta)
    for step in range(n_steps):
        optimizer.step(theta, gradient_of(theta), rate_of(step), state)
    return theta


# ------------------------------------------------------------------- known minima


# The first rate, and what it is multiplied by after each step: with a short memory of
# squares the steps of Adam do not become small near the minimum unless the rate does.
PARABOLA = {
    "gradient descent": (0.1, 1.0),
    "gradient descent, nesterov": (0.1, 1.0),
    "momentum": (0.02, 1.0),
    "nesterov": (0.02, 1.0),
    "adam": (0.1, 1.0),
    "adam, other": (0.1, 0.995),
    "rmsprop": (0.1, 0.995),
}


@all_optimizers
def test_minimum_of_a_parabola(name):
    minimum, curvature = np.array([1.0, -2.0, 0.0]), np.array([1.0, 3.0, 0.5])
    rate, decay = PARABOLA[name]
    found = minimize(
        name,
        lambda x: curvature * (x - minimum),
        [5.0, 5.0, -3.0],
        lambda step: rate * decay**step,
        3000,
    )
    assert_allclose(found, minimum, atol=1e-6)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def rosenbrock_gradient(x):
    return np.array(
        [
            -2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2),
            200 * (x[1] - x[0] ** 2),
        ]
    )


# Rate, number of steps, and what they leave of the 24.2 at the start: with momentum
# the minimum is reached, without it the valley is followed slowly. Adam with a short
# memory jumps about the minimum, at a distance that goes with the rate.
ROSENBROCK = {
    "gradient descent": (1e-3, 5000, 1e-2),
    "gradient descent, nesterov": (1e-3, 5000, 1e-2),
    "momentum": (3e-4, 10_000, 1e-6),
    "nesterov": (3e-4, 10_000, 1e-6),
    "adam": (0.02, 5000, 1e-6),
    "adam, other": (0.003, 5000, 1e-3),
    "rmsprop": (0.001, 5000, 1e-3),
}


all_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@all_optimizers
def test_progress_in_rosenbrocks_valley(name):
    rate, n_steps, reached = ROSENBROCK[name]
    start = [-1.2, 1.0]
    found = minimize(name, rosenbrock_gradient, start, lambda step: rate, n_steps)
    assert rosenbrock(found) < reached


def test_gradient_descent_on_a_quartic_finds_the_minimum_of_the_text():
    # x^4 - 3 x^3 + 2 from 6 at rate 0.01, until a step is not larger than 0.00001
    optimizer = SGD(momentum=0.0, nesterov=False)
    x, previous = np.array([6.0]), np.array([0.0])
    state = optimizer.initial_state(x)
    while abs(x - previous) > 0.00001:
        previous = x.copy()
        optimizer.step(x, 4 * x**3 - 9 * x**2, 0.01, state)
    assert f"{x[0]:f}" == "2.249965"


# ----------------------------------------------------- the textbook, step by step


def textbook_momentum(theta, gradient_of, rates, momentum):
    """Polyak, 1964: the velocity is kept, and theta moves by it."""
    velocity = np.zeros_like(theta)
    path = []
    for rate in rates:
        velocity = momentum * velocity - rate * gradient_of(theta)
        theta = theta + velocity
        path.append(theta)
    return path


def textbook_nesterov(theta, gradient_of, rates, momentum):
    """Sutskever et al., 2013, equations 3 and 4: the gradient at the point ahead.

    What is trained, and returned, is the point ahead, theta + momentum * velocity.
    """
    velocity = np.zeros_like(theta)
    path = []
    for rate in rates:
        velocity = momentum * velocity - rate * gradient_of(theta + momentum * velocity)
        theta = theta + velocity
        path.append(theta + momentum * velocity)
    return path


def textbook_adam(theta, gradient_of, rates, beta_1, beta_2, epsilon):
    """Kingma and Ba, 2015, the form at the end of section 2."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    path = []
    for t, rate in enumerate(rates, start=1):
        g = gradient_of(theta)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        rate_t = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        theta = theta - rate_t * m / (np.sqrt(v) + epsilon)
        path.append(theta)
    return path


TEXTBOOK = {
    "gradient descent": lambda *args: textbook_momentum(*args, 0.0),
    "gradient descent, nesterov": lambda *args: textbook_nesterov(*args, 0.0),
    "momentum": lambda *args: textbook_momentum(*args, 0.9),
    "nesterov": lambda *args: textbook_nesterov(*args, 0.9),
    "adam": lambda *args: textbook_adam(*args, 0.9, 0.999, 1e-8),
    "adam, other": lambda *args: textbook_adam(*args, 0.5, 0.9, 1e-3),
    "rmsprop": lambda *args: textbook_adam(*args, 0.0, 0.9, 1e-8),
}


@all_optimizers
def test_every_step_is_that_of_the_textbook(name):
    start = np.array([-1.2, 1.0])
    rates = [1e-3] * 10 + [5e-4] * 90
    expected = TEXTBOOK[name](start, rosenbrock_gradient, rates)
    optimizer = OPTIMIZERS[name]
    theta = start.copy()
    state = optimizer.initial_state(theta)
    for rate, point in zip(rates, expected, strict=True):
        optimizer.step(theta, rosenbrock_gradient(theta), rate, state)
        assert_allclose(theta, point, rtol=1e-12)


def test_nesterov_sees_a_change_of_rate_at_once():
    # At a constant rate two forms of Nesterov's momentum agree; this tells them apart.
    optimizer = SGD(momentum=0.5, nesterov=True)
    theta = np.array([0.0])
    state = optimizer.initial_state(theta)
    optimizer.step(theta, np.array([1.0]), 1.0, state)
    assert_allclose(theta, -1.5)
    optimizer.step(theta, np.array([1.0]), 0.1, state)
    # velocity = 0.5 * -1 - 0.1 = -0.6; step = 0.5 * -0.6 - 0.1 = -0.4
    assert_allclose(theta, -1.9)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_without_momentum_is_gradient_descent(nesterov):
    optimizer = SGD(momentum=0.0, nesterov=nesterov)
    random_state = np.random.RandomState(0)
    theta = random_state.randn(5)
    state = optimizer.initial_state(theta)
    for _ in range(5):
        gradient = random_state.randn(5)
        expected = theta - 0.3 * gradient
        optimizer.step(theta, gradient, 0.3, state)
        assert_array_equal(theta, expected)


ADAMS = {
    "usual": (0.9, 0.999),
    "recipe": (0.9, 0.95),
    "short": (0.3, 0.5),
    "one only": (0.0, 0.99),
    "the other": (0.9, 0.0),
    "none": (0.0, 0.0),
}


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-11)])
@pytest.mark.parametrize(("beta_1", "beta_2"), ADAMS.values(), ids=ADAMS)
def test_the_sums_of_adam_are_its_means_after_any_number_of_steps(
    beta_1, beta_2, dtype, rtol
):
    optimizer = Adam(beta_1, beta_2)
    gradients = np.random.RandomState(0).uniform(0.5, 2, (200, 5))
    theta, m, v = np.zeros(5, dtype), np.zeros(5), np.zeros(5)
    state = optimizer.initial_state(theta)
    rates = [1e-3] * len(gradients)
    upcoming = iter(gradients)
    path = textbook_adam(
        np.zeros(5), lambda theta: next(upcoming), rates, beta_1, beta_2, 1e-8
    )
    for number, gradient in enumerate(gradients, start=1):
        optimizer.step(theta, gradient.astype(dtype), 1e-3, state)
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        first, second = optimizer.factors_of_sums(number)
        assert_allclose(first * state["sum"], m, rtol=rtol)
        assert_allclose(second * state["square_sum"], v, rtol=rtol)
        assert_allclose(theta, path[number - 1], rtol=rtol)


@all_dtypes
@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf])
def test_adam_shows_a_gradient_that_is_not_finite(wild, dtype):
    theta = np.ones(3, dtype)
    state = Adam().initial_state(theta)
    with np.errstate(invalid="ignore"):
        Adam().step(theta, np.array([1, wild, 1], dtype), 1e-3, state)
    assert_array_equal(np.isfinite(theta), [True, False, True])


# --------------------------------------------------------------- dtype and memory


@all_optimizers
def test_float32_stays_float32(name):
    optimizer = OPTIMIZERS[name]
    theta = np.array([-1.2, 1.0], "float32")
    wide = theta.astype(float)
    state, wide_state = optimizer.initial_state(theta), optimizer.initial_state(wide)
    for _ in range(20):
        optimizer.step(theta, rosenbrock_gradient(theta), np.float64(1e-3), state)
        optimizer.step(wide, rosenbrock_gradient(wide), 1e-3, wide_state)
    assert theta.dtype == np.float32
    arrays = [value for value in state.values() if isinstance(value, np.ndarray)]
    assert arrays
    assert all(array.dtype == np.float32 for array in arrays)
    assert all(array.shape == theta.shape for array in arrays)
    assert_allclose(theta, wide, rtol=1e-4)


@all_dtypes
def test_adam_still_sees_a_tiny_gradient(dtype):
    # 1e-12 is far from what is forgotten; epsilon makes its step small, not zero.
    rates, gradient = [1e-3] * 200, np.array([1e-12])
    expected = textbook_adam(
        np.zeros(1), lambda theta: gradient, rates, 0.9, 0.999, 1e-8
    )[-1]
    theta = np.zeros(1, dtype)
    state = Adam().initial_state(theta)
    for rate in rates:
        Adam().step(theta, gradient.astype(dtype), rate, state)
    assert_allclose(theta, expected, rtol=1e-5)


@all_optimizers
def test_theta_and_state_change_in_place(name):
    optimizer = OPTIMIZERS[name]
    theta = np.array([-1.2, 1.0])
    view = theta[:]
    state = optimizer.initial_state(theta)
    arrays = {key: v for key, v in state.items() if isinstance(v, np.ndarray)}
    assert all((array == 0).all() for array in arrays.values())
    assert not any(np.shares_memory(array, theta) for array in arrays.values())
    optimizer.step(theta, rosenbrock_gradient(theta), 1e-3, state)
    assert_array_equal(view, theta)
    assert (theta != [-1.2, 1.0]).all()
    for key, array in arrays.items():
        assert state[key] is array
        assert array.any()


@all_optimizers
def test_training_goes_on_from_a_pickle_bit_for_bit(name):
    optimizer = OPTIMIZERS[name]
    theta = np.array([-1.2, 1.0])
    state = optimizer.initial_state(theta)
    for step in range(30):
        if step == 13:
            saved = pickle.dumps((optimizer, theta, state))
        optimizer.step(theta, rosenbrock_gradient(theta), 1e-3, state)
    again, other, other_state = pickle.loads(saved)
    assert again == optimizer
    for _ in range(13, 30):
        again.step(other, rosenbrock_gradient(other), 1e-3, other_state)
    assert_array_equal(other, theta)
    assert other_state.keys() == state.keys()
    for key, value in state.items():
        assert_array_equal(other_state[key], value)


@all_optimizers
def test_state_is_plain(name):
    state = OPTIMIZERS[name].initial_state(np.zeros(2))
    assert all(isinstance(value, np.ndarray | int) for value in state.values())
