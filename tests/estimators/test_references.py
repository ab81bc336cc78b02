"""Each loss, class weights, label smoothing and scoring against others' results.

Run with `pytest -s` to see how far each linear model is from its reference.
"""

import copy
import functools
import importlib.util
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import (
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
)
from sklearn.metrics import d2_pinball_score, get_scorer, log_loss, mean_pinball_loss
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import skann.estimators.validation as validation_module
from skann import BackpropClassifier, BackpropRegressor, Loss, check_gradient
from skann.core.activations import HIDDEN_ACTIVATIONS
from skann.training.optimizers import SGD

ignore_convergence = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)

N_SAMPLES = 150
SOLVERS = ("sgd", "adam", "lbfgs")


def _make_data():
    random_state = np.random.RandomState(0)
    X = random_state.randn(N_SAMPLES, 4)
    signal = X @ [1.0, -0.6, 0.4, 0.0]
    noise = random_state.standard_t(3, N_SAMPLES)
    classes = np.digitize(signal + random_state.logistic(size=N_SAMPLES), [-1, 1])
    return X, {
        "numbers": 20 + 3 * signal + 2 * noise,
        "two columns": np.c_[20 + 3 * signal + noise, X[:, 3] - noise],
        "counts": random_state.poisson(np.exp(0.5 * signal)),
        "positive": random_state.gamma(2, np.exp(0.5 * signal)),
        "share": special.expit(signal + 0.3 * noise),
        "binary": (classes > 0).astype(int),
        "classes": classes,
        "strings": np.array(["low", "middle", "high"])[classes],
        "labels": np.c_[classes > 0, noise + X[:, 3] > 1, classes > 1].astype(int),
    }


X, Y = _make_data()
WEIGHT = np.random.RandomState(1).uniform(0.2, 3.0, N_SAMPLES)
WEIGHT[::10] = 0.0
WEIGHTS = {"unweighted": None, "weighted": WEIGHT}
both_weights = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)


def linear(estimator_class, **params):
    """Return a linear model that L-BFGS brings to its optimum."""
    defaults = {
        "hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 0.0, "tol": 1e-8,
        "max_iter": 5000, "scaling": None, "random_state": 0,
    }  # fmt: skip
    return estimator_class(**{**defaults, **params})


def line(estimator):
    """Return a linear model's coefficients and intercepts on unscaled data."""
    coefs, intercepts = estimator.fold_scaling()
    return np.vstack([coefs[0], intercepts[0]])


