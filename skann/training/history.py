"""The history of training: one number per epoch and quantity."""

from __future__ import annotations

from typing import Any

QUANTITIES = (
    "epoch",
    "loss",
    "validation_score",
    "oof_loss",
    "learning_rate",
    "gradient_norm",
    "seconds",
)

History = dict[str, list[Any]]


def new_history(earlier: History | None = None) -> History:
    """Return an empty history, or a copy of an earlier one to continue."""
    if earlier is None:
        return {quantity: [] for quantity in QUANTITIES}
    return {quantity: list(values) for quantity, values in earlier.items()}


def record(history: History, **values: Any) -> None:
    """Append the values of one epoch, with all quantities."""
    for quantity in QUANTITIES:
        history[quantity].append(values[quantity])
