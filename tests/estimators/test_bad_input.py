"""A bad call says what was wrong, in scikit-learn's usual error, and changes nothing.

Also what an interrupt from the keyboard leaves behind.
"""

import warnings
from contextlib import contextmanager
from copy import deepcopy

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

import skann.estimators.base as base_module
import skann.estimators.validation as validation_module
from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.core.objective import Objective
from skann.training.minibatch import MinibatchDescent

# Two or three epochs never converge.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(IGNORE)

N_SAMPLES = 12
RANDOM = np.random.RandomState(0)
X = RANDOM.randn(N_SAMPLES, 3)
LABELS = np.arange(N_SAMPLES) % 3
NUMBERS = X[:, 0] - X[:, 1]
INDICATORS = np.c_[X[:, 0] > 0, X[:, 1] > 0].astype(int)
ONES = np.ones(N_SAMPLES)

KINDS = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
TARGETS = {"classifier": LABELS, "regressor": NUMBERS}
SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
BOTH = pytest.mark.parametrize("kind", KINDS)


def make(kind, **params):
    return KINDS[kind](**{**SMALL, **params})


def make_fitted(kind, **params):
    return make(kind, **params).fit(X, TARGETS[kind])


def partial_fit(estimator, X, y, sample_weight=None):
    """Call partial_fit; the classifier's first call gets the classes."""
    if isinstance(estimator, BackpropRegressor) or hasattr(estimator, "classes_"):
        return estimator.partial_fit(X, y, sample_weight)
    return estimator.partial_fit(X, y, sample_weight, classes=[0, 1, 2])


# How an estimator is called, and what it is at that time.
SITUATIONS = {
    "fit, unfitted": (make, "fit"),
    "fit, fitted": (make_fitted, "fit"),
    "fit, warm": (
        lambda kind, **params: make_fitted(kind, warm_start=True, **params),
        "fit",
    ),
    "partial_fit, unfitted": (make, "partial_fit"),
    "partial_fit, fitted": (make_fitted, "partial_fit"),
}
IN_EVERY_SITUATION = pytest.mark.parametrize("situation", SITUATIONS)


def situate(situation, kind, **params):
    """Return an estimator and the method to call it by: f(X, y, sample_weight)."""
    factory, method = SITUATIONS[situation]
    estimator = factory(kind, **params)
    if method == "fit":
        return estimator, estimator.fit
    return estimator, lambda *args: partial_fit(estimator, *args)


def fingerprint(estimator):
    """Return a hash of every value that the estimator holds, arrays included."""
    return joblib.hash(vars(estimator))


@contextmanager
def fails(estimator, error, words):
    """Expect an error whose message holds all `words`, and an untouched estimator."""
    before = fingerprint(estimator)
    names = list(vars(estimator))
    with pytest.raises(error) as caught:
        yield
    message = str(caught.value)
    for word in [words] if isinstance(words, str) else words:
        assert word in message
    assert list(vars(estimator)) == names
    assert fingerprint(estimator) == before


def test_the_fingerprint_sees_a_change_of_a_single_bit():
    estimator = make_fitted("regressor")
    before = fingerprint(estimator)
    assert fingerprint(deepcopy(estimator)) == before
    estimator.coefs_[0][0, 0] = np.nextafter(estimator.coefs_[0][0, 0], np.inf)
    assert fingerprint(estimator) != before


# ------------------------------------------------------------------------- bad data


def with_value(array, value):
    """Return a float copy of an array with one element replaced."""
    array = np.array(array, dtype=np.float64)
    array.flat[4] = value
    return array


FRAME = pd.DataFrame(X, columns=["a", "b", "c"])

