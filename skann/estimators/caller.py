"""Warnings that point to the line of the caller."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Collects the warnings of the current call.
_collector: ContextVar[list[str] | None] = ContextVar("collector", default=None)


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect the messages of `warn_caller`, which warns nevertheless."""
    messages: list[str] = []
    token = _collector.set(messages)
    try:
        yield messages
    finally:
        _collector.reset(token)


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that points to the line outside skann that made the call."""
    messages = _collector.get()
    if messages is not None:
        messages.append(message)
    level, frame = 1, sys._getframe()
    while frame.f_back and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_inside(module):
    """Return whether a module is part of skann, or between skann and the user."""
    return module.partition(".")[0] == "skann" or module.startswith("sklearn.callback")
