"""Checks of what the network predicts, for rows that it has learned from and others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skann.inspection.diagnosis.evidence import Evidence
from skann.inspection.diagnosis.of_training import is_behind, is_held_back
from skann.inspection.diagnosis.report import Finding, in_words

# Overfitting: the unseen rows have so many times the error of the rows that were
# learned, and the skills are so far apart, by at least two standard errors.
TIMES_THE_ERROR = 2.5
GAP = 0.25
STANDARD_ERRORS = 2.0
# Without unseen rows: so much better than all that simpler models can do, of which one
# is a forest, that this cannot be true of rows unseen.
MOST_OF_OTHERS = 0.25
NEARLY_PERFECT = 0.95

# Of probabilities, the mean confidence and the share that is right may differ by this.
MISCALIBRATED = 0.1
LEAST_ROWS_TO_CALIBRATE = 50

# With fewer units together a network may be too small, with a larger penalty it may be
# held back.
FEW_UNITS = 32
LARGE_PENALTY = 1.0


def find_overfitting(evidence: Evidence) -> Iterator[Finding]:
    """Find a network that knows its rows, and little else."""
    seen, unseen = evidence.seen, evidence.unseen
    n_weights = evidence.estimator.n_parameters_
    weights = ""
    if n_weights > evidence.n_rows:
        weights = f" There are {n_weights} weights, and {evidence.n_rows} rows."
    if unseen is not None:
        gap = seen.skill - unseen.skill
        error = np.hypot(seen.standard_error, unseen.standard_error)
        times = (1 - unseen.skill) / max(1 - seen.skill, 1e-9)
        if gap < max(GAP, STANDARD_ERRORS * error) or times < TIMES_THE_ERROR:
            return
        text = (
            f"The skill is {in_words(seen.skill)} on the rows it learned from, and "
            f"{in_words(unseen.skill)} on {evidence.name_of_unseen}."
        )
    else:
        if evidence.forest_skill is None or evidence.reference is None:
            return
        name, skill = evidence.reference
        if n_weights < evidence.n_rows or skill > MOST_OF_OTHERS:
            return
        if seen.skill < NEARLY_PERFECT:
            return
        text = (
            f"The skill is {in_words(seen.skill)} on the rows it learned from, and "
            f"{name} reaches {in_words(skill)} on rows that it has not seen: pass "
            "X_val and y_val to be sure."
        )
    yield Finding("overfitting", text + weights, _remedy_of_overfitting(evidence))


def _remedy_of_overfitting(evidence: Evidence) -> str:
    """Return what keeps the network from overfitting."""
    settings = evidence.settings
    if settings.recipe != "table":
        return (
            "# The recipe: dropout, weight decay, members.\n"
            "estimator = type(estimator)(random_state=0).fit(X, y)"
        )
    alpha = max(1.0, 10 * settings.alpha)
    return f"estimator.set_params(alpha={alpha:g}, early_stopping=True).fit(X, y)"


def find_underfitting(evidence: Evidence) -> Iterator[Finding]:
    """Find a network that a constant or a simpler model can match."""
    if not is_behind(evidence):
        return
    skill, settings = evidence.seen.skill, evidence.settings
    if evidence.reference is None:
        beside = "where a constant has 0"
    else:
        name, its_skill = evidence.reference
        beside = (
            f"and {name} reaches {in_words(its_skill)} on rows that it has not seen"
        )
    if evidence.findings:
        remedy = evidence.findings[0].remedy  # what probably causes it
    else:
        if settings.alpha > LARGE_PENALTY:
            change = "alpha=1e-4"
        elif is_held_back(evidence):
            change = "dropout=0.1"
        elif sum(settings.hidden_layer_sizes) < FEW_UNITS:
            change = "hidden_layer_sizes=(64, 64)"
        else:
            change = "recipe='table', learning_rate='auto', hidden_layer_sizes='auto'"
        remedy = f"estimator.set_params({change}).fit(X, y)"
    yield Finding(
        "underfitting",
        "On the rows that it learned from, the network has a skill of "
        f"{in_words(skill)}, {beside}.",
        remedy,
        "error" if skill < 0.02 else "warning",
    )


def find_miscalibration(evidence: Evidence) -> Iterator[Finding]:
    """Find probabilities that are more or less sure than they are right."""
    part = evidence.unseen
    if not evidence.truth.is_classifier or part is None:
        return
    # A network that knows less of its own rows than a constant has other troubles.
    if len(part.encoded) < LEAST_ROWS_TO_CALIBRATE or evidence.seen.skill < 0:
        return
    if evidence.truth.is_multilabel:
        sure = np.maximum(part.predicted, 1 - part.predicted).mean(axis=1)
    else:
        sure = part.predicted.max(axis=1)
    right = part.hits
    confidence = float(np.average(sure, weights=part.weight))
    share = float(np.average(right, weights=part.weight))
    error = float(np.std(sure - right) / np.sqrt(len(right)))
    if abs(confidence - share) < max(MISCALIBRATED, STANDARD_ERRORS * error):
        return
    word = "sure" if confidence > share else "unsure"
    yield Finding(
        "miscalibration",
        f"On {evidence.name_of_unseen} the mean confidence is {confidence:.2f}, and "
        f"{share:.2f} are right: the network is too {word}.",
        "from sklearn.calibration import CalibratedClassifierCV\n"
        "estimator = CalibratedClassifierCV(estimator).fit(X, y)",
    )
