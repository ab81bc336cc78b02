"""Checks of the predictions, for training rows and unseen rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skann.inspection.diagnosis.evidence import Evidence
from skann.inspection.diagnosis.of_training import is_behind, is_held_back
from skann.inspection.diagnosis.report import Finding, in_words

# Overfitting: the error on unseen rows is this many times that on training rows, and
# the skills differ by this much, and by at least two standard errors.
TIMES_THE_ERROR = 2.5
GAP = 0.25
STANDARD_ERRORS = 2.0
# If no simpler model is better on unseen rows, there may just be too few rows to learn
# more, and only a gap of this size is evidence of overfitting.
LARGE_GAP = 0.5
# Without unseen rows: the fit is so much better than simpler models, including a
# forest, that it cannot be as good on unseen rows.
MOST_OF_OTHERS = 0.25
NEARLY_PERFECT = 0.95

# The mean confidence and the accuracy may differ by this much.
TOO_SURE = 0.1
# Label smoothing and dropout make a network underconfident, which is less harmful.
TOO_UNSURE = 0.2
LEAST_ROWS_TO_CALIBRATE = 50

# With fewer units in total, a network may be too small; with a larger penalty, it may
# be held back.
FEW_UNITS = 32
LARGE_PENALTY = 1.0


def find_overfitting(evidence: Evidence) -> Iterator[Finding]:
    """Find a network that knows its training rows, and little else."""
    seen, unseen = evidence.seen, evidence.unseen
    n_weights = evidence.estimator.n_parameters_
    weights = ""
    if n_weights > evidence.n_rows:
        weights = (
            f" The network has {n_weights} weights, but only {evidence.n_rows} "
            "training rows."
        )
    if unseen is not None:
        gap = seen.skill - unseen.skill
        error = np.hypot(seen.standard_error, unseen.standard_error)
        times = (1 - unseen.skill) / max(1 - seen.skill, 1e-9)
        least = GAP if _is_beaten(evidence) else LARGE_GAP
        if gap < max(least, STANDARD_ERRORS * error) or times < TIMES_THE_ERROR:
            return
        text = (
            f"The skill is {in_words(seen.skill)} on the training rows, but "
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
            f"The skill is {in_words(seen.skill)} on the training rows, but {name} "
            f"only reaches {in_words(skill)} on unseen rows. Pass X_val and y_val to "
            "be sure."
        )
    yield Finding("overfitting", text + weights, _remedy_of_overfitting(evidence))


def _is_beaten(evidence: Evidence) -> bool:
    """Return whether a simpler model is better on unseen rows, or this is unknown."""
    if evidence.unseen is None or evidence.reference is None:
        return True
    return evidence.unseen.skill < evidence.reference[1]


def _remedy_of_overfitting(evidence: Evidence) -> str:
    """Return a remedy for overfitting."""
    settings = evidence.settings
    if settings.recipe != "table":
        return (
            "# The recipe: dropout, weight decay, members.\n"
            "estimator = type(estimator)(random_state=0).fit(X, y)"
        )
    alpha = max(1.0, 10 * settings.alpha)
    return f"estimator.set_params(alpha={alpha:g}, early_stopping=True).fit(X, y)"


def find_underfitting(evidence: Evidence) -> Iterator[Finding]:
    """Find a network that is worse than a simpler model, or hardly learned anything."""
    if not is_behind(evidence):
        return
    skill, settings = evidence.seen.skill, evidence.settings
    if evidence.reference is None:
        beside = "compared with 0 for a constant prediction"
    else:
        name, its_skill = evidence.reference
        beside = f"while {name} reaches {in_words(its_skill)} on unseen rows"
    if evidence.findings:
        remedy = evidence.findings[0].remedy  # for the probable cause
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
        f"On the training rows, the network has a skill of {in_words(skill)}, "
        f"{beside}.",
        remedy,
        "error" if skill < 0.02 else "warning",
    )


def find_miscalibration(evidence: Evidence) -> Iterator[Finding]:
    """Find probabilities that are too high or too low for the accuracy."""
    part = evidence.unseen
    if not evidence.truth.is_classifier or part is None:
        return
    # A network that is worse than a constant on its own rows has other problems.
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
    limit = TOO_SURE if confidence > share else TOO_UNSURE
    if abs(confidence - share) < max(limit, STANDARD_ERRORS * error):
        return
    word = "over" if confidence > share else "under"
    yield Finding(
        "miscalibration",
        f"On {evidence.name_of_unseen}, the mean confidence is {confidence:.2f}, but "
        f"the accuracy is {share:.2f}: the network is {word}confident.",
        "from sklearn.calibration import CalibratedClassifierCV\n"
        "estimator = CalibratedClassifierCV(estimator).fit(X, y)",
    )
