"""What the network is asked to make small.

A loss here includes the output activation that turns the network's raw output z into
a prediction p. So its gradient is taken with respect to z, where it is stable: no
probability is clipped, and no logarithm sees a zero. Losses are summed over outputs
and samples; the objective divides.

Targets, raw outputs and deltas of shape (n_samples, n_outputs) come in Fortran order:
there are few outputs and many samples, so that sums over outputs run along the memory.
Any order gives the same results.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import expit, xlogy

from skann.core.activations import ACTIVATIONS, Activation
from skann.core.types import FloatArray


class Loss(ABC):
    """A loss of one sample, as a function of the network's raw output.

    Attributes
    ----------
    name : str
        The name by which estimators know it.

    output_activations : tuple of str
        The output activations that it can be joined with.

    target_range : tuple of two floats
        The closed interval in which targets must lie.
    """

    name: str
    output_activations: tuple[str, ...]
    target_range: tuple[float, float] = (-np.inf, np.inf)

    def __init__(self, output_activation: Activation):
        self.output_activation = output_activation

    @abstractmethod
    def value_and_delta(
        self,
        target: FloatArray,
        raw: FloatArray,
        sample_weight: FloatArray | None,
        delta: FloatArray,
    ) -> float:
        """Return the weighted sum of the losses and write its gradient into `delta`.

        Parameters
        ----------
        target : ndarray of shape (n_samples, n_outputs)
            What the outputs should be.

        raw : ndarray of shape (n_samples, n_outputs)
            The raw output of the network; it may be overwritten.

        sample_weight : ndarray of shape (n_samples,) or None
            The weight of each sample; None stands for ones.

        delta : ndarray of shape (n_samples, n_outputs)
            Receives the gradient with respect to `raw`.

        Returns
        -------
        value : float
            sum_i w_i loss_i.
        """

    @abstractmethod
    def value_of_constant(
        self, target: FloatArray, sample_weight: FloatArray | None
    ) -> float:
        """Return the weighted sum of the losses of always predicting the mean target.

        Among constant predictions it is the best one, so that what a network has
        learned can be measured by it. Parameters as for `value_and_delta`.
        """


def _mean(target: FloatArray, sample_weight: FloatArray | None) -> FloatArray:
    """Return the weighted mean of each output, in float64."""
    return np.average(target.astype(np.float64), axis=0, weights=sample_weight)


def _weighted_sum(losses: FloatArray, sample_weight: FloatArray | None) -> float:
    """Sum losses of shape (n_samples, n_outputs) or (n_samples,), in float64."""
    if sample_weight is None:
        return float(losses.sum(dtype=np.float64))
    if losses.ndim == 2:
        losses = losses.sum(axis=1)
    return float(np.dot(losses.astype(np.float64), sample_weight))


def _total_weight(target: FloatArray, sample_weight: FloatArray | None) -> float:
    """Return the sum of the weights."""
    if sample_weight is None:
        return float(target.shape[0])
    return float(sample_weight.sum(dtype=np.float64))


def _weighted_dot(
    left: FloatArray, right: FloatArray, sample_weight: FloatArray | None
) -> float:
    """Return sum_i w_i sum_k left_ik right_ik."""
    if sample_weight is None:
        # The arrays are in Fortran order, so their transposes need no copy.
        return float(np.vdot(left.T, right.T))
    return _weighted_sum(np.einsum("ij,ij->i", left, right), sample_weight)


def _weigh(delta: FloatArray, sample_weight: FloatArray | None) -> None:
    """Multiply each sample's row of `delta` by its weight, in place."""
    if sample_weight is not None:
        delta *= sample_weight[:, np.newaxis]


class SquaredError(Loss):
    """The loss is 1/2 sum_k (p_k - y_k) ** 2, whatever the output activation.

    dloss/dz is the output activation's own derivative applied to (p - y): it is p - y
    for the identity alone.
    """

    name = "squared_error"
    output_activations = ("identity", "logistic", "tanh", "relu", "exp", "softmax")

    def __init__(self, output_activation):
        super().__init__(output_activation)
        # A target beyond the output's range can never be met.
        self.target_range = output_activation.output_range

    def value_and_delta(self, target, raw, sample_weight, delta):
        prediction = raw
        self.output_activation.apply(raw, out=prediction)
        np.subtract(prediction, target, out=delta)
        value = 0.5 * _weighted_dot(delta, delta, sample_weight)
        self.output_activation.backward(prediction, delta)
        _weigh(delta, sample_weight)
        return value

    def value_of_constant(self, target, sample_weight):
        difference = target - _mean(target, sample_weight)
        return 0.5 * _weighted_sum(np.square(difference), sample_weight)


