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

from skann.estimators.automatic import setting
from skann.estimators.blocks import map_outputs
from skann.training.data import TrainingDivergedError
from skann.training.history import new_history, record
from skann.training.lbfgs import minimize_lbfgs
from skann.training.minibatch import MinibatchDescent
from skann.training.optimizers import SGD, Adam, Optimizer
from skann.training.progress import Plateau
from skann.training.schedules import (
    Adaptive,
    Constant,
    Cosine,
    Exponential,
    Horizon,
    InverseScaling,
    InverseTime,
    OneCycle,
    Schedule,
)
from skann.training.stepping import make_stepping


def make_optimizer(estimator):
    """Return the optimizer that the estimator's parameters describe."""
    if isinstance(estimator.solver, Optimizer):
        return estimator.solver
    if estimator.solver == "sgd":
        return SGD(estimator.momentum, estimator.nesterovs_momentum)
    beta_2 = setting(estimator, "beta_2")
    return Adam(estimator.beta_1, beta_2, estimator.epsilon)


def solver_name(solver):
    """Return a string that says which optimizer's memory an estimator holds."""
    if isinstance(solver, str):
        return solver
    return f"{type(solver).__module__}.{type(solver).__qualname__}"


# The schedules that `learning_rate` names, as functions of the estimator's parameters
# and of the number of epochs before the one from which a schedule with an end begins.
SCHEDULES = {
    "constant": lambda estimator, start: Constant(),
    "invscaling": lambda estimator, start: InverseScaling(estimator.power_t),
    "adaptive": lambda estimator, start: Adaptive(),
    "exponential": lambda estimator, start: (
        Exponential() if estimator.decay is None else Exponential(estimator.decay)
    ),
    "inverse_time": lambda estimator, start: (
        InverseTime() if estimator.decay is None else InverseTime(estimator.decay)
    ),
    "cosine": lambda estimator, start: Cosine(setting(estimator, "max_iter"), start),
    "one_cycle": lambda estimator, start: OneCycle(
        setting(estimator, "max_iter"), start
    ),
}


