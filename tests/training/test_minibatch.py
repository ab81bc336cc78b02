"""Minibatches: every row once per epoch, in the peer's order, with the right loss."""

import gc
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import shuffle
from small_data import N_INPUTS, N_OUTPUTS, N_SAMPLES, all_containers, make_data

from skann.core.losses import make_loss
from skann.core.network import Network, Workspace
from skann.core.objective import Objective
from skann.data.rows import TrainingData
from skann.training.batches import RowObjective, TrainingDivergedError
from skann.training.minibatch import DescentPart, MinibatchDescent
from skann.training.optimizers import SGD, Adam
from skann.training.stepping import make_stepping


class RecordingObjective(Objective):
    """Keeps the targets of every batch that it sees."""

    def __init__(self, *args):
        super().__init__(*args)
        self.seen = []

    def sums(self, theta, X, target, *args):
        self.seen.append(target.copy())
        return super().sums(theta, X, target, *args)


def make_objective(alpha=0.0, output_activation="identity"):
    network = Network((N_INPUTS, 4, N_OUTPUTS), "tanh")
    loss = make_loss("squared_error", output_activation)
    return RecordingObjective(network, loss, alpha)


class TidyObjective(Objective):
    """An objective that keeps nothing, and has no garbage lie about.

    Batches of scipy's sparse arrays are garbage in cycles, which the interpreter
    collects now and then.
    """

    def sums(self, *args):
        gc.collect()
        return super().sums(*args)


def make_tidy_objective():
    recording = make_objective(alpha=0.1)
    return TidyObjective(recording.network, recording.loss, recording.alpha)


def make_descent(data, objective=None, optimizer=None, **options):
    objective = objective or make_objective()
    optimizer = optimizer or SGD(momentum=0.0, nesterov=False)
    theta = np.random.RandomState(1).uniform(-1, 1, objective.network.n_parameters)
    options = {"batch_size": 4, "rows": None, "random_state": None, **options}
    optimizer = make_stepping(optimizer, objective.network.layout)
    return descent_of(objective, data, theta, optimizer, **options)


def descent_of(objective, data, theta, optimizer, *, batch_size, rows, **options):
    """Return a descent of one network."""
    batch = RowObjective(objective, data, theta, batch_size, rows)
    state = optimizer.initial_state(theta)
    part = DescentPart(theta, batch, optimizer, state, batch_size)
    n_rows = data.n_samples if rows is None else rows.size
    return MinibatchDescent(
        theta, [part], n_rows=n_rows, batch_size=batch_size, rows=rows, **options
    )


def seen_rows(objective, data):
    """Return, batch by batch, the numbers of the rows that the objective saw."""
    numbers = {tuple(row): index for index, row in enumerate(data.target.tolist())}
    return [[numbers[tuple(row)] for row in batch.tolist()] for batch in objective.seen]


# ---------------------------------------------------------------------- the order


@all_containers
def test_order_of_the_epochs_is_that_of_the_mlp(container):
    # The MLP shuffles the order of the epoch before, again and again.
    data, objective = make_data(container), make_objective()
    descent = make_descent(
        data,
        objective,
        rows=np.arange(N_SAMPLES),
        random_state=np.random.RandomState(42),
    )
    random_state, order = np.random.RandomState(42), np.arange(N_SAMPLES)
    orders = []
    for _ in range(5):
        objective.seen.clear()
        descent.run_epoch(0.01)
        order = shuffle(order, random_state=random_state)
        seen = [row for batch in seen_rows(objective, data) for row in batch]
        assert seen == order.tolist()
        orders.append(order.tolist())
    assert orders[0] != orders[1]


def test_rows_without_generator_stay_in_their_order():
    data, objective = make_data(), make_objective()
    rows = np.array([8, 1, 5, 3, 2])
    descent = make_descent(data, objective, rows=rows, batch_size=2)
    descent.run_epoch(0.01)
    descent.run_epoch(0.01)
    assert seen_rows(objective, data) == [[8, 1], [5, 3], [2]] * 2


def test_no_rows_means_all_in_order():
    data, objective = make_data(), make_objective()
    make_descent(data, objective).run_epoch(0.01)
    assert seen_rows(objective, data) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


# ----------------------------------------------------------------------- the loss


def objective_of(objective, data, theta, rows=slice(None), mean_weight=None):
    """Return objective and gradient of some rows as one batch."""
    target = data.target[rows]
    gradient = np.empty_like(theta)
    weight = None if data.sample_weight is None else data.sample_weight[rows]
    silent = Objective(objective.network, objective.loss, objective.alpha)
    value = silent.value_and_gradient(
        theta,
        data.X[rows],
        target,
        weight,
        data.mean_weight * target.shape[0],
        Workspace(objective.network, target.shape[0], theta.dtype),
        gradient,
    )
    return value, gradient


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("batch_size", [1, 4, 7, 10])
@all_containers
def test_loss_is_the_mean_over_all_samples(container, batch_size, weighted):
    # With a rate of zero the batches together are the whole, however they are cut.
    data, objective = make_data(container, weighted), make_objective()
    descent = make_descent(data, objective, batch_size=batch_size)
    loss, _ = descent.run_epoch(0.0)
    assert_allclose(loss, objective_of(objective, data, descent.theta)[0], rtol=1e-14)


def test_loss_and_norm_are_those_before_each_step():
    data, objective = make_data(weighted=True), make_objective(alpha=0.5)
    descent = make_descent(data, objective)
    theta = descent.theta.copy()
    total = 0.0
    for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
        value, gradient = objective_of(objective, data, theta, rows)
        total += value * (rows.stop - rows.start)
        theta -= 0.1 * gradient
    loss, gradient_norm = descent.run_epoch(0.1)
    assert_allclose(loss, total / N_SAMPLES, rtol=1e-13)
    assert_allclose(gradient_norm, np.linalg.norm(gradient), rtol=1e-13)
    assert_allclose(descent.theta, theta, rtol=1e-12)


