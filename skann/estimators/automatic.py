"""What the parameters that are "auto" stand for, given the data and each other.

Either all of them follow a recipe for tables, whose values were chosen by experiments
(docs/choosing.md): two wide layers, one cycle of the learning rate over a fixed number
of epochs, cosines of the inputs, dropout, weight decay and smooth labels. Or they are
what scikit-learn's MLP has. The recipe holds for a `fit` of "adam" to enough samples
with scaled inputs, as long as `learning_rate` is "auto" and no hidden layer is narrow:
whoever chooses a schedule or a solver trains as they say, and no more, and a network
that is small enough to look at stays plain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from skann.training.schedules import Horizon

RECIPE: dict[str, Any] = {
    "hidden_layer_sizes": (128, 128),
    "activation": "silu",
    "learning_rate": "one_cycle",
    "beta_2": 0.95,
    "dropout": 0.3,
    "weight_decay": 0.1,
    "label_smoothing": 0.05,
    "n_frequencies": 8,
}

# What scikit-learn's MLP has.
PLAIN: dict[str, Any] = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "learning_rate": "constant",
    "beta_2": 0.999,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "n_frequencies": 0,
}

# By whether the schedule has an end, as that of the recipe does.
WITH_END = {"learning_rate_init": 0.005, "max_iter": 60, "n_iter_no_change": np.inf}
WITHOUT_END = {"learning_rate_init": 0.001, "max_iter": 200, "n_iter_no_change": 10}

# With fewer samples, or units in a hidden layer, there is no recipe.
LEAST_SAMPLES = 100
LEAST_UNITS = 32

# With more columns there are no cosines.
MOST_COLUMNS_TO_EMBED = 100

SCHEDULES_WITH_END = ("cosine", "one_cycle")


def is_auto(value: Any) -> bool:
    """Say whether a parameter is "auto"; arrays and objects are not."""
    return isinstance(value, str) and value == "auto"


def setting(estimator: Any, name: str) -> Any:
    """Return the value of a parameter, or what "auto" stands for."""
    value = getattr(estimator, name)
    return estimator.auto_params_.get(name, value) if is_auto(value) else value


def resolve(
    estimator: Any,
    X: Any,
    hidden_layer_sizes: Sequence[int],
    *,
    stochastic: bool,
    incremental: bool,
    trained: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the values that the parameters set to "auto" have for these data.

    Parameters
    ----------
    estimator : BaseBackprop
        The estimator.

    X : ndarray or CSR array of shape (n_samples, n_features)
        The training data.

    hidden_layer_sizes : sequence of int
        The number of units of each hidden layer; for "auto" those of the recipe.

    stochastic : bool
        Whether the solver learns from minibatches.

    incremental : bool
        Whether this is a piece of a stream.

    trained : dict, default=None
        The architecture of the network that training goes on with.

    Returns
    -------
    values : dict
        A value for each parameter that is "auto", apart from those that say in their
        own way what they stand for (batch_size, output_activation, init).
    """
    n_samples, n_features = X.shape
    recipe = (
        is_auto(estimator.learning_rate)
        and estimator.solver == "adam"
        and estimator.scaling is not None
        and not incremental
        and n_samples >= LEAST_SAMPLES
        and min(hidden_layer_sizes, default=0) >= LEAST_UNITS
    )
    values = dict(RECIPE if recipe else PLAIN)
    if sparse.issparse(X) or n_features > MOST_COLUMNS_TO_EMBED:
        values["n_frequencies"] = 0
    if trained is not None:
        values["hidden_layer_sizes"] = tuple(trained["layer_sizes"][1:-1])
        values |= {name: trained[name] for name in ("activation", "n_frequencies")}
    schedule = estimator.learning_rate
    if is_auto(schedule):
        schedule = values["learning_rate"]
    has_end = stochastic and (
        isinstance(schedule, Horizon) or schedule in SCHEDULES_WITH_END
    )
    values |= WITH_END if has_end else WITHOUT_END
    return {
        name: value
        for name, value in values.items()
        if is_auto(getattr(estimator, name, None))  # a regressor smooths no labels
    }
