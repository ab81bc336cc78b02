"""A diagram of a network, with the numbers that flow through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from skann.core.layers.categories import vector_size
from skann.core.types import FloatArray
from skann.data.columns import has_vectors
from skann.estimators.fitted import model_of, single_model_of
from skann.inspection.axes import Display
from skann.inspection.network_drawing import draw_network, figure_size
from skann.inspection.network_stages import (
    ColumnInputs,
    LayerNumbers,
    grouped_levels,
    make_stages,
)
from skann.inspection.trace import forward_layers, trace_backprop


class NetworkDiagramDisplay(Display):
    """A network as nodes and edges, with its weights and the values of a sample.

    Create it with `from_estimator`. Names are shown beside the inputs and outputs; a
    name like ``"$x_1$"`` is typeset as a formula. If the columns have categories,
    missing values or cosines, the diagram shows the columns first, and then the network
    inputs derived from each of them. For an ensemble, it shows the first network and
    the averaging of all.

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
        Additional text for the legend.

    columns : list of ColumnInputs, default=None
        The columns of the table, with the inputs derived from each of them; None if the
        columns are the inputs.

    n_members : int, default=1
        The number of networks that are averaged.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.

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
        columns: list[ColumnInputs] | None = None,
        n_members: int = 1,
    ):
        self.layers = layers
        self.names = names
        self.titles = titles
        self.inputs = inputs
        self.title = title
        self.note = note
        self.columns = columns
        self.n_members = n_members

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
            A fitted or partially fitted estimator. Its weights are those for scaled
            data.

        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            The samples to pass through the network, preferably a single one. For
            several samples, the nodes show the mean. If None, only the weights are
            shown.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The targets of these samples. If given, the derivatives of the objective
            with respect to the pre-activations (summed over the samples), the weights
            and the biases are shown.

        feature_names : sequence of str, default=None
            The names of the columns of X. If None, the column names seen during `fit`
            or, without names, x1, x2, ...

        output_names : sequence of str, default=None
            The names of the outputs. If None, the class labels or, for regression, y.

        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : NetworkDiagramDisplay
            The plotted display.

        Raises
        ------
        NotFittedError
            If the estimator has no parameters yet.

        ValueError
            If y is given without X, if X or y do not match the estimator, if there are
            too few or too many names, or if X is given for an ensemble (use `member` to
            select one network).
        """
        n_members = model_of(estimator).architecture.n_members
        if X is None and y is not None:
            raise ValueError("y was passed without X. Pass both, X alone or neither.")
        if X is None and n_members > 1:
            estimator = estimator.member(0)
        model = single_model_of(estimator)
        sizes = [len(estimator.coefs_[0]), *(b.size for b in estimator.intercepts_)]
        of_features = _feature_names(estimator, feature_names)
        columns = _columns_of(model, of_features)
        names = [
            _names_of_inputs(model, of_features),
            *_hidden_names(sizes[1:-1]),
            _output_names(estimator, output_names, sizes[-1]),
        ]
        layers, inputs, n_samples, loss = _numbers_of(estimator, X, y)
        title = "The weights of" if inputs is None else f"{_who(n_samples)} in"
        title += f" a {'-'.join(map(str, sizes))} network"
        if n_members > 1:
            title += f", the first of {n_members}"
        if loss is not None:
            title += f": loss J = {loss:.3g}"
        titles = ["input", *_hidden_titles(estimator, len(sizes) - 2)]
        titles.append(f"output: {estimator.out_activation_}")
        # The numbers are those inside the network.
        scaled = model.inputs is not None or model.targets is not None
        notes = ["numbers of scaled data"] * scaled
        if loss is not None and n_samples > 1:
            notes.append("δ and derivatives of the mean of the losses")
        return cls(
            layers, names, titles, inputs=inputs, title=title, note="; ".join(notes),
            columns=columns, n_members=n_members,
        ).plot(ax)  # fmt: skip

    def plot(self, ax: Any = None) -> Self:
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : NetworkDiagramDisplay
            The display.
        """
        draw_network(self._take_axes(ax, figure_size(make_stages(self))), self)
        return self


