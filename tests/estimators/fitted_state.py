"""What a fitted estimator keeps, without knowing where it keeps it."""

import numpy as np


def arrays_in(state):
    """Yield all arrays in nested dicts, lists and tuples."""
    if isinstance(state, np.ndarray):
        yield state
    elif isinstance(state, dict):
        yield from arrays_in(list(state.values()))
    elif isinstance(state, (list, tuple)):
        for part in state:
            yield from arrays_in(part)
