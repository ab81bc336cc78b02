"""Plots of what individual hidden units do."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from skann.core.types import FloatArray
from skann.estimators.fitted import single_model_of
from skann.inspection.axes import Display, line_style
from skann.inspection.trace import forward_layers


class UnitContributionDisplay(Display):
    """A regression curve, and what each hidden unit contributes to it.

    The raw output is the bias plus the sum of each unit's activation times its weight.
    Create it with `from_estimator`.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        The points of the curves.

    output : ndarray of shape (n_points,)
        The raw output.

    contributions : ndarray of shape (n_points, n_units)
        The contribution of each unit to the raw output.

    bias : float
        The bias: `output` is `bias` plus the sum of the contributions.

    data : tuple of two ndarray of shape (n_samples,), default=None
        Inputs and targets, plotted as points.

    labels : tuple of two str, default=("x", "raw output")
        The labels of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skann import BackpropRegressor
    >>> from skann.datasets import make_curve
    >>> from skann.inspection import UnitContributionDisplay
    >>> X, y = make_curve("sine", random_state=0)
    >>> regressor = BackpropRegressor(
    ...     (3,), "tanh", solver="lbfgs", tol=1e-3, random_state=4
    ... )
    >>> display = UnitContributionDisplay.from_estimator(regressor.fit(X, y), X, y)
    >>> display.contributions.shape
    (200, 3)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        x: FloatArray,
        output: FloatArray,
        contributions: FloatArray,
        bias: float,
        *,
        data: tuple[FloatArray, FloatArray] | None = None,
        labels: tuple[str, str] = ("x", "raw output"),
    ):
        self.x = x
        self.output = output
        self.contributions = contributions
        self.bias = bias
        self.data = data
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        output: int = 0,
        ax: Any = None,
    ) -> Self:
        """Plot a network with one input over the range of X.

        Parameters
        ----------
        estimator : BackpropClassifier or BackpropRegressor
            A fitted estimator, with one feature and at least one hidden layer. With
            several hidden layers, the units of the last one are shown.

        X : array-like of shape (n_samples, 1)
            The inputs. The curves extend from the smallest to the largest value.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Numeric targets, plotted as points.

        output : int, default=0
            The index of the output to plot, if the network has several.

        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : UnitContributionDisplay
            The plotted display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        ValueError
            If the network has several features or no hidden layer, or if the output
            does not exist.
        """
        model = single_model_of(estimator)
        network = model.network
        if network.layer_sizes[0] != 1:
            raise ValueError(
                "UnitContributionDisplay needs a network with one input. This one has "
                f"{network.layer_sizes[0]}."
            )
        if network.n_layers == 1:
            raise ValueError("A network without hidden layers has no hidden units.")
        check_scalar(
            output, "output", Integral, min_val=0, max_val=network.layer_sizes[-1] - 1
        )
        column = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
        if column.shape[1] != 1:
            raise ValueError(f"X must have one column. Got {column.shape[1]}.")
        x = np.linspace(column.min(), column.max(), 200)
        activation = forward_layers(estimator, x[:, np.newaxis])[-1][0]
        # In the units of the target, while inputs stay scaled.
        weights, biases = replace(model, inputs=None).fold_scaling()
        contributions = activation * weights[-1][:, output]
        bias = float(biases[-1][output])
        data = None
        if y is not None:
            target = np.asarray(y, dtype=np.float64).reshape(len(column), -1)
            data = (column[:, 0], target[:, min(output, target.shape[1] - 1)])
        name = getattr(estimator, "feature_names_in_", ["x"])[0]
        is_prediction = estimator.out_activation_ == "identity"
        return cls(
            x,
            contributions.sum(axis=1) + bias,
            contributions,
            bias,
            data=data,
            labels=(name, "prediction" if is_prediction else "raw output"),
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Plot the curve, each unit's contribution (dashed), and the data.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : UnitContributionDisplay
            The display.
        """
        ax = self._take_axes(ax)
        if self.data is not None:
            ax.plot(*self.data, ".", color="0.65", label="data", zorder=1)
        n_units = self.contributions.shape[1]
        for unit in range(n_units):
            ax.plot(
                self.x, self.contributions[:, unit], "--", linewidth=1.2,
                color=line_style(1 + unit % 6)["color"],
                label=f"unit {unit + 1}" if n_units <= 6 else None,
            )  # fmt: skip
        ax.axhline(self.bias, color="black", linestyle=":", label="bias")
        ax.plot(
            self.x, self.output, color=line_style(0)["color"], linewidth=2.5,
            label=f"{self.labels[1]}: the sum", zorder=3,
        )  # fmt: skip
        ax.set(
            title=f"The sum of a bias and {n_units} hidden units (dashed)",
            xlabel=self.labels[0],
            ylabel=f"{self.labels[1]} and its parts",
        )
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
        return self


class WeightImageDisplay(Display):
    """The weights from the pixels of an image to hidden units, as images.

    Create it with `from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_units, height, width)
        The weights of each unit.

    units : ndarray of int of shape (n_units,)
        The indices of the units.

    n_hidden : int
        The number of units in the layer.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from skann import BackpropClassifier
    >>> from skann.inspection import WeightImageDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = BackpropClassifier(
    ...     (20,), scaling="minmax", solver="lbfgs", random_state=0
    ... )
    >>> display = WeightImageDisplay.from_estimator(classifier.fit(X, y), (8, 8))
    >>> display.images.shape
    (16, 8, 8)
    >>> plt.close(display.figure_)
    """

    def __init__(self, images: FloatArray, units: np.ndarray, n_hidden: int):
        self.images = images
        self.units = units
        self.n_hidden = n_hidden

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        image_shape: tuple[int, int],
        *,
        n_units: int = 16,
        ax: Any = None,
    ) -> Self:
        """Plot the weights of the first layer of an estimator.

        Parameters
        ----------
        estimator : BackpropClassifier or BackpropRegressor
            A fitted estimator. Its weights are those for scaled inputs.

        image_shape : tuple of two int
            The height and width of the images. The columns of X are the pixels, row by
            row.

        n_units : int, default=16
            The maximum number of units to show: those with the largest weights to the
            next layer.

        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : WeightImageDisplay
            The plotted display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        ValueError
            If the number of pixels differs from the number of columns of X.
        """
        single_model_of(estimator)
        check_scalar(n_units, "n_units", Integral, min_val=1)
        weights = estimator.coefs_[0]
        height, width = image_shape
        if height * width != weights.shape[0]:
            raise ValueError(
                f"image_shape={image_shape} has {height * width} pixels, but the "
                f"network has {weights.shape[0]} inputs."
            )
        units = np.arange(weights.shape[1])
        if len(estimator.coefs_) > 1:
            listened_to = np.linalg.norm(estimator.coefs_[1], axis=1)
            units = np.argsort(-listened_to, kind="stable")
        units = units[:n_units]
        images = weights.T[units].reshape(-1, height, width)
        return cls(images, units, weights.shape[1]).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Plot the images side by side; white stands for a weight of zero.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : WeightImageDisplay
            The display.
        """
        ax = self._take_axes(ax)
        n_units, height, width = self.images.shape
        n_columns = int(np.ceil(np.sqrt(n_units)))
        n_rows = -(-n_units // n_columns)
        top = max(2, round(0.3 * height))  # room for the number of the unit
        gap = max(1, round(0.15 * width))
        mosaic = np.full(
            (n_rows * (height + top), n_columns * (width + gap) - gap), np.nan
        )
        for number, (unit, image) in enumerate(
            zip(self.units, self.images, strict=True)
        ):
            row, column = divmod(number, n_columns)
            y, x = row * (height + top) + top, column * (width + gap)
            mosaic[y : y + height, x : x + width] = image
            ax.text(
                x + width / 2 - 0.5, y - 0.7, f"{unit + 1}", ha="center", va="bottom",
                fontsize="x-small",
            )  # fmt: skip
        largest = float(np.abs(self.images).max()) or 1.0
        drawn = ax.imshow(
            mosaic, cmap="RdBu", vmin=-largest, vmax=largest, interpolation="nearest"
        )
        ax.figure.colorbar(drawn, ax=ax, label="weight (blue: excites, red: inhibits)")
        which = f"{n_units} of {self.n_hidden}" if n_units < self.n_hidden else n_units
        ax.set(
            title=f"The weights from each pixel to {which} units", xticks=[], yticks=[]
        )
        ax.set_frame_on(False)
        return self
