"""Drawing of a `NetworkDiagramDisplay`: nodes, edges and their numbers.

The diagram is a row of stages, each with its nodes, which are made by `network_stages`.
All positions are in points, like the sizes of texts, so that it can be computed what
fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from skann.inspection.axes import COLORS
from skann.inspection.network_stages import Edge, Node, Stage, make_edges, make_stages
from skann.inspection.text_fitting import extent_in_points, fit_text, new_text

if TYPE_CHECKING:
    from skann.inspection.network_diagram import NetworkDiagramDisplay

POSITIVE, NEGATIVE, NEUTRAL = COLORS[0], COLORS[1], "#777777"

# The radius of a node with and without numbers, in points.
_RADIUS, _SMALL_RADIUS = 19.0, 12.0

# The height of a line below a node, and of a name above a small node, in points.
_LINE, _ABOVE = 8.5, 10.0

# The distance between a node and its name, in points.
_GAP = 4.0

# With up to this many nodes per stage, a new figure is large enough for numbers.
_MOST_NODES_WITH_NUMBERS = 6

# With more edges, they are drawn faintly and without numbers.
_MOST_EDGES_WITH_NUMBERS = 50

# Possible positions of the numbers along an edge, in order of preference.
_PLACES = (0.34, 0.5, 0.66, 0.26, 0.42, 0.58, 0.74, 0.2, 0.8)

# The maximum share of the width for the names of a stage.
_MOST_WIDTH_OF_NAMES = 0.24


def figure_size(stages: Sequence[Stage]) -> tuple[float, float]:
    """Return the size of a new figure for the network, in inches."""
    most = max(len(stage.nodes) for stage in stages)
    per_node = 1.1 if most <= _MOST_NODES_WITH_NUMBERS else 0.6
    longest = sum(
        min(24, max(len(node.name) for node in stage.nodes if node is not None))
        for stage in stages
        if stage.names != "inside"
    )
    width = max(6.4, 2.1 * len(stages) + 0.085 * longest)
    return width, max(4.2, 1.9 + per_node * most)


def draw_network(ax: Any, diagram: NetworkDiagramDisplay) -> None:
    """Draw nodes, edges, a legend, and as many numbers as fit.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes to draw on.

    diagram : NetworkDiagramDisplay
        The diagram to draw.
    """
    stages = make_stages(diagram)
    ax.set_axis_off()
    ax.set_title(diagram.title)
    # A preliminary legend with the maximum number of lines, so that the layout leaves
    # room for it.
    _draw_legend(ax, diagram, with_numbers=True, on_edges=True, n_left=1)
    ax.figure.draw_without_rendering()
    picture = _Picture(ax, stages, n_members=diagram.n_members)
    edges = list(make_edges(diagram, stages))
    on_edges = picture.with_numbers and len(edges) <= _MOST_EDGES_WITH_NUMBERS
    picture.draw_nodes()
    picture.draw_edges(edges, faint=not on_edges)
    n_left = picture.write_on_edges(edges) if on_edges else 0
    with_numbers = picture.with_numbers
    _draw_legend(
        ax, diagram, with_numbers=with_numbers, on_edges=on_edges, n_left=n_left,
        values_inside=picture.values_inside,
    )  # fmt: skip


class _Picture:
    """Stages on axes, with the position of each node and the space taken by texts."""

    def __init__(self, ax: Any, stages: Sequence[Stage], *, n_members: int):
        self.ax = ax
        self.stages = stages
        self.n_members = n_members
        self.renderer = ax.figure.canvas.get_renderer()
        self.taken: list[Any] = []
        box = ax.get_window_extent(self.renderer)
        self.width, self.height = box.width * self._scale, box.height * self._scale
        ax.set_xlim(0, self.width)
        ax.set_ylim(0, self.height)
        # The titles of the layers are above them and need this height.
        titles = [self._title(stage) for stage in stages]
        top = max(extent_in_points(text)[1] for text in titles) + 6
        self._find_room(self.height - top)
        self.names = [self._names(stage) for stage in stages]
        self.left, self.right, self.x = self._columns()
        self.y = [self._heights(len(stage.nodes)) for stage in stages]
        if stages[0].is_table:
            self.y[0] = self._heights_of_table()
        self._place_titles(titles)

    @property
    def _scale(self) -> float:
        """The number of points per pixel."""
        return 72 / self.ax.figure.dpi

    def _title(self, stage: Stage) -> Any:
        return new_text(self.ax, stage.title, fontsize=9, ha="center", va="top")

    def _place_titles(self, titles: Sequence[Any]) -> None:
        """Place the titles above their stages, with a font small enough."""
        for text, x in zip(titles, self.x, strict=True):
            text.set_position((x, self.height))
        for size in (9, 8, 7, 6, 5):
            for text in titles:
                text.set_fontsize(size)
            halves = [extent_in_points(text)[0] / 2 for text in titles]
            if all(
                self.x[i + 1] - self.x[i] >= halves[i] + halves[i + 1] + 3
                for i in range(len(titles) - 1)
            ):
                break
        self._take(titles)

    def _names(self, stage: Stage) -> list[Any]:
        """Return the texts beside the nodes of a stage, as large as possible."""
        texts: list[Any] = []
        for node in stage.nodes:
            if stage.names == "inside" or node is None or not node.name:
                texts.append(None)
                continue
            text = new_text(
                self.ax, node.name, fontsize=8, va="center", zorder=4,
                ha="right" if stage.names == "left" else "left",
            )  # fmt: skip
            fit_text(text, _MOST_WIDTH_OF_NAMES * self.width, 0.95 * self.room)
            texts.append(text)
        return texts

    def _columns(self) -> tuple[list[float], list[float], list[float]]:
        """Return the extent of each stage to the left and right, and its position."""
        left, right = [], []
        for stage, texts in zip(self.stages, self.names, strict=True):
            widths = [extent_in_points(text)[0] for text in texts if text is not None]
            beside = max(widths, default=0) + _GAP
            # The text in or below a node is hardly wider than the node.
            own = self.radius + (7 if self.n_members > 1 else 3)
            left.append(own + beside * (stage.names == "left"))
            right.append(own + beside * (stage.names == "right"))
        free = self.width - sum(left) - sum(right)
        gap = max(6.0, free / max(1, len(left) - 1))
        x = [left[0]]
        for before, after in zip(right[:-1], left[1:], strict=True):
            x.append(x[-1] + before + gap + after)
        return left, right, x

    def _find_room(self, height: float) -> None:
        """Determine the distance and size of the nodes, and what they show."""
        nodes = [node for stage in self.stages for node in stage.nodes if node]
        most = max(len(stage.nodes) for stage in self.stages)
        n_lines = max(len(node.below.splitlines()) for node in nodes)
        below = 4 + _LINE * n_lines
        # Half a node and a margin at both ends.
        self.radius, upper, lower = _RADIUS, _RADIUS + 2, _RADIUS + below
        self.room = (height - upper - lower) / max(1, most - 1)
        self.with_numbers = self.values_inside = self.room >= 2 * _RADIUS + below + 2
        if not self.with_numbers:
            self.radius = max(1.0, min(_SMALL_RADIUS, 0.36 * height / most))
            upper, lower = self.radius + _ABOVE + 2, self.radius + 2
            self.room = max(1.0, (height - upper - lower) / max(1, most - 1))
            # A small node shows its value or its name, and the other one above it.
            has_values = any(node.value is not None for node in nodes)
            is_enough = self.room >= 2 * _SMALL_RADIUS + _ABOVE + 2
            self.values_inside = has_values and is_enough
        self.middle = height - upper - self.room * (most - 1) / 2

    def _heights(self, n_nodes: int) -> list[float]:
        """Return the vertical positions of the nodes of a stage, from top to bottom."""
        most = max(len(stage.nodes) for stage in self.stages)
        spread = self.room * min((most - 1) / max(n_nodes - 1, 1), 1.5)
        first = self.middle + spread * (n_nodes - 1) / 2
        return [first - number * spread for number in range(n_nodes)]

    def _heights_of_table(self) -> list[float]:
        """Return the vertical positions of columns, each centred on its inputs."""
        inputs = list(zip(self.stages[1].nodes, self.y[1], strict=True))
        gap = next((y for node, y in inputs if node is None), 0.0)
        heights = []
        for column in self.stages[0].nodes:
            own = [
                y
                for node, y in inputs
                if node and column and set(node.units) <= set(column.units)
            ]
            heights.append(float(np.mean(own)) if own else gap)
        return heights

    # -------------------------------------------------------------------- drawing

    def draw_nodes(self) -> None:
        """Draw the nodes, with their names and numbers."""
        for number, stage in enumerate(self.stages):
            x = self.x[number]
            for node, y, name in zip(
                stage.nodes, self.y[number], self.names[number], strict=True
            ):
                if node is None:
                    new_text(self.ax, "⋮", x=x, y=y, ha="center", va="center",
                             fontsize=16)  # fmt: skip
                    continue
                self._draw_circle(x, y, stage, node)
                if name is not None:
                    away = self.radius + _GAP
                    name.set_position(
                        (x + (away if stage.names == "right" else -away), y)
                    )
                    self._take([name])
                self._write_inside(x, y, stage, node)
                if node.below and self.with_numbers:
                    self._take([
                        new_text(
                            self.ax, node.below, x=x, y=y - self.radius - 2.5,
                            ha="center", va="top", fontsize=7, zorder=4,
                            linespacing=1.05,
                            bbox={"color": "white", "alpha": 0.8, "pad": 0.5},
                        )
                    ])  # fmt: skip

    def _draw_circle(self, x: float, y: float, stage: Stage, node: Node) -> None:
        """Draw a node, and the nodes stacked behind it."""
        size, marker = (2 * self.radius) ** 2, "s" if stage.is_table else "o"
        if stage.is_table:
            size *= 0.6
        is_stack = not stage.is_table and len(node.units) > 1
        is_stack |= stage.of_members and self.n_members > 1
        for behind in (2, 1, 0) if is_stack else (0,):
            self.ax.scatter(
                x + 2.2 * behind, y + 2.2 * behind, s=size, marker=marker,
                color="white", edgecolor="black" if behind == 0 else NEUTRAL,
                linewidth=1.0 if behind == 0 else 0.7, zorder=3 - 0.1 * behind,
            )  # fmt: skip
        radius = self.radius
        self.taken.append(self._box(x - radius, y - radius, x + radius, y + radius))

    def _write_inside(self, x: float, y: float, stage: Stage, node: Node) -> None:
        """Write the name, the value or both into a node, as far as they fit."""
        name = node.name if stage.names == "inside" else ""
        value = "" if node.value is None else f"{node.value:.3g}"
        if not self.values_inside:
            value = ""
        elif value and not self.with_numbers:
            value = f"{node.value:.2g}"
            if name:
                # The box is needed because edges pass behind it.
                above = new_text(
                    self.ax, name, x=x, y=y + self.radius + 1, ha="center",
                    va="bottom", fontsize=6, zorder=4,
                    bbox={"color": "white", "alpha": 0.8, "pad": 0.2},
                )  # fmt: skip
                self._take([above])
            name = ""
        lines = "\n".join(part for part in (name, value) if part)
        if not lines:
            return
        text = new_text(
            self.ax, lines, x=x, y=y, ha="center", va="center", zorder=4,
            fontsize=8 if self.with_numbers else 6,
        )  # fmt: skip
        room = 1.85 * self.radius
        fit_text(text, room, room, sizes=(8, 7, 6, 5, 4, 3), n_lines=1)

    def draw_edges(self, edges: Sequence[Edge], *, faint: bool) -> None:
        """Draw the edges, with widths proportional to their weights."""
        from matplotlib.lines import Line2D

        largest = max((abs(e.weight) for e in edges if e.is_weight), default=1) or 1
        for edge in edges:
            (x0, y0), (x1, y1) = self._ends(edge)
            color = POSITIVE if edge.weight >= 0 else NEGATIVE
            width = 0.4 + 3 * abs(edge.weight) / largest
            line = Line2D(
                [x0, x1], [y0, y1], zorder=1, solid_capstyle="butt",
                color=NEUTRAL if edge.is_neutral else color,
                linewidth=width if edge.is_weight else 0.8,
                alpha=0.35 if faint else 0.6,
            )  # fmt: skip
            self.ax.add_line(line)

    def _ends(self, edge: Edge) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return both ends of an edge, which stops before the name of a node."""
        stage, next_stage = edge.stage, edge.stage + 1
        x0, y0 = self.x[stage], self.y[stage][edge.start]
        x1, y1 = self.x[next_stage], self.y[next_stage][edge.end]
        name = self.names[next_stage][edge.end]
        if name is not None and self.stages[next_stage].names == "left":
            x1 -= self.radius + _GAP + extent_in_points(name)[0] + 2
        return (x0, y0), (x1, y1)

    def write_on_edges(self, edges: Sequence[Edge]) -> int:
        """Write the numbers of each edge where they do not overlap anything.

        Return the number of edges for which there is no space.
        """
        n_left = 0
        for edge in edges:
            if edge.is_neutral:
                continue
            start, end = self._ends(edge)
            label = f"{edge.weight:.2g}"
            if edge.gradient is not None:
                label += f"\n{edge.gradient:.2g}"
            text = new_text(
                self.ax, label, fontsize=7, ha="center", va="center", zorder=2,
                linespacing=0.95, bbox={"color": "white", "alpha": 0.85, "pad": 0.3},
            )  # fmt: skip
            # With some distance from other texts if possible.
            for margin, share in product((4 / self._scale, 0), _PLACES):
                text.set_position(np.add(np.multiply(start, 1 - share),
                                         np.multiply(end, share)))  # fmt: skip
                extent = text.get_window_extent(self.renderer)
                padded = extent.padded(margin)
                if not any(padded.overlaps(other) for other in self.taken):
                    self.taken.append(extent)
                    break
            else:
                text.remove()
                n_left += 1
        return n_left

    def _take(self, texts: Sequence[Any]) -> None:
        """Store the extents of texts, so that nothing covers them."""
        self.taken += [text.get_window_extent(self.renderer) for text in texts]

    def _box(self, left: float, bottom: float, right: float, top: float) -> Any:
        """Convert a box in points of the axes to pixels."""
        from matplotlib.transforms import Bbox

        corners = self.ax.transData.transform([(left, bottom), (right, top)])
        return Bbox(corners)