def _numbers_of(estimator, X, y):
    """Return the numbers of the layers and the inputs, the number of samples, and J.

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


def _feature_names(estimator, feature_names):
    """Return the names of the columns of X."""
    n_features = estimator.n_features_in_
    if feature_names is None:
        known = getattr(estimator, "feature_names_in_", None)
        if known is not None:
            return list(known)
        return [f"x{number}" for number in range(1, n_features + 1)]
    return _checked(feature_names, "feature_names", n_features, "inputs")


def _columns_of(model, names):
    """Return the inputs derived from each column; None if these are the columns."""
    table, n_cosines = model.columns, model.architecture.n_cosines
    is_doubled = _is_doubled(model)
    if table is None and n_cosines == 0 and not is_doubled:
        return None
    parts: list[list[tuple[str, list[int]]]] = [[] for _ in names]
    numeric, marked, next_input = list(range(len(names))), [], 0
    if table is not None:
        categorical = np.flatnonzero(table.is_categorical).tolist()
        for j, levels in zip(categorical, table.levels, strict=True):
            if has_vectors(levels):  # which come first
                stop = next_input + vector_size(len(levels))
                parts[j].append(("vector", list(range(next_input, stop))))
                next_input = stop
        for j, levels, shares in zip(
            categorical, table.levels, table.indicators, strict=True
        ):
            of_column = list(range(next_input, next_input + shares.shape[1]))
            labels = [*map(str, levels), "infrequent"]
            if len(of_column) == 1:  # the larger one of two
                labels = [labels[int(np.argmax(shares[:, 0]))]]
            labels = labels[: len(of_column)]
            if labels:
                parts[j] += grouped_levels(of_column, labels)
            next_input += len(of_column)
        numeric = np.flatnonzero(~table.is_categorical).tolist()
        marked = [numeric[k] for k in np.flatnonzero(table.is_marked)]
    for number, j in enumerate(marked):
        parts[j].append(("is missing", [next_input + number]))
    next_input += len(marked)
    is_scaled = "scaled" if model.inputs is not None else "as it is"
    for number, j in enumerate(numeric):
        parts[j].insert(0, (is_scaled, [next_input + number]))
        cosines = [
            next_input + number + len(numeric) * k for k in range(1, n_cosines + 1)
        ]
        if cosines:
            label = "1 cosine" if len(cosines) == 1 else f"{len(cosines)} cosines"
            parts[j].append((label, cosines))
        if is_doubled:
            recent = next_input + number + len(numeric) * (1 + n_cosines)
            parts[j].append(("by recent rows", [recent]))
    return [
        ColumnInputs(name, inputs) for name, inputs in zip(names, parts, strict=True)
    ]


def _names_of_inputs(model, names):
    """Return a name for each input of the network, in its order."""
    architecture = model.architecture
    if model.columns is not None:
        names = model.columns.names(names)
    numbers = names[architecture.n_indicators :]
    cosines = range(1, architecture.n_cosines + 1)
    sizes = [vector_size(n_levels) for n_levels in architecture.n_levels]
    vectors = [
        f"{name}, {k}"
        for name, size in zip(names, sizes, strict=False)  # which come first
        for k in range(1, size + 1)
    ]
    of_cosines = [f"cosine {k} of {name}" for k in cosines for name in numbers]
    of_recent = [f"{name} by recent rows" for name in numbers * _is_doubled(model)]
    return [*vectors, *names[len(sizes) :], *of_cosines, *of_recent]


def _is_doubled(model):
    """Return whether numeric columns are also scaled by recent rows."""
    return model.inputs is not None and model.inputs.recent is not None


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
    """Return names as a list, after checking that there is one for each node."""
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
