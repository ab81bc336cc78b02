"""The progress of training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from skann.training.stopping import Plateau


@dataclass
class Progress:
    """The progress so far, for schedules, stopping rules and sample weights.

    Parameters
    ----------
    n_epochs : int, default=0
        The number of epochs since the weights were drawn.

    n_samples_seen : int, default=0
        The number of samples in all those epochs.

    n_reductions : int, default=0
        How often a plateau has reduced the learning rate.

    mean_weight : float, default=1
        The mean sample weight of the data, by which losses are divided.

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
        """Return the progress that was saved by `as_dict`."""
        return cls(**{**saved, "plateau": Plateau(**saved["plateau"])})

    def merge_weight(self, mean_weight: float, n_samples: int) -> None:
        """Update the mean weight of the data seen so far with that of more data.

        An equal mean does not change anything, not even by rounding.
        """
        share = n_samples / (self.n_samples_seen + n_samples)
        self.mean_weight += (mean_weight - self.mean_weight) * share
