"""Label smoothing against its formula and torch: step, gradient and optimum."""

import importlib.util

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference_data import (
    N_SAMPLES,
    OUTPUTS,
    SOLVERS,
    WEIGHT,
    X,
    Y,
    both_weights,
    ignore_convergence,
    linear,
    small,
)
from scipy import special
from set_aside import set_rows_aside
from sklearn.metrics import log_loss

from skann import BackpropClassifier, check_gradient

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


def smooth_targets(target, output_activation, weight=None):
    hard = hard_targets(target, output_activation)
    frequencies = np.average(hard, axis=0, weights=weight)
    return (1 - SMOOTHING) * hard + SMOOTHING * frequencies


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
    """Do the same."""
    import torch
    from torch.nn import functional

    raw = torch.tensor(raw, requires_grad=True)
    soft = torch.tensor(smooth_targets(target, output_activation))
    if output_activation == "softmax":
        loss = functional.cross_entropy(raw, soft)
    else:
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
def test_the_best_constant_is_the_frequency(target, output_activation, weight):
    """However smooth the labels are, probabilities stay right in the mean."""
    estimator = linear(
        BackpropClassifier, label_smoothing=SMOOTHING,
        output_activation=output_activation,
    ).fit(np.zeros_like(X), Y[target], sample_weight=weight)  # fmt: skip
    hard = hard_targets(target, output_activation)
    expected = np.average(hard, axis=0, weights=weight)
    raw = estimator.intercepts_[0][np.newaxis]
    found = OUTPUTS[output_activation](raw)[0]
    assert_allclose(found, expected, rtol=1e-4)


@ignore_convergence
@each_case
def test_weights_of_classes_count_in_their_frequencies(target, output_activation):
    if target == "labels":
        return
    estimator = linear(
        BackpropClassifier, label_smoothing=SMOOTHING, class_weight="balanced",
        output_activation=output_activation,
    ).fit(np.zeros_like(X), Y[target])  # fmt: skip
    raw = estimator.intercepts_[0][np.newaxis]
    found = OUTPUTS[output_activation](raw)[0]
    n_classes = len(estimator.classes_)
    assert_allclose(found, np.full_like(found, 1 / n_classes), rtol=1e-4)


@pytest.mark.every(7)
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
    set_rows_aside(monkeypatch, learn, aside)
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