def assert_agree(name, actual, expected, rtol=1e-4):
    """Compare arrays by their largest difference in units of the largest number."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    difference = np.abs(actual - expected).max() / np.abs(expected).max()
    print(f"{name}: largest relative difference {difference:.1e}")
    assert difference <= rtol


# ------------------------------------------------- linear models of scikit-learn

TIGHT = {"tol": 1e-10, "max_iter": 10_000}


def logistic(inverse_strength):
    return LogisticRegression(C=inverse_strength, solver="newton-cholesky", **TIGHT)


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


def minimum(loss_of_raw, n_outputs, weight, alpha, start=None):
    """Return the line that minimises J, with derivatives by finite differences."""
    weight = np.ones(N_SAMPLES) if weight is None else weight

    def objective(flat):
        parameters = flat.reshape(X.shape[1] + 1, n_outputs)
        losses = loss_of_raw(X @ parameters[:-1] + parameters[-1]).sum(axis=1)
        penalty = alpha / 2 * (parameters[:-1] ** 2).sum()
        return (weight @ losses + penalty) / weight.sum()

    start = np.zeros((X.shape[1] + 1, n_outputs)) if start is None else start
    result = minimize(
        objective, start.ravel(), jac="3-point", method="BFGS", options={"gtol": 1e-9}
    )
    return result.x.reshape(start.shape)


def line_of_means(target):
    return np.vstack([np.zeros((X.shape[1], target.shape[1])), target.mean(axis=0)])


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


OUTPUTS = {
    "identity": lambda z: z,
    "logistic": special.expit,
    "tanh": np.tanh,
    "exp": np.exp,
    "softmax": functools.partial(special.softmax, axis=1),
}


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


# ------------------------------------------------------------------------- quantiles

LEVELS = (0.1, 0.5, 0.9)
# What leads to the optimum. L-BFGS may give up at a kink, some 0.1 % above it.
TO_THE_END = {
    solver: {
        "solver": solver, "learning_rate": "cosine", "learning_rate_init": 0.05,
        "max_iter": 300, "tol": 0.0, "n_iter_no_change": np.inf,
    }
    for solver in ("sgd", "adam")
}  # fmt: skip


@functools.cache
def smallest_pinball_loss(level, weighted):
    weight = WEIGHT if weighted else None
    best = QuantileRegressor(quantile=level, alpha=0, solver="highs")
    predicted = best.fit(X, Y["numbers"], sample_weight=weight).predict(X)
    return mean_pinball_loss(Y["numbers"], predicted, sample_weight=weight, alpha=level)


def excess_pinball_loss(predicted, level, weight):
    """Return by which share the loss of predictions is above that of the optimum."""
    loss = mean_pinball_loss(Y["numbers"], predicted, sample_weight=weight, alpha=level)
    return loss / smallest_pinball_loss(level, weight is not None) - 1


@both_weights
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize(
    ("loss", "level"),
    [*(("quantile", level) for level in LEVELS), ("absolute_error", 0.5)],
)
@pytest.mark.parametrize("params", TO_THE_END.values(), ids=TO_THE_END)
def test_quantiles_end_at_the_optimum(params, loss, level, scaling, weight):
    if scaling is None:  # the steps have to suit the target
        params = {**params, "learning_rate_init": 0.5}
    ours = linear(
        BackpropRegressor, **params, loss=loss, quantile=level, scaling=scaling
    ).fit(X, Y["numbers"], sample_weight=weight)
    excess = excess_pinball_loss(ours.predict(X), level, weight)
    print(f"{loss} {level}, {params['solver']}: {excess:.1e} above the optimum")
    assert -1e-9 <= excess <= 1e-3


@both_weights
@pytest.mark.parametrize("params", TO_THE_END.values(), ids=TO_THE_END)
def test_several_quantiles_at_once_end_at_their_optima(params, weight):
    ours = linear(
        BackpropRegressor, **params,
        loss="quantile", quantile=LEVELS, scaling="standard",
    ).fit(X, Y["numbers"], sample_weight=weight)  # fmt: skip
    predicted = ours.predict(X)
    assert predicted.shape == (N_SAMPLES, len(LEVELS))
    for level, column in zip(LEVELS, predicted.T, strict=True):
        excess = excess_pinball_loss(column, level, weight)
        print(f"quantile {level} of several, {params['solver']}: {excess:.1e}")
        assert excess <= 1e-3  # the others' order may have made it better


MANY_LEVELS = np.linspace(0.05, 0.95, 10)


def fit_quantiles(**params):
    few = slice(0, 25)
    options = {"loss": "quantile", "quantile": MANY_LEVELS, "scaling": "standard"}
    estimator = linear(BackpropRegressor, **{**options, "tol": 1e-6, **params})
    return estimator.fit(X[few], Y["numbers"][few])


@pytest.mark.parametrize("container", [np.asarray, list, tuple])
def test_quantiles_that_cross_are_put_in_order(container):
    estimator = fit_quantiles(quantile=container(MANY_LEVELS))
    parameters = line(estimator)
    outputs = X @ parameters[:-1] + parameters[-1]
    assert (np.diff(outputs, axis=1) < 0).any()
    predicted = estimator.predict(X)
    assert (np.diff(predicted, axis=1) >= 0).all()
    assert_allclose(predicted, np.sort(outputs, axis=1), rtol=1e-10)


def test_order_does_not_raise_the_loss():
    estimator = fit_quantiles()
    parameters, few = line(estimator), slice(0, 25)
    outputs = X[few] @ parameters[:-1] + parameters[-1]
    losses = [
        sum(
            mean_pinball_loss(Y["numbers"][few], column, alpha=level)
            for level, column in zip(MANY_LEVELS, columns.T, strict=True)
        )
        for columns in (estimator.predict(X[few]), outputs)
    ]
    assert losses[0] <= losses[1]


@both_weights
@pytest.mark.parametrize("levels", [LEVELS, [0.3], 0.3], ids=str)
def test_the_score_of_quantiles(levels, weight):
    estimator = fit_quantiles(quantile=levels)
    if isinstance(levels, float):
        expected = get_scorer("r2")(estimator, X, Y["numbers"], sample_weight=weight)
    else:
        columns = estimator.predict(X).T
        expected = np.mean(
            [
                d2_pinball_score(
                    Y["numbers"], column, sample_weight=weight, alpha=level
                )
                for level, column in zip(levels, columns, strict=True)
            ]
        )
    assert estimator.score(X, Y["numbers"], weight) == pytest.approx(expected)


def test_one_quantile_of_several_targets():
    estimator = linear(
        BackpropRegressor, loss="quantile", quantile=0.9, scaling="standard"
    ).fit(X, Y["two columns"])
    for column, y in zip(estimator.predict(X).T, Y["two columns"].T, strict=True):
        peer = QuantileRegressor(quantile=0.9, alpha=0).fit(X, y)
        best = mean_pinball_loss(y, peer.predict(X), alpha=0.9)
        assert mean_pinball_loss(y, column, alpha=0.9) <= best * 1.001


@pytest.mark.parametrize(
    "quantile",
    [
        0, 1, -0.1, 1.5, np.nan, "0.5", None,
        [], [0.5, 0.1], [0.5, 0.5], [0.0, 0.5], [0.5, 1.0], [-0.1, 0.5], [0.5, np.nan],
        [[0.1, 0.5]], ["0.1", "0.5"], np.array(0.5), {0.1, 0.5},
    ],
    ids=repr,
)  # fmt: skip
def test_quantiles_that_are_none_are_refused_by_name(quantile):
    estimator = BackpropRegressor(loss="quantile", quantile=quantile)
    with pytest.raises(ValueError, match="quantile"):
        estimator.fit(X, Y["numbers"])


def test_several_quantiles_of_several_targets_are_refused():
    estimator = BackpropRegressor(loss="quantile", quantile=LEVELS)
    with pytest.raises(ValueError, match=r"quantile.*single target"):
        estimator.fit(X, Y["two columns"])


# ------------------------------------------------------------ losses of the user's own


class LogCosh(Loss):
    """The logarithm of the hyperbolic cosine of the residual."""

    name = "log_cosh"
    output_activations = ("identity",)

    def value_and_delta(self, target, raw, sample_weight, delta):
        weight = 1 if sample_weight is None else sample_weight[:, np.newaxis]
        residual = raw - target
        delta[...] = weight * np.tanh(residual)
        losses = np.logaddexp(residual, -residual) - np.log(2)
        return float(np.sum(weight * losses))


class PseudoHuber(Loss):
    """A smooth relative of Huber's loss, which knows of units."""

    name = "pseudo_huber"
    output_activations = ("identity",)
    target_scaling = "affine"

    def __init__(self, bend=1.0):
        self.bend = bend

    def in_units(self, scale):
        other = copy.copy(self)
        other.bend = self.bend / scale
        return other

    def value_and_delta(self, target, raw, sample_weight, delta):
        weight = 1 if sample_weight is None else sample_weight[:, np.newaxis]
        bend = np.asarray(self.bend, raw.dtype)
        residual = (raw - target) / bend
        root = np.sqrt(1 + residual**2)
        delta[...] = weight * bend * residual / root
        return float(np.sum(weight * bend**2 * (root - 1)))


