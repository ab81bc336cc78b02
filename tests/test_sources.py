"""The networks that the source texts work out by hand, through the public estimators.

The numbers are those that the texts print, or corrections that were computed from the
texts' own weights and inputs.
"""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from skann import BackpropRegressor, check_gradient

# What the sources train: gradient descent on sigmoids, and nothing besides.
PLAIN = {
    "activation": "logistic",
    "scaling": None,
    "solver": "sgd",
    "alpha": 0.0,
    "momentum": 0.0,
    "nesterovs_momentum": False,
}


def make_regressor(coefs, intercepts, x, **params):
    """Return a regressor that computes the network with the given weights."""
    hidden = [len(biases) for biases in intercepts[:-1]]
    regressor = BackpropRegressor(
        hidden,
        **PLAIN,
        learning_rate_init=1.0,
        **params,
    )
    regressor.partial_fit([x], [0.5])  # so that it has a shape
    regressor.coefs_ = coefs
    regressor.intercepts_ = intercepts
    return regressor


def arrays_of(regressor):
    """Return copies of all weights and all biases."""
    return [
        [array.copy() for array in arrays]
        for arrays in (regressor.coefs_, regressor.intercepts_)
    ]


def one_step(regressor, x, y):
    """Return the gradients of J for one sample: the change in a step at rate one."""
    before = arrays_of(regressor)
    regressor.partial_fit([x], [y])
    after = arrays_of(regressor)
    return [
        [old - new for old, new in zip(*pair, strict=True)]
        for pair in zip(before, after, strict=True)
    ]


# ------------------------------------------ 003: a 4-5-1 network, gradients corrected

# One row per input, the first for the constant 1: the biases.
FIRST_LAYER_003 = np.array(
    [
        [-0.35488876, -0.23659869, -0.33867314, 0.36387468, 0.32611655],
        [-0.26065506, -1.05467748, 0.18559385, 0.25842844, -0.40552946],
        [-0.08049153, -0.62635345, 0.52101412, -0.08069795, -0.83872539],
        [-0.72111432, -0.29579596, -0.27537176, 0.66396855, 0.20578943],
        [0.52081198, -0.68363231, 0.01350068, -0.11467529, 0.26864561],
    ]
)
SECOND_LAYER_003 = np.array(
    [0.03878111, 0.70394749, -0.84874312, 0.50273702, -0.8350314, -0.26286314]
)[:, np.newaxis]
X_003 = np.array([0.003, 0.19, 0.1, 0.39])
PREDICTION_003 = -0.3672341
HIDDEN_003 = np.array([0.44029649, 0.34187132, 0.43502067, 0.59169838, 0.57221471])
BIAS_GRADIENT_003 = np.array(
    [0.17347764, -0.19096323, 0.12356154, -0.20173641, -0.06434496]
)
PRINTED_BIAS_GRADIENT_003 = np.array(
    [0.00955704, 0.15838489, -0.20860212, 0.12145694, -0.20440319]
)


@pytest.fixture
def network_003():
    return make_regressor(
        [FIRST_LAYER_003[1:], SECOND_LAYER_003[1:]],
        [FIRST_LAYER_003[0], SECOND_LAYER_003[0]],
        X_003,
    )


@pytest.fixture
def gradients_003(network_003):
    # With a target that is one less than the prediction dJ/dp is 1, so that dJ/dtheta
    # is the gradient of the prediction.
    target = network_003.predict([X_003])[0] - 1
    return one_step(network_003, X_003, target)


def test_003_prediction(network_003):
    assert_allclose(network_003.predict([X_003]), [PREDICTION_003], atol=5e-8)


def test_003_gradient_of_the_output_weights_is_the_hidden_output(gradients_003):
    weights, biases = gradients_003
    assert_allclose(weights[1][:, 0], HIDDEN_003, atol=1e-8)
    assert_allclose(biases[1], [1], rtol=1e-14)


def test_003_gradient_of_the_first_layer_is_the_corrected_one(gradients_003):
    weights, biases = gradients_003
    assert_allclose(biases[0], BIAS_GRADIENT_003, atol=1e-8)
    assert_allclose(weights[0], np.outer(X_003, BIAS_GRADIENT_003), atol=1e-8)


