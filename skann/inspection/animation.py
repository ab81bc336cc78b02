"""Animations of training."""

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
    """Animate any plot of an estimator over the epochs of its training.

    Parameters
    ----------
    draw : callable
        A function `draw(estimator, figure)` that draws one frame on an empty matplotlib
        figure. It receives a copy of the estimator with the weights and the history up
        to a given epoch. If it does not set a title (`figure.suptitle`), the title is
        the number of the epoch.

    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    recorder : ParameterRecorder
        The callback that recorded the fit of this estimator.

    epochs : iterable of int, default=None
        The epochs to show; 0 is before training. If None, at most 31 epochs are shown:
        close together at the start, when much happens, and farther apart later.

    path : str or path-like, default=None
        The file in which to save the animation as a GIF, with matplotlib's Pillow
        writer. If None, it is not saved.

    fps : int, default=5
        The number of frames per second.

    figsize : tuple of two float, default=None
        The width and height of the figure in inches.

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
        init_func=lambda: None,  # otherwise the first frame is drawn twice
        frames=len(estimators),
        interval=1000 / fps,
    )
    if path is not None:
        animation.save(os.fspath(path), writer=PillowWriter(fps=fps))
    return animation
