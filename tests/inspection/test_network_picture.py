"""Names stand beside nodes, and nothing covers anything, whatever is drawn."""

import numpy as np
import pandas as pd
import pytest

from skann import BackpropClassifier, BackpropRegressor
from skann.inspection import NetworkDiagramDisplay
from skann.inspection.text_fitting import is_formula, wrapped

plt = pytest.importorskip("matplotlib.pyplot")
Bbox = pytest.importorskip("matplotlib.transforms").Bbox
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def table(n_samples=120):
    random_state = np.random.RandomState(0)
    pay = random_state.rand(n_samples)
    pay[::7] = np.nan
    return pd.DataFrame(
        {
            "age": random_state.rand(n_samples),
            "pay": pay,
            "sex": pd.Categorical(random_state.choice(["f", "m"], n_samples)),
            "city of residence": pd.Categorical(
                random_state.choice(list("abcdef"), n_samples)
            ),
        }
    )


def network(n_inputs, hidden, n_outputs=1, **options):
    random_state = np.random.RandomState(1)
    X = random_state.rand(20, n_inputs)
    y = random_state.rand(20, n_outputs) if n_outputs > 1 else random_state.rand(20)
    options = {"max_iter": 1, "random_state": 0, **options}
    return X, y, BackpropRegressor(hidden, "tanh", **options).fit(X, y)


def default_classifier(X, **options):
    y = np.array(["no", "perhaps", "yes"])[np.arange(len(X)) % 3]
    return BackpropClassifier(n_members=4, max_iter=1, random_state=0, **options).fit(
        X, y
    )


def boxes_of(display):
    """Return the boxes of all texts, those of titles and legend included, by text."""
    display.figure_.draw_without_rendering()
    texts = [text for text in display.ax_.texts if text.get_text().strip()]
    texts.append(display.ax_.title)
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    return [*boxes, ("legend", display.ax_.get_legend().get_window_extent())]


def circles_of(display):
    """Return the boxes of the nodes themselves, without what stands behind them."""
    boxes = []
    for circle in display.ax_.collections:
        if circle.get_zorder() == 3:
            (center,) = display.ax_.transData.transform(circle.get_offsets())
            radius = np.sqrt(circle.get_sizes()[0]) / 2 * display.figure_.dpi / 72
            boxes.append(Bbox([center - radius, center + radius]))
    return boxes


def overlap(box, other):
    # The glyph at the border of a box is inside of it.
    return box.padded(-0.5).overlaps(other.padded(-0.5))


def assert_nothing_overlaps(display):
    boxes, circles = boxes_of(display), circles_of(display)
    covered = [
        (boxes[i][0], boxes[j][0])
        for i in range(len(boxes))
        for j in range(i)
        if overlap(boxes[i][1], boxes[j][1])
    ]
    assert covered == []
    # A text is within a node or outside of it.
    assert [
        text
        for circle in circles
        for text, box in boxes
        if overlap(circle.padded(-1), box)
        and not (
            circle.x0 <= box.x0 <= box.x1 <= circle.x1
            and circle.y0 <= box.y0 <= box.y1 <= circle.y1
        )
    ] == []
    assert not any(
        overlap(circles[i], circles[j]) for i in range(len(circles)) for j in range(i)
    )
    canvas = display.figure_.bbox
    assert [
        text
        for text, box in boxes
        if not canvas.x0 - 1 <= box.x0 <= box.x1 <= canvas.x1 + 1
    ] == []


LONG = [
    "sepal length (cm)", "a_name_that_is_longer_than_all_the_others_of_this_table",
    r"$\alpha_1^2$", "US$ and cost in $", "a$_$", "mean fractal dimension, worst",
]  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "figsize", "what"),
    [
        ((1, 1, 1), None, "derivatives"),
        ((3, 3, 3), None, "derivatives"),
        ((6, 6, 6), None, "derivatives"),
        ((10, 10, 10), None, "weights"),
        ((10, 10, 10), None, "values"),
        ((10, 10, 10, 10), None, "derivatives"),
        ((6, 5, 2), (6.4, 4.8), "derivatives"),
        ((10, 10, 10), (5, 4), "values"),
        ((6, 2, 2, 2, 2, 2), (7, 3), "weights"),
        ((3, 4, 1), (9, 4.6), "weights"),
        ((4, 5, 1), (11, 6), "derivatives"),
    ],
    ids=str,
)
def test_nothing_overlaps_at_any_size(sizes, figsize, what):
    X, y, regressor = network(sizes[0], sizes[1:-1], sizes[-1])
    data = {"weights": (), "values": (X[:1],), "derivatives": (X[:1], y[:1])}[what]
    names = (LONG * 2)[: sizes[0]]
    ax = None
    if figsize is not None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    display = NetworkDiagramDisplay.from_estimator(
        regressor, *data, feature_names=names, ax=ax
    )
    assert_nothing_overlaps(display)


def test_very_small_and_large_values_stay_in_their_nodes():
    _, _, regressor = network(3, (3,), scaling=None)
    display = NetworkDiagramDisplay.from_estimator(
        regressor, [[-1.234e-05, 1.234e15, -0.0001234]]
    )
    assert "-1.23e-05" in [text.get_text() for text in display.ax_.texts]
    assert_nothing_overlaps(display)


