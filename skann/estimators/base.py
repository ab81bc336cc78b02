"""What both estimators share: from validated arrays to trained parameters and back.

`_train` reads from top to bottom as what a fit does: validate the data, encode the
targets, draw the weights, set the validation part aside, scale the columns, and run.
"""

from __future__ import annotations

import copy
import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, is_regressor
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.metrics import get_scorer
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from skann.core.activations import HIDDEN_ACTIVATIONS, HiddenActivation
from skann.core.initializers import INITIALIZERS, Initializer
from skann.core.layers.periodic import Periodic
from skann.core.losses import make_loss
from skann.core.network import Network
from skann.core.objective import Objective
from skann.estimators.automatic import RECIPE, is_auto, resolve, setting
from skann.estimators.blocks import ScaledRows, map_outputs
from skann.estimators.checks import (
    assign_layers,
    check_size,
    check_target_range,
    learning_weight,
)
from skann.estimators.run import SCHEDULES, TrainingRun
from skann.estimators.scaling import (
    SCALINGS,
    absorb_in_embedding,
    absorb_input_scaling,
    absorb_target_scaling,
    center_and_scale,
    column_statistics,
    fold_scaling,
    merge_statistics,
    scale_columns,
)
from skann.estimators.validation import make_validation
from skann.training.data import TrainingData
from skann.training.optimizers import Optimizer
from skann.training.progress import Progress
from skann.training.schedules import Schedule

STOCHASTIC_SOLVERS = ("sgd", "adam")

# Anything with rows and columns: arrays, nested lists, frames, sparse matrices.
MatrixLike = Any


def all_or_nothing(method):
    """Leave the estimator as it was if `method` raises.

    Methods assign to the estimator's attributes but never change their values in
    place, so that a shallow copy of the attributes is enough to go back to; but for a
    generator of the caller's, which moves on as it is drawn from.
    """

    @functools.wraps(method)
    def guarded(self, *args, **kwargs):
        before = dict(self.__dict__)
        generator = before["random_state"]
        if isinstance(generator, RandomState):
            drawn = generator.get_state(legacy=False)
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if isinstance(generator, RandomState):
                generator.set_state(drawn)
            raise

    return guarded


def is_stochastic(solver):
    """Say whether a solver takes a step for each minibatch."""
    return isinstance(solver, Optimizer) or solver in STOCHASTIC_SOLVERS


def has_partial_fit(estimator):
    """Say whether `partial_fit` exists: L-BFGS needs all data at once."""
    if not is_stochastic(estimator.solver):
        raise AttributeError(
            "partial_fit needs a stochastic solver, 'sgd' or 'adam'. Got "
            f"solver={estimator.solver!r}."
        )
    return True


