"""The rooms of the package stand on each other in one order, and say what they need."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skann

PACKAGE = Path(skann.__file__).parent

# From the ground up. What is not named here (the package itself, data sets, inspection)
# stands on top of all rooms.
ROOMS = ("core", "data", "training", "model", "estimators")

ALLOWED = {
    "core": {"numpy", "scipy.special"},
    "data": {"numpy", "scipy", "sklearn"},
    "training": {"numpy", "scipy.special", "scipy.optimize"},
}
EXTRAS = (
    "dask", "distributed", "matplotlib", "mlflow", "onnx", "onnxruntime", "rich",
    "skl2onnx", "skops", "torch",
)  # fmt: skip
# A room that is imported for the sake of an extra.
ROOMS_OF_EXTRAS = {"dask": ("dask", "distributed")}
EXCEPTIONS = {
    "core/axpy.py": {"scipy.linalg.blas"},
    "core/gradient_check.py": {"scipy.optimize"},
    "data/frames.py": {"narwhals"},  # which scikit-learn needs
    "training/blas.py": {"threadpoolctl"},  # scikit-learn needs it, too
    "training/report.py": {"rich"},  # an extra, which draws the bar
}


def imported_modules(tree, module):
    """Yield (name, at module level) of everything that a module imports.

    `from a import b` counts as a.b, since b may be a module.
    """
    inside_functions = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")[: -node.level]
                base = ".".join([*package, base] if base else package)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) not in inside_functions


def height(module):
    """Return how high above the ground a module of skann stands."""
    room = [*module.split("."), ""][1]
    if room == "version":  # which stands below them all
        return -1
    return ROOMS.index(room) if room in ROOMS else len(ROOMS)


def starts_with(name, modules):
    return any(name == m or name.startswith(m + ".") for m in modules)


def violations(path, source):
    """Return what a file of the package may not import, in words.

    `path` is relative to the package, such as "core/losses.py".
    """
    module = "skann." + path.removesuffix(".py").replace("/", ".")
    if path.endswith("__init__.py"):
        module = module.removesuffix("__init__") + "__init__"
    room = path.split("/")[0]
    allowed = ALLOWED.get(room, set()) | EXCEPTIONS.get(path, set())
    found = []
    for name, at_module_level in imported_modules(ast.parse(source), module):
        top = name.split(".")[0]
        is_early = top in EXTRAS and top not in ROOMS_OF_EXTRAS.get(room, ())
        if is_early and at_module_level:
            found.append(f"{path}: {name} is imported before it is used")
        if top == "skann":
            if height(name) > height(module):
                found.append(f"{path}: {name} stands above {room}")
        elif room in ALLOWED and not (
            top in sys.stdlib_module_names or starts_with(name, allowed)
        ):
            found.append(f"{path}: {name} is not allowed in {room}")
    return found


FILES = sorted(p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES)
def test_imports_keep_the_order_of_the_rooms(path):
    assert violations(path, (PACKAGE / path).read_text(encoding="utf-8")) == []


def test_every_room_is_looked_at():
    assert set(ROOMS) <= {path.split("/")[0].removesuffix(".py") for path in FILES}
    assert set(EXCEPTIONS) <= set(FILES)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/new.py", "import sklearn"),
        ("core/new.py", "from sklearn.base import BaseEstimator"),
        ("core/new.py", "import scipy"),
        ("core/new.py", "from scipy import sparse"),
        ("core/new.py", "from scipy.optimize import minimize"),
        ("core/new.py", "import skann"),
        ("core/new.py", "from skann import BackpropRegressor"),
        ("core/new.py", "from skann.training.lbfgs import minimize_lbfgs"),
        ("core/new.py", "from skann import training"),
        ("core/new.py", "from ..training import lbfgs"),
        ("core/new.py", "from .. import estimators"),
        ("core/new.py", "def f():\n    from skann.estimators.base import BaseBackprop"),
        ("core/new.py", "def f():\n    import matplotlib"),
        ("core/gradient_check.py", "import scipy.linalg"),
        ("core/__init__.py", "from ..training import lbfgs"),
        ("core/new.py", "from skann.data.scaling import scale_columns"),
        ("data/new.py", "import pandas"),
        ("data/new.py", "from skann.training import loop"),
        ("training/new.py", "import pandas"),
        ("training/new.py", "from skann.model import Model"),
        ("model.py", "from skann.estimators.settings import Settings"),
        ("training/new.py", "from sklearn.utils import shuffle"),
        ("training/new.py", "import skann.estimators.base"),
        ("training/new.py", "class A:\n    from skann.estimators import run"),
        ("estimators/new.py", "from skann.inspection import trace"),
        ("estimators/new.py", "from skann import datasets"),
        ("estimators/new.py", "import matplotlib.pyplot as plt"),
        ("inspection/new.py", "from matplotlib import pyplot"),
        ("export/new.py", "import onnx"),
        ("estimators/new.py", "import dask"),
        ("dask/new.py", "import torch"),
        ("__init__.py", "try:\n    import matplotlib\nexcept ImportError:\n    pass"),
    ],
)
def test_a_forbidden_import_is_found(path, source):
    assert len(violations(path, source)) >= 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/new.py", "import numpy as np\nfrom numpy.typing import NDArray"),
        ("core/new.py", "import math\nfrom dataclasses import dataclass"),
        ("core/new.py", "from scipy.special import expit\nfrom scipy import special"),
        ("core/new.py", "from skann.core.types import FloatArray"),
        ("core/new.py", "from .types import FloatArray\nfrom . import types"),
        ("core/gradient_check.py", "from scipy.optimize import approx_fprime"),
        ("core/__init__.py", "from .types import FloatArray"),
        ("training/new.py", "from scipy.optimize import minimize"),
        ("training/new.py", "from ..core.network import Network"),
        ("data/new.py", "from sklearn.utils import sparsefuncs"),
        ("training/new.py", "from skann.data.rows import ScaledRows"),
        ("model.py", "from skann.training.optimizers import Adam"),
        ("estimators/new.py", "import sklearn\nfrom skann.training import lbfgs"),
        ("dask/new.py", "import dask.array\nfrom distributed import Client"),
        ("inspection/new.py", "def draw():\n    import matplotlib.pyplot as plt"),
        ("inspection/new.py", "from skann.estimators.base import BaseBackprop"),
        ("__init__.py", "from skann.estimators.regressor import BackpropRegressor"),
    ],
)
def test_a_permitted_import_is_let_pass(path, source):
    assert violations(path, source) == []


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("skann", "matplotlib"),
        ("skann", "dask"),
        ("skann.export", "onnx"),
        ("skann.export", "skl2onnx"),
    ],
)
def test_importing_skann_does_not_import_an_extra(module, extra):
    program = f"import sys, {module}; sys.exit('{extra}' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PACKAGE.parent, check=False
    )
    assert done.returncode == 0


PRIVATE_DOOR = "estimators/sklearn_private.py"


def private_names(source):
    """Return scikit-learn's private names that a file imports or touches."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in TOUCHED:
            found.append(node.attr)
    for name, _ in imported_modules(ast.parse(source), "skann.any"):
        parts = name.split(".")
        if parts[0] == "sklearn" and any(part.startswith("_") for part in parts):
            found.append(name)
    return found


