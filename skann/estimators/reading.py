"""Tables as scikit-learn reads them, and the labels and gaps that it does not."""

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
    """Say whether an estimator takes gaps, and columns of labels by their dtype.

    It does if it scales: without, it is what scikit-learn's MLP is.
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
        Whether gaps are let through, and columns of labels found by their dtype.

    names : dict or None, default=None
        The columns that it has to have: `n_features_in_`, and `feature_names_in_` if
        they have names; None for any.

    columns : Columns or None, default=None
        How such a table becomes a matrix, if its columns are known.

    model : Model or None, default=None
        What fills gaps in columns that had none in training.

    categorical_features : object, default="from_dtype"
        Which columns are categorical, as the estimator's parameter says. If columns are
        known, those that are named must be the same.
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
        """Return a copy of an estimator, for scikit-learn to write names to."""
        stand_in = object.__new__(type(estimator))
        known = {k: v for k, v in vars(estimator).items() if k not in _COLUMN_NAMES}
        vars(stand_in).update(known, **(self.names or {}))
        return stand_in

    def names_of(self, stand_in: Any) -> dict[str, Any]:
        """Return what scikit-learn has written there."""
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
    """Refuse other categorical columns than those of the training that goes on."""
    if isinstance(wanted, str) or len(getattr(X, "shape", ())) != 2:
        return
    named = None if wanted is None else check_categorical_features(X, wanted)
    none = np.zeros(X.shape[1], bool)
    named, known = (none if each is None else each for each in (named, labels))
    if not np.array_equal(named, known):
        raise ValueError(
            "warm_start and partial_fit go on with the trained network, whose "
            f"categorical columns are number {np.flatnonzero(known).tolist()}. Now "
            f"categorical_features={wanted!r} is asked for. Set it back, or set "
            "warm_start=False and call fit to start anew."
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table.

    Parameters
    ----------
    numbers : ndarray, CSR array or StoredRows of shape (n_samples, n_numbers)
        The columns of numbers, float32 or float64, with NaN for gaps, without infinity.

    is_categorical : ndarray of bool of shape (n_features,) or None, default=None
        Which columns are categorical; None for none.

    labels : list of lists, default=[]
        The cells of these columns.
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
        Whose rows they are. If the columns are not known yet, it receives their names.

    X : {array-like, sparse matrix, frame} of shape (n_samples, n_features)
        The table.

    reading : Reading
        How to read it.

    y : array-like, default="no_validation"
        The targets; by default there are none, as for scikit-learn's `validate_data`.

    **y_options : dict
        How scikit-learn's `check_X_y` reads them.

    Returns
    -------
    rows : Rows
        The rows.

    y : ndarray
        The targets; what was passed if there are none.

    Raises
    ------
    ValueError
        If there is something wrong with them.
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
    """Say whether there are no targets to read."""
    return isinstance(y, str) and y == NO_TARGETS


def _with_columns(X, reading):
    """Return a table that has columns, where some are named as categorical."""
    if hasattr(X, "shape") or hasattr(X, "columns"):
        return X
    if reading.is_first:
        names_columns = not isinstance(reading.categorical_features, str | None)
    else:
        known = reading.columns
        names_columns = known is not None and known.is_categorical.any()
    return np.array(X, dtype=object) if names_columns else X


def _numbers_of(estimator, X, y, is_categorical, options):
    """Return the columns of numbers of a table, and its targets."""
    n_features = X.shape[1]
    if is_categorical is None:
        is_categorical = np.zeros(n_features, bool)
    elif sparse.issparse(X):
        raise ValueError(
            "Categorical columns of sparse X are not supported. Pass a dense table, or "
            "encode them, as by scikit-learn's OneHotEncoder."
        )
    elif is_stored(X) and not isinstance(X, np.ndarray):
        raise ValueError(
            f"Categorical columns of a {type(X).__name__} that stays in its file are "
            "not supported. Encode them, load X, or pass batches of it as data frames "
            "to partial_fit."
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
                f"The categorical column {name} of X holds cells that are no labels: "
                f"{error}."
            ) from None
        labels.append(cells)
    return labels


def _refuse_dates(X, is_categorical):
    """Refuse columns of dates, which mean something else in every table."""
    found = column_of_dates(X)
    if found is None or (is_categorical is not None and is_categorical[found[0]]):
        return
    name = _name_of(X, found[0])
    raise ValueError(
        f"Column {name} of X holds dates ({found[1]}). Replace it by the numbers that "
        "matter, such as the days since a date for a trend, and the month, the weekday "
        "or the hour for what comes back; or name it in categorical_features."
    )


def _name_of(X, j):
    """Return the name of a column, or its number."""
    names = getattr(X, "columns", None)
    return str(int(j)) if names is None else repr(list(names)[j])


def _explained(error, reading):
    """Return an error with what to do about it, if more can be said than its words."""
    text = str(error)
    first_line = text.splitlines()[0].rstrip(".")
    is_of_text = "could not convert string" in text or "bytes/strings" in text
    is_of_gaps = "contains NaN" in text and text.startswith("Input X")
    if not (is_of_text or is_of_gaps):
        return error
    if not reading.takes_tables:
        return ValueError(
            f"{first_line}. With scaling=None, X must be numbers without "
            "gaps, as for scikit-learn's MLP. With scaling='standard', say, or with "
            "recipe='table', the columns of a frame may hold text and categories, and "
            "values may be missing."
        )
    if is_of_text:
        return ValueError(
            f"{first_line}. Columns that hold labels are found by their dtype "
            "in a data frame and in an array of objects (categorical_features="
            "'from_dtype'). Pass one of these, or name the columns in "
            "categorical_features."
        )
    return error
