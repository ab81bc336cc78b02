"""Small data, the situations in which a call may fail, and what it may not change."""

from contextlib import contextmanager

import joblib
import numpy as np
import pytest

from skann import BackpropClassifier, BackpropRegressor

# Two or three epochs never converge.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"

N_SAMPLES = 12
RANDOM = np.random.RandomState(0)
X = RANDOM.randn(N_SAMPLES, 3)
LABELS = np.arange(N_SAMPLES) % 3
NUMBERS = X[:, 0] - X[:, 1]
INDICATORS = np.c_[X[:, 0] > 0, X[:, 1] > 0].astype(int)
ONES = np.ones(N_SAMPLES)

KINDS = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
TARGETS = {"classifier": LABELS, "regressor": NUMBERS}
SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
BOTH = pytest.mark.parametrize("kind", KINDS)


def make(kind, **params):
    return KINDS[kind](**{**SMALL, **params})


def make_fitted(kind, **params):
    return make(kind, **params).fit(X, TARGETS[kind])


def partial_fit(estimator, X, y, sample_weight=None):
    """Call partial_fit; the classifier's first call gets the classes."""
    if isinstance(estimator, BackpropRegressor) or hasattr(estimator, "classes_"):
        return estimator.partial_fit(X, y, sample_weight)
    return estimator.partial_fit(X, y, sample_weight, classes=[0, 1, 2])


# How an estimator is called, and what it is at that time.
SITUATIONS = {
    "fit, unfitted": (make, "fit"),
    "fit, fitted": (make_fitted, "fit"),
    "fit, warm": (
        lambda kind, **params: make_fitted(kind, warm_start=True, **params),
        "fit",
    ),
    "partial_fit, unfitted": (make, "partial_fit"),
    "partial_fit, fitted": (make_fitted, "partial_fit"),
}
IN_EVERY_SITUATION = pytest.mark.parametrize("situation", SITUATIONS)


def situate(situation, kind, **params):
    """Return an estimator and the method to call it by: f(X, y, sample_weight)."""
    factory, method = SITUATIONS[situation]
    estimator = factory(kind, **params)
    if method == "fit":
        return estimator, estimator.fit
    return estimator, lambda *args: partial_fit(estimator, *args)


def fingerprint(estimator):
    """Return a hash of every value that the estimator holds, arrays included."""
    return joblib.hash(estimator.__getstate__())


@contextmanager
def fails(estimator, error, words):
    """Expect an error whose message holds all `words`, and an untouched estimator."""
    before = fingerprint(estimator)
    names = list(vars(estimator))
    with pytest.raises(error) as caught:
        yield
    message = str(caught.value)
    for word in [words] if isinstance(words, str) else words:
        assert word in message
    assert list(vars(estimator)) == names
    assert fingerprint(estimator) == before


def with_value(array, value):
    """Return a float copy of an array with one element replaced."""
    array = np.array(array, dtype=np.float64)
    array.flat[4] = value
    return array


def interrupt_call(monkeypatch, owner, name, number):
    """Let the call of a method with this number be a Ctrl-C."""
    original = getattr(owner, name)
    count = 0

    def interrupted(*args, **kwargs):
        nonlocal count
        count += 1
        if count == number:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, interrupted)
