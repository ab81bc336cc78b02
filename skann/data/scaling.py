"""Scaling of inputs and targets, with statistics that can grow batch by batch.

A scaling maps a column x to (x - center) / scale. Its statistics are measured once and
then frozen. Merged with those of more data they make new ones, in such a way that data
with the same statistics change nothing, not even a rounding; and the network can absorb
a change of scaling, so that the function that it computes stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis

SCALINGS = ("standard", "minmax", "robust")


@dataclass(frozen=True, eq=False)
class ColumnStatistics:
    """What is known of some columns, and how it scales them.

    Parameters
    ----------
    kind : {"standard", "minmax", "robust", "mean"}
        What center and spread are, as `column_statistics` says.

    weight : float
        The sum of the sample weights.

    centered : bool
        Whether the scaling subtracts the center; False for sparse data and for "mean".

    center, spread, low, high : ndarray of shape (n_columns,), float64
        The two that the kind names, and the smallest and the largest value.
    """

    kind: str
    weight: float
    centered: bool
    center: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @cached_property
    def is_constant(self) -> np.ndarray:
        """Ndarray of bool : Whether all values of a column were equal."""
        return self.low == self.high

    @cached_property
    def center_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Two ndarrays, float64 : The center and the scale of each column.

        A constant column has the scale 1, or its own size where it is not centred. If
        the spread of another vanishes (the quartiles of a mostly constant column), half
        of its range takes its place.
        """
        constant = self.is_constant
        if self.centered:
            center = np.where(constant, self.low, self.center)
            fallback = self.high / 2 - self.low / 2
        else:
            center = np.zeros_like(self.low)
            fallback = np.maximum(-self.low, self.high)
        degenerate = constant | (self.spread == 0)
        scale = np.where(degenerate, fallback, self.spread)
        scale = np.minimum(scale, np.finfo(np.float64).max)
        scale[scale == 0] = 1
        return center, scale

    @cached_property
    def center_and_width(self) -> tuple[np.ndarray, np.ndarray]:
        """Two ndarrays : Center and scale as they turn outputs into targets.

        A target that was constant has no width: it is predicted as it was.
        """
        center, scale = self.center_and_scale
        if self.centered:
            scale = np.where(self.is_constant, 0.0, scale)
        return center, scale

    def merge(self, new: ColumnStatistics) -> ColumnStatistics:
        """Return the statistics of the data behind these and the new ones together.

        Means and standard deviations are exact (Chan, Golub and LeVeque, 1983,
        "Algorithms for computing the sample variance", equation 2.1), and so are
        ranges. Medians and quartiles cannot be merged: theirs are averages over the
        batches.
        """
        share = new.weight / (self.weight + new.weight)
        low, high = np.minimum(self.low, new.low), np.maximum(self.high, new.high)
        centered = self.centered and new.centered
        if self.kind == "minmax":
            center, spread = _middle_and_half_width(low, high, centered=centered)
        else:
            center = _average(self.center, new.center, share)
            if self.kind == "standard":
                spread = _merge_deviations(self, new, share, _unit(low, high))
            else:
                spread = _average(self.spread, new.spread, share)
        weight = self.weight + new.weight
        return ColumnStatistics(self.kind, weight, centered, center, spread, low, high)


def column_statistics(X, sample_weight, kind) -> ColumnStatistics:
    """Measure the columns of X.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_columns)
        The data, finite.

    sample_weight : ndarray of shape (n_samples,) or None
        Weights; a sample of weight zero counts as absent.

    kind : {"standard", "minmax", "robust", "mean"}
        "standard": mean and standard deviation. "minmax": the middle and half the
        width of the range, so that the scaled range is [-1, 1]. "robust": median and
        interquartile range. "mean": no centre, and the mean as scale, for positive
        targets whose loss is proportional to their unit.

    Returns
    -------
    statistics : ColumnStatistics
        What was measured.
    """
    if sample_weight is None:
        sample_weight = np.ones(X.shape[0])
    sample_weight = sample_weight.astype(np.float64)
    is_sparse = sparse.issparse(X)
    if is_sparse and not sample_weight.all():
        present = np.flatnonzero(sample_weight)
        X, sample_weight = X[present], sample_weight[present]
    low, high = _range(X, sample_weight)

    if kind == "standard":
        center, spread = _mean_and_deviation(X, sample_weight, _unit(low, high))
    elif kind == "minmax":
        center, spread = _middle_and_half_width(low, high, centered=not is_sparse)
    elif kind == "robust":
        center, spread = _median_and_interquartile_range(X, sample_weight)
    else:
        spread, _ = _mean_and_deviation(X, sample_weight, _unit(low, high))
        center = np.zeros_like(spread)
    centered = not is_sparse and kind != "mean"
    weight = float(sample_weight.sum())
    return ColumnStatistics(kind, weight, centered, center, spread, low, high)


def _unit(low, high):
    """Return the exponent of a power of two near each column's largest value.

    Measured in such units, which is exact, squares neither overflow nor vanish.
    """
    return np.frexp(np.maximum(np.abs(low), np.abs(high)))[1]


