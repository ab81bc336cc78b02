"""How far training has come."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from skann.training.stopping import Plateau


@dataclass
class Progress:
    """What schedules, stopping rules and sample weights need to know of the past.

    Parameters
    ----------
    n_epochs : int, default=0
        The number of epochs since the weights were drawn.

    n_samples_seen : int, default=0
        The number of samples of all those epochs.

    n_reductions : int, default=0
        How often a plateau lowered the learning rate.

    mean_weight : float, default=1
        The mean sample weight of the data that losses are divided by.

    plateau : Plateau
        The state of the search for a plateau.
    """

    n_epochs: int = 0
    n_samples_seen: int = 0
    n_reductions: int = 0
    mean_weight: float = 1.0
    plateau: Plateau = field(default_factory=Plateau)

    def as_dict(self) -> dict[str, Any]:
        """Return the progress as plain numbers, to be saved."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Progress:
        """Return the progress that `as_dict` saved."""
        return cls(**{**saved, "plateau": Plateau(**saved["plateau"])})

    def merge_weight(self, mean_weight: float, n_samples: int) -> None:
        """Average the mean weight of more data into that of the data seen so far.

        The same mean again changes nothing, not even a rounding.
        """
        share = n_samples / (self.n_samples_seen + n_samples)
        self.mean_weight += (mean_weight - self.mean_weight) * share
