"""Checks of y: constant, wild, unscaled, contradictory, imbalanced."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from skann.inspection.diagnosis.evidence import Evidence
from skann.inspection.diagnosis.of_columns import wild_cells
from skann.inspection.diagnosis.report import Finding

# Without scaling, numeric targets should not be larger than this.
LARGE_TARGETS = 30.0

# This share of all rows may contradict an equal row. No function of X can predict these
# correctly.
MOST_CONTRADICTIONS = 0.02
# Numeric targets contradict each other if their variance within equal rows is this
# share of the overall variance, and if this share of the rows has an equal row.
SPREAD_WITHIN = 0.5
LEAST_EQUAL_ROWS = 0.05
# If each row occurs this often on average, X consists of a few groups, and the
# differences within a group are noise, not mistakes.
ROWS_OF_A_GROUP = 5.0

# A class is rare if it has less than this fraction of an equal share, and it is
# neglected if the network finds fewer than half of its rows.
RARE_SHARE = 0.3
LEAST_RECALL = 0.5
# The recall of fewer rows is meaningless.
LEAST_ROWS_OF_CLASS = 5


def find_constant_target(evidence: Evidence) -> Iterator[Finding]:
    """Find a constant target."""
    same = np.ptp(evidence.encoded, axis=0) == 0
    multilabel = evidence.truth.is_multilabel
    if (
        same.all()
        or (same.any() and not evidence.truth.is_classifier)
        or (multilabel and same.any())
    ):
        which = "y has" if same.all() else f"{int(same.sum())} columns of y have"
        yield Finding(
            "constant target",
            f"{which} only one value: there is nothing to learn.",
            "y = ...  # check how y was made",
            "error" if same.all() else "note",
        )


def find_wild_target(evidence: Evidence) -> Iterator[Finding]:
    """Find numeric targets far outside the range of all others."""
    truth = evidence.truth
    robust = truth.is_of_absolute_errors or truth.quantiles is not None
    if truth.is_classifier or robust:
        return
    for number, column in enumerate(evidence.encoded.T):
        wild = wild_cells(column)
        if wild is None:
            continue
        cells, ratio = wild
        yield Finding(
            "wild target",
            f"{len(cells)} values of y, such as {cells[np.abs(cells).argmax()]:g}, "
            f"are up to {ratio:.3g} times as far from the median as all others"
            + (f" (column {number})" if evidence.encoded.shape[1] > 1 else "")
            + ", and their squared errors dominate the loss.",
            "estimator.set_params(loss='huber')",
        )
        return


def find_unscaled_target(evidence: Evidence) -> Iterator[Finding]:
    """Find numeric targets that are too large for training."""
    truth, settings = evidence.truth, evidence.settings
    if truth.is_classifier or evidence.model.inputs is not None:
        return
    if not settings.is_stochastic or evidence.model.log_link:
        return
    rms = float(np.sqrt(np.square(evidence.encoded).mean(axis=0)).max())
    if rms > LARGE_TARGETS:
        yield Finding(
            "unscaled target",
            f"scaling=None, but the root mean square of y is {rms:.3g}; it should be "
            f"about 1 (at most {LARGE_TARGETS:g}), or it takes long to reach.",
            "estimator.set_params(scaling='standard')",
        )


def find_contradictions(evidence: Evidence) -> Iterator[Finding]:
    """Find equal rows with different labels."""
    groups = _groups_of_equal_rows(evidence)
    n_rows, n_groups = len(groups), int(groups.max()) + 1
    if n_groups == n_rows or n_rows > ROWS_OF_A_GROUP * n_groups:
        return
    sizes = np.bincount(groups)
    encoded = evidence.encoded
    if evidence.truth.is_classifier:
        _, labels = np.unique(encoded, axis=0, return_inverse=True)
        labels = labels.ravel()
        counts = np.zeros((n_groups, labels.max() + 1))
        np.add.at(counts, (groups, labels), 1)
        n_wrong = int(n_rows - counts.max(axis=1).sum())
        n_rows_of_such = int(sizes[(counts > 0).sum(axis=1) > 1].sum())
        share = n_wrong / n_rows
        if share <= MOST_CONTRADICTIONS:
            return
        seen = (
            f"{n_rows_of_such} of {n_rows} rows of X are equal to a row with another "
            f"label, so no function of X can get more than {1 - share:.1%} right."
        )
    else:
        is_equal = sizes[groups] > 1
        if is_equal.mean() < LEAST_EQUAL_ROWS:
            return
        means = np.stack(
            [np.bincount(groups, column) / sizes for column in encoded.T], axis=1
        )
        within = np.square(encoded - means[groups])[is_equal].sum(axis=0)
        freedom = is_equal.sum() - len(np.unique(groups[is_equal]))
        variance = encoded.var(axis=0)
        share = float(np.max(within / freedom / np.maximum(variance, 1e-300)))
        if share < SPREAD_WITHIN:
            return
        seen = (
            f"{int(is_equal.sum())} of {n_rows} rows of X are equal to another row, "
            f"and within such rows, y has {share:.0%} of its overall variance."
        )
    yield Finding(
        "contradictory labels",
        seen,
        "# Compare equal rows, and add a column that tells them apart.\n"
        "X = np.column_stack([X, what_tells_them_apart])",
    )


def _groups_of_equal_rows(evidence: Evidence) -> np.ndarray:
    """Return a group number for each row, the same for equal rows."""
    numbers = evidence.rows.numbers
    if sparse.issparse(numbers):
        rows = numbers.tocsr()
        keys = [
            (rows.indices[a:b].tobytes(), rows.data[a:b].tobytes())
            for a, b in zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
        ]
    else:
        cells = np.ascontiguousarray(numbers + 0.0)  # no -0.0
        labels = (
            zip(*evidence.rows.labels, strict=True)
            if evidence.rows.labels
            else (() for _ in range(len(cells)))
        )
        keys = [
            (row.tobytes(), *of_row) for row, of_row in zip(cells, labels, strict=True)
        ]
    known: dict = {}
    return np.array([known.setdefault(key, len(known)) for key in keys])


def find_imbalance(evidence: Evidence) -> Iterator[Finding]:
    """Find rare classes that the network neglects."""
    truth = evidence.truth
    if not truth.is_classifier:
        return
    part = evidence.unseen if evidence.unseen is not None else evidence.seen
    encoded, n_outputs = evidence.encoded, evidence.encoded.shape[1]
    if truth.is_multilabel:
        found = part.predicted > 0.5
        shares, equal = encoded.mean(axis=0), 0.5
    else:
        found = np.eye(n_outputs, dtype=bool)[part.predicted.argmax(axis=1)]
        shares, equal = encoded.mean(axis=0), 1 / n_outputs
    true = part.encoded > 0.5
    n_true = true.sum(axis=0)
    recall = (true & found).sum(axis=0) / np.maximum(n_true, 1)
    neglected = (
        (shares < RARE_SHARE * equal)
        & (n_true >= LEAST_ROWS_OF_CLASS)
        & (recall < LEAST_RECALL)
    )
    if not neglected.any():
        return
    worst = int(np.flatnonzero(neglected)[recall[neglected].argmin()])
    name = evidence.estimator.classes_[worst]
    name = name.item() if hasattr(name, "item") else name
    weighted = evidence.settings.class_weight is not None
    yield Finding(
        "class imbalance",
        f"{'Label' if truth.is_multilabel else 'Class'} {name!r} has "
        f"{shares[worst]:.1%} of the rows, but the network only finds "
        f"{recall[worst]:.0%} of them.",
        "from sklearn.model_selection import TunedThresholdClassifierCV\n"
        "estimator = TunedThresholdClassifierCV(estimator, "
        "scoring='balanced_accuracy').fit(X, y)"
        if weighted
        else "estimator.set_params(class_weight='balanced').fit(X, y)",
    )
