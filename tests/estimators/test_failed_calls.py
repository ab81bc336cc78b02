"""A failed call changes nothing: every public method, in every way that it can fail.

Some calls are bad. The others are good and break off, at one place after another until
they get through.
"""

import sys
import warnings
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import NotFittedError

import skann
import skann.estimators.base as base_module
import skann.estimators.run as run_module
import skann.training.lbfgs as lbfgs_module
from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.core.network import Network
from skann.core.objective import Objective
from skann.estimators.base import has_partial_fit
from skann.estimators.validation import Validation
from skann.training.optimizers import SGD, Adam
from skann.training.progress import Plateau

# Two or three epochs never converge.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(IGNORE)

N_SAMPLES = 12
RANDOM = np.random.RandomState(0)
X = RANDOM.randn(N_SAMPLES, 3)
WEIGHT = RANDOM.uniform(0.5, 1.5, N_SAMPLES)
ONES = np.ones(N_SAMPLES)

KINDS = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
TARGETS = {"classifier": np.arange(N_SAMPLES) % 3, "regressor": X[:, 0] - X[:, 1]}
N_OUTPUTS = {"classifier": 3, "regressor": 1}
# Two epochs of two batches.
SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "batch_size": 6, "random_state": 0}
BOTH = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def numpy_complains_as_before():
    """Undo what an error on the very line of `with np.errstate(...)` leaves behind."""
    before = np.geterr()
    yield
    np.seterr(**before)


def make(kind, **params):
    return KINDS[kind](**{**SMALL, **params})


def make_fitted(kind, **params):
    return make(kind, **params).fit(X, TARGETS[kind])


def make_warm(kind, **params):
    return make_fitted(kind, warm_start=True, **params)


STATES = {"unfitted": make, "fitted": make_fitted, "warm": make_warm}


def fingerprint(estimator):
    """Return the names and a hash of all that the estimator holds.

    Callbacks change as they hear; the estimator only has to keep the same ones.
    """
    values = dict(vars(estimator))
    callbacks = [id(callback) for callback in values.pop("_skl_callbacks", [])]
    return list(vars(estimator)), callbacks, joblib.hash(values)


@contextmanager
def fails(estimator, error):
    before = fingerprint(estimator)
    with pytest.raises(error):
        yield
    assert fingerprint(estimator) == before


def contents(arguments):
    """Return a hash of the values of arguments, sparse ones without what they cache."""

    def plain(value):
        if sparse.issparse(value):
            return value.shape, value.data, value.indices, value.indptr
        return value

    return joblib.hash({name: plain(value) for name, value in arguments.items()})


def layers(kind):
    """Return weights and biases of the shapes of the small network."""
    n_outputs = N_OUTPUTS[kind]
    weights = [np.full((3, 3), 0.5), np.full((3, n_outputs), 0.5)]
    return weights, [np.full(3, 0.5), np.full(n_outputs, 0.5)]


def good_arguments(kind, method):
    """Return arguments that a method, or what is assigned to an attribute, may have."""
    y = TARGETS[kind]
    weights, biases = layers(kind)
    scored = {"X": X, "y": y, "sample_weight": WEIGHT}
    validation = {"X_val": X[:5], "y_val": y[:5], "sample_weight_val": WEIGHT[:5]}
    classes = {"classes": [0, 1, 2]} if kind == "classifier" else {}
    return {
        "fit": {
            **scored, **validation, "coef_init": weights, "intercept_init": biases,
        },
        "partial_fit": {**scored, **validation, **classes},
        "score": scored,
        "check_gradient": {**scored, "max_parameters": 1},
        "predict": {"X": X},
        "predict_proba": {"X": X},
        "predict_log_proba": {"X": X},
        "decision_function": {"X": X},
        "coefs_": {"value": weights},
        "intercepts_": {"value": biases},
        "set_fit_request": {"sample_weight": True},
        "set_partial_fit_request": {"sample_weight": True},
        "set_score_request": {"sample_weight": True},
    }.get(method, {})  # fmt: skip


