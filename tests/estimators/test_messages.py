"""What people type for want of knowing better is answered with what to write."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from skann import BackpropClassifier, BackpropRegressor
from skann.estimators.synonyms import SYNONYMS

X = np.random.RandomState(0).randn(40, 3)
NAMES = np.where(X[:, 0] > 0, "a", "b")


def small(cls=BackpropRegressor, **params):
    return cls((3,), solver="lbfgs", tol=1e-2, random_state=0, **params)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in SYNONYMS.items() for value in values],
)
def test_names_of_other_libraries_are_answered_with_those_here(name, value):
    with pytest.raises(ValueError, match=f"has no value '{value}'") as caught:
        BackpropRegressor(**{name: value}).fit(X, X[:, 0])
    # What it says works.
    words = str(caught.value).split("Write ")[1].removesuffix(".")
    first = words.split(" with ")[0].removesuffix(", say")
    arguments = eval(f"dict({first})")
    for cls, y in ((BackpropRegressor, X[:, 0]), (BackpropClassifier, NAMES)):
        if first == "loss='log_loss'" or name == "output_activation":
            continue  # each is for one of the two, or for some targets
        if name == "loss" and cls is BackpropClassifier:
            continue
        with warnings.catch_warnings(action="ignore"):
            cls(**{"max_iter": 1, "random_state": 0, **arguments}).fit(X, y)


@pytest.mark.parametrize(
    "spelling", ["Sigmoid", "SIGMOID", "Leaky ReLU".replace(" ", "")]
)
def test_capitals_do_not_matter(spelling):
    with pytest.raises(ValueError, match="Write activation="):
        BackpropRegressor(activation=spelling).fit(X, X[:, 0])


@pytest.mark.parametrize("rate", [0.01, 1, np.float32(0.1)])
def test_a_number_is_no_schedule(rate):
    with pytest.raises(ValueError, match="Write learning_rate_init="):
        BackpropRegressor(learning_rate=rate).fit(X, X[:, 0])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT], ids=repr)
@pytest.mark.parametrize(
    "container", [list, np.array, pd.Series], ids=lambda c: c.__name__
)
def test_labels_without_a_value_are_refused_in_words(missing, container):
    labels = NAMES.astype(object)
    labels[5] = missing
    y = (
        container(list(labels))
        if container is list
        else container(labels, dtype=object)
    )
    classifier = small(BackpropClassifier)
    with pytest.raises(
        ValueError, match=r"missing values in 1 of 40 .*at index 5.*fillna"
    ):
        classifier.fit(X, y)
    assert not hasattr(classifier, "classes_")


def test_a_column_of_text_with_gaps_is_refused_in_words():
    y = pd.Series(NAMES, dtype="string")
    y[7] = pd.NA
    with pytest.raises(
        ValueError, match=r"missing values in 1 of 40 entries.*at index 7"
    ):
        small(BackpropClassifier).fit(X, y)


def test_numbers_without_a_value_are_refused_in_words():
    with pytest.raises(
        ValueError, match=r"missing values in 1 of 40 entries.*None at index 0"
    ):
        small().fit(X, [None, *X[1:, 0]])


@pytest.mark.parametrize("shape", [(40,), (40, 2)])
def test_numbers_of_classes_as_objects_are_refused_in_words(shape):
    y = np.random.RandomState(0).randint(0, 2, shape).astype(object)
    with pytest.raises(ValueError, match=r"dtype object.*y\.astype\(int\)"):
        small(BackpropClassifier).fit(X, y)
    assert small(BackpropClassifier).fit(X, y.astype(int)).classes_.size == 2


@pytest.mark.filterwarnings("ignore:.*nothing was learned")
@pytest.mark.parametrize("n_samples", [1, 2])
def test_rows_that_are_all_alike_leave_nothing_of_scaled_inputs(n_samples):
    same = np.ones((n_samples, 3))
    with pytest.warns(UserWarning, match="After scaling, all inputs are zero"):
        small().fit(same, np.ones(n_samples))
    with warnings.catch_warnings(action="error"):
        small(scaling=None).fit(same, np.ones(n_samples))


def test_one_hot_classes_are_pointed_out():
    one_hot = np.eye(3, dtype=int)[np.random.RandomState(0).randint(0, 3, 40)]
    with pytest.warns(UserWarning, match=r"exactly one label.*argmax") as caught:
        classifier = small(BackpropClassifier).fit(X, one_hot)
    assert len([w for w in caught if "exactly one" in str(w.message)]) == 1
    one_hot[0] = 1
    with warnings.catch_warnings(action="error"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        small(BackpropClassifier).fit(X, one_hot)
        # A stream and a warm fit were told before, or do not see all of it.
        classifier.set_params(solver="sgd").partial_fit(
            X, np.eye(3, dtype=int)[[0] * 40]
        )


STUCK = {  # biases that switch every relu off
    "coef_init": [np.zeros((3, 3)), np.ones((3, 1))],
    "intercept_init": [np.full(3, -9.0), np.zeros(1)],
}
NOTHING = {
    "constant inputs": ({}, np.ones((40, 3)), {}, "All 3 inputs.*constant"),
    "penalty": ({"alpha": 1e6, "solver": "lbfgs"}, X, {}, "Lower alpha"),
    "too small": (
        {"solver": "sgd", "learning_rate_init": 1e-9, "momentum": 0.0},
        X, {}, "too small. Raise learning_rate_init",
    ),
    "too large": (
        {"solver": "adam", "learning_rate_init": 3.0, "learning_rate": "constant"},
        X, {}, "too large. Lower learning_rate_init",
    ),
    "stuck units": (
        {"solver": "lbfgs", "activation": "relu"},
        X, STUCK, "stuck where their activation is flat",
    ),
    "no hidden layer": (
        {"solver": "lbfgs", "hidden_layer_sizes": ()},
        np.abs(X), {}, "not linearly. Try hidden layers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("cause", NOTHING)
def test_the_likely_cause_is_named(cause):
    params, inputs, start, words = NOTHING[cause]
    y = X[:, 0] - X[:, 0].mean()
    if cause == "no hidden layer":  # as far from linear as can be
        half = np.abs(X)
        inputs = np.concatenate([half, -half])
        y = np.concatenate([half[:, 0], half[:, 0]])
    estimator = BackpropRegressor(
        **{"hidden_layer_sizes": (3,), "random_state": 0, **params}
    )
    with pytest.warns(ConvergenceWarning, match="nothing was learned") as caught:
        estimator.fit(inputs, y, **start)
    assert re.search(words, str(caught[-1].message)), str(caught[-1].message)


def test_two_logistic_units_on_xor_are_on_a_plateau():
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    classifier = BackpropClassifier((2,), "logistic", solver="sgd", random_state=1)
    with pytest.warns(ConvergenceWarning, match="Try activation='tanh'"):
        classifier.set_params(max_iter=1000).fit(corners, [0, 1, 1, 0])