def _draw_legend(ax, diagram, *, with_numbers, on_edges, n_left, values_inside=True):
    """Draw a legend that explains colours, widths and numbers."""
    from matplotlib.lines import Line2D

    has_values = diagram.inputs is not None
    has_deltas = diagram.layers[0].delta is not None
    lines = ["the width of an edge shows the size of its weight"]
    if on_edges:
        lines[0] += "; on it: the weight w" + (", below it ∂J/∂w" * has_deltas)
        lines[0] += " (where it fits)" * bool(n_left)
    if has_values and not with_numbers and values_inside:
        lines.append("in a node: its value")
    if with_numbers:
        below = "its bias b" + ", and δ = ∂J/∂z = ∂J/∂b" * has_deltas
        lines.append("in a node: its value; " * has_values + f"below a node: {below}")
    if diagram.note:
        lines.append(diagram.note)
    handles = [
        Line2D([], [], color=POSITIVE, linewidth=2.5, label="weight > 0"),
        Line2D([], [], color=NEGATIVE, linewidth=2.5, label="weight < 0"),
    ]
    if diagram.columns is not None:
        label = "no weight, or the root mean square of several"
        handles.append(Line2D([], [], color=NEUTRAL, linewidth=2.5, label=label))
    legend = ax.legend(
        handles=handles, title="\n".join(lines),
        loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, frameon=False,
        fontsize=8, title_fontsize=8, alignment="center",
    )  # fmt: skip
    legend.get_title().set_multialignment("center")