def is_attribute(kind, name):
    return isinstance(getattr(KINDS[kind], name, None), property)


def call(estimator, method, arguments):
    """Call a method, assign to an attribute, or check the gradient."""
    if method == "check_gradient":
        return check_gradient(estimator, **arguments)
    if isinstance(getattr(type(estimator), method, None), property):
        return setattr(estimator, method, arguments["value"])
    arguments = dict(arguments)
    callbacks = arguments.pop("callbacks", ())
    # Metadata can be requested only where they are routed.
    with config_context(enable_metadata_routing=method.endswith("_request")):
        return getattr(estimator, method)(*callbacks, **arguments)


# ------------------------------------------------------------------------- bad calls

BAD_CALL = TypeError, ValueError


@dataclass
class Way:
    """A way to fail: what is passed instead of something good, and what is set before.

    It is open to an estimator in any of the states.
    """

    arguments: dict = field(default_factory=dict)
    params: dict = field(default_factory=dict)
    states: tuple[str, ...] = tuple(STATES)
    error: type[Exception] | tuple[type[Exception], ...] = BAD_CALL
    callback: object = None


def with_value(array, value):
    """Return a float copy of an array with one element replaced."""
    array = np.array(array, dtype=np.float64)
    array.flat[4] = value
    return array


def ways_to_pass(argument, bad, **options):
    return {
        f"{argument}: {name}": Way({argument: value}, **options)
        for name, value in bad.items()
    }


BAD_INPUTS = {
    "NaN": with_value(X, np.nan),
    "infinity": with_value(X, np.inf),
    "sparse NaN": sparse.csr_array(with_value(X, np.nan)),
    "missing": None,
    "1-D": X[:, 0],
    "3-D": X[:, :, np.newaxis],
    "scalar": 3.0,
    "ragged": [[1, 2, 3], [1, 2]] * 6,
    "no samples": X[:0],
    "no features": X[:, :0],
    "complex": X * 1j,
    "text": np.full(X.shape, "red"),
}
OTHER_COLUMNS = {
    "fewer columns": X[:, :2],
    "more columns": np.c_[X, X],
    "sparse, more columns": sparse.csr_array(np.c_[X, X]),
    "other names": pd.DataFrame(X[:, :2], columns=["a", "b"]),
}
BAD_TARGETS = {
    "NaN": with_value(ONES, np.nan),
    "missing": None,
    "scalar": 3.0,
    "3-D": np.zeros((N_SAMPLES, 2, 2)),
    "short": ONES[:3],
    "empty": ONES[:0],
    "complex": ONES * 1j,
    "ragged": [[1, 2], [3]] * 6,
}
BAD_TARGETS_OF = {
    "classifier": {
        "continuous": X[:, 0],
        "several of several": np.c_[TARGETS["classifier"], TARGETS["classifier"]],
    },
    "regressor": {
        "text": np.full(N_SAMPLES, "red"),
        "sparse": sparse.csr_array(X[:, :1]),
    },
}
BAD_WEIGHTS = {
    "NaN": with_value(ONES, np.nan),
    "short": ONES[:3],
    "2-D": ONES[:, np.newaxis],
    "complex": ONES * 1j,
    "text": np.full(N_SAMPLES, "red"),
}
BAD_PARAMETERS = {
    "hidden_layer_sizes": 0,
    "activation": "sigmoid",
    "alpha": -1.0,
    "learning_rate_init": np.nan,
    "max_iter": 0,
    "random_state": "seed",
    "scaling": "quantile",
    "dtype": "float16",
    "loss": "hinge",
    "output_activation": "linear",
}
# Of a network that goes on.
OTHER_NETWORKS = {
    "hidden_layer_sizes": (4,),
    "activation": "tanh",
    "scaling": None,
    "dtype": "float32",
}
NO_VALIDATION = dict.fromkeys(("X_val", "y_val", "sample_weight_val"))


