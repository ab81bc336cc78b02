"""Whatever is passed, there is a fitted finite model in the end, or an error in words.

Hypothesis draws parameters, data and the way in; SKANN_FUZZ_CASES sets how many cases
there are, 500 without it. The longer run is

    SKANN_FUZZ_CASES=20000 pytest -m "" tests/estimators/test_fuzz.py
"""

import os
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skann import BackpropClassifier, BackpropRegressor
from skann.core.activations import HIDDEN_ACTIVATIONS, LeakyRelu
from skann.estimators.settings import SCHEDULES
from skann.training.optimizers import SGD
from skann.training.schedules import Cosine

N_CASES = int(os.environ.get("SKANN_FUZZ_CASES", "500"))

# The errors that the documentation names. InvalidParameterError is a ValueError.
DOCUMENTED = (ValueError, TypeError, AttributeError)


def or_rarely(usual, odd):
    """Draw from `usual`, and once in thirty times from `odd`."""
    return st.integers(0, 29).flatmap(
        lambda number: st.sampled_from(odd if number == 0 else usual)
    )


PARAMETERS = {
    "hidden_layer_sizes": or_rarely(
        ["auto", (), (3,), (4, 2), 5, [2], (32,), (40, 33)], [0, (2, -1), "a", None]
    ),
    "activation": or_rarely(
        ["auto", *HIDDEN_ACTIVATIONS, LeakyRelu(0.5), ["elu"], ("silu", "tanh")],
        ["sine", None, [], [3]],
    ),
    "solver": or_rarely(["sgd", "adam", "lbfgs", SGD()], ["newton"]),
    "alpha": or_rarely(
        [0, 1e-4, 1.0, 1e6, np.float32(0.1)], [-1.0, "b", np.nan, np.inf]
    ),
    "batch_size": or_rarely(["auto", 1, 3, 1000], [0, 2.5, "all"]),
    "learning_rate": or_rarely(["auto", *SCHEDULES, Cosine(3)], ["cosine?"]),
    "decay": or_rarely([None, 1e-3, 0.5, 3.0], [0, "d"]),
    "dropout": or_rarely(
        ["auto", 0, 0.3, 0.9999999, [0.5], [0.2, 0]], [1.0, "d", None]
    ),
    "weight_decay": or_rarely(["auto", 0, 1e-4, 0.1], [-1, np.inf]),
    "max_grad_norm": or_rarely([None, 1e-6, 1.0], [0, "m"]),
    "restore_best_weights": or_rarely([True, False], ["r"]),
    "scoring": or_rarely([None, "loss"], ["no such scorer", 3]),
    "learning_rate_init": or_rarely(
        ["auto", 1e-300, 1e-3, 0.1, 10.0, 1e10], [0, -1, np.nan]
    ),
    "power_t": or_rarely([0, 0.5, 10.0], [-1]),
    "max_iter": or_rarely(["auto", 1, 2, 7], [0, 1.5]),
    "shuffle": or_rarely([True, False], ["yes"]),
    "random_state": or_rarely([0, 1], [-1, "seed"]),
    "tol": or_rarely([0, 1e-4, 1.0], [-1]),
    "warm_start": or_rarely([True, False], [None]),
    "momentum": or_rarely([0, 0.9, 1.0], [2]),
    "nesterovs_momentum": or_rarely([True, False], ["n"]),
    "early_stopping": or_rarely([False, False, True], ["e"]),
    "validation_fraction": or_rarely([0.1, 0.5], [0, 1, 2]),
    "beta_1": or_rarely([0, 0.9, 0.999999], [1]),
    "beta_2": or_rarely(["auto", 0, 0.999], [1]),
    "epsilon": or_rarely([1e-8, 1e-300, 1.0], [0]),
    "n_iter_no_change": or_rarely(["auto", 1, 3, np.inf], [0]),
    "max_fun": or_rarely([1, 50], [0]),
    "init": or_rarely(
        ["auto", "glorot_uniform", "he_normal", "lecun_uniform"], ["zeros", 3]
    ),
    "scaling": or_rarely(["standard", None], ["log"]),
    "n_frequencies": or_rarely(["auto", 0, 1, 3], [-1, 0.5, "few"]),
    "frequency_scale": or_rarely([0.1, 1e-300, 1e6], [0, 1e7]),
    "dtype": or_rarely([None, "float32", "float64"], ["int8"]),
}
OWN_PARAMETERS = {
    BackpropClassifier: {
        "loss": or_rarely(["log_loss", "squared_error"], ["hinge"]),
        "output_activation": or_rarely(["auto", "softmax", "logistic"], ["exp"]),
        "class_weight": or_rarely([None, "balanced", {0: 2}], [{9: 1}, {0: -1}]),
        "label_smoothing": or_rarely(["auto", 0, 0.1], [1.0, -1]),
    },
    BackpropRegressor: {
        "loss": or_rarely(
            [
                "squared_error",
                "absolute_error",
                "huber",
                "quantile",
                "poisson",
                "gamma",
            ],
            ["log_loss"],
        ),
        "output_activation": or_rarely(["auto", "relu", "exp"], ["softmax"]),
        "quantile": or_rarely([0.5, 0.9, [0.1, 0.9]], [0, [0.9, 0.1], "q", []]),
        "huber_delta": or_rarely([None, 1e-3, 1e3], [0, -1]),
    },
}
# What one number can be, apart from the ordinary.
ODD_NUMBERS = [0, -0.0, 1, 1e-310, 1e-40, 1e-160, 1e20, 1e38, 1e155, 1e300, -1e300]
BAD_NUMBERS = [np.nan, np.inf, -np.inf]


