"""What the parameters that are "auto" stand for, given the data and each other.

The values were chosen by experiments on tables (docs/choosing.md). They make a recipe:
one cycle of the learning rate over a fixed number of epochs, cosines of the inputs,
dropout and weight decay. It holds for "adam" on scaled inputs as long as
`learning_rate` is "auto": whoever chooses a schedule trains as it says, and no more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from skann.training.schedules import Horizon

DROPOUT = 0.3
WEIGHT_DECAY = 0.1
N_FREQUENCIES = 8

# With fewer samples there is no dropout, and with more columns there are no cosines.
LEAST_SAMPLES_TO_DROP = 100
MOST_COLUMNS_TO_EMBED = 100

# A fit by a schedule with an end has so many epochs.
N_EPOCHS = 60

SCHEDULES_WITH_END = ("cosine", "one_cycle")


def is_auto(value: Any) -> bool:
    """Say whether a parameter is "auto"; arrays and objects are not."""
    return isinstance(value, str) and value == "auto"


def setting(estimator: Any, name: str) -> Any:
    """Return the value of a parameter, or what "auto" stands for."""
    return vars(estimator).get("auto_params_", {}).get(name, getattr(estimator, name))


def resolve(
    estimator: Any,
    X: Any,
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
    schedule = estimator.learning_rate
    if is_auto(schedule):
        schedule = "constant" if incremental else "one_cycle"
    has_end = stochastic and (
        isinstance(schedule, Horizon) or schedule in SCHEDULES_WITH_END
    )
    recipe = (
        is_auto(estimator.learning_rate)
        and estimator.solver == "adam"
        and estimator.scaling is not None
        and not incremental
    )
    n_frequencies = 0
    if trained is not None:
        n_frequencies = trained["n_frequencies"]
    elif recipe and not sparse.issparse(X) and n_features <= MOST_COLUMNS_TO_EMBED:
        n_frequencies = N_FREQUENCIES
    drops = recipe and n_samples >= LEAST_SAMPLES_TO_DROP
    values = {
        "learning_rate": schedule,
        "learning_rate_init": 0.005 if has_end else 0.001,
        "max_iter": N_EPOCHS if has_end else 200,
        "n_iter_no_change": np.inf if has_end else 10,
        "dropout": DROPOUT if drops else 0.0,
        "weight_decay": WEIGHT_DECAY if recipe else 0.0,
        "n_frequencies": n_frequencies,
    }
    return {
        name: value
        for name, value in values.items()
        if is_auto(getattr(estimator, name))
    }
