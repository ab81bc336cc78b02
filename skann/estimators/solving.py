"""The solver and the training loop for a problem."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend

from skann.core.members import groups_in, groups_of
from skann.core.types import FloatArray, Generators
from skann.data.rows import RowWindow, ScaledRows, rows_per_window
from skann.estimators.caller import warn_caller
from skann.estimators.problem import Problem
from skann.training.batches import RowObjective
from skann.training.call import Call
from skann.training.lbfgs import BlockSums, LbfgsSolver, RowSums
from skann.training.loop import TrainingLoop
from skann.training.minibatch import (
    DescentPart,
    MinibatchDescent,
    MinibatchSolver,
    Part,
)
from skann.training.optimizers import Optimizer, OptimizerState
from skann.training.report import make_report
from skann.training.schedules import Adaptive
from skann.training.solver import Solver
from skann.training.stepping import make_stepping
from skann.training.stopping import StoppingRule


@dataclass(frozen=True)
class PartPlan:
    """Everything needed to train a network or a group of members by minibatches.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,) or (n_members, n_parameters)
        The parameters, which are changed in place.

    members : range or None
        The indices of the members; None for a single network.

    optimizer : Optimizer
        Converts gradients to steps.

    state : dict
        The memory of the optimizer, which is changed in place.

    batch_size : int
        The number of samples per step.

    rows : ndarray of int or None
        The training rows, which are shuffled in place; None for all in order.

    generators : numpy.random.Generator, list of them, or None
        The generators for dropout, one per member.

    window : RowWindow, default=None
        The window from which rows of X are read; None for the data themselves.
    """

    theta: FloatArray
    members: range | None
    optimizer: Optimizer
    state: OptimizerState
    batch_size: int
    rows: np.ndarray | None
    generators: Generators | None
    window: RowWindow | None = None


@dataclass(frozen=True)
class Hands:
    """The functions that compute for the solvers, in this process or elsewhere.

    Parameters
    ----------
    row_sums : callable
        A function of a problem that returns the summed loss of its rows, for L-BFGS.

    part : callable
        A function of a problem and a `PartPlan` that returns the `Part` to train.

    n_jobs : int, default=None
        The number of parts to train in parallel; None for the parameter `n_jobs`.
    """

    row_sums: Callable[[Problem], RowSums]
    part: Callable[[Problem, PartPlan], Part]
    n_jobs: int | None = None


def _sums_here(problem: Problem) -> RowSums:
    """Return the summed loss of rows that are in memory."""
    return BlockSums(
        problem.objective, problem.data, problem.model.theta, problem.training_rows
    )


def part_here(problem: Problem, plan: PartPlan) -> DescentPart:
    """Return a part that takes its steps in this process."""
    batch = RowObjective(
        problem.objective,
        problem.data,
        plan.theta,
        plan.batch_size,
        plan.rows,
        plan.generators,
        plan.members,
        plan.window,
    )
    return DescentPart(plan.theta, batch, plan.optimizer, plan.state, plan.batch_size)


HERE = Hands(_sums_here, part_here)


def make_loop(problem: Problem, hands: Hands = HERE) -> TrainingLoop:
    """Return the loop that trains a problem."""
    settings, past = problem.settings, problem.past
    n_iter = past.n_iter if past is not None and problem.call.counts_on else 0
    solver = make_solver(problem, n_iter, hands)
    # Without early stopping, the validation score is only recorded.
    by_score = problem.validation is not None and settings.early_stopping
    # If plateaus set the learning rate, or the fit comes in pieces, the search for a
    # plateau continues from the last call.
    is_adaptive = isinstance(solver, MinibatchSolver) and isinstance(
        solver.schedule, Adaptive
    )
    counts_on = problem.call.counts_on and isinstance(solver, MinibatchSolver)
    watched = "score" if by_score else "loss" if problem.folds is None else "oof_loss"
    rule = StoppingRule(
        # The next cycle takes as long as all previous ones.
        tol=settings.gain_of_a_cycle if watched == "oof_loss" else settings.tol,
        n_iter_no_change=0 if watched == "oof_loss" else settings.n_iter_no_change,
        watched=watched,
        keeps_best=watched != "loss" or settings.restore_best_weights,
        continues_search=counts_on or is_adaptive,
    )
    is_piece = problem.call.is_piece
    report = make_report(
        settings.verbose,
        None if is_piece else settings.max_iter,
        with_scores=problem.validation is not None,
        with_oof_loss=problem.folds is not None,
        with_rate=settings.is_stochastic,
        watched=watched,
        with_header=not is_piece or problem.call is Call.FIRST_PIECE,
    )
    return TrainingLoop(
        solver,
        rule,
        progress=problem.progress,
        scorer=problem.validation,
        judge=problem.folds,
        best_theta=problem.best_theta,
        history=None if past is None else past.history,
        n_iter=n_iter,
        report=report,
    )


def make_solver(problem: Problem, n_iter: int = 0, hands: Hands = HERE) -> Solver:
    """Return the solver of a problem after `n_iter` epochs."""
    settings, call, past = problem.settings, problem.call, problem.past
    if not settings.is_stochastic:
        return LbfgsSolver(
            problem.objective,
            hands.row_sums(problem),
            problem.model.theta,
            mean_weight=problem.data.mean_weight,
            max_iter=settings.max_iter,
            max_fun=settings.max_fun,
            tol=settings.tol,
        )
    # The pieces of a stream share one schedule; every other fit begins a new one.
    start = 0 if call.is_piece else problem.progress.n_epochs - n_iter
    n_epochs: int | None = 1 if call.is_piece else max(0, settings.max_iter - n_iter)
    if call is Call.RESUMED_FIT and past is not None and past.state.stopped:
        n_epochs = None
    return MinibatchSolver(
        make_descent(problem, hands),
        settings.make_schedule(start),
        float(settings.learning_rate_init),
        n_epochs,
    )


def make_descent(problem: Problem, hands: Hands = HERE) -> MinibatchDescent:
    """Return the minibatch descent for a problem with a stochastic solver."""
    settings = problem.settings
    theta = problem.model.theta.copy()
    rows = _order(problem)
    n_rows = problem.data.n_samples if rows is None else rows.size
    batch_size = settings.batch_size
    if isinstance(batch_size, str):
        batch_size = 200
    elif batch_size > n_rows and "batch_size" not in settings.auto_params:
        warn_caller(
            f"batch_size={batch_size} is larger than the number of training samples, "
            f"{n_rows}, and is reduced to it."
        )
    optimizer = make_stepping(
        settings.make_optimizer(),
        problem.objective.network.layout,
        max_grad_norm=settings.max_grad_norm,
        weight_decay=float(settings.weight_decay),
    )
    memory = None
    if problem.past is not None and problem.past.state.solver == settings.solver_name:
        memory = copy.deepcopy(problem.past.state.optimizer)
    batch_size = min(int(batch_size), n_rows)
    in_blocks = settings.shuffle == "blocks"
    parts = []
    X = problem.data.X
    shape = getattr(X, "shape", (n_rows, problem.model.network.layer_sizes[0]))
    window = None
    if isinstance(X, ScaledRows) and hands is HERE:
        window = RowWindow(X, rows)
    # The groups do not depend on `n_jobs`, so the results do not depend on it, either.
    groups = [None] if theta.ndim == 1 else groups_of(len(theta))
    for number, (part, members) in enumerate(
        zip(groups_in(theta), groups, strict=True)
    ):
        state = memory
        if memory is not None and members is not None:
            state = memory["groups"][number]
        if state is None:
            state = optimizer.initial_state(part.reshape(-1))
        generators = problem.dropout
        if isinstance(generators, list) and members is not None:
            generators = generators[members.start : members.stop]
        plan = PartPlan(
            part, members, optimizer, state, batch_size, rows, generators, window
        )
        parts.append(hands.part(problem, plan))
    return MinibatchDescent(
        theta,
        parts,
        n_rows=n_rows,
        batch_size=batch_size,
        rows=rows,
        random_state=problem.random_state if settings.shuffle else None,
        n_jobs=hands.n_jobs or _usable_jobs(settings.n_jobs),
        window=window,
        window_size=rows_per_window(shape, theta.itemsize, in_blocks=in_blocks),
        in_blocks=in_blocks,
    )


def _usable_jobs(n_jobs: int | None) -> int:
    """Return the number of threads; it is one within another parallel job."""
    if n_jobs is None or get_active_backend()[0].nesting_level > 0:
        return 1
    return effective_n_jobs(n_jobs)


def _order(problem: Problem) -> np.ndarray | None:
    """Return the training rows in the order of the last epoch; None for all."""
    rows = problem.training_rows
    goes_on = rows is None or problem.call is Call.RESUMED_FIT
    if rows is not None:
        rows = rows.copy()
    elif problem.settings.shuffle:
        n_samples = problem.data.n_samples
        rows = np.arange(n_samples, dtype=np.int32 if n_samples < 1 << 31 else np.intp)
    # Each epoch shuffles the order of the previous one, so a fit in pieces must
    # continue from the order of the last piece.
    order = None if problem.past is None else problem.past.state.order
    if rows is not None and order is not None and goes_on and problem.settings.shuffle:
        return order.copy() if order.size == rows.size else rows
    return rows
