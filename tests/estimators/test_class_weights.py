"""Class weights are sample weights, in a fit and in a stream."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference_data import (
    N_SAMPLES,
    SOLVERS,
    X,
    Y,
    assert_agree,
    both_weights,
    ignore_convergence,
    linear,
    logistic,
    parameters,
    small,
)
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from skann import BackpropClassifier


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


@pytest.mark.every(5)
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
        ("binary", {0: 0, 1: 0}, "class_weight.*all samples to zero"),
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


def test_balanced_weights_that_overflow_are_refused_in_words():
    y = [[1, 1], [1, 0], [0, 0]]
    with pytest.raises(ValueError, match="class_weight must be finite"):
        small(class_weight="balanced").fit(X[:3], y, [1e155, 1e-31, 6e-31])


@pytest.mark.parametrize("class_weight", [{0: -1.0}, {9: 1.0}, {0: 0, 1: 0}], ids=str)
def test_class_weights_that_are_none_are_refused_in_a_stream(class_weight):
    with pytest.raises(ValueError, match="class_weight"):
        small(class_weight=class_weight).partial_fit(X, Y["binary"], classes=[0, 1])
