"""The interface of solvers: minibatch descent, or L-BFGS.

A solver runs epochs and reports each of them to the loop, which records it, scores it
and decides whether to stop. (The solver calls the loop, since SciPy's L-BFGS uses a
callback.)
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
        The loop stopped it.

    CONVERGED
        L-BFGS found nothing to improve, or was stopped.

    FAILED
        L-BFGS ended at a limit, or failed.

    NOTHING_LEFT
        There were no epochs to run.
    """

    EXHAUSTED = auto()
    STOPPED = auto()
    CONVERGED = auto()
    FAILED = auto()
    NOTHING_LEFT = auto()


@dataclass(frozen=True, eq=False)
class Epoch:
    """The report of a solver about an epoch.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The parameters, which may be changed in place later.

    loss : float
        The objective.

    gradient_norm : float
        The norm of the gradient.
    """

    theta: FloatArray
    loss: float
    gradient_norm: float


class EpochListener(Protocol):
    """Receives the reports about epochs."""

    progress: Progress

    def begin_epoch(self, learning_rate: float | None = None) -> None:
        """Begin an epoch, with its learning rate if there is one."""

    def end_epoch(self, epoch: Epoch) -> bool:
        """End an epoch; return whether to stop."""

    def abandon_epoch(self, last: Epoch) -> None:
        """Discard the epoch that has begun, given where training ended."""


class Solver(ABC):
    """The interface of solvers, which run epochs.

    Attributes
    ----------
    n_rows : int
        The number of training rows.

    theta : ndarray of shape (n_parameters,)
        The parameters.

    message : str
        Why it ended, if there is a message.

    cannot_reduce : str
        Why `reduced_rate` returns None, if there is a message.
    """

    task_name: ClassVar[str]
    # Whether a plateau of the loss ends training, or the solver has its own criteria.
    stops_by_loss: ClassVar[bool]
    n_rows: int
    theta: FloatArray
    message: str = ""
    cannot_reduce: str = ""

    @abstractmethod
    def run(self, listener: EpochListener) -> Ending:
        """Run epochs until there are no more, or the listener requests to stop."""

    def reduced_rate(self, progress: Progress) -> float | None:
        """Reduce the learning rate and return it; None if it cannot be reduced."""
        return None

    def memory(self) -> dict[str, Any]:
        """Return the state for further training, with the names of `TrainingState`."""
        return {}
