"""The base class of both estimators: the scikit-learn interface to model and training.

A fit resolves the settings, prepares the problem, runs the training loop and publishes
the result; `_attributes_after` and `_train` show these steps from top to bottom. The
attributes of the estimator are assigned once, at the end.
"""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from skann.core.searchable import Searchable
from skann.core.types import FloatArray
from skann.estimators import constraints
from skann.estimators.caller import collected_warnings
from skann.estimators.epoch_tasks import EpochTasks
from skann.estimators.fit_html import fit_html
from skann.estimators.folds import OUT_OF_FOLD
from skann.estimators.given import GivenWeightsMixin
from skann.estimators.inputs import Request, check_inputs
from skann.estimators.learned import LearnedMixin
from skann.estimators.problem import Past, Problem, prepare
from skann.estimators.reading import takes_tables
from skann.estimators.recipes import Choice, is_stochastic
from skann.estimators.results import (
    divergence_message,
    fitted_attributes,
    warn_of_data,
    warn_of_ending,
)
from skann.estimators.settings import Settings, settle
from skann.estimators.sklearn_private import forget_callback_context
from skann.estimators.solving import make_loop
from skann.estimators.targets import Target
from skann.model import Model, fields_of
from skann.training.batches import TrainingDivergedError
from skann.training.call import Call
from skann.training.loop import TrainingLoop
from skann.training.state import TrainingState
from skann.version import __version__

# The key under which a saved estimator stores the version of skann that made it.
VERSION_KEY = "_skann_version"

# Anything with rows and columns: arrays, nested lists, frames, sparse matrices.
MatrixLike = Any


@contextmanager
def generator_kept(random_state: Any) -> Iterator[None]:
    """Restore the state of the caller's random generator if the call fails.

    Otherwise, the generator would be the only thing that a failed call changes.
    """
    is_generator = isinstance(random_state, RandomState)
    drawn = random_state.get_state(legacy=False) if is_generator else None
    try:
        yield
    except BaseException:
        if is_generator:
            random_state.set_state(drawn)
        raise


def has_partial_fit(estimator):
    """Return whether `partial_fit` exists: L-BFGS needs all data at once."""
    if not is_stochastic(estimator.solver):
        raise AttributeError(
            "partial_fit needs a stochastic solver, 'sgd' or 'adam'. Got "
            f"solver={estimator.solver!r}."
        )
    return True