def test_003_printed_gradient_uses_output_weights_shifted_by_one(gradients_003):
    slopes = HIDDEN_003 * (1 - HIDDEN_003)
    right, shifted = SECOND_LAYER_003[1:, 0], SECOND_LAYER_003[:-1, 0]
    assert_allclose(right * slopes, BIAS_GRADIENT_003, atol=1e-8)
    assert_allclose(shifted * slopes, PRINTED_BIAS_GRADIENT_003, atol=1e-8)
    _, biases = gradients_003
    assert np.abs(biases[0] - PRINTED_BIAS_GRADIENT_003).min() > 0.1


def test_003_gradient_check_agrees(network_003):
    report = check_gradient(network_003, [X_003], [PREDICTION_003 - 1])
    assert report
    assert report.n_checked == 31


# ------------------------------------------------- 004: a 3-3-1 network, feed forward


@pytest.fixture
def network_004():
    # The text writes a unit's weights as a row; here they are a column.
    first = np.array([[0.2, 0.2, 0.2], [0.4, 0.4, 0.4], [0.6, 0.6, 0.6]]).T
    second = np.array([[0.5, 0.5, 0.5]]).T
    return make_regressor(
        [first, second],
        [[0.8, 0.8, 0.8], [0.2]],
        [1.5, 2.0, 3.0],
        output_activation="logistic",
    )


def cut(values):
    """Return the first four decimals: the text does not round, as its 0.9909 shows."""
    return np.floor(1e4 * np.asarray(values)) / 1e4


def test_004_output(network_004):
    prediction = network_004.predict([[1.5, 2.0, 3.0]])
    assert_allclose(cut(prediction), [0.8354], rtol=1e-15)
    assert_allclose(prediction, [0.835455661], rtol=1e-8)


def test_004_hidden_outputs(network_004):
    weights, biases = one_step(network_004, [1.5, 2.0, 3.0], 0.0)
    # dJ/dw = h dJ/db for the weights of an output unit
    hidden = weights[1][:, 0] / biases[1]
    assert_allclose(cut(hidden), [0.8909, 0.9677, 0.9909], rtol=1e-15)
    assert_allclose(hidden, 1 / (1 + np.exp([-2.1, -3.4, -4.7])), rtol=1e-12)


def test_004_delta_of_a_logistic_output(network_004):
    p = network_004.predict([[1.5, 2.0, 3.0]])[0]
    _, biases = one_step(network_004, [1.5, 2.0, 3.0], 0.0)
    assert_allclose(biases[1], p * p * (1 - p), rtol=1e-12)


# ---------------------------------------------- 002: a 3-2-1 network for 1000 epochs

N_EPOCHS = 1000
RTOL_002 = 1e-13
X_002, Y_002, RATE_002 = (0.5, 0.2, 0.7), 0.3, 0.2


def draw_002():
    """Return the first weights and biases, drawn one by one with seed 13."""
    random_state = np.random.RandomState(13)

    def uniform(bound):
        return -bound + random_state.random_sample() * 2 * bound

    names = ("w14", "w24", "w34", "w15", "w25", "w35")
    parameters = {name: uniform(1 / math.sqrt(3)) for name in names}
    for name in ("w46", "w56"):
        parameters[name] = uniform(1 / math.sqrt(2))
    for name in ("b4", "b5", "b6"):
        parameters[name] = (random_state.random_sample() - 0.5) * 0.5
    return parameters


