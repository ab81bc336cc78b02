"""What an editor offers for a parameter is what a fit accepts."""

import importlib
import inspect
import pkgutil
import re
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest

import skann
from skann import BackpropClassifier, BackpropRegressor
from skann.estimators.sklearn_private import StrOptions

BOTH = (BackpropClassifier, BackpropRegressor)

# Any string may be a name of scikit-learn's, and is an array to numpy's `ArrayLike`.
OPEN = {"scoring", "categorical_features"}


def offered(hint):
    """Return the strings of a type, wherever they stand in it."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return set().union(*(offered(part) for part in get_args(hint)))


def accepted(constraints):
    """Return the strings that a parameter's constraints allow."""
    return {
        value
        for constraint in constraints
        if isinstance(constraint, StrOptions)
        for value in constraint.options
    }


def cases():
    for cls in BOTH:
        hints = get_type_hints(cls.__init__)
        for name in inspect.signature(cls).parameters:
            yield pytest.param(cls, name, hints[name], id=f"{cls.__name__}-{name}")


@pytest.mark.parametrize(("cls", "name", "hint"), list(cases()))
def test_types_name_the_values_that_are_accepted(cls, name, hint):
    expected = accepted(cls._parameter_constraints[name])
    # One word for all hidden layers stands for each of them.
    assert offered(hint) == expected
    is_union = get_origin(hint) is Union or "UnionType" in type(hint).__name__
    parts = get_args(hint) if is_union else (hint,)
    assert (str in parts) == (name in OPEN)


def modules():
    for module in pkgutil.walk_packages(skann.__path__, "skann."):
        if not module.name.startswith(("skann.dask", "skann.export")):  # extras
            yield module.name


def test_help_has_no_stray_spaces():
    found = []
    for module_name in modules():
        module = importlib.import_module(module_name)
        for name, value in vars(module).items():
            ours = getattr(value, "__module__", None) == module_name
            if ours and (inspect.isclass(value) or inspect.isfunction(value)):
                for line in (inspect.getdoc(value) or "").splitlines():
                    if re.match(r"\s*\w+ : .*\S {2,}\S", line):
                        found.append(f"{module_name}.{name}: {line}")
    assert found == []
