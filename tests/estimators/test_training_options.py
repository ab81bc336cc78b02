"""Dropout, decay, clipping, schedules, solvers and activations of an estimator."""

import pickle
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skann import (
    BackpropClassifier,
    BackpropRegressor,
    HiddenActivation,
    Optimizer,
    Schedule,
    check_gradient,
)
from skann.core.activations import HIDDEN_ACTIVATIONS, LeakyRelu
from skann.training.optimizers import SGD, Adam
from skann.training.schedules import Cosine, Exponential, InverseScaling, OneCycle

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_random_state = np.random.RandomState(0)
X = _random_state.randn(90, 4)
NUMBERS = X[:, 0] - X[:, 1] ** 2
LABELS = np.digitize(NUMBERS, [-1.0, 0.5])
KINDS = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
TARGETS = {"classifier": LABELS, "regressor": NUMBERS}
BOTH = pytest.mark.parametrize("kind", KINDS)
STOCHASTIC = pytest.mark.parametrize("solver", ["sgd", "adam"])


def make(kind, **params):
    defaults = {
        "hidden_layer_sizes": (12, 8),
        "max_iter": 8,
        "batch_size": 20,
        "learning_rate_init": 0.01,
        "random_state": 0,
    }
    return KINDS[kind](**{**defaults, **params})


def fit(estimator, kind):
    return estimator.fit(X, TARGETS[kind])


def parameters(estimator):
    arrays = (*estimator.coefs_, *estimator.intercepts_)
    return np.concatenate([array.ravel() for array in arrays])


def weights(estimator):
    return np.concatenate([array.ravel() for array in estimator.coefs_])


# ---------------------------------------------------------------------------- dropout


@BOTH
@STOCHASTIC
def test_dropout_trains_another_network_and_leaves_other_draws_alone(kind, solver):
    plain = fit(make(kind, solver=solver), kind)
    dropped = fit(make(kind, solver=solver, dropout=0.4), kind)
    assert not np.allclose(parameters(plain), parameters(dropped))
    # The weights it starts from, and so the shuffles, are the same.
    tiny = {"learning_rate_init": 1e-12, "max_iter": 1}
    assert_allclose(
        parameters(fit(make(kind, solver=solver, **tiny), kind)),
        parameters(fit(make(kind, solver=solver, dropout=0.4, **tiny), kind)),
        atol=1e-9,
    )


@BOTH
def test_predictions_are_made_by_all_units(kind):
    estimator = fit(make(kind, dropout=0.5), kind)
    first = estimator.predict(X)
    for _ in range(3):
        assert_array_equal(estimator.predict(X), first)
    other = make(kind, max_iter=1, learning_rate_init=1e-12).fit(X, TARGETS[kind])
    other.coefs_ = estimator.coefs_
    other.intercepts_ = estimator.intercepts_
    assert_array_equal(other.predict(X), first)


@BOTH
def test_dropout_per_layer(kind):
    assert_array_equal(
        parameters(fit(make(kind, dropout=0.3), kind)),
        parameters(fit(make(kind, dropout=[0.3, 0.3]), kind)),
    )
    first_only = parameters(fit(make(kind, dropout=np.array([0.3, 0.0])), kind))
    assert not np.allclose(first_only, parameters(fit(make(kind, dropout=0.3), kind)))
    assert_array_equal(
        parameters(fit(make(kind, dropout=(0, 0)), kind)),
        parameters(fit(make(kind), kind)),
    )


@BOTH
@pytest.mark.parametrize("seed", [0, np.random.RandomState(3), None])
def test_dropout_is_as_reproducible_as_the_seed(kind, seed):
    first, second = (
        parameters(fit(make(kind, dropout=0.3, random_state=pickle.loads(s)), kind))
        for s in [pickle.dumps(seed)] * 2
    )
    assert np.array_equal(first, second) == (seed is not None)


