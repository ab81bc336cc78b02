"""The displays draw what the estimator holds, where they are told to."""

import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.callbacks import ParameterRecorder
from skann.datasets import make_curve, make_logic_gate
from skann.inspection import (
    ActivationDisplay,
    ErrorSurfaceDisplay,
    LossCurveDisplay,
    NetworkDiagramDisplay,
    ParameterPathDisplay,
    UnitContributionDisplay,
    WeightImageDisplay,
    animate_epochs,
    trace_backprop,
)

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_curve("sine", random_state=0)
IMAGES, DIGITS = load_digits(return_X_y=True)
KINDS = pytest.mark.parametrize("kind", ["contour", "surface"])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def fit(hidden=(3,), X=X, y=Y, **params):
    recorder = ParameterRecorder()
    settings = {"max_iter": 12, "random_state": 0, **params}
    regressor = BackpropRegressor(hidden, "tanh", **settings)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return regressor.set_callbacks(recorder).fit(X, y), recorder


REGRESSOR, RECORDER = fit()
with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
    CLASSIFIER = BackpropClassifier(
        (20,), max_iter=5, early_stopping=True, random_state=0
    ).fit(IMAGES, DIGITS)

DRAW = {
    "activations": lambda ax: ActivationDisplay.from_estimator(REGRESSOR, ax=ax),
    "loss": lambda ax: LossCurveDisplay.from_estimator(CLASSIFIER, ax=ax),
    "paths": lambda ax: ParameterPathDisplay.from_recorder(RECORDER, ax=ax),
    "contours": lambda ax: ErrorSurfaceDisplay.from_estimator(
        REGRESSOR, X, Y, grid_resolution=3, recorder=RECORDER, ax=ax
    ),
    "error curve": lambda ax: ErrorSurfaceDisplay.from_estimator(
        REGRESSOR, X, Y, parameters=[(0, 0, 0)], grid_resolution=3, ax=ax
    ),
    "units": lambda ax: UnitContributionDisplay.from_estimator(REGRESSOR, X, Y, ax=ax),
    "images": lambda ax: WeightImageDisplay.from_estimator(CLASSIFIER, (8, 8), ax=ax),
}


@pytest.mark.parametrize("name", DRAW)
def test_a_display_draws_where_it_is_told_to(name):
    figure, ax = plt.subplots()
    display = DRAW[name](ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.get_title()
    again = display.plot()
    assert again is display
    assert display.ax_ is not ax
    assert display.figure_ is display.ax_.figure


@pytest.mark.parametrize("name", DRAW)
def test_a_display_does_not_change_the_estimator(name):
    # What a pickle holds: what was computed from it, such as the network, may come.
    def state():
        of_estimators = REGRESSOR.__getstate__(), CLASSIFIER.__getstate__()
        return joblib.hash([*of_estimators, vars(RECORDER)])

    before = state()
    DRAW[name](None)
    assert state() == before


@pytest.mark.parametrize("name", DRAW)
def test_a_picture_explains_itself(name):
    ax = DRAW[name](None).ax_
    if name != "images":
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert name == "loss" or ax.get_legend() is not None
    else:
        (_, bar) = ax.figure.axes
        assert "weight" in bar.get_ylabel()


@pytest.mark.parametrize(
    "draw",
    [
        ActivationDisplay.from_estimator,
        LossCurveDisplay.from_estimator,
        lambda e: ErrorSurfaceDisplay.from_estimator(e, X, Y),
        lambda e: UnitContributionDisplay.from_estimator(e, X),
        lambda e: WeightImageDisplay.from_estimator(e, (1, 1)),
    ],
    ids=["activations", "loss", "surface", "units", "images"],
)
def test_an_estimator_must_be_fitted(draw):
    with pytest.raises(NotFittedError):
        draw(BackpropRegressor())


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (
            MLPRegressor(hidden_layer_sizes=(2,), max_iter=5),
            "MLPRegressor.*mlp.loss_curve_",
        ),
        (make_pipeline(BackpropRegressor(())), r"Pipeline.*pipeline\[-1\]"),
        (LinearRegression(), "LinearRegression, which has no history_"),
    ],
)
def test_the_loss_curve_of_another_estimator_is_refused(estimator, words):
    with pytest.raises(TypeError, match=words):
        LossCurveDisplay.from_estimator(estimator.fit(X, Y))


