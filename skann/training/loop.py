"""The loop over epochs: after each it records, scores, watches and calls back.

The mathematics is done elsewhere; the loop decides when to go on. It is the same for
every solver, and keeps what it learns to itself until somebody asks for the outcome.
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
    """What is scored after each epoch."""

    def score(self, theta: FloatArray) -> float:
        """Return the score of these parameters."""


class Judge(Protocol):
    """What knows the loss of rows that were not learned from, now and then."""

    def loss_after(self, n_epochs: int, theta: FloatArray) -> float | None:
        """Return the loss after so many epochs of a fit; None if it is not time."""


class Tasks(Protocol):
    """Who wants to hear of each epoch, and may stop training."""

    def begin(self, name: str) -> None:
        """Hear that an epoch begins."""

    def end(self) -> bool:
        """Hear that it has ended; return whether to stop."""

    def abandon(self) -> None:
        """Hear that the epoch that has begun is none."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a loop has made so far.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The last parameters.

    best_theta : ndarray of shape (n_parameters,) or None
        The best, if those are kept and known.

    history : dict of lists
        A row per epoch.

    n_iter : int
        The number of epochs that count as this fit's.

    progress : Progress
        How far training has come.

    learning_rate : float or None
        The rate of the last epoch.

    stopped : bool
        Whether a plateau ended training.

    interrupted : bool
        Whether the user did.

    ending : Ending
        Why the solver ended.

    message : str
        What the solver has to say of it.

    memory : dict
        What further training goes on from, by the names of TrainingState.
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
    """Runs a solver, and decides after each of its epochs.

    Parameters
    ----------
    solver : Solver
        Runs epochs.

    rule : StoppingRule
        When a plateau has lasted too long.

    progress : Progress
        What was done before; changed in place.

    scorer : Scorer or None
        What is scored after each epoch.

    judge : Judge or None
        What knows the loss of rows that were not learned from.

    best_theta : ndarray of shape (n_parameters,) or None
        The best parameters so far, in case the search for better ones goes on.

    history : dict of lists or None
        The rows of earlier epochs.

    n_iter : int, default=0
        The number of epochs that were counted so far.

    report : Report or None
        Who tells the user of each epoch.
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
        # What an interrupted epoch is taken back to.
        self._before = len(self._history["loss"]), n_iter, progress.as_dict()
        seconds = self._history["seconds"]
        self._start = time.perf_counter() - (seconds[-1] if seconds else 0.0)

    def run(self, tasks: Tasks | None = None) -> Outcome:
        """Run the solver to its end, and return what came of it.

        Parameters
        ----------
        tasks : Tasks, default=None
            Who else is told of each epoch.

        Raises
        ------
        TrainingDivergedError
            If the loss or the parameters are no longer finite.
        """
        self._tasks = tasks
        # Overflow is looked for where it matters and reported in words.
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
        """Return what came of training so far; its arrays may still change."""
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
        """Note the rate of an epoch that begins, and let others know of it."""
        self._learning_rate = learning_rate
        if self._tasks is not None:
            self._tasks.begin(self._solver.task_name)

    def end_epoch(self, epoch: Epoch) -> bool:
        """Record and judge an epoch; return whether training should stop."""
        self._theta = epoch.theta
        self.progress.n_samples_seen += self._solver.n_rows
        self._record(epoch)
        is_best = self._watch(epoch)
        self._show(is_best=is_best)
        self._stopped = self._should_stop()
        wants_to_stop = self._tasks is not None and self._tasks.end()
        return wants_to_stop or self._stopped

    def abandon_epoch(self, last: Epoch) -> None:
        """Take note of where a solver ended that had begun another epoch."""
        self._theta = last.theta
        if not self._history["loss"]:  # it has stopped where it started
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
        """Tell the user of the last epoch, if asked."""
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
        """Tell the user that training has ended, and which weights are kept."""
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
        """Say whether training is on a plateau that no lower learning rate leaves."""
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
        """Let everything that counts epochs agree on those that are complete."""
        n_rows_before, n_iter, progress = self._before
        n_complete = min(len(column) for column in self._history.values())
        for column in self._history.values():
            del column[n_complete:]
        n_epochs = n_complete - n_rows_before
        self._n_iter = n_iter + n_epochs
        self.progress.n_epochs = progress["n_epochs"] + n_epochs
        n_samples = n_epochs * self._solver.n_rows
        self.progress.n_samples_seen = progress["n_samples_seen"] + n_samples
