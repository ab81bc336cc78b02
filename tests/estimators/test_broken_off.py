"""A good call that breaks off, at one place after another, leaves all as it was."""

import sys
import warnings
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import sklearn.utils._available_if as available_if_module
from failing import (
    IGNORE,
    KINDS,
    PLACES,
    TARGETS,
    Fault,
    X,
    break_off,
    breaking,
    call,
    contents,
    fingerprint,
    good_arguments,
    make,
    make_fitted,
    make_warm,
    needed_by,
)
from ways_to_fail import NEEDS_FIT, READ_ONLY, Broken, methods_of

import skann

pytestmark = pytest.mark.filterwarnings(IGNORE)


@pytest.fixture(autouse=True)
def numpy_complains_as_before():
    """Undo what an error on the very line of `with np.errstate(...)` leaves behind."""
    before = np.geterr()
    yield
    np.seterr(**before)


# --------------------------------------------------------- good calls that break off


class Listener(Broken):
    """A callback of whose hooks every one passes through a fault."""

    def __init__(self, fault):
        self.hear = fault


# How training is called, and what the estimator is at that time.
SITUATIONS = {
    "fit, unfitted": (make, "fit"),
    "fit, fitted": (make_fitted, "fit"),
    "fit, warm": (make_warm, "fit"),
    "partial_fit, unfitted": (make, "partial_fit"),
    "partial_fit, fitted": (make_fitted, "partial_fit"),
}
TRAININGS = {
    "sgd": {"solver": "sgd"},
    "adam": {"solver": "adam"},
    "lbfgs": {"solver": "lbfgs"},
    "adam, early stopping": {"solver": "adam", "early_stopping": True},
    "lbfgs, early stopping": {"solver": "lbfgs", "early_stopping": True},
}
IN_EVERY_SITUATION = pytest.mark.parametrize(
    ("situation", "training"),
    [
        pytest.param(situation, training, id=f"{situation}-{training}")
        for situation in SITUATIONS
        for training in TRAININGS
        if not ("partial" in situation and "lbfgs" in training)
    ],
)
ERRORS = pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])


@cache
def situate(situation, training, kind):
    """Return an estimator to be copied, the name of a method and its arguments."""
    factory, method = SITUATIONS[situation]
    params = {"tol": 0.0, "n_iter_no_change": np.inf, **TRAININGS[training]}
    if params["solver"] == "lbfgs":
        params["batch_size"] = "auto"
    estimator = make(kind, **params)
    if factory is not make:
        validation = {"X_val": X[:5], "y_val": TARGETS[kind][:5]}
        estimator.fit(X, TARGETS[kind], **validation)
    estimator.set_params(warm_start=factory is make_warm)
    return estimator, method, good_arguments(kind, method)


@cache
def fitted_names(kind):
    """Return the names of all that a fitted estimator holds."""
    return vars(make_fitted(kind)).keys()


def assert_well_interrupted(estimator, before, kind, method, messages):
    """Check what an interrupt leaves: a model of a number of whole epochs."""
    [message] = [message for message in messages if "interrupted by user" in message]
    assert f"after {estimator.n_iter_} complete epoch(s)" in message
    goes_on = hasattr(before, "n_iter_") and (before.warm_start or method != "fit")
    n_before = len(before.loss_curve_) if goes_on else 0
    n_epochs = estimator.n_iter_
    if not (goes_on and method == "partial_fit"):  # which counts all
        n_epochs += n_before
    history = estimator.history_
    assert history["loss"] == estimator.loss_curve_
    assert history["epoch"] == list(range(1, n_epochs + 1))
    assert {len(column) for column in history.values()} == {n_epochs}
    assert np.isfinite(estimator.loss_) == (n_epochs > 0)
    if estimator.validation_scores_ is not None:
        assert len(estimator.validation_scores_) == n_epochs
    assert np.isfinite(estimator.predict(X)).all()
    assert vars(estimator).keys() - {"_skl_callbacks"} == fitted_names(kind)


def assert_training_goes_on(estimator, kind, method):
    estimator.set_params(warm_start=True).set_callbacks()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call(estimator, method, good_arguments(kind, method))
    n_epochs = len(estimator.loss_curve_)
    assert estimator.history_["epoch"] == list(range(1, n_epochs + 1))


def check_outcome(estimator, before, kind, method, fault, outcome, is_training):
    """Check what is left of a call that broke off in training or outside of it."""
    error, messages = outcome
    if fault.error is KeyboardInterrupt and is_training:
        assert error is None
        assert_well_interrupted(estimator, before, kind, method, messages)
    else:
        assert isinstance(error, fault.error)
        assert str(error) == f"at {fault.where}, call {fault.number}"
        assert fingerprint(estimator) == fingerprint(before)


def is_reached(place, situation, training):
    """Say whether a training comes by a place at all."""
    is_lbfgs = "lbfgs" in training
    return {
        "step": not is_lbfgs,
        "search": is_lbfgs,
        "draw": situation in ("fit, unfitted", "fit, fitted", "partial_fit, unfitted"),
    }.get(place, True)


