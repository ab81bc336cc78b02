"""A fit to collections has the numbers of a fit to arrays."""

import dask.array as da
import numpy as np
import pytest
from dask_cases import (
    BINARY,
    COUNTS,
    FEW,
    INDICATORS,
    LABELS,
    N_SAMPLES,
    NUMBERS,
    STEPS,
    WEIGHT,
    X,
    assert_same,
)
from numpy.testing import assert_allclose, assert_array_equal

from skann import BackpropClassifier, BackpropRegressor, SquaredError
from skann.dask import DaskBackpropClassifier, DaskBackpropRegressor
from skann.dask.cluster import Cluster
from skann.dask.preparing import prepare_elsewhere
from skann.dask.rows import SumsElsewhere
from skann.estimators.inputs import Request
from skann.training.call import Call
from skann.training.lbfgs import BlockSums

PLAIN = {
    DaskBackpropClassifier: BackpropClassifier,
    DaskBackpropRegressor: BackpropRegressor,
}


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def chunked(array, size=130):
    return da.from_array(array, chunks=(size, *array.shape[1:]))


def fit_both(kind, params, y, *, weighted=False, elsewhere=None):
    """Return a fit to collections, and one to arrays."""
    weight = WEIGHT if weighted else None
    theirs = PLAIN[kind](**params).fit(X, y, weight)
    ours = kind(**params, **(elsewhere or {})).fit(
        chunked(X), chunked(y), None if weight is None else chunked(weight)
    )
    return ours, theirs


@pytest.mark.parametrize(
    ("kind", "y", "params", "weighted"),
    [
        (DaskBackpropClassifier, LABELS, {"class_weight": "balanced"}, True),
        (DaskBackpropClassifier, BINARY, {"label_smoothing": 0.1}, False),
        (DaskBackpropClassifier, INDICATORS, {"label_smoothing": 0.1}, True),
        (DaskBackpropRegressor, NUMBERS, {}, True),
        (DaskBackpropRegressor, COUNTS, {"loss": "poisson"}, False),
        (DaskBackpropRegressor, NUMBERS, {"scaling": "minmax"}, False),
        (DaskBackpropRegressor, NUMBERS / 100, {"loss": SquaredError()}, False),
    ],
)
def test_lbfgs_goes_the_way_that_it_goes_in_memory(client, kind, y, params, weighted):
    ours, theirs = fit_both(kind, {**FEW, **params}, y, weighted=weighted)
    assert_same(ours, theirs, atol=1e-9)


def test_lbfgs_ends_where_it_does_in_memory(client):
    params = {**FEW, "hidden_layer_sizes": (), "alpha": 30.0, "max_iter": 200}
    ours, theirs = fit_both(DaskBackpropClassifier, params, BINARY)
    assert_same(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("params", [{}, {"class_weight": {"a": 3}}])
def test_the_gradient_is_that_in_memory(client, params):
    estimator = BackpropClassifier(**FEW, **params)
    whole = Request(X, LABELS, WEIGHT)
    problem, _ = estimator._problem_and_loop(whole, Call.FIT, None)
    request = Request(chunked(X), chunked(LABELS, 33), chunked(WEIGHT, 240))
    ours, blocks = prepare_elsewhere(
        Cluster(client), estimator, request, Call.FIT, None, True
    )
    assert_array_equal(ours.model.theta, problem.model.theta)
    theta = problem.model.theta
    sums = []
    for all_rows in (
        BlockSums(problem.objective, problem.data, theta),
        SumsElsewhere(blocks),
    ):
        parts = [(value, gradient.copy()) for value, gradient in all_rows(theta, 0.01)]
        values, gradients = zip(*parts, strict=True)
        sums.append((sum(values), np.sum(gradients, axis=0)))
    assert_allclose(sums[0][0], sums[1][0], rtol=1e-12)
    scale = np.abs(sums[0][1]).max()
    assert_allclose(sums[0][1], sums[1][1], rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize(
    "n_epochs", [5, pytest.param(75, marks=pytest.mark.exhaustive)]
)
def test_minibatches_go_the_way_that_they_go_in_memory(client, n_epochs):
    params = {**STEPS, "max_iter": n_epochs}  # of four steps
    ours, theirs = fit_both(DaskBackpropRegressor, params, NUMBERS, weighted=True)
    assert_same(ours, theirs, atol=1e-12)


def test_dropout_is_drawn_by_the_seed_alone(client):
    params = {**STEPS, "max_iter": 2, "dropout": 0.5}
    fits = [
        DaskBackpropRegressor(**params).fit(chunked(X), chunked(NUMBERS))
        for _ in range(2)
    ]
    assert_array_equal(*[fit.coefs_[0] for fit in fits])
    without = DaskBackpropRegressor(**{**params, "dropout": 0.0})
    assert (
        without.fit(chunked(X), chunked(NUMBERS)).coefs_[0] != fits[0].coefs_[0]
    ).any()


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_one_worker_and_two_have_the_same_digits(client, solver):
    params = {**(FEW if solver == "lbfgs" else STEPS), "max_iter": 3}
    addresses = list(client.scheduler_info()["workers"])
    fits = []
    for workers in (addresses[:1], addresses):
        data = client.persist(
            [chunked(X), chunked(NUMBERS)], workers=workers, allow_other_workers=False
        )
        fits.append(DaskBackpropRegressor(**params).fit(*data))
    assert_array_equal(*[fit.coefs_[0] for fit in fits])
    assert fits[0].loss_curve_ == fits[1].loss_curve_


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 8, "max_iter": 3, "hidden_layer_sizes": (32,)},
        {"n_members": 5, "max_iter": 2, "scaling": "robust", "shuffle": False,
         "dropout": 0.2, "learning_rate": "constant"},
        {"max_iter": 3, "early_stopping": True, "scoring": "neg_log_loss"},
    ],
)  # fmt: skip
def test_members_are_those_in_memory_bit_for_bit(client, params):
    ours, theirs = fit_both(
        DaskBackpropClassifier,
        {"random_state": 0, **params},
        LABELS,
        weighted=True,
        elsewhere={"distribute": "members"},
    )
    for one, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert_array_equal(one, other)
    assert ours.recipe_reason_ == theirs.recipe_reason_
    assert ours.auto_params_ == theirs.auto_params_
    assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    assert getattr(ours, "oof_score_", None) == getattr(theirs, "oof_score_", None)
    assert ours.validation_scores_ == theirs.validation_scores_


