"""Pictures of a training in motion."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_scalar

from skann.callbacks import ParameterRecorder
from skann.estimators.fitted import check_network
from skann.estimators.sklearn_private import check_matplotlib_support

_FRAMES = 30


def animate_epochs(
    draw: Callable[[Any, Any], Any],
    estimator: Any,
    recorder: ParameterRecorder,
    *,
    epochs: Iterable[int] | None = None,
    path: str | os.PathLike[str] | None = None,
    fps: int = 5,
    figsize: tuple[float, float] | None = None,
) -> Any:
    """Show any picture of an estimator as it was after each epoch.

    Parameters
    ----------
    draw : callable
        `draw(estimator, figure)` draws a frame into an empty matplotlib figure. It
        receives a copy of the estimator with the weights and the history up to an
        epoch. Without a title of its own (`figure.suptitle`), a frame is headed by
        the number of the epoch.

    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    recorder : ParameterRecorder
        The callback that recorded its fit.

    epochs : iterable of int, default=None
        The epochs to show, 0 for before training. None takes at most 31, close to
        each other at first, when much happens, and farther apart later.

    path : str or path-like, default=None
        Where to save the animation as a GIF, by matplotlib's Pillow writer.

    fps : int, default=5
        Frames per second.

    figsize : tuple of two float, default=None
        Width and height of the figure in inches.

    Returns
    -------
    animation : matplotlib.animation.FuncAnimation
        The animation. `animation.to_jshtml()` shows it in a notebook.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.

    ValueError
        If an epoch was not recorded.

    Examples
    --------
    >>> import os, tempfile
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.inspection import DecisionBoundaryDisplay
    >>> from skann import BackpropClassifier
    >>> from skann.callbacks import ParameterRecorder
    >>> from skann.datasets import make_logic_gate
    >>> from skann.inspection import animate_epochs
    >>> X, y = make_logic_gate("xor", random_state=0)
    >>> recorder = ParameterRecorder()
    >>> classifier = BackpropClassifier((4,), "tanh", solver="lbfgs", random_state=0)
    >>> classifier = classifier.set_callbacks(recorder).fit(X, y)
    >>> def draw(estimator, figure):
    ...     ax = figure.subplots()
    ...     DecisionBoundaryDisplay.from_estimator(
    ...         estimator, X, grid_resolution=10, ax=ax
    ...     )
    >>> path = os.path.join(tempfile.mkdtemp(), "xor.gif")
    >>> animation = animate_epochs(
    ...     draw, classifier, recorder, epochs=[0, 1, 2], path=path
    ... )
    >>> os.path.getsize(path) > 0
    True
    >>> plt.close("all")
    """
    check_matplotlib_support("animate_epochs")
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation, PillowWriter

    check_network(estimator)
    check_scalar(fps, "fps", Integral, min_val=1)
    if epochs is None:
        last = recorder.epochs_[-1]
        steps = np.geomspace(1, max(last, 1), _FRAMES).round().astype(int)
        recorded = np.array(recorder.epochs_)
        epochs = recorded[np.isin(recorded, [0, *steps])].tolist()
    estimators = [recorder.estimator_at(estimator, epoch) for epoch in epochs]
    figure = plt.figure(figsize=figsize, layout="constrained")

    def draw_frame(number):
        figure.clear()
        draw(estimators[number], figure)
        if not figure.get_suptitle():
            epoch = len(estimators[number].loss_curve_)
            figure.suptitle(f"After epoch {epoch}" if epoch else "Before training")

    animation = FuncAnimation(
        figure,
        draw_frame,
        init_func=lambda: None,  # otherwise the first frame is drawn once more
        frames=len(estimators),
        interval=1000 / fps,
    )
    if path is not None:
        animation.save(os.fspath(path), writer=PillowWriter(fps=fps))
    return animation
