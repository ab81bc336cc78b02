"""More inputs for a network: each of them, and learned periodic functions of it.

A network that is given x alone learns smooth functions of x first, and those that
change quickly late or never. This layer gives it, beside x, mixtures of cosines of
x, whose frequencies, phases and mixing weights are learned with everything else:

    u_j = s_j x_j,      c_jk = cos(f_jk u_j + p_jk),      e_j = c_j E_j + b_j

for each input j alone, with a few e_j for each u_j, where the factors s_j let inputs
fade that say nothing (Holzmueller, Grinsztajn and Steinwart, 2024, "Better by default",
section 3, after Gorishniy, Rubachev and Babenko, 2022, "On embeddings for numerical
features in tabular deep learning", section 3.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skann.core.layers.layer import Embedding, Memory, dense
from skann.core.parameters import Segment
from skann.core.types import FloatArray

# The columns that stand for an input: itself, and so many mixtures.
N_MIXTURES = 3

# How many times as far as a weight the factors and the other parameters move in a step.
FACTOR_RATE = 40.0
PERIODIC_RATE = 4.0


@dataclass
class PeriodicMemory(Memory):
    """What the cosines of a batch need.

    Parameters
    ----------
    cosines, sines : ndarray of shape (n_inputs, n_samples, n_frequencies)
        Of all angles f u + p.

    mixtures : ndarray of shape (n_inputs, n_samples, N_MIXTURES)
        The mixtures, in the order of the products.
    """

    cosines: FloatArray
    sines: FloatArray
    mixtures: FloatArray


class Periodic(Embedding[PeriodicMemory]):
    """The columns u_j, followed by the mixtures e_j of the cosines of each input.

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
        self.n_out = n_in * (1 + N_MIXTURES)
        self.n_frequencies = n_frequencies
        self.frequency_scale = frequency_scale
        cosines = (n_in, n_frequencies)
        shapes = {
            "frequencies": cosines,
            "phases": cosines,
            "mixing_weights": (*cosines, N_MIXTURES),
            "mixing_biases": (n_in, N_MIXTURES),
        }
        self.segments = (
            Segment("factors", (n_in,), rate=FACTOR_RATE, attribute="embedding"),
            *(
                Segment(name, shape, rate=PERIODIC_RATE, attribute="embedding")
                for name, shape in shapes.items()
            ),
        )

    def draw(self, init, random_state):
        """Return s, f, p, E and b to start from; `init` says nothing about them.

        Factors are 1, frequencies normal, phases uniform, and mixing weights and biases
        uniform within 1 / sqrt(n_frequencies).
        """
        factors, frequencies, phases, weights, biases = (
            segment.shape for segment in self.segments
        )
        bound = 1 / math.sqrt(self.n_frequencies)
        return [
            np.ones(factors),
            random_state.normal(0.0, 2 * np.pi * self.frequency_scale, frequencies),
            random_state.uniform(-np.pi, np.pi, phases),
            random_state.uniform(-bound, bound, weights),
            random_state.uniform(-bound, bound, biases),
        ]

    def memory(self, n_rows, arrays, *, keep=False):
        angles = (self.n_in, n_rows, self.n_frequencies)
        return PeriodicMemory(
            output=arrays.cut("output", (n_rows, self.n_out)),
            kept={} if keep else None,
            cosines=arrays.cut("cosines", angles),
            sines=arrays.cut("sines", angles),
            mixtures=arrays.cut("mixtures", (self.n_in, n_rows, N_MIXTURES)),
        )

    def forward(
        self, parameters, layer_input, memory, with_slopes=False, generator=None
    ):
        factors, frequencies, phases, weights, biases = parameters
        scaled, mixed = self._split(memory.output)
        np.multiply(dense(layer_input), factors, out=scaled)
        angles = memory.cosines
        np.multiply(scaled.T[:, :, np.newaxis], frequencies[:, np.newaxis], out=angles)
        angles += phases[:, np.newaxis]
        if memory.kept is not None:
            memory.keep(input=layer_input, pre_activation=angles)
        if with_slopes:
            np.sin(angles, out=memory.sines)
        np.cos(angles, out=angles)
        np.matmul(angles, weights, out=memory.mixtures)
        memory.mixtures += biases[:, np.newaxis]
        mixed[...] = memory.mixtures
        if memory.kept is not None:
            memory.keep(activation=memory.output)
        return memory.output

    def backward(
        self, parameters, layer_input, delta, memory, gradients, passes_on=False
    ):
        if passes_on:
            raise NotImplementedError("Cosines of the inputs are a first layer.")
        factors, frequencies, _, weights, _ = parameters
        of_factors, of_frequencies, of_phases, of_weights, of_biases = gradients
        X = dense(layer_input)
        of_scaled, of_mixtures = self._split(delta)
        delta = memory.mixtures
        delta[...] = of_mixtures
        delta.sum(axis=1, out=of_biases)
        np.matmul(memory.cosines.transpose(0, 2, 1), delta, out=of_weights)
        # From here on, dJ/d(f u + p).
        angles = np.matmul(delta, weights.transpose(0, 2, 1), out=memory.cosines)
        angles *= memory.sines
        np.negative(angles, out=angles)
        if memory.kept is not None:
            memory.keep(delta=angles)
        angles.sum(axis=1, out=of_phases)
        # X^T times the angles gives both f and, by f u = f s x, a part of s.
        np.matmul(X.T[:, np.newaxis], angles, out=of_frequencies[:, np.newaxis])
        np.sum(of_frequencies * frequencies, axis=1, out=of_factors)
        of_frequencies *= factors[:, np.newaxis]
        of_factors += np.einsum("ij,ij->j", X, of_scaled)

    def absorb_input_change(self, parameters, shift, ratio):
        # u = s x = s ratio x' + s shift stands in the columns, whose change the layer
        # above absorbs, and in cos(f u + p): f' = f ratio and p' = p + f s shift.
        factors, frequencies, phases, _, _ = parameters
        shift = factors.astype(np.float64) * FACTOR_RATE * shift
        phases += frequencies.astype(np.float64) * shift[:, np.newaxis]
        frequencies *= ratio[:, np.newaxis]
        n_mixed = self.n_out - self.n_in
        return np.append(shift, np.zeros(n_mixed)), np.append(ratio, np.ones(n_mixed))

    def weights_by_input(self, parameters, weights):
        # Those of u_j times s_j are weights of x_j itself; those of its e_j follow.
        factors = parameters[0]
        own = weights[: self.n_in] * factors[:, np.newaxis]
        mixed = weights[self.n_in :].reshape(self.n_in, N_MIXTURES, -1)
        return list(np.concatenate([own[:, np.newaxis], mixed], axis=1))

    def _split(self, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the part of u, and that of e in the order of the products."""
        mixed = columns[:, self.n_in :].reshape(len(columns), self.n_in, N_MIXTURES)
        return columns[:, : self.n_in], mixed.transpose(1, 0, 2)
