"""The array types in the signatures of `core` and `training`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# float32 or float64; a fit uses one of the two throughout.
FloatArray = NDArray[np.floating[Any]]

# A dense array, or a scipy.sparse array or matrix in CSR format.
Matrix = Any

# The generators for dropout: one, or one per member.
Generators = np.random.Generator | Sequence[np.random.Generator]
