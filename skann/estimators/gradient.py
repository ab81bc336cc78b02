"""Check the gradient of an estimator with finite differences of its objective."""

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

    The objective is the function that the estimator minimises, including the penalty,
    for the given data as one batch and at the current parameters. Everything is
    computed in float64. The central differences, (J(theta + h) - J(theta - h)) / (2 h),
    are computed by `scipy.optimize.approx_fprime`.

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
        The approximate maximum number of parameters to check. If the network has more,
        the checked ones are spread evenly over the weights and biases of each layer,
        with at least one of each.

    tolerance : float, default=1e-4
        The largest relative error for which the check passes.

    Returns
    -------
    report : GradientReport
        The report, which is true if the gradient is right. Its text names the parameter
        with the largest error.

    Raises
    ------
    NotFittedError
        If the estimator has no parameters yet.

    ValueError
        If the data do not match the estimator.

    Notes
    -----
    The accuracy of finite differences is about 1e-9 of the largest derivative. The
    errors of derivatives smaller than 1e-5 of the largest are therefore measured
    relative to 1e-5 of the largest.

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
