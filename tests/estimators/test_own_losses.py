"""A loss of the user's own is minimised like a built-in one."""

import copy
import functools
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from reference_data import (
    SOLVERS,
    WEIGHT,
    X,
    Y,
    assert_agree,
    both_weights,
    ignore_convergence,
    line,
    line_of_means,
    linear,
    minimum,
)
from scipy import special
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skann import BackpropClassifier, BackpropRegressor, Loss, check_gradient
from skann.training.optimizers import SGD


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


@pytest.mark.every(5)
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
