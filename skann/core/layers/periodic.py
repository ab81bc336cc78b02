"""Each input, and learned periodic functions of it.

A network with only x as input learns smooth functions of x first, and rapidly changing
functions late or never. This layer adds cosines of x, whose frequencies and phases are
learned together with all other parameters:

    u_j = s_j x_j,      c_jk = cos(f_jk s_j x_j + p_jk)

for each input j separately, where the factors s_j can suppress uninformative inputs. If
the inputs are followed by their ranks, these replace x in the cosines.

After Holzmueller, Grinsztajn and Steinwart, 2024, "Better by default", section 3, and
Gorishniy, Rubachev and Babenko, 2022, "On embeddings for numerical features in tabular
deep learning", section 3.3, who mix the cosines of each input before the first layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skann.core.layers.layer import Embedding, Memory, dense
from skann.core.parameters import Segment
from skann.core.types import FloatArray

# The rates of the factors and the other parameters in a step, relative to weights.
FACTOR_RATE = 40.0
PERIODIC_RATE = 4.0


@dataclass
class PeriodicMemory(Memory):
    """The memory of the cosines for a batch.

    Parameters
    ----------
    tiled : ndarray of shape (n_samples, n_out)
        The input, repeated once for itself and once for each of its cosines.

    sines : ndarray of shape (n_samples, n_out - n_in)
        The sines of all angles f u + p.

    ones : ndarray of shape (n_samples,)
        Ones, for sums over the samples by a matrix product.
    """

    tiled: FloatArray
    sines: FloatArray
    ones: FloatArray


class Periodic(Embedding[PeriodicMemory]):
    """The columns u_j, followed by the first cosine of each, the second, and so on.

    It is the first layer of a network: there is no gradient with respect to its input.

    Parameters
    ----------
    n_in : int
        The number of inputs.

    n_frequencies : int
        The number of cosines of each.

    frequency_scale : float
        The standard deviation of the initial frequencies f / (2 pi), in cycles per
        unit of the input.
    """

    def __init__(self, n_in: int, n_frequencies: int, frequency_scale: float):
        self.n_in = n_in
        self.n_out = n_in * (1 + n_frequencies)
        self.n_frequencies = n_frequencies
        self.frequency_scale = frequency_scale
        cosines = (n_frequencies, n_in)
        self.segments = tuple(
            Segment(name, shape, rate=rate, attribute="embedding", shared=True)
            for name, shape, rate in (
                ("factors", (n_in,), FACTOR_RATE),
                ("frequencies", cosines, PERIODIC_RATE),
                ("phases", cosines, PERIODIC_RATE),
            )
        )

    def draw(self, init, random_state):
        """Return the initial s, f and p, which do not depend on `init`.

        Factors are 1, frequencies normal, and phases uniform.
        """
        cosines = self.n_frequencies, self.n_in
        return [
            np.ones(self.n_in),
            random_state.normal(0.0, 2 * np.pi * self.frequency_scale, cosines),
            random_state.uniform(-np.pi, np.pi, cosines),
        ]

    def memory(self, n_rows, arrays, members=(), *, keep=False):
        return PeriodicMemory(
            output=arrays.cut("output", (n_rows, self.n_out)),
            kept={} if keep else None,
            tiled=arrays.cut("tiled", (n_rows, self.n_out)),
            sines=arrays.cut("sines", (n_rows, self.n_out - self.n_in)),
            ones=arrays.ones(n_rows),
        )

    def forward(
        self, parameters, layer_input, memory, with_slopes=False, generator=None
    ):
        factors, frequencies, phases = _of_first_member(parameters)
        tiled, angles = memory.tiled, memory.output[:, self.n_in :]
        by_cosine = tiled.reshape(len(tiled), 1 + self.n_frequencies, self.n_in)
        X = dense(layer_input)
        by_cosine[:, 0] = X[:, : self.n_in]
        by_cosine[:, 1:] = X[:, np.newaxis, -self.n_in :]
        # s x in the first columns, f s x in the others.
        slopes = np.append(factors, frequencies * factors)
        np.multiply(tiled, slopes, out=memory.output)
        angles += phases.ravel()
        if memory.kept is not None:
            memory.keep(input=layer_input, pre_activation=angles)
        if with_slopes:
            np.sin(angles, out=memory.sines)
        np.cos(angles, out=angles)
        if memory.kept is not None:
            memory.keep(activation=memory.output)
        return memory.output

    def backward(
        self, parameters, layer_input, delta, memory, gradients, passes_on=False
    ):
        if passes_on:
            raise NotImplementedError("Cosines of the inputs are a first layer.")
        factors, frequencies, _ = _of_first_member(parameters)
        of_factors, of_frequencies, of_phases = _of_first_member(gradients)
        angles = delta[:, self.n_in :]
        angles *= memory.sines
        np.negative(angles, out=angles)
        if memory.kept is not None:
            memory.keep(delta=angles)
        of_phases[...] = np.matmul(memory.ones, angles).reshape(of_phases.shape)
        delta *= memory.tiled
        of_slopes = memory.ones.dot(delta)
        of_products = of_slopes[self.n_in :].reshape(frequencies.shape)
        np.multiply(of_products, factors, out=of_frequencies)
        np.sum(of_products * frequencies, axis=0, out=of_factors)
        of_factors += of_slopes[: self.n_in]
        if gradients[0].ndim > 1:
            for gradient in gradients:
                gradient[1:] = gradient[0]

    def absorb_input_change(self, parameters, shift, ratio):
        # u = s x = s ratio x' + s shift occurs in the columns, whose change the layer
        # above absorbs, and in cos(f u + p): f' = f ratio and p' = p + f s shift. If
        # the cosines are functions of ranks, these have a separate change.
        factors, frequencies, phases = parameters
        factors = factors.astype(np.float64) * FACTOR_RATE
        phases += frequencies.astype(np.float64) * (factors * shift[-self.n_in :])
        frequencies *= ratio[-self.n_in :]
        n_cosines = self.n_out - self.n_in
        return (
            np.append(factors * shift[: self.n_in], np.zeros(n_cosines)),
            np.append(ratio[: self.n_in], np.ones(n_cosines)),
        )

    def weights_by_input(self, parameters, weights):
        # The weights of u_j times s_j are the weights of x_j itself, followed by those
        # of its cosines.
        by_column = weights.reshape(1 + self.n_frequencies, self.n_in, -1).copy()
        by_column[0] *= parameters[0][:, np.newaxis]
        return list(by_column.transpose(1, 0, 2))


def _of_first_member(arrays):
    """Return the arrays of the first member, or those of a single network.

    Members have equal cosines, with equal gradients.
    """
    if arrays[0].ndim == 1:
        return arrays
    return [array[0] for array in arrays]
