"""From settings and data to a problem that can be trained.

`prepare` reads from top to bottom as what comes before the first epoch: encode the
targets, choose the loss, draw the weights, set the validation part aside, and scale the
columns. It changes nothing but the state of a generator that the caller passed.
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
    RECENT_ROWS,
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
    """What a call goes on from.

    Parameters
    ----------
    model : Model
        What was trained.

    target : Target
        What it predicts.

    state : TrainingState
        Where training has ended.

    choice : Choice
        The recipe by which it was trained.

    history : dict of lists
        A row per epoch.

    n_iter : int
        The number of epochs of the last fit, and of the pieces since.

    folds : ndarray of int of shape (n_samples,) or None
        For each row of the last fit the number of the member that has not learned from
        it; None if there is none.
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
    """What is to be trained, and from where.

    Parameters
    ----------
    settings : Settings
        How to train.

    names : dict
        What is to be remembered of the columns.

    call : Call
        What is asked for.

    past : Past or None
        What it goes on from.

    target : Target
        The kind of target.

    model : Model
        The model before the first step.

    objective : Objective
        What to make small.

    data : TrainingData
        The scaled data.

    validation : Validation or None
        What is scored after each epoch.

    folds : OutOfFold or None
        What judges members by the rows that they leave out.

    best_theta : ndarray of shape (n_parameters,) or None
        The best parameters of before.

    progress : Progress
        How far training has come.

    random_state : RandomState
        Shuffles the samples.

    dropout : numpy.random.Generator, list of them, or None
        What leaves hidden units out, of each member.
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
        """Ndarray of int or None : The rows to learn from, or None for all."""
        return None if self.validation is None else self.validation.part.training_rows


def prepare(
    estimator: Any,
    settings: Settings,
    data: CheckedData,
    request: Request,
    call: Call,
    past: Past | None,
) -> Problem:
    """Return the problem that a call of `fit` or `partial_fit` is to train.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        Whose problem it is; says how to read targets. It is not changed.

    settings : Settings
        Its parameters.

    data : CheckedData
        The training data, checked.

    request : Request
        What the caller passed.

    call : Call
        What is asked for.

    past : Past or None
        What to go on from.

    Returns
    -------
    problem : Problem
        The problem.

    Raises
    ------
    ValueError
        If settings and data, or either and the past, do not go together.
    """
    X = data.X
    earlier = None if past is None else past.target
    target, encoded = estimator._read_target(
        data.y, settings, call, earlier, request.classes, data.sample_weight
    )
    weight = target.weigh(settings, encoded, data.sample_weight, call)
    loss = joined_loss(settings, target, encoded)
    architecture = make_architecture(settings, data, encoded.shape[1], loss, past)

    # Weights, validation split and shuffles are drawn in this order, which is that of
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
    """Write the caller's weights and biases into those of the model."""
    network, theta = model.network, model.theta
    if request.coef_init is not None:
        assign_layers(network.weights(theta), request.coef_init, "coef_init")
    if request.intercept_init is not None:
        assign_layers(network.biases(theta), request.intercept_init, "intercept_init")


def _predictor(estimator, target, model):
    """Return a copy of an estimator that predicts by a model, from matrices."""
    copied = copy.copy(estimator)
    # What it is given has become a matrix, whose columns have no names.
    names = {"n_features_in_": model.architecture.layer_sizes[0]}
    vars(copied).update(names, **target.fitted_attributes())
    vars(copied).update(_target=target, _model=replace(model, columns=None))
    vars(copied).pop("feature_names_in_", None)
    return copied


def objective_of(settings, model, loss, dropout=0.0):
    """Return what training makes small."""
    network = model.architecture.network(dropout)
    return Objective(network, model.loss_in_units(loss), settings.alpha)


def joined_loss(settings: Settings, target: Target, encoded: FloatArray) -> Loss:
    """Return the loss joined with its output activation, fit for the targets."""
    loss = target.loss(settings)
    output_activation = settings.output_activation
    if output_activation == "auto":
        output_activation = target.output_activation(loss, encoded.shape[1])
    joined = make_loss(loss, output_activation)
    joined.check_n_outputs(encoded.shape[1])
    check_target_range(joined, encoded, "y")
    return joined


