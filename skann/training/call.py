"""What a call of `fit` or `partial_fit` continues."""

from __future__ import annotations

from enum import Enum, auto


class Call(Enum):
    """What is asked for, decided once at the start of a call.

    Attributes
    ----------
    FIT
        A whole fit that begins with new parameters.

    WARM_FIT
        A whole fit that begins with trained parameters.

    RESUMED_FIT
        The rest of a fit that was cut off, and saved by a callback.

    FIRST_PIECE
        The first piece of a stream: one epoch, from new parameters.

    NEXT_PIECE
        Another piece: one epoch, from where the last call ended.
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
        """Return what a call continues, given the state of the estimator."""
        if is_piece:
            return cls.NEXT_PIECE if is_fitted else cls.FIRST_PIECE
        if not (is_fitted and warm_start):
            return cls.FIT
        return cls.RESUMED_FIT if unfinished else cls.WARM_FIT

    @property
    def is_piece(self) -> bool:
        """Whether it is one epoch of a stream, not a whole fit."""
        return self in (Call.FIRST_PIECE, Call.NEXT_PIECE)

    @property
    def has_past(self) -> bool:
        """Whether it begins with trained parameters."""
        return self not in (Call.FIT, Call.FIRST_PIECE)

    @property
    def refits(self) -> bool:
        """Whether it is a whole fit that begins with trained parameters."""
        return self in (Call.WARM_FIT, Call.RESUMED_FIT)

    @property
    def counts_on(self) -> bool:
        """Whether its epochs are counted on from those of the last call."""
        return self.is_piece or self is Call.RESUMED_FIT
