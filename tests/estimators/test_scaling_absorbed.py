"""How a network takes a change of its scaling, and folds it into its weights."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scaling_data import FEW, IGNORE, RAW, TARGET, WEIGHT, N, X, forward_raw
from scipy import sparse

from skann import BackpropClassifier, BackpropRegressor
from skann.core.layers.dense import Dense
from skann.data.scaling import (
    SCALINGS,
    absorb_target_scaling,
    change_of_scaling,
    column_statistics,
    fold_scaling,
    scale_columns,
    unscale_columns,
)

pytestmark = pytest.mark.filterwarnings(IGNORE)


# ---------------------------------------------------------- what the network absorbs


def absorb_input_scaling(weights, biases, old, new):
    """Let a first layer absorb a change of scaling."""
    layer = Dense(*weights.shape)
    layer.absorb_input_change((weights, biases), *change_of_scaling(old, new))


# The columns of a first and of a second batch.
PAIRS = {
    "usual": (X[:20], X[20:] * 3 + 5),
    "far away": (X[:20], X[20:] * 1e-3 + 1e4),
    "another unit": (X[:20] * 1e-8, X[20:] * 1e8),
    "constant, then not": (np.full((20, 3), 2.5), X),
    "zero, then not": (np.zeros((20, 3)), X),
    "constant, then another constant": (np.full((9, 3), 2.5), np.full((5, 3), -4.0)),
    "not constant, then constant": (X, np.full((400, 3), 2.5)),
    "one constant column": (X * [1, 0, 1], X),
}
EACH_PAIR = pytest.mark.parametrize("pair", PAIRS)


def random_layer(n_inputs, n_outputs, dtype=np.float64):
    random_state = np.random.RandomState(3)
    weights = random_state.randn(n_inputs, n_outputs).astype(dtype)
    return weights, random_state.randn(n_outputs).astype(dtype)


@pytest.mark.parametrize("merge", [True, False], ids=["merged", "replaced"])
@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("as_sparse", [False, True])
@EACH_PAIR
def test_the_first_layer_absorbs_a_change_of_scaling(pair, as_sparse, kind, merge):
    first, second = PAIRS[pair]
    if as_sparse:
        first, second = sparse.csr_array(first), sparse.csr_array(second)
    old = column_statistics(first, None, kind)
    new = column_statistics(second, None, kind)
    if merge:
        new = old.merge(new)
    weights, biases = random_layer(3, 4)
    # A column that is constant from now on gives what it gave at its value.
    rows = second if new.is_constant.all() and not old.is_constant.all() else first
    before = scale_columns(rows, old, float) @ weights + biases
    absorb_input_scaling(weights, biases, old, new)
    after = scale_columns(rows, new, float) @ weights + biases
    assert np.isfinite(weights).all()
    # Large inputs cancel against large biases.
    size = max(1, np.abs(weights).max(), np.abs(biases).max())
    assert_allclose(after, before, rtol=0, atol=1e-13 * size)


def test_a_change_of_scaling_is_absorbed_for_every_input_not_only_those_seen():
    old = column_statistics(X[:20], None, "standard")
    new = old.merge(column_statistics(X[20:] * 3 + 5, None, "standard"))
    weights, biases = random_layer(3, 4)
    elsewhere = np.random.RandomState(4).uniform(-50, 50, (30, 3))
    before = scale_columns(elsewhere, old, float) @ weights + biases
    absorb_input_scaling(weights, biases, old, new)
    after = scale_columns(elsewhere, new, float) @ weights + biases
    assert_allclose(after, before, atol=1e-12)


def test_a_column_without_effect_so_far_starts_from_its_weights():
    constant = np.full((20, 3), 2.5)
    old = column_statistics(constant, None, "standard")
    new = old.merge(column_statistics(X * 1e6, None, "standard"))
    weights, biases = random_layer(3, 4)
    drawn = weights.copy()
    absorb_input_scaling(weights, biases, old, new)
    assert_array_equal(weights, drawn)


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize(
    "pair", [pair for pair in PAIRS if not pair.startswith(("constant", "zero", "one"))]
)
def test_the_last_layer_absorbs_a_change_of_target_scaling(pair, kind):
    first, second = PAIRS[pair]
    old = column_statistics(first, None, kind)
    new = old.merge(column_statistics(second, None, kind))
    weights, biases = random_layer(4, 3)
    hidden = np.random.RandomState(5).randn(30, 4)
    before = unscale_columns(hidden @ weights + biases, old)
    absorb_target_scaling(weights, biases, old, new, log_link=False)
    after = unscale_columns(hidden @ weights + biases, new)
    center, scale = new.center_and_scale
    size = np.maximum(np.abs(center), scale).max()
    assert_allclose(after, before, rtol=1e-13, atol=1e-13 * size)


def test_a_target_that_was_constant_keeps_weights_and_gets_a_unit():
    old = column_statistics(np.full((20, 3), 2.5), None, "standard")
    new = old.merge(column_statistics(X * 1e6, None, "standard"))
    weights, biases = random_layer(4, 3)
    drawn = weights.copy()
    hidden = np.random.RandomState(5).randn(30, 4)
    raw = hidden @ weights + biases
    absorb_target_scaling(weights, biases, old, new, log_link=False)
    assert_array_equal(weights, drawn)
    _, scale = new.center_and_scale
    after = unscale_columns(hidden @ weights + biases, new)
    assert_allclose(after, raw * scale + 2.5, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.abs(X), np.abs(X) * 1e6),
        (np.abs(X) * 1e-9, np.abs(X)),
        (np.full((20, 3), 40.0), np.abs(X)),
        (np.zeros((20, 3)), np.abs(X)),
        (np.abs(X), np.zeros((5, 3))),
    ],
    ids=["larger", "smaller", "constant first", "zero first", "zero next"],
)
def test_the_last_layer_absorbs_a_change_of_scaling_under_the_log_link(first, second):
    old = column_statistics(first, None, "mean")
    new = old.merge(column_statistics(second, None, "mean"))
    weights, biases = random_layer(4, 3)
    hidden = np.random.RandomState(5).randn(30, 4)
    before = unscale_columns(np.exp(hidden @ weights + biases), old)
    absorb_target_scaling(weights, biases, old, new, log_link=True)
    after = unscale_columns(np.exp(hidden @ weights + biases), new)
    assert_allclose(after, before, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_scaling_is_absorbed_without_a_rounding(dtype):
    data = X.astype(dtype) / 3
    statistics = column_statistics(data, None, "standard")
    same = statistics.merge(column_statistics(data, None, "standard"))
    for absorb, kwargs in (
        (absorb_input_scaling, {}),
        (absorb_target_scaling, {"log_link": False}),
        (absorb_target_scaling, {"log_link": True}),
    ):
        weights, biases = random_layer(3, 3, dtype)
        expected = weights.copy(), biases.copy()
        absorb(weights, biases, statistics, same, **kwargs)
        assert_array_equal(weights, expected[0])
        assert_array_equal(biases, expected[1])
        assert weights.dtype == biases.dtype == dtype


# --------------------------------------------------------------------------- folding


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("hidden", [(), (5,)], ids=["linear", "hidden layer"])
@pytest.mark.parametrize("link", ["identity", "log", "none"])
def test_folding_gives_the_network_on_raw_data(kind, hidden, link):
    data = np.c_[X * [1e-3, 1, 1e3] + [0, 100, -5], np.full(N, 7.0)]
    target = np.abs(X[:, :2]) * [1, 1e4] + 3
    inputs = column_statistics(data, WEIGHT, kind)
    targets = None
    if link != "none":
        targets = column_statistics(
            target, WEIGHT, kind if link == "identity" else "mean"
        )
    sizes = [4, *hidden, 2]
    layers = [random_layer(*pair) for pair in pairwise(sizes)]
    weights, biases = (list(arrays) for arrays in zip(*layers, strict=True))
    output = np.exp if link == "log" else np.asarray

    def forward(a, weights, biases):
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            a = np.tanh(a @ W + b)
        return output(a @ weights[-1] + biases[-1])

    copies = [array.copy() for array in (*weights, *biases)]
    expected = unscale_columns(
        forward(scale_columns(data, inputs, float), weights, biases), targets
    )
    folded = fold_scaling(weights, biases, inputs, targets, log_link=link == "log")
    assert_allclose(forward(data, *folded), expected, rtol=1e-9)
    for array, copy in zip((*weights, *biases), copies, strict=True):
        assert_array_equal(array, copy)
        assert all(part is not array for parts in folded for part in parts)


@pytest.mark.parametrize("scaling", [*SCALINGS, None])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_folded_weights_of_a_fitted_estimator_work_on_raw_data(scaling, as_sparse):
    data = sparse.csr_array(RAW) if as_sparse else RAW
    learning_rate = 1e-3 if scaling else 1e-9
    params = {**FEW, "scaling": scaling, "learning_rate_init": learning_rate}
    regressor = BackpropRegressor(**params).fit(data, TARGET)
    raw = forward_raw(regressor, RAW)
    assert_allclose(raw[:, 0], regressor.predict(RAW), rtol=1e-9)
    two = BackpropRegressor(**params).fit(data, np.c_[TARGET, -TARGET / 1000])
    assert_allclose(forward_raw(two, RAW), two.predict(RAW), rtol=1e-9)
    counts = BackpropRegressor(loss="poisson", **params).fit(
        data, np.abs(X[:, 0]) * 100
    )
    raw = np.exp(forward_raw(counts, RAW))
    assert_allclose(raw[:, 0], counts.predict(RAW), rtol=1e-9)
    classifier = BackpropClassifier(**params).fit(
        data, np.digitize(X[:, 0], [-0.5, 0.5])
    )
    raw = forward_raw(classifier, RAW)
    assert_allclose(raw, classifier.decision_function(RAW), rtol=1e-8, atol=1e-10)
