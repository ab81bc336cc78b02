"""A table with every kind of target, and estimators that learn it quickly."""

import numpy as np
from sklearn.datasets import make_classification

from skann import BackpropClassifier, BackpropRegressor

N = 60
X, THREE = make_classification(
    N, 5, n_informative=3, n_redundant=0, n_classes=3, random_state=0
)
X = (4 * X).round()  # whole numbers, so that every dtype can hold them
TWO = (THREE > 0).astype(int)
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > X[:, 2], THREE == 1]).astype(int)
NUMBERS = X[:, 0] - 2 * X[:, 1] + np.sin(X[:, 2])
COUNTS = np.exp(NUMBERS / 10).round()

# Rounding may depend on how a matrix product is cut, and on nothing else.
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def classifier(**params):
    defaults = {"hidden_layer_sizes": 4, "solver": "lbfgs", "max_iter": 10}
    return BackpropClassifier(**{**defaults, "random_state": 0, **params})


def regressor(**params):
    defaults = {"hidden_layer_sizes": 4, "solver": "lbfgs", "max_iter": 10}
    return BackpropRegressor(**{**defaults, "random_state": 0, **params})


WEIGHT = np.random.RandomState(0).uniform(0, 2, N)
