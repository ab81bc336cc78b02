"""Checks of the columns of X: constant, duplicated, wild, unscaled, empty, leaking."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeRegressor

from skann.data.wild_cells import tame
from skann.inspection.diagnosis.evidence import Evidence
from skann.inspection.diagnosis.report import Finding

# In images and counts, blank columns are normal. X is taken for such data if it has at
# least this many columns, all with the same smallest value, of which fewer than this
# share have that value throughout.
COLUMNS_OF_IMAGES = 16
MOST_BLANK = 0.5

# Two columns in which hardly any row differs from the most frequent value (rare words,
# border pixels) may be equal by chance.
LEAST_ROWS_THAT_DIFFER = 10
LEAST_SHARE_THAT_DIFFERS = 0.02

# An outlier is this many times as far from the median as the farthest other cell. A
# factor of ten tolerates the tails of Student's t with three degrees of freedom; a code
# that occurs repeatedly, such as -999, need not be as far away.
GAP_OF_ERRORS = 10.0
GAP_OF_CODES = 2.5
LEAST_ROWS_OF_CODE = 3

# Inputs usually have a root mean square near 1. Pixels from 0 to 16 (RMS 7) and
# centimetres (6) train well; years and values from 0 to 255 do not.
LARGE_INPUTS = 30.0
# Rows with a smaller norm hardly matter compared with the biases.
SMALL_ROWS = 0.2
# The standard deviations of columns that are not indicators should be similar.
UNLIKE_SPREADS = 100.0

# A column with a smaller share of values is of little use.
LEAST_SHARE_OF_VALUES = 0.1

# If this share of the rows has rare labels, the column contains names of rows.
RARE_EVERYWHERE = 0.8

# A leak explains everything: a tree on this column alone leaves at most this share of
# the variance, and a tree on any other column at least this many times as much.
LEAST_LEFT = 0.02
TIMES_THE_OTHERS = 10.0
LEFT_BY_OTHERS = 0.2
ROWS_OF_LEAKS = 1000
LEAST_ROWS_OF_LEAKS = 40
# First, the rows are split into groups by each column. Trees are grown only if these
# groups explain this share of y, and only for the columns that explain most.
N_GROUPS = 32
WORTH_A_TREE = 0.8
COLUMNS_WITH_TREES = 8

# At most this many names are listed.
MOST_NAMES = 5


def listed(names: Sequence[str]) -> str:
    """Return a list of names as text, with only the first few of many."""
    shown = ", ".join(repr(name) for name in names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def columns_as_code(evidence: Evidence, names: Sequence[str]) -> str:
    """Return code that drops columns."""
    if hasattr(evidence.estimator, "feature_names_in_"):
        return f"X = X.drop(columns={list(names)!r})"
    numbers = [evidence.names.index(name) for name in names]
    if evidence.is_sparse:
        kept = f"np.setdiff1d(np.arange(X.shape[1]), {numbers!r})"
        return f"X = X.tocsc()[:, {kept}]"
    return f"X = np.delete(X, {numbers!r}, axis=1)"


def columns_of(evidence: Evidence) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the cells of each numeric column, as a dense array."""
    numbers = evidence.rows.numbers
    columns = numbers.tocsc() if sparse.issparse(numbers) else numbers
    for j, name in enumerate(evidence.number_names):
        if sparse.issparse(columns):
            yield name, columns[:, [j]].toarray().ravel()
        else:
            yield name, columns[:, j]