def bad_layers(kind, name):
    good = dict(zip(("coef", "intercept"), layers(kind), strict=True))[
        name.partition("_")[0].removesuffix("s")
    ]
    return {
        "none": [],
        "too few": good[:1],
        "too many": [*good, good[0]],
        "a shape": [np.ones((5, 5)), good[1]],
        "a later shape": [good[0], np.ones((5, 5))],
        "NaN": [good[0], np.full_like(good[1], np.nan)],
        "text": [good[0], np.full(good[1].shape, "red")],
        "complex": [good[0], good[1] * 1j],
    }


class Broken:
    """A callback that raises at one of its hooks."""

    def __init__(self, hook):
        self.hook = hook

    def hear(self, hook):
        if hook == self.hook:
            raise ZeroDivisionError("a mistake in a callback")

    def setup(self, estimator, context):
        self.hear("setup")

    def on_fit_task_begin(self, estimator, context):
        self.hear("begin of " + context.task_name)

    def on_fit_task_end(self, estimator, context):
        self.hear("end of " + context.task_name)

    def teardown(self, estimator, context):
        self.hear("teardown")


def ways_to_train(kind, goes_on):
    """Ways for fit and partial_fit; in the states `goes_on` training does."""
    y = TARGETS[kind]
    ways = {
        **ways_to_pass("X", BAD_INPUTS),
        **ways_to_pass("X", OTHER_COLUMNS),  # than X_val
        **ways_to_pass("y", {**BAD_TARGETS, **BAD_TARGETS_OF[kind]}),
        **ways_to_pass("sample_weight", {**BAD_WEIGHTS, "negative": -ONES}),
        **ways_to_pass("X_val", {**BAD_INPUTS, **OTHER_COLUMNS}),
        **ways_to_pass("y_val", {**BAD_TARGETS, **BAD_TARGETS_OF[kind]}),
        **ways_to_pass(
            "sample_weight_val", {**BAD_WEIGHTS, "negative": -ONES, "zero": 0 * ONES}
        ),
        "other columns": Way({"X": X[:, :2], **NO_VALIDATION}, states=goes_on),
        "one validation sample": Way(
            {"X_val": X[:1], "y_val": y[:1], "sample_weight_val": None}
        ),
        "divergence": Way({}, {"solver": "sgd", "learning_rate_init": 1e300}),
    }
    for name, value in BAD_PARAMETERS.items():
        ways[f"parameter {name}"] = Way({}, {name: value})
    for name, value in OTHER_NETWORKS.items():
        ways[f"another {name}"] = Way({}, {name: value}, goes_on)
    if kind == "classifier":
        new = {"new classes": y + 1, "text": y.astype(str), "indicators": np.eye(3)[y]}
        ways |= ways_to_pass("y", new, states=goes_on)
        ways |= ways_to_pass("y_val", {"new classes": y[:5] + 1})
    else:
        ways["more targets"] = Way({"y": X, **NO_VALIDATION}, states=goes_on)
        ways["y: out of range"] = Way({}, {"loss": "poisson"})
    return ways


def ways_to_fit(kind):
    ways = {
        **ways_to_train(kind, goes_on=("warm",)),
        **ways_to_pass("sample_weight", {"zero": 0 * ONES}),
        **ways_to_pass("coef_init", bad_layers(kind, "coef_init")),
        **ways_to_pass("intercept_init", bad_layers(kind, "intercept_init")),
        "parameter solver": Way({}, {"solver": "newton"}),
        "no validation part": Way(
            NO_VALIDATION, {"early_stopping": True, "validation_fraction": 0.0}
        ),
        "lbfgs diverges": Way(
            {"coef_init": [np.full_like(array, 1e200) for array in layers(kind)[0]]},
            {"solver": "lbfgs"},
        ),
    }
    for solver, task in {"sgd": "epoch", "adam": "epoch", "lbfgs": "iteration"}.items():
        for hook in (
            "setup", "begin of fit", f"begin of {task}", f"end of {task}",
            "end of fit", "teardown",
        ):  # fmt: skip
            ways[f"callback, {solver}, {hook}"] = Way(
                {}, {"solver": solver}, error=ZeroDivisionError, callback=Broken(hook)
            )
    return ways


