"""A fitted estimator of given weights, without data."""

import pickle

import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.inspection import NetworkDiagramDisplay, trace_backprop

COEFS = [np.linspace(-1, 1, 12).reshape(3, 4), np.linspace(1, -1, 8).reshape(4, 2)]
INTERCEPTS = [np.array([0.1, -0.2, 0.3, 0.0]), np.array([-1.0, 0.5])]
X = RandomState(0).randn(20, 3)
EXACT = {"rtol": 1e-13, "atol": 1e-14}

# The estimator, its parameters, and what it is to learn next.
ONE = [COEFS[0], COEFS[1][:, :1]], [INTERCEPTS[0], INTERCEPTS[1][:1]]
TWO = COEFS, INTERCEPTS
CASES = {
    "one target": (BackpropRegressor, ONE, {}, X[:, 0]),
    "two targets": (BackpropRegressor, TWO, {"activation": "tanh"}, X[:, :2]),
    "quantiles": (
        BackpropRegressor, TWO, {"loss": "quantile", "quantile": [0.2, 0.8]}, X[:, 0],
    ),
    "huber": (BackpropRegressor, ONE, {"loss": "huber", "huber_delta": 0.5}, X[:, 0]),
    "gamma": (BackpropRegressor, ONE, {"loss": "gamma"}, X[:, 0] ** 2 + 1),
    "sgd": (BackpropRegressor, ONE, {"solver": "sgd"}, X[:, 0]),
    "recipe": (BackpropRegressor, ONE, {"recipe": "table"}, X[:, 0]),
    "two classes": (
        BackpropClassifier, ONE, {"class_weight": "balanced"}, X[:, 0] > 0,
    ),
    "two outputs": (
        BackpropClassifier, TWO, {"output_activation": "softmax"},
        (X[:, 0] > 0).astype(int),
    ),
    "labels": (BackpropClassifier, TWO, {"multilabel": True}, (X[:, :2] > 0) * 1),
}  # fmt: skip
EACH_CASE = pytest.mark.parametrize("name", CASES)


def made(name, **params):
    kind, arrays, given, y = CASES[name]
    if name == "two classes":
        given = {**given, "classes": [False, True], "class_weight": None}
    return kind.from_weights(*arrays, **given, **params), y


def raw_outputs(coefs, intercepts, function):
    return function(X @ coefs[0] + intercepts[0]) @ coefs[1] + intercepts[1]


@EACH_CASE
def test_it_has_exactly_these_weights(name):
    estimator, _ = made(name)
    coefs, intercepts = CASES[name][1]
    for ours, given in zip(estimator.coefs_, coefs, strict=True):
        assert_array_equal(ours, given)
    for ours, given in zip(estimator.intercepts_, intercepts, strict=True):
        assert_array_equal(ours, given)
    assert estimator.n_iter_ == estimator.t_ == 0
    assert np.isnan(estimator.loss_)


@EACH_CASE
def test_it_computes_what_they_say(name):
    estimator, _ = made(name, dropout=0.5)
    functions = {"tanh": np.tanh, "auto": lambda z: np.maximum(z, 0)}
    if name == "recipe":
        functions["auto"] = lambda z: z / (1 + np.exp(-z))
    raw = raw_outputs(*CASES[name][1], functions[estimator.activation])
    if name == "gamma":
        raw = np.exp(raw)
    if name == "quantiles":
        raw = np.sort(raw, axis=1)
    if name == "two outputs":
        raw = raw[:, 1] - raw[:, 0]
    method = getattr(estimator, "decision_function", estimator.predict)
    assert_allclose(method(X), raw[:, 0] if raw.shape[1:] == (1,) else raw, **EXACT)


@EACH_CASE
def test_it_can_be_looked_at_and_saved(name):
    estimator, y = made(name)
    assert check_gradient(estimator, X, y).passed
    assert trace_backprop(estimator, X, y).layers[0].weights.shape == (3, 4)
    assert NetworkDiagramDisplay.from_estimator(estimator, X[:1]) is not None
    saved = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(saved.predict(X), estimator.predict(X))


@EACH_CASE
def test_partial_fit_goes_on_as_a_fit_of_one_epoch_does(name):
    kind, (coefs, intercepts), _, y = CASES[name]
    # Without a shuffle, as the generator has drawn weights there.
    estimator, _ = made(
        name, shuffle=False, batch_size=7, learning_rate_init=0.01, dropout=0.0
    )
    params = {**estimator.get_params(), **estimator.auto_params_, "max_iter": 1}
    fitted = kind(**{**params, "n_iter_no_change": np.inf})
    with pytest.warns(match="Maximum iterations"):
        fitted.fit(X, y, coef_init=coefs, intercept_init=intercepts)
    estimator.partial_fit(X, y)
    for ours, theirs in zip(estimator.coefs_, fitted.coefs_, strict=True):
        assert_allclose(ours, theirs, **EXACT)
    assert estimator.n_iter_ == 1
    assert estimator.t_ == 20


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_warm_fit_goes_on_from_these_weights(solver):
    params = {"solver": solver, "warm_start": True, "shuffle": False, "max_iter": 2}
    estimator = BackpropRegressor.from_weights(*ONE, **params)
    with pytest.warns(match="Maximum iterations|ITERATIONS"):
        estimator.fit(X, X[:, 0])
    from_there = BackpropRegressor((4,), **params, scaling=None)
    with pytest.warns(match="Maximum iterations|ITERATIONS"):
        from_there.fit(X, X[:, 0], coef_init=ONE[0], intercept_init=ONE[1])
    assert_allclose(estimator.predict(X), from_there.predict(X), **EXACT)


