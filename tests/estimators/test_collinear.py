"""Columns that follow from a few others: no cosines, and more steps."""

import numpy as np
import pytest

from skann import BackpropRegressor
from skann.data.measuring import effective_rank

RNG = np.random.RandomState(0)


def spectra(n_samples, n_columns):
    """Return smooth curves of four parts, and how much there is of one of them."""
    place = np.linspace(0, 1, n_columns)
    shares = RNG.rand(n_samples, 4)
    peaks = np.exp(-(((place - [[0.2], [0.4], [0.6], [0.8]]) / 0.1) ** 2))
    curves = shares @ peaks + 0.5 * RNG.randn(n_samples, 1)
    return curves + 0.01 * RNG.randn(n_samples, n_columns), shares[:, 0]


RANKS = {
    "uncorrelated": (RNG.randn(2000, 10), 9.5, 10),
    "one column, repeated": (RNG.randn(300, 1) * np.arange(1, 6.0), 1, 1.001),
    "more columns than rows": (RNG.randn(60, 400), 30, 60),
    "constant ones do not count": (np.c_[RNG.randn(500, 3), np.ones((500, 4))], 2.9, 3),
    "nothing but constants": (np.ones((50, 3)), 0, 0),
    "smooth curves": (spectra(200, 90)[0], 1, 4),
    "beyond the range of squares": (RNG.randn(300, 4) * 1e200, 3.5, 4),
    "float32": (RNG.randn(500, 5).astype(np.float32), 4.5, 5),
}


@pytest.mark.parametrize("case", RANKS)
def test_effective_rank(case):
    X, low, high = RANKS[case]
    before = X.copy()
    assert low <= effective_rank(X) <= high + 1e-9
    assert (before == X).all()


@pytest.mark.parametrize("n_columns", [90, 130])
def test_collinear_columns_get_steps_instead_of_cosines(n_columns):
    X, y = spectra(320, n_columns)
    regressor = BackpropRegressor(random_state=0).fit(X[:120], y[:120])
    assert regressor.auto_params_["n_frequencies"] == 0
    assert regressor.score(X[120:], y[120:]) > 0.9