def test_a_name_is_whole_beside_its_node():
    _, _, regressor = network(3, (2,))
    names = ["sepal length (cm)", "a$_$", "$x_3$"]
    display = NetworkDiagramDisplay.from_estimator(
        regressor, feature_names=names, output_names=["the width of the petal"]
    )
    texts = {text.get_text(): text for text in display.ax_.texts}
    assert {*names, "the width of the petal"} <= set(texts)
    assert [texts[name].get_parse_math() for name in names] == [False, False, True]
    circles = circles_of(display)
    for name in names:
        assert texts[name].get_window_extent().x1 < min(box.x0 for box in circles)
    right = texts["the width of the petal"].get_window_extent()
    assert right.x0 > max(box.x1 for box in circles)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$x_1$", True),
        (r"$\alpha$ of $y^2$", True),
        ("x_1", False),
        ("price in $", False),
        ("$ and $", False),
        ("a$_$", False),
        (r"$\nonsense{$", False),
        ("$$", False),
        ("US$ per m$^2$", False),
    ],
)
def test_a_formula_is_told_from_money(text, expected):
    assert is_formula(text) == expected


@pytest.mark.parametrize(
    ("text", "n_lines", "expected"),
    [
        ("mean fractal dimension", 2, "mean fractal\ndimension"),
        ("mean_radius_error", 2, "mean_radius_\nerror"),
        ("one two three", 3, "one\ntwo\nthree"),
        ("word", 2, None),
    ],
)
def test_lines_end_between_words(text, n_lines, expected):
    assert wrapped(text, n_lines) == expected


# ------------------------------------------------------------------- tables, cosines


def written(display):
    return [text.get_text() for text in display.ax_.texts]


def test_the_default_network_is_drawn_as_what_it_is():
    display = NetworkDiagramDisplay.from_estimator(default_classifier(table()))
    texts = written(display)
    for text in (
        "X\n(4 columns)", "age", "city of residence", "is missing", "= m",
        "6 indicators", "mean of\n4 members", "no", "perhaps", "yes",
    ):  # fmt: skip
        assert texts.count(text) == 1
    assert texts.count("scaled") == texts.count("3 cosines") == 2
    assert display.ax_.get_title().endswith("the first of 4")
    # Those that have no sign are neutral: links, groups and the mean.
    colors = {line.get_color() for line in display.ax_.lines}
    assert len(colors) == 3
    assert_nothing_overlaps(display)


@pytest.mark.parametrize(
    ("n_columns", "options"),
    [(1, {}), (7, {}), (3, {"n_frequencies": 0})],
    ids=str,
)
def test_tables_of_any_width_are_drawn(n_columns, options):
    X = np.random.RandomState(0).rand(120, n_columns)
    display = NetworkDiagramDisplay.from_estimator(default_classifier(X, **options))
    assert ("3 cosines" in written(display)) == (not options)
    assert_nothing_overlaps(display)


def test_a_column_stands_for_its_inputs_and_no_others():
    classifier = default_classifier(table(), hidden_layer_sizes=(3,), n_frequencies=3)
    display = NetworkDiagramDisplay.from_estimator(classifier)
    numbers = [
        number
        for column in display.columns
        for _, inputs in column.inputs
        for number in inputs
    ]
    assert sorted(numbers) == list(range(len(classifier.member(0).coefs_[0])))
    # The network's own weights of a column are those that the picture shows of it.
    of_column = classifier.member(0).input_weights()
    for column in display.columns[:2]:
        shown = dict(column.inputs)
        rows = classifier.member(0).coefs_[0][shown["3 cosines"]]
        np.testing.assert_allclose(rows, of_column[column.name][1:])


def test_a_column_of_many_levels_has_a_vector():
    X = table(1200).assign(town=pd.Categorical([f"t{k % 100}" for k in range(1200)]))
    classifier = default_classifier(X)
    display = NetworkDiagramDisplay.from_estimator(classifier)
    assert "vector" in written(display)
    assert display.names[0][0] == "town, 1"
    assert len(display.names[0]) == len(classifier.member(0).coefs_[0])
    assert_nothing_overlaps(display)


def test_cosines_of_a_single_network_have_values():
    X, y, regressor = network(2, (2,), n_frequencies=2)
    display = NetworkDiagramDisplay.from_estimator(regressor, X[:1], y[:1])
    assert len(display.inputs) == 6
    assert display.names[0][:3] == ["x1", "x2", "cosine 1 of x1"]
    assert f"{display.inputs[0]:.3g}" in written(display)
    assert_nothing_overlaps(display)


def test_inputs_of_a_stream_stand_by_recent_rows_as_well():
    X = np.random.RandomState(0).randn(40, 2)
    stream = BackpropRegressor((3,), scaling="stream", random_state=0)
    stream.partial_fit(X, X[:, 0])
    display = NetworkDiagramDisplay.from_estimator(stream, X[:1], X[:1, 0])
    expected = ["x1", "x2", "x1 by recent rows", "x2 by recent rows"]
    assert display.names[0] == expected
    assert len(stream.coefs_[0]) == len(expected)
    assert_nothing_overlaps(display)


def test_a_sample_asks_for_one_network():
    X = table()
    with pytest.raises(ValueError, match=r"estimator.member\(0\)"):
        NetworkDiagramDisplay.from_estimator(default_classifier(X), X[:1])
