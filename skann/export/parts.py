"""What a model is made of, as far as it can be exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from skann.model import Model

KNOWN_PARTS = (
    "architecture", "theta", "inputs", "targets", "temperature", "offsets", "columns",
)  # fmt: skip


def refuse_unknown_parts(model: Model, remedies: Mapping[str, str] = {}) -> None:
    """Refuse a model with a part that nobody here knows, rather than leave it out.

    Parameters
    ----------
    model : Model
        The model.

    remedies : dict, default={}
        What to do without a part that is known, but cannot be exported, by its name.
    """
    for item in fields(model):
        is_known = item.name in KNOWN_PARTS and item.name not in remedies
        if not is_known and getattr(model, item.name) is not None:
            raise ValueError(
                f"The model has {item.name!r}, which cannot be exported yet. "
                f"{remedies.get(item.name, 'Fit without')}."
            )
