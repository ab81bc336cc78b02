"""Every parameter as a fit uses it: checked, and with a value for each "auto".

The parameters that are "auto" belong together. Either all of them follow a recipe for
tables, whose values were chosen by experiments (docs/choosing.md): two wide layers, one
cycle of the learning rate over a fixed number of epochs, cosines of the inputs,
dropout, weight decay and smooth labels. Or they are what scikit-learn's MLP has. The
parameter `recipe` names one of the two, or leaves it to one rule: the recipe for tables
holds for a `fit` of "adam" to enough samples with scaled inputs, as long as no schedule
without an end is named and no hidden layer is narrow. Whoever chooses a schedule or a
solver trains as they say, and no more, and a network that is small enough to look at
stays plain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer

from skann.core.activations import HiddenActivation
from skann.core.initializers import Initializer
from skann.core.losses import Loss
from skann.estimators.inputs import CheckedData, Request, check_data, column_names
from skann.estimators.sklearn_private import InvalidParameterError, check_constraints
from skann.estimators.synonyms import refuse_synonyms
from skann.model import Architecture
from skann.training.call import Call
from skann.training.optimizers import SGD, Adam, Optimizer
from skann.training.schedules import (
    Adaptive,
    Constant,
    Cosine,
    Exponential,
    Horizon,
    InverseScaling,
    InverseTime,
    OneCycle,
    Schedule,
)

# What "auto" stands for, by the name of the recipe.
RECIPES: dict[str, dict[str, Any]] = {
    "table": {
        "hidden_layer_sizes": (128, 128),
        "activation": "silu",
        "learning_rate": "one_cycle",
        "beta_2": 0.95,
        "dropout": 0.3,
        "weight_decay": 0.1,
        "label_smoothing": 0.05,
        "n_frequencies": 8,
        "scaling": "bounded",
        "dtype": "float32",
    },
    # What scikit-learn's MLP has.
    "mlp": {
        "hidden_layer_sizes": (100,),
        "activation": "relu",
        "learning_rate": "constant",
        "beta_2": 0.999,
        "dropout": 0.0,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "n_frequencies": 0,
        "scaling": None,
        "dtype": None,
    },
}

# By whether the schedule has an end, as that of the recipe does.
WITH_END = {"learning_rate_init": 0.005, "max_iter": 60, "n_iter_no_change": np.inf}
WITHOUT_END = {"learning_rate_init": 0.001, "max_iter": 200, "n_iter_no_change": 10}

# What L-BFGS cannot do: it takes no steps of minibatches.
STEP_BY_STEP: dict[str, Any] = {
    "dropout": 0.0,
    "weight_decay": 0.0,
    "max_grad_norm": None,
}

# After a fit by the recipe a piece of a stream moves the parameters by less if it holds
# fewer rows than a minibatch of that fit: its gradient says less.
ROWS_OF_A_STEP = 200

USUAL_TOL = 1e-4

# Who sets a part aside to stop early wants a short fit: the cycle has fewer epochs.
EPOCHS_TO_STOP_EARLY = 30

# A cycle of so few epochs needs rates, and steps, that are not too small or too few.
LEAST_RATE = 0.001
LEAST_STEPS = 480

# With fewer samples, or units in a hidden layer, there is no recipe.
LEAST_SAMPLES = 100
LEAST_UNITS = 32

# With more columns there are no cosines.
MOST_COLUMNS_TO_EMBED = 100

STOCHASTIC_SOLVERS = ("sgd", "adam")
SCHEDULES_WITH_END = ("cosine", "one_cycle")

# Names of schedules that "adam" does not follow, as in the MLP: many name them by
# habit.
FOR_SGD_ALONE = ("invscaling", "adaptive")


@dataclass(frozen=True)
class Settings:
    """The parameters of an estimator as one call uses them.

    Nothing is "auto" but `batch_size`, `output_activation` and `init`, which say
    themselves what they choose. The fields are the parameters of the two estimators,
    under their names; those that only one of the two has keep their default with the
    other.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: str | HiddenActivation | Sequence[str | HiddenActivation]
    loss: str | Loss
    output_activation: str
    solver: str | Optimizer
    alpha: float
    batch_size: int | str
    learning_rate: str | Schedule
    learning_rate_init: float
    power_t: float
    decay: float | None
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    restore_best_weights: bool
    scoring: str | Callable | None
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: tuple[float, ...]
    weight_decay: float
    max_grad_norm: float | None
    init: str | Initializer
    scaling: str | None
    n_frequencies: int
    frequency_scale: float
    dtype: str | None
    # What each parameter that was "auto" stands for, by which recipe, and why that.
    auto_params: dict[str, Any]
    recipe: str
    recipe_reason: str
    # The classifier's.
    class_weight: dict | str | None = None
    label_smoothing: float = 0.0
    # The regressor's.
    quantile: float | Sequence[float] = 0.5
    huber_delta: float | None = None

    @property
    def is_stochastic(self) -> bool:
        """Whether the solver takes a step for each minibatch."""
        return is_stochastic(self.solver)

    @property
    def solver_name(self) -> str:
        """A string that says which optimizer's memory an estimator holds."""
        if isinstance(self.solver, str):
            return self.solver
        return f"{type(self.solver).__module__}.{type(self.solver).__qualname__}"

    def make_optimizer(self) -> Optimizer:
        """Return the optimizer that the parameters describe."""
        if isinstance(self.solver, Optimizer):
            return self.solver
        if self.solver == "sgd":
            return SGD(self.momentum, self.nesterovs_momentum)
        return Adam(self.beta_1, self.beta_2, self.epsilon)

    def make_schedule(self, start: int) -> Schedule:
        """Return the schedule that the parameters describe.

        One with an end begins after the epoch number `start`.
        """
        if isinstance(self.learning_rate, Schedule):
            return self.learning_rate
        return SCHEDULES[self.learning_rate](self, start)


