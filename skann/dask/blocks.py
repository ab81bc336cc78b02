"""The tasks of workers on blocks of rows. Blocks and results are plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from skann.core.blocks import map_outputs
from skann.core.losses import Loss
from skann.core.objective import Objective
from skann.core.types import FloatArray
from skann.data.one_hot import OneHotRows
from skann.data.rows import TrainingData
from skann.data.scaling import ColumnStatistics, column_statistics
from skann.estimators.checks import check_target_range
from skann.estimators.inputs import CheckedData, check_data
from skann.estimators.problem import scale_data
from skann.estimators.reading import Reading
from skann.estimators.settings import Settings
from skann.estimators.targets import Target, read_labels, read_numbers, smooth_towards
from skann.estimators.validation import summed_loss
from skann.model import Model
from skann.training.batches import RowObjective, TrainingDivergedError
from skann.training.call import Call
from skann.training.lbfgs import BlockSums


def read_block(
    estimator: Any, number: int, X: Any, y: Any, sample_weight: Any
) -> CheckedData:
    """Return a block of a collection, with the same checks as in `fit`.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The estimator with its parameters.

    number : int
        The index of the block, for error messages.

    X, y, sample_weight
        The block.

    Raises
    ------
    ValueError
        If the block is invalid, or if its columns contain labels or missing values, for
        which the blocks cannot be merged.
    """
    try:
        data = check_data(
            estimator,
            X,
            y,
            sample_weight,
            reading=Reading.first(estimator),
            allow_zero_weight=True,
        )
    except ValueError as error:
        raise ValueError(f"In block {number} of the collection: {error}") from None
    if data.columns is not None:
        what = "missing values" if data.columns.is_marked.any() else "labels"
        raise ValueError(
            f"In block {number} of the collection, X has columns with {what}, which "
            "are not supported with distribute='rows'. Impute or encode them first, "
            "for example with frame.fillna, or frame.categorize and dask.dataframe."
            "get_dummies. Or set distribute='members' if all rows fit into the memory "
            "of a worker."
        )
    return data


@dataclass(frozen=True, eq=False)
class Facts:
    """What the client has to know about a block before it can settle the problem.

    Parameters
    ----------
    n_rows : int
        The number of rows.

    names : dict
        The number of columns, and their names if there are any.

    dtype : dtype
        The dtype of the numbers in X.

    is_sparse : bool
        Whether X is sparse.

    y : ndarray
        A few targets that represent all: each label, the range of each column of
        indicators, or one number.
    """

    n_rows: int
    names: dict[str, Any]
    dtype: np.dtype
    is_sparse: bool
    y: np.ndarray


def facts_of(data: CheckedData, of_classes: bool) -> Facts:
    """Return what the client has to know about a block."""
    y = data.y.toarray() if sparse.issparse(data.y) else data.y
    few = y[:1]
    if of_classes and y.ndim == 2 and y.shape[1] > 1:
        few = np.stack([y.min(axis=0), y.max(axis=0)])
    elif of_classes:
        try:
            few = np.unique(y)
        except TypeError:  # of several types; the error is raised elsewhere
            few = y
    X = data.X
    return Facts(X.shape[0], data.names, X.dtype, sparse.issparse(X), few)


def rows_at(data: CheckedData, start: int, step: int) -> np.ndarray:
    """Return every `step`-th row of a block, beginning with `start`."""
    rows = data.X[start::step]
    return rows.toarray() if sparse.issparse(rows) else rows


@dataclass(frozen=True, eq=False)
class Encoding:
    """The encoding of targets, which is the same for all blocks.

    Parameters
    ----------
    of_classes : bool
        Whether the targets are class labels.

    settings : Settings
        The parameters.

    target : Target
        The kind of target.

    loss : Loss
        The loss, which has a range of targets.
    """

    of_classes: bool
    settings: Settings
    target: Target
    loss: Loss

    def encode(self, y: Any, name: str = "y") -> Any:
        """Return the targets of some rows as numbers; some classes may be missing."""
        read = read_labels if self.of_classes else read_numbers
        # As in a data stream.
        _, encoded = read(y, self.settings, Call.NEXT_PIECE, self.target, None, None)
        check_target_range(self.loss, encoded, name)
        return encoded


@dataclass(frozen=True, eq=False)
class Weighing:
    """The weighting of rows, and the smoothing of their targets.

    Parameters
    ----------
    class_factors : ndarray of shape (n_classes,) or None
        The factors for the weights of the rows of each class.

    mean_target : ndarray of shape (n_outputs,) or None
        The mean towards which labels are smoothed; None for no smoothing.
    """

    class_factors: np.ndarray | None = None
    mean_target: np.ndarray | None = None

    def weights(self, encoded: Any, sample_weight: Any) -> FloatArray | None:
        """Return the weights of some rows, or None if all are equal."""
        if self.class_factors is None:
            return sample_weight
        if isinstance(encoded, OneHotRows):
            number = encoded.indices
        elif self.class_factors.size == 1:
            number = np.zeros(len(encoded), np.intp)
        else:
            number = (encoded[:, 0] > 0.5).astype(np.intp)
        factors = self.class_factors[number]
        return factors if sample_weight is None else factors * sample_weight

    def soften(self, encoded: Any, share: float) -> Any:
        """Return the targets to learn."""
        if self.mean_target is None:
            return encoded
        return smooth_towards(encoded, share, self.mean_target)


def encode_block(data: CheckedData, encoding: Encoding) -> Any:
    """Return the encoded targets of a block, and its weights."""
    return encoding.encode(data.y), data.sample_weight


def totals_of(data: CheckedData, encoding: Encoding) -> tuple[float, np.ndarray]:
    """Return the sum of the weights of a block, and that of its weighted targets."""
    encoded, weight = encode_block(data, encoding)
    if isinstance(encoded, OneHotRows):
        totals = encoded.totals(weight)
        return float(totals.sum()), totals
    if weight is None:
        return float(len(encoded)), encoded.sum(axis=0)
    return float(weight.sum(dtype=np.float64)), weight @ encoded


@dataclass(frozen=True, eq=False)
class Measures:
    """The statistics of the columns of a block, and its weight.

    Parameters
    ----------
    inputs, targets : ColumnStatistics or None
        Those of X and y; None if they are not scaled, or if the block has no weight.

    weight : float
        The sum of the weights of the training rows.

    n_learning : int
        The number of training rows.
    """

    inputs: ColumnStatistics | None
    targets: ColumnStatistics | None
    weight: float
    n_learning: int


def measure_block(
    data: CheckedData,
    encoding: Encoding,
    weighing: Weighing,
    learning: np.ndarray | None,
) -> Measures:
    """Measure the columns of a block, for its training rows."""
    encoded, weight = encode_block(data, encoding)
    weight, settings = weighing.weights(encoded, weight), encoding.settings
    n_rows = data.X.shape[0]
    if learning is not None:
        kept = np.zeros(n_rows)
        kept[learning] = 1.0 if weight is None else weight[learning]
        weight, n_rows = kept, learning.size
    total = float(n_rows) if weight is None else float(weight.sum())
    if total == 0:
        return Measures(None, None, 0.0, n_rows)
    inputs = targets = None
    with np.errstate(over="ignore", invalid="ignore"):
        if settings.scaling is not None:
            inputs = column_statistics(data.X, weight, settings.scaling)
        kind = encoding.target.scaling(encoding.loss, settings)
        if kind is not None:
            softened = weighing.soften(encoded, settings.label_smoothing)
            targets = column_statistics(softened, weight, kind)
    return Measures(inputs, targets, total, n_rows)


@dataclass(frozen=True, eq=False)
class Block:
    """A block of rows as inputs of the network, with the objective.

    Parameters
    ----------
    objective : Objective
        The objective to minimise.

    data : TrainingData
        The scaled rows.

    learning : ndarray of int or None
        The training rows; None for all.
    """

    objective: Objective
    data: TrainingData
    learning: np.ndarray | None


def scale_block(
    data: CheckedData,
    encoding: Encoding,
    weighing: Weighing,
    learning: np.ndarray | None,
    objective: Objective,
    model: Model,
    mean_weight: float,
) -> Block:
    """Return a block as inputs of the network."""
    encoded, weight = encode_block(data, encoding)
    weight = weighing.weights(encoded, weight)
    softened = weighing.soften(encoded, encoding.settings.label_smoothing)
    scaled = scale_data(model, encoding.loss, data.X, softened, weight, mean_weight)
    return Block(objective, scaled, learning)


def mean_weight_of(block: Block) -> float:
    """Return the mean weight of a block, which also tells that the block is ready."""
    return block.data.mean_weight


def sums_of_block(
    block: Block, theta: FloatArray, scale: float
) -> tuple[float, FloatArray]:
    """Return scale times the summed loss of a block's rows, and its gradient."""
    sums = BlockSums(block.objective, block.data, theta, block.learning)
    return _added(sums, theta, scale)


