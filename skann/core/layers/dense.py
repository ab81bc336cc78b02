"""A layer in which every unit sees every input.

With samples as rows,

    z = a W + b,        output = f(z) * mask,

where a is the input, f the activation, and the mask that of dropout, if there is any.
The way back starts from dJ/d output and goes by the chain rule:

    delta = dJ/dz = dJ/d output * f'(z) * mask,
    dJ/dW = a^T delta,      dJ/db = sum over samples of delta,      dJ/da = delta W^T

(Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating
errors", equations 4 to 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skann.core.activations import HiddenActivation
from skann.core.dropout import leave_out
from skann.core.initializers import find_initializer
from skann.core.layers.layer import Layer, Memory
from skann.core.parameters import Segment
from skann.core.types import FloatArray


@dataclass
class DenseMemory(Memory):
    """What a dense layer computes for a batch.

    Parameters
    ----------
    slope : ndarray of shape (n_samples, n_out) or None
        f'(z) * mask; None if there is no activation.

    ones : ndarray of shape (n_samples,)
        Sums over the samples, as a product, which is the fastest way.
    """

    slope: FloatArray | None
    ones: FloatArray


class Dense(Layer[DenseMemory]):
    """An affine map, an activation, and dropout.

    Parameters
    ----------
    n_in : int
        The number of inputs, the fan-in of each unit.

    n_out : int
        The number of units.

    activation : HiddenActivation, default=None
        What each unit does with its weighted input. None is for the last layer, whose
        output is the raw output z, in Fortran order: the loss, which works column by
        column, turns it into predictions.

    dropout : float, default=0
        The probability of each unit to be left out of a step, in [0, 1).

    init_like : HiddenActivation, default=None
        What the initial weights suit, if there is no activation.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: HiddenActivation | None = None,
        *,
        dropout: float = 0.0,
        init_like: HiddenActivation | None = None,
    ):
        self.n_in, self.n_out = n_in, n_out
        self.activation = activation
        self.dropout = dropout
        self.init_like = activation if init_like is None else init_like
        self.segments = (
            Segment("weights", (n_in, n_out), penalised=True, attribute="coefs_"),
            Segment("biases", (n_out,), attribute="intercepts_"),
        )

    def draw(self, init, random_state):
        like = "identity" if self.init_like is None else self.init_like
        initializer = find_initializer(init, like)
        return list(initializer.draw(self.n_in, self.n_out, random_state))

    def memory(self, n_rows, arrays, *, keep=False):
        is_last = self.activation is None
        shape = (n_rows, self.n_out)
        return DenseMemory(
            output=arrays.cut("output", shape, "F" if is_last else "C"),
            kept={} if keep else None,
            slope=None if is_last else arrays.cut("slope", shape),
            ones=arrays.ones(n_rows),
        )

    def forward(
        self, parameters, layer_input, memory, with_slopes=False, generator=None
    ):
        weights, biases = parameters
        output = memory.output
        if not isinstance(layer_input, np.ndarray):
            output[...] = layer_input @ weights
        elif self.activation is None and not output.flags.c_contiguous:
            weights.T.dot(layer_input.T, out=output.T)
        else:
            layer_input.dot(weights, out=output)
        output += biases
        if memory.kept is not None:
            memory.keep(input=layer_input, pre_activation=output)
        if self.activation is None:
            pass
        elif with_slopes:
            self.activation.apply_with_slope(output, memory.slope)
            if generator is not None and self.dropout:
                leave_out(output, memory.slope, self.dropout, generator)
        else:
            self.activation.apply(output, out=output)
        if memory.kept is not None:
            memory.keep(activation=output)
        return output

    def backward(
        self, parameters, layer_input, delta, memory, gradients, passes_on=True
    ):
        if self.activation is not None:
            delta *= memory.slope
        if memory.kept is not None:
            memory.keep(delta=delta)
        of_weights, of_biases = gradients
        if isinstance(layer_input, np.ndarray):
            layer_input.T.dot(delta, out=of_weights)
        else:
            of_weights[...] = layer_input.T @ delta
        memory.ones.dot(delta, out=of_biases)
        if not passes_on:
            return None
        # The input was needed for the last time: its gradient takes its place.
        weights, _ = parameters
        return delta.dot(weights.T, out=layer_input)

    def absorb_input_change(self, parameters, shift, ratio):
        # From x W + b with x = x' ratio + shift: W' = W ratio, b' = b + shift W.
        weights, biases = parameters
        wide = weights.astype(np.float64)
        biases += shift @ wide
        weights[...] = wide * ratio[:, np.newaxis]
        return
