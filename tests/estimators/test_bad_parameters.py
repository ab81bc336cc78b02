"""Bad parameters and combinations of them are refused in words, and change nothing."""

import numpy as np
import pytest
from bad_calls import (
    BOTH,
    IGNORE,
    IN_EVERY_SITUATION,
    INDICATORS,
    KINDS,
    LABELS,
    N_SAMPLES,
    NUMBERS,
    ONES,
    SITUATIONS,
    TARGETS,
    X,
    fails,
    make,
    make_fitted,
    situate,
    with_value,
)
from set_aside import set_rows_aside
from sklearn.utils._param_validation import InvalidParameterError

from skann import Huber, Quantile

pytestmark = pytest.mark.filterwarnings(IGNORE)


# -------------------------------------------------------------------- bad parameters

# Name, bad value, what the message says is allowed.
BAD_PARAMETERS = [
    ("hidden_layer_sizes", 0, "[1, inf)"),
    ("hidden_layer_sizes", -3, "[1, inf)"),
    ("hidden_layer_sizes", 2.5, "[1, inf)"),
    ("hidden_layer_sizes", "wide", "[1, inf)"),
    ("hidden_layer_sizes", None, "[1, inf)"),
    ("hidden_layer_sizes", (3, 0), "[1, inf)"),
    ("hidden_layer_sizes", (3, -1), "[1, inf)"),
    ("hidden_layer_sizes", (3, 2.0), "[1, inf)"),
    ("hidden_layer_sizes", [None], "[1, inf)"),
    ("hidden_layer_sizes", True, "[1, inf)"),
    ("hidden_layer_sizes", (True,), "[1, inf)"),
    ("hidden_layer_sizes", {3, 4}, "[1, inf)"),
    ("hidden_layer_sizes", {3: 4}, "[1, inf)"),
    ("hidden_layer_sizes", np.array([2.0, 3.0]), "[1, inf)"),
    ("hidden_layer_sizes", np.ones((2, 2), int), "[1, inf)"),
    ("hidden_layer_sizes", np.array(5), "[1, inf)"),
    ("activation", "step", "'relu'"),
    ("activation", None, "'relu'"),
    ("solver", "newton", "'lbfgs'"),
    ("alpha", -1e-9, "[0.0, inf)"),
    ("alpha", np.nan, "[0.0, inf)"),
    ("alpha", np.inf, "[0.0, inf)"),
    ("alpha", "weak", "[0.0, inf)"),
    ("batch_size", 0, "[1, inf)"),
    ("batch_size", 1.5, "[1, inf)"),
    ("batch_size", "all", "'auto'"),
    ("learning_rate", "fast", "'invscaling'"),
    ("learning_rate_init", 0.0, "(0.0, inf)"),
    ("learning_rate_init", -0.1, "(0.0, inf)"),
    ("learning_rate_init", np.nan, "(0.0, inf)"),
    ("learning_rate_init", np.inf, "(0.0, inf)"),
    ("power_t", -0.5, "[0.0, inf)"),
    ("power_t", np.inf, "[0.0, inf)"),
    ("max_iter", 0, "[1, inf)"),
    ("max_iter", 10.0, "[1, inf)"),
    ("shuffle", "yes", "'bool'"),
    ("shuffle", None, "'bool'"),
    ("random_state", -1, "[0, 4294967295]"),
    ("random_state", 1.5, "RandomState"),
    ("random_state", "seed", "RandomState"),
    ("tol", -1e-4, "[0.0, inf)"),
    ("tol", np.nan, "[0.0, inf)"),
    ("verbose", -1, "[0, inf)"),
    ("verbose", "loud", "'bool'"),
    ("warm_start", "no", "'bool'"),
    ("momentum", -0.1, "[0.0, 1.0]"),
    ("momentum", 1.1, "[0.0, 1.0]"),
    ("momentum", np.nan, "[0.0, 1.0]"),
    ("nesterovs_momentum", 2, "'bool'"),
    ("early_stopping", "auto", "'bool'"),
    ("decay", 0.0, "(0.0, inf)"),
    ("decay", np.nan, "(0.0, inf)"),
    ("learning_rate", "slow", "'one_cycle'"),
    ("restore_best_weights", "auto", "'bool'"),
    ("scoring", 3, "callable"),
    ("dropout", 1.0, "[0.0, 1.0)"),
    ("dropout", -0.1, "[0.0, 1.0)"),
    ("dropout", None, "[0.0, 1.0)"),
    ("weight_decay", -0.1, "[0.0, inf)"),
    ("n_frequencies", -1, "[0, inf)"),
    ("n_frequencies", 2.5, "[0, inf)"),
    ("frequency_scale", 0.0, "(0.0, 1000000.0]"),
    ("n_members", 0, "[1, inf)"),
    ("n_members", 2.0, "[1, inf)"),
    ("n_members", None, "'auto'"),
    ("n_jobs", 1.5, "'int'"),
    ("n_jobs", "all", "'int'"),
    ("weight_decay", np.inf, "[0.0, inf)"),
    ("max_grad_norm", 0.0, "(0.0, inf)"),
    ("max_grad_norm", "all", "(0.0, inf)"),
    ("validation_fraction", 1.0, "[0.0, 1.0)"),
    ("validation_fraction", -0.1, "[0.0, 1.0)"),
    ("beta_1", 1.0, "[0.0, 1.0)"),
    ("beta_1", -0.1, "[0.0, 1.0)"),
    ("beta_2", 1.0, "[0.0, 1.0)"),
    ("beta_2", np.nan, "[0.0, 1.0)"),
    ("epsilon", 0.0, "(0.0, inf)"),
    ("epsilon", -1e-8, "(0.0, inf)"),
    ("n_iter_no_change", 0, "[1, inf)"),
    ("n_iter_no_change", 2.5, "[1, inf)"),
    ("n_iter_no_change", -np.inf, "[1, inf)"),
    ("max_fun", 0, "[1, inf)"),
    ("max_fun", np.inf, "[1, inf)"),
    ("recipe", "image", "'mlp'"),
    ("recipe", None, "'table'"),
    ("init", "zeros", "'glorot_uniform'"),
    ("init", 0.5, "'glorot_uniform'"),
    ("scaling", "quantile", "'standard'"),
    ("scaling", True, "'standard'"),
    ("dtype", "float16", "'float32'"),
    ("dtype", np.float32, "'float32'"),
    ("categorical_features", "all", "'from_dtype'"),
    ("categorical_features", 3, "array-like"),
    ("loss", "hinge", "'squared_error'"),
    ("loss", None, "'squared_error'"),
    ("output_activation", "cosine", "'auto'"),
    ("output_activation", None, "'auto'"),
]
# What one estimator offers and the other does not.
BAD_PARAMETERS_OF_ONE = [
    ("classifier", "loss", "poisson", "'log_loss'"),
    ("classifier", "output_activation", "identity", "'softmax'"),
    ("regressor", "loss", "log_loss", "'poisson'"),
    ("regressor", "quantile", 0.0, "(0.0, 1.0)"),
    ("regressor", "quantile", np.nan, "(0.0, 1.0)"),
    ("regressor", "huber_delta", 0.0, "(0.0, inf)"),
    ("regressor", "huber_delta", "auto", "(0.0, inf)"),
    ("classifier", "class_weight", "even", "'balanced'"),
    ("classifier", "label_smoothing", 1.0, "[0.0, 1.0)"),
    ("classifier", "label_smoothing", -0.1, "[0.0, 1.0)"),
    ("regressor", "output_activation", "softmax", "'identity'"),
]


