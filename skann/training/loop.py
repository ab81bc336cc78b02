"""The loop over epochs, which records, scores, checks and calls callbacks.

The computations are done elsewhere; the loop decides whether to continue. It is the
same for every solver, and does not change anything else until its outcome is used.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from skann.core.types import FloatArray
from skann.training.history import History, new_history, record
from skann.training.progress import Progress
from skann.training.report import EpochRow, Report
from skann.training.solver import Ending, Epoch, Solver
from skann.training.stopping import Plateau, StoppingRule


class Scorer(Protocol):
    """Scores parameters after each epoch."""

    def score(self, theta: FloatArray) -> float:
        """Return the score of these parameters."""


class Judge(Protocol):
    """Computes the out-of-fold loss after some epochs."""

    def loss_after(self, n_epochs: int, theta: FloatArray) -> float | None:
        """Return the loss after a number of epochs; None if none is due."""


class Tasks(Protocol):
    """Callbacks of each epoch, which may stop training."""

    def begin(self, name: str) -> None:
        """Begin an epoch."""

    def end(self) -> bool:
        """End an epoch, and return whether to stop."""

    def abandon(self) -> None:
        """Discard the epoch that has begun."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a loop so far.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The last parameters.

    best_theta : ndarray of shape (n_parameters,) or None
        The best parameters, if these are kept and known.

    history : dict of lists
        The history, with one row per epoch.

    n_iter : int
        The number of epochs of this fit.

    progress : Progress
        The progress of training.

    learning_rate : float or None
        The learning rate of the last epoch.

    stopped : bool
        Whether a plateau ended training.

    interrupted : bool
        Whether the user interrupted training.

    ending : Ending
        Why the solver ended.

    message : str
        The message of the solver about it.

    memory : dict
        The state for further training, with the names of `TrainingState`.
    """

    theta: FloatArray
    best_theta: FloatArray | None
    history: History
    n_iter: int
    progress: Progress
    learning_rate: float | None
    stopped: bool
    interrupted: bool
    ending: Ending
    message: str
    memory: dict[str, Any]


class TrainingLoop:
    """Runs a solver, and decides after each epoch whether to continue.

    Parameters
    ----------
    solver : Solver
        The solver, which runs the epochs.

    rule : StoppingRule
        The rule that decides when a plateau has lasted too long.

    progress : Progress
        The progress of earlier training, which is changed in place.

    scorer : Scorer or None
        Scores parameters after each epoch.

    judge : Judge or None
        Computes the out-of-fold loss.

    best_theta : ndarray of shape (n_parameters,) or None
        The best parameters so far, if the search for better ones continues.

    history : dict of lists or None
        The history of earlier epochs.

    n_iter : int, default=0
        The number of earlier epochs of this fit.

    report : Report or None
        Shows each epoch to the user.
    """

    def __init__(
        self,
        solver: Solver,
        rule: StoppingRule,
        *,
        progress: Progress,
        scorer: Scorer | None = None,
        judge: Judge | None = None,
        best_theta: FloatArray | None = None,
        history: History | None = None,
        n_iter: int = 0,
        report: Report | None = None,
    ):
        self.progress = progress
        self._solver = solver
        self._rule = rule
        self._scorer = scorer
        self._judge = judge
        self._tasks: Tasks | None = None
        self._report = report
        self._best_epoch: int | None = None
        self._theta = solver.theta
        self._best_theta = best_theta if rule.keeps_best else None
        self._history = new_history(history)
        self._n_iter = n_iter
        self._learning_rate: float | None = None
        self._stopped = False
        self._interrupted = False
        self._ending = Ending.NOTHING_LEFT
        if not rule.continues_search or progress.plateau.watched != rule.watched:
            progress.plateau = Plateau(watched=rule.watched)
            self._best_theta = None
        # The state to restore after an interrupted epoch.
        self._before = len(self._history["loss"]), n_iter, progress.as_dict()
        seconds = self._history["seconds"]
        self._start = time.perf_counter() - (seconds[-1] if seconds else 0.0)

    def run(self, tasks: Tasks | None = None) -> Outcome:
        """Run the solver to its end, and return the outcome.

        Parameters
        ----------
        tasks : Tasks, default=None
            The callbacks of each epoch.

        Raises
        ------
        TrainingDivergedError
            If the loss or the parameters are no longer finite.
        """
        self._tasks = tasks
        # Overflow is detected where it matters, and reported by an error.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            try:
                self._ending = self._solver.run(self)
            except KeyboardInterrupt:
                self._interrupted = True
                self._forget_unfinished_epoch()
            except BaseException:
                self._close_report(None)
                raise
        self._close_report(self._best_epoch)
        return self.outcome()

    def outcome(self) -> Outcome:
        """Return the outcome of training so far; its arrays may still change."""
        return Outcome(
            theta=self._theta,
            best_theta=self._best_theta,
            history=self._history,
            n_iter=self._n_iter,
            progress=self.progress,
            learning_rate=self._learning_rate,
            stopped=self._stopped,
            interrupted=self._interrupted,
            ending=self._ending,
            message=self._solver.message,
            memory=self._solver.memory(),
        )

    # ------------------------------------------------------------- called by solvers

    def begin_epoch(self, learning_rate: float | None = None) -> None:
        """Store the learning rate of an epoch that begins, and notify the callbacks."""
        self._learning_rate = learning_rate
        if self._tasks is not None:
            self._tasks.begin(self._solver.task_name)

    def end_epoch(self, epoch: Epoch) -> bool:
        """Record and evaluate an epoch; return whether training should stop."""
        self._theta = epoch.theta
        self.progress.n_samples_seen += self._solver.n_rows
        self._record(epoch)
        is_best = self._watch(epoch)
        self._show(is_best=is_best)
        self._stopped = self._should_stop()
        wants_to_stop = self._tasks is not None and self._tasks.end()
        return wants_to_stop or self._stopped

    def abandon_epoch(self, last: Epoch) -> None:
        """Discard an epoch that a solver has begun, and store where it ended."""
        self._theta = last.theta
        if not self._history["loss"]:  # the solver stopped where it started
            self._record(last)
            self._show(is_best=False)
            self._n_iter = 0
        if self._tasks is not None:
            self._tasks.abandon()

    # ---------------------------------------------------------------- after an epoch

    def _record(self, epoch: Epoch) -> None:
        """Add an epoch to the history."""
        self._n_iter += 1
        self.progress.n_epochs += 1
        score = None if self._scorer is None else self._scorer.score(epoch.theta)
        oof_loss = None
        if self._judge is not None:
            oof_loss = self._judge.loss_after(self._n_iter, epoch.theta)
        record(
            self._history,
            epoch=self.progress.n_epochs,
            loss=epoch.loss,
            validation_score=score,
            oof_loss=oof_loss,
            learning_rate=self._learning_rate,
            gradient_norm=epoch.gradient_norm,
            seconds=time.perf_counter() - self._start,
        )

    def _show(self, *, is_best: bool) -> None:
        """Show the last epoch to the user, if requested."""
        if self._report is None:
            return
        last = {quantity: values[-1] for quantity, values in self._history.items()}
        self._report.show(
            EpochRow(
                self._n_iter,
                last["loss"],
                last["seconds"],
                last["learning_rate"],
                last["validation_score"],
                last["oof_loss"],
                is_best,
            )
        )

    def _close_report(self, best_epoch: int | None) -> None:
        """Show that training has ended, and which weights are kept."""
        if self._report is not None:
            self._report.close(best_epoch)

    def _watch(self, epoch: Epoch) -> bool:
        """Update the search for a plateau; return whether the epoch is the best."""
        watched, value = self._rule.watched, epoch.loss
        if watched == "score":
            value = -self._history["validation_score"][-1]
        elif watched == "oof_loss":
            if self._history["oof_loss"][-1] is None:
                return False
            value = self._history["oof_loss"][-1]
        plateau = self.progress.plateau
        improved = plateau.update(value, self._rule.least_gain(plateau.best))
        if improved and self._rule.keeps_best:
            self._best_theta = epoch.theta.copy()
            self._best_epoch = self._n_iter
        return improved

    def _should_stop(self) -> bool:
        """Return whether to stop because of a plateau; reduce the rate if possible."""
        watches = self._rule.watched != "loss" or self._solver.stops_by_loss
        if not (watches and self._rule.is_met(self.progress.plateau)):
            return False
        message = self._rule.explain()
        rate = self._solver.reduced_rate(self.progress)
        if rate is None:
            message += f"{self._solver.cannot_reduce} Stopping."
        else:
            self.progress.plateau.count = 0
            message += f" Setting learning rate to {rate:f}"
        if self._report is not None:
            self._report.say(message)
        return rate is None

    def _forget_unfinished_epoch(self) -> None:
        """Reset everything that counts epochs to the number of complete ones."""
        n_rows_before, n_iter, progress = self._before
        n_complete = min(len(column) for column in self._history.values())
        for column in self._history.values():
            del column[n_complete:]
        n_epochs = n_complete - n_rows_before
        self._n_iter = n_iter + n_epochs
        self.progress.n_epochs = progress["n_epochs"] + n_epochs
        n_samples = n_epochs * self._solver.n_rows
        self.progress.n_samples_seen = progress["n_samples_seen"] + n_samples
