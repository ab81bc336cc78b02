"""L-BFGS by scipy, on the same objective and the same flat vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from skann.core.network import Workspace
from skann.core.objective import Objective
from skann.core.types import FloatArray
from skann.training.minibatch import TrainingData, TrainingDivergedError

# scipy's own default in float64: a relative reduction of the loss below this ends the
# search. In float32 the loss is not known to that precision.
_FTOL = 1e7 * np.finfo(np.float64).eps


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


def minimize_lbfgs(
    objective: Objective,
    data: TrainingData,
    theta: FloatArray,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    on_iteration: Callable[[FloatArray, float, float], bool],
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

    Returns
    -------
    result : LbfgsResult
        Where the search ended.

    Raises
    ------
    TrainingDivergedError
        If the objective is not finite at the start or at the end.
    """
    # scipy works in float64; the network computes in the dtype of the fit.
    current = theta.copy()
    gradient = np.empty_like(theta)
    workspace = Workspace(objective.network, data.n_samples, theta.dtype)
    total_weight = data.mean_weight * data.n_samples
    first_value: float | None = None

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal first_value
        current[...] = point
        value = objective.value_and_gradient(
            current,
            data.X,
            data.target,
            data.sample_weight,
            total_weight,
            workspace,
            gradient,
        )
        if first_value is None:
            first_value = value
            if not (math.isfinite(value) and np.isfinite(gradient).all()):
                raise TrainingDivergedError(value)
        return value, gradient.astype(np.float64)

    def callback(intermediate_result: OptimizeResult) -> None:
        norm = math.sqrt(float(np.dot(gradient, gradient)))
        point = intermediate_result.x.astype(theta.dtype)
        if on_iteration(point, float(intermediate_result.fun), norm):
            raise StopIteration

    result = minimize(
        value_and_gradient,
        theta.astype(np.float64),
        method="L-BFGS-B",
        jac=True,
        callback=callback,
        options={
            "maxfun": max_fun,
            "maxiter": max_iter,
            "gtol": tol,
            "ftol": max(_FTOL, float(np.finfo(theta.dtype).eps)),
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