# X, and the words of the error.
BAD_X = {
    "NaN": (with_value(X, np.nan), "X contains NaN"),
    "infinity": (with_value(X, np.inf), "X contains infinity"),
    "minus infinity": (with_value(X, -np.inf), "X contains infinity"),
    "both infinities": (
        with_value(np.where(X > 2, -np.inf, X), np.inf),
        "X contains infinity",
    ),
    "sparse NaN": (sparse.csr_array(with_value(X, np.nan)), "X contains NaN"),
    "sparse infinity": (sparse.csc_matrix(with_value(X, np.inf)), "X contains inf"),
    "missing in a frame": (FRAME.astype("Float64").mask(FRAME > 1), "X contains NaN"),
    "1-D": (X[:, 0], "Expected 2D array, got 1D array"),
    "3-D": (X[:, :, np.newaxis], "Found array with dim 3"),
    "scalar": (3.0, "Expected 2D array, got scalar"),
    "ragged": ([[1, 2, 3], [1, 2]] * 6, "inhomogeneous shape"),
    "no samples": (X[:0], "0 sample(s)"),
    "no features": (X[:, :0], "0 feature(s)"),
    "sparse without samples": (sparse.csr_array((0, 3)), "0 sample(s)"),
    "fewer rows than y": (X[:-1], "inconsistent numbers of samples"),
    "complex": (X * 1j, "Complex data not supported"),
    "strings": (np.full(X.shape, "red"), "could not convert string to float"),
    "objects": (np.full(X.shape, "red", object), "could not convert string to float"),
    "a frame's text": (FRAME.assign(c="red"), "could not convert string to float"),
}


@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@IN_EVERY_SITUATION
@BOTH
@pytest.mark.parametrize("name", BAD_X)
def test_bad_inputs_are_refused(name, kind, situation):
    bad, words = BAD_X[name]
    estimator, call = situate(situation, kind)
    with fails(estimator, ValueError, words):
        call(bad, TARGETS[kind])


# Of which estimator, y, the error and its words.
BAD_Y = {
    "NaN": ("both", with_value(LABELS, np.nan), ValueError, "y contains NaN"),
    "infinity": ("both", with_value(LABELS, np.inf), ValueError, "y contains infinity"),
    "NaN in a column": (
        "regressor",
        with_value(INDICATORS, np.nan),
        ValueError,
        "y contains NaN",
    ),
    "missing": ("both", None, ValueError, "requires y to be passed"),
    "scalar": ("both", 3.0, TypeError, "at least 1 dimension"),
    "3-D": ("both", np.zeros((N_SAMPLES, 2, 2)), ValueError, "Found array with dim 3"),
    "empty": ("both", LABELS[:0], ValueError, "0 sample(s)"),
    "no columns": ("both", np.zeros((N_SAMPLES, 0)), ValueError, "0 feature(s)"),
    "short": ("both", LABELS[:-1], ValueError, "inconsistent numbers of samples"),
    "complex": ("both", LABELS * 1j, ValueError, "Complex data not supported"),
    "ragged": ("both", [[1, 2], [3]] * 6, ValueError, "inhomogeneous shape"),
    "text": (
        "regressor",
        np.full(N_SAMPLES, "red"),
        ValueError,
        "could not convert string to float",
    ),
    "text objects": (
        "regressor",
        np.full(N_SAMPLES, "red", object),
        ValueError,
        "could not convert string to float",
    ),
    "sparse": (
        "regressor",
        sparse.csr_array(X[:, :2]),
        (TypeError, ValueError),
        "ense",
    ),
    "continuous": ("classifier", NUMBERS, ValueError, "Unknown label type: continuous"),
    "several labels of several classes": (
        "classifier",
        np.c_[LABELS, LABELS],
        ValueError,
        "Multiclass-multioutput targets are not supported",
    ),
}
EITHER = {"both": ("classifier", "regressor")}


@IN_EVERY_SITUATION
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, (kinds, *_) in BAD_Y.items()
        for kind in EITHER.get(kinds, (kinds,))
    ],
)
def test_bad_targets_are_refused(name, kind, situation):
    _, bad, error, words = BAD_Y[name]
    estimator, call = situate(situation, kind)
    with fails(estimator, error, words):
        call(X, bad)


BAD_WEIGHT = {
    "NaN": (with_value(ONES, np.nan), "sample_weight contains NaN"),
    "infinity": (with_value(ONES, np.inf), "sample_weight contains infinity"),
    "negative": (with_value(ONES, -1.0), "Negative values"),
    "short": (ONES[:-1], "sample_weight.shape == (11,), expected (12,)"),
    "2-D": (ONES[:, np.newaxis], "must be 1D array or scalar, got 2D"),
    "empty": (ONES[:0], "0 sample(s)"),
    "complex": (ONES * 1j, "Complex data not supported"),
    "text": (np.full(N_SAMPLES, "red"), "could not convert string to float"),
}


@IN_EVERY_SITUATION
@BOTH
@pytest.mark.parametrize("name", BAD_WEIGHT)
def test_bad_weights_are_refused(name, kind, situation):
    bad, words = BAD_WEIGHT[name]
    estimator, call = situate(situation, kind)
    with fails(estimator, ValueError, words):
        call(X, TARGETS[kind], bad)