def _range(X, sample_weight):
    """Return the smallest and largest value of each column, by blocks of rows."""
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    if sparse.issparse(X):
        ranges = (min_max_axis(X[block], axis=0) for block in _row_blocks(X))
    else:
        blocks = _present_blocks(X, sample_weight)
        ranges = ((rows.min(axis=0), rows.max(axis=0)) for rows, _ in blocks)
    for lowest, highest in ranges:
        low, high = np.minimum(low, lowest), np.maximum(high, highest)
    return low, high


def _middle_and_half_width(low, high, *, centered):
    """Return what maps a range to [-1, 1]; without centring zero stays zero."""
    if centered:
        return low / 2 + high / 2, high / 2 - low / 2
    return np.zeros_like(low), np.maximum(-low, high)


def _mean_and_deviation(X, sample_weight, unit):
    """Return the weighted mean and standard deviation of each column, in float64."""
    # Only the ratios of the weights matter: a power of two changes no digit of them,
    # and what they are multiplied with does not overflow.
    sample_weight = np.ldexp(sample_weight, -np.frexp(sample_weight.max())[1])
    if sparse.issparse(X):
        exponents = -unit[X.indices]
        in_units = np.ldexp(X.data, exponents, dtype=np.float64)
        del exponents
        scaled = sparse.csr_array((in_units, X.indices, X.indptr), shape=X.shape)
        mean, variance = mean_variance_axis(scaled, axis=0, weights=sample_weight)
    else:
        # Deviations from a row are exact where a column's offset is large compared
        # with its spread; deviations from a rounded mean would not be.
        origin = X[np.flatnonzero(sample_weight)[0]].astype(np.float64)
        origin = np.ldexp(origin, -unit)
        total = sample_weight.sum()
        shift, variance = np.zeros(X.shape[1]), np.zeros(X.shape[1])
        for rows, weight in _present_blocks(X, sample_weight):
            shift += weight @ (np.ldexp(rows, -unit) - origin)
        shift /= total
        for rows, weight in _present_blocks(X, sample_weight):
            deviations = np.ldexp(rows, -unit) - origin - shift
            variance += weight @ np.square(deviations)
        mean, variance = origin + shift, variance / total
    return np.ldexp(mean, unit), np.ldexp(np.sqrt(variance), unit)


def _row_blocks(X):
    """Yield slices of rows of about 64 Ki elements each, counting what is stored."""
    n_elements = X.nnz // max(1, X.shape[0]) if sparse.issparse(X) else X.shape[1]
    step = max(1, (1 << 16) // max(1, n_elements))
    for start in range(0, X.shape[0], step):
        yield slice(start, start + step)


def _present_blocks(X, sample_weight):
    """Yield blocks of rows in float64 with their weights, without those of weight zero.

    What stands in a row of weight zero must not matter, not even by overflowing.
    """
    for block in _row_blocks(X):
        rows, weight = X[block].astype(np.float64), sample_weight[block]
        present = weight > 0
        if not present.all():
            rows, weight = rows[present], weight[present]
        if weight.size:
            yield rows, weight


def _median_and_interquartile_range(X, sample_weight):
    """Return the weighted median and interquartile range of each column."""
    columns = X.tocsc() if sparse.issparse(X) else X
    quartiles = np.empty((3, X.shape[1]))
    for j in range(X.shape[1]):
        column = columns[:, [j]].toarray()[:, 0] if sparse.issparse(X) else X[:, j]
        quartiles[:, j] = _quartiles(column, sample_weight)
    half_range = quartiles[2] / 2 - quartiles[0] / 2
    return quartiles[1], 2 * np.minimum(half_range, np.finfo(np.float64).max / 2)


def _quartiles(values, sample_weight):
    """Return the three weighted quartiles of a column.

    A quartile is where the cumulative weight passes its share, or the middle of two
    values where it meets it exactly (Hyndman and Fan, 1996, definition 2), so that a
    weight of two is the same as two samples.
    """
    order = np.argsort(values, kind="stable")
    order = order[sample_weight[order] > 0]
    values = values[order].astype(np.float64)
    cumulative = np.cumsum(sample_weight[order])
    cumulative /= cumulative[-1]
    wanted = np.array([0.25, 0.5, 0.75])
    rounding = 1e-10  # of the cumulative weights
    lower = np.searchsorted(cumulative, wanted - rounding, side="left")
    upper = np.searchsorted(cumulative, wanted + rounding, side="right")
    return values[lower] / 2 + values[upper] / 2


def _average(old, new, share):
    """Return the weighted mean; equal values stay as they are, to the last bit."""
    return np.where(old == new, old, old * (1 - share) + new * share)


def _merge_deviations(old, new, share, unit):
    """Return the standard deviations of two batches together."""
    difference = np.ldexp(new.center, -unit) - np.ldexp(old.center, -unit)
    a, b = np.ldexp(old.spread, -unit), np.ldexp(new.spread, -unit)
    largest = np.maximum(np.maximum(a, b), np.abs(difference))
    largest[largest == 0] = 1.0
    variance = (
        np.square(a / largest) * (1 - share)
        + np.square(b / largest) * share
        + np.square(difference / largest) * (share * (1 - share))
    )
    merged = np.ldexp(largest * np.sqrt(variance), unit)
    # Equal batches must give the old deviation itself, not the root of its square.
    unchanged = (old.spread == new.spread) & (old.center == new.center)
    return np.where(unchanged, old.spread, merged)


def scale_columns(X, statistics: ColumnStatistics | None, dtype):
    """Return (X - center) / scale in the given dtype; X itself if nothing changes.

    Sparse data are not centred: statistics of sparse data have no centre.
    """
    if statistics is None:
        return X.astype(dtype, copy=False)
    center, scale = statistics.center_and_scale
    if sparse.issparse(X):
        divisors = scale[X.indices]
        data = np.divide(X.data, divisors, out=divisors).astype(dtype, copy=False)
        return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)
    limit = np.finfo(np.float64).max / 4
    if max(-statistics.low.min(), statistics.high.max()) > limit:
        # In other units the differences of such numbers do not overflow.
        X, center, scale = X / 4, center / 4, scale / 4
    scaled = np.empty(X.shape, dtype)
    for block in _row_blocks(X):
        # In float64: a float32 far from zero differs exactly from the centre.
        scaled[block] = (X[block] - center) / scale
    return scaled


