"""The mean prediction of several networks.

The members of an ensemble are averaged in terms of predictions: class probabilities or
values. The mean is expressed as the raw output of a single network with this
prediction, so that it can be used like any other raw output.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import log_expit, logsumexp

from skann.core.types import FloatArray

# The number of members in a group. They share the cosines of the inputs and are
# computed side by side, with fewer calls of numpy, on arrays that fit into the cache.
GROUP_SIZE = 4


def groups_of(n_members: int) -> list[range]:
    """Return the indices of the members in each group."""
    numbers = range(n_members)
    return [numbers[start : start + GROUP_SIZE] for start in numbers[::GROUP_SIZE]]


def groups_in(theta: FloatArray) -> list[FloatArray]:
    """Return the parameters of each group, as views; [theta] for a single network."""
    if theta.ndim == 1:
        return [theta]
    return [theta[group.start : group.stop] for group in groups_of(len(theta))]


def _log_mean_exp(logarithms: FloatArray) -> FloatArray:
    """Return log(mean(exp(l))) over the first axis, without overflow."""
    with np.errstate(over="ignore"):  # such a large difference has no effect
        return logsumexp(logarithms, axis=0) - math.log(len(logarithms))


def _mean_logistic(raw: FloatArray) -> FloatArray:
    """Return the logit of the mean of logistic outputs: log p - log(1 - p)."""
    return _log_mean_exp(log_expit(raw)) - _log_mean_exp(log_expit(-raw))


def _mean_softmax(raw: FloatArray) -> FloatArray:
    """Return the logarithm of the mean of softmax outputs."""
    with np.errstate(over="ignore"):
        logarithms = raw - logsumexp(raw, axis=-1, keepdims=True)
    return _log_mean_exp(np.maximum(logarithms, np.finfo(raw.dtype).min))


def _mean_tanh(raw: FloatArray) -> FloatArray:
    """Return the inverse hyperbolic tangent of the mean of hyperbolic tangents.

    tanh(z) is 2 p - 1 for the logistic p of 2 z.
    """
    limit = np.finfo(raw.dtype).max / 2
    return _mean_logistic(2 * np.clip(raw, -limit, limit)) / 2


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean over the first axis, which is no larger than the largest."""
    return (values / len(values)).sum(axis=0)


# The raw output for the mean, by the name of the output activation.
_MEANS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "identity": _mean,
    "logistic": _mean_logistic,
    "softmax": _mean_softmax,
    "exp": _log_mean_exp,
    "relu": lambda raw: _mean(np.maximum(raw, 0)),
    "tanh": _mean_tanh,
}


def mean_of_members(raw: FloatArray, output_activation: str) -> FloatArray:
    """Return the raw output for the mean prediction of all members.

    With the output activation f this is f^(-1)(mean over members of f(raw)); of softmax
    outputs, log(mean).

    Parameters
    ----------
    raw : ndarray of shape (n_members, n_samples, n_outputs), or without members
        The raw outputs of each member. Without members, they are returned unchanged.

    output_activation : str
        The name of the output activation.

    Returns
    -------
    mean : ndarray of shape (n_samples, n_outputs)
        The raw output.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import expit
    >>> from skann.core.members import mean_of_members
    >>> raw = np.array([[[0.0]], [[2.0]]])
    >>> float(expit(mean_of_members(raw, "logistic"))[0, 0]), float(expit(raw).mean())
    (0.69039..., 0.69039...)
    """
    if raw.ndim == 2:
        return raw
    return _MEANS[output_activation](raw)
