"""The workers of a client, and what goes wrong with them, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from typing import Any

from distributed import Client, Future, KilledWorker, get_client


class LostClusterError(RuntimeError):
    """The scheduler is lost, or data that nothing could make anew.

    Parameters
    ----------
    message : str
        What was lost, and what to do.
    """

    def __init__(self, message: str):
        super().__init__(message)


class Cluster:
    """Runs functions where the rows are.

    Each call is a task of its own with all that it needs as arguments, so that the
    scheduler can run it once more, after the tasks that it depends on, if a worker
    dies. Nothing is scattered: what is scattered dies with its worker.

    Parameters
    ----------
    client : distributed.Client or None
        The client; None for the current one.

    Raises
    ------
    ValueError
        If there is none.
    """

    def __init__(self, client: Client | None):
        if client is None:
            try:
                client = get_client()
            except ValueError:
                raise ValueError(
                    "There is no Dask client. Make one, as by client = "
                    "distributed.Client(address), or pass client=..."
                ) from None
        self.client: Client = client

    def submit(self, function: Callable, *arguments: Any) -> Future:
        """Return the future of a call, whose arguments may be futures."""
        return self._speak(lambda: self.client.submit(function, *arguments, pure=False))

    def map(self, function: Callable, *arguments: Sequence[Any]) -> list[Future]:
        """Return the futures of calls with the items of sequences of one length."""
        if not arguments[0]:
            return []
        return self._speak(lambda: self.client.map(function, *arguments, pure=False))

    def compute(self, delayed: Iterable[Any]) -> list[Future]:
        """Return a future for each of some delayed values."""
        return self._speak(lambda: self.client.compute(list(delayed)))

    def gather(self, futures: Sequence[Future]) -> list[Any]:
        """Return the results, in their order; errors of tasks are raised as they are.

        Raises
        ------
        LostClusterError
            If the scheduler or all copies of some data are lost, or if tasks have
            killed one worker after the other.
        """
        return self._speak(lambda: self.client.gather(list(futures)))

    def call(self, function: Callable, *arguments: Any) -> Any:
        """Return the result of a call, whose arguments may be futures."""
        return self.gather([self.submit(function, *arguments)])[0]

    def _speak(self, action: Callable[[], Any]) -> Any:
        """Return what an action returns, and say it in words if the cluster is lost."""
        lost: Exception
        try:
            if self.client.status in ("closed", "closing", "connecting"):
                raise CancelledError
            return action()
        except KilledWorker as error:
            raise LostClusterError(
                f"{error.task!r} was tried on several workers, all of which died. Most "
                "likely their memory was not enough: take smaller chunks or partitions."
            ) from error
        except (CancelledError, OSError) as error:
            lost = error
        except Exception as error:  # of a client that is closed, which has no class
            if self.client.status == "running":
                raise
            lost = error
        raise LostClusterError(
            "The fit was broken off: the scheduler is lost, or so are data that were "
            "scattered to a worker that has died, which nothing can make anew. The "
            "estimator is as it was before the call. Fit again with a new client, and "
            "with collections that are read from files, say."
        ) from lost
