"""Warnings that point at the caller's line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Who collects the warnings of a call that is going on.
_collector: ContextVar[list[str] | None] = ContextVar("collector", default=None)


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect the texts of what `warn_caller` says within; it says it all the same."""
    messages: list[str] = []
    token = _collector.set(messages)
    try:
        yield messages
    finally:
        _collector.reset(token)


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn as from the line outside skann that called it, however deep this is."""
    messages = _collector.get()
    if messages is not None:
        messages.append(message)
    level, frame = 1, sys._getframe()
    while frame.f_back and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_inside(module):
    """Say whether a module stands between the user and skann."""
    return module.partition(".")[0] == "skann" or module.startswith("sklearn.callback")
