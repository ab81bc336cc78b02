"""Calls of scikit-learn's callbacks for a fit and each of its epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skann.estimators.inputs import Request
from skann.estimators.problem import Problem
from skann.estimators.sklearn_private import has_callbacks, open_callback_context


class EpochTasks:
    """A fit as a task of scikit-learn's callbacks, whose subtasks are its epochs.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator to fit.

    request : Request
        The arguments passed by the caller. Callbacks receive the data unchanged,
        including feature names.

    problem : Problem
        The training problem.

    attributes : callable
        A function that returns a copy of the current attributes of the estimator.
    """

    def __init__(
        self,
        estimator: Any,
        request: Request,
        problem: Problem,
        attributes: Callable[[], dict[str, Any]],
    ):
        metadata = None
        if request.sample_weight is not None:
            metadata = {"sample_weight": request.sample_weight}
        self._passed = {
            "estimator": estimator, "X": request.X, "y": request.y,
            "metadata": metadata,
        }  # fmt: skip
        self._attributes = attributes
        # L-BFGS begins one more iteration than it ends.
        settings = problem.settings
        max_subtasks = settings.max_iter + (not settings.is_stochastic)
        self._context = open_callback_context(estimator, max_subtasks=max_subtasks)
        self._context.call_on_fit_task_begin(**self._passed)
        self._is_heard = has_callbacks(estimator)
        self._task: Any = None

    def begin(self, name: str) -> None:
        """Open the task of an epoch, if there are callbacks."""
        if self._is_heard:
            self._task = self._context.subcontext(task_name=name)
            self._task.call_on_fit_task_begin(
                **self._passed, reconstruction_attributes=self._attributes
            )

    def end(self) -> bool:
        """Close the task of an epoch; return whether a callback requests to stop."""
        if not self._is_heard:
            return False
        return self._task.call_on_fit_task_end(
            **self._passed, reconstruction_attributes=self._attributes
        )

    def abandon(self) -> None:
        """Close the task of an epoch that was not run."""
        if self._is_heard:
            self._task.call_on_fit_task_end(**self._passed)

    def close(self, attributes: dict[str, Any]) -> None:
        """Tell the callbacks that the fit has ended."""
        self._context.call_on_fit_task_end(
            **self._passed, reconstruction_attributes=lambda: attributes
        )
