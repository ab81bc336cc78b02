"""The values of all parameters set to "auto".

The parameters set to "auto" belong together. One option is a recipe for tables, whose
values were found by experiments (docs/choosing.md): several networks, each of which
leaves out a fold of the rows; cycles of the learning rate, which end when the loss of
the left-out rows no longer decreases; cosines of the inputs, dropout, weight decay and
label smoothing. Another is a recipe for streams, each piece of which is seen once:
several networks, small minibatches, and inputs that are also scaled relative to recent
rows. The last option is the values of scikit-learn's MLP. The parameter `recipe`
selects one of the three, or leaves it to a rule: the recipe for tables is used for a
`fit` of "adam" to enough samples with scaled inputs, unless a schedule without an end
is set or a hidden layer is narrow; that for streams is used if a network starts with
`partial_fit`. If you choose such a schedule or another solver, training does just that,
and a network that is small enough for inspection stays simple.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from skann.data.measuring import (
    effective_rank,
    has_two_values_at_most,
    some_rows,
    without_first,
)
from skann.model import Architecture
from skann.training.call import Call
from skann.training.optimizers import Optimizer
from skann.training.schedules import FIRST_CYCLE, Horizon

# Training with a constant rate, and without any regularisation of a recipe.
_PLAIN: dict[str, Any] = {
    "learning_rate": "constant",
    "beta_2": 0.999,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "n_frequencies": 0,
}

# The meaning of "auto", by the name of the recipe.
RECIPES: dict[str, dict[str, Any]] = {
    "table": {
        "hidden_layer_sizes": (64, 64),
        "activation": "silu",
        "learning_rate": "cycles",
        "beta_2": 0.95,
        "dropout": 0.1,
        "weight_decay": 0.1,
        "label_smoothing": 0.05,
        "n_frequencies": 3,
        "n_members": 8,
        "scaling": "bounded",
        "dtype": "float32",
    },
    # For data that come piece by piece and may drift.
    "stream": {
        "hidden_layer_sizes": (64, 64),
        "activation": "silu",
        "batch_size": 20,
        **_PLAIN,
        "n_members": 4,
        "scaling": "stream",
        "dtype": "float32",
    },
    # The values of scikit-learn's MLP.
    "mlp": {
        "hidden_layer_sizes": (100,),
        "activation": "relu",
        **_PLAIN,
        "n_members": 1,
        "scaling": None,
        "dtype": None,
    },
}

# The recipe for tables with a single network, which needs more regularisation.
ALONE: dict[str, Any] = {
    "hidden_layer_sizes": (128, 128),
    "learning_rate": "one_cycle",
    "dropout": 0.3,
    "n_members": 1,
}

# The recipe for tables if a short fit is wanted.
QUICK: dict[str, Any] = {**ALONE, "hidden_layer_sizes": (64, 64), "dropout": 0.1}

# With fewer members, each would leave out too many rows.
LEAST_FOLDS = 4

# A fit with fewer epochs is meant to be short.
LEAST_EPOCHS_OF_MEMBERS = 24

# Values for schedules with an end, like that of the recipe, and without an end.
WITH_END = {"learning_rate_init": 0.005, "max_iter": 60, "n_iter_no_change": np.inf}
WITHOUT_END = {"learning_rate_init": 0.001, "max_iter": 200, "n_iter_no_change": 10}

# With more rows, an epoch is long. There are then fewer members, and time for twice the
# epochs. The first cycle is shorter than 8 epochs, but still has more steps; its length
# decreases with this power of the number of rows.
MANY_ROWS = 16_000
MEMBERS_FOR_MANY_ROWS = 4
SHORTENING = 0.75

# Each cycle takes as long as all previous ones, and is only run if the last one has
# reduced the out-of-fold loss by this share. With collinear columns, the loss falls
# slowly for a long time. With many rows, even a small gain is significant; with very
# many rows, another cycle takes too long.
GAIN_OF_A_CYCLE = 0.04
GAIN_FOR_MANY_ROWS = 0.02
VERY_MANY_ROWS = 50_000
GAIN_IF_COLLINEAR = 0.0

# The minimum number of cycles and of epochs (twice as many for many rows). There is one
# more cycle if all of them take at most this number of steps.
LEAST_CYCLES = 4
LEAST_EPOCHS = 60
FEW_STEPS = 1750

# Features that L-BFGS does not support, since it does not use minibatches.
STEP_BY_STEP: dict[str, Any] = {
    "dropout": 0.0,
    "weight_decay": 0.0,
    "max_grad_norm": None,
    "n_members": 1,
}

# After a fit by the recipe, a piece of a stream with fewer rows than a minibatch of
# that fit changes the parameters less, since its gradient is less reliable.
ROWS_OF_A_STEP = 200

# In a stream, each piece is seen once; without its recipe, often in a single step.
RATE_OF_STREAMS = 0.003
RATE_OF_STREAM_RECIPE = 0.005

USUAL_TOL = 1e-4

# With early stopping, a short fit is wanted, so the cycle has fewer epochs.
EPOCHS_TO_STOP_EARLY = 30

# With few epochs, the learning rate and the number of steps must not be too small.
LEAST_RATE = 0.001
LEAST_STEPS = 480

# With fewer samples or hidden units, the recipe for tables is not used.
LEAST_SAMPLES = 100
LEAST_UNITS = 32

# With more columns, there is one cosine of each, whose factors select the columns that
# matter; with still more columns, or many rows, there is none. There is also only one
# if all columns have two values, since more of them would be the same line again.
MOST_COLUMNS_TO_EMBED = 100
MOST_COLUMNS_FOR_ONE = 1000

# There are no cosines if the effective rank of the columns is less than this share of
# their number.
COLLINEAR = 0.05

STOCHASTIC_SOLVERS = ("sgd", "adam")
SCHEDULES_WITH_END = ("cosine", "one_cycle", "cycles")

# Names of schedules that "adam" ignores, as in the MLP: many users set them by habit.
FOR_SGD_ALONE = ("invscaling", "adaptive")


def is_auto(value: Any) -> bool:
    """Return whether a parameter is "auto"; arrays and objects are not."""
    return isinstance(value, str) and value == "auto"


def is_stochastic(solver: Any) -> bool:
    """Return whether a solver takes a step for each minibatch."""
    return isinstance(solver, Optimizer) or solver in STOCHASTIC_SOLVERS


def has_end(schedule: Any) -> bool:
    """Return whether a schedule, or the one that a name stands for, has an end."""
    if isinstance(schedule, str):
        return schedule in SCHEDULES_WITH_END
    return isinstance(schedule, Horizon)


def is_adam(solver: Any) -> bool:
    """Return whether a solver is named "adam"."""
    return isinstance(solver, str) and solver == "adam"


# Why data streams do not use the recipe for tables.
STREAM = "partial_fit trains on a piece of a stream"


@dataclass(frozen=True)
class Choice:
    """Which recipe was chosen, and why.

    Parameters
    ----------
    recipe : {"table", "stream", "mlp"}
        The recipe.

    reason : str
        The reason, in words.
    """

    recipe: str
    reason: str

    @property
    def is_of_stream(self) -> bool:
        """Whether the network was trained as a stream from the start."""
        return STREAM in self.reason


def choose_recipe(
    params: Mapping[str, Any], call: Call, n_samples: int, earlier: Choice | None
) -> Choice:
    """Return the recipe that the parameters set to "auto" follow.

    Parameters
    ----------
    params : dict
        The parameters, as `check_parameters` returns them.

    call : Call
        The kind of call.

    n_samples : int
        The number of samples.

    earlier : Choice or None
        The choice for the network whose training continues.
    """
    if params["recipe"] != "auto":
        return Choice(params["recipe"], f"recipe={params['recipe']!r} was set")
    if call is Call.NEXT_PIECE and earlier is not None:
        if earlier.is_of_stream:
            return earlier
        return Choice(
            earlier.recipe, "partial_fit continues with the recipe of the network"
        )
    if call.is_piece:
        return _choose_for_stream(params)
    schedule = params["learning_rate"]
    reasons = {
        **_against_any_recipe(params),
        f"learning_rate={schedule!r} has no end": not (
            is_auto(schedule) or has_end(schedule)
        ),
        f"learning_rate_init={params['learning_rate_init']!r} is too small for a cycle "
        "of 60 epochs": (
            not is_auto(params["learning_rate_init"])
            and params["learning_rate_init"] < LEAST_RATE
        ),
        f"batch_size={params['batch_size']!r} allows too few steps": (
            not is_auto(params["batch_size"])
            and params["batch_size"] > ROWS_OF_A_STEP
            and WITH_END["max_iter"] * math.ceil(n_samples / params["batch_size"])
            < LEAST_STEPS
        ),
        f"{n_samples} samples are fewer than {LEAST_SAMPLES}": (
            n_samples < LEAST_SAMPLES
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


def _choose_for_stream(params):
    """Choose the recipe of a network that starts with a piece of a stream."""
    schedule = params["learning_rate"]
    reasons = {
        **_against_any_recipe(params),
        f"learning_rate={schedule!r} is not constant": not (
            is_auto(schedule)
            or (isinstance(schedule, str) and schedule in ("constant", *FOR_SGD_ALONE))
        ),
    }
    against = [reason for reason, holds in reasons.items() if holds]
    if against:
        return Choice("mlp", " and ".join([STREAM, *against]))
    return Choice("stream", f"{STREAM}, which may drift, and whose rows come once")


def _against_any_recipe(params):
    """Return what rules out all recipes except the MLP's, and whether it is so."""
    sizes, solver = params["hidden_layer_sizes"], params["solver"]
    return {
        f"solver={solver!r} is not 'adam'": not is_adam(solver),
        "the inputs are not scaled": params["scaling"] is None,
        f"hidden_layer_sizes={sizes!r} has no layer, or one of fewer than "
        f"{LEAST_UNITS} units": (
            not is_auto(sizes) and min(sizes, default=0) < LEAST_UNITS
        ),
    }


