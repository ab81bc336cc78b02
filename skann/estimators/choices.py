"""The names that parameters accept, as types: editors offer them for completion.

The values that a fit accepts are defined in `constraints`; a test ensures that they are
the same.
"""

from __future__ import annotations

from typing import Literal

Auto = Literal["auto"]

RecipeName = Literal["auto", "table", "stream", "mlp"]

ActivationName = Literal[
    "auto",
    "identity",
    "logistic",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
]

SolverName = Literal["adam", "sgd", "lbfgs"]

ScheduleName = Literal[
    "auto",
    "constant",
    "invscaling",
    "adaptive",
    "exponential",
    "inverse_time",
    "cosine",
    "one_cycle",
    "cycles",
]

InitializerName = Literal[
    "auto",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "fan_in_uniform",
]

ScalingName = Literal[
    "auto", "standard", "minmax", "robust", "bounded", "adaptive", "stream"
]

DtypeName = Literal["auto", "float32", "float64"]

ClassifierLossName = Literal["log_loss", "squared_error"]

ClassifierOutputName = Literal["auto", "logistic", "softmax"]

RegressorLossName = Literal[
    "squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma"
]

RegressorOutputName = Literal["auto", "identity", "logistic", "tanh", "relu", "exp"]
