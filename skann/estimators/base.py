"""What both estimators share: scikit-learn's face of a model and of its training.

A fit settles the settings, prepares the problem, runs the loop and publishes what came
of it: `_attributes_after` and `_train` read so from top to bottom. The estimator is
assigned to once, at the end.
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

# Where a saved estimator keeps the version of skann that made it.
VERSION_KEY = "_skann_version"

# Anything with rows and columns: arrays, nested lists, frames, sparse matrices.
MatrixLike = Any


@contextmanager
def generator_kept(random_state: Any) -> Iterator[None]:
    """Set a generator of the caller's back if what was drawn from it came to nothing.

    It is the one thing that a failed call would leave changed.
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
    """Say whether `partial_fit` exists: L-BFGS needs all data at once."""
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
        """Return what there is to predict, and y encoded."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters; if one of them does not exist, none is set.

        Parameters
        ----------
        **params : dict
            Values by name; those of an object that is a parameter by
            `<parameter>__<name>`, such as `solver__beta_1`.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no parameter of that name.
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
        """Fit the network to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs. Text, categories and missing values are taken as they come, if
            they are scaled; infinity is not. A memory map, an HDF5 dataset, a zarr
            array, or what else has a shape, a dtype and slices of rows, is read in
            blocks: there is no copy of it in memory.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None stands for ones. A sample's share of the
            gradient is proportional to its weight, whatever the batch size.

        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation inputs, which are scored after each epoch but not trained on.
            With `early_stopping` they take the place of a part of X; without it the
            scores are only recorded. In a `Pipeline(..., transform_input=["X_val"])`
            they are transformed as X is.

        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Validation targets.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation samples in their score.

        coef_init : list of array-like, default=None
            The initial weights of each layer, of shape (fan_in, fan_out). Like
            `coefs_`, they belong to scaled inputs and targets. None draws them as
            `init` says.

        intercept_init : list of array-like, default=None
            The initial biases of each layer, of shape (fan_out,). None draws them as
            `init` says.

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
        """Fit or, if it is a piece of a stream, run one epoch more."""
        try:
            with generator_kept(self.random_state), collected_warnings() as messages:
                attributes = self._attributes_after(request)
        finally:
            forget_callback_context(self)
        attributes["_fit_warnings"] = messages
        # What an earlier call knew and this one does not: names of columns, errors of
        # members that have learned from other rows since.
        self._replace_attributes(attributes, ("feature_names_in_", *OUT_OF_FOLD))
        return self

    @with_callbacks
    def _attributes_after(self, request: Request) -> dict[str, Any]:
        """Return the attributes that the estimator is to have after a call."""
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
        """Return what is to be trained, and the loop that trains it."""
        trained = None if past is None else past.model.architecture
        earlier = None if past is None else past.choice
        settings, data = settle(self, request, call, trained, earlier)
        problem = prepare(self, settings, data, request, call, past)
        return problem, make_loop(problem)

    def _call_and_past(self, request: Request) -> tuple[Call, Past | None]:
        """Return what is asked for, and what it goes on from."""
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
        """Let callbacks know that a fit begins, and how to look at it."""

        def attributes_so_far() -> dict[str, Any]:
            now = fitted_attributes(problem, loop.outcome(), unfinished=True)
            lists = [*now["history_"].values(), now["validation_scores_"] or []]
            # A copy, as training goes on in place. Lists of numbers need no deep one,
            # which takes long after many epochs.
            return copy.deepcopy(now, {id(column): list(column) for column in lists})

        return EpochTasks(self, request, problem, attributes_so_far)

    # ---------------------------------------------------------------- predicting

    def _decode_outputs(self, method: str, X: MatrixLike) -> np.ndarray:
        """Return what a method of the target makes of the raw outputs for X."""
        check_is_fitted(self)
        X, model = check_inputs(self, X), self._model
        decode = getattr(self._target, method)
        return model.map_outputs(lambda raw: decode(model, raw), X)

    def _html_repr(self):
        """Return scikit-learn's diagram and tables and, after a fit, what it was like.

        `_html_repr` is what scikit-learn shows of an estimator in a notebook. If it no
        longer is, its own diagram remains.
        """
        html = estimator_html_repr(self)
        return html + fit_html(self) if self.__sklearn_is_fitted__() else html

    def __getstate__(self):
        # What a fit has made is saved as plain dicts, arrays, numbers and strings.
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
