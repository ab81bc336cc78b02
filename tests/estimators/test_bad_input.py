"""Bad data are refused in words, in scikit-learn's usual error, and change nothing."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from bad_calls import (
    BOTH,
    IGNORE,
    IN_EVERY_SITUATION,
    INDICATORS,
    LABELS,
    N_SAMPLES,
    NUMBERS,
    ONES,
    SITUATIONS,
    TARGETS,
    X,
    fails,
    fingerprint,
    make,
    make_fitted,
    situate,
    with_value,
)
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import DataConversionWarning, NotFittedError

from skann import check_gradient

pytestmark = pytest.mark.filterwarnings(IGNORE)


def test_the_fingerprint_sees_a_change_of_a_single_bit():
    estimator = make_fitted("regressor")
    before = fingerprint(estimator)
    assert fingerprint(deepcopy(estimator)) == before
    estimator.coefs_[0][0, 0] = np.nextafter(estimator.coefs_[0][0, 0], np.inf)
    assert fingerprint(estimator) != before


# -------------------------------------------------------------------------- bad data

FRAME = pd.DataFrame(X, columns=["a", "b", "c"])

# X, and the words of the error.
BAD_X = {
    "infinity": (with_value(X, np.inf), "X contains infinity"),
    "minus infinity": (with_value(X, -np.inf), "X contains infinity"),
    "both infinities": (
        with_value(np.where(X > 2, -np.inf, X), np.inf),
        "X contains infinity",
    ),
    "sparse infinity": (sparse.csc_matrix(with_value(X, np.inf)), "X contains inf"),
    "infinity in a frame": (FRAME.assign(a=np.inf), "X contains infinity"),
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
}

# What is taken, but not by who leaves the inputs unscaled, as the MLP does.
ONLY_SCALED = {
    "NaN": (with_value(X, np.nan), "X contains NaN"),
    "sparse NaN": (sparse.csr_array(with_value(X, np.nan)), "X contains NaN"),
    "missing in a frame": (FRAME.astype("Float64").mask(FRAME > 1), "X contains NaN"),
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


@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@IN_EVERY_SITUATION
@BOTH
@pytest.mark.parametrize("params", [{"scaling": None}, {"recipe": "mlp"}], ids=str)
@pytest.mark.parametrize("name", ONLY_SCALED)
def test_who_does_not_scale_is_told_who_takes_labels_and_gaps(
    name, params, kind, situation
):
    bad, words = ONLY_SCALED[name]
    estimator, call = situate(situation, kind, **params)
    with fails(estimator, ValueError, [words, "scaling=None", "recipe='table'"]):
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
@pytest.mark.filterwarnings("ignore:.*all inputs are zero")
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


# --------------------------------------------------------------------- given weights

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


# -------------------------------------------------------------- before and after fit

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
        estimator.input_weights()
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
    if name not in ("fewer rows than y", "ragged", "infinity in a frame")
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
