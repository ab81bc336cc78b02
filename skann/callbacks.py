"""Callbacks that follow scikit-learn's protocol and complement its own.

Pass them to `estimator.set_callbacks(...)`, alone or together with
`sklearn.callback.ProgressBar` and `sklearn.callback.ScoringMonitor`. They also work on
a search that contains the estimator.
"""

from __future__ import annotations

import os
import tempfile
from numbers import Integral
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.utils import check_scalar

from skann.estimators.fitted import fitted_problem, with_parameters
from skann.training.batches import loss_and_gradient


class _EpochCallback:
    """A callback that is called before and after a fit, and in each of its epochs."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Prepare for a fit that begins."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Clean up after a fit that has ended."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing when a fit or an epoch begins."""


def _is_epoch(context):
    """Return whether a task is an epoch or an iteration of L-BFGS."""
    return context.task_name in ("epoch", "iteration")


class Checkpoint(_EpochCallback):
    """Save the estimator during its fit, so that the fit can be resumed.

    The file is written by joblib and contains the estimator as if training had stopped
    after the epoch. It can predict, and a `fit` to the same data with `warm_start=True`
    runs the remaining epochs. The resulting weights are exactly those of an
    uninterrupted fit. There are two exceptions: "lbfgs" restarts its memory and finds
    different weights of the same quality, and with `random_state=None` the results
    differ between any two fits.

    Parameters
    ----------
    path : str or path-like
        The file, in an existing folder. It is replaced atomically: if the process dies
        while saving, the previous file remains. "{epoch}" in the path is replaced with
        the number of the epoch, to keep the files of all epochs.

    every : int, default=1
        Save the estimator after every this many epochs.

    Examples
    --------
    >>> import os, tempfile
    >>> import joblib
    >>> from sklearn.datasets import load_iris
    >>> from skann import BackpropClassifier
    >>> from skann.callbacks import Checkpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> path = os.path.join(tempfile.mkdtemp(), "iris.joblib")
    >>> params = {"learning_rate": "constant", "tol": 0.01, "random_state": 0}
    >>> classifier = BackpropClassifier(**params)
    >>> whole = classifier.set_callbacks(Checkpoint(path, every=25)).fit(X, y)
    >>> rest = joblib.load(path).set_params(warm_start=True)
    >>> rest.n_iter_ % 25
    0
    >>> rest.fit(X, y).loss_curve_ == whole.loss_curve_
    True
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1):
        check_scalar(every, "every", Integral, min_val=1)
        self.path = path
        self.every = every

    def setup(self, estimator: Any, context: Any) -> None:
        """Check, before the first epoch, that the file can be written."""
        path = self._path_of(self.every)
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"The folder {os.fspath(path.parent)!r} of "
                f"Checkpoint({os.fspath(self.path)!r}) does not exist. Create it "
                f"first, with os.makedirs({os.fspath(path.parent)!r})."
            )
        if path.is_dir():
            raise IsADirectoryError(
                f"The path of Checkpoint({os.fspath(self.path)!r}) is a folder. Pass "
                f"the path of a file, such as {os.fspath(path / 'fit.joblib')!r}."
            )

    def _path_of(self, epoch: int) -> Path:
        """Return the file of an epoch."""
        path = os.fspath(self.path)
        try:
            return Path(path.format(epoch=epoch))
        except (LookupError, ValueError) as error:
            raise ValueError(
                f"The path of Checkpoint({path!r}) may only contain {{epoch}} in "
                "braces."
            ) from error

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Save the estimator if this is one of the epochs to save."""
        if not _is_epoch(context) or fitted_estimator is None:
            return
        n_iter = fitted_estimator.n_iter_
        if n_iter == 0 or n_iter % self.every:
            return
        for name in [name for name in vars(fitted_estimator) if "callback" in name]:
            delattr(fitted_estimator, name)
        path = self._path_of(n_iter)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        os.close(handle)
        try:
            joblib.dump(fitted_estimator, temporary)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


