"""Operations around every step, for any optimizer.

Each of these is an optimizer that wraps another one: it modifies the gradient or the
parameters, and leaves the step to the wrapped optimizer, like the transformations of
optax. `make_stepping` builds the chain that a fit uses. The wrapped optimizer has a
separate state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from skann.core.parameters import ParameterLayout
from skann.core.types import FloatArray
from skann.training.batches import TrainingDivergedError
from skann.training.optimizers import Fading, Optimizer

# The memory of a parameter with zero gradient decays with each step, and so does the
# weight of an input that is always zero, because of its penalty. Finally, they become
# subnormal numbers, which make many processors up to a hundred times slower. There they
# remain: 0.9 times the smallest of them rounds to itself. Every so many steps, numbers
# that will become subnormal are therefore set to zero.
_STEPS_BETWEEN_SEARCHES = 64


def make_stepping(
    optimizer: Optimizer,
    layout: ParameterLayout,
    *,
    max_grad_norm: float | None = None,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Return an optimizer with all operations of a step.

    Parameters
    ----------
    optimizer : Optimizer
        Converts gradients to steps.

    layout : ParameterLayout
        The layout of theta, including the penalised part.

    max_grad_norm : float, default=None
        The maximum norm of a gradient; None for no limit.

    weight_decay : float, default=0
        The fraction by which a step shrinks the penalised parameters, multiplied by the
        learning rate.

    Returns
    -------
    stepping : Optimizer
        Clips the gradient, then applies the weight decay, then takes the step. The
        order of the first two does not matter.
    """
    stepping: Optimizer = WithoutSubnormals(optimizer)
    if weight_decay:
        stepping = DecoupledDecay(stepping, weight_decay, layout)
    if max_grad_norm is not None:
        stepping = ClippedGradient(stepping, max_grad_norm, layout)
    return stepping


@dataclass(frozen=True)
class ClippedGradient(Optimizer):
    """Steps with clipped gradients.

    A gradient whose Euclidean norm exceeds the limit is scaled down to it (Pascanu,
    Mikolov and Bengio, 2013, "On the difficulty of training recurrent neural networks",
    algorithm 1).

    Parameters
    ----------
    optimizer : Optimizer
        Takes the step.

    max_norm : float
        The limit.

    layout : ParameterLayout
        The layout of theta, or of each member, whose gradients are clipped separately.

    Raises
    ------
    TrainingDivergedError
        If the norm of a gradient is not finite.
    """

    optimizer: Optimizer
    max_norm: float
    layout: ParameterLayout

    def initial_state(self, theta):
        return self.optimizer.initial_state(theta)

    def step(self, theta, gradient, learning_rate, state):
        for of_member in gradient.reshape(-1, self.layout.n_parameters):
            norm = norm_of(of_member)
            if norm > self.max_norm:
                if not math.isfinite(norm):
                    raise TrainingDivergedError(norm)
                of_member *= self.max_norm / norm
        self.optimizer.step(theta, gradient, learning_rate, state)


@dataclass(frozen=True)
class DecoupledDecay(Optimizer):
    """Steps with weight decay.

    Each step first shrinks the weights by the fraction learning_rate * decay, which
    does not depend on the loss and the batch size (Loshchilov and Hutter, 2019,
    "Decoupled weight decay regularization", algorithm 2, line 12).

    Parameters
    ----------
    optimizer : Optimizer
        Takes the step.

    decay : float
        The decay.

    layout : ParameterLayout
        The layout of theta, or of each member: the weights decay, but not the biases.
    """

    optimizer: Optimizer
    decay: float
    layout: ParameterLayout

    def initial_state(self, theta):
        return self.optimizer.initial_state(theta)

    def step(self, theta, gradient, learning_rate, state):
        members = theta.reshape(-1, self.layout.n_parameters)
        weights = members[:, self.layout.penalised]
        weights *= 1 - learning_rate * self.decay
        self.optimizer.step(theta, gradient, learning_rate, state)


@dataclass(frozen=True)
class WithoutSubnormals(Optimizer):
    """Steps that regularly remove subnormal numbers.

    Every 64 steps, theta and every float array of its size in the state of the
    optimizer are searched for numbers that will become subnormal. The method `fading`
    of an optimizer defines how its arrays decay, and whether they may become zero.

    The state contains the number of steps and, under "optimizer", the state of the
    optimizer.

    Parameters
    ----------
    optimizer : Optimizer
        Takes the step.
    """

    optimizer: Optimizer

    def initial_state(self, theta):
        return {"n_steps": 0, "optimizer": self.optimizer.initial_state(theta)}

    def step(self, theta, gradient, learning_rate, state):
        self.optimizer.step(theta, gradient, learning_rate, state["optimizer"])
        state["n_steps"] += 1
        if state["n_steps"] % _STEPS_BETWEEN_SEARCHES == 0:
            self._search(theta, state["optimizer"], scratch=gradient)

    def _search(self, theta, memories, scratch):
        """Search theta and the memory of the optimizer."""
        fading = self.optimizer.fading()
        forget_vanishing(theta, Fading(), scratch)
        for name, memory in memories.items():
            if (
                isinstance(memory, np.ndarray)
                and memory.dtype.kind == "f"
                and memory.size == theta.size
            ):
                forget_vanishing(memory, fading.get(name, Fading()), scratch)


def norm_of(gradient: FloatArray) -> float:
    """Return the Euclidean norm of a gradient."""
    return math.sqrt(float(gradient.dot(gradient)))


def smallest_to_keep(dtype: DTypeLike, decay: float) -> float:
    """Return a number that remains normal with this decay until the next search.

    It is too small to matter for a step. A decay below 1/2 reaches zero by itself.
    """
    return float(np.finfo(dtype).tiny) / max(decay, 0.5) ** _STEPS_BETWEEN_SEARCHES


def forget_vanishing(
    array: FloatArray, fading: Fading, scratch: FloatArray | None = None
) -> None:
    """Remove numbers between zero and `smallest_to_keep` from an array, in place.

    Parameters
    ----------
    array : ndarray
        The array.

    fading : Fading
        How its numbers decay, and what replaces those that are too small.

    scratch : ndarray, default=None
        Scratch memory like the array, to avoid an allocation.
    """
    smallest = smallest_to_keep(array.dtype, fading.decay)
    if fading.stays_positive:
        np.maximum(array, smallest, out=array)
        return
    fits = (
        scratch is not None
        and scratch.dtype == array.dtype
        and scratch.shape == array.shape
    )
    sizes = np.abs(array, out=scratch if fits else None)
    array[sizes < smallest] = 0
