"""True targets and predictions, and the cost of errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.utils.class_weight import compute_sample_weight

from skann.core.types import FloatArray
from skann.estimators.fitted import target_of
from skann.estimators.settings import Settings


@dataclass(frozen=True, eq=False)
class Truth:
    """The encoding of targets and the cost of errors, for one estimator.

    The targets of a classifier become a column of zeros and ones for each class or
    label, and its predictions are probabilities, whose squared error is the Brier
    score. All kinds of targets are thus treated in the same way. Since the Brier score
    is bounded, a few rows with confident but wrong predictions do not outweigh all
    others.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator.

    settings : Settings
        The settings of the estimator.
    """

    estimator: Any
    settings: Settings

    @cached_property
    def is_classifier(self) -> bool:
        """Whether there are classes or labels."""
        return is_classifier(self.estimator)

    @cached_property
    def is_multilabel(self) -> bool:
        """Whether each row can have any number of labels."""
        return target_of(self.estimator).kind == "indicators"

    @cached_property
    def quantiles(self) -> np.ndarray | None:
        """The quantiles that are predicted, or None for other losses."""
        loss = self.settings.loss
        if isinstance(loss, str):
            wanted = self.settings.quantile if loss == "quantile" else None
        else:
            wanted = getattr(loss, "quantile", None)
        return None if wanted is None else np.atleast_1d(np.asarray(wanted, float))

    @cached_property
    def is_of_absolute_errors(self) -> bool:
        """Whether the loss grows only linearly with large errors."""
        loss = self.settings.loss
        name = loss if isinstance(loss, str) else getattr(loss, "name", "")
        return name in ("absolute_error", "huber") and not self.is_classifier

    def encode(self, y: Any, what: str = "y") -> FloatArray:
        """Return targets as numbers, of shape (n_samples, n_outputs).

        Raises
        ------
        ValueError
            If there is a label that the classifier does not know.
        """
        array = y.toarray() if sparse.issparse(y) else np.asarray(y)
        if not self.is_classifier:
            return array.astype(np.float64).reshape(len(array), -1)
        classes = self.estimator.classes_
        if array.ndim == 2 and array.shape[1] > 1:
            return array.astype(np.float64)
        labels = array.reshape(-1)
        unknown = np.setdiff1d(labels, classes)
        if unknown.size:
            raise ValueError(
                f"{what} has labels that the classifier does not know, such as "
                f"{unknown[0]!r}. The known labels are {list(classes)[:10]!r}."
            )
        return (labels[:, np.newaxis] == classes).astype(np.float64)

    def predict(self, X: Any) -> FloatArray:
        """Return probabilities or numbers, of shape (n_samples, n_outputs)."""
        if self.is_classifier:
            return self.estimator.predict_proba(X)
        prediction = np.asarray(self.estimator.predict(X), np.float64)
        return prediction.reshape(len(prediction), -1)

    def weigh(self, y: Any) -> FloatArray:
        """Return the weights of rows by their classes; ones without `class_weight`."""
        if self.is_classifier and self.settings.class_weight is not None:
            array = y.toarray() if sparse.issparse(y) else np.asarray(y)
            return compute_sample_weight(self.settings.class_weight, array)
        return np.ones(y.shape[0] if hasattr(y, "shape") else len(y))

    def best_constant(self, encoded: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the cheapest constant prediction, of shape (n_outputs,)."""
        if self.quantiles is not None:
            return np.quantile(encoded[:, 0], self.quantiles)
        if self.is_of_absolute_errors:
            return np.median(encoded, axis=0)
        return np.average(encoded, axis=0, weights=weight)

    def costs(self, encoded: FloatArray, predicted: FloatArray) -> FloatArray:
        """Return the cost of the prediction for each row, of shape (n_samples,)."""
        error = encoded - predicted
        if self.quantiles is not None:
            over = np.maximum(self.quantiles * error, (self.quantiles - 1) * error)
            return over.mean(axis=1)
        if self.is_of_absolute_errors:
            return np.abs(error).mean(axis=1)
        return np.square(error).mean(axis=1)


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows, with their targets, predictions and weights.

    Parameters
    ----------
    truth : Truth
        The cost of errors.

    encoded, predicted : ndarray of shape (n_samples, n_outputs)
        The targets and predictions, as numbers.

    weight : ndarray of shape (n_samples,)
        The weights of the rows.

    scale : ndarray of shape (n_outputs,)
        The number by which the errors of each output are divided.

    constant : ndarray of shape (n_outputs,)
        The best constant prediction.
    """

    truth: Truth
    encoded: FloatArray
    predicted: FloatArray
    weight: FloatArray
    scale: FloatArray
    constant: FloatArray

    def costs_of(self, predicted: FloatArray) -> FloatArray:
        """Return the cost of predictions for these rows, of shape (n_samples,)."""
        return self.truth.costs(self.encoded / self.scale, predicted / self.scale)

    @cached_property
    def costs(self) -> FloatArray:
        """The costs of the network's predictions, relative to the constant prediction.

        Their weighted mean is 1 minus the skill.
        """
        constant = self.costs_of(np.broadcast_to(self.constant, self.predicted.shape))
        of_constant = np.average(constant, weights=self.weight)
        return self.costs_of(self.predicted) / max(float(of_constant), 1e-300)

    @cached_property
    def skill(self) -> float:
        """The skill: 0 for the constant, 1 for a perfect prediction."""
        return 1.0 - float(np.average(self.costs, weights=self.weight))

    @cached_property
    def standard_error(self) -> float:
        """The standard error of the skill."""
        costs = self.costs
        return float(costs.std() / np.sqrt(max(len(costs), 1)))

    @cached_property
    def hits(self) -> FloatArray:
        """Whether the most probable class of each row is the true one."""
        if self.truth.is_multilabel:
            return ((self.predicted > 0.5) == (self.encoded > 0.5)).mean(axis=1)
        right = self.predicted.argmax(axis=1) == self.encoded.argmax(axis=1)
        return right.astype(np.float64)
