"""Settings by name, with scikit-learn's meaning, so that a search can reach them.

scikit-learn asks an object for no more than two methods to see `solver__beta_1` in
`BackpropRegressor(solver=Adam())`. They are here rather than inherited from its
`BaseEstimator`, since the core knows no scikit-learn, and settings are not fitted.
"""

from __future__ import annotations

import copy
import inspect
from contextlib import suppress
from typing import Any, Self

import numpy as np


class Searchable:
    """An object whose parameters are the arguments of its `__init__`.

    As in scikit-learn each of them has to be kept in an attribute of its name, which a
    dataclass does by itself. Objects of one class with the same attributes are equal.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to go on into parameters that have parameters of their own, as
            `<name>__<name of theirs>`.

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
        """Change parameters of this object; if one of them is refused, none.

        An object in a set, or a key of a dict, must not be changed: it would not be
        found again.

        Parameters
        ----------
        **params : dict
            Values by name; `<name>__<name of theirs>` for those within a parameter,
            which is replaced by a changed copy.

        Returns
        -------
        self : object
            The object.

        Raises
        ------
        ValueError
            If there is no parameter of that name, or a value is invalid.
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
        # A new object has gone through all checks of __init__, and has computed what it
        # derives from its arguments. Writing past __setattr__ reaches frozen ones.
        changed = self._made_of(values)
        vars(self).update(vars(changed))
        for name in values.keys() - vars(changed).keys():
            # In a slot; a property that only reads has changed with what it reads.
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
                f"{type(self).__name__}.__init__ takes {', '.join(lost)}, which the "
                "object does not keep in an attribute of that name. So no parameter of "
                "it can be set."
            )
        return type(self)(**values)

    def _unknown(self, key: str) -> ValueError:
        """Return the error that says which parameters there are."""
        return ValueError(
            f"Invalid parameter {key!r} for {self!r}. Valid parameters are: "
            f"{list(self.get_params(deep=False))!r}."
        )

    def __sklearn_clone__(self) -> Self:
        # There is no fitted state to leave behind, and a copy needs no __init__ that
        # keeps its arguments as they are.
        return copy.deepcopy(self)

    # A frozen dataclass has an equality, a hash and a text of its own; these are for
    # all other classes.

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
        return hash(type(self))  # equal objects are of one class, even when changed

    def __repr__(self) -> str:
        settings = self.get_params(deep=False).items()
        text = ", ".join(f"{name}={value!r}" for name, value in settings)
        return f"{type(self).__qualname__}({text})"


def _has_params(value: Any) -> bool:
    """Say whether a parameter has parameters of its own; a class has not."""
    return hasattr(value, "set_params") and not isinstance(value, type)