@dataclass(frozen=True)
class Table:
    """What the recipe for tables needs to know about the inputs.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_inputs)
        The inputs.

    n_indicators : int, default=0
        The number of inputs that are indicators, which come first.

    n_rows : int, default=None
        The number of rows of which X is a sample; None if X contains all.
    """

    X: Any
    n_indicators: int = 0
    n_rows: int | None = None

    @property
    def n_samples(self) -> int:
        """The number of rows."""
        return self.X.shape[0] if self.n_rows is None else self.n_rows

    @property
    def n_numbers(self) -> int:
        """The number of columns that are not indicators."""
        return self.X.shape[1] - self.n_indicators

    @cached_property
    def some_numbers(self) -> np.ndarray:
        """Some rows of the columns that are not indicators, to examine, read once."""
        return some_rows(without_first(self.X, self.n_indicators))

    @cached_property
    def is_collinear(self) -> bool:
        """Whether nearly all variance of the columns is in few directions.

        This is the case for spectra, where cosines of single columns are noise.
        """
        if sparse.issparse(self.X) or self.n_numbers == 0:
            return False
        least = COLLINEAR * min(self.X.shape[0], self.n_numbers)
        return effective_rank(self.some_numbers) < least

    def cosines_of_each(self, usual: int) -> int:
        """Return how many cosines of each column are useful, and worth their time."""
        are_many = self.n_numbers > MOST_COLUMNS_TO_EMBED
        most = MOST_COLUMNS_FOR_ONE if self.n_samples <= MANY_ROWS else 0
        if sparse.issparse(self.X) or self.n_numbers == 0:
            return 0
        if (are_many and self.n_numbers > most) or self.is_collinear:
            return 0
        return 1 if are_many or has_two_values_at_most(self.some_numbers) else usual

    @property
    def has_columns_to_double(self) -> bool:
        """Whether columns are few enough to be scaled by recent rows as well."""
        return not sparse.issparse(self.X) and self.n_numbers <= MOST_COLUMNS_TO_EMBED


