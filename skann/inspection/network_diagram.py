"""A picture of a network, with the numbers that flow through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from skann.core.types import FloatArray
from skann.estimators.fitted import model_of, single_model_of
from skann.estimators.learned import input_names
from skann.inspection.axes import Display
from skann.inspection.network_drawing import LayerNumbers, draw_network, figure_size
from skann.inspection.trace import forward_layers, trace_backprop


class NetworkDiagramDisplay(Display):
    """A network as nodes and edges, with its weights and what a sample does there.

    Make it with `from_estimator`.

    Parameters
    ----------
    layers : list of LayerNumbers
        The layers of weights, from the input up.

    names : list of list of str
        The name of each node of each layer, the input first.

    titles : list of str
        The title of each layer, the input first.

    inputs : ndarray of shape (n_features,), default=None
        The values of the input nodes.

    title : str, default=""
        The title of the picture.

    note : str, default=""
        What else the legend says.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skann import BackpropRegressor
    >>> from skann.inspection import NetworkDiagramDisplay
    >>> X, y = [[0.5, 0.2, 0.7]], [0.3]
    >>> regressor = BackpropRegressor((2,), "logistic", scaling=None, random_state=0)
    >>> regressor = regressor.partial_fit(X, y)
    >>> display = NetworkDiagramDisplay.from_estimator(regressor, X, y)
    >>> display.titles
    ['input', 'hidden layer: logistic', 'output: identity']
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        layers: list[LayerNumbers],
        names: list[list[str]],
        titles: list[str],
        *,
        inputs: FloatArray | None = None,
        title: str = "",
        note: str = "",
    ):
        self.layers = layers
        self.names = names
        self.titles = titles
        self.inputs = inputs
        self.title = title
        self.note = note

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        feature_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the network of an estimator.

        Parameters
        ----------
        estimator : BackpropClassifier or BackpropRegressor
            A fitted or partially fitted estimator. Its weights belong to scaled data.

        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Samples, preferably a single one, that go through the network: of several,
            nodes show the mean. None shows the weights alone.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets, for the derivatives of the objective of these samples with
            respect to the pre-activations (summed over the samples), the weights and
            the biases.

        feature_names : sequence of str, default=None
            The names of the inputs; None takes those of the columns that the estimator
            was fitted to, or x1, x2, ...

        output_names : sequence of str, default=None
            The names of the outputs; None takes the classes, or y.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : NetworkDiagramDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator has no parameters yet.

        ValueError
            If y is given without X, they do not fit the estimator, or there
            are too few or too many names.
        """
        model = single_model_of(estimator)
        if X is None and y is not None:
            raise ValueError("y says nothing without X: give both, or X alone.")
        sizes = [len(estimator.coefs_[0]), *(b.size for b in estimator.intercepts_)]
        names = [
            _feature_names(estimator, feature_names, sizes[0]),
            *_hidden_names(sizes[1:-1]),
            _output_names(estimator, output_names, sizes[-1]),
        ]
        layers, inputs, n_samples, loss = _numbers_of(estimator, X, y)
        title = "The weights of" if inputs is None else f"{_who(n_samples)} in"
        title += f" a {'-'.join(map(str, sizes))} network"
        if loss is not None:
            title += f": loss J = {loss:.3g}"
        titles = ["input", *_hidden_titles(estimator, len(sizes) - 2)]
        titles.append(f"output: {estimator.out_activation_}")
        # The numbers are those of the network itself.
        scaled = model.inputs is not None or model.targets is not None
        notes = ["numbers of scaled data"] * scaled
        if loss is not None and n_samples > 1:
            notes.append("δ and derivatives of the mean of the losses")
        return cls(
            layers, names, titles, inputs=inputs, title=title, note="; ".join(notes)
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : NetworkDiagramDisplay
            The display.
        """
        draw_network(self._take_axes(ax, figure_size(self.names)), self)
        return self


def _numbers_of(estimator, X, y):
    """Return the numbers of the layers and of the inputs, of how many samples, and J.

    Without X there are no inputs, and without y there is no J.
    """
    if y is not None:
        trace = trace_backprop(estimator, X, y)
        layers = [
            LayerNumbers(
                layer.weights, layer.biases, layer.activation.mean(axis=0),
                layer.bias_gradient, layer.weight_gradient,
            )
            for layer in trace.layers
        ]  # fmt: skip
        inputs = trace.layers[0].input.mean(axis=0)
        return layers, inputs, len(trace.target), trace.loss
    arrays = zip(estimator.coefs_, estimator.intercepts_, strict=True)
    layers = [LayerNumbers(weights, biases) for weights, biases in arrays]
    if X is None:
        return layers, None, 0, None
    forward = forward_layers(estimator, X)
    layers = [
        replace(layer, activation=activation.mean(axis=0))
        for layer, (_, _, activation) in zip(layers, forward, strict=True)
    ]
    inputs = forward[0][0]
    return layers, inputs.mean(axis=0), len(inputs), None


def _who(n_samples):
    return "One sample" if n_samples == 1 else f"The mean of {n_samples} samples"


def _feature_names(estimator, feature_names, n_inputs):
    if feature_names is None:
        names = input_names(estimator, 1)
        if n_inputs != len(names):
            return [f"c{number}" for number in range(1, n_inputs + 1)]
        return names
    return _checked(feature_names, "feature_names", n_inputs, "inputs")


def _hidden_names(sizes):
    several = len(sizes) > 1
    return [
        [f"h{layer},{unit}" if several else f"h{unit}" for unit in range(1, size + 1)]
        for layer, size in enumerate(sizes, start=1)
    ]


def _output_names(estimator, output_names, n_outputs):
    if output_names is None:
        if is_classifier(estimator):
            classes = [str(label) for label in estimator.classes_]
            return classes if len(classes) == n_outputs else [f"p({classes[-1]})"]
        return ["y"] if n_outputs == 1 else [f"y{k}" for k in range(1, n_outputs + 1)]
    return _checked(output_names, "output_names", n_outputs, "outputs")


def _checked(names, parameter, n_nodes, nodes):
    """Return names as a list, if there are as many as nodes."""
    if len(names) != n_nodes:
        raise ValueError(
            f"{parameter} has {len(names)} names, but there are {n_nodes} {nodes}."
        )
    return list(names)


def _hidden_titles(estimator, n_hidden):
    activations = model_of(estimator).architecture.hidden_activations()
    return [
        f"hidden layer{f' {number}' if n_hidden > 1 else ''}: "
        f"{layer if isinstance(layer, str) else type(layer).__name__}"
        for number, layer in enumerate(activations, start=1)
    ]
