"""The mean of several networks, as nodes.

These are the formulas of `skann.core.members`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from skann.export.onnx_graph.activations import softplus
from skann.export.onnx_graph.graph import Value


def _log_mean_exp(logarithms: Value, n_members: int) -> Value:
    """Return log(mean(exp(l))) over the first axis, without overflow."""
    return logarithms.log_sum_exp(0) - math.log(n_members)


def _mean_logistic(raw: Value, n_members: int) -> Value:
    """Return the logit of the mean of logistic outputs."""
    of_others = softplus(raw)  # -log(1 - p); subtracted from z, it is log(p)
    return _log_mean_exp(raw - of_others, n_members) - _log_mean_exp(
        -of_others, n_members
    )


def _mean_softmax(raw: Value, n_members: int) -> Value:
    """Return the logarithm of the mean of softmax outputs."""
    return _log_mean_exp(raw.log_softmax(2), n_members)


def _mean(values: Value, n_members: int) -> Value:
    """Return the mean over the first axis."""
    return (values / n_members).sum(0)


# By the name of the output activation.
MEANS: dict[str, Callable[[Value, int], Value]] = {
    "identity": _mean,
    "logistic": _mean_logistic,
    "softmax": _mean_softmax,
    "exp": _log_mean_exp,
    "relu": lambda raw, n_members: _mean(raw.relu(), n_members),
    "tanh": lambda raw, n_members: _mean_logistic(raw * 2, n_members) * 0.5,
}


def mean_of_members(raw: Value, n_members: int, output_activation: str) -> Value:
    """Return the raw output for the mean prediction of all members."""
    if output_activation not in MEANS:
        raise ValueError(
            f"to_onnx does not support the mean of {output_activation!r} outputs. Fit "
            "with n_members=1."
        )
    return MEANS[output_activation](raw, n_members)
