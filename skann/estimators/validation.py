"""What is scored after each epoch: a part of the data, or others."""

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

# The loss of more numbers than these is added up block by block.
MOST_NUMBERS = 1 << 20


@dataclass(frozen=True, eq=False)
class ValidationPart:
    """Data to score by.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_val, n_features)
        The raw inputs; of a part of the training data, all of them.

    encoded : ndarray or OneHotRows of shape (n_val, n_outputs)
        The encoded, unscaled targets.

    sample_weight : ndarray of shape (n_val,) or None
        The weights of the samples in the score.

    rows : ndarray of int or None
        The rows of the training data that are scored; None if these are other data.

    training_rows : ndarray of int or None
        The rows that are left to learn from; None for all.

    split_state : dict or None
        The state of the generator that drew the split, to draw it once more; empty if
        the split keeps the rows in order.
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
    """Return the part of the data that early stopping scores by, or None.

    Parameters
    ----------
    settings : Settings
        Whether a part is set aside, and how large it is.

    target : Target
        Says what the split is stratified by.

    X, encoded, sample_weight
        The training data, checked and encoded.

    random_state : RandomState
        Draws the split; without `shuffle` nothing is drawn, and the last rows are set
        aside.

    split_state : dict or None
        That of the earlier split of these data. Training that goes on must not learn
        from what it is scored by: the same data are split in the same way.

    Raises
    ------
    ValueError
        If there is too little to set aside.
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
            "The sample weights of the validation part are all zero. Change "
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
    """Return the weighted sum of the losses of raw outputs, which are used up.

    Parameters
    ----------
    loss : Loss
        The loss, in the units of the scaled targets.

    model : Model
        Says how targets are scaled.

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
    """Scores parameters by validation data.

    Parameters
    ----------
    part : ValidationPart
        The data.

    scoring : str, callable or None
        By what, as the estimator's parameter says.

    model : Model
        The model; its parameters are replaced by those to score.

    target : Target
        The kind of target.

    loss : Loss
        For `scoring="loss"`.

    scaled_X : ndarray, CSR array or ScaledRows
        The training data, as the network takes them.

    as_estimator : callable
        Takes a model and returns an estimator that predicts by it, for scorers.
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
        """Return the estimator's own score."""
        part, model, target = self.part, self._model, self._target
        outputs = self._map_outputs(
            lambda raw: target.outputs_to_score(model.pooled(raw)), theta, part.rows
        )
        return target.score(model, part.encoded, outputs, part.sample_weight)

    def _mean_loss(self, theta):
        """Return the weighted mean loss, added up where there are many numbers."""
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
        """Return a copy of raw outputs, one for all members, in theta's dtype."""
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
        """Return what a scorer says of the estimator as it would be now."""
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
                f"scoring={scoring!r} does not take sample_weight, and the validation "
                f"data have weights, perhaps from class_weight: {error}"
            ) from error
        if not np.isfinite(score):
            raise ValueError(f"scoring={scoring!r} returned {score}.")
        return score