class BaseBackprop(CallbackSupportMixin, BaseEstimator, ABC):
    """The shared part of `BackpropClassifier` and `BackpropRegressor`."""

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [
            StrOptions({"auto"}),
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [
            StrOptions({"auto", *HIDDEN_ACTIVATIONS}),
            HiddenActivation,
            "array-like",
        ],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"}), Optimizer],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions({"auto", *SCHEDULES}), Schedule],
        "learning_rate_init": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "decay": [Interval(Real, 0, None, closed="neither"), None],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "restore_best_weights": ["boolean"],
        "scoring": [str, callable, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [
            StrOptions({"auto"}),
            Interval(Real, 0, 1, closed="left"),
            "array-like",
        ],
        "weight_decay": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "init": [StrOptions({"auto", *INITIALIZERS}), Initializer],
        "scaling": [StrOptions(set(SCALINGS)), None],
        "n_frequencies": [
            StrOptions({"auto"}),
            Interval(Integral, 0, None, closed="left"),
        ],
        # Above it cosines of neighbouring numbers have nothing to do with each other.
        "frequency_scale": [Interval(Real, 0, 1e6, closed="right")],
        "dtype": [StrOptions({"float32", "float64"}), None],
    }

    # Set by fit; the other fitted attributes are documented by the estimators.
    _theta: np.ndarray
    _architecture: dict[str, Any]
    _training_state: dict[str, Any]

    # What the two estimators do differently.

    @abstractmethod
    def _encode_target(self, y, *, goes_on, refits, classes):
        """Return y as float array of shape (n_samples, n_outputs).

        The classifier sets `classes_`, or if training goes on refuses classes that it
        does not know and, if a whole `fit` goes on, data that lack a class.
        """

    def _check_first_batch(self, classes):
        """Refuse a first batch that does not say what is to come."""

    @abstractmethod
    def _find_loss(self, target, sample_weight, goes_on):
        """Return the loss that the parameters describe, or its name."""

    @abstractmethod
    def _choose_output_activation(self, loss, n_outputs):
        """Return the name of the output activation that "auto" stands for."""

    @abstractmethod
    def _target_scaling(self, loss):
        """Return the kind of scaling of the targets, or None."""

    def _weigh_targets(self, target, sample_weight, *, goes_on, incremental):
        """Return the weights of the samples, times those of their classes."""
        return sample_weight

    def _soften_target(self, target):
        """Return the targets to learn, which may differ from those to score by."""
        return target

    @abstractmethod
    def _decode_target(self, target):
        """Return the targets as the user knows them."""

    @abstractmethod
    def _strata(self, target):
        """Return what the validation split is stratified by, or None."""

    @abstractmethod
    def _score_encoded(self, target, raw, sample_weight):
        """Return the score of raw outputs against encoded, unscaled targets."""

    @all_or_nothing
    def set_params(self, **params: Any) -> Self:
        """Set parameters; if one of them does not exist, none is set.

        Parameters
        ----------
        **params : dict
            Values by the names of the parameters.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no parameter of that name.
        """
        return super().set_params(**params)

    # ------------------------------------------------------------------ training

    @all_or_nothing
    @with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        coef_init: Sequence[ArrayLike] | None = None,
        intercept_init: Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Fit the network to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs, finite.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None stands for ones. A sample's share of the
            gradient is proportional to its weight, whatever the batch size.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation inputs, which are scored after each epoch but not learned from.
            With `early_stopping` they take the place of a part of X; without it the
            scores are only recorded. In a `Pipeline(..., transform_input=["X_val"])`
            they are transformed as X is.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Validation targets.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation samples in their score.

        coef_init : list of array-like, default=None
            The weights of each layer to start from, of shape (fan_in, fan_out). They
            belong to scaled inputs and targets, as `coefs_` do. None draws them as
            `init` says.

        intercept_init : list of array-like, default=None
            The biases of each layer to start from, of shape (fan_out,). None draws
            them as `init` says.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If an input or a parameter is invalid, or if training diverges. The
            estimator is then as it was before the call.

        Warns
        -----
        ConvergenceWarning
            If training ends because of `max_iter` (unless the schedule ends there, as
            that of the recipe does) or `max_fun`, or if it ends while the loss is no
            better than that of always predicting the mean of the targets or the
            frequencies of the classes.
        """
        return self._train(
            X, y, sample_weight, (X_val, y_val, sample_weight_val),
            coef_init=coef_init, intercept_init=intercept_init,
        )  # fmt: skip

    def _train(
        self, X, y, sample_weight, validation_data,
        *, incremental=False, classes=None, coef_init=None, intercept_init=None,
    ):  # fmt: skip
        """Fit or, if `incremental`, run one epoch more."""
        passed = X, y, sample_weight
        self._validate_params()
        chosen_sizes = self._hidden_layer_sizes()
        self._check_combinations()
        if incremental and self.early_stopping and validation_data[0] is None:
            raise ValueError(
                "partial_fit does not support early_stopping=True without X_val and "
                "y_val: a batch has no validation part. Pass them, or set "
                "early_stopping=False."
            )
        goes_on = self.__sklearn_is_fitted__() and (incremental or self.warm_start)
        # A fit that was cut off, and saved by a callback, is brought to its end.
        resumes = goes_on and not incremental and self._training_state["unfinished"]
        if incremental and not goes_on:
            self._check_first_batch(classes)
        earlier = dict(self.__dict__) if goes_on else None

        X, target, sample_weight = self._check_data(
            X, y, sample_weight,
            goes_on=goes_on,
            refits=goes_on and not incremental,
            classes=classes,
            # In a stream a batch may count for nothing.
            allow_zero_weight=goes_on and incremental,
        )  # fmt: skip
        trained = self._architecture if goes_on else None
        self.auto_params_ = resolve(
            self, X, chosen_sizes, stochastic=is_stochastic(self.solver),
            incremental=incremental, trained=trained,
        )  # fmt: skip
        hidden_layer_sizes = self.auto_params_.get("hidden_layer_sizes", chosen_sizes)
        dropout_rates = self._dropout_rates(len(hidden_layer_sizes))
        own_validation_data = self._check_validation_data(
            *validation_data, target.shape[1]
        )
        sample_weight = self._weigh_targets(
            target, sample_weight, goes_on=goes_on, incremental=incremental
        )
        loss = self._make_loss(target, sample_weight, goes_on)
        if own_validation_data is not None:
            check_target_range(loss, own_validation_data[1], "y_val")
        dtype = self._set_architecture(X, target, hidden_layer_sizes, loss, goes_on)

        # Weights, validation split and shuffles are drawn in this order, which is
        # that of scikit-learn's MLP.
        random_state = self._generator(goes_on)
        network = self._network(dropout_rates)
        best_theta = split_state = None
        if goes_on:
            split_state = self._training_state["split"]
            last = self._training_state["theta"] if incremental or resumes else None
            theta = (self._theta if last is None else last).copy()
            if self.early_stopping or self.restore_best_weights:
                best_theta = self._theta.copy()
            progress = Progress.from_dict(self._training_state["progress"])
        else:
            theta = network.draw(self.init, random_state, dtype)
            progress = Progress()
        validation = make_validation(
            self, X, target, sample_weight, loss, random_state, split_state,
            own_validation_data,
        )  # fmt: skip
        target = self._soften_target(target)
        data = self._prepare_data(
            X, target, sample_weight, network, (theta, best_theta), loss, progress,
            validation, goes_on=goes_on, incremental=incremental,
        )  # fmt: skip
        if coef_init is not None:
            assign_layers(network.weights(theta), coef_init, "coef_init")
        if intercept_init is not None:
            assign_layers(network.biases(theta), intercept_init, "intercept_init")
        run = TrainingRun(
            self,
            Objective(network, self._loss_in_units(loss), self.alpha),
            data,
            theta,
            dropout=self._dropout_generator(dropout_rates, goes_on),
            progress=progress,
            random_state=random_state,
            validation=validation,
            best_theta=best_theta,
            earlier=earlier,
            incremental=incremental,
            resumes=resumes,
        )
        # Callbacks get the data as the caller passed them, feature names included.
        run.execute(*passed)
        self.__dict__.update(run.fitted_attributes())
        return self

    def _check_data(
        self, X, y, sample_weight,
        *, goes_on, refits=False, classes=None, allow_zero_weight=False,
    ):  # fmt: skip
        """Return X, dense or CSR, the encoded targets and the weights, all checked."""
        with np.errstate(invalid="ignore"):  # the sum of inf and -inf
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                multi_output=True,
                y_numeric=is_regressor(self),
                dtype=(np.float64, np.float32),
                order="C",
                reset=not goes_on,
            )
        if sparse.issparse(X) and not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight,
                X,
                ensure_non_negative=True,
                allow_all_zero_weights=allow_zero_weight,
            )
            with np.errstate(over="ignore"):
                total_weight = sample_weight.sum(dtype=np.float64)
            if not np.isfinite(total_weight):
                raise ValueError("The sum of sample_weight is too large for float64.")
        target = self._encode_target(y, goes_on=goes_on, refits=refits, classes=classes)
        return X, target, sample_weight

    def _check_combinations(self):
        """Refuse parameters of which one makes no sense with the other."""
        if isinstance(self.scoring, str) and self.scoring != "loss":
            get_scorer(self.scoring)  # which knows its names
        if not is_stochastic(self.solver):
            off = {"dropout": 0.0, "weight_decay": 0.0, "max_grad_norm": None}
            for name, value in off.items():
                chosen = getattr(self, name)
                if not is_auto(chosen) and np.any(chosen != value):
                    raise ValueError(
                        f"{name}={chosen!r} works step by step, which "
                        f"solver={self.solver!r} does not. Choose solver='adam' or "
                        f"'sgd', or {name}={value!r}."
                    )

    def _make_loss(self, target, sample_weight, goes_on):
        """Return the loss joined with its output activation, fit for the targets."""
        loss = self._find_loss(target, sample_weight, goes_on)
        output_activation = self.output_activation
        if output_activation == "auto":
            output_activation = self._choose_output_activation(loss, target.shape[1])
        loss = make_loss(loss, output_activation)
        check_target_range(loss, target, "y")
        return loss

    def _loss_in_units(self, loss):
        """Return the loss as it is for scaled targets."""
        if self._target_statistics is None:
            return loss
        return loss.in_units(center_and_scale(self._target_statistics)[1])

    def _dropout_rates(self, n_hidden_layers):
        """Return the probability to be left out of each hidden layer's units."""
        rates = setting(self, "dropout")
        if isinstance(rates, Real):
            return [float(rates)] * n_hidden_layers
        rates = list(rates)
        valid = all(isinstance(rate, Real) and 0 <= rate < 1 for rate in rates)
        if not valid or len(rates) != n_hidden_layers:
            raise ValueError(
                f"dropout must be a number in [0, 1), or one for each of the "
                f"{n_hidden_layers} layers of hidden_layer_sizes="
                f"{setting(self, 'hidden_layer_sizes')!r}. Got {self.dropout!r}."
            )
        return [float(rate) for rate in rates]

    def _dropout_generator(self, rates, goes_on):
        """Return what draws the units that are left out; None if none are.

        It has a generator of its own, so that other random numbers stay what they are.
        """
        if not any(rates):
            return None
        seed = self.random_state
        if isinstance(seed, RandomState):
            seed = copy.deepcopy(seed).randint(np.iinfo(np.int32).max)
        generator = np.random.default_rng(None if seed is None else [int(seed), 1])
        state = self._training_state["dropout"] if goes_on else None
        if state is not None:
            generator.bit_generator.state = state
        return generator

    def _hidden_layer_sizes(self):
        """Return `hidden_layer_sizes` as a list of int; for "auto" the recipe's."""
        if is_auto(self.hidden_layer_sizes):
            return list(RECIPE["hidden_layer_sizes"])
        sizes = self.hidden_layer_sizes
        try:
            sizes = [sizes] if isinstance(sizes, Integral) else list(sizes)
        except TypeError:  # an array without dimensions
            sizes = [None]
        if isinstance(self.hidden_layer_sizes, Set | Mapping):  # without an order
            sizes = [None]
        if not all(
            isinstance(size, Integral) and not isinstance(size, bool) and size > 0
            for size in sizes
        ):
            raise InvalidParameterError(
                f"The 'hidden_layer_sizes' parameter of {type(self).__name__} must be "
                "an int in the range [1, inf) or a sequence of such ints. Got "
                f"{self.hidden_layer_sizes!r} instead."
            )
        return [int(size) for size in sizes]

    def _set_architecture(self, X, target, hidden_layer_sizes, loss, goes_on):
        """Keep what the network is made of, and return its dtype.

        Training that goes on refuses another network than the one that was trained.
        """
        activation = setting(self, "activation")
        architecture = {
            "layer_sizes": [X.shape[1], *hidden_layer_sizes, target.shape[1]],
            "activation": (
                activation
                if isinstance(activation, str | HiddenActivation)
                else list(activation)
            ),
            "output_activation": loss.output_activation.name,
            "scaling": self.scaling,
            "n_frequencies": setting(self, "n_frequencies"),
            "dtype": self.dtype or X.dtype.name,
        }
        if goes_on:
            if self.dtype is None:
                architecture["dtype"] = self._architecture["dtype"]
            for key, wanted in architecture.items():
                trained = self._architecture[key]
                if wanted != trained:
                    raise ValueError(
                        "warm_start and partial_fit go on with the trained network, "
                        f"whose {key} is {trained!r}. Now {wanted!r} is asked for. Set "
                        "it back, or set warm_start=False and call fit to start anew."
                    )
        self._architecture = architecture
        self.n_layers_ = len(architecture["layer_sizes"])
        self.n_outputs_ = target.shape[1]
        self.out_activation_ = architecture["output_activation"]
        return np.dtype(architecture["dtype"])

    def _generator(self, goes_on):
        """Return the random generator; an int seed goes on where the last call left."""
        random_state = check_random_state(self.random_state)
        state = self._training_state["random_state"] if goes_on else None
        if state is not None and isinstance(self.random_state, Integral):
            random_state.set_state(state)
        return random_state

    def _check_validation_data(self, X_val, y_val, sample_weight_val, n_outputs):
        """Return the user's own validation data like `_check_data`, or None."""
        if X_val is None and y_val is None and sample_weight_val is None:
            return None
        if X_val is None or y_val is None:
            raise ValueError(
                "X_val and y_val go together, and sample_weight_val with them. Got "
                f"{'no X_val' if X_val is None else 'X_val without y_val'}."
            )
        try:
            X, target, weight = self._check_data(
                X_val, y_val, sample_weight_val, goes_on=True
            )
        except ValueError as error:
            raise ValueError(f"In the validation data: {error}") from error
        if target.shape[1] != n_outputs:
            raise ValueError(
                f"In the validation data: y has {target.shape[1]} outputs. Those to "
                f"learn from have {n_outputs}."
            )
        if target.shape[0] < 2:
            raise ValueError(
                "In the validation data: one sample is too few for a score."
            )
        return X, target, weight

    def _prepare_data(
        self, X, target, sample_weight, network, thetas, loss, progress, validation,
        *, goes_on, incremental,
    ):  # fmt: skip
        """Weigh and scale the data; all `thetas` absorb a change of scaling."""
        thetas = [theta for theta in thetas if theta is not None]
        dtype = thetas[0].dtype
        rows = None if validation is None else validation.training_rows
        weight = learning_weight(sample_weight, rows, X.shape[0])
        n_learning = X.shape[0] if rows is None else rows.size
        mean_weight = 1.0 if weight is None else float(weight.sum()) / n_learning
        if goes_on and incremental:
            progress.merge_weight(mean_weight, n_learning)
        else:
            progress.mean_weight = mean_weight
        if mean_weight > 0:
            with np.errstate(over="ignore", invalid="ignore"):
                self._update_scaling(
                    X, target, weight, network, thetas, loss,
                    goes_on=goes_on, merge=incremental,
                )  # fmt: skip
            if not all(np.isfinite(theta).all() for theta in thetas):
                raise ValueError(
                    "The scale of X or y has changed so much that no weights in "
                    f"{dtype} could absorb it. Call fit with warm_start=False to "
                    "start anew."
                )
        with np.errstate(over="ignore", invalid="ignore"):
            X = scale_columns(X, self._input_statistics, dtype)
            target = scale_columns(target, self._target_statistics, dtype)
            if sample_weight is not None:
                sample_weight = sample_weight.astype(dtype)
        check_size(X.data if sparse.issparse(X) else X, "X")
        check_size(target, "y")
        if loss.target_scaling != "affine":
            check_target_range(loss, target, f"y, in {dtype} and scaled")
        if sample_weight is not None and not np.isfinite(sample_weight).all():
            raise ValueError(
                f"sample_weight holds values that are too large for {dtype}. "
                "Divide them by their mean: only their ratios matter."
            )
        return TrainingData(X, target, sample_weight, progress.mean_weight)

    def _update_scaling(
        self, X, target, weight, network, thetas, loss, *, goes_on, merge
    ):
        """Measure the columns; thetas that go on absorb what changes."""
        inputs = targets = None
        if self.scaling is not None:
            inputs = column_statistics(X, weight, self.scaling)
            if goes_on and merge:
                inputs = merge_statistics(self._input_statistics, inputs)
        kind = self._target_scaling(loss)
        if kind is not None:
            targets = column_statistics(target, weight, kind)
            if goes_on and merge and self._target_statistics is not None:
                targets = merge_statistics(self._target_statistics, targets)
        for theta in thetas if goes_on else []:
            weights, biases = network.weights(theta), network.biases(theta)
            if inputs is not None:
                first = weights[0], biases[0]
                old = self._input_statistics
                if network.embedding is None:
                    absorb_input_scaling(*first, old, inputs)
                else:
                    absorb_in_embedding(network, theta, *first, old, inputs)
            absorb_target_scaling(
                weights[-1], biases[-1], self._target_statistics, targets,
                log_link=self.out_activation_ == "exp",
            )  # fmt: skip
        self._input_statistics, self._target_statistics = inputs, targets

    # ---------------------------------------------------------------- predicting

    def _predict_outputs(self, transform, X):
        """Validate X, scale it and apply `transform` to the raw outputs, in blocks."""
        check_is_fitted(self)
        with np.errstate(invalid="ignore"):  # the sum of inf and -inf
            X = validate_data(
                self,
                X,
                accept_sparse="csr",
                dtype=(np.float64, np.float32),
                reset=False,
            )
        X = ScaledRows(X, self._input_statistics, self._theta.dtype)

        def transform_finite(raw):
            if not np.isfinite(raw).all():
                raise ValueError(
                    f"The output of the network for X is not finite in {raw.dtype}: X "
                    "holds values far from those of the data that it was fitted to. "
                    "Look for outliers, or fit with dtype='float64'."
                )
            return transform(raw)

        with np.errstate(over="ignore", invalid="ignore"):
            return map_outputs(transform_finite, self._network(), self._theta, X)

    # ------------------------------------------------------------ what was learned

    def _network(self, dropout=0.0):
        """Return the network without its parameters."""
        sizes = self._architecture["layer_sizes"]
        n_frequencies = self._architecture["n_frequencies"]
        embedding = None
        if n_frequencies > 0:
            embedding = Periodic(sizes[0], n_frequencies, self.frequency_scale)
        return Network(sizes, self._architecture["activation"], embedding, dropout)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """List of ndarray : The weights of each layer, of shape (fan_in, fan_out).

        They belong to the scaled inputs and targets. Their elements may be changed,
        and a list of arrays may be assigned.
        """
        return self._require_network().weights(self._theta)

    @coefs_.setter
    def coefs_(self, coefs: Sequence[ArrayLike]) -> None:
        network = self._require_network()
        theta = self._theta.copy()
        assign_layers(network.weights(theta), coefs, "coefs_")
        self._replace_theta(theta)

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """List of ndarray : The biases of each layer, of shape (fan_out,)."""
        return self._require_network().biases(self._theta)

    @intercepts_.setter
    def intercepts_(self, intercepts: Sequence[ArrayLike]) -> None:
        network = self._require_network()
        theta = self._theta.copy()
        assign_layers(network.biases(theta), intercepts, "intercepts_")
        self._replace_theta(theta)

    def _replace_theta(self, theta):
        """Let predictions, and training that goes on, start from other parameters."""
        self.__dict__.update(
            _theta=theta, _training_state={**self._training_state, "theta": None}
        )

    @property
    def embedding_(self) -> dict[str, np.ndarray] | None:
        """Dict of ndarray : What the cosines of the inputs are made of, or None.

        A copy: to change it, change its parameters and fit again.
        """
        network = self._require_network()
        if network.embedding is None:
            return None
        return network.embedding_values(self._theta)

    @property
    def n_parameters_(self) -> int:
        """Int : The number of weights and biases."""
        return self._require_network().n_parameters

    def _require_network(self):
        """Return the network, or raise the AttributeError that `hasattr` expects."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError(
                f"This {type(self).__name__} has no weights yet: call fit first. To "
                "start from given weights, pass coef_init and intercept_init to fit."
            )
        return self._network()

    def finalize(self) -> Self:
        """Drop what only further training needs, so that a pickle is small.

        Predictions, the history and the weights stay. `partial_fit` and a warm `fit`
        still go on from the weights, but the optimizer's memory, the order of the
        samples and the generator start anew.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        self._training_state = {
            **dict.fromkeys(self._training_state),
            "progress": self._training_state["progress"],
        }
        return self

    def fold_scaling(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weights and biases of the same network on unscaled data.

        Returns
        -------
        coefs : list of ndarray of shape (fan_in, fan_out), float64
            Weights that take raw inputs and, for regression, give outputs in the
            target's units.

        intercepts : list of ndarray of shape (fan_out,), float64
            The biases that go with them.

        Raises
        ------
        NotFittedError
            Before `fit`.

        ValueError
            If the network sees cosines of the inputs, which are no linear function of
            them.
        """
        check_is_fitted(self)
        if self._network().embedding is not None:
            raise ValueError(
                "The network takes cosines of the scaled inputs as well, so that no "
                "weights for raw inputs do the same. Fit with n_frequencies=0."
            )
        return fold_scaling(
            self.coefs_,
            self.intercepts_,
            self._input_statistics,
            self._target_statistics,
            log_link=self.out_activation_ == "exp",
        )

    def _gradient_problem(self, X, y, sample_weight):
        """Return the objective, theta and data, in float64, for a gradient check."""
        check_is_fitted(self)
        estimator = copy.copy(self)  # nothing of this is to be remembered
        X, target, sample_weight = estimator._check_data(
            X, y, sample_weight, goes_on=True
        )
        sample_weight = estimator._weigh_targets(
            target, sample_weight, goes_on=True, incremental=False
        )
        loss = estimator._make_loss(target, sample_weight, goes_on=True)
        target = estimator._soften_target(target)
        mean_weight = 1.0
        if sample_weight is not None:
            sample_weight = sample_weight.astype(np.float64)
            mean_weight = float(sample_weight.mean())
        data = TrainingData(
            ScaledRows(X, self._input_statistics, np.float64)[:],
            scale_columns(target, self._target_statistics, np.float64),
            sample_weight,
            mean_weight,
        )
        objective = Objective(self._network(), self._loss_in_units(loss), self.alpha)
        return objective, self._theta.astype(np.float64), data

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_theta")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
