"""Scaling of inputs and targets, with statistics that can be updated by batches.

A scaling maps a column x to (x - center) / scale. Its statistics are measured once and
then frozen. They can be merged with those of more data; data with the same statistics
do not change anything, not even by rounding. The network can absorb a change of
scaling, so that it still computes the same function.

"bounded" is not linear beyond the range of a column. Weights cannot absorb a change of
this nonlinearity, so the first statistics are kept. "adaptive" is for drifting streams:
its statistics forget old data, and the network should see each row relative to the rows
just before it, so nothing is absorbed. "stream" has both: the values relative to all
rows so far and, in further columns, relative to recent rows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from skann.data.centered import CenteredSparse
from skann.data.measuring import (
    equal_but_for_rounding,
    is_constant,
    mean_and_deviation,
    precision_of,
    quartiles,
    rounded_to_float32,
    row_blocks,
    unit_exponent,
    value_range,
    without_first,
)
from skann.data.ranks import NormalRanks, column_quantiles, normal_ranks
from skann.data.wild_cells import MARGIN, bound, tame

# The scalings whose statistics can be updated, because a network absorbs the changes.
SCALINGS = ("standard", "minmax", "robust")

# The scalings that are not linear.
BENDING = ("bounded", "adaptive", "stream")

# The scalings whose changes the network should see, so no weights absorb them.
FOLLOWED = ("adaptive", "stream")

# All old rows together count as this many rows when new ones come. "stream" has the
# values relative to all rows as well, so that a short memory does no harm.
RECENT_ROWS = {"adaptive": 300, "stream": 30}

# A column that does not change for long keeps this share of half its range as spread.
_LEAST_SPREAD = 1e-6

# Zero is far from the centre if it is this many spreads away.
_FAR = 2.0


@dataclass(frozen=True, eq=False)
class ColumnStatistics:
    """The statistics of some columns, and their scaling.

    Parameters
    ----------
    kind : {"standard", "minmax", "robust", "bounded", "adaptive", "stream", "mean"}
        The meaning of center and spread, as in `column_statistics`.

    weight : float
        The sum of the sample weights.

    precision : {"float32", "float64"}
        The precision of the values; the lower of the two after a merge.

    center, spread, low, high : ndarray of shape (n_columns,), float64
        The center and spread of this kind, and the smallest and largest value; for
        "bounded", without outliers.

    is_constant : ndarray of bool of shape (n_columns,)
        Whether all values of a column are equal up to rounding.

    quantiles : ndarray of shape (n_ranked, n_quantiles) or None
        The quantiles of the last columns, from which ranks are computed, which are
        appended to the scaled columns; None for no ranks.

    recent : ColumnStatistics or None, default=None
        With "stream", the statistics of recent rows. The last columns, scaled by these,
        are appended to the scaled columns.
    """

    kind: str
    weight: float
    precision: str
    center: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray
    is_constant: np.ndarray
    quantiles: np.ndarray | None = None
    recent: ColumnStatistics | None = None

    @property
    def n_beside(self) -> int:
        """The number of columns that are appended to the scaled ones."""
        if self.recent is not None:
            return len(self.recent.center)
        return 0 if self.quantiles is None else len(self.quantiles)

    @property
    def centered(self) -> bool:
        """Whether the scaling subtracts the center."""
        return self.kind != "mean"

    @property
    def is_settled(self) -> bool:
        """Whether more data do not change the scaling."""
        return self.kind == "bounded" and not self.is_constant.any()

    @cached_property
    def center_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """The center and the scale of each column, float64.

        A constant column has the scale 1, or its absolute value if it is not centred.
        If the spread of another column is zero (the quartiles of a mostly constant
        column), half of its range is used.
        """
        constant = self.is_constant
        if self.centered:
            center = np.where(constant, self.low, self.center)
            fallback = np.where(constant, 1.0, self.high / 2 - self.low / 2)
        else:
            center = np.zeros_like(self.low)
            fallback = np.maximum(-self.low, self.high)
        spread = self.spread
        if self.kind == "adaptive":
            half_range = self.high / 2 - self.low / 2
            spread = np.maximum(spread, _LEAST_SPREAD * half_range)
        degenerate = constant | (spread == 0)
        scale = np.where(degenerate, fallback, spread)
        scale = np.minimum(scale, np.finfo(np.float64).max)
        scale[scale == 0] = 1
        return center, scale

    @cached_property
    def center_and_width(self) -> tuple[np.ndarray, np.ndarray]:
        """The center and scale to convert outputs to targets.

        A constant target has width zero: its prediction is constant.
        """
        center, scale = self.center_and_scale
        if self.centered:
            scale = np.where(self.is_constant, 0.0, scale)
        return center, scale

    @cached_property
    def is_huge(self) -> bool:
        """Whether differences of such numbers may overflow."""
        limit = np.finfo(np.float64).max / 4
        return bool(max(-self.low.min(), self.high.max()) > limit)

    @cached_property
    def _vanishes(self) -> np.ndarray | None:
        """The columns that become 0, or None if there are none."""
        some = self.centered and self.is_constant.any()
        return self.is_constant if some else None

    @cached_property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The limits between which scaled cells are not changed."""
        center, scale = self.center_and_scale
        if self.kind in FOLLOWED:
            return np.full_like(center, -MARGIN), np.full_like(center, MARGIN)
        lower, upper = (
            limit / scale - center / scale for limit in (self.low, self.high)
        )
        return np.minimum(lower, -MARGIN), np.maximum(upper, MARGIN)

    @cached_property
    def ranks(self) -> NormalRanks:
        """The function that returns the ranks of cells, if they are used."""
        assert self.quantiles is not None
        return NormalRanks(self.quantiles)

    def scale_cells(
        self, values: np.ndarray, columns: slice | np.ndarray = slice(None)
    ) -> np.ndarray:
        """Return (values - center) / scale in float64, and 0 in constant columns.

        Parameters
        ----------
        values : ndarray
            Rows, or single cells.

        columns : ndarray of int, default=slice(None)
            The column of each cell; all columns for rows.
        """
        center, scale = self.center_and_scale
        if self.is_huge:
            values, center, scale = values / 4, center / 4, scale / 4
        if self.kind in BENDING:
            with np.errstate(over="ignore"):  # infinity is bounded as well
                scaled = values - center[columns]
                scaled /= scale[columns]
            lower, upper = self.limits
            scaled = bound(scaled, lower[columns], upper[columns])
        else:
            scaled = values - center[columns]
            scaled /= scale[columns]
        if self._vanishes is not None:
            np.copyto(scaled, 0.0, where=self._vanishes[columns])
        return scaled

    def fade(self, mean_weight: float) -> ColumnStatistics:
        """Return the same statistics, with old rows forgotten as the kind says.

        Parameters
        ----------
        mean_weight : float
            The weight of a row.
        """
        if self.kind not in FOLLOWED:
            return self
        recent = self if self.recent is None else self.recent
        most = RECENT_ROWS[self.kind] * mean_weight
        faded = replace(recent, weight=min(recent.weight, most))
        return faded if self.recent is None else replace(self, recent=faded)

    def merge(self, new: ColumnStatistics) -> ColumnStatistics:
        """Return the statistics of the data of these and the new ones together.

        Means and standard deviations are exact (Chan, Golub and LeVeque, 1983,
        "Algorithms for computing the sample variance", equation 2.1), and so are
        ranges. Medians and quartiles cannot be merged, and are averaged over the
        batches. "bounded" keeps the statistics of the first data in which a column was
        not constant. For "adaptive" see `fade`.
        """
        share = new.weight / (self.weight + new.weight)
        low, high = np.minimum(self.low, new.low), np.maximum(self.high, new.high)
        precision = min(self.precision, new.precision)
        equal = equal_but_for_rounding(low, high, precision)
        equal |= rounded_to_float32(low, high)
        constant = self.is_constant & new.is_constant & equal
        if self.kind == "minmax":
            center, spread = _middle_and_half_width(low, high)
        else:
            center = _average(self.center, new.center, share)
            spread = _average(self.spread, new.spread, share)
        if self.kind in ("standard", *BENDING):
            unit = unit_exponent(low, high)
            spread = _merge_deviations(self, new, share, unit)
        if self.kind == "bounded":
            center, spread, low, high = (
                np.where(self.is_constant, merged, first)
                for merged, first in (
                    (center, self.center),
                    (spread, self.spread),
                    (low, self.low),
                    (high, self.high),
                )
            )
        quantiles = self.quantiles
        if quantiles is not None and new.quantiles is not None:
            was_constant = self.is_constant[-len(quantiles) :, np.newaxis]
            quantiles = np.where(was_constant, new.quantiles, quantiles)
        recent = self.recent
        if recent is not None and new.recent is not None:
            recent = recent.merge(new.recent)
        return ColumnStatistics(
            kind=self.kind,
            weight=self.weight + new.weight,
            precision=precision,
            center=center,
            spread=spread,
            low=low,
            high=high,
            is_constant=constant,
            quantiles=quantiles,
            recent=recent,
        )

    def as_state(self) -> dict[str, Any]:
        """Return the statistics as a dict of arrays, numbers and strings."""
        state = {item.name: getattr(self, item.name) for item in fields(self)}
        if self.recent is not None:
            state["recent"] = self.recent.as_state()
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ColumnStatistics:
        """Return the statistics that `as_state` took apart."""
        recent = state.get("recent")
        if recent is not None:
            state = {**state, "recent": cls.from_state(recent)}
        return cls(**state)


