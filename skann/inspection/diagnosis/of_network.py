"""Checks of the units and the gradients, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skann.core.activations import HiddenActivation
from skann.inspection.diagnosis.evidence import Evidence
from skann.inspection.diagnosis.report import Finding

DEAD, SATURATED = "dead units", "saturated units"

# An activation is flat where its slope is below this share of its largest slope.
FLAT = 0.02
# A unit is stuck if it is flat for this share of the rows. A saturated unit flips from
# one end to the other where its input crosses zero, and is in between for a few rows.
DEAD_FOR = 0.98
SATURATED_FOR = 0.9
# Some units die in many good networks; a layer has a problem if this many have.
MOST_STUCK = 0.5
# A well trained network may saturate its units to be confident, as for logic gates. It
# may also do without half of its ReLUs, which are dead from the start if all inputs are
# positive; but then it should be smaller.
WELL_TRAINED = 0.9
MOST_DEAD_OF_GOOD = 0.75

# The gradient that reaches a hidden layer, as a share of that at the output. In a
# healthy network, its size hardly changes from layer to layer.
VANISHED = 1e-3
# Values between the two limits matter only if the network has learned little.
FADED = 0.02
LITTLE_SKILL = 0.5


def shape_of(activation: HiddenActivation) -> tuple[float, bool]:
    """Return the largest slope of an activation, and whether both sides are flat."""
    z = np.linspace(-60.0, 60.0, 2401)[:, np.newaxis].copy()
    slope = np.empty_like(z)
    activation.apply_with_slope(z, slope)
    largest = float(np.abs(slope).max())
    ends = np.abs(slope[[0, -1]]).max()
    return largest, bool(ends < FLAT * largest)


def find_stuck(evidence: Evidence) -> Iterator[Finding]:
    """Find layers in which most units are dead or saturated."""
    passes = evidence.passes
    stuck: dict[str, list[tuple[int, float]]] = {DEAD: [], SATURATED: []}
    for number in range(len(passes[0]) - 1):
        largest, saturates = shape_of(passes[0][number].activation)
        flat = [
            (np.abs(layers[number].slopes) < FLAT * largest).mean(axis=0)
            for layers in passes
        ]
        is_stuck = np.array(flat) >= (SATURATED_FOR if saturates else DEAD_FOR)
        share = float(is_stuck.mean())
        limit = MOST_STUCK
        if _is_well_trained(evidence):
            limit = np.inf if saturates else MOST_DEAD_OF_GOOD
        if share >= limit:
            stuck[SATURATED if saturates else DEAD].append((number + 1, share))
    for name, found in stuck.items():
        if not found:
            continue
        where = ", ".join(
            f"{share:.0%} of the units in hidden layer {n}" for n, share in found
        )
        all_dead = name == DEAD and max(share for _, share in found) > 0.99
        yield Finding(
            name,
            f"{where}: the activation of these units is flat for nearly all rows, so "
            "no gradient passes through them.",
            _remedy_of_stuck(evidence, dead=name == DEAD),
            "error" if all_dead else "warning",
        )


def _is_well_trained(evidence: Evidence) -> bool:
    """Return whether the network has learned nearly everything, as far as is known."""
    unseen = evidence.unseen
    well = evidence.seen.skill > WELL_TRAINED
    return well and (unseen is None or unseen.skill > LITTLE_SKILL)


def _remedy_of_stuck(evidence: Evidence, *, dead: bool) -> str:
    """Return a remedy for dead or saturated units."""
    params = []
    if evidence.model.inputs is None:
        params.append("scaling='standard'")
    if evidence.settings.init != "auto":
        params.append("init='auto'")
    if not params and evidence.rates.size and evidence.rates.max() > 0.005:
        params.append(f"learning_rate_init={evidence.rates.max() / 10:.1g}")
    params.append("activation='leaky_relu'" if dead else "activation='relu'")
    return f"estimator.set_params({', '.join(params)}).fit(X, y)"


def find_vanishing(evidence: Evidence) -> Iterator[Finding]:
    """Find hidden layers that hardly any gradient reaches."""
    ratios = []
    for layers in evidence.passes:
        rms = [float(np.sqrt(np.mean(np.square(layer.deltas)))) for layer in layers]
        if rms[-1] == 0 or not np.isfinite(rms).all():
            return
        # The gradient of a single unit depends on the number of units.
        size = [np.sqrt(layer.deltas.shape[1]) for layer in layers]
        norms = np.multiply(rms, size)
        ratios.append(norms / norms[-1])
    ratio = np.median(ratios, axis=0)[:-1]
    if ratio.size < 2:
        return
    limit = VANISHED if evidence.seen.skill > LITTLE_SKILL else FADED
    lost = np.flatnonzero(ratio < limit)
    if not lost.size:
        return
    layer = int(lost[ratio[lost].argmin()])
    yield Finding(
        "vanishing gradients",
        f"The gradient at hidden layer {layer + 1} of {ratio.size} is only "
        f"{ratio[layer]:.1e} times that at the output (about 1 is usual), so its "
        "weights hardly change.",
        "estimator.set_params(activation='relu', init='auto')\n"
        "estimator.set_params(hidden_layer_sizes=(64, 64)).fit(X, y)",
    )