def follow_002():
    """Return the parameters and the output at the start of every epoch."""
    p = draw_002()
    x1, x2, x3 = X_002
    path, outputs = [], []
    for _ in range(N_EPOCHS):
        y4 = p["w14"] * x1 + p["w24"] * x2 + p["w34"] * x3 + p["b4"]
        y4 = 1 / (1 + math.exp(-y4))
        y5 = p["w15"] * x1 + p["w25"] * x2 + p["w35"] * x3 + p["b5"]
        y5 = 1 / (1 + math.exp(-y5))
        y6 = p["w46"] * y4 + p["w56"] * y5 + p["b6"]
        path.append(p)
        outputs.append(y6)

        d6 = Y_002 - y6
        d5 = y5 * (1 - y5) * p["w56"] * d6
        d4 = y4 * (1 - y4) * p["w46"] * d6
        change = {"w14": d4 * x1, "w24": d4 * x2, "w34": d4 * x3}
        change |= {"w15": d5 * x1, "w25": d5 * x2, "w35": d5 * x3}
        change |= {"w46": d6 * y4, "w56": d6 * y5}
        change |= {"b4": d4, "b5": d5, "b6": d6}
        p = {name: value + RATE_002 * change[name] for name, value in p.items()}
    return path, outputs


def layers_002(p):
    """Arrange the named numbers as weights and biases of two layers."""
    first = [[p["w14"], p["w15"]], [p["w24"], p["w25"]], [p["w34"], p["w35"]]]
    return [first, [[p["w46"]], [p["w56"]]]], [[p["b4"], p["b5"]], [p["b6"]]]


def flatten_002(coefs, intercepts):
    return np.concatenate([np.ravel(array) for array in (*coefs, *intercepts)])


def make_002(**params):
    return BackpropRegressor(
        2,
        **PLAIN,
        learning_rate_init=RATE_002,
        batch_size=1,
        **params,
    )


@pytest.fixture(scope="module")
def followed_002():
    return follow_002()


def test_002_every_weight_of_every_epoch(followed_002):
    path, outputs = followed_002
    coefs, intercepts = layers_002(path[0])
    regressor = make_002(max_iter=1)
    with pytest.warns(ConvergenceWarning):
        regressor.fit([X_002], [Y_002], coef_init=coefs, intercept_init=intercepts)
    for p in path[1:]:
        ours = flatten_002(regressor.coefs_, regressor.intercepts_)
        assert_allclose(ours, flatten_002(*layers_002(p)), rtol=RTOL_002)
        regressor.partial_fit([X_002], [Y_002])
    assert regressor.n_iter_ == N_EPOCHS
    # The loss is half the square of the output's error.
    errors = np.sqrt(2 * np.array(regressor.history_["loss"]))
    expected = np.abs(np.array(outputs) - Y_002)
    assert_allclose(errors, expected, rtol=RTOL_002, atol=1e-15)


def test_002_in_one_fit(followed_002):
    path, _ = followed_002
    coefs, intercepts = layers_002(path[0])
    regressor = make_002(max_iter=N_EPOCHS - 1, n_iter_no_change=np.inf)
    with pytest.warns(ConvergenceWarning):
        regressor.fit([X_002], [Y_002], coef_init=coefs, intercept_init=intercepts)
    ours = flatten_002(regressor.coefs_, regressor.intercepts_)
    assert_allclose(ours, flatten_002(*layers_002(path[-1])), rtol=RTOL_002)


def test_002_reaches_its_target(followed_002):
    _, outputs = followed_002
    assert abs(outputs[0] - Y_002) > 0.1
    assert_allclose(outputs[-1], Y_002, rtol=1e-15)


# ------------------------------------------------------------- number of parameters


@pytest.mark.parametrize(
    ("n_inputs", "hidden", "n_outputs", "n_weights", "n_biases"),
    [
        (3, (2,), 1, 8, 3),  # 11
        (10, (20,), 3, 260, 23),  # 283
        (10, (8, 6, 4, 2), 1, 162, 21),  # 183
    ],
)
def test_number_of_parameters(n_inputs, hidden, n_outputs, n_weights, n_biases):
    random_state = np.random.RandomState(0)
    X, y = random_state.randn(5, n_inputs), random_state.randn(5, n_outputs)
    regressor = BackpropRegressor(hidden).partial_fit(
        X, y[:, 0] if n_outputs == 1 else y
    )
    assert sum(array.size for array in regressor.coefs_) == n_weights
    assert sum(array.size for array in regressor.intercepts_) == n_biases
    assert regressor.n_parameters_ == n_weights + n_biases