def test_weights_of_members_are_averaged():
    coefs = [np.stack([array, -array]) for array in COEFS]
    intercepts = [np.stack([array, array]) for array in INTERCEPTS]
    parts = coefs, intercepts
    both = BackpropRegressor.from_weights(*parts)
    alone = [
        BackpropRegressor.from_weights(
            [c[m] for c in coefs], [b[m] for b in intercepts]
        )
        for m in range(2)
    ]
    assert both.n_members == 2
    mean = np.mean([each.predict(X) for each in alone], axis=0)
    assert_allclose(both.predict(X), mean, **EXACT)


@pytest.mark.parametrize(
    ("dtype", "given", "expected"),
    [
        ("auto", np.float64, "float64"),
        ("auto", np.float32, "float32"),
        ("auto", int, "float64"),
        ("float32", np.float64, "float32"),
        ("float64", np.float32, "float64"),
    ],
)
def test_the_dtype_is_that_of_the_arrays_or_the_one_that_is_named(
    dtype, given, expected
):
    arrays = [[np.array(a).astype(given) for a in part] for part in TWO]
    estimator = BackpropRegressor.from_weights(*arrays, dtype=dtype)
    assert estimator.coefs_[0].dtype == expected


def test_nothing_that_was_passed_changes():
    coefs, generator = [array.copy() for array in COEFS], RandomState(0)
    before = generator.get_state()[1].copy()
    estimator = BackpropRegressor.from_weights(
        coefs, INTERCEPTS, random_state=generator
    )
    assert_array_equal(generator.get_state()[1], before)
    estimator.partial_fit(X, X[:, :2])
    for array, original in zip(coefs, COEFS, strict=True):
        assert_array_equal(array, original)


def test_a_clone_is_not_fitted_and_fits_as_ever():
    cloned = clone(BackpropRegressor.from_weights(*ONE, random_state=0, max_iter=30))
    assert not hasattr(cloned, "coefs_")
    plain = BackpropRegressor((4,), random_state=0, max_iter=30)
    with pytest.warns(match="Maximum iterations"):
        cloned.fit(X, X[:, 0])
    with pytest.warns(match="Maximum iterations"):
        plain.fit(X, X[:, 0])
    assert_array_equal(cloned.predict(X), plain.predict(X))


@pytest.mark.parametrize(
    ("kind", "arrays", "params", "message"),
    [
        (BackpropRegressor, ([], []), {}, "must contain one array"),
        (BackpropRegressor, ([[1, 1]], [[1, 1]]), {}, r"coefs\[0\] must have shape"),
        (BackpropRegressor, (COEFS, INTERCEPTS[:1]), {}, "intercepts must contain one"),
        (BackpropRegressor, (COEFS[::-1], INTERCEPTS), {}, "must have shape"),
        (BackpropRegressor, ([[[np.nan]]], [[0]]), {}, "finite"),
        (BackpropRegressor, TWO, {"hidden_layer_sizes": 5}, "hidden_layer_sizes=5"),
        (BackpropRegressor, TWO, {"classes": [0, 1]}, "are only for classifiers"),
        (BackpropRegressor, TWO, {"multilabel": True}, "are only for classifiers"),
        (BackpropRegressor, TWO, {"scaling": "standard"}, "scaling='standard'"),
        (BackpropRegressor, TWO, {"n_frequencies": 2}, "n_frequencies=2"),
        (BackpropRegressor, TWO, {"categorical_features": [0]}, "use an encoder in"),
        (BackpropRegressor, TWO, {"loss": "huber"}, "huber_delta=None"),
        (
            BackpropRegressor, TWO,
            {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}, "quantiles .* require 3",
        ),
        (BackpropClassifier, TWO, {}, r"the classes \[0 1\] require 1"),
        (BackpropClassifier, TWO, {"classes": ["b", "a"]}, "ascending order"),
        (BackpropClassifier, TWO, {"classes": [1, 2, 3]}, "require 3"),
        (BackpropClassifier, ONE, {"multilabel": True}, "at least two outputs"),
        (
            BackpropClassifier, TWO, {"multilabel": True, "classes": [0, 1]},
            "column numbers",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(kind, arrays, params, message):
    with pytest.raises(ValueError, match=message):
        kind.from_weights(*arrays, **params)
