"""What every parameter set to "auto" stands for.

The parameters that are "auto" belong together. Either all of them follow a recipe for
tables, whose values were chosen by experiments (docs/choosing.md): several networks,
each of which leaves out a fold of the rows, cycles of the learning rate that end when
the left-out rows gain nothing more, cosines of the inputs, dropout, weight decay and
smooth labels. Or they are what scikit-learn's MLP has. The parameter `recipe` names one
of the two, or leaves it to one rule: the recipe for tables holds for a `fit` of "adam"
to enough samples with scaled inputs, as long as no schedule without an end is named and
no hidden layer is narrow. Whoever chooses a schedule or a solver trains as they say,
and no more, and a network that is small enough to look at stays plain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from skann.data.measuring import effective_rank, without_first
from skann.model import Architecture
from skann.training.call import Call
from skann.training.optimizers import Optimizer
from skann.training.schedules import FIRST_CYCLE, Horizon

# What "auto" stands for, by the name of the recipe.
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
        "n_members": 1,
        "scaling": None,
        "dtype": None,
    },
}

# What the recipe for tables is with a single network, which nobody else keeps honest.
ALONE: dict[str, Any] = {
    "hidden_layer_sizes": (128, 128),
    "learning_rate": "one_cycle",
    "dropout": 0.3,
    "n_members": 1,
}

# And what it is where a quick end is asked for.
QUICK: dict[str, Any] = {**ALONE, "hidden_layer_sizes": (64, 64), "dropout": 0.1}

# Members that leave out more than this share of the rows would learn from too few.
LEAST_FOLDS = 4

# A fit of fewer epochs is meant to be quick.
LEAST_EPOCHS_OF_MEMBERS = 24

# By whether the schedule has an end, as that of the recipe does.
WITH_END = {"learning_rate_init": 0.005, "max_iter": 60, "n_iter_no_change": np.inf}
WITHOUT_END = {"learning_rate_init": 0.001, "max_iter": 200, "n_iter_no_change": 10}

# From so many rows on an epoch is long. There are fewer members then, and time for
# twice the epochs. The first cycle is shorter than 8 epochs, and has, at this power of
# the number of rows, more steps all the same.
MANY_ROWS = 16_000
MEMBERS_FOR_MANY_ROWS = 4
SHORTENING = 0.75

# Each cycle takes as long as all before it, and comes only if the last one has made the
# loss of the rows that were left out smaller by this share. Where columns are collinear
# a step says little of their differences, and the loss falls slowly for long. Where
# rows are many, so are those that say that a small gain is one; where they are very
# many, it takes too long.
GAIN_OF_A_CYCLE = 0.04
GAIN_FOR_MANY_ROWS = 0.02
VERY_MANY_ROWS = 50_000
GAIN_IF_COLLINEAR = 0.0

# There are at least so many cycles, and epochs (twice as many for many rows), and one
# more if all make few steps.
LEAST_CYCLES = 4
LEAST_EPOCHS = 60
FEW_STEPS = 1750

# What L-BFGS cannot do: it takes no steps of minibatches.
STEP_BY_STEP: dict[str, Any] = {
    "dropout": 0.0,
    "weight_decay": 0.0,
    "max_grad_norm": None,
    "n_members": 1,
}

# After a fit by the recipe a piece of a stream moves the parameters by less if it holds
# fewer rows than a minibatch of that fit: its gradient says less.
ROWS_OF_A_STEP = 200

# In a stream each piece is seen once, and often makes a single step.
RATE_OF_STREAMS = 0.003

USUAL_TOL = 1e-4

# Who sets a part aside to stop early wants a short fit: the cycle has fewer epochs.
EPOCHS_TO_STOP_EARLY = 30

# A cycle of so few epochs needs rates, and steps, that are not too small or too few.
LEAST_RATE = 0.001
LEAST_STEPS = 480

# With fewer samples, or units in a hidden layer, there is no recipe.
LEAST_SAMPLES = 100
LEAST_UNITS = 32

# With more columns there are no cosines, nor with columns whose effective rank is less
# than this share of their number.
MOST_COLUMNS_TO_EMBED = 100
COLLINEAR = 0.05

STOCHASTIC_SOLVERS = ("sgd", "adam")
SCHEDULES_WITH_END = ("cosine", "one_cycle", "cycles")

# Names of schedules that "adam" does not follow, as in the MLP: many name them by
# habit.
FOR_SGD_ALONE = ("invscaling", "adaptive")


def is_auto(value: Any) -> bool:
    """Say whether a parameter is "auto"; arrays and objects are not."""
    return isinstance(value, str) and value == "auto"


def is_stochastic(solver: Any) -> bool:
    """Say whether a solver takes a step for each minibatch."""
    return isinstance(solver, Optimizer) or solver in STOCHASTIC_SOLVERS


def has_end(schedule: Any) -> bool:
    """Say whether a schedule, or the one that a name stands for, has an end."""
    if isinstance(schedule, str):
        return schedule in SCHEDULES_WITH_END
    return isinstance(schedule, Horizon)


def is_adam(solver: Any) -> bool:
    """Say whether a solver is named "adam"."""
    return isinstance(solver, str) and solver == "adam"


# Why a stream has no recipe.
STREAM = "partial_fit has one piece of a stream"


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

    @property
    def is_of_stream(self) -> bool:
        """Whether the network is that of a stream from its start."""
        return STREAM in self.reason


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
        if earlier.is_of_stream:
            return earlier
        return Choice(earlier.recipe, "partial_fit goes on as the network was trained")
    sizes, schedule = params["hidden_layer_sizes"], params["learning_rate"]
    solver = params["solver"]
    reasons = {
        STREAM: call.is_piece,
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


@dataclass(frozen=True)
class Table:
    """What the recipe for tables wants to know of the inputs.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_inputs)
        The inputs.

    n_indicators : int, default=0
        The number of those that are indicators, which come first.

    n_rows : int, default=None
        The number of rows that those of X are a sample of; None if they are all.
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
    def is_collinear(self) -> bool:
        """Whether nearly all that the columns hold lies in few directions.

        So it is with spectra, where cosines of each column alone are noise.
        """
        if sparse.issparse(self.X) or self.n_numbers == 0:
            return False
        numbers = without_first(self.X, self.n_indicators)
        return effective_rank(numbers) < COLLINEAR * min(numbers.shape)

    @property
    def has_columns_to_embed(self) -> bool:
        """Whether cosines of the columns say something, and are not too many."""
        is_small = 0 < self.n_numbers <= MOST_COLUMNS_TO_EMBED
        return not sparse.issparse(self.X) and is_small and not self.is_collinear


