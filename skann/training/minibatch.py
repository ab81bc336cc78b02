"""Minibatch descent: one epoch, and the steps that it is made of."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import RandomState

from skann.core.objective import Objective
from skann.core.types import FloatArray
from skann.data.rows import TrainingData
from skann.training.batches import RowObjective, TrainingDivergedError
from skann.training.optimizers import Optimizer, OptimizerState
from skann.training.schedules import Adaptive, Schedule
from skann.training.solver import Ending, Epoch, Solver
from skann.training.stepping import norm_of

# Larger parameters than this are rare, and rarely a good sign.
_FAR_AWAY = 1e4


class MinibatchDescent:
    """Moves theta through epochs of minibatches.

    Parameters
    ----------
    objective : Objective
        What to make small.

    data : TrainingData
        What to learn from.

    theta : ndarray of shape (n_parameters,)
        The parameters, changed in place.

    optimizer : Optimizer
        Makes steps of gradients; `make_stepping` returns one with all that belongs to
        a step.

    optimizer_state : dict
        The optimizer's memory, changed in place.

    batch_size : int
        The number of samples per step, at most the number of rows that are used.

    rows : ndarray of int or None
        The rows of the data to learn from, shuffled in place; None for all of them in
        the order in which they stand.

    random_state : RandomState or None
        Shuffles `rows` before each epoch; None leaves them in order.

    generator : numpy.random.Generator, default=None
        What leaves hidden units out of each step; None leaves in all.
    """

    def __init__(
        self,
        objective: Objective,
        data: TrainingData,
        theta: FloatArray,
        *,
        optimizer: Optimizer,
        optimizer_state: OptimizerState,
        batch_size: int,
        rows: np.ndarray | None,
        random_state: RandomState | None,
        generator: np.random.Generator | None = None,
    ):
        self.objective = objective
        self.theta = theta
        self.optimizer = optimizer
        self.optimizer_state = optimizer_state
        self.rows = rows
        self.random_state = random_state
        self.n_rows = data.n_samples if rows is None else rows.size
        self._batch_size = batch_size
        self._batch = RowObjective(objective, data, theta, batch_size, rows, generator)
        self._next_row = 0

    def run_epoch(self, learning_rate: float) -> tuple[float, float]:
        """Take one step per batch, through all rows.

        Parameters
        ----------
        learning_rate : float
            The learning rate of all steps of this epoch.

        Returns
        -------
        loss : float
            The mean of the batches' objectives, each at the parameters before its
            step, weighted by their sizes.

        gradient_norm : float
            The Euclidean norm of the last batch's gradient, before any clipping.

        Raises
        ------
        TrainingDivergedError
            At the first batch whose objective is not finite, or if a step leaves the
            finite numbers.
        """
        self._shuffle()
        loss_sum = 0.0
        for start in range(0, self.n_rows, self._batch_size):
            stop = min(start + self._batch_size, self.n_rows)
            loss_sum += self._finite_loss(start, stop) * (stop - start)
            if stop == self.n_rows:  # before the step uses the gradient up
                gradient_norm = norm_of(self._batch.gradient)
            self._step(learning_rate)
        largest = max(self.theta.max(), -self.theta.min())
        if not np.isfinite(largest):
            raise TrainingDivergedError("theta")
        # No batch has seen the last step. Where it led far away, look once more.
        if largest > _FAR_AWAY:
            self._finite_loss(start, stop)
            if not np.isfinite(self._batch.raw_output(start, stop)).all():
                raise TrainingDivergedError("raw output")
        return loss_sum / self.n_rows, gradient_norm

    def run_batch(self, learning_rate: float) -> float:
        """Take one step and return the objective of its batch, before it.

        The next call takes the next batch; the first of an epoch shuffles the rows.
        """
        start = self._next_row
        stop = min(start + self._batch_size, self.n_rows)
        if start == 0:
            self._shuffle()
        loss = self._finite_loss(start, stop)
        self._step(learning_rate)
        self._next_row = stop % self.n_rows
        return loss

    def _shuffle(self) -> None:
        """Put the rows into a new order, if they have one."""
        if self.random_state is not None and self.rows is not None:
            self.random_state.shuffle(self.rows)

    def _step(self, learning_rate: float) -> None:
        """Move theta along the gradient of the batch."""
        self.optimizer.step(
            self.theta, self._batch.gradient, learning_rate, self.optimizer_state
        )

    def _finite_loss(self, start: int, stop: int) -> float:
        """Return the objective of a batch, which leaves its gradient."""
        loss = self._batch.value(start, stop)
        if not math.isfinite(loss):
            raise TrainingDivergedError(loss)
        return loss


class MinibatchSolver(Solver):
    """Minibatch descent at the rate of a schedule.

    Parameters
    ----------
    descent : MinibatchDescent
        Runs an epoch.

    schedule : Schedule
        The learning rate of each.

    learning_rate_init : float
        The rate that the schedule begins with.

    n_epochs : int or None
        How many epochs to run; None if an earlier call has stopped for good.
    """

    task_name = "epoch"
    stops_by_loss = True

    def __init__(
        self,
        descent: MinibatchDescent,
        schedule: Schedule,
        learning_rate_init: float,
        n_epochs: int | None,
    ):
        self.descent = descent
        self.schedule = schedule
        self.n_rows = descent.n_rows
        self.theta = descent.theta
        if isinstance(schedule, Adaptive):
            self.cannot_reduce = " Learning rate too small."
        self._learning_rate_init = learning_rate_init
        self._n_epochs = n_epochs

    def run(self, listener):
        if self._n_epochs is None:
            return Ending.NOTHING_LEFT
        for _ in range(self._n_epochs):
            rate = self.schedule.rate(self._learning_rate_init, listener.progress)
            listener.begin_epoch(rate)
            loss, gradient_norm = self.descent.run_epoch(rate)
            if listener.end_epoch(Epoch(self.theta, loss, gradient_norm)):
                return Ending.STOPPED
        return Ending.EXHAUSTED

    def reduced_rate(self, progress):
        if not self.schedule.can_reduce(self._learning_rate_init, progress):
            return None
        progress.n_reductions += 1
        return self.schedule.rate(self._learning_rate_init, progress)

    def memory(self):
        shuffles = self.descent.random_state is not None
        return {
            "optimizer": self.descent.optimizer_state,
            "order": self.descent.rows if shuffles else None,
        }
