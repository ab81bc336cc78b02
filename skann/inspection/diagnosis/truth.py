"""What is true beside what was predicted, and what an error costs."""

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
    """How targets are read, and what an error costs, for one estimator.

    A classifier's targets become a column of zeros and ones for each class or label,
    and its predictions are probabilities: their squared error is the Brier score. So
    every kind of target has one way here. The Brier score is bounded, so that a few
    rows of which a network is sure and wrong do not outweigh all others.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator.

    settings : Settings
        Its settings.
    """

    estimator: Any
    settings: Settings

    @cached_property
    def is_classifier(self) -> bool:
        """Whether there are classes or labels."""
        return is_classifier(self.estimator)

    @cached_property
    def is_multilabel(self) -> bool:
        """Whether each row has any number of labels."""
        return target_of(self.estimator).kind == "indicators"

    @cached_property
    def quantiles(self) -> np.ndarray | None:
        """Ndarray or None : The quantiles that are predicted, if these are."""
        loss = self.settings.loss
        if isinstance(loss, str):
            wanted = self.settings.quantile if loss == "quantile" else None
        else:
            wanted = getattr(loss, "quantile", None)
        return None if wanted is None else np.atleast_1d(np.asarray(wanted, float))

    @cached_property
    def is_of_absolute_errors(self) -> bool:
        """Whether large errors count no more than in proportion."""
        loss = self.settings.loss
        name = loss if isinstance(loss, str) else getattr(loss, "name", "")
        return name in ("absolute_error", "huber") and not self.is_classifier

    def encode(self, y: Any, what: str = "y") -> FloatArray:
        """Return targets as numbers, of shape (n_samples, n_outputs).

        Raises
        ------
        ValueError
            If a classifier meets a label that it does not know.
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
                f"{unknown[0]!r}; it knows {list(classes)[:10]!r}."
            )
        return (labels[:, np.newaxis] == classes).astype(np.float64)

    def predict(self, X: Any) -> FloatArray:
        """Return probabilities or numbers, of shape (n_samples, n_outputs)."""
        if self.is_classifier:
            return self.estimator.predict_proba(X)
        prediction = np.asarray(self.estimator.predict(X), np.float64)
        return prediction.reshape(len(prediction), -1)

    def weigh(self, y: Any) -> FloatArray:
        """Return the weights of rows by their classes, ones without `class_weight`."""
        if self.is_classifier and self.settings.class_weight is not None:
            array = y.toarray() if sparse.issparse(y) else np.asarray(y)
            return compute_sample_weight(self.settings.class_weight, array)
        return np.ones(y.shape[0] if hasattr(y, "shape") else len(y))

    def best_constant(self, encoded: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the constant prediction with the least cost, of shape (n_outputs,)."""
        if self.quantiles is not None:
            return np.quantile(encoded[:, 0], self.quantiles)
        if self.is_of_absolute_errors:
            return np.median(encoded, axis=0)
        return np.average(encoded, axis=0, weights=weight)

    def costs(self, encoded: FloatArray, predicted: FloatArray) -> FloatArray:
        """Return what the prediction of each row costs, of shape (n_samples,)."""
        error = encoded - predicted
        if self.quantiles is not None:
            over = np.maximum(self.quantiles * error, (self.quantiles - 1) * error)
            return over.mean(axis=1)
        if self.is_of_absolute_errors:
            return np.abs(error).mean(axis=1)
        return np.square(error).mean(axis=1)


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows: what is true, what was predicted, and how much each counts.

    Parameters
    ----------
    truth : Truth
        How errors are counted.

    encoded, predicted : ndarray of shape (n_samples, n_outputs)
        The targets and predictions as numbers.

    weight : ndarray of shape (n_samples,)
        The weights of the rows.

    scale : ndarray of shape (n_outputs,)
        What errors of each output are divided by.

    constant : ndarray of shape (n_outputs,)
        The constant prediction to be better than.
    """

    truth: Truth
    encoded: FloatArray
    predicted: FloatArray
    weight: FloatArray
    scale: FloatArray
    constant: FloatArray

    def costs_of(self, predicted: FloatArray) -> FloatArray:
        """Return what predictions of these rows cost, of shape (n_samples,)."""
        return self.truth.costs(self.encoded / self.scale, predicted / self.scale)

    @cached_property
    def costs(self) -> FloatArray:
        """Ndarray : What the network's predictions cost, as shares of the constant's.

        Their weighted mean is 1 minus the skill.
        """
        constant = self.costs_of(np.broadcast_to(self.constant, self.predicted.shape))
        of_constant = np.average(constant, weights=self.weight)
        return self.costs_of(self.predicted) / max(float(of_constant), 1e-300)

    @cached_property
    def skill(self) -> float:
        """Float : 0 for the constant, 1 for a perfect prediction."""
        return 1.0 - float(np.average(self.costs, weights=self.weight))

    @cached_property
    def standard_error(self) -> float:
        """Float : The standard error of the skill."""
        costs = self.costs
        return float(costs.std() / np.sqrt(max(len(costs), 1)))

    @cached_property
    def hits(self) -> FloatArray:
        """Ndarray of float : Whether each row's most probable class is the true one."""
        if self.truth.is_multilabel:
            return ((self.predicted > 0.5) == (self.encoded > 0.5)).mean(axis=1)
        right = self.predicted.argmax(axis=1) == self.encoded.argmax(axis=1)
        return right.astype(np.float64)
