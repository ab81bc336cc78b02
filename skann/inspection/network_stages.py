"""The elements of a network diagram: stages of nodes, and edges between them.

The stages are the inputs and the layers. There are also stages for the columns of a
table, if the network inputs are derived from them, and for the mean of several
networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from skann.core.types import FloatArray

if TYPE_CHECKING:
    from skann.inspection.network_diagram import NetworkDiagramDisplay

# Of larger layers and tables, only the first and last nodes are drawn.
_MOST_UNITS, _FIRST, _LAST = 10, 5, 3
_MOST_COLUMNS, _FIRST_COLUMNS, _LAST_COLUMNS = 6, 3, 2

# More inputs of the same kind, derived from one column, share one node.
_MOST_LEVELS = 2


@dataclass(frozen=True)
class LayerNumbers:
    """The numbers of one layer of weights in the diagram.

    Parameters
    ----------
    weights : ndarray of shape (fan_in, fan_out)
        The weights, shown on the edges that lead to the layer.

    biases : ndarray of shape (fan_out,)
        The biases, shown below the nodes.

    activation : ndarray of shape (fan_out,), default=None
        The activations, shown in the nodes.

    delta : ndarray of shape (fan_out,), default=None
        dJ/dz, which equals dJ/db, shown below the nodes.

    weight_gradient : ndarray of shape (fan_in, fan_out), default=None
        dJ/dw, shown on the edges.
    """

    weights: FloatArray
    biases: FloatArray
    activation: FloatArray | None = None
    delta: FloatArray | None = None
    weight_gradient: FloatArray | None = None


@dataclass(frozen=True)
class ColumnInputs:
    """The network inputs derived from one column of a table.

    Parameters
    ----------
    name : str
        The name of the column.

    inputs : list of (str, list of int)
        The name of each kind of input, and the indices of its inputs.
    """

    name: str
    inputs: list[tuple[str, list[int]]]


@dataclass(frozen=True)
class Node:
    """A node of the diagram.

    Parameters
    ----------
    name : str
        The name of the node.

    units : tuple of int
        The units of the layer that the node stands for, usually one.

    value : float, default=None
        The value shown in the node.

    below : str, default=""
        The text shown below the node.
    """

    name: str
    units: tuple[int, ...]
    value: float | None = None
    below: str = ""


@dataclass(frozen=True)
class Stage:
    """A column of nodes in the diagram.

    Parameters
    ----------
    title : str
        The title above the nodes.

    nodes : list of Node or None
        The nodes, from top to bottom; None stands for omitted nodes.

    names : {"left", "inside", "right"}
        Where the names of the nodes are shown.

    of_members : bool, default=False
        Whether each member of the ensemble has such a stage.

    is_table : bool, default=False
        Whether the nodes are the columns of a table.
    """

    title: str
    nodes: list[Node | None]
    names: Literal["left", "inside", "right"]
    of_members: bool = False
    is_table: bool = False


@dataclass(frozen=True)
class Edge:
    """An edge from a node of one stage to a node of the next stage.

    Parameters
    ----------
    stage : int
        The index of the stage where the edge starts.

    start, end : int
        The positions of the two nodes in their stages.

    weight : float, default=0
        The weight of the edge, or the root mean square of several weights.

    gradient : float, default=None
        The derivative with respect to the weight.

    is_weight : bool, default=True
        Whether the edge has a weight.

    is_neutral : bool, default=False
        Whether the edge has no weight, or more than one.
    """

    stage: int
    start: int
    end: int
    weight: float = 0.0
    gradient: float | None = None
    is_weight: bool = True
    is_neutral: bool = False


def make_stages(diagram: NetworkDiagramDisplay) -> list[Stage]:
    """Return the stages of a diagram, from left to right."""
    names, titles = diagram.names, diagram.titles
    stages = []
    if diagram.columns is None:
        nodes: list[Node | None] = [
            None
            if unit is None
            else Node(names[0][unit], (unit,), _at(diagram.inputs, unit))
            for unit in _shown(len(names[0]))
        ]
        stages.append(Stage(_title(titles[0], len(names[0])), nodes, "left"))
    else:
        stages += _stages_of_table(diagram.columns, titles[0], diagram.inputs)
    has_mean = diagram.n_members > 1
    for number, layer in enumerate(diagram.layers, start=1):
        of_layer = names[number]
        is_last = number == len(diagram.layers)
        stages.append(
            Stage(
                _title(titles[number], len(of_layer)),
                [
                    None if unit is None else _node_of(layer, unit, of_layer[unit])
                    for unit in _shown(len(of_layer))
                ],
                "right" if is_last and not has_mean else "inside",
                of_members=True,
            )
        )
    if has_mean:
        outputs = [
            None if unit is None else Node(names[-1][unit], (unit,))
            for unit in _shown(len(names[-1]))
        ]
        title = f"mean of\n{diagram.n_members} members"
        stages[-1] = _nameless(stages[-1])
        stages.append(Stage(title, outputs, "right"))
    return stages


def make_edges(
    diagram: NetworkDiagramDisplay, stages: Sequence[Stage]
) -> Iterator[Edge]:
    """Yield the edges of a diagram, given its stages from `make_stages`."""
    first = 0
    if diagram.columns is not None:
        first = 1
        for start, column in _nodes(stages[0]):
            for end, node in _nodes(stages[1]):
                if set(node.units) <= set(column.units):
                    yield Edge(0, start, end, is_weight=False, is_neutral=True)
    for number, layer in enumerate(diagram.layers, start=first):
        for start, below in _nodes(stages[number]):
            for end, above in _nodes(stages[number + 1]):
                rows, unit = list(below.units), above.units[0]
                weights, gradients = layer.weights[rows, unit], layer.weight_gradient
                if len(rows) > 1:
                    size = float(np.sqrt(np.mean(weights**2)))
                    yield Edge(number, start, end, size, is_neutral=True)
                    continue
                gradient = None if gradients is None else gradients[rows[0], unit]
                yield Edge(number, start, end, weights[0], gradient)
    if diagram.n_members > 1:
        last = len(stages) - 2
        for place, _ in _nodes(stages[last]):
            yield Edge(last, place, place, is_weight=False, is_neutral=True)


def _stages_of_table(columns, title, values):
    """Return the stages of the columns of a table, and of the derived inputs."""
    shown: list[int | None] = list(range(len(columns)))
    if len(columns) > _MOST_COLUMNS:
        last = shown[-_LAST_COLUMNS:]
        shown = [*shown[:_FIRST_COLUMNS], None, *last]
    of_table: list[Node | None] = []
    inputs: list[Node | None] = []
    for number in shown:
        if number is None:
            of_table.append(None)
            inputs.append(None)
            continue
        column = columns[number]
        units = tuple(unit for _, part in column.inputs for unit in part)
        of_table.append(Node(column.name, units))
        inputs += [
            Node(
                name,
                tuple(part),
                _at(values, part[0]) if len(part) == 1 else None,
            )
            for name, part in column.inputs
        ]
    n_inputs = sum(len(part) for column in columns for _, part in column.inputs)
    # Each node of a table stands for one column.
    count = "1 column" if len(columns) == 1 else f"{len(columns)} columns"
    return [
        Stage(f"X\n({count})", of_table, "left", is_table=True),
        Stage(_title(title, n_inputs), inputs, "left"),
    ]


def grouped_levels(
    numbers: Sequence[int], labels: Sequence[str]
) -> list[tuple[str, list[int]]]:
    """Return the inputs of a categorical column, individually or as one group."""
    if len(numbers) <= _MOST_LEVELS:
        return [
            (f"= {label}", [number])
            for label, number in zip(labels, numbers, strict=True)
        ]
    return [(f"{len(numbers)} indicators", list(numbers))]


def _nodes(stage):
    """Yield the position of each node in a stage, and the node."""
    for place, node in enumerate(stage.nodes):
        if node is not None:
            yield place, node


def _nameless(stage):
    nodes = [
        None if node is None else Node("", node.units, node.value, node.below)
        for node in stage.nodes
    ]
    return Stage(stage.title, nodes, stage.names, of_members=stage.of_members)


def _node_of(layer, unit, name):
    """Return a node of a layer, with its bias and its derivative below it."""
    below = f"b {layer.biases[unit]:.2g}"
    if layer.delta is not None:
        below += f"\nδ {layer.delta[unit]:.2g}"
    return Node(name, (unit,), _at(layer.activation, unit), below)


def _at(values, unit):
    return None if values is None else float(values[unit])


def _title(title, n_units):
    units = "1 unit" if n_units == 1 else f"{n_units} units"
    return title.replace(": ", ":\n") + f"\n({units})"


def _shown(n_units: int) -> list[int | None]:
    """Return the indices of the units of a layer to draw; None for omitted ones."""
    if n_units <= _MOST_UNITS:
        return list(range(n_units))
    return [*range(_FIRST), None, *range(n_units - _LAST, n_units)]
