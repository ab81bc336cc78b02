"""Small data sets for teaching neural networks."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

from skann.core.types import FloatArray
from skann.estimators.sklearn_private import Interval, StrOptions, validate_params

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {
    "and": np.array([0, 0, 0, 1]),
    "or": np.array([0, 1, 1, 1]),
    "xor": np.array([0, 1, 1, 0]),
}
# The centre lies between the corners and the midpoints of the sides.
CENTER_AND_RING = np.vstack(
    [CORNERS, [[0.5, 0.5], [1.0, 0.5], [0.0, 0.5], [0.5, 0.0], [0.5, 1.0]]]
)
ON_RING = np.array([1, 1, 1, 1, 0, 1, 1, 1, 1])
CURVES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "sine": lambda x: 2.5 + np.sin(x),
    "absolute": lambda x: np.abs(x),
}

SAMPLES_AND_NOISE = {
    "n_samples_per_point": [Interval(Integral, 1, None, closed="left")],
    "noise": [Interval(Real, 0, None, closed="left")],
    "random_state": ["random_state"],
}


@validate_params(
    {"gate": [StrOptions(set(GATES))], **SAMPLES_AND_NOISE},
    prefer_skip_nested_validation=True,
)
def make_logic_gate(
    gate: str = "xor",
    n_samples_per_point: int = 30,
    *,
    noise: float = 0.15,
    random_state: int | RandomState | None = None,
) -> tuple[FloatArray, np.ndarray]:
    """Make noisy inputs of a logic gate, with the output for each.

    Parameters
    ----------
    gate : {"and", "or", "xor"}, default="xor"
        The logic gate. The exclusive or is the smallest problem that a network without
        a hidden layer cannot solve.

    n_samples_per_point : int, default=30
        The number of samples around each of the four corners of the unit square.

    noise : float, default=0.15
        The standard deviation of the normal noise of the inputs.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the noise and the order of the samples.
        Pass an int for reproducible output across multiple function calls.

    Returns
    -------
    X : ndarray of shape (4 * n_samples_per_point, 2)
        The inputs, in random order.

    y : ndarray of shape (4 * n_samples_per_point,)
        The outputs, 0 or 1.

    Examples
    --------
    >>> from skann.datasets import make_logic_gate
    >>> X, y = make_logic_gate("and", noise=0.0, random_state=0)
    >>> bool((y == X.prod(axis=1)).all())
    True
    """
    return _scatter(CORNERS, GATES[gate], n_samples_per_point, noise, random_state)


@validate_params(SAMPLES_AND_NOISE, prefer_skip_nested_validation=True)
def make_ring(
    n_samples_per_point: int = 30,
    *,
    noise: float = 0.15,
    random_state: int | RandomState | None = None,
) -> tuple[FloatArray, np.ndarray]:
    """Make a cluster of one class inside a ring of the other class.

    Parameters
    ----------
    n_samples_per_point : int, default=30
        The number of samples around the centre, and around each of eight points on the
        border of the unit square.

    noise : float, default=0.15
        The standard deviation of the normal noise of the inputs.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the noise and the order of the samples.
        Pass an int for reproducible output across multiple function calls.

    Returns
    -------
    X : ndarray of shape (9 * n_samples_per_point, 2)
        The inputs, in random order.

    y : ndarray of shape (9 * n_samples_per_point,)
        0 for the centre, 1 for the ring.

    Examples
    --------
    >>> from skann.datasets import make_ring
    >>> X, y = make_ring(10, random_state=0)
    >>> X.shape, int(y.sum())
    ((90, 2), 80)
    """
    return _scatter(CENTER_AND_RING, ON_RING, n_samples_per_point, noise, random_state)


def _scatter(points, labels, n_samples_per_point, noise, random_state):
    """Return noisy copies of labelled points in random order."""
    generator = check_random_state(random_state)
    X = np.tile(points, (n_samples_per_point, 1))
    X += noise * generator.randn(*X.shape)
    order = generator.permutation(len(X))
    return X[order], np.tile(labels, n_samples_per_point)[order]


@validate_params(
    {
        "curve": [StrOptions(set(CURVES))],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_curve(
    curve: str = "sine",
    n_samples: int = 100,
    *,
    noise: float = 0.5,
    random_state: int | RandomState | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Make noisy values of a curve on the interval [-5, 5].

    Parameters
    ----------
    curve : {"sine", "absolute"}, default="sine"
        The curve: 2.5 + sin(x), or the absolute value of x.

    n_samples : int, default=100
        The number of samples, which are equally spaced.

    noise : float, default=0.5
        The standard deviation of the normal noise of the values.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the noise and the order of the samples.
        Pass an int for reproducible output across multiple function calls.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        The inputs, in random order.

    y : ndarray of shape (n_samples,)
        The values.

    Examples
    --------
    >>> from skann.datasets import make_curve
    >>> X, y = make_curve("absolute", 5, noise=0.0, random_state=0)
    >>> bool((y == abs(X[:, 0])).all())
    True
    """
    generator = check_random_state(random_state)
    x = np.linspace(-5, 5, n_samples)
    y = CURVES[curve](x) + noise * generator.randn(n_samples)
    order = generator.permutation(n_samples)
    return x[order, np.newaxis], y[order]