def test_every_parameter_has_a_bad_value_here():
    for kind in KINDS:
        tested = {name for name, *_ in BAD_PARAMETERS}
        tested |= {name for of, name, *_ in BAD_PARAMETERS_OF_ONE if of == kind}
        assert tested == set(make(kind).get_params())


@pytest.mark.every(4)
@IN_EVERY_SITUATION
@pytest.mark.parametrize(
    ("kind", "name", "value", "allowed"),
    [
        pytest.param(*row, id="{}-{}={!r}".format(*row[:3]))
        for row in [
            *((kind, *row) for kind in KINDS for row in BAD_PARAMETERS),
            *BAD_PARAMETERS_OF_ONE,
        ]
    ],
)
def test_bad_parameters_are_named_with_value_and_range(
    kind, name, value, allowed, situation
):
    if name == "solver" and "partial" in situation:
        situation = "fit, fitted"
    estimator, call = situate(situation, kind)
    estimator.set_params(**{name: value})
    words = [f"{name!r} parameter of {type(estimator).__name__}", allowed, repr(value)]
    with fails(estimator, InvalidParameterError, words):
        call(X, TARGETS[kind])


@BOTH
@pytest.mark.parametrize("fitted", [False, True])
def test_partial_fit_does_not_exist_for_lbfgs_or_an_unknown_solver(kind, fitted):
    estimator = make_fitted(kind) if fitted else make(kind)
    for solver in ("lbfgs", "newton"):
        estimator.set_params(solver=solver)
        assert not hasattr(estimator, "partial_fit")
        with fails(estimator, AttributeError, "partial_fit"):
            estimator.partial_fit(X, TARGETS[kind])


