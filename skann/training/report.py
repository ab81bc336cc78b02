"""The progress shown during a fit: a table with one row per epoch, or a bar."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EpochRow:
    """The information about an epoch in a report.

    Parameters
    ----------
    epoch : int
        The number of the epoch in this fit, starting from 1.

    loss : float
        The objective.

    seconds : float
        The time since training began.

    learning_rate : float, default=None
        The learning rate; None if there is none.

    validation_score : float, default=None
        The score on the validation data, if there are any.

    oof_loss : float, default=None
        The loss of the rows that members leave out, at the end of a cycle.

    is_best : bool, default=False
        Whether the watched quantity is the best so far.
    """

    epoch: int
    loss: float
    seconds: float
    learning_rate: float | None = None
    validation_score: float | None = None
    oof_loss: float | None = None
    is_best: bool = False


class Report(ABC):
    """Shows the progress of training to the user."""

    @abstractmethod
    def show(self, row: EpochRow) -> None:
        """Show an epoch that has ended."""

    @abstractmethod
    def say(self, message: str) -> None:
        """Show a message about a plateau."""

    @abstractmethod
    def close(self, best_epoch: int | None = None) -> None:
        """Show that training has ended, and the epoch whose weights are kept."""


class EpochTable(Report):
    """Prints a header, and then one row per epoch.

    The best epoch so far is marked with an asterisk after the watched quantity. "left"
    is the estimated time for all remaining epochs.

    Parameters
    ----------
    n_epochs : int or None
        The maximum number of epochs; None if it is not known.

    with_scores, with_oof_loss, with_rate : bool
        Whether to show these additional columns.

    watched : {"loss", "score", "oof_loss"}, default="loss"
        The column with the asterisk.

    with_header : bool, default=True
        Whether to print the header, which is omitted for later pieces of a stream.
    """

    def __init__(
        self,
        n_epochs: int | None,
        *,
        with_scores: bool = False,
        with_oof_loss: bool = False,
        with_rate: bool = True,
        watched: str = "loss",
        with_header: bool = True,
    ):
        self._n_epochs = n_epochs
        self._first: EpochRow | None = None
        self._last: EpochRow | None = None
        columns = [
            ("epoch", 7, lambda row: str(row.epoch), ""),
            ("loss", 11, lambda row: number(row.loss), "loss"),
            ("validation", 12, lambda row: number(row.validation_score), "score"),
            ("out-of-fold", 13, lambda row: number(row.oof_loss), "oof_loss"),
            ("rate", 10, lambda row: f"{row.learning_rate:.3g}", ""),
            ("seconds", 9, lambda row: f"{row.seconds:.2f}", ""),
            ("left", 8, self._left, ""),
        ]
        is_shown = {
            "validation": with_scores,
            "out-of-fold": with_oof_loss,
            "rate": with_rate,
            "left": n_epochs is not None,
        }
        self._columns: list[tuple[str, int, Callable[[EpochRow], str], str]] = [
            column for column in columns if is_shown.get(column[0], True)
        ]
        self._watched = watched
        self._with_header = with_header

    def show(self, row: EpochRow) -> None:
        if self._first is None:
            self._first = row
            if self._with_header:
                self._print_header()
        self._last = row
        print(
            "".join(
                f"{text(row):>{width}}{self._mark(row, of)}"
                for _, width, text, of in self._columns
            ).rstrip()
        )

    def say(self, message: str) -> None:
        print(message)

    def close(self, best_epoch: int | None = None) -> None:
        if best_epoch is None or self._n_epochs is None or self._last is None:
            return
        if best_epoch != self._last.epoch:
            print(
                f"The weights of epoch {best_epoch}, the last one marked *, were kept."
            )

    def _print_header(self) -> None:
        for heads in (
            [name for name, *_ in self._columns],
            ["-" * (width - 2) for _, width, *_ in self._columns],
        ):
            cells = zip(heads, self._columns, strict=True)
            line = (
                f"{head:>{width}}{'  ' * (of == self._watched)}"
                for head, (_, width, _, of) in cells
            )
            print("".join(line).rstrip())

    def _mark(self, row: EpochRow, of: str) -> str:
        """Return the mark after a cell; the watched column has space for it."""
        if of != self._watched:
            return ""
        return " *" if row.is_best else "  "

    def _left(self, row: EpochRow) -> str:
        """Return the estimated time for all remaining epochs."""
        first = self._first
        assert first is not None
        assert self._n_epochs is not None
        n_left = self._n_epochs - row.epoch
        if first.epoch == 1:
            per_epoch = row.seconds / row.epoch
        elif row is first:  # a continued fit, whose pace is not known yet
            return ""
        else:
            per_epoch = (row.seconds - first.seconds) / (row.epoch - first.epoch)
        return duration(n_left * per_epoch)


class EpochBar(Report):
    """Shows a progress bar, using rich.

    Parameters
    ----------
    n_epochs : int
        The maximum number of epochs.

    Raises
    ------
    ImportError
        If rich is not installed.
    """

    def __init__(self, n_epochs: int):
        try:
            from rich import progress
        except ImportError as error:
            raise ImportError(
                "verbose=2 shows a progress bar, which requires the package rich: "
                'pip install "skann[progress]". Or use verbose=True, which prints a '
                "table without rich."
            ) from error
        self._bar = progress.Progress(
            progress.TextColumn("epoch"),
            progress.MofNCompleteColumn(),
            progress.BarColumn(),
            progress.TextColumn("{task.description}"),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
        )
        self._n_epochs = n_epochs
        self._task: Any = None

    def show(self, row: EpochRow) -> None:
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._n_epochs)
        parts = [f"loss {number(row.loss)}"]
        if row.validation_score is not None:
            parts.append(f"validation {number(row.validation_score)}")
        if row.oof_loss is not None:
            parts.append(f"out-of-fold {number(row.oof_loss)}")
        self._bar.update(self._task, completed=row.epoch, description=", ".join(parts))

    def say(self, message: str) -> None:
        self._bar.console.print(message)

    def close(self, best_epoch: int | None = None) -> None:
        if self._task is not None:
            self._bar.stop()


def make_report(
    verbose: bool | int, n_epochs: int | None, **options: Any
) -> Report | None:
    """Return the report for a value of `verbose`, or None.

    `options` are those of `EpochTable`. If the number of epochs is not known, a table
    is used instead of a bar.
    """
    if not verbose:
        return None
    if verbose == 2 and n_epochs is not None:
        return EpochBar(n_epochs)
    return EpochTable(n_epochs, **options)


def number(value: float | None) -> str:
    """Return a number as text, with decimal points aligned where possible."""
    if value is None:
        return ""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.5f}" if abs(value) < 1e3 else f"{value:.2f}"
    return f"{value:.3e}"


def duration(seconds: float) -> str:
    """Return a time in hours, minutes and seconds, or a short one in seconds."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