def make_schedule(estimator, start):
    """Return the schedule that the estimator's parameters describe."""
    learning_rate = setting(estimator, "learning_rate")
    if isinstance(learning_rate, Schedule):
        return learning_rate
    return SCHEDULES[learning_rate](estimator, start)


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

    dropout : numpy.random.Generator or None
        What leaves hidden units out.

    progress : Progress
        What was done before; changed in place.

    random_state : RandomState
        Shuffles the samples.

    validation : Validation or None
        What is scored after each epoch, and the rows that are left to learn from.

    best_theta : ndarray of shape (n_parameters,) or None
        The best parameters so far, in case the search for better ones goes on.

    earlier : dict or None
        The fitted attributes to go on from.

    incremental : bool
        Whether this is one epoch of `partial_fit`.

    resumes : bool
        Whether this brings a fit to its end that was cut off.
    """

    def __init__(
        self, estimator, objective, data, theta, *, dropout, progress, random_state,
        validation, best_theta, earlier, incremental, resumes,
    ):  # fmt: skip
        self.estimator = estimator
        self.objective = objective
        self.data = data
        self.theta = theta
        self.dropout = dropout
        self.progress = progress
        self.random_state = random_state
        self.validation = validation
        # Without early stopping the validation score is only recorded.
        self.stops_by_score = validation is not None and estimator.early_stopping
        self.keeps_best = self.stops_by_score or estimator.restore_best_weights
        self.best_theta = best_theta if self.keeps_best else None
        self.incremental = incremental
        self.resumes = resumes
        self.earlier = earlier or {}
        self.history = new_history(self.earlier.get("history_"))
        self.saved = self.earlier.get("_training_state", {})
        goes_on = incremental or resumes
        self.n_iter = self.earlier.get("n_iter_", 0) if goes_on else 0
        self.optimizer_state = None
        self.order = None
        self.stopped = False  # before max_iter
        self.learning_rate = None
        self._before = len(self.history["loss"]), self.n_iter, progress.as_dict()
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
        # The pieces of a stream share one schedule, each other fit begins its own.
        start = 0 if self.incremental else progress.n_epochs - self.n_iter
        schedule = make_schedule(estimator, start)
        # Where plateaus set the learning rate, or the fit comes in pieces, the search
        # for one is part of what goes on.
        self._begin_search(
            goes_on=self.incremental or self.resumes or isinstance(schedule, Adaptive)
        )
        descent = self._make_descent()
        self._n_rows = descent.n_rows
        max_iter = setting(estimator, "max_iter")
        n_epochs = 1 if self.incremental else max(0, max_iter - self.n_iter)
        if self.resumes and self.saved["stopped"]:
            return
        try:
            for _ in range(n_epochs):
                task = self._begin_task("epoch")
                self.learning_rate = self._rate(schedule)
                loss, gradient_norm = descent.run_epoch(self.learning_rate)
                progress.n_samples_seen += descent.n_rows
                self._record(loss, gradient_norm)
                self._watch(loss)
                self.stopped = self._should_stop(schedule)
                if self._end_task(task) or self.stopped:
                    break
            else:
                if isinstance(schedule, Horizon) and not self.incremental:
                    self._warn_if_nothing_is_learned()
                elif not self.incremental:
                    _warn(
                        f"Stochastic Optimizer: Maximum iterations ({max_iter}) "
                        "reached and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                    )
        except KeyboardInterrupt:
            self._warn_of_interrupt()

    def _initial_rate(self):
        return float(setting(self.estimator, "learning_rate_init"))

    def _rate(self, schedule):
        """Return the learning rate of the next epoch."""
        rate = schedule.rate(self._initial_rate(), self.progress)
        if self.incremental and rate == 0:
            name, max_iter = (
                setting(self.estimator, parameter)
                for parameter in ("learning_rate", "max_iter")
            )
            _warn(
                f"learning_rate={name!r} has come to its end: after "
                f"{self.progress.n_epochs} epochs the rate is 0, and partial_fit "
                "changes nothing. Choose another schedule, or a larger max_iter (now "
                f"{max_iter}) for one that lasts that long.",
                ConvergenceWarning,
            )
        return rate

    def _begin_search(self, *, goes_on):
        """Start to look for a plateau of what is watched, or go on looking for it."""
        watched = "score" if self.stops_by_score else "loss"
        if not goes_on or self.progress.plateau.watched != watched:
            self.progress.plateau = Plateau(watched=watched)
            self.best_theta = None

    def _training_rows(self):
        """Return the rows to learn from, or None for all."""
        return None if self.validation is None else self.validation.training_rows

    def _make_descent(self):
        """Set up the optimizer, its memory and the order of the samples."""
        estimator, data = self.estimator, self.data
        optimizer = make_stepping(
            make_optimizer(estimator),
            self.objective.network.layout,
            max_grad_norm=estimator.max_grad_norm,
            weight_decay=float(setting(estimator, "weight_decay")),
        )
        if self.saved.get("solver") == solver_name(estimator.solver):
            self.optimizer_state = copy.deepcopy(self.saved["optimizer"])
        else:
            self.optimizer_state = optimizer.initial_state(self.theta)

        rows = self._training_rows()
        if rows is not None:
            rows = rows.copy()
            goes_on = self.resumes
        else:
            rows = np.arange(data.n_samples) if estimator.shuffle else None
            goes_on = True
        if estimator.shuffle:
            # Each epoch shuffles the order of the one before, so a fit in pieces has
            # to go on from the last piece's order.
            order = self.saved.get("order")
            if goes_on and order is not None and order.size == rows.size:
                rows = order.copy()
            self.order = rows
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
            generator=self.dropout,
        )

    def _lbfgs(self):
        """Run L-BFGS over all data until something ends it."""
        estimator = self.estimator
        self._begin_search(goes_on=False)
        rows = self._training_rows()
        self._n_rows = self.data.n_samples if rows is None else rows.size
        task = None

        def on_iteration(theta, loss, gradient_norm):
            nonlocal task
            self.theta = theta
            self.progress.n_samples_seen += self._n_rows
            self._record(loss, gradient_norm)
            self._watch(loss)
            self.stopped = self._should_stop()
            stop = self._end_task(task) or self.stopped
            task = self._begin_task("iteration")
            return stop

        try:
            task = self._begin_task("iteration")
            result = minimize_lbfgs(
                self.objective,
                self.data,
                self.theta,
                max_iter=setting(estimator, "max_iter"),
                max_fun=estimator.max_fun,
                tol=estimator.tol,
                on_iteration=on_iteration,
                rows=rows,
            )
            self.theta = result.theta
            if not self.history["loss"]:  # it stopped where it started
                self._record(result.loss, 0.0)
            self.n_iter = result.n_iterations
            if result.converged:
                self._warn_if_nothing_is_learned()
            else:
                _warn(
                    f"lbfgs failed to converge after {self.n_iter} iteration(s) "
                    f"({result.message}). Increase max_iter (now "
                    f"{setting(estimator, 'max_iter')}) "
                    f"or max_fun (now {estimator.max_fun}), or scale the data.",
                    ConvergenceWarning,
                )
            if task is not None:
                # scipy says that an iteration ended, not whether there will be another:
                # the last task that began is empty.
                task.call_on_fit_task_end(estimator=estimator, **self._passed)
        except KeyboardInterrupt:
            self._warn_of_interrupt()

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
        if improved and self.keeps_best:
            self.best_theta = self.theta.copy()

    def _should_stop(self, schedule=None):
        """Say whether training is on a plateau that no lower learning rate leaves.

        Without a schedule, L-BFGS has ways of its own to see a plateau of the loss.
        """
        estimator, progress = self.estimator, self.progress
        if schedule is None and not self.stops_by_score:
            return False
        n_iter_no_change = setting(estimator, "n_iter_no_change")
        if progress.plateau.count <= n_iter_no_change:
            return False
        watched = "Validation score" if self.stops_by_score else "Training loss"
        message = (
            f"{watched} did not improve more than tol={estimator.tol:f} for "
            f"{n_iter_no_change} consecutive epochs."
        )
        stops = schedule is None or not schedule.can_reduce(
            self._initial_rate(), progress
        )
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
            message += f" Setting learning rate to {self._rate(schedule):f}"
        if estimator.verbose:
            print(message)
        return stops

    def _warn_if_nothing_is_learned(self):
        """Warn if the model is no better than one that always predicts the mean."""
        target, weight = self.data.target, self.data.sample_weight
        rows = self._training_rows()
        if rows is not None:
            target, weight = target[rows], None if weight is None else weight[rows]
        constant = self.objective.loss.value_of_constant(target, weight)
        if constant is None:  # nobody knows
            return
        total = self.data.mean_weight * target.shape[0]
        constant /= total
        least = constant * (1 - 1e-6)  # a margin for rounding
        loss = self.history["loss"][-1]
        if loss >= least and self.dropout is not None:
            # That was the loss of some of the units; with all of them it may be less.
            network, loss_function = self.objective.network, self.objective.loss
            raw = map_outputs(np.copy, network, self.theta, self.data.X, rows)
            delta = np.empty_like(raw)
            loss = loss_function.value_and_delta(target, raw, weight, delta) / total
        # Of targets that are all equal there is nothing to learn.
        if constant > 0 and loss >= least:
            mean = "the best constant"
            if is_classifier(self.estimator):
                mean = "the frequencies of the classes"
            elif self.objective.loss.name in ("squared_error", "poisson", "gamma"):
                mean = "the mean of the targets"
            stops_early = np.isfinite(setting(self.estimator, "n_iter_no_change"))
            names = ["tol" if stops_early else "max_iter", "alpha"]
            if self.learning_rate is not None:
                names.append("learning_rate_init")
            now = ", ".join(
                f"{name}={setting(self.estimator, name):g}" for name in names
            )
            _warn(
                f"Training stopped at a loss of {loss:.6g}, which is no better than "
                f"that of always predicting {mean} ({constant:.6g}): nothing was "
                f"learned. If y does depend on X, change some of {now}, or try another "
                "activation, init or scaling.",
                ConvergenceWarning,
            )

    def _warn_of_interrupt(self):
        """Leave nothing half-done after a KeyboardInterrupt, and say what there is."""
        self._forget_unfinished_epoch()
        kept = "best" if self.best_theta is not None else "last"
        _warn(
            f"Training interrupted by user after {self.n_iter} complete epoch(s). The "
            f"{kept} parameters so far are kept.",
        )

    def _forget_unfinished_epoch(self):
        """Let everything that counts epochs agree on those that are complete."""
        n_rows_before, n_iter, progress = self._before
        n_complete = min(len(column) for column in self.history.values())
        for column in self.history.values():
            del column[n_complete:]
        n_epochs = n_complete - n_rows_before
        self.n_iter = n_iter + n_epochs
        self.progress.n_epochs = progress["n_epochs"] + n_epochs
        n_samples = n_epochs * self._n_rows
        self.progress.n_samples_seen = progress["n_samples_seen"] + n_samples

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
        max_subtasks = setting(estimator, "max_iter") + (estimator.solver == "lbfgs")
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
        task.call_on_fit_task_begin(
            estimator=self.estimator,
            **self._passed,
            reconstruction_attributes=self._attributes_so_far,
        )
        return task

    def _end_task(self, task):
        """Close an epoch's task; return whether a callback wants training to stop."""
        if task is None:
            return False
        return task.call_on_fit_task_end(
            estimator=self.estimator,
            **self._passed,
            reconstruction_attributes=self._attributes_so_far,
        )

    def _attributes_so_far(self):
        """Return a copy, made for callbacks that look: training goes on in place."""
        attributes = self.fitted_attributes(unfinished=True)
        lists = [*self.history.values(), attributes["validation_scores_"] or []]
        # Lists of numbers need no deep copy, which takes long after many epochs.
        copied = {id(column): list(column) for column in lists}
        return copy.deepcopy(attributes, copied)

    # ---------------------------------------------------------------------- results

    def fitted_attributes(self, *, unfinished=False):
        """Return the attributes that the estimator has after this training.

        If it is unfinished, a warm fit brings it to its end.
        """
        history, plateau = self.history, self.progress.plateau
        # Training goes on from the last parameters, not from the best.
        keeps_last = self.best_theta is not None and (self.incremental or unfinished)
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
                "solver": solver_name(self.estimator.solver),
                "optimizer": self.optimizer_state,
                "order": self.order,
                "theta": self.theta if keeps_last else None,
                "unfinished": unfinished,
                "stopped": self.stopped,
                "dropout": self.dropout and self.dropout.bit_generator.state,
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


def _warn(message, category=UserWarning):
    """Warn as from the line outside skann that called it, however deep this is."""
    level, frame = 1, sys._getframe()
    while frame.f_back and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_inside(module):
    """Say whether a module stands between the user and the run."""
    return module.partition(".")[0] == "skann" or module.startswith("sklearn.callback")