@pytest.mark.parametrize(
    "situation", [s for s in SITUATIONS if s != "partial_fit, fitted"]
)
@BOTH
def test_weights_that_are_all_zero_leave_nothing_to_start_from(kind, situation):
    estimator, call = situate(situation, kind)
    with fails(estimator, ValueError, "at least one non-zero"):
        call(X, TARGETS[kind], 0 * ONES)


# Few or dull data are no error.
@IN_EVERY_SITUATION
@BOTH
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("data", "target"),
    [
        pytest.param(X[:1], slice(0, 1), id="one sample"),
        pytest.param(X, slice(0, 1), id="one class or value"),
        pytest.param(np.full_like(X, -7.5), slice(None), id="constant columns"),
        pytest.param(X.astype(object), slice(None), id="numbers as objects"),
    ],
)
def test_dull_data_are_fitted(kind, situation, data, target, solver):
    if "warm" in situation and kind == "classifier":
        situation = "fit, fitted"  # a warm fit needs every class
    if "partial" in situation:
        solver = "adam"
    y = TARGETS[kind][target]
    y = np.resize(y, data.shape[0])
    estimator, call = situate(situation, kind, solver=solver)
    call(data, y)
    assert np.isfinite(estimator.loss_)
    predictions = estimator.predict(data)
    assert predictions.shape == y.shape
    assert np.isfinite(predictions).all()
    if kind == "classifier" and situation.startswith("fit") and np.ptp(y) == 0:
        assert_array_equal(predictions, y)
        assert_array_equal(estimator.predict_proba(data), np.ones((y.size, 1)))


# ------------------------------------------------------------------- bad parameters

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
    ("activation", "sigmoid", "'relu'"),
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
    ("init", "zeros", "'glorot_uniform'"),
    ("init", 0.5, "'glorot_uniform'"),
    ("scaling", "quantile", "'standard'"),
    ("scaling", True, "'standard'"),
    ("dtype", "float16", "'float32'"),
    ("dtype", np.float32, "'float32'"),
    ("loss", "hinge", "'squared_error'"),
    ("loss", None, "'squared_error'"),
    ("output_activation", "linear", "'auto'"),
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
    monkeypatch.setattr(
        validation_module,
        "split_rows",
        lambda *_: (rows["training"], rows["validation"]),
    )
    weight = ONES.copy()
    weight[rows[part]] = 0
    estimator = make_fitted(kind) if fitted else make(kind)
    estimator.set_params(early_stopping=True)
    with fails(estimator, ValueError, [f"{part} part", "all zero"]):
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
    "no X_val": (None, LABELS, None, ["X_val and y_val go together", "no X_val"]),
    "no y_val": (X, None, None, ["X_val without y_val"]),
    "weights alone": (None, None, ONES, ["no X_val"]),
    "another width": (X[:, :2], LABELS, None, ["2 features", "expecting 3"]),
    "NaN": (with_value(X, np.nan), LABELS, None, ["NaN"]),
    "another length": (X[:5], LABELS, None, ["inconsistent numbers of samples"]),
    "a negative weight": (X, LABELS, -ONES, ["egative"]),
    "weights of zero": (X, LABELS, 0 * ONES, ["zero"]),
    "one sample": (X[:1], LABELS[:1], None, ["too few"]),
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


# -------------------------------------------------------------------- given weights

COEFS = [np.ones((3, 3)), np.ones((3, 3))]
INTERCEPTS = [np.zeros(3), np.zeros(3)]
# Argument, value for the classifier's 3-3-3 network, words of the error.
BAD_LAYERS = {
    "too few": ("coef_init", COEFS[:1], ["coef_init", "2", "1"]),
    "too many": ("coef_init", [*COEFS, COEFS[0]], ["coef_init", "2", "3"]),
    "none": ("coef_init", [], ["coef_init", "2", "0"]),
    "shape": (
        "coef_init",
        [COEFS[0], np.ones((3, 2))],
        ["coef_init[1]", "(3, 3)", "(3, 2)"],
    ),
    "scalar layer": ("coef_init", [1.0, COEFS[1]], ["coef_init[0]", "(3, 3)", "()"]),
    "NaN": (
        "coef_init",
        [with_value(COEFS[0], np.nan), COEFS[1]],
        ["coef_init[0]", "finite"],
    ),
    "text": ("coef_init", [np.full((3, 3), "red"), COEFS[1]], ["could not convert"]),
    "ragged": ("coef_init", [[[1, 2, 3], [4]], COEFS[1]], ["inhomogeneous"]),
    "complex": ("coef_init", [COEFS[0] * 1j, COEFS[1]], ["coef_init[0]"]),
    "too few biases": ("intercept_init", INTERCEPTS[:1], ["intercept_init", "2", "1"]),
    "too many biases": (
        "intercept_init",
        [*INTERCEPTS, INTERCEPTS[0]],
        ["intercept_init", "2", "3"],
    ),
    "shape of biases": (
        "intercept_init",
        [np.zeros(4), np.zeros(3)],
        ["intercept_init[0]", "(3,)", "(4,)"],
    ),
    "biases as a column": (
        "intercept_init",
        [np.zeros((3, 1)), np.zeros(3)],
        ["intercept_init[0]", "(3,)", "(3, 1)"],
    ),
    "infinite bias": (
        "intercept_init",
        [np.zeros(3), np.array([0, 0, np.inf])],
        ["intercept_init[1]", "finite"],
    ),
}


