"""Minibatch descent: one epoch, and the batches that it is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState

from skann.core.network import Workspace
from skann.core.objective import Objective
from skann.core.types import FloatArray, Matrix
from skann.training.optimizers import Optimizer, OptimizerState

# Larger parameters than this are rare, and rarely a good sign.
_FAR_AWAY = 1e4


class TrainingDivergedError(ArithmeticError):
    """The loss or a parameter is no longer a finite number."""


@dataclass(frozen=True)
class TrainingData:
    """What a network learns from.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_inputs)
        The inputs.

    target : ndarray of shape (n_samples, n_outputs)
        The targets.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights of the samples.

    mean_weight : float
        The mean weight that losses are divided by; 1 without weights.
    """

    X: Matrix
    target: FloatArray
    sample_weight: FloatArray | None
    mean_weight: float

    @property
    def n_samples(self) -> int:
        """The number of rows."""
        return self.target.shape[0]


class BatchReader:
    """Cuts the data into batches; dense rows are copied into one buffer.

    Targets of a batch come in Fortran order, as losses like them.

    Parameters
    ----------
    data : TrainingData
        The data.

    batch_size : int
        The number of rows of each batch; the last one may be smaller.
    """

    def __init__(self, data: TrainingData, batch_size: int):
        self._data = data
        self._batch_size = batch_size
        self._target = np.ascontiguousarray(data.target.T)  # a row for each output
        self._buffers: dict[int, tuple[FloatArray | None, FloatArray]] = {}

    def batches(
        self, rows: np.ndarray | None
    ) -> Iterator[tuple[Matrix, FloatArray, FloatArray | None]]:
        """Yield (X, target, sample_weight) of each batch of `rows`, in their order.

        None stands for all rows as they are, which need no copying.
        """
        data = self._data
        n_rows = data.n_samples if rows is None else rows.size
        for start in range(0, n_rows, self._batch_size):
            stop = min(start + self._batch_size, n_rows)
            if rows is None:
                batch = slice(start, stop)
                weight = (
                    None if data.sample_weight is None else data.sample_weight[batch]
                )
                yield data.X[batch], self._target[:, batch].T, weight
            else:
                yield self._gather(rows[start:stop])

    def _gather(self, rows: np.ndarray) -> tuple[Matrix, FloatArray, FloatArray | None]:
        """Copy the given rows out of the data."""
        data = self._data
        X_buffer, target = self._buffers_of(rows.size)
        if X_buffer is None:
            X = data.X[rows]
        else:
            # "clip" skips the bounds check, which costs more than the copy.
            X = data.X.take(rows, axis=0, out=X_buffer, mode="clip")
        self._target.take(rows, axis=1, out=target, mode="clip")
        weight = None if data.sample_weight is None else data.sample_weight[rows]
        return X, target.T, weight

    def _buffers_of(self, n_rows: int) -> tuple[FloatArray | None, FloatArray]:
        """Return memory for the rows of X, if they are dense, and for the targets."""
        try:
            return self._buffers[n_rows]
        except KeyError:
            X, target = self._data.X, self._target
            dense = isinstance(X, np.ndarray)
            buffers = self._buffers[n_rows] = (
                np.empty((n_rows, X.shape[1]), X.dtype) if dense else None,
                np.empty((target.shape[0], n_rows), target.dtype),
            )
            return buffers


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
        Makes steps of gradients.

    optimizer_state : dict
        The optimizer's memory, changed in place.

    batch_size : int
        The number of samples per step, at most the number of rows that are used.

    rows : ndarray of int or None
        The rows of the data to learn from, shuffled in place; None for all of them in
        the order in which they stand.

    random_state : RandomState or None
        Shuffles `rows` before each epoch; None leaves them in order.
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
    ):
        self.objective = objective
        self.data = data
        self.theta = theta
        self.optimizer = optimizer
        self.optimizer_state = optimizer_state
        self.rows = rows
        self.random_state = random_state
        self.n_rows = data.n_samples if rows is None else rows.size
        self._reader = BatchReader(data, batch_size)
        self._workspace = Workspace(objective.network, batch_size, theta.dtype)
        self._gradient = np.empty_like(theta)

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
            The Euclidean norm of the last batch's gradient.

        Raises
        ------
        TrainingDivergedError
            At the first batch whose objective is not finite, or if a step leaves the
            finite numbers.
        """
        if self.random_state is not None and self.rows is not None:
            self.random_state.shuffle(self.rows)
        gradient = self._gradient
        loss_sum = 0.0
        gradient_norm = 0.0
        n_done = 0
        for X, target, sample_weight in self._reader.batches(self.rows):
            n_samples = target.shape[0]
            loss = self._finite_loss(X, target, sample_weight)
            loss_sum += loss * n_samples
            n_done += n_samples
            if n_done == self.n_rows:  # before the step uses the gradient up
                gradient_norm = math.sqrt(float(np.dot(gradient, gradient)))
            self.optimizer.step(
                self.theta, gradient, learning_rate, self.optimizer_state
            )
        largest = max(self.theta.max(), -self.theta.min())
        if not np.isfinite(largest):
            raise TrainingDivergedError("theta")
        # No batch has seen the last step. Where it led far away, look once more.
        if largest > _FAR_AWAY:
            self._finite_loss(X, target, sample_weight)
            raw = self.objective.network.forward(self.theta, X, self._workspace)
            if not np.isfinite(raw).all():
                raise TrainingDivergedError("raw output")
        return loss_sum / self.n_rows, gradient_norm

    def _finite_loss(
        self, X: Matrix, target: FloatArray, sample_weight: FloatArray | None
    ) -> float:
        """Return the objective of a batch, whose gradient it leaves in the buffer."""
        loss = self.objective.value_and_gradient(
            self.theta,
            X,
            target,
            sample_weight,
            self.data.mean_weight * target.shape[0],
            self._workspace,
            self._gradient,
        )
        if not math.isfinite(loss):
            raise TrainingDivergedError(loss)
        return loss