def column_statistics(
    X, sample_weight, kind, *, ranked: bool = False, n_indicators: int = 0
) -> ColumnStatistics:
    """Measure the columns of X.

    Parameters
    ----------
    X : ndarray, CSR array or StoredRows of shape (n_samples, n_columns)
        The data, finite.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights; samples with weight zero are ignored.

    kind : {"standard", "minmax", "robust", "bounded", "adaptive", "stream", "mean"}
        "standard": mean and standard deviation. "minmax": the middle and half the width
        of the range, so that the scaled range is [-1, 1]. "robust": median and
        interquartile range. "bounded": like "standard", but without the outliers of a
        column, and bounded outside its range. "adaptive": like "standard", but bounded,
        and merged so that old rows are forgotten. "stream": like "standard", but
        bounded, and followed by the columns of "adaptive". "mean": no centre, and the
        mean as scale, for positive targets whose loss is proportional to their unit.

    ranked : bool, default=False
        Whether to append the ranks of the cells to each row.

    n_indicators : int, default=0
        The number of columns, at the beginning, that are not scaled; they must be
        within [-4, 4].

    Returns
    -------
    statistics : ColumnStatistics
        The statistics.
    """
    if n_indicators:
        X = without_first(X, n_indicators)
    if sample_weight is None:
        sample_weight = np.broadcast_to(1.0, X.shape[:1])  # takes no memory
    sample_weight = sample_weight.astype(np.float64, copy=False)
    if sparse.issparse(X) and not sample_weight.all():
        present = np.flatnonzero(sample_weight)
        X, sample_weight = X[present], sample_weight[present]
    low, high = value_range(X, sample_weight)
    if kind == "minmax":
        center, spread = _middle_and_half_width(low, high)
    elif kind == "robust":
        center, spread = _median_and_interquartile_range(X, sample_weight)
    else:
        unit = unit_exponent(low, high)
        center, spread = mean_and_deviation(X, sample_weight, unit)
        if kind == "mean":
            center, spread = np.zeros_like(center), center
        elif kind == "bounded":
            measures = center, spread, low, high
            center, spread, low, high = tame(X, sample_weight, *measures)
    statistics = ColumnStatistics(
        kind=kind,
        weight=float(sample_weight.sum()),
        precision=precision_of(X),
        center=center,
        spread=spread,
        low=low,
        high=high,
        is_constant=is_constant(X, sample_weight, low, high),
        quantiles=column_quantiles(X, sample_weight) if ranked else None,
    )
    if kind == "stream" and X.shape[1] > 0:
        recent = replace(statistics, kind="adaptive")
        statistics = replace(statistics, recent=recent)
    return _beside_indicators(statistics, n_indicators) if n_indicators else statistics


