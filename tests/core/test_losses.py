"""Each loss joined with each output activation: value, gradient, weights, limits."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import huber
from sklearn import metrics

from skann.core.losses import (
    LOSSES,
    AbsoluteError,
    Huber,
    Quantile,
    SquaredError,
    make_loss,
)

PAIRS = list(LOSSES)
PAIR_IDS = ["-".join(pair) for pair in PAIRS]
all_pairs = pytest.mark.parametrize("pair", PAIRS, ids=PAIR_IDS)

N_SAMPLES = 6
WEIGHT = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.25])


def softmax(z):
    exponentials = np.exp(z)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


# Analytic functions, so that they can be evaluated at complex numbers.
OUTPUTS = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "exp": np.exp,
    "softmax": softmax,
}


def reference(pair, target, raw):
    """Return the loss of each sample, straight from the formula."""
    loss, output_activation = pair
    p = OUTPUTS[output_activation](raw)
    r = p - target
    too_large = r.real > 0
    if loss == "squared_error":
        losses = r**2 / 2
    elif loss == "absolute_error":
        losses = np.where(too_large, r, -r)
    elif loss == "huber":
        losses = np.where(np.abs(r) <= 1, r**2 / 2, np.where(too_large, r, -r) - 0.5)
    elif loss == "quantile":
        losses = np.where(too_large, 0.5 * r, -0.5 * r)
    elif loss == "gamma":
        losses = np.log(p / target) + target / p - 1
    elif loss == "poisson":
        logs = np.log(np.where(target > 0, target, 1))
        losses = target * (logs - raw) - target + p
    elif output_activation == "softmax":
        losses = -target * np.log(p)
    else:
        losses = -target * np.log(p) - (1 - target) * np.log(1 - p)
    return losses.sum(axis=1)


def reference_delta(pair, target, raw):
    """Return the derivative with respect to raw by complex steps, to full precision."""
    delta = np.empty_like(raw)
    for k in range(raw.shape[1]):
        moved = raw.astype(complex)
        moved[:, k] += 1e-30j
        delta[:, k] = reference(pair, target, moved).imag / 1e-30
    return delta


def make_problem(pair, n_outputs, dtype="float64"):
    """Return raw outputs of both signs and targets that suit the loss."""
    random_state = np.random.RandomState(7)
    raw = random_state.uniform(-3, 3, (N_SAMPLES, n_outputs))
    if pair[1] == "softmax":
        target = np.eye(n_outputs)[np.arange(N_SAMPLES) % n_outputs]
    elif pair[0] == "log_loss":
        target = random_state.randint(2, size=raw.shape)
    elif pair[0] == "poisson":
        target = random_state.poisson(2.0, raw.shape)
        target[0] = 0
    elif pair[0] == "gamma":
        target = random_state.gamma(2.0, size=raw.shape)
    else:
        target = random_state.uniform(0, 1, raw.shape)
    return target.astype(dtype), raw.astype(dtype)


def evaluate(pair, target, raw, sample_weight=None):
    """Return value and delta; raw is kept."""
    delta = np.full_like(raw, np.nan)
    value = make_loss(*pair).value_and_delta(target, raw.copy(), sample_weight, delta)
    return value, delta


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("n_outputs", [1, 3])
@all_pairs
def test_value_and_delta_equal_the_formula(pair, n_outputs, weighted):
    target, raw = make_problem(pair, n_outputs)
    weight = WEIGHT if weighted else np.ones(N_SAMPLES)
    value, delta = evaluate(pair, target, raw, WEIGHT if weighted else None)
    assert isinstance(value, float)
    # A softmax over one output is the constant 1: its loss may be exactly zero.
    expected = weight @ reference(pair, target, raw)
    assert_allclose(value, expected, rtol=1e-13, atol=1e-15)
    expected = weight[:, np.newaxis] * reference_delta(pair, target, raw)
    assert_allclose(delta, expected, rtol=1e-13, atol=1e-15)


# What scikit-learn calls the same quantity, per sample and as a mean over weights.
METRICS = {
    ("squared_error", "identity"): lambda y, z, w: (
        metrics.mean_squared_error(y, z, sample_weight=w) / 2
    ),
    ("log_loss", "logistic"): lambda y, z, w: metrics.log_loss(
        y, OUTPUTS["logistic"](z), sample_weight=w
    ),
    ("log_loss", "softmax"): lambda y, z, w: metrics.log_loss(
        y.argmax(axis=1), softmax(z), sample_weight=w
    ),
    ("poisson", "exp"): lambda y, z, w: (
        metrics.mean_poisson_deviance(y, np.exp(z), sample_weight=w) / 2
    ),
    ("gamma", "exp"): lambda y, z, w: (
        metrics.mean_gamma_deviance(y, np.exp(z), sample_weight=w) / 2
    ),
    ("absolute_error", "identity"): lambda y, z, w: metrics.mean_absolute_error(
        y, z, sample_weight=w
    ),
    ("quantile", "identity"): lambda y, z, w: metrics.mean_pinball_loss(
        y, z, sample_weight=w
    ),
    ("huber", "identity"): lambda y, z, w: np.average(huber(1, z - y)[:, 0], weights=w),
}


@pytest.mark.parametrize("pair", list(METRICS), ids="-".join)
def test_mean_equals_the_metric_of_scikit_learn(pair):
    target, raw = make_problem(pair, 3 if pair[1] == "softmax" else 1)
    value, _ = evaluate(pair, target, raw, WEIGHT)
    expected = METRICS[pair](target, raw, WEIGHT)
    assert_allclose(value / WEIGHT.sum(), expected, rtol=1e-13)


@pytest.mark.parametrize("n_outputs", [1, 3])
@all_pairs
def test_a_weight_of_two_is_two_samples(pair, n_outputs):
    target, raw = make_problem(pair, n_outputs)
    repeats = np.array([1, 2, 0, 3, 1, 2])
    value, delta = evaluate(pair, target, raw, repeats.astype(float))
    rows = np.repeat(np.arange(N_SAMPLES), repeats)
    repeated_value, repeated_delta = evaluate(pair, target[rows], raw[rows])
    assert_allclose(value, repeated_value, rtol=1e-14, atol=1e-15)
    summed = np.zeros_like(delta)
    np.add.at(summed, rows, repeated_delta)
    assert_allclose(delta, summed, rtol=1e-14, atol=1e-15)


@all_pairs
def test_a_weight_of_zero_contributes_nothing(pair):
    target, raw = make_problem(pair, 3)
    value, delta = evaluate(pair, target, raw, WEIGHT)
    absent = WEIGHT == 0
    assert_array_equal(delta[absent], 0)
    raw[absent] -= 50
    changed_value, changed_delta = evaluate(pair, target, raw, WEIGHT)
    assert changed_value == value
    assert_array_equal(changed_delta, delta)
    assert evaluate(pair, target, raw, np.zeros(N_SAMPLES))[0] == 0


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@all_pairs
def test_float32_stays_float32(pair, weighted):
    target, raw = make_problem(pair, 3, "float32")
    weight = WEIGHT.astype("float32") if weighted else None
    value, delta = evaluate(pair, target, raw, weight)
    assert delta.dtype == np.float32
    expected_value, expected_delta = evaluate(
        pair, target.astype(float), raw.astype(float), WEIGHT if weighted else None
    )
    assert_allclose(value, expected_value, rtol=1e-6)
    scale = np.abs(expected_delta).max()
    assert_allclose(delta, expected_delta, rtol=1e-6, atol=1e-6 * scale)


# Raw outputs of -1000 and 1000 with two targets each: the losses that they must give.
# exp(1000) is beyond any float, so the exponential output is tried at -1000 alone.
FAR = np.array([[-1000.0, 1000.0]])
LIMITS = {
    ("squared_error", "identity"): [
        ([0, 0], 1e6, [-1000, 1000]),
        ([1, 1], (1001**2 + 999**2) / 2, [-1001, 999]),
    ],
    ("squared_error", "logistic"): [([0, 1], 0, [0, 0]), ([1, 0], 1, [0, 0])],
    ("squared_error", "tanh"): [([-1, 1], 0, [0, 0]), ([1, -1], 4, [0, 0])],
    ("squared_error", "relu"): [
        ([0, 1000], 0, [0, 0]),
        ([1, 0], (1 + 1e6) / 2, [0, 1000]),
    ],
    ("squared_error", "exp"): [([0, 0], 0, [0, 0]), ([1, 2], 2.5, [0, 0])],
    ("squared_error", "softmax"): [([0, 1], 0, [0, 0]), ([1, 0], 1, [0, 0])],
    ("log_loss", "logistic"): [([0, 1], 0, [0, 0]), ([1, 0], 2000, [-1, 1])],
    ("log_loss", "softmax"): [([0, 1], 0, [0, 0]), ([1, 0], 2000, [-1, 1])],
    ("poisson", "exp"): [
        ([0, 0], 0, [0, 0]),
        ([1, 2], 3000 - 3 + 2 * np.log(2), [-1, -2]),
    ],
}
# The losses of the residual, by their values and slopes at a residual of r.
RESIDUALS = {
    "absolute_error": lambda r: (abs(r), np.sign(r)),
    "quantile": lambda r: (abs(r) / 2, np.sign(r) / 2),
    "huber": lambda r: (huber(1, r), np.clip(r, -1, 1)),
}
for name, of_residual in RESIDUALS.items():
    for output, outputs in {
        "identity": [-1000, 1000], "relu": [0, 1000], "logistic": [0, 1],
        "tanh": [-1, 1], "exp": [0, 0],
    }.items():  # fmt: skip
        targets = [[0, 0], [1, 1], [0, 1], [1, 0]]
        slope = {"identity": [1, 1], "relu": [0, 1]}.get(output, [0, 0])
        LIMITS[name, output] = [
            (
                target,
                sum(
                    of_residual(p - y)[0] for p, y in zip(outputs, target, strict=True)
                ),
                of_residual(np.subtract(outputs, target))[1] * slope,
            )
            for target in targets
        ]
# exp(-z) overflows where the prediction is that small; here z is 1000.
LIMITS["gamma", "exp"] = [([1, 2], 2000 - 2 - np.log(2), [1, 1])]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@all_pairs
def test_finite_and_exact_far_from_zero(pair, dtype):
    raw = -np.abs(FAR) if pair[1] == "exp" else FAR
    raw = (-raw if pair[0] == "gamma" else raw).astype(dtype)
    for target, expected_value, expected_delta in LIMITS[pair]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value, delta = evaluate(pair, np.array([target], dtype), raw)
        assert_allclose(value, expected_value, rtol=1e-6 if dtype == "float32" else 0)
        assert_array_equal(delta, [expected_delta])


def test_a_small_cross_entropy_keeps_its_digits():
    # Computed from p = 1 - exp(-40), which rounds to 1, the loss would be 0.
    value, _ = evaluate(("log_loss", "logistic"), np.array([[1.0]]), np.array([[40.0]]))
    assert_allclose(value, np.exp(-40), rtol=1e-14)


@all_pairs
def test_target_range_is_what_the_output_can_reach(pair):
    ranges = {"identity": (-np.inf, np.inf), "tanh": (-1, 1), "relu": (0, np.inf)}
    ranges |= {"exp": (0, np.inf), "logistic": (0, 1), "softmax": (0, 1)}
    expected = (5e-324, np.inf) if pair[0] == "gamma" else ranges[pair[1]]
    assert make_loss(*pair).target_range == expected


@pytest.mark.parametrize(
    ("loss", "output_activation", "possible"),
    [
        ("log_loss", "identity", ["logistic", "softmax"]),
        ("poisson", "softmax", ["exp"]),
        ("squared_error", "step", ["identity"]),
    ],
)
def test_a_pair_that_does_not_match_is_refused(loss, output_activation, possible):
    with pytest.raises(
        ValueError, match="does not support output_activation"
    ) as caught:
        make_loss(loss, output_activation)
    message = str(caught.value)
    assert f"loss={loss!r}" in message
    assert f"output_activation={output_activation!r}" in message
    assert all(repr(name) in message for name in possible)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("n_outputs", [1, 3])
@all_pairs
def test_no_constant_is_better_than_the_best_one(pair, n_outputs, weighted):
    target, _ = make_problem(pair, n_outputs)
    weight = WEIGHT if weighted else None
    loss = make_loss(*pair)

    found = loss.value_of_constant(target, weight)
    assert isinstance(found, float)
    # Where it is possible one output at a time, which is easier to search.
    joint = pair[1] == "softmax"
    parts = [target] if joint else [target[:, [k]] for k in range(n_outputs)]
    best = 0.0
    for part in parts:

        def of_constant(z, part=part):
            raw = np.tile(z, (N_SAMPLES, 1))
            return loss.value_and_delta(part, raw, weight, np.empty_like(raw))

        options = {"xatol": 1e-10, "fatol": 1e-12, "maxfev": 5000}
        start = np.full(part.shape[1], 0.4)
        best += minimize(
            of_constant, start, method="Nelder-Mead", options=options
        ).fun  # fmt: skip
    assert_allclose(found, best, rtol=1e-6, atol=1e-9)


# --------------------------------------------------------------- losses with settings


def value_and_delta(loss, target, raw):
    delta = np.empty_like(raw)
    return loss.joined_with("identity").value_and_delta(
        target, raw.copy(), None, delta
    ), delta


@pytest.mark.parametrize("delta", [0.1, 2.0, [0.5, 1.0, 3.0]])
def test_huber_is_that_of_scipy(delta):
    target, raw = make_problem(("huber", "identity"), 3)
    value, slope = value_and_delta(Huber(delta), target, raw)
    residual = raw - target
    assert_allclose(value, huber(delta, residual).sum(), rtol=1e-13)
    assert_allclose(slope, np.clip(residual, -np.asarray(delta), delta), rtol=1e-13)


def test_huber_in_other_units_is_the_same_loss():
    target, raw = make_problem(("huber", "identity"), 3)
    loss, scale = Huber(0.7), np.array([0.01, 1.0, 40.0])
    rescaled = loss.in_units(scale)
    assert loss.delta == 0.7
    for k in range(3):
        part = [target[:, [k]], raw[:, [k]]]
        value, slope = value_and_delta(loss, *part)
        other = Huber(rescaled.delta[k])
        value_k, slope_k = value_and_delta(other, *(a / scale[k] for a in part))
        assert_allclose(value_k * scale[k] ** 2, value, rtol=1e-12)
        assert_allclose(slope_k * scale[k], slope, rtol=1e-12)


@pytest.mark.parametrize("quantile", [0.1, 0.9, [0.05, 0.5, 0.8]])
def test_the_pinball_loss_is_that_of_scikit_learn(quantile):
    target, raw = make_problem(("quantile", "identity"), 3)
    value, slope = value_and_delta(Quantile(quantile), target, raw)
    levels = np.broadcast_to(quantile, 3)
    expected = sum(
        N_SAMPLES * metrics.mean_pinball_loss(target[:, k], raw[:, k], alpha=levels[k])
        for k in range(3)
    )
    assert_allclose(value, expected, rtol=1e-13)
    assert_allclose(slope, np.where(raw > target, 1 - levels, -levels), rtol=1e-13)


def test_the_best_constant_of_the_pinball_loss_is_the_quantile():
    target = np.arange(101.0)[:, np.newaxis]
    for level in (0.1, 0.25, 0.9):
        best = Quantile(level).best_constant(target, None)
        assert_allclose(best, 100 * level, atol=1)


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError(), Quantile(0.3)])
def test_units_change_only_losses_that_have_some(loss):
    assert loss.in_units(np.array([2.0])) is loss


def test_a_loss_that_is_joined_leaves_the_other_alone():
    loss = SquaredError()
    joined = loss.joined_with("logistic")
    assert joined.target_range == (0, 1)
    assert loss.target_range == (-np.inf, np.inf)
    assert not hasattr(loss, "output_activation")
