"""What a unit does with its weighted input.

Each activation is a function and, beside it, its derivative, both in place: training
allocates nothing per step. A hidden layer takes the function and its slope together,
on the way forward; the way back only multiplies by the slope. An output layer's
activation belongs to the loss, which asks for its derivative when it needs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import expit

from skann.core.types import FloatArray


class Activation(ABC):
    """A function of the pre-activations of a layer, element-wise or row-wise.

    Attributes
    ----------
    name : str
        The name by which estimators know it.

    output_range : tuple of two floats
        The closed interval that holds every output.
    """

    name: str
    output_range: tuple[float, float] = (-np.inf, np.inf)

    @abstractmethod
    def apply(self, pre_activation: FloatArray, out: FloatArray) -> None:
        """Write f(z) into `out`, which may be `pre_activation` itself."""

    @abstractmethod
    def backward(self, output: FloatArray, delta: FloatArray) -> None:
        """Turn dJ/df(z) into dJ/dz, in place in `delta`.

        `output` is f(z), and may be overwritten.
        """


class ElementwiseActivation(Activation):
    """A function of each pre-activation by itself, as hidden layers need it."""

    @abstractmethod
    def differentiate(self, output: FloatArray, out: FloatArray) -> None:
        """Write f'(z), in terms of f(z), into `out`, another array than `output`."""

    def apply_with_slope(self, pre_activation: FloatArray, slope: FloatArray) -> None:
        """Replace z by f(z) in `pre_activation`, and write f'(z) into `slope`."""
        self.apply(pre_activation, out=pre_activation)
        self.differentiate(pre_activation, out=slope)

    def backward(self, output, delta):
        slope = np.empty_like(output)
        self.differentiate(output, out=slope)
        delta *= slope


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


class Logistic(ElementwiseActivation):
    """The function f(z) = 1 / (1 + exp(-z)) and f' = f (1 - f)."""

    name = "logistic"
    output_range = (0.0, 1.0)

    def apply(self, pre_activation, out):
        expit(pre_activation, out=out)

    def differentiate(self, output, out):
        np.subtract(1, output, out=out)
        out *= output


class Tanh(ElementwiseActivation):
    """The function f(z) = tanh(z) and f' = 1 - f ** 2."""

    name = "tanh"
    output_range = (-1.0, 1.0)

    def apply(self, pre_activation, out):
        np.tanh(pre_activation, out=out)

    def differentiate(self, output, out):
        np.multiply(output, output, out=out)
        np.subtract(1, out, out=out)


class Relu(ElementwiseActivation):
    """The function f(z) = max(z, 0) and f' = 1 where z > 0, else 0."""

    name = "relu"
    output_range = (0.0, np.inf)

    def apply(self, pre_activation, out):
        # numpy compares two arrays several times as fast as an array and a number.
        zeros = np.zeros(pre_activation.shape[-1], pre_activation.dtype)
        np.maximum(pre_activation, zeros, out=out)

    def apply_with_slope(self, pre_activation, slope):
        # The slope is made anyway, and a product is quicker than a maximum.
        self.differentiate(pre_activation, out=slope)
        pre_activation *= slope

    def differentiate(self, output, out):
        np.greater(output, 0, out=out)


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
        # The shift changes nothing but keeps the exponential from overflowing.
        np.subtract(pre_activation, pre_activation.max(axis=1, keepdims=True), out=out)
        np.exp(out, out=out)
        out /= out.sum(axis=1, keepdims=True)

    def backward(self, output, delta):
        delta -= np.einsum("ij,ij->i", delta, output)[:, np.newaxis]
        delta *= output


HIDDEN_ACTIVATIONS: dict[str, ElementwiseActivation] = {
    activation.name: activation
    for activation in (Identity(), Logistic(), Tanh(), Relu())
}

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (*HIDDEN_ACTIVATIONS.values(), Exp(), Softmax())
}
