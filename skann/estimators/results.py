"""The attributes of an estimator after a fit, and warnings about the fit."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skann.core.layers.categories import Categories
from skann.estimators.caller import warn_caller
from skann.estimators.problem import Problem
from skann.estimators.targets import Indicators, Numbers
from skann.estimators.verdict import DIAGNOSE, warn_if_nothing_is_learned
from skann.training.call import Call
from skann.training.loop import Outcome
from skann.training.schedules import Horizon
from skann.training.solver import Ending
from skann.training.state import TrainingState


def fitted_attributes(
    problem: Problem, outcome: Outcome, *, unfinished: bool = False
) -> dict[str, Any]:
    """Return the attributes that an estimator has after training.

    An unfinished fit can be completed by another call with `warm_start=True`.
    """
    model, history = problem.model, outcome.history
    theta = outcome.theta if outcome.best_theta is None else outcome.best_theta
    theta = _with_unknown_labels(problem, theta)
    architecture = model.architecture
    losses = history["loss"]
    loss = losses[-1] if losses else float("nan")
    plateau = outcome.progress.plateau
    attributes = {
        **problem.names,
        **problem.target.fitted_attributes(),
        "recipe_": problem.settings.recipe,
        "recipe_reason_": problem.settings.recipe_reason,
        "auto_params_": problem.settings.auto_params,
        "n_layers_": len(architecture.layer_sizes),
        "n_outputs_": architecture.layer_sizes[-1],
        "out_activation_": architecture.output_activation,
        "n_iter_": outcome.n_iter,
        "t_": outcome.progress.n_samples_seen,
        "loss_": loss,
        "loss_curve_": losses,
        "history_": history,
        "validation_scores_": None,
        "best_validation_score_": None,
        "best_loss_": plateau.best if outcome.learning_rate is not None else loss,
        "_target": problem.target,
        "_model": model.with_theta(theta),
        "_training_state": _training_state(problem, outcome, unfinished),
        "_out_of_fold": None,
    }
    if problem.validation is not None:
        scores = [score for score in history["validation_score"] if score is not None]
        attributes["validation_scores_"] = scores
        attributes["best_validation_score_"] = max(scores, default=None)
    if plateau.watched == "score":
        attributes["best_validation_score_"] = -plateau.best
        attributes["best_loss_"] = None
    elif plateau.watched == "oof_loss":
        attributes["best_loss_"] = min(losses, default=loss)
    if problem.folds is not None and not unfinished and _leave_out_unseen(problem):
        attributes |= _out_of_fold(problem, theta)
    return attributes


def _with_unknown_labels(problem, theta):
    """Return parameters with a meaningful vector for unknown labels.

    With minibatches, it is learned. Otherwise, it is set to the mean of all labels,
    unless the training data contained labels without a vector of their own.
    """
    columns, network = problem.model.columns, problem.model.network
    if problem.settings.is_stochastic or not isinstance(network.embedding, Categories):
        return theta
    theta = theta.copy()
    parameters = network.layout.views(theta)[0]
    for number, shares in enumerate(columns.shares_of_codes):
        if len(shares) == network.embedding.n_levels[number]:
            network.embedding.settle_unknown(parameters, number, shares)
    return theta


def _leave_out_unseen(problem):
    """Return whether no member was ever trained on the rows that it leaves out.

    A continued fit leaves out the same rows of the same data. This does not hold after
    `partial_fit`, which leaves out nothing, or with a different number of rows.
    """
    past = problem.past
    if past is None or problem.call is Call.RESUMED_FIT:
        return True
    return np.array_equal(past.folds, problem.data.folds)


def _out_of_fold(problem, theta):
    """Return the out-of-fold attributes, and the calibrated model."""
    folds, model, target = problem.folds, problem.model, problem.target
    raw = folds.raw_outputs(theta)
    model = folds.calibrate(model.with_theta(theta), raw)
    raw = model.calibrated(raw)
    score = target.score(
        model, folds.encoded, target.outputs_to_score(raw), folds.sample_weight
    )
    residuals = None
    if isinstance(target, Numbers):
        with np.errstate(over="ignore"):  # too large errors become infinite
            residuals = np.abs(folds.encoded - model.in_target_units(raw))
            residuals = residuals.astype(raw.dtype, copy=False)
    return {
        "oof_score_": score,
        **target.out_of_fold(model, raw),
        "_model": model,
        "_out_of_fold": {"folds": problem.data.folds, "residuals": residuals},
    }


def _training_state(problem, outcome, unfinished):
    """Return the state from which further training continues."""
    settings = problem.settings
    # Training continues from the last parameters, not from the best.
    keeps_last = outcome.best_theta is not None and (
        problem.call.is_piece or unfinished
    )
    random_state = None
    # A RandomState passed by the user keeps its own state, and None is not
    # reproducible.
    if isinstance(settings.random_state, Integral):
        random_state = problem.random_state.get_state(legacy=False)
    dropout = problem.dropout
    return TrainingState(
        progress=outcome.progress.as_dict(),
        solver=settings.solver_name,
        theta=outcome.theta if keeps_last else None,
        unfinished=unfinished,
        stopped=outcome.stopped,
        dropout=_generator_states(dropout),
        random_state=random_state,
        split=_split_state(problem),
        **outcome.memory,
    )


def _generator_states(generators):
    """Return the states of the dropout generators, as plain values."""
    if generators is None:
        return None
    if isinstance(generators, list):
        return [each.bit_generator.state for each in generators]
    return generators.bit_generator.state


def _split_state(problem):
    """Return the state of the generator before it drew the validation part or folds."""
    if problem.folds is not None:
        return problem.folds.split_state
    return problem.validation and problem.validation.part.split_state


def divergence_message(problem: Problem, outcome: Outcome) -> str:
    """Return a message that says where training diverged and what to change."""
    settings = problem.settings
    losses = outcome.history["loss"]
    last = f"{losses[-1]:.6g}" if losses else "none"
    solver = f"solver={settings.solver!r}"
    remedies = ["start from smaller weights (init)"]
    if outcome.learning_rate is not None:
        solver += f" at learning rate {outcome.learning_rate:g}"
        remedies = ["lower learning_rate_init"]
    if settings.scaling is None:
        remedies.append("scale the data (scaling='standard')")
    else:
        remedies.append("check the data for outliers")
    remedy = " or ".join(remedies)
    return (
        f"Training diverged in epoch {outcome.progress.n_epochs + 1} with {solver}: "
        "the loss or the weights are no longer finite (last finite loss of an "
        f"epoch: {last}). To fix this, {remedy}. The estimator was left unchanged."
        f"{_where_to_look(problem, outcome)}"
    )


def _where_to_look(problem, outcome):
    """Return how to examine a fit just before it diverges, if that is possible."""
    n_epochs = len(outcome.history["loss"])
    # With fewer epochs, a schedule with an end would be different.
    has_end = isinstance(problem.settings.make_schedule(0), Horizon)
    if problem.call.has_past or problem.call.is_piece or has_end or n_epochs < 1:
        return ""
    return f" Fit with max_iter={n_epochs} to stop before that. {DIAGNOSE}"


def warn_of_data(problem: Problem) -> None:
    """Warn about data that were probably meant differently."""
    if problem.call.is_piece or problem.call.has_past:
        return
    inputs, target = problem.model.inputs, problem.data.target
    n_samples = problem.data.n_samples
    if n_samples <= 2 and inputs is not None and inputs.is_constant.all():
        warn_caller(
            f"All columns of X are constant in {n_samples} row(s). After scaling, "
            "all inputs are zero, so predictions do not depend on X. Pass more rows, "
            "or set scaling=None."
        )
    if not (isinstance(problem.target, Indicators) and isinstance(target, np.ndarray)):
        return
    if target.shape[1] > 1 and n_samples > 2:
        is_one_hot = ((target > 0.5).sum(axis=1) == 1).all()
        if is_one_hot:
            warn_caller(
                "Every row of y has exactly one label, but the labels of an indicator "
                "matrix are treated as independent of each other. For mutually "
                "exclusive classes, pass their indices, y.argmax(axis=1)."
            )


def warn_of_ending(problem: Problem, outcome: Outcome) -> None:
    """Warn if training did not end as it should."""
    settings, ending = problem.settings, outcome.ending
    if outcome.interrupted:
        kept = "best" if outcome.best_theta is not None else "last"
        warn_caller(
            f"Training interrupted by user after {outcome.n_iter} complete epoch(s). "
            f"The {kept} parameters so far were kept."
        )
    elif problem.call.is_piece:
        if outcome.learning_rate == 0:
            warn_caller(
                f"learning_rate={settings.learning_rate!r} has reached its end: after "
                f"{outcome.progress.n_epochs - 1} epochs the rate is 0, and "
                "partial_fit changes nothing. Choose another schedule, or increase "
                f"max_iter (now {settings.max_iter}) to make it longer.",
                ConvergenceWarning,
            )
    elif ending is Ending.FAILED:
        warn_caller(outcome.message, ConvergenceWarning)
    elif ending is Ending.EXHAUSTED and not isinstance(
        settings.make_schedule(0), Horizon
    ):
        warn_caller(
            f"Stochastic Optimizer: Maximum iterations ({settings.max_iter}) "
            "reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
        )
    elif ending in (Ending.EXHAUSTED, Ending.CONVERGED) or outcome.stopped:
        warn_if_nothing_is_learned(problem, outcome)