@IN_EVERY_SITUATION
@pytest.mark.parametrize("output_activation", ["identity", "logistic", "tanh", "relu"])
def test_an_impossible_combination_names_both_parameters(output_activation, situation):
    estimator, call = situate(situation, "regressor")
    estimator.set_params(loss="poisson", output_activation=output_activation)
    words = ["loss='poisson'", f"output_activation={output_activation!r}", "exp"]
    with fails(estimator, ValueError, words):
        call(X, np.abs(NUMBERS))


@IN_EVERY_SITUATION
@pytest.mark.parametrize(
    "loss",
    [Quantile([0.2, 0.8]), Huber(np.array([1.0, 2.0]))],
    ids=["quantile", "huber"],
)
def test_a_loss_has_as_many_parameters_as_there_are_outputs(loss, situation):
    estimator, call = situate(situation, "regressor")
    estimator.set_params(loss=loss)
    with fails(estimator, ValueError, ["one number per output", "for 1 output(s)"]):
        call(X, NUMBERS)


# Parameters of the regressor, bad targets, and words of the error.
OUT_OF_RANGE = {
    "negative counts": ({"loss": "poisson"}, -2.5, ["poisson", "[0, inf]"]),
    "above logistic": ({"output_activation": "logistic"}, 1.5, ["logistic", "[0, 1]"]),
    "below logistic": ({"output_activation": "logistic"}, -0.5, ["logistic", "[0, 1]"]),
    "above tanh": ({"output_activation": "tanh"}, 1.25, ["tanh", "[-1, 1]"]),
    "below relu": ({"output_activation": "relu"}, -0.25, ["relu", "[0, inf]"]),
    "below exp": ({"output_activation": "exp"}, -0.25, ["exp", "[0, inf]"]),
}


@IN_EVERY_SITUATION
@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_targets_that_an_output_cannot_reach_are_refused(name, situation):
    params, value, words = OUT_OF_RANGE[name]
    factory, method = SITUATIONS[situation]
    good = np.linspace(0, 1, N_SAMPLES)
    estimator = make("regressor", warm_start="warm" in situation, **params)
    if factory is not make:
        estimator.fit(X, good)
    with fails(estimator, ValueError, [*words, f"{value:g}"]):
        getattr(estimator, method)(X, with_value(good, value))


@BOTH
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    ("fraction", "n_samples"), [(0.0, 12), (0.05, 12), (0.5, 2), (0.1, 1)]
)
def test_a_validation_part_that_is_too_small_is_refused(
    kind, fitted, fraction, n_samples
):
    estimator = make_fitted(kind) if fitted else make(kind)
    estimator.set_params(early_stopping=True, validation_fraction=fraction)
    words = ["validation", "'validation_fraction'", str(fraction), str(n_samples)]
    with fails(estimator, ValueError, words):
        estimator.fit(X[:n_samples], TARGETS[kind][:n_samples])


