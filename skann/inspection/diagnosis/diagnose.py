"""The table of all checks, and the function that runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skann.estimators.base import BaseBackprop
from skann.estimators.fitted import hint_for
from skann.inspection.diagnosis import (
    of_columns,
    of_network,
    of_predictions,
    of_targets,
    of_training,
)
from skann.inspection.diagnosis.evidence import Evidence
from skann.inspection.diagnosis.report import Diagnosis, Finding, in_order

# In the order in which they are reported, causes before effects: what is wrong with the
# data, then with the training, then with the result. A check knows the names of earlier
# findings. To add a check, write a function and add it to this table.
CHECKS: tuple[Callable[[Evidence], Iterable[Finding]], ...] = (
    of_targets.find_constant_target,
    of_columns.find_leak,
    of_columns.find_unscaled,
    of_targets.find_unscaled_target,
    of_columns.find_wild,
    of_targets.find_wild_target,
    of_targets.find_contradictions,
    of_training.find_large_rate,
    of_network.find_stuck,
    of_network.find_vanishing,
    of_training.find_small_rate,
    of_predictions.find_overfitting,
    of_training.find_few_epochs,
    of_predictions.find_underfitting,
    of_targets.find_imbalance,
    of_predictions.find_miscalibration,
    of_columns.find_new_gaps,
    of_columns.find_empty,
    of_columns.find_names_of_rows,
    of_columns.find_constant,
    of_columns.find_duplicated,
)


def diagnose(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    X_val: Any = None,
    y_val: ArrayLike | None = None,
) -> Diagnosis:
    """Find out what is wrong with a fit, and suggest remedies.

    Each finding has a name, the numbers that show it, and a remedy as code. X and y
    must be the data to which the estimator was fitted.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The inputs.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.

    X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
        Inputs that were not used for training, in which overfitting and miscalibration
        show. If None, the out-of-fold predictions of the members are used instead, if
        there are any.

    y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
        The targets of `X_val`.

    Returns
    -------
    diagnosis : Diagnosis
        The findings, causes before effects. `print` shows them, a notebook shows them
        as a table, and `plot` compares the skill of the network with that of simpler
        models.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.

    TypeError
        If `estimator` is not an estimator of skann.

    ValueError
        If the data do not match the estimator.

    See Also
    --------
    suggest_learning_rate : Find out how large the learning rate can be.
    LossCurveDisplay : Plot the course of training.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from skann import BackpropClassifier
    >>> from skann.inspection import diagnose
    >>> X, y = load_wine(return_X_y=True)
    >>> X = np.column_stack([X, y + 0.01])  # a leak of the target
    >>> classifier = BackpropClassifier((64,), random_state=0).fit(X, y)
    >>> diagnosis = diagnose(classifier, X, y)
    >>> diagnosis.names
    ['leak']
    >>> print(diagnosis[0].remedy)
    X = np.delete(X, [13], axis=1)
    """
    if not isinstance(estimator, BaseBackprop):
        hint = hint_for(
            estimator,
            search=" For a search, pass its best_estimator_.",
            pipeline=" For a pipeline, pass the last step and transformed data: "
            "diagnose(pipeline[-1], pipeline[:-1].transform(X), y).",
        )
        raise TypeError(
            "diagnose needs a fitted BackpropClassifier or BackpropRegressor. Got "
            f"{type(estimator).__name__}.{hint}"
        )
    check_is_fitted(estimator)
    if (X_val is None) != (y_val is None):
        missing = "y_val" if y_val is None else "X_val"
        raise ValueError(
            f"Pass both X_val and y_val, or neither of them: {missing} is missing."
        )
    evidence = Evidence(estimator, X, y, X_val, y_val)
    for check in CHECKS:
        evidence.findings += tuple(check(evidence))
    not_checked = []
    if evidence.unseen is None:
        what = "overfitting"
        if evidence.truth.is_classifier:
            what += " and miscalibration"
        not_checked.append(f"{what}. Pass unseen rows as X_val and y_val.")
    return Diagnosis(in_order(evidence.findings), evidence.skills, tuple(not_checked))
