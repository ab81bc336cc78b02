"""Each loss in an estimator: its gradient, its type, and its unit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference_data import (
    LEVELS,
    SOLVERS,
    WEIGHT,
    X,
    Y,
    both_weights,
    ignore_convergence,
)
from sklearn.base import clone

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.core.activations import HIDDEN_ACTIVATIONS

# The parameters and the target of each loss with each of its usual outputs.
LOSSES = {
    "squared_error": (BackpropRegressor, {}, "two columns"),
    "absolute_error": (BackpropRegressor, {"loss": "absolute_error"}, "numbers"),
    "huber": (BackpropRegressor, {"loss": "huber"}, "two columns"),
    "huber_delta": (
        BackpropRegressor, {"loss": "huber", "huber_delta": 1.5}, "numbers",
    ),
    "quantile": (BackpropRegressor, {"loss": "quantile", "quantile": 0.8}, "numbers"),
    "quantiles": (
        BackpropRegressor, {"loss": "quantile", "quantile": LEVELS}, "numbers",
    ),
    "poisson": (BackpropRegressor, {"loss": "poisson"}, "counts"),
    "gamma": (BackpropRegressor, {"loss": "gamma"}, "positive"),
    "log_loss": (BackpropClassifier, {}, "binary"),
    "log_loss softmax": (BackpropClassifier, {}, "strings"),
    "log_loss logistic": (
        BackpropClassifier, {"output_activation": "logistic"}, "strings",
    ),
    "log_loss labels": (BackpropClassifier, {}, "labels"),
    "squared_error logistic": (
        BackpropClassifier, {"loss": "squared_error"}, "binary",
    ),
    "squared_error softmax": (
        BackpropClassifier, {"loss": "squared_error"}, "classes",
    ),
    "squared_error K logistic": (
        BackpropClassifier,
        {"loss": "squared_error", "output_activation": "logistic"},
        "classes",
    ),
}  # fmt: skip
each_loss = pytest.mark.parametrize("name", LOSSES)


def make(name, **params):
    estimator_class, options, _ = LOSSES[name]
    defaults = {"hidden_layer_sizes": (5, 4), "random_state": 0, "max_iter": 3}
    return estimator_class(**{**defaults, **options, **params})


@pytest.mark.every(7)
@ignore_convergence
@pytest.mark.parametrize(
    ("activation", "dtype"),
    [*((name, "float64") for name in HIDDEN_ACTIVATIONS), ("tanh", "float32")],
)
@each_loss
def test_the_gradient_of_each_loss_and_activation(name, activation, dtype):
    rows = slice(0, 30)
    x, y = X[rows].astype(dtype), Y[LOSSES[name][2]][rows]
    estimator = make(name, hidden_layer_sizes=(4, 3), activation=activation).fit(x, y)
    report = check_gradient(estimator, x, y, WEIGHT[rows])
    assert report, report


@pytest.mark.every(5)
@ignore_convergence
@both_weights
@pytest.mark.parametrize("scaling", [None, "standard", "robust"])
@pytest.mark.parametrize("solver", SOLVERS)
@each_loss
def test_float32_stays_float32(name, solver, scaling, weight):
    y = Y[LOSSES[name][2]]
    estimator = make(name, solver=solver, scaling=scaling)
    estimator.fit(X.astype(np.float32), y, sample_weight=weight)
    arrays = [*estimator.coefs_, *estimator.intercepts_]
    if hasattr(estimator, "predict_proba"):
        arrays += [
            estimator.predict_proba(X),
            estimator.predict_log_proba(X),
            estimator.decision_function(X),
        ]
    else:
        arrays.append(estimator.predict(X))
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    exact = clone(estimator).set_params(dtype="float64").fit(X, y, sample_weight=weight)
    assert_allclose(estimator.loss_, exact.loss_, rtol=1e-3)


@ignore_convergence
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("factor", [1e-12, 0.3, 1e12])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["poisson", "gamma"])
def test_a_deviance_does_not_depend_on_the_unit(name, solver, factor, dtype):
    y = Y[LOSSES[name][2]].astype(float)
    params = {"solver": solver, "dtype": dtype, "alpha": 1.0}
    first, other = make(name, **params).fit(X, y), make(name, **params)
    other.fit(X, factor * y)
    assert_allclose(
        other.predict(X),
        factor * first.predict(X),
        rtol=1e-9 if dtype == "float64" else 1e-4,
    )


@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("loss", "value"), [("gamma", 0.0), ("gamma", -2.0), ("poisson", -2.0)]
)
def test_a_deviance_refuses_targets_that_it_has_no_value_for(
    loss, value, solver, scaling
):
    y = Y["positive"].copy()
    y[3] = value
    estimator = BackpropRegressor(loss=loss, solver=solver, scaling=scaling)
    with pytest.raises(ValueError, match=f"loss='{loss}'.*Got {value:g} in y"):
        estimator.fit(X, y)
    with pytest.raises(ValueError, match=f"loss='{loss}'.*Got {value:g} in y_val"):
        estimator.fit(X, Y["positive"], X_val=X, y_val=y)
