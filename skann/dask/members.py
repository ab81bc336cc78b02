"""A fit whose members are trained on different workers, each with all rows.

One worker collects the data and prepares the problem as the plain estimator does;
others get a copy when they need it. An epoch of a group of members is a task that takes
and returns their parameters. The results are exactly those of the plain estimator, and
nothing is sent within an epoch.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from distributed import Future
from numpy.random import RandomState

from skann.core.types import FloatArray
from skann.dask.cluster import Cluster
from skann.dask.collections import aligned_blocks, concatenated
from skann.dask.rows import RowsElsewhere
from skann.estimators.inputs import Request
from skann.estimators.problem import Past, Problem, prepare
from skann.estimators.settings import settle
from skann.estimators.solving import Hands, PartPlan, part_here
from skann.training.call import Call


def whole_problem(
    estimator: Any,
    blocks: Sequence[tuple[Any, Any, Any]],
    validation: Sequence[tuple[Any, Any, Any]] | None,
    given: tuple[Any, Any],
    call: Call,
    past: Past | None,
) -> Problem:
    """Return the problem of a fit to all rows, on the calling worker.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        The plain estimator with the parameters of the fit.

    blocks : list of tuple
        X, y and the weights (or None) of each block.

    validation : list of tuple or None
        The same for the validation data.

    given : tuple
        The weights and biases to start from, or None for both.

    call : Call
        The kind of call.

    past : Past or None
        The past training to continue, if any.
    """
    X, y, sample_weight = map(_whole, zip(*blocks, strict=True))
    X_val = y_val = sample_weight_val = None
    if validation is not None:
        X_val, y_val, sample_weight_val = map(_whole, zip(*validation, strict=True))
    request = Request(
        X=X,
        y=y,
        sample_weight=sample_weight,
        X_val=X_val,
        y_val=y_val,
        sample_weight_val=sample_weight_val,
        coef_init=given[0],
        intercept_init=given[1],
    )
    trained = None if past is None else past.model.architecture
    earlier = None if past is None else past.choice
    settings, data = settle(estimator, request, call, trained, earlier)
    return prepare(estimator, settings, data, request, call, past)


def _whole(parts):
    """Return the concatenated blocks, or None if there are none."""
    return None if parts[0] is None else concatenated(parts)


def without_rows(problem: Problem) -> Problem:
    """Return a problem without inputs, as the client holds it."""
    data: Any = RowsElsewhere(
        problem.data.n_samples, problem.data.mean_weight, problem.data.folds
    )
    validation: Any = problem.validation and SimpleNamespace(
        part=replace(problem.validation.part, X=None)
    )
    folds: Any = problem.folds and SimpleNamespace(
        split_state=problem.folds.split_state,
        encoded=problem.folds.encoded,
        sample_weight=problem.folds.sample_weight,
        ends=problem.folds.ends,
    )
    return replace(problem, data=data, validation=validation, folds=folds)


def score_of(problem: Problem, theta: FloatArray) -> float:
    """Return the validation score."""
    assert problem.validation is not None
    return problem.validation.score(theta)


def of_folds(problem: Problem, method: str, *arguments: Any) -> Any:
    """Return the result of a method of the folds."""
    return getattr(problem.folds, method)(*arguments)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def epoch_of_part(
    problem: Problem, plan: PartPlan, n_rows: int, learning_rate: float
) -> tuple[FloatArray, Any, Any, tuple[float, float]]:
    """Return parameters, optimizer memory, generators and measurements after an epoch.

    The measurements are the loss and the norm of the gradient.
    """
    # The arguments belong to the worker, which may have to run the task again.
    plan = copy.deepcopy(plan)
    part = part_here(problem, plan)
    measured = part.run_epoch(n_rows, learning_rate)
    return plan.theta, plan.state, plan.generators, measured


class PartElsewhere:
    """Trains members for an epoch, on a worker.

    Parameters
    ----------
    cluster : Cluster
        The workers.

    whole : Future
        The problem, with its rows.

    problem : Problem
        The problem without them.

    plan : PartPlan
        The parameters, which are changed in place here as well.
    """

    def __init__(
        self, cluster: Cluster, whole: Future, problem: Problem, plan: PartPlan
    ):
        self.state = plan.state
        self._cluster = cluster
        self._whole = whole
        self._plan = plan
        layers = problem.objective.network.dense_layers
        self.largest_layer = max(layer.n_in * layer.n_out for layer in layers)

    def run_epoch(self, n_rows: int, learning_rate: float) -> tuple[float, float]:
        """Take one step per batch, for a number of rows."""
        plan = replace(self._plan, state=self.state)
        theta, self.state, generators, measured = self._cluster.call(
            epoch_of_part, self._whole, plan, n_rows, learning_rate
        )
        plan.theta[...] = theta
        for here, there in zip(
            _listed(plan.generators), _listed(generators), strict=True
        ):
            here.bit_generator.state = there.bit_generator.state
        return measured

    def finite_loss(self, start: int, stop: int) -> float:
        """Not available: an epoch is a single task."""
        raise NotImplementedError

    def step(self, learning_rate: float) -> None:
        """Not available: an epoch is a single task."""
        raise NotImplementedError


def _listed(generators):
    """Return the generators of a part as a list."""
    if generators is None:
        return []
    return generators if isinstance(generators, list) else [generators]


class _ScorerElsewhere:
    """Scores parameters on a worker."""

    def __init__(self, cluster, whole, part):
        self.part = part
        self._cluster, self._whole = cluster, whole

    def score(self, theta):
        """Return the score."""
        return self._cluster.call(score_of, self._whole, theta)


class _FoldsElsewhere:
    """Evaluates members on a worker, on the rows that they leave out."""

    def __init__(self, cluster, whole, known):
        self.split_state = known.split_state
        self.encoded = known.encoded
        self.sample_weight = known.sample_weight
        self._cluster, self._whole, self._ends = cluster, whole, known.ends

    def loss_after(self, n_epochs, theta):
        """Return the mean loss at the end of a cycle, else None."""
        if n_epochs not in self._ends:
            return None
        return self._ask("loss_after", n_epochs, theta)

    def raw_outputs(self, theta):
        """Return the raw output for each row."""
        return self._ask("raw_outputs", theta)

    def calibrate(self, model, raw):
        """Return a model with calibrated probabilities."""
        return self._ask("calibrate", model, raw)

    def _ask(self, method, *arguments):
        return self._cluster.call(of_folds, self._whole, method, *arguments)


def prepare_members(
    cluster: Cluster, estimator: Any, request: Request, call: Call, past: Past | None
) -> tuple[Problem, Hands]:
    """Return the problem of a fit to all rows, and the computations of its solver.

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

    Raises
    ------
    ValueError
        If settings and data do not match.
    """
    blocks = aligned_blocks(cluster, request.X, request.y, request.sample_weight)
    passed, validation = request.validation_data, None
    if passed is not None:
        validation = aligned_blocks(cluster, *passed, local=True)
    # The death of a worker must not change what is drawn, so the seed is drawn here.
    random_state = estimator.random_state
    if random_state is None:
        drawn = np.random.randint(np.iinfo(np.int32).max)
        estimator.random_state = RandomState(drawn)
    given = request.coef_init, request.intercept_init
    whole = cluster.submit(
        whole_problem, estimator, blocks, validation, given, call, past
    )
    problem = cluster.call(without_rows, whole)
    settings = replace(problem.settings, random_state=random_state)
    if not settings.is_stochastic:
        raise ValueError(
            f"distribute='members' trains the members on different workers, but "
            f"solver={settings.solver!r} trains a single network. Choose "
            "distribute='rows', where each worker sums the gradient over its rows."
        )
    if isinstance(random_state, RandomState):
        random_state.set_state(problem.random_state.get_state(legacy=False))
        problem = replace(problem, random_state=random_state)
    validation_here: Any = problem.validation and _ScorerElsewhere(
        cluster, whole, problem.validation.part
    )
    folds: Any = problem.folds and _FoldsElsewhere(cluster, whole, problem.folds)
    problem = replace(
        problem, settings=settings, validation=validation_here, folds=folds
    )
    hands = Hands(
        _no_sums,
        lambda problem, plan: PartElsewhere(cluster, whole, problem, plan),
        n_jobs=settings.n_members,
    )
    return problem, hands


def _no_sums(problem):
    """Raise: members are not trained by L-BFGS."""
    raise NotImplementedError
