"""The objective as a function of one or two parameters, or over a plane."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state, check_scalar

from skann.callbacks import ParameterRecorder
from skann.core.network import Workspace
from skann.core.types import FloatArray
from skann.estimators.fitted import fitted_problem
from skann.inspection.axes import COLORS, Display, spans_decades
from skann.inspection.curves import find_parameter
from skann.training.batches import loss_and_gradient


class ErrorSurfaceDisplay(Display):
    """The training objective around the trained parameters, as a curve or surface.

    Create it with `from_estimator`.

    Parameters
    ----------
    values : list of one or two ndarray of shape (grid_resolution,)
        The grid points on each axis.

    losses : ndarray of shape (grid_resolution,) * n_axes
        The objective at the grid points; the first axis is the horizontal one.

    labels : list of str
        The labels of the axes.

    trained : ndarray of shape (n_axes + 1,)
        The position of the trained parameters, and their loss.

    path : ndarray of shape (n_records, n_axes + 1), default=None
        The path of training, and the losses along it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.

    figure_ : matplotlib Figure
        The figure of the axes.

    References
    ----------
    Li, Xu, Taylor, Studer and Goldstein, 2018, "Visualizing the loss landscape of
    neural nets": section 4 for random directions normalised by the weights of each
    unit, section 7.2 for the principal directions of the path.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skann import BackpropRegressor
    >>> from skann.inspection import ErrorSurfaceDisplay
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> line = BackpropRegressor((), solver="lbfgs", scaling=None, alpha=0.0).fit(X, y)
    >>> display = ErrorSurfaceDisplay.from_estimator(
    ...     line, X, y, parameters=[(0, 0, 0), (0, 0)], grid_resolution=5
    ... )
    >>> display.losses.shape, bool(display.losses[2, 2] < 1e-6)
    ((5, 5), True)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        values: list[FloatArray],
        losses: FloatArray,
        labels: list[str],
        trained: FloatArray,
        path: FloatArray | None = None,
    ):
        self.values = values
        self.losses = losses
        self.labels = labels
        self.trained = trained
        self.path = path

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        parameters: Sequence[tuple[int, ...]] | None = None,
        span: float | Sequence[float] | None = None,
        grid_resolution: int = 41,
        recorder: ParameterRecorder | None = None,
        random_state: int | RandomState | None = None,
        kind: Literal["contour", "surface"] = "contour",
        colorbar: bool = True,
        ax: Any = None,
    ) -> Self:
        """Evaluate the objective for the data on a grid, and plot it.

        All parameters that are not varied keep their trained values. Like `coefs_`, the
        parameters are those for scaled data.

        Parameters
        ----------
        estimator : BackpropClassifier or BackpropRegressor
            A fitted estimator. It is not changed.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The inputs.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative sample weights.

        parameters : sequence of one or two tuples of int, default=None
            The parameters to vary: (layer, row, column) stands for
            `coefs_[layer][row, column]`, and (layer, unit) for
            `intercepts_[layer][unit]`. If None, the objective is plotted on a plane,
            spanned by the two principal directions of the recorded path or, without a
            recorder, by two random directions. In these, the part of each unit has the
            same norm as its weights and bias.

        span : float or sequence of one for each axis, default=None
            Half the width of the window around the trained parameters. If None, the
            window shows the recorded path with a margin; without a recorder, the span
            is twice the absolute value of the parameter, but at least 1, or 1 for
            random directions.

        grid_resolution : int, default=41
            The number of grid points on each axis. Each point of the grid requires one
            pass over the data.

        recorder : ParameterRecorder, default=None
            The callback that recorded the fit of this estimator, whose path is plotted.

        random_state : int, RandomState instance or None, default=None
            Determines random number generation for the random directions. Pass an int
            for reproducible results.

        kind : {"contour", "surface"}, default="contour"
            Seen from above, or in three dimensions. With one parameter it is a curve.

        colorbar : bool, default=True
            Whether contours have a bar of their colours.

        ax : matplotlib Axes, default=None
            The axes to plot on, with `projection="3d"` for a surface. If None, a new
            figure is created.

        Returns
        -------
        display : ErrorSurfaceDisplay
            The plotted display.

        Raises
        ------
        NotFittedError
            If the estimator has no parameters yet.

        ValueError
            If the data do not match the estimator, if a parameter does not exist or is
            given twice, if there are more than two parameters, or if the recorder
            belongs to another network.
        """
        check_scalar(grid_resolution, "grid_resolution", Integral, min_val=2)
        _check_kind(kind)
        objective, theta, data = fitted_problem(estimator, X, y, sample_weight)
        network = objective.network
        path = None if recorder is None else _recorded_path(recorder, network)
        if parameters is not None:
            axes, labels = _parameter_axes(parameters, network)
            origin = axes @ theta
            least_span = np.maximum(1.0, 2 * np.abs(origin))
        else:
            if network.n_parameters < 2:
                raise ValueError(
                    "A network with a single parameter has no plane to plot. Name the "
                    "parameter, as in parameters=[(0, 0, 0)]."
                )
            if path is not None:
                axes, labels = _principal_directions(path - theta)
            else:
                axes, labels = _random_directions(network, theta, random_state)
            origin, least_span = np.zeros(2), np.ones(2)
        # A position on an axis is the component of a displacement along it.
        norms = np.sum(axes**2, axis=1)
        places = None if path is None else origin + (path - theta) @ (axes.T / norms)
        values = _window(origin, places, span, least_span, grid_resolution)

        workspace = Workspace(network, data.n_samples, theta.dtype)

        def loss_at(place):
            moved = theta + (place - origin) @ axes
            return loss_and_gradient(objective, moved, data, workspace)[0]

        grid = np.stack(np.meshgrid(*values, indexing="ij"), axis=-1)
        with np.errstate(over="ignore", invalid="ignore"):
            losses = np.array(
                [loss_at(place) for place in grid.reshape(-1, len(axes))]
            ).reshape(grid.shape[:-1])
        trained = np.append(origin, loss_at(origin))
        if places is not None and parameters is None:
            # The path leaves the plane; the plot shows the loss on the plane.
            heights = [loss_at(place) for place in places]
            places = np.column_stack([places, heights])
        elif places is not None and recorder is not None:
            places = np.column_stack([places, recorder.losses_])
        return cls(values, losses, labels, trained, places).plot(
            kind, colorbar=colorbar, ax=ax
        )

    def plot(
        self,
        kind: Literal["contour", "surface"] = "contour",
        *,
        colorbar: bool = True,
        ax: Any = None,
    ) -> Self:
        """Plot the objective.

        Parameters
        ----------
        kind : {"contour", "surface"}, default="contour"
            Seen from above, or in three dimensions. With one parameter it is a curve.

        colorbar : bool, default=True
            Whether contours have a bar of their colours.

        ax : matplotlib Axes, default=None
            The axes to plot on, with `projection="3d"` for a surface. If None, a new
            figure is created.

        Returns
        -------
        display : ErrorSurfaceDisplay
            The display.

        Raises
        ------
        ValueError
            If `kind` is unknown, or if `ax` is not three-dimensional for a surface.
        """
        _check_kind(kind)
        if len(self.values) == 1:
            _draw_curve(self._take_axes(ax), self)
        elif kind == "contour":
            _draw_contours(self._take_axes(ax), self, colorbar=colorbar)
        else:
            if ax is not None and ax.name != "3d":
                raise ValueError(
                    'kind="surface" needs axes with projection="3d". Got '
                    f"{ax.name!r} axes."
                )
            _draw_surface(self._take_axes(ax, projection="3d"), self)
        return self


