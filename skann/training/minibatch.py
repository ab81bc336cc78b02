"""Minibatch descent: one epoch, and the steps that it is made of."""

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

# Larger parameters than this are rare, and rarely a good sign.
_FAR_AWAY = 1e4


class Part(Protocol):
    """Moves some parameters through an epoch, in this process or elsewhere.

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
        """Take one step per batch, through so many rows."""

    def finite_loss(self, start: int, stop: int) -> float:
        """Return the objective of a batch, which leaves its gradient."""

    def step(self, learning_rate: float) -> None:
        """Move the parameters along the gradient of the batch."""


class DescentPart:
    """Moves some parameters, which exchange nothing with others, by minibatches.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,) or (n_members, n_parameters)
        The parameters, contiguous, changed in place.

    batch : BatchObjective
        Their objective, summed over members.

    optimizer : Optimizer
        Makes steps of gradients; `make_stepping` returns one with all that belongs to
        a step.

    state : dict
        The optimizer's memory, changed in place.

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
        """Take one step per batch, through so many rows.

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

    # Overflow is looked for where it matters; what numpy says of it is set by thread.
    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def run_rows(
        self, start: int, stop: int, learning_rate: float, loss_sum: float = 0.0
    ) -> tuple[float, float]:
        """Take one step per batch, through the rows from `start` to `stop`.

        Parameters
        ----------
        start, stop : int
            The places of the rows in their order.

        learning_rate : float
            The rate of all steps.

        loss_sum : float, default=0
            What was returned for the rows before these in the epoch.

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
            if last == stop:  # before the step uses the gradient up
                gradient_norm = norm_of(self._flat_gradient)
            self.step(learning_rate)
        return loss_sum, gradient_norm

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def end_epoch(self, n_rows: int) -> None:
        """Look whether the last of so many rows has led out of the finite numbers."""
        largest = max(self.theta.max(), -self.theta.min())
        if not np.isfinite(largest):
            raise TrainingDivergedError("theta")
        # No batch has seen the last step. Where it led far away, look once more.
        if largest > _FAR_AWAY:
            start, stop = (n_rows - 1) // self._batch_size * self._batch_size, n_rows
            self.finite_loss(start, stop)
            if not np.isfinite(self.batch.raw_output(start, stop)).all():
                raise TrainingDivergedError("raw output")

    def step(self, learning_rate: float) -> None:
        """Move the parameters along the gradient of the batch."""
        self._optimizer.step(self._flat, self._flat_gradient, learning_rate, self.state)
        # Equal gradients need not make equal steps: those of members may be clipped.
        for values in self._shared:
            values[1:] = values[0]

    def finite_loss(self, start: int, stop: int) -> float:
        """Return the objective of a batch, which leaves its gradient."""
        loss = self.batch.value(start, stop)
        if not math.isfinite(loss):
            raise TrainingDivergedError(loss)
        return loss


class MinibatchDescent:
    """Moves theta through epochs of minibatches.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,) or (n_members, n_parameters)
        The parameters, changed in place.

    parts : list of Part
        What moves them: the only one of a network, or groups of members, which take
        the same batches.

    n_rows : int
        The number of rows that are used.

    batch_size : int
        The number of samples per step, at most `n_rows`.

    rows : ndarray of int or None
        The rows of the data to learn from, shuffled in place; None for all of them in
        the order in which they stand.

    random_state : RandomState or None
        Shuffles `rows` before each epoch; None leaves them in order.

    n_jobs : int, default=1
        How many parts move at the same time.

    window : RowWindow, default=None
        Where the parts read their rows; None for data that are in memory.

    window_size : int, default=0
        How many rows it holds, or would hold: one batch at least.

    in_blocks : bool, default=False
        Whether `rows` are shuffled by blocks of neighbours, those of a window at a
        time.
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
        # Of whole batches.
        self._stride = max(1, window_size // batch_size) * batch_size

    @property
    def n_members(self) -> int:
        """The number of networks."""
        return 1 if self.theta.ndim == 1 else len(self.theta)

    @property
    def largest_product(self) -> int:
        """The multiplications in the largest product of a step."""
        return self._batch_size * self._parts[0].largest_layer

    @property
    def optimizer_state(self) -> OptimizerState:
        """The memory of the optimizer; of members, of one group after the other."""
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
            The mean of the batches' objectives, each at the parameters before its
            step, weighted by their sizes; and the mean of all members.

        gradient_norm : float
            The Euclidean norm of the last batch's gradient, before any clipping; the
            root mean square of all members.

        Raises
        ------
        TrainingDivergedError
            At the first batch whose objective is not finite, or if a step leaves the
            finite numbers.
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
        """Take one step per batch, all parts by the rows that the window holds."""
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
        """Let all parts move; return their losses and the norms of their gradients."""
        if self._n_jobs == 1:
            return zip(*map(run, self._parts, *arguments), strict=True)
        # Whatever happens, no thread is left behind that still changes theta.
        with ThreadPoolExecutor(self._n_jobs) as pool:
            return zip(*pool.map(run, self._parts, *arguments), strict=True)

    def run_batch(self, learning_rate: float) -> float:
        """Take one step and return the objective of its batch, before it.

        The next call takes the next batch; the first of an epoch shuffles the rows.
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
        """Put the rows into a new order, if they have one."""
        if self.random_state is None or self.rows is None:
            return
        if self._in_blocks:
            shuffle_blocks(self.rows, self._stride, self.random_state)
        else:
            self.random_state.shuffle(self.rows)


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
