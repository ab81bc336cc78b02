"""Every kind of target, and what comes back for it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from tables import (
    COUNTS,
    LABELS,
    NUMBERS,
    THREE,
    TWO,
    WEIGHT,
    N,
    X,
    classifier,
    regressor,
)

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# A linear model, searched for beyond the default tolerances.
LINEAR = {
    "hidden_layer_sizes": (),
    "scaling": None,
    "tol": 1e-9,
    "max_iter": 2000,
    "alpha": 1.0,
}
Z = X / 4  # columns with a spread near 1


# ---------------------------------------------------------------------- class labels

CLASSES = {
    "int": np.array([-3, 2, 7]),
    "uint8": np.array([0, 1, 255], dtype=np.uint8),
    "float": np.array([-1.0, 0.0, 2.0]),
    "str": np.array(["ash", "beech", "oak"]),
    "object": np.array(["ash", "beech", "oak"], dtype=object),
    "bool": np.array([False, True]),
}

LABEL_CONTAINERS = {
    "array": lambda y: y,
    "list": lambda y: y.tolist(),
    "pandas": lambda y: pd.Series(y, index=range(100, 100 + len(y))),
    "categorical": lambda y: pd.Series(y).astype("category"),
    "polars": lambda y: pl.Series(y.tolist()),
}


@pytest.mark.parametrize("container", LABEL_CONTAINERS)
@pytest.mark.parametrize("kind", CLASSES)
def test_labels_of_any_kind_are_learned_alike_and_come_back(kind, container):
    classes = CLASSES[kind]
    numbers = THREE if len(classes) == 3 else TWO
    y = classes[numbers]
    fitted = classifier().fit(X, LABEL_CONTAINERS[container](y))
    direct = classifier().fit(X, numbers)
    assert_array_equal(fitted.classes_, classes)
    predicted = fitted.predict(X)
    assert_array_equal(predicted, classes[direct.predict(X)])
    assert predicted.dtype == fitted.classes_.dtype
    assert_array_equal(fitted.predict_proba(X), direct.predict_proba(X))
    assert fitted.score(X, y) == direct.score(X, numbers) > 0.6


@pytest.mark.parametrize("kind", CLASSES)
def test_partial_fit_knows_labels_of_any_kind(kind):
    classes = CLASSES[kind]
    numbers = THREE if len(classes) == 3 else TWO
    fitted = classifier(solver="adam").partial_fit(
        X, classes[numbers], classes=classes[::-1]
    )
    direct = classifier(solver="adam").partial_fit(
        X, numbers, classes=range(len(classes))
    )
    only_last = numbers == len(classes) - 1
    fitted.partial_fit(X[only_last], classes[numbers[only_last]])
    direct.partial_fit(X[only_last], numbers[only_last])
    assert_array_equal(fitted.classes_, classes)
    assert_array_equal(fitted.predict_proba(X), direct.predict_proba(X))


# ------------------------------------------------ what comes back: shapes and dtypes

PROBLEMS = {
    # y, parameters, number of network outputs, of classes, columns of the scores
    "binary": (TWO, {}, 1, 2, None),
    "binary softmax": (TWO, {"output_activation": "softmax"}, 2, 2, None),
    "three classes": (THREE, {}, 3, 3, 3),
    "three independent": (THREE, {"output_activation": "logistic"}, 3, 3, 3),
    "multilabel": (LABELS, {}, 3, 3, 3),
    "two labels": (LABELS[:, :2], {}, 2, 2, 2),
    "one class": (np.full(N, 5), {}, 1, 1, None),
    "squared error": (THREE, {"loss": "squared_error"}, 3, 3, 3),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_shapes_and_dtypes_of_what_a_classifier_returns(problem, dtype):
    y, params, n_outputs, n_classes, n_scores = PROBLEMS[problem]
    data = X[:7].astype(dtype)
    fitted = classifier(**params).fit(X.astype(dtype), y)
    assert fitted.n_outputs_ == n_outputs
    assert fitted.classes_.shape == (n_classes,)

    predicted = fitted.predict(data)
    assert predicted.shape == y[:7].shape
    assert predicted.dtype.kind == "i"
    for method in (fitted.predict_proba, fitted.predict_log_proba):
        assert method(data).shape == (7, n_classes)
        assert method(data).dtype == dtype
    scores = fitted.decision_function(data)
    assert scores.shape == ((7,) if n_scores is None else (7, n_scores))
    assert scores.dtype == dtype


@pytest.mark.parametrize("problem", PROBLEMS)
def test_predictions_probabilities_and_scores_agree(problem):
    y, params, *_ = PROBLEMS[problem]
    fitted = classifier(**params).fit(X, y)
    predicted, probabilities = fitted.predict(X), fitted.predict_proba(X)
    scores = fitted.decision_function(X)
    assert_allclose(np.log(probabilities), fitted.predict_log_proba(X), atol=1e-9)
    if y.ndim == 2:
        assert_array_equal(predicted, probabilities > 0.5)
        assert_allclose(probabilities, expit(scores))
        return
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_array_equal(predicted, fitted.classes_[probabilities.argmax(axis=1)])
    if problem in ("binary", "binary softmax"):
        assert_allclose(probabilities[:, 1], expit(scores))
    elif problem == "three independent":
        each = expit(scores)
        assert_allclose(probabilities, each / each.sum(axis=1, keepdims=True))
    elif problem != "one class":
        assert_allclose(probabilities, softmax(scores, axis=1))


def test_a_single_class_is_certain():
    fitted = classifier().fit(X, np.full(N, "only"))
    assert_array_equal(fitted.predict(X), "only")
    assert_array_equal(fitted.predict_proba(X), np.ones((N, 1)))
    assert fitted.score(X, np.full(N, "only")) == 1


INDICATORS = {
    "int array": LABELS,
    "bool array": LABELS.astype(bool),
    "float array": LABELS.astype(float),
    "lists": LABELS.tolist(),
    "csr_array": sparse.csr_array(LABELS),
    "csc_matrix": sparse.csc_matrix(LABELS),
    "coo_array": sparse.coo_array(LABELS),
    "pandas": pd.DataFrame(LABELS, columns=list("abc")),
    "polars": pl.DataFrame(LABELS, schema=list("abc")),
}


@pytest.mark.parametrize("container", INDICATORS)
def test_labels_in_any_indicator_are_learned_alike(container):
    fitted = classifier().fit(X, INDICATORS[container])
    direct = classifier().fit(X, LABELS)
    assert_array_equal(fitted.classes_, [0, 1, 2])
    assert_array_equal(fitted.predict_proba(X), direct.predict_proba(X))
    predicted = fitted.predict(X)
    assert isinstance(predicted, np.ndarray)
    assert predicted.dtype.kind == "i"
    assert (predicted == LABELS).mean() > 0.8


def test_partial_fit_learns_from_a_sparse_indicator():
    dense, thin = classifier(solver="adam"), classifier(solver="adam")
    for _ in range(2):
        dense.partial_fit(X, LABELS, classes=[0, 1, 2])
        thin.partial_fit(X, sparse.csr_array(LABELS), classes=[0, 1, 2])
    assert_array_equal(dense.predict_proba(X), thin.predict_proba(X))


def test_labels_without_hidden_layer_are_independent_of_each_other():
    options = {**LINEAR, "alpha": 10.0}
    together = classifier(**options).fit(Z, LABELS)
    for k in range(3):
        alone = classifier(**options).fit(Z, LABELS[:, k])
        assert_allclose(together.coefs_[0][:, k], alone.coefs_[0][:, 0], atol=1e-4)


# ---------------------------------------------------------------- regression targets

TARGETS = {
    "array": NUMBERS,
    "list": NUMBERS.tolist(),
    "float32": NUMBERS.astype(np.float32).astype(np.float64),
    "pandas": pd.Series(NUMBERS, index=range(100, 100 + N)),
    "polars": pl.Series(NUMBERS),
    "several": np.column_stack([NUMBERS, -3 * NUMBERS]),
    "several, lists": np.column_stack([NUMBERS, X[:, 1]]).tolist(),
    "several, pandas": pd.DataFrame({"a": NUMBERS, "b": X[:, 1]}),
    "several, polars": pl.DataFrame({"a": NUMBERS, "b": X[:, 1]}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", TARGETS)
def test_predictions_have_the_shape_of_the_target_and_the_dtype_of_x(kind, dtype):
    y = TARGETS[kind]
    data = X.astype(dtype)
    fitted = regressor(max_iter=30).fit(data, y)
    direct = regressor(max_iter=30).fit(data, np.asarray(y))
    predicted = fitted.predict(data)
    assert predicted.shape == np.shape(y)
    assert predicted.dtype == dtype
    assert fitted.n_outputs_ == (1 if np.ndim(y) == 1 else 2)
    assert_array_equal(predicted, direct.predict(data))
    assert fitted.score(data, y) > 0.7


@pytest.mark.parametrize("dtype", [int, bool, np.float32], ids=lambda d: d.__name__)
def test_targets_of_any_dtype_are_numbers(dtype):
    y = (NUMBERS > 0) if dtype is bool else NUMBERS.round()
    fitted = regressor().fit(X, y.astype(dtype))
    direct = regressor().fit(X, y.astype(float))
    assert_allclose(fitted.predict(X), direct.predict(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust", None])
def test_several_targets_come_back_in_their_own_units(loss, scaling):
    y = COUNTS if loss == "poisson" else NUMBERS
    units = np.array([1.0, 4.0])
    options = {"loss": loss, "scaling": scaling, "max_iter": 300, "alpha": 0.0}
    fitted = regressor(**options).fit(X, y[:, np.newaxis] * units)
    error = np.abs(fitted.predict(X) - y[:, np.newaxis] * units).mean(axis=0)
    assert (error < 0.3 * units * np.abs(y - y.mean()).mean()).all()


@pytest.mark.parametrize(("make", "y"), [(classifier, THREE), (regressor, NUMBERS)])
def test_a_column_is_taken_as_one_target_with_a_warning(make, y):
    with pytest.warns(DataConversionWarning, match="column-vector"):
        fitted = make().fit(X, y[:, np.newaxis])
    direct = make().fit(X, y)
    assert fitted.predict(X).shape == (N,)
    assert_array_equal(fitted.predict(X), direct.predict(X))


# ------------------------------------------------------------------- no hidden layer


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("y", [TWO, THREE], ids=["two classes", "three classes"])
def test_without_hidden_layer_it_is_logistic_regression(y, weight):
    network = classifier(**LINEAR).fit(Z, y, weight)
    # Times the total weight, both minimise sum(w loss) + alpha / 2 ||W||^2.
    peer = LogisticRegression(C=1 / LINEAR["alpha"], tol=1e-9, max_iter=2000)
    peer.fit(Z, y, weight)
    assert_allclose(network.predict_proba(Z), peer.predict_proba(Z), atol=1e-4)
    assert_allclose(network.coefs_[0].T, peer.coef_, atol=1e-4)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    "y", [NUMBERS, np.column_stack([NUMBERS, Z[:, 1] ** 2])], ids=["one", "two"]
)
def test_without_hidden_layer_it_is_ridge(y, weight):
    network = regressor(**LINEAR).fit(Z, y, weight)
    peer = Ridge(alpha=LINEAR["alpha"]).fit(Z, y, weight)
    assert_allclose(network.predict(Z), peer.predict(Z), rtol=1e-4, atol=1e-4)
    assert_allclose(network.coefs_[0].T, np.atleast_2d(peer.coef_), atol=1e-4)
    assert_allclose(network.intercepts_[0], peer.intercept_, atol=1e-4)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_without_hidden_layer_poisson_is_poisson_regression(weight):
    network = regressor(**LINEAR, loss="poisson").fit(Z, COUNTS, weight)
    total = N if weight is None else weight.sum()
    peer = PoissonRegressor(alpha=LINEAR["alpha"] / total, tol=1e-9, max_iter=2000)
    peer.fit(Z, COUNTS, weight)
    assert_allclose(network.predict(Z), peer.predict(Z), rtol=1e-4)
    assert_allclose(network.coefs_[0][:, 0], peer.coef_, atol=1e-4)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust"])
def test_without_penalty_scaling_does_not_change_a_linear_fit(scaling):
    options = {**LINEAR, "scaling": scaling, "alpha": 0.0}
    network = regressor(**options, warm_start=True).fit(Z, NUMBERS)
    network.fit(Z, NUMBERS)  # to go on beyond the tolerance that ended the first fit
    peer = LinearRegression().fit(Z, NUMBERS)
    coefs, intercepts = network.fold_scaling()
    precision = 1e-4 * NUMBERS.std()
    assert_allclose(coefs[0][:, 0], peer.coef_, atol=precision)
    folded = Z @ coefs[0] + intercepts[0]
    assert_allclose(folded[:, 0], network.predict(Z), rtol=1e-9)
    assert_allclose(network.predict(Z), peer.predict(Z), atol=precision)


# ----------------------------------------------------- output activations and losses


def test_logistic_outputs_for_three_classes_are_three_separate_questions():
    network = classifier(**LINEAR, output_activation="logistic").fit(Z, THREE)
    assert network.out_activation_ == "logistic"
    for k in range(3):
        peer = LogisticRegression(C=1 / LINEAR["alpha"], tol=1e-9, max_iter=2000)
        peer.fit(Z, k == THREE)
        assert_allclose(network.coefs_[0][:, k], peer.coef_[0], atol=1e-4)
        assert_allclose(network.intercepts_[0][k], peer.intercept_[0], atol=1e-4)


def test_softmax_outputs_for_two_classes_are_logistic_regression_of_the_difference():
    network = classifier(**LINEAR, output_activation="softmax").fit(Z, TWO)
    assert network.n_outputs_ == 2
    # Two weight vectors that share the work cost half the penalty of one.
    peer = LogisticRegression(C=2 / LINEAR["alpha"], tol=1e-9, max_iter=2000)
    peer.fit(Z, TWO)
    first, second = network.coefs_[0].T
    assert_allclose(second - first, peer.coef_[0], atol=1e-4)
    assert_allclose(network.predict_proba(Z), peer.predict_proba(Z), atol=1e-4)


LOSSES = {
    "log_loss, two": (TWO, {}),
    "log_loss, three": (THREE, {}),
    "log_loss, independent": (THREE, {"output_activation": "logistic"}),
    "log_loss, labels": (LABELS, {}),
    "squared_error, two": (TWO, {"loss": "squared_error"}),
    "squared_error, three": (THREE, {"loss": "squared_error"}),
    "squared_error, independent": (
        THREE,
        {"loss": "squared_error", "output_activation": "logistic"},
    ),
    "squared_error, labels": (LABELS, {"loss": "squared_error"}),
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_of_a_classifier_is_the_documented_formula(name):
    y, params = LOSSES[name]
    alpha = 0.7
    fitted = classifier(**params, alpha=alpha).fit(X, y)
    target = y if y.ndim == 2 else np.eye(3)[y]
    if y is TWO:
        target = y[:, np.newaxis]
    raw = fitted.decision_function(X).reshape(N, -1)
    squash = softmax if fitted.out_activation_ == "softmax" else None
    p = expit(raw) if squash is None else softmax(raw, axis=1)
    if fitted.loss == "squared_error":
        losses = (p - target) ** 2 / 2
    else:
        losses = -target * np.log(p)
        if squash is None:
            losses -= (1 - target) * np.log(1 - p)
    penalty = alpha / (2 * N) * sum((weights**2).sum() for weights in fitted.coefs_)
    assert_allclose(fitted.loss_, losses.sum() / N + penalty)
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
