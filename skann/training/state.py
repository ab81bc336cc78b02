"""What further training needs to know, and predictions do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skann.core.types import FloatArray
from skann.training.optimizers import OptimizerState
from skann.training.progress import Progress


@dataclass(frozen=True, eq=False)
class TrainingState:
    """Where training has ended, so that it can go on bit for bit.

    Parameters
    ----------
    progress : dict
        How far training has come, as `Progress.as_dict` says it.

    solver : str or None
        Whose memory `optimizer` is.

    optimizer : dict or None
        The memory of the optimizer.

    order : ndarray of int or None
        The order in which the last epoch took the rows.

    theta : ndarray of shape (n_parameters,) or None
        The last parameters, if the best are those of the model.

    unfinished : bool
        Whether the fit was saved before its end.

    stopped : bool
        Whether it has stopped before its last epoch.

    dropout : dict or None
        The state of the generator that leaves units out.

    random_state : dict or None
        The state of the generator that shuffles the rows.

    split : dict or None
        The state of the generator before it has drawn the validation part; empty if
        that part is the last rows.
    """

    progress: dict[str, Any]
    solver: str | None = None
    optimizer: OptimizerState | None = None
    order: np.ndarray | None = None
    theta: FloatArray | None = None
    unfinished: bool = False
    stopped: bool = False
    dropout: dict[str, Any] | None = None
    random_state: dict[str, Any] | None = None
    split: dict[str, Any] | None = None

    def restored_progress(self) -> Progress:
        """Return how far training has come, to be counted on."""
        return Progress.from_dict(self.progress)

    def only_progress(self) -> TrainingState:
        """Return the state without all that is large or random."""
        return TrainingState(self.progress)
