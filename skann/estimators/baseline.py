"""The loss of a constant prediction, which a network has to beat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skann.core.losses import BinaryCrossEntropy, CategoricalCrossEntropy, Loss
from skann.core.members import groups_in
from skann.core.types import FloatArray
from skann.data.one_hot import OneHotRows
from skann.estimators.problem import Problem
from skann.training.batches import RowObjective


def loss_of_constant(problem: Problem) -> float | None:
    """Return the mean loss of the best constant prediction, or None if unknown."""
    data, rows = problem.data, problem.training_rows
    target: Any = data.target
    weight = data.sample_weight
    if target is None:  # the rows are on other machines
        return None
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
    """Return fewer rows for which a constant prediction has the same loss."""
    totals = target.totals(sample_weight)
    # The cross-entropies are linear in the target, so the mean is sufficient.
    if isinstance(loss, BinaryCrossEntropy | CategoricalCrossEntropy):
        return target.mean(sample_weight)[np.newaxis], totals.sum(keepdims=True)
    # For other losses, equal rows are merged to one with their total weight.
    present = np.flatnonzero(totals)
    distinct = replace(target, indices=present)
    return distinct.toarray(), totals[present]


def loss_without_dropout(problem: Problem, theta: FloatArray) -> float:
    """Return the mean loss of the networks for all rows, without dropout."""
    objective, rows = problem.objective, problem.training_rows
    data = replace(problem.data, folds=None)
    n_rows = data.n_samples if rows is None else rows.size
    step = min(n_rows, objective.network.rows_per_block)
    theta = groups_in(theta)[0]  # which represents all
    block = RowObjective(objective, data, theta, step, rows)
    n_members = 1 if theta.ndim == 1 else len(theta)
    scale = 1.0 / (data.mean_weight * n_rows * n_members)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return sum(
            block.sums(start, min(start + step, n_rows), scale)
            for start in range(0, n_rows, step)
        )