@pytest.mark.parametrize("situation", [s for s in SITUATIONS if s.startswith("fit")])
@pytest.mark.parametrize("name", BAD_LAYERS)
def test_bad_starting_weights_are_refused(name, situation):
    argument, value, words = BAD_LAYERS[name]
    estimator, call = situate(situation, "classifier")
    with fails(estimator, ValueError, words):
        call(X, LABELS, **{argument: value})


@pytest.mark.parametrize("argument", ["coef_init", "intercept_init"])
@pytest.mark.parametrize("fitted", [False, True])
def test_starting_weights_beyond_float32_are_refused(argument, fitted):
    layers = deepcopy(COEFS if argument == "coef_init" else INTERCEPTS)
    layers[0].flat[0] = 1e300
    estimator = make("classifier", dtype="float32")
    if fitted:
        estimator.fit(X, LABELS)
    with fails(estimator, ValueError, [f"{argument}[0]"]):
        estimator.fit(X, LABELS, **{argument: layers})


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_bad_weights_cannot_be_assigned(name):
    argument, value, words = BAD_LAYERS[name]
    attribute = argument.replace("_init", "s_")
    words = [word.replace(argument, attribute) for word in words]
    estimator = make_fitted("classifier")
    with fails(estimator, ValueError, words):
        setattr(estimator, attribute, value)


def test_a_single_layer_of_another_shape_cannot_be_assigned():
    estimator = make_fitted("classifier")
    with fails(estimator, ValueError, ["Layer 0", "(3, 3)", "(2, 3)"]):
        estimator.coefs_[0] = np.ones((2, 3))
    with fails(estimator, TypeError, "one layer at a time"):
        estimator.coefs_[:] = COEFS


# --------------------------------------------------------------- before and after fit

PREDICTING = {
    "classifier": [
        "predict", "predict_proba", "predict_log_proba", "decision_function", "score",
    ],
    "regressor": ["predict", "score"],
}  # fmt: skip
PREDICTORS = pytest.mark.parametrize(
    ("kind", "method"),
    [(kind, method) for kind, methods in PREDICTING.items() for method in methods],
)


def call_predictor(estimator, kind, method, X):
    y = (TARGETS[kind],) if method == "score" else ()
    return getattr(estimator, method)(X, *y)


@PREDICTORS
def test_predicting_before_fit_is_refused(kind, method):
    estimator = make(kind)
    with fails(estimator, NotFittedError, ["not fitted", type(estimator).__name__]):
        call_predictor(estimator, kind, method, X)


@BOTH
def test_inspecting_before_fit_is_refused(kind):
    estimator = make(kind)
    with fails(estimator, NotFittedError, "not fitted"):
        estimator.fold_scaling()
    with fails(estimator, NotFittedError, "not fitted"):
        check_gradient(estimator, X, TARGETS[kind])
    for attribute in ("coefs_", "intercepts_", "n_parameters_"):
        assert not hasattr(estimator, attribute)
        with fails(estimator, AttributeError, "no weights yet"):
            getattr(estimator, attribute)
    for attribute in ("coefs_", "intercepts_"):
        with fails(estimator, AttributeError, "no weights yet"):
            setattr(estimator, attribute, COEFS)


