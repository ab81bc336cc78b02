"""The array types that the signatures of `core` and `training` name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# float32 or float64: a fit has one of the two throughout.
FloatArray = NDArray[np.floating[Any]]

# A dense array, or a scipy.sparse array or matrix in CSR format.
Matrix = Any

# What leaves units out at random: one generator, or one for each member.
Generators = np.random.Generator | Sequence[np.random.Generator]
