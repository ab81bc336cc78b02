"""Minibatch descent: epochs and their steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Protocol

import numpy as np
from numpy.random import RandomState

from skann.core.types import FloatArray
from skann.data.rows import RowWindow, shuffle_blocks
from skann.training.batches import BatchObjective, TrainingDivergedError
from skann.training.blas import threads_for
from skann.training.optimizers import Optimizer, OptimizerState
from skann.training.schedules import Adaptive, Schedule
from skann.training.solver import Ending, Epoch, Solver
from skann.training.stepping import norm_of

# Parameters larger than this are rare, and usually a sign of divergence.
_FAR_AWAY = 1e4


class Part(Protocol):
    """Trains some parameters for an epoch, in this process or elsewhere.

    Attributes
    ----------
    state : dict
        The optimizer's memory.

    largest_layer : int
        The number of weights in the largest layer of a network.
    """

    state: OptimizerState

    @property
    def largest_layer(self) -> int:
        """The number of weights in the largest layer of a network."""

    def run_epoch(self, n_rows: int, learning_rate: float) -> tuple[float, float]:
        """Take one step per batch, for a number of rows."""

    def finite_loss(self, start: int, stop: int) -> float:
        """Return the objective of a batch, which leaves its gradient."""

    def step(self, learning_rate: float) -> None:
        """Move the parameters along the gradient of the batch."""


class DescentPart:
    """Trains some parameters by minibatches, independently of all others.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,) or (n_members, n_parameters)
        The parameters, which are contiguous and changed in place.

    batch : BatchObjective
        The objective of the parameters, summed over members.

    optimizer : Optimizer
        Converts gradients to steps; `make_stepping` returns one for complete steps.

    state : dict
        The memory of the optimizer, which is changed in place.

    batch_size : int
        The number of samples per step.
    """

    def __init__(
        self,
        theta: FloatArray,
        batch: BatchObjective,
        optimizer: Optimizer,
        state: OptimizerState,
        batch_size: int,
    ):
        self.theta = theta
        self.batch = batch
        self.state = state
        self._optimizer = optimizer
        self._batch_size = batch_size
        self._flat = theta.reshape(-1)
        self._flat_gradient = batch.gradient.reshape(-1)
        self._shared = []
        if theta.ndim > 1:
            self._shared = [theta[:, part] for part in batch.layout.shared]

    @property
    def largest_layer(self) -> int:
        """The number of weights in the largest layer of a network."""
        return self.batch.largest_layer

    def run_epoch(self, n_rows: int, learning_rate: float) -> tuple[float, float]:
        """Take one step per batch, for a number of rows.

        Returns
        -------
        loss_sum : float
            The sum of the batches' objectives, times their sizes.

        gradient_norm : float
            The Euclidean norm of the last batch's gradient, before any clipping.
        """
        outcome = self.run_rows(0, n_rows, learning_rate)
        self.end_epoch(n_rows)
        return outcome

    # Overflow is detected where it matters; numpy's error settings are per thread.
    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def run_rows(
        self, start: int, stop: int, learning_rate: float, loss_sum: float = 0.0
    ) -> tuple[float, float]:
        """Take one step per batch, through the rows from `start` to `stop`.

        Parameters
        ----------
        start, stop : int
            The positions of the rows in their order.

        learning_rate : float
            The learning rate of all steps.

        loss_sum : float, default=0
            The result for the previous rows of the epoch.

        Returns
        -------
        loss_sum : float
            The sum of the batches' objectives, times their sizes.

        gradient_norm : float
            The Euclidean norm of the last batch's gradient, before any clipping.
        """
        for first in range(start, stop, self._batch_size):
            last = min(first + self._batch_size, stop)
            loss_sum += self.finite_loss(first, last) * (last - first)
            if last == stop:  # before the step overwrites the gradient
                gradient_norm = norm_of(self._flat_gradient)
            self.step(learning_rate)
        return loss_sum, gradient_norm

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def end_epoch(self, n_rows: int) -> None:
        """Raise an error if the last step led to numbers that are not finite."""
        largest = max(self.theta.max(), -self.theta.min())
        if not np.isfinite(largest):
            raise TrainingDivergedError("theta")
        # No batch has tested the last step. If it was large, test it now.
        if largest > _FAR_AWAY:
            start, stop = (n_rows - 1) // self._batch_size * self._batch_size, n_rows
            self.finite_loss(start, stop)
            if not np.isfinite(self.batch.raw_output(start, stop)).all():
                raise TrainingDivergedError("raw output")

    def step(self, learning_rate: float) -> None:
        """Move the parameters along the gradient of the batch."""
        self._optimizer.step(self._flat, self._flat_gradient, learning_rate, self.state)
        # Equal gradients may lead to different steps, if those of members are clipped.
        for values in self._shared:
            values[1:] = values[0]

    def finite_loss(self, start: int, stop: int) -> float:
        """Return the objective of a batch, which leaves its gradient."""
        loss = self.batch.value(start, stop)
        if not math.isfinite(loss):
            raise TrainingDivergedError(loss)
        return loss


class MinibatchDescent:
    """Trains theta for epochs of minibatches.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,) or (n_members, n_parameters)
        The parameters, changed in place.

    parts : list of Part
        The parts that train them: one for a single network, or groups of members, which
        use the same batches.

    n_rows : int
        The number of training rows.

    batch_size : int
        The number of samples per step, at most `n_rows`.

    rows : ndarray of int or None
        The training rows, which are shuffled in place; None for all rows in order.

    random_state : RandomState or None
        Shuffles `rows` before each epoch. If None, they keep their order.

    n_jobs : int, default=1
        The number of parts to train in parallel.

    window : RowWindow, default=None
        The window from which the parts read their rows; None for data in memory.

    window_size : int, default=0
        The number of rows in a window, at least one batch.

    in_blocks : bool, default=False
        Whether to shuffle `rows` in blocks of consecutive rows, one window at a time.
    """

    def __init__(
        self,
        theta: FloatArray,
        parts: Sequence[Part],
        *,
        n_rows: int,
        batch_size: int,
        rows: np.ndarray | None,
        random_state: RandomState | None,
        n_jobs: int = 1,
        window: RowWindow | None = None,
        window_size: int = 0,
        in_blocks: bool = False,
    ):
        self.theta = theta
        self.rows = rows
        self.random_state = random_state
        self.n_rows = n_rows
        self._n_jobs = min(n_jobs, len(parts))
        self._parts = parts
        self._batch_size = batch_size
        self._next_row = 0
        self._window = window
        self._in_blocks = in_blocks
        # A multiple of the batch size.
        self._stride = max(1, window_size // batch_size) * batch_size

    @property
    def n_members(self) -> int:
        """The number of networks."""
        return 1 if self.theta.ndim == 1 else len(self.theta)

    @property
    def largest_product(self) -> int:
        """The number of multiplications in the largest product of a step."""
        return self._batch_size * self._parts[0].largest_layer

    @property
    def optimizer_state(self) -> OptimizerState:
        """The memory of the optimizer; for members, that of each group."""
        if self.theta.ndim == 1:
            return self._parts[0].state
        return {"groups": [part.state for part in self._parts]}

    def run_epoch(self, learning_rate: float) -> tuple[float, float]:
        """Take one step per batch, through all rows.

        Parameters
        ----------
        learning_rate : float
            The learning rate of all steps of this epoch.

        Returns
        -------
        loss : float
            The mean objective of the batches, weighted by their sizes, each before its
            step; for an ensemble, the mean over all members.

        gradient_norm : float
            The Euclidean norm of the last batch's gradient, before any clipping; for an
            ensemble, the root mean square over all members.

        Raises
        ------
        TrainingDivergedError
            If the objective of a batch or the parameters after a step are not finite.
        """
        self._shuffle()
        if self._window is None:
            losses, norms = self._run_parts(
                lambda part: part.run_epoch(self.n_rows, learning_rate)
            )
        else:
            losses, norms = self._run_windows(self._window, learning_rate)
        loss = sum(losses) / (self.n_rows * self.n_members)
        return loss, math.hypot(*norms) / math.sqrt(self.n_members)

    def _run_windows(self, window, learning_rate):
        """Take one step per batch, in all parts with the rows of a window."""
        losses = (0.0,) * len(self._parts)
        with closing(window.spans(self.n_rows, self._stride)) as spans:
            for start, stop in spans:
                losses, norms = self._run_parts(
                    lambda part, loss_sum, start=start, stop=stop: part.run_rows(
                        start, stop, learning_rate, loss_sum
                    ),
                    losses,
                )
        for part in self._parts:
            assert isinstance(part, DescentPart)  # others have no window
            part.end_epoch(self.n_rows)
        return losses, norms

    def _run_parts(self, run, *arguments):
        """Run all parts; return their losses and the norms of their gradients."""
        if self._n_jobs == 1:
            return zip(*map(run, self._parts, *arguments), strict=True)
        # Whatever happens, no thread may still change theta afterwards.
        with ThreadPoolExecutor(self._n_jobs) as pool:
            return zip(*pool.map(run, self._parts, *arguments), strict=True)

    def run_batch(self, learning_rate: float) -> float:
        """Take one step, and return the objective of its batch before the step.

        The next call uses the next batch; the first one of an epoch shuffles the rows.
        """
        start = self._next_row
        stop = min(start + self._batch_size, self.n_rows)
        if start == 0:
            self._shuffle()
        if self._window is not None:
            self._window.load(start, stop)
        loss = sum(part.finite_loss(start, stop) for part in self._parts)
        for part in self._parts:
            part.step(learning_rate)
        self._next_row = stop % self.n_rows
        return loss / self.n_members

    def _shuffle(self) -> None:
        """Shuffle the rows, if shuffling is enabled."""
        if self.random_state is None or self.rows is None:
            return
        if self._in_blocks:
            shuffle_blocks(self.rows, self._stride, self.random_state)
        else:
            self.random_state.shuffle(self.rows)


class MinibatchSolver(Solver):
    """Minibatch descent with a learning-rate schedule.

    Parameters
    ----------
    descent : MinibatchDescent
        The descent, which runs the epochs.

    schedule : Schedule
        The schedule of the learning rate.

    learning_rate_init : float
        The initial learning rate of the schedule.

    n_epochs : int or None
        The number of epochs to run; None if an earlier call has stopped training.
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
        with threads_for(self.descent.largest_product):
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