@BOTH
@STOCHASTIC
@pytest.mark.parametrize("how", ["partial_fit", "warm fit", "pickled"])
def test_pieces_with_dropout_and_decay_are_the_whole_bit_for_bit(kind, solver, how):
    params = {
        "solver": solver, "dropout": 0.3, "weight_decay": 0.1, "max_grad_norm": 0.5,
        "learning_rate": "exponential", "tol": 0.0,
    }  # fmt: skip
    whole = fit(make(kind, **params), kind)
    pieces = make(kind, **params)
    pieces.set_params(warm_start=how == "warm fit", max_iter=1)
    for _ in range(8):
        if how == "warm fit":
            fit(pieces, kind)
        elif kind == "classifier":
            pieces.partial_fit(X, LABELS, classes=[0, 1, 2])
        else:
            pieces.partial_fit(X, NUMBERS)
        if how == "pickled":
            pieces = pickle.loads(pickle.dumps(pieces))
    assert_array_equal(parameters(pieces), parameters(whole))
    assert pieces.loss_curve_ == whole.loss_curve_


def test_dropout_helps_a_network_that_learns_by_heart():
    random_state = np.random.RandomState(1)
    data = random_state.randn(400, 20)
    target = data[:, 0] + random_state.randn(400)
    scores = [
        BackpropRegressor((100,), dropout=rate, max_iter=400, random_state=0)
        .fit(data[:200], target[:200])
        .score(data[200:], target[200:])
        for rate in (0.0, 0.5)
    ]
    assert scores[1] > scores[0] + 0.1


# ------------------------------------------------------------------ decay and clipping


@BOTH
@STOCHASTIC
@pytest.mark.parametrize("batch_size", [10, 90])
def test_weight_decay_shrinks_weights_whatever_the_batch_size(kind, solver, batch_size):
    # So large a clipping that the loss has no say.
    params = {
        "solver": solver, "weight_decay": 2.0, "max_grad_norm": 1e-200, "alpha": 0.0,
        "batch_size": batch_size, "max_iter": 3, "tol": 0.0, "momentum": 0.0,
        "epsilon": 1e100,
    }  # fmt: skip
    start = fit(make(kind, **{**params, "weight_decay": 0.0}), kind)
    decayed = fit(make(kind, **params), kind)
    n_steps = 3 * 90 // batch_size
    factor = (1 - 0.01 * 2.0) ** n_steps
    assert_allclose(weights(decayed), factor * weights(start), rtol=1e-10)
    for a, b in zip(decayed.intercepts_, start.intercepts_, strict=True):
        assert_allclose(a, b, rtol=1e-10)