def _beside_indicators(statistics, n_indicators):
    """Return statistics with additional first columns that are not scaled.

    Their range is [-1, 1], which gives the centre 0 and the scale 1 for every kind.
    """
    in_front = {"center": 0.0, "spread": 1.0, "low": -1.0, "high": 1.0}
    measures = {
        name: np.append(np.full(n_indicators, value), getattr(statistics, name))
        for name, value in in_front.items()
    }
    varies = np.zeros(n_indicators, bool)
    is_constant = np.append(varies, statistics.is_constant)
    return replace(statistics, **measures, is_constant=is_constant)


def _median_and_interquartile_range(X, sample_weight):
    """Return the weighted median and interquartile range of each column."""
    lower, median, upper = quartiles(X, sample_weight)
    half_range = upper / 2 - lower / 2
    return median, 2 * np.minimum(half_range, np.finfo(np.float64).max / 2)


def _middle_and_half_width(low, high):
    """Return the center and spread that map a range to [-1, 1]."""
    return low / 2 + high / 2, high / 2 - low / 2


def _average(old, new, share):
    """Return the weighted mean; equal values give exactly the same value."""
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
    # Equal batches must give exactly the old deviation, not the root of its square.
    unchanged = (old.spread == new.spread) & (old.center == new.center)
    return np.where(unchanged, old.spread, merged)


