"""The diagram shows the numbers of the trace, legibly or not at all."""

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skann import BackpropClassifier, BackpropRegressor
from skann.inspection import NetworkDiagramDisplay, trace_backprop

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_random_state = np.random.RandomState(0)
X = _random_state.rand(20, 3)
Y = X[:, 0] - X[:, 1]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def fit(n_inputs=3, hidden=(2,), y=Y, cls=BackpropRegressor):
    estimator = cls(hidden, "tanh", max_iter=3, random_state=0)
    wide = np.random.RandomState(1).rand(20, n_inputs)
    return wide, estimator.fit(wide, y)


def texts_of(display):
    return [text for text in display.ax_.texts if text.get_text()]


def overlapping(texts):
    """Return the pairs of texts that cover each other."""
    texts[0].figure.canvas.draw()
    boxes = [text.get_window_extent() for text in texts]
    # The glyph at the border of a box is inside of it.
    return [
        (texts[i].get_text(), texts[j].get_text())
        for i in range(len(boxes))
        for j in range(i)
        if boxes[i].padded(-0.5).overlaps(boxes[j].padded(-0.5))
    ]


@pytest.mark.every(5)
@pytest.mark.parametrize("with_sample", [False, True], ids=["weights", "sample"])
@pytest.mark.parametrize(
    ("n_inputs", "hidden"),
    [
        (3, (2,)), (2, (4,)), (4, (5,)), (2, (5, 5)), (3, ()), (10, (20,)),
        (64, (30, 9)), (7, (7,)),
    ],
    ids=str,
)  # fmt: skip
def test_no_text_covers_another(n_inputs, hidden, with_sample):
    wide, regressor = fit(n_inputs, hidden)
    sample = (wide[:1], Y[:1]) if with_sample else ()
    display = NetworkDiagramDisplay.from_estimator(regressor, *sample)
    assert overlapping(texts_of(display)) == []


def test_every_number_of_a_small_network_is_there():
    _, regressor = fit()
    display = NetworkDiagramDisplay.from_estimator(regressor, X[:1], Y[:1])
    written = "\n".join(text.get_text() for text in texts_of(display)).split("\n")
    for layer in trace_backprop(regressor, X[:1], Y[:1]).layers:
        for edge, gradient in zip(
            layer.weights.flat, layer.weight_gradient.flat, strict=True
        ):
            assert f"{edge:.2g}" in written
            assert f"{gradient:.2g}" in written
        for unit in range(layer.biases.size):
            assert f"{layer.activation[0, unit]:.3g}" in written
            assert f"b {layer.biases[unit]:.2g}" in written
            assert f"δ {layer.delta[0, unit]:.2g}" in written
    assert "hidden layer:" in written


def test_the_colour_of_an_edge_is_the_sign_of_its_weight_and_its_width_the_size():
    _, regressor = fit()
    lines = NetworkDiagramDisplay.from_estimator(regressor).ax_.lines
    weights = np.concatenate([layer.ravel() for layer in regressor.coefs_])
    assert len(lines) == weights.size
    colors = [line.get_color() for line in lines]
    assert len(set(colors)) == 2
    for sign in (True, False):
        of_sign = {c for c, w in zip(colors, weights, strict=True) if (w > 0) == sign}
        assert len(of_sign) == 1
    widths = [line.get_linewidth() for line in lines]
    np.testing.assert_array_equal(np.argsort(widths), np.argsort(np.abs(weights)))


def test_of_several_samples_nodes_show_the_mean():
    _, regressor = fit()
    display = NetworkDiagramDisplay.from_estimator(regressor, X, Y)
    trace = trace_backprop(regressor, X, Y)
    np.testing.assert_allclose(display.inputs, trace.layers[0].input.mean(axis=0))
    for layer, traced in zip(display.layers, trace.layers, strict=True):
        np.testing.assert_allclose(layer.activation, traced.activation.mean(axis=0))
        np.testing.assert_allclose(layer.delta, traced.bias_gradient)
    assert "mean of 20 samples" in display.ax_.get_title()


@pytest.mark.parametrize("n_samples", [1, 20])
def test_without_targets_the_nodes_have_values_and_no_derivatives(n_samples):
    _, regressor = fit()
    display = NetworkDiagramDisplay.from_estimator(regressor, X[:n_samples])
    trace = trace_backprop(regressor, X[:n_samples], Y[:n_samples])
    for layer, traced in zip(display.layers, trace.layers, strict=True):
        np.testing.assert_allclose(layer.activation, traced.activation.mean(axis=0))
        assert layer.delta is None
    assert not any("δ" in text.get_text() for text in texts_of(display))
    assert overlapping(texts_of(display)) == []