def ways_to_fit_partially(kind):
    ways = {
        **ways_to_train(kind, goes_on=("fitted", "warm")),
        **ways_to_pass("sample_weight", {"zero": 0 * ONES}, states=("unfitted",)),
        "early stopping by nothing": Way(NO_VALIDATION, {"early_stopping": True}),
        "solver lbfgs": Way({}, {"solver": "lbfgs"}, error=AttributeError),
        "solver newton": Way({}, {"solver": "newton"}, error=AttributeError),
    }
    if kind == "classifier":
        bad = {"empty": [], "2-D": [[0, 1], [1, 2]], "few": [0, 1], "NaN": [0, np.nan]}
        ways |= ways_to_pass("classes", bad)
        ways |= ways_to_pass("classes", {"missing": None}, states=("unfitted",))
    return ways


def ways_to_score(kind):
    # A metric takes everything that can be compared with predictions.
    bad = {**BAD_INPUTS, **OTHER_COLUMNS}
    return {
        **ways_to_pass("X", bad),
        **ways_to_pass("y", {**BAD_TARGETS, **BAD_TARGETS_OF[kind]}),
        **ways_to_pass("sample_weight", BAD_WEIGHTS),
    }


def ways_to_check(kind):
    ways = {
        **ways_to_score(kind),
        "sample_weight: negative": Way({"sample_weight": -ONES}),
        "no parameters": Way({"max_parameters": 0}),
        "parameters: text": Way({"max_parameters": "all"}),
    }
    if kind == "classifier":
        ways |= ways_to_pass("y", {"new classes": TARGETS[kind] + 1})
    return ways


def ways_to_predict(kind):
    largest = np.full_like(X, np.finfo(float).max)
    bad = {**BAD_INPUTS, **OTHER_COLUMNS, "overflow": largest}
    return ways_to_pass("X", bad)


def ways_to_assign(name):
    def ways(kind):
        return ways_to_pass("value", {**bad_layers(kind, name), "scalar": 3.0})

    return ways


def unknown_argument(kind):
    return {"unknown argument": Way({"nonsense": 1}, error=BAD_CALL)}


# A row for every public method and attribute, and for check_gradient.
WAYS = {
    "fit": ways_to_fit,
    "partial_fit": ways_to_fit_partially,
    "predict": ways_to_predict,
    "predict_proba": ways_to_predict,
    "predict_log_proba": ways_to_predict,
    "decision_function": ways_to_predict,
    "score": ways_to_score,
    "check_gradient": ways_to_check,
    "coefs_": ways_to_assign("coefs_"),
    "intercepts_": ways_to_assign("intercepts_"),
    "n_parameters_": lambda kind: ways_to_pass("value", {"any": 3}),
    "embedding_": lambda kind: ways_to_pass("value", {"any": None}),
    "finalize": unknown_argument,
    "fold_scaling": unknown_argument,
    "get_params": unknown_argument,
    "get_metadata_routing": unknown_argument,
    "set_params": lambda kind: {
        "unknown first": Way({"nonsense": 1, "alpha": 2.0}),
        "unknown last": Way({"alpha": 2.0, "nonsense": 1}),
        "unknown part": Way({"alpha": 2.0, "init__nonsense": 1}, error=Exception),
    },
    "set_callbacks": lambda kind: {
        "number": Way({"callbacks": [3]}),
        "class": Way({"callbacks": [Broken]}),
        "one of two": Way({"callbacks": [Broken("setup"), object()]}),
    },
    "set_fit_request": lambda kind: {
        "unknown": Way({"sample_weight": True, "nonsense": True}),
        "no alias": Way({"sample_weight": 3.5}),
        "one of two": Way({"sample_weight": True, "X_val": 3.5}),
    },
    "set_partial_fit_request": lambda kind: {
        "unknown": Way({"sample_weight": True, "nonsense": True}),
        "one of two": Way({"sample_weight": True, "X_val": 3.5}),
    },
    "set_score_request": lambda kind: {
        "unknown": Way({"sample_weight": True, "nonsense": True}),
        "no alias": Way({"sample_weight": 3.5}),
    },
}
READ_ONLY = {"n_parameters_", "embedding_"}
NEEDS_FIT = {
    "predict", "predict_proba", "predict_log_proba", "decision_function", "score",
    "check_gradient", "coefs_", "intercepts_", *READ_ONLY, "finalize",
    "fold_scaling",
}  # fmt: skip


