"""What an interrupt from the keyboard, or an error during training, leaves behind."""

import warnings
from copy import deepcopy

import joblib
import numpy as np
import pytest
from bad_calls import (
    BOTH,
    IGNORE,
    IN_EVERY_SITUATION,
    NUMBERS,
    TARGETS,
    X,
    fails,
    interrupt_call,
    make,
    make_fitted,
    situate,
)
from interrupting import Interrupt
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

import skann.estimators.problem as problem_module
from skann.core.objective import Objective
from skann.training.minibatch import MinibatchDescent

pytestmark = pytest.mark.filterwarnings(IGNORE)


def fit_interrupted(estimator, kind, match):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.warns(UserWarning, match=match) as caught:
            estimator.fit(X, TARGETS[kind])
    assert len(caught) == 1
    return estimator


def assert_same_parameters(estimator, other):
    for name in ("coefs_", "intercepts_"):
        for mine, theirs in zip(
            getattr(estimator, name), getattr(other, name), strict=True
        ):
            assert_array_equal(mine, theirs)


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("how", ["callback", "next epoch"])
def test_an_interrupt_keeps_the_last_parameters(kind, solver, how, monkeypatch):
    params = {"solver": solver, "batch_size": 5, "tol": 0.0}
    expected = make(kind, **params, max_iter=3).fit(X, TARGETS[kind])
    estimator = make(kind, **params, max_iter=20)
    if how == "callback":
        estimator.set_callbacks(Interrupt(3))
    elif solver == "lbfgs":
        # The line search of the fourth iteration.
        calls = count_calls(monkeypatch, expected, kind)
        interrupt_call(monkeypatch, Objective, "sums", calls + 1)
    else:
        interrupt_call(monkeypatch, MinibatchDescent, "run_epoch", 4)
    fit_interrupted(estimator, kind, r"after 3 complete epoch.*last parameters")
    assert_same_parameters(estimator, expected)
    assert estimator.n_iter_ == 3
    assert estimator.loss_curve_ == expected.loss_curve_
    assert estimator.loss_ == expected.loss_
    assert_array_equal(estimator.predict(X), expected.predict(X))


def count_calls(monkeypatch, estimator, kind):
    """Return how often a fit evaluates its objective."""
    count = 0
    original = Objective.sums

    def counted(*args):
        nonlocal count
        count += 1
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Objective, "sums", counted)
        deepcopy(estimator).fit(X, TARGETS[kind])
    return count


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_an_interrupt_keeps_the_best_parameters_of_early_stopping(
    kind, solver, monkeypatch
):
    params = {
        "solver": solver,
        "early_stopping": True,
        "validation_fraction": 0.34,
        "learning_rate_init": 0.2,
        "n_iter_no_change": np.inf,
        "batch_size": 4,
        "random_state": 2,
    }
    whole = make(kind, **params, max_iter=30).fit(X, TARGETS[kind])
    best_epoch = 1 + int(np.argmax(whole.validation_scores_[:20]))
    assert best_epoch < 20
    interrupt_call(monkeypatch, MinibatchDescent, "run_epoch", 21)
    estimator = make(kind, **params, max_iter=30)
    fit_interrupted(estimator, kind, r"after 20 complete epoch.*best parameters")
    monkeypatch.undo()
    assert estimator.n_iter_ == 20
    assert estimator.validation_scores_ == whole.validation_scores_[:20]
    expected = make(kind, **params, max_iter=best_epoch).fit(X, TARGETS[kind])
    assert_same_parameters(estimator, expected)


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_an_interrupt_in_the_middle_of_an_epoch_keeps_its_steps(
    kind, solver, monkeypatch
):
    # Three batches an epoch: the interrupt falls between the second and third step
    # of the second epoch.
    params = {"solver": solver, "batch_size": 4, "tol": 0.0, "max_iter": 5}
    seen = []
    original = Objective.sums

    def interrupted(self, theta, *args):
        seen.append(theta.copy())
        if len(seen) == 6:
            raise KeyboardInterrupt
        return original(self, theta, *args)

    monkeypatch.setattr(Objective, "sums", interrupted)
    estimator = make(kind, **params)
    fit_interrupted(estimator, kind, r"after 1 complete epoch.*last parameters")
    monkeypatch.undo()
    assert estimator.n_iter_ == 1
    assert len(estimator.loss_curve_) == 1
    parameters = [np.ravel(a) for a in (*estimator.coefs_, *estimator.intercepts_)]
    assert_array_equal(np.concatenate(parameters), seen[-1])


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_an_interrupt_before_the_first_epoch_leaves_a_network_that_predicts(
    kind, solver, monkeypatch
):
    interrupt_call(monkeypatch, Objective, "sums", 1)
    estimator = fit_interrupted(
        make(kind, solver=solver), kind, r"after 0 complete epoch"
    )
    assert estimator.n_iter_ == 0
    assert estimator.loss_curve_ == []
    assert np.isfinite(estimator.predict(X)).all()


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_training_goes_on_after_an_interrupt_as_if_nothing_had_happened(kind, solver):
    params = {"solver": solver, "batch_size": 5, "tol": 0.0, "warm_start": True}
    whole = make(kind, **params, max_iter=5).fit(X, TARGETS[kind])
    estimator = make(kind, **params, max_iter=9)
    estimator.set_callbacks(Interrupt(3))
    fit_interrupted(estimator, kind, "after 3 complete epoch")
    estimator.set_callbacks()
    estimator.set_params(max_iter=2).fit(X, TARGETS[kind])
    assert_same_parameters(estimator, whole)
    assert estimator.loss_curve_ == whole.loss_curve_


