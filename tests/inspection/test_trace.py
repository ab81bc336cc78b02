"""The trace of a step of backpropagation holds the numbers that training uses."""

import re

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skann import BackpropClassifier, BackpropRegressor
from skann.inspection import trace_backprop

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_random_state = np.random.RandomState(0)
X = _random_state.randn(30, 4)
NUMBERS = X[:, 0] - X[:, 1] ** 2
WEIGHT = _random_state.uniform(0.5, 2, 30)

CASES = {
    "regression": (BackpropRegressor((5, 3), "tanh"), NUMBERS),
    "two targets": (BackpropRegressor((5,), "gelu"), np.c_[NUMBERS, -X[:, 2]]),
    "poisson": (BackpropRegressor((5,), loss="poisson"), NUMBERS**2),
    "no hidden layer": (BackpropRegressor(()), NUMBERS),
    "two classes": (BackpropClassifier((5, 3), ["relu", "silu"]), NUMBERS > 0),
    "three classes": (BackpropClassifier((5,)), np.digitize(NUMBERS, [-1, 0.5])),
    "float32": (BackpropClassifier((5,), dtype="float32"), NUMBERS > 0),
    "unscaled, penalty": (BackpropRegressor((5,), scaling=None, alpha=3.0), NUMBERS),
}
EACH_CASE = pytest.mark.parametrize("name", CASES)


def fitted(name, data=X):
    estimator, target = CASES[name]
    estimator.set_params(max_iter=5, random_state=0)
    return estimator.fit(data, target), target


@EACH_CASE
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_the_gradient_is_what_the_deltas_say(name, weight, convert):
    estimator, target = fitted(name, convert(X))
    trace = trace_backprop(estimator, convert(X), target, weight)
    total = 30 if weight is None else weight.sum()
    for layer in trace.layers:
        penalty = estimator.alpha / total * layer.weights
        expected = layer.input.T @ layer.delta + penalty
        assert_allclose(layer.weight_gradient, expected, rtol=1e-9, atol=1e-13)
        assert_allclose(layer.bias_gradient, layer.delta.sum(axis=0), atol=1e-13)
        z = layer.input @ layer.weights + layer.biases
        assert_allclose(layer.pre_activation, z)
    for below, above in zip(trace.layers[:-1], trace.layers[1:], strict=True):
        assert_array_equal(above.input, below.activation)


@EACH_CASE
def test_the_output_is_the_prediction(name):
    estimator, target = fitted(name)
    output = trace_backprop(estimator, X, target).layers[-1]
    if isinstance(estimator, BackpropClassifier):
        expected = estimator.predict_proba(X)
        expected = expected[:, 1:] if output.activation.shape[1] == 1 else expected
        assert_allclose(output.activation, expected, rtol=1e-4)
    elif name == "unscaled, penalty":
        assert_allclose(output.activation[:, 0], estimator.predict(X))
    else:  # a change of unit
        predicted = estimator.predict(X).reshape(30, -1)
        for ours, theirs in zip(output.activation.T, predicted.T, strict=True):
            assert_allclose(np.corrcoef(ours, theirs)[0, 1], 1)


@EACH_CASE
def test_the_update_is_a_step_of_plain_gradient_descent(name):
    estimator, target = fitted(name)
    trace = trace_backprop(estimator, X, target, learning_rate=0.01)
    estimator.set_params(
        solver="sgd", momentum=0.0, batch_size=30, learning_rate_init=0.01,
        shuffle=False,
    )  # fmt: skip
    before = [layer.weights + layer.weight_update for layer in trace.layers]
    biases = [layer.biases + layer.bias_update for layer in trace.layers]
    estimator.partial_fit(X, target)
    assert_allclose(trace.loss, estimator.loss_, rtol=1e-5)
    for mine, theirs in zip(before, estimator.coefs_, strict=True):
        assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
    for mine, theirs in zip(biases, estimator.intercepts_, strict=True):
        assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@EACH_CASE
def test_nothing_is_changed_and_the_rate_is_the_estimators(name):
    estimator, target = fitted(name)
    before = joblib.hash(estimator.__getstate__())
    trace = trace_backprop(estimator, X[:3], target[:3])
    trace.layers[0].weights[...] = 0
    assert joblib.hash(estimator.__getstate__()) == before
    rate = estimator.auto_params_.get("learning_rate_init")
    assert trace.learning_rate == (rate or estimator.learning_rate_init)


