"""What a network learns from, read and evaluated some rows at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skann.core.network import Workspace
from skann.core.objective import Objective
from skann.core.types import FloatArray, Matrix


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


def loss_and_gradient(
    objective: Objective,
    theta: FloatArray,
    data: TrainingData,
    workspace: Workspace | None = None,
) -> tuple[float, FloatArray, Workspace]:
    """Evaluate the objective of all data as one batch.

    Parameters
    ----------
    objective : Objective
        What to evaluate.

    theta : ndarray of shape (n_parameters,)
        Where.

    data : TrainingData
        The data.

    workspace : Workspace, default=None
        Buffers for all rows, for who calls this many times; None allocates them.

    Returns
    -------
    loss : float
        The objective.

    gradient : ndarray of shape (n_parameters,)
        Its gradient.

    workspace : Workspace
        What the two passes left there, such as the delta of the raw output.
    """
    if workspace is None:
        workspace = Workspace(objective.network, data.n_samples, theta.dtype)
    gradient = np.empty_like(theta)
    loss = objective.value_and_gradient(
        theta,
        data.X,
        data.target,
        data.sample_weight,
        data.mean_weight * data.n_samples,
        workspace,
        gradient,
    )
    return loss, gradient, workspace


class RowReader:
    """Reads rows of the data; dense ones are copied into the same memory each time.

    Targets come in Fortran order, as losses like them.

    Parameters
    ----------
    data : TrainingData
        The data.

    rows : ndarray of int or None
        The rows to read, in this order, which may change from read to read; None for
        all rows as they are, which need no copying.
    """

    def __init__(self, data: TrainingData, rows: np.ndarray | None):
        self._data = data
        self._rows = rows
        self._target = np.ascontiguousarray(data.target.T)  # a row for each output
        self._buffers: dict[int, tuple[FloatArray | None, FloatArray]] = {}

    def read(
        self, start: int, stop: int
    ) -> tuple[Matrix, FloatArray, FloatArray | None]:
        """Return X, target and sample_weight of the rows from `start` to `stop`."""
        data = self._data
        weight = data.sample_weight
        if self._rows is None:
            part = slice(start, stop)
            return (
                data.X[part],
                self._target[:, part].T,
                None if weight is None else weight[part],
            )
        rows = self._rows[start:stop]
        X_buffer, target = self._buffers_of(rows.size)
        if X_buffer is None:
            X = data.X[rows]
        else:
            # "clip" skips the bounds check, which costs more than the copy.
            X = data.X.take(rows, axis=0, out=X_buffer, mode="clip")
        self._target.take(rows, axis=1, out=target, mode="clip")
        return X, target.T, None if weight is None else weight[rows]

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


class RowObjective:
    """The objective of some rows at the current parameters, and its gradient.

    It owns the memory that this takes, so that a step allocates none.

    Parameters
    ----------
    objective : Objective
        What to make small.

    data : TrainingData
        What to learn from.

    theta : ndarray of shape (n_parameters,)
        The parameters, which change in place.

    n_rows : int
        The largest number of rows at once.

    rows : ndarray of int or None
        The order of the rows, as `RowReader` takes it.

    generator : numpy.random.Generator or None
        What leaves hidden units out of the objective of a batch.

    Attributes
    ----------
    gradient : ndarray of shape (n_parameters,)
        The gradient of the last rows.
    """

    def __init__(
        self,
        objective: Objective,
        data: TrainingData,
        theta: FloatArray,
        n_rows: int,
        rows: np.ndarray | None = None,
        generator: np.random.Generator | None = None,
    ):
        self._objective = objective
        self._reader = RowReader(data, rows)
        self._mean_weight = data.mean_weight
        self._theta = theta
        self._generator = generator
        self._workspace = Workspace(objective.network, n_rows, theta.dtype)
        self.gradient = np.empty_like(theta)
        self._scratch = np.empty(objective.network.n_weights, theta.dtype)

    def sums(self, start: int, stop: int, scale: float) -> float:
        """Return scale times the summed loss of some rows, without the penalty."""
        X, target, sample_weight = self._reader.read(start, stop)
        return self._objective.sums(
            self._theta,
            X,
            target,
            sample_weight,
            self._workspace,
            self.gradient,
            scale,
        )

    def value(self, start: int, stop: int) -> float:
        """Return the objective of some rows as a batch of their own."""
        X, target, sample_weight = self._reader.read(start, stop)
        return self._objective.value_and_gradient(
            self._theta,
            X,
            target,
            sample_weight,
            self._mean_weight * (stop - start),
            self._workspace,
            self.gradient,
            self._scratch,
            self._generator,
        )

    def raw_output(self, start: int, stop: int) -> FloatArray:
        """Return the raw output of some rows, which the next call overwrites."""
        X, _, _ = self._reader.read(start, stop)
        return self._objective.network.forward(self._theta, X, self._workspace)