def ranges(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest value of each column, NaN for empty ones."""
    numbers = evidence.rows.numbers
    if sparse.issparse(numbers):
        low, high = numbers.min(axis=0), numbers.max(axis=0)
        return low.toarray().ravel(), high.toarray().ravel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmin(numbers, axis=0), np.nanmax(numbers, axis=0)


def is_like_an_image(evidence: Evidence) -> bool:
    """Return whether all columns are of the same kind, like pixels or word counts."""
    if evidence.is_sparse:
        return True
    if len(evidence.number_names) < COLUMNS_OF_IMAGES:
        return False
    low, high = ranges(evidence)
    return bool((low == low[0]).all() and np.mean(low == high) < MOST_BLANK)


def find_constant(evidence: Evidence) -> Iterator[Finding]:
    """Find constant columns."""
    names = [
        name
        for name, cells in zip(evidence.label_names, evidence.rows.labels, strict=True)
        if len(set(map(str, cells))) == 1
    ]
    if evidence.number_names:
        low, high = ranges(evidence)
        size = np.maximum(np.abs(low), np.abs(high))
        same = ~(high - low > 1e-12 * size)
        if same.all() or not is_like_an_image(evidence):
            names += [evidence.number_names[j] for j in np.flatnonzero(same)]
    if not names:
        return
    every = len(names) == len(evidence.names)
    yield Finding(
        "constant columns",
        f"{len(names)} of {len(evidence.names)} columns of X have only one value: "
        f"{listed(names)}." + (" There is nothing to learn from." if every else ""),
        "X = ...  # check how X was made"
        if every
        else columns_as_code(evidence, names),
        "error" if every else "note",
    )


def find_duplicated(evidence: Evidence) -> Iterator[Finding]:
    """Find columns that equal another column, up to a factor and an offset."""
    least = max(LEAST_ROWS_THAT_DIFFER, LEAST_SHARE_THAT_DIFFERS * evidence.n_rows)
    groups: dict[Any, list[str]] = defaultdict(list)
    for name, cells in columns_of(evidence):
        key = _standard_form(cells, least)
        if key is not None:
            groups[key].append(name)
    for name, labels in zip(evidence.label_names, evidence.rows.labels, strict=True):
        levels = {level: number for number, level in enumerate(dict.fromkeys(labels))}
        counts = Counter(labels)
        if evidence.n_rows - max(counts.values()) >= least:
            groups[tuple(levels[label] for label in labels)].append(name)
    copies = [group for group in groups.values() if len(group) > 1]
    if not copies:
        return
    again = [name for group in copies for name in group[1:]]
    pairs = "; ".join(
        f"{listed(group[1:])} (like {group[0]!r})" for group in copies[:3]
    )
    yield Finding(
        "duplicated columns",
        f"{len(again)} of {len(evidence.names)} columns of X contain the same "
        f"information as another column: {pairs}.",
        columns_as_code(evidence, again),
        "note",
    )


def _standard_form(cells: np.ndarray, least: float) -> bytes | None:
    """Return a form that is the same for columns that differ only in their unit."""
    values, counts = np.unique(cells, return_counts=True)
    if len(cells) - counts.max() < least:
        return None
    low, high = np.nanmin(cells), np.nanmax(cells)
    if not high > low:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        form = (cells.astype(np.float64) - low) / (np.float64(high) - low)
    # A column and its negative are also copies, except for the indicators of two
    # groups, which encoders make on purpose.
    if len(values) > 2:
        first = form[~np.isnan(form)]
        if first.mean() > 0.5:
            form = 1 - form
    return np.round(form, 6).tobytes()


def wild_cells(cells: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return the outliers of a column, and how far away the farthest is.

    Parameters
    ----------
    cells : ndarray of shape (n_samples,)
        A numeric column without missing values.

    Returns
    -------
    wild : tuple or None
        The outliers, and the distance of the farthest one from the median, divided by
        that of the farthest other cell; None if there are none.
    """
    if len(cells) < 5 or np.ptp(cells) == 0:
        return None
    cells = cells.astype(np.float64)
    columns = cells[:, np.newaxis]
    measures = [
        np.array([value])
        for value in (cells.mean(), cells.std(), cells.min(), cells.max())
    ]
    _, _, low, high = tame(columns, np.ones(len(cells)), *measures)
    is_wild = (cells < low[0]) | (cells > high[0])
    if not is_wild.any():
        return None
    middle = np.median(cells[~is_wild])
    reach = max(high[0] - middle, middle - low[0], 1e-300)
    distance = np.abs(cells - middle) / reach
    values, counts = np.unique(cells[is_wild], return_counts=True)
    codes = values[counts >= LEAST_ROWS_OF_CODE]
    is_error = is_wild & (distance > GAP_OF_ERRORS)
    is_code = is_wild & np.isin(cells, codes) & (distance > GAP_OF_CODES)
    found = is_error | is_code
    if not found.any():
        return None
    return cells[found], float(distance[found].max())


def find_wild(evidence: Evidence) -> Iterator[Finding]:
    """Find columns with cells far outside the range of all others."""
    if evidence.is_sparse:
        return
    found = {}
    for name, cells in columns_of(evidence):
        wild = wild_cells(cells[~np.isnan(cells)])
        if wild is not None:
            found[name] = wild
    if not found:
        return
    worst = max(found, key=lambda name: found[name][1])
    cells, ratio = found[worst]
    values, counts = np.unique(cells, return_counts=True)
    value = values[counts.argmax()]
    bounded = evidence.model.inputs is not None and evidence.model.inputs.kind == (
        "bounded"
    )
    column = f"X[{worst!r}]"
    if not hasattr(evidence.estimator, "feature_names_in_"):
        column = f"X[:, {evidence.names.index(worst)}]"
    remedy = f"{column} = np.where({column} == {value:g}, np.nan, {column})"
    yield Finding(
        "wild columns",
        f"{len(found)} of {len(evidence.names)} columns of X have cells far outside "
        f"the range of all others: {listed(list(found))}. In {worst!r} there are "
        f"{len(cells)}, such as {value:g}, up to {ratio:.3g} times as far from the "
        "median as any other cell.",
        remedy + ("" if bounded else "\nestimator.set_params(scaling='bounded')"),
        "note" if bounded else "warning",
    )


def find_unscaled(evidence: Evidence) -> Iterator[Finding]:
    """Find inputs that are too large or too small for training."""
    if evidence.model.inputs is not None or not evidence.number_names:
        return
    numbers = evidence.rows.numbers
    if sparse.issparse(numbers):
        squares = numbers.multiply(numbers).mean(axis=0)
        rms = np.sqrt(np.asarray(squares).ravel())
        spread, n_values = rms, np.full(len(rms), 2)
    else:
        with np.errstate(over="ignore"):
            rms = np.sqrt(np.mean(np.square(numbers, dtype=np.float64), axis=0))
        spread = numbers.std(axis=0, dtype=np.float64)
        n_values = np.array([len(np.unique(column[:1000])) for column in numbers.T])
    remedy = "estimator.set_params(scaling='standard')"
    largest = int(rms.argmax())
    if rms[largest] > LARGE_INPUTS:
        yield Finding(
            "unscaled inputs",
            f"scaling=None, but the root mean square of column "
            f"{evidence.number_names[largest]!r} is {rms[largest]:.3g}; it should be "
            f"about 1 (at most {LARGE_INPUTS:g}).",
            remedy,
        )
        return
    norm = float(np.sqrt(np.square(rms).sum()))
    if norm < SMALL_ROWS:
        yield Finding(
            "unscaled inputs",
            f"scaling=None, but the rows of X have a norm of only {norm:.2g}; it "
            f"should be at least {SMALL_ROWS:g}, or the network hardly reacts to them.",
            remedy,
        )
        return
    spread = spread[(n_values > 2) & (spread > 0)]
    if len(spread) < 2 or is_like_an_image(evidence):
        return
    ratio = spread.max() / spread.min()
    if ratio > UNLIKE_SPREADS:
        yield Finding(
            "unscaled inputs",
            f"scaling=None, but the standard deviation of one column of X is "
            f"{ratio:.3g} times that of another; it should be at most "
            f"{UNLIKE_SPREADS:g} times.",
            remedy,
        )


def find_empty(evidence: Evidence) -> Iterator[Finding]:
    """Find columns in which nearly all values are missing."""
    if evidence.is_sparse:
        return
    shares = {
        name: float(np.mean(~np.isnan(cells))) for name, cells in columns_of(evidence)
    }
    names = [
        name for name, share in shares.items() if 0 < share < LEAST_SHARE_OF_VALUES
    ]
    if names:
        share = min(shares[name] for name in names)
        yield Finding(
            "empty columns",
            f"{len(names)} of {len(evidence.names)} columns of X have almost no "
            f"values: {listed(names)}, with values in as few as {share:.1%} of the "
            "rows.",
            columns_as_code(evidence, names),
            "note",
        )


def find_new_gaps(evidence: Evidence) -> Iterator[Finding]:
    """Find columns with missing values in the validation data, but none in training."""
    columns, numbers = evidence.model.columns, evidence.rows.numbers
    if evidence.X_val is None or evidence.rows_val is None or evidence.is_sparse:
        return
    in_training = np.isnan(numbers).any(axis=0)
    if columns is not None:
        in_training = in_training | columns.is_marked
    share = np.isnan(evidence.rows_val.numbers).mean(axis=0)
    new = (share > 0) & ~in_training
    if new.any():
        names = [evidence.number_names[j] for j in np.flatnonzero(new)]
        yield Finding(
            "gaps that training has not seen",
            f"Columns {listed(names)} have missing values in up to "
            f"{share[new].max():.1%} of the rows of X_val, but none in X. These are "
            "replaced with the centre of the column, which the network has not "
            "learned to expect.",
            "estimator.fit(X_with_gaps, y)  # rows like those to be predicted",
        )


def find_names_of_rows(evidence: Evidence) -> Iterator[Finding]:
    """Find categorical columns in which nearly every label is rare."""
    columns = evidence.model.columns
    if columns is None:
        return
    names = []
    for name, levels, shares in zip(
        evidence.label_names, columns.levels, columns.shares, strict=True
    ):
        is_rare = shares[-1] if len(shares) > len(levels) else 0.0
        labels = evidence.rows.labels[evidence.label_names.index(name)]
        if is_rare > RARE_EVERYWHERE and len(set(labels)) > 0.2 * len(labels):
            names.append(name)
    if names:
        yield Finding(
            "identifier columns",
            f"Nearly every label in {listed(names)} is too rare to learn from, as in "
            "a column of names or identifiers.",
            columns_as_code(evidence, names),
            "note",
        )


# ------------------------------------------------------------------------------- leaks


def find_leak(evidence: Evidence) -> Iterator[Finding]:
    """Find a single column that explains the target completely."""
    if len(evidence.names) < 2 or evidence.n_rows < LEAST_ROWS_OF_LEAKS:
        return
    if evidence.is_sparse or not np.ptp(evidence.encoded, axis=0).any():
        return
    left = _left_by_each(evidence)
    if len(left) < 2:
        return
    names = sorted(left, key=lambda name: left[name])
    best = names[0]
    if left[best] > LEAST_LEFT:
        return
    # A copy of the leak also leaks, and does not count as another column.
    others = [name for name in names[1:] if left[name] > max(LEAST_LEFT, left[best])]
    by_others = min((left[name] for name in others), default=1.0)
    n_leaks = len(names) - len(others)
    if by_others < max(TIMES_THE_OTHERS * left[best], LEFT_BY_OTHERS) or (
        n_leaks > max(1, len(names) // 3)
    ):
        return
    yield Finding(
        "leak",
        f"Column {best!r} alone explains {1 - left[best]:.1%} of y, and the next best "
        f"{1 - by_others:.1%}. Was it derived from y, or is it only known after y?",
        columns_as_code(evidence, names[:n_leaks]),
    )


def _left_by_each(evidence: Evidence) -> dict[str, float]:
    """Return the share of the variance of y that each column alone leaves."""
    rows = np.arange(evidence.n_rows)
    if len(rows) > ROWS_OF_LEAKS:
        rows = np.sort(
            np.random.RandomState(1).choice(rows, ROWS_OF_LEAKS, replace=False)
        )
    numbers = evidence.rows.numbers
    columns: dict[str, np.ndarray] = {
        name: numbers[rows, j].astype(np.float64)
        for j, name in enumerate(evidence.number_names)
    }
    encoded = evidence.encoded[rows]
    for name, labels in zip(evidence.label_names, evidence.rows.labels, strict=True):
        columns[name] = _means_by_label([labels[row] for row in rows], encoded)
    with np.errstate(over="ignore"):
        columns = {name: np.clip(cells, -1e30, 1e30) for name, cells in columns.items()}
    # Outputs in different units count equally. A column that explains only one of
    # several outputs, or separates one of ten classes from the rest, is not a leak.
    if not evidence.truth.is_classifier:
        encoded = encoded / evidence.scale
    explained = {
        name: _share_explained(cells, encoded) for name, cells in columns.items()
    }
    likely = sorted(columns, key=lambda name: -explained[name])
    if explained[likely[0]] < WORTH_A_TREE:
        return {}
    return {
        name: _left_by(columns[name], encoded) for name in likely[:COLUMNS_WITH_TREES]
    }


def _means_by_label(labels: list[Any], encoded: np.ndarray) -> np.ndarray:
    """Return a number for each label, in the order of its mean target."""
    _, codes = np.unique(np.array([str(each) for each in labels]), return_inverse=True)
    counts = np.bincount(codes)
    # A label with few rows would reveal its own target.
    score = encoded @ (np.arange(encoded.shape[1]) + 1.0)
    means = np.bincount(codes, score) / counts
    means[counts < 5] = np.nan
    return means[codes]


def _share_explained(cells: np.ndarray, encoded: np.ndarray) -> float:
    """Return the share of the variance of y between groups of a column's cells."""
    order = np.argsort(cells, kind="stable")
    groups = np.array_split(encoded[order], min(N_GROUPS, len(order)))
    mean = encoded.mean(axis=0)
    between = sum(
        len(group) * np.square(group.mean(axis=0) - mean).sum() for group in groups
    )
    return float(between / max(np.square(encoded - mean).sum(), 1e-300))


def _left_by(cells: np.ndarray, encoded: np.ndarray) -> float:
    """Return the share of the variance of all outputs that a column leaves."""
    tree = DecisionTreeRegressor(random_state=0)
    folds = KFold(3, shuffle=True, random_state=0)
    predicted = cross_val_predict(tree, cells[:, np.newaxis], encoded, cv=folds)
    left = np.square(encoded - predicted.reshape(encoded.shape)).sum()
    spread = np.square(encoded - encoded.mean(axis=0)).sum()
    return float(left / max(spread, 1e-300))