class BaseBackprop(
    CallbackSupportMixin, GivenWeightsMixin, LearnedMixin, BaseEstimator, ABC
):
    """The shared part of `BackpropClassifier` and `BackpropRegressor`."""

    _parameter_constraints: dict = constraints.COMMON

    # Set by fit; the other fitted attributes are documented by the estimators.
    _target: Target

    @staticmethod
    @abstractmethod
    def _read_target(
        y: Any,
        settings: Settings,
        call: Call,
        previous: Target | None,
        classes: ArrayLike | None,
        sample_weight: FloatArray | None,
    ) -> tuple[Target, FloatArray]:
        """Return the kind of target, and y encoded."""

    def set_params(self, **params: Any) -> Self:
        """Set the parameters of this estimator; if one of them is invalid, none is set.

        Parameters
        ----------
        **params : dict
            Parameter names and values. The parameters of an object that is itself a
            parameter are set by `<parameter>__<name>`, such as `solver__beta_1`.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no parameter of this name.
        """
        before = dict(self.__dict__)
        try:
            # Objects may be shared, with another estimator or with skann itself.
            for name in {key.partition("__")[0] for key in params if "__" in key}:
                value = getattr(self, name, None)
                if isinstance(value, Searchable):
                    setattr(self, name, copy.deepcopy(value))
            return super().set_params(**params)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    # ------------------------------------------------------------------ training

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
        """Fit the network to training data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs. Strings, categories and missing values are supported unless
            `scaling=None`; infinite values are not. A memory map, an HDF5 dataset, a
            zarr array or any other object with a shape, a dtype and row slices is read
            in blocks, without copying all of it to memory.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights. If None, all samples have weight 1. The
            contribution of a sample to the gradient is proportional to its weight,
            whatever the batch size.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation inputs, which are scored after each epoch but not used for
            training. With `early_stopping`, they replace the part of X that would be
            set aside; otherwise, the scores are only recorded. In a
            `Pipeline(..., transform_input=["X_val"])`, they are transformed in the same
            way as X.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Validation targets.

        sample_weight_val : array-like of shape (n_val,), default=None
            The weights of the validation samples in the score.

        coef_init : list of array-like, default=None
            The initial weights of each layer, of shape (fan_in, fan_out), for scaled
            inputs and targets, like `coefs_`. If None, they are drawn as specified by
            `init`.

        intercept_init : list of array-like, default=None
            The initial biases of each layer, of shape (fan_out,). If None, they are
            drawn as specified by `init`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If an input or a parameter is invalid, or if training diverges. The
            estimator is then left unchanged.

        Warns
        -----
        ConvergenceWarning
            If training reaches `max_iter` (unless the learning-rate schedule ends
            there, as it does in the recipe for tables) or `max_fun`, or if the final
            loss is no better than that of always predicting the mean of the targets or
            the class frequencies.
        """
        return self._train(
            Request(
                X=X,
                y=y,
                sample_weight=sample_weight,
                X_val=X_val,
                y_val=y_val,
                sample_weight_val=sample_weight_val,
                coef_init=coef_init,
                intercept_init=intercept_init,
            )
        )

    def _train(self, request: Request) -> Self:
        """Fit or, for a piece of a stream, run one more epoch."""
        try:
            with generator_kept(self.random_state), collected_warnings() as messages:
                attributes = self._attributes_after(request)
        finally:
            forget_callback_context(self)
        attributes["_fit_warnings"] = messages
        # Remove what was known after an earlier call but not after this one: column
        # names, and the errors of members that have since been trained on other rows.
        self._replace_attributes(attributes, ("feature_names_in_", *OUT_OF_FOLD))
        return self

    @with_callbacks
    def _attributes_after(self, request: Request) -> dict[str, Any]:
        """Return the attributes of the estimator after a call."""
        call, past = self._call_and_past(request)
        problem, loop = self._problem_and_loop(request, call, past)
        tasks = None if call.is_piece else self._open_tasks(problem, loop, request)
        try:
            outcome = loop.run(tasks)
        except TrainingDivergedError:
            raise ValueError(divergence_message(problem, loop.outcome())) from None
        warn_of_data(problem)
        warn_of_ending(problem, outcome)
        attributes = fitted_attributes(problem, outcome)
        if tasks is not None:
            tasks.close(attributes)
        return attributes

    def _problem_and_loop(
        self, request: Request, call: Call, past: Past | None
    ) -> tuple[Problem, TrainingLoop]:
        """Return the training problem, and the loop that solves it."""
        trained = None if past is None else past.model.architecture
        earlier = None if past is None else past.choice
        settings, data = settle(self, request, call, trained, earlier)
        problem = prepare(self, settings, data, request, call, past)
        return problem, make_loop(problem)

    def _call_and_past(self, request: Request) -> tuple[Call, Past | None]:
        """Return the kind of call, and the past training that it continues."""
        if not self.__sklearn_is_fitted__():
            return Call.FIRST_PIECE if request.is_piece else Call.FIT, None
        state, out_of_fold = self._training_state, self._out_of_fold
        call = Call.of(
            is_piece=request.is_piece,
            is_fitted=True,
            warm_start=self.warm_start,
            unfinished=state.unfinished,
        )
        if not call.has_past:
            return call, None
        past = Past(
            model=self._model,
            target=self._target,
            state=state,
            choice=Choice(self.recipe_, self.recipe_reason_),
            history=self.history_,
            n_iter=self.n_iter_,
            folds=None if out_of_fold is None else out_of_fold["folds"],
        )
        return call, past

    def _open_tasks(
        self, problem: Problem, loop: TrainingLoop, request: Request
    ) -> EpochTasks:
        """Tell callbacks that a fit begins, and give them access to it."""

        def attributes_so_far() -> dict[str, Any]:
            now = fitted_attributes(problem, loop.outcome(), unfinished=True)
            lists = [*now["history_"].values(), now["validation_scores_"] or []]
            # A copy, since training continues in place. Lists of numbers need no deep
            # copy, which would be slow after many epochs.
            return copy.deepcopy(now, {id(column): list(column) for column in lists})

        return EpochTasks(self, request, problem, attributes_so_far)

    # ---------------------------------------------------------------- predicting

    def _decode_outputs(self, method: str, X: MatrixLike) -> np.ndarray:
        """Apply a method of the target to the raw outputs for X."""
        check_is_fitted(self)
        X, model = check_inputs(self, X), self._model
        decode = getattr(self._target, method)
        return model.map_outputs(lambda raw: decode(model, raw), X)

    def _html_repr(self):
        """Return scikit-learn's diagram and tables and, after a fit, a summary of it.

        scikit-learn displays the result of `_html_repr` in notebooks. If a future
        version no longer does, its own diagram is shown.
        """
        html = estimator_html_repr(self)
        return html + fit_html(self) if self.__sklearn_is_fitted__() else html

    def __getstate__(self):
        # The result of a fit is saved as plain dicts, arrays, numbers and strings.
        state = {**super().__getstate__(), VERSION_KEY: __version__}
        for name in ("_model", "_target"):
            if name in state:
                state[name] = state[name].as_state()
        if "_training_state" in state:
            state["_training_state"] = fields_of(state["_training_state"])
        return state

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop(VERSION_KEY, "before 0.1.0")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"skann {__version__}",
                    original_sklearn_version=f"skann {version}",
                ),
                stacklevel=2,
            )
        if "_model" in state:
            state["_model"] = Model.from_state(state["_model"])
            state["_target"] = Target.from_state(state["_target"])
            state["_training_state"] = TrainingState(**state["_training_state"])
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = takes_tables(self)
        return tags
