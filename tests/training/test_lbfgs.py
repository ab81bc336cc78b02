"""L-BFGS finds the minimum, stops when told to, and keeps the dtype."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import ThreadpoolController, threadpool_limits

from skann.core.losses import make_loss
from skann.core.network import Network
from skann.core.objective import Objective
from skann.data.rows import TrainingData
from skann.training.lbfgs import BlockSums, minimize_lbfgs
from skann.training.minibatch import TrainingDivergedError

N_SAMPLES, N_INPUTS = 60, 4
RANDOM_STATE = np.random.RandomState(0)
X = RANDOM_STATE.randn(N_SAMPLES, N_INPUTS)
Y = X @ [1.0, -2.0, 0.5, 0.0] + 3 + 0.3 * RANDOM_STATE.randn(N_SAMPLES)
WEIGHT = RANDOM_STATE.uniform(0, 2, N_SAMPLES)


def never(theta, value, norm):
    return False


def make_problem(y=Y, loss=("squared_error", "identity"), hidden=(), dtype="float64"):
    network = Network((N_INPUTS, *hidden, 1), "tanh")
    data = TrainingData(
        X.astype(dtype),
        y.astype(dtype)[:, np.newaxis],
        WEIGHT.astype(dtype),
        float(WEIGHT.mean()),
    )
    theta = np.random.RandomState(1).uniform(-1, 1, network.n_parameters).astype(dtype)
    return Objective(network, make_loss(*loss), alpha=2.0), data, theta


def minimize(problem, on_iteration=never, **options):
    options = {"max_iter": 500, "max_fun": 5000, "tol": 1e-10, **options}
    objective, data, theta = problem
    sums = BlockSums(objective, data, theta)
    options["mean_weight"] = data.mean_weight
    return minimize_lbfgs(objective, sums, theta, on_iteration=on_iteration, **options)


def test_linear_network_with_squared_error_is_ridge_regression():
    result = minimize(make_problem())
    ridge = Ridge(alpha=2.0).fit(X, Y, WEIGHT)
    assert result.converged
    # The search ends when the loss falls by less than 2e-9 of itself, and the loss is
    # a parabola around the minimum: theta is good to about the root of that.
    assert_allclose(result.theta[:-1], ridge.coef_, atol=1e-5)
    assert_allclose(result.theta[-1], ridge.intercept_, atol=1e-5)
    residual = ridge.predict(X) - Y
    penalty = 2.0 * ridge.coef_ @ ridge.coef_
    expected = (WEIGHT @ residual**2 + penalty) / (2 * WEIGHT.sum())
    assert_allclose(result.loss, expected, rtol=1e-9)


def test_linear_network_with_log_loss_is_logistic_regression():
    labels = (Y > 3).astype(float)
    result = minimize(make_problem(labels, ("log_loss", "logistic")))
    logistic = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=1000)
    logistic.fit(X, labels, WEIGHT)
    assert_allclose(result.theta[:-1], logistic.coef_[0], atol=1e-4)
    assert_allclose(result.theta[-1], logistic.intercept_[0], atol=1e-4)


def test_iterations_are_reported_in_order():
    objective, data, theta = make_problem(hidden=(3,))
    start = theta.copy()
    seen = []
    result = minimize(
        (objective, data, theta),
        lambda point, value, norm: seen.append((point.copy(), value, norm)),
    )
    assert len(seen) == result.n_iterations > 5
    values = [value for _, value, _ in seen]
    assert values == sorted(values, reverse=True)
    assert_array_equal(seen[-1][0], result.theta)
    assert values[-1] == result.loss
    assert seen[-1][2] < 1e-3 < seen[0][2]
    assert_array_equal(theta, start)


def test_callback_stops_the_search():
    seen = []

    def third(theta, value, norm):
        seen.append(theta.copy())
        return len(seen) == 3

    result = minimize(make_problem(hidden=(3,)), third)
    assert len(seen) == result.n_iterations == 3
    assert result.converged
    assert_array_equal(result.theta, seen[-1])


@pytest.mark.parametrize("limit", [{"max_iter": 2}, {"max_fun": 4}])
def test_a_limit_is_not_convergence(limit):
    result = minimize(make_problem(hidden=(3,)), **limit)
    assert not result.converged
    assert "LIMIT" in result.message.upper()
    assert 1 <= result.n_iterations <= 4


def test_tolerance_ends_the_search_earlier():
    loose = minimize(make_problem(hidden=(3,)), tol=0.1)
    tight = minimize(make_problem(hidden=(3,)), tol=1e-8)
    assert loose.converged
    assert tight.converged
    assert loose.n_iterations < tight.n_iterations
    assert loose.loss > tight.loss


@pytest.mark.parametrize("hidden", [(), (3,)], ids=["linear", "hidden"])
def test_float32_stays_float32(hidden):
    dtypes = []
    result = minimize(
        make_problem(hidden=hidden, dtype="float32"),
        lambda theta, value, norm: dtypes.append(theta.dtype.name),
        tol=1e-4,
    )
    assert result.theta.dtype == np.float32
    assert set(dtypes) == {"float32"}
    assert result.converged
    wide = minimize(make_problem(hidden=hidden))
    assert_allclose(result.loss, wide.loss, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_an_objective_that_is_not_finite_is_refused(value):
    objective, data, theta = make_problem()
    data.target[0] = value
    with pytest.raises(TrainingDivergedError):
        minimize((objective, data, theta))


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_a_gradient_that_is_not_finite_is_refused():
    objective, data, theta = make_problem()
    theta[:] = 0
    data.target[0] = 1e120  # whose square is finite, but not its product with x
    data = replace(data, X=np.where(np.arange(N_SAMPLES)[:, np.newaxis], X, 1e200))
    evaluations = []
    with pytest.raises(TrainingDivergedError):
        minimize((objective, data, theta), lambda *args: evaluations.append(args))
    assert evaluations == []


def test_an_interrupt_comes_through():
    def interrupt(theta, value, norm):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimize(make_problem(), interrupt)


@pytest.mark.parametrize("n_rows", [1, 7, 59])
def test_blocks_of_rows_lead_to_the_same_minimum(n_rows, monkeypatch):
    problem = make_problem(hidden=(3,))
    whole = minimize(problem, max_iter=20)
    monkeypatch.setattr(Network, "rows_per_block", n_rows)
    cut = minimize(problem, max_iter=20)
    assert cut.n_iterations == whole.n_iterations
    assert_allclose(cut.loss, whole.loss, rtol=1e-9)
    assert_allclose(cut.theta, whole.theta, rtol=1e-5, atol=1e-7)


def blas_threads():
    """Return the number of threads of every BLAS that is loaded, by its file."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return {library.filepath: library.num_threads for library in libraries}


@pytest.mark.parametrize("fails", [False, True])
def test_the_blas_has_its_threads_back_afterwards(fails):
    seen = []

    def on_iteration(theta, value, norm):
        seen.append(blas_threads())
        if fails:
            raise RuntimeError("stop")
        return len(seen) == 2

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(RuntimeError) if fails else nullcontext():
            minimize(make_problem(hidden=(3,)), on_iteration)
        assert blas_threads() == before
    numpys = [path for path in before if "scipy.libs" not in Path(path).parts]
    for path in numpys:
        assert seen[0][path] == before[path]
    for path in before.keys() - set(numpys):
        assert seen[0][path] == 1