def test_activations_are_drawn_with_their_slopes():
    display = ActivationDisplay.from_activations(["logistic", "relu"])
    z = display.pre_activation
    value, slope = display.curves["logistic"]
    assert_allclose(value, 1 / (1 + np.exp(-z)))
    assert_allclose(slope, value * (1 - value))
    assert_array_equal(display.curves["relu"][0], np.maximum(z, 0))
    assert len(display.ax_.get_legend().texts) == 4


def test_each_activation_of_an_estimator_is_drawn_once():
    estimator = BackpropRegressor((2, 2, 2), ["tanh", "gelu", "tanh"], max_iter=1)
    display = ActivationDisplay.from_estimator(estimator.fit(X, Y))
    assert list(display.curves) == ["tanh", "gelu"]
    with pytest.raises(ValueError, match="no hidden layers"):
        ActivationDisplay.from_estimator(fit(())[0])


def test_the_loss_curve_is_the_history():
    display = LossCurveDisplay.from_estimator(CLASSIFIER)
    (loss,) = display.ax_.lines
    (score,) = display.score_ax_.lines
    assert_array_equal(loss.get_ydata(), CLASSIFIER.loss_curve_)
    assert_array_equal(score.get_ydata(), CLASSIFIER.validation_scores_)
    assert "accuracy" in display.score_ax_.get_ylabel()
    assert LossCurveDisplay.from_estimator(REGRESSOR).score_ax_ is None


def test_two_loss_curves_share_axes_and_legend():
    first = LossCurveDisplay.from_estimator(CLASSIFIER, name="a")
    second = LossCurveDisplay.from_estimator(
        CLASSIFIER, name="b", ax=first.ax_, score_ax=first.score_ax_
    )
    names = [text.get_text() for text in second.ax_.get_legend().texts]
    assert names == [
        "a: training loss",
        "b: training loss",
        "a: validation score",
        "b: validation score",
    ]
    lines = [*first.ax_.lines, *first.score_ax_.lines]
    assert len({line.get_color() for line in lines}) == 4


@pytest.mark.parametrize(
    ("scoring", "words"), [("loss", "negative loss"), ("r2", "r2")]
)
def test_the_score_has_its_name(scoring, words):
    regressor, _ = fit(early_stopping=True, scoring=scoring)
    display = LossCurveDisplay.from_estimator(regressor)
    assert words in display.score_ax_.get_ylabel()


@pytest.mark.parametrize("kind", ["value", "gradient"])
def test_a_path_is_what_was_recorded(kind):
    display = ParameterPathDisplay.from_recorder(
        RECORDER, [(0, 0, 2), (1, 0)], kind=kind
    )
    assert list(display.paths) == ["coefs_[0][0, 2]", "intercepts_[1][0]"]
    coefs, intercepts = (
        (RECORDER.coefs_, RECORDER.intercepts_)
        if kind == "value"
        else (RECORDER.coef_gradients_, RECORDER.intercept_gradients_)
    )
    weight, bias = display.paths.values()
    assert weight == [layers[0][0, 2] for layers in coefs]
    assert bias == [layers[1][0] for layers in intercepts]
    assert display.epochs == [0, *range(1, REGRESSOR.n_iter_ + 1)]
    assert display.ax_.get_xscale() == "symlog"


def test_all_paths_of_a_small_network_and_a_summary_of_a_large_one():
    assert len(ParameterPathDisplay.from_recorder(RECORDER).paths) == 10
    regressor, recorder = fit((30, 5))
    paths = ParameterPathDisplay.from_recorder(recorder).paths
    names = ("coefs_", "intercepts_")
    assert list(paths) == [f"{name}[{layer}]" for name in names for layer in range(3)]
    assert_allclose(paths["coefs_[1]"][-1] ** 2, np.mean(regressor.coefs_[1] ** 2))


@pytest.mark.parametrize(
    "parameter", [(2, 0), (0, 1, 0), (0, 0, 3), (0, 3), (0,), (0, 0, 0, 0), (-1, 0)]
)
def test_a_parameter_that_does_not_exist_is_named(parameter):
    with pytest.raises(ValueError, match=r"no parameter.*\(1, 3\), \(3, 1\)"):
        ParameterPathDisplay.from_recorder(RECORDER, [parameter])
    with pytest.raises(ValueError, match="no parameter"):
        ErrorSurfaceDisplay.from_estimator(REGRESSOR, X, Y, parameters=[parameter])


