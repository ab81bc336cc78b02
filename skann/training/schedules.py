"""How the learning rate changes from epoch to epoch.

A schedule is a function of how far training has come, and of nothing else: training
that is cut in pieces and continued takes the same steps as training at once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from skann.core.searchable import Searchable
from skann.training.progress import Progress


class Schedule(Searchable, ABC):
    """The learning rate of each epoch.

    Subclass it for a schedule of your own, and pass an instance as `learning_rate`. The
    arguments of its `__init__` (the fields of a dataclass), kept under their names, are
    parameters that a search reaches as `learning_rate__<name>`.

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
        """Return the learning rate of the epoch that begins at `progress`.

        Parameters
        ----------
        learning_rate_init : float
            The estimator's parameter.

        progress : Progress
            What was done so far: `n_epochs`, `n_samples_seen` and more.

        Returns
        -------
        rate : float
            Not negative.
        """

    def can_reduce(self, learning_rate_init: float, progress: Progress) -> bool:
        """Say whether a plateau lowers the rate; if not, a plateau ends training."""
        return False


@dataclass(frozen=True)
class Constant(Schedule):
    """The rate eta = learning_rate_init."""

    def rate(self, learning_rate_init, progress):
        return learning_rate_init


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """The rate eta = learning_rate_init / (t + 1) ** power_t, where t counts samples.

    With many samples per epoch the rate falls fast: after one epoch of 10 000 samples
    and power_t = 0.5 it is a hundredth of what it was.

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
        # A negative exponent ends at zero where a positive one would overflow.
        t = float(progress.n_samples_seen + 1)
        return learning_rate_init * t**-self.power_t


@dataclass(frozen=True)
class Adaptive(Schedule):
    """The rate is divided by 5 at each plateau, until it has fallen to 1e-6."""

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
        What the rate is multiplied by after each epoch, above 0.
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

    The divisions compound, so that it falls faster and faster: with a decay of 0.01 to
    a half after 12 epochs and to a millionth after 57.

    Parameters
    ----------
    decay : float, default=0.01
        At least 0.
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
        The number of epochs that it lasts. After them the rate is zero.

    start : int, default=0
        The number of epochs that were trained before it begins.
    """

    n_epochs: int
    start: int = 0

    def __post_init__(self):
        if self.n_epochs < 1:
            raise ValueError(f"n_epochs must be at least 1. Got {self}.")

    @abstractmethod
    def factor(self, share: float) -> float:
        """Return the rate in units of the largest one, after a share of all epochs."""

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
        The number of epochs that it lasts. After them the rate is zero.

    start : int, default=0
        The number of epochs that were trained before it begins.
    """

    def factor(self, share):
        return (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class OneCycle(Horizon):
    """Up from learning_rate_init / 25 in the first 30 % of the epochs, then down to 0.

    Both ways follow half a cosine. After Smith and Topin, 2018, "Super-convergence:
    very fast training of neural networks using large learning rates", section 2.

    Parameters
    ----------
    n_epochs : int
        The number of epochs that it lasts. After them the rate is zero.

    start : int, default=0
        The number of epochs that were trained before it begins.
    """

    def factor(self, share):
        rise, low = 0.3, 1 / 25
        if share < rise:
            return low + (1 - low) * (1 - math.cos(math.pi * share / rise)) / 2
        return (1 + math.cos(math.pi * (share - rise) / (1 - rise))) / 2


# The first of several cycles usually has no fewer epochs.
FIRST_CYCLE = 8


@dataclass(frozen=True)
class Cycles(Horizon):
    """One cycle after the other, each about twice as long as the one before it.

    Each is a `OneCycle`. There are as many as make the first at least `first` epochs
    long: 8, 16 and 32 of 56 epochs, 8, 16, 32 and 64 of 120, and so on. After each the
    network has settled, so that it can be judged, and training can end there (after
    Loshchilov and Hutter, 2017, "SGDR: stochastic gradient descent with warm restarts",
    section 3).

    Parameters
    ----------
    n_epochs : int
        The number of epochs that all of them last. After them the rate is zero.

    start : int, default=0
        The number of epochs that were trained before they begin.

    first : int, default=8
        The least number of epochs of the first cycle. If it is less than 8, each epoch
        has the rate of its middle instead of that of its beginning, so that short
        cycles, too, end at a small rate.

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
        """List of int : How many epochs are done when each cycle ends."""
        n_cycles = max(1, (self.n_epochs // self.first + 1).bit_length() - 1)
        parts = 2**n_cycles - 1
        return [
            self.n_epochs * (2**number - 1) // parts
            for number in range(1, n_cycles + 1)
        ]

    def factor(self, share):
        epoch = round(share * self.n_epochs, 6)  # which is a whole number
        begin = 0
        for end in self.ends:
            if epoch < end:
                # Of few epochs the first has too small a rate, and the last too large
                # a one for the network to settle: take that of the middle of each.
                middle = 0.5 if self.first < FIRST_CYCLE else 0.0
                return OneCycle(1).factor((epoch + middle - begin) / (end - begin))
            begin = end
        return 0.0
