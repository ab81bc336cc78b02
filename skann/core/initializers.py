"""Initial weights.

A layer with n inputs (fan_in) and m outputs (fan_out) starts from random weights, whose
spread depends on both so that signals neither vanish nor explode.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState

from skann.core.activations import HiddenActivation, Logistic, find_activation
from skann.core.searchable import Searchable
from skann.core.types import FloatArray


class Initializer(Searchable, ABC):
    """The base class of initialisers, which draw the initial weights of a layer.

    To define your own initialiser, write a subclass and pass an instance as `init`. The
    arguments of its `__init__` (or the fields of a dataclass), stored under the same
    names, are parameters that a search can set as `init__<name>`.
    """

    @abstractmethod
    def draw(
        self, fan_in: int, fan_out: int, random_state: RandomState
    ) -> tuple[FloatArray, FloatArray]:
        """Return weights of shape (fan_in, fan_out) and biases of shape (fan_out,)."""


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniformly distributed weights and biases, whatever the size of the layer.

    Parameters
    ----------
    low : float
        The lower bound.

    high : float
        The upper bound, larger than `low`.

    Examples
    --------
    >>> import numpy as np
    >>> from skann import Uniform
    >>> weights, biases = Uniform(-0.5, 0.5).draw(3, 2, np.random.RandomState(0))
    >>> weights.shape, biases.shape
    ((3, 2), (2,))
    >>> bool(np.abs(weights).max() <= 0.5)
    True
    """

    low: float
    high: float

    def __post_init__(self):
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(f"The bounds must be finite. Got {self} instead.")
        if self.low >= self.high:
            raise ValueError(f"low must be smaller than high. Got {self} instead.")

    def draw(self, fan_in, fan_out, random_state):
        weights = random_state.uniform(self.low, self.high, (fan_in, fan_out))
        biases = random_state.uniform(self.low, self.high, fan_out)
        return weights, biases


@dataclass(frozen=True)
class Normal(Initializer):
    """Normally distributed weights and biases, whatever the size of the layer.

    Parameters
    ----------
    mean : float
        The mean.

    scale : float
        The standard deviation, larger than 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skann import Normal
    >>> weights, biases = Normal(0.0, 0.5).draw(3, 2, np.random.RandomState(0))
    >>> weights.shape, biases.shape
    ((3, 2), (2,))
    """

    mean: float
    scale: float

    def __post_init__(self):
        if not math.isfinite(self.mean):
            raise ValueError(f"mean must be finite. Got {self} instead.")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale must be positive and finite. Got {self} instead.")

    def draw(self, fan_in, fan_out, random_state):
        weights = random_state.normal(self.mean, self.scale, (fan_in, fan_out))
        biases = random_state.normal(self.mean, self.scale, fan_out)
        return weights, biases