class Focal(Loss):
    """The focal loss -(1 - p) ** focus log p of the true class's probability p."""

    name = "focal"
    output_activations = ("logistic",)

    def __init__(self, focus=2.0):
        self.focus = focus

    def value_and_delta(self, target, raw, sample_weight, delta):
        weight = 1 if sample_weight is None else sample_weight[:, np.newaxis]
        sign = 2 * target - 1
        p, log_p = special.expit(sign * raw), special.log_expit(sign * raw)
        factor = (1 - p) ** self.focus
        delta[...] = weight * sign * factor * (self.focus * p * log_p - (1 - p))
        return float(-np.sum(weight * factor * log_p))


class SquaredHinge(Loss):
    """The squared hinge loss of margins, which is no probability's."""

    name = "squared_hinge"
    output_activations = ("logistic",)

    def value_and_delta(self, target, raw, sample_weight, delta):
        weight = 1 if sample_weight is None else sample_weight[:, np.newaxis]
        sign = 2 * target - 1
        slack = np.maximum(1 - sign * raw, 0)
        delta[...] = -2 * weight * sign * slack
        return float(np.sum(weight * slack**2))


class WrongLogCosh(LogCosh):
    """Its gradient is one per mille too large."""

    def value_and_delta(self, target, raw, sample_weight, delta):
        value = super().value_and_delta(target, raw, sample_weight, delta)
        delta *= 1.001
        return value


# The loss, the target, and the formula of raw outputs and of 0 or 1 for classes.
OWN = {
    "log_cosh": (LogCosh(), "numbers", lambda z, y: np.log(np.cosh(z - y))),
    "pseudo_huber": (
        PseudoHuber(2.0), "numbers", lambda z, y: special.pseudo_huber(2.0, z - y),
    ),
    "focal": (
        Focal(1.5), "binary",
        lambda z, y: -np.where(y, special.expit(-z), special.expit(z)) ** 1.5
        * np.where(y, special.log_expit(z), special.log_expit(-z)),
    ),
    "squared_hinge": (
        SquaredHinge(), "binary",
        lambda z, y: np.maximum(1 - (2 * y - 1) * z, 0) ** 2,
    ),
}  # fmt: skip
each_own_loss = pytest.mark.parametrize("name", OWN)


def with_own_loss(name, **params):
    loss, target, _ = OWN[name]
    params = {"loss": loss, "random_state": 0, **params}
    return (
        BackpropClassifier(**params)
        if target == "binary"
        else BackpropRegressor(**params)
    )


