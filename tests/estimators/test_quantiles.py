"""Quantiles, one or several at once: their optima, their order, and their score."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference_data import LEVELS, N_SAMPLES, WEIGHT, X, Y, both_weights, line, linear
from sklearn.linear_model import (
    QuantileRegressor,
)
from sklearn.metrics import d2_pinball_score, get_scorer, mean_pinball_loss

from skann import BackpropRegressor

# What leads to the optimum. L-BFGS may give up at a kink, some 0.1 % above it.
TO_THE_END = {
    solver: {
        "solver": solver, "learning_rate": "cosine", "learning_rate_init": 0.05,
        "max_iter": 300, "tol": 0.0, "n_iter_no_change": np.inf,
    }
    for solver in ("sgd", "adam")
}  # fmt: skip


@functools.cache
def smallest_pinball_loss(level, weighted):
    weight = WEIGHT if weighted else None
    best = QuantileRegressor(quantile=level, alpha=0, solver="highs")
    predicted = best.fit(X, Y["numbers"], sample_weight=weight).predict(X)
    return mean_pinball_loss(Y["numbers"], predicted, sample_weight=weight, alpha=level)


def excess_pinball_loss(predicted, level, weight):
    """Return by which share the loss of predictions is above that of the optimum."""
    loss = mean_pinball_loss(Y["numbers"], predicted, sample_weight=weight, alpha=level)
    return loss / smallest_pinball_loss(level, weight is not None) - 1


@both_weights
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize(
    ("loss", "level"),
    [*(("quantile", level) for level in LEVELS), ("absolute_error", 0.5)],
)
@pytest.mark.parametrize("params", TO_THE_END.values(), ids=TO_THE_END)
def test_quantiles_end_at_the_optimum(params, loss, level, scaling, weight):
    if scaling is None:  # the steps have to suit the target
        params = {**params, "learning_rate_init": 0.5}
    ours = linear(
        BackpropRegressor, **params, loss=loss, quantile=level, scaling=scaling
    ).fit(X, Y["numbers"], sample_weight=weight)
    excess = excess_pinball_loss(ours.predict(X), level, weight)
    print(f"{loss} {level}, {params['solver']}: {excess:.1e} above the optimum")
    assert -1e-9 <= excess <= 1e-3


@both_weights
@pytest.mark.parametrize("params", TO_THE_END.values(), ids=TO_THE_END)
def test_several_quantiles_at_once_end_at_their_optima(params, weight):
    ours = linear(
        BackpropRegressor, **params,
        loss="quantile", quantile=LEVELS, scaling="standard",
    ).fit(X, Y["numbers"], sample_weight=weight)  # fmt: skip
    predicted = ours.predict(X)
    assert predicted.shape == (N_SAMPLES, len(LEVELS))
    for level, column in zip(LEVELS, predicted.T, strict=True):
        excess = excess_pinball_loss(column, level, weight)
        print(f"quantile {level} of several, {params['solver']}: {excess:.1e}")
        assert excess <= 1e-3  # the others' order may have made it better


MANY_LEVELS = np.linspace(0.05, 0.95, 10)


def fit_quantiles(**params):
    few = slice(0, 25)
    options = {"loss": "quantile", "quantile": MANY_LEVELS, "scaling": "standard"}
    estimator = linear(BackpropRegressor, **{**options, "tol": 1e-6, **params})
    return estimator.fit(X[few], Y["numbers"][few])


@pytest.mark.parametrize("container", [np.asarray, list, tuple])
def test_quantiles_that_cross_are_put_in_order(container):
    estimator = fit_quantiles(quantile=container(MANY_LEVELS))
    parameters = line(estimator)
    outputs = X @ parameters[:-1] + parameters[-1]
    assert (np.diff(outputs, axis=1) < 0).any()
    predicted = estimator.predict(X)
    assert (np.diff(predicted, axis=1) >= 0).all()
    assert_allclose(predicted, np.sort(outputs, axis=1), rtol=1e-10)


def test_order_does_not_raise_the_loss():
    estimator = fit_quantiles()
    parameters, few = line(estimator), slice(0, 25)
    outputs = X[few] @ parameters[:-1] + parameters[-1]
    losses = [
        sum(
            mean_pinball_loss(Y["numbers"][few], column, alpha=level)
            for level, column in zip(MANY_LEVELS, columns.T, strict=True)
        )
        for columns in (estimator.predict(X[few]), outputs)
    ]
    assert losses[0] <= losses[1]


@both_weights
@pytest.mark.parametrize("levels", [LEVELS, [0.3], 0.3], ids=str)
def test_the_score_of_quantiles(levels, weight):
    estimator = fit_quantiles(quantile=levels)
    if isinstance(levels, float):
        expected = get_scorer("r2")(estimator, X, Y["numbers"], sample_weight=weight)
    else:
        columns = estimator.predict(X).T
        expected = np.mean(
            [
                d2_pinball_score(
                    Y["numbers"], column, sample_weight=weight, alpha=level
                )
                for level, column in zip(levels, columns, strict=True)
            ]
        )
    assert estimator.score(X, Y["numbers"], weight) == pytest.approx(expected)


def test_one_quantile_of_several_targets():
    estimator = linear(
        BackpropRegressor, loss="quantile", quantile=0.9, scaling="standard"
    ).fit(X, Y["two columns"])
    for column, y in zip(estimator.predict(X).T, Y["two columns"].T, strict=True):
        peer = QuantileRegressor(quantile=0.9, alpha=0).fit(X, y)
        best = mean_pinball_loss(y, peer.predict(X), alpha=0.9)
        assert mean_pinball_loss(y, column, alpha=0.9) <= best * 1.001


@pytest.mark.parametrize(
    "quantile",
    [
        0, 1, -0.1, 1.5, np.nan, "0.5", None,
        [], [0.5, 0.1], [0.5, 0.5], [0.0, 0.5], [0.5, 1.0], [-0.1, 0.5], [0.5, np.nan],
        [[0.1, 0.5]], ["0.1", "0.5"], np.array(0.5), {0.1, 0.5},
    ],
    ids=repr,
)  # fmt: skip
def test_quantiles_that_are_none_are_refused_by_name(quantile):
    estimator = BackpropRegressor(loss="quantile", quantile=quantile)
    with pytest.raises(ValueError, match="quantile"):
        estimator.fit(X, Y["numbers"])


def test_several_quantiles_of_several_targets_are_refused():
    estimator = BackpropRegressor(loss="quantile", quantile=LEVELS)
    with pytest.raises(ValueError, match=r"quantile.*single target"):
        estimator.fit(X, Y["two columns"])
