"""Docstrings that describe the same thing do it in the same words.

After scikit-learn's tests/test_docstring_parameters_consistency.py. Its helper is
private, and tells functions apart by their names: of the two methods `partial_fit` it
would see one, and compare nothing.
"""

import inspect

import numpy as np
import pytest
from numpydoc.docscrape import NumpyDocString

import skann
from skann import BackpropClassifier, BackpropRegressor, inspection

# In a table it says that an entry is described in words of its own.
OWN = "words of its own"


def entries(thing, section):
    """Return the type and description of each entry of a section, by its name."""
    parsed = NumpyDocString(inspect.getdoc(thing))
    return {
        entry.name: " ".join([entry.type, ":", *entry.desc]).split()
        for entry in parsed[section]
    }


def difference(ours, theirs, replaced):
    """Return in which words two entries differ after replacements, or None."""
    if replaced == OWN:
        return f"{OWN}, but they are the same" if ours == theirs else None
    text, wanted = " ".join(ours), " ".join(theirs)
    for phrase, other in replaced.items():
        if phrase not in text:
            return f"{phrase!r} is not in {text!r}"
        text = text.replace(phrase, other)
    return None if text == wanted else f"{text!r}\nis not\n{wanted!r}"


def differences(ours, theirs, table):
    """Return how the shared entries differ, apart from what the table says."""
    shared = [name for name in ours if name in theirs]
    found = [
        f"{name}: {problem}"
        for name in shared
        if (problem := difference(ours[name], theirs[name], table.get(name, {})))
    ]
    return found + [f"{name} is not shared" for name in table if name not in shared]


# ------------------------------------------------------------------ the two estimators

# What the classifier says, and what the regressor says instead.
OF_CLASSES = {
    "Parameters": {
        "hidden_layer_sizes": {"a logistic regression": "a linear model"},
        "loss": OWN,
        "output_activation": OWN,
        "early_stopping": {
            " If samples are shuffled, the split is stratified by class as far as the "
            "class sizes allow.": ""
        },
        "scoring": {"the accuracy": "R^2 (or D^2, see `score`)"},
        "scaling": {
            "of X. -": "of X and, where possible, of y. -",
            "stays sparse.": "stays sparse. The target is scaled if the output "
            'activation is "identity"; for the deviances, it is divided by its mean. '
            'For the target, "bounded", "adaptive" and "stream" are the same as '
            '"standard". '
            "Predictions are in the original units of the target.",
        },
        "n_frequencies": {"[11]_": "[13]_"},  # numbers of the same reference
        "n_members": {"[12]_": "[14]_", "(stratified by class; ": "("},
    },
    "Attributes": {
        "coefs_": {"scaled inputs": "scaled inputs and targets"},
        "oof_score_": {"accuracy": "R^2"},
    },
}

LABELS = {"n_labels": "n_outputs"}
OF_METHODS = {
    "fit": {},
    "partial_fit": {
        "y": {**LABELS, "The class labels, or an indicator matrix of labels.":
              "The targets, which must be finite."},
        "y_val": LABELS,
    },
    "predict": {},
    # The classifier's is scikit-learn's.
    "score": {"X": OWN, "y": OWN, "sample_weight": OWN},
    "finalize": {},
    "fold_scaling": {},
    "input_weights": {},
    "set_params": {},
}  # fmt: skip


@pytest.mark.parametrize("section", OF_CLASSES)
def test_the_two_estimators_say_the_same(section):
    ours, theirs = (
        entries(kind, section) for kind in (BackpropClassifier, BackpropRegressor)
    )
    assert not differences(ours, theirs, OF_CLASSES[section])
    assert len(ours.keys() & theirs.keys()) > 15
    # In the same order, too.
    assert [name for name in ours if name in theirs] == [
        name for name in theirs if name in ours
    ]


@pytest.mark.parametrize("kind", [BackpropClassifier, BackpropRegressor])
def test_parameters_are_described_in_the_order_of_the_signature(kind):
    described = [*entries(kind, "Parameters")]
    assert described == [*inspect.signature(kind).parameters]


@pytest.mark.parametrize("method", OF_METHODS)
def test_methods_of_the_two_estimators_say_the_same(method):
    ours, theirs = (
        entries(getattr(kind, method), "Parameters")
        for kind in (BackpropClassifier, BackpropRegressor)
    )
    assert ours or method in ("finalize", "fold_scaling", "input_weights")
    assert not differences(ours, theirs, OF_METHODS[method])


