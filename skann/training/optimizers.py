"""How a gradient becomes a step.

An optimizer holds its settings and works on flat arrays, in place. What it remembers
from step to step lives in a dict of arrays and numbers, so that it can be saved with
the estimator and training can go on from it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from skann.core.types import FloatArray

OptimizerState = dict[str, Any]


class Optimizer(ABC):
    """A rule for moving parameters along a gradient."""

    @abstractmethod
    def initial_state(self, theta: FloatArray) -> OptimizerState:
        """Return the state before the first step, of theta's size and dtype."""

    @abstractmethod
    def step(
        self,
        theta: FloatArray,
        gradient: FloatArray,
        learning_rate: float,
        state: OptimizerState,
    ) -> None:
        """Move `theta` and bring `state` up to date, both in place.

        `gradient` is used up.
        """


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent with classical or Nesterov's momentum.

    velocity = momentum * velocity - eta * gradient, and theta moves by the velocity
    or, with Nesterov's momentum, by momentum * velocity - eta * gradient (Sutskever
    et al., 2013, "On the importance of initialization and momentum in deep learning",
    equations 1 to 4, in terms of the point that is looked ahead to).

    Parameters
    ----------
    momentum : float, default=0.9
        The share of the last step that is kept, in [0, 1].

    nesterov : bool, default=True
        Whether the momentum is Nesterov's.
    """

    momentum: float = 0.9
    nesterov: bool = True

    def initial_state(self, theta):
        return {"velocity": np.zeros_like(theta)}

    def step(self, theta, gradient, learning_rate, state):
        velocity = state["velocity"]
        gradient *= -learning_rate
        velocity *= self.momentum
        velocity += gradient
        if self.nesterov:
            theta += gradient
            np.multiply(velocity, self.momentum, out=gradient)
            theta += gradient
        else:
            theta += velocity


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps that adapt to each parameter's own gradients.

    m = beta_1 m + (1 - beta_1) g, v = beta_2 v + (1 - beta_2) g ** 2, and theta moves
    by -eta_t m / (sqrt(v) + epsilon) with eta_t = eta sqrt(1 - beta_2 ** t) /
    (1 - beta_1 ** t) (Kingma and Ba, 2015, "Adam: a method for stochastic
    optimization", algorithm 1 in the form at the end of section 2).

    Parameters
    ----------
    beta_1 : float, default=0.9
        The decay of the mean of the gradients, in [0, 1).

    beta_2 : float, default=0.999
        The decay of the mean of their squares, in [0, 1).

    epsilon : float, default=1e-8
        Keeps the denominator away from zero.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def initial_state(self, theta):
        return {
            "n_steps": 0,
            "mean": np.zeros_like(theta),
            "mean_square": np.zeros_like(theta),
        }

    def step(self, theta, gradient, learning_rate, state):
        state["n_steps"] += 1
        n_steps = state["n_steps"]
        eta = (
            learning_rate
            * math.sqrt(1 - self.beta_2**n_steps)
            / (1 - self.beta_1**n_steps)
        )
        mean, mean_square = state["mean"], state["mean_square"]
        mean *= self.beta_1
        mean += (1 - self.beta_1) * gradient
        mean_square *= self.beta_2
        np.multiply(gradient, gradient, out=gradient)
        gradient *= 1 - self.beta_2
        mean_square += gradient
        np.sqrt(mean_square, out=gradient)
        gradient += self.epsilon
        np.divide(mean, gradient, out=gradient)
        gradient *= eta
        theta -= gradient
