"""Inputs by all rows of a stream, and once more by its recent rows.

A stream that drifts has two truths: how large a cell is, and how large it is beside
those just before it. To the right of the inputs stand the same cells in units of recent
rows, and the layer above learns which of the two says more:

    a_j = W_j x_j + W'_j x'_j + ...
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skann.core.layers.layer import Embedding, Memory, dense


@dataclass
class RecentMemory(Memory):
    """What a batch needs.

    Parameters
    ----------
    embedded : Memory
        That of the embedding.
    """

    embedded: Memory


class Recent(Embedding[RecentMemory]):
    """What an embedding makes of the inputs, followed by the inputs by recent rows.

    It takes twice as many columns as it has inputs.

    Parameters
    ----------
    embedding : Embedding
        What takes the inputs by all rows. Its parameters are those of this layer.
    """

    def __init__(self, embedding: Embedding):
        self.embedding = embedding
        self.n_in = embedding.n_in
        self.n_out = embedding.n_out + embedding.n_in
        self.segments = embedding.segments

    def draw(self, init, random_state):
        """Return what the embedding draws."""
        return self.embedding.draw(init, random_state)

    def memory(self, n_rows, arrays, members=(), *, keep=False):
        output = arrays.cut("recent", (n_rows, self.n_out))
        embedded = self.embedding.memory(n_rows, arrays, members, keep=keep)
        return RecentMemory(output, {} if keep else None, embedded)

    def forward(
        self, parameters, layer_input, memory, with_slopes=False, generator=None
    ):
        X, output = dense(layer_input), memory.output
        n_embedded = self.embedding.n_out
        output[:, :n_embedded] = self.embedding.forward(
            parameters, X[:, : self.n_in], memory.embedded, with_slopes, generator
        )
        output[:, n_embedded:] = X[:, -self.n_in :]
        if memory.kept is not None:
            memory.keep(input=layer_input, activation=output)
            memory.kept["pre_activation"] = memory.embedded.kept["pre_activation"]
        return output

    def backward(
        self, parameters, layer_input, delta, memory, gradients, passes_on=False
    ):
        if passes_on:
            raise NotImplementedError("Inputs by recent rows are a first layer.")
        of_embedded = memory.embedded.output
        of_embedded[...] = delta[:, : self.embedding.n_out]
        self.embedding.backward(
            parameters, layer_input, of_embedded, memory.embedded, gradients, False
        )
        if memory.kept is not None:
            memory.kept["delta"] = memory.embedded.kept["delta"]

    def absorb_input_change(self, parameters, shift, ratio):
        change = self.embedding.absorb_input_change(
            parameters, shift[: self.n_in], ratio[: self.n_in]
        )
        if change is None:
            change = np.zeros(self.embedding.n_out), np.ones(self.embedding.n_out)
        return (
            np.append(change[0], shift[-self.n_in :]),
            np.append(change[1], ratio[-self.n_in :]),
        )

    def weights_by_input(self, parameters, weights):
        embedded, recent = np.split(weights, [self.embedding.n_out])
        parts = self.embedding.weights_by_input(parameters, embedded)
        return [
            np.concatenate([part, row[np.newaxis]])
            for part, row in zip(parts, recent, strict=True)
        ]
