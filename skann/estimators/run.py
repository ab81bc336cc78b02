"""One call of `fit` or `partial_fit`, from the first epoch to the last.

The mathematics is done elsewhere; a run decides when to go on. After each epoch it
records the history, watches the validation score or the loss, calls the callbacks and
remembers the best parameters. It keeps its results to itself until the end.
"""

from __future__ import annotations

import copy
import sys
import time
import warnings
from numbers import Integral

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from skann.training.data import TrainingDivergedError
from skann.training.history import new_history, record
from skann.training.lbfgs import minimize_lbfgs
from skann.training.minibatch import MinibatchDescent
from skann.training.optimizers import SGD, Adam
from skann.training.progress import Plateau
from skann.training.schedules import Adaptive, Constant, InverseScaling


def make_optimizer(estimator):
    """Return the optimizer that the estimator's parameters describe."""
    if estimator.solver == "sgd":
        return SGD(estimator.momentum, estimator.nesterovs_momentum)
    return Adam(estimator.beta_1, estimator.beta_2, estimator.epsilon)


def make_schedule(estimator):
    """Return the schedule that the estimator's parameters describe."""
    rate = float(estimator.learning_rate_init)
    if estimator.learning_rate == "invscaling":
        return InverseScaling(rate, estimator.power_t)
    if estimator.learning_rate == "adaptive":
        return Adaptive(rate)
    return Constant(rate)