def auto_values(
    params: Mapping[str, Any],
    call: Call,
    recipe: str,
    table: Table,
    trained: Architecture | None = None,
    *,
    is_of_stream: bool = False,
) -> tuple[dict[str, Any], int | None]:
    """Return the values of the parameters set to "auto" for given data.

    Parameters
    ----------
    params : dict
        The parameters, as `check_parameters` returns them.

    call : Call
        The kind of call.

    recipe : {"table", "stream", "mlp"}
        The recipe.

    table : Table
        The inputs.

    trained : Architecture, default=None
        The architecture of the network whose training continues.

    is_of_stream : bool, default=False
        Whether the network was trained as a stream from the start.

    Returns
    -------
    values : dict
        A value for each parameter set to "auto", except for those that are resolved
        elsewhere (output_activation, init and, except for streams, batch_size).

    own_epochs : int or None
        The length of the recipe's own schedule, which `max_iter` can only reduce; None
        if it is not used.
    """
    values = dict(RECIPES[recipe])
    if recipe == "table" and _wants_one_network(params, call, trained):
        values |= QUICK if _wants_a_quick_end(params) else ALONE
    elif recipe == "table" and table.n_samples > MANY_ROWS:
        values["n_members"] = MEMBERS_FOR_MANY_ROWS
    if recipe == "stream":
        if trained is None and not table.has_columns_to_double:
            values["scaling"] = "standard"
        if not is_auto(params["hidden_layer_sizes"]):
            values["n_members"] = 1  # as if they are chosen for one network
    if params["recipe"] == "auto" and recipe == "mlp":
        values["scaling"] = "standard"  # the MLP does not scale
    # A trained network keeps its cosines, whatever the next piece of a stream.
    if trained is None and values["n_frequencies"] > 0:
        values["n_frequencies"] = table.cosines_of_each(values["n_frequencies"])
    if not is_stochastic(params["solver"]):
        values |= {
            **STEP_BY_STEP,
            "dtype": None,
        }  # it needs the precision
    if call.is_piece:
        values["learning_rate"] = "constant"  # the number of pieces is unknown
    if trained is not None:
        values |= {
            "hidden_layer_sizes": trained.layer_sizes[1:-1],
            "activation": trained.activation,
            "n_frequencies": trained.n_frequencies,
            "n_members": trained.n_members,
            "scaling": trained.scaling,
            "dtype": trained.dtype,
        }
    schedule = params["learning_rate"]
    if is_auto(schedule):
        schedule = values["learning_rate"]
    ends = is_stochastic(params["solver"]) and has_end(schedule)
    values |= WITH_END if ends else WITHOUT_END
    is_scaled = params["scaling"] is not None
    if call.is_piece and is_of_stream and is_scaled and is_adam(params["solver"]):
        values["learning_rate_init"] = RATE_OF_STREAMS
    if recipe == "stream":
        values["learning_rate_init"] = RATE_OF_STREAM_RECIPE
    if ends and isinstance(schedule, str) and schedule == "cycles":
        values["max_iter"] = epochs_of_cycles(table.n_samples, params["batch_size"])
    if recipe == "table" and ends and params["early_stopping"]:
        values["max_iter"] = EPOCHS_TO_STOP_EARLY
    own_epochs = None
    if recipe == "table" and ends and is_auto(params["learning_rate"]):
        own_epochs = values["max_iter"]
    if call.is_piece and recipe == "table":
        share = min(1.0, table.n_samples / ROWS_OF_A_STEP)
        values["learning_rate_init"] *= math.sqrt(share)
    # If one of these is set, training should stop by it.
    if params["tol"] != USUAL_TOL or params["early_stopping"]:
        values["n_iter_no_change"] = WITHOUT_END["n_iter_no_change"]
    if not is_stochastic(params["solver"]) and params["early_stopping"]:
        # The score may not change for long while L-BFGS progresses, and it has its own
        # end. The best parameters are kept.
        values["n_iter_no_change"] = np.inf
    # A regressor does not smooth labels.
    of_auto = {name: v for name, v in values.items() if is_auto(params.get(name))}
    return of_auto, own_epochs


