"""What a caller passes, checked; the estimator is only looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.validation import validate_data

from skann.core.types import FloatArray, Matrix
from skann.data.columns import Columns, measure_columns
from skann.data.frames import is_missing
from skann.estimators.reading import FLOATS, Reading, read_rows
from skann.estimators.sklearn_private import check_sample_weight


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

    @property
    def validation_data(self) -> tuple[Any, Any, Any] | None:
        """X_val, y_val and sample_weight_val, or None if there are none.

        Raises
        ------
        ValueError
            If X_val or y_val is missing.
        """
        if not self.has_validation_data:
            return None
        if self.X_val is None or self.y_val is None:
            raise ValueError(
                "X_val and y_val go together, and sample_weight_val with them. Got "
                f"{'no X_val' if self.X_val is None else 'X_val without y_val'}."
            )
        return self.X_val, self.y_val, self.sample_weight_val


@dataclass(frozen=True, eq=False)
class CheckedData:
    """Data that have passed the checks.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_inputs)
        The inputs as a matrix, float32 or float64. There is NaN at most in columns of
        validation data that have none in the training data.

    y : ndarray of shape (n_samples,) or (n_samples, n_outputs), or sparse array
        The targets, not encoded.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights, finite, not negative.

    names : dict
        What is to be remembered of the columns: `n_features_in_`, and
        `feature_names_in_` if they have names.

    columns : Columns or None
        How the table became a matrix; None if it was one.
    """

    X: Matrix
    y: Any
    sample_weight: FloatArray | None
    names: dict[str, Any]
    columns: Columns | None

    @property
    def n_indicators(self) -> int:
        """The number of columns that are indicators, which come first."""
        return 0 if self.columns is None else self.columns.n_indicators


def check_data(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    reading: Reading,
    allow_zero_weight: bool = False,
) -> CheckedData:
    """Return data to learn from or to score by, checked.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        Whose data they are.

    X, y, sample_weight
        The data.

    reading : Reading
        How to read X, and which columns it has to have.

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
    for data in (X, y, sample_weight):
        refuse_collection(estimator, data)
    refuse_missing_targets(y, is_classifier(estimator))
    stand_in = reading.stand_in(estimator)
    rows, y = read_rows(
        stand_in,
        X,
        reading,
        y=y,
        multi_output=True,
        y_numeric=is_regressor(estimator),
    )
    numbers = rows.numbers
    if sample_weight is not None:
        sample_weight = check_sample_weight(
            sample_weight, numbers, allow_all_zero=allow_zero_weight
        )
        with np.errstate(over="ignore"):
            total_weight = sample_weight.sum(dtype=np.float64)
        if not np.isfinite(total_weight):
            raise ValueError("The sum of sample_weight is too large for float64.")
    columns = reading.columns
    if reading.is_first:
        columns = measure_columns(
            numbers, rows.labels, rows.is_categorical, sample_weight
        )
    matrix = numbers if columns is None else columns.matrix(numbers, rows.labels)
    if reading.model is not None:
        matrix = reading.model.filled(matrix)
    return CheckedData(matrix, y, sample_weight, reading.names_of(stand_in), columns)


def refuse_collection(estimator: Any, data: Any) -> None:
    """Refuse a dask collection, which would be loaded into this process as it is.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        Whose data it is.

    data : object
        The data.

    Raises
    ------
    TypeError
        If it is a collection, or a list of its delayed parts.
    """
    parts = data if isinstance(data, list | tuple) else [data]
    # What dask itself goes by.
    if not (parts and hasattr(parts[0], "__dask_graph__")):
        return
    name = type(estimator).__name__.removeprefix("Dask")
    raise TypeError(
        f"{name} works in the memory of one process, and was given a dask collection "
        f"({type(parts[0]).__name__}), which it would load. Use skann.dask.Dask{name}, "
        "whose rows stay on the workers (its to_local() is a plain estimator), or pass "
        "data.compute() if there is room for it."
    )


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
    missing = [place for place, value in enumerate(array.ravel()) if is_missing(value)]
    if missing:
        first = array.ravel()[missing[0]]
        remedy = "Leave these rows out, as by y.notna()"
        if of_classes:
            remedy += ", or give them a class of their own, as by y.fillna('missing')"
        raise ValueError(
            f"y has no value in {len(missing)} of {array.size} entries, the first is "
            f"{first!r} at {missing[0]}. {remedy}."
        )


def check_inputs(estimator: Any, X: Any) -> Matrix:
    """Return inputs to predict for as a matrix without gaps, checked."""
    model = estimator._model
    refuse_collection(estimator, X)
    if model.columns is None and _needs_no_conversion(X):
        # For a single row `check_array` takes longer than the network does.
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return X
    rows, _ = read_rows(estimator, X, Reading.of(estimator))
    if model.columns is not None:
        return model.filled(model.columns.matrix(rows.numbers, rows.labels))
    return model.filled(rows.numbers)


def _needs_no_conversion(X: Any) -> bool:
    """Say whether `check_array` would return X itself."""
    return (
        type(X) is np.ndarray
        and X.dtype in FLOATS
        and X.ndim == 2
        and X.size > 0
        and bool(np.isfinite(X).all())
    )
