"""Nodes, edges and their numbers: how a `NetworkDiagramDisplay` is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skann.core.types import FloatArray
from skann.inspection.axes import COLORS

if TYPE_CHECKING:
    from skann.inspection.network_diagram import NetworkDiagramDisplay

POSITIVE, NEGATIVE = COLORS[0], COLORS[1]

# A layer with more units is drawn by its first and last ones.
_MOST_UNITS = 10
_FIRST, _LAST = 5, 3

# In inches.
_TITLE_HEIGHT = 0.65

# Inches from node to node that their numbers need, and points from their centre to
# their circle.
_ROOM_FOR_NUMBERS = 0.72
_RADIUS = 19.0

# So many units of a layer make a new figure so large that there is room for numbers.
_MOST_UNITS_WITH_NUMBERS = 6

# Networks with more drawn edges have no numbers on them, and faint ones.
_MOST_EDGES_WITH_NUMBERS = 50


@dataclass(frozen=True)
class LayerNumbers:
    """What the picture says of one layer of weights.

    Parameters
    ----------
    weights : ndarray of shape (fan_in, fan_out)
        On the edges that lead to the layer.

    biases : ndarray of shape (fan_out,)
        Below its nodes.

    activation : ndarray of shape (fan_out,), default=None
        In its nodes.

    delta : ndarray of shape (fan_out,), default=None
        dJ/dz, which is dJ/db, below its nodes.

    weight_gradient : ndarray of shape (fan_in, fan_out), default=None
        dJ/dw, on the edges.
    """

    weights: FloatArray
    biases: FloatArray
    activation: FloatArray | None = None
    delta: FloatArray | None = None
    weight_gradient: FloatArray | None = None


def figure_size(names: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Return how large a new figure has to be for the network."""
    sizes = [len(_shown_units(len(layer))) for layer in names]
    per_unit = 1.1 if max(sizes) <= _MOST_UNITS_WITH_NUMBERS else 0.6
    return max(6.4, 2.7 * len(sizes)), max(4.2, 1.9 + per_unit * max(sizes))


def draw_network(ax: Any, diagram: NetworkDiagramDisplay) -> None:
    """Draw nodes, edges and a legend, and as many numbers as there is room for.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.

    diagram : NetworkDiagramDisplay
        What to draw.
    """
    ax.set_axis_off()
    ax.set_title(diagram.title)
    shown = [_shown_units(len(names)) for names in diagram.names]
    most = max(len(units) for units in shown)
    places = [
        {unit: (x, y) for unit, y in _heights(units, most)}
        for x, units in enumerate(shown)
    ]
    ax.set_xlim(-0.35, len(places) - 0.65)
    # As much room above as the titles of the layers need.
    height = ax.get_position().height * ax.figure.get_figheight()
    share = min(_TITLE_HEIGHT / height, 0.4)
    ax.set_ylim(-0.75, -0.75 + (most + 0.25) / (1 - share))
    room = height * (1 - share) / (most + 0.25)
    with_numbers = room >= _ROOM_FOR_NUMBERS
    radius = _RADIUS if with_numbers else min(12.0, 0.36 * 72 * room)
    edges = list(_edges(diagram, places))
    on_edges = with_numbers and len(edges) <= _MOST_EDGES_WITH_NUMBERS
    _draw_edges(ax, diagram, edges, faint=not on_edges)
    texts = _draw_nodes(ax, diagram, places, radius, with_numbers=with_numbers)
    # A first one, so that the layout leaves it room.
    _draw_legend(ax, diagram, with_numbers=with_numbers, on_edges=on_edges, n_left=0)
    if on_edges:
        n_left = _write_on_edges(ax, places, edges, texts)
        _draw_legend(ax, diagram, with_numbers=True, on_edges=True, n_left=n_left)


def _edges(diagram, places):
    """Yield both ends of each edge, its weight, and its derivative or None."""
    for layer, below, above in zip(
        diagram.layers, places[:-1], places[1:], strict=True
    ):
        for i, start in below.items():
            for j, end in above.items():
                gradient = layer.weight_gradient
                yield (
                    start, end, layer.weights[i, j],
                    None if gradient is None else gradient[i, j],
                )  # fmt: skip


def _draw_edges(ax, diagram, edges, *, faint):
    largest = max(float(np.abs(layer.weights).max()) for layer in diagram.layers) or 1
    for (x0, y0), (x1, y1), weight, _ in edges:
        ax.plot(
            [x0, x1], [y0, y1], color=POSITIVE if weight >= 0 else NEGATIVE,
            linewidth=0.4 + 3 * abs(weight) / largest, alpha=0.35 if faint else 0.6,
            zorder=1, solid_capstyle="butt",
        )  # fmt: skip


