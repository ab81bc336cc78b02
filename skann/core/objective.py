"""The objective of training, and its gradient.

For a batch B with sample weights w,

    J(theta) = sum_B w * loss / W + alpha / (2 W) * sum_l ||W_l||^2,

where W is the mean weight of all data times the batch size, and biases are not
penalised. The contribution of a sample to the gradient is thus proportional to its
weight, whatever the batch size. With equal weights, J is the mean loss plus alpha / (2
n) ||W||^2.
"""

from __future__ import annotations

from skann.core.axpy import add_multiple
from skann.core.losses import Loss
from skann.core.network import Network, Workspace, rows_of_members
from skann.core.types import FloatArray, Generators, Matrix


class Objective:
    """The penalised loss of a network as a function of its parameters.

    Parameters
    ----------
    network : Network
        The network.

    loss : Loss
        The loss, which includes the output activation.

    alpha : float
        The strength of the L2 penalty.
    """

    def __init__(self, network: Network, loss: Loss, alpha: float):
        self.network = network
        self.loss = loss
        self.alpha = float(alpha)

    def sums(
        self,
        theta: FloatArray,
        X: Matrix,
        target: FloatArray,
        sample_weight: FloatArray | None,
        workspace: Workspace,
        gradient: FloatArray,
        scale: float = 1.0,
        generator: Generators | None = None,
    ) -> float:
        """Return scale * sum_B w * loss and write its gradient into `gradient`.

        With the default scale, these are plain sums, which can be added over blocks of
        samples before they are divided.
        """
        raw = self.network.forward(
            theta, X, workspace, with_slopes=True, generator=generator
        )
        delta = workspace.buffers(X.shape[0]).delta
        value = self.loss.value_and_delta(
            target, rows_of_members(raw), sample_weight, rows_of_members(delta)
        )
        if scale != 1.0:
            delta *= scale
        self.network.backward(theta, X, workspace, gradient)
        return value * scale

    def value_and_gradient(
        self,
        theta: FloatArray,
        X: Matrix,
        target: FloatArray,
        sample_weight: FloatArray | None,
        total_weight: float,
        workspace: Workspace,
        gradient: FloatArray,
        generator: Generators | None = None,
    ) -> float:
        """Return J and write its gradient into `gradient`.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters.

        X : ndarray or CSR array of shape (n_samples, n_inputs)
            The inputs of the batch.

        target : ndarray of shape (n_samples, n_outputs)
            The targets of the batch.

        sample_weight : ndarray of shape (n_samples,) or None
            The weights of the batch's samples.

        total_weight : float
            W above, larger than 0.

        workspace : Workspace
            Buffers for at least n_samples rows.

        gradient : ndarray of shape (n_parameters,)
            The array to which dJ/dtheta is written.

        generator : numpy.random.Generator, default=None
            The generator for dropout.

        Returns
        -------
        value : float
            J.
        """
        scale = 1.0 / total_weight
        value = self.sums(
            theta, X, target, sample_weight, workspace, gradient, scale, generator
        )
        return value + self.add_penalty(theta, scale, gradient)

    def add_penalty(
        self, theta: FloatArray, scale: float, gradient: FloatArray
    ) -> float:
        """Return scale * alpha / 2 * ||W||^2 and add its gradient to `gradient`."""
        if self.alpha == 0.0:
            return 0.0
        strength = self.alpha * scale
        penalised = self.network.layout.penalised
        if theta.ndim == 1:
            squares = _add_decay(strength, theta[penalised], gradient[penalised])
        else:  # the weights of several members are not contiguous
            squares = sum(
                _add_decay(strength, weights, of_weights)
                for weights, of_weights in zip(
                    theta[:, penalised], gradient[:, penalised], strict=True
                )
            )
        return 0.5 * strength * squares


def _add_decay(strength: float, weights: FloatArray, gradient: FloatArray) -> float:
    """Add the gradient of strength / 2 * ||W||^2, and return ||W||^2."""
    add_multiple(strength, weights, gradient)
    return float(weights.dot(weights))
