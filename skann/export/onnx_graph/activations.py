"""Activation functions as nodes, in a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skann.core.activations import (
    ACTIVATIONS,
    Elu,
    Exp,
    Gelu,
    Identity,
    LeakyRelu,
    Logistic,
    Relu,
    Selu,
    Silu,
    Softplus,
    Tanh,
)
from skann.export.onnx_graph.approximation import normal_distribution
from skann.export.onnx_graph.graph import Value

# The alpha of elu in selu, and what selu multiplies it by: Klambauer et al., 2017,
# "Self-normalizing neural networks", equation 14.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def softplus(z: Value) -> Value:
    """Return log(1 + exp(z)), without overflow."""
    return z.relu() + ((-z.abs()).exp() + 1).log()


def elu(z: Value, alpha: float) -> Value:
    """Return z above 0, else alpha (exp(z) - 1)."""
    return z.relu() + (z.minimum(0).exp() - 1) * alpha


# Functions that apply each activation to a value, given the activation object.
EMITTERS: dict[type, Callable[[Value, Any], Value]] = {
    Identity: lambda z, of: z,
    Logistic: lambda z, of: z.sigmoid(),
    Tanh: lambda z, of: z.tanh(),
    Relu: lambda z, of: z.relu(),
    LeakyRelu: lambda z, of: z.maximum(z * of.slope),
    Elu: lambda z, of: elu(z, of.alpha),
    Selu: lambda z, of: elu(z, _SELU_ALPHA) * _SELU_SCALE,
    Softplus: lambda z, of: softplus(z),
    Gelu: lambda z, of: z * normal_distribution(z),
    Silu: lambda z, of: z * z.sigmoid(),
    Exp: lambda z, of: z.exp(),
}


def activate(z: Value, activation: Any) -> Value:
    """Apply an activation, given by name or as an object, to a value."""
    if isinstance(activation, str):
        activation = ACTIVATIONS[activation]
    emit = EMITTERS.get(type(activation))
    if emit is None:
        raise ValueError(
            f"to_onnx does not support the custom activation {activation!r}. Fit with "
            "one of the activations listed in the documentation of "
            "skann.HiddenActivation."
        )
    return emit(z, activation)
