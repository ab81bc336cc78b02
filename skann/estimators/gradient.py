"""Is the gradient of an estimator right? Ask finite differences of its objective."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from skann.core.gradient_check import GradientReport, compare_gradients
from skann.core.types import FloatArray
from skann.estimators.fitted import fitted_problem
from skann.training.batches import loss_and_gradient


def check_gradient(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    max_parameters: int = 500,
    tolerance: float = 1e-4,
) -> GradientReport:
    """Compare an estimator's gradient with finite differences of its objective.

    The objective is what the estimator minimises, penalty included, for the given
    data as one batch, at its current parameters; everything is computed in float64.
    Central differences, (J(theta + h) - J(theta - h)) / (2 h), come from
    `scipy.optimize.approx_fprime`.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted or partially fitted estimator. It is not changed.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The inputs; a few samples are enough.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative sample weights.

    max_parameters : int, default=500
        If the network has more parameters, at most about this many of them are
        checked, spread evenly over each layer's weights and biases, at least one each.

    tolerance : float, default=1e-4
        The largest relative error that passes.

    Returns
    -------
    report : GradientReport
        True if the gradient is right; its text names the worst parameter.

    Raises
    ------
    NotFittedError
        If the estimator has no parameters yet.

    ValueError
        If the data do not fit the estimator.

    Notes
    -----
    Finite differences know a derivative to about 1e-9 of the largest one. So errors of
    derivatives smaller than 1e-5 of the largest are measured against that size.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skann import BackpropClassifier, check_gradient
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = BackpropClassifier(8, activation="tanh", random_state=0)
    >>> classifier = classifier.partial_fit(X, y, classes=[0, 1, 2])
    >>> report = check_gradient(classifier, X, y)
    >>> report.passed
    True
    >>> print(report)
    The gradient is right: largest relative error ... <= 1e-04,
    at ...: backpropagation ..., finite differences ....
    67 of 67 parameters checked:
    ...
    """
    if max_parameters < 1:
        raise ValueError(f"max_parameters must be at least 1. Got {max_parameters}.")
    objective, theta, data = fitted_problem(estimator, X, y, sample_weight)
    network = objective.network
    _, gradient, workspace = loss_and_gradient(objective, theta, data)

    def value(point: FloatArray) -> float:
        return loss_and_gradient(objective, point, data, workspace)[0]

    checked = network.layout.spread(max_parameters)
    return compare_gradients(
        value, gradient, theta, checked, network.parameter_name, tolerance
    )