def sums_of_rows(
    block: Block,
    theta: FloatArray,
    rows: np.ndarray,
    scale: float,
    entropy: list[int] | None,
) -> tuple[float, FloatArray]:
    """Return scale times the summed loss of some rows of a block, and its gradient.

    Parameters
    ----------
    block : Block
        The block.

    theta : ndarray of shape (n_parameters,)
        The parameters.

    rows : ndarray of int
        The rows.

    scale : float
        The factor.

    entropy : list of int or None
        The seed for dropout; None for no dropout.
    """
    data = block.data
    some = replace(
        data,
        X=data.X[rows],
        target=data.target[rows],
        sample_weight=None if data.sample_weight is None else data.sample_weight[rows],
    )
    generator = None if entropy is None else np.random.default_rng(entropy)
    sums = BlockSums(block.objective, some, theta, generator=generator)
    return _added(sums, theta, scale)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _added(sums, theta, scale):
    """Return the sum of the parts, and that of their gradients, in their order."""
    value, gradient = 0.0, np.zeros_like(theta)
    if sums.n_rows == 0:
        return value, gradient
    for of_part, gradient_of_part in sums(theta, scale):
        value += of_part
        np.add(gradient, gradient_of_part, out=gradient)
    return value, gradient


def raw_output_of_rows(block: Block, theta: FloatArray, rows: np.ndarray) -> FloatArray:
    """Return the raw output for some rows of a block."""
    some = replace(block.data, X=block.data.X[rows], target=block.data.target[rows])
    batch = RowObjective(block.objective, some, theta, rows.size)
    return np.copy(batch.raw_output(0, rows.size))


