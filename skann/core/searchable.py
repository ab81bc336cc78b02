"""Parameters with scikit-learn's interface, so that a search can set them.

To find `solver__beta_1` in `BackpropRegressor(solver=Adam())`, scikit-learn needs only
two methods. They are implemented here instead of inherited from `BaseEstimator`,
because the core does not depend on scikit-learn, and these objects are not fitted.
"""

from __future__ import annotations

import copy
import inspect
from contextlib import suppress
from typing import Any, Self

import numpy as np


class Searchable:
    """An object whose parameters are the arguments of its `__init__`.

    As in scikit-learn, each argument must be stored in an attribute of the same name,
    which a dataclass does automatically. Objects of the same class with the same
    attributes are equal.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this object.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of objects that are parameters, as
            `<name>__<parameter>`.

        Returns
        -------
        params : dict
            The values.
        """
        params: dict[str, Any] = {}
        for name in self._argument_names():
            if not hasattr(self, name):
                continue
            params[name] = value = getattr(self, name)
            if deep and _has_params(value):
                inner = value.get_params().items()
                params |= {f"{name}__{key}": each for key, each in inner}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this object; if one of them is invalid, none is set.

        Do not change an object that is in a set or a key of a dict, since it would not
        be found again.

        Parameters
        ----------
        **params : dict
            Parameter names and values. `<name>__<parameter>` sets a parameter of an
            object, which is replaced by a changed copy.

        Returns
        -------
        self : object
            The object.

        Raises
        ------
        ValueError
            If there is no parameter of this name, or a value is invalid.
        """
        if not params:
            return self
        values = self.get_params(deep=False)
        of_inner: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, is_inner, rest = key.partition("__")
            if name not in values:
                raise self._unknown(key)
            if is_inner:
                of_inner.setdefault(name, {})[rest] = value
            else:
                values[name] = value
        for name, inner in of_inner.items():
            if not _has_params(values[name]):
                raise self._unknown(f"{name}__{next(iter(inner))}")
            values[name] = copy.deepcopy(values[name]).set_params(**inner)
        # A new object has passed all checks of __init__, and has computed all derived
        # attributes. Bypassing __setattr__ also works for frozen dataclasses.
        changed = self._made_of(values)
        vars(self).update(vars(changed))
        for name in values.keys() - vars(changed).keys():
            # This is for slots; a read-only property has changed together with its
            # source.
            with suppress(AttributeError):
                object.__setattr__(self, name, getattr(changed, name))
        return self

    @classmethod
    def _argument_names(cls) -> list[str]:
        """Return the names of the arguments of `__init__`, without *args, **kwargs."""
        if cls.__init__ is object.__init__:
            return []
        _, *arguments = inspect.signature(cls.__init__).parameters.values()
        starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [each.name for each in arguments if each.kind not in starred]

    def _made_of(self, values: dict[str, Any]) -> Self:
        """Return a new object with these parameters."""
        lost = [name for name in self._argument_names() if name not in values]
        if lost:
            raise ValueError(
                f"{type(self).__name__}.__init__ has the argument {', '.join(lost)}, "
                "which is not stored in an attribute of the same name. Store it to "
                "make set_params possible."
            )
        return type(self)(**values)

    def _unknown(self, key: str) -> ValueError:
        """Return the error that says which parameters there are."""
        return ValueError(
            f"Invalid parameter {key!r} for {self!r}. Valid parameters are: "
            f"{list(self.get_params(deep=False))!r}."
        )

    def __sklearn_clone__(self) -> Self:
        # There is no fitted state to remove, and a copy does not require an __init__
        # that stores its arguments unchanged.
        return copy.deepcopy(self)

    # A frozen dataclass has its own equality, hash and repr; these are for all other
    # classes.

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = (
            {**thing.get_params(deep=False), **vars(thing)} for thing in (self, other)
        )
        return mine.keys() == theirs.keys() and all(
            mine[name] is theirs[name] or np.array_equal(mine[name], theirs[name])
            for name in mine
        )

    def __hash__(self) -> int:
        return hash(type(self))  # equal objects have the same class

    def __repr__(self) -> str:
        settings = self.get_params(deep=False).items()
        text = ", ".join(f"{name}={value!r}" for name, value in settings)
        return f"{type(self).__qualname__}({text})"


def _has_params(value: Any) -> bool:
    """Return whether a parameter has parameters itself; a class does not count."""
    return hasattr(value, "set_params") and not isinstance(value, type)