def _check_kind(kind):
    if kind not in ("contour", "surface"):
        raise ValueError(f"kind must be 'contour' or 'surface'. Got {kind!r}.")


def _recorded_path(recorder, network):
    """Return each recorded theta as a row."""
    if not getattr(recorder, "epochs_", []):
        raise ValueError(
            "The recorder has recorded nothing. Pass it to an estimator with "
            "set_callbacks(recorder) before calling fit."
        )
    path = np.array(recorder.thetas_)
    if path.shape[1] != network.n_parameters:
        raise ValueError(
            f"The recorder holds {path.shape[1]} parameters, but the estimator has "
            f"{network.n_parameters}. Pass the recorder of this fit."
        )
    return path


def _parameter_axes(parameters, network):
    """Return the unit vectors of one or two parameters, and their names."""
    if not 1 <= len(parameters) <= 2:
        raise ValueError(f"Pass one or two parameters. Got {len(parameters)}.")
    axes = np.zeros((len(parameters), network.n_parameters))
    labels = []
    for axis, parameter in zip(axes, parameters, strict=True):
        shapes = {
            "coefs_": [W.shape for W in network.weights(axis)],
            "intercepts_": [b.shape for b in network.biases(axis)],
        }
        name, layer, place = find_parameter(parameter, shapes)
        views = network.weights(axis) if name == "coefs_" else network.biases(axis)
        views[layer][place] = 1.0
        labels.append(network.parameter_name(int(np.argmax(axis))))
    if len(set(labels)) < len(labels):
        raise ValueError(f"{labels[0]} is given twice. Pass two different parameters.")
    return axes, labels


def _principal_directions(displacements):
    """Return the two orthonormal directions with most of the variance of a path."""
    _, singular, directions = np.linalg.svd(displacements, full_matrices=False)
    if directions.shape[0] < 2 or singular[0] == 0:
        raise ValueError(
            "A plane along the path needs at least two recorded epochs with different "
            "parameters."
        )
    shares = singular**2 / np.sum(singular**2)
    labels = [
        f"{name} principal direction ({share:.0%})"
        for name, share in zip(("first", "second"), shares, strict=False)
    ]
    return directions[:2], labels


