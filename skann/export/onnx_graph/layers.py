"""The layers of a network, as nodes: a row of a table for each kind.

Of one network the arrays have the shape (n_samples, n_columns). Those of members have
two axes in front: groups, which share their cosines, and the members of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skann.core.layers.beside import Beside
from skann.core.layers.dense import Dense
from skann.core.layers.periodic import Periodic
from skann.core.members import groups_of
from skann.data.scaling import ColumnStatistics
from skann.export.onnx_graph.activations import activate
from skann.export.onnx_graph.graph import Value, concatenate
from skann.export.onnx_graph.scaling import fold
from skann.model import Model


def run_network(
    model: Model,
    inputs: Value,
    numbers: Value | None,
    statistics: ColumnStatistics | None,
) -> Value:
    """Return the raw output of a network, with an axis of members if there are some.

    Parameters
    ----------
    model : Model
        The model.

    inputs : Value of shape (n_samples, n_inputs)
        What the network takes.

    numbers : Value of shape (n_samples, n_numbers) or None
        What has to be finite in X. That of one network, which is not calibrated, is NaN
        where it is not; else it is left to `calibrate`.

    statistics : ColumnStatistics or None
        A scaling that the first layer is to do.
    """
    network, theta = model.network, model.theta
    lead = _axes_of_members(model)
    values: list[list[Any]] = [list(each) for each in network.layout.values(theta)]
    if statistics is not None:
        values[0] = fold(statistics, *values[0])
    if lead:
        values = [
            [array.reshape(*lead, *array.shape[1:]) for array in arrays]
            for arrays in values
        ]
    elif model.offsets is None:
        weights, biases = values[-1]
        values[-1] = [weights, _spoiled(model, biases, numbers, inputs.dtype)]
    output = inputs.add_axes(0, 1) if lead else inputs
    for layer, parameters in zip(network.layers, values, strict=True):
        output = _emitter_of(layer)(layer, parameters, output)
    if lead:
        output = output.reshape(len(theta), -1, network.layer_sizes[-1])
    return output


def refuse_unknown_layers(model: Model) -> None:
    """Refuse a network with a layer that nobody here knows."""
    for layer in model.network.layers:
        _emitter_of(layer)


def _emitter_of(layer: Any) -> Callable[[Any, Sequence[np.ndarray], Value], Value]:
    """Return what writes the nodes of a layer."""
    if type(layer) not in LAYERS:
        raise ValueError(
            f"to_onnx does not know layers of {type(layer).__name__}. Fit without, or "
            "tell it what they compute (skann/export/onnx_graph/layers.py)."
        )
    return LAYERS[type(layer)]


def calibrate(model: Model, raw: Value, numbers: Value | None) -> Value:
    """Return calibrated outputs, which are NaN where X is not finite."""
    is_one = model.theta.ndim == 1
    if model.offsets is None:
        if is_one or numbers is None:
            return raw
        zeros = np.zeros(model.network.layer_sizes[-1])
        return raw + _spoiled(model, zeros, numbers, raw.dtype)
    shift = _spoiled(model, model.offsets, numbers, raw.dtype)
    return raw / model.temperature + shift


def _spoiled(
    model: Model, row: np.ndarray, numbers: Value | None, dtype: DTypeLike
) -> Any:
    """Return a constant row, NaN where numbers are not finite.

    In skann, a prediction for infinity raises an error, and so a run is to fail.
    Activations may make something finite of it, which must not count.
    """
    if numbers is None:
        return row
    architecture = model.architecture
    n_numbers = architecture.layer_sizes[0] - architecture.n_indicators
    zeros = np.zeros((n_numbers, row.size))
    return numbers.affine(zeros, row).astype(dtype)


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
    if weights.ndim == 2:
        z = output.affine(weights, biases)
    else:
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
    embed = _emitter_of(layer.embedding)
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