class TrainingRun:
    """Trains theta and gathers the attributes of the fitted estimator.

    Parameters
    ----------
    estimator : BaseBackprop
        Its parameters say how to train. It is not changed.

    objective : Objective
        What to make small.

    data : TrainingData
        The scaled data.

    theta : ndarray of shape (n_parameters,)
        Where to start; changed in place.

    progress : Progress
        What was done before; changed in place.

    random_state : RandomState
        Shuffles the samples.

    validation : Validation or None
        What is scored after each epoch, and the rows that are left to learn from.

    best_theta : ndarray of shape (n_parameters,) or None
        The best parameters so far, if the search for better ones goes on.

    earlier : dict or None
        The fitted attributes to go on from.

    incremental : bool
        Whether this is one epoch of `partial_fit`.
    """

    def __init__(
        self, estimator, objective, data, theta, *,
        progress, random_state, validation, best_theta, earlier, incremental,
    ):  # fmt: skip
        self.estimator = estimator
        self.objective = objective
        self.data = data
        self.theta = theta
        self.best_theta = best_theta
        self.progress = progress
        self.random_state = random_state
        self.validation = validation
        # Without early stopping the validation score is only recorded.
        self.stops_by_score = validation is not None and estimator.early_stopping
        self.incremental = incremental
        self.earlier = earlier or {}
        self.history = new_history(self.earlier.get("history_"))
        self.saved = self.earlier.get("_training_state", {})
        self.n_iter = self.earlier.get("n_iter_", 0) if incremental else 0
        self.optimizer_state = None
        self.order = None
        self.learning_rate = None
        self._start = time.perf_counter()
        seconds = self.history["seconds"]
        self._seconds_before = seconds[-1] if seconds else 0.0
        self._context = None

    def execute(self, X, y, sample_weight):
        """Train; `X`, `y` and `sample_weight` are what callbacks get to see.

        Raises
        ------
        ValueError
            If training diverges.
        """
        if not self.incremental:
            self._open_callbacks(X, y, sample_weight)
        # Overflow is looked for where it matters and reported in words.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            try:
                if self.estimator.solver == "lbfgs":
                    self._lbfgs()
                else:
                    self._stochastic()
            except TrainingDivergedError:
                raise ValueError(self._divergence_message()) from None
        if not self.incremental:
            self._close_callbacks()

    # ------------------------------------------------------------- the two solvers

    def _stochastic(self):
        """Run epochs of minibatches until something ends training."""
        estimator, progress = self.estimator, self.progress
        schedule = make_schedule(estimator)
        # Where plateaus set the learning rate, or the fit comes in pieces, the search
        # for one is part of what goes on.
        self._begin_search(goes_on=self.incremental or isinstance(schedule, Adaptive))
        descent = self._make_descent()
        max_iter = 1 if self.incremental else estimator.max_iter
        try:
            for _ in range(max_iter):
                task = self._begin_task("epoch")
                self.learning_rate = schedule.rate(progress)
                loss, gradient_norm = descent.run_epoch(self.learning_rate)
                progress.n_samples_seen += descent.n_rows
                self._record(loss, gradient_norm)
                self._watch(loss)
                if self._end_task(task) or self._should_stop(schedule):
                    break
            else:
                if not self.incremental:
                    _warn(
                        f"Stochastic Optimizer: Maximum iterations ({max_iter}) "
                        "reached and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                    )
        except KeyboardInterrupt:
            self._warn_of_interrupt()

    def _begin_search(self, *, goes_on):
        """Start to look for a plateau of what is watched, or go on looking for it."""
        watched = "score" if self.stops_by_score else "loss"
        if not goes_on or self.progress.plateau.watched != watched:
            self.progress.plateau = Plateau(watched=watched)
            self.best_theta = None

    def _make_descent(self):
        """Set up the optimizer, its memory and the order of the samples."""
        estimator, data = self.estimator, self.data
        optimizer = make_optimizer(estimator)
        if self.saved.get("solver") == estimator.solver:
            self.optimizer_state = _copy_arrays(self.saved["optimizer"])
        else:
            self.optimizer_state = optimizer.initial_state(self.theta)

        if self.validation is not None and self.validation.training_rows is not None:
            rows = self.validation.training_rows.copy()
        elif estimator.shuffle:
            # Each epoch shuffles the order of the one before, so a fit in pieces has
            # to go on from the last piece's order.
            order = self.saved.get("order")
            goes_on = order is not None and order.size == data.n_samples
            rows = self.order = order.copy() if goes_on else np.arange(data.n_samples)
        else:
            rows = None
        n_rows = data.n_samples if rows is None else rows.size

        batch_size = estimator.batch_size
        if batch_size == "auto":
            batch_size = min(200, n_rows)
        elif batch_size > n_rows:
            _warn(
                f"batch_size={batch_size} is larger than the {n_rows} samples to learn "
                "from: it is clipped to their number.",
            )
            batch_size = n_rows
        return MinibatchDescent(
            self.objective,
            data,
            self.theta,
            optimizer=optimizer,
            optimizer_state=self.optimizer_state,
            batch_size=int(batch_size),
            rows=rows,
            random_state=self.random_state if estimator.shuffle else None,
        )

    def _lbfgs(self):
        """Run L-BFGS over all data until something ends it."""
        estimator = self.estimator
        self._begin_search(goes_on=False)
        task = self._begin_task("iteration")

        def on_iteration(theta, loss, gradient_norm):
            nonlocal task
            self.theta = theta
            self.progress.n_samples_seen += self.data.n_samples
            self._record(loss, gradient_norm)
            self._watch(loss)
            stop = self._end_task(task) or self._should_stop()
            task = self._begin_task("iteration")
            return stop

        try:
            result = minimize_lbfgs(
                self.objective,
                self.data,
                self.theta,
                max_iter=estimator.max_iter,
                max_fun=estimator.max_fun,
                tol=estimator.tol,
                on_iteration=on_iteration,
            )
        except KeyboardInterrupt:
            self._warn_of_interrupt()
        else:
            self.theta = result.theta
            if not self.history["loss"]:  # it stopped where it started
                self._record(result.loss, 0.0)
            self.n_iter = result.n_iterations
            if result.converged:
                self._warn_if_nothing_is_learned()
            else:
                _warn(
                    f"lbfgs failed to converge after {self.n_iter} iteration(s) "
                    f"({result.message}). Increase max_iter (now {estimator.max_iter}) "
                    f"or max_fun (now {estimator.max_fun}), or scale the data.",
                    ConvergenceWarning,
                )
        if task is not None:
            # scipy says that an iteration ended, not whether there will be another:
            # the last task that began is empty.
            task.call_on_fit_task_end(estimator=estimator, **self._passed)

    # --------------------------------------------------------------- after an epoch

    def _record(self, loss, gradient_norm):
        """Add an epoch to the history and say so if asked."""
        self.n_iter += 1
        self.progress.n_epochs += 1
        score = None
        if self.validation is not None:
            score = self.validation.score(
                self.objective.network, self.theta, self.data.X
            )
        record(
            self.history,
            epoch=self.progress.n_epochs,
            loss=loss,
            validation_score=score,
            learning_rate=self.learning_rate,
            gradient_norm=gradient_norm,
            seconds=self._seconds_before + time.perf_counter() - self._start,
        )
        if self.estimator.verbose:
            print(f"Iteration {self.n_iter}, loss = {loss:.8f}")
            if score is not None:
                print(f"Validation score: {score:f}")

    def _watch(self, loss):
        """Update the search for a plateau, and the best parameters so far."""
        score = self.history["validation_score"][-1]
        value = -score if self.stops_by_score else loss
        improved = self.progress.plateau.update(value, self.estimator.tol)
        if improved and self.stops_by_score:
            self.best_theta = self.theta.copy()

    def _should_stop(self, schedule=None):
        """Say whether training is on a plateau that no lower learning rate leaves.

        Without a schedule, L-BFGS has ways of its own to see a plateau of the loss.
        """
        estimator, progress = self.estimator, self.progress
        if schedule is None and not self.stops_by_score:
            return False
        if progress.plateau.count <= estimator.n_iter_no_change:
            return False
        watched = "Validation score" if self.stops_by_score else "Training loss"
        message = (
            f"{watched} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        stops = schedule is None or not schedule.can_reduce(progress)
        if stops:
            if isinstance(schedule, Adaptive):
                message += " Learning rate too small."
            message += " Stopping."
            # A piece of a stream is no end of training; that of L-BFGS is seen later.
            if not (self.incremental or schedule is None):
                self._warn_if_nothing_is_learned()
        else:
            progress.n_reductions += 1
            progress.plateau.count = 0
            message += f" Setting learning rate to {schedule.rate(progress):f}"
        if estimator.verbose:
            print(message)
        return stops

    def _warn_if_nothing_is_learned(self):
        """Warn if the model is no better than one that always predicts the mean."""
        target, weight = self.data.target, self.data.sample_weight
        if self.validation is not None and self.validation.training_rows is not None:
            rows = self.validation.training_rows
            target, weight = target[rows], None if weight is None else weight[rows]
        constant = self.objective.loss.value_of_constant(target, weight)
        constant /= self.data.mean_weight * target.shape[0]
        loss = self.history["loss"][-1]
        # Of targets that are all equal there is nothing to learn. The margin is for
        # rounding.
        if constant > 0 and loss >= constant * (1 - 1e-6):
            mean = "the mean of the targets"
            if is_classifier(self.estimator):
                mean = "the frequencies of the classes"
            names = ["tol", "alpha"]
            if self.learning_rate is not None:
                names.append("learning_rate_init")
            now = ", ".join(
                f"{name}={getattr(self.estimator, name):g}" for name in names
            )
            _warn(
                f"Training stopped at a loss of {loss:.6g}, which is no better than "
                f"that of always predicting {mean} ({constant:.6g}): nothing was "
                f"learned. If y does depend on X, change some of {now}, or try another "
                "activation, init or scaling.",
                ConvergenceWarning,
            )

    def _warn_of_interrupt(self):
        """Tell the user what a KeyboardInterrupt leaves behind."""
        kept = "best" if self.best_theta is not None else "last"
        _warn(
            f"Training interrupted by user after {self.n_iter} complete epoch(s). The "
            f"{kept} parameters so far are kept.",
        )

    def _divergence_message(self):
        """Say where training went wrong and what to change."""
        losses = self.history["loss"]
        last = f"{losses[-1]:.6g}" if losses else "none"
        solver = f"solver={self.estimator.solver!r}"
        remedies = ["start from smaller weights (init)"]
        if self.learning_rate is not None:
            solver += f" at learning rate {self.learning_rate:g}"
            remedies = ["lower learning_rate_init"]
        if self.estimator.scaling is None:
            remedies.append("scale the data (scaling='standard')")
        else:
            remedies.append("look for outliers in the data")
        remedy = " or ".join(remedies)
        return (
            f"Training diverged in epoch {self.progress.n_epochs + 1} with {solver}: "
            "the loss or the weights are no longer finite (last finite loss of an "
            f"epoch: {last}). To mend it, {remedy}. The estimator is as it was before "
            "the call."
        )

    # -------------------------------------------------------------------- callbacks

    def _open_callbacks(self, X, y, sample_weight):
        """Tell scikit-learn's callbacks that the fit begins."""
        estimator = self.estimator
        max_subtasks = estimator.max_iter + (estimator.solver == "lbfgs")
        context = estimator._init_callback_context(max_subtasks=max_subtasks)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._passed = {"X": X, "y": y, "metadata": metadata}
        context.call_on_fit_task_begin(estimator=estimator, **self._passed)
        self._context = context

    def _close_callbacks(self):
        """Tell the callbacks that the fit is done."""
        self._context.call_on_fit_task_end(
            estimator=self.estimator,
            **self._passed,
            reconstruction_attributes=self.fitted_attributes,
        )

    def _begin_task(self, name):
        """Open an epoch's task, if there is anyone to hear of it."""
        if self._context is None or not hasattr(self.estimator, "_skl_callbacks"):
            return None
        task = self._context.subcontext(task_name=name)
        task.call_on_fit_task_begin(estimator=self.estimator, **self._passed)
        return task

    def _end_task(self, task):
        """Close an epoch's task; return whether a callback wants training to stop."""
        if task is None:
            return False
        return task.call_on_fit_task_end(
            estimator=self.estimator,
            **self._passed,
            # A copy, made only for callbacks that look: training goes on in place.
            reconstruction_attributes=lambda: copy.deepcopy(self.fitted_attributes()),
        )

    # ---------------------------------------------------------------------- results

    def fitted_attributes(self):
        """Return the attributes that the estimator has after this training."""
        history, plateau = self.history, self.progress.plateau
        losses = history["loss"]
        loss = losses[-1] if losses else float("nan")
        attributes = {
            "_theta": self.theta if self.best_theta is None else self.best_theta,
            "n_iter_": self.n_iter,
            "t_": self.progress.n_samples_seen,
            "loss_": loss,
            "loss_curve_": losses,
            "history_": history,
            "validation_scores_": None,
            "best_validation_score_": None,
            "best_loss_": plateau.best if self.learning_rate is not None else loss,
            "_training_state": {
                "solver": self.estimator.solver,
                "optimizer": self.optimizer_state,
                "order": self.order,
                # Training goes on from the last parameters, not from the best.
                "theta": self.theta if self.incremental else None,
                "progress": self.progress.as_dict(),
                "random_state": self._generator_state(),
                "split": self.validation and self.validation.split_state,
            },
        }
        if self.validation is not None:
            scores = [s for s in history["validation_score"] if s is not None]
            attributes["validation_scores_"] = scores
            attributes["best_validation_score_"] = max(scores, default=None)
        if self.stops_by_score:
            attributes["best_validation_score_"] = -plateau.best
            attributes["best_loss_"] = None
        return attributes

    def _generator_state(self):
        """Return the generator's state if the estimator is the one that must keep it.

        A RandomState that the user passed keeps its own, and None promises nothing.
        """
        if isinstance(self.estimator.random_state, Integral):
            return self.random_state.get_state(legacy=False)
        return None


class Validation:
    """Data that are scored after each epoch, and that early stopping watches.

    Parameters
    ----------
    training_rows : ndarray of int or None
        The rows that are left to learn from; None for all, if the validation data
        are others.

    score : callable
        Takes the network, theta and all (scaled) inputs and returns the score on the
        validation data.

    split_state : dict or None
        The state of the generator that drew the split, to draw it once more.
    """

    def __init__(self, training_rows, score, split_state):
        self.training_rows = training_rows
        self.split_state = split_state
        self._score = score

    def score(self, network, theta, X):
        """Return the score of the network at theta; it must be finite."""
        score = self._score(network, theta, X)
        if not np.isfinite(score):
            raise TrainingDivergedError(score)
        return float(score)


def _warn(message, category=UserWarning):
    """Warn as from the line outside skann that called it, however deep this is."""
    level, frame = 1, sys._getframe()
    while frame.f_back and _is_inside(frame.f_globals["__name__"]):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_inside(module):
    """Say whether a module stands between the user and the run."""
    return module.partition(".")[0] == "skann" or module.startswith("sklearn.callback")


def _copy_arrays(state):
    """Return a copy of an optimizer's state that may be changed in place."""
    return {
        key: value.copy() if isinstance(value, np.ndarray) else value
        for key, value in state.items()
    }
