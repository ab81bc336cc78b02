"""Folds that members leave out, so that the fit can estimate its own error."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import RandomState
from scipy.optimize import minimize
from sklearn.model_selection import KFold, StratifiedKFold

from skann.core.blocks import map_outputs
from skann.core.losses import BinaryCrossEntropy, CategoricalCrossEntropy, Loss
from skann.core.types import FloatArray
from skann.data.one_hot import OneHotRows
from skann.data.rows import TrainingData
from skann.estimators.settings import Settings
from skann.estimators.targets import MOST_PROBABILITIES, Target
from skann.estimators.validation import MOST_NUMBERS, summed_loss
from skann.model import Model
from skann.training.batches import TrainingDivergedError
from skann.training.call import Call
from skann.training.schedules import Cycles

# The attributes with out-of-fold predictions, which are valid only for the parameters
# of the fit.
OUT_OF_FOLD = ("oof_score_", "oof_prediction_", "oof_decision_function_")

# The largest temperature; the smallest one is its inverse.
MOST_SURE = 4.0


def draw_folds(
    n_samples: int, n_folds: int, strata: np.ndarray | None, random_state: Any
) -> np.ndarray:
    """Return the index of the fold of each row.

    Parameters
    ----------
    n_samples, n_folds : int
        The number of rows and of folds.

    strata : ndarray of shape (n_samples,) or None
        The strata of the folds, which are respected as far as their sizes allow.

    random_state : RandomState or None
        Draws the folds. If None, each fold consists of consecutive rows.

    Returns
    -------
    folds : ndarray of int of shape (n_samples,)
        The indices, from 0 to n_folds - 1.
    """
    options = {"shuffle": random_state is not None, "random_state": random_state}
    splitter: Any = KFold(n_folds, **options)
    if strata is not None and random_state is not None:
        _, strata, sizes = np.unique(strata, return_inverse=True, return_counts=True)
        if sizes.max() >= n_folds:
            splitter = StratifiedKFold(n_folds, **options)
    folds = np.empty(n_samples, np.min_scalar_type(n_folds))
    with warnings.catch_warnings():
        # A class with fewer samples than folds is missing from some folds.
        warnings.simplefilter("ignore", UserWarning)
        parts = splitter.split(np.broadcast_to(0.0, (n_samples, 1)), strata)
        for number, (_, left_out) in enumerate(parts):
            folds[left_out] = number
    return folds


@dataclass(frozen=True, eq=False)
class Folds:
    """The rows that each member leaves out.

    Parameters
    ----------
    numbers : ndarray of int of shape (n_samples,)
        For each row, the index of the member that leaves it out.

    split_state : dict
        The state of the generator before it drew the folds, to repeat them; empty if
        rows keep their order.
    """

    numbers: np.ndarray
    split_state: dict[str, Any]

    def judge(
        self,
        settings: Settings,
        model: Model,
        loss: Loss,
        data: TrainingData,
        encoded: FloatArray | OneHotRows,
    ) -> OutOfFold:
        """Return an object that evaluates members on these folds."""
        return OutOfFold(
            self.split_state,
            model=model,
            loss=model.loss_in_units(loss),
            data=data,
            encoded=encoded,
            settings=settings,
        )


class OutOfFold:
    """Predictions for each row by the member that left it out.

    Parameters
    ----------
    split_state : dict
        The state of the generator before it drew the folds; empty if rows keep their
        order.

    model : Model
        The model, whose parameters are replaced by those to evaluate.

    loss : Loss
        The loss, in the units of the scaled targets.

    data : TrainingData
        The scaled data, possibly with smoothed targets.

    encoded : ndarray or OneHotRows of shape (n_samples, n_outputs)
        The unscaled targets for the evaluation.

    settings : Settings
        The settings, which define when cycles end.
    """

    def __init__(
        self,
        split_state: dict[str, Any],
        *,
        model: Model,
        loss: Loss,
        data: TrainingData,
        encoded: FloatArray | OneHotRows,
        settings: Settings,
    ):
        self.split_state = split_state
        self._model = model
        self._loss = loss
        self._data = data
        self.sample_weight = data.sample_weight
        self.encoded = encoded
        # The ends of a schedule object may lie beyond the end of the fit.
        schedule = settings.make_schedule(0)
        ends = schedule.ends if isinstance(schedule, Cycles) else []
        self.ends = {*ends, settings.max_iter}

    def loss_after(self, n_epochs: int, theta: FloatArray) -> float | None:
        """Return the mean loss at the end of a cycle, else None."""
        if n_epochs not in self.ends:
            return None
        weight, total = self._data.sample_weight, 0.0
        step = max(1, MOST_NUMBERS // self.encoded.shape[1])
        for number, member in enumerate(theta):
            rows = np.flatnonzero(self._data.folds == number)
            for start in range(0, rows.size, step):
                part = rows[start : start + step]
                raw = self._raw_of_rows(member, part)
                of_part = None if weight is None else weight[part]
                total += summed_loss(
                    self._loss, self._model, self.encoded[part], raw, of_part
                )
        mean = total / (self._data.mean_weight * self._data.n_samples)
        if not np.isfinite(mean):
            raise TrainingDivergedError(mean)
        return float(mean)

    def raw_outputs(self, theta: FloatArray) -> FloatArray:
        """Return the raw output for each row, in the dtype of predictions."""
        raw = np.empty(self.encoded.shape, self._model.architecture.output_dtype)
        for number, member in enumerate(theta):
            rows = np.flatnonzero(self._data.folds == number)
            if rows.size:
                raw[rows] = self._raw_of_rows(member, rows)
        return raw

    def calibrate(self, model: Model, raw: FloatArray) -> Model:
        """Return a model with calibrated probabilities.

        Its logits are z / T + b. The temperature T and the offset b of each output
        minimise the cross-entropy of the out-of-fold predictions, so the mean of these
        equals the frequency of each class. See Guo, Pleiss, Sun and Weinberger, 2017,
        "On calibration of modern neural networks", section 4.2, and for the offsets
        Alexandari, Kundaje and Shrikumar, 2020, "Maximum likelihood with bias-corrected
        calibration is hard-to-beat at label shift adaptation", section 3.

        Parameters
        ----------
        model : Model
            The model.

        raw : ndarray of shape (n_samples, n_outputs)
            The result of `raw_outputs`.

        Returns
        -------
        model : Model
            The calibrated model, or the same model if the loss is not the
            cross-entropy, if there are too many probabilities, or if the optimum is not
            finite.
        """
        is_cross_entropy = isinstance(
            self._loss, BinaryCrossEntropy | CategoricalCrossEntropy
        )
        if not is_cross_entropy or raw.size > MOST_PROBABILITIES:
            return model
        target: FloatArray = (
            self.encoded.toarray()
            if isinstance(self.encoded, OneHotRows)
            else self.encoded
        )
        logits = np.asfortranarray(raw, np.float64)
        delta = np.empty_like(logits)
        weight = self.sample_weight
        total = len(logits) if weight is None else float(weight.sum())

        def cross_entropy(point: np.ndarray) -> tuple[float, np.ndarray]:
            scaled = np.asfortranarray(logits * point[0] + point[1:])
            value = self._loss.value_and_delta(target, scaled, weight, delta)
            gradient = np.append((delta * logits).sum(), delta.sum(axis=0))
            return value / total, gradient / total

        limits = [(1 / MOST_SURE, MOST_SURE)] + [(None, None)] * logits.shape[1]
        start = np.append(1.0, np.zeros(logits.shape[1]))
        found = minimize(
            cross_entropy, start, jac=True, method="L-BFGS-B", bounds=limits
        )
        if not np.isfinite(found.x).all():
            return model
        offsets = found.x[1:].astype(raw.dtype)
        return replace(model, temperature=float(1 / found.x[0]), offsets=offsets)

    def _raw_of_rows(self, member, rows):
        """Return the raw output of a member for some rows."""
        return map_outputs(np.copy, self._model.network, member, self._data.X, rows)


def leave_out(
    settings: Settings,
    call: Call,
    target: Target,
    encoded: FloatArray | OneHotRows,
    random_state: RandomState,
    split_state: dict[str, Any] | None,
) -> Folds | None:
    """Return the folds that members leave out, or None if they use all rows.

    Parameters
    ----------
    settings : Settings
        The settings, which define whether and how many folds are left out.

    call : Call
        The kind of call. All members use all rows of a piece.

    target : Target
        The target, which defines the strata of the folds.

    encoded : ndarray or OneHotRows of shape (n_samples, n_outputs)
        The encoded targets.

    random_state : RandomState
        Draws the folds; not used without `shuffle`.

    split_state : dict or None
        The state before earlier folds of these data were drawn, to repeat them.
    """
    n_samples, n_folds = encoded.shape[0], settings.n_members
    if not settings.leaves_out_folds or call.is_piece or n_samples < n_folds:
        return None
    generator: RandomState | None = random_state if settings.shuffle else None
    if split_state:
        generator = RandomState()
        generator.set_state(split_state)
    elif generator is not None:
        split_state = generator.get_state(legacy=False)
    numbers = draw_folds(n_samples, n_folds, target.strata(encoded), generator)
    return Folds(numbers, split_state or {})