@pytest.mark.parametrize("kind", [BackpropClassifier, BackpropRegressor])
def test_training_at_once_and_in_pieces_say_the_same(kind):
    ours, theirs = (
        entries(getattr(kind, method), "Parameters")
        for method in ("fit", "partial_fit")
    )
    table = {
        "y": OWN,  # `fit` is that of both estimators
        "y_val": {"n_outputs": "n_labels"} if kind is BackpropClassifier else {},
        "sample_weight": OWN,  # relative to those of all batches
        "X_val": OWN,  # recorded or needed
    }
    assert not differences(ours, theirs, table)


def test_everything_that_predicts_takes_the_same():
    methods = [
        getattr(kind, name)
        for kind in (BackpropClassifier, BackpropRegressor)
        for name in ("predict", "predict_proba", "predict_log_proba",
                     "decision_function")
        if hasattr(kind, name)
    ]  # fmt: skip
    first, *others = (entries(method, "Parameters") for method in methods)
    assert len(others) == 4
    assert all(other == first for other in others)


@pytest.mark.parametrize(
    ("dtype", "smallest", "largest"),
    [("float64", "-694.5", "-1.1e-16"), ("float32", "-73.5", "-6e-8")],
)
def test_logarithms_of_probabilities_part_where_they_are_said_to(
    dtype, smallest, largest
):
    doc = " ".join(inspect.getdoc(BackpropClassifier.predict_log_proba).split())
    assert f"below {smallest}" in doc
    assert f"above {largest}" in doc
    low, high = float(smallest), float(largest)
    X = np.linspace(-1, 1, 20)[:, np.newaxis]
    classifier = BackpropClassifier((), solver="lbfgs", scaling=None, dtype=dtype)
    classifier.fit(X, X[:, 0] > 0)
    classifier.coefs_, classifier.intercepts_ = [[[1.0]]], [[0.0]]
    # Without hidden layers and scaling the input is the log-odds.
    # 1 - p is exp(-z) for large z.
    bound = -np.log(-high)
    z = np.array([low - 5, low + 0.1, bound - 0.3, bound + 3])[:, np.newaxis]
    of_values = np.log(classifier.predict_proba(z)[:, 1])
    found = classifier.predict_log_proba(z)[:, 1]
    np.testing.assert_allclose(found[:2], z[:2, 0], rtol=1e-5)
    np.testing.assert_allclose(found[2:], -np.exp(-z[2:, 0]), rtol=1e-5)
    assert of_values[0] > found[0] + 2
    assert of_values[1] == pytest.approx(found[1], rel=1e-5)
    assert of_values[2] == pytest.approx(found[2], rel=0.5)
    assert of_values[3] < 5 * found[3]


# ------------------------------------------------------------------------- the displays

SHARED = {
    "Parameters": {
        "ax": "matplotlib Axes, default=None : The axes to plot on. If None, a new "
        "figure is created.",
        "estimator": "BackpropClassifier or BackpropRegressor : A fitted estimator.",
        "X": "{array-like, sparse matrix} of shape (n_samples, n_features) : The "
        "inputs.",
        "y": "array-like of shape (n_samples,) or (n_samples, n_outputs) : The "
        "targets.",
        "sample_weight": "array-like of shape (n_samples,), default=None : "
        "Non-negative sample weights.",
        "recorder": "ParameterRecorder : The callback that recorded the fit of this "
        "estimator.",
    },
    "Attributes": {
        "ax_": "matplotlib Axes : The axes of the plot.",
        "figure_": "matplotlib Figure : The figure of the axes.",
    },
}

UNCHANGED = {" It is not changed.": ""}
PARTIAL = {" or partially fitted": ""}
IN_3D = {', with `projection="3d"` for a surface': ""}

