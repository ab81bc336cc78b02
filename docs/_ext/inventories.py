"""Where other projects document their names, without asking the network.

Their addresses follow a pattern, and what is installed knows its public names.
"""

import importlib
import inspect
import zlib
from itertools import takewhile
from pathlib import Path

ADDRESSES = {
    "sklearn": "https://scikit-learn.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "pandas": "https://pandas.pydata.org/docs/",
}
PAGES = {
    "sklearn": "modules/generated/{name}.html",
    "numpy": "reference/generated/{name}.html",
    "matplotlib": "api/_as_gen/{name}.html",
    "pandas": "reference/api/{name}.html",
}


def scikit_learn_names():
    """Yield the public names of scikit-learn, with the modules that are public."""
    import sklearn.callback
    from sklearn.utils.discovery import all_displays, all_estimators, all_functions

    for name, value in [*all_estimators(), *all_displays(), *all_functions()]:
        parts = takewhile(lambda part: part[0] != "_", value.__module__.split("."))
        module = importlib.import_module(".".join(parts))
        if hasattr(module, name):
            yield f"{module.__name__}.{name}", value
    for name in ("ProgressBar", "ScoringMonitor"):
        yield f"sklearn.callback.{name}", getattr(sklearn.callback, name)


def names():
    """Return the names of each project with the objects that they stand for."""
    import matplotlib.pyplot as plt
    import numpy as np

    of_numpy = {f"numpy.{name}": value for name, value in vars(np).items()}
    of_pyplot = {f"matplotlib.pyplot.{name}": getattr(plt, name) for name in dir(plt)}
    return {
        "sklearn": dict(scikit_learn_names()),
        "numpy": {
            name: value
            for name, value in of_numpy.items()
            # A type or another name of a function has no page of its own.
            if not inspect.isclass(value)
            and getattr(value, "__name__", None) == name.split(".")[1]
            and value.__name__ in np.__all__
        },
        "matplotlib": {
            name: value
            for name, value in of_pyplot.items()
            if inspect.isfunction(value) and name.split(".")[-1][0] != "_"
        },
        "pandas": {"pandas.DataFrame": type},
    }


def write(path, project, objects):
    """Write an inventory in the second version of Sphinx's format."""
    lines = []
    for name, value in sorted(objects.items()):
        kind = "class" if inspect.isclass(value) else "function"
        lines.append(f"{name} py:{kind} 1 {PAGES[project].format(name=name)}#$ -\n")
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))


def mapping(folder, *, online):
    """Return intersphinx's mapping, to files in the folder or to the network."""
    if online:
        return {project: (address, None) for project, address in ADDRESSES.items()}
    for project, objects in names().items():
        write(Path(folder) / f"{project}.inv", project, objects)
    return {
        project: (address, str(Path(folder) / f"{project}.inv"))
        for project, address in ADDRESSES.items()
    }
