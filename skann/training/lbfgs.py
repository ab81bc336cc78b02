"""SciPy's L-BFGS, on the same objective and the same flat vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from skann.core.objective import Objective
from skann.core.types import FloatArray, Generators
from skann.data.rows import RowWindow, ScaledRows, TrainingData, rows_per_window
from skann.training.batches import RowObjective, TrainingDivergedError
from skann.training.blas import one_thread_of_scipy
from skann.training.solver import Ending, Epoch, Solver

# A relative reduction of the loss below this ends the search: SciPy's default, or less
# for a tolerance below the default, which would otherwise not be reached. (A tolerance
# of zero uses the default.)
_FTOL, _USUAL_TOL = 1e7 * np.finfo(np.float64).eps, 1e-4
# The accuracy of the loss is limited by its dtype.
_SMALLEST_FTOL = {"float64": 64 * 2.0**-52, "float32": 2.0**-23}


def _relative_tolerance(tol: float, dtype: np.dtype) -> float:
    """Return the relative reduction of the loss below which the search ends."""
    wanted = _FTOL * (tol / _USUAL_TOL if 0 < tol < _USUAL_TOL else 1.0)
    return max(wanted, _SMALLEST_FTOL[dtype.name])


@dataclass(frozen=True)
class LbfgsResult:
    """The result of L-BFGS.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The final parameters, in the dtype of the initial ones.

    loss : float
        The objective at these parameters.

    n_iterations : int
        The number of iterations.

    converged : bool
        Whether a tolerance, a callback or the user ended the search, rather than a
        limit or a failed line search.

    message : str
        SciPy's message about why it stopped.
    """

    theta: FloatArray
    loss: float
    n_iterations: int
    converged: bool
    message: str


class RowSums(Protocol):
    """The summed loss of all rows, in parts that are added in order."""

    n_rows: int

    def __call__(
        self, theta: FloatArray, scale: float
    ) -> Iterable[tuple[float, FloatArray]]:
        """Return scale times the summed loss of each part, and its gradient.

        A gradient may be overwritten when the next part is computed.
        """


class BlockSums:
    """The summed loss of blocks of rows that fit into the cache.

    Parameters
    ----------
    objective : Objective
        The loss and the network.

    data : TrainingData
        The rows.

    theta : ndarray of shape (n_parameters,)
        The parameters; only their dtype is used.

    rows : ndarray of int, default=None
        The rows of the data to sum over; None for all.

    generator : numpy.random.Generator, default=None
        The generator for dropout; None for no dropout.
    """

    def __init__(
        self,
        objective: Objective,
        data: TrainingData,
        theta: FloatArray,
        rows: np.ndarray | None = None,
        generator: Generators | None = None,
    ):
        self.n_rows = data.n_samples if rows is None else rows.size
        self._theta = theta.copy()
        self._size = min(self.n_rows, objective.network.rows_per_block)
        self._window = None
        if isinstance(data.X, ScaledRows):
            self._window = RowWindow(data.X, rows)
            n_blocks = rows_per_window(data.X.shape, theta.itemsize) // self._size
            self._stride = max(1, n_blocks) * self._size
        self._block = RowObjective(
            objective,
            data,
            self._theta,
            self._size,
            rows,
            generator,
            None,
            self._window,
        )

    def __call__(self, theta, scale):
        self._theta[...] = theta
        for start, stop in self._blocks():
            yield self._block.sums(start, stop, scale), self._block.gradient

    def _blocks(self):
        """Yield the start and stop of each block of rows, loaded into memory."""
        spans = iter([(0, self.n_rows)])
        if self._window is not None:
            spans = self._window.spans(self.n_rows, self._stride)
        for first, last in spans:
            for start in range(first, last, self._size):
                yield start, min(start + self._size, last)


class _AllRows:
    """The objective of all rows and its gradient, as a function of a float64 vector.

    SciPy works in float64; the network is computed in the dtype of the fit.
    """

    def __init__(self, objective, sums, mean_weight, theta):
        self.gradient = np.empty_like(theta)
        self._objective = objective
        self._sums = sums
        self._theta = theta.copy()
        self._scale = 1.0 / (mean_weight * sums.n_rows)
        self._is_first = True

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective at a point, and its gradient."""
        gradient = self.gradient
        self._theta[...] = point
        gradient.fill(0)
        value = self._objective.add_penalty(self._theta, self._scale, gradient)
        for of_part, gradient_of_part in self._sums(self._theta, self._scale):
            value += of_part
            np.add(gradient, gradient_of_part, out=gradient)
        if self._is_first:
            self._is_first = False
            if not (math.isfinite(value) and np.isfinite(gradient).all()):
                raise TrainingDivergedError(value)
        return value, gradient.astype(np.float64)


