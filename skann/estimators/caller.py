"""Warnings that point at the caller's line."""

from __future__ import annotations

import sys
import warnings


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn as from the line outside skann that called it, however deep this is."""
    level, frame = 1, sys._getframe()
    while frame.f_back and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_inside(module):
    """Say whether a module stands between the user and skann."""
    return module.partition(".")[0] == "skann" or module.startswith("sklearn.callback")