def scale_columns(X, statistics: ColumnStatistics | None, dtype):
    """Return (X - center) / scale in the given dtype; X itself if nothing changes.

    If there are quantiles, the ranks of the cells are appended, and with "stream" the
    cells scaled by recent rows. Otherwise, sparse data remain sparse: they are
    converted to a `CenteredSparse` if there is a centre.
    """
    if statistics is None:
        return X.astype(dtype, copy=False)
    n_columns, n_beside = X.shape[1], statistics.n_beside
    if sparse.issparse(X):
        if n_beside == 0:
            return _scale_sparse_columns(X, statistics, dtype)
        X = X.toarray()
    scaled = np.empty((X.shape[0], n_columns + n_beside), dtype)
    for block in row_blocks(X):
        # In float64, since float32 numbers far from zero need an exact difference.
        scaled[block, :n_columns] = statistics.scale_cells(X[block])
        if statistics.recent is not None:
            beside = statistics.recent.scale_cells(X[block, -n_beside:])
            scaled[block, n_columns:] = beside
        elif n_beside:
            ranks = statistics.ranks(X[block, -n_beside:])
            ranks[:, statistics.is_constant[-n_beside:]] = 0
            scaled[block, n_columns:] = ranks
    return scaled


def _scale_sparse_columns(X, statistics, dtype):
    """Return sparse data, scaled, as a CSR array or a `CenteredSparse`.

    The value of scaled zeros is a row that is added to all rows, and the differences
    from it are stored. If this would be a difference of large numbers, the column is
    stored completely, including zeros. There are few of these: if a share p is stored,
    the mean is at most sqrt(p / (1 - p)) standard deviations from zero.
    """
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    zero = statistics.scale_cells(np.zeros((1, X.shape[1])))[0]
    is_far = np.abs(zero) > _FAR
    row = np.where(is_far, 0.0, zero).astype(dtype)
    data = np.empty(X.data.shape, dtype)
    for start in range(0, data.size, 1 << 16):
        cells = slice(start, start + (1 << 16))
        columns = X.indices[cells]
        data[cells] = statistics.scale_cells(X.data[cells], columns) - row[columns]
    scaled = sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)
    if is_far.any():
        scaled = _store_zeros(scaled, np.flatnonzero(is_far), zero)
    return CenteredSparse(scaled, row) if row.any() else scaled


def _store_zeros(scaled, columns, zero):
    """Return a CSR array in which some columns have a value in every row."""
    pattern = np.ones(scaled.data.shape, bool), scaled.indices, scaled.indptr
    is_stored = sparse.csr_array(pattern, shape=scaled.shape)[:, columns].toarray()
    if is_stored.all():
        return scaled
    rows, missing = np.nonzero(~is_stored)
    missing = columns[missing]
    ends = scaled.indptr[1:][rows]
    n_missing = np.bincount(rows, minlength=scaled.shape[0])
    indptr = scaled.indptr + np.append(0, np.cumsum(n_missing))
    data = np.insert(scaled.data, ends, zero[missing])
    indices = np.insert(scaled.indices, ends, missing)
    return sparse.csr_array((data, indices, indptr), shape=scaled.shape)


