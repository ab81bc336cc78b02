"""The weights of each column, by name."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skann import BackpropClassifier, BackpropRegressor

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).randn(150, 4)
NUMBERS = np.sin(2 * X[:, 0]) + X[:, 2]
LABELS = np.digitize(NUMBERS, [-0.5, 0.5])
KINDS = {"regressor": BackpropRegressor, "classifier": BackpropClassifier}
TARGETS = {"regressor": NUMBERS, "classifier": LABELS}
both = pytest.mark.parametrize("kind", KINDS)
plain_or_cosines = pytest.mark.parametrize("n_frequencies", [0, 5])


def fitted(kind, X=X, **params):
    params = {"max_iter": 5, "random_state": 0, **params}
    return KINDS[kind]((7,), **params).fit(X, TARGETS[kind])


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_column_has_a_row_of_weights(kind, dtype):
    estimator = fitted(kind, n_frequencies=0, dtype=dtype)
    weights = estimator.input_weights()
    assert list(weights) == ["x0", "x1", "x2", "x3"]
    assert_array_equal(np.concatenate([*weights.values()]), estimator.coefs_[0])
    assert {part.dtype for part in weights.values()} == {np.dtype(dtype)}


@both
def test_a_column_has_a_row_for_each_of_its_cosines(kind):
    estimator = fitted(kind, activation="tanh", n_frequencies=5)
    embedding = estimator.embedding_
    # The pre-activation is the sum of what the columns contribute, and the bias.
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = np.tile(estimator.intercepts_[0], (len(X), 1))
    for number, part in enumerate(estimator.input_weights().values()):
        assert part.shape == (6, 7)
        column = scaled[:, [number]]
        factor, frequencies, phases = (
            embedding[name][..., number]
            for name in ("factors", "frequencies", "phases")
        )
        cosines = np.cos(factor * column * frequencies + phases)
        expected += np.hstack([column, cosines]) @ part
    raw = np.tanh(expected) @ estimator.coefs_[1] + estimator.intercepts_[1]
    if kind == "regressor":
        predicted = estimator.predict(X)
        assert_allclose(raw[:, 0] * NUMBERS.std() + NUMBERS.mean(), predicted)
    else:
        assert_allclose(raw, estimator.decision_function(X))


@both
@plain_or_cosines
def test_columns_go_by_their_names(kind, n_frequencies):
    table = pd.DataFrame(X, columns=["age", "height", "weight", "income"])
    named = fitted(kind, table, n_frequencies=n_frequencies).input_weights()
    unnamed = fitted(kind, n_frequencies=n_frequencies).input_weights()
    assert list(named) == list(table.columns)
    for ours, theirs in zip(named.values(), unnamed.values(), strict=True):
        assert_array_equal(ours, theirs)


def test_there_are_no_two_columns_of_the_same_name():
    table = pd.DataFrame(X, columns=["a", "b", "a", "c"])
    with pytest.raises(ValueError, match="unique column names"):
        fitted("regressor", table)


@plain_or_cosines
def test_columns_may_be_sparse(n_frequencies):
    weights = fitted(
        "regressor", sparse.csr_array(X), n_frequencies=n_frequencies
    ).input_weights()
    assert list(weights) == ["x0", "x1", "x2", "x3"]
    assert {part.shape for part in weights.values()} == {(1 + n_frequencies, 7)}


@plain_or_cosines
def test_a_stream_has_weights(n_frequencies):
    stream = BackpropRegressor((7,), n_frequencies=n_frequencies, random_state=0)
    for rows in np.split(np.arange(150), 3):
        stream.partial_fit(X[rows], NUMBERS[rows])
    weights = stream.input_weights()
    rows = np.concatenate([part[:1] for part in weights.values()])
    factors = stream.embedding_["factors"] if n_frequencies else np.ones(4)
    assert_allclose(rows, stream.coefs_[0][:4] * factors[:, np.newaxis])


def test_without_hidden_layers_the_weights_are_those_of_the_output():
    linear = BackpropRegressor((), solver="lbfgs").fit(X, NUMBERS)
    weights = linear.input_weights()
    assert {part.shape for part in weights.values()} == {(1, 1)}
    assert max(weights, key=lambda name: np.linalg.norm(weights[name])) == "x2"


@plain_or_cosines
def test_a_constant_column_has_no_weight(n_frequencies):
    with_constant = X.copy()
    with_constant[:, 1] = 3.0
    weights = fitted(
        "regressor", with_constant, n_frequencies=n_frequencies
    ).input_weights()
    assert {name for name, part in weights.items() if not part.any()} == {"x1"}


@plain_or_cosines
def test_weights_are_copies(n_frequencies):
    estimator = fitted("regressor", n_frequencies=n_frequencies)
    before = estimator.predict(X)
    for part in estimator.input_weights().values():
        part *= 2
    assert_array_equal(estimator.predict(X), before)


def test_with_a_penalty_columns_without_effect_come_last():
    estimator = fitted(
        "regressor", alpha=10.0, max_iter=100, n_frequencies=8, learning_rate="cosine"
    )
    weights = estimator.input_weights()
    norms = {name: np.linalg.norm(part) for name, part in weights.items()}
    assert {*sorted(norms, key=norms.get)[-2:]} == {"x0", "x2"}


@both
def test_there_are_no_weights_before_a_fit(kind):
    with pytest.raises(NotFittedError):
        KINDS[kind]().input_weights()
