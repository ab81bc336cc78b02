"""How the learning rate changes from epoch to epoch.

A schedule is a function of how far training has come, and of nothing else: training
that is cut in pieces and continued takes the same steps as training at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from skann.training.progress import Progress


class Schedule(ABC):
    """The learning rate of each epoch.

    Parameters
    ----------
    learning_rate_init : float
        The learning rate that the schedule starts from.
    """

    learning_rate_init: float

    @abstractmethod
    def rate(self, progress: Progress) -> float:
        """Return the learning rate of the epoch that begins at `progress`."""

    def can_reduce(self, progress: Progress) -> bool:
        """Say whether a plateau lowers the rate; if not, a plateau ends training."""
        return False


@dataclass(frozen=True)
class Constant(Schedule):
    """The rate eta = learning_rate_init."""

    learning_rate_init: float

    def rate(self, progress):
        return self.learning_rate_init


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """The rate eta = learning_rate_init / (t + 1) ** power_t, where t counts samples.

    With many samples per epoch the rate falls fast: after one epoch of 10 000 samples
    and power_t = 0.5 it is a hundredth of what it was.
    """

    learning_rate_init: float
    power_t: float

    def rate(self, progress):
        # A negative exponent ends at zero where a positive one would overflow.
        t = float(progress.n_samples_seen + 1)
        return self.learning_rate_init * t**-self.power_t


@dataclass(frozen=True)
class Adaptive(Schedule):
    """The rate is divided by 5 at each plateau, until it has fallen to 1e-6."""

    learning_rate_init: float

    def rate(self, progress):
        rate = self.learning_rate_init
        for _ in range(progress.n_reductions):
            rate /= 5.0
        return rate

    def can_reduce(self, progress):
        return self.rate(progress) > 1e-6
