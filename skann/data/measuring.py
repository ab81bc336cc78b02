"""Measures of the columns of a matrix, dense or sparse, in float64 and block by block.

Those of sparse data are the ones of the same data in a dense array: what is not stored
is zero, and counts.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import min_max_axis

from skann.data.stored import StoredRows

# Values of a column that differ by no more than this part of the largest are equal but
# for rounding: about 8 roundings of float32. In float64 it is 450, as sums of many
# parts have, and as no quantity is measured.
_ROUNDING = {"float32": 1e-6, "float64": 1e-13}

# Up to here all whole numbers are exact, and differ for a reason.
_LARGEST_WHOLE = {"float32": 2.0**24, "float64": 2.0**53}

# Up to this exponent a power of two and its reciprocal are normal numbers.
_LARGEST_FACTOR = 1000

_CACHE_LINE = 64  # bytes

_ROWS_TO_CORRELATE = 500


def unit_exponent(low, high):
    """Return the exponent of a power of two near each column's largest value.

    Measured in such units, which is exact, squares neither overflow nor vanish.
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
    """Yield slices of rows of about 64 Ki elements each, counting what is stored."""
    n_elements, most = X.shape[1], 1 << 16
    if sparse.issparse(X):
        # What is computed for each column of a block must not outweigh its elements.
        most = max(most, n_elements)
        n_elements = X.nnz // max(1, X.shape[0])
    step = max(1, most // max(1, n_elements))
    for start in range(0, X.shape[0], step):
        yield slice(start, start + step)


def _present_blocks(X, sample_weight):
    """Yield blocks of rows in float64 with their weights, without those of weight zero.

    What stands in a row of weight zero must not matter, not even by overflowing.
    """
    for block in row_blocks(X):
        rows = X[block].astype(np.float64)
        weight = np.ascontiguousarray(sample_weight[block])  # ones may be one number
        present = weight > 0
        if not present.all():
            rows, weight = rows[present], weight[present]
        if weight.size:
            yield rows, weight


# ------------------------------------------------------------ constant but for rounding


def is_constant(X, sample_weight, low, high):
    """Return whether each column is constant but for rounding.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_columns)
        The data.

    sample_weight : ndarray of shape (n_samples,)
        Weights; samples of weight zero do not count.

    low, high : ndarray of shape (n_columns,)
        The range of each column.

    Returns
    -------
    constant : ndarray of bool of shape (n_columns,)
        Whether it is.
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
    """Return the name of the dtype that the numbers of X were rounded to."""
    return "float32" if X.dtype == np.float32 else "float64"


def equal_but_for_rounding(a, b, precision):
    """Return whether numbers of this precision differ by a few roundings at most.

    Whole numbers are what they are, as far as the precision holds all of them.
    """
    size = np.maximum(np.abs(a), np.abs(b))
    close = np.abs(a / 2 - b / 2) <= _ROUNDING[precision] / 2 * size
    whole = (np.rint(a) == a) & (np.rint(b) == b)
    return (a == b) | (close & ~(whole & (size <= _LARGEST_WHOLE[precision])))


def rounded_to_float32(a, b):
    """Return whether one of two numbers is the other as float32 holds it.

    Whole numbers that float64 tells apart are not taken for roundings of each other.
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

    Those of dense data that lie in the same lines of the cache are read together.
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

    Deviations from a value of the column are exact where its offset is large compared
    with its spread; deviations from a rounded mean would not be.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_columns)
        The data; if it is sparse, without samples of weight zero.

    sample_weight : ndarray of shape (n_samples,)
        The weights.

    unit : ndarray of int of shape (n_columns,)
        An exponent of two near each column's largest value.
    """
    # Only the ratios of the weights matter: a power of two changes no digit of them,
    # and what they are multiplied with does not overflow.
    if sample_weight.max() != 1:
        sample_weight = np.ldexp(sample_weight, -np.frexp(sample_weight.max())[1])
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
    """Return rows, which may be overwritten, in the unit of each column."""
    if np.abs(unit).max(initial=0) > _LARGEST_FACTOR:
        return np.ldexp(rows, -unit)
    # To multiply by a power of two is as exact, and takes a tenth of the time.
    rows *= np.ldexp(1.0, -unit)
    return rows


def _sparse_moments(X, sample_weight, unit):
    """Return mean and variance of each column in its unit."""
    n_rows, n_columns = X.shape
    is_full = np.bincount(X.indices, minlength=n_columns) == n_rows
    origin = np.zeros(n_columns)
    origin[X.indices[::-1]] = X.data[::-1]  # the first value that is stored
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

    A quantile is where the cumulative weight passes its share, or the middle of two
    values where it meets it exactly (Hyndman and Fan, 1996, definition 2), so that a
    weight of two is the same as two samples.
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
    upper = np.minimum(upper, len(values) - 1)  # the largest value has all weight
    lower, upper = (values[place].astype(np.float64) for place in (lower, upper))
    return lower / 2 + upper / 2


def median(values, sample_weight):
    """Return the weighted median of some values, the one that `quantiles` returns."""
    if not np.all(sample_weight == 1):
        return quantiles(values, sample_weight, [0.5])[0]
    n, half = len(values), len(values) // 2
    # One place at a time: for two, `np.partition` takes four times as long.
    values = np.partition(values, half)
    upper = values[half].astype(np.float64)
    lower = upper if n % 2 else values[:half].max().astype(np.float64)
    return lower / 2 + upper / 2


def effective_rank(X):
    """Return in how many directions the columns of dense data spread.

    With the eigenvalues l of their correlations this is (sum l)^2 / sum l^2, the
    participation ratio: the number of columns if they are uncorrelated, 1 if all follow
    from one. Constant columns do not count. About `_ROWS_TO_CORRELATE` rows are looked
    at, evenly spaced.
    """
    step = max(1, X.shape[0] // _ROWS_TO_CORRELATE)
    rows = X[::step].astype(np.float64)
    size = np.abs(rows).max(axis=0)
    rows /= np.where(size > 0, size, 1.0)  # so that no square overflows
    rows -= rows.mean(axis=0)
    norms = np.sqrt(np.einsum("ij,ij->j", rows, rows))
    differs = norms > 1e-12 * np.sqrt(len(rows))
    rows = rows[:, differs] / norms[differs]
    n_columns = rows.shape[1]
    if n_columns == 0:
        return 0.0
    # Both products have the same eigenvalues, but for zeros.
    product = rows @ rows.T if len(rows) < n_columns else rows.T @ rows
    return n_columns**2 / float(np.square(product).sum())
