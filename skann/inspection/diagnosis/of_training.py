"""Checks of the course of training: its rate, and whether it was long enough."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skann.inspection.diagnosis.evidence import Evidence
from skann.inspection.diagnosis.report import Finding, in_words

# The range test suggests a tenth of the rate at which the loss was smallest. Rates
# around it differ little; this many times above it they do.
TOO_LARGE = 10.0
# It has few steps for each rate and so likes large ones: Adam's usual 0.001 is up to
# 200 times less than it suggests for a small network. That counts only if many steps
# at that rate have led nowhere.
TOO_SMALL = 1 / 300
TOO_SMALL_FOR_MANY_STEPS = 1 / 50
MANY_STEPS = 300
# The loss fell in a straight line, and so has hardly begun to fall, if the last third
# of the epochs brought this share of what the first third brought, and if so many
# epochs were better than the one before.
STRAIGHT = 0.25
MONOTONE = 0.8
# Whatever the range test says: a loss that grew so many times larger than a constant's
# was driven there.
EXPLODED = 10.0

# Where one of these was found, a loss that falls slowly says nothing of the rate.
EXPLAIN_SLOWNESS = frozenset(
    {
        "unscaled inputs",
        "unscaled target",
        "wild target",
        "dead units",
        "saturated units",
        "vanishing gradients",
        "learning rate too large",
        "learning rate too small",
        "constant target",
        "overfitting",
    }
)

# And where one of these was found, large losses say nothing of it.
BAD_SIZES = frozenset(
    {"unscaled inputs", "unscaled target", "wild target", "wild columns"}
)

# How much of the constant's loss the mean epoch of the second half gives back, where
# the rate is too large, how far the last loss lies above the least one, and how far an
# epoch may lie above the constant's loss.
ROUGH = 0.03
ABOVE_LEAST = 0.1
ABOVE_CONSTANT = 2.0

# A network has learned little if a simpler model is so much better on rows that it has
# not seen than the network on those that it has; or below this skill without any.
BEHIND = 0.1
LITTLE_SKILL = 0.2

# Training was cut off if the last fifth of its epochs took this share of the constant's
# loss away, and it has some left.
STILL_FALLING = 0.05
# Of a network that is behind after a few steps, less is enough.
STILL_GETTING_ON = 0.01

# Of fewer rows, or where the network knows its rows so much better than a simpler model
# knows others, more epochs may only lead to overfitting.
LEAST_ROWS = 50
AHEAD = 0.15

# A penalty that is this share of the number of rows, and dropout of more than this,
# leave little to learn, however long.
STRONG_PENALTY = 0.1
MUCH_DROPOUT = 0.5


def is_behind(evidence: Evidence) -> bool:
    """Say whether the network has learned little of what there is."""
    reference = evidence.reference
    if reference is None:
        return evidence.seen.skill < LITTLE_SKILL
    return evidence.seen.skill < reference[1] - BEHIND


def is_as_good_as_its_kind(evidence: Evidence) -> bool:
    """Say whether a network without hidden layers does what a linear model can."""
    if evidence.settings.hidden_layer_sizes or evidence.linear_skill is None:
        return False
    return evidence.seen.skill > evidence.linear_skill - BEHIND


def is_held_back(evidence: Evidence) -> bool:
    """Say whether a strong penalty or much dropout leaves little to learn."""
    settings = evidence.settings
    is_strong = settings.alpha > STRONG_PENALTY * evidence.n_rows
    return is_strong or max(settings.dropout, default=0.0) > MUCH_DROPOUT


def fall_of_end(evidence: Evidence) -> float:
    """Return what the last fifth of the epochs took away, in constant losses."""
    losses = evidence.losses
    if len(losses) < 2:
        return 0.0
    start = max(0, len(losses) - 1 - max(1, len(losses) // 5))
    return float((losses[start] - losses[-1]) / evidence.constant_loss)


def find_large_rate(evidence: Evidence) -> Iterator[Finding]:
    """Find a learning rate that is too large."""
    signs = _signs_of_large_rate(evidence)
    if signs is None:
        return
    rate = float(evidence.rates.max())
    losses, constant = evidence.losses, evidence.constant_loss
    exploded = losses.max() > EXPLODED * max(constant, losses[0])
    if exploded and not evidence.found & BAD_SIZES:
        better, beside = rate / 30, ""
    elif evidence.range_test is not None:
        better = evidence.range_test.suggestion
        if rate <= TOO_LARGE * better:
            return
        beside = f", {rate / better:.3g} times what the range test suggests"
    else:
        return
    yield Finding(
        "learning rate too large",
        f"The rate was {rate:g}{beside}, and {signs}.",
        f"estimator.set_params(learning_rate_init={better:.1g}).fit(X, y)",
    )


def find_small_rate(evidence: Evidence) -> Iterator[Finding]:
    """Find a learning rate that is too small."""
    if not evidence.rates.size or evidence.found & EXPLAIN_SLOWNESS:
        return
    if not (is_behind(evidence) and _is_straight(evidence.losses)):
        return
    if is_held_back(evidence) or is_as_good_as_its_kind(evidence):
        return
    if evidence.range_test is None:
        return
    rate, suggestion = float(evidence.rates.max()), evidence.range_test.suggestion
    limit = TOO_SMALL
    if evidence.n_steps >= MANY_STEPS:
        limit = TOO_SMALL_FOR_MANY_STEPS
    if rate < limit * suggestion:
        losses = evidence.losses
        yield Finding(
            "learning rate too small",
            f"The rate was {rate:g}, {suggestion / rate:.3g} times less than the range "
            f"test suggests, and in {len(losses)} epochs the loss fell from "
            f"{losses[0]:.4g} to {losses[-1]:.4g}, where a constant has "
            f"{evidence.constant_loss:.4g}.",
            f"estimator.set_params(learning_rate_init={suggestion:.1g}).fit(X, y)",
        )


def _is_straight(losses: np.ndarray) -> bool:
    """Say whether the loss fell as fast at the end as at the beginning."""
    falls = -np.diff(losses)
    if falls.size < 3:
        return True
    third = falls.size // 3
    first, last = falls[:third].sum(), falls[-third:].sum()
    return bool(last > STRAIGHT * first > 0 and np.mean(falls > 0) >= MONOTONE)


def _signs_of_large_rate(evidence: Evidence) -> str | None:
    """Say what of the losses speaks for a rate that is too large, None if nothing."""
    losses = evidence.losses
    if len(losses) < 3 or not evidence.rates.size:
        return None
    constant = evidence.constant_loss
    least, last = losses.min(), losses[-1]
    half = np.diff(losses[len(losses) // 2 :])
    roughness = np.maximum(half, 0).mean() / constant if half.size else 0.0
    if losses.max() > ABOVE_CONSTANT * constant + 1e-12 and losses.argmax() > 0:
        return (
            f"in epoch {losses.argmax() + 1} the loss was {losses.max():.4g}, where a "
            f"constant has {constant:.4g}"
        )
    if losses[0] > 10 * constant:
        return (
            f"the first epoch had a loss of {losses[0]:.4g}, where a constant has "
            f"{constant:.4g}"
        )
    if roughness > ROUGH:
        return (
            f"in the second half of training the loss rose by {roughness:.1%} of a "
            "constant's in the mean epoch"
        )
    if last - least > ABOVE_LEAST * constant:
        return f"the loss ended at {last:.4g}, and had been {least:.4g}"
    if is_behind(evidence) and last > 0.9 * constant:
        return f"the loss ended at {last:.4g}, where a constant has {constant:.4g}"
    return None


def find_few_epochs(evidence: Evidence) -> Iterator[Finding]:
    """Find a training that ended too early."""
    losses = evidence.losses
    if not len(losses) or losses[-1] > losses[0] or evidence.found & EXPLAIN_SLOWNESS:
        return
    fall = fall_of_end(evidence)
    cut_off = evidence.is_cut_off and not evidence.ends_by_itself
    n_iter, unit = evidence.estimator.n_iter_, "epochs"
    if not evidence.settings.is_stochastic:
        unit = "iterations"
    remedy = f"estimator.set_params(max_iter={max(200, 10 * n_iter)}).fit(X, y)"
    if cut_off and fall > STILL_FALLING and _has_more_to_learn(evidence):
        yield Finding(
            "too few epochs",
            f"Training was cut off after {n_iter} {unit} (max_iter), while the loss "
            f"still fell: its last fifth took {fall:.1%} of a constant's loss away.",
            remedy,
        )
        return
    gets_on = fall > STILL_GETTING_ON or _is_straight(losses)
    few = (
        evidence.settings.is_stochastic
        and 0 < evidence.n_steps < MANY_STEPS
        and gets_on
        and not is_held_back(evidence)
    )
    few_iterations = not evidence.settings.is_stochastic and cut_off
    if (few or few_iterations) and is_behind(evidence):
        if not evidence.is_cut_off:
            remedy = (
                "estimator.set_params(tol=1e-5, n_iter_no_change=20, max_iter="
                f"{max(200, 10 * n_iter)}).fit(X, y)"
            )
        if evidence.is_stream:
            unit = "pieces"
            remedy = (
                "for X_piece, y_piece in pieces:  # once more\n"
                "    estimator.partial_fit(X_piece, y_piece)"
            )
        steps = f" ({evidence.n_steps} steps)" if few else ""
        yield Finding(
            "too few epochs",
            f"Training ended after {n_iter} {unit}{steps}, at a skill of "
            f"{in_words(evidence.seen.skill)} on the rows it learned from; "
            + _of_reference(evidence),
            remedy,
        )


def _has_more_to_learn(evidence: Evidence) -> bool:
    """Say whether a loss that still falls may be more than overfitting that begins."""
    if evidence.n_rows < LEAST_ROWS or is_held_back(evidence):
        return False
    reference, unseen = evidence.reference, evidence.unseen
    if unseen is not None and unseen.skill < evidence.seen.skill - BEHIND:
        return False
    return reference is None or evidence.seen.skill < reference[1] + AHEAD


def _of_reference(evidence: Evidence) -> str:
    """Say what a simpler model reaches."""
    if evidence.reference is None:
        return "a constant has 0."
    name, skill = evidence.reference
    return f"{name} reaches {in_words(skill)} on rows that it has not seen."