# Private attributes of scikit-learn's classes that skann inherits.
TOUCHED = ("_validate_params", "_init_callback_context", "_skl_callbacks")


@pytest.mark.parametrize("path", FILES)
def test_one_file_knows_what_is_private_in_scikit_learn(path):
    source = (PACKAGE / path).read_text(encoding="utf-8")
    assert bool(private_names(source)) == (path == PRIVATE_DOOR)


@pytest.mark.parametrize(
    "source",
    [
        "from sklearn.utils._param_validation import Interval",
        "from sklearn.utils.validation import _check_sample_weight",
        "import sklearn.utils._tags",
        "estimator._validate_params()",
    ],
)
def test_a_private_name_is_found(source):
    assert private_names(source)


# A room's underscores are its own.
ON_TOP = ("inspection/", "export/", "dask/", "callbacks.py", "datasets.py")


def foreign_underscores(source):
    """Return private attributes that a file reads of something it has not made."""
    tree = ast.parse(source)
    defined = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    own = {
        node.attr
        for node in attributes
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    }
    return [
        node.attr
        for node in attributes
        if node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in own | defined
    ]


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith(ON_TOP)])
def test_what_stands_on_top_touches_nothing_private(path):
    assert foreign_underscores((PACKAGE / path).read_text(encoding="utf-8")) == []


def test_a_foreign_underscore_is_found():
    assert foreign_underscores("def f(model):\n    return model._theta") == ["_theta"]
