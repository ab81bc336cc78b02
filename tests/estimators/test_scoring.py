"""Recorded scores are those of the scorer, and the best weights are kept."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from reference_data import (
    N_SAMPLES,
    SOLVERS,
    WEIGHT,
    X,
    Y,
    ignore_convergence,
    parameters,
)
from set_aside import set_rows_aside
from sklearn.metrics import get_scorer, mean_pinball_loss

from skann import BackpropClassifier, BackpropRegressor

# --------------------------------------------------------------------------- scoring

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


@pytest.mark.every(7)
@ignore_convergence
@pytest.mark.parametrize("own", [False, True], ids=["set aside", "own data"])
@pytest.mark.parametrize(
    ("solver", "frame"), [("sgd", False), ("adam", True), ("lbfgs", False)]
)
@pytest.mark.parametrize("name", SCORINGS)
def test_recorded_scores_are_what_the_scorer_says(
    name, solver, frame, own, monkeypatch
):
    set_rows_aside(monkeypatch, LEARN, ASIDE)
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
    set_rows_aside(monkeypatch, LEARN, ASIDE)
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
    set_rows_aside(monkeypatch, LEARN, ASIDE)
    estimator_class = BackpropClassifier if target == "strings" else BackpropRegressor
    curves = []
    for shift in (0, 1):
        y = Y[target].copy()
        y[ASIDE] = np.roll(y[ASIDE], shift)
        ours = watched(estimator_class, solver=solver, early_stopping=True)
        curves.append(ours.fit(X, y).loss_curve_)
    assert curves[0] == curves[1]


# ---------------------------------------------------------------------- best weights


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
