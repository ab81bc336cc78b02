"""The learning rate of each epoch follows its schedule's formula."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann.training.progress import Progress
from skann.training.schedules import Adaptive, Constant, InverseScaling


def rates(schedule, n_epochs, n_samples=100, reduced_after=()):
    """Return the rate at the start of each epoch."""
    progress, found = Progress(), []
    for epoch in range(n_epochs):
        found.append(schedule.rate(progress))
        progress.n_epochs += 1
        progress.n_samples_seen += n_samples
        progress.n_reductions += epoch in reduced_after
    return np.array(found)


def test_constant_never_changes():
    assert_array_equal(rates(Constant(0.3), 5, reduced_after=(1,)), [0.3] * 5)


@pytest.mark.parametrize("power_t", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("n_samples", [1, 100, 10_000])
def test_inverse_scaling_counts_samples(n_samples, power_t):
    seen = n_samples * np.arange(6)
    expected = 0.2 / (seen + 1) ** power_t
    found = rates(InverseScaling(0.2, power_t), 6, n_samples)
    assert_allclose(found, expected, rtol=1e-15)


def test_inverse_scaling_falls_a_hundredfold_in_an_epoch_of_10000_samples():
    first, second = rates(InverseScaling(1.0, 0.5), 2, n_samples=10_000)
    assert_allclose(first / second, 100, rtol=1e-4)


def test_adaptive_divides_by_five_at_each_plateau():
    found = rates(Adaptive(1.0), 6, reduced_after=(1, 2, 4))
    assert_allclose(found, [1, 1, 1 / 5, 1 / 25, 1 / 25, 1 / 125], rtol=1e-15)


def test_adaptive_divides_as_the_mlp_does():
    # The MLP divides its rate again and again, which 5 ** n would round otherwise.
    rate = 0.7
    for n_reductions in range(10):
        assert Adaptive(0.7).rate(Progress(n_reductions=n_reductions)) == rate
        rate /= 5.0


@pytest.mark.parametrize(
    ("rate", "reducible"), [(0.1, True), (1.1e-6, True), (1e-6, False), (1e-7, False)]
)
def test_adaptive_stops_reducing_at_a_millionth(rate, reducible):
    assert Adaptive(rate).can_reduce(Progress()) is reducible


def test_adaptive_ends_after_as_many_reductions_as_it_takes():
    schedule, progress = Adaptive(1e-3), Progress()
    while schedule.can_reduce(progress):
        progress.n_reductions += 1
    # 1e-3 / 5 ** 4 = 1.6e-6 may fall once more, to 3.2e-7.
    assert progress.n_reductions == 5


@pytest.mark.parametrize("schedule", [Constant(0.1), InverseScaling(0.1, 0.5)])
def test_other_schedules_do_not_reduce_at_a_plateau(schedule):
    assert not schedule.can_reduce(Progress())


@pytest.mark.parametrize(
    "schedule", [Constant(0.1), InverseScaling(0.1, 0.5), Adaptive(0.1)], ids=repr
)
def test_rate_depends_on_progress_alone(schedule):
    progress = Progress(n_epochs=7, n_samples_seen=700, n_reductions=2)
    first = schedule.rate(progress)
    assert schedule.rate(Progress.from_dict(progress.as_dict())) == first
    assert schedule.rate(progress) == first
    assert progress == Progress(n_epochs=7, n_samples_seen=700, n_reductions=2)
