"""Checks of the training: the learning rate, and whether it was long enough."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skann.inspection.diagnosis.evidence import Evidence
from skann.inspection.diagnosis.report import Finding, in_words

# The range test suggests a tenth of the rate at which the loss was smallest. Rates near
# the suggestion make little difference; this many times above it, they do.
TOO_LARGE = 10.0
# With its few steps per rate, the test prefers large rates: for a small network, its
# suggestion is up to 200 times the usual 0.001 of Adam. A smaller rate is only a
# problem if many steps at that rate have led nowhere.
TOO_SMALL = 1 / 300
TOO_SMALL_FOR_MANY_STEPS = 1 / 50
MANY_STEPS = 300
# The loss fell in a straight line, and thus has hardly begun to fall, if the last third
# of the epochs brought more than this share of the decrease in the first third, and if
# this share of the epochs was better than the epoch before.
STRAIGHT = 0.25
MONOTONE = 0.8
# Whatever the range test says, a loss this many times larger than that of a constant
# prediction shows that the rate was too large.
EXPLODED = 10.0

# After one of these findings, a slowly falling loss is no evidence about the rate.
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

# After one of these findings, a large loss is no evidence about the rate.
BAD_SIZES = frozenset(
    {"unscaled inputs", "unscaled target", "wild target", "wild columns"}
)

# Signs of a rate that is too large, relative to the loss of a constant prediction: the
# mean increase per epoch in the second half, the excess of the last loss over the
# smallest, and the loss of a single epoch.
ROUGH = 0.03
ABOVE_LEAST = 0.1
ABOVE_CONSTANT = 2.0

# A network has learned little if a simpler model is this much better on unseen rows
# than the network on its training rows; or, without a simpler model, below this skill.
BEHIND = 0.1
LITTLE_SKILL = 0.2

# Training was cut off if the loss decreased by this share of the loss of a constant
# prediction in the last fifth of the epochs, and there is more to learn.
STILL_FALLING = 0.05
# For a network that is behind after few steps, a smaller decrease is enough.
STILL_GETTING_ON = 0.01

# With fewer rows, or if the network is this much better on its training rows than a
# simpler model on unseen rows, more epochs may only lead to overfitting.
LEAST_ROWS = 50
AHEAD = 0.15

# With a penalty above this share of the number of rows, or a dropout above this rate,
# even long training learns little.
STRONG_PENALTY = 0.1
MUCH_DROPOUT = 0.5


def is_behind(evidence: Evidence) -> bool:
    """Return whether the network has learned little of what can be learned."""
    reference = evidence.reference
    if reference is None:
        return evidence.seen.skill < LITTLE_SKILL
    return evidence.seen.skill < reference[1] - BEHIND


def is_as_good_as_its_kind(evidence: Evidence) -> bool:
    """Return whether a network without hidden layers is as good as a linear model."""
    if evidence.settings.hidden_layer_sizes or evidence.linear_skill is None:
        return False
    return evidence.seen.skill > evidence.linear_skill - BEHIND


def is_held_back(evidence: Evidence) -> bool:
    """Return whether a strong penalty or dropout prevents learning."""
    settings = evidence.settings
    is_strong = settings.alpha > STRONG_PENALTY * evidence.n_rows
    return is_strong or max(settings.dropout, default=0.0) > MUCH_DROPOUT


def fall_of_end(evidence: Evidence) -> float:
    """Return the decrease in the last fifth of the epochs, in constant losses."""
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
        beside = f", {rate / better:.3g} times the suggestion of the range test"
    else:
        return
    yield Finding(
        "learning rate too large",
        f"The learning rate was {rate:g}{beside}, and {signs}.",
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
            f"The learning rate was {rate:g}, {suggestion / rate:.3g} times smaller "
            f"than the suggestion of the range test. In {len(losses)} epochs, the loss "
            f"fell from {losses[0]:.4g} to {losses[-1]:.4g}; that of a constant "
            f"prediction is {evidence.constant_loss:.4g}.",
            f"estimator.set_params(learning_rate_init={suggestion:.1g}).fit(X, y)",
        )


def _is_straight(losses: np.ndarray) -> bool:
    """Return whether the loss fell as fast at the end as at the beginning."""
    falls = -np.diff(losses)
    if falls.size < 3:
        return True
    third = falls.size // 3
    first, last = falls[:third].sum(), falls[-third:].sum()
    return bool(last > STRAIGHT * first > 0 and np.mean(falls > 0) >= MONOTONE)


def _signs_of_large_rate(evidence: Evidence) -> str | None:
    """Return the signs in the losses of a rate that is too large, or None."""
    losses = evidence.losses
    if len(losses) < 3 or not evidence.rates.size:
        return None
    constant = evidence.constant_loss
    least, last = losses.min(), losses[-1]
    half = np.diff(losses[len(losses) // 2 :])
    roughness = np.maximum(half, 0).mean() / constant if half.size else 0.0
    if losses.max() > ABOVE_CONSTANT * constant + 1e-12 and losses.argmax() > 0:
        return (
            f"in epoch {losses.argmax() + 1} the loss was {losses.max():.4g}, compared "
            f"with {constant:.4g} for a constant prediction"
        )
    if losses[0] > 10 * constant:
        return (
            f"the first epoch had a loss of {losses[0]:.4g}, compared with "
            f"{constant:.4g} for a constant prediction"
        )
    if roughness > ROUGH:
        return (
            f"the loss went up and down: in the second half of training, it rose on "
            f"average by {roughness:.1%} of the loss of a constant prediction per epoch"
        )
    if last - least > ABOVE_LEAST * constant:
        return f"the loss ended at {last:.4g}, after a minimum of {least:.4g}"
    if is_behind(evidence) and last > 0.9 * constant:
        return (
            f"the loss ended at {last:.4g}, compared with {constant:.4g} for a "
            "constant prediction"
        )
    return None


def find_few_epochs(evidence: Evidence) -> Iterator[Finding]:
    """Find training that ended too early."""
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
            f"Training was cut off after {n_iter} {unit} (max_iter) while the loss was "
            f"still falling: by {fall:.1%} of the loss of a constant prediction in the "
            "last fifth.",
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
            f"Training ended after {n_iter} {unit}{steps}, with a skill of "
            f"{in_words(evidence.seen.skill)} on the training rows; "
            + _of_reference(evidence),
            remedy,
        )


def _has_more_to_learn(evidence: Evidence) -> bool:
    """Return whether a falling loss means more to learn, rather than overfitting."""
    if evidence.n_rows < LEAST_ROWS or is_held_back(evidence):
        return False
    reference, unseen = evidence.reference, evidence.unseen
    if unseen is not None and unseen.skill < evidence.seen.skill - BEHIND:
        return False
    return reference is None or evidence.seen.skill < reference[1] + AHEAD


def _of_reference(evidence: Evidence) -> str:
    """Return the skill of a simpler model in words."""
    if evidence.reference is None:
        return "that of a constant prediction is 0."
    name, skill = evidence.reference
    return f"{name} reaches {in_words(skill)} on unseen rows."
