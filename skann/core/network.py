"""The forward pass and backpropagation.

A network is its layer sizes and its hidden activations, no more: the parameters come
from outside as one flat vector, theta, and the intermediate results live in a
workspace. Layer l computes

    z_l = a_(l-1) W_l + b_l,        a_l = f_l(z_l),        a_0 = X,

with samples as rows; the last layer stops at z, the raw output, which the loss turns
into predictions. Backpropagation starts from delta_L = dJ/dz_L and goes down:

    dJ/dW_l = a_(l-1)^T delta_l,    dJ/db_l = sum over samples of delta_l,
    delta_(l-1) = (delta_l W_l^T) * f_(l-1)'(z_(l-1))

(Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating
errors", equations 4 to 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.random import RandomState
from numpy.typing import DTypeLike

from skann.core.activations import HiddenActivation, find_activation, find_activations
from skann.core.dropout import Dropout
from skann.core.embedding import EmbeddingMemory, PeriodicEmbedding
from skann.core.initializers import Initializer, find_initializer
from skann.core.types import FloatArray, Matrix

# A block of rows, if it is not a minibatch, has at most so many, and at most so many
# numbers in the widest layer.
_MOST_ROWS = 1000
_MOST_NUMBERS = 1 << 20


class LayerList(list):
    """The arrays of all layers, as views into theta.

    Assigning to an element writes the values into theta, so that `coefs_[0] = W` does
    what it says instead of replacing a view that nobody looks at again.
    """

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            raise TypeError("Assign to one layer at a time, or to the whole attribute.")
        value = np.asarray(value)
        if value.shape != self[index].shape:
            raise ValueError(
                f"Layer {index} has shape {self[index].shape}. Got an array of shape "
                f"{value.shape} instead."
            )
        self[index][...] = value


class Network:
    """A fully connected feed-forward network without its parameters.

    Parameters
    ----------
    layer_sizes : sequence of int
        The number of inputs, of units of each hidden layer, and of outputs.

    activation : str, HiddenActivation, or a sequence of these
        The name of the activation of the hidden layers, or an object, or a sequence
        with one for each hidden layer.

    embedding : PeriodicEmbedding, default=None
        What makes the columns that the first layer takes from the inputs, which are
        then made dense batch by batch; None for the inputs themselves.

    Attributes
    ----------
    activations : list of HiddenActivation
        The activation of each hidden layer.

    n_weights : int
        The number of weights; theta holds them before the biases.

    n_parameters : int
        The number of weights and biases, the length of theta.

    Raises
    ------
    ValueError
        If an activation is unknown, or a sequence of them has the wrong length.

    Examples
    --------
    >>> from skann.core.network import Network
    >>> Network([3, 2, 1], "logistic").n_parameters
    11
    >>> Network([3, 2, 2, 1], ["relu", "tanh"]).activations
    [Relu(), Tanh()]
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str | HiddenActivation | Iterable[str | HiddenActivation],
        embedding: PeriodicEmbedding | None = None,
    ):
        self.embedding = embedding
        self.layer_sizes = tuple(int(size) for size in layer_sizes)
        self.activations = find_activations(activation, len(self.layer_sizes) - 2)
        # The output layer starts like the last hidden layer. Without one it starts
        # as the activation says, though it has no use for it, as scikit-learn's MLP.
        if self.activations:
            self._last_activation = self.activations[-1]
        elif isinstance(activation, str | HiddenActivation):
            self._last_activation = find_activation(activation)
        else:
            self._last_activation = find_activation("identity")
        n_columns = self.layer_sizes[0] if embedding is None else embedding.n_columns
        widths = [n_columns, *self.layer_sizes[1:]]
        self._widest = max(widths)
        self._weight_shapes = list(pairwise(widths))
        sizes = [n_in * n_out for n_in, n_out in self._weight_shapes]
        self.n_weights = sum(sizes)
        self.n_layer_parameters = self.n_weights + sum(self.layer_sizes[1:])
        self.n_parameters = self.n_layer_parameters
        if embedding is not None:
            self.n_parameters += embedding.n_parameters
        # Where each array starts in theta: all weights first, then all biases, so
        # that the penalty sees one contiguous slice. The embedding comes last.
        self._starts = np.cumsum([0, *sizes, *self.layer_sizes[1:]]).tolist()

    @property
    def n_layers(self) -> int:
        """The number of layers of weights."""
        return len(self._weight_shapes)

    @property
    def rows_per_block(self) -> int:
        """How many rows at once are fast: many together, but few enough for the cache.

        It bounds the memory as well, however wide the layers are.
        """
        return max(1, min(_MOST_ROWS, _MOST_NUMBERS // self._widest))

    def weights(self, theta: FloatArray) -> LayerList:
        """Return each layer's weights, of shape (fan_in, fan_out), as views."""
        starts = self._starts[: self.n_layers + 1]
        return LayerList(
            theta[start:end].reshape(shape)
            for (start, end), shape in zip(
                pairwise(starts), self._weight_shapes, strict=True
            )
        )

    def biases(self, theta: FloatArray) -> LayerList:
        """Return each layer's biases, of shape (fan_out,), as views."""
        return LayerList(
            theta[start:end] for start, end in pairwise(self._starts[self.n_layers :])
        )

    def views(self, theta: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
        """Return the weights and biases (W, b) of each layer, as views into theta."""
        return list(zip(self.weights(theta), self.biases(theta), strict=True))

    def embedding_parameters(self, theta: FloatArray) -> FloatArray:
        """Return the part of theta that belongs to the embedding, as a view."""
        return theta[self.n_layer_parameters :]

    def pack(
        self,
        weights: Iterable[FloatArray],
        biases: Iterable[FloatArray],
        dtype: DTypeLike,
        embedding: FloatArray | None = None,
    ) -> FloatArray:
        """Return a new theta that holds copies of the given arrays."""
        arrays = [np.ravel(array) for array in (*weights, *biases)]
        if embedding is not None:
            arrays.append(embedding)
        return np.concatenate(arrays).astype(dtype, copy=False)

    def draw(
        self, init: str | Initializer, random_state: RandomState, dtype: DTypeLike
    ) -> FloatArray:
        """Return a new random theta, drawn layer by layer, weights before biases.

        Parameters
        ----------
        init : str or Initializer
            What draws the weights of a layer. What a name stands for may depend on the
            layer's activation; the output layer follows the last hidden layer.

        random_state : RandomState
            The generator.

        dtype : dtype
            float32 or float64.

        Returns
        -------
        theta : ndarray of shape (n_parameters,)
            The parameters.
        """
        activations = [*self.activations, self._last_activation]
        layers = [
            find_initializer(init, activation).draw(fan_in, fan_out, random_state)
            for activation, (fan_in, fan_out) in zip(
                activations, self._weight_shapes, strict=True
            )
        ]
        weights, biases = zip(*layers, strict=True)
        embedding = None
        if self.embedding is not None:
            embedding = self.embedding.draw(random_state, dtype)
        return self.pack(weights, biases, dtype, embedding)

    def parameter_name(self, index: int) -> str:
        """Say which element of `coefs_` or `intercepts_` stands at theta[index]."""
        if index >= self.n_layer_parameters:
            return f"embedding[{index - self.n_layer_parameters}]"
        position = int(np.searchsorted(self._starts, index, side="right")) - 1
        offset = index - self._starts[position]
        if position >= self.n_layers:
            return f"intercepts_[{position - self.n_layers}][{offset}]"
        row, column = divmod(offset, self._weight_shapes[position][1])
        return f"coefs_[{position}][{row}, {column}]"

    def spread_parameters(self, n_wanted: int) -> np.ndarray:
        """Return indices of at most about `n_wanted` parameters, some of each array."""
        if n_wanted >= self.n_parameters:
            return np.arange(self.n_parameters)
        per_array = max(1, n_wanted // (2 * self.n_layers))
        return np.concatenate(
            [
                np.unique(np.linspace(start, stop - 1, per_array).astype(np.intp))
                for start, stop in pairwise(self._starts)
            ]
        )

    def forward(
        self,
        theta: FloatArray,
        X: Matrix,
        workspace: Workspace,
        *,
        with_slopes: bool = False,
        dropout: Dropout | None = None,
    ) -> FloatArray:
        """Compute the raw output for the rows of X, an array of the workspace.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters.

        X : ndarray or CSR array of shape (n_samples, n_inputs)
            The inputs; n_samples is at most the workspace's number of rows.

        workspace : Workspace
            Receives the output of every layer.

        with_slopes : bool, default=False
            Whether to keep f'(z) of the hidden layers as well, for `backward`.

        dropout : Dropout, default=None
            Leaves hidden units out; it needs the slopes.

        Returns
        -------
        raw : ndarray of shape (n_samples, n_outputs)
            The last layer's pre-activation, in Fortran order.
        """
        buffers = workspace.buffers(X.shape[0])
        layer_input = X
        if self.embedding is not None and buffers.embedding is not None:
            layer_input = self.embedding.forward(
                self.embedding_parameters(theta), dense(X), buffers.embedding,
                with_slopes=with_slopes,
            )  # fmt: skip
        last = self.n_layers - 1
        for layer, (weights, biases) in enumerate(workspace.views(theta)):
            output = buffers.outputs[layer]
            _multiply(layer_input, weights, out=output)
            output += biases
            if layer < last and with_slopes:
                self.activations[layer].apply_with_slope(output, buffers.slopes[layer])
                if dropout is not None:
                    dropout.apply(layer, output, buffers.slopes[layer])
            elif layer < last:
                self.activations[layer].apply(output, out=output)
            layer_input = output
        return layer_input

    def backward(
        self,
        theta: FloatArray,
        X: Matrix,
        workspace: Workspace,
        gradient: FloatArray,
    ) -> None:
        """Propagate the delta of the raw output down to every parameter.

        It stands in the workspace, whose hidden outputs are used up on the way.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters of the forward pass.

        X : ndarray or CSR array of shape (n_samples, n_inputs)
            The inputs of the forward pass.

        workspace : Workspace
            Holds the outputs and slopes of the forward pass and the delta of the last
            layer.

        gradient : ndarray of shape (n_parameters,)
            Receives the gradient, in theta's layout.
        """
        buffers = workspace.buffers(X.shape[0])
        layers = workspace.views(theta)
        gradients = workspace.gradient_views(gradient)
        delta = buffers.delta
        memory = buffers.embedding
        for layer in range(self.n_layers - 1, -1, -1):
            if layer > 0:
                layer_input = buffers.outputs[layer - 1]
            else:
                layer_input = X if memory is None else memory.columns
            weight_gradient, bias_gradient = gradients[layer]
            _multiply(layer_input.T, delta, out=weight_gradient)
            buffers.ones.dot(delta, out=bias_gradient)
            if layer > 0:
                # The layer's input was needed for the last time: the delta takes its
                # place.
                delta.dot(layers[layer][0].T, out=layer_input)
                layer_input *= buffers.slopes[layer - 1]
                delta = layer_input
        if self.embedding is not None and memory is not None:
            np.dot(delta, layers[0][0].T, out=memory.columns)
            self.embedding.backward(
                self.embedding_parameters(theta), dense(X), memory,
                self.embedding_parameters(gradient),
            )  # fmt: skip


def dense(X: Matrix) -> FloatArray:
    """Return a matrix as a plain array, itself if it is one."""
    return X if isinstance(X, np.ndarray) else X.toarray()


def _multiply(left: Matrix, right: FloatArray, out: FloatArray) -> None:
    """Write the matrix product into `out`; `left` may be sparse."""
    if not isinstance(left, np.ndarray):
        out[...] = left @ right
    elif out.flags.c_contiguous:
        left.dot(right, out=out)
    else:
        right.T.dot(left.T, out=out.T)


@dataclass(frozen=True)
class Buffers:
    """The intermediate results of the forward and backward pass over a batch.

    Parameters
    ----------
    outputs : list of ndarray of shape (n_samples, size)
        The output of each layer after the input; the last one is the raw output, in
        Fortran order.

    slopes : list of ndarray of shape (n_samples, size)
        The slope of each hidden layer's activation.

    delta : ndarray of shape (n_samples, n_outputs)
        The gradient with respect to the raw output, in Fortran order.

    ones : ndarray of shape (n_samples,)
        Sums over the samples, as a product, which is the fastest way.

    embedding : EmbeddingMemory or None
        What the embedding needs, if there is one.
    """

    outputs: list[FloatArray]
    slopes: list[FloatArray]
    delta: FloatArray
    ones: FloatArray
    embedding: EmbeddingMemory | None


class Workspace:
    """Memory for the forward and backward pass over at most `n_rows` samples.

    It belongs to one computation at a time: each thread makes its own.

    Parameters
    ----------
    network : Network
        The network whose layers it serves.

    n_rows : int
        The largest number of samples at once.

    dtype : dtype
        float32 or float64.
    """

    def __init__(self, network: Network, n_rows: int, dtype: DTypeLike):
        self._network = network
        self.n_rows = n_rows
        *hidden, n_outputs = network.layer_sizes[1:]

        def allocate(size: int) -> FloatArray:
            return np.empty(n_rows * size, dtype)

        self._outputs = [allocate(size) for size in hidden]
        self._slopes = [allocate(size) for size in hidden]
        self._raw, self._delta = allocate(n_outputs), allocate(n_outputs)
        self._ones = np.ones(n_rows, dtype)
        self._dtype = dtype
        self._buffers: dict[int, Buffers] = {}
        self._theta: FloatArray | None = None
        self._gradient: FloatArray | None = None

    def buffers(self, n_samples: int) -> Buffers:
        """Return the memory cut to `n_samples` rows; a fit sees one or two sizes."""
        try:
            return self._buffers[n_samples]
        except KeyError:
            *hidden, n_outputs = self._network.layer_sizes[1:]
            embedding = self._network.embedding

            def cut(memory: FloatArray, size: int, order: Literal["C", "F"]):
                return memory[: n_samples * size].reshape(
                    (n_samples, size), order=order
                )

            outputs = [
                cut(output, size, "C")
                for output, size in zip(self._outputs, hidden, strict=True)
            ]
            buffers = self._buffers[n_samples] = Buffers(
                outputs=[*outputs, cut(self._raw, n_outputs, "F")],
                slopes=[
                    cut(slope, size, "C")
                    for slope, size in zip(self._slopes, hidden, strict=True)
                ],
                delta=cut(self._delta, n_outputs, "F"),
                ones=self._ones[:n_samples],
                embedding=None
                if embedding is None
                else EmbeddingMemory(embedding, n_samples, self._dtype),
            )
            return buffers

    def views(self, theta: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
        """Return `network.views(theta)`, made once as theta changes in place."""
        if self._theta is not theta:
            self._theta = theta
            self._theta_views = self._network.views(theta)
        return self._theta_views

    def gradient_views(
        self, gradient: FloatArray
    ) -> list[tuple[FloatArray, FloatArray]]:
        """Return `network.views(gradient)`, made once for the same gradient."""
        if self._gradient is not gradient:
            self._gradient = gradient
            self._gradient_views = self._network.views(gradient)
        return self._gradient_views