class ParameterRecorder(_EpochCallback):
    """Record all weights, biases and their gradients, before training and after epochs.

    The gradient is that of the objective for all data, including the penalty, without
    dropout. Like `coefs_`, all values are those for scaled data.

    Attributes
    ----------
    epochs_ : list of int
        The numbers of the recorded epochs; 0 is before training.

    coefs_, intercepts_ : list of list of ndarray
        The weights and biases: `coefs_[i][l]` and `intercepts_[i][l]` are those of
        layer l after `epochs_[i]`.

    coef_gradients_, intercept_gradients_ : list of list of ndarray
        The gradients with respect to these.

    losses_ : list of float
        The objective after each epoch of `epochs_`.

    thetas_ : list of ndarray of shape (n_parameters,)
        All parameters, including those of the cosines, as one vector for each epoch of
        `epochs_`.

    Examples
    --------
    >>> from skann import BackpropRegressor
    >>> from skann.callbacks import ParameterRecorder
    >>> recorder = ParameterRecorder()
    >>> regressor = BackpropRegressor((), solver="lbfgs", scaling=None)
    >>> regressor = regressor.set_callbacks(recorder).fit([[0.0], [1.0]], [1.0, 3.0])
    >>> recorder.epochs_[-1] == regressor.n_iter_
    True
    >>> bool(abs(recorder.coef_gradients_[-1][0]).max() < 1e-4)
    True
    """

    def setup(self, estimator: Any, context: Any) -> None:
        """Discard the records of an earlier fit."""
        self.epochs_: list[int] = []
        self.coefs_: list[list[np.ndarray]] = []
        self.intercepts_: list[list[np.ndarray]] = []
        self.coef_gradients_: list[list[np.ndarray]] = []
        self.intercept_gradients_: list[list[np.ndarray]] = []
        self.losses_: list[float] = []
        self.thetas_: list[np.ndarray] = []

    def on_fit_task_begin(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> None:
        """Record the parameters before the first epoch."""
        if _is_epoch(context) and not self.epochs_:
            self._record(fitted_estimator, X, y, metadata)

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> None:
        """Record the parameters after an epoch."""
        # L-BFGS may begin a last iteration that does nothing.
        if _is_epoch(context) and fitted_estimator is not None:
            self._record(fitted_estimator, X, y, metadata)

    def estimator_at(self, estimator: Any, epoch: int) -> Any:
        """Return the estimator as it was after an epoch.

        Parameters
        ----------
        estimator : BackpropClassifier or BackpropRegressor
            The fitted estimator whose fit was recorded. It is not changed.

        epoch : int
            The number of the epoch, one of `epochs_`; 0 is before training.

        Returns
        -------
        earlier : object
            A copy with the weights and the history after that epoch.

        Raises
        ------
        ValueError
            If the epoch was not recorded.
        """
        recorded = getattr(self, "epochs_", [])
        if epoch not in recorded:
            raise ValueError(
                f"Epoch {epoch} was not recorded"
                + (
                    f". The recorded epochs are {recorded[0]} to {recorded[-1]}."
                    if recorded
                    else ": the recorder is empty."
                )
            )
        place = recorded.index(epoch)
        earlier = with_parameters(estimator, self.thetas_[place])
        earlier.n_iter_ = epoch
        earlier.loss_curve_ = estimator.loss_curve_[:epoch]
        earlier.history_ = {
            quantity: values[:epoch] for quantity, values in estimator.history_.items()
        }
        return earlier

    def _record(self, estimator, X, y, metadata):
        """Add the parameters and the gradient of an estimator to the lists."""
        weight = (metadata or {}).get("sample_weight")
        objective, theta, data = fitted_problem(estimator, X, y, weight)
        network = objective.network
        loss, gradient, _ = loss_and_gradient(objective, theta, data)
        self.epochs_.append(len(estimator.loss_curve_))
        self.losses_.append(loss)
        self.thetas_.append(theta)
        self.coefs_.append(list(network.weights(theta)))
        self.intercepts_.append(list(network.biases(theta)))
        self.coef_gradients_.append(list(network.weights(gradient)))
        self.intercept_gradients_.append(list(network.biases(gradient)))
