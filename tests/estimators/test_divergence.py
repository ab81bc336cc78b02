"""Training that diverges says when and what to change; warnings point at the caller."""

import joblib
import numpy as np
import pytest
from bad_calls import (
    BOTH,
    IGNORE,
    KINDS,
    LABELS,
    NUMBERS,
    ONES,
    SITUATIONS,
    TARGETS,
    X,
    fails,
    interrupt_call,
    make,
    make_fitted,
    with_value,
)

from skann.core.objective import Objective
from skann.training.schedules import InverseScaling

pytestmark = pytest.mark.filterwarnings(IGNORE)


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
            before = joblib.hash(estimator.__getstate__())
            try:
                getattr(estimator, situation.split(",")[0])(
                    X * x_factor, NUMBERS * y_factor
                )
            except ValueError:
                # What earlier, successful calls changed does not count here.
                assert joblib.hash(estimator.__getstate__()) == before
                raise

    with pytest.raises(ValueError, match=r"Training diverged in epoch \d+") as caught:
        diverge()
    for word in [*words, "last finite loss", "left unchanged"]:
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


@pytest.mark.parametrize(
    ("solver", "schedule"), [("sgd", "invscaling"), ("adam", InverseScaling(1e5))]
)
def test_a_huge_exponent_of_invscaling_ends_in_a_rate_of_zero(solver, schedule):
    params = {"solver": solver, "learning_rate": schedule, "power_t": 1e5}
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


# ------------------------------------------------------------------------ interrupts


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
