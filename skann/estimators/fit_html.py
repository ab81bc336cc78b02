"""A summary of a fit as HTML: the loss curve, warnings, and the values of "auto".

In a notebook, it is shown below scikit-learn's own diagram. The curve is written as
SVG, which needs no other package; all names chosen by the user are escaped.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from html import escape
from typing import Any

# The size of the picture, and the margins for labels, in pixels.
_WIDTH, _HEIGHT = 380, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 62, 12, 28

# The maximum number of points of a line.
_MOST_POINTS = 200

# Similar to the colours of the displays, and visible on white and on black.
_BLUE, _ORANGE, _GREEN = "#2288CC", "#D55E00", "#009E73"

_STYLE = (
    "border:1px solid rgba(128,128,128,0.5);border-radius:4px;padding:0.5em 0.8em;"
    "margin-top:0.5em;max-width:60em;font-size:0.9em"
)


def fit_html(estimator: Any) -> str:
    """Return a summary of a fit, as an HTML fragment.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator.

    Returns
    -------
    html : str
        A `div` element with inline style.
    """
    parts = [
        f"<p>{escape(_summary(estimator))}</p>",
        *(f"<p>&#9888; {escape(text)}</p>" for text in estimator._fit_warnings),
        _curve(estimator.history_),
        _settings(estimator),
    ]
    name = f"The fit of {type(estimator).__name__}"
    return (
        f'<div class="skann-fit" style="{_STYLE}"><details open>'
        f"<summary>{escape(name)}</summary>{''.join(parts)}</details></div>"
    )


def _summary(estimator):
    """Summarise the network, the training time and the quality in a sentence."""
    architecture = estimator._model.architecture
    sizes = "-".join(map(str, architecture.layer_sizes))
    n_members, n_parameters = architecture.n_members, estimator.n_parameters_
    network = f"A network of {sizes} units with {n_parameters:,} parameters"
    if n_members > 1:
        network = (
            f"{n_members} networks of {sizes} units with {n_parameters:,} parameters "
            "each"
        )
    if architecture.n_cosines:
        cosines = (
            "1 cosine"
            if architecture.n_cosines == 1
            else (f"{architecture.n_cosines} cosines")
        )
        network += f" ({cosines} of each numeric column)"
    history = estimator.history_
    n_epochs = len(history["loss"])
    if not n_epochs:
        return f"{network}."
    epochs = "1 epoch" if n_epochs == 1 else f"{n_epochs} epochs"
    text = (
        f"{network}, after {epochs} in {history['seconds'][-1]:.2f} seconds: loss "
        f"{_short(history['loss'][-1])}"
    )
    best = estimator.best_validation_score_
    if best is not None:
        text += f", best validation score {_short(best)}"
    if hasattr(estimator, "oof_score_"):
        text += f", out-of-fold score {_short(estimator.oof_score_)}"
    return f"{text}."


def _settings(estimator):
    """Return a table with the values of the parameters set to "auto"."""
    choice = (
        f"Parameters set to &quot;auto&quot; follow the recipe "
        f"&quot;{escape(estimator.recipe_)}&quot;: {escape(estimator.recipe_reason_)}."
    )
    shorten = reprlib.Repr()
    shorten.maxstring = shorten.maxother = 60
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(shorten.repr(value))}</td></tr>"
        for name, value in estimator.auto_params_.items()
    )
    table = f"<table>{rows}</table>" if rows else ""
    return f"<details><summary>{choice}</summary>{table}</details>"


# ------------------------------------------------------------------------- the curve


def _curve(history):
    """Return a plot of the loss and the validation results by epoch."""
    losses = [(n, v) for n, v in enumerate(history["loss"], start=1) if _finite(v)]
    if len(losses) < 2:
        return ""
    of_folds = _points(history["oof_loss"])
    scores = _points(history["validation_score"])
    last = len(history["loss"])
    values = [value for _, value in (*losses, *of_folds)]
    y, low, high, is_log = _axis(values)
    of_losses = "loss (log scale)" if is_log else "loss"
    label = (
        f"Loss of {last} epochs, from {_short(losses[0][1])} to {_short(losses[-1][1])}"
    )
    parts = [
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" font-size="11" fill="currentColor">',
        _frame(last),
        _ends(low, high, _LEFT - 4, "end"),
        _text(4, _HEIGHT - 6, of_losses, "start", _BLUE),
        _line(losses, last, y, _BLUE),
    ]
    if of_folds:
        parts += [_dots(of_folds, last, y)]
        parts += [_text(_LEFT + 40, _HEIGHT - 6, "out-of-fold loss", "start", _GREEN)]
    if scores:
        of_score, low, high, _ = _axis([value for _, value in scores], may_be_log=False)
        parts += [_line(scores, last, of_score, _ORANGE)]
        parts += [_ends(low, high, _WIDTH - _RIGHT + 4, "start")]
        parts += [_text(_WIDTH - 4, _HEIGHT - 6, "validation", "end", _ORANGE)]
    return "".join([*parts, "</svg>"])


def _points(column):
    """Return the epochs that have a value, and the values."""
    points = enumerate(column, start=1)
    return [(n, value) for n, value in points if value is not None and _finite(value)]


def _axis(values: Sequence[float], *, may_be_log: bool = True) -> tuple:
    """Return the scale of an axis, both of its ends, and whether it is logarithmic."""
    low, high = min(values), max(values)
    is_log = may_be_log and low > 0 and high > 10 * low
    scale = math.log if is_log else float
    start, span = scale(low), scale(high) - scale(low)
    height = _HEIGHT - _TOP - _BOTTOM

    def place(value: float) -> float:
        share = (scale(value) - start) / span if span > 0 and _finite(span) else 0.5
        return _TOP + height * (1 - share)

    return place, low, high, is_log


def _x(epoch, last):
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (epoch - 1) / max(1, last - 1)


def _frame(last):
    """Return the axes and the numbers of the first and the last epoch."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    path = f"M{_LEFT} {_TOP}V{bottom}H{right}"
    return (
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>'
        + _text(_LEFT, bottom + 11, "1", "middle")
        + _text(right, bottom + 11, f"epoch {last}", "middle")
    )


def _ends(low, high, x, anchor):
    """Return the numbers at both ends of an axis."""
    if low == high:
        return _text(x, (_TOP + _HEIGHT - _BOTTOM) / 2, _short(low), anchor)
    return _text(x, _TOP + 4, _short(high), anchor) + _text(
        x, _HEIGHT - _BOTTOM, _short(low), anchor
    )


def _line(points, last, y, color):
    """Return a line through points; of many points, most are omitted."""
    step = math.ceil(len(points) / _MOST_POINTS)
    kept = points[::step]
    if kept[-1] != points[-1]:
        kept = [*kept, points[-1]]
    places = " ".join(f"{_x(n, last):.1f},{y(value):.1f}" for n, value in kept)
    return (
        f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="1.5"/>'
    )


def _dots(points, last, y):
    return "".join(
        f'<circle cx="{_x(n, last):.1f}" cy="{y(value):.1f}" r="3" fill="{_GREEN}"/>'
        for n, value in points
    )


def _text(x, y, text, anchor, color="currentColor"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">'
        f"{escape(text)}</text>"
    )


def _short(value):
    return f"{value:.4g}"


def _finite(value):
    return math.isfinite(value)
