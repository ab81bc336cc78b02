"""What is done around each step, with any optimizer in the middle."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann.core.network import Network
from skann.core.parameters import ParameterLayout, Segment
from skann.training.batches import TrainingDivergedError
from skann.training.optimizers import SGD, Adam, Fading, Optimizer
from skann.training.stepping import (
    ClippedGradient,
    DecoupledDecay,
    WithoutSubnormals,
    forget_vanishing,
    make_stepping,
    norm_of,
    smallest_to_keep,
)


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """A user's own: its memory is not named, and there is more than memory of theta."""

    decay: float = 0.9

    def initial_state(self, theta):
        return {"mean": np.zeros_like(theta), "calls": 0, "history": np.full(3, 1e-320)}

    def step(self, theta, gradient, learning_rate, state):
        state["calls"] += 1
        state["mean"] *= self.decay
        state["mean"] += (1 - self.decay) * gradient**2
        theta -= learning_rate * gradient / (np.sqrt(state["mean"]) + 1e-8)


OPTIMIZERS = {
    "gradient descent": SGD(momentum=0.0, nesterov=False),
    "momentum": SGD(momentum=0.9, nesterov=False),
    "nesterov": SGD(),
    "adam": Adam(),
    "rmsprop by adam": Adam(beta_1=0.0, beta_2=0.9),
    "own": RMSProp(),
}
all_optimizers = pytest.mark.parametrize("name", OPTIMIZERS)
all_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])

LAYOUT = Network((2, 3, 1), "tanh").layout  # 9 weights and 4 biases
TWO = ParameterLayout([[Segment("W", (2,))]])


def run(stepping, n_steps=5, scale=1.0, dtype="float64"):
    """Return theta and the state after a few steps."""
    random_state = np.random.RandomState(0)
    theta = random_state.randn(LAYOUT.n_parameters).astype(dtype)
    state = stepping.initial_state(theta)
    for _ in range(n_steps):
        gradient = (scale * random_state.randn(theta.size)).astype(dtype)
        stepping.step(theta, gradient, 0.01, state)
    return theta, state


class Recorder(Optimizer):
    """Keeps what it is given."""

    def initial_state(self, theta):
        return {"seen": []}

    def step(self, theta, gradient, learning_rate, state):
        state["seen"].append((theta.copy(), gradient.copy(), learning_rate))


# ----------------------------------------------------------------------- each alone


@pytest.mark.parametrize("limit", [0.1, 1.0, 5.0, 100.0])
def test_gradients_that_are_too_long_are_scaled_down(limit):
    gradient = np.array([3.0, -4.0])
    state = {"seen": []}
    ClippedGradient(Recorder(), limit, TWO).step(np.ones(2), gradient, 0.1, state)
    ((_, clipped, _),) = state["seen"]
    assert_allclose(norm_of(clipped), min(5.0, limit), rtol=1e-15)
    assert_allclose(clipped, np.array([0.6, -0.8]) * min(5.0, limit), rtol=1e-15)


@pytest.mark.parametrize("value", [np.inf, 1e200])
def test_a_gradient_without_a_finite_norm_is_not_clipped(value):
    stepping = ClippedGradient(Recorder(), 1.0, TWO)
    with pytest.raises(TrainingDivergedError), np.errstate(over="ignore"):
        stepping.step(np.ones(2), np.full(2, value), 0.1, {"seen": []})


def test_decay_takes_a_share_of_the_weights_before_the_step():
    theta, state = np.ones(LAYOUT.n_parameters), {"seen": []}
    stepping = DecoupledDecay(Recorder(), 0.5, LAYOUT)
    stepping.step(theta, np.zeros_like(theta), 0.1, state)
    ((seen, _, rate),) = state["seen"]
    assert rate == 0.1
    assert_array_equal(seen, [0.95] * 9 + [1.0] * 4)
    assert_array_equal(theta, seen)


