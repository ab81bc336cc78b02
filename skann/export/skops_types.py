"""The types that skops must trust to load an estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def trusted_types(estimator: Any) -> list[str]:
    """Return the names of the types of skann in an estimator, for skops.

    skops does not load types that it does not know, unless you list them as trusted.
    This function lists the types that are part of skann: those of the estimator and of
    skann objects among its parameters. Your own types, for example of an activation or
    a scorer, are not included; check the types that skops reports, and decide whether
    to trust them.

    Parameters
    ----------
    estimator : object
        An estimator of skann, or one that contains some, such as a pipeline.

    Returns
    -------
    names : list of str
        The sorted names, for the parameter `trusted` of `skops.io.load`.

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
    """Return the objects contained in an object, as they are saved."""
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
