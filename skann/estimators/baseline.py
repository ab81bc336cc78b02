"""What a network has to be better than: a prediction that looks at no input."""

from __future__ import annotations

import numpy as np

from skann.core.losses import BinaryCrossEntropy, CategoricalCrossEntropy, Loss
from skann.core.types import FloatArray
from skann.data.one_hot import OneHotRows
from skann.estimators.problem import Problem
from skann.training.batches import RowObjective


def loss_of_constant(problem: Problem) -> float | None:
    """Return the mean loss of the best constant prediction, None if nobody knows."""
    data, rows = problem.data, problem.training_rows
    target, weight = data.target, data.sample_weight
    if rows is not None:
        target, weight = target[rows], None if weight is None else weight[rows]
    loss, n_rows = problem.objective.loss, target.shape[0]
    if isinstance(target, OneHotRows):
        target, weight = _fewer_rows(loss, target, weight)
    constant = loss.value_of_constant(target, weight)
    return None if constant is None else constant / (data.mean_weight * n_rows)


def _fewer_rows(
    loss: Loss, target: OneHotRows, sample_weight: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return rows and weights for which a constant prediction has the same loss."""
    totals = target.totals(sample_weight)
    # The cross-entropies are linear in the target, so that its mean says it all.
    if isinstance(loss, BinaryCrossEntropy | CategoricalCrossEntropy):
        return target.mean(sample_weight)[np.newaxis], totals.sum(keepdims=True)
    # For others, equal rows are one row of their summed weight.
    present = np.flatnonzero(totals)
    distinct = OneHotRows(present, target.n_outputs, target.values)
    return distinct.toarray(), totals[present]


def loss_without_dropout(problem: Problem, theta: FloatArray) -> float:
    """Return the mean loss of a network all of whose units take part."""
    objective, rows = problem.objective, problem.training_rows
    n_rows = problem.data.n_samples if rows is None else rows.size
    step = min(n_rows, objective.network.rows_per_block)
    block = RowObjective(objective, problem.data, theta, step, rows)
    scale = 1.0 / (problem.data.mean_weight * n_rows)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return sum(
            block.sums(start, min(start + step, n_rows), scale)
            for start in range(0, n_rows, step)
        )
