"""All checks in a table, and the function that asks each of them."""

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
# data, then with the training, then with what came of it. A check sees by name what was
# found before it. A new one is a function and a row.
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
    """Say what is wrong with a fit, by name and number, and what would help.

    X and y are what the estimator was fitted to.

    Parameters
    ----------
    estimator : BackpropClassifier or BackpropRegressor
        A fitted estimator. It is not changed.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The inputs.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.

    X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
        Inputs that it was not fitted to. Overfitting and miscalibration show in rows
        that were not learned from; without these, in the predictions of members for
        rows that they have left out.

    y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
        Their targets.

    Returns
    -------
    diagnosis : Diagnosis
        The findings, causes before effects. `print` shows them, a notebook shows a
        table, and `plot` draws the network's skill beside that of simpler models.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.

    TypeError
        If it is no estimator of skann's.

    ValueError
        If the data do not fit the estimator.

    See Also
    --------
    suggest_learning_rate : The range test, which says how large the rate may be.
    LossCurveDisplay : The course of training.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from skann import BackpropClassifier
    >>> from skann.inspection import diagnose
    >>> X, y = load_wine(return_X_y=True)
    >>> X = np.column_stack([X, y + 0.01])  # which nobody knows when it matters
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
            search=" Of a search, pass its best_estimator_.",
            pipeline=" Of a pipeline, pass the last step and what it was fitted to: "
            "diagnose(pipeline[-1], pipeline[:-1].transform(X), y).",
        )
        raise TypeError(
            "diagnose takes a fitted BackpropClassifier or BackpropRegressor. Got "
            f"{type(estimator).__name__}.{hint}"
        )
    check_is_fitted(estimator)
    if (X_val is None) != (y_val is None):
        missing = "y_val" if y_val is None else "X_val"
        raise ValueError(f"X_val and y_val belong together: {missing} is missing.")
    evidence = Evidence(estimator, X, y, X_val, y_val)
    for check in CHECKS:
        evidence.findings += tuple(check(evidence))
    not_checked = []
    if evidence.unseen is None:
        what = "overfitting"
        if evidence.truth.is_classifier:
            what += " and miscalibration"
        not_checked.append(f"{what}, which show in unseen rows: pass X_val and y_val.")
    return Diagnosis(in_order(evidence.findings), evidence.skills, tuple(not_checked))
