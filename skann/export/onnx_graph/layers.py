"""The layers of a network, as nodes: a row of a table for each kind.

Of one network the arrays have the shape (n_samples, n_columns). Those of members have
two axes in front: groups, which share their cosines, and the members of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skann.core.layers.beside import Beside
from skann.core.layers.dense import Dense
from skann.core.layers.periodic import Periodic
from skann.core.members import groups_of
from skann.export.onnx_graph.activations import activate
from skann.export.onnx_graph.graph import Value, concatenate
from skann.model import Model


def run_network(model: Model, scaled: Value) -> Value:
    """Return the raw output of a network, with an axis of members if there are some."""
    network, theta = model.network, model.theta
    lead = _axes_of_members(model)
    values = network.layout.values(theta)
    output = scaled if not lead else scaled.add_axes(0, 1)
    for layer, parameters in zip(network.layers, values, strict=True):
        emit = LAYERS.get(type(layer))
        if emit is None:
            raise ValueError(f"to_onnx does not know layers of {type(layer).__name__}.")
        in_groups = [
            array.reshape(*lead, *array.shape[1:]) if lead else array
            for array in parameters
        ]
        output = emit(layer, in_groups, output)
    if lead:
        output = output.reshape(len(theta), -1, network.layer_sizes[-1])
    return output


def _axes_of_members(model: Model) -> tuple[int, ...]:
    """Return the numbers of groups and of members in each; () for one network.

    Where the last group is smaller, each member is a group.
    """
    if model.theta.ndim == 1:
        return ()
    groups = groups_of(len(model.theta))
    if len({len(group) for group in groups}) > 1:
        return len(model.theta), 1
    return len(groups), len(groups[0])


def _dense(layer: Dense, parameters: Sequence[np.ndarray], output: Value) -> Value:
    """Return f(a W + b)."""
    weights, biases = parameters
    z = output @ weights + biases[..., np.newaxis, :]
    return z if layer.activation is None else activate(z, layer.activation)


def _periodic(
    layer: Periodic, parameters: Sequence[np.ndarray], output: Value
) -> Value:
    """Return the columns and the cosines of them, or of their ranks."""
    if parameters[0].ndim > 1:  # equal within a group
        parameters = [array[:, :1] for array in parameters]
    factors, frequencies, phases = parameters
    n_in, lead = layer.n_in, factors.shape[:-1]
    # Beside the cells stand their ranks, if there are any.
    cells, ranks = output.last(np.arange(n_in)), output.last(np.arange(-n_in, 0))
    slopes = frequencies * factors[..., np.newaxis, :]
    angles = concatenate([ranks] * layer.n_frequencies, axis=-1)
    angles = angles * slopes.reshape(*lead, 1, -1) + phases.reshape(*lead, 1, -1)
    return concatenate([cells * factors[..., np.newaxis, :], angles.cos()], axis=-1)


def _beside(layer: Beside, parameters: Sequence[np.ndarray], output: Value) -> Value:
    """Return the first columns, and what the embedding makes of the others."""
    embed = LAYERS[type(layer.embedding)]
    plain = output.last(np.arange(layer.n_plain))
    embedded = embed(layer.embedding, parameters, output.from_column(layer.n_plain))
    if parameters[0].ndim > 1:  # one for each group, of which there may be several
        plain = plain.repeated(len(parameters[0]), 1, 1, 1)
    return concatenate([plain, embedded], axis=-1)


# What each kind of layer makes of its input, given the values of its segments.
LAYERS: dict[type, Callable[[Any, Sequence[np.ndarray], Value], Value]] = {
    Beside: _beside,
    Dense: _dense,
    Periodic: _periodic,
}
