"""A small table with labels and gaps, as every kind of frame, and its targets."""

import numpy as np
import pandas as pd
import polars as pl

N_ROWS = 60
_RANDOM = np.random.RandomState(0)
COLORS = ["blue", "green", "red"]


def _plain_frame():
    """Return a frame whose columns have the dtypes that pandas reads from a file."""
    size = _RANDOM.normal(5, 2, N_ROWS)
    weight = size + _RANDOM.normal(0, 1, N_ROWS)
    frame = pd.DataFrame(
        {
            "color": np.array(COLORS)[_RANDOM.randint(3, size=N_ROWS)],
            "size": size,
            "is_new": _RANDOM.randint(2, size=N_ROWS).astype(bool),
            "weight": weight,
            "count": _RANDOM.randint(1, 9, size=N_ROWS),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[3::11, "color"] = None
    frame.loc[1, "color"] = "mauve"  # which is rare
    return frame


FRAME = _plain_frame()
_COLOR = FRAME["color"].map(dict(zip(COLORS, range(3), strict=True))).fillna(1.5)
NUMBERS = (FRAME["weight"] + 2 * _COLOR + FRAME["is_new"]).to_numpy()
LABELS = (pd.Series(NUMBERS).rank() > N_ROWS / 2).astype(int).to_numpy()
TARGETS = {"classifier": LABELS, "regressor": NUMBERS}

# The indicators, and the columns of numbers behind them.
INDICATORS = [
    "color_blue",
    "color_green",
    "color_red",
    "color_infrequent",
    "is_new_True",
    "missingindicator_size",
]
INPUTS = [*INDICATORS, "size", "weight", "count"]


def _as_array(frame):
    return frame.astype(object).to_numpy()


def _read_only(frame):
    array = _as_array(frame)
    array.flags.writeable = False
    return array


def _arrow_dictionary(frame):
    """Return a frame of pyarrow, where text is stored as codes."""
    table = frame.assign(color=frame["color"].astype("category"))
    return table.convert_dtypes(dtype_backend="pyarrow")


KINDS_OF_FRAMES = {
    "pandas": lambda frame: frame,
    "pandas, objects": lambda frame: frame.astype({"color": object, "is_new": object}),
    "pandas, all objects": lambda frame: frame.astype(object),
    "pandas, categorical": lambda frame: frame.astype(
        {"color": "category", "is_new": "category"}
    ),
    "pandas, nullable": lambda frame: frame.convert_dtypes(),
    "polars": pl.from_pandas,
    "polars, categorical": lambda frame: pl.from_pandas(frame).with_columns(
        pl.col("color").cast(pl.Categorical)
    ),
    "polars, enum": lambda frame: pl.from_pandas(frame).with_columns(
        pl.col("color").cast(pl.Enum([*COLORS, "mauve", "black"]))
    ),
    "array of objects": _as_array,
    "read-only array of objects": _read_only,
}
NEED_PYARROW = {
    "pandas, pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "pandas, pyarrow dictionary": _arrow_dictionary,
    "pyarrow": lambda frame: pyarrow_table(frame),
}


def pyarrow_table(frame):
    """Return a table of pyarrow."""
    import pyarrow

    return pyarrow.Table.from_pandas(frame)
