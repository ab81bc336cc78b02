"""Every public method and attribute, and every way in which a call of it is bad."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from failing import KINDS, N_SAMPLES, ONES, STATES, TARGETS, X, layers
from scipy import sparse

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
    "infinity": with_value(X, np.inf),
    "sparse infinity": sparse.csr_array(with_value(X, np.inf)),
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
    "n_members": 2,
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


def ways_to_predict_intervals(kind):
    levels = {"none": None, "zero": 0, "one": 1.0, "percent": 90, "NaN": np.nan}
    return {**ways_to_predict(kind), **ways_to_pass("confidence_level", levels)}


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
    "predict_interval": ways_to_predict_intervals,
    "predict_proba": ways_to_predict,
    "predict_log_proba": ways_to_predict,
    "decision_function": ways_to_predict,
    "score": ways_to_score,
    "check_gradient": ways_to_check,
    "coefs_": ways_to_assign("coefs_"),
    "intercepts_": ways_to_assign("intercepts_"),
    "n_parameters_": lambda kind: ways_to_pass("value", {"any": 3}),
    "embedding_": lambda kind: ways_to_pass("value", {"any": None}),
    "temperature_": lambda kind: ways_to_pass("value", {"any": 2.0}),
    "finalize": unknown_argument,
    "fold_scaling": unknown_argument,
    "input_weights": unknown_argument,
    "from_weights": lambda kind: {
        "no layers": Way({"coefs": [], "intercepts": []}),
        "no matrix": Way({"coefs": [[1.0]], "intercepts": [[0.0]]}),
        "other biases": Way({"coefs": [[[1.0]]], "intercepts": [[0.0, 1.0]]}),
        "NaN": Way({"coefs": [[[np.nan]]], "intercepts": [[0.0]]}),
        "scaling": Way(
            {"coefs": [[[1.0]]], "intercepts": [[0.0]], "scaling": "standard"}
        ),
    },
    "member": lambda kind: ways_to_pass(
        "number",
        {"too large": 1, "negative": -1, "half": 0.5, "text": "first"},
        error=(*BAD_CALL, IndexError),
    ),
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
READ_ONLY = {"n_parameters_", "embedding_", "temperature_"}
NEEDS_FIT = {
    "predict", "predict_interval", "predict_proba", "predict_log_proba",
    "decision_function", "score", "check_gradient", "coefs_", "intercepts_", *READ_ONLY,
    "finalize", "fold_scaling", "input_weights", "member",
}  # fmt: skip


def public_names(kind):
    return [name for name in dir(KINDS[kind]) if not name.startswith("_")]


def methods_of(kind):
    """Return the rows of the table that concern a kind of estimator."""
    return [name for name in WAYS if name in [*public_names(kind), "check_gradient"]]