# What one of them says beyond that, or instead.
BEYOND = {
    ("ErrorSurfaceDisplay.from_estimator", "ax"): IN_3D,
    ("ErrorSurfaceDisplay.plot", "ax"): IN_3D,
    ("LossCurveDisplay.from_estimator", "ax"): {"plot the loss on": "plot on"},
    ("LossCurveDisplay.plot", "ax"): {"plot the loss on": "plot on"},
    ("LossCurveDisplay", "ax_"): OWN,
    ("LearningRateCurve", "ax_"): {", after `plot`": ""},
    ("Diagnosis", "ax_"): {", after `plot`": ""},
    ("ErrorSurfaceDisplay.from_estimator", "estimator"): UNCHANGED,
    ("animate_epochs", "estimator"): UNCHANGED,
    ("check_gradient", "estimator"): {**PARTIAL, **UNCHANGED},
    ("diagnose", "estimator"): UNCHANGED,
    ("trace_backprop", "estimator"): {**PARTIAL, **UNCHANGED},
    ("NetworkDiagramDisplay.from_estimator", "estimator"): {
        **PARTIAL, " Its weights are those for scaled data.": ""
    },
    ("WeightImageDisplay.from_estimator", "estimator"): {
        " Its weights are those for scaled inputs.": ""
    },
    ("UnitContributionDisplay.from_estimator", "estimator"): {
        ", with one feature and at least one hidden layer. With several hidden layers, "
        "the units of the last one are shown": ""
    },
    ("suggest_learning_rate", "estimator"): OWN,  # which need not be fitted
    ("check_gradient", "X"): {"; a few samples are enough": ""},
    ("trace_backprop", "X"): {"; a few samples are enough": ""},
    ("NetworkDiagramDisplay.from_estimator", "X"): OWN,  # without it, weights alone
    ("UnitContributionDisplay.from_estimator", "X"): OWN,  # a single column
    ("NetworkDiagramDisplay.from_estimator", "y"): OWN,  # for derivatives alone
    ("UnitContributionDisplay.from_estimator", "y"): OWN,  # for points alone
    ("ErrorSurfaceDisplay.from_estimator", "recorder"): OWN,  # its path is drawn
    ("ParameterPathDisplay.from_recorder", "recorder"): OWN,  # there is no estimator
}  # fmt: skip


def drawn():
    """Yield what draws or looks at a fit, with its name."""
    yield "check_gradient", skann.check_gradient
    for name in inspection.__all__:
        thing = getattr(inspection, name)
        yield name, thing
        if inspect.isclass(thing):
            for method in ("plot", "from_estimator", "from_activations",
                           "from_recorder"):  # fmt: skip
                if hasattr(thing, method):
                    yield f"{name}.{method}", getattr(thing, method)


THINGS = dict(drawn())


@pytest.mark.parametrize("name", THINGS)
def test_displays_say_the_same_of_what_they_share(name):
    for section, shared in SHARED.items():
        ours = entries(THINGS[name], section)
        theirs = {key: text.split() for key, text in shared.items() if key in ours}
        table = {key: BEYOND[name, key] for key in theirs if (name, key) in BEYOND}
        assert not differences(ours, theirs, table)


def test_what_is_said_beyond_is_said_somewhere():
    for name, key in BEYOND:
        assert any(key in entries(THINGS[name], section) for section in SHARED)


@pytest.mark.parametrize(
    "display", [name for name in inspection.__all__ if name.endswith("Display")]
)
def test_a_display_says_the_same_where_it_is_made_and_where_it_is_drawn(display):
    plotted = entries(THINGS[f"{display}.plot"], "Parameters")
    for name, thing in THINGS.items():
        if name.startswith(f"{display}.from_"):
            # Several estimators in one picture are made by several calls.
            hint = (
                " To compare several estimators in one plot, pass the `score_ax_` of "
                "the first display."
            )
            table = {"score_ax": {hint: ""}} if "score_ax" in plotted else {}
            assert not differences(entries(thing, "Parameters"), plotted, table)


# --------------------------------------------------------------------- the test itself


def one(a, b):
    """Return a.

    Parameters
    ----------
    a : int
        A number of
        apples.

    b : int
        Another.
    """


def two(a, b):
    """Return b.

    Parameters
    ----------
    a : int
        A number  of pears.

    b : float
        Another.
    """


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ({}, ["a", "b"]),
        ({"a": {"apples": "pears"}}, ["b"]),
        ({"a": {"apples": "pears"}, "b": {"int": "float"}}, []),
        ({"a": OWN, "b": OWN}, []),
        ({"a": {"plums": "pears"}, "b": OWN}, ["a"]),
        ({"a": OWN, "b": OWN, "c": OWN}, ["c"]),
    ],
)
def test_differences_are_found(table, found):
    ours, theirs = entries(one, "Parameters"), entries(two, "Parameters")
    lines = differences(ours, theirs, table)
    assert [line[0] for line in lines] == found


def test_a_difference_that_is_none_is_found():
    ours = entries(one, "Parameters")
    assert len(differences(ours, ours, {"a": OWN})) == 1
