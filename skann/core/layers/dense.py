"""A layer in which every unit is connected to every input.

With samples as rows,

    z = a W + b,        output = f(z) * mask,

where a is the input, f the activation, and mask the dropout mask, if there is any. The
backward pass starts from dJ/d output and applies the chain rule:

    delta = dJ/dz = dJ/d output * f'(z) * mask,
    dJ/dW = a^T delta,      dJ/db = sum over samples of delta,      dJ/da = delta W^T

(Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating
errors", equations 4 to 7). For the members of an ensemble, which are computed side by
side, all arrays have a leading axis, except for a shared input. The gradient with
respect to a shared input is the mean over the members. With dropout, when it is random
in any case, the gradient of a randomly chosen member is used, which is faster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skann.core.activations import HiddenActivation
from skann.core.dropout import leave_out
from skann.core.initializers import find_initializer
from skann.core.layers.layer import Layer, Memory
from skann.core.parameters import Segment
from skann.core.types import FloatArray, Generators


@dataclass
class DenseMemory(Memory):
    """The results of a dense layer for a batch.

    Parameters
    ----------
    slope : ndarray of shape (n_samples, n_out) or None
        f'(z) * mask; None if there is no activation.

    ones : ndarray of shape (n_samples,)
        Ones, for fast sums over the samples by a matrix product.

    of_one : ndarray of shape (n_samples, n_in) or None
        The gradient of one member with respect to a shared input; None without members.

    generator : numpy.random.Generator, sequence of them, or None, default=None
        The generators that were used for dropout in the forward pass.
    """

    slope: FloatArray | None
    ones: FloatArray
    of_one: FloatArray | None
    generator: Generators | None = None


class Dense(Layer[DenseMemory]):
    """An affine map, an activation, and dropout.

    Parameters
    ----------
    n_in : int
        The number of inputs, which is the fan-in of each unit.

    n_out : int
        The number of units.

    activation : HiddenActivation, default=None
        The activation function. None is for the last layer, whose output is the raw
        output z, in Fortran order; the loss, which works column by column, turns it
        into predictions.

    dropout : float, default=0
        The probability that a unit is dropped in a step, in [0, 1).

    init_like : HiddenActivation, default=None
        The activation for which the initial weights are drawn, if there is none.
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

    def memory(self, n_rows, arrays, members=(), *, keep=False):
        is_last = self.activation is None
        shape = (*members, n_rows, self.n_out)
        cut = arrays.cut_by_output if is_last else arrays.cut
        return DenseMemory(
            output=cut("output", shape),
            kept={} if keep else None,
            slope=None if is_last else arrays.cut("slope", shape),
            ones=arrays.ones(n_rows),
            of_one=arrays.cut("of_one", (n_rows, self.n_in)) if members else None,
        )

    def forward(
        self, parameters, layer_input, memory, with_slopes=False, generator=None
    ):
        weights, biases = parameters
        output = memory.output
        memory.generator = generator
        self._multiply(layer_input, weights, output)
        output += biases if biases.ndim == 1 else biases[:, np.newaxis]
        if memory.kept is not None:
            memory.keep(input=layer_input, pre_activation=output)
        if self.activation is not None:
            rows, slopes = output, memory.slope
            if output.ndim > 2:
                rows = output.reshape(-1, self.n_out)
                slopes = slopes.reshape(rows.shape)
            if with_slopes:
                self.activation.apply_with_slope(rows, slopes)
                if generator is not None and self.dropout:
                    leave_out(output, memory.slope, self.dropout, generator)
            else:
                self.activation.apply(rows, out=rows)
        if memory.kept is not None:
            memory.keep(activation=output)
        return output

    def _multiply(self, layer_input, weights, output):
        """Write the product of input and weights."""
        if not isinstance(layer_input, np.ndarray):
            if weights.ndim == 2:
                output[...] = layer_input @ weights
            else:
                for member, of_member in zip(weights, output, strict=True):
                    of_member[...] = layer_input @ member
        elif weights.ndim > 2:
            np.matmul(layer_input, weights, out=output)
        elif self.activation is None and not output.flags.c_contiguous:
            weights.T.dot(layer_input.T, out=output.T)
        else:
            layer_input.dot(weights, out=output)

    def backward(
        self, parameters, layer_input, delta, memory, gradients, passes_on=True
    ):
        if self.activation is not None:
            delta *= memory.slope
        if memory.kept is not None:
            memory.keep(delta=delta)
        weights, _ = parameters
        of_weights, of_biases = gradients
        self._sum_over_samples(layer_input, delta, of_weights)
        # An array's own `dot` is called faster than numpy's.
        if weights.ndim == 2:
            memory.ones.dot(delta, out=of_biases)
        else:
            np.matmul(memory.ones, delta, out=of_biases)
        if not passes_on:
            return None
        # The input is no longer needed, and is overwritten with its gradient.
        if weights.ndim == 2:
            return delta.dot(weights.T, out=layer_input)
        if layer_input.ndim == weights.ndim:
            return np.matmul(delta, weights.swapaxes(-1, -2), out=layer_input)
        if memory.generator is not None:
            word = memory.generator[0].bit_generator.random_raw()
            speaker = int(word % len(weights))
            return np.dot(delta[speaker], weights[speaker].T, out=layer_input)
        return self._mean_of_members(delta, weights, memory.of_one, layer_input)

    @staticmethod
    def _mean_of_members(delta, weights, of_one, out):
        """Write the mean of the members' gradients with respect to a shared input."""
        for number, (its_delta, its_weights) in enumerate(
            zip(delta, weights, strict=True)
        ):
            np.dot(its_delta, its_weights.T, out=of_one if number else out)
            if number:
                out += of_one
        out /= len(weights)
        return out

    def _sum_over_samples(self, layer_input, delta, of_weights):
        """Write the gradient of the weights."""
        if isinstance(layer_input, np.ndarray):
            if of_weights.ndim == 2:
                layer_input.T.dot(delta, out=of_weights)
            else:
                np.matmul(layer_input.swapaxes(-1, -2), delta, out=of_weights)
        elif of_weights.ndim == 2:
            of_weights[...] = layer_input.T @ delta
        else:
            for of_member, its_delta in zip(of_weights, delta, strict=True):
                of_member[...] = layer_input.T @ its_delta

    def absorb_input_change(self, parameters, shift, ratio):
        # From x W + b with x = x' ratio + shift: W' = W ratio, b' = b + shift W.
        weights, biases = parameters
        wide = weights.astype(np.float64)
        biases += shift @ wide
        weights[...] = wide * ratio[:, np.newaxis]
        return
