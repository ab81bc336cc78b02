"""scikit-learn's callbacks hear of a fit and of each of its epochs."""

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
        Whose fit it is.

    request : Request
        What the caller passed. Callbacks get to see the data as they were passed,
        feature names included.

    problem : Problem
        What is trained.

    attributes : callable
        Returns a copy of the attributes that the estimator would have now.
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
        # L-BFGS begins an epoch more than it ends.
        settings = problem.settings
        max_subtasks = settings.max_iter + (not settings.is_stochastic)
        self._context = open_callback_context(estimator, max_subtasks=max_subtasks)
        self._context.call_on_fit_task_begin(**self._passed)
        self._is_heard = has_callbacks(estimator)
        self._task: Any = None

    def begin(self, name: str) -> None:
        """Open an epoch's task, if there is anyone to hear of it."""
        if self._is_heard:
            self._task = self._context.subcontext(task_name=name)
            self._task.call_on_fit_task_begin(
                **self._passed, reconstruction_attributes=self._attributes
            )

    def end(self) -> bool:
        """Close an epoch's task; return whether a callback wants training to stop."""
        if not self._is_heard:
            return False
        return self._task.call_on_fit_task_end(
            **self._passed, reconstruction_attributes=self._attributes
        )

    def abandon(self) -> None:
        """Close the task of an epoch that is none."""
        if self._is_heard:
            self._task.call_on_fit_task_end(**self._passed)

    def close(self, attributes: dict[str, Any]) -> None:
        """Let the callbacks know that the fit is done."""
        self._context.call_on_fit_task_end(
            **self._passed, reconstruction_attributes=lambda: attributes
        )