@pytest.mark.every(5)
@ERRORS
@IN_EVERY_SITUATION
@pytest.mark.parametrize("place", PLACES)
def test_training_that_breaks_off_anywhere_changes_nothing_or_keeps_whole_epochs(
    place, situation, training, error
):
    # What one kind of estimator does well, so does the other: they take turns.
    kind = "classifier" if "partial" in situation else "regressor"
    before, method, arguments = situate(situation, training, kind)
    passed = contents(arguments)
    is_training = PLACES[place][2]
    moments = ["before"]
    if is_training and error is KeyboardInterrupt:  # which keeps what came before it
        moments.append("after")
    for number, when in ((k, when) for k in count(1) for when in moments):
        fault = Fault(error, number)
        estimator = deepcopy(before)
        with breaking(place, when, fault):
            outcome = break_off(estimator, method, arguments, fault)
        assert contents(arguments) == passed
        if fault.where is None:
            break
        check_outcome(estimator, before, kind, method, fault, outcome, is_training)
        if outcome[0] is None:
            assert_training_goes_on(estimator, kind, method)
    assert (number > 1) == is_reached(place, situation, training)


@pytest.mark.every(7)
@ERRORS
@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize(
    ("situation", "kind"),
    [
        ("fit, unfitted", "classifier"),
        ("fit, fitted", "regressor"),
        ("fit, warm", "classifier"),
    ],
)
def test_a_callback_that_breaks_off_changes_nothing_or_keeps_whole_epochs(
    situation, training, kind, error
):
    before, method, arguments = situate(situation, training, kind)
    heard = set()
    for number in count(1):
        fault = Fault(error, number)
        listener = Listener(fault)
        estimator = deepcopy(before).set_callbacks(listener)
        untouched = deepcopy(before).set_callbacks(listener)
        outcome = break_off(estimator, method, arguments, fault)
        if fault.where is None:
            break
        heard.add(fault.where)
        for task in ("fit", "epoch", "iteration"):  # which end but once
            n_begun = fault.passed.count(f"begin of {task}")
            assert fault.passed.count(f"end of {task}") <= n_begun
        is_training = fault.where.endswith(("of epoch", "of iteration"))
        check_outcome(estimator, untouched, kind, method, fault, outcome, is_training)
    assert len(heard) == 6


# -------------------------------------------------------------- at lines of the code

PACKAGE = Path(skann.__file__).parent
TRAINING_CODE = str(PACKAGE / "training")


@contextmanager
def passing_lines_through(fault):
    """Let every line of skann that is about to run pass through the fault."""
    package = str(PACKAGE)

    def trace(frame, event, _):
        code = frame.f_code
        if not code.co_filename.startswith(package):
            return None
        # An error in a condition of available_if is an AttributeError to its caller.
        if frame.f_back.f_code.co_filename == available_if_module.__file__:
            return None
        if event == "line":
            fault((code.co_filename, frame.f_lineno))
        return trace

    earlier = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(earlier)


class Itinerary:
    """Notes where a call comes by, instead of breaking it off."""

    error = ()

    def __init__(self):
        self.places = []

    def __call__(self, where):
        self.places.append(where)


def break_off_at_lines(before, method, arguments, error):
    """Yield an estimator, the fault and the outcome for many lines that a call runs.

    An interrupt comes at every line of training when it runs for the last time, any
    error at twenty lines or more.
    """
    itinerary, estimator = Itinerary(), deepcopy(before)
    with passing_lines_through(itinerary):
        break_off(estimator, method, arguments, itinerary)
    visits = {place: number for number, place in enumerate(itinerary.places, 1)}
    step = max(1, len(visits) // 20)
    for index, (place, number) in enumerate(visits.items()):
        in_training = place[0].startswith(TRAINING_CODE)
        if index % step and not (in_training and error is KeyboardInterrupt):
            continue
        fault = Fault(error, number)
        estimator = deepcopy(before)
        with passing_lines_through(fault):
            outcome = break_off(estimator, method, arguments, fault)
        assert fault.where == place
        yield estimator, fault, outcome


@pytest.mark.every(3)
@ERRORS
@pytest.mark.parametrize(
    ("kind", "situation", "training"),
    [
        ("classifier", "fit, warm", "adam, early stopping"),
        ("regressor", "fit, unfitted", "lbfgs"),
    ],
)
def test_training_may_break_off_at_any_line(kind, situation, training, error):
    before, method, arguments = situate(situation, training, kind)
    n_lines = 0
    for estimator, fault, outcome in break_off_at_lines(
        before, method, arguments, error
    ):
        n_lines += 1
        is_training = outcome[0] is None  # or is not: here nothing says so
        check_outcome(estimator, before, kind, method, fault, outcome, is_training)
    assert n_lines >= 20


@pytest.mark.every(5)
@ERRORS
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (kind, method)
        for kind in KINDS
        for method in methods_of(kind)
        if method in NEEDS_FIT - READ_ONLY
    ],
)
def test_every_other_method_may_break_off_at_any_line(kind, method, error):
    before = make_fitted(kind, **needed_by(method))
    arguments = good_arguments(kind, method)
    passed = contents(arguments)
    after = deepcopy(before)
    call(after, method, arguments)
    changes = method in ("coefs_", "intercepts_", "finalize")
    assert changes == (fingerprint(before) != fingerprint(after))
    n_lines = 0
    for estimator, _, (raised, messages) in break_off_at_lines(
        before, method, arguments, error
    ):
        n_lines += 1
        assert isinstance(raised, error)
        assert not messages
        # Nothing was done or, if it broke off at the very end, all.
        assert fingerprint(estimator) in (fingerprint(before), fingerprint(after))
        assert contents(arguments) == passed
    assert n_lines > 0