@BOTH
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("part", ["validation", "training"])
def test_a_part_without_any_weight_is_refused(kind, fitted, part, monkeypatch):
    rows = {"training": np.arange(8), "validation": np.arange(8, 12)}
    set_rows_aside(monkeypatch, **rows)
    weight = ONES.copy()
    weight[rows[part]] = 0
    estimator = make_fitted(kind) if fitted else make(kind)
    estimator.set_params(early_stopping=True)
    with fails(estimator, ValueError, [f"{part} part", "All sample weights", "zero"]):
        estimator.fit(X, TARGETS[kind], weight)


@BOTH
@pytest.mark.parametrize("situation", ["partial_fit, unfitted", "partial_fit, fitted"])
def test_partial_fit_has_no_validation_part_to_stop_by(kind, situation):
    estimator, call = situate(situation, kind)
    estimator.set_params(early_stopping=True)
    words = ["partial_fit", "early_stopping=True", "X_val"]
    with fails(estimator, ValueError, words):
        call(X, TARGETS[kind])


# X_val, y_val and sample_weight_val, and words of the error.
BAD_VALIDATION = {
    "no X_val": (None, LABELS, None, ["both X_val and y_val", "no X_val"]),
    "no y_val": (X, None, None, ["X_val without y_val"]),
    "weights alone": (None, None, ONES, ["no X_val"]),
    "another width": (X[:, :2], LABELS, None, ["2 features", "expecting 3"]),
    "infinity": (with_value(X, np.inf), LABELS, None, ["infinity"]),
    "another length": (X[:5], LABELS, None, ["inconsistent numbers of samples"]),
    "a negative weight": (X, LABELS, -ONES, ["egative"]),
    "weights of zero": (X, LABELS, 0 * ONES, ["zero"]),
    "one sample": (X[:1], LABELS[:1], None, ["at least two samples"]),
    "several targets": (X, np.c_[LABELS, LABELS > 0], None, []),
}


@IN_EVERY_SITUATION
@BOTH
@pytest.mark.parametrize("name", BAD_VALIDATION)
def test_bad_validation_data_are_refused(name, kind, situation):
    X_val, y_val, weight, words = BAD_VALIDATION[name]
    factory, method = SITUATIONS[situation]
    estimator = factory(kind)
    options = {"X_val": X_val, "y_val": y_val, "sample_weight_val": weight}
    if (kind, situation) == ("classifier", "partial_fit, unfitted"):
        options["classes"] = [0, 1, 2]
    if not (X_val is None or y_val is None):
        words = [*words, "In the validation data"]
    with fails(estimator, ValueError, words):
        getattr(estimator, method)(X, TARGETS[kind], **options)


def test_validation_data_with_an_unknown_class_are_refused():
    estimator = make("classifier")
    with fails(estimator, ValueError, ["In the validation data", "not in", "3"]):
        estimator.fit(X, LABELS, X_val=X, y_val=LABELS + 1)


def test_validation_targets_without_a_loss_are_refused():
    estimator = make("regressor", loss="poisson")
    with fails(estimator, ValueError, ["poisson", "-1 in y_val"]):
        estimator.fit(X, LABELS, X_val=X, y_val=LABELS - 1)


# ------------------------------------------------------------- training that goes on

