"""Rules to stop training, or reduce its rate, when it no longer improves."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Plateau:
    """Counts the consecutive epochs without an improvement of at least `tol`.

    Losses are used as they are; scores, which should increase, with a changed sign.

    Parameters
    ----------
    best : float, default=inf
        The smallest value so far.

    count : int, default=0
        The number of consecutive epochs without improvement.

    watched : {"loss", "score", "oof_loss"}, default="loss"
        The quantity of the values. A plateau of one says nothing about another.
    """

    best: float = math.inf
    count: int = 0
    watched: str = "loss"

    def update(self, value: float, tol: float) -> bool:
        """Add the value of an epoch; return whether it is the best so far."""
        self.count = self.count + 1 if value > self.best - tol else 0
        if value < self.best:
            self.best = value
            return True
        return False


@dataclass(frozen=True)
class StoppingRule:
    """The quantity to watch, and how long a plateau may last.

    Parameters
    ----------
    tol : float
        The minimum improvement; for the out-of-fold loss, relative to its value.

    n_iter_no_change : float
        The maximum number of consecutive epochs without improvement; inf for no limit.

    watched : {"loss", "score", "oof_loss"}
        The quantity to watch: the training loss, the validation score, or the
        out-of-fold loss, which is known at the end of each cycle.

    keeps_best : bool
        Whether to keep the best parameters so far.

    continues_search : bool
        Whether the search for a plateau continues from an earlier call.
    """

    tol: float
    n_iter_no_change: float
    watched: str
    keeps_best: bool
    continues_search: bool

    def least_gain(self, best: float) -> float:
        """Return the minimum improvement on the best value."""
        if self.watched == "oof_loss" and math.isfinite(best):
            return self.tol * abs(best)
        return self.tol

    def is_met(self, plateau: Plateau) -> bool:
        """Return whether the plateau has lasted too long."""
        return plateau.count > self.n_iter_no_change

    def explain(self) -> str:
        """Explain in words why the rule is met."""
        if self.watched == "oof_loss":
            return (
                f"The last cycle did not reduce the out-of-fold loss by {self.tol:.0%}."
            )
        watched = "Validation score" if self.watched == "score" else "Training loss"
        return (
            f"{watched} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