@pytest.mark.parametrize("limit", [1.0, 7.0])
def test_gradients_of_members_are_clipped_one_by_one(limit):
    gradient = np.array([[3.0, -4.0], [0.3, 0.4], [-30.0, 40.0]])
    lengths = np.linalg.norm(gradient, axis=1)
    expected = gradient * np.minimum(1, limit / lengths)[:, np.newaxis]
    state = {"seen": []}
    stepping = ClippedGradient(Recorder(), limit, TWO)
    stepping.step(np.ones(6), gradient.ravel(), 0.1, state)
    ((_, clipped, _),) = state["seen"]
    assert_allclose(clipped, expected.ravel(), rtol=1e-15)


def test_one_member_without_a_finite_norm_is_enough():
    stepping = ClippedGradient(Recorder(), 1.0, TWO)
    gradient = np.array([1.0, 2.0, np.inf, 0.0])
    with pytest.raises(TrainingDivergedError):
        stepping.step(np.ones(4), gradient, 0.1, {"seen": []})


def test_the_weights_of_all_members_decay():
    theta, state = np.ones(3 * LAYOUT.n_parameters), {"seen": []}
    stepping = DecoupledDecay(Recorder(), 0.5, LAYOUT)
    stepping.step(theta, np.zeros_like(theta), 0.1, state)
    assert_array_equal(theta, ([0.95] * 9 + [1.0] * 4) * 3)


@all_dtypes
@all_optimizers
def test_neither_theta_nor_memory_stays_subnormal(name, dtype):
    stepping = WithoutSubnormals(OPTIMIZERS[name])
    theta = np.array([0, 0, 1e-30, 0, 1], dtype)
    state = stepping.initial_state(theta)
    smallest = np.finfo(dtype).tiny
    # Long enough for 0.9 ** n to get there.
    for step in range(10_000 if dtype == "float64" else 1_500):
        gradient = np.array([1.0, 0.0, 0.0, -1e-3, 0.0], dtype)
        if step > 0:
            gradient[[0, 3]] = 0
        theta[2] *= 0.93  # as by a penalty
        stepping.step(theta, gradient, 1e-3, state)
        for memory in (theta, *state["optimizer"].values()):
            if isinstance(memory, np.ndarray) and memory.size == theta.size:
                assert ((memory == 0) | (np.abs(memory) >= smallest)).all()
    assert_array_equal(theta[[1, 2]], 0)
    assert theta[4] == 1


def test_the_weight_of_an_input_that_is_always_zero_never_becomes_subnormal():
    # Its gradient is that of the penalty alone: with Adam's epsilon it shrinks by some
    # percent a step.
    theta, penalty = np.full(3, 0.1, "float32"), np.float32(1e-4 / 200)
    stepping = WithoutSubnormals(Adam())
    state = stepping.initial_state(theta)
    smallest = np.finfo("float32").tiny
    for _ in range(10_000):
        stepping.step(theta, penalty * theta, 1e-3, state)
        assert ((theta == 0) | (np.abs(theta) >= smallest)).all()
    assert_array_equal(theta, 0)


def test_what_is_not_of_thetas_size_is_left_alone():
    _, state = run(WithoutSubnormals(RMSProp()), n_steps=200)
    assert_array_equal(state["optimizer"]["history"], 1e-320)


@all_dtypes
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_what_vanishes_becomes_zero_or_just_large_enough(decay, dtype):
    smallest = smallest_to_keep(dtype, decay)
    numbers = [0.0, 0.5 * smallest, -0.5 * smallest, 2 * smallest, -2 * smallest, 1.0]
    array = np.array(numbers, dtype)
    forget_vanishing(array, Fading(decay))
    assert_array_equal(array, np.array([0, 0, 0, *numbers[3:]], dtype))
    positive = np.abs(np.array(numbers, dtype))
    forget_vanishing(positive, Fading(decay, stays_positive=True))
    least = np.array(smallest, dtype)
    expected = np.maximum(np.abs(np.array(numbers, dtype)), least)
    assert_array_equal(positive, expected)


