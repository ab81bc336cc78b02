"""Shared parts of the displays: axes, colours and line styles."""

from __future__ import annotations

from typing import Any

from skann.estimators.sklearn_private import check_matplotlib_support

# The colours of Okabe and Ito, which colour-blind readers can tell apart, without
# yellow, which is too pale on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES = ("-", "--", "-.", ":")


class Display:
    """The base class of displays, which store their axes as scikit-learn's do.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.

    figure_ : matplotlib Figure
        The figure of the axes.
    """

    ax_: Any
    figure_: Any

    def _take_axes(
        self, ax: Any, figsize: tuple[float, float] | None = None, **subplot: Any
    ) -> Any:
        """Return the axes to plot on (new ones for None), and store them."""
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(
                figsize=figsize, layout="constrained", subplot_kw=subplot or None
            )
        self.ax_ = ax
        self.figure_ = ax.figure
        return ax


def line_style(number: int) -> dict[str, Any]:
    """Return the colour and line style of a line, different for each number."""
    return {
        "color": COLORS[number % len(COLORS)],
        "linestyle": LINE_STYLES[number // len(COLORS) % len(LINE_STYLES)],
    }


def spans_decades(values: Any, n_decades: float = 1.0) -> bool:
    """Return whether positive values are easier to read on a logarithmic axis."""
    low, high = min(values, default=0), max(values, default=0)
    return low > 0 and high > low * 10**n_decades
