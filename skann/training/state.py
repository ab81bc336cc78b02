"""The state of training, which predictions do not need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skann.core.types import FloatArray
from skann.training.optimizers import OptimizerState
from skann.training.progress import Progress


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The state in which training ended, so that it can continue exactly.

    Parameters
    ----------
    progress : dict
        The progress of training, from `Progress.as_dict`.

    solver : str or None
        The solver to which the memory in `optimizer` belongs.

    optimizer : dict or None
        The memory of the optimizer.

    order : ndarray of int or None
        The order of the rows in the last epoch.

    theta : ndarray of shape (n_parameters,) or None
        The last parameters, if the model contains the best ones.

    unfinished : bool
        Whether the fit was saved before its end.

    stopped : bool
        Whether training stopped before its last epoch.

    dropout : dict or None
        The state of the generator for dropout.

    random_state : dict or None
        The state of the generator that shuffles the rows.

    split : dict or None
        The state of the generator before it drew the validation part; empty if that
        part is the last rows.
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
        """Return the progress of training, to be continued."""
        return Progress.from_dict(self.progress)

    def only_progress(self) -> TrainingState:
        """Return the state without everything that is large or random."""
        return TrainingState(self.progress)
