"""Preparation of a training problem from settings and data.

`prepare` shows, from top to bottom, the steps before the first epoch: encode the
targets, choose the loss, draw the weights, set aside the validation part, and scale the
columns. It changes nothing except the state of a generator passed by the caller.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import RandomState
from scipy import sparse
from sklearn.utils import check_random_state

from skann.core.activations import HiddenActivation
from skann.core.losses import Loss, make_loss
from skann.core.members import groups_in
from skann.core.objective import Objective
from skann.core.types import FloatArray, Generators
from skann.data.measuring import row_blocks
from skann.data.rows import TrainingData
from skann.data.scaling import (
    FOLLOWED,
    absorb_target_scaling,
    change_of_scaling,
    column_statistics,
    scale_columns,
)
from skann.data.stored import StoredRows
from skann.estimators.checks import (
    assign_layers,
    check_size,
    check_target_range,
    learning_weight,
)
from skann.estimators.folds import OutOfFold, leave_out
from skann.estimators.inputs import (
    CheckedData,
    Reading,
    Request,
    check_data,
)
from skann.estimators.recipes import Choice
from skann.estimators.settings import (
    Settings,
)
from skann.estimators.targets import Target
from skann.estimators.validation import Validation, ValidationPart, set_aside
from skann.model import Architecture, Model
from skann.training.call import Call
from skann.training.history import History
from skann.training.progress import Progress
from skann.training.state import TrainingState


@dataclass(frozen=True, eq=False)
class Past:
    """The past training that a call continues.

    Parameters
    ----------
    model : Model
        The trained model.

    target : Target
        The target of the model.

    state : TrainingState
        The state in which training ended.

    choice : Choice
        The recipe that was used for training.

    history : dict of lists
        The history of training, with one row per epoch.

    n_iter : int
        The number of epochs of the last fit, and of all pieces since.

    folds : ndarray of int of shape (n_samples,) or None
        For each row of the last fit, the index of the member that left it out; None if
        members did not leave out folds.
    """

    model: Model
    target: Target
    state: TrainingState
    choice: Choice
    history: History
    n_iter: int
    folds: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Problem:
    """A training problem, including the starting point.

    Parameters
    ----------
    settings : Settings
        The settings of training.

    names : dict
        The number and names of the columns.

    call : Call
        The kind of call.

    past : Past or None
        The past training that is continued.

    target : Target
        The kind of target.

    model : Model
        The model before the first step.

    objective : Objective
        The objective to minimise.

    data : TrainingData
        The scaled data.

    validation : Validation or None
        The validation data, which are scored after each epoch.

    folds : OutOfFold or None
        Evaluates members on the rows that they leave out.

    best_theta : ndarray of shape (n_parameters,) or None
        The best parameters of past training.

    progress : Progress
        The progress of training.

    random_state : RandomState
        Shuffles the samples.

    dropout : numpy.random.Generator, list of them, or None
        The generators for dropout, one per member.
    """

    settings: Settings
    names: dict[str, Any]
    call: Call
    past: Past | None
    target: Target
    model: Model
    objective: Objective
    data: TrainingData
    validation: Validation | None
    folds: OutOfFold | None
    best_theta: FloatArray | None
    progress: Progress
    random_state: RandomState
    dropout: Generators | None

    @property
    def training_rows(self) -> np.ndarray | None:
        """The training rows, or None for all."""
        return None if self.validation is None else self.validation.part.training_rows


def prepare(
    estimator: Any,
    settings: Settings,
    data: CheckedData,
    request: Request,
    call: Call,
    past: Past | None,
) -> Problem:
    """Return the training problem for a call of `fit` or `partial_fit`.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator, which reads the targets. It is not changed.

    settings : Settings
        The parameters of the estimator.

    data : CheckedData
        The training data, checked.

    request : Request
        The arguments passed by the caller.

    call : Call
        The kind of call.

    past : Past or None
        The past training to continue, if any.

    Returns
    -------
    problem : Problem
        The problem.

    Raises
    ------
    ValueError
        If settings, data and past training are not compatible.
    """
    X = data.X
    earlier = None if past is None else past.target
    target, encoded = estimator._read_target(
        data.y, settings, call, earlier, request.classes, data.sample_weight
    )
    weight = target.weigh(settings, encoded, data.sample_weight, call)
    loss = joined_loss(settings, target, encoded)
    architecture = make_architecture(settings, data, encoded.shape[1], loss, past)

    # Weights, validation split and shuffling are drawn in the same order as in
    # scikit-learn's MLP.
    random_state = make_generator(settings, past)
    theta, best_theta = start_parameters(
        settings, architecture, random_state, call, past
    )
    part = _own_part(estimator, settings, request, data, target, loss, encoded)
    split = None if past is None else past.state.split
    if part is None:
        part = set_aside(settings, target, X, encoded, weight, random_state, split)
    folds = leave_out(settings, call, target, encoded, random_state, split)
    training_rows = None if part is None else part.training_rows
    progress, learning = _weigh(weight, training_rows, X.shape[0], call, past)
    inputs = _measure_inputs(settings, data, learning, call, past)
    learned = target.soften(settings, encoded, weight)
    targets = _measure_targets(settings, target, loss, learned, learning, call, past)
    model = Model(architecture, theta, inputs, targets, columns=data.columns)
    if part is not None:
        part = replace(part, X=model.filled(part.X))
    if past is not None:
        calibration = past.model.temperature, past.model.offsets
        model = replace(model, temperature=calibration[0], offsets=calibration[1])
        absorb_change(past.model, model, theta)
        absorb_change(past.model, model, best_theta)
    training_data = scale_data(model, loss, X, learned, weight, progress.mean_weight)
    training_data = replace(training_data, folds=folds and folds.numbers)
    assign_initial(model, request)
    return Problem(
        settings=settings,
        names=data.names,
        call=call,
        past=past,
        target=target,
        model=model,
        objective=objective_of(settings, model, loss, settings.dropout),
        data=training_data,
        validation=part
        and Validation(
            part,
            scoring=settings.scoring,
            model=model,
            target=target,
            loss=loss,
            scaled_X=training_data.X,
            as_estimator=lambda model: _predictor(estimator, target, model),
        ),
        folds=None
        if folds is None
        else folds.judge(settings, model, loss, training_data, encoded),
        best_theta=best_theta,
        progress=progress,
        random_state=random_state,
        dropout=make_dropout(settings, past, architecture),
    )


def assign_initial(model, request):
    """Copy the initial weights and biases of the caller to the model."""
    network, theta = model.network, model.theta
    if request.coef_init is not None:
        assign_layers(network.weights(theta), request.coef_init, "coef_init")
    if request.intercept_init is not None:
        assign_layers(network.biases(theta), request.intercept_init, "intercept_init")


def _predictor(estimator, target, model):
    """Return a copy of an estimator that predicts with a model, from matrices."""
    copied = copy.copy(estimator)
    # Its inputs have been converted to a matrix, whose columns have no names.
    names = {"n_features_in_": model.architecture.layer_sizes[0]}
    vars(copied).update(names, **target.fitted_attributes())
    vars(copied).update(_target=target, _model=replace(model, columns=None))
    vars(copied).pop("feature_names_in_", None)
    return copied


def objective_of(settings, model, loss, dropout=0.0):
    """Return the objective that training minimises."""
    network = model.architecture.network(dropout)
    return Objective(network, model.loss_in_units(loss), settings.alpha)


def joined_loss(settings: Settings, target: Target, encoded: FloatArray) -> Loss:
    """Return the loss with its output activation, checked for the targets."""
    loss = target.loss(settings)
    output_activation = settings.output_activation
    if output_activation == "auto":
        output_activation = target.output_activation(loss, encoded.shape[1])
    joined = make_loss(loss, output_activation)
    joined.check_n_outputs(encoded.shape[1])
    check_target_range(joined, encoded, "y")
    return joined


def _own_part(estimator, settings, request, training, target, loss, learned):
    """Return the validation data passed by the user, checked and encoded, or None."""
    passed = request.validation_data
    if passed is None:
        return None
    try:
        reading = Reading(
            names=training.names,
            columns=training.columns,
            takes_tables=settings.scaling is not None,
        )
        data = check_data(estimator, *passed, reading=reading)
        # As in a data stream, some classes may be missing.
        _, encoded = estimator._read_target(
            data.y, settings, Call.NEXT_PIECE, target, None, data.sample_weight
        )
        if encoded.shape[1] != learned.shape[1]:
            raise ValueError(
                f"y has {encoded.shape[1]} outputs, but the training targets have "
                f"{learned.shape[1]}."
            )
        if encoded.shape[0] < 2:
            raise ValueError("a score needs at least two samples. Got one.")
    except ValueError as error:
        raise ValueError(f"In the validation data: {error}") from error
    check_target_range(loss, encoded, "y_val")
    return ValidationPart(data.X, encoded, data.sample_weight)


def make_architecture(settings, data, n_outputs, loss, past):
    """Return the architecture of the network; that of a trained network is kept."""
    X = data.X
    activation = settings.activation
    if not isinstance(activation, str | HiddenActivation):
        activation = tuple(activation)
    # A copy, so that it does not change with the caller's object.
    activation = copy.deepcopy(activation)
    dtype = settings.dtype
    if dtype is None:
        dtype = X.dtype.name if past is None else past.model.architecture.dtype
    output_dtype = dtype
    if "dtype" in settings.auto_params:
        # A float32 network still predicts in the precision of the data.
        trained = None if past is None else past.model.architecture
        output_dtype = X.dtype.name if trained is None else trained.output_dtype
    architecture = Architecture(
        layer_sizes=(X.shape[1], *settings.hidden_layer_sizes, n_outputs),
        activation=activation,
        output_activation=loss.output_activation.name,
        scaling=settings.scaling,
        n_frequencies=settings.n_frequencies,
        n_members=settings.n_members,
        dtype=dtype,
        output_dtype=output_dtype,
        frequency_scale=settings.frequency_scale,
        n_indicators=data.n_indicators,
        n_levels=() if data.columns is None else data.columns.n_levels,
    )
    if past is not None:
        past.model.architecture.require_same(architecture)
    return architecture


def make_generator(settings, past):
    """Return the random generator; an int seed continues its earlier sequence."""
    random_state = check_random_state(settings.random_state)
    state = None if past is None else past.state.random_state
    if state is not None and isinstance(settings.random_state, Integral):
        random_state.set_state(state)
    return random_state


def start_parameters(settings, architecture, random_state, call, past):
    """Return the initial parameters, and the best so far or None."""
    if past is None:
        network, dtype = architecture.network(), np.dtype(architecture.dtype)
        thetas = [
            network.draw(settings.init, random_state, dtype)
            for _ in range(architecture.n_members)
        ]
        if len(thetas) == 1:
            return thetas[0], None
        theta = np.stack(thetas)
        for group in groups_in(theta):  # the members of a group share their cosines
            for part in network.layout.shared:
                group[1:, part] = group[0, part]
        return theta, None
    # Continued training starts from the last parameters, not from the best.
    last = past.state.theta if call.counts_on else None
    theta = (past.model.theta if last is None else last).copy()
    keeps_best = settings.early_stopping or settings.restore_best_weights
    return theta, past.model.theta.copy() if keeps_best else None


def _weigh(sample_weight, training_rows, n_samples, call, past):
    """Return the progress with the mean weight, and the training weights."""
    progress = Progress() if past is None else past.state.restored_progress()
    weight = learning_weight(sample_weight, training_rows, n_samples)
    n_learning = n_samples if training_rows is None else training_rows.size
    mean_weight = 1.0 if weight is None else float(weight.sum()) / n_learning
    if call is Call.NEXT_PIECE:
        progress.merge_weight(mean_weight, n_learning)
    else:
        progress.mean_weight = mean_weight
    return progress, weight


def _measure_inputs(settings, data, weight, call, past):
    """Return the statistics of the inputs; None if they are not scaled."""
    X, n_indicators = data.X, data.n_indicators
    known = None if past is None else past.model.inputs
    if _counts_for_nothing(weight) or (known is not None and known.is_settled):
        return known
    if settings.scaling is None:
        return None
    if known is None:
        ranked = settings.takes_ranks(X.shape[0], is_sparse=sparse.issparse(X))
        ranked = ranked and X.shape[1] > n_indicators
    else:
        ranked = known.quantiles is not None
    with np.errstate(over="ignore", invalid="ignore"):
        inputs = column_statistics(
            X, weight, settings.scaling, ranked=ranked, n_indicators=n_indicators
        )
        if call is Call.NEXT_PIECE:
            known = known.fade(inputs.weight / X.shape[0])
        if call is Call.NEXT_PIECE or (known and settings.scaling == "bounded"):
            inputs = known.merge(inputs)
    return inputs


def _measure_targets(settings, target, loss, learned, weight, call, past):
    """Return the statistics of the targets; None if they are not scaled."""
    known = None if past is None else past.model.targets
    if _counts_for_nothing(weight):
        return known
    kind = target.scaling(loss, settings)
    if kind is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        targets = column_statistics(learned, weight, kind)
        if call is Call.NEXT_PIECE and known is not None:
            targets = known.merge(targets)
    return targets


def _counts_for_nothing(weight):
    """Return whether no row of a batch has any weight."""
    return weight is not None and not weight.any()


def absorb_change(old: Model, new: Model, theta: FloatArray | None) -> None:
    """Adapt parameters in place so that a change of scaling keeps the predictions.

    With "adaptive" or "stream", predictions are meant to change with the scaling.
    """
    if theta is None:
        return
    network = new.network
    with np.errstate(over="ignore", invalid="ignore"):
        follows = new.inputs is not None and new.inputs.kind in FOLLOWED
        if old.inputs is not None and new.inputs is not None and not follows:
            change = change_of_scaling(old.inputs, new.inputs)
            network.absorb_input_change(theta, *change)
        for member in theta.reshape(-1, network.n_parameters):
            weights, biases = network.weights(member), network.biases(member)
            absorb_target_scaling(
                weights[-1], biases[-1], old.targets, new.targets, log_link=new.log_link
            )
    if not np.isfinite(theta).all():
        raise ValueError(
            "The scale of X or y has changed so much that the weights overflow in "
            f"{theta.dtype}. Call fit with warm_start=False to start again."
        )


def scale_data(model, loss, X, learned, sample_weight, mean_weight):
    """Return the data as inputs of the network."""
    dtype = model.theta.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(X, StoredRows):
            largest = _largest_cells(X, model)
            X = model.scaled(X)
        else:
            largest = X = scale_columns(X, model.inputs, dtype)
        encoded = scale_columns(learned, model.targets, dtype)
        if sample_weight is not None:
            if model.architecture.output_dtype != dtype:
                # Only ratios matter, but float64 weights may exceed the range of
                # float32.
                sample_weight, mean_weight = sample_weight / mean_weight, 1.0
            sample_weight = sample_weight.astype(dtype)
    check_size(largest if isinstance(largest, np.ndarray) else largest.data, "X")
    check_size(encoded, "y")
    if loss.target_scaling != "affine":
        check_target_range(loss, encoded, f"y, in {dtype} and scaled")
    if sample_weight is not None and not np.isfinite(sample_weight).all():
        raise ValueError(
            f"sample_weight contains values that are too large for {dtype}. "
            "Divide them by their mean, since only their ratios matter."
        )
    return TrainingData(X, encoded, sample_weight, mean_weight)


def _largest_cells(X, model):
    """Return two rows with the smallest and the largest scaled cell of each column."""
    extremes = np.full((2, X.shape[1]), np.nan)
    for block in row_blocks(X):
        rows = X[block]
        np.fmin(extremes[0], rows.min(axis=0), out=extremes[0])
        np.fmax(extremes[1], rows.max(axis=0), out=extremes[1])
    inputs = model.inputs and replace(model.inputs, quantiles=None)  # ranks are small
    return scale_columns(extremes, inputs, model.theta.dtype)


def make_dropout(settings, past, architecture=None):
    """Return the random generators for dropout and label dropout, or None.

    They are separate, so dropout does not change any other random numbers.
    """
    has_vectors = architecture is not None and architecture.n_levels
    forgets = has_vectors and settings.is_stochastic
    if not (any(settings.dropout) or forgets):
        return None
    seed = settings.random_state
    if isinstance(seed, RandomState):
        seed = copy.deepcopy(seed).randint(np.iinfo(np.int32).max)
    state = None if past is None else past.state.dropout
    if settings.n_members == 1:
        return _dropout_generator(seed, (), state)
    states = state or [None] * settings.n_members
    return [
        _dropout_generator(seed, (number,), states[number])
        for number in range(settings.n_members)
    ]


def _dropout_generator(seed, member, state):
    """Return a generator for a network, or for a member with a given index."""
    entropy = None if seed is None else [int(seed), 1, *member]
    generator = np.random.default_rng(entropy)
    if state is not None:
        generator.bit_generator.state = state
    return generator