def public_names(kind):
    return [name for name in dir(KINDS[kind]) if not name.startswith("_")]


def methods_of(kind):
    """Return the rows of the table that concern a kind of estimator."""
    return [name for name in WAYS if name in [*public_names(kind), "check_gradient"]]


@BOTH
def test_every_public_method_and_attribute_is_made_to_fail_here(kind):
    assert set(public_names(kind)) <= WAYS.keys()
    for method in methods_of(kind):
        assert WAYS[method](kind), method


@pytest.mark.parametrize(
    ("kind", "method", "state"),
    [
        pytest.param(kind, method, state, id=f"{kind}-{method}-{state}")
        for kind in KINDS
        for method in methods_of(kind)
        for state in STATES
    ],
)
@pytest.mark.filterwarnings("ignore:X (has|does not have) .*feature names")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # of NaN
def test_a_bad_call_changes_nothing(kind, method, state):
    good = good_arguments(kind, method)
    made = STATES[state](kind)
    for name, way in WAYS[method](kind).items():
        if state not in way.states:
            continue
        estimator = deepcopy(made).set_params(**way.params)
        if way.callback is not None:
            estimator.set_callbacks(way.callback)
        error = way.error
        if state == "unfitted" and method in NEEDS_FIT:
            error = *BAD_CALL, NotFittedError, AttributeError
        elif method in READ_ONLY:
            error = AttributeError
        arguments = {**good, **way.arguments}
        passed = contents(arguments)
        before = fingerprint(estimator)
        try:
            call(estimator, method, arguments)
        except error:
            pass
        else:
            pytest.fail(f"{name}: no error")
        assert fingerprint(estimator) == before, name
        assert contents(arguments) == passed, name


# --------------------------------------------------------- good calls that break off


class Fault:
    """Raises an error at the call with this number of what passes through it."""

    def __init__(self, error, number):
        self.error = error
        self.number = number
        self.passed = []
        self.where = None  # it struck

    def __call__(self, where):
        self.passed.append(where)
        if len(self.passed) == self.number:
            self.where = where
            raise self.error(f"at {where}, call {self.number}")


class Listener(Broken):
    """A callback of whose hooks every one passes through a fault."""

    def __init__(self, fault):
        self.hear = fault


# What breaks off: the objects that hold it, its name, and whether it is training. The
# other work comes before and after: it is not worth keeping.
PLACES = {
    "objective": ([Objective], "sums", True),
    "step": ([SGD, Adam], "step", True),
    "search": ([lbfgs_module], "minimize", True),
    "record": ([run_module], "record", True),
    "score": ([Validation], "score", True),
    "plateau": ([Plateau], "update", True),
    "validation": ([base_module], "validate_data", False),
    "statistics": ([base_module], "column_statistics", False),
    "scaling": ([base_module], "scale_columns", False),
    "draw": ([Network], "draw", False),
    "results": ([run_module.TrainingRun], "fitted_attributes", False),
}


@contextmanager
def breaking(place, when, fault):
    """Let what happens at a place pass through the fault, before or after."""
    owners, name, _ = PLACES[place]

    def broken(original):
        def passing(*args, **kwargs):
            if when == "before":
                fault(place)
            result = original(*args, **kwargs)
            if when == "after":
                fault(place)
            return result

        return passing

    with pytest.MonkeyPatch.context() as patch:
        for owner in owners:
            patch.setattr(owner, name, broken(getattr(owner, name)))
        yield


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


