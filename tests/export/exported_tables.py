"""Tables with labels and gaps, estimators of them, and tables to predict for."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
from exported import CLASSES, FAR, SHAPES, TARGETS
from numpy.random import RandomState
from sklearn.exceptions import ConvergenceWarning

N_ROWS = len(FAR)
_random_state = RandomState(1)


def _draw(levels):
    return np.array(levels, object)[_random_state.randint(len(levels), size=N_ROWS)]


def _with_gaps(column, step, gap=np.nan):
    column = column.copy()
    column[::step] = gap
    return column


# Numbers far from zero, two of them with gaps, and labels that are numbers.
_GAPS = np.c_[_with_gaps(FAR[:, 0], 7), FAR[:, 1], _with_gaps(FAR[:, 4], 9), FAR[:, 2]]
_CODES = np.c_[_GAPS, _draw([10_001, 10_002, 20_001]), _with_gaps(CLASSES * 0.5, 8)]
_FRAME = pd.DataFrame(
    {
        "colour": _draw(["blue", "grün", "red", ""]),
        "size": _GAPS[:, 0],
        "label": _with_gaps(_draw(["a", "b"]), 6, None),  # as an output is called
        "is_new": _draw([False, True]) == True,  # noqa: E712
        "weight": FAR[:, 1],
        "nearly all": np.where(np.arange(N_ROWS) < 57, "one", "other"),
        "name": [f"row {row}" for row in range(N_ROWS)],  # no level is frequent
        "count": CLASSES,
        "is_old": _with_gaps(_draw([False, True]), 5, None),
        "place": _draw([1, 2, 3, 4]).astype(int),
        "share": _with_gaps(CLASSES * 0.5, 8),
    }
)  # fmt: skip
_LABELS_OF_FRAME = [
    name for name in _FRAME if name not in ("size", "weight", "count")
]  # fmt: skip


def _strange(frame):
    """Return rows with labels and gaps that training has not seen."""
    frame = frame.iloc[:6].copy()
    for name, column in frame.items():
        if column.dtype.kind == "f":
            frame.loc[[1, 3], name] = np.nan
        elif column.dtype.kind == "i":
            frame.loc[2, name] = 99
        elif column.dtype.kind not in "b" and name != "is_old":
            frame.loc[1, name], frame.loc[2, name] = None, "never seen"
    return frame


def _strange_rows(X, labels):
    X = X[:8].copy()
    X[1], X[2, labels], X[3, labels] = np.nan, 77, -0.5
    return X


_TEXT = _FRAME[["colour", "label"]]
_BOOLS = _FRAME[["size", "is_new", "weight"]]

# By name: the table, which columns are labels, and other rows.
TABLES = {
    "gaps": (_GAPS, "from_dtype", _strange_rows(_GAPS, [])),
    "numbers as labels": (_CODES, [4, 5], _strange_rows(_CODES, [4, 5])),
    "numbers as labels alone": (
        _CODES[:, 4:].astype(float), [0, 1], _strange_rows(_CODES[:, 4:], [0, 1]),
    ),
    "frame": (_FRAME, _LABELS_OF_FRAME, _strange(_FRAME)),
    "text alone": (_TEXT, "from_dtype", _strange(_TEXT)),
    "one column of text": (_TEXT[["label"]], "from_dtype", _strange(_TEXT[["label"]])),
    "truth values": (_BOOLS, "from_dtype", _BOOLS[:3]),
}  # fmt: skip


@cache
def fitted_to_table(
    table, target, *, shape="plain", scaling="bounded", dtype="float64", **params
):
    """Return a small estimator after a few epochs, which change what was drawn."""
    X, labels, _ = TABLES[table]
    kind, of_target, y = TARGETS[target]
    small = {"hidden_layer_sizes": (5, 4), "max_iter": 3, "learning_rate_init": 0.01}
    params = {**small, **of_target, **SHAPES[shape], **params}
    estimator = kind(
        **params,
        scaling=scaling,
        dtype=dtype,
        categorical_features=labels,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(X, y)
    if not hasattr(estimator, "classes_"):
        estimator.size_of_targets = np.abs(y).max(axis=0)
    return estimator
