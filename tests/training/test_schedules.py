"""The learning rate of each epoch follows its schedule's formula."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skann.training.progress import Progress
from skann.training.schedules import (
    Adaptive,
    Constant,
    Cosine,
    Cycles,
    Exponential,
    InverseScaling,
    InverseTime,
    OneCycle,
)


def rates(schedule, eta, n_epochs, n_samples=100, reduced_after=()):
    """Return the rate at the start of each epoch."""
    progress, found = Progress(), []
    for epoch in range(n_epochs):
        found.append(schedule.rate(eta, progress))
        progress.n_epochs += 1
        progress.n_samples_seen += n_samples
        progress.n_reductions += epoch in reduced_after
    return np.array(found)


def test_constant_never_changes():
    assert_array_equal(rates(Constant(), 0.3, 5, reduced_after=(1,)), [0.3] * 5)


@pytest.mark.parametrize("power_t", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("n_samples", [1, 100, 10_000])
def test_inverse_scaling_counts_samples(n_samples, power_t):
    seen = n_samples * np.arange(6)
    expected = 0.2 / (seen + 1) ** power_t
    found = rates(InverseScaling(power_t), 0.2, 6, n_samples)
    assert_allclose(found, expected, rtol=1e-15)


def test_inverse_scaling_falls_a_hundredfold_in_an_epoch_of_10000_samples():
    first, second = rates(InverseScaling(0.5), 1.0, 2, n_samples=10_000)
    assert_allclose(first / second, 100, rtol=1e-4)


def test_adaptive_divides_by_five_at_each_plateau():
    found = rates(Adaptive(), 1.0, 6, reduced_after=(1, 2, 4))
    assert_allclose(found, [1, 1, 1 / 5, 1 / 25, 1 / 25, 1 / 125], rtol=1e-15)


def test_adaptive_divides_as_the_mlp_does():
    # The MLP divides its rate again and again, which 5 ** n would round otherwise.
    rate = 0.7
    for n_reductions in range(10):
        assert Adaptive().rate(0.7, Progress(n_reductions=n_reductions)) == rate
        rate /= 5.0


@pytest.mark.parametrize(
    ("rate", "reducible"), [(0.1, True), (1.1e-6, True), (1e-6, False), (1e-7, False)]
)
def test_adaptive_stops_reducing_at_a_millionth(rate, reducible):
    assert Adaptive().can_reduce(rate, Progress()) is reducible


def test_adaptive_ends_after_as_many_reductions_as_it_takes():
    schedule, progress = Adaptive(), Progress()
    while schedule.can_reduce(1e-3, progress):
        progress.n_reductions += 1
    # 1e-3 / 5 ** 4 = 1.6e-6 may fall once more, to 3.2e-7.
    assert progress.n_reductions == 5


OTHERS = [
    Constant(), InverseScaling(), Exponential(), InverseTime(), Cosine(10),
    OneCycle(10), Cycles(30),
]  # fmt: skip


@pytest.mark.parametrize("schedule", OTHERS, ids=repr)
def test_other_schedules_do_not_reduce_at_a_plateau(schedule):
    assert not schedule.can_reduce(0.1, Progress())


@pytest.mark.parametrize("schedule", [*OTHERS, Adaptive()], ids=repr)
def test_rate_depends_on_progress_alone(schedule):
    progress = Progress(n_epochs=7, n_samples_seen=700, n_reductions=2)
    first = schedule.rate(0.1, progress)
    assert schedule.rate(0.1, Progress.from_dict(progress.as_dict())) == first
    assert schedule.rate(0.1, progress) == first
    assert progress == Progress(n_epochs=7, n_samples_seen=700, n_reductions=2)


@pytest.mark.parametrize("decay", [0.5, 0.97, 1.1])
def test_exponential_multiplies_by_the_decay(decay):
    found = rates(Exponential(decay), 0.2, 8)
    assert_allclose(found, 0.2 * decay ** np.arange(8), rtol=1e-15)


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.5])
def test_inverse_time_compounds(decay):
    found = rates(InverseTime(decay), 0.2, 8)
    assert found[0] == 0.2
    for epoch in range(1, 8):
        assert_allclose(found[epoch], found[epoch - 1] / (1 + decay * epoch))


def test_inverse_time_falls_as_fast_as_it_says():
    found = rates(InverseTime(0.01), 1.0, 70)
    assert np.argmax(found < 0.5) == 12
    assert np.argmax(found < 1e-6) == 57


def test_cosine_falls_from_the_whole_rate_to_zero():
    found = rates(Cosine(8), 0.2, 10)
    expected = 0.2 * (1 + np.cos(np.pi * np.arange(8) / 8)) / 2
    assert_allclose(found, [*expected, 0, 0], rtol=1e-15)


def test_one_cycle_rises_and_falls():
    found = rates(OneCycle(10), 0.5, 12)
    assert_allclose(found[0], 0.5 / 25)
    assert_allclose(found[3], 0.5)
    rise = (1 - np.cos(np.pi * np.arange(3) / 3)) / 2
    assert_allclose(found[:3], 0.5 * (1 + 24 * rise) / 25)
    fall = (1 + np.cos(np.pi * np.arange(7) / 7)) / 2
    assert_allclose(found[3:], [*(0.5 * fall), 0, 0])


WITH_END = pytest.mark.parametrize("schedule", [Cosine, OneCycle, Cycles])


@WITH_END
@pytest.mark.parametrize("n_epochs", [1, 5, 30, 60])
def test_a_schedule_with_an_end_may_start_late(schedule, n_epochs):
    late = rates(schedule(n_epochs, start=3), 0.3, n_epochs + 5)[3:]
    assert_array_equal(late, rates(schedule(n_epochs), 0.3, n_epochs + 2))


@WITH_END
@pytest.mark.parametrize("n_epochs", range(1, 121))
def test_a_schedule_with_an_end_moves_until_then(schedule, n_epochs):
    found = rates(schedule(n_epochs), 0.3, n_epochs + 3)
    assert (found[:n_epochs] > 0).all()
    assert found.max() <= 0.3
    assert_array_equal(found[n_epochs:], 0)


@pytest.mark.parametrize("n_epochs", range(1, 121))
def test_cycles_are_one_cycle_after_the_other(n_epochs):
    ends = Cycles(n_epochs).ends
    lengths = np.diff([0, *ends])
    assert ends[-1] == n_epochs
    n_cycles = sum(n_epochs >= least for least in (0, 24, 56, 120))
    assert len(ends) == n_cycles
    # Each is twice as long as the one before, but for whole epochs.
    assert (np.abs(lengths[1:] - 2 * lengths[:-1]) <= 2).all()
    expected = [rates(OneCycle(int(length)), 0.3, length) for length in lengths]
    found = rates(Cycles(n_epochs), 0.3, n_epochs)
    assert_allclose(found, np.concatenate(expected), rtol=1e-12)


def test_short_cycles_end_at_a_small_rate():
    middles = [OneCycle(1).factor(share) for share in (0.25, 0.75)]
    assert_allclose(rates(Cycles(6, first=2), 0.3, 2), 0.3 * np.array(middles))
    for first in range(1, 8):
        schedule = Cycles(31 * first, first=first)
        found = rates(schedule, 0.3, schedule.n_epochs)
        for begin, end in zip([0, *schedule.ends], schedule.ends, strict=False):
            cycle = found[begin:end]
            assert cycle.min() > 0
            assert end - begin == 1 or cycle[-1] < 0.4 * cycle.max()


@pytest.mark.parametrize(
    ("n_epochs", "ends"),
    [(7, [7]), (24, [8, 24]), (31, [10, 31]), (56, [8, 24, 56]), (70, [10, 30, 70])],
)
def test_cycles_end_where_they_are_said_to(n_epochs, ends):
    assert Cycles(n_epochs).ends == ends


@pytest.mark.parametrize(
    "make",
    [
        lambda: Exponential(0.0),
        lambda: Exponential(float("nan")),
        lambda: InverseTime(-0.1),
        lambda: Cosine(0),
        lambda: OneCycle(-3),
        lambda: Cycles(0),
        lambda: Cycles(10, first=0),
    ],
)
def test_a_setting_without_sense_is_refused(make):
    with pytest.raises(ValueError, match="Got"):
        make()
