"""Checks of the data passed by a caller, without changing the estimator."""

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
    """The unchecked arguments of a call of `fit` or `partial_fit`.

    Parameters
    ----------
    X, y, sample_weight
        The data.

    X_val, y_val, sample_weight_val
        The validation data passed by the user, or None.

    classes
        All classes that can occur in any call, or None.

    coef_init, intercept_init
        The initial weights and biases, or None.

    is_piece : bool
        Whether this is a call of `partial_fit`, and not a whole fit.
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
        """Whether the user has passed validation data."""
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
                "Validation data need both X_val and y_val (and optionally "
                "sample_weight_val). Got "
                f"{'no X_val' if self.X_val is None else 'X_val without y_val'}."
            )
        return self.X_val, self.y_val, self.sample_weight_val


@dataclass(frozen=True, eq=False)
class CheckedData:
    """Data that have passed the checks.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_inputs)
        The inputs as a matrix, float32 or float64. It can contain NaN only in columns
        of validation data that have none in the training data.

    y : ndarray of shape (n_samples,) or (n_samples, n_outputs), or sparse array
        The targets, not encoded.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights, which are finite and non-negative.

    names : dict
        The column attributes: `n_features_in_`, and `feature_names_in_` if the columns
        have names.

    columns : Columns or None
        How the table was converted to a matrix; None if it was one.
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
    """Check data for training or validation.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator.

    X, y, sample_weight
        The data.

    reading : Reading
        How to read X, and which columns it must have.

    allow_zero_weight : bool, default=False
        Whether all weights may be zero.

    Returns
    -------
    data : CheckedData
        The data.

    Raises
    ------
    ValueError
        If the data are invalid.
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
    """Raise an error for a dask collection, which would be loaded into memory.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator.

    data : object
        The data.

    Raises
    ------
    TypeError
        If the data are a collection, or a list of delayed parts.
    """
    parts = data if isinstance(data, list | tuple) else [data]
    # The attribute by which dask recognises collections.
    if not (parts and hasattr(parts[0], "__dask_graph__")):
        return
    name = type(estimator).__name__.removeprefix("Dask")
    raise TypeError(
        f"{name} works in the memory of one process, but got a dask collection "
        f"({type(parts[0]).__name__}). Use skann.dask.Dask{name}, which leaves the "
        "rows on the workers (its to_local() returns a plain estimator), or pass "
        "data.compute() if the data fit into memory."
    )


def refuse_missing_targets(y: Any, of_classes: bool) -> None:
    """Raise an error for missing targets, which scikit-learn only finds in numbers.

    Parameters
    ----------
    y : array-like
        The targets, as the caller passed them.

    of_classes : bool
        Whether the targets are class labels.

    Raises
    ------
    ValueError
        If an entry is None, NaN or NA.
    """
    if sparse.issparse(y):
        return
    try:
        # A list of strings and NaN would be converted to strings.
        array = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    except ValueError:  # rows of different lengths; the error is raised elsewhere
        return
    if array.dtype.kind != "O" or array.ndim == 0:
        return
    missing = [place for place, value in enumerate(array.ravel()) if is_missing(value)]
    if missing:
        first = array.ravel()[missing[0]]
        remedy = "Drop these rows, for example with y.notna()"
        if of_classes:
            remedy += ", or make them a separate class, with y.fillna('missing')"
        raise ValueError(
            f"y has missing values in {len(missing)} of {array.size} entries; the "
            f"first is {first!r} at index {missing[0]}. {remedy}."
        )


def check_inputs(estimator: Any, X: Any) -> Matrix:
    """Return the inputs of a prediction as a checked matrix, without missing values."""
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
    """Return whether `check_array` would return X itself."""
    return (
        type(X) is np.ndarray
        and X.dtype in FLOATS
        and X.ndim == 2
        and X.size > 0
        and bool(np.isfinite(X).all())
    )