CHANGES = {
    "wider": ({"hidden_layer_sizes": (4,)}, ["layer_sizes", "[3, 3, ", "[3, 4, "]),
    "deeper": (
        {"hidden_layer_sizes": (3, 3)},
        ["layer_sizes", "[3, 3, ", "[3, 3, 3, "],
    ),
    "no layer": ({"hidden_layer_sizes": ()}, ["layer_sizes", "[3, 3, "]),
    "activation": ({"activation": "tanh"}, ["activation", "'relu'", "'tanh'"]),
    "scaling": ({"scaling": "minmax"}, ["scaling", "'standard'", "'minmax'"]),
    "no scaling": ({"scaling": None}, ["scaling", "'standard'", "None"]),
    "dtype": ({"dtype": "float32"}, ["dtype", "'float64'", "'float32'"]),
}
CHANGES_OF_ONE = {
    "classifier output": (
        {"output_activation": "logistic"},
        ["output_activation", "'softmax'", "'logistic'"],
    ),
    "regressor output": (
        {"output_activation": "exp"},
        ["output_activation", "'identity'", "'exp'"],
    ),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("kind", "change"),
    [(kind, change) for kind in KINDS for change in CHANGES]
    + [("classifier", "classifier output"), ("regressor", "regressor output")],
)
def test_training_does_not_go_on_with_another_network(kind, change, method):
    params, words = {**CHANGES, **CHANGES_OF_ONE}[change]
    estimator = make_fitted(kind, warm_start=True).set_params(**params)
    with fails(estimator, ValueError, words):
        getattr(estimator, method)(X, np.abs(TARGETS[kind]))


@BOTH
def test_the_other_network_is_trained_from_scratch_when_asked_for(kind):
    estimator = make_fitted(kind, warm_start=True)
    estimator.set_params(hidden_layer_sizes=(4, 2), warm_start=False)
    estimator.fit(X, TARGETS[kind])
    assert [coefs.shape[1] for coefs in estimator.coefs_[:-1]] == [4, 2]


# Target to begin with, what follows, words of the error.
OTHER_TARGETS = {
    "unknown class": (LABELS, LABELS + 1, ["classes", "[0 1 2]", "[1 2 3]"]),
    "text after numbers": (LABELS, np.array(["a", "b"] * 6), ["classes", "[0 1 2]"]),
    "labels after indicators": (INDICATORS, LABELS, ["indicator matrix"]),
    "indicators after labels": (LABELS, INDICATORS, ["indicator matrix"]),
    "a label more": (INDICATORS, np.c_[INDICATORS, INDICATORS], ["[0 1]", "[0 1 2 3]"]),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", OTHER_TARGETS)
def test_a_classifier_does_not_go_on_with_other_classes(name, method):
    first, second, words = OTHER_TARGETS[name]
    estimator = make("classifier", warm_start=True).fit(X, first)
    if method == "fit" and name not in ("unknown class", "text after numbers"):
        words = []  # either message is right
    with fails(estimator, ValueError, words):
        getattr(estimator, method)(X, second)


def test_a_warm_fit_needs_every_class():
    estimator = make_fitted("classifier", warm_start=True)
    with fails(estimator, ValueError, ["warm_start", "same classes", "[0 1 2]"]):
        estimator.fit(X, LABELS % 2)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1), (2, 3)])
def test_a_regressor_does_not_go_on_with_another_number_of_targets(
    method, first, second
):
    targets = {1: NUMBERS, 2: X[:, :2], 3: X}
    estimator = make("regressor", warm_start=True).fit(X, targets[first])
    words = ["layer_sizes", f"[3, 3, {first}]", f"[3, 3, {second}]"]
    with fails(estimator, ValueError, words):
        getattr(estimator, method)(X, targets[second])


def test_the_first_partial_fit_of_a_classifier_needs_the_classes():
    estimator = make("classifier")
    with fails(estimator, ValueError, "classes must be passed on the first call"):
        estimator.partial_fit(X, LABELS)
    with fails(estimator, ValueError, ["classes", "[0 1]", "[0 1 2]"]):
        estimator.partial_fit(X, LABELS, classes=[0, 1])
    estimator.partial_fit(X, LABELS, classes=[0, 1, 2])
    with fails(estimator, ValueError, ["classes", "[0 1]", "[0 1 2]"]):
        estimator.partial_fit(X, LABELS, classes=[0, 1])


@pytest.mark.parametrize(
    "classes",
    [[], [[0, 1], [1, 2]], 3, [0, 1, np.nan]],
    ids=["empty", "2-D", "scalar", "NaN"],
)
def test_bad_classes_are_refused(classes):
    estimator = make("classifier")
    with fails(estimator, ValueError, []):
        estimator.partial_fit(X, LABELS, classes=classes)
