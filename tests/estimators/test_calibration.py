"""Probabilities are as sure as they are right, by the rows that members leave out."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit, softmax
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.metrics import log_loss

from skann import BackpropClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, TWO = make_classification(300, 6, flip_y=0.2, random_state=0)
THREE = make_classification(
    300, 6, n_informative=4, n_classes=3, weights=[0.7, 0.2], random_state=0
)[1]
LABELS = make_multilabel_classification(300, 6, n_classes=3, random_state=0)[1]
FOLDS = {
    "n_members": 4, "hidden_layer_sizes": (16,), "learning_rate": "cycles",
    "max_iter": 16, "learning_rate_init": 0.02, "random_state": 0,
}  # fmt: skip
CASES = {
    "two classes": (TWO, {}),
    "two outputs": (TWO, {"output_activation": "softmax"}),
    "three classes": (THREE, {}),
    "labels": (LABELS, {}),
    "float32": (THREE, {"dtype": "float32"}),
    "smooth": (THREE, {"label_smoothing": 0.3}),
}


def fit(case, sample_weight=None, **params):
    y, own = CASES[case]
    return BackpropClassifier(**{**FOLDS, **own, **params}).fit(X, y, sample_weight)


def indicators(y):
    """Return a column of zeros and ones for each class, or for the second of two."""
    return y if y.ndim == 2 else (y[:, np.newaxis] == np.unique(y)).astype(int)


def calibrated(classifier, probabilities):
    """Return what calibration makes of probabilities."""
    temperature, offsets = classifier.temperature_, classifier._model.offsets
    if offsets.size == 1:
        second = expit(logit(probabilities[:, 1]) / temperature + offsets[0])
        return np.stack([1 - second, second], axis=1)
    if classifier.out_activation_ == "softmax":
        logits = np.log(probabilities) / temperature + offsets
        return softmax(logits, axis=1)
    return expit(logit(probabilities) / temperature + offsets)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_the_mean_of_probabilities_left_out_is_the_frequency(case, weighted):
    weight = np.random.RandomState(1).rand(300) + 0.1 if weighted else None
    classifier = fit(case, weight)
    found = np.average(classifier.oof_decision_function_, axis=0, weights=weight)
    expected = np.average(indicators(CASES[case][0]), axis=0, weights=weight)
    assert_allclose(found, expected, rtol=0.01)


@pytest.mark.parametrize("case", CASES)
def test_probabilities_are_those_of_the_mean_calibrated(case):
    classifier = fit(case)
    assert classifier.temperature_ != 1
    members = [classifier.member(number) for number in range(4)]
    assert {member.temperature_ for member in members} == {1.0}
    mean = np.mean([member.predict_proba(X) for member in members], axis=0)
    expected = calibrated(classifier, mean.astype(float))
    assert_allclose(classifier.predict_proba(X), expected, rtol=1e-4)
    folds = classifier._out_of_fold["folds"]
    for number, member in enumerate(members):
        left_out = member.predict_proba(X[folds == number]).astype(float)
        found = classifier.oof_decision_function_[folds == number]
        assert_allclose(found, calibrated(classifier, left_out), rtol=1e-4)


@pytest.mark.parametrize("case", ["two classes", "three classes"])
def test_smoothing_is_taken_back(case):
    """Smoothed by a half, probabilities are less sure than right, and sharpened."""
    y = (X[:, 0] > 0) + (case == "three classes") * (X[:, 1] > 0)
    params = {**FOLDS, "hidden_layer_sizes": (64,), "label_smoothing": 0.5}
    classifier = BackpropClassifier(**params).fit(X, y)
    assert classifier.temperature_ < 0.8
    shown = log_loss(y, classifier.oof_decision_function_)
    folds = classifier._out_of_fold["folds"]
    raw = np.empty(classifier.oof_decision_function_.shape)
    for number in range(4):
        raw[folds == number] = classifier.member(number).predict_proba(
            X[folds == number]
        )
    assert shown < log_loss(y, raw)


def test_other_losses_have_no_temperature():
    classifier = fit("three classes", loss="squared_error")
    assert classifier.temperature_ == 1.0
    mean = np.mean(
        [classifier.member(number).predict_proba(X) for number in range(4)], axis=0
    )
    assert_allclose(classifier.predict_proba(X), mean, rtol=1e-6)


def test_without_folds_there_is_no_temperature():
    classifier = fit("two classes", n_members=1)
    assert classifier.temperature_ == 1.0
    assert not hasattr(classifier, "oof_score_")


def test_a_temperature_is_kept():
    classifier = fit("two classes")
    copied = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(copied.predict_proba(X), classifier.predict_proba(X))
    temperature = classifier.temperature_
    assert classifier.partial_fit(X, TWO).temperature_ == temperature


def test_weights_of_classes_count():
    """Calibrated is what was learned: balanced, all classes are alike."""
    classifier = fit("three classes", class_weight="balanced")
    weight = 1 / np.bincount(THREE)[THREE]
    found = np.average(classifier.oof_decision_function_, axis=0, weights=weight)
    assert_allclose(found, 1 / 3, rtol=0.02)
