"""Weights that are given to a fit or assigned after it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tables import CLOSE, THREE, X, classifier

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COEFS = [np.linspace(-1, 1, 20).reshape(5, 4), np.linspace(1, -1, 12).reshape(4, 3)]
INTERCEPTS = [np.array([0.1, -0.2, 0.3, 0.0]), np.array([-1.0, 0.5, 0.25])]

# The search ends at the start: no component of the gradient is above this tolerance.
AT_START = {"tol": 1e9}


def forward(data, coefs, intercepts):
    hidden = np.maximum(data @ coefs[0] + intercepts[0], 0)
    return hidden @ coefs[1] + intercepts[1]


@pytest.mark.parametrize("as_lists", [False, True], ids=["arrays", "lists"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_starts_from_the_given_weights(dtype, as_lists):
    coefs = [w.tolist() for w in COEFS] if as_lists else [w.copy() for w in COEFS]
    fitted = classifier(**AT_START, scaling=None, dtype=dtype)
    fitted.fit(X, THREE, coef_init=coefs, intercept_init=INTERCEPTS)
    assert fitted.n_iter_ == 0
    expected = forward(X, COEFS, INTERCEPTS)
    precision = {"rtol": 1e-4, "atol": 1e-4} if dtype == "float32" else CLOSE
    assert_allclose(fitted.decision_function(X), expected, **precision)
    for weights, given in zip(fitted.coefs_, COEFS, strict=True):
        assert_array_equal(weights, given.astype(dtype))
    for biases, given in zip(fitted.intercepts_, INTERCEPTS, strict=True):
        assert_array_equal(biases, given.astype(dtype))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_given_weights_are_moved_but_not_changed_in_place(solver):
    coefs = [w.copy() for w in COEFS]
    intercepts = [b.copy() for b in INTERCEPTS]
    fitted = classifier(solver=solver)
    fitted.fit(X, THREE, coef_init=coefs, intercept_init=intercepts)
    assert not np.allclose(fitted.coefs_[0], COEFS[0], rtol=0, atol=1e-6)
    for given, original in zip(coefs + intercepts, COEFS + INTERCEPTS, strict=True):
        assert_array_equal(given, original)


def test_what_is_not_given_is_drawn_as_ever():
    drawn = classifier(**AT_START).fit(X, THREE)
    given = classifier(**AT_START).fit(X, THREE, coef_init=COEFS)
    assert_array_equal(given.coefs_[1], COEFS[1])
    assert_array_equal(given.intercepts_[1], drawn.intercepts_[1])
    given = classifier(**AT_START).fit(X, THREE, intercept_init=INTERCEPTS)
    assert_array_equal(given.coefs_[1], drawn.coefs_[1])
    assert_array_equal(given.intercepts_[1], INTERCEPTS[1])


def test_given_weights_take_the_place_of_the_earlier_ones_in_a_warm_start():
    fitted = classifier(**AT_START, warm_start=True).fit(X, THREE)
    fitted.fit(X, THREE, coef_init=COEFS)
    assert_array_equal(fitted.coefs_[0], COEFS[0])


ASSIGNMENTS = {
    "the list": lambda fitted, coefs: setattr(fitted, "coefs_", coefs),
    "an array of it": lambda fitted, coefs: [
        fitted.coefs_.__setitem__(k, w) for k, w in enumerate(coefs)
    ],
    "values in place": lambda fitted, coefs: [
        np.copyto(w, new) for w, new in zip(fitted.coefs_, coefs, strict=True)
    ],
}


@pytest.mark.parametrize("way", ASSIGNMENTS)
def test_weights_may_be_assigned_after_the_fit(way):
    fitted = classifier(scaling=None).fit(X, THREE)
    ASSIGNMENTS[way](fitted, COEFS)
    fitted.intercepts_ = INTERCEPTS
    expected = forward(X, COEFS, INTERCEPTS)
    assert_allclose(fitted.decision_function(X), expected, **CLOSE)
    assert_array_equal(fitted.coefs_[0], COEFS[0])