def test_a_path_needs_a_record_and_a_kind():
    with pytest.raises(ValueError, match="set_callbacks"):
        ParameterPathDisplay.from_recorder(ParameterRecorder())
    with pytest.raises(ValueError, match="'speed'"):
        ParameterPathDisplay.from_recorder(RECORDER, kind="speed")


@KINDS
@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, len(Y))], ids=["1", "w"])
def test_the_surface_is_the_objective(kind, weight):
    display = ErrorSurfaceDisplay.from_estimator(
        REGRESSOR, X, Y, weight, parameters=[(0, 0, 1), (1, 0)], span=(2, 1),
        grid_resolution=3, kind=kind,
    )  # fmt: skip
    assert display.losses.shape == (3, 3)
    weights, biases = display.values
    assert_allclose(weights, REGRESSOR.coefs_[0][0, 1] + np.array([-2, 0, 2]))
    assert_allclose(biases, REGRESSOR.intercepts_[1][0] + np.array([-1, 0, 1]))
    assert display.labels == ["coefs_[0][0, 1]", "intercepts_[1][0]"]
    moved, _ = fit()
    moved.coefs_[0][0, 1] += 2
    moved.intercepts_[1][0] -= 1
    assert_allclose(display.losses[2, 0], trace_backprop(moved, X, Y, weight).loss)
    expected = trace_backprop(REGRESSOR, X, Y, weight).loss
    assert_allclose(display.losses[1, 1], expected)
    assert_allclose(display.trained[-1], expected)


def test_one_parameter_makes_a_curve():
    display = ErrorSurfaceDisplay.from_estimator(
        REGRESSOR, X, Y, parameters=[(0, 0, 1)], recorder=RECORDER
    )
    assert display.losses.shape == (41,)
    recorded = [layers[0][0, 1] for layers in RECORDER.coefs_]
    assert_allclose(display.path[:, 0], recorded)
    assert_allclose(display.path[:, 1], RECORDER.losses_)
    low, high = display.values[0][[0, -1]]
    assert low < min(recorded) < max(recorded) < high


def test_the_plane_of_a_path_holds_most_of_it():
    display = ErrorSurfaceDisplay.from_estimator(
        REGRESSOR, X, Y, recorder=RECORDER, grid_resolution=5
    )
    assert_allclose(display.path[-1], display.trained, atol=1e-12)
    share = sum(float(label.split("(")[1].split("%")[0]) for label in display.labels)
    assert 95 < share <= 101
    # Nearly all of the path lies in the plane, so its losses are nearly the plane's.
    assert_allclose(display.path[:, 2], RECORDER.losses_, rtol=0.05)


def test_random_directions_can_be_drawn_again():
    def losses(random_state):
        return ErrorSurfaceDisplay.from_estimator(
            CLASSIFIER, IMAGES, DIGITS, grid_resolution=3, random_state=random_state
        ).losses

    assert_array_equal(losses(0), losses(0))
    assert not np.array_equal(losses(0), losses(1))


def test_a_surface_may_be_too_high_to_draw():
    regressor, _ = fit(loss="poisson")
    display = ErrorSurfaceDisplay.from_estimator(
        regressor, X, Y, parameters=[(1, 0, 0), (1, 0)], span=1e4, grid_resolution=5
    )
    assert not np.isfinite(display.losses).all()
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parameters": []}, "Got 0"),
        ({"parameters": [(0, 0), (1, 0), (0, 0, 0)]}, "Got 3"),
        ({"parameters": [(0, 0), (0, 0)]}, r"intercepts_\[0\]\[0\] is given twice"),
        ({"span": 0}, "span"),
        ({"span": np.nan}, "span"),
        ({"grid_resolution": 1}, "grid_resolution"),
        ({"kind": "map"}, "'map'"),
        ({"recorder": ParameterRecorder()}, "recorded nothing"),
        ({"recorder": fit((4,))[1]}, "13 parameters.*has 10"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_surface_that_makes_no_sense_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        ErrorSurfaceDisplay.from_estimator(REGRESSOR, X, Y, **options)


def test_a_surface_needs_three_dimensions():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match='projection="3d"'):
        ErrorSurfaceDisplay.from_estimator(
            REGRESSOR, X, Y, grid_resolution=3, kind="surface", ax=ax
        )


@pytest.mark.parametrize("scaling", ["standard", "minmax", None])
@pytest.mark.parametrize("hidden", [(3,), (4, 2)], ids=str)
def test_the_contributions_add_up_to_the_prediction(hidden, scaling):
    regressor, _ = fit(hidden, scaling=scaling)
    display = UnitContributionDisplay.from_estimator(regressor, X, Y)
    total = display.bias + display.contributions.sum(axis=1)
    assert_allclose(display.output, total)
    assert_allclose(regressor.predict(display.x[:, np.newaxis]), total)
    assert display.contributions.shape[1] == hidden[-1]


