"""Estimators of several networks with every kind of target, and what is averaged."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from reference_data import LEVELS, X, Y
from sklearn.base import is_classifier

from skann import BackpropClassifier, BackpropRegressor, Optimizer


class SignDescent(Optimizer):
    """Steps of one size, by the sign of the gradient."""

    def initial_state(self, theta):
        return {"n_steps": 0}

    def step(self, theta, gradient, learning_rate, state):
        state["n_steps"] += 1
        theta -= learning_rate * np.sign(gradient)


SOLVERS = {"sgd": "sgd", "adam": "adam", "own": SignDescent()}
# The estimator, its parameters, and its target.
CASES = {
    "numbers": (BackpropRegressor, {}, "numbers"),
    "two targets": (BackpropRegressor, {}, "two columns"),
    "absolute error": (BackpropRegressor, {"loss": "absolute_error"}, "numbers"),
    "huber": (BackpropRegressor, {"loss": "huber"}, "numbers"),
    "quantile": (BackpropRegressor, {"loss": "quantile", "quantile": 0.8}, "numbers"),
    "quantiles": (
        BackpropRegressor, {"loss": "quantile", "quantile": LEVELS}, "numbers",
    ),
    "poisson": (BackpropRegressor, {"loss": "poisson"}, "counts"),
    "gamma": (BackpropRegressor, {"loss": "gamma"}, "positive"),
    "tanh": (BackpropRegressor, {"output_activation": "tanh"}, "share"),
    "relu": (BackpropRegressor, {"output_activation": "relu"}, "positive"),
    "share": (BackpropRegressor, {"output_activation": "logistic"}, "share"),
    "binary": (BackpropClassifier, {}, "binary"),
    "binary softmax": (BackpropClassifier, {"output_activation": "softmax"}, "binary"),
    "classes": (BackpropClassifier, {}, "classes"),
    "strings": (BackpropClassifier, {"class_weight": "balanced"}, "strings"),
    "smooth": (BackpropClassifier, {"label_smoothing": 0.1}, "classes"),
    "independent": (
        BackpropClassifier, {"output_activation": "logistic"}, "classes",
    ),
    "labels": (BackpropClassifier, {}, "labels"),
    "squared error": (BackpropClassifier, {"loss": "squared_error"}, "classes"),
}  # fmt: skip
each_case = pytest.mark.parametrize("name", CASES)
each_solver = pytest.mark.parametrize("solver", SOLVERS)
# One of each estimator.
both = pytest.mark.parametrize("name", ["numbers", "classes"])

SHAPE = (5, 4)


def make(name, **params):
    estimator_class, options, _ = CASES[name]
    defaults = {
        "hidden_layer_sizes": SHAPE, "n_members": 3, "max_iter": 3, "batch_size": 40,
        "learning_rate_init": 0.01, "random_state": 0,
    }  # fmt: skip
    return estimator_class(**{**defaults, **options, **params})


def target_of(name):
    return Y[CASES[name][2]]


def fitted(name, weight=None, **params):
    return make(name, **params).fit(X, target_of(name), weight)


def outputs(estimator, X=X):
    """Return what is averaged: probabilities or values."""
    if is_classifier(estimator):
        return estimator.predict_proba(X)
    return estimator.predict(X)


def members_of(estimator):
    return [estimator.member(number) for number in range(len(estimator.coefs_[0]))]


def mean_of_members(estimator, X=X):
    return np.mean([outputs(member, X) for member in members_of(estimator)], axis=0)


def raw_values(regressor):
    """Return the predictions of one plain network, in the order of its outputs."""
    coefs, intercepts = regressor.fold_scaling()
    values = X
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        values = np.maximum(values @ W + b, 0)
    return values @ coefs[-1] + intercepts[-1]


def parameters(estimator):
    arrays = (*estimator.coefs_, *estimator.intercepts_)
    cosines = (estimator.embedding_ or {}).values()
    return np.concatenate([array.ravel() for array in (*arrays, *cosines)])


def assert_same(estimator, other):
    assert_array_equal(parameters(estimator), parameters(other))
    assert estimator.loss_curve_ == other.loss_curve_
    assert estimator.validation_scores_ == other.validation_scores_
    assert_array_equal(outputs(estimator), outputs(other))
