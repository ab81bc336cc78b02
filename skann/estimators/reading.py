"""Reading tables with scikit-learn, plus labels and missing values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_X_y
from sklearn.utils.validation import validate_data

from skann.core.types import Matrix
from skann.data.columns import Columns
from skann.data.frames import (
    categorical_by_dtype,
    cells_of,
    column_of_dates,
    has_objects,
    number_columns,
)
from skann.data.stored import StoredRows, is_stored
from skann.estimators.sklearn_private import check_categorical_features
from skann.estimators.stored import check_stored, refuse_unsliceable
from skann.model import Model

FLOATS = (np.float64, np.float32)
NO_TARGETS = "no_validation"

_COLUMN_NAMES = ("n_features_in_", "feature_names_in_")


def takes_tables(estimator: Any) -> bool:
    """Return whether an estimator supports missing values and categorical dtypes.

    It does if it scales. Otherwise, it behaves like scikit-learn's MLP.
    """
    scaling = estimator.scaling
    if isinstance(scaling, str) and scaling == "auto":
        return estimator.recipe != "mlp"
    return scaling is not None


@dataclass(frozen=True, eq=False)
class Reading:
    """How to read a table.

    Parameters
    ----------
    takes_tables : bool
        Whether missing values are allowed, and categorical columns are found by dtype.

    names : dict or None, default=None
        The required columns: `n_features_in_`, and `feature_names_in_` if they have
        names; None for any.

    columns : Columns or None, default=None
        How the table is converted to a matrix, if its columns are known.

    model : Model or None, default=None
        Imputes missing values in columns that had none in training.

    categorical_features : object, default="from_dtype"
        Which columns are categorical, as in the parameter of the estimator. If columns
        are already known, they must be the same.
    """

    takes_tables: bool
    names: dict[str, Any] | None = None
    columns: Columns | None = None
    model: Model | None = None
    categorical_features: Any = "from_dtype"

    @classmethod
    def first(cls, estimator: Any) -> Reading:
        """Return how to read the first table that an estimator is fitted to."""
        return cls(
            takes_tables(estimator),
            categorical_features=estimator.categorical_features,
        )

    @classmethod
    def of(cls, estimator: Any) -> Reading:
        """Return how a fitted estimator reads tables."""
        known, model = vars(estimator), estimator._model
        return cls(
            model.inputs is not None,
            {name: known[name] for name in _COLUMN_NAMES if name in known},
            model.columns,
            model,
        )

    @property
    def is_first(self) -> bool:
        """Whether the columns are not known yet."""
        return self.names is None

    def stand_in(self, estimator: Any) -> Any:
        """Return a copy of an estimator, to which scikit-learn can write names."""
        stand_in = object.__new__(type(estimator))
        known = {k: v for k, v in vars(estimator).items() if k not in _COLUMN_NAMES}
        vars(stand_in).update(known, **(self.names or {}))
        return stand_in

    def names_of(self, stand_in: Any) -> dict[str, Any]:
        """Return the names that scikit-learn has written to the copy."""
        known = vars(stand_in)
        return {name: known[name] for name in _COLUMN_NAMES if name in known}

    def categorical_columns(self, X: Any) -> np.ndarray | None:
        """Return which columns of a table are categorical, or None if none are."""
        wanted = self.categorical_features
        if not self.is_first:
            columns = self.columns
            labels = None if columns is None else columns.is_categorical
            labels = labels if labels is not None and labels.any() else None
            _require_same(X, wanted, labels)
            return labels
        if isinstance(wanted, str) and wanted == "from_dtype":
            wanted = categorical_by_dtype(X) if self.takes_tables else None
        if wanted is None or len(getattr(X, "shape", ())) != 2:
            return None
        return check_categorical_features(X, wanted)


def _require_same(X, wanted, labels):
    """Raise an error if the categorical columns differ from those of past training."""
    if isinstance(wanted, str) or len(getattr(X, "shape", ())) != 2:
        return
    named = None if wanted is None else check_categorical_features(X, wanted)
    none = np.zeros(X.shape[1], bool)
    named, known = (none if each is None else each for each in (named, labels))
    if not np.array_equal(named, known):
        raise ValueError(
            "warm_start and partial_fit continue to train the same network, whose "
            f"categorical columns have the indices {np.flatnonzero(known).tolist()}. "
            f"Got categorical_features={wanted!r}. Change it back, or set "
            "warm_start=False and call fit to start again."
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table.

    Parameters
    ----------
    numbers : ndarray, CSR array or StoredRows of shape (n_samples, n_numbers)
        The numeric columns, float32 or float64, with NaN for missing values, without
        infinity.

    is_categorical : ndarray of bool of shape (n_features,) or None, default=None
        Which columns are categorical; None if there are none.

    labels : list of lists, default=[]
        The cells of the categorical columns.
    """

    numbers: Matrix
    is_categorical: np.ndarray | None = None
    labels: list[list[Any]] = field(default_factory=list)


