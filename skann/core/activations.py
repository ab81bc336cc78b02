"""Activation functions.

Each activation is a function together with its derivative, both computed in place, so
that training does not allocate memory in each step. A hidden layer computes the
function and its slope together in the forward pass; the backward pass only multiplies
by the slope. The activation of the output layer belongs to the loss, which computes the
derivative when needed.

In the formulas, z is the pre-activation, f(z) the output and f'(z) the slope.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from skann.core.searchable import Searchable
from skann.core.types import FloatArray


class Activation(ABC):
    """A function of the pre-activations of a layer, element-wise or row-wise.

    Attributes
    ----------
    name : str
        The name of the activation in estimators.

    output_range : tuple of two floats
        The closed interval that contains every output.
    """

    name: str
    output_range: tuple[float, float] = (-np.inf, np.inf)

    @abstractmethod
    def apply(self, pre_activation: FloatArray, out: FloatArray) -> None:
        """Write f(z) into `out`, which may be `pre_activation` itself."""

    @abstractmethod
    def backward(self, output: FloatArray, delta: FloatArray) -> None:
        """Convert dJ/df(z) to dJ/dz, in place in `delta`.

        `output` is f(z), and may be overwritten.
        """


class HiddenActivation(Searchable, ABC):
    """The base class of activation functions for hidden layers.

    To define your own activation function, write a subclass and pass an instance as
    `activation`. The arrays have shape (n_samples, n_units) and dtype float32 or
    float64. Both methods work in place, element by element, and an object must not
    store any array. The arguments of its `__init__` (or the fields of a dataclass),
    stored under the same names, are parameters that a search can set as
    `activation__<name>`.

    Examples
    --------
    The sine (Sitzmann et al., 2020, "Implicit neural representations with periodic
    activation functions"), with the cosine as its derivative:

    >>> import numpy as np
    >>> from dataclasses import dataclass
    >>> from skann.core.activations import HiddenActivation
    >>> @dataclass(frozen=True)
    ... class Sine(HiddenActivation):
    ...     frequency: float = 1.0
    ...
    ...     def apply(self, pre_activation, out):
    ...         np.multiply(pre_activation, self.frequency, out=out)
    ...         np.sin(out, out=out)
    ...
    ...     def apply_with_slope(self, pre_activation, slope):
    ...         pre_activation *= self.frequency
    ...         np.cos(pre_activation, out=slope)
    ...         slope *= self.frequency
    ...         np.sin(pre_activation, out=pre_activation)

    Its slope agrees with the difference quotient of two close values:

    >>> value, slope = np.array([[-1.0, 0.0, 2.0]]), np.empty((1, 3))
    >>> after, before = value + 1e-6, value - 1e-6
    >>> sine = Sine(3.0)
    >>> sine.apply_with_slope(value, slope)
    >>> sine.apply(after, out=after)
    >>> sine.apply(before, out=before)
    >>> np.allclose(slope, (after - before) / 2e-6)
    True

    A network accepts it instead of a name:

    >>> from skann.core.network import Network
    >>> Network([3, 4, 2, 1], [Sine(3.0), "tanh"]).activations
    [Sine(frequency=3.0), Tanh()]
    """

    @abstractmethod
    def apply(self, pre_activation: FloatArray, out: FloatArray) -> None:
        """Write f(z) into `out`, which may be `pre_activation` itself."""

    @abstractmethod
    def apply_with_slope(self, pre_activation: FloatArray, slope: FloatArray) -> None:
        """Replace z with f(z) in `pre_activation`, and write f'(z) into `slope`.

        `slope` is a different array, with arbitrary contents. f(z) must equal the
        result of `apply`.
        """


class ElementwiseActivation(Activation, HiddenActivation):
    """An element-wise function whose derivative is a function of the output.

    It can be used in hidden layers and output layers.
    """

    @abstractmethod
    def differentiate(self, output: FloatArray, out: FloatArray) -> None:
        """Write f'(z), in terms of f(z), into `out`, which differs from `output`."""

    def apply_with_slope(self, pre_activation: FloatArray, slope: FloatArray) -> None:
        self.apply(pre_activation, out=pre_activation)
        self.differentiate(pre_activation, out=slope)

    def backward(self, output, delta):
        slope = np.empty_like(output)
        self.differentiate(output, out=slope)
        delta *= slope


@dataclass(frozen=True)
class Identity(ElementwiseActivation):
    """The function f(z) = z and f'(z) = 1."""

    name = "identity"

    def apply(self, pre_activation, out):
        if out is not pre_activation:
            np.copyto(out, pre_activation)

    def differentiate(self, output, out):
        out.fill(1)

    def backward(self, output, delta):
        pass


@dataclass(frozen=True)
class Logistic(ElementwiseActivation):
    """The function f(z) = 1 / (1 + exp(-z)) and f' = f (1 - f)."""

    name = "logistic"
    output_range = (0.0, 1.0)

    def apply(self, pre_activation, out):
        expit(pre_activation, out=out)

    def differentiate(self, output, out):
        np.subtract(1, output, out=out)
        out *= output


@dataclass(frozen=True)
class Tanh(ElementwiseActivation):
    """The function f(z) = tanh(z) and f' = 1 - f ** 2."""

    name = "tanh"
    output_range = (-1.0, 1.0)

    def apply(self, pre_activation, out):
        np.tanh(pre_activation, out=out)

    def differentiate(self, output, out):
        np.multiply(output, output, out=out)
        np.subtract(1, out, out=out)


@dataclass(frozen=True)
class Relu(ElementwiseActivation):
    """The function f(z) = max(z, 0) and f' = 1 where z > 0, else 0."""

    name = "relu"
    output_range = (0.0, np.inf)

    def apply(self, pre_activation, out):
        # numpy compares two arrays several times faster than an array and a number.
        zeros = np.zeros(pre_activation.shape[-1], pre_activation.dtype)
        np.maximum(pre_activation, zeros, out=out)

    def apply_with_slope(self, pre_activation, slope):
        # The slope is computed anyway, and a product is faster than a maximum.
        self.differentiate(pre_activation, out=slope)
        pre_activation *= slope

    def differentiate(self, output, out):
        np.greater(output, 0, out=out)


@dataclass(frozen=True)
class LeakyRelu(ElementwiseActivation):
    """The function f(z) = z where z > 0, else a z; f' = 1 or a.

    From Maas, Hannun and Ng, 2013, "Rectifier nonlinearities improve neural network
    acoustic models", section 2.

    Parameters
    ----------
    slope : float, default=0.01
        The slope a for negative z, between 0 and 1.

    Raises
    ------
    ValueError
        If the slope is outside these bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from skann.core.activations import LeakyRelu
    >>> z = np.array([[-10.0, 3.0]])
    >>> LeakyRelu(0.2).apply(z, out=z)
    >>> z
    array([[-2.,  3.]])
    """

    slope: float = 0.01

    name = "leaky_relu"

    def __post_init__(self):
        if not 0 <= self.slope <= 1:
            raise ValueError(f"slope must be between 0 and 1. Got {self} instead.")
        # A numpy scalar would determine the dtype of a product with float32.
        object.__setattr__(self, "slope", float(self.slope))

    def apply(self, pre_activation, out):
        np.maximum(pre_activation, pre_activation * self.slope, out=out)

    def apply_with_slope(self, pre_activation, slope):
        self.differentiate(pre_activation, out=slope)
        pre_activation *= slope

    def differentiate(self, output, out):
        np.greater(output, 0, out=out)
        np.maximum(out, _row(self.slope, out), out=out)


@dataclass(frozen=True)
class Elu(ElementwiseActivation):
    """The function f(z) = z where z > 0, else a (exp(z) - 1); f' = 1 or f + a.

    From Clevert, Unterthiner and Hochreiter, 2016, "Fast and accurate deep network
    learning by exponential linear units (ELUs)", section 3.

    Parameters
    ----------
    alpha : float, default=1.0
        The number a; f approaches -a for large negative z. Greater than 0.

    Raises
    ------
    ValueError
        If alpha is not positive and finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skann.core.activations import Elu
    >>> z = np.array([[-100.0, 3.0]])
    >>> Elu(0.5).apply(z, out=z)
    >>> z
    array([[-0.5,  3. ]])
    """

    alpha: float = 1.0

    name = "elu"

    def __post_init__(self):
        if not 0 < self.alpha < np.inf:
            raise ValueError(f"alpha must be positive and finite. Got {self} instead.")
        object.__setattr__(self, "alpha", float(self.alpha))

    def apply(self, pre_activation, out):
        zeros = _row(0, pre_activation)
        below = np.minimum(pre_activation, zeros)
        np.expm1(below, out=below)
        below *= self.alpha
        np.maximum(pre_activation, zeros, out=out)
        out += below

    def differentiate(self, output, out):
        _differentiate_elu(output, out, slope_above=1.0, depth=self.alpha)


@dataclass(frozen=True)
class Selu(ElementwiseActivation):
    """The function f(z) = s elu(z), and f' = s where z > 0, else f + s a.

    a is the alpha of elu. With these values of a and s, a network with standardised
    inputs and weights of variance 1 / fan_in ("lecun_normal") preserves mean 0 and
    variance 1 from layer to layer: Klambauer et al., 2017, "Self-normalizing neural
    networks", equation 2. (For a standard normal variable z, E f(z) = 0 and E f(z) ** 2
    = 1.)
    """

    name = "selu"

    def apply(self, pre_activation, out):
        _SELU_ELU.apply(pre_activation, out=out)
        out *= _SELU_SCALE

    def differentiate(self, output, out):
        depth = _SELU_SCALE * _SELU_ELU.alpha
        _differentiate_elu(output, out, slope_above=_SELU_SCALE, depth=depth)


_SELU_ELU = Elu(1.6732632423543772)
_SELU_SCALE = 1.0507009873554805


@dataclass(frozen=True)
class Softplus(ElementwiseActivation):
    """The function f(z) = log(1 + exp(z)) and f' = 1 - exp(-f), the logistic function.

    From Dugas et al., 2001, "Incorporating second-order functional knowledge for better
    option pricing".
    """

    name = "softplus"
    output_range = (0.0, np.inf)

    def apply(self, pre_activation, out):
        # max(z, 0) + log(1 + exp(-|z|)) is equivalent, and never overflows.
        rest = np.abs(pre_activation)
        np.negative(rest, out=rest)
        np.exp(rest, out=rest)
        np.log1p(rest, out=rest)
        np.maximum(pre_activation, _row(0, pre_activation), out=out)
        out += rest

    def differentiate(self, output, out):
        np.negative(output, out=out)
        np.expm1(out, out=out)
        np.negative(out, out=out)


@dataclass(frozen=True)
class Gelu(HiddenActivation):
    """The function f(z) = z P(z) and f' = P(z) + z p(z).

    P and p are the normal distribution function and its density, computed exactly and
    not approximated by a tanh: Hendrycks and Gimpel, 2016, "Gaussian error linear units
    (GELUs)", section 2.
    """

    def apply(self, pre_activation, out):
        np.multiply(pre_activation, ndtr(pre_activation), out=out)

    def apply_with_slope(self, pre_activation, slope):
        ndtr(pre_activation, out=slope)
        # Beyond 50, the density is 0 in any float, and the square might overflow.
        near = np.clip(pre_activation, -50, 50)
        pre_activation *= slope
        density = near * near
        density *= -0.5
        np.exp(density, out=density)
        density *= 1 / math.sqrt(2 * math.pi)
        density *= near
        slope += density


@dataclass(frozen=True)
class Silu(HiddenActivation):
    """The function f(z) = z s(z) and f' = s(z) + f(z) (1 - s(z)).

    s is the logistic function: Elfwing, Uchibe and Doya, 2018, "Sigmoid-weighted linear
    units for neural network function approximation in reinforcement learning".
    """

    def apply(self, pre_activation, out):
        np.multiply(pre_activation, _logistic(pre_activation), out=out)

    def apply_with_slope(self, pre_activation, slope):
        _logistic(pre_activation, out=slope)
        pre_activation *= slope
        rest = 1 - slope
        rest *= pre_activation
        slope += rest


def _logistic(z: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Return 1 / (1 + exp(-z)), using numpy's exponential.

    In float32, this takes less than half the time of scipy's `expit`.
    """
    out = np.negative(z, out=out)
    with np.errstate(over="ignore"):  # 1 / infinity is right
        np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def _row(value: float, like: FloatArray) -> FloatArray:
    """Return a row filled with a number, to compare each row with, as in `Relu`."""
    return np.full(like.shape[-1], value, like.dtype)


def _differentiate_elu(
    output: FloatArray, out: FloatArray, *, slope_above: float, depth: float
) -> None:
    """Write `slope_above` where f(z) > 0, else f(z) + `depth`."""
    zeros = _row(0, output)
    np.minimum(output, zeros, out=out)
    out += depth
    if slope_above != depth:
        # Several times faster than assigning with a mask, and also exact.
        above = np.empty_like(output)
        np.greater(output, zeros, out=above)
        out -= depth * above
        out += slope_above * above


class Exp(ElementwiseActivation):
    """The function f(z) = exp(z) and f' = f: the inverse of the log link of counts."""

    name = "exp"
    output_range = (0.0, np.inf)

    def apply(self, pre_activation, out):
        np.exp(pre_activation, out=out)

    def differentiate(self, output, out):
        np.copyto(out, output)


class Softmax(Activation):
    """The function f(z)_k = exp(z_k) / sum_j exp(z_j), over each row.

    The Jacobian of a row is diag(f) - f f^T, hence dJ/dz = f * (d - sum(d * f)) with
    d = dJ/df.
    """

    name = "softmax"
    output_range = (0.0, 1.0)

    def apply(self, pre_activation, out):
        # The shift does not change the result, but prevents overflow.
        np.subtract(pre_activation, pre_activation.max(axis=1, keepdims=True), out=out)
        np.exp(out, out=out)
        out /= out.sum(axis=1, keepdims=True)

    def backward(self, output, delta):
        delta -= np.einsum("ij,ij->i", delta, output)[:, np.newaxis]
        delta *= output


HIDDEN_ACTIVATIONS: dict[str, HiddenActivation] = {
    "identity": Identity(),
    "logistic": Logistic(),
    "tanh": Tanh(),
    "relu": Relu(),
    "leaky_relu": LeakyRelu(),
    "elu": Elu(),
    "selu": Selu(),
    "gelu": Gelu(),
    "silu": Silu(),
    "softplus": Softplus(),
}

_of_both_kinds: list[Activation] = [
    activation
    for activation in HIDDEN_ACTIVATIONS.values()
    if isinstance(activation, Activation)
]

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation for activation in (*_of_both_kinds, Exp(), Softmax())
}


def find_activation(activation: str | HiddenActivation) -> HiddenActivation:
    """Return the hidden activation with a given name, or the object itself.

    Parameters
    ----------
    activation : str or HiddenActivation
        One of the names in `HIDDEN_ACTIVATIONS`, or a `HiddenActivation` object.

    Returns
    -------
    activation : HiddenActivation
        The object.

    Raises
    ------
    ValueError
        If the name is unknown, or `activation` is neither a name nor such an object.
    """
    if isinstance(activation, HiddenActivation):
        return activation
    if isinstance(activation, str) and activation in HIDDEN_ACTIVATIONS:
        return HIDDEN_ACTIVATIONS[activation]
    raise _unknown(activation)


def _unknown(activation: object) -> ValueError:
    """Return the error that says what an activation can be."""
    return ValueError(
        f"The activation of a hidden layer must be one of {list(HIDDEN_ACTIVATIONS)}, "
        f"or a HiddenActivation object. Got {activation!r} instead."
    )


def find_activations(
    activation: str | HiddenActivation | Iterable[str | HiddenActivation],
    n_hidden_layers: int,
) -> list[HiddenActivation]:
    """Return the activation of each hidden layer.

    Parameters
    ----------
    activation : str, HiddenActivation, or a sequence of these
        One activation for all hidden layers, or one for each of them.

    n_hidden_layers : int
        The number of hidden layers.

    Returns
    -------
    activations : list of HiddenActivation, of length n_hidden_layers
        The objects.

    Raises
    ------
    ValueError
        If a sequence has another length, or an activation is unknown.
    """
    if isinstance(activation, str | HiddenActivation):
        return [find_activation(activation)] * n_hidden_layers
    if not isinstance(activation, Iterable):
        raise _unknown(activation)
    activations = [find_activation(each) for each in activation]
    if len(activations) != n_hidden_layers:
        raise ValueError(
            f"A sequence of activations must have one for each hidden layer, "
            f"{n_hidden_layers} in all. Got {len(activations)} instead."
        )
    return activations