def test_a_title_of_ones_own_is_above_those_of_the_layers():
    _, regressor = fit()
    display = NetworkDiagramDisplay.from_estimator(regressor)
    title = display.ax_.set_title("My network")
    assert overlapping([title, *texts_of(display)]) == []


def test_numbers_are_left_out_where_there_is_no_room_and_the_legend_says_so():
    wide, regressor = fit(4, (5,))
    _, axes = plt.subplots(1, 2, figsize=(10, 6.5), layout="constrained")
    display = NetworkDiagramDisplay.from_estimator(
        regressor, wide[:1], Y[:1], ax=axes[0]
    )
    assert overlapping(texts_of(display)) == []
    n_edges = len(display.ax_.lines)
    written = [t for t in texts_of(display) if t.get_text().count("\n") == 1]
    on_edges = [t for t in written if t.get_zorder() == 2]
    legend = display.ax_.get_legend().get_title().get_text()
    assert ("where it fits" in legend) == (len(on_edges) < n_edges)
    _, axes = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
    small = NetworkDiagramDisplay.from_estimator(regressor, wide[:1], Y[:1], ax=axes[0])
    assert not any("δ" in text.get_text() for text in texts_of(small))
    assert overlapping(texts_of(small)) == []


def test_nodes_have_numbers_though_the_edges_have_none():
    wide, regressor = fit(2, (6, 6))
    display = NetworkDiagramDisplay.from_estimator(regressor, wide[:1], Y[:1])
    assert sum("δ" in text.get_text() for text in texts_of(display)) == 13
    assert "on it" not in display.ax_.get_legend().get_title().get_text()


def test_a_large_network_is_summarised():
    wide, classifier = fit(784, (100,), np.arange(20) % 10, BackpropClassifier)
    display = NetworkDiagramDisplay.from_estimator(classifier, wide[:1], [3])
    written = [text.get_text() for text in texts_of(display)]
    assert written.count("⋮") == 2
    assert {"x1", "x784", "h1", "h100", "0", "9"} <= set(written)
    assert "h50" not in written
    assert "input\n(784 units)" in written
    assert not any("δ" in text for text in written)


def test_sparse_samples_are_drawn_too():
    _, regressor = fit()
    dense = NetworkDiagramDisplay.from_estimator(regressor, X, Y)
    other = NetworkDiagramDisplay.from_estimator(regressor, sparse.csr_array(X), Y)
    np.testing.assert_allclose(other.inputs, dense.inputs)


def test_nodes_have_the_names_that_they_have_elsewhere():
    frame = pd.DataFrame(X, columns=["age", "height", "mass"])
    classes = np.array(["no", "perhaps", "yes"])[np.digitize(Y, [-0.2, 0.2])]
    classifier = BackpropClassifier((2,), max_iter=2).fit(frame, classes)
    display = NetworkDiagramDisplay.from_estimator(classifier)
    assert display.names[0] == ["age", "height", "mass"]
    assert display.names[-1] == ["no", "perhaps", "yes"]
    binary = BackpropClassifier((2,), max_iter=2).fit(X, Y > 0)
    named = NetworkDiagramDisplay.from_estimator(
        binary, feature_names=["a", "b", "c"], output_names=["up"]
    )
    assert named.names == [["a", "b", "c"], ["h1", "h2"], ["up"]]
    assert NetworkDiagramDisplay.from_estimator(binary).names[-1] == ["p(True)"]


def test_it_is_drawn_where_it_is_told_to_and_changes_nothing():
    _, regressor = fit()
    before = joblib.hash(regressor.__getstate__())
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    display = NetworkDiagramDisplay.from_estimator(regressor, X[:1], Y[:1], ax=left)
    assert display.ax_ is left
    assert display.figure_ is figure
    assert overlapping(texts_of(display)) == []
    assert display.plot(right).ax_ is right
    assert joblib.hash(regressor.__getstate__()) == before


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((None, Y), {}, "y was passed without X"),
        ((), {"feature_names": ["a"]}, "1 names.*3 inputs"),
        ((), {"output_names": ["a", "b"]}, "2 names.*1 outputs"),
    ],
    ids=["y-alone", "feature-names", "output-names"],
)
def test_what_does_not_fit_is_refused(arguments, options, words):
    _, regressor = fit()
    with pytest.raises(ValueError, match=words):
        NetworkDiagramDisplay.from_estimator(regressor, *arguments, **options)
    with pytest.raises(NotFittedError):
        NetworkDiagramDisplay.from_estimator(BackpropRegressor(), *arguments)