class BinaryCrossEntropy(Loss):
    """The loss is -sum_k y_k log p_k + (1 - y_k) log(1 - p_k), with p = logistic(z).

    In terms of z this is max(z, 0) - y z + log(1 + exp(-|z|)), which neither
    overflows nor loses digits, and dloss/dz = p - y. The K outputs are independent:
    one for two classes, one per label for multilabel targets, or one per class.
    """

    name = "log_loss"
    output_activations = ("logistic",)
    target_range = (0.0, 1.0)

    def value_and_delta(self, target, raw, sample_weight, delta):
        losses = np.maximum(raw, 0)
        losses -= target * raw
        np.abs(raw, out=delta)
        np.negative(delta, out=delta)
        np.exp(delta, out=delta)
        np.log1p(delta, out=delta)
        losses += delta
        expit(raw, out=delta)
        delta -= target
        _weigh(delta, sample_weight)
        return _weighted_sum(losses, sample_weight)

    def value_of_constant(self, target, sample_weight):
        # sum_i w_i y_i = mean * sum_i w_i, so that the entropy of the mean remains.
        mean = _mean(target, sample_weight)
        entropy = -(xlogy(mean, mean) + xlogy(1 - mean, 1 - mean)).sum()
        return float(entropy) * _total_weight(target, sample_weight)


class CategoricalCrossEntropy(Loss):
    """The loss is -sum_k y_k log p_k, with p = softmax(z) and sum_k y_k = 1.

    In terms of s = z - max(z) this is log(sum_j exp(s_j)) - sum_k y_k s_k, and
    dloss/dz = p - y (Bishop, 2006, "Pattern Recognition and Machine Learning",
    equations 4.108 and 4.109).
    """

    name = "log_loss"
    output_activations = ("softmax",)
    target_range = (0.0, 1.0)

    def value_and_delta(self, target, raw, sample_weight, delta):
        np.subtract(raw, raw.max(axis=1, keepdims=True), out=delta)
        target_score = _weighted_dot(target, delta, sample_weight)
        np.exp(delta, out=delta)
        total = delta.sum(axis=1, keepdims=True)
        delta /= total
        delta -= target
        _weigh(delta, sample_weight)
        return _weighted_sum(np.log(total[:, 0]), sample_weight) - target_score

    def value_of_constant(self, target, sample_weight):
        mean = _mean(target, sample_weight)
        return -float(xlogy(mean, mean).sum()) * _total_weight(target, sample_weight)


class HalfPoissonDeviance(Loss):
    """The loss is sum_k y_k log(y_k / p_k) - y_k + p_k, with p = exp(z) and y >= 0.

    In terms of z this is y log y - y - y z + exp(z), and dloss/dz = p - y (McCullagh
    and Nelder, 1989, "Generalized Linear Models", table 2.1; half of that deviance).
    """

    name = "poisson"
    output_activations = ("exp",)
    target_range = (0.0, np.inf)

    def value_and_delta(self, target, raw, sample_weight, delta):
        losses = xlogy(target, target)
        losses -= target
        losses -= target * raw
        np.exp(raw, out=delta)
        losses += delta
        delta -= target
        _weigh(delta, sample_weight)
        return _weighted_sum(losses, sample_weight)

    def value_of_constant(self, target, sample_weight):
        mean = _mean(target, sample_weight)
        losses = xlogy(target, target) - xlogy(target, mean) - target + mean
        return _weighted_sum(losses, sample_weight)


LOSSES: dict[tuple[str, str], type[Loss]] = {
    (loss.name, output_activation): loss
    for loss in (
        SquaredError,
        BinaryCrossEntropy,
        CategoricalCrossEntropy,
        HalfPoissonDeviance,
    )
    for output_activation in loss.output_activations
}


def make_loss(name: str, output_activation: str) -> Loss:
    """Join the loss called `name` with the output activation of that name.

    Parameters
    ----------
    name : str
        "squared_error", "log_loss" or "poisson".

    output_activation : str
        The name of an activation.

    Returns
    -------
    loss : Loss
        The joined loss.

    Raises
    ------
    ValueError
        If the two do not go together.
    """
    try:
        loss = LOSSES[name, output_activation]
    except KeyError:
        possible = sorted(other for known, other in LOSSES if known == name)
        raise ValueError(
            f"loss={name!r} cannot be joined with output_activation="
            f"{output_activation!r}. Choose one of {possible}, or 'auto'."
        ) from None
    return loss(ACTIVATIONS[output_activation])
