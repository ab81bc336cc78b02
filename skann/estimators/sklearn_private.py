"""The only module that uses private parts of scikit-learn.

All private names of scikit-learn that skann uses are imported or accessed here,
together with their purpose and a possible replacement.
"""

from __future__ import annotations

# `_safe_indexing`: selects rows of arrays, lists, frames and sparse matrices. Replaced
# by: a case for each of them.
from sklearn.utils import _safe_indexing

# `check_matplotlib_support`: says what to install. Replaced by: try and import.
from sklearn.utils._optional_dependencies import check_matplotlib_support

# `Interval`, `Options`, `StrOptions`, `validate_params`: valid values of parameters,
# with scikit-learn's errors. Replaced by: `check_scalar` of `sklearn.utils`.
# `InvalidParameterError`: the error that they raise. Replaced by: ValueError.
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_params,
)

# `_check_n_features`: checks the number of columns. Replaced by: a comparison with
# `n_features_in_`. `_check_sample_weight`: reads any kind of weights. Replaced by:
# `check_array` and a comparison of lengths. `_check_categorical_features`: reads a
# mask, indices or names of columns, with scikit-learn's errors. Replaced by: our own
# checks.
from sklearn.utils.validation import (
    _check_categorical_features,
    _check_n_features,
    _check_sample_weight,
)

__all__ = [
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "check_categorical_features",
    "check_constraints",
    "check_matplotlib_support",
    "check_n_features",
    "check_sample_weight",
    "forget_callback_context",
    "has_callbacks",
    "memory_of_mlp",
    "open_callback_context",
    "remember_in_mlp",
    "safe_indexing",
    "validate_params",
]


def check_constraints(estimator):
    """Check parameters against their `_parameter_constraints`.

    Uses `BaseEstimator._validate_params`. Replaced by: our own checks.
    """
    estimator._validate_params()


def check_categorical_features(X, categorical_features):
    """Return which columns of X are declared as categorical, or None if none are."""
    return _check_categorical_features(X, categorical_features)


def check_n_features(estimator, X):
    """Check that X has the same number of columns as in `fit`."""
    _check_n_features(estimator, X, reset=False)


def check_sample_weight(sample_weight, X, *, allow_all_zero):
    """Return weights as a non-negative float array, with one for each row of X."""
    return _check_sample_weight(
        sample_weight,
        X,
        ensure_non_negative=True,
        allow_all_zero_weights=allow_all_zero,
    )


def has_callbacks(estimator):
    """Return whether the estimator has callbacks.

    `set_callbacks` stores them in `_skl_callbacks`. Replaced by: always calling the
    hooks of a context, which do nothing without callbacks, but take time.
    """
    return hasattr(estimator, "_skl_callbacks")


def open_callback_context(estimator, *, max_subtasks):
    """Return the context in which callbacks of a fit are called.

    `_init_callback_context` is used by scikit-learn's own estimators. Replaced by:
    nothing; without it, there are no callbacks.
    """
    return estimator._init_callback_context(max_subtasks=max_subtasks)


def forget_callback_context(estimator):
    """Remove what an interrupted teardown of callbacks leaves on an estimator.

    `with_callbacks` removes it unless it is interrupted. Replaced by: nothing.
    """
    for name in ("_callback_fit_ctx", "_skl_callbacks_to_teardown"):
        vars(estimator).pop(name, None)


def memory_of_mlp(mlp):
    """Return the memory of a fitted MLP for its next epoch, by name.

    `partial_fit` continues from `_optimizer` and `_no_improvement_count`, which do not
    exist after L-BFGS. Replaced by: a new optimizer.
    """
    optimizer = getattr(mlp, "_optimizer", None)
    memory = {"count": getattr(mlp, "_no_improvement_count", 0), "rate": None}
    if optimizer is not None:
        memory["rate"] = optimizer.learning_rate
        for name in ("t", "ms", "vs", "velocities"):
            if hasattr(optimizer, name):
                memory[name] = getattr(optimizer, name)
    return memory


def remember_in_mlp(mlp, memory):
    """Set the memory of a fitted MLP, as returned by `memory_of_mlp`, or None.

    Replaced by: a new optimizer.
    """
    if memory is None:
        del mlp._optimizer
        mlp._no_improvement_count = 0
        return
    values = dict(memory)
    mlp._no_improvement_count = values.pop("count")
    mlp._optimizer.learning_rate = values.pop("rate")
    for name, value in values.items():
        setattr(mlp._optimizer, name, value)


def safe_indexing(table, rows):
    """Return the rows with these indices of a table of any kind."""
    return _safe_indexing(table, rows)