@pytest.mark.parametrize("random_state", [3, np.random.RandomState(3), None])
def test_a_generator_goes_on_as_in_memory(client, random_state):
    params = {"n_members": 4, "max_iter": 1, "random_state": random_state}
    if isinstance(random_state, np.random.RandomState):
        twin = np.random.RandomState(3)
        theirs = BackpropRegressor(**{**params, "random_state": twin}).fit(X, NUMBERS)
    ours = DaskBackpropRegressor(**params, distribute="members")
    ours.fit(chunked(X), chunked(NUMBERS))
    assert ours.random_state is random_state
    if isinstance(random_state, np.random.RandomState):
        assert_array_equal(ours.coefs_[0], theirs.coefs_[0])
        assert random_state.randint(1000) == twin.randint(1000)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize(("own_data", "scoring"), [(False, None), (True, "loss")])
def test_early_stopping_scores_as_in_memory(client, solver, own_data, scoring):
    params = {
        **(FEW if solver == "lbfgs" else STEPS),
        "max_iter": 3,
        "early_stopping": True,
        "n_iter_no_change": 3,
        "scoring": scoring,
    }
    ours, theirs = DaskBackpropClassifier(**params), BackpropClassifier(**params)
    given = {"X_val": X[200:], "y_val": LABELS[200:]} if own_data else {}
    there = {name: chunked(array, 25) for name, array in given.items()}
    theirs.fit(X[:200], LABELS[:200], **given)
    ours.fit(chunked(X[:200]), chunked(LABELS[:200]), **there)
    assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_


def test_the_recipe_has_a_single_network_without_ranks(client):
    ours = DaskBackpropClassifier(max_iter=2, random_state=0)
    ours.fit(chunked(X), chunked(LABELS))
    named = {"n_members": 1, "scaling": "standard", "batch_size": 200}
    theirs = BackpropClassifier(max_iter=2, random_state=0, **named).fit(X, LABELS)
    assert ours.auto_params_.items() >= {"n_members": 1, "scaling": "standard"}.items()
    assert ours.recipe_ == theirs.recipe_ == "table"
    assert {**ours.auto_params_, **named} == {**theirs.auto_params_, **named}


def test_a_warm_fit_goes_on_as_in_memory(client):
    params = {**STEPS, "max_iter": 2, "warm_start": True}
    ours, theirs = DaskBackpropRegressor(**params), BackpropRegressor(**params)
    for part in (slice(0, 140), slice(100, 240)):
        ours.fit(chunked(X[part]), chunked(NUMBERS[part]))
        theirs.fit(X[part], NUMBERS[part])
    assert_same(ours, theirs, atol=1e-12)


def test_sparse_rows(client):
    from scipy import sparse

    X_sparse = sparse.csr_matrix(np.where(np.abs(X) > 1, X, 0))
    theirs = BackpropRegressor(**FEW).fit(X_sparse, NUMBERS)
    parts = [
        da.from_delayed(_rows(X_sparse, start), (80, 4), dtype=float)
        for start in range(0, N_SAMPLES, 80)
    ]
    ours = DaskBackpropRegressor(**FEW).fit(da.concatenate(parts), chunked(NUMBERS))
    assert_same(ours, theirs, atol=1e-9)


def _rows(matrix, start):
    import dask

    return dask.delayed(matrix[start : start + 80])
