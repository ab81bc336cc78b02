"""Members that descend together are as many descents of the same minibatches."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_data import N_INPUTS, N_OUTPUTS, N_SAMPLES, all_containers, make_data

from skann.core.layers.periodic import Periodic
from skann.core.losses import make_loss
from skann.core.members import GROUP_SIZE, groups_in, groups_of
from skann.core.network import Network
from skann.core.objective import Objective
from skann.training.batches import RowObjective, TrainingDivergedError
from skann.training.minibatch import DescentPart, MinibatchDescent
from skann.training.optimizers import SGD, Adam
from skann.training.stepping import make_stepping

BATCH_SIZE = 4
N_MEMBERS = 2 * GROUP_SIZE + 1
RATE_OF_COSINES = 1e-4  # their parameters move far in a step

# An optimizer, and what is done around its steps.
STEPS = {
    "gradient descent": (SGD(momentum=0.0, nesterov=False), {}),
    "nesterov": (SGD(), {}),
    "adam": (Adam(), {}),
    "clipped": (SGD(), {"max_grad_norm": 0.5}),
    "clipped adam": (Adam(), {"max_grad_norm": 0.5}),
    "decay": (Adam(), {"weight_decay": 0.3}),
    "all": (SGD(), {"max_grad_norm": 0.5, "weight_decay": 0.3}),
}
all_steps = pytest.mark.parametrize(("optimizer", "options"), STEPS.values(), ids=STEPS)
PLAIN = Network((N_INPUTS, 4, N_OUTPUTS), "tanh")
WITH_COSINES = Network((N_INPUTS, 4, N_OUTPUTS), "silu", Periodic(N_INPUTS, 2, 0.1))
both_networks = pytest.mark.parametrize(
    "network", [PLAIN, WITH_COSINES], ids=["", "cosines"]
)


def make_objective(network=PLAIN, alpha=0.1):
    return Objective(network, make_loss("squared_error", "identity"), alpha)


def random_theta(network=PLAIN, n_members=N_MEMBERS):
    """Return parameters of members, whose groups share what members share."""
    random_state = np.random.RandomState(1)
    theta = random_state.uniform(-1, 1, (n_members, network.n_parameters))
    for part, rate in network.layout.rated:
        theta[:, part] /= rate
    for group in groups_in(theta):
        for part in network.layout.shared:
            group[1:, part] = group[0, part]
    return theta


def make_descent(
    data, theta, optimizer, options, *, network=PLAIN, n_jobs=1, kinds=None
):
    """Return the descent of a network, or of members, that shuffles its rows."""
    rows = np.arange(N_SAMPLES)
    stepping = make_stepping(optimizer, network.layout, **options)
    groups = [None] if theta.ndim == 1 else groups_of(len(theta))
    parts = []
    kinds = kinds or [DescentPart] * len(groups)
    for kind, part, members in zip(kinds, groups_in(theta), groups, strict=True):
        batch = RowObjective(
            make_objective(network), data, part, BATCH_SIZE, rows, members=members
        )
        state = stepping.initial_state(part.reshape(-1))
        parts.append(kind(part, batch, stepping, state, BATCH_SIZE))
    return MinibatchDescent(
        theta, parts, n_rows=N_SAMPLES, batch_size=BATCH_SIZE, rows=rows,
        random_state=np.random.RandomState(0), n_jobs=n_jobs,
    )  # fmt: skip


# ------------------------------------------------------------- together and separately


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@all_containers
@all_steps
def test_members_descend_as_they_would_alone(optimizer, options, container, weighted):
    data = make_data(container, weighted)
    theta = random_theta()
    alone = theta.copy()
    descent = make_descent(data, theta, optimizer, options)
    others = [make_descent(data, member, optimizer, options) for member in alone]
    for _ in range(4):
        loss, norm = descent.run_epoch(0.1)
        results = [other.run_epoch(0.1) for other in others]
        losses, norms = np.transpose(results)
        assert_allclose(loss, losses.mean(), rtol=1e-9)
        assert_allclose(norm, np.sqrt(np.mean(norms**2)), rtol=1e-9)
    assert_allclose(theta, alone, rtol=1e-8, atol=1e-10)
    assert np.abs(theta - random_theta()).max() > 0.01


@all_steps
def test_one_batch_is_a_step_of_all_members(optimizer, options):
    data = make_data()
    theta, alone = random_theta(), random_theta()
    descent = make_descent(data, theta, optimizer, options)
    others = [make_descent(data, member, optimizer, options) for member in alone]
    for _ in range(5):  # more than an epoch
        loss = descent.run_batch(0.1)
        losses = [other.run_batch(0.1) for other in others]
        assert_allclose(loss, np.mean(losses), rtol=1e-10)
    assert_allclose(theta, alone, rtol=1e-9, atol=1e-11)


@all_steps
def test_members_of_a_group_keep_their_cosines_in_common(optimizer, options):
    theta = random_theta(WITH_COSINES)
    descent = make_descent(make_data(), theta, optimizer, options, network=WITH_COSINES)
    for _ in range(3):
        descent.run_epoch(RATE_OF_COSINES)
    before = random_theta(WITH_COSINES)
    for group, start in zip(groups_in(theta), groups_in(before), strict=True):
        for part in WITH_COSINES.layout.shared:
            assert_array_equal(group[1:, part], group[:-1, part])
            assert (group[0, part] != start[0, part]).any()
    first, second, *_ = groups_in(theta)
    assert (first[0] != second[0]).any()


def test_float32_stays_float32():
    data = make_data(weighted=True)
    data = replace(
        data,
        X=data.X.astype("float32"),
        target=data.target.astype("float32"),
        sample_weight=data.sample_weight.astype("float32"),
        folds=np.arange(N_SAMPLES) % N_MEMBERS,
    )
    theta = random_theta(WITH_COSINES).astype("float32")
    descent = make_descent(data, theta, Adam(), {}, network=WITH_COSINES)
    descent.run_epoch(0.01)
    assert theta.dtype == np.float32
    for state in descent.optimizer_state["groups"]:
        assert state["optimizer"]["sum"].dtype == np.float32


# --------------------------------------------------------------------------- threads


@both_networks
@pytest.mark.parametrize("n_jobs", [2, 3, 50])
@all_steps
def test_threads_change_no_bit(optimizer, options, n_jobs, network):
    data = make_data(weighted=True)
    theta, threaded = random_theta(network), random_theta(network)
    one = make_descent(data, theta, optimizer, options, network=network)
    other = make_descent(
        data, threaded, optimizer, options, network=network, n_jobs=n_jobs
    )
    for _ in range(3):
        results = [each.run_epoch(RATE_OF_COSINES) for each in (one, other)]
        assert results[0] == results[1]
    assert_array_equal(theta, threaded)
    for a, b in zip(
        one.optimizer_state["groups"], other.optimizer_state["groups"], strict=True
    ):
        for mine, theirs in zip(
            a["optimizer"].values(), b["optimizer"].values(), strict=True
        ):
            assert_array_equal(mine, theirs)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_members_that_diverge_end_the_epoch(n_jobs):
    data = make_data()
    data.target[5, 0] = np.inf
    descent = make_descent(data, random_theta(), SGD(), {}, n_jobs=n_jobs)
    with pytest.raises(TrainingDivergedError), np.errstate(invalid="ignore"):
        descent.run_epoch(0.1)


def test_no_thread_goes_on_when_an_epoch_was_broken_off():
    started, failed, done = (threading.Event() for _ in range(3))

    class Failing(DescentPart):
        def run_epoch(self, n_rows, learning_rate):
            assert started.wait(timeout=60)
            failed.set()
            raise KeyboardInterrupt

    class Slow(DescentPart):
        def run_epoch(self, n_rows, learning_rate):
            started.set()
            assert failed.wait(timeout=60)
            result = super().run_epoch(n_rows, learning_rate)
            done.set()
            return result

    descent = make_descent(
        make_data(), random_theta(), SGD(), {}, n_jobs=3, kinds=[Failing, Slow, Slow]
    )
    with pytest.raises(KeyboardInterrupt):
        descent.run_epoch(0.1)
    assert done.is_set()


# ----------------------------------------------------------------------------- folds

FOLDS = np.arange(N_SAMPLES) % 3


def gradients(data, folds, theta, n_rows=N_SAMPLES):
    """Return the gradient of each member for the first rows as one batch."""
    batch = RowObjective(
        make_objective(alpha=0.0), replace(data, folds=folds), theta, N_SAMPLES
    )
    value = batch.value(0, n_rows)
    return value, batch.gradient.copy()


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@all_containers
def test_a_member_learns_nothing_from_its_fold(container, weighted):
    data, theta = make_data(container, weighted), random_theta(n_members=3)
    _, before = gradients(data, FOLDS, theta)
    for number in range(3):
        changed = replace(data, target=data.target.copy())
        changed.target[number == FOLDS] += 100
        _, after = gradients(changed, FOLDS, theta)
        assert_array_equal(after[number], before[number])
        others = np.delete(np.arange(3), number)
        assert (np.abs(after[others] - before[others]).max(axis=1) > 1).all()


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_the_other_rows_make_up_for_a_fold(weighted):
    data, theta = make_data(weighted=weighted), random_theta(n_members=3)
    total = 0.0
    value, found = gradients(data, FOLDS, theta)
    for number, member in enumerate(theta):
        kept = number != FOLDS
        weight = data.sample_weight[kept] if weighted else None
        alone = replace(
            data,
            X=data.X[kept],
            target=data.target[kept],
            sample_weight=weight,
            mean_weight=float(weight.mean()) if weighted else 1.0,
        )
        batch = RowObjective(make_objective(alpha=0.0), alone, member, N_SAMPLES)
        total += batch.value(0, int(kept.sum()))
        assert_allclose(found[number], batch.gradient, rtol=1e-11, atol=1e-13)
    assert_allclose(value, total, rtol=1e-12)


def test_members_of_every_group_have_folds_of_their_own():
    folds = np.arange(N_SAMPLES) % N_MEMBERS
    data = replace(make_data(), folds=folds)
    changed = replace(data, target=data.target.copy())
    changed.target[folds == N_MEMBERS - 1] += 10
    results = []
    for each in (data, changed):
        theta = random_theta()
        make_descent(each, theta, Adam(), {}).run_epoch(0.1)
        results.append(theta)
    assert_array_equal(results[0][-1], results[1][-1])
    assert (np.abs(results[0][:-1] - results[1][:-1]).max(axis=1) > 1e-3).all()
