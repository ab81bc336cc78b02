"""The kinds of targets: from y to the outputs of a network and back.

A target defines how y is encoded as numbers, which loss and output activation suit it,
and how outputs are converted to predictions and a score. To add a kind, write a class
and add it to `TARGETS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from scipy.special import log_expit, log_softmax, ndtri
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skann.core.losses import Huber, Loss, Quantile
from skann.core.types import FloatArray
from skann.data.one_hot import OneHotRows
from skann.data.scaling import BENDING, column_statistics
from skann.estimators.class_weights import weigh_labels
from skann.estimators.settings import Settings
from skann.model import Model, fields_of
from skann.training.call import Call

# Out-of-fold probabilities are not stored if there are more of them.
MOST_PROBABILITIES = 1 << 24


class Target(ABC):
    """What a network learns to predict; encoded, it has one column per output."""

    kind: ClassVar[str]

    @abstractmethod
    def decode(self, encoded: Any) -> np.ndarray:
        """Convert encoded targets back to the user's targets."""

    @abstractmethod
    def predict(self, model: Model, raw: FloatArray) -> np.ndarray:
        """Convert raw outputs of a model to predictions."""

    def outputs_to_score(self, raw: FloatArray) -> np.ndarray:
        """Return a copy of the part of raw outputs that `score` needs."""
        return np.copy(raw)

    @abstractmethod
    def score(
        self,
        model: Model,
        encoded: Any,
        outputs: np.ndarray,
        sample_weight: FloatArray | None,
    ) -> float:
        """Return the score of such outputs, for encoded, unscaled targets."""

    def loss(self, settings: Settings) -> str | Loss:
        """Return the loss defined by the settings, or its name."""
        return settings.loss

    @abstractmethod
    def output_activation(self, loss: str | Loss, n_outputs: int) -> str:
        """Return the name of the output activation for "auto"."""

    def scaling(self, loss: Loss, settings: Settings) -> str | None:
        """Return the kind of scaling of the targets, or None."""
        return None

    def strata(self, encoded: Any) -> np.ndarray | None:
        """Return the strata of the validation split, or None."""
        return None

    def weigh(
        self,
        settings: Settings,
        encoded: Any,
        sample_weight: FloatArray | None,
        call: Call,
    ) -> FloatArray | None:
        """Return the weights of the samples, times those of their classes."""
        return sample_weight

    def soften(
        self,
        settings: Settings,
        encoded: Any,
        sample_weight: FloatArray | None,
    ) -> Any:
        """Return the training targets, which may differ from those for scores."""
        return encoded

    def out_of_fold(self, model: Model, raw: FloatArray) -> dict[str, Any]:
        """Return the attributes with the out-of-fold predictions of the rows."""
        return {"oof_prediction_": self.predict(model, raw)}

    @abstractmethod
    def fitted_attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that describe the target."""

    def as_state(self) -> dict[str, Any]:
        """Return the target as a plain dict."""
        return {"kind": self.kind, **fields_of(self)}

    @staticmethod
    def from_state(state: dict[str, Any]) -> Target:
        """Return the target that was saved by `as_state`."""
        values = dict(state)
        return TARGETS[values.pop("kind")](**values)


# ---------------------------------------------------------------------- classification


@dataclass(frozen=True, eq=False)
class Labels(Target):
    """One of several classes for each sample.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, in ascending order.

    one_output : bool
        Whether a single output represents two classes.
    """

    kind = "labels"
    classes: np.ndarray
    one_output: bool

    def encode(self, y: np.ndarray) -> FloatArray | OneHotRows:
        """Return one column per class, or a single column for the second of two."""
        if self.classes.size == 1:
            return np.ones((y.shape[0], 1))
        indices = np.searchsorted(self.classes, y)
        if self.one_output:
            return indices.astype(np.float64)[:, np.newaxis]
        return OneHotRows(indices, np.zeros(self.classes.size))

    def decode(self, encoded):
        if isinstance(encoded, OneHotRows):
            return self.classes[encoded.indices]
        return self._labels(encoded - 0.5)

    def predict(self, model, raw):
        return self._labels(raw)

    def _labels(self, raw):
        """Return the class with the largest output."""
        if self.classes.size == 1:
            return np.repeat(self.classes, raw.shape[0])
        if raw.shape[1] == 1:
            return self.classes[(raw[:, 0] > 0).astype(int)]
        return self.classes[raw.argmax(axis=1)]

    def scores(self, model: Model, raw: FloatArray) -> FloatArray:
        """Turn raw outputs into decision values."""
        if raw.shape[1] == 2 and self.classes.size == 2:
            return raw[:, 1] - raw[:, 0]
        return raw[:, 0].copy() if raw.shape[1] == 1 else raw.copy()

    def log_probabilities(self, model: Model, raw: FloatArray) -> FloatArray:
        """Turn raw outputs into logarithms of probabilities."""
        if self.classes.size == 1:  # the probability is 1, whatever the output
            return np.zeros_like(raw)
        if raw.shape[1] == 1:
            return log_expit(np.concatenate([-raw, raw], axis=1))
        if model.architecture.output_activation == "softmax":
            return log_softmax(raw, axis=1)
        return log_softmax(log_expit(raw), axis=1)

    def probabilities(self, model: Model, raw: FloatArray) -> FloatArray:
        """Turn raw outputs into probabilities."""
        if self.classes.size == 1:
            return np.ones_like(raw)
        return exp_inside_unit_interval(self.log_probabilities(model, raw))

    def out_of_fold(self, model, raw):
        if raw.size > MOST_PROBABILITIES:
            return {"oof_decision_function_": None}
        return {"oof_decision_function_": self.probabilities(model, raw)}

    def outputs_to_score(self, raw):
        return raw > 0 if raw.shape[1] == 1 else raw.argmax(axis=1)

    def score(self, model, encoded, outputs, sample_weight):
        if self.classes.size == 1:
            return 1.0
        true = encoded > 0.5 if encoded.shape[1] == 1 else encoded.indices
        return accuracy_score(true, outputs, sample_weight=sample_weight)

    def output_activation(self, loss, n_outputs):
        return _usual_or_first("softmax" if n_outputs > 1 else "logistic", loss)

    def strata(self, encoded):
        return encoded[:, 0] if encoded.shape[1] == 1 else encoded.indices

    def weigh(self, settings, encoded, sample_weight, call):
        if settings.class_weight is None:
            return sample_weight
        labels = [(self.classes, self.decode(encoded))]
        return weigh_labels(settings.class_weight, labels, sample_weight, call)

    def fitted_attributes(self):
        return {"classes_": self.classes}

    def soften(self, settings, encoded, sample_weight):
        if self.classes.size == 1:
            return encoded
        return _smooth(encoded, settings.label_smoothing, sample_weight)


@dataclass(frozen=True, eq=False)
class Indicators(Target):
    """Any number of labels for each sample, as columns of zeros and ones.

    Parameters
    ----------
    classes : ndarray of shape (n_labels,)
        The numbers of the columns.
    """

    kind = "indicators"
    classes: np.ndarray

    def encode(self, y: np.ndarray) -> FloatArray:
        """Return the indicator matrix as floats."""
        return y.astype(np.float64)

    def decode(self, encoded):
        return (encoded > 0.5).astype(int)

    def predict(self, model, raw):
        return (raw > 0).astype(int)

    def scores(self, model: Model, raw: FloatArray) -> FloatArray:
        """Turn raw outputs into decision values."""
        return raw.copy()

    def log_probabilities(self, model: Model, raw: FloatArray) -> FloatArray:
        """Turn raw outputs into logarithms of probabilities."""
        return log_expit(raw)

    def probabilities(self, model: Model, raw: FloatArray) -> FloatArray:
        """Turn raw outputs into probabilities."""
        return exp_inside_unit_interval(log_expit(raw))

    def out_of_fold(self, model, raw):
        if raw.size > MOST_PROBABILITIES:
            return {"oof_decision_function_": None}
        return {"oof_decision_function_": self.probabilities(model, raw)}

    def score(self, model, encoded, outputs, sample_weight):
        return accuracy_score(encoded > 0.5, outputs > 0, sample_weight=sample_weight)

    def output_activation(self, loss, n_outputs):
        return _usual_or_first("logistic", loss)

    def weigh(self, settings, encoded, sample_weight, call):
        if settings.class_weight is None:
            return sample_weight
        if not isinstance(settings.class_weight, str):
            raise ValueError(
                f"class_weight={settings.class_weight!r} is only supported for class "
                "labels, but y is an indicator matrix. Use 'balanced' or sample_weight."
            )
        labels = [(np.unique(label), label) for label in encoded.T]
        return weigh_labels(settings.class_weight, labels, sample_weight, call)

    def fitted_attributes(self):
        return {"classes_": self.classes}

    def soften(self, settings, encoded, sample_weight):
        return _smooth(encoded, settings.label_smoothing, sample_weight)


def _usual_or_first(usual, loss):
    """Return an output activation if the loss supports it, else its first one."""
    if isinstance(loss, Loss) and usual not in loss.output_activations:
        return loss.output_activations[0]
    return usual


def _smooth(encoded, share, sample_weight):
    """Return (1 - share) * target + share * mean, for `label_smoothing`."""
    if not share or (sample_weight is not None and not sample_weight.any()):
        return encoded
    if isinstance(encoded, OneHotRows):
        return smooth_towards(encoded, share, encoded.mean(sample_weight))
    mean = np.average(encoded, axis=0, weights=sample_weight)
    return smooth_towards(encoded, share, mean)


def smooth_towards(encoded, share, mean):
    """Return (1 - share) * target + share * mean, for a given mean of all targets."""
    if isinstance(encoded, OneHotRows):
        return replace(encoded, background=share * mean, peak=1 - share)
    return (1 - share) * encoded + share * mean


def read_labels(y, settings, call, previous, classes, sample_weight):
    """Return the kind of target, and y encoded, for a classifier.

    Parameters
    ----------
    y : ndarray or sparse array of shape (n_samples,) or (n_samples, n_labels)
        The labels.

    settings : Settings
        The parameters.

    call : Call
        The kind of call. A continued fit raises an error for data that lack a class.

    previous : Labels, Indicators or None
        The target of the past training.

    classes : array-like of shape (n_classes,) or None
        All classes that can occur in any call; None for those in y.

    sample_weight : ndarray of shape (n_samples,) or None
        Not used.

    Returns
    -------
    target : Labels or Indicators
        The target.

    encoded : ndarray or OneHotRows of shape (n_samples, n_outputs), float64
        The numeric targets.

    Raises
    ------
    ValueError
        If y does not contain labels, or contains unknown labels.
    """
    if sparse.issparse(y):
        y = y.toarray()
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.dtype.kind == "O" and type_of_target(y) == "unknown":
        raise ValueError(
            f"Unknown label type: y has dtype object and contains {y.ravel()[0]!r}, "
            "among others. If these are class indices, pass y.astype(int); if they are "
            "names, pass y.astype(str)."
        )
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    if kind == "multiclass-multioutput":
        raise ValueError(
            "Multiclass-multioutput targets are not supported. Got y of shape "
            f"{y.shape}. Wrap the estimator in scikit-learn's MultiOutputClassifier."
        )
    multilabel = kind == "multilabel-indicator"
    present = np.arange(y.shape[1]) if multilabel else np.unique(y)
    if classes is not None:
        classes = np.unique(column_or_1d(np.asarray(classes)))
    if previous is not None:
        if call.refits and not np.array_equal(present, previous.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {previous.classes}, `y` has "
                f"{present}"
            )
        _require_kind(multilabel, previous)
        if classes is not None and not np.array_equal(classes, previous.classes):
            raise ValueError(
                f"`classes={classes}` is not the same as on the last call to "
                f"partial_fit, {previous.classes}."
            )
        known = previous.classes
    else:
        known = present if classes is None else classes
    unknown = np.setdiff1d(present, known)
    if unknown.size or (multilabel and present.size != known.size):
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has "
            f"{known}. 'y' has {present}."
        )
    if multilabel:
        target = Indicators(known)
    else:
        target = Labels(known, known.size == 2 and not _wants_softmax(settings))
    return target, target.encode(y)


def _wants_softmax(settings):
    """Return whether even two classes have one output each."""
    if settings.output_activation != "auto":
        return settings.output_activation == "softmax"
    loss = settings.loss
    return isinstance(loss, Loss) and "logistic" not in loss.output_activations


def _require_kind(multilabel, previous):
    """Raise an error for class labels with a network of indicators, or vice versa."""
    was_multilabel = isinstance(previous, Indicators)
    if multilabel != was_multilabel:
        kinds = {True: "an indicator matrix of labels", False: "class labels"}
        raise ValueError(
            f"The network was trained on {kinds[was_multilabel]}, but y contains "
            f"{kinds[multilabel]}. Call fit with warm_start=False to start again."
        )


def exp_inside_unit_interval(log_probabilities):
    """Return exp(log p) inside (0, 1), in order even where exp would round to 0.

    Mathematically, no logistic or softmax output is 0 or 1. Below a tiny threshold t, p
    is replaced by t / (1 + log(1 + log t - log p)), which continues from t and
    decreases so slowly that it always remains a normal number.
    """
    info = np.finfo(log_probabilities.dtype)
    threshold = float(info.tiny) * 2.0**20
    deficit = np.log(threshold) - log_probabilities
    probabilities = np.exp(log_probabilities)
    underflows = deficit > 0
    probabilities[underflows] = threshold / (1 + np.log1p(deficit[underflows]))
    return np.minimum(probabilities, 1 - info.epsneg, out=probabilities)


# -------------------------------------------------------------------------- regression


class _Values(Target):
    """Numeric targets with units."""

    def output_activation(self, loss, n_outputs):
        if isinstance(loss, str):
            return "exp" if loss in ("poisson", "gamma") else "identity"
        return loss.output_activations[0]

    def scaling(self, loss, settings):
        # Only if the scaled problem is the same problem in other units: the output must
        # be able to follow the change of units.
        if settings.scaling is None:
            return None
        if loss.target_scaling == "affine":
            is_identity = loss.output_activation.name == "identity"
            kind = "standard" if settings.scaling in BENDING else settings.scaling
            return kind if is_identity else None
        return loss.target_scaling


@dataclass(frozen=True, eq=False)
class Numbers(_Values):
    """One or several numbers for each sample.

    Parameters
    ----------
    huber_delta : ndarray of shape (n_outputs,) or None
        The absolute error from which the Huber loss is linear; None for other losses.
    """

    kind = "numbers"
    huber_delta: np.ndarray | None

    def decode(self, encoded):
        return encoded[:, 0] if encoded.shape[1] == 1 else encoded

    def predict(self, model, raw):
        values = model.in_target_units(raw)
        return values[:, 0].copy() if values.shape[1] == 1 else values

    def score(self, model, encoded, outputs, sample_weight):
        values = model.in_target_units(outputs)
        return r2_score(encoded, values, sample_weight=sample_weight)

    def loss(self, settings):
        if settings.loss == "quantile":
            return Quantile(settings.quantile)
        return settings.loss if self.huber_delta is None else Huber(self.huber_delta)

    def fitted_attributes(self):
        return {"quantiles_": None, "huber_delta_": self.huber_delta}


@dataclass(frozen=True, eq=False)
class Quantiles(_Values):
    """Several quantiles of one number for each sample, with one output per quantile.

    Parameters
    ----------
    levels : ndarray of shape (n_outputs,)
        The levels, in ascending order.
    """

    kind = "quantiles"
    levels: np.ndarray

    def decode(self, encoded):
        return encoded[:, 0]

    def predict(self, model, raw):
        # Outputs may cross; sorted quantiles are valid, and have no larger loss.
        return np.sort(model.in_target_units(raw), axis=1)

    def score(self, model, encoded, outputs, sample_weight):
        values = model.in_target_units(outputs)
        return self.score_predictions(encoded[:, 0], values, sample_weight)

    def score_predictions(self, y, predicted, sample_weight) -> float:
        """Return the mean D^2 of the pinball losses of all quantiles."""
        scores = [
            d2_pinball_score(y, column, sample_weight=sample_weight, alpha=level)
            for level, column in zip(self.levels, predicted.T, strict=True)
        ]
        return float(np.mean(scores))

    def loss(self, settings):
        return Quantile(self.levels)

    def fitted_attributes(self):
        return {"quantiles_": self.levels, "huber_delta_": None}


def read_numbers(y, settings, call, previous, classes, sample_weight):
    """Return the kind of target, and y as columns, for a regressor.

    The arguments are those of `read_labels`; `call` and `classes` are not used.

    Returns
    -------
    target : Numbers or Quantiles
        The target.

    encoded : ndarray of shape (n_samples, n_outputs)
        The numeric targets.

    Raises
    ------
    ValueError
        If the levels of `quantile` are invalid, or incompatible with y.

    TypeError
        If y is sparse.
    """
    if sparse.issparse(y):
        raise TypeError(
            "Sparse targets are not supported, dense data is required. Use y.toarray()."
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.dtype.kind != "f":
        y = y.astype(np.float64)
    y = y[:, np.newaxis] if y.ndim == 1 else y
    levels = _levels(settings)
    if levels is None:
        return Numbers(_huber_delta(y, settings, previous, sample_weight)), y
    if y.shape[1] > 1:
        raise ValueError(
            f"Several quantiles, quantile={settings.quantile!r}, need a single target. "
            f"Got y with {y.shape[1]} targets. Use scikit-learn's MultiOutputRegressor."
        )
    return Quantiles(levels), np.repeat(y, levels.size, axis=1)


def _levels(settings):
    """Return the quantiles to predict if there are several, else None."""
    if not isinstance(settings.loss, str) or settings.loss != "quantile":
        return None
    if isinstance(settings.quantile, Real):
        return None
    levels = np.asarray(settings.quantile)
    valid = levels.ndim == 1 and levels.size > 0 and levels.dtype.kind in "fi"
    if valid:
        bounded = np.concatenate([[0.0], levels, [1.0]])
        valid = (np.diff(bounded) > 0).all()
    if not valid:
        raise ValueError(
            "quantile must be a number between 0 and 1, or several such numbers in "
            f"ascending order. Got {settings.quantile!r}."
        )
    return levels


def _huber_delta(y, settings, previous, sample_weight):
    """Return the absolute error from which "huber" is linear; None for other losses."""
    if not isinstance(settings.loss, str) or settings.loss != "huber":
        return None
    if settings.huber_delta is not None:
        return np.full(y.shape[1], float(settings.huber_delta))
    if isinstance(previous, Numbers) and previous.huber_delta is not None:
        return previous.huber_delta
    statistics = column_statistics(y, sample_weight, "robust")
    of_normal = 2 * ndtri(0.75)  # the interquartile range
    return statistics.center_and_scale[1] / of_normal


TARGETS: dict[str, type[Target]] = {
    target.kind: target for target in (Labels, Indicators, Numbers, Quantiles)
}
