"""Access to the model of a fitted estimator, and to the problem it minimises."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.validation import check_is_fitted

from skann.core.objective import Objective
from skann.core.types import FloatArray
from skann.data.rows import TrainingData
from skann.data.scaling import scale_columns
from skann.estimators.checks import refuse_members
from skann.estimators.inputs import Reading, Request, check_data
from skann.estimators.learned import LearnedMixin
from skann.estimators.problem import Problem, joined_loss, objective_of, prepare
from skann.estimators.recipes import Choice
from skann.estimators.settings import Settings, check_parameters, resolve, settle
from skann.estimators.targets import Target
from skann.model import Model
from skann.training.call import Call
from skann.training.state import TrainingState


def check_network(estimator: Any) -> None:
    """Raise an error for anything but a fitted estimator of skann, with a hint.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.

    TypeError
        If it is another estimator.
    """
    if isinstance(estimator, LearnedMixin):
        check_is_fitted(estimator)
        return
    hint = hint_for(
        estimator,
        search=" For a search, pass its best_estimator_.",
        pipeline=" For a pipeline, pass its last step, and transformed data.",
        mlp=" Convert an MLP with skann.export.from_sklearn.",
    )
    raise TypeError(
        "A fitted BackpropClassifier or BackpropRegressor is needed. Got "
        f"{type(estimator).__name__}.{hint}"
    )


def hint_for(estimator: Any, *, search: str, pipeline: str, mlp: str = "") -> str:
    """Return the hint for a search, a pipeline or scikit-learn's MLP, or ""."""
    if hasattr(estimator, "best_estimator_"):
        return search
    if hasattr(estimator, "steps"):
        return pipeline
    return mlp if isinstance(estimator, MLPClassifier | MLPRegressor) else ""


def model_of(estimator: Any) -> Model:
    """Return the model of a fitted estimator.

    Raises
    ------
    NotFittedError
        If it has none.

    TypeError
        If it is another estimator.
    """
    check_network(estimator)
    return estimator._model


def single_model_of(estimator: Any) -> Model:
    """Return the model of a fitted estimator with a single network.

    Raises
    ------
    NotFittedError
        If it has none.

    ValueError
        If it has several networks.
    """
    model = model_of(estimator)
    refuse_members(model.architecture.n_members)
    return model


def with_parameters(estimator: Any, theta: FloatArray) -> Any:
    """Return a copy of a fitted estimator with other parameters."""
    model = model_of(estimator)
    copied = copy.copy(estimator)
    state = replace(estimator._training_state, theta=None)
    theta = theta.astype(model.theta.dtype)
    vars(copied).update(_model=model.with_theta(theta), _training_state=state)
    return copied


def with_parts(
    estimator: Any,
    model: Model,
    state: TrainingState,
    *,
    params: Mapping[str, Any],
    attributes: Mapping[str, Any],
) -> Any:
    """Return a copy of a fitted estimator with another model and training state.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    model : Model
        The model for predictions.

    state : TrainingState
        The state from which training continues.

    params : dict
        Parameters to set; they are no longer "auto".

    attributes : dict
        Other fitted attributes.
    """
    copied = copy.copy(estimator)
    auto_params = {
        name: value
        for name, value in estimator.auto_params_.items()
        if name not in params
    }
    vars(copied).update(
        {**params, **attributes},
        auto_params_=auto_params,
        _model=model,
        _training_state=state,
    )
    return copied


def training_state_of(estimator: Any) -> TrainingState:
    """Return the state from which training of a fitted estimator continues."""
    check_network(estimator)
    return estimator._training_state


def target_of(estimator: Any) -> Target:
    """Return the target of a fitted estimator."""
    check_network(estimator)
    return estimator._target


def used_settings(estimator: Any) -> Settings:
    """Return the settings that a fitted estimator used last."""
    check_network(estimator)
    choice = Choice(estimator.recipe_, estimator.recipe_reason_)
    return resolve(check_parameters(estimator), estimator.auto_params_, choice)


def fitted_problem(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None
) -> tuple[Objective, FloatArray, TrainingData]:
    """Return the problem that a fitted estimator minimises, for data as one batch.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted or partially fitted estimator. It is not changed.

    X, y, sample_weight
        The data.

    Returns
    -------
    objective : Objective
        The objective, including the penalty, without dropout.

    theta : ndarray of shape (n_parameters,), float64
        The parameters, a copy.

    data : TrainingData
        The scaled data, float64.

    Raises
    ------
    NotFittedError
        If the estimator has no parameters yet.

    ValueError
        If the data do not match the estimator, or if it has several networks.
    """
    model, settings = single_model_of(estimator), used_settings(estimator)
    checked = check_data(estimator, X, y, sample_weight, reading=Reading.of(estimator))
    target, encoded = estimator._read_target(
        checked.y, settings, Call.NEXT_PIECE, estimator._target, None,
        checked.sample_weight,
    )  # fmt: skip
    weight = target.weigh(settings, encoded, checked.sample_weight, Call.WARM_FIT)
    loss = joined_loss(settings, target, encoded)
    learned = target.soften(settings, encoded, weight)
    mean_weight = 1.0
    if weight is not None:
        weight = weight.astype(np.float64)
        mean_weight = float(weight.mean())
    data = TrainingData(
        model.scaled(checked.X, np.float64)[:],
        scale_columns(learned, model.targets, np.float64),
        weight,
        mean_weight,
    )
    return objective_of(settings, model, loss), model.theta.astype(np.float64), data


def new_problem(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Problem:
    """Return the problem with which a fit of an estimator would begin.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        An estimator, fitted or not. It is not changed.

    X, y, sample_weight
        The data.

    Returns
    -------
    problem : Problem
        The problem, with untrained parameters, and without a validation part.
    """
    estimator = clone(estimator)
    request = Request(X, y, sample_weight)
    settings, data = settle(estimator, request, Call.FIT)
    settings = replace(settings, early_stopping=False)
    return prepare(estimator, settings, data, request, Call.FIT, None)