@both_weights
@pytest.mark.parametrize("scaling", [None, "standard"])
@each_own_loss
def test_an_own_loss_is_minimised(name, scaling, weight):
    _, target, formula = OWN[name]
    y = Y[target][:, np.newaxis]
    ours = linear(functools.partial(with_own_loss, name), scaling=scaling)
    ours.fit(X, Y[target], sample_weight=weight)
    start = None if target == "binary" else line_of_means(y)
    expected = minimum(lambda raw: formula(raw, y), 1, weight, 0.0, start)
    assert_agree(name, line(ours), expected)


@ignore_convergence
@pytest.mark.parametrize("solver", [*SOLVERS, SGD(0.9, True)], ids=str)
@each_own_loss
def test_an_own_loss_with_each_solver(name, solver):
    _, target, _ = OWN[name]
    y = Y[target]
    estimator = with_own_loss(
        name, hidden_layer_sizes=(6,), activation="tanh", solver=solver, max_iter=150,
        learning_rate_init=0.05,
    ).fit(X, y)  # fmt: skip
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
    report = check_gradient(estimator, X, y, WEIGHT)
    assert report, report
    assert estimator.predict(X).shape == y.shape
    assert estimator.score(X, y) > (0.6 if target == "binary" else 0.2)
    for again in (
        pickle.loads(pickle.dumps(estimator)),
        clone(estimator).fit(X, y),
    ):
        assert_array_equal(again.predict(X), estimator.predict(X))


@ignore_convergence
def test_an_own_loss_of_several_independent_outputs():
    estimator = BackpropClassifier(8, "tanh", loss=SquaredHinge(), random_state=0).fit(
        X, Y["strings"]
    )
    assert estimator.out_activation_ == "logistic"
    assert estimator.n_outputs_ == 3
    assert set(estimator.predict(X)) == {"low", "middle", "high"}
    assert check_gradient(estimator, X, Y["strings"])
    estimator.set_params(output_activation="softmax")
    with pytest.raises(ValueError, match=r"squared_hinge.*softmax.*logistic"):
        estimator.fit(X, Y["strings"])


@ignore_convergence
def test_own_losses_in_a_grid():
    losses = [LogCosh(), PseudoHuber(0.5), PseudoHuber(50.0)]
    search = GridSearchCV(
        linear(BackpropRegressor, scaling="standard", tol=1e-6),
        {"loss": losses},
        cv=3,
        scoring="neg_mean_absolute_error",
        error_score="raise",
    ).fit(X, Y["numbers"])
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == len(losses)
    assert search.best_estimator_.loss is not losses[search.best_index_]
    best = clone(search.estimator).set_params(loss=losses[search.best_index_])
    assert_array_equal(search.predict(X), best.fit(X, Y["numbers"]).predict(X))


@pytest.mark.parametrize("solver", SOLVERS)
@ignore_convergence
def test_a_wrong_gradient_of_an_own_loss_is_found(solver):
    estimator = BackpropRegressor(
        4, "tanh", loss=WrongLogCosh(), solver=solver, max_iter=5, random_state=0
    ).fit(X, Y["numbers"])
    report = check_gradient(estimator, X, Y["numbers"])
    assert not report
    assert report.max_relative_error == pytest.approx(1e-3, rel=0.05)


# ----------------------------------------------------------------------- class weights


def small(**params):
    defaults = {
        "hidden_layer_sizes": (6,), "activation": "tanh", "max_iter": 15,
        "batch_size": 40, "learning_rate_init": 0.01, "random_state": 0,
    }  # fmt: skip
    if params.get("solver") == "lbfgs":
        del defaults["batch_size"]
    return BackpropClassifier(**{**defaults, **params})


def parameters(estimator):
    arrays = (*estimator.coefs_, *estimator.intercepts_)
    return np.concatenate([array.ravel() for array in arrays])


def assert_same_training(first, second):
    assert_array_equal(parameters(first), parameters(second))
    assert first.loss_curve_ == second.loss_curve_
    assert first.validation_scores_ == second.validation_scores_


# Not naming a class leaves it at 1; zero leaves it out.
CLASS_WEIGHTS = {
    "binary": {0: 3.0, 1: 0.5},
    "classes": {0: 3, 2: 0.25},
    "strings": {"low": 0, "high": 2.5},
}