def test_the_contributions_to_one_of_several_outputs():
    both = np.c_[Y, -Y]
    regressor, _ = fit(y=both)
    display = UnitContributionDisplay.from_estimator(regressor, X, both, output=1)
    assert_allclose(regressor.predict(display.x[:, np.newaxis])[:, 1], display.output)
    assert_array_equal(display.data[1], -Y)


@pytest.mark.parametrize(
    ("estimator", "options", "words"),
    [
        (CLASSIFIER, {}, "one input. This one has 64"),
        (fit(())[0], {}, "no hidden units"),
        (REGRESSOR, {"output": 1}, "output"),
    ],
    ids=["features", "no-hidden-layer", "output"],
)
def test_contributions_that_make_no_sense_are_refused(estimator, options, words):
    with pytest.raises(ValueError, match=words):
        UnitContributionDisplay.from_estimator(estimator, X, Y, **options)


def test_images_are_the_weights_of_the_units_with_the_largest_outputs():
    display = WeightImageDisplay.from_estimator(CLASSIFIER, (8, 8), n_units=3)
    norms = np.linalg.norm(CLASSIFIER.coefs_[1], axis=1)
    assert_array_equal(np.sort(display.units), np.sort(np.argsort(norms)[-3:]))
    for unit, image in zip(display.units, display.images, strict=True):
        assert_array_equal(image.ravel(), CLASSIFIER.coefs_[0][:, unit])
    with pytest.raises(ValueError, match=r"12 pixels.*64 inputs"):
        WeightImageDisplay.from_estimator(CLASSIFIER, (3, 4))


def test_images_without_a_hidden_layer_are_those_of_the_classes():
    classifier = BackpropClassifier((), max_iter=2).fit(IMAGES, DIGITS)
    display = WeightImageDisplay.from_estimator(classifier, (8, 8))
    assert_array_equal(display.units, range(10))


def test_the_estimator_of_an_epoch_is_the_one_that_stops_there():
    shorter, _ = fit(max_iter=4)
    earlier = RECORDER.estimator_at(REGRESSOR, 4)
    assert_array_equal(earlier.predict(X), shorter.predict(X))
    assert earlier.loss_curve_ == shorter.loss_curve_
    assert earlier.history_["loss"] == shorter.history_["loss"]
    assert earlier.n_iter_ == 4
    assert check_gradient(earlier, X, Y).passed
    assert REGRESSOR.n_iter_ == 12
    earlier.coefs_[0][...] = 0  # not what was recorded
    assert RECORDER.coefs_[4][0].all()
    with pytest.raises(ValueError, match="The recorded epochs are 0 to 12"):
        RECORDER.estimator_at(REGRESSOR, 13)


def test_an_animation_shows_the_epochs(tmp_path):
    image = pytest.importorskip("PIL.Image")
    inputs, gate = make_logic_gate("xor", random_state=0)
    recorder = ParameterRecorder()
    classifier = BackpropClassifier((4,), max_iter=8, random_state=0)
    classifier.set_callbacks(recorder).fit(inputs, gate)
    drawn = []

    def draw(estimator, figure):
        drawn.append((len(estimator.loss_curve_), len(figure.axes)))
        LossCurveDisplay.from_estimator(estimator, ax=figure.subplots())

    path = tmp_path / "xor.gif"
    animation = animate_epochs(
        draw, classifier, recorder, epochs=[0, 3, 8], path=path, figsize=(3, 2)
    )
    # Each frame into an empty figure.
    assert [frame for frame in drawn if frame[0]] == [(3, 0), (8, 0)]
    assert animation._fig.get_suptitle() == "After epoch 8"
    with image.open(path) as gif:
        assert gif.n_frames == 3
    with pytest.raises(ValueError, match="Epoch 9"):
        animate_epochs(draw, classifier, recorder, epochs=[9])


def test_an_animation_of_a_long_training_has_few_frames():
    regressor, recorder = fit(max_iter=200, tol=0)
    seen = []
    animation = animate_epochs(
        lambda estimator, figure: seen.append(estimator.n_iter_), regressor, recorder
    )
    animation.to_jshtml()
    shown = sorted(set(seen))
    assert shown[:4] == [0, 1, 2, 3]
    assert shown[-1] == 200
    assert len(shown) <= 31


