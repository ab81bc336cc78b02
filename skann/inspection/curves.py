"""Plots of what happened during training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skann.callbacks import ParameterRecorder
from skann.estimators.fitted import hint_for
from skann.inspection.axes import Display, line_style, spans_decades

# The largest number of lines that can be told apart.
_MOST_LINES = 20


class LossCurveDisplay(Display):
    """The training loss of each epoch, and the loss or score on held-out rows.

    The latter is the validation score, if there is one, or the out-of-fold loss at the
    end of each cycle, if members leave out folds. Create it with `from_estimator`.

    Parameters
    ----------
    epochs : array-like of shape (n_epochs,)
        The numbers of the epochs.

    losses : array-like of shape (n_epochs,)
        The training loss of each epoch.

    scores : array-like of shape (n_epochs,), default=None
        The validation score of each epoch.

    oof_losses : array-like of shape (n_epochs,), default=None
        The out-of-fold loss of each epoch, without the penalty; NaN where no cycle
        ends.

    loss_name : str, default="loss"
        The name of the loss, for the axis label.

    score_name : str, default="score"
        The name of the score, for the axis label.

    name : str, default=None
        The name of the estimator in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the loss.

    score_ax_ : matplotlib Axes or None
        The axes of the score, with its scale on the right.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skann import BackpropClassifier
    >>> from skann.inspection import LossCurveDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> classifier = BackpropClassifier((10,), early_stopping=True, random_state=0)
    >>> display = LossCurveDisplay.from_estimator(classifier.fit(X, y))
    >>> display.score_ax_.get_ylabel()
    'validation score (accuracy)'
    >>> plt.close(display.figure_)

    By default the members of an estimator leave out folds:

    >>> classifier = BackpropClassifier(max_iter=24, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(classifier)
    >>> curve, points = display.ax_.lines
    >>> [int(epoch) for epoch in points.get_xdata()]  # the ends of two cycles
    [8, 24]
    >>> plt.close(display.figure_)
    """

    score_ax_: Any

    def __init__(
        self,
        epochs: ArrayLike,
        losses: ArrayLike,
        scores: ArrayLike | None = None,
        *,
        oof_losses: ArrayLike | None = None,
        loss_name: str = "loss",
        score_name: str = "score",
        name: str | None = None,
    ):
        self.epochs = epochs
        self.losses = losses
        self.scores = scores
        self.oof_losses = oof_losses
        self.loss_name = loss_name
        self.score_name = score_name
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: Any = None,
        score_ax: Any = None,
    ) -> Self:
        """Plot the training history of a fitted estimator.

        Parameters
        ----------
        estimator : BackpropClassifier or BackpropRegressor
            A fitted estimator.

        name : str, default=None
            The name of the estimator in the legend, if several are plotted on the same
            axes.

        ax : matplotlib Axes, default=None
            The axes to plot the loss on. If None, a new figure is created.

        score_ax : matplotlib Axes, default=None
            The axes to plot the score on. If None, a second axis is added to the right
            of `ax`. To compare several estimators in one plot, pass the `score_ax_` of
            the first display.

        Returns
        -------
        display : LossCurveDisplay
            The plotted display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        TypeError
            If the estimator has no history, like scikit-learn's MLP.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "history_"):
            raise TypeError(_why_no_history(estimator))
        history = estimator.history_
        return cls(
            history["epoch"],
            history["loss"],
            _numbers_or_none(history["validation_score"]),
            oof_losses=_numbers_or_none(history["oof_loss"]),
            loss_name=_name_of(estimator.loss)
            + (" + L2 penalty" if estimator.alpha else ""),
            score_name=_score_name(estimator),
            name=name,
        ).plot(ax, score_ax)

    def plot(self, ax: Any = None, score_ax: Any = None) -> Self:
        """Plot the losses, on a logarithmic axis if they decrease a lot, and the score.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to plot the loss on. If None, a new figure is created.

        score_ax : matplotlib Axes, default=None
            The axes to plot the score on. If None, a second axis is added to the right
            of `ax`.

        Returns
        -------
        display : LossCurveDisplay
            The display.
        """
        ax = self._take_axes(ax)
        number = sum(line.get_gid() == "loss" for line in ax.lines)
        color = line_style(2 * number)["color"]
        prefix = "" if self.name is None else f"{self.name}: "
        ax.plot(
            self.epochs, self.losses, color=color, label=f"{prefix}training loss",
            gid="loss",
        )  # fmt: skip
        if self.oof_losses is not None:
            self._plot_oof_losses(ax, prefix, color)
        has_points = any(line.get_gid() == "oof_loss" for line in ax.lines)
        everything = [y for line in ax.lines for y in line.get_ydata()]
        ax.set(
            title="Training, epoch by epoch",
            xlabel="epoch",
            ylabel=f"{'' if has_points else 'training '}loss ({self.loss_name})",
            yscale="log" if spans_decades(everything) else "linear",
        )
        self.score_ax_ = score_ax
        if self.scores is not None:
            self._plot_scores(ax, prefix, line_style(2 * number + 1)["color"])
        if self.score_ax_ is not None or self.name is not None or has_points:
            _legend_of_both(ax, self.score_ax_)
        return self

    def _plot_oof_losses(self, ax, prefix, color):
        """Plot a point at the end of each cycle."""
        losses = np.asarray(self.oof_losses, dtype=np.float64)
        at_ends = ~np.isnan(losses)
        ax.plot(
            np.asarray(self.epochs)[at_ends], losses[at_ends], "o", color=color,
            label=f"{prefix}out-of-fold loss (after each cycle)", gid="oof_loss",
        )  # fmt: skip

    def _plot_scores(self, ax, prefix, color):
        """Plot the scores on a second axis."""
        if self.score_ax_ is None:
            self.score_ax_ = ax.twinx()
        self.score_ax_.plot(
            self.epochs, self.scores, "--", color=color,
            label=f"{prefix}validation score",
        )  # fmt: skip
        self.score_ax_.set_ylabel(f"validation score ({self.score_name})")


def _why_no_history(estimator):
    """Return an error message for an estimator without history, with a hint."""
    hint = hint_for(
        estimator,
        search=" For a search, pass its best_estimator_.",
        pipeline=" For a pipeline, pass its last step, pipeline[-1].",
        mlp=" For scikit-learn's MLP, use LossCurveDisplay(range(1, "
        "len(mlp.loss_curve_) + 1), mlp.loss_curve_).plot().",
    )
    return (
        "LossCurveDisplay.from_estimator needs a fitted BackpropClassifier or "
        f"BackpropRegressor. Got {type(estimator).__name__}, which has no history_."
        + hint
    )


def _numbers_or_none(column):
    """Return a column of the history with NaN for None, or None if it is empty."""
    numbers = np.array(column, dtype=np.float64)
    return None if np.isnan(numbers).all() else numbers


def _legend_of_both(ax, score_ax):
    """Create one legend, below the plot, for the lines of both axes."""
    both = [ax] if score_ax is None else [ax, score_ax]
    handles = [line for axes in both for line in axes.get_legend_handles_labels()[0]]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)


