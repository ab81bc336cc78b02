"""Validation data, which are scored after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.metrics import check_scoring

from skann.core.blocks import map_outputs
from skann.core.losses import Loss
from skann.core.members import mean_of_members
from skann.core.types import FloatArray, Matrix
from skann.data.one_hot import OneHotRows
from skann.data.scaling import scale_columns
from skann.data.stored import StoredRows
from skann.estimators.settings import Settings
from skann.estimators.splitting import split_rows
from skann.estimators.targets import Target
from skann.model import Model
from skann.training.batches import TrainingDivergedError

# The loss of more numbers is summed block by block.
MOST_NUMBERS = 1 << 20


@dataclass(frozen=True, eq=False)
class ValidationPart:
    """Data on which parameters are scored.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_val, n_features)
        The unscaled inputs; for a part of the training data, all of its rows.

    encoded : ndarray or OneHotRows of shape (n_val, n_outputs)
        The encoded, unscaled targets.

    sample_weight : ndarray of shape (n_val,) or None
        The weights of the samples in the score.

    rows : ndarray of int or None
        The rows of the training data that are scored; None for separate data.

    training_rows : ndarray of int or None
        The remaining training rows; None for all.

    split_state : dict or None
        The state of the generator before it drew the split, to repeat it; empty if the
        split keeps the rows in order.
    """

    X: Matrix
    encoded: FloatArray | OneHotRows
    sample_weight: FloatArray | None
    rows: np.ndarray | None = None
    training_rows: np.ndarray | None = None
    split_state: dict[str, Any] | None = None


def set_aside(
    settings: Settings,
    target: Target,
    X: Matrix,
    encoded: FloatArray,
    sample_weight: FloatArray | None,
    random_state: RandomState,
    split_state: dict[str, Any] | None,
) -> ValidationPart | None:
    """Return the part of the data that is set aside for early stopping, or None.

    Parameters
    ----------
    settings : Settings
        The settings, which define whether and how much data is set aside.

    target : Target
        The target, which defines the strata of the split.

    X, encoded, sample_weight
        The training data, checked and encoded.

    random_state : RandomState
        Draws the split; without `shuffle`, the last rows are set aside.

    split_state : dict or None
        The state before an earlier split of these data. Continued training must split
        the same data in the same way, or it would use the validation data.

    Raises
    ------
    ValueError
        If there are too few data to set aside.
    """
    if not settings.early_stopping:
        return None
    generator: RandomState | None = random_state
    if split_state is None:
        split_state = random_state.get_state(legacy=False) if settings.shuffle else {}
    elif split_state:
        generator = RandomState()
        generator.set_state(split_state)
    if not split_state:
        generator = None
    training_rows, rows = split_rows(
        encoded.shape[0],
        target.strata(encoded),
        settings.validation_fraction,
        generator,
    )
    weight = None if sample_weight is None else sample_weight[rows]
    if weight is not None and not weight.any():
        raise ValueError(
            "All sample weights of the validation part are zero. Change "
            "validation_fraction or, if rows are shuffled, random_state."
        )
    return ValidationPart(X, encoded[rows], weight, rows, training_rows, split_state)


def summed_loss(
    loss: Loss,
    model: Model,
    encoded: FloatArray | OneHotRows,
    raw: FloatArray,
    sample_weight: FloatArray | None,
) -> float:
    """Return the weighted sum of the losses of raw outputs, which are overwritten.

    Parameters
    ----------
    loss : Loss
        The loss, in the units of the scaled targets.

    model : Model
        The model, which defines the scaling of the targets.

    encoded : ndarray or OneHotRows of shape (n_samples, n_outputs)
        The encoded, unscaled targets.

    raw : ndarray of shape (n_samples, n_outputs)
        The raw outputs.

    sample_weight : ndarray of shape (n_samples,) or None
        The weights of the samples.
    """
    target = scale_columns(encoded, model.targets, raw.dtype)
    if isinstance(target, OneHotRows):
        target = target.toarray()
    return loss.value_and_delta(target, raw, sample_weight, np.empty_like(raw))


class Validation:
    """Scores parameters on validation data.

    Parameters
    ----------
    part : ValidationPart
        The data.

    scoring : str, callable or None
        The scorer, as in the parameter of the estimator.

    model : Model
        The model, whose parameters are replaced by those to score.

    target : Target
        The kind of target.

    loss : Loss
        The loss, for `scoring="loss"`.

    scaled_X : ndarray, CSR array or ScaledRows
        The training data, as inputs of the network.

    as_estimator : callable
        A function of a model that returns an estimator with this model, for scorers.
    """

    def __init__(
        self,
        part: ValidationPart,
        *,
        scoring: Any,
        model: Model,
        target: Target,
        loss: Loss,
        scaled_X: Matrix,
        as_estimator: Callable[[Model], Any],
    ):
        self.part = part
        self._scoring = scoring
        self._model = model
        self._target = target
        self._loss = loss
        self._scaled_X = scaled_X
        self._as_estimator = as_estimator

    def score(self, theta: FloatArray) -> float:
        """Return the score at theta; it must be finite."""
        if self._scoring is None:
            score = self._own_score(theta)
        elif self._scoring == "loss":
            score = -self._mean_loss(theta)
        else:
            score = self._score_by_scorer(theta)
        if not np.isfinite(score):
            raise TrainingDivergedError(score)
        return float(score)

    def _own_score(self, theta):
        """Return the default score of the estimator."""
        part, model, target = self.part, self._model, self._target
        outputs = self._map_outputs(
            lambda raw: target.outputs_to_score(model.pooled(raw)), theta, part.rows
        )
        return target.score(model, part.encoded, outputs, part.sample_weight)

    def _mean_loss(self, theta):
        """Return the weighted mean loss, summed in blocks."""
        weight = self.part.sample_weight
        n_rows, n_outputs = self.part.encoded.shape
        step = max(1, MOST_NUMBERS // n_outputs)
        total = sum(
            self._summed_loss(theta, np.arange(start, min(start + step, n_rows)))
            for start in range(0, n_rows, step)
        )
        return total / (n_rows if weight is None else weight.sum())

    def _summed_loss(self, theta, samples):
        """Return the weighted sum of the losses of some samples of the part."""
        part, model = self.part, self._model
        rows = samples if part.rows is None else part.rows[samples]
        raw = self._map_outputs(self._pooled_copy, theta, rows)
        weight = None if part.sample_weight is None else part.sample_weight[samples]
        loss = model.loss_in_units(self._loss)
        return summed_loss(loss, model, part.encoded[samples], raw, weight)

    def _pooled_copy(self, raw):
        """Return a copy of the raw outputs for the mean of all members."""
        activation = self._model.architecture.output_activation
        return np.copy(mean_of_members(raw, activation))

    def _map_outputs(self, transform, theta, rows):
        """Apply a function to the raw outputs, which must be finite."""

        def transform_finite(raw):
            if not np.isfinite(raw).all():
                raise TrainingDivergedError("raw output")
            return transform(raw)

        part, model = self.part, self._model
        X = model.scaled(part.X) if part.rows is None else self._scaled_X
        return map_outputs(transform_finite, model.network, theta, X, rows)

    def _score_by_scorer(self, theta):
        """Return the score of the current estimator by a scorer."""
        part, scoring = self.part, self._scoring
        estimator = self._as_estimator(self._model.with_theta(theta))
        scorer = check_scoring(estimator, scoring)
        weight = part.sample_weight
        options = {} if weight is None else {"sample_weight": weight}
        X = part.X
        if part.rows is not None:
            is_stored = isinstance(X, StoredRows)
            X = X.selected(part.rows) if is_stored else X[part.rows]
        try:
            score = scorer(estimator, X, self._target.decode(part.encoded), **options)
        except TypeError as error:
            if not options:
                raise
            raise ValueError(
                f"scoring={scoring!r} does not support sample_weight, but the "
                f"validation data have weights (perhaps from class_weight): {error}"
            ) from error
        if not np.isfinite(score):
            raise ValueError(
                f"scoring={scoring!r} returned {score}. It must return a finite number."
            )
        return score
