"""Nodes, edges and their numbers: how a `NetworkDiagramDisplay` is drawn.

What is drawn is a row of stages, each with its nodes; `network_stages` makes them. All
places are in points, as the sizes of texts are, so that what fits can be computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skann.inspection.axes import COLORS
from skann.inspection.network_stages import Edge, Node, Stage, make_edges, make_stages
from skann.inspection.text_fitting import extent_in_points, fit_text, new_text

if TYPE_CHECKING:
    from skann.inspection.network_diagram import NetworkDiagramDisplay

POSITIVE, NEGATIVE, NEUTRAL = COLORS[0], COLORS[1], "#777777"

# Points from one node to the next that their numbers need, and the radius of a node
# with and without them.
_ROOM_FOR_NUMBERS = 52.0
_RADIUS, _SMALL_RADIUS = 19.0, 12.0

# Points that numbers below a node take, and that a name above it takes.
_BELOW, _ABOVE = 24.0, 10.0

# From a node to its name.
_GAP = 4.0

# So many nodes of a stage make a new figure so large that there is room for numbers.
_MOST_NODES_WITH_NUMBERS = 6

# Networks with more drawn edges have no numbers on them, and faint ones.
_MOST_EDGES_WITH_NUMBERS = 50

# The largest share of the width that the names of a stage may take.
_MOST_WIDTH_OF_NAMES = 0.24


def figure_size(stages: Sequence[Stage]) -> tuple[float, float]:
    """Return how large a new figure has to be for the network, in inches."""
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
    """Draw nodes, edges and a legend, and as many numbers as there is room for.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.

    diagram : NetworkDiagramDisplay
        What to draw.
    """
    stages = make_stages(diagram)
    ax.set_axis_off()
    ax.set_title(diagram.title)
    # A first legend, of as many lines as there can be, so that the layout leaves room.
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
    """Stages on axes, with the place of each node and what texts have taken."""

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
        # Texts of a layer stand above it: their height, once they do not touch.
        titles = [self._title(stage) for stage in stages]
        top = max(extent_in_points(text)[1] for text in titles) + 6
        most = max(len(stage.nodes) for stage in stages)
        self.room = max(1.0, self.height - top) / most
        self.with_numbers = self.room >= _ROOM_FOR_NUMBERS
        self.radius = _RADIUS
        if not self.with_numbers:
            self.radius = min(_SMALL_RADIUS, 0.36 * self.room)
        has_values = any(node and node.value is not None for node in stages[-1].nodes)
        # A small node has its value or its name in it, and the other one above it.
        self.values_inside = self.with_numbers or (
            has_values and self.room >= 2 * _SMALL_RADIUS + _ABOVE
        )
        self.names = [self._names(stage) for stage in stages]
        self.left, self.right, self.x = self._columns()
        self.y = [self._heights(len(stage.nodes), top) for stage in stages]
        if stages[0].is_table:
            self.y[0] = self._heights_of_table()
        self._place_titles(titles)

    @property
    def _scale(self) -> float:
        """Points of a pixel."""
        return 72 / self.ax.figure.dpi

    def _title(self, stage: Stage) -> Any:
        return new_text(self.ax, stage.title, fontsize=9, ha="center", va="top")

    def _place_titles(self, titles: Sequence[Any]) -> None:
        """Put the titles above their stages, as small as they have to be."""
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
        """Return the texts beside the nodes of a stage, each as large as it may be."""
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
        """Return how far each stage reaches to the left and right, and its place."""
        left, right = [], []
        for stage, texts in zip(self.stages, self.names, strict=True):
            widths = [extent_in_points(text)[0] for text in texts if text is not None]
            beside = max(widths, default=0) + _GAP
            # What is within or below a node is hardly wider than the node is.
            own = self.radius + (7 if self.n_members > 1 else 3)
            left.append(own + beside * (stage.names == "left"))
            right.append(own + beside * (stage.names == "right"))
        free = self.width - sum(left) - sum(right)
        gap = max(6.0, free / max(1, len(left) - 1))
        x = [left[0]]
        for before, after in zip(right[:-1], left[1:], strict=True):
            x.append(x[-1] + before + gap + after)
        return left, right, x

    def _heights(self, n_nodes: int, top: float) -> list[float]:
        """Return the heights of the nodes of a stage, the first one at the top."""
        most = max(len(stage.nodes) for stage in self.stages)
        spread = self.room * min((most - 1) / max(n_nodes - 1, 1), 1.5)
        middle = (self.height - top) / 2
        if self.with_numbers:  # those below the lowest node
            middle += _BELOW / 2
        first = middle + spread * (n_nodes - 1) / 2
        return [first - number * spread for number in range(n_nodes)]

    def _heights_of_table(self) -> list[float]:
        """Return the heights of columns, each amid the inputs that are made of it."""
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
        """Draw a node, and those that stand behind it."""
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
        """Write into a node what it has room for: its name, its value, or both."""
        name = node.name if stage.names == "inside" else ""
        value = "" if node.value is None else f"{node.value:.3g}"
        if not self.values_inside:
            value = ""
        elif value and not self.with_numbers:
            value = f"{node.value:.2g}"
            if name:
                # Its box is wanted: edges pass behind it.
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
        """Draw the edges, each as wide as its weight is large."""
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
        """Return both ends of an edge, which ends where the name of a node begins."""
        stage, next_stage = edge.stage, edge.stage + 1
        x0, y0 = self.x[stage], self.y[stage][edge.start]
        x1, y1 = self.x[next_stage], self.y[next_stage][edge.end]
        name = self.names[next_stage][edge.end]
        if name is not None and self.stages[next_stage].names == "left":
            x1 -= self.radius + _GAP + extent_in_points(name)[0] + 2
        return (x0, y0), (x1, y1)

    def write_on_edges(self, edges: Sequence[Edge]) -> int:
        """Write the numbers of each edge where they cover nothing.

        Returns the number of edges for which there is no room.
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
            for share in (0.34, 0.5, 0.66, 0.26, 0.42, 0.58, 0.74, 0.2, 0.8):
                text.set_position(np.add(np.multiply(start, 1 - share),
                                         np.multiply(end, share)))  # fmt: skip
                extent = text.get_window_extent(self.renderer)
                if not any(extent.overlaps(other) for other in self.taken):
                    self.taken.append(extent)
                    break
            else:
                text.remove()
                n_left += 1
        return n_left

    def _take(self, texts: Sequence[Any]) -> None:
        """Remember where texts are, which nothing may cover."""
        self.taken += [text.get_window_extent(self.renderer) for text in texts]

    def _box(self, left: float, bottom: float, right: float, top: float) -> Any:
        """Return a box of the axes, given in points, in pixels."""
        from matplotlib.transforms import Bbox

        corners = self.ax.transData.transform([(left, bottom), (right, top)])
        return Bbox(corners)


def _draw_legend(ax, diagram, *, with_numbers, on_edges, n_left, values_inside=True):
    """Say what colours, widths and numbers mean."""
    from matplotlib.lines import Line2D

    has_values = diagram.inputs is not None
    has_deltas = diagram.layers[0].delta is not None
    lines = ["an edge is as wide as its weight is large"]
    if on_edges:
        lines[0] += "; on it: the weight w" + (", below it ∂J/∂w" * has_deltas)
        lines[0] += " (where there is room)" * bool(n_left)
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