def _name_of(thing):
    """Return the name of a loss or a scorer, which may be an object."""
    if isinstance(thing, str):
        return thing
    return getattr(thing, "__name__", type(thing).__name__)


def _score_name(estimator):
    """Return the name of the validation score of an estimator."""
    if estimator.scoring is None:
        return "accuracy" if is_classifier(estimator) else "R\N{SUPERSCRIPT TWO}"
    if estimator.scoring == "loss":
        return "negative loss"
    return _name_of(estimator.scoring)


class ParameterPathDisplay(Display):
    """The course of parameters, or of other quantities, over the epochs.

    Create it with `from_recorder`, or pass any series of numbers.

    Parameters
    ----------
    epochs : array-like of shape (n_records,)
        The numbers of the epochs; 0 is before training.

    paths : mapping of str to array-like of shape (n_records,)
        The quantities, by name.

    ylabel : str, default="value"
        What the quantities are, for the axis label.

    title : str, default=None
        The title. If None, it is derived from `ylabel`.

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
    >>> from skann.callbacks import ParameterRecorder
    >>> from skann.inspection import ParameterPathDisplay
    >>> recorder = ParameterRecorder()
    >>> regressor = BackpropRegressor((), solver="lbfgs").set_callbacks(recorder)
    >>> regressor = regressor.fit([[0.0], [1.0]], [1.0, 3.0])
    >>> display = ParameterPathDisplay.from_recorder(recorder, [(0, 0, 0), (0, 0)])
    >>> list(display.paths)
    ['coefs_[0][0, 0]', 'intercepts_[0][0]']
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        epochs: ArrayLike,
        paths: Mapping[str, ArrayLike],
        *,
        ylabel: str = "value",
        title: str | None = None,
    ):
        self.epochs = epochs
        self.paths = paths
        self.ylabel = ylabel
        self.title = title

    @classmethod
    def from_recorder(
        cls,
        recorder: ParameterRecorder,
        parameters: Sequence[tuple[int, ...]] | None = None,
        *,
        kind: Literal["value", "gradient"] = "value",
        ax: Any = None,
    ) -> Self:
        """Plot the parameters that a recorder has recorded.

        Parameters
        ----------
        recorder : ParameterRecorder
            The callback, after a fit.

        parameters : sequence of tuples of int, default=None
            The parameters to plot: (layer, row, column) stands for
            `coefs_[layer][row, column]`, and (layer, unit) for
            `intercepts_[layer][unit]`. If None, all parameters of a network with at
            most 20 are plotted, and the root mean square of each array for a larger
            one.

        kind : {"value", "gradient"}, default="value"
            Whether to plot the parameters, or the derivatives of the objective with
            respect to them.

        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : ParameterPathDisplay
            The plotted display.

        Raises
        ------
        ValueError
            If `kind` is unknown, nothing was recorded, or a parameter does not exist.
        """
        if kind not in ("value", "gradient"):
            raise ValueError(f"kind must be 'value' or 'gradient'. Got {kind!r}.")
        if not getattr(recorder, "epochs_", []):
            raise ValueError(
                "The recorder has recorded nothing. Pass it to an estimator with "
                "set_callbacks(recorder) before calling fit."
            )
        weights, biases = (
            (recorder.coefs_, recorder.intercepts_)
            if kind == "value"
            else (recorder.coef_gradients_, recorder.intercept_gradients_)
        )
        ylabel = "parameter" if kind == "value" else "derivative of the objective"
        arrays = {"coefs_": weights, "intercepts_": biases}
        shapes = {
            name: [array.shape for array in records[0]]
            for name, records in arrays.items()
        }
        n_parameters = sum(a.size for a in [*weights[0], *biases[0]])
        if parameters is None and n_parameters > _MOST_LINES:
            paths = {
                f"{name}[{layer}]": [
                    float(np.sqrt(np.mean(record[layer] ** 2))) for record in records
                ]
                for name, records in arrays.items()
                for layer in range(len(records[0]))
            }
            ylabel = f"root mean square of the {ylabel}s"
        else:
            if parameters is None:
                parameters = [
                    (layer, *place)
                    for sizes in shapes.values()
                    for layer, shape in enumerate(sizes)
                    for place in np.ndindex(shape)
                ]
            paths = {}
            for parameter in parameters:
                name, layer, place = find_parameter(parameter, shapes)
                paths[f"{name}[{layer}][{', '.join(map(str, place))}]"] = [
                    float(record[layer][place]) for record in arrays[name]
                ]
        return cls(list(recorder.epochs_), paths, ylabel=ylabel).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Plot the paths against the epochs, on a logarithmic axis.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to plot on. If None, a new figure is created.

        Returns
        -------
        display : ParameterPathDisplay
            The display.
        """
        ax = self._take_axes(ax)
        for number, (name, path) in enumerate(self.paths.items()):
            ax.plot(self.epochs, path, label=name, **line_style(number))
        # Linear from epoch 0, before training, to 1.
        ax.set_xscale("symlog", linthresh=1.0, linscale=0.3)
        last = max(np.max(np.asarray(self.epochs)), 1)
        ax.set_xlim(0, last)
        powers = [10**power for power in range(int(np.log10(last) + 0.01) + 1)]
        ticks = [0, *(power for power in powers if power <= last)]
        if last > 2 * ticks[-1]:
            ticks.append(int(last))
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.set(
            title=self.title or f"The path of each {self.ylabel}",
            xlabel="epoch (0: before training)",
            ylabel=self.ylabel,
        )
        ax.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0,
            fontsize="small", ncols=1 + (len(self.paths) - 1) // 16,
        )  # fmt: skip
        return self


def find_parameter(parameter, shapes):
    """Return the attribute, the layer and the index that a tuple stands for."""
    layer, *place = parameter
    name = {1: "intercepts_", 2: "coefs_"}.get(len(place))
    if name is not None and 0 <= layer < len(shapes[name]):
        shape = shapes[name][layer]
        if all(0 <= index < size for index, size in zip(place, shape, strict=True)):
            return name, layer, tuple(place)
    raise ValueError(
        f"There is no parameter {tuple(parameter)}: a weight is (layer, row, column), "
        "a bias is (layer, unit), and the weights of the layers have the shapes "
        f"{shapes['coefs_']}."
    )
