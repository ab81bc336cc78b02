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

from skann.core.searchable import Searchable
from skann.core.types import FloatArray

OptimizerState = dict[str, Any]


@dataclass(frozen=True)
class Fading:
    """How an array of an optimizer's state becomes smaller where gradients are zero.

    Numbers that come close to the subnormal ones, with which processors are slow, are
    set to zero or, if they must stay positive, to a number that is just large enough.

    Parameters
    ----------
    decay : float, default=0.9
        What a step without a gradient multiplies it by.

    stays_positive : bool, default=False
        Whether something is divided by it, or by its root.
    """

    decay: float = 0.9
    stays_positive: bool = False


class Optimizer(Searchable, ABC):
    """A rule for moving parameters along a gradient.

    Subclass it for an optimizer of your own, and pass an instance as `solver`. The
    arguments of its `__init__` (the fields of a dataclass), kept under their names, are
    parameters that a search reaches as `solver__<name>`.

    Examples
    --------
    Steps of one size, by the sign of the gradient (Riedmiller and Braun, 1993):

    >>> import numpy as np
    >>> from skann import BackpropRegressor, Optimizer
    >>> class SignDescent(Optimizer):
    ...     def initial_state(self, theta):
    ...         return {}
    ...
    ...     def step(self, theta, gradient, learning_rate, state):
    ...         theta -= learning_rate * np.sign(gradient)
    >>> X = np.random.RandomState(0).randn(200, 3)
    >>> regressor = BackpropRegressor(
    ...     solver=SignDescent(), learning_rate="cosine", max_iter=100, random_state=0
    ... )
    >>> bool(regressor.fit(X, X[:, 0]).score(X, X[:, 0]) > 0.9)
    True
    """

    @abstractmethod
    def initial_state(self, theta: FloatArray) -> OptimizerState:
        """Return the state before the first step, of theta's size and dtype.

        It is saved with the estimator, and may hold arrays and numbers.
        """

    @abstractmethod
    def step(
        self,
        theta: FloatArray,
        gradient: FloatArray,
        learning_rate: float,
        state: OptimizerState,
    ) -> None:
        """Move `theta` and bring `state` up to date, both in place.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters.

        gradient : ndarray of shape (n_parameters,)
            The gradient there, which may be used up.

        learning_rate : float
            The learning rate of this epoch.

        state : dict
            What `initial_state` has returned.
        """

    def fading(self) -> dict[str, Fading]:
        """Return how the arrays of the state fade, by their names.

        An array of theta's size that is not named fades as `Fading()` says.
        """
        return {}


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

    Examples
    --------
    >>> from skann import SGD, BackpropRegressor
    >>> BackpropRegressor(solver=SGD(momentum=0.95)).get_params()["solver__momentum"]
    0.95
    """

    momentum: float = 0.9
    nesterov: bool = True

    def __post_init__(self):
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"momentum must be between 0 and 1. Got {self}.")

    def initial_state(self, theta):
        return {"velocity": np.zeros_like(theta)}

    def fading(self):
        return {"velocity": Fading(self.momentum)}

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

    With m = beta_1 m + (1 - beta_1) g and v = beta_2 v + (1 - beta_2) g ** 2, theta
    moves by -eta_t m / (sqrt(v) + epsilon), where eta_t = eta sqrt(1 - beta_2 ** t) /
    (1 - beta_1 ** t) (Kingma and Ba, 2015, "Adam: a method for stochastic
    optimization", algorithm 1 in the form at the end of section 2).

    The state holds s = m / (1 - beta_1) and r = v / (1 - beta_2), the sums of which m
    and v are weighted means: s = beta_1 s + g and r = beta_2 r + g ** 2 take one pass
    less each. The constants go into eta_t and epsilon.

    Parameters
    ----------
    beta_1 : float, default=0.9
        The decay of the mean of the gradients, in [0, 1).

    beta_2 : float, default=0.999
        The decay of the mean of their squares, in [0, 1).

    epsilon : float, default=1e-8
        Keeps the denominator away from zero; above 0.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skann import Adam, BackpropRegressor
    >>> regressor = BackpropRegressor(
    ...     (10,), solver=Adam(), learning_rate="cosine", max_iter=20, random_state=0
    ... )
    >>> search = GridSearchCV(regressor, {"solver__beta_1": [0.5, 0.9]}, cv=3)
    >>> search = search.fit(*load_diabetes(return_X_y=True))
    >>> search.best_estimator_.solver.beta_1 == search.best_params_["solver__beta_1"]
    True
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self):
        if not (0 <= self.beta_1 < 1 and 0 <= self.beta_2 < 1):
            raise ValueError(f"beta_1 and beta_2 must be in [0, 1). Got {self}.")
        if not self.epsilon > 0:
            raise ValueError(f"epsilon must be above 0. Got {self}.")

    def initial_state(self, theta):
        return {
            "n_steps": 0,
            "sum": np.zeros_like(theta),
            "square_sum": np.zeros_like(theta),
        }

    def fading(self):
        # Not zero: a sum of gradients that is still there is divided by the root of
        # the sum of their squares.
        return {
            "sum": Fading(self.beta_1),
            "square_sum": Fading(self.beta_2, stays_positive=True),
        }

    def step(self, theta, gradient, learning_rate, state):
        state["n_steps"] += 1
        n_steps = state["n_steps"]
        root = math.sqrt(1 - self.beta_2)
        eta = (
            learning_rate
            * math.sqrt(1 - self.beta_2**n_steps)
            / (1 - self.beta_1**n_steps)
            * ((1 - self.beta_1) / root)
        )
        decayed_sum, square_sum = state["sum"], state["square_sum"]
        decayed_sum *= self.beta_1
        decayed_sum += gradient
        gradient *= gradient
        square_sum *= self.beta_2
        square_sum += gradient
        denominator = np.sqrt(square_sum, out=gradient)
        denominator += self.epsilon / root
        step = np.divide(decayed_sum, denominator, out=gradient)
        step *= eta
        theta -= step
