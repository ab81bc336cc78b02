"""Fits that are sick in one way each, and healthy ones; small, so that they are quick.

Each function returns an `Example`: an estimator that is not fitted yet, and its data.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_circles,
    make_classification,
    make_friedman1,
    make_moons,
    make_multilabel_classification,
)
from sklearn.model_selection import train_test_split

from skann import BackpropClassifier, BackpropRegressor, Normal
from skann.datasets import make_curve, make_logic_gate


@dataclass
class Example:
    """An estimator, what it is fitted to, and what it is not fitted to."""

    estimator: Any
    X: Any
    y: Any
    X_val: Any = None
    y_val: Any = None
    fit: dict = field(default_factory=dict)


def classifier(*args, **params):
    return BackpropClassifier(*args, **{"random_state": 0, **params})


def regressor(*args, **params):
    return BackpropRegressor(*args, **{"random_state": 0, **params})


def classes(n_samples=300, n_features=8, **params):
    return make_classification(
        n_samples, n_features, n_informative=5, random_state=0, **params
    )


def numbers(n_samples=300):
    return make_friedman1(n_samples, 10, noise=0.5, random_state=0)


def split(estimator, X, y):
    X, X_val, y, y_val = train_test_split(X, y, random_state=0)
    return Example(estimator, X, y, X_val, y_val)


# --------------------------------------------------------------------------- sick data


def constant_column():
    X, y = classes()
    X[:, 3] = 7.0
    return Example(classifier((20,)), X, y)


def duplicated_column():
    X, y = numbers()
    fahrenheit = 32 + 1.8 * X[:, [2]]
    return Example(regressor((20,)), np.hstack([X, fahrenheit]), y)


def one_cell_is_wild():
    X, y = numbers()
    X[5, 1] = 1e9
    return Example(regressor((20,)), X, y)


def minus_999_for_missing():
    X, y = numbers()
    X[::17, 4] = -999
    return Example(regressor((20,), scaling="standard"), X, y)


def one_target_is_wild():
    X, y = numbers()
    y[3] = 1e6
    return Example(regressor((20,)), X, y)


def unscaled_columns():
    X, y = load_wine(return_X_y=True)
    return Example(classifier((20,), scaling=None), X, y)


def tiny_columns():
    X, y = load_diabetes(return_X_y=True)
    return Example(regressor((20,), scaling=None, max_iter=50), X, y / 100)


def unscaled_target():
    X, y = numbers()
    return Example(regressor((20,), scaling=None), X, 1e4 * y)


def contradictory_labels():
    X, y = classes()
    return Example(classifier((20,)), np.vstack([X, X[:60]]), np.append(y, 1 - y[:60]))


def contradictory_numbers():
    X, y = numbers()
    others = np.random.RandomState(0).permutation(y)[:60]
    return Example(regressor((20,)), np.vstack([X, X[:60]]), np.append(y, others))


def a_column_of_the_target():
    X, y = numbers()
    return Example(regressor((20,)), np.column_stack([X, 2 * y + 1]), y)


def gaps_that_say_the_class():
    X, y = classes(flip_y=0.1)
    X[y == 1, 2] = np.nan
    return Example(classifier((20,)), X, y)


def rare_class():
    X, y = classes(600, weights=[0.97], class_sep=0.3, flip_y=0.02)
    return Example(classifier((30,), alpha=1.0), X, y)


# ----------------------------------------------------------------------- sick training


def tiny_rate():
    X, y = classes()
    return Example(classifier((30,), learning_rate_init=1e-6, max_iter=50), X, y)


def tiny_rate_of_sgd():
    X, y = numbers()
    params = {"solver": "sgd", "learning_rate_init": 1e-6, "max_iter": 100}
    return Example(regressor((30,), **params), X, y)


def huge_rate():
    X, y = numbers()
    params = {"learning_rate": "constant", "learning_rate_init": 2.0, "max_iter": 50}
    return Example(regressor((30,), **params), X, y)


def huge_rate_of_sgd():
    X, y = load_digits(return_X_y=True)
    params = {"solver": "sgd", "learning_rate_init": 5.0, "max_iter": 30}
    return Example(classifier((30,), **params), X[:300], y[:300])


def three_epochs():
    X, y = load_digits(return_X_y=True)
    params = {"learning_rate": "constant", "max_iter": 3}
    return Example(classifier((30,), **params), X[:400], y[:400])


def twenty_epochs():
    X, y = numbers()
    return Example(regressor((30,), learning_rate="constant", max_iter=20), X, y)


def four_iterations():
    X, y = numbers()
    return Example(regressor((30,), solver="lbfgs", max_iter=4), X, y)


# ------------------------------------------------------------------------ sick networks


def dead_from_the_start():
    X, y = numbers()
    random_state = np.random.RandomState(0)
    start = {
        "coef_init": [-np.abs(random_state.randn(10, 20)), np.ones((20, 1))],
        "intercept_init": [np.full(20, -20.0), np.zeros(1)],
    }
    return Example(regressor((20,), "relu", max_iter=30), X, y, fit=start)


def saturated_from_the_start():
    X, y = classes()
    params = {"init": Normal(0.0, 30.0), "max_iter": 30}
    return Example(classifier((30,), "tanh", **params), X, y)


def deep_logistic():
    X, y = classes()
    params = {"learning_rate": "constant", "max_iter": 40}
    return Example(classifier((20,) * 8, "logistic", **params), X, y)


def overfit_numbers():
    X, y = numbers(120)
    y += 5 * np.random.RandomState(0).randn(len(y))
    params = {"solver": "lbfgs", "alpha": 0.0, "max_iter": 500}
    return split(regressor((100,), "relu", **params), X, y)


def overfit_classes():
    X, y = classes(300, 20, flip_y=0.4)
    params = {"solver": "lbfgs", "alpha": 0.0, "max_iter": 500}
    return split(classifier((100,), "relu", **params), X, y)


def noise_by_heart():
    X, _ = numbers(120)
    params = {"solver": "lbfgs", "alpha": 0.0, "max_iter": 500}
    return Example(
        regressor((200,), "relu", **params), X, np.random.RandomState(0).randn(len(X))
    )


def huge_penalty():
    X, y = numbers()
    return Example(regressor((30,), alpha=1e5, max_iter=500), X, y)


def linear_for_circles():
    X, y = make_circles(300, noise=0.1, factor=0.4, random_state=0)
    return Example(classifier(()), X, y)


SICK = {
    "constant columns": [constant_column],
    "duplicated columns": [duplicated_column],
    "wild columns": [one_cell_is_wild, minus_999_for_missing],
    "wild target": [one_target_is_wild],
    "unscaled inputs": [unscaled_columns, tiny_columns],
    "unscaled target": [unscaled_target],
    "contradictory labels": [contradictory_labels, contradictory_numbers],
    "leak": [a_column_of_the_target, gaps_that_say_the_class],
    "class imbalance": [rare_class],
    "learning rate too small": [tiny_rate, tiny_rate_of_sgd],
    "learning rate too large": [huge_rate, huge_rate_of_sgd],
    "too few epochs": [three_epochs, twenty_epochs, four_iterations],
    "dead units": [dead_from_the_start],
    "saturated units": [saturated_from_the_start],
    "vanishing gradients": [deep_logistic],
    "overfitting": [overfit_numbers, overfit_classes, noise_by_heart],
    "miscalibration": [overfit_classes],
    "underfitting": [huge_penalty, linear_for_circles],
}

# ------------------------------------------------------------------------------ healthy


def default_diabetes():
    return Example(regressor(), *load_diabetes(return_X_y=True))


def default_wine_with_validation():
    return split(classifier(), *load_wine(return_X_y=True))


def default_iris():
    return Example(classifier(), *load_iris(return_X_y=True))


def one_network_of_breast_cancer():
    return split(classifier((64,)), *load_breast_cancer(return_X_y=True))


def plain_digits():
    X, y = load_digits(return_X_y=True)
    estimator = classifier((50,), scaling=None, max_iter=150)
    return Example(estimator, X[:400] / 16, y[:400])


def plain_moons():
    X, y = make_moons(300, noise=0.2, random_state=0)
    params = {"learning_rate_init": 0.02, "max_iter": 400}
    return split(classifier((20,), "tanh", **params), X, y)


def sine_by_lbfgs():
    X, y = make_curve("sine", random_state=0)
    return Example(regressor((20,), "tanh", solver="lbfgs"), X, y)


def exclusive_or():
    X, y = make_logic_gate("xor")
    return Example(classifier((4,), "tanh", solver="lbfgs", alpha=1e-4), X, y)


def deep_relu():
    X, y = numbers()
    return Example(regressor((40,) * 4, "relu", max_iter=100), X, y)


def categories_and_gaps():
    random_state = np.random.RandomState(0)
    n_samples = 300
    color = random_state.choice(["red", "green", "blue"], n_samples)
    size = random_state.uniform(0, 10, n_samples)
    weight = random_state.randn(n_samples)
    y = weight + (color == "red") + np.sin(size) + 0.3 * random_state.randn(n_samples)
    size[random_state.rand(n_samples) < 0.1] = np.nan
    X = np.array([color, size, weight], dtype=object).T
    return Example(regressor((64,)), X, y)


def several_outputs():
    X = np.random.RandomState(0).randn(300, 6)
    y = np.column_stack([X[:, 0] + X[:, 1] ** 2, 100 * np.tanh(X[:, 2] * X[:, 3])])
    return Example(regressor((64,)), X, y)


def several_labels():
    X, y = make_multilabel_classification(300, 15, n_classes=3, random_state=0)
    return Example(classifier((64,)), X, y)


def sparse_inputs():
    X = sparse.random(400, 60, density=0.1, random_state=0, format="csr")
    score = X @ np.random.RandomState(0).randn(60)
    return Example(classifier((32,), alpha=1.0), X, (score > 0).astype(int))


def few_groups_of_rows():
    random_state = np.random.RandomState(0)
    X = random_state.randint(0, 3, (400, 3)).astype(float)
    chance = 1 / (1 + np.exp(2 - X.sum(axis=1)))
    return Example(
        classifier((32,)), X, (random_state.rand(len(X)) < chance).astype(int)
    )


def long_tails():
    random_state = np.random.RandomState(0)
    X = random_state.standard_t(3, (300, 5))
    y = X[:, 0] - np.tanh(X[:, 1]) + 0.2 * random_state.randn(len(X))
    return Example(regressor((64,)), X, y)


def balanced_by_weights():
    X, y = classes(600, weights=[0.9], class_sep=1.5)
    return split(classifier((64,), class_weight="balanced"), X, y)


def three_quantiles():
    X, y = numbers()
    return Example(regressor((64,), loss="quantile", quantile=[0.1, 0.5, 0.9]), X, y)


def noisy_labels():
    return split(classifier(), *classes(400, flip_y=0.3))


HEALTHY = [
    default_diabetes,
    default_wine_with_validation,
    default_iris,
    one_network_of_breast_cancer,
    plain_digits,
    plain_moons,
    sine_by_lbfgs,
    exclusive_or,
    deep_relu,
    categories_and_gaps,
    several_outputs,
    several_labels,
    sparse_inputs,
    few_groups_of_rows,
    long_tails,
    balanced_by_weights,
    three_quantiles,
    noisy_labels,
]