def unscale_columns(scaled, statistics: ColumnStatistics | None):
    """Return scaled * scale + center in the dtype of `scaled`.

    What lies beyond the largest number of that dtype becomes that number. Where all
    values were equal there is nothing else to return.
    """
    if statistics is None:
        return scaled
    center, scale = statistics.center_and_width
    with np.errstate(over="ignore"):
        values = scaled * scale + center
    largest = np.finfo(scaled.dtype).max
    return np.clip(values, -largest, largest).astype(scaled.dtype, copy=False)


def change_of_scaling(
    old: ColumnStatistics, new: ColumnStatistics
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shift and ratio by which inputs change their meaning.

    Scaled as before, x is x' ratio + shift of what it is now, with ratio = s' / s and
    shift = (c' - c) / s. The weights of a column that was zero after scaling so far
    have had no effect: for it, s is s', and only the centre counts.
    """
    old_center, old_scale = old.center_and_scale
    new_center, new_scale = new.center_and_scale
    was_zero = old.is_constant & (old.centered | (old.low == 0))
    old_scale = np.where(was_zero, new_scale, old_scale)
    return (new_center - old_center) / old_scale, new_scale / old_scale


def absorb_target_scaling(
    weights,
    biases,
    old: ColumnStatistics | None,
    new: ColumnStatistics | None,
    *,
    log_link: bool,
) -> None:
    """Change the last layer in place so that predictions stay the same after rescaling.

    From y = s (a W + b) + c follow W' = W s / s' and b' = (s b + c - c') / s'; from
    y = s exp(a W + b), b' = b + log(s / s'). A target that was constant so far has no
    scale that predictions could keep: the weights stay, and only the centre moves.
    None stands for targets that are not scaled.
    """
    old_center, old_scale = _center_and_scale_or_none(old, biases.size)
    new_center, new_scale = _center_and_scale_or_none(new, biases.size)
    if np.array_equal(old_center, new_center) and np.array_equal(old_scale, new_scale):
        return
    if log_link:
        biases += np.log(old_scale) - np.log(new_scale)
        return
    if old is not None:
        old_scale = np.where(old.is_constant, new_scale, old_scale)
    weights *= (old_scale / new_scale).astype(weights.dtype)
    biases[...] = (old_scale * biases + (old_center - new_center)) / new_scale


def _center_and_scale_or_none(statistics, n_columns):
    """Return center and scale in float64, 0 and 1 for None."""
    if statistics is None:
        return np.zeros(n_columns), np.ones(n_columns)
    return statistics.center_and_scale


def fold_scaling(weights, biases, inputs, targets, *, log_link: bool):
    """Return the weights and biases of the same network on raw inputs and targets.

    Parameters
    ----------
    weights, biases : list of ndarray
        The layers of the network on scaled inputs and targets.

    inputs, targets : ColumnStatistics or None
        The statistics of the scaling of each.

    log_link : bool
        Whether the target's scale multiplies an exponential.

    Returns
    -------
    weights, biases : list of ndarray
        New arrays in float64.
    """
    weights = [array.astype(np.float64) for array in weights]
    biases = [array.astype(np.float64) for array in biases]
    if inputs is not None:
        center, scale = inputs.center_and_scale
        weights[0] /= scale[:, np.newaxis]
        biases[0] -= center @ weights[0]
    if targets is not None:
        center, scale = targets.center_and_width
        if log_link:
            biases[-1] += np.log(scale)
        else:
            weights[-1] *= scale
            biases[-1] = biases[-1] * scale + center
    return weights, biases
