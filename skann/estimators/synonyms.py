"""Names of values in other libraries, and their equivalents here."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from skann.estimators.sklearn_private import InvalidParameterError

# For each parameter, unknown names with an obvious meaning, and what to use instead.
SYNONYMS: dict[str, dict[str, str]] = {
    "activation": {
        "sigmoid": "activation='logistic'",
        "linear": "activation='identity'",
        "none": "activation='identity'",
        "swish": "activation='silu'",
        "leakyrelu": "activation='leaky_relu'",
        "lrelu": "activation='leaky_relu'",
        "rectifier": "activation='relu'",
        "hyperbolic_tangent": "activation='tanh'",
    },
    "loss": {
        "mse": "loss='squared_error'",
        "mean_squared_error": "loss='squared_error'",
        "l2": "loss='squared_error'",
        "squared_loss": "loss='squared_error'",
        "mae": "loss='absolute_error'",
        "mean_absolute_error": "loss='absolute_error'",
        "l1": "loss='absolute_error'",
        "huber_loss": "loss='huber'",
        "pinball": "loss='quantile'",
        "cross_entropy": "loss='log_loss'",
        "crossentropy": "loss='log_loss'",
        "binary_crossentropy": "loss='log_loss'",
        "categorical_crossentropy": "loss='log_loss'",
        "sparse_categorical_crossentropy": "loss='log_loss'",
        "bce": "loss='log_loss'",
        "logistic": "loss='log_loss'",
        "deviance": "loss='log_loss'",
    },
    "solver": {
        "l-bfgs": "solver='lbfgs'",
        "l-bfgs-b": "solver='lbfgs'",
        "bfgs": "solver='lbfgs'",
        "adamw": "solver='adam' with weight_decay=0.01, say",
        "momentum": "solver='sgd' with momentum=0.9",
        "nesterov": "solver='sgd' with nesterovs_momentum=True",
    },
    "learning_rate": {
        "onecycle": "learning_rate='one_cycle'",
        "1cycle": "learning_rate='one_cycle'",
        "cosine_annealing": "learning_rate='cosine'",
        "inverse_scaling": "learning_rate='invscaling'",
        "exponential_decay": "learning_rate='exponential'",
        "optimal": "learning_rate='auto'",
    },
    "init": {
        "xavier": "init='glorot_uniform'",
        "xavier_uniform": "init='glorot_uniform'",
        "xavier_normal": "init='glorot_normal'",
        "glorot": "init='glorot_uniform'",
        "he": "init='he_normal'",
        "kaiming": "init='he_normal'",
        "kaiming_uniform": "init='he_uniform'",
        "kaiming_normal": "init='he_normal'",
        "lecun": "init='lecun_normal'",
    },
    "scaling": {
        "standardscaler": "scaling='standard'",
        "zscore": "scaling='standard'",
        "z-score": "scaling='standard'",
        "min-max": "scaling='minmax'",
        "minmaxscaler": "scaling='minmax'",
        "robustscaler": "scaling='robust'",
        "none": "scaling=None",
    },
    "output_activation": {
        "sigmoid": "output_activation='logistic'",
        "linear": "output_activation='identity'",
    },
}


def refuse_synonyms(estimator: Any, params: Mapping[str, Any]) -> None:
    """Raise an error for values of other libraries, with the equivalent here.

    Raises
    ------
    ValueError
        For the first such value.
    """
    for name, synonyms in SYNONYMS.items():
        value = params.get(name)
        if isinstance(value, str) and value.lower().replace(" ", "_") in synonyms:
            remedy = synonyms[value.lower().replace(" ", "_")]
        elif name == "learning_rate" and _is_number(value):
            remedy = f"learning_rate_init={value!r}: learning_rate names a schedule"
        else:
            continue
        raise InvalidParameterError(
            f"The {name!r} parameter of {type(estimator).__name__} has no value "
            f"{value!r}. Write {remedy}."
        )


def _is_number(value: Any) -> bool:
    """Return whether a value is a number, excluding True and False."""
    return isinstance(value, Real) and not isinstance(value, bool)
