"""Text that is as large as the available space allows, and shortened if necessary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any


def is_formula(text: str) -> bool:
    """Return whether a text contains mathtext that matplotlib can typeset.

    A dollar sign can also be a currency sign: an opening sign of a formula is not
    followed by a space, and a closing one is not preceded by a space.
    """
    from matplotlib.mathtext import MathTextParser

    parts = re.split(r"(?<!\\)\$", text)
    if len(parts) < 3 or len(parts) % 2 == 0:
        return False
    if any(formula != formula.strip() or not formula for formula in parts[1::2]):
        return False
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True


def new_text(ax: Any, text: str, x: float = 0, y: float = 0, **options: Any) -> Any:
    """Add text to axes, typeset as a formula if it is one."""
    return ax.text(x, y, text, parse_math=is_formula(text), **options)


def extent_in_points(text: Any) -> tuple[float, float]:
    """Return the width and the height of a text in points."""
    figure = text.figure
    box = text.get_window_extent(figure.canvas.get_renderer())
    return box.width * 72 / figure.dpi, box.height * 72 / figure.dpi


def wrapped(text: str, n_lines: int) -> str | None:
    """Return a text wrapped to n_lines of similar length; None if it is too short.

    Lines break at spaces, or after an underscore, a hyphen, a dot or a slash.
    """
    words = re.findall(r"[^\s_\-./]+[\s_\-./]*|^[\s_\-./]+", text)
    lines: list[str] = []
    target, line = len(text) / n_lines, ""
    for word in words:
        left = n_lines - len(lines) - 1
        if left and line and len(line) + len(word.rstrip()) / 2 > target:
            lines.append(line.rstrip())
            line = ""
        line += word
    lines.append(line.rstrip())
    return "\n".join(lines) if len(lines) == n_lines else None


def fit_text(
    text: Any,
    width: float,
    height: float,
    *,
    sizes: Sequence[float] = (8, 7, 6),
    n_lines: int = 3,
) -> None:
    """Fit a text into a box: wrap it, shrink it and, as a last resort, cut it.

    Parameters
    ----------
    text : matplotlib Text
        The text, which is modified.

    width, height : float
        The size of the box, in points.

    sizes : sequence of float, default=(8, 7, 6)
        The font sizes to try, as far as they do not exceed that of the text.

    n_lines : int, default=3
        The maximum number of lines.
    """
    whole = text.get_text()
    sizes = [size for size in sizes if size <= text.get_fontsize()]
    for size in sizes:
        text.set_fontsize(size)
        for attempt in _attempts(whole, 1 if text.get_parse_math() else n_lines):
            text.set_text(attempt)
            if _fits(text, width, height):
                return
    text.set_text(whole)
    if n_lines == 1 or text.get_parse_math():
        return
    for length in range(len(whole) - 1, 3, -1):
        for attempt in _attempts(f"{whole[:length].rstrip()}…", n_lines):
            text.set_text(attempt)
            if _fits(text, width, height):
                return


def _attempts(whole: str, n_lines: int) -> Iterator[str]:
    for number in range(1, n_lines + 1):
        attempt = whole if number == 1 else wrapped(whole, number)
        if attempt is not None:
            yield attempt


def _fits(text: Any, width: float, height: float) -> bool:
    own_width, own_height = extent_in_points(text)
    return own_width <= width and own_height <= height
