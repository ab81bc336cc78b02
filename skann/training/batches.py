"""The objective of some rows, and its gradient."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from skann.core.network import Workspace
from skann.core.objective import Objective
from skann.core.parameters import ParameterLayout
from skann.core.types import FloatArray, Generators
from skann.data.rows import RowReader, RowWindow, ScaledRows, TrainingData


class TrainingDivergedError(ArithmeticError):
    """The loss or a parameter is no longer finite."""


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
        The objective.

    theta : ndarray of shape (n_parameters,)
        The parameters.

    data : TrainingData
        The data.

    workspace : Workspace, default=None
        Buffers for all rows, for repeated calls. If None, they are allocated.

    Returns
    -------
    loss : float
        The objective.

    gradient : ndarray of shape (n_parameters,)
        Its gradient.

    workspace : Workspace
        The workspace after both passes, with the delta of the raw output, for example.
    """
    if workspace is None:
        workspace = Workspace(objective.network, data.n_samples, theta.dtype)
    gradient = np.empty_like(theta)
    loss = objective.value_and_gradient(
        theta,
        data.X[:] if isinstance(data.X, ScaledRows) else data.X,
        data.dense_target,
        data.sample_weight,
        data.mean_weight * data.n_samples,
        workspace,
        gradient,
    )
    return loss, gradient, workspace


class BatchObjective(Protocol):
    """The objective of some rows, in memory or elsewhere, for changing parameters.

    Attributes
    ----------
    gradient : ndarray of theta's shape
        The gradient of the last rows.

    layout : ParameterLayout
        The layout of theta.

    largest_layer : int
        The number of weights in the largest layer of a network.
    """

    gradient: FloatArray
    layout: ParameterLayout

    @property
    def largest_layer(self) -> int:
        """The number of weights in the largest layer of a network."""

    def value(self, start: int, stop: int) -> float:
        """Return the objective of some rows as one batch, summed over members."""

    def raw_output(self, start: int, stop: int) -> FloatArray:
        """Return the raw output of some rows."""


class RowObjective:
    """The objective of some rows at the current parameters, and its gradient.

    It owns the required memory, so that a step does not allocate any.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.

    data : TrainingData
        The training data.

    theta : ndarray of shape (n_parameters,) or (n_members, n_parameters)
        The parameters, which change in place.

    n_rows : int
        The maximum number of rows.

    rows : ndarray of int or None
        The order of the rows, as in `RowReader`.

    generator : numpy.random.Generator, sequence of them, or None
        The generators for dropout, one per member.

    members : range, default=None
        The indices of the members in theta; None for all.

    window : RowWindow, default=None
        The window from which rows of X are read; None for the data themselves.

    Attributes
    ----------
    gradient : ndarray of theta's shape
        The gradient of the last rows.

    layout : ParameterLayout
        The layout of theta.
    """

    def __init__(
        self,
        objective: Objective,
        data: TrainingData,
        theta: FloatArray,
        n_rows: int,
        rows: np.ndarray | None = None,
        generator: Generators | None = None,
        members: range | None = None,
        window: RowWindow | None = None,
    ):
        self._objective = objective
        if theta.ndim > 1 and members is None:
            members = range(len(theta))
        self._reader = RowReader(data, rows, members, window)
        self._mean_weight = data.mean_weight
        self._theta = theta
        self._generator = generator
        network = objective.network
        self.layout = network.layout
        self._workspace = Workspace(network, n_rows, theta.dtype, theta.shape[:-1])
        self.gradient = np.empty_like(theta)

    @property
    def largest_layer(self) -> int:
        """The number of weights in the largest layer of a network."""
        layers = self._objective.network.dense_layers
        return max(layer.n_in * layer.n_out for layer in layers)

    def sums(self, start: int, stop: int, scale: float) -> float:
        """Return scale times the summed loss of some rows, without the penalty.

        It is also summed over members.
        """
        X, target, sample_weight = self._reader.read(start, stop)
        return self._objective.sums(
            self._theta,
            X,
            target,
            sample_weight,
            self._workspace,
            self.gradient,
            scale,
            self._generator,
        )

    def value(self, start: int, stop: int) -> float:
        """Return the objective of some rows as one batch, summed over members."""
        X, target, sample_weight = self._reader.read(start, stop)
        return self._objective.value_and_gradient(
            self._theta,
            X,
            target,
            sample_weight,
            self._mean_weight * (stop - start),
            self._workspace,
            self.gradient,
            self._generator,
        )

    def raw_output(self, start: int, stop: int) -> FloatArray:
        """Return the raw output of some rows, which the next call overwrites."""
        X, _, _ = self._reader.read(start, stop)
        return self._objective.network.forward(self._theta, X, self._workspace)
