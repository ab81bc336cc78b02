"""Networks without hidden layer against linear models, by scikit-learn and by scipy.

Run with `pytest -s` to see how far each linear model is from its reference.
"""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference_data import (
    N_SAMPLES,
    OUTPUTS,
    TIGHT,
    X,
    Y,
    assert_agree,
    both_weights,
    ignore_convergence,
    line,
    line_of_means,
    linear,
    logistic,
    minimum,
)
from scipy import special
from sklearn.linear_model import (
    GammaRegressor,
    PoissonRegressor,
    Ridge,
)
from sklearn.multiclass import OneVsRestClassifier

from skann import BackpropClassifier, BackpropRegressor

# ----------------------------------------------------- linear models of scikit-learn


def inverse(alpha, factor=1.0):
    return factor / alpha if alpha else np.inf


# Both estimators as functions of skann's alpha and of the sum of the weights, which
# divides the penalty of skann and not always that of the other.
PEERS = {
    "squared_error, ridge": (
        lambda alpha, total: Ridge(alpha, solver="cholesky"),
        BackpropRegressor,
        "numbers",
    ),
    "squared_error, ridge of two targets": (
        lambda alpha, total: Ridge(alpha, solver="cholesky"),
        BackpropRegressor,
        "two columns",
    ),
    "poisson": (
        lambda alpha, total: PoissonRegressor(
            alpha=alpha / total, solver="newton-cholesky", **TIGHT
        ),
        functools.partial(BackpropRegressor, loss="poisson"),
        "counts",
    ),
    "gamma": (
        lambda alpha, total: GammaRegressor(
            alpha=alpha / total, solver="newton-cholesky", **TIGHT
        ),
        functools.partial(BackpropRegressor, loss="gamma"),
        "positive",
    ),
    "log_loss of two classes": (
        lambda alpha, total: logistic(inverse(alpha)),
        BackpropClassifier,
        "binary",
    ),
    # Two outputs share the coefficient, so that its square counts half.
    "log_loss of two classes, softmax": (
        lambda alpha, total: logistic(inverse(alpha, factor=2.0)),
        functools.partial(BackpropClassifier, output_activation="softmax"),
        "binary",
    ),
    "log_loss of three classes": (
        lambda alpha, total: logistic(inverse(alpha)),
        BackpropClassifier,
        "strings",
    ),
}


def comparable_line(estimator):
    """Return the line of a linear model with as many columns as scikit-learn's."""
    parameters = line(estimator)
    if getattr(estimator, "out_activation_", None) == "softmax":
        # What all outputs have in common changes no probability.
        parameters = parameters - parameters.mean(axis=1, keepdims=True)
        if parameters.shape[1] == 2:
            parameters = 2 * parameters[:, 1:]
    return parameters


def line_of_peer(peer):
    parameters = np.vstack([np.atleast_2d(peer.coef_).T, peer.intercept_])
    if parameters.shape[1] > 1 and hasattr(peer, "classes_"):
        parameters -= parameters.mean(axis=1, keepdims=True)
    return parameters


def output(estimator, X):
    proba = getattr(estimator, "predict_proba", None)
    return estimator.predict(X) if proba is None else proba(X)


@both_weights
@pytest.mark.parametrize(
    ("alpha", "scaling"),
    [(2.0, None), (0.0, None), (0.0, "standard"), (0.0, "minmax"), (0.0, "robust")],
)
@pytest.mark.parametrize("name", PEERS)
def test_without_hidden_layer_it_is_the_linear_model(name, alpha, scaling, weight):
    make_peer, make_ours, target = PEERS[name]
    total = N_SAMPLES if weight is None else weight.sum()
    peer = make_peer(alpha, total).fit(X, Y[target], sample_weight=weight)
    ours = linear(make_ours, alpha=alpha, scaling=scaling)
    ours.fit(X, Y[target], sample_weight=weight)
    assert_agree(name, comparable_line(ours), line_of_peer(peer))
    assert_agree(f"{name}, predictions", output(ours, X), output(peer, X))


@pytest.mark.parametrize("name", PEERS)
def test_a_small_tol_is_reached_on_columns_of_unlike_size(name):
    unlike = X * [1, 4, 0.25, 1] + [0, 1, 0, -2]
    make_peer, make_ours, target = PEERS[name]
    peer = make_peer(0.5, N_SAMPLES).fit(unlike, Y[target])
    ours = linear(make_ours, alpha=0.5).fit(unlike, Y[target])
    assert_agree(name, comparable_line(ours), line_of_peer(peer))
    assert_agree(f"{name}, predictions", output(ours, unlike), output(peer, unlike))


@both_weights
@pytest.mark.parametrize(("alpha", "scaling"), [(2.0, None), (0.0, "standard")])
@pytest.mark.parametrize("target", ["classes", "labels"])
def test_independent_outputs_are_one_regression_for_each(
    target, alpha, scaling, weight
):
    indicators = np.eye(3)[Y[target]] if target == "classes" else Y[target]
    peers = [
        logistic(inverse(alpha)).fit(X, column, sample_weight=weight)
        for column in indicators.T
    ]
    ours = linear(
        BackpropClassifier, alpha=alpha, scaling=scaling, output_activation="logistic"
    ).fit(X, Y[target], sample_weight=weight)
    expected = np.hstack([line_of_peer(peer) for peer in peers])
    assert_agree(f"log_loss of K outputs, {target}", line(ours), expected)
    if target == "classes" and weight is None:
        peer = OneVsRestClassifier(logistic(inverse(alpha))).fit(X, Y[target])
        assert_agree("one versus rest", ours.predict_proba(X), peer.predict_proba(X))


