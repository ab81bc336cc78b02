"""What a caller passes, checked; the estimator is only looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.validation import validate_data

from skann.core.types import FloatArray, Matrix
from skann.estimators.sklearn_private import check_sample_weight

_FLOATS = (np.float64, np.float32)


@dataclass(frozen=True, eq=False)
class Request:
    """What a call of `fit` or `partial_fit` was given, as it was given.

    Parameters
    ----------
    X, y, sample_weight
        The data.

    X_val, y_val, sample_weight_val
        The user's own validation data, or None.

    classes
        All classes that will ever occur, or None.

    coef_init, intercept_init
        The weights and biases to start from, or None.

    is_piece : bool
        Whether this is one epoch of a stream, not a whole fit.
    """

    X: Any
    y: Any
    sample_weight: Any = None
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: Any = None
    classes: Any = None
    coef_init: Any = None
    intercept_init: Any = None
    is_piece: bool = False

    @property
    def has_validation_data(self) -> bool:
        """Whether the user has brought validation data."""
        parts = self.X_val, self.y_val, self.sample_weight_val
        return any(part is not None for part in parts)


@dataclass(frozen=True, eq=False)
class CheckedData:
    """Data that have passed the checks.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        The inputs, finite, float32 or float64.

    y : ndarray of shape (n_samples,) or (n_samples, n_outputs), or sparse array
        The targets, not encoded.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights, finite, not negative.

    names : dict
        What is to be remembered of the columns: `n_features_in_`, and
        `feature_names_in_` if they have names.
    """

    X: Matrix
    y: Any
    sample_weight: FloatArray | None
    names: dict[str, Any]


_COLUMN_NAMES = ("n_features_in_", "feature_names_in_")


def column_names(estimator: Any) -> dict[str, Any]:
    """Return what an estimator remembers of its columns."""
    known = vars(estimator)
    return {name: known[name] for name in _COLUMN_NAMES if name in known}


def check_data(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    names: dict[str, Any] | None = None,
    allow_zero_weight: bool = False,
) -> CheckedData:
    """Return data to learn from or to score by, checked.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        Whose data they are.

    X, y, sample_weight
        The data.

    names : dict, default=None
        The columns that X has to have, as `column_names` returns them; None for any.

    allow_zero_weight : bool, default=False
        Whether all weights may be zero.

    Returns
    -------
    data : CheckedData
        The data.

    Raises
    ------
    ValueError
        If there is something wrong with them.
    """
    refuse_missing_targets(y, is_classifier(estimator))
    # scikit-learn writes the names of the columns to the estimator that it checks for.
    stand_in = object.__new__(type(estimator))
    attributes = vars(estimator).items()
    known = {name: value for name, value in attributes if name not in _COLUMN_NAMES}
    vars(stand_in).update(known, **(names or {}))
    with np.errstate(invalid="ignore"):  # the sum of inf and -inf
        X, y = validate_data(
            stand_in,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=is_regressor(estimator),
            dtype=_FLOATS,
            order="C",
            reset=names is None,
        )
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    if sample_weight is not None:
        sample_weight = check_sample_weight(
            sample_weight, X, allow_all_zero=allow_zero_weight
        )
        with np.errstate(over="ignore"):
            total_weight = sample_weight.sum(dtype=np.float64)
        if not np.isfinite(total_weight):
            raise ValueError("The sum of sample_weight is too large for float64.")
    return CheckedData(X, y, sample_weight, column_names(stand_in))


def refuse_missing_targets(y: Any, of_classes: bool) -> None:
    """Refuse targets without a value, which scikit-learn finds in numbers alone.

    Parameters
    ----------
    y : array-like
        The targets, as the caller passed them.

    of_classes : bool
        Whether they are class labels.

    Raises
    ------
    ValueError
        If an entry is None, NaN or NA.
    """
    if sparse.issparse(y):
        return
    try:
        # A list of text and NaN would become text.
        array = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    except ValueError:  # of rows of several lengths, about which others have words
        return
    if array.dtype.kind != "O" or array.ndim == 0:
        return
    missing = [place for place, value in enumerate(array.ravel()) if _is_missing(value)]
    if missing:
        first = array.ravel()[missing[0]]
        remedy = "Leave these rows out, as by y.notna()"
        if of_classes:
            remedy += ", or give them a class of their own, as by y.fillna('missing')"
        raise ValueError(
            f"y has no value in {len(missing)} of {array.size} entries, the first is "
            f"{first!r} at {missing[0]}. {remedy}."
        )


def _is_missing(value: Any) -> bool:
    """Say whether a value is None, NaN, or a missing value of pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and value != value


def check_inputs(estimator: Any, X: Any) -> Matrix:
    """Return inputs to predict for, checked."""
    if _needs_no_conversion(X):
        # For a single row `check_array` takes longer than the network does.
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return X
    with np.errstate(invalid="ignore"):  # the sum of inf and -inf
        return validate_data(
            estimator, X, accept_sparse="csr", dtype=_FLOATS, reset=False
        )


def _needs_no_conversion(X: Any) -> bool:
    """Say whether `check_array` would return X itself."""
    return (
        type(X) is np.ndarray
        and X.dtype in _FLOATS
        and X.ndim == 2
        and X.size > 0
        and bool(np.isfinite(X).all())
    )
