"""Losses, which the network minimises.

A loss includes the output activation that turns the raw output z of the network into a
prediction p. Its gradient is taken with respect to z, which is numerically stable: no
probability is clipped, and there is no logarithm of zero. Losses are summed over
outputs and samples; the objective divides by their number.

Targets, raw outputs and deltas of shape (n_samples, n_outputs) are in Fortran order:
there are few outputs and many samples, so sums over outputs access contiguous memory.
The results do not depend on the order.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, xlogy

from skann.core.activations import ACTIVATIONS, Activation
from skann.core.searchable import Searchable
from skann.core.types import FloatArray


class Loss(Searchable, ABC):
    """The base class of losses, as functions of the raw output of the network.

    To define your own loss, write a subclass and pass an instance as `loss`. The
    arguments of its `__init__` (or the fields of a dataclass), stored under the same
    names, are parameters that a search can set as `loss__<name>`.

    Attributes
    ----------
    name : str
        The name of the loss in estimators.

    output_activations : tuple of str
        The output activations that it can be combined with, the default first.

    target_range : tuple of two floats
        The closed interval in which targets must lie.

    target_scaling : {"affine", "mean", None}
        Which scaling of the targets does not change the problem: any shift and scale
        (if the output activation is the identity), only a scale, or none.

    output_activation : Activation
        The function that turns raw outputs into predictions, once they are combined.

    Examples
    --------
    The logarithm of the hyperbolic cosine, a smooth variant of the absolute error:

    >>> import numpy as np
    >>> from skann import BackpropRegressor, Loss, check_gradient
    >>> class LogCosh(Loss):
    ...     name = "log_cosh"
    ...     output_activations = ("identity",)
    ...
    ...     def value_and_delta(self, target, raw, sample_weight, delta):
    ...         weight = 1 if sample_weight is None else sample_weight[:, np.newaxis]
    ...         residual = raw - target
    ...         delta[...] = weight * np.tanh(residual)
    ...         losses = np.logaddexp(residual, -residual) - np.log(2)
    ...         return float(np.sum(weight * losses))
    >>> X = np.random.RandomState(0).randn(50, 3)
    >>> regressor = BackpropRegressor(5, loss=LogCosh(), solver="lbfgs", random_state=0)
    >>> bool(check_gradient(regressor.fit(X, X[:, 0]), X, X[:, 0]))
    True
    """

    name: str
    output_activations: tuple[str, ...]
    target_range: tuple[float, float] = (-np.inf, np.inf)
    target_scaling: str | None = None
    output_activation: Activation

    def joined_with(self, output_activation: str) -> Loss:
        """Return this loss, combined with an output activation.

        Parameters
        ----------
        output_activation : str
            The name of the output activation.

        Returns
        -------
        loss : Loss
            A copy, or another loss for this output activation.
        """
        joined = copy.copy(self)
        joined.output_activation = ACTIVATIONS[output_activation]
        return joined

    def check_n_outputs(self, n_outputs: int) -> None:
        """Check that the loss supports a network with this number of outputs.

        Parameters
        ----------
        n_outputs : int
            The number of outputs.

        Raises
        ------
        ValueError
            If the loss has one parameter per output, for another number of outputs.
        """

    def in_units(self, scale: FloatArray) -> Loss:
        """Return the same loss for targets and predictions divided by `scale`.

        Parameters
        ----------
        scale : ndarray of shape (n_outputs,)
            The new units.

        Returns
        -------
        loss : Loss
            A loss that equals this one, up to a factor for each output.
        """
        return self

    @abstractmethod
    def value_and_delta(
        self,
        target: FloatArray,
        raw: FloatArray,
        sample_weight: FloatArray | None,
        delta: FloatArray,
    ) -> float:
        """Return the weighted sum of the losses, and write its gradient into `delta`.

        Parameters
        ----------
        target : ndarray of shape (n_samples, n_outputs)
            The targets.

        raw : ndarray of shape (n_samples, n_outputs)
            The raw output of the network; it may be overwritten.

        sample_weight : ndarray of shape (n_samples,) or None
            The weight of each sample. If None, all samples have weight 1.

        delta : ndarray of shape (n_samples, n_outputs)
            The array to which the gradient with respect to `raw` is written.

        Returns
        -------
        value : float
            sum_i w_i loss_i.
        """

    def value_of_constant(
        self, target: FloatArray, sample_weight: FloatArray | None
    ) -> float | None:
        """Return the weighted sum of the losses of the best constant prediction.

        It is the reference for what a network has learned. The parameters are those of
        `value_and_delta`. Your own losses need not implement this method. The default,
        None, means that the value is unknown: there is then no warning if a network
        learns nothing.
        """
        return None


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


class ResidualLoss(Loss):
    """A loss that depends only on the residual r = p - y, for any output activation.

    dloss/dz is dloss/dr, multiplied by the derivative of the output activation.
    """

    output_activations: tuple[str, ...] = (
        "identity",
        "logistic",
        "tanh",
        "relu",
        "exp",
    )
    target_scaling = "affine"

    def joined_with(self, output_activation):
        joined = super().joined_with(output_activation)
        # A target outside the range of the output can never be reached.
        joined.target_range = joined.output_activation.output_range
        return joined

    @abstractmethod
    def value_and_slope(
        self, residual: FloatArray, sample_weight: FloatArray | None
    ) -> float:
        """Return sum_i w_i loss_i and replace r by dloss/dr, unweighted, in place."""

    def value_and_delta(self, target, raw, sample_weight, delta):
        prediction = raw
        self.output_activation.apply(raw, out=prediction)
        np.subtract(prediction, target, out=delta)
        value = self.value_and_slope(delta, sample_weight)
        self.output_activation.backward(prediction, delta)
        _weigh(delta, sample_weight)
        return value

    @abstractmethod
    def best_constant(
        self, target: FloatArray, sample_weight: FloatArray | None
    ) -> FloatArray:
        """Return the constant prediction with the smallest loss for each output."""

    def value_of_constant(self, target, sample_weight):
        best = self.best_constant(target, sample_weight)
        return self.value_and_slope(best - target, sample_weight)


class SquaredError(ResidualLoss):
    """The loss is 1/2 sum_k (p_k - y_k) ** 2."""

    name = "squared_error"
    output_activations = (*ResidualLoss.output_activations, "softmax")

    def value_and_slope(self, residual, sample_weight):
        return 0.5 * _weighted_dot(residual, residual, sample_weight)

    def best_constant(self, target, sample_weight):
        return _mean(target, sample_weight)


def _check_one_per_output(
    name: str, value: float | ArrayLike, n_outputs: int, hint: str = ""
) -> None:
    """Raise a ValueError unless a parameter is one number, or one per output."""
    if np.shape(value) not in ((), (1,), (n_outputs,)):
        raise ValueError(
            f"{name} of the loss must be a number, or one number per output. Got "
            f"{value!r} for {n_outputs} output(s).{hint}"
        )


class Quantile(ResidualLoss):
    """The pinball loss, whose best prediction is a quantile of the target.

    The loss is sum_k q_k max(y_k - p_k, 0) + (1 - q_k) max(p_k - y_k, 0) (Koenker and
    Bassett, 1978, "Regression quantiles", equation 3.1). Its slope in p is -q where p
    is too small and 1 - q where it is too large.

    Parameters
    ----------
    quantile : float or array-like of shape (n_outputs,), default=0.5
        The level q, between 0 and 1, for all outputs or for each output. (For several
        quantiles of one target, use the parameter `quantile` of the estimator with
        `loss="quantile"`.)

    Raises
    ------
    ValueError
        If a level is not between 0 and 1.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skann import BackpropRegressor, Quantile
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = BackpropRegressor(
    ...     (), loss=Quantile(0.9), learning_rate="cosine", max_iter=100, random_state=0
    ... )
    >>> bool(0.85 < (y < regressor.fit(X, y).predict(X)).mean() < 0.95)
    True
    """

    name = "quantile"

    def __init__(self, quantile: float | ArrayLike = 0.5):
        levels = np.asarray(quantile)
        if not np.all((levels > 0) & (levels < 1)):
            raise ValueError(f"quantile must be between 0 and 1. Got {quantile!r}.")
        self.quantile = quantile

    def check_n_outputs(self, n_outputs):
        hint = (
            " For several quantiles of one target, use loss='quantile' and the "
            "estimator's own parameter quantile."
        )
        _check_one_per_output("quantile", self.quantile, n_outputs, hint)

    def value_and_slope(self, residual, sample_weight):
        below = np.asarray(self.quantile, residual.dtype)
        slope = (residual > 0) - below
        slope[residual == 0] = 0
        value = _weighted_dot(slope, residual, sample_weight)
        residual[...] = slope
        return value

    def best_constant(self, target, sample_weight):
        levels = np.broadcast_to(self.quantile, target.shape[1])
        return np.array(
            [
                np.quantile(column, level, weights=sample_weight, method="inverted_cdf")
                for column, level in zip(target.T, levels, strict=True)
            ]
        )


class AbsoluteError(Quantile):
    """The loss is sum_k |p_k - y_k|, twice the pinball loss of the median."""

    name = "absolute_error"

    def __init__(self) -> None:
        super().__init__(0.5)

    def value_and_slope(self, residual, sample_weight):
        value = _weighted_sum(np.abs(residual), sample_weight)
        np.sign(residual, out=residual)
        return value


class Huber(ResidualLoss):
    """The loss is quadratic in small residuals and linear in large ones.

    It is sum_k r_k ** 2 / 2 where |r_k| <= delta_k, else delta_k |r_k| - delta_k ** 2
    / 2 (Huber, 1964, "Robust estimation of a location parameter", equation 1.9).

    Parameters
    ----------
    delta : float or array-like of shape (n_outputs,), default=1.0
        The residual beyond which the loss is linear, in the units of the targets;
        greater than 0. It is not estimated from the targets, unlike with
        `loss="huber"`, which stores its estimate in `huber_delta_`.

    Raises
    ------
    ValueError
        If delta is not above 0.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skann import BackpropRegressor, Huber
    >>> X, y = load_diabetes(return_X_y=True)
    >>> common = {"solver": "lbfgs", "tol": 1e-2, "random_state": 0}
    >>> named = BackpropRegressor((), loss="huber", **common).fit(X, y)
    >>> loss = Huber(named.huber_delta_)
    >>> regressor = BackpropRegressor((), loss=loss, **common).fit(X, y)
    >>> regressor.loss_ == named.loss_
    True
    """

    name = "huber"

    def __init__(self, delta: float | ArrayLike = 1.0):
        if not np.all(np.asarray(delta) > 0):
            raise ValueError(f"delta must be above 0. Got {delta!r}.")
        self.delta = delta

    def check_n_outputs(self, n_outputs):
        _check_one_per_output("delta", self.delta, n_outputs)

    def in_units(self, scale):
        rescaled = copy.copy(self)
        with np.errstate(over="ignore"):  # with a tiny scale, all residuals are small
            rescaled.delta = np.asarray(self.delta) / scale
        return rescaled

    def value_and_slope(self, residual, sample_weight):
        # With s = clip(r) the loss is s (r - s / 2) on both sides of delta.
        delta = np.asarray(self.delta, residual.dtype)
        slope = np.clip(residual, -delta, delta)
        residual -= slope / 2
        value = _weighted_dot(slope, residual, sample_weight)
        residual[...] = slope
        return value

    def best_constant(self, target, sample_weight):
        # The slope of the sum rises with the constant: bisection finds its root.
        target, delta = target.astype(np.float64), np.asarray(self.delta)
        low, high = target.min(axis=0), target.max(axis=0)
        for _ in range(60):
            middle = low / 2 + high / 2
            slope = _mean(np.clip(middle - target, -delta, delta), sample_weight)
            low = np.where(slope < 0, middle, low)
            high = np.where(slope < 0, high, middle)
        return high


class BinaryCrossEntropy(Loss):
    """The loss is -sum_k y_k log p_k + (1 - y_k) log(1 - p_k), with p = logistic(z).

    In terms of z this is max(z, 0) - y z + log(1 + exp(-|z|)), which neither
    overflows nor loses digits, and dloss/dz = p - y (Bishop, 2006, "Pattern Recognition
    and Machine Learning", equations 4.90 and 4.91). The K outputs are independent: one
    for two classes, one per label for multilabel targets, or one per class.
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
        largest = np.maximum.reduce(raw, axis=1, keepdims=True)
        np.subtract(raw, largest, out=delta)
        target_score = _weighted_dot(target, delta, sample_weight)
        np.exp(delta, out=delta)
        total = np.add.reduce(delta, axis=1, keepdims=True)
        delta /= total
        delta -= target
        _weigh(delta, sample_weight)
        return _weighted_sum(np.log(total[:, 0]), sample_weight) - target_score

    def value_of_constant(self, target, sample_weight):
        mean = _mean(target, sample_weight)
        return -float(xlogy(mean, mean).sum()) * _total_weight(target, sample_weight)


class LogLoss(Loss):
    """The cross-entropy, in the form that suits the output activation ("log_loss").

    For a softmax, it is -sum_k y_k log p_k (`CategoricalCrossEntropy`). For logistic
    outputs, -sum_k (1 - y_k) log(1 - p_k) is added (`BinaryCrossEntropy`; Bishop, 2006,
    "Pattern Recognition and Machine Learning", equations 4.108 and 4.90).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skann import BackpropClassifier, LogLoss
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = BackpropClassifier((), loss=LogLoss(), solver="lbfgs")
    >>> classifier.fit(X, y).out_activation_
    'softmax'
    """

    name = "log_loss"
    output_activations = ("softmax", "logistic")
    target_range = (0.0, 1.0)

    def joined_with(self, output_activation):
        softmax = output_activation == "softmax"
        loss = CategoricalCrossEntropy() if softmax else BinaryCrossEntropy()
        return loss.joined_with(output_activation)

    def value_and_delta(self, target, raw, sample_weight, delta):
        raise TypeError("LogLoss must be combined with an activation by joined_with.")


class HalfPoissonDeviance(Loss):
    """The loss is sum_k y_k log(y_k / p_k) - y_k + p_k, with p = exp(z) and y >= 0.

    In terms of z this is y log y - y - y z + exp(z), and dloss/dz = p - y (McCullagh
    and Nelder, 1989, "Generalized Linear Models", table 2.1; half of that deviance).
    """

    name = "poisson"
    output_activations = ("exp",)
    target_range = (0.0, np.inf)
    target_scaling = "mean"

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


class HalfGammaDeviance(Loss):
    """The loss is sum_k log(p_k / y_k) + y_k / p_k - 1, with p = exp(z) and y > 0.

    In terms of z this is z - log y + y exp(-z) - 1, and dloss/dz = 1 - y exp(-z)
    (McCullagh and Nelder, 1989, "Generalized Linear Models", table 2.1; half of that
    deviance).
    """

    name = "gamma"
    output_activations = ("exp",)
    target_range = (float(np.nextafter(0, 1)), np.inf)
    target_scaling = "mean"

    def value_and_delta(self, target, raw, sample_weight, delta):
        np.negative(raw, out=delta)
        np.exp(delta, out=delta)
        delta *= target  # y / p
        losses = delta + raw
        losses -= np.log(target)
        losses -= 1
        np.subtract(1, delta, out=delta)
        _weigh(delta, sample_weight)
        return _weighted_sum(losses, sample_weight)

    def value_of_constant(self, target, sample_weight):
        # The terms y / mean - 1 add up to zero.
        losses = np.log(_mean(target, sample_weight)) - np.log(target)
        return _weighted_sum(losses, sample_weight)


LOSSES: dict[tuple[str, str], Loss] = {
    (loss.name, output_activation): loss
    for loss in (
        SquaredError(),
        AbsoluteError(),
        Huber(),
        Quantile(),
        BinaryCrossEntropy(),
        CategoricalCrossEntropy(),
        HalfPoissonDeviance(),
        HalfGammaDeviance(),
    )
    for output_activation in loss.output_activations
}


def make_loss(loss: str | Loss, output_activation: str) -> Loss:
    """Combine a loss with an output activation.

    Parameters
    ----------
    loss : str or Loss
        "squared_error", "absolute_error", "huber", "quantile", "log_loss", "poisson" or
        "gamma", or a `Loss` object.

    output_activation : str
        The name of an activation.

    Returns
    -------
    loss : Loss
        The combined loss.

    Raises
    ------
    ValueError
        If the loss does not support the output activation.
    """
    if isinstance(loss, str):
        # The two cross-entropies share a name; an activation has at most one of them.
        of_name = {
            known[1]: other for known, other in LOSSES.items() if known[0] == loss
        }
        possible = sorted(of_name)
        loss = of_name.get(output_activation, next(iter(of_name.values())))
    else:
        possible = sorted(loss.output_activations)
    if output_activation not in possible:
        raise ValueError(
            f"loss={loss.name!r} does not support output_activation="
            f"{output_activation!r}. Choose one of {possible}, or 'auto'."
        )
    return loss.joined_with(output_activation)