def auto_values(
    params: Mapping[str, Any],
    call: Call,
    recipe: str,
    table: Table,
    trained: Architecture | None = None,
    *,
    is_of_stream: bool = False,
) -> tuple[dict[str, Any], int | None]:
    """Return the values that the parameters set to "auto" have for some data.

    Parameters
    ----------
    params : dict
        The parameters, as `check_parameters` returns them.

    call : Call
        What is asked for.

    recipe : {"table", "mlp"}
        The recipe that they follow.

    table : Table
        The inputs.

    trained : Architecture, default=None
        The network that training goes on with.

    is_of_stream : bool, default=False
        Whether the network is that of a stream from its start.

    Returns
    -------
    values : dict
        A value for each parameter that is "auto", apart from those that say in their
        own way what they stand for (batch_size, output_activation, init).

    own_epochs : int or None
        The length of the recipe's own schedule, of which `max_iter` is a cap; None if
        that is not used.
    """
    values = dict(RECIPES[recipe])
    if recipe == "table" and _wants_one_network(params, call, trained):
        values |= QUICK if _wants_a_quick_end(params) else ALONE
    elif recipe == "table" and table.n_samples > MANY_ROWS:
        values["n_members"] = MEMBERS_FOR_MANY_ROWS
    if params["recipe"] == "auto" and recipe == "mlp":
        values["scaling"] = "standard"  # which the MLP leaves to its user
    # A network that is trained has what it has: no piece of a stream is looked at.
    embeds = trained is None and values["n_frequencies"] > 0
    if embeds and not table.has_columns_to_embed:
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
    # Who names one of these wants training to stop by it.
    if params["tol"] != USUAL_TOL or params["early_stopping"]:
        values["n_iter_no_change"] = WITHOUT_END["n_iter_no_change"]
    if not is_stochastic(params["solver"]) and params["early_stopping"]:
        # The score may stand still for long while L-BFGS gets on, and it ends by
        # itself. What is kept is the best.
        values["n_iter_no_change"] = np.inf
    # A regressor smooths no labels.
    of_auto = {name: v for name, v in values.items() if is_auto(params.get(name))}
    return of_auto, own_epochs


def _wants_one_network(params, call, trained):
    """Say whether the recipe stands for a single network, rather than for members.

    Who names the layers has one network in mind, and looks at its weights; who wants a
    few epochs, or an early end, wants to be quick.
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
    """Say whether a fit is to be shorter than the cycles of members."""
    max_iter = params["max_iter"]
    return params["early_stopping"] or not (
        is_auto(max_iter) or max_iter >= LEAST_EPOCHS_OF_MEMBERS
    )


def first_cycle(n_samples: int) -> int:
    """Return how many epochs the first of several cycles has at least."""
    ratio = min(1.0, MANY_ROWS / n_samples)
    return max(1, round(FIRST_CYCLE * ratio**SHORTENING))


def gain_of_a_cycle(table: Table) -> float:
    """Return the share of the out-of-fold loss that a cycle takes, or is the last."""
    if table.is_collinear:
        return GAIN_IF_COLLINEAR
    if table.n_samples <= MANY_ROWS:
        return GAIN_OF_A_CYCLE
    gain = GAIN_FOR_MANY_ROWS * max(1.0, table.n_samples / VERY_MANY_ROWS)
    return min(GAIN_OF_A_CYCLE, gain)


def epochs_of_cycles(n_samples: int, batch_size: int | str) -> int:
    """Return how many epochs all cycles of the recipe have.

    Training ends before where a cycle brings too little.
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