def _wants_one_network(params, call, trained):
    """Return whether the recipe trains a single network instead of members.

    Users who set the layers usually mean one network, and may inspect its weights;
    those who set few epochs or early stopping want a short fit.
    """
    named = params["n_members"]
    if trained is not None:
        return trained.n_members == 1
    if not is_auto(named):
        return named == 1
    return (
        call.is_piece
        or not is_stochastic(params["solver"])
        or not is_auto(params["hidden_layer_sizes"])
        or _wants_a_quick_end(params)
    )


def _wants_a_quick_end(params):
    """Return whether a fit should be shorter than the cycles of members."""
    max_iter = params["max_iter"]
    return params["early_stopping"] or not (
        is_auto(max_iter) or max_iter >= LEAST_EPOCHS_OF_MEMBERS
    )


def first_cycle(n_samples: int) -> int:
    """Return the minimum number of epochs of the first of several cycles."""
    ratio = min(1.0, MANY_ROWS / n_samples)
    return max(1, round(FIRST_CYCLE * ratio**SHORTENING))


def gain_of_a_cycle(table: Table) -> float:
    """Return the reduction of the out-of-fold loss below which a cycle is the last."""
    if table.is_collinear:
        return GAIN_IF_COLLINEAR
    if table.n_samples <= MANY_ROWS:
        return GAIN_OF_A_CYCLE
    gain = GAIN_FOR_MANY_ROWS * max(1.0, table.n_samples / VERY_MANY_ROWS)
    return min(GAIN_OF_A_CYCLE, gain)


def epochs_of_cycles(n_samples: int, batch_size: int | str) -> int:
    """Return the total number of epochs of all cycles of the recipe.

    Training ends earlier if a cycle improves too little.
    """
    rows = ROWS_OF_A_STEP if isinstance(batch_size, str) else batch_size
    steps = math.ceil(n_samples / rows)
    first = first_cycle(n_samples)
    least_epochs = LEAST_EPOCHS if n_samples <= MANY_ROWS else 2 * LEAST_EPOCHS
    n_cycles = LEAST_CYCLES
    while first * (2**n_cycles - 1) < least_epochs:
        n_cycles += 1
    if first * (2 ** (n_cycles + 1) - 1) * steps <= FEW_STEPS:
        n_cycles += 1
    return first * (2**n_cycles - 1)