def read_rows(
    estimator: Any, X: Any, reading: Reading, *, y: Any = NO_TARGETS, **y_options: Any
) -> tuple[Rows, Any]:
    """Return the rows of a table, checked.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator. If the columns are not known yet, it receives their names.

    X : {array-like, sparse matrix, frame} of shape (n_samples, n_features)
        The table.

    reading : Reading
        How to read it.

    y : array-like, default="no_validation"
        The targets; by default there are none, as in scikit-learn's `validate_data`.

    **y_options : dict
        Options of scikit-learn's `check_X_y` for the targets.

    Returns
    -------
    rows : Rows
        The rows.

    y : ndarray
        The targets, or `y` unchanged if there are none.

    Raises
    ------
    ValueError
        If the data are invalid.
    """
    refuse_unsliceable(X)
    table = _with_columns(X, reading)
    is_categorical = reading.categorical_columns(table)
    options: dict[str, Any] = {
        "accept_sparse": "csr",
        "dtype": FLOATS,
        "ensure_all_finite": "allow-nan" if reading.takes_tables else True,
    }
    if not _is_none(y):
        options |= {"order": "C", **y_options}
    _refuse_dates(X, is_categorical)
    labels: list[list[Any]] = []
    try:
        with np.errstate(invalid="ignore"):  # the sum of inf and -inf
            has_labels = reading.takes_tables and has_objects(X)
            if is_categorical is None and is_stored(X):
                validate_data(
                    estimator, X, y, reset=reading.is_first, skip_check_array=True
                )
                numbers, y = _stored_numbers(estimator, X, y, options)
            elif is_categorical is None and not has_labels:
                checked = validate_data(
                    estimator, X, y, reset=reading.is_first, **options
                )
                numbers, y = (checked, y) if _is_none(y) else checked
            else:
                validate_data(
                    estimator, table, y, reset=reading.is_first, skip_check_array=True
                )
                numbers, y = _numbers_of(estimator, table, y, is_categorical, options)
                labels = _labels_of(table, is_categorical)
    except ValueError as error:
        raise _explained(error, reading) from None
    if sparse.issparse(numbers) and not numbers.has_canonical_format:
        numbers = numbers.copy()
        numbers.sum_duplicates()
    return Rows(numbers, is_categorical, labels), y


def _is_none(y):
    """Return whether there are no targets to read."""
    return isinstance(y, str) and y == NO_TARGETS


def _with_columns(X, reading):
    """Return a table with columns, if some of them are named as categorical."""
    if hasattr(X, "shape") or hasattr(X, "columns"):
        return X
    if reading.is_first:
        names_columns = not isinstance(reading.categorical_features, str | None)
    else:
        known = reading.columns
        names_columns = known is not None and known.is_categorical.any()
    return np.array(X, dtype=object) if names_columns else X


def _numbers_of(estimator, X, y, is_categorical, options):
    """Return the numeric columns of a table, and its targets."""
    n_features = X.shape[1]
    if is_categorical is None:
        is_categorical = np.zeros(n_features, bool)
    elif sparse.issparse(X):
        raise ValueError(
            "Categorical columns are not supported for sparse X. Pass a dense table, "
            "or encode them, for example with scikit-learn's OneHotEncoder."
        )
    elif is_stored(X) and not isinstance(X, np.ndarray):
        raise ValueError(
            "Categorical columns are not supported for data stored in a "
            f"{type(X).__name__}. Encode them, load X into memory, or pass batches of "
            "it as data frames to partial_fit."
        )
    columns = number_columns(X, np.flatnonzero(~is_categorical))
    options = {
        **options, "estimator": estimator, "ensure_min_features": 0,
    }  # fmt: skip
    if is_categorical.all():
        columns = np.zeros((X.shape[0], 0))
    if _is_none(y):
        return check_array(columns, input_name="X", **options), y
    return check_X_y(columns, y, **options)


def _stored_numbers(estimator, X, y, options):
    """Return a matrix that is read when it is needed, and its targets."""
    numbers = X if isinstance(X, StoredRows) else StoredRows(X)
    allow_nan = options["ensure_all_finite"] == "allow-nan"
    check_stored(estimator, numbers, allow_nan=allow_nan)
    if not _is_none(y):
        options = {**options, "estimator": estimator, "ensure_min_features": 0}
        _, y = check_X_y(np.empty((len(numbers), 0)), y, **options)
    return numbers, y


def _labels_of(X, is_categorical):
    """Return the cells of the categorical columns of a table."""
    labels = []
    for j in np.flatnonzero(is_categorical if is_categorical is not None else []):
        cells = cells_of(X, int(j))
        try:
            set(cells)
        except TypeError as error:
            name = _name_of(X, j)
            raise ValueError(
                f"The categorical column {name} of X contains cells that cannot be "
                f"labels: {error}. Convert them to strings or numbers."
            ) from None
        labels.append(cells)
    return labels


def _refuse_dates(X, is_categorical):
    """Raise an error for columns of dates, whose meaning depends on the data."""
    found = column_of_dates(X)
    if found is None or (is_categorical is not None and is_categorical[found[0]]):
        return
    name = _name_of(X, found[0])
    raise ValueError(
        f"Column {name} of X contains dates ({found[1]}). Replace it with numbers, "
        "such as the days since a date for a trend, and the month, the weekday or the "
        "hour for a seasonal pattern; or list it in categorical_features."
    )


def _name_of(X, j):
    """Return the name of a column, or its index."""
    names = getattr(X, "columns", None)
    return str(int(j)) if names is None else repr(list(names)[j])


def _explained(error, reading):
    """Return an error with advice, if there is any."""
    text = str(error)
    first_line = text.splitlines()[0].rstrip(".")
    is_of_text = "could not convert string" in text or "bytes/strings" in text
    is_of_gaps = "contains NaN" in text and text.startswith("Input X")
    if not (is_of_text or is_of_gaps):
        return error
    if not reading.takes_tables:
        return ValueError(
            f"{first_line}. With scaling=None, X must be numeric, without missing "
            "values, as for scikit-learn's MLP. With scaling='standard', for example, "
            "or recipe='table', a data frame may have columns of text and categories, "
            "and missing values."
        )
    if is_of_text:
        return ValueError(
            f"{first_line}. Categorical columns are found by their dtype in a data "
            "frame or an array of objects (categorical_features='from_dtype'). Pass "
            "one of these, or list the columns in categorical_features."
        )
    return error