def minimize_lbfgs(
    objective: Objective,
    sums: RowSums,
    theta: FloatArray,
    *,
    mean_weight: float,
    max_iter: int,
    max_fun: int,
    tol: float,
    on_iteration: Callable[[FloatArray, float, float], bool],
) -> LbfgsResult:
    """Minimise the objective over all data.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.

    sums : RowSums
        The summed loss of the training rows.

    theta : ndarray of shape (n_parameters,)
        The initial parameters, which are not changed.

    mean_weight : float
        The mean weight of these rows.

    max_iter : int
        The maximum number of iterations.

    max_fun : int
        The maximum number of evaluations.

    tol : float
        The search ends if no component of the gradient is larger.

    on_iteration : callable
        Called after each iteration with the parameters, the objective and the norm of
        its gradient; the search ends if it returns True.

    Returns
    -------
    result : LbfgsResult
        The result of the search.

    Raises
    ------
    TrainingDivergedError
        If the objective is not finite at the start or at the end.
    """
    function = _AllRows(objective, sums, mean_weight, theta)

    def callback(intermediate_result: OptimizeResult) -> None:
        gradient = function.gradient
        norm = math.sqrt(float(np.dot(gradient, gradient)))
        point = intermediate_result.x.astype(theta.dtype)
        if on_iteration(point, float(intermediate_result.fun), norm):
            raise StopIteration

    with one_thread_of_scipy():
        result = minimize(
            function,
            theta.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=callback,
            options={
                "maxfun": max_fun,
                "maxiter": max_iter,
                "gtol": tol,
                "ftol": _relative_tolerance(tol, theta.dtype),
            },
        )
    final = result.x.astype(theta.dtype)
    if not (math.isfinite(result.fun) and np.isfinite(final).all()):
        raise TrainingDivergedError(result.fun)
    stopped_by_callback = 99
    return LbfgsResult(
        theta=final,
        loss=float(result.fun),
        n_iterations=min(int(result.nit), max_iter),
        converged=result.status in (0, stopped_by_callback),
        message=f"status={result.status}: {result.message}",
    )


class LbfgsSolver(Solver):
    """L-BFGS over all data; an iteration counts as an epoch.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.

    sums : RowSums
        The summed loss of the training rows.

    theta : ndarray of shape (n_parameters,)
        The initial parameters, which are not changed.

    mean_weight : float
        The mean weight of these rows.

    max_iter, max_fun : int
        The maximum number of iterations, and of evaluations.

    tol : float
        The search ends if no component of the gradient is larger.
    """

    task_name = "iteration"
    stops_by_loss = False

    def __init__(
        self,
        objective: Objective,
        sums: RowSums,
        theta: FloatArray,
        *,
        mean_weight: float,
        max_iter: int,
        max_fun: int,
        tol: float,
    ):
        self.theta = theta
        self.n_rows = sums.n_rows
        self._objective = objective
        self._sums = sums
        self._mean_weight = mean_weight
        self._max_iter, self._max_fun, self._tol = max_iter, max_fun, tol

    def run(self, listener):
        def on_iteration(theta, loss, gradient_norm):
            stops = listener.end_epoch(Epoch(theta, loss, gradient_norm))
            # SciPy reports the end of an iteration, but not whether there will be
            # another.
            listener.begin_epoch()
            return stops

        listener.begin_epoch()
        result = minimize_lbfgs(
            self._objective,
            self._sums,
            self.theta,
            mean_weight=self._mean_weight,
            max_iter=self._max_iter,
            max_fun=self._max_fun,
            tol=self._tol,
            on_iteration=on_iteration,
        )
        listener.abandon_epoch(Epoch(result.theta, result.loss, 0.0))
        if result.converged:
            return Ending.CONVERGED
        self.message = (
            f"lbfgs failed to converge after {result.n_iterations} iteration(s) "
            f"({result.message}). Increase max_iter (now {self._max_iter}) or max_fun "
            f"(now {self._max_fun}), or scale the data."
        )
        return Ending.FAILED
