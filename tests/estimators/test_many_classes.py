"""The targets of many classes take next to no memory, and change no number."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skann import BackpropClassifier, Loss, check_gradient
from skann.data.one_hot import OneHotRows
from skann.data.rows import TrainingData
from skann.estimators import problem
from skann.inspection import trace_backprop

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 300
X = np.random.RandomState(0).randn(N, 4)
WEIGHT = np.random.RandomState(1).uniform(0.5, 2, N)
FEW, MANY = 5, 40  # rows of so few outputs are made at once, those of so many read
COMMON = {"hidden_layer_sizes": (7,), "max_iter": 3, "random_state": 0}
some_or_many = pytest.mark.parametrize("n_classes", [3, MANY])
weighted_or_not = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])


def labels(n_classes):
    return np.random.RandomState(2).permutation(np.arange(N) % n_classes)


# ------------------------------------------------------------------ the same numbers


@some_or_many
@weighted_or_not
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    "params",
    [
        {"solver": "adam"},
        {"solver": "sgd", "shuffle": False, "batch_size": 64},
        {"solver": "lbfgs"},
        {"loss": "squared_error"},
        {"output_activation": "logistic"},
        {"early_stopping": True},
        {"dtype": "float32"},
    ],
    ids=lambda params: next(iter(params.values())),
)
def test_labels_are_learned_as_dense_rows_are(
    n_classes, weight, smoothing, params, monkeypatch
):
    y = labels(n_classes)
    params = {"output_activation": "softmax", **params}
    classifier = BackpropClassifier(label_smoothing=smoothing, **COMMON, **params)
    classifier.fit(X, y, sample_weight=weight)
    monkeypatch.setattr(
        problem, "TrainingData", lambda X, rows, *_: TrainingData(X, rows.toarray(), *_)
    )
    dense = clone(classifier).fit(X, y, sample_weight=weight)
    for ours, theirs in zip(classifier.coefs_, dense.coefs_, strict=True):
        assert_array_equal(ours, theirs)
    assert classifier.history_["loss"] == dense.history_["loss"]


@some_or_many
@weighted_or_not
def test_a_gradient_is_checked(n_classes, weight):
    y = labels(n_classes)
    classifier = BackpropClassifier(
        label_smoothing=0.1, output_activation="softmax", **COMMON
    )
    assert check_gradient(classifier.fit(X, y, sample_weight=weight), X, y, weight)


def test_a_trace_shows_the_rows():
    y = labels(MANY)
    classifier = BackpropClassifier(label_smoothing=0.0, **COMMON).fit(X, y)
    trace = trace_backprop(classifier, X[:3], y[:3])
    assert_array_equal(trace.target, np.eye(MANY)[y[:3]])


class _Recorded(Loss):
    """The squared error, which remembers what targets it was given."""

    name = "recorded"
    output_activations = ("softmax",)
    seen: list = []

    def value_and_delta(self, target, raw, sample_weight, delta):
        assert isinstance(target, np.ndarray)
        assert target.shape == raw.shape == delta.shape
        self.seen.append(target.copy())
        delta[...] = raw - target
        return float(np.sum(delta**2) / 2)

    def value_of_constant(self, target, sample_weight):
        assert isinstance(target, np.ndarray)
        _Recorded.constant = target, sample_weight


@pytest.mark.parametrize("n_classes", [FEW, MANY])
def test_a_loss_of_the_users_own_gets_dense_targets(n_classes):
    y = labels(n_classes)
    _Recorded.seen.clear()
    params = {**COMMON, "shuffle": False, "max_iter": 1, "label_smoothing": 0.0}
    classifier = BackpropClassifier(loss=_Recorded(), batch_size=100, **params)
    classifier.set_params(n_iter_no_change=np.inf, learning_rate="cosine").fit(X, y)
    rows = np.eye(n_classes)[y]
    assert_array_equal(np.concatenate(_Recorded.seen), rows)
    distinct, weight = _Recorded.constant
    assert_array_equal(distinct, np.eye(n_classes))
    assert_array_equal(weight, np.bincount(y))
    _Recorded.seen.clear()
    classifier.set_params(scoring="loss").fit(X, y, X_val=X, y_val=y)
    assert_array_equal(_Recorded.seen[-1], rows)


# ------------------------------------------------------------- validation and warnings


@pytest.mark.parametrize("n_classes", [FEW, MANY])
@weighted_or_not
def test_validation_data_are_scored_as_predictions_are(n_classes, weight, monkeypatch):
    y = labels(n_classes)
    given = {"X_val": X, "y_val": y, "sample_weight_val": weight}
    for scoring in (None, "accuracy"):
        classifier = BackpropClassifier(scoring=scoring, **COMMON).fit(X, y, **given)
        score = classifier.score(X, y, sample_weight=weight)
        assert classifier.validation_scores_[-1] == score
    monkeypatch.setattr("skann.estimators.validation.MOST_NUMBERS", 1000)
    classifier.set_params(scoring="loss").fit(X, y, **given)
    probability = classifier.predict_proba(X)[np.arange(N), y]
    loss = -np.average(np.log(probability), weights=weight)
    assert_allclose(classifier.validation_scores_[-1], -loss)


@pytest.mark.parametrize("n_classes", [FEW, MANY])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("output_activation", ["softmax", "logistic"])
@weighted_or_not
def test_nothing_was_learned_compares_with_the_best_constant(
    n_classes, loss, output_activation, weight
):
    y = labels(n_classes) % (n_classes - 1)  # not all classes are as frequent
    smoothing = 0.1
    rows = np.eye(n_classes - 1)[y]
    mean = np.average(rows, axis=0, weights=weight)
    rows = (1 - smoothing) * rows + smoothing * mean  # whose mean is the same
    losses = (rows - mean) ** 2 / 2
    if loss == "log_loss":
        losses = -rows * np.log(mean)
        if output_activation == "logistic":
            losses -= (1 - rows) * np.log(1 - mean)
    constant = np.average(losses.sum(axis=1), weights=weight)
    classifier = BackpropClassifier(
        loss=loss, output_activation=output_activation, label_smoothing=smoothing,
        alpha=1e6, learning_rate="cosine", dropout=0.2, **COMMON,
    )  # fmt: skip
    with pytest.warns(UserWarning, match=rf"\({constant:.6g}\): nothing was learned"):
        classifier.fit(X, y, sample_weight=weight)


# ------------------------------------------------------------------------------ memory


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"label_smoothing": 0.1, "class_weight": "balanced"},
        {"early_stopping": True},
        {"early_stopping": True, "scoring": "loss"},
        {"solver": "lbfgs"},
        {"shuffle": False, "dtype": "float64"},
        {"dropout": 0.5, "alpha": 1e9},
    ],
    ids=str,
)
def test_targets_take_no_memory_to_speak_of(params):
    n_samples, n_classes = 6000, 1200
    y = np.arange(n_samples) % n_classes
    data = np.random.RandomState(0).randn(n_samples, 3)
    classifier = BackpropClassifier((4,), max_iter=1, random_state=0, **params)
    tracemalloc.start()
    try:
        classifier.fit(data, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # As bytes the rows would take 7 MB, in float64 58 MB.
    assert peak < 40e6


# ----------------------------------------------------------------------- the rows alone


def test_one_hot_rows_are_rows_of_zeros_with_a_one():
    rows = OneHotRows(np.array([2, 0, 1, 2]), np.zeros(4))
    dense = np.eye(4)[[2, 0, 1, 2]]
    assert rows.shape == dense.shape
    assert rows.dtype == dense.dtype
    assert_array_equal(rows.toarray(), dense)
    assert_array_equal(rows[1:3].toarray(), dense[1:3])
    some = np.array([3, 1])
    assert_array_equal(rows[some].toarray(), dense[some])
    out = np.full((4, 2), np.nan)
    assert rows.write(some, out) is out
    assert_array_equal(out, dense[some].T)
    assert rows.astype(np.float32).toarray().dtype == np.float32


def test_smoothed_rows_have_a_background_and_a_peak():
    background = np.array([0.01, 0.03, 0.06])
    rows = OneHotRows(np.array([2, 0]), background, 0.9)
    dense = np.array([[0.01, 0.03, 0.96], [0.91, 0.03, 0.06]])
    assert rows.n_outputs == 3
    assert_allclose(rows.toarray(), dense, rtol=1e-15)
    assert_allclose(rows.write(slice(None), np.empty((3, 2))), dense.T, rtol=1e-15)
    single = rows.astype(np.float32)
    assert single.dtype == np.float32
    assert single.peak == 0.9
    assert_allclose(single[1:].toarray(), dense[1:], rtol=1e-6)
    assert_array_equal(rows.background, background)


@weighted_or_not
@pytest.mark.parametrize("peak", [1.0, 0.9])
def test_means_of_one_hot_rows_are_those_of_the_rows(weight, peak):
    rows = OneHotRows(labels(FEW), np.linspace(0, 0.05, FEW + 1), peak)
    dense = rows.toarray()
    assert_allclose(rows.mean(weight), np.average(dense, axis=0, weights=weight))
    ones = np.ones(N) if weight is None else weight
    assert_allclose(rows.totals(weight), ones @ (dense > 0.5))
