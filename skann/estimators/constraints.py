"""The valid values of the parameters, in scikit-learn's format."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from skann.core.activations import HIDDEN_ACTIVATIONS, HiddenActivation
from skann.core.initializers import INITIALIZERS, Initializer
from skann.data.scaling import BENDING, SCALINGS
from skann.estimators.recipes import RECIPES
from skann.estimators.settings import SCHEDULES
from skann.estimators.sklearn_private import Interval, Options, StrOptions
from skann.training.optimizers import Optimizer
from skann.training.schedules import Schedule

AUTO = StrOptions({"auto"})
POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")
COUNT = Interval(Integral, 1, None, closed="left")

COMMON: dict[str, list[Any]] = {
    "recipe": [StrOptions({"auto", *RECIPES})],
    "hidden_layer_sizes": [AUTO, "array-like", COUNT],
    "activation": [
        StrOptions({"auto", *HIDDEN_ACTIVATIONS}),
        HiddenActivation,
        "array-like",
    ],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"}), Optimizer],
    "alpha": [NOT_NEGATIVE],
    "batch_size": [AUTO, COUNT],
    "learning_rate": [StrOptions({"auto", *SCHEDULES}), Schedule],
    "learning_rate_init": [AUTO, POSITIVE],
    "power_t": [NOT_NEGATIVE],
    "decay": [POSITIVE, None],
    "max_iter": [AUTO, COUNT],
    "shuffle": ["boolean", StrOptions({"blocks"})],
    "random_state": ["random_state"],
    "tol": [NOT_NEGATIVE],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "restore_best_weights": ["boolean"],
    "scoring": [str, callable, None],
    "validation_fraction": [SHARE],
    "beta_1": [SHARE],
    "beta_2": [AUTO, SHARE],
    "epsilon": [POSITIVE],
    "n_iter_no_change": [AUTO, COUNT, Options(Real, {np.inf})],
    "max_fun": [COUNT],
    "dropout": [AUTO, SHARE, "array-like"],
    "weight_decay": [AUTO, NOT_NEGATIVE],
    "max_grad_norm": [POSITIVE, None],
    "init": [StrOptions({"auto", *INITIALIZERS}), Initializer],
    "scaling": [StrOptions({"auto", *SCALINGS, *BENDING}), None],
    "n_frequencies": [AUTO, Interval(Integral, 0, None, closed="left")],
    "n_members": [AUTO, COUNT],
    "n_jobs": [None, Integral],
    # Above this, the cosines of neighbouring numbers are unrelated.
    "frequency_scale": [Interval(Real, 0, 1e6, closed="right")],
    "dtype": [StrOptions({"auto", "float32", "float64"}), None],
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
}