def test_weights_count_in_batches_of_one():
    # Each batch is divided by the mean weight of the data, not by its own weight.
    data = make_data(weighted=True)
    even = replace(data, sample_weight=None, mean_weight=1.0)
    objective = make_objective()
    descent = make_descent(data, objective, batch_size=1)
    unweighted = make_descent(even, batch_size=1)
    for row in range(3):
        before = descent.theta.copy()
        _, gradient = objective_of(objective, even, before, slice(row, row + 1))
        share = data.sample_weight[row] / data.mean_weight
        one = replace(
            data,
            X=data.X[row : row + 1],
            target=data.target[row : row + 1],
            sample_weight=data.sample_weight[row : row + 1],
        )
        step = make_descent(one, batch_size=1)
        step.theta[...] = before
        step.run_epoch(0.1)
        assert_allclose(step.theta, before - 0.1 * share * gradient, rtol=1e-12)
    descent.run_epoch(0.1)
    unweighted.run_epoch(0.1)
    assert np.abs(descent.theta - unweighted.theta).max() > 1e-3


@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_weights_matter_by_their_ratios_alone(scale):
    data = make_data(weighted=True)
    scaled = replace(
        data,
        sample_weight=scale * data.sample_weight,
        mean_weight=scale * data.mean_weight,
    )
    one, other = make_descent(data), make_descent(scaled)
    for _ in range(3):
        assert_allclose(one.run_epoch(0.1), other.run_epoch(0.1), rtol=1e-12)
    assert_allclose(one.theta, other.theta, rtol=1e-11)


@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=["sgd", "adam"])
def test_a_batch_without_weight_moves_nothing_by_itself(optimizer):
    data = make_data(weighted=True)
    weight = data.sample_weight.copy()
    weight[:4] = 0
    data = replace(data, sample_weight=weight, mean_weight=float(weight.mean()))
    first = replace(
        data, X=data.X[:4], target=data.target[:4], sample_weight=weight[:4]
    )
    descent = make_descent(first, optimizer=optimizer)
    before = descent.theta.copy()
    loss, gradient_norm = descent.run_epoch(0.1)
    assert loss == gradient_norm == 0
    assert_array_equal(descent.theta, before)


def test_epochs_make_the_loss_smaller():
    data = make_data()
    descent = make_descent(
        data, rows=np.arange(N_SAMPLES), random_state=np.random.RandomState(0)
    )
    losses = [descent.run_epoch(0.1)[0] for _ in range(200)]
    assert losses[-1] < 0.2 * losses[0]


@all_containers
def test_float32_stays_float32(container):
    data = make_data(container, weighted=True)
    data = TrainingData(
        data.X.astype("float32"),
        data.target.astype("float32"),
        data.sample_weight.astype("float32"),
        data.mean_weight,
    )
    objective = make_objective(alpha=0.1)
    optimizer = make_stepping(Adam(), objective.network.layout)
    theta = np.ones(objective.network.n_parameters, "float32")
    descent = descent_of(
        objective, data, theta, optimizer,
        batch_size=4, rows=np.arange(N_SAMPLES), random_state=np.random.RandomState(0),
    )  # fmt: skip
    descent.run_epoch(0.01)
    assert {target.dtype.name for target in objective.seen} == {"float32"}
    memories = descent.optimizer_state["optimizer"]
    assert theta.dtype == memories["sum"].dtype == memories["square_sum"].dtype
    assert theta.dtype == np.float32


def peak_of_an_epoch(n_samples, container, shuffled):
    """Return the bytes that the second epoch allocates at most."""
    random_state = np.random.RandomState(0)
    data = TrainingData(
        container(random_state.randn(n_samples, N_INPUTS)),
        random_state.randn(n_samples, N_OUTPUTS),
        random_state.uniform(0.2, 2, n_samples),
        1.0,
    )
    descent = make_descent(
        data,
        make_tidy_objective(),
        optimizer=Adam(),
        batch_size=200,
        rows=np.arange(n_samples) if shuffled else None,
        random_state=np.random.RandomState(0) if shuffled else None,
    )
    descent.run_epoch(0.01)
    gc.freeze()  # what is there already need not be looked through each time
    tracemalloc.start()
    try:
        descent.run_epoch(0.01)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.every(3)
@pytest.mark.parametrize("shuffled", [True, False], ids=["shuffled", "in order"])
@all_containers
def test_an_epoch_allocates_nothing_that_grows_with_the_data(container, shuffled):
    # In a process of their own: here, threads that other tests left may allocate.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        peak, large_peak = (
            process.submit(peak_of_an_epoch, n_samples, container, shuffled).result()
            for n_samples in (200, 200_000)
        )
    # One bit per sample would be 25 kB.
    assert large_peak < peak + 24_000


# --------------------------------------------------------------------- divergence


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_epoch_at_once(value):
    data, objective = make_data(), make_objective()
    data.target[5, 0] = value  # in the second of three batches
    descent = make_descent(data, objective)
    with pytest.raises(TrainingDivergedError), np.errstate(invalid="ignore"):
        descent.run_epoch(0.1)
    assert len(objective.seen) == 2
    assert np.isfinite(descent.theta).all()


def test_a_step_out_of_the_finite_numbers_is_noticed():
    data = make_data()
    data.target[...] *= 1e10
    descent = make_descent(data, batch_size=N_SAMPLES)
    with pytest.raises(TrainingDivergedError), np.errstate(over="ignore"):
        descent.run_epoch(1e307)