@ignore_convergence
@both_weights
@pytest.mark.parametrize("early_stopping", [False, True], ids=["whole", "early"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("target", CLASS_WEIGHTS)
def test_class_weights_are_sample_weights(target, solver, early_stopping, weight):
    y, class_weight = Y[target], CLASS_WEIGHTS[target]
    params = {"solver": solver, "early_stopping": early_stopping}
    ours = small(class_weight=class_weight, **params).fit(X, y, sample_weight=weight)
    same = np.array([class_weight.get(label, 1) for label in y.tolist()], float)
    if weight is not None:
        same *= weight
    assert_same_training(ours, small(**params).fit(X, y, sample_weight=same))
    with_none = small(**params).fit(X, y, sample_weight=weight)
    assert not np.allclose(parameters(ours), parameters(with_none))


@ignore_convergence
@both_weights
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("target", CLASS_WEIGHTS)
def test_balanced_gives_each_class_the_same_weight(target, solver, weight):
    y = Y[target]
    ours = small(class_weight="balanced", solver=solver)
    ours.fit(X, y, sample_weight=weight)
    classes = np.unique(y)
    of_classes = compute_class_weight(
        "balanced", classes=classes, y=y, sample_weight=weight
    )
    same = of_classes[np.searchsorted(classes, y)]
    if weight is not None:
        same = same * weight
    totals = [same[y == label].sum() for label in classes]
    assert_allclose(totals, totals[0])
    assert_same_training(ours, small(solver=solver).fit(X, y, sample_weight=same))


@both_weights
@pytest.mark.parametrize("target", ["binary", "strings"])
def test_balanced_is_that_of_logistic_regression(target, weight):
    peer = logistic(1.0).set_params(class_weight="balanced")
    ours = linear(BackpropClassifier, alpha=1.0, class_weight="balanced")
    proba = [
        model.fit(X, Y[target], sample_weight=weight).predict_proba(X)
        for model in (ours, peer)
    ]
    assert_agree(f"balanced, {target}", *proba)


@ignore_convergence
@both_weights
@pytest.mark.parametrize("solver", SOLVERS)
def test_balanced_labels(solver, weight):
    ours = small(class_weight="balanced", solver=solver)
    ours.fit(X, Y["labels"], sample_weight=weight)
    if weight is None:
        same = compute_sample_weight("balanced", Y["labels"])
    else:  # samples count by their weights
        same = np.ones(N_SAMPLES)
        for label in Y["labels"].T:
            same *= compute_class_weight(
                "balanced", classes=np.array([0, 1]), y=label, sample_weight=weight
            )[label]
        same *= weight
    other = small(solver=solver).fit(X, Y["labels"], sample_weight=same)
    assert_same_training(ours, other)


@both_weights
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("target", CLASS_WEIGHTS)
def test_class_weights_of_a_stream_are_sample_weights(target, solver, weight):
    class_weight = CLASS_WEIGHTS[target]
    ours, other = small(class_weight=class_weight, solver=solver), small(solver=solver)
    for start in (0, 50, 100):
        rows = slice(start, start + 50)
        x, y = X[rows], Y[target][rows]
        same = np.array([class_weight.get(label, 1) for label in y.tolist()], float)
        own = None if weight is None else weight[rows]
        if own is not None:
            same *= own
        classes = np.unique(Y[target])
        ours.partial_fit(x, y, sample_weight=own, classes=classes)
        other.partial_fit(x, y, sample_weight=same, classes=classes)
        assert_same_training(ours, other)


@ignore_convergence
def test_class_weights_of_a_warm_fit_may_change():
    ours = small(class_weight={0: 5.0}, warm_start=True).fit(X, Y["binary"])
    ours.set_params(class_weight={1: 5.0}).fit(X, Y["binary"])
    other = small(warm_start=True)
    for heavy in (0, 1):
        weight = np.where(Y["binary"] == heavy, 5.0, 1.0)
        other.fit(X, Y["binary"], sample_weight=weight)
    assert_same_training(ours, other)


@pytest.mark.parametrize("target", ["binary", "labels"])
def test_balanced_needs_all_data(target):
    classes = np.arange(2 if target == "binary" else 3)
    with pytest.raises(ValueError, match=r"class_weight.*balanced.*partial_fit"):
        small(class_weight="balanced").partial_fit(X, Y[target], classes=classes)


@pytest.mark.parametrize(
    ("target", "class_weight", "message"),
    [
        ("binary", {0: 1, 7: 2}, r"class_weight.*\[7\]"),
        ("strings", {"lwo": 2}, r"class_weight.*lwo"),
        ("strings", {"low": 2, 3: 1}, r"class_weight.*3"),
        ("binary", {0: -1.0}, "class_weight.*negative"),
        ("binary", {0: np.nan}, "class_weight.*finite"),
        ("binary", {0: np.inf}, "class_weight.*finite"),
        ("binary", {0: 0, 1: 0}, "class_weight.*no sample"),
        ("labels", {0: 2.0}, "class_weight.*balanced"),
        ("binary", "even", "class_weight"),
        ("binary", 2.0, "class_weight"),
    ],
    ids=str,
)
def test_class_weights_that_are_none_are_refused(target, class_weight, message):
    estimator = small(class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, Y[target])
    assert not hasattr(estimator, "classes_")


@pytest.mark.parametrize("class_weight", [{0: -1.0}, {9: 1.0}, {0: 0, 1: 0}], ids=str)
def test_class_weights_that_are_none_are_refused_in_a_stream(class_weight):
    with pytest.raises(ValueError, match="class_weight"):
        small(class_weight=class_weight).partial_fit(X, Y["binary"], classes=[0, 1])


# --------------------------------------------------------------------- label smoothing

SMOOTHING = 0.2
CASES = {
    "binary": ("binary", "logistic"),
    "binary softmax": ("binary", "softmax"),
    "classes": ("classes", "softmax"),
    "independent classes": ("classes", "logistic"),
    "labels": ("labels", "logistic"),
}
each_case = pytest.mark.parametrize(
    ("target", "output_activation"), CASES.values(), ids=CASES
)


def hard_targets(target, output_activation):
    """Return what each output should be, zeros and ones."""
    y = Y[target]
    if y.ndim == 2:
        return y.astype(float)
    if target == "binary" and output_activation == "logistic":
        return y[:, np.newaxis].astype(float)
    return np.eye(y.max() + 1)[y]


def smooth_targets(target, output_activation):
    hard = hard_targets(target, output_activation)
    n_alike = hard.shape[1] if output_activation == "softmax" else 2
    return (1 - SMOOTHING) * hard + SMOOTHING / n_alike


def loss_and_gradient_by_formula(target, output_activation, raw):
    """Return the mean loss and its gradient with respect to raw outputs."""
    soft = smooth_targets(target, output_activation)
    if output_activation == "softmax":
        losses = -soft * special.log_softmax(raw, axis=1)
        p = special.softmax(raw, axis=1)
    else:
        losses = -soft * special.log_expit(raw) - (1 - soft) * special.log_expit(-raw)
        p = special.expit(raw)
    return losses.sum() / N_SAMPLES, (p - soft) / N_SAMPLES


def loss_and_gradient_by_torch(target, output_activation, raw):
    """Do the same; torch itself smooths the targets of a softmax."""
    import torch
    from torch.nn import functional

    raw = torch.tensor(raw, requires_grad=True)
    if output_activation == "softmax":
        loss = functional.cross_entropy(
            raw, torch.tensor(Y[target]), label_smoothing=SMOOTHING
        )
    else:
        soft = torch.tensor(smooth_targets(target, output_activation))
        loss = functional.binary_cross_entropy_with_logits(raw, soft, reduction="sum")
        loss = loss / N_SAMPLES
    loss.backward()
    return float(loss.detach()), raw.grad.numpy()


REFERENCES = {"formula": loss_and_gradient_by_formula}
if importlib.util.find_spec("torch"):
    REFERENCES["torch"] = loss_and_gradient_by_torch


@ignore_convergence
@pytest.mark.parametrize("reference", REFERENCES.values(), ids=REFERENCES)
@each_case
def test_a_step_with_smoothed_labels(target, output_activation, reference):
    n_outputs = hard_targets(target, output_activation).shape[1]
    coef = np.random.RandomState(2).randn(X.shape[1], n_outputs)
    intercept = np.linspace(-1, 1, n_outputs)
    # The one step of gradient descent with the rate 1 takes the gradient away.
    estimator = BackpropClassifier(
        (), solver="sgd", momentum=0.0, learning_rate_init=1.0, batch_size=N_SAMPLES,
        max_iter=1, alpha=0.0, scaling=None, label_smoothing=SMOOTHING,
        output_activation=output_activation,
    ).fit(X, Y[target], coef_init=[coef], intercept_init=[intercept])  # fmt: skip
    loss, gradient = reference(target, output_activation, X @ coef + intercept)
    assert estimator.loss_curve_[0] == pytest.approx(loss, rel=1e-12)
    step = np.vstack([coef - estimator.coefs_[0], intercept - estimator.intercepts_[0]])
    expected = np.vstack([X.T @ gradient, gradient.sum(axis=0)])
    assert_allclose(step, expected, atol=1e-14)


@ignore_convergence
@both_weights
@each_case
def test_the_best_constant_is_the_smoothed_frequency(target, output_activation, weight):
    estimator = linear(
        BackpropClassifier, label_smoothing=SMOOTHING,
        output_activation=output_activation,
    ).fit(np.zeros_like(X), Y[target], sample_weight=weight)  # fmt: skip
    soft = smooth_targets(target, output_activation)
    expected = np.average(soft, axis=0, weights=weight)
    raw = estimator.intercepts_[0][np.newaxis]
    found = OUTPUTS[output_activation](raw)[0]
    assert_allclose(found, expected, rtol=1e-4)


@ignore_convergence
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("solver", SOLVERS)
@each_case
def test_the_gradient_with_smoothed_labels(target, output_activation, solver, loss):
    estimator = small(
        solver=solver, loss=loss, label_smoothing=SMOOTHING,
        output_activation=output_activation,
        class_weight=None if target == "labels" else {1: 3.0},
    ).fit(X, Y[target])  # fmt: skip
    report = check_gradient(estimator, X, Y[target], WEIGHT)
    assert report, report


@each_case
def test_the_check_is_of_the_objective_that_was_minimised(target, output_activation):
    estimator = linear(
        BackpropClassifier,
        label_smoothing=SMOOTHING,
        class_weight="balanced",
        output_activation=output_activation,
        alpha=1.0,
    ).fit(X, Y[target])
    report = check_gradient(estimator, X, Y[target])
    assert abs(report.analytic) < 1e-4


@ignore_convergence
@pytest.mark.parametrize("own", [False, True], ids=["set aside", "own data"])
@pytest.mark.parametrize("scoring", [None, "loss", "neg_log_loss"])
@pytest.mark.parametrize("target", ["binary", "classes", "strings"])
def test_smoothed_labels_are_scored_by_the_true_ones(target, scoring, own, monkeypatch):
    learn, aside = np.arange(100), np.arange(100, N_SAMPLES)
    monkeypatch.setattr(validation_module, "split_rows", lambda *_: (learn, aside))
    y = Y[target]
    ours = small(label_smoothing=0.5, scoring=scoring, early_stopping=True)
    if own:
        ours.fit(X[learn], y[learn], X_val=X[aside], y_val=y[aside])
    else:
        ours.fit(X, y)
    if scoring is None:
        expected = ours.score(X[aside], y[aside])
    else:
        expected = -log_loss(y[aside], ours.predict_proba(X[aside]))
    assert max(ours.validation_scores_) == pytest.approx(expected)


# ----------------------------------------------------------- gradients, types and units

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


# ---------------------------------------------------------------------------- scoring

LEARN, ASIDE = np.arange(100), np.arange(100, N_SAMPLES)
NAMES = list("abcd")


def share_of_near_misses(estimator, X, y):
    """Score a regressor in a way of the user's own."""
    return float(np.mean(np.abs(estimator.predict(X) - y) < 1))


def mean_margin(estimator, X, y):
    """Score a classifier in a way of the user's own."""
    return float(np.mean(estimator.predict_proba(X)[:, 1] * (2 * (y == "yes") - 1)))


ANSWERS = np.where(Y["binary"], "yes", "no")
# The estimator, what it learns, `scoring`, and a scorer that says the same.
SCORINGS = {
    "accuracy by default": (BackpropClassifier, ANSWERS, None, "accuracy"),
    "cross-entropy": (BackpropClassifier, ANSWERS, "loss", "neg_log_loss"),
    "roc_auc": (BackpropClassifier, ANSWERS, "roc_auc", "roc_auc"),
    "f1_macro": (BackpropClassifier, Y["strings"], "f1_macro", "f1_macro"),
    "labels": (BackpropClassifier, Y["labels"], "roc_auc", "roc_auc"),
    "own of a classifier": (BackpropClassifier, ANSWERS, mean_margin, mean_margin),
    "R^2 by default": (BackpropRegressor, Y["numbers"], None, "r2"),
    "absolute error": (
        BackpropRegressor, Y["numbers"],
        "neg_mean_absolute_error", "neg_mean_absolute_error",
    ),
    "several targets": (
        BackpropRegressor, Y["two columns"],
        "neg_root_mean_squared_error", "neg_root_mean_squared_error",
    ),
    "own of a regressor": (
        BackpropRegressor, Y["numbers"], share_of_near_misses, share_of_near_misses,
    ),
}  # fmt: skip


def watched(estimator_class, **params):
    defaults = {
        "hidden_layer_sizes": (10,), "learning_rate_init": 0.03, "max_iter": 12,
        "n_iter_no_change": np.inf, "shuffle": False, "random_state": 0,
    }  # fmt: skip
    return estimator_class(**{**defaults, **params})


@ignore_convergence
@pytest.mark.parametrize("own", [False, True], ids=["set aside", "own data"])
@pytest.mark.parametrize(
    ("solver", "frame"), [("sgd", False), ("adam", True), ("lbfgs", False)]
)
@pytest.mark.parametrize("name", SCORINGS)
def test_recorded_scores_are_what_the_scorer_says(
    name, solver, frame, own, monkeypatch
):
    monkeypatch.setattr(validation_module, "split_rows", lambda *_: (LEARN, ASIDE))
    estimator_class, y, scoring, same = SCORINGS[name]
    scorer = get_scorer(same) if isinstance(same, str) else same
    inputs = pd.DataFrame(X, columns=NAMES) if frame else X
    learn, aside = (inputs.iloc[rows] if frame else X[rows] for rows in (LEARN, ASIDE))
    ours = watched(estimator_class, solver=solver, scoring=scoring)
    if own:
        ours.fit(learn, y[LEARN], X_val=aside, y_val=y[ASIDE])
    else:
        ours.set_params(early_stopping=True).fit(inputs, y)
    for epoch in (1, 2, 9):
        short = watched(estimator_class, solver=solver, max_iter=epoch)
        expected = scorer(short.fit(learn, y[LEARN]), aside, y[ASIDE])
        found = ours.history_["validation_score"][epoch - 1]
        assert found == pytest.approx(expected, rel=1e-9)


@ignore_convergence
@pytest.mark.parametrize("own", [False, True], ids=["set aside", "own data"])
@pytest.mark.parametrize("name", ["cross-entropy", "roc_auc", "absolute error"])
def test_weights_count_in_the_scores(name, own, monkeypatch):
    monkeypatch.setattr(validation_module, "split_rows", lambda *_: (LEARN, ASIDE))
    estimator_class, y, scoring, same = SCORINGS[name]
    ours = watched(estimator_class, scoring=scoring, early_stopping=True)
    if own:
        ours.fit(
            X[LEARN], y[LEARN], WEIGHT[LEARN],
            X_val=X[ASIDE], y_val=y[ASIDE], sample_weight_val=WEIGHT[ASIDE],
        )  # fmt: skip
    else:
        ours.fit(X, y, WEIGHT)
    short = watched(estimator_class, max_iter=4).fit(X[LEARN], y[LEARN], WEIGHT[LEARN])
    expected = get_scorer(same)(short, X[ASIDE], y[ASIDE], sample_weight=WEIGHT[ASIDE])
    assert ours.validation_scores_[3] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("squared_error", lambda y, p: np.mean((y - p) ** 2) / 2),
        ("absolute_error", lambda y, p: np.mean(np.abs(y - p))),
        ("quantile", lambda y, p: mean_pinball_loss(y, p, alpha=0.8)),
    ],
)
@ignore_convergence
def test_the_score_loss_is_minus_the_mean_loss(loss, metric, scaling):
    y = (Y["numbers"] - Y["numbers"].mean()) / Y["numbers"].std()
    params = {"loss": loss, "quantile": 0.8, "scaling": scaling, "alpha": 10.0}
    ours = watched(BackpropRegressor, **params, scoring="loss", early_stopping=True)
    ours.fit(X, y, X_val=X[ASIDE], y_val=y[ASIDE])
    expected = -metric(y[ASIDE], ours.predict(X[ASIDE]))
    assert ours.best_validation_score_ == pytest.approx(expected, rel=1e-9)