BAD_X_TO_PREDICT = {
    name: BAD_X[name]
    for name in BAD_X
    if name
    not in ("fewer rows than y", "ragged", "a frame's text", "missing in a frame")
} | {
    "too few columns": (X[:, :2], "X has 2 features, but"),
    "too many columns": (np.c_[X, X], "X has 6 features, but"),
    "sparse with too many": (sparse.csr_array(np.c_[X, X]), "X has 6 features, but"),
}


@pytest.mark.parametrize("name", BAD_X_TO_PREDICT)
@PREDICTORS
def test_bad_inputs_to_predict_from_are_refused(kind, method, name):
    bad, words = BAD_X_TO_PREDICT[name]
    estimator = make_fitted(kind)
    with fails(estimator, ValueError, words):
        call_predictor(estimator, kind, method, bad)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@BOTH
def test_training_does_not_go_on_with_other_columns(kind, method):
    estimator = make_fitted(kind, warm_start=True)
    for bad, words in ((X[:, :2], "X has 2 features"), (np.c_[X, X], "X has 6 feat")):
        with fails(estimator, ValueError, words):
            getattr(estimator, method)(bad, TARGETS[kind])


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (FRAME.rename(columns={"c": "d"}), ["feature names", "unseen", "- d", "- c"]),
        (FRAME[["b", "a", "c"]], ["feature names", "same order"]),
        (FRAME[["a", "b"]], ["feature names", "- c"]),
    ],
    ids=["renamed", "reordered", "missing"],
)
@BOTH
def test_other_feature_names_are_refused(kind, frame, words):
    estimator = make(kind, warm_start=True).fit(FRAME, TARGETS[kind])
    for method in PREDICTING[kind]:
        with fails(estimator, ValueError, words):
            call_predictor(estimator, kind, method, frame)
    for method in ("fit", "partial_fit"):
        with fails(estimator, ValueError, words):
            getattr(estimator, method)(frame, TARGETS[kind])
    with fails(estimator, ValueError, words):
        check_gradient(estimator, frame, TARGETS[kind])


@BOTH
def test_missing_feature_names_are_warned_of(kind):
    estimator = make(kind).fit(FRAME, TARGETS[kind])
    before = fingerprint(estimator)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        estimator.predict(X)
    assert fingerprint(estimator) == before


@BOTH
def test_a_column_of_targets_is_warned_of(kind):
    column = TARGETS[kind][:, np.newaxis]
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        estimator = make(kind).fit(X, column)
    assert_array_equal(estimator.predict(X), make_fitted(kind).predict(X))


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


# ------------------------------------------------------------------------ divergence

