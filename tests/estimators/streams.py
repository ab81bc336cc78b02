"""Columns of unlike size with every kind of target, to be trained on in pieces."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skann import BackpropClassifier, BackpropRegressor

# A fit of five epochs never converges.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"

N = 50
RANDOM = np.random.RandomState(0)
X = RANDOM.randn(N, 4) * [1, 100, 1e-3, 1] + [0, 1e4, 0, -3]
SIGNAL = X[:, 0] + np.sin(X[:, 3]) + 0.3 * RANDOM.randn(N)
TARGETS = {
    "binary": (SIGNAL > 0).astype(int),
    "multiclass": np.array(["low", "middle", "high"])[np.digitize(SIGNAL, [-1, 1])],
    "multilabel": np.c_[SIGNAL > 0, X[:, 1] > 1e4].astype(int),
    "regression": 1000 * SIGNAL + 5e4,
    "two targets": np.c_[1e-3 * SIGNAL, X[:, 1]],
    "counts": RANDOM.poisson(np.exp(SIGNAL / 2)).astype(float),
}
Z = (X - X.mean(axis=0)) / X.std(axis=0)
CLASSES = {
    "binary": [0, 1],
    "multiclass": ["low", "middle", "high"],
    "multilabel": [0, 1],
}
WEIGHT = RANDOM.uniform(0.1, 3, N)
WEIGHT[::7] = 0
BASE = {
    "hidden_layer_sizes": (6,),
    "batch_size": 15,  # four batches an epoch, the last of five samples
    "tol": 0.0,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
EACH_TARGET = pytest.mark.parametrize("target", TARGETS)
EACH_SOLVER = pytest.mark.parametrize("solver", ["sgd", "adam"])


def make(target, **params):
    params = {**BASE, **params}
    if target in CLASSES:
        return BackpropClassifier(**params)
    if target == "counts":
        params["loss"] = "poisson"
    return BackpropRegressor(**params)


def first_call(target):
    """Return what the first call of partial_fit needs beside the data."""
    return {"classes": CLASSES[target]} if target in CLASSES else {}


def outputs(estimator, data):
    """Return the continuous output of either estimator."""
    if isinstance(estimator, BackpropClassifier):
        return estimator.decision_function(data)
    return estimator.predict(data)


def assert_same_training(estimator, other, data=X):
    for name in ("coefs_", "intercepts_"):
        for mine, theirs in zip(
            getattr(estimator, name), getattr(other, name), strict=True
        ):
            assert_array_equal(mine, theirs)
    assert estimator.loss_curve_ == other.loss_curve_
    assert estimator.t_ == other.t_
    for quantity in ("epoch", "loss", "learning_rate", "gradient_norm"):
        assert estimator.history_[quantity] == other.history_[quantity]
    assert_array_equal(outputs(estimator, data), outputs(other, data))
