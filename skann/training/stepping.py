"""What is done around every step, whichever optimizer takes it.

Each of these is an optimizer that holds another one: it does one thing to the gradient
or to the parameters and leaves the step to the one that it holds, as optax composes its
transformations. `make_stepping` builds the chain that a fit uses. What the held
optimizer remembers stays in a state of its own.
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

# The memory of a parameter whose gradient is zero shrinks with each step, and so does
# the weight of an input that is always zero, by its penalty. In the end they are among
# the subnormal numbers, with which many processors compute up to a hundred times more
# slowly. There they stay: 0.9 times the smallest of them is, rounded, itself. So after
# this many steps numbers that are on the way there are set to zero.
_STEPS_BETWEEN_SEARCHES = 64


def make_stepping(
    optimizer: Optimizer,
    layout: ParameterLayout,
    *,
    max_grad_norm: float | None = None,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Return an optimizer that does all that a fit does in a step.

    Parameters
    ----------
    optimizer : Optimizer
        Makes steps of gradients.

    layout : ParameterLayout
        Which part of theta is penalised.

    max_grad_norm : float, default=None
        The largest norm of a gradient; None for no limit.

    weight_decay : float, default=0
        The share of the penalised parameters that a step takes away, times the
        learning rate.

    Returns
    -------
    stepping : Optimizer
        Clips the gradient, then takes the decay away, then steps. The first two are
        independent of each other, and may as well be done the other way round.
    """
    stepping: Optimizer = WithoutSubnormals(optimizer)
    if weight_decay:
        stepping = DecoupledDecay(stepping, weight_decay, layout)
    if max_grad_norm is not None:
        stepping = ClippedGradient(stepping, max_grad_norm, layout)
    return stepping


@dataclass(frozen=True)
class ClippedGradient(Optimizer):
    """Steps along gradients that are not too long.

    One whose Euclidean norm is larger than the limit is scaled down to it (Pascanu,
    Mikolov and Bengio, 2013, "On the difficulty of training recurrent neural networks",
    algorithm 1).

    Parameters
    ----------
    optimizer : Optimizer
        Takes the step.

    max_norm : float
        The limit.

    layout : ParameterLayout
        The layout of theta, or of the part of each of several members, whose gradients
        are clipped one by one.

    Raises
    ------
    TrainingDivergedError
        At a gradient whose norm is not finite.
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
    """Steps that take a share of the weights away first.

    The share is learning_rate * decay, whatever the loss and the batch size
    (Loshchilov and Hutter, 2019, "Decoupled weight decay regularization", algorithm 2,
    line 12).

    Parameters
    ----------
    optimizer : Optimizer
        Takes the step.

    decay : float
        The decay.

    layout : ParameterLayout
        Which part of theta, or of the part of each member, decays: the weights, not the
        biases.
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
    """Steps that leave no subnormal numbers behind for long.

    Every 64 steps theta and every float array of its size in the optimizer's state are
    searched for numbers that are on the way there. An optimizer says by `fading` how
    its arrays get there, and whether they may become zero.

    The state holds the number of steps and, under "optimizer", the optimizer's own.

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
        """Look through theta and all that the optimizer remembers of it."""
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
    """Return a number that this decay leaves normal until the next search.

    It is too small for a step to show. A decay below 1/2 ends at zero by itself.
    """
    return float(np.finfo(dtype).tiny) / max(decay, 0.5) ** _STEPS_BETWEEN_SEARCHES


def forget_vanishing(
    array: FloatArray, fading: Fading, scratch: FloatArray | None = None
) -> None:
    """Leave nothing in an array, in place, between zero and `smallest_to_keep`.

    Parameters
    ----------
    array : ndarray
        The array.

    fading : Fading
        How its numbers become smaller, and what becomes of those that are too small.

    scratch : ndarray, default=None
        Saves an allocation, if it is like the array.
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
