"""scikit-learn's MLP and skann's estimators with the same parameters."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skann import BackpropClassifier, BackpropRegressor

_random_state = np.random.RandomState(0)
X = _random_state.randn(500, 5)
Y = X[:, 0] + 0.5 * X[:, 1]
SEED = {"random_state": 0}


def regressors(**params):
    """Return the MLP and skann's regressor with the same parameters, unscaled."""
    mlp = MLPRegressor(**SEED, **params)
    return mlp, BackpropRegressor(scaling=None, **mlp.get_params())


def classifiers(**params):
    """Return the MLP and skann's classifier with the same parameters, unscaled."""
    mlp = MLPClassifier(**SEED, **params)
    return mlp, BackpropClassifier(scaling=None, **mlp.get_params())


def fit(estimator, *args, **kwargs):
    """Fit; whether training converged is not the question here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*args, **kwargs)


def parameters(estimator):
    return np.concatenate(
        [array.ravel() for array in [*estimator.coefs_, *estimator.intercepts_]]
    )
