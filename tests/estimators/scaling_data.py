"""Columns of every kind to scale, dense and sparse."""

import numpy as np
from scipy import sparse

# Few epochs never converge.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
N = 41  # 4 k + 1, where all definitions of the quartiles agree

RANDOM = np.random.RandomState(0)
NORMAL = RANDOM.randn(N)
X = np.c_[NORMAL, RANDOM.exponential(size=N), RANDOM.randint(0, 4, N)]
WEIGHT = RANDOM.randint(0, 4, N).astype(float)

# Columns that a careless mean or standard deviation gets wrong.
COLUMNS = {
    "usual": NORMAL,
    "1e300": NORMAL * 1e300,
    "near the largest": RANDOM.uniform(-0.25, 0.25, N) * np.finfo(float).max,
    "1e-300": NORMAL * 1e-300,
    "subnormal": np.round(NORMAL * 1000) * 5e-324,
    "offset 1e6 spreads": NORMAL + 1e6,
    "offset 1e12 spreads": NORMAL - 1e12,
    "offset, large": (NORMAL + 1e6) * 1e290,
    "offset, small": (NORMAL + 1e6) * 1e-290,
    "an outlier": np.r_[NORMAL[:-1], 1e20],
    "two values": (NORMAL > 0).astype(float),
}


def sparse_data():
    """Return a matrix of which two thirds are zero, with columns of one sign too."""
    dense = np.where(RANDOM.uniform(size=(N, 4)) < 0.33, RANDOM.randn(N, 4) + 1, 0)
    dense[:, 2] = np.abs(dense[:, 2])
    dense[:, 3] = -np.abs(dense[:, 3])
    return sparse.csr_array(dense)


S = sparse_data()


def forward_raw(estimator, data):
    """Follow raw data through the folded weights, without skann's own forward pass."""
    coefs, intercepts = estimator.fold_scaling()
    assert all(array.dtype == np.float64 for array in (*coefs, *intercepts))
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        data = np.maximum(data @ W + b, 0)
    return data @ coefs[-1] + intercepts[-1]


RAW = X * [1e-3, 1, 1e3] + [0, 100, -5]
TARGET = X[:, 0] * 50 + X[:, 1] * 20 + 1000
FEW = {"hidden_layer_sizes": (7,), "max_iter": 15, "random_state": 0}