# The schedules that `learning_rate` names, as functions of the settings and of the
# number of epochs before the one from which a schedule with an end begins.
SCHEDULES: dict[str, Callable[[Settings, int], Schedule]] = {
    "constant": lambda settings, start: Constant(),
    "invscaling": lambda settings, start: InverseScaling(settings.power_t),
    "adaptive": lambda settings, start: Adaptive(),
    "exponential": lambda settings, start: (
        Exponential() if settings.decay is None else Exponential(settings.decay)
    ),
    "inverse_time": lambda settings, start: (
        InverseTime() if settings.decay is None else InverseTime(settings.decay)
    ),
    "cosine": lambda settings, start: Cosine(settings.max_iter, start),
    "one_cycle": lambda settings, start: OneCycle(settings.max_iter, start),
}


def is_auto(value: Any) -> bool:
    """Say whether a parameter is "auto"; arrays and objects are not."""
    return isinstance(value, str) and value == "auto"


def is_stochastic(solver: Any) -> bool:
    """Say whether a solver takes a step for each minibatch."""
    return isinstance(solver, Optimizer) or solver in STOCHASTIC_SOLVERS


def check_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator by name, `hidden_layer_sizes` as a tuple.

    Raises
    ------
    ValueError
        If one of them is invalid, or makes no sense with another.
    """
    params = estimator.get_params(deep=False)
    refuse_synonyms(estimator, params)
    check_constraints(estimator)
    params["hidden_layer_sizes"] = _layer_sizes(estimator)
    if isinstance(params["scoring"], str) and params["scoring"] != "loss":
        get_scorer(params["scoring"])  # which knows its names
    solver = params["solver"]
    if not is_stochastic(solver):
        for name, value in STEP_BY_STEP.items():
            chosen = params[name]
            if not is_auto(chosen) and np.any(chosen != value):
                raise ValueError(
                    f"{name}={chosen!r} works step by step, which solver={solver!r} "
                    f"does not. Choose solver='adam' or 'sgd', or {name}={value!r}."
                )
    return params


def _layer_sizes(estimator: Any) -> tuple[int, ...] | str:
    """Return `hidden_layer_sizes` as a tuple of int, or "auto"."""
    chosen = estimator.hidden_layer_sizes
    if is_auto(chosen):
        return chosen
    sizes: list[Any]
    try:
        sizes = [chosen] if isinstance(chosen, Integral) else list(chosen)
    except TypeError:  # an array without dimensions
        sizes = [None]
    if isinstance(chosen, Set | Mapping):  # without an order
        sizes = [None]
    if any(
        isinstance(size, bool) or not isinstance(size, Integral) or int(size) < 1
        for size in sizes
    ):
        raise InvalidParameterError(
            f"The 'hidden_layer_sizes' parameter of {type(estimator).__name__} must be "
            f"an int in the range [1, inf) or a sequence of such ints. Got {chosen!r} "
            "instead."
        )
    return tuple(int(size) for size in sizes)


@dataclass(frozen=True)
class Choice:
    """Which recipe was chosen, and why.

    Parameters
    ----------
    recipe : {"table", "mlp"}
        The recipe.

    reason : str
        The reason, in words.
    """

    recipe: str
    reason: str


def choose_recipe(
    params: Mapping[str, Any], call: Call, n_samples: int, earlier: Choice | None
) -> Choice:
    """Say which recipe the parameters set to "auto" follow.

    Parameters
    ----------
    params : dict
        The parameters, as `check_parameters` returns them.

    call : Call
        What is asked for.

    n_samples : int
        The number of samples.

    earlier : Choice or None
        What was chosen for the network that training goes on with.
    """
    if params["recipe"] != "auto":
        return Choice(params["recipe"], f"recipe={params['recipe']!r} was asked for")
    if call is Call.NEXT_PIECE and earlier is not None:
        return Choice(earlier.recipe, "partial_fit goes on as the network was trained")
    sizes, schedule = params["hidden_layer_sizes"], params["learning_rate"]
    solver = params["solver"]
    reasons = {
        "partial_fit has one piece of a stream": call.is_piece,
        f"solver={solver!r} is not 'adam'": not is_adam(solver),
        "the inputs are not scaled": params["scaling"] is None,
        f"learning_rate={schedule!r} has no end": not (
            is_auto(schedule) or has_end(schedule)
        ),
        f"learning_rate_init={params['learning_rate_init']!r} is too small for a cycle "
        "of 60 epochs": (
            not is_auto(params["learning_rate_init"])
            and params["learning_rate_init"] < LEAST_RATE
        ),
        f"batch_size={params['batch_size']!r} leaves too few steps": (
            not is_auto(params["batch_size"])
            and params["batch_size"] > ROWS_OF_A_STEP
            and WITH_END["max_iter"] * math.ceil(n_samples / params["batch_size"])
            < LEAST_STEPS
        ),
        f"{n_samples} samples are fewer than {LEAST_SAMPLES}": (
            n_samples < LEAST_SAMPLES
        ),
        f"hidden_layer_sizes={sizes!r} has no layer, or one of fewer than "
        f"{LEAST_UNITS} units": (
            not is_auto(sizes) and min(sizes, default=0) < LEAST_UNITS
        ),
    }
    against = [reason for reason, holds in reasons.items() if holds]
    if against:
        return Choice("mlp", " and ".join(against))
    return Choice(
        "table",
        f"a fit of 'adam' to {LEAST_SAMPLES} samples or more, with scaled inputs and "
        "no schedule without an end",
    )


def auto_values(
    params: Mapping[str, Any],
    call: Call,
    recipe: str,
    shape: tuple[int, int],
    *,
    is_sparse: bool,
    trained: Architecture | None = None,
) -> dict[str, Any]:
    """Return the values that the parameters set to "auto" have for some data.

    Parameters
    ----------
    params : dict
        The parameters, as `check_parameters` returns them.

    call : Call
        What is asked for.

    recipe : {"table", "mlp"}
        The recipe that they follow.

    shape : tuple of int
        The number of samples and of features.

    is_sparse : bool
        Whether the inputs are sparse.

    trained : Architecture, default=None
        The network that training goes on with.

    Returns
    -------
    values : dict
        A value for each parameter that is "auto", apart from those that say in their
        own way what they stand for (batch_size, output_activation, init).
    """
    n_samples, n_features = shape
    values = dict(RECIPES[recipe])
    if params["recipe"] == "auto" and recipe == "mlp":
        values["scaling"] = "standard"  # which the MLP leaves to its user
    if is_sparse or n_features > MOST_COLUMNS_TO_EMBED:
        values["n_frequencies"] = 0
    if not is_stochastic(params["solver"]):
        values |= {**STEP_BY_STEP, "dtype": None}  # which follows the curvature closely
    if call.is_piece:
        values["learning_rate"] = "constant"  # nobody knows how many there will be
    if trained is not None:
        values |= {
            "hidden_layer_sizes": trained.layer_sizes[1:-1],
            "activation": trained.activation,
            "n_frequencies": trained.n_frequencies,
            "scaling": trained.scaling,
            "dtype": trained.dtype,
        }
    schedule = params["learning_rate"]
    if is_auto(schedule):
        schedule = values["learning_rate"]
    ends = is_stochastic(params["solver"]) and has_end(schedule)
    values |= WITH_END if ends else WITHOUT_END
    if recipe == "table" and ends and params["early_stopping"]:
        values["max_iter"] = EPOCHS_TO_STOP_EARLY
    if call.is_piece and recipe == "table":
        values["learning_rate_init"] *= math.sqrt(min(1.0, n_samples / ROWS_OF_A_STEP))
    # Who names one of these wants training to stop by it.
    if params["tol"] != USUAL_TOL or params["early_stopping"]:
        values["n_iter_no_change"] = WITHOUT_END["n_iter_no_change"]
    # A regressor smooths no labels.
    return {name: v for name, v in values.items() if is_auto(params.get(name))}


def has_end(schedule: Any) -> bool:
    """Say whether a schedule, or the one that a name stands for, has an end."""
    if isinstance(schedule, str):
        return schedule in SCHEDULES_WITH_END
    return isinstance(schedule, Horizon)


def is_adam(solver: Any) -> bool:
    """Say whether a solver is named "adam"."""
    return isinstance(solver, str) and solver == "adam"


def settle(
    estimator: Any,
    request: Request,
    call: Call,
    trained: Architecture | None = None,
    earlier: Choice | None = None,
) -> tuple[Settings, CheckedData]:
    """Return all settings of a call, and its data, which have a say in them.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        Whose parameters they are. It is not changed.

    request : Request
        What the caller passed.

    call : Call
        What is asked for.

    trained : Architecture, default=None
        The network that training goes on with.

    earlier : Choice, default=None
        The recipe by which it was trained.

    Returns
    -------
    settings : Settings
        The settings.

    data : CheckedData
        The training data, checked.

    Raises
    ------
    ValueError
        If a parameter or the data are invalid.
    """
    params = check_parameters(estimator)
    if call.is_piece and params["early_stopping"] and request.X_val is None:
        raise ValueError(
            "partial_fit does not support early_stopping=True without X_val and "
            "y_val: a batch has no validation part. Pass them, or set "
            "early_stopping=False."
        )
    if (
        call is Call.FIRST_PIECE
        and request.classes is None
        and is_classifier(estimator)
    ):
        raise ValueError("classes must be passed on the first call to partial_fit.")
    data = check_data(
        estimator,
        request.X,
        request.y,
        request.sample_weight,
        names=column_names(estimator) if call.has_past else None,
        # In a stream a batch may count for nothing.
        allow_zero_weight=call is Call.NEXT_PIECE,
    )
    choice = choose_recipe(params, call, data.X.shape[0], earlier)
    auto_params = auto_values(
        params,
        call,
        choice.recipe,
        data.X.shape,
        is_sparse=sparse.issparse(data.X),
        trained=trained,
    )
    return resolve(params, auto_params, choice), data


def resolve(
    params: Mapping[str, Any], auto_params: Mapping[str, Any], choice: Choice
) -> Settings:
    """Return the settings, given what "auto" stands for and why."""
    values = {**params, **auto_params, "auto_params": dict(auto_params)}
    values |= {"recipe": choice.recipe, "recipe_reason": choice.reason}
    # The recipe's own cycle has its own length, of which `max_iter` is a cap.
    if choice.recipe == "table" and is_auto(params["learning_rate"]):
        own = EPOCHS_TO_STOP_EARLY if params["early_stopping"] else WITH_END["max_iter"]
        values["max_iter"] = min(values["max_iter"], own)
    # Names that the MLP ignores do no harm here.
    name = values["learning_rate"]
    if is_adam(params["solver"]) and isinstance(name, str) and name in FOR_SGD_ALONE:
        values["learning_rate"] = "constant"
    values["dropout"] = _dropout_rates(
        values["dropout"], params["dropout"], values["hidden_layer_sizes"]
    )
    # A subclass may have parameters of its own, which are its own business.
    known = {item.name for item in fields(Settings)}
    return Settings(**{name: v for name, v in values.items() if name in known})


def _dropout_rates(rates, chosen, hidden_layer_sizes):
    """Return the probability to be left out of each hidden layer's units."""
    if isinstance(rates, Real):
        return (float(rates),) * len(hidden_layer_sizes)
    rates = list(rates)
    valid = all(isinstance(rate, Real) and 0 <= rate < 1 for rate in rates)
    if not valid or len(rates) != len(hidden_layer_sizes):
        raise ValueError(
            "dropout must be a number in [0, 1), or one for each of the "
            f"{len(hidden_layer_sizes)} layers of hidden_layer_sizes="
            f"{hidden_layer_sizes!r}. Got {chosen!r}."
        )
    return tuple(float(rate) for rate in rates)
