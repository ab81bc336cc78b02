"""Inputs that are passed on unchanged, beside the embedding of the others.

An indicator column has two values, so every function of it is linear, and cosines would
not add anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skann.core.layers.layer import Embedding, Memory, dense


@dataclass
class BesideMemory(Memory):
    """The memory for a batch.

    Parameters
    ----------
    embedded : Memory
        The memory of the embedding.
    """

    embedded: Memory


class Plain(Embedding[Memory]):
    """The unchanged inputs.

    Parameters
    ----------
    n_in : int
        The number of inputs.
    """

    def __init__(self, n_in: int):
        self.n_in = self.n_out = n_in
        self.segments = ()

    def draw(self, init, random_state):
        """Return nothing: there are no parameters."""
        return []

    def memory(self, n_rows, arrays, members=(), *, keep=False):
        output = arrays.cut("plain", (n_rows, self.n_out))
        return Memory(output, {} if keep else None)

    def forward(
        self, parameters, layer_input, memory, with_slopes=False, generator=None
    ):
        memory.output[...] = dense(layer_input)
        if memory.kept is not None:
            memory.keep(
                input=layer_input,
                pre_activation=memory.output,
                activation=memory.output,
            )
        return memory.output

    def backward(
        self, parameters, layer_input, delta, memory, gradients, passes_on=False
    ):
        if passes_on:
            raise NotImplementedError("Inputs as they are are a first layer.")
        if memory.kept is not None:
            memory.keep(delta=delta)

    def absorb_input_change(self, parameters, shift, ratio):
        return shift, ratio

    def weights_by_input(self, parameters, weights):
        return list(weights[:, np.newaxis].copy())


class Beside(Embedding[BesideMemory]):
    """Some inputs unchanged, and the embedding of the others.

    Parameters
    ----------
    n_plain : int
        The number of unchanged inputs.

    embedding : Embedding
        The embedding of the other inputs. Its parameters are those of this layer.

    plain_first : bool, default=True
        Whether the unchanged inputs come first, in the input and in the output, or
        last.
    """

    name = "beside"

    def __init__(self, n_plain: int, embedding: Embedding, *, plain_first: bool = True):
        self.n_plain = n_plain
        self.embedding = embedding
        self.n_in = n_plain + embedding.n_in
        self.n_out = n_plain + embedding.n_out
        self.segments = embedding.segments
        if plain_first:
            self._plain = slice(n_plain)
            self._others_in = self._others_out = slice(n_plain, None)
        else:
            self._plain = slice(-n_plain, None)
            self._others_in = slice(embedding.n_in)
            self._others_out = slice(embedding.n_out)

    def draw(self, init, random_state):
        """Return the random values of the embedding."""
        return self.embedding.draw(init, random_state)

    def memory(self, n_rows, arrays, members=(), *, keep=False):
        output = arrays.cut(self.name, (n_rows, self.n_out))
        embedded = self.embedding.memory(n_rows, arrays, members, keep=keep)
        return BesideMemory(output, {} if keep else None, embedded)

    def forward(
        self, parameters, layer_input, memory, with_slopes=False, generator=None
    ):
        X, output = dense(layer_input), memory.output
        output[:, self._plain] = X[:, self._plain]
        output[:, self._others_out] = self.embedding.forward(
            parameters, X[:, self._others_in], memory.embedded, with_slopes, generator
        )
        if memory.kept is not None:
            memory.keep(input=layer_input, activation=output)
            memory.kept["pre_activation"] = memory.embedded.kept["pre_activation"]
        return output

    def backward(
        self, parameters, layer_input, delta, memory, gradients, passes_on=False
    ):
        if passes_on:
            raise NotImplementedError("Inputs beside an embedding are a first layer.")
        # A copy, since products need contiguous rows.
        of_embedded = memory.embedded.output
        of_embedded[...] = delta[:, self._others_out]
        self.embedding.backward(
            parameters, layer_input, of_embedded, memory.embedded, gradients, False
        )
        if memory.kept is not None:
            memory.kept["delta"] = memory.embedded.kept["delta"]

    def absorb_input_change(self, parameters, shift, ratio):
        change = self.embedding.absorb_input_change(
            parameters, shift[self._others_in], ratio[self._others_in]
        )
        if change is None:
            change = np.zeros(self.embedding.n_out), np.ones(self.embedding.n_out)
        total = np.empty((2, self.n_out))
        total[:, self._plain] = shift[self._plain], ratio[self._plain]
        total[:, self._others_out] = change
        return total[0], total[1]

    def weights_by_input(self, parameters, weights):
        embedded = weights[self._others_out]
        return [
            *weights[self._plain][:, np.newaxis].copy(),
            *self.embedding.weights_by_input(parameters, embedded),
        ]
