"""Find out whether anything was learned and, if not, what would help."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skann.core.network import Workspace
from skann.data.measuring import row_blocks
from skann.data.rows import ScaledRows
from skann.estimators.baseline import loss_of_constant, loss_without_dropout
from skann.estimators.caller import warn_caller
from skann.estimators.problem import Problem
from skann.estimators.targets import Indicators, Labels
from skann.training.loop import Outcome

# Where to find out more.
DIAGNOSE = "To find the reason, call skann.inspection.diagnose(estimator, X, y)."

# A slope below this share of the largest is considered flat.
_FLAT = 1e-3
# Whatever rows or units are left out, networks with less than this share of the loss of
# a constant prediction have learned something.
_SURELY_LEARNED = 0.9
# The number of rows to detect stuck units.
_ROWS_TO_LOOK_AT = 200


def warn_if_nothing_is_learned(problem: Problem, outcome: Outcome) -> None:
    """Warn if the model is no better than one that always predicts the mean."""
    constant = loss_of_constant(problem)
    if constant is None:
        return
    least = constant * (1 - 1e-6)  # a margin for rounding
    loss = outcome.history["loss"][-1]
    is_of_some = problem.folds is not None or problem.dropout is not None
    if is_of_some and loss >= _SURELY_LEARNED * constant:
        # The recorded loss was that of some rows or some units. For all of them, it may
        # be smaller; and the best constant for some rows is not better for all rows.
        kept = outcome.theta if outcome.best_theta is None else outcome.best_theta
        loss = loss_without_dropout(problem, kept)
    # If all targets are equal, there is nothing to learn.
    if not (constant > 0 and loss >= least):
        return
    mean = "the best constant"
    if isinstance(problem.target, Labels | Indicators):
        mean = "the frequencies of the classes"
    elif problem.objective.loss.name in ("squared_error", "poisson", "gamma"):
        mean = "the mean of the targets"
    warn_caller(
        f"Training stopped at a loss of {loss:.6g}, which is no better than that of "
        f"always predicting {mean} ({constant:.6g}): nothing was learned. "
        f"{likely_cause(problem, outcome, constant)} {DIAGNOSE}",
        ConvergenceWarning,
    )


def likely_cause(problem: Problem, outcome: Outcome, constant: float) -> str:
    """Explain in a sentence or two why nothing was learned, and what would help.

    Parameters
    ----------
    problem : Problem
        The problem that was trained.

    outcome : Outcome
        The outcome of training.

    constant : float
        The loss of the best constant prediction.

    Returns
    -------
    cause : str
        The first cause for which there is evidence, and one remedy.
    """
    settings = problem.settings
    X = problem.data.X
    if _all_columns_are_constant(X):
        n_columns = problem.model.network.layer_sizes[0]
        return (
            f"All {n_columns} inputs of the network are constant. Check how X was made."
        )
    if settings.alpha >= 1 and _moved_by(problem, outcome) > _FLAT:
        now = f"now alpha={settings.alpha:g}"
        return f"The penalty may be too large. Lower alpha ({now})."
    losses = outcome.history["loss"]
    rate = settings.learning_rate_init
    if settings.is_stochastic:
        if _moved_by(problem, outcome) < _FLAT:
            return (
                "The weights have hardly changed, so the learning rate is too small. "
                f"Raise learning_rate_init (now {rate:g})."
            )
        if min(losses) < 0.9 * losses[-1] or losses[-1] > 1.5 * constant:
            return (
                "The loss went up and down, so the learning rate is too large. Lower "
                f"learning_rate_init (now {rate:g})."
            )
    stuck = _share_of_stuck_units(problem, outcome)
    if stuck > 0.5:
        return (
            f"{stuck:.0%} of the hidden units are stuck where their activation is "
            "flat. Try activation='leaky_relu', or init='auto' with scaled inputs."
        )
    if problem.model.network.activations:
        return (
            "Training is on a plateau, which is common with few units or with "
            "activation='logistic'. Try activation='tanh' or 'relu' with more units, "
            "or another random_state. Or y does not depend on X."
        )
    return "Perhaps y does not depend on X, or not linearly. Try hidden layers."


def _all_columns_are_constant(X):
    """Return whether all inputs of the network are constant."""
    if sparse.issparse(X):
        return X.nnz == 0
    if isinstance(X, ScaledRows):
        first = X[:1]
        return all((X[block] == first).all() for block in row_blocks(X))
    if not isinstance(X, np.ndarray):
        return False
    return bool((X[0] == X).all())


def _moved_by(problem, outcome):
    """Return how much the parameters have changed, relative to their size."""
    start = problem.model.theta.astype(np.float64)
    size = np.linalg.norm(start)
    return float(np.linalg.norm(outcome.theta - start) / (size if size > 0 else 1.0))


def _share_of_stuck_units(problem, outcome):
    """Return the share of hidden units that are flat for all examined rows."""
    network = problem.model.network
    if not network.activations:
        return 0.0
    X = problem.data.X[:_ROWS_TO_LOOK_AT]
    theta = outcome.theta.reshape(-1, network.n_parameters)[0]  # one member is enough
    workspace = Workspace(network, X.shape[0], theta.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        network.forward(theta, X, workspace, with_slopes=True)
    memories = workspace.buffers(X.shape[0]).memories[-network.n_layers : -1]
    largest = [np.abs(memory.slope).max(axis=0) for memory in memories]
    return float(np.mean(np.concatenate(largest) < _FLAT))
