"""The forward pass and backpropagation.

A network is just a list of layers: the parameters are passed as one flat vector, theta,
and the intermediate results are stored in a workspace. (A theta with one row per member
represents several networks, which are computed side by side.) In the forward pass, each
layer takes the output of the layer below; the last one stops at the raw output, which
the loss turns into predictions. Backpropagation starts from the gradient of the loss
with respect to the raw output and goes down: each layer converts the gradient with
respect to its output to those of its parameters and its input. Both passes are thus
loops over the layers, whose formulas are in their own modules. For L dense layers, they
amount to

    z_l = a_(l-1) W_l + b_l,        a_l = f_l(z_l),        a_0 = X,

    dJ/dW_l = a_(l-1)^T delta_l,    dJ/db_l = sum over samples of delta_l,
    delta_(l-1) = (delta_l W_l^T) * f_(l-1)'(z_(l-1))

with samples as rows, where delta_l = dJ/dz_l and z_L is the raw output (Rumelhart,
Hinton and Williams, 1986, "Learning representations by back-propagating errors",
equations 4 to 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import DTypeLike

from skann.core.activations import HiddenActivation, find_activation, find_activations
from skann.core.initializers import Initializer
from skann.core.layers.dense import Dense
from skann.core.layers.layer import Arrays, Embedding, Layer, Memory
from skann.core.parameters import ParameterValues, layout_of
from skann.core.types import FloatArray, Generators, Matrix

# The maximum number of rows in a block that is not a minibatch, and the maximum number
# of elements in its widest layer.
_MOST_ROWS = 1000
_MOST_NUMBERS = 1 << 20


class LayerList(list):
    """The arrays of all layers, as views into theta.

    Assigning to an element writes the values into theta, so `coefs_[0] = W` has the
    expected effect, instead of replacing a view that is not used again.
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
    """A feed-forward network without its parameters.

    Parameters
    ----------
    layer_sizes : sequence of int
        The number of inputs, of units of each hidden layer, and of outputs.

    activation : str, HiddenActivation, or a sequence of these
        The activation function of the hidden layers, by name or as an object, or a
        sequence with one for each hidden layer.

    embedding : Embedding, default=None
        The embedding, which converts the inputs to the columns for the first dense
        layer; None for no embedding.

    dropout : float or sequence of float, default=0
        The probability that a unit of each hidden layer is dropped in a step.

    Attributes
    ----------
    layers : list of Layer
        The layers, starting from the input.

    dense_layers : list of Dense
        The last layers of the network, which have weights and biases.

    layout : ParameterLayout
        The layout of theta: all weights, all biases, and then the embedding.

    activations : list of HiddenActivation
        The activation of each hidden layer.

    n_weights : int
        The number of penalised parameters, the weights, which come first in theta.

    n_parameters : int
        The length of theta.

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
        embedding: Embedding[Any] | None = None,
        dropout: float | Sequence[float] = 0.0,
    ):
        self.layer_sizes = tuple(int(size) for size in layer_sizes)
        self.activations = find_activations(activation, len(self.layer_sizes) - 2)
        self.embedding = embedding
        n_columns = self.layer_sizes[0] if embedding is None else embedding.n_out
        self.dense_layers = _make_dense_layers(
            (n_columns, *self.layer_sizes[1:]),
            self.activations,
            activation,
            dropout,
        )
        first: list[Layer[Any]] = [] if embedding is None else [embedding]
        self.layers = [*first, *self.dense_layers]
        self.layout = layout_of(tuple(layer.segments for layer in self.layers))
        self.n_weights = self.layout.penalised.stop
        self.n_parameters = self.layout.n_parameters

    @property
    def n_layers(self) -> int:
        """The number of layers of weights."""
        return len(self.dense_layers)

    @property
    def rows_per_block(self) -> int:
        """The number of rows per block: many, but few enough for the cache.

        It also limits the memory, however wide the layers are.
        """
        widest = max(max(layer.n_in, layer.n_out) for layer in self.layers)
        return max(1, min(_MOST_ROWS, _MOST_NUMBERS // widest))

    # ------------------------------------------------------------------- parameters

    def views(self, theta: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
        """Return the weights and biases (W, b) of each layer, as views into theta."""
        dense = self.layout.views(theta)[-self.n_layers :]
        return [(weights, biases) for weights, biases in dense]

    def weights(self, theta: FloatArray) -> LayerList:
        """Return each layer's weights, of shape (fan_in, fan_out), as views."""
        return LayerList(weights for weights, _ in self.views(theta))

    def biases(self, theta: FloatArray) -> LayerList:
        """Return each layer's biases, of shape (fan_out,), as views."""
        return LayerList(biases for _, biases in self.views(theta))

    def embedding_views(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Return the embedding's part of theta by name: values divided by rates."""
        return self._of_embedding(self.layout.views(theta))

    def embedding_values(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Return the values of the embedding's parameters by name.

        Those with a rate other than 1 are copies.
        """
        return self._of_embedding(self.layout.values(theta))

    def _of_embedding(self, arrays: list[list[FloatArray]]) -> dict[str, FloatArray]:
        """Return the arrays of the embedding by name."""
        if self.embedding is None:
            return {}
        names = [segment.name for segment in self.embedding.segments]
        return dict(zip(names, arrays[0], strict=True))

    def weights_by_input(self, theta: FloatArray) -> list[FloatArray]:
        """Return, for each input, the part of the first weights that it feeds.

        These are copies of shape (n_columns, n_units), where the columns are the input
        itself and the columns that an embedding derives from it.
        """
        weights = self.weights(theta)[0]
        if self.embedding is None:
            return list(weights[:, np.newaxis].copy())
        return self.embedding.weights_by_input(self.layout.values(theta)[0], weights)

    def draw(
        self, init: str | Initializer, random_state: RandomState, dtype: DTypeLike
    ) -> FloatArray:
        """Return a new random theta.

        Dense layers are drawn first, starting from the input, with weights before
        biases; then the embedding.

        Parameters
        ----------
        init : str or Initializer
            The initialiser of the weights. The meaning of a name may depend on the
            activation of the layer; the output layer is drawn like the last hidden
            layer.

        random_state : RandomState
            The generator.

        dtype : dtype
            float32 or float64.

        Returns
        -------
        theta : ndarray of shape (n_parameters,)
            The parameters.
        """
        drawn = {
            number: self.layers[number].draw(init, random_state)
            for number in self.layout.order
        }
        return self.layout.pack([drawn[number] for number in sorted(drawn)], dtype)

    def parameter_name(self, index: int) -> str:
        """Return the name of theta[index], an element of `coefs_` or `intercepts_`."""
        return self.layout.parameter_name(index)

    def absorb_input_change(
        self, theta: FloatArray, shift: np.ndarray, ratio: np.ndarray
    ) -> None:
        """Change theta in place so that inputs x' give the same outputs as x.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters.

        shift, ratio : ndarray of shape (n_inputs,), float64
            x = x' * ratio + shift, column by column.
        """
        if theta.ndim > 1:
            for member in theta:
                self.absorb_input_change(member, shift, ratio)
            return
        change: tuple[np.ndarray, np.ndarray] | None = (shift, ratio)
        for layer, parameters in zip(
            self.layers, self.layout.views(theta), strict=True
        ):
            if change is None or (not change[0].any() and (change[1] == 1).all()):
                return
            change = layer.absorb_input_change(parameters, *change)

    # --------------------------------------------------------------- the two passes

    def forward(
        self,
        theta: FloatArray,
        X: Matrix,
        workspace: Workspace,
        *,
        with_slopes: bool = False,
        generator: Generators | None = None,
    ) -> FloatArray:
        """Compute the raw output for the rows of X, in an array of the workspace.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters.

        X : ndarray or CSR array of shape (n_samples, n_inputs)
            The inputs; n_samples is at most the workspace's number of rows.

        workspace : Workspace
            The workspace, which receives the output of every layer.

        with_slopes : bool, default=False
            Whether to compute f'(z) of the hidden layers as well, for `backward`.

        generator : numpy.random.Generator or sequence of them, default=None
            The generators for dropout, one per member, used if slopes are computed;
            None for no dropout.

        Returns
        -------
        raw : ndarray of shape (n_samples, n_outputs) or (n_members, ...)
            The pre-activation of the last layer, in Fortran order.
        """
        memories = workspace.buffers(X.shape[0]).memories
        values = workspace.values(theta)
        output = X
        for number, layer in enumerate(self.layers):
            output = layer.forward(
                values[number], output, memories[number], with_slopes, generator
            )
        return output

    def backward(
        self,
        theta: FloatArray,
        X: Matrix,
        workspace: Workspace,
        gradient: FloatArray,
    ) -> None:
        """Propagate the delta of the raw output back to all parameters.

        It is stored in the workspace, whose hidden outputs are overwritten.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters of the forward pass.

        X : ndarray or CSR array of shape (n_samples, n_inputs)
            The inputs of the forward pass.

        workspace : Workspace
            The workspace with the outputs and slopes of the forward pass, and the delta
            of the last layer.

        gradient : ndarray of shape (n_parameters,)
            The array to which the gradient is written, in theta's layout.
        """
        buffers = workspace.buffers(X.shape[0])
        memories = buffers.memories
        delta: Any = buffers.delta
        parameters = workspace.values(theta, as_before=True)
        gradients = workspace.gradient_views(gradient)
        for number in range(len(self.layers) - 1, -1, -1):
            delta = self.layers[number].backward(
                parameters[number],
                memories[number - 1].output if number > 0 else X,
                delta,
                memories[number],
                gradients[number],
                number > 0,
            )
        self.layout.multiply_by_rates(gradient)


def rows_of_members(outputs: FloatArray) -> FloatArray:
    """Return the outputs of members as rows, one member after the other.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_outputs) or (n_members, ...)
        Raw outputs or their gradient, as computed by a network.

    Returns
    -------
    rows : ndarray of shape (n_members * n_samples, n_outputs)
        The same memory, in Fortran order.
    """
    if outputs.ndim == 2:
        return outputs
    return outputs.transpose(2, 0, 1).reshape(outputs.shape[2], -1).T


def _make_dense_layers(
    widths: Sequence[int],
    activations: Sequence[HiddenActivation],
    activation: str | HiddenActivation | Iterable[str | HiddenActivation],
    dropout: float | Sequence[float],
) -> list[Dense]:
    """Return hidden layers with these activations, and an output layer without one."""
    # The output layer is initialised like the last hidden layer. Without hidden layers,
    # it is initialised for the given activation, although that is not used, as in
    # scikit-learn's MLP.
    if activations:
        last = activations[-1]
    elif isinstance(activation, str | HiddenActivation):
        last = find_activation(activation)
    else:
        last = find_activation("identity")
    if isinstance(dropout, int | float):
        dropout = [dropout] * len(activations)
    *hidden, output = pairwise(widths)
    layers = [
        Dense(n_in, n_out, activation, dropout=rate)
        for (n_in, n_out), activation, rate in zip(
            hidden, activations, dropout, strict=True
        )
    ]
    return [*layers, Dense(*output, init_like=last)]


@dataclass(frozen=True)
class Buffers:
    """The intermediate results of the forward and backward pass over a batch.

    Parameters
    ----------
    memories : list of Memory
        The results of each layer.

    delta : ndarray of the shape of the raw output
        The gradient with respect to the raw output, in Fortran order.
    """

    memories: list[Memory]
    delta: FloatArray


class Workspace:
    """Memory for the forward and backward pass over at most `n_rows` samples.

    It can be used for one computation at a time: each thread needs its own.

    Parameters
    ----------
    network : Network
        The network.

    n_rows : int
        The maximum number of samples.

    dtype : dtype
        float32 or float64.

    members : tuple of int, default=()
        The additional first axis of theta, (n_members,); () for a single network.

    keep : bool, default=False
        Whether each layer stores copies of its values: `memories[l].kept` of the
        buffers contains its "input", "pre_activation" and "activation" and, after the
        backward pass, its "delta", the gradient with respect to the pre-activation.

    Examples
    --------
    >>> import numpy as np
    >>> from skann.core.network import Network, Workspace
    >>> network = Network([1, 1, 1], "relu")
    >>> workspace = Workspace(network, 2, np.float64, keep=True)
    >>> X, theta = np.array([[1.0], [-1.0]]), np.array([3.0, 1.0, 0.5, 0.0])
    >>> raw = network.forward(theta, X, workspace)
    >>> hidden, output = workspace.buffers(2).memories
    >>> hidden.kept["pre_activation"].ravel(), hidden.kept["activation"].ravel()
    (array([ 3.5, -2.5]), array([3.5, 0. ]))
    """

    def __init__(
        self,
        network: Network,
        n_rows: int,
        dtype: DTypeLike,
        members: tuple[int, ...] = (),
        *,
        keep: bool = False,
    ):
        self.n_rows = n_rows
        self._members = members
        self._network = network
        self._keep = keep
        self._arrays = [Arrays(dtype) for _ in network.layers]
        self._own = Arrays(dtype)
        self._buffers: dict[int, Buffers] = {}
        self._values: ParameterValues | None = None
        self._gradient: FloatArray | None = None
        self.buffers(n_rows)  # the memory for fewer rows is a part of this

    def buffers(self, n_samples: int) -> Buffers:
        """Return the memory for `n_samples` rows; a fit has only one or two sizes."""
        try:
            return self._buffers[n_samples]
        except KeyError:
            network = self._network
            members = self._members
            memories = [
                layer.memory(n_samples, arrays, members, keep=self._keep)
                for layer, arrays in zip(network.layers, self._arrays, strict=True)
            ]
            shape = (*members, n_samples, network.layer_sizes[-1])
            delta = self._own.cut_by_output("delta", shape)
            buffers = self._buffers[n_samples] = Buffers(memories, delta)
            return buffers

    def values(
        self, theta: FloatArray, *, as_before: bool = False
    ) -> list[list[FloatArray]]:
        """Return the values of each layer's parameters.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters. The arrays are created once, since theta changes in place.

        as_before : bool, default=False
            Whether theta is unchanged since the last call.

        Returns
        -------
        values : list of list of ndarray
            The value of each segment of each layer.
        """
        values = self._values
        if values is None or values.theta is not theta:
            values = self._values = ParameterValues(self._network.layout, theta)
        elif not as_before:
            for part, rate, out in values.rated:
                np.multiply(part, rate, out=out)
        return values.layers

    def gradient_views(self, gradient: FloatArray) -> list[list[FloatArray]]:
        """Return the parts of a gradient, created once for the same array."""
        if self._gradient is not gradient:
            self._gradient = gradient
            self._gradient_views = self._network.layout.views(gradient)
        return self._gradient_views
