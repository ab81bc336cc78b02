"""Data and comparisons that the tests of the folder share."""

import numpy as np
from numpy.testing import assert_allclose

N_SAMPLES, N_FEATURES = 240, 4
RANDOM_STATE = np.random.RandomState(0)
X = RANDOM_STATE.randn(N_SAMPLES, N_FEATURES) * [1, 3, 0.1, 1] + [0, 10, 0, -50]
SCORE = X[:, 0] + (X[:, 1] - 10) / 3 + 0.5 * RANDOM_STATE.randn(N_SAMPLES)
LABELS = np.array(["a", "b", "c"])[np.digitize(SCORE, [-0.8, 0.8])]
BINARY = (SCORE > 0).astype(int)
INDICATORS = np.stack([SCORE > 0, X[:, 2] > 0], axis=1).astype(int)
NUMBERS = 100 + 20 * np.tanh(SCORE)
COUNTS = np.random.RandomState(1).poisson(np.exp(1 + SCORE / 3))
WEIGHT = np.random.RandomState(2).uniform(0, 2, N_SAMPLES)

SMALL = {"hidden_layer_sizes": (8,), "random_state": 0}
# Few iterations: each costs messages, and where the loss is not convex rounding leads
# two long searches apart.
FEW = {**SMALL, "solver": "lbfgs", "alpha": 1.0, "max_iter": 5, "activation": "tanh"}
STEPS = {
    **SMALL,
    "solver": "adam",
    "learning_rate": "constant",
    "learning_rate_init": 0.005,
    "batch_size": 60,
    "scaling": "standard",
    "activation": "tanh",
    "tol": 0.0,
}


def assert_same(ours, theirs, atol):
    """Compare two fitted estimators, parameter by parameter and in their records."""
    for one, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert_allclose(one, other, rtol=0, atol=atol)
    for one, other in zip(ours.intercepts_, theirs.intercepts_, strict=True):
        assert_allclose(one, other, rtol=0, atol=atol)
    assert ours.n_iter_ == theirs.n_iter_
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=max(10 * atol, 1e-12))