@ignore_convergence
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("target", ["numbers", "strings"])
def test_what_is_set_aside_is_not_learned_from(target, solver, monkeypatch):
    monkeypatch.setattr(validation_module, "split_rows", lambda *_: (LEARN, ASIDE))
    estimator_class = BackpropClassifier if target == "strings" else BackpropRegressor
    curves = []
    for shift in (0, 1):
        y = Y[target].copy()
        y[ASIDE] = np.roll(y[ASIDE], shift)
        ours = watched(estimator_class, solver=solver, early_stopping=True)
        curves.append(ours.fit(X, y).loss_curve_)
    assert curves[0] == curves[1]


# ------------------------------------------------------------------------ best weights


@ignore_convergence
@pytest.mark.parametrize("validated", [False, True], ids=["", "with validation data"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("target", ["numbers", "strings"])
def test_the_weights_of_the_smallest_training_loss_are_kept(target, solver, validated):
    estimator_class = BackpropClassifier if target == "strings" else BackpropRegressor
    # The rate grows until the loss does too.
    params = {"solver": solver, "learning_rate": "exponential", "decay": 1.7}
    # Scores that tell nothing must not be listened to.
    options = {"X_val": X, "y_val": Y[target][::-1]} if validated else {}
    ours = watched(estimator_class, **params, restore_best_weights=True)
    ours.fit(X, Y[target], **options)
    last = watched(estimator_class, **params).fit(X, Y[target])
    best = int(np.argmin(last.loss_curve_))
    assert ours.loss_curve_ == last.loss_curve_
    assert ours.best_loss_ == min(last.loss_curve_)
    short = watched(estimator_class, **params, max_iter=best + 1).fit(X, Y[target])
    assert_array_equal(parameters(ours), parameters(short))
    if solver != "lbfgs":  # whose loss never rises
        assert best + 1 < len(last.loss_curve_)
        assert not np.array_equal(parameters(ours), parameters(last))
