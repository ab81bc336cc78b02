"""Plots of activations and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skann.core.activations import HiddenActivation, find_activation
from skann.core.types import FloatArray
from skann.estimators.fitted import model_of
from skann.inspection.axes import Display, line_style


class ActivationDisplay(Display):
    """Activation functions and their derivatives.

    Create it with `from_activations` or `from_estimator`.

    Parameters
    ----------
    pre_activation : ndarray of shape (n_points,)
        The points z, on the horizontal axis.

    curves : dict of str to tuple of two ndarray of shape (n_points,)
        The values f(z) and the slopes f'(z) of each activation.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skann.inspection import ActivationDisplay
    >>> display = ActivationDisplay.from_activations(["logistic", "tanh"])
    >>> values, slopes = display.curves["logistic"]
    >>> float(slopes.max())
    0.25
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        pre_activation: FloatArray,
        curves: dict[str, tuple[FloatArray, FloatArray]],
    ):
        self.pre_activation = pre_activation
        self.curves = curves

    @classmethod
    def from_activations(
        cls,
        activations: Sequence[str | HiddenActivation] | str | HiddenActivation,
        *,
        pre_activation: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot activation functions, given by name or as objects.

        Parameters
        ----------
        activations : str, HiddenActivation, or sequence of these
            The activation functions.

        pre_activation : array-like of shape (n_points,), default=None
            The points at which to evaluate them. If None, 201 points from -5 to 5.

        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : ActivationDisplay
            The plotted display.

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        if isinstance(activations, str | HiddenActivation):
            activations = [activations]
        if pre_activation is None:
            pre_activation = np.linspace(-5, 5, 201)
        points = np.array(pre_activation, dtype=np.float64)
        curves: dict[str, tuple[FloatArray, FloatArray]] = {}
        for activation in activations:
            found = find_activation(activation)
            value, slope = points[:, np.newaxis].copy(), np.empty((points.size, 1))
            found.apply_with_slope(value, slope)
            name = activation if isinstance(activation, str) else repr(activation)
            curves[name] = (value[:, 0], slope[:, 0])
        return cls(points, curves).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Plot the activation functions of an estimator's hidden layers, each once.

        Parameters
        ----------
        estimator : BackpropClassifier or BackpropRegressor
            A fitted estimator.

        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : ActivationDisplay
            The plotted display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        ValueError
            If the network has no hidden layer.
        """
        check_is_fitted(estimator)
        if estimator.n_layers_ == 2:
            raise ValueError(
                "The network has no hidden layers, and thus no activation functions to "
                "plot."
            )
        once: list[Any] = []
        for layer in model_of(estimator).architecture.hidden_activations():
            if layer not in once:
                once.append(layer)
        return cls.from_activations(once, ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Plot each activation function as a line, and its derivative as a dashed line.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : ActivationDisplay
            The display.
        """
        ax = self._take_axes(ax)
        for number, (name, (values, slopes)) in enumerate(self.curves.items()):
            color = line_style(number)["color"]
            ax.plot(self.pre_activation, values, color=color, label=f"{name}: f(z)")
            ax.plot(
                self.pre_activation, slopes, "--", color=color, label=f"{name}: f'(z)"
            )
        ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        ax.axvline(0, color="0.8", linewidth=0.8, zorder=0)
        names = ", ".join(self.curves)
        ax.set(
            title=names if len(self.curves) == 1 else "Activations and derivatives",
            xlabel="pre-activation z",
            ylabel="output f(z), slope f'(z)",
        )
        ax.legend()
        return self
