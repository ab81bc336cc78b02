"""Statistics of the columns of a dense or sparse matrix, in float64 and by blocks.

The statistics of sparse data equal those of the same data in a dense array: values that
are not stored count as zeros.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import min_max_axis

from skann.data.stored import StoredRows

# Values of a column are equal up to rounding if they differ by at most this share of
# the largest: about 8 rounding errors of float32. In float64, it is 450 rounding
# errors, which allows for sums of many terms, and is more precise than any measurement.
_ROUNDING = {"float32": 1e-6, "float64": 1e-13}

# Up to this number, all integers are exact, and different ones are really different.
_LARGEST_WHOLE = {"float32": 2.0**24, "float64": 2.0**53}

# Up to this exponent, a power of two and its reciprocal are normal numbers.
_LARGEST_FACTOR = 1000

_CACHE_LINE = 64  # bytes

_ROWS_TO_LOOK_AT = 500


def unit_exponent(low, high):
    """Return the exponent of a power of two near the largest value of each column.

    In these units, which are exact, squares neither overflow nor underflow.
    """
    return np.frexp(np.maximum(np.abs(low), np.abs(high)))[1]


def value_range(X, sample_weight):
    """Return the smallest and largest value of each column, by blocks of rows."""
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    if sparse.issparse(X):
        ranges = (min_max_axis(X[block], axis=0) for block in row_blocks(X))
    else:
        blocks = _present_blocks(X, sample_weight)
        ranges = ((rows.min(axis=0), rows.max(axis=0)) for rows, _ in blocks)
    for lowest, highest in ranges:
        low, high = np.minimum(low, lowest), np.maximum(high, highest)
    return low, high


def row_blocks(X):
    """Yield slices of rows with about 64 Ki stored elements each."""
    n_elements, most = X.shape[1], 1 << 16
    if sparse.issparse(X):
        # The work per column of a block must not exceed that for its elements.
        most = max(most, n_elements)
        n_elements = X.nnz // max(1, X.shape[0])
    step = max(1, most // max(1, n_elements))
    for start in range(0, X.shape[0], step):
        yield slice(start, start + step)


def _present_blocks(X, sample_weight):
    """Yield blocks of rows in float64 with their weights, except for zero weights.

    The contents of rows with weight zero must not matter, not even by overflow.
    """
    for block in row_blocks(X):
        rows = X[block].astype(np.float64)
        weight = np.ascontiguousarray(sample_weight[block])  # ones may be one number
        present = weight > 0
        if not present.all():
            rows, weight = rows[present], weight[present]
        if weight.size:
            yield rows, weight


# ------------------------------------------------------------ constant up to rounding


def is_constant(X, sample_weight, low, high):
    """Return whether each column is constant up to rounding.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_columns)
        The data.

    sample_weight : ndarray of shape (n_samples,)
        The weights; samples with weight zero are ignored.

    low, high : ndarray of shape (n_columns,)
        The range of each column.

    Returns
    -------
    constant : ndarray of bool of shape (n_columns,)
        Whether each column is constant.
    """
    constant = equal_but_for_rounding(low, high, precision_of(X))
    suspect = ~constant & rounded_to_float32(low, high)
    for j in np.flatnonzero(suspect):
        values = column_of(X, j)[sample_weight > 0]
        near_low = equal_but_for_rounding(values, low[j], "float64")
        near_high = equal_but_for_rounding(values, high[j], "float64")
        constant[j] = (near_low | near_high).all()
    return constant


def precision_of(X):
    """Return the name of the dtype to which the numbers of X were rounded."""
    return "float32" if X.dtype == np.float32 else "float64"


def equal_but_for_rounding(a, b, precision):
    """Return whether numbers of this precision differ by at most a few roundings.

    Integers are compared exactly, as far as all of them can be represented.
    """
    size = np.maximum(np.abs(a), np.abs(b))
    close = np.abs(a / 2 - b / 2) <= _ROUNDING[precision] / 2 * size
    whole = (np.rint(a) == a) & (np.rint(b) == b)
    return (a == b) | (close & ~(whole & (size <= _LARGEST_WHOLE[precision])))


def rounded_to_float32(a, b):
    """Return whether one of two numbers is the other one rounded to float32.

    Different integers in float64 are not considered roundings of each other.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        near = np.abs(a / 2 - b / 2) <= 2.0**-24 * np.maximum(np.abs(a), np.abs(b))
        a_rounded, b_rounded = (
            np.asarray(value, np.float32).astype(np.float64) for value in (a, b)
        )
        whole = (np.rint(a) == a) & (np.rint(b) == b)
        is_rounding = equal_but_for_rounding(a_rounded, b, "float64") | (
            equal_but_for_rounding(a, b_rounded, "float64")
        )
    return near & is_rounding & ~whole