def test_scratch_of_another_kind_is_not_used():
    array = np.array([1e-100, 1e-320, 1.0])
    forget_vanishing(array, Fading(), scratch=np.empty(3, "float32"))
    assert_array_equal(array, [1e-100, 0, 1])
    forget_vanishing(array, Fading(), scratch=np.empty((3, 1)))
    assert_array_equal(array, [1e-100, 0, 1])


def test_optimizers_name_only_what_their_state_holds():
    for optimizer in OPTIMIZERS.values():
        state = optimizer.initial_state(np.ones(4))
        assert optimizer.fading().keys() <= state.keys()


# ---------------------------------------------------------------------- the whole


@all_dtypes
@all_optimizers
def test_clipping_and_decay_commute(name, dtype):
    inner = WithoutSubnormals(OPTIMIZERS[name])
    one = ClippedGradient(DecoupledDecay(inner, 0.3, LAYOUT), 2.0, LAYOUT)
    other = DecoupledDecay(ClippedGradient(inner, 2.0, LAYOUT), 0.3, LAYOUT)
    assert_array_equal(run(one, dtype=dtype)[0], run(other, dtype=dtype)[0])
    built = make_stepping(OPTIMIZERS[name], LAYOUT, max_grad_norm=2.0, weight_decay=0.3)
    assert built == one
    assert_array_equal(run(built, dtype=dtype)[0], run(one, dtype=dtype)[0])


@all_optimizers
def test_without_settings_the_steps_are_the_optimizers_own(name):
    optimizer = OPTIMIZERS[name]
    theta, state = run(make_stepping(optimizer, LAYOUT))
    expected, own_state = run(optimizer)
    assert_array_equal(theta, expected)
    assert state.keys() == {"n_steps", "optimizer"}
    assert state["n_steps"] == 5
    for key, value in own_state.items():
        assert_array_equal(state["optimizer"][key], value)


@all_optimizers
def test_settings_out_of_reach_change_nothing(name):
    plain = make_stepping(OPTIMIZERS[name], LAYOUT)
    wide = make_stepping(OPTIMIZERS[name], LAYOUT, max_grad_norm=1e9, weight_decay=0.0)
    assert_array_equal(run(plain)[0], run(wide)[0])


@all_optimizers
def test_each_setting_changes_the_steps(name):
    plain, _ = run(make_stepping(OPTIMIZERS[name], LAYOUT), scale=10.0)
    for settings in ({"max_grad_norm": 0.1}, {"weight_decay": 0.2}):
        if settings == {"max_grad_norm": 0.1} and name in ("adam", "own"):
            # The scale of all gradients is of little account to them.
            continue
        changed, _ = run(make_stepping(OPTIMIZERS[name], LAYOUT, **settings), scale=10)
        assert np.abs(changed - plain).max() > 1e-3


@all_optimizers
def test_training_goes_on_from_a_pickle_bit_for_bit(name):
    stepping = make_stepping(
        OPTIMIZERS[name], LAYOUT, max_grad_norm=1.0, weight_decay=0.1
    )
    random_state = np.random.RandomState(0)
    theta = random_state.randn(LAYOUT.n_parameters)
    gradients = random_state.randn(150, theta.size)
    state = stepping.initial_state(theta)
    for step, gradient in enumerate(gradients.copy()):
        if step == 60:
            saved = pickle.dumps((theta, state))
        stepping.step(theta, gradient, 0.01, state)
    other, other_state = pickle.loads(saved)
    for gradient in gradients[60:].copy():
        stepping.step(other, gradient, 0.01, other_state)
    assert_array_equal(other, theta)
    assert other_state["n_steps"] == state["n_steps"] == 150


@all_optimizers
def test_the_state_is_plain(name):
    state = make_stepping(OPTIMIZERS[name], LAYOUT).initial_state(np.zeros(13))
    assert isinstance(state["n_steps"], int)
    own = state["optimizer"].values()
    assert all(isinstance(value, np.ndarray | int) for value in own)
