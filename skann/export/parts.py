"""The parts of a model that can be exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from skann.model import Model

KNOWN_PARTS = (
    "architecture", "theta", "inputs", "targets", "temperature", "offsets", "columns",
)  # fmt: skip


def refuse_unknown_parts(model: Model, remedies: Mapping[str, str] = {}) -> None:
    """Raise an error for a model with an unknown part, instead of ignoring the part.

    Parameters
    ----------
    model : Model
        The model.

    remedies : dict, default={}
        For known parts that cannot be exported, by name: what to do instead.
    """
    for item in fields(model):
        is_known = item.name in KNOWN_PARTS and item.name not in remedies
        if not is_known and getattr(model, item.name) is not None:
            raise ValueError(
                f"The model has {item.name!r}, which cannot be exported. "
                f"{remedies.get(item.name, 'Fit a model without it')}."
            )