@BOTH
def test_partial_fit_can_be_interrupted(kind, monkeypatch):
    estimator = make_fitted(kind)
    before = [coefs.copy() for coefs in estimator.coefs_]
    interrupt_call(monkeypatch, MinibatchDescent, "run_epoch", 1)
    with pytest.warns(UserWarning, match=r"after 2 complete epoch.*last parameters"):
        estimator.partial_fit(X, TARGETS[kind])
    for mine, theirs in zip(estimator.coefs_, before, strict=True):
        assert_array_equal(mine, theirs)


@BOTH
@pytest.mark.parametrize("fitted", [False, True])
def test_an_interrupt_outside_training_changes_nothing(kind, fitted, monkeypatch):
    estimator = make_fitted(kind) if fitted else make(kind)
    interrupt_call(monkeypatch, problem_module, "column_statistics", 1)
    with fails(estimator, KeyboardInterrupt, []):
        estimator.fit(X, TARGETS[kind])


@IN_EVERY_SITUATION
@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_any_error_in_the_middle_of_an_epoch_changes_nothing(
    kind, situation, solver, monkeypatch
):
    original = Objective.sums
    count = 0

    def fail_at_the_third_batch(*args):
        nonlocal count
        count += 1
        if count == 3:
            raise MemoryError("no more memory")
        return original(*args)

    estimator, call = situate(situation, kind, solver=solver, batch_size=4)
    monkeypatch.setattr(Objective, "sums", fail_at_the_third_batch)
    with fails(estimator, MemoryError, "no more memory"):
        call(X, TARGETS[kind])


def test_a_callback_that_fails_changes_nothing():
    class Broken(Interrupt):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("a broken callback")

    estimator = make_fitted("regressor")
    estimator.set_callbacks(Broken(1))
    before = state_hashes(estimator)
    with pytest.raises(RuntimeError, match="a broken callback"):
        estimator.fit(X, NUMBERS)
    assert state_hashes(estimator) == before


def state_hashes(estimator):
    """Return a hash of each thing that the estimator keeps, but for its callbacks."""
    state = estimator.__getstate__()
    return {k: joblib.hash(v) for k, v in state.items() if k != "_skl_callbacks"}


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_a_fit_interrupted_before_its_first_epoch_can_go_on(kind, solver, monkeypatch):
    estimator = make(kind, solver=solver, warm_start=True)
    with monkeypatch.context() as patch:
        interrupt_call(patch, Objective, "sums", 1)
        fit_interrupted(estimator, kind, "after 0 complete epoch")
    assert estimator.n_iter_ == 0
    assert estimator.loss_curve_ == []
    estimator.fit(X, TARGETS[kind])
    assert len(estimator.loss_curve_) == estimator.n_iter_ > 0