# ----------------------------------------------------------------------- validation


@dataclass(frozen=True, eq=False)
class ScoredBlock:
    """A block of rows that are scored after each epoch.

    Parameters
    ----------
    model : Model
        The model, whose parameters are replaced by those to score.

    target : Target
        The kind of target.

    loss : Loss
        The loss, in the units of scaled targets.

    X : object with rows
        The inputs, as the network takes them.

    encoded : ndarray or OneHotRows
        The encoded, unscaled targets.

    sample_weight : ndarray or None
        The weights of the rows in the score.
    """

    model: Model
    target: Target
    loss: Loss
    X: Any
    encoded: Any
    sample_weight: FloatArray | None

    def outputs(self, theta: FloatArray, transform: Any) -> np.ndarray:
        """Return a function of the raw outputs of the rows."""
        with np.errstate(over="ignore", invalid="ignore"):
            return map_outputs(transform, self.model.network, theta, self.X)


def own_block(
    estimator: Any,
    number: int,
    X: Any,
    y: Any,
    sample_weight: Any,
    reading: Mapping[str, Any],
    encoding: Encoding,
    model: Model,
    loss: Loss,
) -> ScoredBlock:
    """Return a block of the user's own validation data."""
    try:
        data = check_data(
            estimator, X, y, sample_weight, reading=Reading(**reading),
            allow_zero_weight=True,
        )  # fmt: skip
        encoded = encoding.encode(data.y, "y_val")
    except ValueError as error:
        raise ValueError(f"In block {number} of the validation data: {error}") from None
    scaled = model.scaled(model.filled(data.X))
    return ScoredBlock(
        model, encoding.target, loss, scaled, encoded, data.sample_weight
    )


def part_of_block(
    block: Block,
    data: CheckedData,
    encoding: Encoding,
    weighing: Weighing,
    rows: np.ndarray,
    model: Model,
    loss: Loss,
) -> ScoredBlock:
    """Return the rows of a training block that are set aside for scoring."""
    encoded, weight = encode_block(data, encoding)
    weight = weighing.weights(encoded, weight)
    return ScoredBlock(
        model,
        encoding.target,
        loss,
        block.data.X[rows],
        encoded[rows],
        None if weight is None else weight[rows],
    )


def truth_of(block: ScoredBlock) -> tuple[Any, FloatArray | None]:
    """Return the true targets of a block, and the weights."""
    return block.encoded, block.sample_weight


def outputs_of(block: ScoredBlock, theta: FloatArray) -> np.ndarray:
    """Return the outputs of a block, in the form that the score needs."""
    return block.outputs(
        theta,
        lambda raw: block.target.outputs_to_score(_finite(block.model.pooled(raw))),
    )


def summed_loss_of(block: ScoredBlock, theta: FloatArray) -> float:
    """Return the summed loss of a block."""
    raw = block.outputs(theta, lambda raw: np.copy(_finite(raw)))
    return summed_loss(block.loss, block.model, block.encoded, raw, block.sample_weight)


def _finite(raw):
    """Return raw outputs, which must be finite."""
    if not np.isfinite(raw).all():
        raise TrainingDivergedError("raw output")
    return raw