def unscale_columns(scaled, statistics: ColumnStatistics | None):
    """Return scaled * scale + center in the dtype of `scaled`.

    Values beyond the largest number of that dtype become that number. A constant column
    keeps its value.
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
    """Return the shift and ratio between the old and the new scaling of inputs.

    The old scaled value x and the new one x' are related by x = x' ratio + shift, with
    ratio = s' / s and shift = (c' - c) / s. A column that was constant so far has been
    zero, so its weights had no effect: s is set to s', and only the centre matters. A
    column that is constant from now on will be zero: s' is set to s, and the effect of
    its value is included in the shift. If ranks are used, their changes follow: the
    rank of a column that was constant has been zero, and is that of its value from now
    on. Others do not change.
    """
    old_center, old_scale = old.center_and_scale
    new_center, new_scale = new.center_and_scale
    shift = new_center - old_center
    if old.centered:
        old_scale = np.where(old.is_constant, new_scale, old_scale)
        new_scale = np.where(new.is_constant, old_scale, new_scale)
        shift = np.where(old.is_constant & new.is_constant, 0.0, shift)
    shift, ratio = shift / old_scale, new_scale / old_scale
    if new.quantiles is None:
        return shift, ratio
    n_ranked = len(new.quantiles)
    ranks = normal_ranks(old_center[np.newaxis, -n_ranked:], new.quantiles)[0]
    varies = (old.is_constant & ~new.is_constant)[-n_ranked:]
    shift = np.append(shift, np.where(varies, -ranks, 0.0))
    return shift, np.append(ratio, np.ones_like(ranks))


def absorb_target_scaling(
    weights,
    biases,
    old: ColumnStatistics | None,
    new: ColumnStatistics | None,
    *,
    log_link: bool,
) -> None:
    """Change the last layer in place so that rescaling does not change predictions.

    From y = s (a W + b) + c follow W' = W s / s' and b' = (s b + c - c') / s'; from y =
    s exp(a W + b), b' = b + log(s / s'). A target that was constant so far has no
    meaningful scale: the weights are kept, and only the centre changes. None means that
    targets are not scaled.
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
    """Return center and scale in float64; 0 and 1 for None."""
    if statistics is None:
        return np.zeros(n_columns), np.ones(n_columns)
    return statistics.center_and_scale


def fold_scaling(weights, biases, inputs, targets, *, log_link: bool):
    """Return the weights and biases of an equivalent network for unscaled data.

    Parameters
    ----------
    weights, biases : list of ndarray
        The layers of the network for scaled inputs and targets.

    inputs, targets : ColumnStatistics or None
        The statistics of inputs and targets.

    log_link : bool
        Whether predictions are exponentials of outputs, times the scale of the target.

    Returns
    -------
    weights, biases : list of ndarray
        New arrays in float64.

    Raises
    ------
    ValueError
        If the scaling of the inputs is not linear.
    """
    if inputs is not None and inputs.kind in BENDING:
        raise ValueError(
            f"scaling={inputs.kind!r} is not linear outside the range of a column, so "
            "there are no equivalent weights for unscaled inputs. Fit with "
            "scaling='standard'."
        )
    weights = [array.astype(np.float64) for array in weights]
    biases = [array.astype(np.float64) for array in biases]
    if inputs is not None:
        center, scale = inputs.center_and_scale
        weights[0] /= scale[:, np.newaxis]
        if inputs.centered:
            weights[0][inputs.is_constant] = 0.0
        biases[0] -= center @ weights[0]
    if targets is not None:
        center, scale = targets.center_and_width
        if log_link:
            biases[-1] += np.log(scale)
        else:
            weights[-1] *= scale
            biases[-1] = biases[-1] * scale + center
    return weights, biases