def _own_part(estimator, settings, request, training, target, loss, learned):
    """Return the user's own validation data, checked and encoded, or None."""
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
        # As in a stream, some of the classes may be missing.
        _, encoded = estimator._read_target(
            data.y, settings, Call.NEXT_PIECE, target, None, data.sample_weight
        )
        if encoded.shape[1] != learned.shape[1]:
            raise ValueError(
                f"y has {encoded.shape[1]} outputs. Those to learn from have "
                f"{learned.shape[1]}."
            )
        if encoded.shape[0] < 2:
            raise ValueError("one sample is too few for a score.")
    except ValueError as error:
        raise ValueError(f"In the validation data: {error}") from error
    check_target_range(loss, encoded, "y_val")
    return ValidationPart(data.X, encoded, data.sample_weight)


def make_architecture(settings, data, n_outputs, loss, past):
    """Return what the network is made of; the one that was trained stays as it is."""
    X = data.X
    activation = settings.activation
    if not isinstance(activation, str | HiddenActivation):
        activation = tuple(activation)
    # A copy, which does not change with the caller's object.
    activation = copy.deepcopy(activation)
    dtype = settings.dtype
    if dtype is None:
        dtype = X.dtype.name if past is None else past.model.architecture.dtype
    output_dtype = dtype
    if "dtype" in settings.auto_params:
        # A network in float32 still predicts in the precision of the data.
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
    """Return the random generator; an int seed goes on where the last call left."""
    random_state = check_random_state(settings.random_state)
    state = None if past is None else past.state.random_state
    if state is not None and isinstance(settings.random_state, Integral):
        random_state.set_state(state)
    return random_state


def start_parameters(settings, architecture, random_state, call, past):
    """Return the parameters to start from, and the best so far or None."""
    if past is None:
        network, dtype = architecture.network(), np.dtype(architecture.dtype)
        thetas = [
            network.draw(settings.init, random_state, dtype)
            for _ in range(architecture.n_members)
        ]
        if len(thetas) == 1:
            return thetas[0], None
        theta = np.stack(thetas)
        for group in groups_in(theta):  # whose members share their cosines
            for part in network.layout.shared:
                group[1:, part] = group[0, part]
        return theta, None
    # What is counted on goes on from the last parameters, not from the best.
    last = past.state.theta if call.counts_on else None
    theta = (past.model.theta if last is None else last).copy()
    keeps_best = settings.early_stopping or settings.restore_best_weights
    return theta, past.model.theta.copy() if keeps_best else None


def _weigh(sample_weight, training_rows, n_samples, call, past):
    """Return the progress with the mean weight, and the weights to learn with."""
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
    """Return the statistics of the inputs, None if they are not scaled."""
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
        if call is Call.NEXT_PIECE and settings.scaling == "adaptive":
            known = known.fade(RECENT_ROWS * inputs.weight / X.shape[0])
        if call is Call.NEXT_PIECE or (known and settings.scaling == "bounded"):
            inputs = known.merge(inputs)
    return inputs


def _measure_targets(settings, target, loss, learned, weight, call, past):
    """Return the statistics of the targets, None if they are not scaled."""
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
    """Change parameters in place so that predictions survive a change of scaling.

    They are to follow a scaling that is adaptive.
    """
    if theta is None:
        return
    network = new.network
    with np.errstate(over="ignore", invalid="ignore"):
        follows = new.inputs is not None and new.inputs.kind == "adaptive"
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
            "The scale of X or y has changed so much that no weights in "
            f"{theta.dtype} could absorb it. Call fit with warm_start=False to start "
            "anew."
        )


def scale_data(model, loss, X, learned, sample_weight, mean_weight):
    """Return the data as the network takes them."""
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
                # Only ratios matter, and those of float64 may not fit into float32.
                sample_weight, mean_weight = sample_weight / mean_weight, 1.0
            sample_weight = sample_weight.astype(dtype)
    check_size(largest if isinstance(largest, np.ndarray) else largest.data, "X")
    check_size(encoded, "y")
    if loss.target_scaling != "affine":
        check_target_range(loss, encoded, f"y, in {dtype} and scaled")
    if sample_weight is not None and not np.isfinite(sample_weight).all():
        raise ValueError(
            f"sample_weight holds values that are too large for {dtype}. "
            "Divide them by their mean: only their ratios matter."
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
    """Return what draws the units and labels that are left out; None if none are.

    It has a generator of its own, so that other random numbers stay what they are.
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
    """Return a generator for a network, or for a member by its number."""
    entropy = None if seed is None else [int(seed), 1, *member]
    generator = np.random.default_rng(entropy)
    if state is not None:
        generator.bit_generator.state = state
    return generator
