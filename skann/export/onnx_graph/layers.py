"""The layers of a network as nodes, in a table of the kinds of layers.

For one network, the arrays have the shape (n_samples, n_columns). For an ensemble, they
have two more axes in front: groups, which share their cosines, and the members of each
group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skann.core.layers.beside import Beside, Plain
from skann.core.layers.categories import CODE_STEP, Categories
from skann.core.layers.dense import Dense
from skann.core.layers.periodic import Periodic
from skann.core.layers.recent import Recent
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
    """Return the raw output of a network, with an axis of members for an ensemble.

    Parameters
    ----------
    model : Model
        The model.

    inputs : Value of shape (n_samples, n_inputs)
        The inputs of the network.

    numbers : Value of shape (n_samples, n_numbers) or None
        The values in X that have to be finite. If they are not, the output of a single,
        uncalibrated network is NaN; in all other cases, this is left to `calibrate`.

    statistics : ColumnStatistics or None
        A scaling to fold into the first layer.
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
    """Raise an error for a network with an unknown layer."""
    for layer in model.network.layers:
        _emitter_of(layer)


def _emitter_of(layer: Any) -> Callable[[Any, Sequence[np.ndarray], Value], Value]:
    """Return the function that writes the nodes of a layer."""
    if type(layer) not in LAYERS:
        raise ValueError(
            f"to_onnx does not support {type(layer).__name__} layers. Fit without "
            "them, or add them to skann/export/onnx_graph/layers.py."
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

    In skann, a prediction for infinite inputs raises an error, so the run must fail. An
    activation might otherwise turn infinity into a finite number.
    """
    if numbers is None:
        return row
    architecture = model.architecture
    n_numbers = architecture.layer_sizes[0] - architecture.n_indicators
    zeros = np.zeros((n_numbers, row.size))
    return numbers.affine(zeros, row).astype(dtype)


def _axes_of_members(model: Model) -> tuple[int, ...]:
    """Return the number of groups and of members per group; () for one network.

    If the last group is smaller than the others, each member is a group.
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
    """Return the columns and their cosines, or those of their ranks."""
    if parameters[0].ndim > 1:  # equal within a group
        parameters = [array[:, :1] for array in parameters]
    factors, frequencies, phases = parameters
    n_in, lead = layer.n_in, factors.shape[:-1]
    # The cells are followed by their ranks, if these are used.
    cells, ranks = output.last(np.arange(n_in)), output.last(np.arange(-n_in, 0))
    slopes = frequencies * factors[..., np.newaxis, :]
    angles = concatenate([ranks] * layer.n_frequencies, axis=-1)
    angles = angles * slopes.reshape(*lead, 1, -1) + phases.reshape(*lead, 1, -1)
    return concatenate([cells * factors[..., np.newaxis, :], angles.cos()], axis=-1)


def _beside(layer: Beside, parameters: Sequence[np.ndarray], output: Value) -> Value:
    """Return the first columns, and the embedding of the others."""
    embed = _emitter_of(layer.embedding)
    plain = output.last(np.arange(layer.n_plain))
    embedded = embed(layer.embedding, parameters, output.from_column(layer.n_plain))
    return concatenate([_of_each_group(plain, parameters), embedded], axis=-1)


def _recent(layer: Recent, parameters: Sequence[np.ndarray], output: Value) -> Value:
    """Return the embedding of the cells, and the cells scaled by recent rows."""
    embed = _emitter_of(layer.embedding)
    cells = output.last(np.arange(layer.n_in))
    recent = output.last(np.arange(-layer.n_in, 0))
    embedded = embed(layer.embedding, parameters, cells)
    return concatenate([embedded, _of_each_group(recent, parameters)], axis=-1)


def _of_each_group(plain: Value, parameters: Sequence[np.ndarray]) -> Value:
    """Return unchanged columns, repeated for each group of members."""
    if parameters and parameters[0].ndim > 1:
        return plain.repeated(len(parameters[0]), 1, 1, 1)
    return plain


def _plain(layer: Plain, parameters: Sequence[np.ndarray], output: Value) -> Value:
    """Return the columns unchanged."""
    return output


def _categories(
    layer: Categories, parameters: Sequence[np.ndarray], output: Value
) -> Value:
    """Return the vectors of the categories, and the embedding of other columns."""
    n_tables = len(layer.n_levels)
    parts = []
    for number, table in enumerate(parameters[:n_tables]):
        codes = output.last([number]).reshape(-1) * (1 / CODE_STEP)
        parts.append(codes.astype(np.int64).elements_of(table, output.dtype, axis=-2))
    if layer.rest.n_out:
        embed, others = _emitter_of(layer.rest), output.from_column(n_tables)
        rest = embed(layer.rest, parameters[n_tables:], others)
        lead = parameters[0].shape[:-2]
        if lead:  # each member has its own vectors, but may share the rest
            rest = rest.repeated(*lead, 1, 1)
        parts.append(rest)
    return concatenate(parts, axis=-1)


# Functions that apply each kind of layer to an input, given its parameters.
LAYERS: dict[type, Callable[[Any, Sequence[np.ndarray], Value], Value]] = {
    Beside: _beside,
    Categories: _categories,
    Dense: _dense,
    Periodic: _periodic,
    Plain: _plain,
    Recent: _recent,
}
