"""The regressor."""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from skann.core.activations import ACTIVATIONS
from skann.estimators.base import BaseBackprop, all_or_nothing, has_partial_fit
from skann.estimators.scaling import unscale_columns


class BackpropRegressor(RegressorMixin, BaseBackprop):
    """DOC"""

    _parameter_constraints: dict = {
        **BaseBackprop._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
        "output_activation": [
            StrOptions({"auto", "identity", "logistic", "tanh", "relu", "exp"})
        ],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="squared_error",
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
    def partial_fit(self, X, y, sample_weight=None):
        """Run one epoch of minibatch descent over a batch of data.

        The same call again goes on with the optimizer's memory, the learning rate's
        schedule and the random numbers, so that k calls with the same data do what
        `fit` does in k epochs. Inputs and targets are scaled by statistics of all
        batches so far; when these move, the first and the last layer absorb the
        change.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs, finite.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets, finite.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, relative to those of all batches so far.

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
        return self._train(X, y, sample_weight, incremental=True)

    # ------------------------------------------------------------------- targets

    def _encode_target(self, y, *, goes_on, classes):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.dtype.kind != "f":
            y = y.astype(np.float64)
        return y[:, np.newaxis] if y.ndim == 1 else y

    def _choose_output_activation(self, n_outputs):
        return "exp" if self.loss == "poisson" else "identity"

    def _target_scaling(self, loss):
        # Only where the scaled problem is the same problem in other units: the output
        # must be able to follow the change of units.
        if self.scaling is None:
            return None
        if loss.output_activation.name == "identity":
            return self.scaling
        return "mean" if loss.name == "poisson" else None

    def _strata(self, target):
        return None

    def _score_encoded(self, target, raw, sample_weight):
        return r2_score(target, self._values(raw), sample_weight=sample_weight)

    # ---------------------------------------------------------------- predicting

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions in the target's units.
        """
        return self._predict_outputs(self._predictions, X)

    def _predictions(self, raw):
        """Turn raw outputs into predictions, flat for a single target."""
        values = self._values(raw)
        return values[:, 0].copy() if values.shape[1] == 1 else values

    def _values(self, raw):
        """Turn raw outputs into targets of shape (n_samples, n_outputs)."""
        outputs = np.empty_like(raw)
        ACTIVATIONS[self.out_activation_].apply(raw, out=outputs)
        return unscale_columns(outputs, self._target_statistics)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Counts of several kinds work too, but a tag that said so would make
        # scikit-learn's common check fit them to negative numbers.
        tags.target_tags.multi_output = self.loss != "poisson"
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
