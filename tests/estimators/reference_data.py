"""Data with every kind of target, and how close two results have to be."""

import functools

import numpy as np
import pytest
from scipy import special
from scipy.optimize import minimize
from sklearn.linear_model import (
    LogisticRegression,
)

from skann import BackpropClassifier

ignore_convergence = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)

N_SAMPLES = 150
SOLVERS = ("sgd", "adam", "lbfgs")


def _make_data():
    random_state = np.random.RandomState(0)
    X = random_state.randn(N_SAMPLES, 4)
    signal = X @ [1.0, -0.6, 0.4, 0.0]
    noise = random_state.standard_t(3, N_SAMPLES)
    classes = np.digitize(signal + random_state.logistic(size=N_SAMPLES), [-1, 1])
    return X, {
        "numbers": 20 + 3 * signal + 2 * noise,
        "two columns": np.c_[20 + 3 * signal + noise, X[:, 3] - noise],
        "counts": random_state.poisson(np.exp(0.5 * signal)),
        "positive": random_state.gamma(2, np.exp(0.5 * signal)),
        "share": special.expit(signal + 0.3 * noise),
        "binary": (classes > 0).astype(int),
        "classes": classes,
        "strings": np.array(["low", "middle", "high"])[classes],
        "labels": np.c_[classes > 0, noise + X[:, 3] > 1, classes > 1].astype(int),
    }


X, Y = _make_data()
WEIGHT = np.random.RandomState(1).uniform(0.2, 3.0, N_SAMPLES)
WEIGHT[::10] = 0.0
WEIGHTS = {"unweighted": None, "weighted": WEIGHT}
both_weights = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)


def linear(estimator_class, **params):
    """Return a linear model that L-BFGS brings to its optimum.

    At a gradient of 1e-7 the loss is 1e-14 above its minimum. At 1e-8 that is less than
    its rounding: whether a line search still sees a descent depends on the processor.
    """
    defaults = {
        "hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 0.0, "tol": 1e-7,
        "max_iter": 5000, "scaling": None, "random_state": 0,
    }  # fmt: skip
    return estimator_class(**{**defaults, **params})


def line(estimator):
    """Return a linear model's coefficients and intercepts on unscaled data."""
    coefs, intercepts = estimator.fold_scaling()
    return np.vstack([coefs[0], intercepts[0]])


def assert_agree(name, actual, expected, rtol=1e-4):
    """Compare arrays by their largest difference in units of the largest number."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    difference = np.abs(actual - expected).max() / np.abs(expected).max()
    print(f"{name}: largest relative difference {difference:.1e}")
    assert difference <= rtol


TIGHT = {"tol": 1e-10, "max_iter": 10_000}


def logistic(inverse_strength):
    return LogisticRegression(C=inverse_strength, solver="newton-cholesky", **TIGHT)


def minimum(loss_of_raw, n_outputs, weight, alpha, start=None):
    """Return the line that minimises J, with derivatives by finite differences."""
    weight = np.ones(N_SAMPLES) if weight is None else weight

    def objective(flat):
        parameters = flat.reshape(X.shape[1] + 1, n_outputs)
        losses = loss_of_raw(X @ parameters[:-1] + parameters[-1]).sum(axis=1)
        penalty = alpha / 2 * (parameters[:-1] ** 2).sum()
        return (weight @ losses + penalty) / weight.sum()

    start = np.zeros((X.shape[1] + 1, n_outputs)) if start is None else start
    result = minimize(
        objective, start.ravel(), jac="3-point", method="BFGS", options={"gtol": 1e-9}
    )
    return result.x.reshape(start.shape)


def line_of_means(target):
    return np.vstack([np.zeros((X.shape[1], target.shape[1])), target.mean(axis=0)])


OUTPUTS = {
    "identity": lambda z: z,
    "logistic": special.expit,
    "tanh": np.tanh,
    "exp": np.exp,
    "softmax": functools.partial(special.softmax, axis=1),
}

LEVELS = (0.1, 0.5, 0.9)


def small(**params):
    defaults = {
        "hidden_layer_sizes": (6,), "activation": "tanh", "max_iter": 15,
        "batch_size": 40, "learning_rate_init": 0.01, "random_state": 0,
    }  # fmt: skip
    if params.get("solver") == "lbfgs":
        del defaults["batch_size"]
    return BackpropClassifier(**{**defaults, **params})


def parameters(estimator):
    arrays = (*estimator.coefs_, *estimator.intercepts_)
    return np.concatenate([array.ravel() for array in arrays])
