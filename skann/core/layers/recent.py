"""Inputs scaled by all rows of a stream, and once more by recent rows.

In a stream that drifts, a value can matter in itself, or only compared with the rows
just before it. The first layer therefore takes each input twice, and its weights
determine which of the two matters more:

    a_j = W_j x_j + W'_j x'_j + ...

where x_j is scaled by the statistics of all rows, and x'_j by those of recent rows.
"""

from __future__ import annotations

import numpy as np

from skann.core.layers.beside import Beside
from skann.core.layers.layer import Embedding


class Recent(Beside):
    """The embedding of the inputs, followed by the inputs scaled by recent rows.

    It takes twice as many columns as it has inputs.

    Parameters
    ----------
    embedding : Embedding
        The embedding of the inputs scaled by all rows. Its parameters are those of this
        layer.
    """

    name = "recent"

    def __init__(self, embedding: Embedding):
        super().__init__(embedding.n_in, embedding, plain_first=False)
        self.n_in = embedding.n_in

    def weights_by_input(self, parameters, weights):
        embedded, recent = np.split(weights, [self.embedding.n_out])
        parts = self.embedding.weights_by_input(parameters, embedded)
        return [
            np.concatenate([part, row[np.newaxis]])
            for part, row in zip(parts, recent, strict=True)
        ]