# --------------------------------------------------- linear models by scipy.optimize


@pytest.mark.every(5)
@both_weights
@pytest.mark.parametrize("scaling", [None, "standard", "minmax", "robust"])
@pytest.mark.parametrize("delta", [0.5, 3.0, 100.0])
@pytest.mark.parametrize("target", ["numbers", "two columns"])
def test_huber_in_the_units_of_the_target(target, delta, scaling, weight):
    y = Y[target].reshape(N_SAMPLES, -1)
    ours = linear(BackpropRegressor, loss="huber", huber_delta=delta, scaling=scaling)
    ours.fit(X, Y[target], sample_weight=weight)
    expected = minimum(
        lambda raw: special.huber(delta, raw - y),
        y.shape[1], weight, 0.0, start=line_of_means(y),
    )  # fmt: skip
    assert_agree("huber", line(ours), expected)


def test_huber_with_a_penalty():
    y = Y["numbers"][:, np.newaxis]
    ours = linear(BackpropRegressor, loss="huber", huber_delta=1.5, alpha=5.0)
    expected = minimum(
        lambda raw: special.huber(1.5, raw - y), 1, None, 5.0, start=line_of_means(y)
    )
    assert_agree("huber, alpha", line(ours.fit(X, Y["numbers"])), expected)


@both_weights
@pytest.mark.parametrize("scaling", [None, "standard", "robust"])
@pytest.mark.parametrize("target", ["numbers", "two columns"])
def test_the_default_huber_delta_follows_the_units(target, scaling, weight):
    y, factor, shift = Y[target], -1e3, 7e3
    params = {"loss": "huber", "scaling": scaling}
    first = linear(BackpropRegressor, **params).fit(X, y, sample_weight=weight)
    other = linear(BackpropRegressor, **params)
    other.fit(X, factor * y + shift, sample_weight=weight)
    assert_agree(
        "huber, default delta", other.predict(X), factor * first.predict(X) + shift
    )
    assert_allclose(other.huber_delta_, 1e3 * first.huber_delta_, rtol=1e-12)


@ignore_convergence
def test_the_default_huber_delta_is_the_deviation_of_a_normal_distribution():
    y = np.random.RandomState(0).normal(5, [2, 300], (20_000, 2))
    estimator = BackpropRegressor((), loss="huber", solver="lbfgs", tol=0.1)
    estimator.fit(np.zeros((20_000, 1)), y)
    assert_allclose(estimator.huber_delta_, [2, 300], rtol=0.03)
    quartiles = np.quantile(y, [0.25, 0.75], axis=0, method="averaged_inverted_cdf")
    expected = (quartiles[1] - quartiles[0]) / 1.3489795003921634
    assert_allclose(estimator.huber_delta_, expected, rtol=1e-12)


@both_weights
@pytest.mark.parametrize(
    ("target", "output_activation"),
    [("binary", "logistic"), ("binary", "softmax"), ("classes", "softmax"),
     ("classes", "logistic"), ("labels", "logistic")],
)  # fmt: skip
def test_squared_error_of_probabilities(target, output_activation, weight):
    two = target == "binary" and output_activation == "logistic"
    y = Y[target][:, np.newaxis] if two else Y[target]
    y = np.eye(y.max() + 1)[y] if y.ndim == 1 else y
    params = {"loss": "squared_error", "output_activation": output_activation}
    ours = linear(BackpropClassifier, alpha=1.0, **params)
    ours.fit(X, Y[target], sample_weight=weight)
    expected = minimum(
        lambda raw: (OUTPUTS[output_activation](raw) - y) ** 2 / 2,
        y.shape[1], weight, 1.0,
    )  # fmt: skip
    if output_activation == "softmax":
        expected -= expected.mean(axis=1, keepdims=True)
        actual = line(ours) - line(ours).mean(axis=1, keepdims=True)
    else:
        actual = line(ours)
    name = f"squared_error, {output_activation} of {target}"
    assert_agree(name, actual, expected)


@both_weights
@pytest.mark.parametrize("output_activation", ["logistic", "tanh", "exp"])
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_residuals_of_a_bent_output(loss, output_activation, weight):
    y = Y["share"][:, np.newaxis]
    params = {"loss": loss, "huber_delta": 0.1, "output_activation": output_activation}
    ours = linear(BackpropRegressor, **params).fit(X, Y["share"], sample_weight=weight)
    delta = 0.1 if loss == "huber" else np.inf
    expected = minimum(
        lambda raw: special.huber(delta, OUTPUTS[output_activation](raw) - y),
        1, weight, 0.0,
    )  # fmt: skip
    assert_agree(f"{loss}, {output_activation}", line(ours), expected)
