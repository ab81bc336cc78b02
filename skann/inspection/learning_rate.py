"""How large can the learning rate be? Raise it step by step and watch the loss.

(Smith, 2017, "Cyclical learning rates for training neural networks", section 3.3.)
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from skann.estimators.fitted import new_problem
from skann.estimators.recipes import is_stochastic
from skann.estimators.solving import make_descent
from skann.inspection.axes import Display
from skann.training.batches import TrainingDivergedError
from skann.training.blas import threads_for


@dataclass
class LearningRateCurve(Display):
    """The result of `suggest_learning_rate`.

    Attributes
    ----------
    rates : ndarray of shape (n_steps,)
        The learning rate of each step.

    losses : ndarray of shape (n_steps,)
        The objective for the batch of each step, before the step.

    smoothed_losses : ndarray of shape (n_steps,)
        The exponential moving average of the losses, with bias correction.

    suggestion : float
        The suggested learning rate.

    ax_ : matplotlib Axes
        The axes of the plot, after `plot`.

    figure_ : matplotlib Figure
        The figure of the axes.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed_losses: np.ndarray
    suggestion: float

    def plot(self, ax: Any = None) -> Self:
        """Plot the losses against the learning rate.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        curve : LearningRateCurve
            The curve.
        """
        ax = self._take_axes(ax)
        ax.plot(self.rates, self.losses, color="0.8", label="loss of the batch")
        ax.plot(self.rates, self.smoothed_losses, color="C0", label="smoothed")
        ax.axvline(
            self.suggestion,
            color="C1",
            linestyle="--",
            label=f"suggestion: {self.suggestion:.2g}",
        )
        ax.set(xscale="log", xlabel="learning rate", ylabel="training loss")
        ax.set_title("Loss while the learning rate rises")
        low, high = self.smoothed_losses.min(), self.smoothed_losses[0]
        ax.set_ylim(low - 0.2 * (high - low), high + 0.5 * (high - low))
        ax.legend()
        return self


def suggest_learning_rate(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    n_steps: int = 200,
) -> LearningRateCurve:
    """Suggest a value of `learning_rate_init` by a learning-rate range test.

    A new network takes one step per minibatch while the rate rises geometrically, until
    the loss is much larger than before. The suggestion is a tenth of the rate at which
    the smoothed loss was smallest, where the steps begin to be too long.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        An estimator with a stochastic solver, fitted or not. It is not changed.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The inputs.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    lowest : float, default=1e-6
        The first learning rate.

    highest : float, default=10.0
        The last learning rate.

    n_steps : int, default=200
        The number of steps from `lowest` to `highest`.

    Returns
    -------
    curve : LearningRateCurve
        The learning rates and losses up to the end of the test, and the suggestion.

    Raises
    ------
    ValueError
        If the solver has no learning rate, if a number is out of range, or if no
        learning rate decreased the loss.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skann import BackpropClassifier
    >>> from skann.inspection import suggest_learning_rate
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> curve = suggest_learning_rate(BackpropClassifier(random_state=0), X, y)
    >>> 1e-3 < curve.suggestion < 0.1
    True
    """
    check_scalar(lowest, "lowest", Real, min_val=0, include_boundaries="neither")
    check_scalar(highest, "highest", Real, min_val=lowest)
    check_scalar(n_steps, "n_steps", Integral, min_val=10)
    if not is_stochastic(estimator.solver):
        raise ValueError(
            f"solver={estimator.solver!r} has no learning rate. Use 'adam' or 'sgd'."
        )
    descent = make_descent(new_problem(estimator, X, y, sample_weight))
    rates = np.geomspace(lowest, highest, n_steps)
    losses: list[float] = []
    smoothed: list[float] = []
    average, memory = 0.0, 0.95
    one_thread = threads_for(descent.largest_product)
    with one_thread, np.errstate(over="ignore", invalid="ignore"):
        for step, rate in enumerate(rates, start=1):
            try:
                loss = descent.run_batch(float(rate))
            except TrainingDivergedError:
                break
            average = memory * average + (1 - memory) * loss
            losses.append(loss)
            smoothed.append(average / (1 - memory**step))
            if smoothed[-1] > 4 * abs(min(smoothed)):
                break
    best = int(np.argmin(smoothed)) if smoothed else 0
    if best == 0:
        raise ValueError(
            f"No learning rate between {lowest:g} and {highest:g} decreased the loss. "
            "Check the data, or try a smaller value of lowest."
        )
    n_taken = len(losses)
    return LearningRateCurve(
        rates[:n_taken], np.array(losses), np.array(smoothed), float(rates[best] / 10)
    )