# ------------------------------------------------------------------- several networks

with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
    OPTIONS = {"n_members": 3, "max_iter": 3, "random_state": 0}
    CURVES = BackpropRegressor((3,), "tanh", **OPTIONS).fit(X, Y)
    OF_COSINES = BackpropRegressor((3,), n_frequencies=2, **OPTIONS).fit(X, Y)
    PICTURES = BackpropClassifier((20,), **OPTIONS).fit(IMAGES, DIGITS)

# Cycles that end after 8 and 24 epochs, the second of which is better.
SHORT = {"max_iter": 24, "learning_rate_init": 0.01, "random_state": 0}

LOOKS_AT_ONE = {
    "contours": lambda regressor: ErrorSurfaceDisplay.from_estimator(
        regressor, X, Y, grid_resolution=3
    ),
    "units": lambda regressor: UnitContributionDisplay.from_estimator(regressor, X),
    "diagram of a sample": lambda regressor: NetworkDiagramDisplay.from_estimator(
        regressor, X[:1], Y[:1]
    ),
    "trace": lambda regressor: trace_backprop(regressor, X, Y),
    "check": lambda regressor: check_gradient(regressor, X, Y),
    "input weights": lambda regressor: regressor.input_weights(),
}
each_look = pytest.mark.parametrize("name", LOOKS_AT_ONE)


@each_look
@pytest.mark.parametrize("regressor", [CURVES, OF_COSINES], ids=["", "cosines"])
def test_who_looks_at_one_network_is_told_of_several(name, regressor):
    with pytest.raises(
        ValueError, match=r"ensemble of 3 networks.*estimator\.member\(0\)"
    ):
        LOOKS_AT_ONE[name](regressor)


@each_look
@pytest.mark.parametrize("regressor", [CURVES, OF_COSINES], ids=["", "cosines"])
def test_each_of_several_networks_can_be_looked_at(name, regressor):
    for number in (0, 2):
        assert LOOKS_AT_ONE[name](regressor.member(number)) is not None


def test_images_of_weights_and_folded_weights_are_those_of_one_network():
    with pytest.raises(ValueError, match="ensemble of 3 networks"):
        WeightImageDisplay.from_estimator(PICTURES, (8, 8))
    WeightImageDisplay.from_estimator(PICTURES.member(1), (8, 8))
    with pytest.raises(ValueError, match="ensemble of 3 networks"):
        CURVES.fold_scaling()
    assert len(CURVES.member(0).fold_scaling()) == 2


def test_the_loss_of_several_networks_is_drawn():
    display = LossCurveDisplay.from_estimator(CURVES)
    assert_array_equal(display.losses, CURVES.loss_curve_)
    assert display.oof_losses is None  # three members leave out no folds
    assert display.ax_.get_ylabel().startswith("training loss")
    assert display.ax_.get_legend() is None


def test_the_out_of_fold_loss_is_drawn_where_cycles_end():
    regressor = BackpropRegressor((4,), n_members=4, learning_rate="cycles", **SHORT)
    display = LossCurveDisplay.from_estimator(regressor.fit(X, Y))
    curve, points = display.ax_.lines
    assert_array_equal(curve.get_ydata(), regressor.loss_curve_)
    assert points.get_xdata().tolist() == [8, 24]
    oof_loss = regressor.history_["oof_loss"]
    assert points.get_ydata().tolist() == [oof_loss[7], oof_loss[23]]
    assert points.get_linestyle() == "None"
    assert curve.get_color() == points.get_color()
    assert display.ax_.get_ylabel() == "loss (squared_error + L2 penalty)"
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["training loss", "out-of-fold loss (after each cycle)"]
    assert display.score_ax_ is None


def test_the_out_of_fold_losses_of_two_estimators_have_their_names():
    ax = None
    for name, n_members in [("four", 4), ("one", 1)]:
        regressor = BackpropRegressor(
            (4,), n_members=n_members, learning_rate="cycles", **SHORT
        ).fit(X, Y)
        display = LossCurveDisplay.from_estimator(regressor, name=name, ax=ax)
        ax = display.ax_
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        "four: training loss",
        "four: out-of-fold loss (after each cycle)",
        "one: training loss",
    ]
    colors = [line.get_color() for line in ax.lines]
    assert colors[0] == colors[1] != colors[2]
    assert ax.get_ylabel().startswith("loss")
