"""L-BFGS by scipy, on the same objective and the same flat vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from skann.core.objective import Objective
from skann.core.types import FloatArray
from skann.data.rows import RowWindow, ScaledRows, TrainingData, rows_per_window
from skann.training.batches import RowObjective, TrainingDivergedError
from skann.training.blas import one_thread_of_scipy
from skann.training.solver import Ending, Epoch, Solver

# A relative reduction of the loss below this ends the search: scipy's own default, and
# less for a tolerance below the usual one, which would not be reached otherwise. (Zero
# asks for no more than the default.)
_FTOL, _USUAL_TOL = 1e7 * np.finfo(np.float64).eps, 1e-4
# The loss is not known to much more than the precision of its dtype.
_SMALLEST_FTOL = {"float64": 64 * 2.0**-52, "float32": 2.0**-23}


def _relative_tolerance(tol: float, dtype: np.dtype) -> float:
    """Return the relative reduction of the loss that is none."""
    wanted = _FTOL * (tol / _USUAL_TOL if 0 < tol < _USUAL_TOL else 1.0)
    return max(wanted, _SMALLEST_FTOL[dtype.name])


@dataclass(frozen=True)
class LbfgsResult:
    """Where L-BFGS ended.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The parameters, in the dtype of the start.

    loss : float
        The objective there.

    n_iterations : int
        The number of iterations.

    converged : bool
        Whether a tolerance, a callback or the user ended the search, rather than a
        limit or a failed line search.

    message : str
        scipy's account of why it stopped.
    """

    theta: FloatArray
    loss: float
    n_iterations: int
    converged: bool
    message: str


class _AllRows:
    """The objective of all rows and its gradient, as a function of a float64 vector.

    scipy works in float64; the network computes in the dtype of the fit.
    """

    def __init__(self, objective, data, theta, rows):
        self.gradient = np.empty_like(theta)
        self._objective = objective
        self._theta = theta.copy()
        # A sum over blocks of rows, each of which stays in the cache.
        self._n_rows = data.n_samples if rows is None else rows.size
        self._block_size = min(self._n_rows, objective.network.rows_per_block)
        self._window = None
        if isinstance(data.X, ScaledRows):
            self._window = RowWindow(data.X, rows)
            n_blocks = rows_per_window(data.X.shape, theta.itemsize) // self._block_size
            self._stride = max(1, n_blocks) * self._block_size
        self._block = RowObjective(
            objective, data, self._theta, self._block_size, rows, window=self._window
        )
        self._scale = 1.0 / (data.mean_weight * self._n_rows)
        self._is_first = True

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective at a point, and its gradient."""
        gradient, block = self.gradient, self._block
        self._theta[...] = point
        gradient.fill(0)
        value = self._objective.add_penalty(self._theta, self._scale, gradient)
        for start, stop in self._blocks():
            value += block.sums(start, stop, self._scale)
            np.add(gradient, block.gradient, out=gradient)
        if self._is_first:
            self._is_first = False
            if not (math.isfinite(value) and np.isfinite(gradient).all()):
                raise TrainingDivergedError(value)
        return value, gradient.astype(np.float64)

    def _blocks(self):
        """Yield from where to where the rows of each block are, in memory."""
        size, n_rows = self._block_size, self._n_rows
        if self._window is None:
            spans = iter([(0, n_rows)])
        else:
            spans = self._window.spans(n_rows, self._stride)
        for first, last in spans:
            for start in range(first, last, size):
                yield start, min(start + size, last)


def minimize_lbfgs(
    objective: Objective,
    data: TrainingData,
    theta: FloatArray,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    on_iteration: Callable[[FloatArray, float, float], bool],
    rows: np.ndarray | None = None,
) -> LbfgsResult:
    """Minimise the objective over all data.

    Parameters
    ----------
    objective : Objective
        What to make small.

    data : TrainingData
        What to learn from.

    theta : ndarray of shape (n_parameters,)
        Where to start; it is left as it is.

    max_iter : int
        The largest number of iterations.

    max_fun : int
        The largest number of evaluations.

    tol : float
        The search ends where no component of the gradient is larger.

    on_iteration : callable
        Called after each iteration with the parameters, the objective and the norm of
        its gradient; the search ends if it returns True.

    rows : ndarray of int, default=None
        The rows of the data to learn from; None for all.

    Returns
    -------
    result : LbfgsResult
        Where the search ended.

    Raises
    ------
    TrainingDivergedError
        If the objective is not finite at the start or at the end.
    """
    function = _AllRows(objective, data, theta, rows)

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
        What to make small.

    data : TrainingData
        What to learn from.

    theta : ndarray of shape (n_parameters,)
        Where to start; it is left as it is.

    rows : ndarray of int or None
        The rows of the data to learn from; None for all.

    max_iter, max_fun : int
        The largest number of iterations, and of evaluations.

    tol : float
        The search ends where no component of the gradient is larger.
    """

    task_name = "iteration"
    stops_by_loss = False

    def __init__(
        self,
        objective: Objective,
        data: TrainingData,
        theta: FloatArray,
        rows: np.ndarray | None,
        *,
        max_iter: int,
        max_fun: int,
        tol: float,
    ):
        self.theta = theta
        self.n_rows = data.n_samples if rows is None else rows.size
        self._objective = objective
        self._data = data
        self._rows = rows
        self._max_iter, self._max_fun, self._tol = max_iter, max_fun, tol

    def run(self, listener):
        def on_iteration(theta, loss, gradient_norm):
            stops = listener.end_epoch(Epoch(theta, loss, gradient_norm))
            # scipy says that an iteration ended, not whether there will be another.
            listener.begin_epoch()
            return stops

        listener.begin_epoch()
        result = minimize_lbfgs(
            self._objective,
            self._data,
            self.theta,
            max_iter=self._max_iter,
            max_fun=self._max_fun,
            tol=self._tol,
            on_iteration=on_iteration,
            rows=self._rows,
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