def column_of(X, j):
    """Return a column as a dense array of shape (n_samples,)."""
    if isinstance(X, StoredRows):
        return X.column(j)
    return X[:, [j]].toarray()[:, 0] if sparse.issparse(X) else X[:, j]


def without_first(X, n_columns):
    """Return X without its first columns."""
    if isinstance(X, StoredRows):
        return X.without_first(n_columns)
    return X[:, n_columns:]


def each_column(X):
    """Yield the columns of X, each as a dense array of shape (n_samples,).

    Columns of dense data that share cache lines are read together.
    """
    if isinstance(X, StoredRows):
        yield from X.columns()
        return
    if sparse.issparse(X):
        X = X.tocsc()
        yield from (column_of(X, j) for j in range(X.shape[1]))
        return
    n_rows, n_columns = X.shape
    n_together, n_at_once = max(1, _CACHE_LINE // X.itemsize), 256
    for first in range(0, n_columns, n_together):
        some = X[:, first : first + n_together]
        columns = np.empty(some.shape[::-1], X.dtype)
        for start in range(0, n_rows, n_at_once):
            block = slice(start, start + n_at_once)
            columns[:, block] = some[block].T
        yield from columns


# ------------------------------------------------------------------ moments, quantiles


def mean_and_deviation(X, sample_weight, unit):
    """Return the weighted mean and standard deviation of each column.

    Deviations from a value of the column are exact even if its offset is large compared
    with its spread; deviations from a rounded mean would not be.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_columns)
        The data; if they are sparse, without samples with weight zero.

    sample_weight : ndarray of shape (n_samples,)
        The weights.

    unit : ndarray of int of shape (n_columns,)
        The exponent of a power of two near the largest value of each column.
    """
    # Only the ratios of the weights matter: a power of two does not change their
    # digits, and prevents overflow of the products.
    largest = sample_weight.max()
    if largest != 1:  # else no copy is needed
        sample_weight = np.ldexp(sample_weight, -np.frexp(largest)[1])
    measure = _sparse_moments if sparse.issparse(X) else _dense_moments
    mean, variance = measure(X, sample_weight, unit)
    return np.ldexp(mean, unit), np.ldexp(np.sqrt(variance), unit)


def _dense_moments(X, sample_weight, unit):
    """Return mean and variance of each column in its unit."""
    first = np.flatnonzero(sample_weight)[:1]
    origin = _in_units(X[first].astype(np.float64), unit)[0]
    total = sample_weight.sum()
    shift, variance = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for rows, weight in _present_blocks(X, sample_weight):
        deviations = _in_units(rows, unit)
        deviations -= origin
        shift += weight @ deviations
    shift /= total
    for rows, weight in _present_blocks(X, sample_weight):
        deviations = _in_units(rows, unit)
        deviations -= origin
        deviations -= shift
        variance += weight @ np.square(deviations, out=deviations)
    return origin + shift, variance / total


def _in_units(rows, unit):
    """Return rows in the unit of each column; the rows may be overwritten."""
    if np.abs(unit).max(initial=0) > _LARGEST_FACTOR:
        return np.ldexp(rows, -unit)
    # Multiplication by a power of two is also exact, and takes a tenth of the time.
    rows *= np.ldexp(1.0, -unit)
    return rows


def _sparse_moments(X, sample_weight, unit):
    """Return mean and variance of each column in its unit."""
    n_rows, n_columns = X.shape
    is_full = np.bincount(X.indices, minlength=n_columns) == n_rows
    origin = np.zeros(n_columns)
    origin[X.indices[::-1]] = X.data[::-1]  # the first stored value
    origin = np.ldexp(np.where(is_full, origin, 0.0), -unit)

    def sums(cells_of):
        total = np.zeros(n_columns)
        for block in row_blocks(X):
            rows = X[block]
            weight = np.repeat(sample_weight[block], np.diff(rows.indptr))
            columns = rows.indices
            values = np.ldexp(rows.data.astype(np.float64), -unit[columns])
            cells = cells_of(values - origin[columns], columns)
            total += np.bincount(columns, weight * cells, n_columns)
        return total

    total = sample_weight.sum()
    weight_stored = sums(lambda deviations, columns: np.ones_like(deviations))
    weight_of_zeros = np.where(is_full, 0.0, np.maximum(total - weight_stored, 0.0))
    shift = sums(lambda deviations, columns: deviations) / total
    variance = sums(lambda deviations, columns: np.square(deviations - shift[columns]))
    variance += weight_of_zeros * np.square(shift)
    return origin + shift, variance / total


def quartiles(X, sample_weight):
    """Return the three weighted quartiles of each column, of shape (3, n_columns)."""
    measured = np.empty((3, X.shape[1]))
    for j, values in enumerate(each_column(X)):
        measured[:, j] = quantiles(values, sample_weight, [0.25, 0.5, 0.75])
    return measured


def quantiles(values, sample_weight, wanted):
    """Return weighted quantiles of some values.

    A quantile is the value at which the cumulative weight exceeds its share, or the
    mean of two values if it equals the share exactly (Hyndman and Fan, 1996, definition
    2). A weight of two is thus equivalent to two samples.
    """
    wanted, rounding = np.asarray(wanted), 1e-10  # of the cumulative weights
    if np.all(sample_weight == 1):  # a sort is several times faster than its order
        values = np.sort(values)
        lower = np.ceil(len(values) * (wanted - rounding)).astype(np.intp) - 1
        lower = np.maximum(lower, 0)
        upper = np.floor(len(values) * (wanted + rounding)).astype(np.intp)
    else:
        order = np.argsort(values, kind="stable")
        order = order[sample_weight[order] > 0]
        values = values[order]
        cumulative = np.cumsum(sample_weight[order])
        cumulative /= cumulative[-1]
        lower = np.searchsorted(cumulative, wanted - rounding, side="left")
        upper = np.searchsorted(cumulative, wanted + rounding, side="right")
    upper = np.minimum(upper, len(values) - 1)  # the largest value has all the weight
    lower, upper = (values[place].astype(np.float64) for place in (lower, upper))
    return lower / 2 + upper / 2


def median(values, sample_weight):
    """Return the weighted median of some values, as in `quantiles`."""
    if not np.all(sample_weight == 1):
        return quantiles(values, sample_weight, [0.5])[0]
    n, half = len(values), len(values) // 2
    # One position at a time: for two, `np.partition` takes four times as long.
    values = np.partition(values, half)
    upper = values[half].astype(np.float64)
    lower = upper if n % 2 else values[:half].max().astype(np.float64)
    return lower / 2 + upper / 2


def some_rows(X):
    """Return `_ROWS_TO_LOOK_AT` or more evenly spaced rows, all if these are few."""
    return X[:: max(1, X.shape[0] // _ROWS_TO_LOOK_AT)]


def has_two_values_at_most(rows):
    """Return whether no column of dense rows has a third value."""
    return bool(((rows == rows.min(axis=0)) | (rows == rows.max(axis=0))).all())


def effective_rank(X):
    """Return the effective rank of the columns of dense data.

    With the eigenvalues l of their correlation matrix, this is (sum l)^2 / sum l^2, the
    participation ratio: the number of columns if they are uncorrelated, and 1 if all
    are determined by one. Constant columns are ignored. Only `some_rows` are used.
    """
    rows = some_rows(X).astype(np.float64)
    size = np.abs(rows).max(axis=0)
    rows /= np.where(size > 0, size, 1.0)  # so that no square overflows
    rows -= rows.mean(axis=0)
    norms = np.sqrt(np.einsum("ij,ij->j", rows, rows))
    differs = norms > 1e-12 * np.sqrt(len(rows))
    rows = rows[:, differs] / norms[differs]
    n_columns = rows.shape[1]
    if n_columns == 0:
        return 0.0
    # Both products have the same eigenvalues, except for zeros.
    product = rows @ rows.T if len(rows) < n_columns else rows.T @ rows
    return n_columns**2 / float(np.square(product).sum())