WILD = {"solver": "sgd", "learning_rate_init": 1e10, "scaling": None}
# Parameters, factors of X and y, words of the error.
DIVERGING = {
    "learning rate": (WILD, 1, 1, ["sgd", "1e+10", "learning_rate_init", "scaling="]),
    "large targets": (
        {"solver": "sgd", "learning_rate_init": 1.0, "scaling": None, "max_iter": 50},
        1,
        1e5,
        ["sgd", "learning rate 1:", "learning_rate_init", "scaling="],
    ),
    "early stopping": (
        {**WILD, "early_stopping": True, "validation_fraction": 0.3},
        1,
        1,
        ["sgd", "1e+10", "learning_rate_init"],
    ),
    "scaled": (
        {**WILD, "scaling": "standard"},
        1,
        1,
        ["sgd", "1e+10", "learning_rate_init", "outliers"],
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("name", DIVERGING)
def test_a_fit_that_diverges_says_when_and_what_to_change(name, situation):
    params, x_factor, y_factor, words = DIVERGING[name]
    params = {"max_iter": 9, **params}
    if "partial" in situation and "early_stopping" in params:
        situation = "fit, fitted"
    # The solver is the same, so that its memory is at stake too.
    calm = {"solver": "sgd", "scaling": params["scaling"]}
    estimator = make("regressor", **calm, warm_start="warm" in situation)
    if "unfitted" not in situation:
        estimator.fit(X, NUMBERS)
    estimator.set_params(**params)
    calls = 1 if situation.startswith("fit") else 99

    def diverge():
        for _ in range(calls):
            before = deepcopy(vars(estimator))
            try:
                getattr(estimator, situation.split(",")[0])(
                    X * x_factor, NUMBERS * y_factor
                )
            except ValueError:
                # What earlier, successful calls changed does not count here.
                assert joblib.hash(vars(estimator)) == joblib.hash(before)
                raise

    with pytest.raises(ValueError, match=r"Training diverged in epoch \d+") as caught:
        diverge()
    for word in [*words, "last finite loss", "as it was before"]:
        assert word in str(caught.value)
    assert hasattr(estimator, "coefs_") or "unfitted" in situation


def test_a_diverging_classifier_is_left_as_it_was():
    wild = {**WILD, "alpha": 1.0, "max_iter": 99, "n_iter_no_change": np.inf}
    for estimator in (make("classifier"), make_fitted("classifier")):
        estimator.set_params(**wild)
        with fails(estimator, ValueError, ["Training diverged", "1e+10"]):
            estimator.fit(X, LABELS)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(("x_factor", "y_factor"), [(1e160, 1), (1, 1e200)])
def test_lbfgs_refuses_numbers_whose_squares_overflow(x_factor, y_factor, fitted):
    estimator = make("regressor", solver="lbfgs", scaling=None)
    if fitted:
        estimator.fit(X, NUMBERS)
    with fails(estimator, ValueError, "cale"):  # scaling is the remedy
        estimator.fit(X * x_factor, NUMBERS * y_factor)
    estimator.set_params(scaling="standard")
    estimator.fit(X * x_factor, NUMBERS * y_factor)
    assert np.isfinite(estimator.predict(X * x_factor)).all()


def test_divergence_names_the_first_epoch_that_failed():
    params = {**WILD, "max_iter": 1, "warm_start": True, "learning_rate_init": 1e3}
    estimator = make("regressor", **params)
    n_good = 0
    with pytest.raises(ValueError, match="Training diverged") as caught:  # noqa: PT012
        while True:
            estimator.fit(X, NUMBERS)
            n_good += 1
    assert n_good > 1
    assert f"epoch {n_good + 1} " in str(caught.value)
    assert estimator.history_["epoch"] == list(range(1, n_good + 1))
    whole = make("regressor", **{**params, "max_iter": 99})
    with fails(whole, ValueError, f"epoch {n_good + 1} "):
        whole.fit(X, NUMBERS)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_huge_exponent_of_invscaling_ends_in_a_rate_of_zero(solver):
    params = {"solver": solver, "learning_rate": "invscaling", "power_t": 1e5}
    estimator = make_fitted("regressor", **params)
    assert estimator.history_["learning_rate"] == [0.001, 0.0]


@BOTH
@pytest.mark.parametrize("fitted", [False, True])
def test_values_beyond_float32_are_refused(kind, fitted):
    estimator = make(kind, dtype="float32", scaling=None)
    if fitted:
        estimator.fit(X, TARGETS[kind])
    with fails(estimator, ValueError, ["X", "too large for float32", "float64"]):
        estimator.fit(with_value(X, 1e300), TARGETS[kind])
    with fails(estimator, ValueError, ["too large for float32"]):
        estimator.fit(X, TARGETS[kind], with_value(ONES, 1e300))
    if kind == "regressor":
        with fails(estimator, ValueError, ["y", "too large for float32", "float64"]):
            estimator.fit(X, with_value(NUMBERS, 1e300))


# -------------------------------------------------------------------------- warnings

# Who is called, with which parameters, and what the warning says.
WARNINGS = {
    "epochs": ("fit", {"solver": "sgd"}, "Maximum iterations"),
    "iterations": ("fit", {"solver": "lbfgs", "max_iter": 1}, "lbfgs failed"),
    "batch": ("fit", {"solver": "adam", "batch_size": 50}, "batch_size=50 is larger"),
    "batch of a stream": ("partial_fit", {"batch_size": 50}, "batch_size=50 is larger"),
    "interrupt": ("fit", {"solver": "adam"}, "interrupted"),
    "interrupt of lbfgs": ("fit", {"solver": "lbfgs"}, "interrupted"),
    "interrupt of a stream": ("partial_fit", {}, "interrupted"),
}


@pytest.mark.filterwarnings("default")
@BOTH
@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_points_at_the_line_that_called(name, kind, monkeypatch):
    method, params, words = WARNINGS[name]
    estimator = make(kind, **params)
    classes = {"classes": [0, 1, 2]}
    kwargs = classes if (kind, method) == ("classifier", "partial_fit") else {}
    if words == "interrupted":
        interrupt_call(monkeypatch, Objective, "sums", 1)
    with pytest.warns(UserWarning, match=words) as caught:
        getattr(estimator, method)(X, TARGETS[kind], **kwargs)
    [warning] = [w for w in caught if words in str(w.message)]
    assert warning.filename == __file__


# ------------------------------------------------------------------------- interrupts


class Interrupt:
    """A callback that presses Ctrl-C when the n-th epoch ends."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        self.count = 0

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name in ("epoch", "iteration"):
            self.count += 1
            if self.count == self.n_epochs:
                raise KeyboardInterrupt


def interrupt_call(monkeypatch, owner, name, number):
    """Let the call of a method with this number be a Ctrl-C."""
    original = getattr(owner, name)
    count = 0

    def interrupted(*args, **kwargs):
        nonlocal count
        count += 1
        if count == number:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, interrupted)


def fit_interrupted(estimator, kind, match):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.warns(UserWarning, match=match) as caught:
            estimator.fit(X, TARGETS[kind])
    assert len(caught) == 1
    return estimator


def assert_same_parameters(estimator, other):
    for name in ("coefs_", "intercepts_"):
        for mine, theirs in zip(
            getattr(estimator, name), getattr(other, name), strict=True
        ):
            assert_array_equal(mine, theirs)


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("how", ["callback", "next epoch"])
def test_an_interrupt_keeps_the_last_parameters(kind, solver, how, monkeypatch):
    params = {"solver": solver, "batch_size": 5, "tol": 0.0}
    expected = make(kind, **params, max_iter=3).fit(X, TARGETS[kind])
    estimator = make(kind, **params, max_iter=20)
    if how == "callback":
        estimator.set_callbacks(Interrupt(3))
    elif solver == "lbfgs":
        # The line search of the fourth iteration.
        calls = count_calls(monkeypatch, expected, kind)
        interrupt_call(monkeypatch, Objective, "sums", calls + 1)
    else:
        interrupt_call(monkeypatch, MinibatchDescent, "run_epoch", 4)
    fit_interrupted(estimator, kind, r"after 3 complete epoch.*last parameters")
    assert_same_parameters(estimator, expected)
    assert estimator.n_iter_ == 3
    assert estimator.loss_curve_ == expected.loss_curve_
    assert estimator.loss_ == expected.loss_
    assert_array_equal(estimator.predict(X), expected.predict(X))


def count_calls(monkeypatch, estimator, kind):
    """Return how often a fit evaluates its objective."""
    count = 0
    original = Objective.sums

    def counted(*args):
        nonlocal count
        count += 1
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Objective, "sums", counted)
        deepcopy(estimator).fit(X, TARGETS[kind])
    return count


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_an_interrupt_keeps_the_best_parameters_of_early_stopping(
    kind, solver, monkeypatch
):
    params = {
        "solver": solver,
        "early_stopping": True,
        "validation_fraction": 0.34,
        "learning_rate_init": 0.2,
        "n_iter_no_change": np.inf,
        "batch_size": 4,
        "random_state": 2,
    }
    whole = make(kind, **params, max_iter=30).fit(X, TARGETS[kind])
    best_epoch = 1 + int(np.argmax(whole.validation_scores_[:20]))
    assert best_epoch < 20
    interrupt_call(monkeypatch, MinibatchDescent, "run_epoch", 21)
    estimator = make(kind, **params, max_iter=30)
    fit_interrupted(estimator, kind, r"after 20 complete epoch.*best parameters")
    monkeypatch.undo()
    assert estimator.n_iter_ == 20
    assert estimator.validation_scores_ == whole.validation_scores_[:20]
    expected = make(kind, **params, max_iter=best_epoch).fit(X, TARGETS[kind])
    assert_same_parameters(estimator, expected)


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_an_interrupt_in_the_middle_of_an_epoch_keeps_its_steps(
    kind, solver, monkeypatch
):
    # Three batches an epoch: the interrupt falls between the second and third step
    # of the second epoch.
    params = {"solver": solver, "batch_size": 4, "tol": 0.0, "max_iter": 5}
    seen = []
    original = Objective.sums

    def interrupted(self, theta, *args):
        seen.append(theta.copy())
        if len(seen) == 6:
            raise KeyboardInterrupt
        return original(self, theta, *args)

    monkeypatch.setattr(Objective, "sums", interrupted)
    estimator = make(kind, **params)
    fit_interrupted(estimator, kind, r"after 1 complete epoch.*last parameters")
    monkeypatch.undo()
    assert estimator.n_iter_ == 1
    assert len(estimator.loss_curve_) == 1
    parameters = [np.ravel(a) for a in (*estimator.coefs_, *estimator.intercepts_)]
    assert_array_equal(np.concatenate(parameters), seen[-1])


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_an_interrupt_before_the_first_epoch_leaves_a_network_that_predicts(
    kind, solver, monkeypatch
):
    interrupt_call(monkeypatch, Objective, "sums", 1)
    estimator = fit_interrupted(
        make(kind, solver=solver), kind, r"after 0 complete epoch"
    )
    assert estimator.n_iter_ == 0
    assert estimator.loss_curve_ == []
    assert np.isfinite(estimator.predict(X)).all()


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_training_goes_on_after_an_interrupt_as_if_nothing_had_happened(kind, solver):
    params = {"solver": solver, "batch_size": 5, "tol": 0.0, "warm_start": True}
    whole = make(kind, **params, max_iter=5).fit(X, TARGETS[kind])
    estimator = make(kind, **params, max_iter=9)
    estimator.set_callbacks(Interrupt(3))
    fit_interrupted(estimator, kind, "after 3 complete epoch")
    estimator.set_callbacks()
    estimator.set_params(max_iter=2).fit(X, TARGETS[kind])
    assert_same_parameters(estimator, whole)
    assert estimator.loss_curve_ == whole.loss_curve_


@BOTH
def test_partial_fit_can_be_interrupted(kind, monkeypatch):
    estimator = make_fitted(kind)
    before = [coefs.copy() for coefs in estimator.coefs_]
    interrupt_call(monkeypatch, MinibatchDescent, "run_epoch", 1)
    with pytest.warns(UserWarning, match=r"after 2 complete epoch.*last parameters"):
        estimator.partial_fit(X, TARGETS[kind])
    for mine, theirs in zip(estimator.coefs_, before, strict=True):
        assert_array_equal(mine, theirs)


@BOTH
@pytest.mark.parametrize("fitted", [False, True])
def test_an_interrupt_outside_training_changes_nothing(kind, fitted, monkeypatch):
    estimator = make_fitted(kind) if fitted else make(kind)
    interrupt_call(monkeypatch, base_module, "column_statistics", 1)
    with fails(estimator, KeyboardInterrupt, []):
        estimator.fit(X, TARGETS[kind])


@IN_EVERY_SITUATION
@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_any_error_in_the_middle_of_an_epoch_changes_nothing(
    kind, situation, solver, monkeypatch
):
    original = Objective.sums
    count = 0

    def fail_at_the_third_batch(*args):
        nonlocal count
        count += 1
        if count == 3:
            raise MemoryError("no more memory")
        return original(*args)

    estimator, call = situate(situation, kind, solver=solver, batch_size=4)
    monkeypatch.setattr(Objective, "sums", fail_at_the_third_batch)
    with fails(estimator, MemoryError, "no more memory"):
        call(X, TARGETS[kind])


def test_a_callback_that_fails_changes_nothing():
    class Broken(Interrupt):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("a broken callback")

    estimator = make_fitted("regressor")
    estimator.set_callbacks(Broken(1))
    names = {name for name in vars(estimator) if name != "_skl_callbacks"}
    before = {name: joblib.hash(vars(estimator)[name]) for name in names}
    with pytest.raises(RuntimeError, match="a broken callback"):
        estimator.fit(X, NUMBERS)
    assert {name: joblib.hash(vars(estimator)[name]) for name in names} == before
    assert set(vars(estimator)) == names | {"_skl_callbacks"}


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_a_fit_interrupted_before_its_first_epoch_can_go_on(kind, solver, monkeypatch):
    estimator = make(kind, solver=solver, warm_start=True)
    with monkeypatch.context() as patch:
        interrupt_call(patch, Objective, "sums", 1)
        fit_interrupted(estimator, kind, "after 0 complete epoch")
    assert estimator.n_iter_ == 0
    assert estimator.loss_curve_ == []
    estimator.fit(X, TARGETS[kind])
    assert len(estimator.loss_curve_) == estimator.n_iter_ > 0


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("kind", KINDS)
def test_predict_refuses_what_overflows_in_the_network(kind, activation):
    # Not all of it: tanh hides what is merely far away, and is right to.
    estimator = make(kind, activation=activation, dtype="float32", scaling=None)
    estimator.fit(X.astype("float32"), TARGETS[kind])
    huge = np.full_like(X, 3e38, dtype="float32")
    if activation == "relu":
        with fails(estimator, ValueError, ["not finite in float32", "outliers"]):
            estimator.predict(huge)
    else:
        assert estimator.predict(huge / 10).shape == estimator.predict(X).shape
