"""The one door to what scikit-learn does not promise to keep.

All that skann uses of scikit-learn's private names is imported or touched here, each
with what it is for and what would replace it.
"""

from __future__ import annotations

# `_safe_indexing`: takes rows of arrays, lists, frames and sparse matrices. Replaced
# by: a case for each of them.
from sklearn.utils import _safe_indexing

# `check_matplotlib_support` says what to install. Replaced by: a try around the import.
from sklearn.utils._optional_dependencies import check_matplotlib_support

# `Interval`, `Options`, `StrOptions`, `validate_params`: the values that a parameter
# may have, and errors in scikit-learn's words. Replaced by: `check_scalar` of
# `sklearn.utils`. `InvalidParameterError`: what those raise. Replaced by: ValueError.
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_params,
)

# `_check_n_features`: refuses another number of columns. Replaced by: a comparison with
# `n_features_in_`. `_check_sample_weight`: reads weights of any kind. Replaced by:
# `check_array` and a comparison of lengths.
# `_check_categorical_features`: reads a mask, indices or names of columns, in
# scikit-learn's words. Replaced by: checks of our own.
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
    """Refuse parameters outside their `_parameter_constraints`.

    `BaseEstimator._validate_params` does so. Replaced by: checks of our own.
    """
    estimator._validate_params()


def check_categorical_features(X, categorical_features):
    """Return which columns of X are named as categorical, or None if none are."""
    return _check_categorical_features(X, categorical_features)


def check_n_features(estimator, X):
    """Refuse another number of columns than an estimator was fitted to."""
    _check_n_features(estimator, X, reset=False)


def check_sample_weight(sample_weight, X, *, allow_all_zero):
    """Return weights as a float array with one for each row of X, not negative."""
    return _check_sample_weight(
        sample_weight,
        X,
        ensure_non_negative=True,
        allow_all_zero_weights=allow_all_zero,
    )


def has_callbacks(estimator):
    """Return whether anyone listens to a fit.

    `set_callbacks` keeps them in `_skl_callbacks`. Replaced by: calling the hooks of a
    context, which do nothing without callbacks, and take longer to do it.
    """
    return hasattr(estimator, "_skl_callbacks")


def open_callback_context(estimator, *, max_subtasks):
    """Return the context in which callbacks hear of a fit.

    `_init_callback_context` is how scikit-learn's own estimators begin. Replaced by:
    nothing; without it there are no callbacks.
    """
    return estimator._init_callback_context(max_subtasks=max_subtasks)


def forget_callback_context(estimator):
    """Take away what an interrupted teardown of callbacks leaves on an estimator.

    `with_callbacks` removes it itself unless it is interrupted. Replaced by: nothing.
    """
    for name in ("_callback_fit_ctx", "_skl_callbacks_to_teardown"):
        vars(estimator).pop(name, None)


def memory_of_mlp(mlp):
    """Return what a fitted MLP remembers for its next epoch, by name.

    `_optimizer` and `_no_improvement_count` are what `partial_fit` goes on from; after
    L-BFGS there are none. Replaced by: an optimizer that starts anew.
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
    """Let a fitted MLP go on from what `memory_of_mlp` has returned; None for nothing.

    Replaced by: an optimizer that starts anew.
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
    """Return the rows of these numbers of a table of any kind."""
    return _safe_indexing(table, rows)
