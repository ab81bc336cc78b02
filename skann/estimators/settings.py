"""The parameters as a fit uses them: checked, and with a value for each "auto"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer

from skann.core.activations import HiddenActivation
from skann.core.initializers import Initializer
from skann.core.losses import Loss
from skann.estimators.inputs import CheckedData, Reading, Request, check_data
from skann.estimators.recipes import (
    FOR_SGD_ALONE,
    GAIN_OF_A_CYCLE,
    LEAST_FOLDS,
    MANY_ROWS,
    STEP_BY_STEP,
    Choice,
    Table,
    auto_values,
    choose_recipe,
    first_cycle,
    gain_of_a_cycle,
    is_adam,
    is_auto,
    is_stochastic,
)
from skann.estimators.sklearn_private import InvalidParameterError, check_constraints
from skann.estimators.synonyms import refuse_synonyms
from skann.model import Architecture
from skann.training.call import Call
from skann.training.optimizers import SGD, Adam, Optimizer
from skann.training.schedules import (
    FIRST_CYCLE,
    Adaptive,
    Constant,
    Cosine,
    Cycles,
    Exponential,
    InverseScaling,
    InverseTime,
    OneCycle,
    Schedule,
)


@dataclass(frozen=True)
class Settings:
    """The parameters of an estimator, as one call uses them.

    Only `batch_size`, `output_activation` and `init` can still be "auto"; they are
    resolved later. The fields are the parameters of the two estimators, with the same
    names; those of only one of the two have their default for the other.
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
    shuffle: bool | str
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
    n_members: int
    n_jobs: int | None
    dtype: str | None
    categorical_features: Any
    # The values of the parameters that were "auto", the recipe, and its reason.
    auto_params: dict[str, Any]
    recipe: str
    recipe_reason: str
    # The minimum number of epochs of the first cycle, and the share of the out-of-fold
    # loss that each cycle must save for another one to follow.
    first_cycle: int = FIRST_CYCLE
    gain_of_a_cycle: float = GAIN_OF_A_CYCLE
    # Only for the classifier.
    class_weight: dict | str | None = None
    label_smoothing: float = 0.0
    # Only for the regressor.
    quantile: float | Sequence[float] = 0.5
    huber_delta: float | None = None

    @property
    def is_stochastic(self) -> bool:
        """Whether the solver takes a step for each minibatch."""
        return is_stochastic(self.solver)

    @property
    def leaves_out_folds(self) -> bool:
        """Whether each member leaves out a fold, on which it is evaluated."""
        return (
            self.n_members >= LEAST_FOLDS
            and not self.early_stopping
            and isinstance(self.make_schedule(0), Cycles)
        )

    def takes_ranks(self, n_samples: int, *, is_sparse: bool) -> bool:
        """Return whether cosines are functions of the ranks of inputs.

        Ranks are coarse where values are dense or sparse, which matters for many rows.
        """
        return (
            self.scaling == "bounded"
            and self.n_frequencies > 0
            and n_samples <= MANY_ROWS
            and not is_sparse
        )

    @property
    def solver_name(self) -> str:
        """A string that identifies the optimizer whose memory an estimator stores."""
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

        A schedule with an end begins after `start` epochs.
        """
        if isinstance(self.learning_rate, Schedule):
            return self.learning_rate
        return SCHEDULES[self.learning_rate](self, start)


# The schedules named by `learning_rate`, as functions of the settings and of the number
# of epochs before a schedule with an end begins.
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
    "cycles": lambda settings, start: Cycles(
        settings.max_iter, start, settings.first_cycle
    ),
    "one_cycle": lambda settings, start: OneCycle(settings.max_iter, start),
}


def check_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator by name, `hidden_layer_sizes` as a tuple.

    Raises
    ------
    ValueError
        If a parameter is invalid, or incompatible with another one.
    """
    params = estimator.get_params(deep=False)
    refuse_synonyms(estimator, params)
    check_constraints(estimator)
    params["hidden_layer_sizes"] = _layer_sizes(estimator)
    if isinstance(params["scoring"], str) and params["scoring"] != "loss":
        get_scorer(params["scoring"])  # raises an error for unknown names
    solver = params["solver"]
    if not is_stochastic(solver):
        for name, value in STEP_BY_STEP.items():
            chosen = params[name]
            if not is_auto(chosen) and np.any(chosen != value):
                raise ValueError(
                    f"{name}={chosen!r} is not supported by solver={solver!r}, which "
                    "does not use minibatches. Choose solver='adam' or 'sgd', or "
                    f"{name}={value!r}."
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


def settle(
    estimator: Any,
    request: Request,
    call: Call,
    trained: Architecture | None = None,
    earlier: Choice | None = None,
) -> tuple[Settings, CheckedData]:
    """Return all settings of a call, and its data, on which they depend.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator. It is not changed.

    request : Request
        The arguments passed by the caller.

    call : Call
        The kind of call.

    trained : Architecture, default=None
        The architecture of the network whose training continues.

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
            "y_val, because no part of a batch is set aside for validation. Pass X_val "
            "and y_val, or set early_stopping=False."
        )
    if (
        call is Call.FIRST_PIECE
        and request.classes is None
        and is_classifier(estimator)
    ):
        raise ValueError("classes must be passed on the first call to partial_fit.")
    reading = Reading.first(estimator)
    if call.has_past:
        named = reading.categorical_features
        reading = replace(Reading.of(estimator), categorical_features=named)
    data = check_data(
        estimator,
        request.X,
        request.y,
        request.sample_weight,
        reading=reading,
        # In a data stream, a batch may have no weight.
        allow_zero_weight=call is Call.NEXT_PIECE,
    )
    choice = choose_recipe(params, call, data.X.shape[0], earlier)
    table = Table(data.X, data.n_indicators)
    auto_params, own = auto_values(
        params, call, choice.recipe, table, trained, is_of_stream=choice.is_of_stream
    )
    settings = resolve(params, auto_params, choice, own)
    settings = replace(settings, first_cycle=first_cycle(table.n_samples))
    if settings.leaves_out_folds:  # otherwise it is not needed, and slow to compute
        settings = replace(settings, gain_of_a_cycle=gain_of_a_cycle(table))
    return settings, data


def resolve(
    params: Mapping[str, Any],
    auto_params: Mapping[str, Any],
    choice: Choice,
    own_epochs: int | None = None,
) -> Settings:
    """Return the settings, given the values of "auto" and their reason.

    `own_epochs` is the length of the recipe's own schedule, if it is used.
    """
    values = {**params, **auto_params, "auto_params": dict(auto_params)}
    values |= {"recipe": choice.recipe, "recipe_reason": choice.reason}
    # The recipe's own cycles have a fixed length, which `max_iter` can only reduce.
    if own_epochs is not None:
        values["max_iter"] = min(values["max_iter"], own_epochs)
    # Names that the MLP ignores are ignored here as well.
    name = values["learning_rate"]
    if is_adam(params["solver"]) and isinstance(name, str) and name in FOR_SGD_ALONE:
        values["learning_rate"] = "constant"
    values["dropout"] = _dropout_rates(
        values["dropout"], params["dropout"], values["hidden_layer_sizes"]
    )
    # A subclass may have additional parameters, which are not handled here.
    known = {item.name for item in fields(Settings)}
    return Settings(**{name: v for name, v in values.items() if name in known})


def _dropout_rates(rates, chosen, hidden_layer_sizes):
    """Return the dropout probability of each hidden layer."""
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
