"""More inputs for a network: each of them, and learned periodic functions of it.

A network that is given x alone learns smooth functions of x first, and those that
change quickly late or never. The embedding gives it, beside x, mixtures of cosines of
x, whose frequencies, phases and mixing weights are learned with everything else:

    u_j = s_j x_j,      c_jk = cos(f_jk u_j + p_jk),      e_j = c_j E_j + b_j

for each input j alone, with a few e_j for each u_j, where the factors s_j let inputs
fade that say nothing (Holzmueller, Grinsztajn and Steinwart, 2024, "Better by default",
section 3, after Gorishniy, Rubachev and Babenko, 2022, "On embeddings for numerical
features in tabular deep learning", section 3.3).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.random import RandomState
from numpy.typing import DTypeLike

from skann.core.types import FloatArray

# The columns that stand for an input: itself, and so many mixtures.
N_MIXTURES = 3

# Adam moves every parameter by about the learning rate in a step, however large it is.
# What stands in theta are the factors and the other parameters divided by these
# numbers, so that they move so much faster than weights.
FACTOR_RATE = 40.0
PERIODIC_RATE = 4.0


class PeriodicEmbedding:
    """The columns u_j, followed by the mixtures e_j of the cosines of each input.

    Parameters
    ----------
    n_inputs : int
        The number of inputs.

    n_frequencies : int
        The number of cosines of each.

    frequency_scale : float
        The standard deviation of the initial frequencies f / (2 pi), in cycles per
        unit of the input.

    Attributes
    ----------
    n_columns : int
        The number of columns that it makes.

    n_parameters : int
        The number of its parameters.
    """

    names = ("factors", "frequencies", "phases", "mixing_weights", "mixing_biases")

    def __init__(self, n_inputs: int, n_frequencies: int, frequency_scale: float):
        self.n_inputs = n_inputs
        self.n_frequencies = n_frequencies
        self.frequency_scale = frequency_scale
        self.n_columns = n_inputs * (1 + N_MIXTURES)
        cosines = (n_inputs, n_frequencies)
        self.shapes = (
            (n_inputs,),
            cosines,
            cosines,
            (*cosines, N_MIXTURES),
            (n_inputs, N_MIXTURES),
        )
        sizes = [math.prod(shape) for shape in self.shapes]
        self.n_parameters = sum(sizes)
        self._starts = np.cumsum([0, *sizes]).tolist()

    def views(self, parameters: FloatArray) -> list[FloatArray]:
        """Return what stands for s, f, p, E and b, as views into the parameters."""
        return [
            parameters[start:end].reshape(shape)
            for (start, end), shape in zip(
                pairwise(self._starts), self.shapes, strict=True
            )
        ]

    def values(self, parameters: FloatArray) -> list[FloatArray]:
        """Return s, f, p, E and b."""
        factors, *periodic = self.views(parameters)
        return [factors * FACTOR_RATE, *(array * PERIODIC_RATE for array in periodic)]

    def draw(self, random_state: RandomState, dtype: DTypeLike) -> FloatArray:
        """Return new random parameters.

        Factors are 1, frequencies normal, phases uniform, and mixing weights and biases
        uniform within 1 / sqrt(n_frequencies).
        """
        factors, frequencies, phases, weights, biases = self.shapes
        bound = 1 / math.sqrt(self.n_frequencies)
        draws = (
            random_state.normal(0.0, 2 * np.pi * self.frequency_scale, frequencies),
            random_state.uniform(-np.pi, np.pi, phases),
            random_state.uniform(-bound, bound, weights),
            random_state.uniform(-bound, bound, biases),
        )
        periodic = np.concatenate([draw.ravel() for draw in draws]) / PERIODIC_RATE
        return np.append(np.ones(factors) / FACTOR_RATE, periodic).astype(dtype)

    def forward(
        self,
        parameters: FloatArray,
        X: FloatArray,
        memory: EmbeddingMemory,
        *,
        with_slopes: bool,
    ) -> FloatArray:
        """Return the columns for the rows of X, an array of the memory."""
        factors, frequencies, phases, weights, biases = self.values(parameters)
        scaled = memory.columns[:, : self.n_inputs]
        np.multiply(X, factors, out=scaled)
        angles = memory.cosines
        np.multiply(scaled.T[:, :, np.newaxis], frequencies[:, np.newaxis], out=angles)
        angles += phases[:, np.newaxis]
        if with_slopes:
            np.sin(angles, out=memory.sines)
        np.cos(angles, out=angles)
        np.matmul(angles, weights, out=memory.mixtures)
        memory.mixtures += biases[:, np.newaxis]
        memory.columns_of_mixtures[...] = memory.mixtures.transpose(1, 0, 2)
        return memory.columns

    def backward(
        self,
        parameters: FloatArray,
        X: FloatArray,
        memory: EmbeddingMemory,
        gradient: FloatArray,
    ) -> None:
        """Write the gradient, from that of the columns, which stands in their place."""
        factors, frequencies, _, weights, _ = self.values(parameters)
        gradients = self.views(gradient)
        of_factors, of_frequencies, of_phases, of_weights, of_biases = gradients
        delta = memory.mixtures
        delta[...] = memory.columns_of_mixtures.transpose(1, 0, 2)
        delta.sum(axis=1, out=of_biases)
        np.matmul(memory.cosines.transpose(0, 2, 1), delta, out=of_weights)
        # From here on, dJ/d(f x + p).
        angles = np.matmul(delta, weights.transpose(0, 2, 1), out=memory.cosines)
        angles *= memory.sines
        np.negative(angles, out=angles)
        angles.sum(axis=1, out=of_phases)
        # X^T times the angles gives both f and, by f u = f s x, a part of s.
        np.matmul(X.T[:, np.newaxis], angles, out=of_frequencies[:, np.newaxis])
        np.sum(of_frequencies * frequencies, axis=1, out=of_factors)
        of_frequencies *= factors[:, np.newaxis]
        inputs = memory.columns[:, : self.n_inputs]
        of_factors += np.einsum("ij,ij->j", X, inputs)
        of_factors *= FACTOR_RATE
        for periodic in gradients[1:]:
            periodic *= PERIODIC_RATE


class EmbeddingMemory:
    """The arrays that the embedding of so many rows needs.

    Parameters
    ----------
    embedding : PeriodicEmbedding
        The embedding.

    n_rows : int
        The number of rows.

    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    columns : ndarray of shape (n_rows, n_columns)
        What the first layer takes.

    columns_of_mixtures : ndarray of shape (n_rows, n_inputs, N_MIXTURES)
        Those of them that are not the inputs themselves, as a view.

    cosines, sines : ndarray of shape (n_inputs, n_rows, n_frequencies)
        Of all angles f x + p.

    mixtures : ndarray of shape (n_inputs, n_rows, N_MIXTURES)
        The mixtures, in the order of the products.
    """

    def __init__(self, embedding: PeriodicEmbedding, n_rows: int, dtype: DTypeLike):
        n_inputs = embedding.n_inputs
        self.columns = np.empty((n_rows, embedding.n_columns), dtype)
        self.columns_of_mixtures = self.columns[:, n_inputs:].reshape(
            n_rows, n_inputs, N_MIXTURES
        )
        shape = (n_inputs, n_rows, embedding.n_frequencies)
        self.cosines, self.sines = np.empty(shape, dtype), np.empty(shape, dtype)
        self.mixtures = np.empty((n_inputs, n_rows, N_MIXTURES), dtype)
