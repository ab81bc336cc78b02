"""Optimizers, which convert gradients to steps.

An optimizer stores its settings and works on flat arrays, in place. Its memory between
steps is a dict of arrays and numbers, which is saved with the estimator so that
training can continue.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from skann.core.axpy import add_multiple
from skann.core.searchable import Searchable
from skann.core.types import FloatArray

OptimizerState = dict[str, Any]

# Adam lets its sums decay after so many steps, or when they have this much of it to
# make up for.
_MOST_STEPS = 64
_LEAST_DECAY = 1e-3


@dataclass(frozen=True)
class Fading:
    """How an array of an optimizer's state decays while gradients are zero.

    Subnormal numbers are slow on most processors. Numbers close to them are set to zero
    or, if they must remain positive, to a number that is just large enough.

    Parameters
    ----------
    decay : float, default=0.9
        The factor by which a step without a gradient multiplies the array.

    stays_positive : bool, default=False
        Whether the array or its square root is used as a divisor.
    """

    decay: float = 0.9
    stays_positive: bool = False


class Optimizer(Searchable, ABC):
    """The base class of optimizers, which update parameters with gradients.

    To define your own optimizer, write a subclass and pass an instance as `solver`. The
    arguments of its `__init__` (or the fields of a dataclass), stored under the same
    names, are parameters that a search can set as `solver__<name>`.

    Examples
    --------
    Steps of equal size, in the direction of the sign of the gradient (Riedmiller and
    Braun, 1993):

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
        """Return the state before the first step, with theta's size and dtype.

        It is saved with the estimator, and may contain arrays and numbers.
        """

    @abstractmethod
    def step(
        self,
        theta: FloatArray,
        gradient: FloatArray,
        learning_rate: float,
        state: OptimizerState,
    ) -> None:
        """Update `theta` and `state`, both in place.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters.

        gradient : ndarray of shape (n_parameters,)
            The gradient at `theta`, which may be overwritten.

        learning_rate : float
            The learning rate of this epoch.

        state : dict
            The state, as returned by `initial_state`.
        """

    def fading(self) -> dict[str, Fading]:
        """Return how the arrays of the state decay, by name.

        For other arrays of theta's size, the default is `Fading()`.
        """
        return {}


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent with classical or Nesterov momentum.

    With velocity = momentum * velocity - eta * gradient, theta changes by the velocity
    or, with Nesterov momentum, by momentum * velocity - eta * gradient (Sutskever et
    al., 2013, "On the importance of initialization and momentum in deep learning",
    equations 1 to 4, expressed by the look-ahead point).

    Parameters
    ----------
    momentum : float, default=0.9
        The fraction of the last velocity that is kept, in [0, 1].

    nesterov : bool, default=True
        Whether to use Nesterov momentum.

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
    """Adam, which adapts the steps to the gradients of each parameter.

    With m = beta_1 m + (1 - beta_1) g and v = beta_2 v + (1 - beta_2) g ** 2, theta
    changes by -eta_t m / (sqrt(v) + epsilon), where eta_t = eta sqrt(1 - beta_2 ** t) /
    (1 - beta_1 ** t) (Kingma and Ba, 2015, "Adam: a method for stochastic
    optimization", algorithm 1 in the form at the end of section 2).

    With s = m / (1 - beta_1) and r = v / (1 - beta_2), the updates are s = beta_1 s + g
    and r = beta_2 r + g ** 2. The state contains S = s / beta_1 ** k and R = r / beta_2
    ** k, where k is the number of steps since the pending decay was last applied, which
    happens at least every 64 steps. So S = S + g / beta_1 ** k is a single pass over
    memory. The constants are included in eta_t and epsilon.

    Parameters
    ----------
    beta_1 : float, default=0.9
        The exponential decay rate of the running mean of the gradients, in [0, 1).

    beta_2 : float, default=0.999
        The exponential decay rate of the running mean of the squared gradients, in [0,
        1).

    epsilon : float, default=1e-8
        A small number that keeps the denominator away from zero, greater than 0.

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
        # Not zero, since a remaining sum of gradients is divided by the root of the sum
        # of their squares.
        return {
            "sum": Fading(self.beta_1),
            "square_sum": Fading(self.beta_2, stays_positive=True),
        }

    def step(self, theta, gradient, learning_rate, state):
        state["n_steps"] += 1
        n_steps = state["n_steps"]
        decayed_sum, square_sum = state["sum"], state["square_sum"]
        period = _steps_between_decays(self.beta_1, self.beta_2)
        n_since = n_steps % period
        decay, square_decay = self.beta_1**n_since, self.beta_2**n_since
        if n_since == 0:
            decayed_sum *= self.beta_1**period
            square_sum *= self.beta_2**period
        root = math.sqrt((1 - self.beta_2) * square_decay)
        eta = (
            learning_rate
            * math.sqrt(1 - self.beta_2**n_steps)
            / (1 - self.beta_1**n_steps)
            * ((1 - self.beta_1) * decay / root)
        )
        add_multiple(1 / decay, gradient, decayed_sum)
        gradient *= gradient
        add_multiple(1 / square_decay, gradient, square_sum)
        denominator = np.sqrt(square_sum, out=gradient)
        denominator += self.epsilon / root
        step = np.divide(decayed_sum, denominator, out=gradient)
        add_multiple(-eta, step, theta)

    def factors_of_sums(self, n_steps: int) -> tuple[float, float]:
        """Return what makes m and v of the sums in the state.

        Parameters
        ----------
        n_steps : int
            The number of steps that were made.

        Returns
        -------
        first, second : float
            m is `first` times "sum", and v is `second` times "square_sum".
        """
        n_since = n_steps % _steps_between_decays(self.beta_1, self.beta_2)
        return (
            (1 - self.beta_1) * self.beta_1**n_since,
            (1 - self.beta_2) * self.beta_2**n_since,
        )


@lru_cache(maxsize=64)
def _steps_between_decays(beta_1: float, beta_2: float) -> int:
    """Return after how many steps of Adam the sums are made smaller.

    Until then they hardly grow, so that numbers keep their range.
    """
    smallest = min(beta_1, beta_2)
    if smallest == 0:
        return 1
    return max(1, min(_MOST_STEPS, int(math.log(_LEAST_DECAY) / math.log(smallest))))