def test_weight_decay_is_that_of_adamw():
    torch = pytest.importorskip("torch")
    estimator = BackpropRegressor(
        (), weight_decay=0.3, learning_rate_init=0.05, alpha=0.0, scaling=None,
        shuffle=False, batch_size=30, max_iter=5, tol=0.0, epsilon=1e-14,
    )  # fmt: skip
    estimator.fit(X, NUMBERS, coef_init=[np.ones((4, 1))], intercept_init=[[0.5]])
    coef = torch.ones((4, 1), dtype=torch.float64, requires_grad=True)
    intercept = torch.full((1,), 0.5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW(
        [{"params": [coef]}, {"params": [intercept], "weight_decay": 0.0}],
        lr=0.05,
        weight_decay=0.3,
        eps=1e-14,
    )
    data, target = torch.from_numpy(X), torch.from_numpy(NUMBERS)[:, None]
    for _ in range(5):
        for start in range(0, 90, 30):
            rows = slice(start, start + 30)
            optimizer.zero_grad()
            residual = data[rows] @ coef + intercept - target[rows]
            (residual**2).mean().mul(0.5).backward()
            optimizer.step()
    assert_allclose(estimator.coefs_[0], coef.detach().numpy(), rtol=1e-7)
    assert_allclose(estimator.intercepts_[0], intercept.detach().numpy(), rtol=1e-6)


@BOTH
def test_a_large_gradient_is_scaled_down_to_the_norm(kind):
    params = {
        "solver": "sgd", "momentum": 0.0, "batch_size": 90, "max_iter": 1, "alpha": 0.0,
    }  # fmt: skip
    start = parameters(fit(make(kind, **params, learning_rate_init=1e-300), kind))
    free = fit(make(kind, **params), kind)
    norm = free.history_["gradient_norm"][0]
    step = parameters(free) - start
    assert_allclose(np.linalg.norm(step), 0.01 * norm, rtol=1e-9)
    clipped = fit(make(kind, **params, max_grad_norm=norm / 4), kind)
    assert_allclose(parameters(clipped) - start, step / 4, rtol=1e-6, atol=1e-12)
    assert clipped.history_["gradient_norm"][0] == norm
    not_clipped = fit(make(kind, **params, max_grad_norm=norm * 2), kind)
    assert_array_equal(parameters(not_clipped), parameters(free))


@BOTH
@pytest.mark.parametrize(
    ("name", "value"),
    [("dropout", 0.1), ("dropout", [0, 0.1]), ("dropout", np.array([0, 0.1])),
     ("weight_decay", 0.1), ("max_grad_norm", 1.0)],
)  # fmt: skip
def test_lbfgs_refuses_what_works_step_by_step(kind, name, value):
    estimator = make(kind, solver="lbfgs", **{name: value})
    with pytest.raises(ValueError, match=rf"{name}=.*solver='lbfgs'"):
        fit(estimator, kind)


@BOTH
@pytest.mark.parametrize(
    "rates", [[0.1], [0.1, 0.2, 0.3], [0.1, 1.0], [0.1, -0.2], ["a", "b"], [None, 0]]
)
def test_dropout_that_does_not_match_the_layers_is_refused(kind, rates):
    with pytest.raises(ValueError, match=r"dropout.*hidden_layer_sizes=\(12, 8\)"):
        fit(make(kind, dropout=rates), kind)


# -------------------------------------------------------------------------- schedules


class Halved(Schedule):
    def rate(self, learning_rate_init, progress):
        return learning_rate_init * 0.5**progress.n_epochs


EPOCHS = np.arange(8)
RATES = {
    "constant": (0.01 + 0 * EPOCHS, {}),
    "invscaling": (0.01 / (90 * EPOCHS + 1) ** 0.5, {}),
    "exponential": (0.01 * 0.9**EPOCHS, {"decay": 0.9}),
    "exponential, default": (0.01 * 0.99**EPOCHS, {"learning_rate": "exponential"}),
    "inverse_time": (0.01 / np.cumprod(1 + 0.2 * EPOCHS), {"decay": 0.2}),
    "inverse_time, default": (
        0.01 / np.cumprod(1 + 0.01 * EPOCHS), {"learning_rate": "inverse_time"},
    ),
    "cosine": (0.01 * (1 + np.cos(np.pi * EPOCHS / 8)) / 2, {}),
    "one_cycle": ([0.01 * OneCycle(8).factor(epoch / 8) for epoch in EPOCHS], {}),
    "an object": (0.01 * 0.5**EPOCHS, {"learning_rate": Halved()}),
    "a named object": (0.01 * 0.8**EPOCHS, {"learning_rate": Exponential(0.8)}),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", SGD(), Adam()], ids=repr)
@pytest.mark.parametrize("name", RATES)
def test_the_rate_of_each_epoch_is_that_of_the_formula(name, kind, solver):
    expected, params = RATES[name]
    params = {"learning_rate": name, **params}
    if solver == "adam" and name == "invscaling":  # which it ignores by name
        params["learning_rate"] = InverseScaling(params.get("power_t", 0.5))
    estimator = fit(make(kind, solver=solver, tol=0.0, **params), kind)
    assert_allclose(estimator.history_["learning_rate"], expected, rtol=1e-12)


@BOTH
@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_a_fit_to_the_end_of_its_schedule_has_converged(kind, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(make(kind, learning_rate=name, tol=0.0), kind)


@BOTH
@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_each_warm_fit_runs_through_the_schedule_and_a_stream_through_one(kind, name):
    warm = make(kind, learning_rate=name, warm_start=True, tol=0.0)
    fit(fit(warm, kind), kind)
    rates = warm.history_["learning_rate"]
    assert rates[:8] == rates[8:]
    stream = make(kind, learning_rate=name)
    options = {"classes": [0, 1, 2]} if kind == "classifier" else {}
    for _ in range(8):
        stream.partial_fit(X, TARGETS[kind], **options)
    assert stream.history_["learning_rate"] == rates[:8]
    before = parameters(stream)
    with pytest.warns(ConvergenceWarning, match=rf"{name}.*reached its end.*max_iter"):
        stream.partial_fit(X, TARGETS[kind])
    assert_allclose(parameters(stream), before, rtol=1e-12)


@BOTH
def test_a_schedule_object_goes_on_through_warm_fits(kind):
    estimator = make(kind, learning_rate=Cosine(16), warm_start=True, tol=0.0)
    fit(fit(estimator, kind), kind)
    expected = 0.01 * (1 + np.cos(np.pi * np.arange(16) / 16)) / 2
    assert_allclose(estimator.history_["learning_rate"], expected)


# ---------------------------------------------------------------------------- solvers


class SignDescent(Optimizer):
    def initial_state(self, theta):
        return {"n_steps": 0}

    def step(self, theta, gradient, learning_rate, state):
        state["n_steps"] += 1
        theta -= learning_rate * (1 + state["n_steps"] % 3) * np.sign(gradient)


@BOTH
@pytest.mark.parametrize(
    ("name", "optimizer"),
    [("sgd", SGD(0.9, True)), ("adam", Adam()), ("adam", Adam(beta_2=0.9))],
)
def test_an_optimizer_object_does_what_its_name_does(kind, name, optimizer):
    estimator = fit(make(kind, solver=optimizer), kind)
    settings = {"beta_2": 0.9} if optimizer == Adam(beta_2=0.9) else {}
    expected = fit(make(kind, solver=name, **settings), kind)
    assert_array_equal(parameters(estimator), parameters(expected))
    assert hasattr(estimator, "partial_fit")


@BOTH
def test_an_optimizer_of_the_users_own(kind):
    # Its steps depend on their number, which it must keep from one fit to the next.
    estimator = make(kind, solver=SignDescent(), tol=0.0)
    whole = fit(clone(estimator), kind)
    warm = clone(estimator).set_params(max_iter=4, warm_start=True)
    warm = pickle.loads(pickle.dumps(fit(warm, kind)))
    assert_array_equal(parameters(fit(warm, kind)), parameters(whole))
    start = parameters(make(kind, learning_rate_init=1e-300).fit(X, TARGETS[kind]))
    steps = (parameters(whole) - start) / 0.01
    assert_allclose(steps, np.round(steps), atol=1e-9)


# ------------------------------------------------------------------------ activations


@dataclass(frozen=True)
class Sine(HiddenActivation):
    def apply(self, pre_activation, out):
        np.sin(pre_activation, out=out)

    def apply_with_slope(self, pre_activation, slope):
        np.cos(pre_activation, out=slope)
        np.sin(pre_activation, out=pre_activation)


ACTIVATIONS = [*HIDDEN_ACTIVATIONS, LeakyRelu(0.3), Sine(), ("gelu", "tanh"),
               [Sine(), "silu"]]  # fmt: skip


@pytest.mark.every(5)
@BOTH
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_activation_trains_predicts_and_has_a_right_gradient(
    kind, activation, dtype
):
    estimator = make(kind, activation=activation, max_iter=40, dtype=dtype)
    fit(estimator, kind)
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
    assert estimator.coefs_[0].dtype == dtype
    assert check_gradient(estimator, X[:15], TARGETS[kind][:15])
    again = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(again.predict(X), estimator.predict(X))
    # Predictions belong to the network that was trained.
    estimator.set_params(activation="logistic")
    assert_array_equal(again.predict(X), estimator.predict(X))


@BOTH
@pytest.mark.parametrize("activation", [Sine(), ("gelu", "tanh"), "selu"], ids=str)
def test_training_goes_on_with_the_same_activations_only(kind, activation):
    params = {"warm_start": True, "tol": 0.0}
    estimator = fit(make(kind, activation=activation, **params), kind)
    again = fit(pickle.loads(pickle.dumps(estimator)), kind)
    assert_array_equal(parameters(fit(estimator, kind)), parameters(again))
    with pytest.raises(ValueError, match="activation"):
        fit(estimator.set_params(activation=["relu", "gelu"]), kind)


@BOTH
@pytest.mark.parametrize("activation", [["relu"], ["relu"] * 3, ["relu", "steps"], []])
def test_activations_that_do_not_match_the_layers_are_refused(kind, activation):
    with pytest.raises(ValueError, match="activation"):
        fit(make(kind, activation=activation), kind)