def _random_directions(network, theta, random_state):
    """Return two random directions, normalised by the parameters of each unit."""
    random_state = check_random_state(random_state)
    axes = random_state.standard_normal((2, theta.size))
    for axis in axes:
        for (W, b), (weights, biases) in zip(
            network.views(axis), network.views(theta), strict=True
        ):
            drawn = np.sqrt(np.sum(W**2, axis=0) + b**2)
            wanted = np.sqrt(np.sum(weights**2, axis=0) + biases**2)
            W *= wanted / drawn
            b *= wanted / drawn
    if not axes.any(axis=1).all():
        raise ValueError(
            "All parameters are zero, so random directions cannot be normalised. Name "
            "the parameters to vary, or pass a recorder."
        )
    labels = [f"{name} random direction" for name in ("first", "second")]
    return axes, labels


def _window(origin, places, span, least_span, grid_resolution):
    """Return the grid points on each axis."""
    if span is not None:
        half = np.broadcast_to(np.asarray(span, dtype=np.float64), origin.shape)
        if not (np.isfinite(half).all() and (half > 0).all()):
            raise ValueError(f"span must be positive. Got {span!r}.")
        low, high = origin - half, origin + half
    elif places is not None:
        low, high = places.min(axis=0), places.max(axis=0)
        # An axis on which little happens is still shown with some width.
        width = np.maximum(high - low, 0.2 * np.max(high - low))
        width[width == 0] = 1.0
        middle = (low + high) / 2
        low, high = middle - 0.7 * width, middle + 0.7 * width
    else:
        low, high = origin - least_span, origin + least_span
    return [np.linspace(a, b, grid_resolution) for a, b in zip(low, high, strict=True)]


def _draw_curve(ax, display):
    ax.plot(display.values[0], display.losses, color=COLORS[0], label="objective")
    if display.path is not None:
        ax.plot(*display.path.T, ".-", color=COLORS[1], label="path of training")
    ax.plot(*display.trained, "*", color="black", markersize=12, label="trained")
    ax.set(
        title="The objective as a function of one parameter",
        xlabel=display.labels[0],
        ylabel="training loss, with penalty",
    )
    ax.legend()


def _draw_contours(ax, display, *, colorbar):
    from matplotlib.colors import LogNorm, Normalize

    losses = np.ma.masked_invalid(display.losses)
    low, high = float(losses.min()), float(losses.max())
    if low == high:  # all alike
        high = low + max(abs(low), 1.0)
    is_log = spans_decades([low, high])
    if is_log:  # the lowest of more decades would take all colours
        low = max(low, 1e-4 * high)
    norm = (LogNorm if is_log else Normalize)(low, high)
    levels = (np.geomspace if is_log else np.linspace)(low, high, 25)
    grid = (*display.values, losses.T)
    filled = ax.contourf(*grid, levels=levels, norm=norm, cmap="viridis", extend="min")
    ax.contour(
        *grid, levels=levels, norm=norm, colors="white", linewidths=0.4, alpha=0.6
    )
    if colorbar:
        bar = ax.figure.colorbar(
            filled, ax=ax, label="training loss, with penalty", format="%.3g",
            ticks=levels[::4],
        )  # fmt: skip
        bar.minorticks_off()
    if display.path is not None:
        x, y = display.path[:, 0], display.path[:, 1]
        ax.plot(x, y, ".-", color=COLORS[1], markersize=4, label="path of training")
        ax.plot(x[0], y[0], "o", color="white", markeredgecolor="black",
                label="start")  # fmt: skip
    ax.plot(
        *display.trained[:2], "*", color="white", markeredgecolor="black",
        markersize=14, linestyle="none", label="trained",
    )  # fmt: skip
    ax.set(title="The objective, seen from above")
    _label(ax, display)
    ax.legend(framealpha=0.9)


def _draw_surface(ax, display):
    grid = np.meshgrid(*display.values, indexing="ij")
    ax.plot_surface(
        *grid, display.losses, cmap="viridis", alpha=0.85, linewidth=0,
        rcount=60, ccount=60,
    )  # fmt: skip
    if display.path is not None:
        ax.plot(
            *display.path.T, ".-", color=COLORS[1], markersize=4, zorder=10,
            label="path of training",
        )  # fmt: skip
    ax.plot(
        *display.trained[:, np.newaxis], "*", color="black", markersize=12, zorder=11,
        linestyle="none", label="trained",
    )  # fmt: skip
    ax.set(title="The objective as a surface", zlabel="training loss")
    _label(ax, display)
    ax.legend(loc="upper left")


def _label(ax, display):
    """Label the axes, and limit them to the evaluated range."""
    ax.set(
        xlabel=display.labels[0],
        ylabel=display.labels[1],
        xlim=display.values[0][[0, -1]],
        ylim=display.values[1][[0, -1]],
    )