@dataclass(frozen=True)
class FanScaled(Initializer):
    """Weights with mean 0 and a spread of sqrt(numerator / fan).

    The spread is the bound of a uniform distribution, or the standard deviation of a
    normal distribution; fan is fan_in, or fan_in + fan_out. Each of the names that
    `init` accepts is one of these; the biases are zero unless stated otherwise:

    - "glorot_uniform": `FanScaled("uniform", 6.0, both_fans=True, random_biases=True)`
      (Glorot and Bengio, 2010, "Understanding the difficulty of training deep
      feedforward neural networks", equation 16; the biases are drawn from the same
      distribution, as in scikit-learn's MLP), with 2.0 for logistic hidden units.
    - "glorot_normal": `FanScaled("normal", 2.0, both_fans=True)`, the same variance,
      from equation 12.
    - "he_uniform": `FanScaled("uniform", 6.0)`, and "he_normal": `FanScaled("normal",
      2.0)` (He et al., 2015, "Delving deep into rectifiers", equation 10).
    - "lecun_uniform": `FanScaled("uniform", 3.0)`, and "lecun_normal":
      `FanScaled("normal", 1.0)` (LeCun et al., 1998, "Efficient BackProp", equation
      16).
    - "fan_in_uniform": `FanScaled("uniform", 1.0, random_biases=True)`, the heuristic
      that Glorot and Bengio (equation 1) call commonly used, and the default of
      PyTorch's linear layers.

    Parameters
    ----------
    distribution : {"uniform", "normal"}
        The distribution.

    numerator : float
        The square of the spread, multiplied by the fan; positive and finite.

    both_fans : bool, default=False
        Whether the fan is fan_in + fan_out, instead of fan_in.

    random_biases : bool, default=False
        Whether to draw the biases from the same distribution as the weights, instead of
        setting them to zero.

    Examples
    --------
    >>> import numpy as np
    >>> from skann import FanScaled
    >>> he_uniform = FanScaled("uniform", 6.0)
    >>> weights, biases = he_uniform.draw(6, 4, np.random.RandomState(0))
    >>> bool(np.abs(weights).max() <= 1), biases
    (True, array([0., 0., 0., 0.]))
    """

    distribution: str
    numerator: float
    both_fans: bool = False
    random_biases: bool = False

    def __post_init__(self):
        if self.distribution not in ("uniform", "normal"):
            raise ValueError(
                f"distribution must be 'uniform' or 'normal'. Got {self} instead."
            )
        if not (math.isfinite(self.numerator) and self.numerator > 0):
            raise ValueError(
                f"numerator must be positive and finite. Got {self} instead."
            )

    def draw(self, fan_in, fan_out, random_state):
        fan = fan_in + fan_out if self.both_fans else fan_in
        spread = np.sqrt(self.numerator / fan)
        if self.distribution == "uniform":
            initializer: Initializer = Uniform(-spread, spread)
        else:
            initializer = Normal(0.0, spread)
        weights, biases = initializer.draw(fan_in, fan_out, random_state)
        return weights, biases if self.random_biases else np.zeros(fan_out)


INITIALIZERS: dict[str, Initializer] = {
    # For the sources, see `FanScaled`.
    "glorot_uniform": FanScaled("uniform", 6.0, both_fans=True, random_biases=True),
    "glorot_normal": FanScaled("normal", 2.0, both_fans=True),
    "he_uniform": FanScaled("uniform", 6.0),
    "he_normal": FanScaled("normal", 2.0),
    "lecun_uniform": FanScaled("uniform", 3.0),
    "lecun_normal": FanScaled("normal", 1.0),
    "fan_in_uniform": FanScaled("uniform", 1.0, random_biases=True),
}

# The meaning of "auto" for each activation; "he_normal" for all others.
_AUTO = {
    # As scikit-learn's MLP.
    **dict.fromkeys(("identity", "logistic", "tanh", "relu"), "glorot_uniform"),
    # Klambauer et al., 2017, "Self-normalizing neural networks", section 3.
    "selu": "lecun_normal",
}

# With logistic hidden units, scikit-learn's MLP draws from a narrower interval.
_GLOROT_UNIFORM_LOGISTIC = FanScaled("uniform", 2.0, both_fans=True, random_biases=True)


def find_initializer(
    init: str | Initializer, activation: str | HiddenActivation
) -> Initializer:
    """Return the initialiser for the weights of a layer.

    Parameters
    ----------
    init : str or Initializer
        One of the names in `INITIALIZERS`, "auto" for the one that suits the
        activation, or an object, which is returned unchanged.

    activation : str or HiddenActivation
        The activation function of the layer.

    Returns
    -------
    initializer : Initializer
        The object.
    """
    if not isinstance(init, str):
        return init
    if init == "auto":
        init = _AUTO.get(getattr(find_activation(activation), "name", ""), "he_normal")
    is_logistic = activation == "logistic" or isinstance(activation, Logistic)
    if init == "glorot_uniform" and is_logistic:
        return _GLOROT_UNIFORM_LOGISTIC
    return INITIALIZERS[init]
