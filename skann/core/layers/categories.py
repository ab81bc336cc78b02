"""A learned vector for each category (level) of a categorical column.

A column with many levels is a column of codes c in {0, ..., n}, where the last code
stands for all other labels: rare, missing, and unknown ones. The layer looks up

    e_j = V_j[c_j]

for each such column j: a row of a table of vectors, which is learned together with all
other parameters (Guo and Berkhahn, 2016, "Entity embeddings of categorical variables",
equation 3). The backward pass sums the gradients of the rows with the same code,

    dJ/dV_j[c] = sum over samples with c_j = c of dJ/de_j,

for which the samples of a batch are sorted by code, so levels that do not occur take no
time.

All vectors start at zero, so levels do not differ until their rows require it. Weight
decay pulls the vectors towards zero, more strongly for levels with few rows. In
training, some codes are replaced by the last one at random, so that it is learned as
well, as the vector of an unknown label.

A code c is stored in the input matrix as c / 2 ** 24, which is exact in float32, and so
small that it is not considered an outlier.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skann.core.layers.layer import Embedding, Memory, dense
from skann.core.parameters import Segment
from skann.core.types import FloatArray, Generators

# The difference between consecutive codes in the input matrix.
CODE_STEP = 2.0**-24

# The rate of vectors in a step, relative to that of weights. The lower it is, the
# stronger is the effect of weight decay, which matters for uninformative levels.
VECTOR_RATE = 0.3

# The share of labels that is replaced by the unknown label in a step.
UNKNOWN_SHARE = 0.02

# The maximum length of a vector.
LARGEST_SIZE = 8


def vector_size(n_levels: int) -> int:
    """Return the length of the vectors, given the number of levels.

    Parameters
    ----------
    n_levels : int
        The number of levels, at least 1.
    """
    return min(LARGEST_SIZE, math.ceil(math.sqrt(n_levels) / 2))


@dataclass
class CategoriesMemory(Memory):
    """The memory for a batch.

    Parameters
    ----------
    codes : list of ndarray of int of shape (n_samples,)
        The codes that were looked up in each table.

    rest : Memory
        The memory of the other inputs.
    """

    codes: list[np.ndarray]
    rest: Memory


class Categories(Embedding[CategoriesMemory]):
    """The vectors of the first inputs, which are codes, beside the other inputs.

    Each member of an ensemble has its own vectors, since these must not be trained on
    the rows that the member leaves out.

    Parameters
    ----------
    n_levels : sequence of int
        The number of levels of each column of codes.

    rest : Embedding
        The embedding of the other inputs.
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
        """Return vectors of zeros, and the random values for the other inputs."""
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
        """Replace the labels of some rows by the unknown label, for all members."""
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
        # The gradient of shared parameters is the mean over the members.
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
        """Set the vector of unknown labels to the mean, if it was not trained.

        Parameters
        ----------
        parameters : sequence of ndarray
            The values of each segment in theta, which are changed in place.

        table_number : int
            The index of the table.

        shares : ndarray of shape (n_levels,)
            The weights of the levels.
        """
        table = parameters[table_number]
        table[..., -1, :] = shares @ table[..., :-1, :]


def _add_by_code(delta: FloatArray, codes: np.ndarray, out: FloatArray) -> None:
    """Write the sum of the rows with each code, and 0 for codes without rows."""
    out[...] = 0
    if codes.size == 0:
        return
    order = np.argsort(codes, kind="stable")
    in_order = codes[order]
    starts = np.flatnonzero(np.append(True, in_order[1:] != in_order[:-1]))
    sums = np.add.reduceat(delta[..., order, :], starts, axis=-2)
    out[..., in_order[starts], :] = sums
