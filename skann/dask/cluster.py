"""The workers of a Dask client, with errors that say what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from typing import Any

from distributed import Client, Future, KilledWorker, get_client


class LostClusterError(RuntimeError):
    """The scheduler was lost, or data that cannot be recomputed.

    Parameters
    ----------
    message : str
        What was lost, and what to do about it.
    """

    def __init__(self, message: str):
        super().__init__(message)


class Cluster:
    """A cluster that runs functions where the rows are.

    Each call is a separate task with everything it needs as arguments. If a worker
    dies, the scheduler can therefore run the task again, after the tasks that it
    depends on. Nothing is scattered, since scattered data would be lost with their
    worker.

    Parameters
    ----------
    client : distributed.Client or None
        The client. If None, the current client.

    Raises
    ------
    ValueError
        If there is no client.
    """

    def __init__(self, client: Client | None):
        if client is None:
            try:
                client = get_client()
            except ValueError:
                raise ValueError(
                    "There is no Dask client. Create one, for example with client = "
                    "distributed.Client(address), or pass client=..."
                ) from None
        self.client: Client = client

    def submit(self, function: Callable, *arguments: Any) -> Future:
        """Return the future of a call, whose arguments may be futures."""
        return self._speak(lambda: self.client.submit(function, *arguments, pure=False))

    def map(self, function: Callable, *arguments: Sequence[Any]) -> list[Future]:
        """Return the futures of calls with the items of equally long sequences."""
        if not arguments[0]:
            return []
        return self._speak(lambda: self.client.map(function, *arguments, pure=False))

    def compute(self, delayed: Iterable[Any]) -> list[Future]:
        """Return a future for each delayed value."""
        return self._speak(lambda: self.client.compute(list(delayed)))

    def gather(self, futures: Sequence[Future]) -> list[Any]:
        """Return the results of futures, in order, or raise the error of a task.

        Raises
        ------
        LostClusterError
            If the scheduler or all copies of some data are lost, or if a task has
            killed several workers in a row.
        """
        return self._speak(lambda: self.client.gather(list(futures)))

    def call(self, function: Callable, *arguments: Any) -> Any:
        """Return the result of a call, whose arguments may be futures."""
        return self.gather([self.submit(function, *arguments)])[0]

    def _speak(self, action: Callable[[], Any]) -> Any:
        """Return the result of an action, or raise an error if the cluster is lost."""
        lost: Exception
        try:
            if self.client.status in ("closed", "closing", "connecting"):
                raise CancelledError
            return action()
        except KilledWorker as error:
            raise LostClusterError(
                f"{error.task!r} was tried on several workers, all of which died, most "
                "likely because they ran out of memory. Use smaller chunks or "
                "partitions."
            ) from error
        except (CancelledError, OSError) as error:
            lost = error
        except Exception as error:  # a closed client raises plain exceptions
            if self.client.status == "running":
                raise
            lost = error
        raise LostClusterError(
            "The fit was aborted: the scheduler was lost, or a worker died with "
            "scattered data that cannot be recomputed. The estimator was left "
            "unchanged. Fit again with a new client, and with collections that can be "
            "recomputed, for example from files."
        ) from lost
