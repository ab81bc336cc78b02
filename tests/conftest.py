"""What all tests share: the environment, set before the imports, and what is slow."""

import os
from collections import Counter

import pytest

# Without it scikit-learn skips its common check of array API input.
os.environ["SCIPY_ARRAY_API"] = "1"

# The problems are small: more threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Plots are drawn, but no window opens.
os.environ["MPLBACKEND"] = "Agg"


@pytest.hookimpl(tryfirst=True)  # before pytest looks at the marks
def pytest_collection_modifyitems(items):
    """Of a grid marked `every(n)`, mark all cases but each n-th as exhaustive.

    With an n that no side of the grid is a multiple of, each value of each side has
    its turn.
    """
    counts = Counter()
    for item in items:
        grid = item.get_closest_marker("every")
        if grid is None:
            continue
        test = item.parent.nodeid, item.originalname
        if counts[test] % grid.args[0]:
            item.add_marker(pytest.mark.exhaustive)
        counts[test] += 1
