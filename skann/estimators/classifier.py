"""The classifier."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skann.estimators.base import BaseBackprop, all_or_nothing, has_partial_fit


class BackpropClassifier(ClassifierMixin, BaseBackprop):
    """DOC"""

    _parameter_constraints: dict = {
        **BaseBackprop._parameter_constraints,
        "loss": [StrOptions({"log_loss", "squared_error"})],
        "output_activation": [StrOptions({"auto", "logistic", "softmax"})],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="log_loss",
        output_activation="auto",
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        init="glorot_uniform",
        scaling="standard",
        dtype=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.output_activation = output_activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.init = init
        self.scaling = scaling
        self.dtype = dtype

    @available_if(has_partial_fit)
    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None, *, classes=None):
        """Run one epoch of minibatch descent over a batch of data.

        The same call again goes on with the optimizer's memory, the learning rate's
        schedule and the random numbers, so that k calls with the same data do what
        `fit` does in k epochs. Inputs are scaled by statistics of all batches so
        far; when these move, the first layer absorbs the change.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs, finite.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels, or an indicator matrix of labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, relative to those of all batches so far.

        classes : array-like of shape (n_classes,), default=None
            All classes that will ever occur (for an indicator matrix: its column
            numbers). Needed at the first call.

        Returns
        -------
        self : object
            The estimator after one epoch more.

        Raises
        ------
        ValueError
            If an input or a parameter is invalid, or if training diverges. The
            estimator is then as it was before the call.
        """
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._train(X, y, sample_weight, incremental=True, classes=classes)

    # ------------------------------------------------------------------- targets

    def _encode_target(self, y, *, goes_on, classes):
        if sparse.issparse(y):
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind == "multiclass-multioutput":
            raise ValueError(
                "Multiclass-multioutput targets are not supported: got y of shape "
                f"{y.shape}. Wrap the estimator in sklearn's MultiOutputClassifier."
            )
        multilabel = kind == "multilabel-indicator"
        present = np.arange(y.shape[1]) if multilabel else np.unique(y)
        if classes is not None:
            classes = np.unique(column_or_1d(np.asarray(classes)))
        if goes_on:
            self._check_known_classes(present, classes, multilabel)
        else:
            self._multilabel = multilabel
            self.classes_ = present if classes is None else classes
            self._check_known_classes(present, None, multilabel)
        if multilabel:
            return y.astype(np.float64)
        indices = np.searchsorted(self.classes_, y)
        n_classes = self.classes_.size
        if n_classes == 1:
            return np.ones((y.shape[0], 1))
        if n_classes == 2 and self.output_activation != "softmax":
            return indices.astype(np.float64)[:, np.newaxis]
        return np.eye(n_classes)[indices]

    def _check_known_classes(self, present, classes, multilabel):
        """Refuse labels, or a kind of target, that the network was not made for."""
        if multilabel != self._multilabel:
            kinds = {True: "an indicator matrix of labels", False: "class labels"}
            raise ValueError(
                f"The network was made for {kinds[self._multilabel]}, and y holds "
                f"{kinds[multilabel]}."
            )
        if classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"`classes={classes}` is not the same as on the last call to "
                f"partial_fit, {self.classes_}."
            )
        unknown = np.setdiff1d(present, self.classes_)
        if unknown.size or (multilabel and present.size != self.classes_.size):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes_}. 'y' has {present}."
            )

    def _choose_output_activation(self, n_outputs):
        several = n_outputs > 1 and not self._multilabel
        return "softmax" if several else "logistic"

    def _target_scaling(self, loss):
        return None

    def _strata(self, target):
        if self._multilabel:
            return None
        return target[:, 0] if target.shape[1] == 1 else target.argmax(axis=1)

    def _score_encoded(self, target, raw, sample_weight):
        if target.shape[1] == 1 or self._multilabel:
            true, predicted = target > 0.5, raw > 0
        else:
            true, predicted = target.argmax(axis=1), raw.argmax(axis=1)
        if self.classes_.size == 1:
            predicted = true
        return accuracy_score(true, predicted, sample_weight=sample_weight)

    # ---------------------------------------------------------------- predicting

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most probable class of each sample; for multilabel targets an
            indicator matrix of the labels whose probability is above one half.
        """
        return self._predict_outputs(self._labels, X)

    def _labels(self, raw):
        """Turn raw outputs into labels."""
        if self._multilabel:
            return (raw > 0).astype(int)
        if self.classes_.size == 1:
            return np.repeat(self.classes_, raw.shape[0])
        if raw.shape[1] == 1:
            return self.classes_[(raw[:, 0] > 0).astype(int)]
        return self.classes_[raw.argmax(axis=1)]

    def decision_function(self, X):
        """Return the raw outputs of the network, before the output activation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes the log-odds of the second, one number per sample; else
            one column per class or label.
        """
        return self._predict_outputs(self._scores, X)

    def _scores(self, raw):
        """Turn raw outputs into decision values."""
        if self._multilabel:
            return raw.copy()
        if raw.shape[1] == 2 and self.classes_.size == 2:
            return raw[:, 1] - raw[:, 0]
        return raw[:, 0].copy() if raw.shape[1] == 1 else raw.copy()

    def predict_proba(self, X):
        """Estimate probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            One column per entry of `classes_`. Rows sum to one, except for
            multilabel targets, whose labels are independent. With several classes and
            `output_activation="logistic"` the independent outputs are divided by
            their sum. Values lie strictly between 0 and 1 (a single class excepted)
            and keep their order where they would underflow.
        """
        return self._predict_outputs(self._probabilities, X)

    def _probabilities(self, raw):
        """Turn raw outputs into probabilities."""
        if self.classes_.size == 1 and not self._multilabel:
            return np.ones_like(raw)
        return _exp_inside_unit_interval(self._log_probabilities(raw))

    def predict_log_proba(self, X):
        """Estimate logarithms of probabilities, finite where those underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The logarithm of what `predict_proba` returns, computed from the raw
            outputs.
        """
        return self._predict_outputs(self._log_probabilities, X)

    def _log_probabilities(self, raw):
        """Turn raw outputs into logarithms of probabilities."""
        if self._multilabel:
            return log_expit(raw)
        if self.classes_.size == 1:  # certain, and independent of the output
            return np.zeros_like(raw)
        if raw.shape[1] == 1:
            return log_expit(np.concatenate([-raw, raw], axis=1))
        if self.out_activation_ == "softmax":
            return log_softmax(raw, axis=1)
        return log_softmax(log_expit(raw), axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _exp_inside_unit_interval(log_probabilities):
    """Return exp(log p), in (0, 1) and in the same order where exp would round to 0 or 1.

    No logistic or softmax output is ever 0 or 1. Below the threshold log t, t / (1 +
    log t - log p) takes the place of p: it goes on from t, and it falls so slowly that
    it never leaves the normal numbers.
    """
    info = np.finfo(log_probabilities.dtype)
    threshold = float(info.tiny) * 2.0**20
    deficit = np.log(threshold) - log_probabilities
    probabilities = np.exp(log_probabilities)
    underflows = deficit > 0
    probabilities[underflows] = threshold / (1 + deficit[underflows])
    return np.minimum(probabilities, 1 - info.epsneg, out=probabilities)
