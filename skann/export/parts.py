"""What a model is made of, as far as it can be exported."""

from __future__ import annotations

from dataclasses import fields

from skann.model import Model

KNOWN_PARTS = (
    "architecture", "theta", "inputs", "targets", "temperature", "offsets",
)  # fmt: skip

# What to do without a part that is known, but cannot be exported.
REMEDIES = {
    "columns": "They stand for a table with categories or missing values: encode and "
    "fill these in front, in a pipeline, and fit on the numbers",
}


def refuse_unknown_parts(model: Model) -> None:
    """Refuse a model with a part that nobody here knows, rather than leave it out."""
    for item in fields(model):
        if item.name not in KNOWN_PARTS and getattr(model, item.name) is not None:
            raise ValueError(
                f"The model has {item.name!r}, which cannot be exported yet. "
                f"{REMEDIES.get(item.name, 'Fit without')}."
            )
