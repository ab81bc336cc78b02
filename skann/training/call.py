"""The kinds of calls of `fit` and `partial_fit`."""

from __future__ import annotations

from enum import Enum, auto


class Call(Enum):
    """The kind of a call, determined once at its start.

    Attributes
    ----------
    FIT
        A whole fit that starts from new parameters.

    WARM_FIT
        A whole fit that starts from trained parameters.

    RESUMED_FIT
        The rest of an interrupted fit that was saved by a callback.

    FIRST_PIECE
        The first piece of a stream: one epoch, starting from new parameters.

    NEXT_PIECE
        Another piece: one epoch, continuing from the last call.
    """

    FIT = auto()
    WARM_FIT = auto()
    RESUMED_FIT = auto()
    FIRST_PIECE = auto()
    NEXT_PIECE = auto()

    @classmethod
    def of(
        cls, *, is_piece: bool, is_fitted: bool, warm_start: bool, unfinished: bool
    ) -> Call:
        """Return the kind of a call, given the state of the estimator."""
        if is_piece:
            return cls.NEXT_PIECE if is_fitted else cls.FIRST_PIECE
        if not (is_fitted and warm_start):
            return cls.FIT
        return cls.RESUMED_FIT if unfinished else cls.WARM_FIT

    @property
    def is_piece(self) -> bool:
        """Whether it is one epoch of a stream, and not a whole fit."""
        return self in (Call.FIRST_PIECE, Call.NEXT_PIECE)

    @property
    def has_past(self) -> bool:
        """Whether it starts from trained parameters."""
        return self not in (Call.FIT, Call.FIRST_PIECE)

    @property
    def refits(self) -> bool:
        """Whether it is a whole fit that starts from trained parameters."""
        return self in (Call.WARM_FIT, Call.RESUMED_FIT)

    @property
    def counts_on(self) -> bool:
        """Whether its epochs continue the count of the last call."""
        return self.is_piece or self is Call.RESUMED_FIT
