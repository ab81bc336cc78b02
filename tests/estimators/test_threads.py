"""The answers depend neither on who else is at work, nor on how many threads are."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from skann import BackpropClassifier, BackpropRegressor

RANDOM_STATE = np.random.RandomState(0)
X = RANDOM_STATE.randn(600, 30)
TARGETS = {
    "classifier": X[:, :4].argmax(axis=1),
    "regressor": X[:, 0] + np.abs(X[:, 1]),
}
KINDS = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
BOTH = pytest.mark.parametrize("kind", KINDS)


def fitted(kind, **params):
    """Fit a network whose products are large enough for several BLAS threads."""
    params = {"learning_rate": "constant", "max_iter": 5, "random_state": 0, **params}
    estimator = KINDS[kind]((200,), **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, TARGETS[kind])


@BOTH
def test_predict_from_several_threads_at_once(kind):
    estimator = fitted(kind)
    parts = np.array_split(np.tile(X, (20, 1)), 40)
    expected = [estimator.predict(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for got, wanted in zip(
                pool.map(estimator.predict, parts), expected, strict=True
            ):
                assert_array_equal(got, wanted)


def parameters(estimator):
    arrays = [*estimator.coefs_, *estimator.intercepts_]
    return np.concatenate([array.ravel() for array in arrays])


@BOTH
def test_fits_in_several_threads_at_once(kind):
    expected = fitted(kind, solver="adam")
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(fit_silently, kind) for _ in range(8)]
        for future in futures:
            assert_array_equal(future.result(), parameters(expected))


def fit_silently(kind):
    """Fit without touching the filters of warnings, which all threads share."""
    params = {"recipe": "mlp", "scaling": "standard", "random_state": 0}
    estimator = KINDS[kind]((200,), **params)
    for _ in range(5):
        estimator.partial_fit(X, TARGETS[kind], **classes(kind))
    return parameters(estimator)


def classes(kind):
    """Return what the first `partial_fit` needs."""
    return {"classes": np.arange(4)} if kind == "classifier" else {}


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@BOTH
def test_the_number_of_blas_threads_changes_roundings_only(kind, solver):
    models = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            models.append(fitted(kind, solver=solver))
    one, two = models
    assert_allclose(one.loss_curve_, two.loss_curve_, rtol=1e-9)
    for a, b in zip(one.coefs_, two.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-6, atol=1e-9)
