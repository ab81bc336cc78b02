"""Estimators of every kind, and what they are as ONNX."""

import warnings
from functools import cache

import numpy as np
from numpy.random import RandomState
from sklearn.exceptions import ConvergenceWarning

from skann import BackpropClassifier, BackpropRegressor, Elu, LeakyRelu
from skann.data.scaling import BENDING

N_ROWS = 60
_random_state = RandomState(0)
NORMAL = _random_state.randn(N_ROWS, 4)
# A column with ties, and a constant one.
UNSCALED = np.c_[NORMAL, _random_state.randint(3, size=N_ROWS), np.full(N_ROWS, 2.0)]
# Far from zero: a million spreads.
FAR = UNSCALED * [1, 5, 0.1, 2, 1, 1] + 1e6 * np.array([1, 5, 0.1, 2, 1, 1])
WILD = FAR.copy()
WILD[7, 1] = 9e6
NUMBERS = NORMAL[:, 0] - NORMAL[:, 1] ** 2
CLASSES = np.digitize(NUMBERS, [-1, 0.5])
POSITIVE = np.exp(NUMBERS / 3)

ACTIVATIONS = {
    **{
        name: name
        for name in (
            "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu",
            "gelu", "silu", "softplus",
        )
    },
    "objects": [LeakyRelu(0.3), Elu(0.5)],
    "mixed": ["tanh", "gelu"],
}  # fmt: skip
SCALINGS = (None, "standard", "minmax", "robust", "bounded", "adaptive", "stream")

# By name: the estimator, its parameters, and its target.
TARGETS = {
    "two classes": (BackpropClassifier, {}, NUMBERS > 0),
    "strings": (BackpropClassifier, {}, np.array(["no", "yes"])[(NUMBERS > 0) * 1]),
    "three classes": (BackpropClassifier, {}, CLASSES),
    "three strings": (BackpropClassifier, {}, np.array(list("abc"))[CLASSES]),
    "float classes": (BackpropClassifier, {}, CLASSES * 2.0),
    "two outputs": (BackpropClassifier, {"output_activation": "softmax"}, CLASSES > 1),
    "independent": (BackpropClassifier, {"output_activation": "logistic"}, CLASSES),
    "squared": (BackpropClassifier, {"loss": "squared_error"}, CLASSES),
    "labels": (BackpropClassifier, {}, (NORMAL[:, :3] > 0).astype(int)),
    "one class": (BackpropClassifier, {}, np.full(N_ROWS, 7)),
    "one target": (BackpropRegressor, {}, NUMBERS * 3 + 1e6),
    "two targets": (BackpropRegressor, {}, np.c_[NUMBERS, 100 * NORMAL[:, 2]]),
    "absolute": (BackpropRegressor, {"loss": "absolute_error"}, NUMBERS),
    "huber": (BackpropRegressor, {"loss": "huber"}, NUMBERS),
    "one quantile": (BackpropRegressor, {"loss": "quantile"}, NUMBERS),
    "quantiles": (
        BackpropRegressor, {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}, NUMBERS,
    ),
    "poisson": (BackpropRegressor, {"loss": "poisson"}, np.floor(POSITIVE * 3)),
    "gamma": (BackpropRegressor, {"loss": "gamma"}, POSITIVE * 1e3),
    "logistic": (
        BackpropRegressor, {"output_activation": "logistic"}, 1 / (1 + POSITIVE),
    ),
    "tanh": (BackpropRegressor, {"output_activation": "tanh"}, np.tanh(NUMBERS)),
    "relu": (BackpropRegressor, {"output_activation": "relu"}, POSITIVE),
}  # fmt: skip

# Networks beside the plain one.
SHAPES = {
    "plain": {},
    "cosines": {"n_frequencies": 2},
    "members": {"n_members": 4},
    "members of two groups": {"n_members": 8, "n_frequencies": 2},
    "groups of two sizes": {"n_members": 5, "n_frequencies": 1},
    "left-out folds": {"n_members": 4, "learning_rate": "cycles", "n_frequencies": 1},
    "no hidden layer": {"hidden_layer_sizes": ()},
}


def inputs_for(scaling):
    if scaling is None:
        return UNSCALED
    return WILD if scaling in BENDING else FAR


@cache
def fitted(
    target, activation="relu", scaling="standard", dtype="float64", shape="plain"
):
    """Return a small estimator after a few epochs, which change what was drawn."""
    kind, params, y = TARGETS[target]
    small = {"hidden_layer_sizes": (5, 4), "max_iter": 3, "learning_rate_init": 0.01}
    params = {**small, "random_state": 0, **params, **SHAPES[shape]}
    if params["hidden_layer_sizes"]:
        params["activation"] = ACTIVATIONS[activation]
    estimator = kind(**params, scaling=scaling, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(inputs_for(scaling), y)
    if kind is BackpropRegressor:  # what its errors are to be compared with
        estimator.size_of_targets = np.abs(y).max(axis=0)
    return estimator


def outputs_of(estimator, X):
    """Return what the ONNX model is to give: labels or None, and values."""
    if hasattr(estimator, "predict_proba"):
        return estimator.predict(X), estimator.predict_proba(X)
    return None, estimator.predict(X).reshape(len(X), -1)