@EACH_CASE
def test_the_text_names_every_layer_in_four_steps(name):
    estimator, target = fitted(name)
    trace = trace_backprop(estimator, X[:2], target[:2])
    text, html, latex = str(trace), trace.to_html(), trace.to_latex()
    for step in ("1. Forward", "2. Compare", "3. Backward", "4. Update"):
        assert text.count(step) == html.count(step) == latex.count(step) == 1
    for number, layer in enumerate(trace.layers, start=1):
        for symbol in ("z", "a", "delta", "dJ/dW", "dJ/db", "new W", "new b"):
            assert f"{layer.name:<15} {symbol}_{number} " in text
        assert layer.name in html
        assert rf"\partial J / \partial W_{{{number}}} &= " in latex
        assert rf"W_{{{number}}}^{{\text{{new}}}} &= " in latex
    assert trace._repr_html_() == html
    assert html.count("<table>") == html.count("</table>") == 4
    assert latex.count(r"\begin{") == latex.count(r"\end{")
    assert "_" not in latex.replace("_{", "")


def test_large_arrays_are_summarised():
    estimator, target = fitted("three classes")
    text = str(trace_backprop(estimator, X, target))
    assert "30 x 5 numbers from" in text
    assert len(text) < 4000


@pytest.mark.parametrize("rate", [0.0, -1.0, "fast"])
def test_a_strange_rate_is_refused(rate):
    estimator, target = fitted("regression")
    with pytest.raises((ValueError, TypeError), match="learning_rate"):
        trace_backprop(estimator, X, target, learning_rate=rate)


def test_there_is_nothing_to_trace_before_fit():
    with pytest.raises(NotFittedError):
        trace_backprop(BackpropRegressor(), X, NUMBERS)


@pytest.mark.parametrize("show", [str, lambda t: t.to_html(), lambda t: t.to_latex()])
def test_digits_are_those_that_are_named_or_those_of_numpy(show):
    regressor = BackpropRegressor.from_weights([[[1 / 3]]], [[0.0]], alpha=0.0)
    rows = [[1.0]], [0.0]
    assert "0.333" in show(trace_backprop(regressor, *rows, digits=3))
    assert "0.3333" not in show(trace_backprop(regressor, *rows, digits=3))
    trace = trace_backprop(regressor, *rows)
    assert "0.33333333" in show(trace)
    with np.printoptions(precision=2):
        assert "0.333" not in show(trace)


def test_a_large_number_of_digits_in_latex_is_a_power_of_ten():
    regressor = BackpropRegressor.from_weights([[[1.5e-20]]], [[0.0]], alpha=0.0)
    latex = trace_backprop(regressor, [[1.0]], [0.0]).to_latex()
    assert r"1.5 \cdot 10^{-20}" in latex


def assert_balanced(latex):
    """Fail if a brace or an environment is not closed, or not the last one open."""
    open_ones = []
    for token in re.findall(r"\\\\|\\[{}]|[{}]|\\(?:begin|end)\{[a-z*]+\}", latex):
        if token in ("{",) or token.startswith(r"\begin"):
            open_ones.append(token.replace("begin", "end"))
        elif token == "}":
            assert open_ones.pop() == "{"
        elif token.startswith(r"\end"):
            assert open_ones.pop() == token
    assert open_ones == []


@EACH_CASE
def test_latex_is_balanced_and_has_the_columns_that_it_announces(name):
    estimator, target = fitted(name)
    trace = trace_backprop(estimator, X[:2], target[:2])
    for latex in (trace.to_latex(), trace.to_slides("50 % of {x} & a\\b_c^d~e#$")):
        assert_balanced(latex)
        assert latex.count("\\begin{align*}") == 4
        for row in re.findall(r"(?m)^.*&&.*$", latex):
            outside = re.sub(r"\\begin\{pmatrix\}.*?\\end\{pmatrix\}", "", row)
            assert outside.count("&") == 3


def test_slides_are_a_whole_document():
    regressor = BackpropRegressor.from_weights([[[2.0]]], [[0.0]], alpha=0.0)
    trace = trace_backprop(regressor, [[1.0]], [0.0])
    slides = trace.to_slides("Loss & error_1")
    assert slides.startswith(r"\documentclass{beamer}")
    assert slides.rstrip().endswith(r"\end{document}")
    assert slides.count(r"\begin{frame}") == 4
    assert r"\title{Loss \& error\_1}" in slides
    # Each slide has the equations of its paragraph.
    for part in trace.to_latex().split(r"\paragraph")[1:]:
        assert part.partition("\n")[2].rstrip() in slides


@pytest.mark.parametrize("digits", [-1, 2.5, "3"])
def test_digits_that_are_no_number_are_refused(digits):
    regressor = BackpropRegressor.from_weights([[[1.0]]], [[0.0]])
    with pytest.raises((TypeError, ValueError), match="digits"):
        trace_backprop(regressor, [[1.0]], [0.0], digits=digits)
