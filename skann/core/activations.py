"""What a unit does with its weighted input.

Each activation is a function and, beside it, its derivative. The derivative is
written in terms of the function's own output, so that a layer needs to keep one
array only. Both work in place: training allocates nothing per step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import expit

from skann.core.types import FloatArray


class Activation(ABC):
    """An element-wise (or, for softmax, row-wise) function of the pre-activations.

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


class Identity(Activation):
    """The function f(z) = z and f'(z) = 1."""

    name = "identity"

    def apply(self, pre_activation, out):
        if out is not pre_activation:
            np.copyto(out, pre_activation)

    def backward(self, output, delta):
        pass


class Logistic(Activation):
    """The function f(z) = 1 / (1 + exp(-z)) and f' = f (1 - f)."""

    name = "logistic"
    output_range = (0.0, 1.0)

    def apply(self, pre_activation, out):
        expit(pre_activation, out=out)

    def backward(self, output, delta):
        delta *= output
        np.subtract(1, output, out=output)
        delta *= output


class Tanh(Activation):
    """The function f(z) = tanh(z) and f' = 1 - f ** 2."""

    name = "tanh"
    output_range = (-1.0, 1.0)

    def apply(self, pre_activation, out):
        np.tanh(pre_activation, out=out)

    def backward(self, output, delta):
        np.multiply(output, output, out=output)
        np.subtract(1, output, out=output)
        delta *= output


class Relu(Activation):
    """The function f(z) = max(z, 0) and f' = 1 where z > 0, else 0."""

    name = "relu"
    output_range = (0.0, np.inf)

    def apply(self, pre_activation, out):
        np.maximum(pre_activation, 0, out=out)

    def backward(self, output, delta):
        np.greater(output, 0, out=output)
        delta *= output


class Exp(Activation):
    """The function f(z) = exp(z) and f' = f: the inverse of the log link of counts."""

    name = "exp"
    output_range = (0.0, np.inf)

    def apply(self, pre_activation, out):
        np.exp(pre_activation, out=out)

    def backward(self, output, delta):
        delta *= output


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


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (Identity(), Logistic(), Tanh(), Relu(), Exp(), Softmax())
}

HIDDEN_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