@st.composite
def numbers(draw, shape):
    """Draw an array with a few numbers that are not like the others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = 10.0 ** draw(or_rarely([0, 0, 0, 3, -3], [-300, -30, 30, 150, 300]))
    array = rng.standard_normal(shape) * scale
    for _ in range(draw(st.integers(0, 3))):
        value = draw(or_rarely(ODD_NUMBERS, BAD_NUMBERS))
        where = draw(st.sampled_from(["element", "column", "row"]))
        i, j = rng.integers(shape[0]), rng.integers(shape[1])
        if where == "element":
            array[i, j] = value
        elif where == "column":
            array[:, j] = value
        else:
            array[i] = value
    return array


@st.composite
def cases(draw):
    """Draw an estimator, inputs, targets, weights and the methods to call."""
    kind = draw(st.sampled_from([BackpropClassifier, BackpropRegressor]))
    names = draw(st.lists(st.sampled_from(sorted(PARAMETERS)), max_size=6, unique=True))
    parameters = {"max_iter": 5, "random_state": 0}
    parameters |= {name: draw(PARAMETERS[name]) for name in names}
    own = OWN_PARAMETERS[kind]
    names = draw(st.lists(st.sampled_from(sorted(own)), max_size=3, unique=True))
    parameters |= {name: draw(own[name]) for name in names}

    n_rows, n_columns = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    X = draw(numbers((n_rows, n_columns)))
    with np.errstate(over="ignore"):
        X = X.astype(draw(st.sampled_from([np.float64, np.float64, np.float32])))
    n_targets = draw(st.sampled_from([1, 1, 1, 2]))
    if kind is BackpropClassifier:
        seed = draw(st.integers(0, 99))
        y = np.random.default_rng(seed).integers(0, 3, (n_rows, n_targets))
        y = np.minimum(y, 1) if n_targets > 1 else y
        if draw(st.booleans()):
            y = y.astype(str) if n_targets == 1 else y
    else:
        y = draw(numbers((n_rows, n_targets)))
        if draw(st.booleans()):
            y = np.abs(y)
    y = y[:, 0] if n_targets == 1 else y
    container = draw(
        st.sampled_from([np.asarray, np.asfortranarray, sparse.csr_array, pd.DataFrame])
    )
    weight = None
    if draw(st.booleans()):
        weight = draw(numbers((n_rows, 1)))[:, 0]
        weight = np.abs(weight) if draw(or_rarely([True], [False])) else weight
    methods = draw(
        st.lists(st.sampled_from(["fit", "partial_fit"]), min_size=1, max_size=3)
    )
    validates = draw(st.integers(0, 3)) == 0
    return kind(**parameters), container(X), y, weight, methods, validates


def call(estimator, method, X, y, weight, validates):
    """Call `fit` or `partial_fit`."""
    options = {"X_val": X, "y_val": y} if validates else {}
    if method == "partial_fit" and isinstance(estimator, BackpropClassifier):
        options["classes"] = np.arange(y.shape[1]) if y.ndim > 1 else np.unique(y)
    return getattr(estimator, method)(X, y, weight, **options)


def assert_finite(estimator, X):
    """Check everything that a fitted estimator shows."""
    for array in (*estimator.coefs_, *estimator.intercepts_):
        assert np.isfinite(array).all()
    assert np.isfinite(estimator.loss_)
    assert np.isfinite(estimator.loss_curve_).all()
    predicted = estimator.predict(X)
    if isinstance(estimator, BackpropRegressor):
        assert np.isfinite(predicted).all()
    else:
        assert np.isfinite(estimator.predict_proba(X)).all()
        assert np.isfinite(estimator.predict_log_proba(X)).all()


counts = {"cases": 0, "calls": 0, "errors": 0}


@pytest.fixture(scope="module", autouse=True)
def report(request):
    """Print the count, whether output is captured or not."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(
            f"\n{counts['cases']} cases, {counts['calls']} calls, of which "
            f"{counts['errors']} ended in a documented error"
        )


def draw(n_cases):
    """Let a test meet the same cases each time, whatever it takes."""
    return settings(
        max_examples=n_cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def assert_ends_well_or_in_words(estimator, X, y, weight, methods, validates):
    counts["cases"] += 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="batch_size=")
        warnings.filterwarnings("ignore", message=".*all inputs are zero")
        warnings.filterwarnings("ignore", message=".*has exactly one label")
        warnings.filterwarnings("ignore", message="y_pred contains classes")
        for method in methods:
            counts["calls"] += 1
            before = joblib.hash(estimator.__getstate__())
            try:
                call(estimator, method, X, y, weight, validates)
            except DOCUMENTED:
                counts["errors"] += 1
                assert joblib.hash(estimator.__getstate__()) == before
            else:
                assert_finite(estimator, X)


@draw(60)
@given(case=cases())
def test_a_few_cases_end_well_or_in_words(case):
    assert_ends_well_or_in_words(*case)


@pytest.mark.exhaustive
@draw(N_CASES)
@given(case=cases())
def test_every_case_ends_well_or_in_words(case):
    assert_ends_well_or_in_words(*case)
