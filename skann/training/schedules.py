"""Learning-rate schedules.

A schedule is a function of the progress of training and nothing else, so training in
several calls takes the same steps as training in a single call.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from skann.core.searchable import Searchable
from skann.training.progress import Progress


class Schedule(Searchable, ABC):
    """The base class of learning-rate schedules.

    To define your own schedule, write a subclass and pass an instance as
    `learning_rate`. The arguments of its `__init__` (or the fields of a dataclass),
    stored under the same names, are parameters that a search can set as
    `learning_rate__<name>`.

    Examples
    --------
    >>> from skann import BackpropRegressor, Schedule
    >>> class Halved(Schedule):
    ...     def rate(self, learning_rate_init, progress):
    ...         return learning_rate_init * 0.5 ** (progress.n_epochs // 2)
    >>> regressor = BackpropRegressor(learning_rate=Halved(), learning_rate_init=0.1)
    >>> for _ in range(5):
    ...     regressor = regressor.partial_fit([[0.0], [1.0]], [0.0, 1.0])
    >>> regressor.history_["learning_rate"]
    [0.1, 0.1, 0.05, 0.05, 0.025]
    """

    @abstractmethod
    def rate(self, learning_rate_init: float, progress: Progress) -> float:
        """Return the learning rate for the next epoch.

        Parameters
        ----------
        learning_rate_init : float
            The parameter of the estimator.

        progress : Progress
            The progress so far, with the attributes `n_epochs`, `n_samples_seen` and
            others.

        Returns
        -------
        rate : float
            The learning rate, which must not be negative.
        """

    def can_reduce(self, learning_rate_init: float, progress: Progress) -> bool:
        """Return whether a plateau reduces the rate; if not, it ends training."""
        return False


@dataclass(frozen=True)
class Constant(Schedule):
    """The rate eta = learning_rate_init."""

    def rate(self, learning_rate_init, progress):
        return learning_rate_init


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """The rate eta = learning_rate_init / (t + 1) ** power_t, where t counts samples.

    With many samples per epoch, the rate falls quickly: with power_t = 0.5, one epoch
    of 10 000 samples reduces it to a hundredth.

    Parameters
    ----------
    power_t : float, default=0.5
        The exponent, at least 0.
    """

    power_t: float = 0.5

    def __post_init__(self):
        if not self.power_t >= 0:
            raise ValueError(f"power_t must not be negative. Got {self}.")

    def rate(self, learning_rate_init, progress):
        # A negative exponent underflows to zero where a positive one would overflow.
        t = float(progress.n_samples_seen + 1)
        return learning_rate_init * t**-self.power_t


@dataclass(frozen=True)
class Adaptive(Schedule):
    """The rate is divided by 5 at each plateau, until it reaches 1e-6."""

    def rate(self, learning_rate_init, progress):
        rate = learning_rate_init
        for _ in range(progress.n_reductions):
            rate /= 5.0
        return rate

    def can_reduce(self, learning_rate_init, progress):
        return self.rate(learning_rate_init, progress) > 1e-6


@dataclass(frozen=True)
class Exponential(Schedule):
    """The rate eta = learning_rate_init * decay ** epoch, with epochs from 0.

    Parameters
    ----------
    decay : float, default=0.99
        The factor by which the rate is multiplied after each epoch, greater than 0.
    """

    decay: float = 0.99

    def __post_init__(self):
        if not self.decay > 0:
            raise ValueError(f"decay must be above 0. Got {self}.")

    def rate(self, learning_rate_init, progress):
        return learning_rate_init * self.decay**progress.n_epochs


@dataclass(frozen=True)
class InverseTime(Schedule):
    """The rate eta_l = eta_(l-1) / (1 + decay * l), where l counts the epochs from 0.

    The divisions accumulate, so the rate falls faster and faster: with a decay of 0.01,
    to a half after 12 epochs and to a millionth after 57 epochs.

    Parameters
    ----------
    decay : float, default=0.01
        The decay rate, at least 0.
    """

    decay: float = 0.01

    def __post_init__(self):
        if not self.decay >= 0:
            raise ValueError(f"decay must not be negative. Got {self}.")

    def rate(self, learning_rate_init, progress):
        rate = learning_rate_init
        for epoch in range(1, progress.n_epochs + 1):
            rate /= 1 + self.decay * epoch
        return rate


@dataclass(frozen=True)
class Horizon(Schedule):
    """A schedule with an end.

    Parameters
    ----------
    n_epochs : int
        The length of the schedule in epochs. Afterwards, the rate is zero.

    start : int, default=0
        The number of epochs of training before the schedule begins.
    """

    n_epochs: int
    start: int = 0

    def __post_init__(self):
        if self.n_epochs < 1:
            raise ValueError(f"n_epochs must be at least 1. Got {self}.")

    @abstractmethod
    def factor(self, share: float) -> float:
        """Return the rate relative to the largest one, after a share of all epochs."""

    def rate(self, learning_rate_init, progress):
        share = (progress.n_epochs - self.start) / self.n_epochs
        return learning_rate_init * self.factor(share) if share < 1 else 0.0


@dataclass(frozen=True)
class Cosine(Horizon):
    """The rate eta = learning_rate_init * (1 + cos(pi * epoch / n_epochs)) / 2.

    From Loshchilov and Hutter, 2017, "SGDR: stochastic gradient descent with warm
    restarts", equation 5, with a smallest rate of 0.

    Parameters
    ----------
    n_epochs : int
        The length of the schedule in epochs. Afterwards, the rate is zero.

    start : int, default=0
        The number of epochs of training before the schedule begins.
    """

    def factor(self, share):
        return (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class OneCycle(Horizon):
    """The rate rises from learning_rate_init / 25 in 30 % of the epochs, then falls.

    It rises to learning_rate_init and falls to 0, both along half a cosine. Based on
    Smith and Topin, 2018, "Super-convergence: very fast training of neural networks
    using large learning rates", section 2.

    Parameters
    ----------
    n_epochs : int
        The length of the schedule in epochs. Afterwards, the rate is zero.

    start : int, default=0
        The number of epochs of training before the schedule begins.
    """

    def factor(self, share):
        rise, low = 0.3, 1 / 25
        if share < rise:
            return low + (1 - low) * (1 - math.cos(math.pi * share / rise)) / 2
        return (1 + math.cos(math.pi * (share - rise) / (1 - rise))) / 2


# The usual minimum number of epochs of the first of several cycles.
FIRST_CYCLE = 8


@dataclass(frozen=True)
class Cycles(Horizon):
    """A series of cycles, each about twice as long as the one before.

    Each cycle is a `OneCycle`. There are as many cycles as possible if the first one
    has at least `first` epochs: cycles of 8, 16 and 32 epochs for a total of 56, of 8,
    16, 32 and 64 epochs for 120, and so on. At the end of each cycle, the network has
    converged, so it can be evaluated and training can end (based on Loshchilov and
    Hutter, 2017, "SGDR: stochastic gradient descent with warm restarts", section 3).

    Parameters
    ----------
    n_epochs : int
        The total number of epochs of all cycles. Afterwards, the rate is zero.

    start : int, default=0
        The number of epochs of training before the cycles begin.

    first : int, default=8
        The minimum number of epochs of the first cycle. If it is less than 8, each
        epoch uses the rate at its middle instead of its beginning, so that short cycles
        also end with a small rate.

    Examples
    --------
    >>> from skann import Cycles
    >>> Cycles(56).ends, Cycles(40).ends, Cycles(10).ends
    ([8, 24, 56], [13, 40], [10])
    >>> Cycles(30, first=2).ends
    [2, 6, 14, 30]
    """

    first: int = FIRST_CYCLE

    def __post_init__(self):
        super().__post_init__()
        if self.first < 1:
            raise ValueError(f"first must be at least 1. Got {self}.")

    @property
    def ends(self) -> list[int]:
        """The number of epochs at the end of each cycle, a list of int."""
        n_cycles = max(1, (self.n_epochs // self.first + 1).bit_length() - 1)
        parts = 2**n_cycles - 1
        return [
            self.n_epochs * (2**number - 1) // parts
            for number in range(1, n_cycles + 1)
        ]

    def factor(self, share):
        epoch = round(share * self.n_epochs, 6)  # it is an integer
        begin = 0
        for end in self.ends:
            if epoch < end:
                # With few epochs, the rate of the first would be too small, and that of
                # the last too large for convergence: use the rate at the middle of each
                # epoch.
                middle = 0.5 if self.first < FIRST_CYCLE else 0.0
                return OneCycle(1).factor((epoch + middle - begin) / (end - begin))
            begin = end
        return 0.0
