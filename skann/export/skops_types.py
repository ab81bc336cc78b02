"""What skops has to trust."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def trusted_types(estimator: Any) -> list[str]:
    """Return the names of skann's own types in an estimator, for skops.

    skops loads no type that it does not know unless you name it. These are the types
    that skann answers for: the estimator's own, and those of objects of skann that are
    its parameters. Types of your own, such as an activation or a scorer, are not among
    them; look at what skops asks for, and decide.

    Parameters
    ----------
    estimator : object
        An estimator of skann, or one that holds some, such as a pipeline.

    Returns
    -------
    names : list of str
        The names, sorted, as `trusted` of `skops.io.load` takes them.

    Examples
    --------
    >>> from skann import BackpropRegressor, LeakyRelu
    >>> from skann.export import trusted_types
    >>> trusted_types(BackpropRegressor(activation=LeakyRelu(0.2)))
    ['skann.core.activations.LeakyRelu', 'skann.estimators.regressor.BackpropRegressor']
    """
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        kind = type(value)
        if kind.__module__.split(".")[0] == "skann":
            found.add(f"{kind.__module__}.{kind.__qualname__}")
        waiting.extend(_parts_of(value))
    return sorted(found)


def _parts_of(value: Any) -> Iterable[Any]:
    """Return the objects that an object holds, as they are saved."""
    if isinstance(value, str | bytes | int | float | type(None) | type):
        return ()
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype == object else ()
    if isinstance(value, Mapping):
        return (*value.keys(), *value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return value
    state = value.__getstate__() if hasattr(value, "__getstate__") else None
    return state.values() if isinstance(state, Mapping) else ()
