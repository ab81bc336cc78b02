"""A learned vector for each level of a categorical column.

A column of many levels is a column of codes c in {0, ..., n}, where the last code
stands for all that is no level: rare labels, missing ones, and those that training has
never seen. The layer looks up

    e_j = V_j[c_j]

for each such column j, a row of a table of vectors that is learned with everything else
(Guo and Berkhahn, 2016, "Entity embeddings of categorical variables", equation 3). The
way back adds the gradients of the rows that have the same code,

    dJ/dV_j[c] = sum over samples with c_j = c of dJ/de_j,

for which the samples of a batch are sorted by code: it takes no time for levels that do
not occur.

All vectors start at zero: no level differs from another until its rows say so. Weight
decay takes them back there, the more the fewer rows they have. In training codes are
replaced by the last one now and then, so that this one is learned as well, and means: a
label of which nothing is known.

A code c stands in the matrix of inputs as c / 2 ** 24: exact in float32, and so small
that it is not taken for a wild cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skann.core.layers.layer import Embedding, Memory, dense
from skann.core.parameters import Segment
from skann.core.types import FloatArray, Generators

# What one code and the next differ by in the matrix of inputs.
CODE_STEP = 2.0**-24

# How many times as far as a weight a vector moves in a step. The slower it is, the more
# weight decay holds it back, which matters where levels say nothing.
VECTOR_RATE = 0.3

# In a step so large a part of the labels is taken for unknown ones.
UNKNOWN_SHARE = 0.02

# A vector has at most so many numbers.
LARGEST_SIZE = 8


def vector_size(n_levels: int) -> int:
    """Return how many numbers the vector of each level has, by the number of levels.

    Parameters
    ----------
    n_levels : int
        The number of levels, at least 1.
    """
    return min(LARGEST_SIZE, math.ceil(math.sqrt(n_levels) / 2))


@dataclass
class CategoriesMemory(Memory):
    """What the vectors of a batch need.

    Parameters
    ----------
    codes : list of ndarray of int of shape (n_samples,)
        The codes that were looked up in each table.

    rest : Memory
        That of the layer beside it.
    """

    codes: list[np.ndarray]
    rest: Memory


class Categories(Embedding[CategoriesMemory]):
    """The vectors of the first inputs, which are codes, beside what others become.

    Each member of an ensemble has vectors of its own: what a member leaves out to be
    judged by must not be known to the vectors that it uses.

    Parameters
    ----------
    n_levels : sequence of int
        The number of levels of each column of codes.

    rest : Embedding
        What takes the other inputs.
    """

    def __init__(self, n_levels: Sequence[int], rest: Embedding):
        self.rest = rest
        self.n_levels = tuple(n_levels)
        self.sizes = tuple(vector_size(n) for n in n_levels)
        self.n_in = len(self.n_levels) + rest.n_in
        self.n_out = sum(self.sizes) + rest.n_out
        tables = tuple(
            Segment(
                f"vectors_{number}",
                (n + 1, size),
                penalised=True,
                rate=VECTOR_RATE,
                attribute=f"vectors_{number}",
            )
            for number, (n, size) in enumerate(
                zip(self.n_levels, self.sizes, strict=True)
            )
        )
        self.segments = (*tables, *rest.segments)

    def draw(self, init, random_state):
        """Return vectors of zeros, and what the rest draws."""
        n_tables = len(self.n_levels)
        zeros = [np.zeros(segment.shape) for segment in self.segments[:n_tables]]
        return [*zeros, *self.rest.draw(init, random_state)]

    def memory(self, n_rows, arrays, members=(), *, keep=False):
        return CategoriesMemory(
            output=arrays.cut("vectors", (*members, n_rows, self.n_out)),
            kept={} if keep else None,
            codes=[np.empty(n_rows, np.intp) for _ in self.n_levels],
            rest=self.rest.memory(n_rows, arrays, members, keep=keep),
        )

    def forward(
        self, parameters, layer_input, memory, with_slopes=False, generator=None
    ):
        n_tables = len(self.n_levels)
        X, output, codes = dense(layer_input), memory.output, memory.codes
        for number, its_codes in enumerate(codes):
            its_codes[...] = X[:, number] / CODE_STEP
        if with_slopes and generator is not None:
            self._forget(codes, generator)
        stop = 0
        for table, its_codes, size in zip(
            parameters[:n_tables], codes, self.sizes, strict=True
        ):
            start, stop = stop, stop + size
            output[..., start:stop] = table[..., its_codes, :]
        output[..., stop:] = self.rest.forward(
            parameters[n_tables:], X[:, n_tables:], memory.rest, with_slopes, generator
        )
        if memory.kept is not None:
            memory.keep(input=layer_input, activation=output)
            memory.kept["pre_activation"] = output[..., :stop] + 0.0
        return output

    def _forget(self, codes: Sequence[np.ndarray], generator: Generators) -> None:
        """Take the labels of a few rows for unknown ones, those of all members."""
        first = generator[0] if isinstance(generator, Sequence) else generator
        for its_codes, n in zip(codes, self.n_levels, strict=True):
            words = first.bit_generator.random_raw(-(-its_codes.size // 4))
            drawn = words.view(np.uint16)[: its_codes.size]
            its_codes[drawn < round(UNKNOWN_SHARE * 2**16)] = n

    def backward(
        self, parameters, layer_input, delta, memory, gradients, passes_on=False
    ):
        if passes_on:
            raise NotImplementedError("Vectors of categories are a first layer.")
        n_tables = len(self.n_levels)
        stop = 0
        for of_table, codes, size in zip(
            gradients[:n_tables], memory.codes, self.sizes, strict=True
        ):
            start, stop = stop, stop + size
            _add_by_code(delta[..., start:stop], codes, of_table)
        if memory.kept is not None:
            memory.keep(delta=delta[..., :stop])
        # What members share has the mean of their gradients.
        of_rest = memory.rest.output
        if delta.ndim > of_rest.ndim:
            np.mean(delta[..., stop:], axis=0, out=of_rest)
        else:
            of_rest[...] = delta[..., stop:]
        self.rest.backward(
            parameters[n_tables:],
            dense(layer_input)[:, n_tables:],
            of_rest,
            memory.rest,
            gradients[n_tables:],
            False,
        )

    def absorb_input_change(self, parameters, shift, ratio):
        n_tables = len(self.n_levels)
        change = self.rest.absorb_input_change(
            parameters[n_tables:], shift[n_tables:], ratio[n_tables:]
        )
        if change is None:
            change = np.zeros(self.rest.n_out), np.ones(self.rest.n_out)
        n_numbers = sum(self.sizes)
        return (
            np.append(np.zeros(n_numbers), change[0]),
            np.append(np.ones(n_numbers), change[1]),
        )

    def weights_by_input(self, parameters, weights):
        n_tables = len(self.n_levels)
        *of_tables, of_rest = np.split(weights, np.cumsum(self.sizes))
        rest = self.rest.weights_by_input(parameters[n_tables:], of_rest)
        return [*(part.copy() for part in of_tables), *rest]

    def settle_unknown(self, parameters, table_number, shares):
        """Give unknown labels the mean of all vectors, where nothing has taught them.

        Parameters
        ----------
        parameters : sequence of ndarray
            What theta holds for each segment, changed in place.

        table_number : int
            The number of the table.

        shares : ndarray of shape (n_levels,)
            The weights of the levels.
        """
        table = parameters[table_number]
        table[..., -1, :] = shares @ table[..., :-1, :]


def _add_by_code(delta: FloatArray, codes: np.ndarray, out: FloatArray) -> None:
    """Write the sum of the rows that have each code, and 0 for codes without a row."""
    out[...] = 0
    if codes.size == 0:
        return
    order = np.argsort(codes, kind="stable")
    in_order = codes[order]
    starts = np.flatnonzero(np.append(True, in_order[1:] != in_order[:-1]))
    sums = np.add.reduceat(delta[..., order, :], starts, axis=-2)
    out[..., in_order[starts], :] = sums
