"""When training should stop, or slow down: it gets nowhere any more."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Plateau:
    """Counts the epochs in a row that brought no improvement worth `tol`.

    Losses count as they are; scores, which should rise, count with the sign changed.

    Parameters
    ----------
    best : float, default=inf
        The smallest value so far.

    count : int, default=0
        The number of epochs in a row without improvement.

    watched : {"loss", "score", "oof_loss"}, default="loss"
        What the values are: a plateau of one says nothing of the other.
    """

    best: float = math.inf
    count: int = 0
    watched: str = "loss"

    def update(self, value: float, tol: float) -> bool:
        """Take in an epoch's value; return whether it is the best so far."""
        self.count = self.count + 1 if value > self.best - tol else 0
        if value < self.best:
            self.best = value
            return True
        return False


@dataclass(frozen=True)
class StoppingRule:
    """What is watched, and how long a plateau may last.

    Parameters
    ----------
    tol : float
        The improvement that counts; of the loss of rows that members leave out, the
        share by which it becomes smaller.

    n_iter_no_change : float
        The number of epochs in a row that may bring none; inf for any number.

    watched : {"loss", "score", "oof_loss"}
        What a plateau is one of: the training loss, the validation score, or the loss
        of the rows that members leave out, which is known when a cycle ends.

    keeps_best : bool
        Whether the best parameters so far are kept.

    continues_search : bool
        Whether the search for a plateau goes on from an earlier call.
    """

    tol: float
    n_iter_no_change: float
    watched: str
    keeps_best: bool
    continues_search: bool

    def least_gain(self, best: float) -> float:
        """Return the improvement on the best value that counts."""
        if self.watched == "oof_loss" and math.isfinite(best):
            return self.tol * abs(best)
        return self.tol

    def is_met(self, plateau: Plateau) -> bool:
        """Say whether the plateau has lasted too long."""
        return plateau.count > self.n_iter_no_change

    def explain(self) -> str:
        """Say what the rule has seen."""
        if self.watched == "oof_loss":
            return (
                "The last cycle did not make the out-of-fold loss smaller by "
                f"{self.tol:.0%}."
            )
        watched = "Validation score" if self.watched == "score" else "Training loss"
        return (
            f"{watched} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
