"""Small estimators in every state, how each method is called, and faults on the way."""

import warnings
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context

import skann.estimators.base as base_module
import skann.estimators.problem as problem_module
import skann.estimators.reading as reading_module
import skann.training.lbfgs as lbfgs_module
import skann.training.loop as loop_module
from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.core.network import Network
from skann.core.objective import Objective
from skann.estimators.validation import Validation
from skann.training.optimizers import SGD, Adam
from skann.training.stopping import Plateau

# Two or three epochs never converge.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"

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


def make(kind, **params):
    return KINDS[kind](**{**SMALL, **params})


def make_fitted(kind, **params):
    return make(kind, **params).fit(X, TARGETS[kind])


def make_warm(kind, **params):
    return make_fitted(kind, warm_start=True, **params)


STATES = {"unfitted": make, "fitted": make_fitted, "warm": make_warm}

# What a method needs of an estimator beside a fit.
NEEDED = {"predict_interval": {"n_members": 4, "learning_rate": "cycles"}}


def needed_by(method):
    """Return parameters of an estimator with which a method works."""
    return NEEDED.get(method, {})


def fingerprint(estimator):
    """Return the names and a hash of all that the estimator holds.

    Callbacks change as they hear; the estimator only has to keep the same ones.
    """
    values = estimator.__getstate__()
    callbacks = [id(callback) for callback in values.pop("_skl_callbacks", [])]
    return list(vars(estimator)), callbacks, joblib.hash(values)


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
        "member": {"number": 0},
        "predict": {"X": X},
        "predict_interval": {"X": X},
        "predict_proba": {"X": X},
        "predict_log_proba": {"X": X},
        "decision_function": {"X": X},
        "coefs_": {"value": weights},
        "intercepts_": {"value": biases},
        "set_fit_request": {"sample_weight": True},
        "set_partial_fit_request": {"sample_weight": True},
        "set_score_request": {"sample_weight": True},
    }.get(method, {})  # fmt: skip


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


# What breaks off: the objects that hold it, its name, and whether it is training. The
# other work comes before and after: it is not worth keeping.
PLACES = {
    "objective": ([Objective], "sums", True),
    "step": ([SGD, Adam], "step", True),
    "search": ([lbfgs_module], "minimize", True),
    "record": ([loop_module], "record", True),
    "score": ([Validation], "score", True),
    "plateau": ([Plateau], "update", True),
    "validation": ([reading_module], "validate_data", False),
    "statistics": ([problem_module], "column_statistics", False),
    "scaling": ([problem_module], "scale_columns", False),
    "draw": ([Network], "draw", False),
    "results": ([base_module], "fitted_attributes", False),
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