def break_off(estimator, method, arguments, fault):
    """Call a method; return the error that gets out, and the warnings."""
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call(estimator, method, arguments)
        except fault.error as raised:
            error = raised
    return error, [str(warning.message) for warning in caught]


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


# ------------------------------------------------------------- at lines of the code

PACKAGE = Path(skann.__file__).parent
TRAINING_CODE = str(PACKAGE / "training"), run_module.__file__


@contextmanager
def passing_lines_through(fault):
    """Let every line of skann that is about to run pass through the fault."""
    package = str(PACKAGE)

    def trace(frame, event, _):
        code = frame.f_code
        # What fails in has_partial_fit is an AttributeError to scikit-learn.
        if not code.co_filename.startswith(package) or code is has_partial_fit.__code__:
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
    itinerary = Itinerary()
    with passing_lines_through(itinerary):
        break_off(deepcopy(before), method, arguments, itinerary)
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
    before = make_fitted(kind)
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


# ------------------------------------------------------------------ what is passed


def with_duplicates():
    """Return a CSR array of X whose elements come in two parts and in any order."""
    rows, columns = np.indices(X.shape).reshape(2, -1)
    order = np.random.RandomState(0).permutation(2 * X.size)
    data = np.r_[X.ravel() / 2, X.ravel() / 2][order]
    indices = np.r_[columns, columns][order], np.r_[rows, rows][order]
    order = np.argsort(indices[1], kind="stable")
    start = np.arange(N_SAMPLES + 1) * 2 * X.shape[1]
    return sparse.csr_array((data[order], indices[0][order], start), shape=X.shape)


CONTAINERS = {
    "array": np.array,
    "Fortran array": np.asfortranarray,
    "float32": lambda array: np.array(array, np.float32),
    "list": np.ndarray.tolist,
    "frame": lambda array: pd.DataFrame(np.array(array)),
    "csr": lambda array: with_duplicates() if array.ndim == 2 else np.array(array),
    "csc": lambda array: sparse.csc_array(array) if array.ndim == 2 else array,
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("fitted", [False, True], ids=["unfitted", "fitted"])
@BOTH
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_nothing_that_is_passed_is_changed(kind, fitted, container):
    contain = CONTAINERS[container]
    for method in methods_of(kind):
        if method not in ("fit", "partial_fit") and not (
            fitted and method in NEEDS_FIT
        ):
            continue
        good = good_arguments(kind, method)
        arguments = {
            name: contain(value) if isinstance(value, np.ndarray) else value
            for name, value in good.items()
        }
        if "X_val" in good:
            arguments |= {"X_val": contain(X), "y_val": contain(TARGETS[kind])}
            arguments |= {"sample_weight_val": contain(WEIGHT)}
        if container == "frame":
            arguments |= {
                name: value[0]
                for name, value in arguments.items()
                if isinstance(value, pd.DataFrame) and value.shape[1] == 1
            }
        if method in READ_ONLY:
            continue
        passed = contents(arguments)
        for broken in ("nothing", "record"):
            estimator = make_warm(kind) if fitted else make(kind)
            fault = Fault(MemoryError, 1 if broken == "record" else np.inf)
            with breaking("record", "before", fault):
                error, _ = break_off(estimator, method, arguments, fault)
            assert contents(arguments) == passed, (method, broken)
            if method in ("fit", "partial_fit"):
                assert (error is None) == (broken == "nothing")


@pytest.mark.parametrize("way", ["input", "weights", "divergence", "callback"])
def test_a_failed_fit_leaves_a_generator_of_the_callers_where_it_was(way):
    estimator = make("regressor", random_state=np.random.RandomState(3), solver="sgd")
    arguments = good_arguments("regressor", "fit")
    error = ValueError
    if way == "input":
        arguments["X"] = BAD_INPUTS["NaN"]
    elif way == "weights":
        arguments["coef_init"] = []
    elif way == "divergence":
        estimator.set_params(learning_rate_init=1e300)
    else:
        estimator.set_callbacks(Broken("end of epoch"))
        error = ZeroDivisionError
    with fails(estimator, error):
        estimator.fit(**arguments)
