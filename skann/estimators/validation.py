"""What is scored after each epoch: a part of the data, or others."""

from __future__ import annotations

import copy

import numpy as np
from numpy.random import RandomState
from sklearn.metrics import check_scoring

from skann.estimators.blocks import ScaledRows, map_outputs
from skann.estimators.scaling import scale_columns
from skann.estimators.splitting import split_rows
from skann.training.data import TrainingDivergedError


class Validation:
    """Data that are scored after each epoch, and that early stopping watches.

    Parameters
    ----------
    estimator : BaseBackprop
        Its parameter `scoring` says by what.

    X : ndarray or CSR array of shape (n_val, n_features)
        The raw inputs.

    target : ndarray of shape (n_val, n_outputs)
        The encoded, unscaled targets.

    sample_weight : ndarray of shape (n_val,) or None
        The weights of the samples in the score.

    loss : Loss
        For `scoring="loss"`.

    training_rows : ndarray of int or None
        The rows that are left to learn from; None for all, if the validation data
        are others.

    rows : ndarray of int or None
        The rows of the training data that are scored; None if the validation data are
        others.

    split_state : dict or None
        The state of the generator that drew the split, to draw it once more.
    """

    def __init__(
        self, estimator, X, target, sample_weight, loss,
        *, training_rows=None, rows=None, split_state=None,
    ):  # fmt: skip
        self.training_rows = training_rows
        self.split_state = split_state
        self._rows = rows
        self._estimator = estimator
        self._X = X
        self._target = target
        self._sample_weight = sample_weight
        self._loss = loss

    def score(self, network, theta, scaled_X):
        """Return the score at theta; it must be finite.

        `scaled_X` are the training data, as the network takes them.
        """
        scoring = self._estimator.scoring
        if scoring is None or scoring == "loss":
            score = self._score_outputs(network, theta, scaled_X)
        else:
            score = self._score_by_scorer(scoring, theta)
        if not np.isfinite(score):
            raise TrainingDivergedError(score)
        return float(score)

    def _score_outputs(self, network, theta, scaled_X):
        """Return the estimator's own score, or minus the mean loss."""
        estimator, X = self._estimator, scaled_X
        if self._rows is None:
            X = ScaledRows(self._X, estimator._input_statistics, theta.dtype)
        raw = map_outputs(np.copy, network, theta, X, self._rows)
        if not np.isfinite(raw).all():
            return np.nan
        if estimator.scoring is None:
            return estimator._score_encoded(self._target, raw, self._sample_weight)
        target = scale_columns(self._target, estimator._target_statistics, theta.dtype)
        loss = estimator._loss_in_units(self._loss)
        weight = self._sample_weight
        total = target.shape[0] if weight is None else weight.sum()
        return -loss.value_and_delta(target, raw, weight, np.empty_like(raw)) / total

    def _score_by_scorer(self, scoring, theta):
        """Return what a scorer says of the estimator as it would be now."""
        estimator = copy.copy(self._estimator)
        # The data have passed through validation, and have no names any more.
        vars(estimator).pop("feature_names_in_", None)
        estimator._theta = theta
        scorer = check_scoring(estimator, scoring)
        weight = self._sample_weight
        options = {} if weight is None else {"sample_weight": weight}
        X = self._X if self._rows is None else self._X[self._rows]
        y = estimator._decode_target(self._target)
        try:
            score = scorer(estimator, X, y, **options)
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


def make_validation(
    estimator, X, target, sample_weight, loss, random_state, split_state, own_data
):
    """Return what is scored after each epoch, or None.

    Parameters
    ----------
    estimator : BaseBackprop
        Its parameters say whether a part of the data is set aside.

    X, target, sample_weight : ndarray
        The training data, checked and encoded.

    loss : Loss
        The loss.

    random_state : RandomState
        Draws the split.

    split_state : dict or None
        The state of the generator that drew the earlier split of these data. Training
        that goes on must not learn from what it is scored by: the same data are split
        in the same way.

    own_data : tuple or None
        The user's own validation inputs, targets and weights, checked and encoded.

    Returns
    -------
    validation : Validation or None
        The user's own data if there are any, else for early stopping a part that is set
        aside.

    Raises
    ------
    ValueError
        If there is too little to set aside.
    """
    if own_data is not None:
        return Validation(estimator, *own_data, loss)
    if not estimator.early_stopping:
        return None
    if split_state is not None:
        random_state = RandomState()
        random_state.set_state(split_state)
    split_state = random_state.get_state(legacy=False)
    training_rows, rows = split_rows(
        target.shape[0],
        estimator._strata(target),
        estimator.validation_fraction,
        random_state,
    )
    weight = None if sample_weight is None else sample_weight[rows]
    if weight is not None and not weight.any():
        raise ValueError(
            "The sample weights of the validation part are all zero. Change "
            "random_state or validation_fraction."
        )
    return Validation(
        estimator, X, target[rows], weight, loss,
        training_rows=training_rows, rows=rows, split_state=split_state,
    )  # fmt: skip
