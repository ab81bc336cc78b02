"""A fit whose rows stay on the workers, which send only sums over blocks.

The client holds the parameters. For each gradient, every block is a task that returns
the sum over its rows. The client adds these in the order of the blocks, so the results
do not depend on the number of workers or on which worker had which block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from distributed import Future

from skann.core.types import FloatArray
from skann.dask import blocks as work
from skann.dask.cluster import Cluster
from skann.data.one_hot import OneHotRows
from skann.estimators.problem import Problem
from skann.estimators.settings import Settings
from skann.estimators.solving import Hands, PartPlan
from skann.estimators.targets import Target
from skann.estimators.validation import ValidationPart
from skann.model import Model
from skann.training.batches import TrainingDivergedError
from skann.training.minibatch import DescentPart


@dataclass(frozen=True, eq=False)
class RowsElsewhere:
    """A placeholder for the training data of a problem, which are on the workers.

    Parameters
    ----------
    n_samples : int
        The number of rows.

    mean_weight : float
        The mean weight by which losses are divided.

    folds : ndarray of int of shape (n_samples,) or None, default=None
        The index of the member that leaves out each row.
    """

    n_samples: int
    mean_weight: float
    folds: np.ndarray | None = None
    X: None = None
    target: None = None
    sample_weight: None = None


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of the training data.

    Parameters
    ----------
    cluster : Cluster
        The cluster with the blocks.

    futures : list of Future
        The futures of the blocks, each of a `Block`.

    starts : ndarray of int of shape (n_blocks,)
        The index of the first row of each block.

    n_learning : int
        The number of training rows.
    """

    cluster: Cluster
    futures: list[Future]
    starts: np.ndarray
    n_learning: int

    def hands(self) -> Hands:
        """Return the computations for the solvers."""
        return Hands(
            lambda problem: SumsElsewhere(self),
            lambda problem, plan: DescentPart(
                plan.theta,
                BatchesElsewhere(self, problem, plan),
                plan.optimizer,
                plan.state,
                plan.batch_size,
            ),
        )

    def divide(self, rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Return, for each block with some of these rows, their indices there."""
        rows = np.sort(rows)
        numbers = np.searchsorted(self.starts, rows, side="right") - 1
        present, firsts = np.unique(numbers, return_index=True)
        parts = np.split(rows, firsts[1:])
        return [
            (int(number), part - self.starts[number])
            for number, part in zip(present, parts, strict=True)
        ]


class SumsElsewhere:
    """The summed loss of all blocks, for L-BFGS.

    Parameters
    ----------
    blocks : Blocks
        The blocks.
    """

    def __init__(self, blocks: Blocks):
        self.n_rows = blocks.n_learning
        self._blocks = blocks

    def __call__(self, theta, scale):
        cluster, futures = self._blocks.cluster, self._blocks.futures
        n_blocks = len(futures)
        return cluster.gather(
            cluster.map(
                work.sums_of_block, futures, [theta] * n_blocks, [scale] * n_blocks
            )
        )


class BatchesElsewhere:
    """The objective of minibatches whose rows are on the workers, and its gradient.

    Parameters
    ----------
    blocks : Blocks
        The blocks.

    problem : Problem
        The training problem.

    plan : PartPlan
        The parameters, and the order of the rows.

    Attributes
    ----------
    gradient : ndarray of theta's shape
        The gradient of the last batch.

    layout : ParameterLayout
        The layout of theta.
    """

    def __init__(self, blocks: Blocks, problem: Problem, plan: PartPlan):
        self._blocks = blocks
        self._objective = problem.objective
        self._mean_weight = problem.data.mean_weight
        self._theta = plan.theta
        self._rows = plan.rows
        self._generator: Any = plan.generators
        self.layout = problem.objective.network.layout
        self.gradient = np.empty_like(plan.theta)

    @property
    def largest_layer(self) -> int:
        """The number of weights in the largest layer of a network."""
        layers = self._objective.network.dense_layers
        return max(layer.n_in * layer.n_out for layer in layers)

    def value(self, start: int, stop: int) -> float:
        """Return the objective of some rows as one batch."""
        scale = 1.0 / (self._mean_weight * (stop - start))
        seed = None
        if self._generator is not None:
            seed = int(self._generator.integers(1 << 62))
        cluster, theta = self._blocks.cluster, self._theta
        futures = [
            cluster.submit(
                work.sums_of_rows,
                self._blocks.futures[number],
                theta,
                rows,
                scale,
                # Dropout must not depend on which worker computes it.
                None if seed is None else [seed, number],
            )
            for number, rows in self._divide(start, stop)
        ]
        gradient, value = self.gradient, 0.0
        gradient.fill(0)
        for of_block, gradient_of_block in cluster.gather(futures):
            value += of_block
            np.add(gradient, gradient_of_block, out=gradient)
        return value + self._objective.add_penalty(theta, scale, gradient)

    def raw_output(self, start: int, stop: int) -> FloatArray:
        """Return the raw output of some rows, block after block."""
        cluster = self._blocks.cluster
        futures = [
            cluster.submit(
                work.raw_output_of_rows, self._blocks.futures[number], self._theta, rows
            )
            for number, rows in self._divide(start, stop)
        ]
        return np.concatenate(cluster.gather(futures))

    def _divide(self, start, stop):
        """Return the rows of a batch by their blocks."""
        rows = np.arange(start, stop) if self._rows is None else self._rows[start:stop]
        return self._blocks.divide(rows)


class ValidationElsewhere:
    """Scores parameters on rows that are on the workers.

    The workers send only what the score needs: labels, numbers or sums.

    Parameters
    ----------
    cluster : Cluster
        The cluster with the rows.

    futures : list of Future
        The futures of the blocks, each of a `ScoredBlock`.

    settings : Settings
        The settings, with the scorer.

    model : Model
        The model.

    target : Target
        The kind of target.

    part : ValidationPart
        The indices of the rows, if they are a part of the training data.
    """

    def __init__(
        self,
        cluster: Cluster,
        futures: list[Future],
        *,
        settings: Settings,
        model: Model,
        target: Target,
        part: ValidationPart,
    ):
        self.part = part
        self._cluster = cluster
        self._futures = futures
        self._scoring = settings.scoring
        self._model = model
        self._target = target
        self._order: slice | np.ndarray = slice(None)
        if part.rows is not None:
            # Blocks send the rows in order, but they are scored in the order of the
            # split.
            self._encoded, self._weight = part.encoded, part.sample_weight
            self._order = np.argsort(np.argsort(part.rows))
        else:
            truths = cluster.gather(cluster.map(work.truth_of, futures))
            encoded, weights = zip(*truths, strict=True)
            self._encoded = joined_targets(encoded)
            self._weight = None if weights[0] is None else np.concatenate(weights)
        if self._encoded.shape[0] < 2:
            raise ValueError(
                "The validation data has fewer than two samples, which is too few for "
                "a score."
            )
        if self._weight is not None and not self._weight.any():
            raise ValueError("The sample weights of the validation data are all zero.")

    def score(self, theta: FloatArray) -> float:
        """Return the score at theta; it must be finite."""
        cluster, thetas = self._cluster, [theta] * len(self._futures)
        weight, n_rows = self._weight, self._encoded.shape[0]
        if self._scoring == "loss":
            sums = cluster.gather(
                cluster.map(work.summed_loss_of, self._futures, thetas)
            )
            score = -sum(sums) / (n_rows if weight is None else weight.sum())
        else:
            parts = cluster.gather(cluster.map(work.outputs_of, self._futures, thetas))
            outputs = np.concatenate(parts)[self._order]
            score = self._target.score(self._model, self._encoded, outputs, weight)
        if not np.isfinite(score):
            raise TrainingDivergedError(score)
        return float(score)


def joined_targets(parts: Sequence[Any]) -> Any:
    """Return the encoded targets of several blocks as one array."""
    if isinstance(parts[0], OneHotRows):
        indices = np.concatenate([part.indices for part in parts])
        return OneHotRows(indices, parts[0].background, parts[0].peak)
    return np.concatenate(parts)