def _draw_nodes(ax, diagram, places, radius, *, with_numbers):
    """Draw the nodes and return the texts that nothing may cover."""
    texts = []
    size = (2 * radius) ** 2
    for number, layer_places in enumerate(places):
        layer = None if number == 0 else diagram.layers[number - 1]
        values = diagram.inputs if layer is None else layer.activation
        for unit, (x, y) in layer_places.items():
            ax.scatter(x, y, s=size, color="white", edgecolor="black", zorder=3)
            label = _short(diagram.names[number][unit])
            if values is not None and with_numbers:
                label += f"\n{values[unit]:.3g}"
            texts.append(
                ax.text(
                    x, y, label, ha="center", va="center", zorder=4,
                    fontsize=8 if with_numbers else 6, parse_math=False,
                )
            )  # fmt: skip
            if layer is not None and with_numbers:
                texts.append(
                    ax.annotate(
                        _below_node(layer, unit), (x, y), (0, -radius - 2.5),
                        textcoords="offset points", ha="center", va="top",
                        fontsize=7, zorder=4, linespacing=1.05,
                        bbox={"color": "white", "alpha": 0.8, "pad": 0.5},
                    )
                )  # fmt: skip
        n_units = len(diagram.names[number])
        if len(layer_places) < n_units:
            gap = (layer_places[_FIRST - 1][1] + layer_places[n_units - _LAST][1]) / 2
            ax.text(number, gap, "⋮", ha="center", va="center", fontsize=16)
        units = "1 unit" if n_units == 1 else f"{n_units} units"
        title = diagram.titles[number].replace(": ", ":\n")
        texts.append(
            ax.text(
                number, 1.0, f"{title}\n({units})", ha="center", va="top",
                fontsize=9, transform=ax.get_xaxis_transform(),
            )
        )  # fmt: skip
    return texts


def _draw_legend(ax, diagram, *, with_numbers, on_edges, n_left):
    """Say what colours, widths and numbers mean."""
    from matplotlib.lines import Line2D

    has_values = diagram.inputs is not None
    has_deltas = diagram.layers[0].delta is not None
    lines = ["an edge is as wide as its weight is large"]
    if on_edges:
        lines[0] += "; on it: the weight w" + (", below it ∂J/∂w" * has_deltas)
        lines[0] += " (where there is room)" * bool(n_left)
    if with_numbers:
        below = "its bias b" + ", and δ = ∂J/∂z = ∂J/∂b" * has_deltas
        lines.append("in a node: its value; " * has_values + f"below a node: {below}")
    if diagram.note:
        lines.append(diagram.note)
    handles = [
        Line2D([], [], color=POSITIVE, linewidth=2.5, label="weight > 0"),
        Line2D([], [], color=NEGATIVE, linewidth=2.5, label="weight < 0"),
    ]
    ax.legend(
        handles=handles, title="\n".join(lines),
        loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, frameon=False,
        fontsize=8, title_fontsize=8, alignment="center",
    )  # fmt: skip


def _write_on_edges(ax, places, edges, texts):
    """Write the numbers of each edge where they cover nothing.

    Returns the number of edges for which there is no room.
    """
    ax.figure.draw_without_rendering()  # so that everything has its place
    renderer = ax.figure.canvas.get_renderer()
    taken = [text.get_window_extent(renderer) for text in texts]
    radius = _RADIUS * ax.figure.dpi / 72
    n_left = 0
    for layer_places in places:
        for place in layer_places.values():
            x, y = ax.transData.transform(place)
            taken.append(_box(x - radius, y - radius, x + radius, y + radius))
    for start, end, weight, gradient in edges:
        label = f"{weight:.2g}" if gradient is None else f"{weight:.2g}\n{gradient:.2g}"
        text = ax.text(
            *start, label, fontsize=7, ha="center", va="center", zorder=2,
            linespacing=0.95, bbox={"color": "white", "alpha": 0.85, "pad": 0.3},
        )  # fmt: skip
        for share in (0.34, 0.5, 0.66, 0.26, 0.42, 0.58, 0.74, 0.2, 0.8):
            text.set_position(np.add(np.multiply(start, 1 - share),
                                     np.multiply(end, share)))  # fmt: skip
            extent = text.get_window_extent(renderer)
            if not any(extent.overlaps(other) for other in taken):
                taken.append(extent)
                break
        else:
            text.remove()
            n_left += 1
    return n_left


def _short(name):
    """Return a name that fits into a node."""
    return name if len(name) <= 7 else f"{name[:6]}…"


def _box(left, bottom, right, top):
    from matplotlib.transforms import Bbox

    return Bbox([[left, bottom], [right, top]])


def _below_node(layer, unit):
    """Return the bias of a unit, and its derivative, as text."""
    bias = f"b {layer.biases[unit]:.2g}"
    if layer.delta is None:
        return bias
    return f"{bias}\nδ {layer.delta[unit]:.2g}"


def _shown_units(n_units):
    """Return the numbers of the units of a layer that are drawn."""
    if n_units <= _MOST_UNITS:
        return list(range(n_units))
    return [*range(_FIRST), *range(n_units - _LAST, n_units)]


def _heights(units, most):
    """Yield each unit with its height; a gap stands for those that are left out."""
    steps = np.arange(len(units), dtype=float)
    if units[-1] != len(units) - 1:
        steps[_FIRST:] += 1
    spread = min((most - 1) / max(steps[-1], 1), 1.5)
    middle = (most - 1) / 2
    yield from zip(units, middle + (steps[-1] / 2 - steps) * spread, strict=True)
