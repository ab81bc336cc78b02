"""What drives the loop over epochs: minibatch descent, or L-BFGS.

A solver runs epochs and tells the loop of each, which records it, scores it and says
whether to stop. (It is the solver that calls, since scipy's L-BFGS calls back.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Protocol

from skann.core.types import FloatArray
from skann.training.progress import Progress


class Ending(Enum):
    """Why a solver ran no further epoch.

    Attributes
    ----------
    EXHAUSTED
        All epochs were run.

    STOPPED
        The loop has stopped it.

    CONVERGED
        L-BFGS found nothing to improve, or was stopped.

    FAILED
        L-BFGS ended at a limit, or lost its way.

    NOTHING_LEFT
        There was no epoch to run.
    """

    EXHAUSTED = auto()
    STOPPED = auto()
    CONVERGED = auto()
    FAILED = auto()
    NOTHING_LEFT = auto()


@dataclass(frozen=True, eq=False)
class Epoch:
    """What a solver tells of an epoch that is over.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The parameters, which may change in place later.

    loss : float
        The objective.

    gradient_norm : float
        The norm of its gradient.
    """

    theta: FloatArray
    loss: float
    gradient_norm: float


class EpochListener(Protocol):
    """Who is told of epochs."""

    progress: Progress

    def begin_epoch(self, learning_rate: float | None = None) -> None:
        """Hear that an epoch begins, and at which rate if there is one."""

    def end_epoch(self, epoch: Epoch) -> bool:
        """Hear that an epoch has ended; return whether to stop."""

    def abandon_epoch(self, last: Epoch) -> None:
        """Hear that the epoch that has begun is none, and where training has ended."""


class Solver(ABC):
    """Runs epochs.

    Attributes
    ----------
    n_rows : int
        The number of rows that it learns from.

    theta : ndarray of shape (n_parameters,)
        The parameters.

    message : str
        Why it ended, if there is something to say.

    cannot_reduce : str
        Why `reduced_rate` returns None, if there is something to say.
    """

    task_name: ClassVar[str]
    # Whether a plateau of the loss ends training, or the solver sees that by itself.
    stops_by_loss: ClassVar[bool]
    n_rows: int
    theta: FloatArray
    message: str = ""
    cannot_reduce: str = ""

    @abstractmethod
    def run(self, listener: EpochListener) -> Ending:
        """Run epochs until there are no more, or the listener wants to stop."""

    def reduced_rate(self, progress: Progress) -> float | None:
        """Lower the learning rate and return it; None if it cannot be lowered."""
        return None

    def memory(self) -> dict[str, Any]:
        """Return what further training goes on from, by the names of TrainingState."""
        return {}
