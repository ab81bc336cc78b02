"""Preparation of a problem whose rows are on the workers.

`prepare_elsewhere` corresponds to `settle` and `prepare` for arrays: the workers check
and measure their blocks, and the results are merged here, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from distributed import Future

from skann.dask import blocks as work
from skann.dask.cluster import Cluster
from skann.dask.collections import aligned_blocks
from skann.dask.refusing import refuse_settings
from skann.dask.rows import Blocks, RowsElsewhere, ValidationElsewhere, joined_targets
from skann.data.scaling import ColumnStatistics
from skann.estimators.class_weights import weigh_labels
from skann.estimators.inputs import CheckedData, Request
from skann.estimators.problem import (
    Past,
    Problem,
    absorb_change,
    assign_initial,
    joined_loss,
    make_architecture,
    make_dropout,
    make_generator,
    objective_of,
    start_parameters,
)
from skann.estimators.recipes import (
    ROWS_OF_A_STEP,
    Table,
    auto_values,
    choose_recipe,
    first_cycle,
    is_auto,
)
from skann.estimators.settings import Settings, check_parameters, resolve
from skann.estimators.targets import Labels, read_labels, read_numbers
from skann.estimators.validation import ValidationPart, set_aside
from skann.model import Model
from skann.training.call import Call
from skann.training.progress import Progress

# The number of rows used to detect collinear columns, as in a local fit.
_ROWS_TO_LOOK_AT = 500

# With batch_size="auto", an epoch has at most this many steps, since each needs
# communication.
STEPS_PER_EPOCH = 500


@dataclass(frozen=True, eq=False)
class Collected:
    """The blocks as they were read, and facts about all of them."""

    cluster: Cluster
    futures: list[Future]
    facts: list[work.Facts]
    y: np.ndarray
    stand_in: CheckedData

    @property
    def n_samples(self) -> int:
        """The number of rows."""
        return sum(fact.n_rows for fact in self.facts)

    @property
    def starts(self) -> np.ndarray:
        """The index of the first row of each block."""
        lengths = [fact.n_rows for fact in self.facts]
        return np.append(0, np.cumsum(lengths)[:-1])


def read_collections(
    cluster: Cluster, estimator: Any, request: Request, of_classes: bool
) -> Collected:
    """Return the training data, read by the workers.

    Parameters
    ----------
    cluster : Cluster
        The workers.

    estimator : BackpropClassifier or BackpropRegressor
        The estimator to fit.

    request : Request
        The arguments passed by the caller.

    of_classes : bool
        Whether the targets are class labels.

    Raises
    ------
    ValueError
        If a block is invalid, or if the blocks differ in their columns.
    """
    aligned = aligned_blocks(cluster, request.X, request.y, request.sample_weight)
    futures = cluster.map(
        work.read_block,
        [estimator] * len(aligned),
        list(range(len(aligned))),
        *map(list, zip(*aligned, strict=True)),
    )
    del aligned  # so that the workers can free the raw data
    facts = cluster.gather(
        cluster.map(work.facts_of, futures, [of_classes] * len(futures))
    )
    names = facts[0].names
    for number, fact in enumerate(facts):
        same = fact.names.keys() == names.keys() and all(
            np.array_equal(fact.names[key], names[key]) for key in names
        )
        if not same or fact.is_sparse != facts[0].is_sparse:
            raise ValueError(
                f"The columns of block {number} of X differ from those of the first "
                f"block: {_described(fact)} instead of {_described(facts[0])}."
            )
    dtype = np.result_type(*[fact.dtype for fact in facts])
    y = np.concatenate([fact.y for fact in facts])
    X = np.empty((0, names["n_features_in_"]), dtype)
    return Collected(cluster, futures, facts, y, CheckedData(X, y, None, names, None))


def _described(fact):
    """Describe the columns of a block in words."""
    kind = "sparse" if fact.is_sparse else "dense"
    names = fact.names.get("feature_names_in_")
    return f"{fact.names['n_features_in_']} {kind} columns" + (
        "" if names is None else f" {list(names)}"
    )


def settle_elsewhere(
    estimator: Any, table: Collected, call: Call, past: Past | None
) -> Settings:
    """Return all settings of a fit whose rows are on the workers.

    They are those of a single network, with `scaling="standard"` instead of the
    recipe's "bounded", which needs all rows at once. Cosines are therefore functions of
    the scaled columns instead of ranks. `batch_size="auto"` is at least a 500th of the
    rows.
    """
    params = check_parameters(estimator)
    refuse_settings(params)
    chosen = {**params, "n_members": 1}
    n_samples = table.n_samples
    earlier = None if past is None else past.choice
    trained = None if past is None else past.model.architecture
    choice = choose_recipe(chosen, call, n_samples, earlier)
    sample = Table(_sample(table), n_rows=n_samples)
    auto_params, own_epochs = auto_values(chosen, call, choice.recipe, sample, trained)
    if is_auto(params["n_members"]):
        auto_params["n_members"] = 1
    if auto_params.get("scaling") == "bounded":
        auto_params["scaling"] = "standard"
    settings = resolve(params, auto_params, choice, own_epochs)
    if is_auto(settings.batch_size):
        least = -(-n_samples // STEPS_PER_EPOCH)
        settings = replace(
            settings, batch_size=min(n_samples, max(ROWS_OF_A_STEP, least))
        )
    return replace(settings, first_cycle=first_cycle(n_samples))


def _sample(table):
    """Return evenly spaced rows, like those that a local fit would examine."""
    if table.facts[0].is_sparse:
        return table.stand_in.X
    step = max(1, table.n_samples // _ROWS_TO_LOOK_AT)
    starts = [int(-start % step) for start in table.starts]
    cluster = table.cluster
    parts = cluster.gather(
        cluster.map(work.rows_at, table.futures, starts, [step] * len(starts))
    )
    return np.concatenate(parts)


def prepare_elsewhere(
    cluster: Cluster,
    estimator: Any,
    request: Request,
    call: Call,
    past: Past | None,
    of_classes: bool,
) -> tuple[Problem, Blocks]:
    """Return the problem of a fit to collections, and its blocks.

    Parameters
    ----------
    cluster : Cluster
        The workers.

    estimator : BackpropClassifier or BackpropRegressor
        The plain estimator with the parameters of the fit.

    request : Request
        The arguments passed by the caller.

    call : Call
        The kind of call.

    past : Past or None
        The past training to continue, if any.

    of_classes : bool
        Whether the targets are class labels.

    Raises
    ------
    ValueError
        If settings and data do not match, or cannot be computed from blocks.
    """
    table = read_collections(cluster, estimator, request, of_classes)
    settings = settle_elsewhere(estimator, table, call, past)
    earlier = None if past is None else past.target
    read = read_labels if of_classes else read_numbers
    target, few = read(table.y, settings, call, earlier, None, None)
    loss = joined_loss(settings, target, few)
    encoding = work.Encoding(of_classes, settings, target, loss)
    architecture = make_architecture(settings, table.stand_in, few.shape[1], loss, past)

    # In the same order as a local fit: weights, split, shuffling.
    random_state = make_generator(settings, past)
    theta, best_theta = start_parameters(
        settings, architecture, random_state, call, past
    )
    weighing = _weighing(table, encoding)
    part = _set_aside(table, encoding, weighing, request, random_state, past)
    learning = _learning_rows(table, part)
    measured = _measure(table, encoding, weighing, learning)
    model = Model(architecture, theta, *measured.statistics)
    if past is not None:
        absorb_change(past.model, model, theta)
        absorb_change(past.model, model, best_theta)
    objective = objective_of(settings, model, loss, settings.dropout)
    blocks, mean_weight = _scaled_blocks(
        table,
        encoding,
        weighing,
        learning,
        objective,
        model,
        measured,
        keeps_raw=part is not None,
    )
    assign_initial(model, request)
    validation = _validation(
        table, blocks, encoding, weighing, part, request, estimator, model
    )
    progress = Progress() if past is None else past.state.restored_progress()
    progress.mean_weight = measured.mean_weight
    data: Any = RowsElsewhere(table.n_samples, mean_weight)
    scorer: Any = validation
    problem = Problem(
        settings=settings,
        names=table.stand_in.names,
        call=call,
        past=past,
        target=target,
        model=model,
        objective=objective,
        data=data,
        validation=scorer,
        folds=None,
        best_theta=best_theta,
        progress=progress,
        random_state=random_state,
        dropout=make_dropout(settings, past),
    )
    return problem, blocks


def _weighing(table, encoding):
    """Return the weights of classes and the mean target, from the sums of blocks."""
    settings, target = encoding.settings, encoding.target
    cluster, n_blocks = table.cluster, len(table.futures)
    totals = cluster.gather(
        cluster.map(work.totals_of, table.futures, [encoding] * n_blocks)
    )
    weight = sum(of_block for of_block, _ in totals)
    if weight == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if not np.isfinite(weight):
        raise ValueError("The sum of sample_weight is too large for float64.")
    sums = np.sum([of_block for _, of_block in totals], axis=0)
    factors = None
    if encoding.of_classes and settings.class_weight is not None:
        if not isinstance(target, Labels):
            raise ValueError(
                f"class_weight={settings.class_weight!r} is only supported for class "
                "labels here, but y is an indicator matrix. Use sample_weight."
            )
        counts = sums if sums.size > 1 else np.append(weight - sums, sums)
        counts = counts[-target.classes.size :]
        factors = _class_factors(settings.class_weight, target.classes, counts)
        sums, weight = _weighted(sums, counts, factors)
    mean = None
    is_smooth = settings.label_smoothing > 0 and encoding.of_classes
    if is_smooth and target.classes.size > 1:
        mean = sums / weight
    return work.Weighing(factors, mean)


def _class_factors(class_weight, classes, counts):
    """Return the weight of each class, given the summed weights of the classes."""
    labels = [(classes, classes)]
    weights = weigh_labels(class_weight, labels, counts, Call.FIT)
    return np.divide(weights, counts, out=np.zeros_like(weights), where=counts > 0)


def _weighted(sums, counts, factors):
    """Return the sums of weighted targets and of weights, with class weights."""
    counts = counts * factors
    return (counts if sums.size > 1 else counts[-1:]), counts.sum()


def _set_aside(table, encoding, weighing, request, random_state, past):
    """Return which rows of the training data are set aside, or None."""
    settings = encoding.settings
    if not settings.early_stopping or request.has_validation_data:
        return None
    cluster, n_blocks = table.cluster, len(table.futures)
    pairs = cluster.gather(
        cluster.map(work.encode_block, table.futures, [encoding] * n_blocks)
    )
    encoded = joined_targets([of_block for of_block, _ in pairs])
    weight = None
    if pairs[0][1] is not None:
        weight = np.concatenate([of_block for _, of_block in pairs])
    weight = weighing.weights(encoded, weight)
    split = None if past is None else past.state.split
    no_inputs: Any = None
    return set_aside(
        settings, encoding.target, no_inputs, encoded, weight, random_state, split
    )


def _learning_rows(table, part):
    """Return the training rows of each block; None for all."""
    if part is None:
        return [None] * len(table.futures)
    return _rows_by_block(table, part.training_rows)


def _rows_by_block(table, rows):
    """Return the sorted indices of rows within each block."""
    rows = np.sort(rows)
    parts = np.split(rows, np.searchsorted(rows, table.starts[1:]))
    return [part - start for part, start in zip(parts, table.starts, strict=True)]


@dataclass(frozen=True, eq=False)
class _Measured:
    """The measurements of all blocks together."""

    statistics: tuple[ColumnStatistics | None, ColumnStatistics | None]
    mean_weight: float
    n_learning: int


def _measure(table, encoding, weighing, learning):
    """Return the statistics of all blocks, merged in their order."""
    cluster, n_blocks = table.cluster, len(table.futures)
    found = cluster.gather(
        cluster.map(
            work.measure_block,
            table.futures,
            [encoding] * n_blocks,
            [weighing] * n_blocks,
            learning,
        )
    )
    n_learning = sum(one.n_learning for one in found)
    weight = sum(one.weight for one in found)
    if weight == 0:
        raise ValueError(
            "All sample weights of the training part are zero. Change "
            "validation_fraction or, if rows are shuffled, random_state."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        statistics = (
            _merged([one.inputs for one in found]),
            _merged([one.targets for one in found]),
        )
    return _Measured(statistics, weight / n_learning, n_learning)


def _merged(parts):
    """Return the merged statistics of all blocks that have some, or None."""
    parts = [part for part in parts if part is not None]
    return reduce(ColumnStatistics.merge, parts) if parts else None


def _scaled_blocks(
    table, encoding, weighing, learning, objective, model, measured, keeps_raw
):
    """Return the blocks as inputs of the network, and their mean weight."""
    cluster, n_blocks = table.cluster, len(table.futures)
    futures = cluster.map(
        work.scale_block,
        table.futures,
        [encoding] * n_blocks,
        [weighing] * n_blocks,
        learning,
        [objective] * n_blocks,
        [model] * n_blocks,
        [measured.mean_weight] * n_blocks,
    )
    if not keeps_raw:
        table.futures.clear()  # a worker frees a raw block as soon as it is scaled
    mean_weight = cluster.gather(cluster.map(work.mean_weight_of, futures))[0]
    blocks = Blocks(cluster, futures, table.starts, measured.n_learning)
    return blocks, mean_weight


def _validation(table, blocks, encoding, weighing, part, request, estimator, model):
    """Return the validation data, which are scored after each epoch, or None."""
    cluster, settings = table.cluster, encoding.settings
    loss = model.loss_in_units(encoding.loss)
    n_blocks = len(table.futures)
    if part is not None:
        futures = cluster.map(
            work.part_of_block,
            blocks.futures,
            table.futures,
            [encoding] * n_blocks,
            [weighing] * n_blocks,
            _rows_by_block(table, part.rows),
            [model] * n_blocks,
            [loss] * n_blocks,
        )
        lengths = [rows.size for rows in _rows_by_block(table, part.rows)]
        futures = [future for future, n in zip(futures, lengths, strict=True) if n]
    elif (passed := request.validation_data) is not None:
        futures, part = _own_blocks(table, encoding, passed, estimator, model, loss)
    else:
        return None
    return ValidationElsewhere(
        cluster,
        futures,
        settings=settings,
        model=model,
        target=encoding.target,
        part=part,
    )


def _own_blocks(table, encoding, passed, estimator, model, loss):
    """Return the blocks of the user's own validation data."""
    cluster = table.cluster
    try:
        aligned = aligned_blocks(cluster, *passed, local=True)
    except ValueError as error:
        raise ValueError(f"In the validation data: {error}") from error
    n_blocks = len(aligned)
    reading = {
        "names": table.stand_in.names,
        "takes_tables": encoding.settings.scaling is not None,
    }
    futures = cluster.map(
        work.own_block,
        [estimator] * n_blocks,
        list(range(n_blocks)),
        *map(list, zip(*aligned, strict=True)),
        [reading] * n_blocks,
        [encoding] * n_blocks,
        [model] * n_blocks,
        [loss] * n_blocks,
    )
    nothing: Any = None
    return futures, ValidationPart(nothing, nothing, None)
