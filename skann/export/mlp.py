"""Conversion to scikit-learn's MLP, and from it.

Both have the same weight matrices, but differ otherwise: the MLP does not scale the
data, so a linear scaling is folded into its weights, and it supports fewer activations
and losses. Without scaling, the memory of the optimizer is converted as well.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.base import is_classifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from skann.core.types import FloatArray
from skann.data.scaling import BENDING, ColumnStatistics
from skann.estimators.classifier import BackpropClassifier
from skann.estimators.fitted import (
    model_of,
    target_of,
    training_state_of,
    used_settings,
    with_parts,
)
from skann.estimators.recipes import is_auto
from skann.estimators.regressor import BackpropRegressor
from skann.estimators.settings import Settings
from skann.estimators.sklearn_private import memory_of_mlp, remember_in_mlp
from skann.export.parts import refuse_unknown_parts
from skann.model import Model
from skann.training.optimizers import SGD, Adam
from skann.training.progress import Progress
from skann.training.stopping import Plateau

ACTIVATIONS_OF_MLP = ("identity", "logistic", "tanh", "relu")
SCHEDULES_OF_MLP = ("constant", "invscaling", "adaptive")
LOSSES_OF_MLP = {"classifier": ("log_loss",), "regressor": ("squared_error", "poisson")}
REMEDIES = {
    "columns": "They describe a table with categories or missing values. Encode and "
    "impute these in a preceding pipeline step, and fit to the numbers",
}

# The factor by which an MLP divides its rate with learning_rate="adaptive".
_REDUCTION = 5.0

_NAMES = ("n_iter_", "t_", "loss_", "best_loss_", "validation_scores_")


# ------------------------------------------------------------------- to scikit-learn


def to_sklearn(
    estimator: Any, *, with_memory: bool = False
) -> MLPClassifier | MLPRegressor:
    """Convert an estimator to scikit-learn's MLP with the same predictions.

    The scaling of inputs and targets is folded into the weights of the MLP. Training
    can continue with its `partial_fit`, but without the features that the MLP lacks
    (dropout, weight decay, other schedules, gradient clipping).

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    with_memory : bool, default=False
        Whether to convert the memory of the optimizer together with the weights, so
        that the next `partial_fit` equals that of the estimator. skops then requires
        the type of the optimizer to be trusted, as for any fitted MLP. The memory
        cannot be converted if inputs or targets are scaled, or after `finalize`.

    Returns
    -------
    mlp : MLPClassifier or MLPRegressor
        A fitted MLP, which does not depend on skann.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.

    ValueError
        If the MLP cannot express the network. The error message names the parameters to
        change.

    See Also
    --------
    from_sklearn : Convert scikit-learn's MLP to an estimator of skann.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skann import BackpropClassifier
    >>> from skann.export import to_sklearn
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = BackpropClassifier(
    ...     (20,), recipe="mlp", scaling="standard", solver="lbfgs", random_state=0
    ... )
    >>> mlp = to_sklearn(classifier.fit(X, y))
    >>> np.allclose(mlp.predict_proba(X), classifier.predict_proba(X))
    True
    >>> type(mlp).__name__
    'MLPClassifier'
    """
    model, target, settings = (
        model_of(estimator), target_of(estimator), used_settings(estimator),
    )  # fmt: skip
    _require_expressible(estimator, model, target, settings)
    mlp = _untrained(estimator, model, target, settings)
    if model.inputs is None and model.targets is None:
        weights, biases = (
            [array.copy() for array in arrays]
            for arrays in (estimator.coefs_, estimator.intercepts_)
        )
    else:
        weights, biases = model.fold_scaling()
    memory = None
    if with_memory and model.inputs is None and model.targets is None:
        memory = _memory_for_mlp(estimator, model, settings)
    mlp.coefs_, mlp.intercepts_ = weights, biases
    remember_in_mlp(mlp, memory)
    for name in _NAMES:
        setattr(mlp, name, copy.deepcopy(getattr(estimator, name)))
    if np.isnan(mlp.loss_):  # the weights were not trained
        mlp.best_loss_ = np.inf
    mlp.best_validation_score_ = estimator.best_validation_score_
    mlp.loss_curve_ = list(estimator.loss_curve_)
    if hasattr(estimator, "feature_names_in_"):
        mlp.feature_names_in_ = estimator.feature_names_in_.copy()
    return mlp


def _require_expressible(
    estimator: Any, model: Model, target: Any, settings: Settings
) -> None:
    """Raise an error for a network that the MLP cannot express."""
    refuse_unknown_parts(model, REMEDIES)
    architecture = model.architecture
    hidden = architecture.hidden_activations()
    own = [each for each in hidden if not isinstance(each, str)]
    known = not own and set(hidden) <= set(ACTIVATIONS_OF_MLP) and len(set(hidden)) <= 1
    losses = LOSSES_OF_MLP["classifier" if is_classifier(estimator) else "regressor"]
    natural = {"poisson": "exp", "squared_error": "identity"}.get(
        str(settings.loss), "logistic"
    )
    if target.kind == "labels" and target.classes.size > 2:
        natural = "softmax"
    activation = architecture.output_activation
    bends = model.inputs is not None and model.inputs.kind in BENDING
    n_classes = target.classes.size if target.kind == "labels" else 2
    against = {
        "n_members=1": (architecture.n_members > 1, "several networks"),
        "n_frequencies=0": (
            architecture.n_cosines > 0,
            "cosines of the inputs",
        ),
        f"activation in {ACTIVATIONS_OF_MLP}, one for all layers": (
            not known, f"activation={settings.activation!r}",
        ),
        f"loss in {losses}": (
            settings.loss not in losses, f"loss={settings.loss!r}",
        ),
        "output_activation='auto'": (
            activation != natural, f"output_activation={activation!r} here",
        ),
        "scaling='standard', 'minmax', 'robust' or None": (
            bends, f"scaling={model.architecture.scaling!r}",
        ),
        "y of two classes or more": (n_classes < 2, "a single class"),
        "solver='adam', 'sgd' or 'lbfgs'": (
            not isinstance(settings.solver, str | Adam | SGD),
            f"solver={settings.solver!r}",
        ),
    }  # fmt: skip
    found = {remedy: what for remedy, (holds, what) in against.items() if holds}
    if found:
        raise ValueError(
            f"scikit-learn's MLP does not support {', or '.join(found.values())}. Fit "
            f"with {'; '.join(found)}."
        )


def _untrained(
    estimator: Any, model: Model, target: Any, settings: Settings
) -> MLPClassifier | MLPRegressor:
    """Return an MLP of the same shape, initialised with a meaningless row."""
    kind = MLPClassifier if is_classifier(estimator) else MLPRegressor
    own = vars(settings)
    params = {
        name: own.get(name, default)
        for name, default in kind().get_params().items()
        if name in own and name != "activation"
    }
    params["shuffle"] = bool(params["shuffle"])  # by blocks or not
    hidden = model.architecture.hidden_activations()
    if hidden:
        params["activation"] = hidden[0]
    solver = settings.solver
    if isinstance(solver, Adam):
        params |= {"solver": "adam", **vars(solver)}
    elif isinstance(solver, SGD):
        params |= {"solver": "sgd", "momentum": solver.momentum}
        params["nesterovs_momentum"] = solver.nesterov
    if settings.learning_rate not in SCHEDULES_OF_MLP:
        params["learning_rate"] = "constant"
    if not is_auto(estimator.learning_rate) and (
        estimator.learning_rate in SCHEDULES_OF_MLP
    ):
        params["learning_rate"] = estimator.learning_rate  # "adam" ignores it
    stand_ins = {"early_stopping": False, "random_state": 0, "batch_size": "auto"}
    if params["solver"] == "lbfgs":
        stand_ins["solver"] = "adam"
    mlp = kind(**{**params, **stand_ins, "verbose": False})
    dtype = model.theta.dtype if model.inputs is None else np.float64
    X = np.zeros((1, model.architecture.layer_sizes[0]), dtype)
    n_outputs = model.architecture.layer_sizes[-1]
    if target.kind == "labels":
        mlp.partial_fit(X, target.classes[:1], classes=target.classes)
    elif target.kind == "indicators":
        labels = np.arange(n_outputs) % 2
        mlp.partial_fit(X, labels[np.newaxis], classes=target.classes)
    else:
        mlp.partial_fit(X, np.zeros(1) if n_outputs == 1 else np.zeros((1, n_outputs)))
    random_state = copy.deepcopy(settings.random_state)
    return mlp.set_params(
        **{name: params[name] for name in (*stand_ins, "verbose") if name in params}
        | {"random_state": random_state}
    )


def _memory_for_mlp(
    estimator: Any, model: Model, settings: Settings
) -> dict[str, Any] | None:
    """Return the memory of the optimizer, as an MLP stores it."""
    state, network = training_state_of(estimator), model.network
    if state.solver != settings.solver_name or state.optimizer is None:
        return None
    memory, optimizer = state.optimizer["optimizer"], settings.make_optimizer()
    progress = state.restored_progress()
    rate = float(settings.learning_rate_init)

    def arrays(flat: FloatArray, factor: float = 1.0) -> list[np.ndarray]:
        parts = [*network.weights(flat), *network.biases(flat)]
        return [factor * part for part in parts]

    values: dict[str, Any] = {"count": progress.plateau.count}
    if isinstance(optimizer, Adam):
        first, second = optimizer.factors_of_sums(memory["n_steps"])
        values |= {
            "t": memory["n_steps"],
            "ms": arrays(memory["sum"], first),
            "vs": arrays(memory["square_sum"], second),
        }
    else:
        values["velocities"] = arrays(memory["velocity"])
        rate = settings.make_schedule(0).rate(rate, progress)
    return {**values, "rate": rate}


# ----------------------------------------------------------------- from scikit-learn


def from_sklearn(mlp: Any) -> BackpropClassifier | BackpropRegressor:
    """Convert a fitted MLP of scikit-learn to an estimator of skann.

    The estimator makes the same predictions, and its next `partial_fit` equals that of
    the MLP up to rounding: the memory of the optimizer and a generator passed as
    `random_state` are copied. Gradient checks, traces and displays work on the result.

    Parameters
    ----------
    mlp : MLPClassifier, MLPRegressor or Pipeline
        A fitted MLP, or a fitted pipeline of a scaler and an MLP, which is converted to
        one estimator that scales its inputs. The scaler can be a `StandardScaler`,
        `MinMaxScaler` or `RobustScaler` with its default settings (or another
        `feature_range`). For a pipeline, the memory of the optimizer is not converted.
        The MLP or pipeline is not changed.

    Returns
    -------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator with the parameters of the MLP. `scaling` is None or, for a
        pipeline, that of its scaler, whose statistics are updated by `partial_fit`.

    Raises
    ------
    TypeError
        If `mlp` is another type of object.

    NotFittedError
        If `mlp` is not fitted.

    ValueError
        If the scaler has settings that no value of `scaling` corresponds to.

    See Also
    --------
    to_sklearn : Convert an estimator of skann to scikit-learn's MLP.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skann import check_gradient
    >>> from skann.export import from_sklearn
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier((5,), solver="lbfgs", max_iter=1000, random_state=0)
    >>> classifier = from_sklearn(mlp.fit(X, y))
    >>> np.allclose(mlp.predict_proba(X), classifier.predict_proba(X))
    True
    >>> check_gradient(classifier, X[::10], y[::10]).passed
    True
    """
    scaler = None
    if isinstance(mlp, Pipeline):
        scaler, mlp = _taken_apart(mlp)
    if not isinstance(mlp, MLPClassifier | MLPRegressor):
        raise TypeError(
            "from_sklearn needs an MLPClassifier, an MLPRegressor, or a pipeline of a "
            f"scaler and one of these. Got {type(mlp).__name__}."
        )
    check_is_fitted(mlp)
    params = mlp.get_params()
    if isinstance(params["random_state"], RandomState):
        params["random_state"] = copy.deepcopy(params["random_state"])
    kind: Any = BackpropRegressor
    given: dict[str, Any] = {}
    if is_classifier(mlp):
        kind = BackpropClassifier
        multilabel = mlp.out_activation_ == "logistic" and mlp.n_outputs_ > 1
        given = {"multilabel": True} if multilabel else {"classes": mlp.classes_}
    estimator = kind.from_weights(
        mlp.coefs_, mlp.intercepts_, **given, scaling=None, **params
    )
    model, scaling = model_of(estimator), None
    if scaler is not None:
        scaling, statistics, change = _statistics_of(scaler, _rows_of_an_epoch(mlp))
        architecture = replace(model.architecture, scaling=scaling)
        theta = model.theta.copy()
        model.network.absorb_input_change(theta, *change)
        model = replace(
            model, architecture=architecture, inputs=statistics, theta=theta
        )
    attributes = _attributes_of(mlp, estimator)
    names = getattr(mlp if scaler is None else scaler, "feature_names_in_", None)
    if names is not None:
        attributes["feature_names_in_"] = names.copy()
    return with_parts(
        estimator,
        model,
        _state_of(mlp, estimator, with_memory=scaler is None),
        params={"scaling": scaling},
        attributes=attributes,
    )


def _taken_apart(pipeline: Pipeline) -> tuple[Any, Any]:
    """Return the scaler of a pipeline, or None, and its MLP."""
    steps = [step for _, step in pipeline.steps if step not in (None, "passthrough")]
    if not 1 <= len(steps) <= 2:
        raise TypeError(
            "from_sklearn needs a pipeline of a scaler and an MLP. Got the steps "
            f"{[type(step).__name__ for step in steps]}. Pass only the MLP to "
            "from_sklearn, and put the result into a pipeline after the other steps."
        )
    check_is_fitted(steps[0])
    return (steps[0] if len(steps) == 2 else None), steps[-1]


def _attributes_of(mlp: Any, estimator: Any) -> dict[str, Any]:
    """Return the attributes of an estimator that describe the training of an MLP."""
    losses = [float(loss) for loss in getattr(mlp, "loss_curve_", [mlp.loss_])]
    scores = getattr(mlp, "validation_scores_", None)
    history: dict[str, list[Any]] = {
        name: [None] * len(losses) for name in estimator.history_
    }
    # These were not recorded.
    history["learning_rate"] = [np.nan] * len(losses)
    history["gradient_norm"] = [np.nan] * len(losses)
    history["seconds"] = [0.0] * len(losses)
    history |= {"epoch": list(range(1, len(losses) + 1)), "loss": losses}
    if scores is not None:
        scores = [float(score) for score in scores]
        history["validation_score"] = list(scores)
    return {
        "n_iter_": mlp.n_iter_,
        "t_": int(mlp.t_),
        "loss_": float(mlp.loss_),
        "loss_curve_": losses,
        "history_": history,
        "best_loss_": getattr(mlp, "best_loss_", float(mlp.loss_)),
        "validation_scores_": scores,
        "best_validation_score_": getattr(mlp, "best_validation_score_", None),
    }


def _state_of(mlp: Any, estimator: Any, *, with_memory: bool) -> Any:
    """Return the training state with which training of an MLP continues."""
    state, settings = training_state_of(estimator), used_settings(estimator)
    memory = memory_of_mlp(mlp)
    watches_score = mlp.early_stopping and mlp.solver != "lbfgs"
    best = getattr(mlp, "best_loss_", None)
    if watches_score:
        best = -mlp.best_validation_score_
    elif not is_classifier(mlp) and mlp.n_outputs_ > 1:
        best = None  # a mean over targets, where losses are sums here
    progress = Progress(
        n_epochs=len(getattr(mlp, "loss_curve_", [])),
        n_samples_seen=int(mlp.t_),
        n_reductions=_reductions(mlp, memory["rate"]),
        plateau=Plateau(
            best=np.inf if best is None else float(best),
            count=int(memory["count"]),
            watched="score" if watches_score else "loss",
        ),
    )
    state = replace(state, progress=progress.as_dict())
    if not with_memory or memory["rate"] is None:
        return state
    network = model_of(estimator).network
    dtype = model_of(estimator).theta.dtype

    def flat(arrays: list[np.ndarray], factor: float = 1.0) -> FloatArray:
        joined = np.empty(network.n_parameters, dtype)
        views = [*network.weights(joined), *network.biases(joined)]
        for view, array in zip(views, arrays, strict=True):
            np.divide(array, factor, out=view)
        return joined

    if mlp.solver == "adam":
        optimizer = settings.make_optimizer()
        assert isinstance(optimizer, Adam)
        first, second = optimizer.factors_of_sums(memory["t"])
        inner: dict[str, Any] = {
            "n_steps": memory["t"],
            "sum": flat(memory["ms"], first),
            "square_sum": flat(memory["vs"], second),
        }
        n_steps = memory["t"]
    else:
        inner, n_steps = {"velocity": flat(memory["velocities"])}, 0
    return replace(
        state,
        solver=settings.solver_name,
        optimizer={"n_steps": n_steps, "optimizer": inner},
    )


def _reductions(mlp: Any, rate: float | None) -> int:
    """Return how often a plateau has lowered the learning rate."""
    if mlp.solver != "sgd" or mlp.learning_rate != "adaptive" or rate is None:
        return 0
    return round(np.log(mlp.learning_rate_init / rate) / np.log(_REDUCTION))


def _rows_of_an_epoch(mlp: Any) -> float:
    """Return the number of rows in an epoch of an MLP, as far as it is known."""
    n_epochs = len(getattr(mlp, "loss_curve_", []))
    return mlp.t_ / n_epochs if n_epochs else 1.0


def _statistics_of(
    scaler: Any, n_rows: float
) -> tuple[str, ColumnStatistics, tuple[np.ndarray, np.ndarray]]:
    """Return the statistics of a scaler, and the change that they need.

    If a scaler does not store how many rows it has seen, `n_rows` is used. The change
    is a shift and a ratio: the output of the scaler is the output of the statistics,
    times the ratio, plus the shift.
    """
    n_columns = scaler.n_features_in_
    shift, ratio = np.zeros(n_columns), np.ones(n_columns)
    weight = float(np.max(getattr(scaler, "n_samples_seen_", n_rows)))
    if isinstance(scaler, StandardScaler) and scaler.with_mean and scaler.with_std:
        kind, center, spread = "standard", scaler.mean_, scaler.scale_
        low, high = center - spread, center + spread
    elif isinstance(scaler, MinMaxScaler) and not scaler.clip:
        kind, low, high = "minmax", scaler.data_min_, scaler.data_max_
        center, spread = low / 2 + high / 2, high / 2 - low / 2
        # scale_ is the slope of the scaler, and min_ its output for 0.
        scale = np.where(spread == 0, 1.0, spread)
        ratio, shift = scaler.scale_ * scale, scaler.scale_ * center + scaler.min_
    elif isinstance(scaler, RobustScaler) and _is_plain(scaler):
        kind, center, spread = "robust", scaler.center_, scaler.scale_
        low, high = center - spread, center + spread
    else:
        raise ValueError(
            "from_sklearn needs a StandardScaler, a MinMaxScaler without clip or a "
            f"RobustScaler, with default settings. Got {scaler!r}. Pass only the MLP "
            "to from_sklearn, and put the result into a pipeline after the scaler."
        )
    statistics = ColumnStatistics(
        kind=kind,
        weight=weight,
        precision="float64",
        center=center.astype(np.float64),
        spread=spread.astype(np.float64),
        low=low.astype(np.float64),
        high=high.astype(np.float64),
        # A scaler does not suppress new values in such a column.
        is_constant=np.zeros(n_columns, bool),
    )
    return kind, statistics, (shift, ratio)


def _is_plain(scaler: RobustScaler) -> bool:
    """Return whether a scaler uses the median and the interquartile range."""
    return (
        scaler.with_centering
        and scaler.with_scaling
        and not scaler.unit_variance
        and tuple(scaler.quantile_range) == (25.0, 75.0)
    )
