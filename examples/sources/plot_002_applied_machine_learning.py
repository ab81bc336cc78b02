r"""
A network of eleven numbers, followed by hand for a thousand epochs
====================================================================

"Artificial Neural Networks", a chapter of Michael Pyrcz's *Applied Machine Learning in
Python*, trains a network with three inputs, two hidden nodes and one output by hand,
and records every weight and every derivative of every epoch. This example reproduces
all of it, and ends with a table of what the text says and what skann gives. Its program
trains correctly, to the last digit. Its formulas do not: as printed they walk uphill,
and a gradient check shows which of them are not derivatives.
"""

# %%
# The text uses plain gradient descent on sigmoids with a linear output, and nothing
# else.
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder

from skann import (
    BackpropClassifier,
    BackpropRegressor,
    HiddenActivation,
    Initializer,
    Loss,
    Optimizer,
    Schedule,
    check_gradient,
)
from skann.callbacks import ParameterRecorder
from skann.inspection import (
    ActivationDisplay,
    ErrorSurfaceDisplay,
    LossCurveDisplay,
    NetworkDiagramDisplay,
    ParameterPathDisplay,
    animate_epochs,
    trace_backprop,
)

# The text stops after a number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)

PLAIN = {
    "activation": "logistic",
    "solver": "sgd",
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "alpha": 0.0,
    "scaling": None,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
SAMPLE, TARGET, RATE = np.array([[0.5, 0.2, 0.7]]), np.array([0.3]), 0.2
INPUTS, OUTPUTS = ["$I_1$", "$I_2$", "$I_3$"], ["$O_6$"]
table = []


def say(what, text, ours):
    """Keep a row of the table, and print it."""
    table.append((what, text, ours))
    print(f"{what}: the text says {text}, skann gives {ours}")


# %%
# The network
# -----------
# The text numbers all nodes consecutively: inputs 1 to 3, hidden nodes 4 and 5, output
# 6, so that :math:`\lambda_{1,4}` leads from input 1 to hidden node 4. It draws eleven
# random numbers in that order, weights within ``1 / sqrt(fan_in)`` and biases within
# 0.25. skann keeps the weights of a layer in one matrix, with a row for each input and
# a column for each node, and takes them as ``coef_init`` and ``intercept_init``.
WEIGHT_NAMES = ["1,4", "2,4", "3,4", "1,5", "2,5", "3,5", "4,6", "5,6"]
BIAS_NAMES = ["4", "5", "6"]


def draw_start(seed):
    """Return the initial weights and biases in the text's order of drawing."""
    drawn = np.random.RandomState(seed).random_sample(11)
    first = (2 * drawn[:6] - 1) / np.sqrt(3)
    second = (2 * drawn[6:8] - 1) / np.sqrt(2)
    biases = (drawn[8:] - 0.5) * 0.5
    return {
        "coef_init": [first.reshape(2, 3).T, second.reshape(2, 1)],
        "intercept_init": [biases[:2], biases[2:]],
    }


def in_text_order(weights, biases):
    """Return the numbers of both layers as the text numbers them."""
    return np.concatenate(
        [weights[0].T.ravel(), weights[1].ravel(), biases[0], biases[1]]
    )


def train(start, n_epochs, recorder=None, **parameters):
    """Return the 3-2-1 network after training on the one sample."""
    settings = {**PLAIN, "learning_rate_init": RATE, **parameters}
    estimator = BackpropRegressor((2,), max_iter=n_epochs, **settings)
    if recorder is not None:
        estimator.set_callbacks(recorder)
    return estimator.fit(SAMPLE, TARGET, **start)


recorder = ParameterRecorder()
start = draw_start(13)
trained = train(start, 999, recorder)
before = recorder.estimator_at(trained, 0)

figure, ax = plt.subplots(figsize=(9, 6), layout="constrained")
NetworkDiagramDisplay.from_estimator(
    before, feature_names=INPUTS, output_names=OUTPUTS, ax=ax
)
ax.set_title("The network, with its eleven initial parameters")
plt.show()

# %%
# The number of parameters: ``p m + m k`` weights and ``m + k`` biases with one hidden
# layer.
random_state = np.random.RandomState(0)
for sizes, text in [
    ((3, 2, 1), "11 = 8 + 3"),
    ((10, 20, 3), "283 = 260 + 23"),
    ((10, 8, 6, 4, 2, 1), "183 = 162 + 21"),
]:
    X, y = random_state.randn(5, sizes[0]), random_state.randn(5, sizes[-1])
    sized = BackpropRegressor(sizes[1:-1]).partial_fit(X, y.squeeze())
    weights = sum(array.size for array in sized.coefs_)
    biases = sum(array.size for array in sized.intercepts_)
    ours = f"{sized.n_parameters_} = {weights} + {biases}"
    assert ours == text
    say(f"parameters of {'-'.join(map(str, sizes))}", text, ours)


# %%
# A thousand epochs by hand
# -------------------------
# A short version of the text's program. It defines its deltas with the opposite sign,
# ``y - o`` and not ``o - y``, so it may add them. The last of its 1000 epochs only
# predicts, so it takes 999 steps.
#
# All eleven numbers of all epochs agree to thirteen digits, and so do the derivatives,
# except for the sign: what the text's figures call
# :math:`\partial P / \partial \lambda` is minus the derivative.
def by_hand(coef_init, intercept_init):
    """Return parameters, minus the derivatives, and node outputs of 1000 epochs."""
    (W, V), (b, c) = (
        [np.array(layer) for layer in layers] for layers in (coef_init, intercept_init)
    )
    x, records = SAMPLE[0], ([], [], [])
    for _ in range(1000):
        h = 1 / (1 + np.exp(-(x @ W + b)))
        o = h @ V + c
        d_out = TARGET - o
        d_hidden = h * (1 - h) * V[:, 0] * d_out
        change = ([np.outer(x, d_hidden), np.outer(h, d_out)], [d_hidden, d_out])
        records[0].append(in_text_order([W, V], [b, c]))
        records[1].append(in_text_order(*change))
        records[2].append([*h, *o])
        W, V = W + RATE * change[0][0], V + RATE * change[0][1]
        b, c = b + RATE * change[1][0], c + RATE * change[1][1]
    return [np.array(record) for record in records]


hand_path, hand_changes, hand_nodes = by_hand(**start)
path = np.array(
    [
        in_text_order(*both)
        for both in zip(recorder.coefs_, recorder.intercepts_, strict=True)
    ]
)
derivatives = np.array(
    [
        in_text_order(*both)
        for both in zip(
            recorder.coef_gradients_, recorder.intercept_gradients_, strict=True
        )
    ]
)
traces = [
    trace_backprop(recorder.estimator_at(trained, epoch), SAMPLE, TARGET)
    for epoch in recorder.epochs_
]
nodes = np.array(
    [
        [*trace.layers[0].activation[0], *trace.layers[1].activation[0]]
        for trace in traces
    ]
)
assert path.shape == (1000, 11)
assert np.allclose(path, hand_path, rtol=1e-13, atol=0)
assert np.allclose(derivatives, -hand_changes, rtol=1e-12, atol=1e-15)
assert np.allclose(nodes, hand_nodes, rtol=1e-13, atol=0)
apart = np.abs(path / hand_path - 1).max()
say("11 parameters of 1000 epochs (relative)", "its program", f"{apart:.0e} apart")
apart = np.abs(derivatives + hand_changes).max()
say("their derivatives (sum with the text's)", "minus ours", f"{apart:.0e}")
assert np.allclose(nodes[0], [0.60650323, 0.61097812, 0.09911638], atol=5e-9)
assert np.isclose(nodes[-1, 2], 0.3, rtol=0, atol=1e-15)
say("prediction before training", "0.0991 (its program)", f"{nodes[0, 2]:.4f}")
say("prediction in its picture, epoch 1", "0.17 (its program)", f"{nodes[1, 2]:.2f}")
say("prediction at the end", "0.3", f"{nodes[-1, 2]:.15g}")
reached = int(np.argmax(np.abs(nodes[:, 2] - 0.3) < 1e-4))
assert reached < 25
say("epochs until it is 0.3000", "- (a line marks 400)", reached)

# %%
# Every number of the first epoch. The check compares each derivative with what finite
# differences say.
print(traces[0])
report = check_gradient(before, SAMPLE, TARGET)
print(report)
assert report.passed
assert report.n_checked == 11

# %%
# The network at a chosen epoch
# -----------------------------
# The text's figure shows its epoch number 1, counted from 0. Here it is shown between
# the epoch before and a later one: values, weights and derivatives at once. The
# derivatives vanish as the prediction approaches 0.3.
figure, axes = plt.subplots(3, 1, figsize=(11, 21), layout="constrained")
for ax, epoch in zip(axes, [0, 1, 10], strict=True):
    NetworkDiagramDisplay.from_estimator(
        recorder.estimator_at(trained, epoch),
        SAMPLE,
        TARGET,
        feature_names=INPUTS,
        output_names=OUTPUTS,
        ax=ax,
    )
    ax.set_title(f"After epoch {epoch}: the prediction is {nodes[epoch, 2]:.4f}")
plt.show()


# %%
# The text has a dashboard for stepping through the epochs. ``animate_epochs`` turns any
# figure into an animation.
def draw_network(estimator, figure):
    """Draw one frame."""
    NetworkDiagramDisplay.from_estimator(
        estimator,
        SAMPLE,
        TARGET,
        feature_names=INPUTS,
        output_names=OUTPUTS,
        ax=figure.subplots(),
    )


with tempfile.TemporaryDirectory() as folder:  # in earnest, a folder that stays
    film = Path(folder) / "network.gif"
    animation = animate_epochs(
        draw_network,
        trained,
        recorder,
        epochs=[0, 1, 2, 5, 10],
        path=film,
        figsize=(11, 7),
    )
    assert film.stat().st_size > 10_000
plt.close("all")

# %%
# Does it converge?
# -----------------
# The text's last figures. The third, "Biases", plots three weights by mistake (``w14``,
# ``w24`` and ``w34``, labelled as biases); the correct one is shown next to it.
weight_labels = [rf"$\lambda_{{{name}}}$" for name in WEIGHT_NAMES]
bias_labels = [f"$b_{name}$" for name in BIAS_NAMES]
epochs = recorder.epochs_


def draw_paths(values, labels, ylabel, title, ax):
    """Draw the columns of `values` over the epochs."""
    paths = dict(zip(labels, values.T, strict=True))
    ParameterPathDisplay(epochs, paths, ylabel=ylabel, title=title).plot(ax)


figure, axes = plt.subplots(2, 2, figsize=(13, 9), layout="constrained")
draw_paths(
    nodes[:, 2:],
    [r"$\hat y = O_6$"],
    "prediction",
    "The prediction goes to 0.3",
    axes[0, 0],
)
axes[0, 0].axhline(0.3, color="0.4", linestyle=":", linewidth=1)
draw_paths(
    path[:, :8],
    weight_labels,
    "weight",
    "The weights stop after ten epochs",
    axes[0, 1],
)
draw_paths(path[:, 8:], bias_labels, "bias", "The biases, as they are", axes[1, 0])
draw_paths(
    path[:, :3], ["$b_4$ (the text)", "$b_5$ (the text)", "$b_6$ (the text)"],
    "weight", "What the text draws as biases: three weights", axes[1, 1],
)  # fmt: skip
plt.show()
assert np.abs(path[-1, 8:] - path[-1, :3]).max() > 0.1
say("last biases b4, b5, b6", "its picture: weights", np.round(path[-1, 8:], 3))

figure, axes = plt.subplots(2, 2, figsize=(13, 9), layout="constrained")
draw_paths(
    nodes[:, :2], ["$H_4$", "$H_5$"], "output of the node",
    "The hidden nodes hardly move", axes[0, 0],
)  # fmt: skip
draw_paths(
    derivatives[:, 8:], [r"$H_{4,in}$", r"$H_{5,in}$", r"$O_{6,in}$"],
    "derivative of the loss", "By the nodes' inputs, and so by the biases", axes[0, 1],
)  # fmt: skip
draw_paths(
    derivatives[:, :6], weight_labels[:6], "derivative of the loss",
    "By the weights of the hidden nodes", axes[1, 0],
)  # fmt: skip
draw_paths(
    derivatives[:, 6:8], weight_labels[6:], "derivative of the loss",
    "By the weights of the output: almost the same", axes[1, 1],
)  # fmt: skip
axes[1, 1].lines[1].set_linestyle("--")
axes[1, 1].legend()
plt.show()


# %%
# The update adds the gradient
# ----------------------------
# As a formula, the text's update is
# :math:`\lambda + \eta\, \partial L / \partial \lambda`, which goes uphill. It can be
# tried as an optimizer of two lines. The error grows by a third in each epoch.
class AddsTheGradient(Optimizer):
    """The update as the text prints it."""

    def initial_state(self, theta):
        return {}

    def step(self, theta, gradient, learning_rate, state):
        theta += learning_rate * gradient


figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for name, solver, line in [
    ("- rate x derivative (the text's program)", "sgd", "-"),
    ("+ rate x derivative (the text's formula)", AddsTheGradient(), "--"),
]:
    steps = ParameterRecorder()
    estimator = train(start, 12, steps, solver=solver)
    errors = np.sqrt(2 * np.array(steps.losses_))
    ax.semilogy(steps.epochs_, errors, line, label=name)
ax.set(title="Adding the gradient leads away from the target")
ax.set(xlabel="epoch", ylabel="distance of the prediction from 0.3")
ax.legend()
plt.show()
assert np.all(np.diff(errors) > 0)
assert errors[-1] > 3
say("update: + or - rate x derivative", "+ (formula)", "-, as its program")
say("distance after 12 steps with +", "-", f"{errors[-1]:.1f}, before: {errors[0]:.2f}")

# %%
# The worked example
# ------------------
# The text reads numbers off its dashboard, "the first training epoch": outputs 0.42 and
# 0.60, derivatives 1.00, -0.13 and -0.10. It does not print the weights, but its own
# recipe with seed 3 gives all five numbers, and no other of the first 10 000 seeds
# does. The prediction there is -0.705. So :math:`\hat y - y` is -1.00, and the 1.00 of
# the text is minus that: with its own :math:`\partial L / \partial \hat y = \hat y - y`
# **every derivative of the example has the wrong sign**. Its formula for the update is
# also wrong, and the two errors cancel in the program.
#
# One more digit: 0.50 times -0.13 is printed as -0.07, which is the product of a
# rounded number. It is -0.0649.
example = train(draw_start(3), 1, learning_rate_init=1e-300)
trace = trace_backprop(example, SAMPLE, TARGET)
assert check_gradient(example, SAMPLE, TARGET)
hidden, output = trace.layers
numbers = {
    "output of H4": (0.42, hidden.activation[0, 0]),
    "output of H5": (0.60, hidden.activation[0, 1]),
    "dL/dO6_in": (1.00, output.delta[0, 0]),
    "dL/dH4_in = dL/db4": (-0.13, hidden.delta[0, 0]),
    "dL/dH5_in = dL/db5": (-0.10, hidden.delta[0, 1]),
    "dL/dw46": (0.42, output.weight_gradient[0, 0]),
    "dL/dw56": (0.60, output.weight_gradient[1, 0]),
    "dL/dw14": (-0.07, hidden.weight_gradient[0, 0]),
    "dL/dw15": (-0.05, hidden.weight_gradient[0, 1]),
    "dL/dw24": (-0.03, hidden.weight_gradient[1, 0]),
    "dL/dw25": (-0.02, hidden.weight_gradient[1, 1]),
    "dL/dw34": (-0.09, hidden.weight_gradient[2, 0]),
    "dL/dw35": (-0.07, hidden.weight_gradient[2, 1]),
}
for name, (text, ours) in numbers.items():
    of_program = ours if name.startswith("output") else -ours
    say(f"example: {name}", f"{text:.2f}", f"{ours:.4f}")
    assert round(of_program, 2) == (text if name != "dL/dw14" else -0.06)


def five_numbers(seed):
    """Return what the dashboard would show, with two decimals."""
    (W, V), (b, c) = draw_start(seed).values()
    h = expit(SAMPLE[0] @ W + b)
    d = TARGET - h @ V - c
    return np.round([*h, *d, *((1 - h) * h * V[:, 0] * d)], 2).tolist()


shown = [0.42, 0.60, 1.00, -0.13, -0.10]
assert [seed for seed in range(10_000) if five_numbers(seed) == shown] == [3]

figure, ax = plt.subplots(figsize=(11, 7), layout="constrained")
NetworkDiagramDisplay.from_estimator(
    example, SAMPLE, TARGET, feature_names=INPUTS, output_names=OUTPUTS, ax=ax
)
ax.set_title("The text's example, with derivatives that have the right sign")
plt.show()


# %%
# Which formulas are derivatives?
# -------------------------------
# ``check_gradient`` knows no formula: it moves each parameter and looks at the loss.
# Three of the text's derivatives can be passed to it as they stand.
#
# * On the way back through the linear output, two of its equations multiply by
#   :math:`(1 - O_6) O_6`, which belongs to a sigmoid; elsewhere the factor is 1.0.
# * Its delta is ``y - o`` in the program.
# * For the sigmoid with :math:`u = e^{-z}`, it writes the derivative of 1 / (1 + u) by
#   u as :math:`-u / (1 + u)^2` in one line and :math:`-1 / (1 + u)^2` in the next. The
#   first would give a derivative of :math:`u^2 / (1 + u)^2 = (1 - H)^2`.
class HalfSquare(Loss):
    """The squared error of a linear output, with a factor in its derivative."""

    name = "half_square"
    output_activations = ("identity",)

    def __init__(self, factor):
        self.factor = factor

    def value_and_delta(self, target, raw, sample_weight, delta):
        delta[...] = (raw - target) * self.factor(raw)
        return 0.5 * float(np.sum((raw - target) ** 2))


class SlippedSigmoid(HiddenActivation):
    """The sigmoid, with the slope of the line with the slip."""

    def apply(self, pre_activation, out):
        out[...] = expit(pre_activation)

    def apply_with_slope(self, pre_activation, slope):
        self.apply(pre_activation, out=pre_activation)
        slope[...] = (1 - pre_activation) ** 2


candidates = {
    "o - y": {"loss": HalfSquare(lambda o: 1.0)},
    "(1 - o) o (o - y)": {"loss": HalfSquare(lambda o: (1 - o) * o)},
    "y - o": {"loss": HalfSquare(lambda o: -1.0)},
    "sigmoid' = (1 - H) H": {"activation": "logistic"},
    "sigmoid' = (1 - H)^2": {"activation": SlippedSigmoid()},
}
verdicts = {}
for name, parameters in candidates.items():
    # A step too small to see leaves the initial weights unchanged.
    tried = train(start, 1, **{"learning_rate_init": 1e-300, **parameters})
    report = check_gradient(tried, SAMPLE, TARGET)
    verdicts[name] = report.passed
    print(f"\n{name}\n{report}")
assert list(verdicts.values()) == [True, False, False, True, False]
for name, text in [
    ("o - y", "dL/dO6_in, output node"),
    ("(1 - o) o (o - y)", "dL/dO6_in, connections"),
    ("y - o", "delta of its program"),
    ("sigmoid' = (1 - H)^2", "line before the right one"),
]:
    say(f"derivative? {name}", text, "yes" if verdicts[name] else "no")

# %%
# The formula with :math:`(1 - O_6) O_6` is right for an output that the text does not
# use, and has commented out in its program: a sigmoid.
with_sigmoid = train(start, 1, learning_rate_init=1e-300, output_activation="logistic")
o = with_sigmoid.predict(SAMPLE)[0]
delta = trace_backprop(with_sigmoid, SAMPLE, TARGET).layers[1].delta[0, 0]
assert np.isclose(delta, (1 - o) * o * (o - 0.3), rtol=1e-12)
assert check_gradient(with_sigmoid, SAMPLE, TARGET)

# %%
# Derivatives with respect to the inputs. As in the text, an input node is a node with
# the identity as its activation: a layer whose weights are an identity matrix, and
# whose biases are the points at which to evaluate. The two paths through :math:`H_4`
# and :math:`H_5` have to be summed; one alone is, as the text says, "not correct". Its
# equation :math:`\partial H_{4,in} / \partial I_1 = \lambda_{4,6}` is a slip (the line
# above it has :math:`\lambda_{1,4}`).
with_inputs = BackpropRegressor(
    (3, 2), **{**PLAIN, "activation": ["identity", "logistic"]}, max_iter=1,
    learning_rate_init=1e-300,
).fit(
    SAMPLE, TARGET, coef_init=[np.eye(3), *start["coef_init"]],
    intercept_init=[np.zeros(3), *start["intercept_init"]],
)  # fmt: skip
assert check_gradient(with_inputs, SAMPLE, TARGET).n_checked == 11 + 12
by_input = trace_backprop(with_inputs, SAMPLE, TARGET).layers[0].bias_gradient
W, V = start["coef_init"]
h, o = nodes[0, :2], nodes[0, 2]
paths = W * ((1 - h) * h * V[:, 0]) * (o - 0.3)
assert np.allclose(by_input, paths.sum(axis=1), rtol=1e-12)
assert not np.isclose(by_input[0], paths[0, 0], rtol=0.1)
slipped = V[0, 0] * (1 - h[0]) * h[0] * V[0, 0] * (o - 0.3)
assert not np.isclose(paths[0, 0], slipped, rtol=0.1)
say("dL/dI1, the path by H4 alone", f"{paths[0, 0]:.5f}", f"{by_input[0]:.5f}")
say("dL/dI1, both paths", f"{paths[0].sum():.5f}", f"{by_input[0]:.5f}")

# %%
# There are slips in two formulas of the forward pass as well: the section on
# nomenclature has :math:`\lambda_{2,5}` twice in the input of node 5, omits the biases,
# and puts a sigmoid on the output. Taken at its word, the prediction would be:
h4_in, h5_in = SAMPLE[0] @ W[:, 0], SAMPLE[0] @ W[[0, 1, 1], 1]
literally = expit(expit([h4_in, h5_in]) @ V[:, 0])
assert abs(literally - o) > 0.1
say("prediction (section on nomenclature)", f"{literally:.4f}", f"{o:.4f}")

# %%
# Activations
# -----------
# The sigmoid, the identity and the other activations that skann has for hidden nodes.
# Without a nonlinear activation "the entire system collapses" to a linear regression,
# which is true to the last digit that the search finds; with one, a wide enough layer
# can follow any curve.
figure, axes = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
ActivationDisplay.from_activations(["identity", "logistic", "tanh"], ax=axes[0])
axes[0].set(title="Activations (solid) and derivatives (dashed)", ylim=(-2, 2))
x = np.linspace(-3, 3, 120)[:, np.newaxis]
wave = np.sin(2 * x[:, 0]) + 0.1 * np.random.RandomState(0).randn(120)
axes[1].plot(x[:, 0], wave, ".", color="0.75", label="data")
search = {"solver": "lbfgs", "alpha": 0.0, "max_iter": 2000, "random_state": 0}
fits = {}
for activation, n_hidden, line in [
    ("identity", 20, "-"),
    ("logistic", 2, ":"),
    ("logistic", 20, "--"),
]:
    network = BackpropRegressor((n_hidden,), activation, tol=1e-6, **search)
    fits[activation, n_hidden] = network.fit(x, wave).predict(x)
    name = f"{n_hidden} hidden nodes, {activation}"
    axes[1].plot(x[:, 0], fits[activation, n_hidden], line, linewidth=2, label=name)
axes[1].set(title="Without a nonlinear activation: a straight line", xlabel="x")
axes[1].set(ylabel="y", ylim=(-1.5, 2.6))
axes[1].legend(loc="upper center", ncols=2)
plt.show()
line = LinearRegression().fit(x, wave).predict(x)
apart = np.abs(fits["identity", 20] - line).max()
assert apart < 1e-4
assert np.std(fits["logistic", 20] - np.sin(2 * x[:, 0])) < 0.1
say("without activation", "linear regression", f"linear regression within {apart:.0e}")

# %%
# Categories in and out
# ---------------------
# The categories of an input become ones and zeros, with an input node for each. The
# text warns against the alternative, a single node with 0, 0.5 and 1: it puts the
# categories in an order that they may not have. Without hidden nodes such a network
# cannot bend.
random_state = np.random.RandomState(0)
FACIES = ["chalk", "clay", "sand"]
facies = random_state.choice(FACIES, 300)[:, np.newaxis]
mean_of = {"chalk": 20.0, "clay": 6.0, "sand": 13.0}
porosity = np.array([mean_of[name] for name in facies[:, 0]])
porosity += random_state.randn(300)
encoders = {
    "one-hot": OneHotEncoder(sparse_output=False),
    "0, 0.5, 1": make_pipeline(OrdinalEncoder(), MinMaxScaler()),
}
r2 = {}
for name, encoder in encoders.items():
    model = make_pipeline(encoder, BackpropRegressor((), **search))
    r2[name] = model.fit(facies, porosity).score(facies, porosity)
    print(f"{name}: R2 {r2[name]:.3f}, {model[-1].n_features_in_} input nodes")
    if name == "one-hot":
        assert model[-1].n_features_in_ == 3
assert r2["one-hot"] > 0.95
assert r2["0, 0.5, 1"] < 0.5
say("3 categories in, R2 one-hot | ordered", "assumes an order",
    f"{r2['one-hot']:.2f} | {r2['0, 0.5, 1']:.2f}")  # fmt: skip

# %%
# The categories of a target become output nodes, and softmax turns them into
# probabilities, which are positive and add up to 1. (For two categories skann keeps one
# node: the other is its complement.)
classifier = BackpropClassifier(
    (2,), "logistic", solver="lbfgs", alpha=0.1, max_iter=500, random_state=0
)
classifier.fit(porosity[:, np.newaxis], facies[:, 0])
grid = np.linspace(0, 26, 200)[:, np.newaxis]
probability = classifier.predict_proba(grid)
assert classifier.out_activation_ == "softmax"
assert classifier.n_outputs_ == 3
assert np.all(probability >= 0)
assert np.allclose(probability.sum(axis=1), 1, rtol=1e-14)
say("softmax: sum of the probabilities", 1.0,
    f"1 within {np.abs(probability.sum(axis=1) - 1).max():.0e}")  # fmt: skip

one_hot = BackpropRegressor((2,), "logistic", **search)
encoded = encoders["one-hot"].fit_transform(facies)
one_hot.set_params(scaling=None).fit(encoded, porosity / 100)
figure, axes = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
NetworkDiagramDisplay.from_estimator(
    one_hot, [[0.0, 1.0, 0.0]], [0.06], feature_names=FACIES, output_names=["porosity"],
    ax=axes[0],
)  # fmt: skip
axes[0].set_title("One-hot input: clay")
NetworkDiagramDisplay.from_estimator(
    classifier,
    [[13.0]],
    ["sand"],
    feature_names=["porosity"],
    output_names=FACIES,
    ax=axes[1],
)
axes[1].set_title("Softmax output for a porosity of 13 %")
plt.show()

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, curve, style in zip(FACIES, probability.T, ["-", "--", ":"], strict=True):
    ax.plot(grid[:, 0], curve, style, label=name)
ax.set(title="Softmax: the three curves add up to 1 everywhere")
ax.set(xlabel="porosity [%]", ylabel="probability")
ax.legend()
plt.show()

# %%
# Inputs and targets in a common range
# ------------------------------------
# To [0, 1] or [-1, 1], says the text, and predictions back to the units of the target.
# ``scaling="minmax"`` does both by itself, to [-1, 1]. Doing the same with
# scikit-learn's parts gives the same predictions.
X, y = load_diabetes(return_X_y=True, scaled=False)
X, X_test, y, y_test = train_test_split(X, y, random_state=0)
settings = {**PLAIN, "learning_rate_init": 0.1, "max_iter": 200, "batch_size": 20}


def scaled_outside(low):
    """Return a network between scikit-learn's scalers to the range [low, 1]."""
    scaler = MinMaxScaler((low, 1))
    network = BackpropRegressor((5,), **settings)
    return TransformedTargetRegressor(
        make_pipeline(scaler, network), transformer=scaler
    )


regressors = {
    "none": BackpropRegressor((5,), **settings),
    "[0, 1]": scaled_outside(0),
    "[-1, 1]": scaled_outside(-1),
    'scaling="minmax"': BackpropRegressor((5,), **{**settings, "scaling": "minmax"}),
}
predictions, r2 = {}, {}
for name, regressor in regressors.items():
    predictions[name] = regressor.fit(X, y).predict(X_test)
    r2[name] = regressor.score(X_test, y_test)
    print(
        f"scaled to {name:17} R2 {r2[name]:6.3f}, predictions from "
        f"{predictions[name].min():.0f} to {predictions[name].max():.0f}"
    )
assert np.allclose(predictions['scaling="minmax"'], predictions["[-1, 1]"], rtol=1e-9)
assert r2["none"] < 0.1
assert min(r2["[0, 1]"], r2["[-1, 1]"]) > 0.25
three = " | ".join(f"{r2[name]:.2f}" for name in ["none", "[0, 1]", "[-1, 1]"])
say("R2 unscaled | [0, 1] | [-1, 1]", "scaling helps", three)


# %%
# Initial weights
# ---------------
# What the text calls Xavier, within :math:`1 / \sqrt p` for p inputs, is the heuristic
# that Glorot and Bengio (Xavier is Glorot's first name) describe as common before
# theirs; skann calls it "fan_in_uniform". What it calls normalised Xavier, within
# :math:`1 / (\sqrt p + k)`, is not in their paper: theirs is
# :math:`\sqrt{6 / (p + k)}`, which appears in the text's program, commented out.
# Through twenty layers of 100 tanh nodes, a signal survives with theirs and fades with
# the old heuristic; with the text's, no more than a tenth of it is left after each
# layer.
#
# (With logistic nodes "glorot_uniform" is :math:`\sqrt{2 / (p + k)}`, as in
# scikit-learn. And k is the number of nodes of the layer that the weights lead to: 2,
# where the text's example takes 1.)
class TextNormalised(Initializer):
    """The text's normalised Xavier, with its biases within 0.25."""

    def draw(self, fan_in, fan_out, random_state):
        bound = 1 / (np.sqrt(fan_in) + fan_out)
        weights = random_state.uniform(-bound, bound, (fan_in, fan_out))
        return weights, random_state.uniform(-0.25, 0.25, fan_out)


bounds = {
    "1 / sqrt(p)": ("fan_in_uniform", lambda p, k: 1 / np.sqrt(p)),
    "1 / (sqrt(p) + k)": (TextNormalised(), lambda p, k: 1 / (np.sqrt(p) + k)),
    "sqrt(6 / (p + k))": ("glorot_uniform", lambda p, k: np.sqrt(6 / (p + k))),
}
signals = np.random.RandomState(0).randn(50, 100)
figure, axes = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
spreads = {}
for (name, (init, bound)), line in zip(bounds.items(), ["--", ":", "-"], strict=True):
    deep = BackpropRegressor(
        (100,) * 20, **{**PLAIN, "activation": "tanh", "learning_rate_init": 1e-300},
        init=init, max_iter=1,
    ).fit(signals, np.ones(50))  # fmt: skip
    weights = deep.coefs_[0].ravel()
    largest = np.abs(weights).max()
    assert 0.99 * bound(100, 100) < largest <= bound(100, 100)
    say(f"bound for 100-100: {name}", f"{bound(100, 100):.4f}", f"{largest:.4f}")
    # Biases hide that nothing of the input comes through: they are taken away.
    deep.intercepts_ = [np.zeros_like(biases) for biases in deep.intercepts_]
    passed = trace_backprop(deep, signals, np.ones(50)).layers[:-1]
    spreads[name] = [layer.activation.std() for layer in passed]
    axes[0].hist(
        weights, bins=np.linspace(-0.2, 0.2, 81), histtype="step", linestyle=line,
        linewidth=1.5, label=name,
    )  # fmt: skip
    axes[1].semilogy(range(1, 21), spreads[name], line, linewidth=2, label=name)
axes[0].set(title="First weights of a layer with p = k = 100", xlabel="weight")
axes[0].set(ylabel="number of weights", yscale="log", ylim=(50, 2e4))
axes[1].set(title="Only Glorot and Bengio's bound keeps the signal alive")
axes[1].set(xlabel="hidden layer", ylabel="standard deviation of the outputs")
axes[1].set_xticks([1, 5, 10, 15, 20])
for ax in axes:
    ax.legend(title="weights within")
plt.show()
assert spreads["sqrt(6 / (p + k))"][-1] > 0.1
assert spreads["1 / sqrt(p)"][-1] < 1e-3
lost = np.divide(spreads["1 / (sqrt(p) + k)"][1:], spreads["1 / (sqrt(p) + k)"][:-1])
assert lost.max() < 0.1


# %%
# Rates, and how they decay
# -------------------------
# A low rate is slow. A high one is fast, until it is too high: then each step lands
# farther away on the other side.
#
# The text's decay, :math:`\eta_l = \eta_{l-1} / (1 + \text{decay} \cdot l)`, is
# ``learning_rate="inverse_time"``. Its divisions compound: with a decay of 0.01 the
# rate is a millionth after 57 epochs, and training comes to rest wherever it happens to
# be. The ``decay`` of Keras' older optimizers divides the initial rate once:
# :math:`\eta_0 / (1 + \text{decay} \cdot l)`. This is a ``Schedule`` of two lines.
class DividedOnce(Schedule):
    """The first rate, divided by 1 + 0.1 l."""

    def rate(self, learning_rate_init, progress):
        return learning_rate_init / (1 + 0.1 * progress.n_epochs)


figure, axes = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
by_rate = {}
for rate, line in [(0.02, ":"), (0.2, "--"), (0.9, "-."), (2.5, "-")]:
    by_rate[rate] = train(start, 30, learning_rate_init=rate).loss_curve_
    axes[0].semilogy(by_rate[rate], line, linewidth=2, label=f"rate {rate}")
axes[0].set(title="Slow, good, and too high", xlabel="epoch", ylabel="loss")
schedules = {
    "constant": {},
    "inverse_time (the text's)": {"learning_rate": "inverse_time", "decay": 0.1},
    "divided once (Keras)": {"learning_rate": DividedOnce()},
}
ends = {}
for (name, parameters), line in zip(schedules.items(), ["-", "--", ":"], strict=True):
    decayed = train(start, 60, **parameters)
    axes[1].semilogy(decayed.history_["learning_rate"], line, linewidth=2, label=name)
    axes[2].semilogy(decayed.loss_curve_, line, linewidth=2, label=name)
    ends[name] = decayed
axes[1].set(title="The text's decay compounds (decay 0.1)", ylim=(1e-12, 1))
axes[1].set(xlabel="epoch", ylabel="learning rate")
axes[2].set(title="With it training stops on its way", xlabel="epoch", ylabel="loss")
axes[2].set_ylim(1e-12, 0.1)
for ax in axes:
    ax.legend(fontsize="small")
plt.show()
assert by_rate[2.5][-1] > by_rate[2.5][0]
assert by_rate[0.9][-1] < by_rate[0.2][-1] < by_rate[0.02][-1]
rates = ends["inverse_time (the text's)"].history_["learning_rate"]
expected = RATE / np.cumprod(1 + 0.1 * np.arange(60))
assert np.allclose(rates, expected, rtol=1e-12)
slow, constant = (
    abs(ends[name].predict(SAMPLE)[0] - 0.3)
    for name in ["inverse_time (the text's)", "constant"]
)
assert constant < 1e-9
assert slow > 1e-3
say(
    "rate after 10 epochs, decay 0.1",
    f"{expected[10]:.2e} (formula)",
    f"{rates[10]:.2e}",
)
say("distance from 0.3 then (constant rate)", "-", f"{slow:.4f} ({constant:.0e})")

# %%
# Batches
# -------
# The gradient of a batch is the mean of the gradients of its samples, as the text
# derives.
random_state = np.random.RandomState(0)
X = random_state.uniform(0, 1, (100, 3))
y = 0.3 + 0.4 * np.sin(4 * X[:, 0]) * X[:, 1] + 0.1 * random_state.randn(100)
together = trace_backprop(trained, X[:25], y[:25]).layers
alone = [trace_backprop(trained, X[[i]], y[[i]]).layers for i in range(25)]
for number, layer in enumerate(together):
    mean = np.mean([layers[number].weight_gradient for layers in alone], axis=0)
    assert np.allclose(layer.weight_gradient, mean, rtol=1e-10, atol=1e-14)
print("the gradient of 25 samples is the mean of their 25 gradients")

# %%
# With 100 samples in one batch, in 4 batches, or one by one, an epoch has 1, 4 or 100
# updates. A call of ``partial_fit`` with a batch is one update. For a network with two
# parameters the whole error surface can be drawn.
slope = X[:, :1] * 2 - 1
response = 0.5 + 0.8 * slope[:, 0] + 0.4 * random_state.randn(100)
best = BackpropRegressor((), scaling=None, **search).fit(slope, response)
figure, axes = plt.subplots(1, 3, figsize=(16, 4.8), layout="constrained")
surface = ErrorSurfaceDisplay.from_estimator(
    best, slope, response, parameters=[(0, 0, 0), (0, 0)], span=2.2, ax=axes[0]
)
for ax, size in zip(axes, [100, 25, 1], strict=True):
    line = BackpropRegressor.from_weights(
        [[[-1.0]]], [[-1.0]], **PLAIN, learning_rate_init=RATE
    )
    steps = [(-1.0, -1.0)]
    for first in range(0, 100, size):
        line.partial_fit(slope[first : first + size], response[first : first + size])
        steps.append((line.coefs_[0][0, 0], line.intercepts_[0][0]))
    if ax is not axes[0]:
        surface.plot(ax=ax)
    ax.plot(*np.transpose(steps), ".-", color="C1", label="updates of one epoch")
    ax.legend(loc="lower right")
    plural = "s" if size < 100 else ""
    ax.set(xlabel="weight", ylabel="bias")
    ax.set_title(f"Batches of {size}: {len(steps) - 1} update{plural} in an epoch")
plt.show()


# %%
# How many updates are there? An optimizer that counts its steps can tell.
class Counted(Optimizer):
    """Gradient descent that counts its steps."""

    n_steps = 0

    def initial_state(self, theta):
        return {}

    def step(self, theta, gradient, learning_rate, state):
        theta -= learning_rate * gradient
        self.n_steps += 1


for name, size, expected in [
    ("batch", 100, 1),
    ("4 batches", 25, 4),
    ("single", 1, 100),
]:
    counted = Counted()
    BackpropRegressor(
        (2,), **{**PLAIN, "solver": counted}, batch_size=size, max_iter=1
    ).fit(X, y)
    assert counted.n_steps == expected
    say(f"updates in an epoch of 100 samples, {name}", expected, counted.n_steps)

# %%
# The first network of the text on these 100 samples: in the same number of epochs,
# smaller batches get further and jump more. The text names momentum and adaptive
# methods as next steps; here they are.
ways = {
    "batch (100)": {"batch_size": 100},
    "4 minibatches": {"batch_size": 25},
    "single samples": {"batch_size": 1},
    "4 minibatches, momentum 0.9": {"batch_size": 25, "momentum": 0.9},
    "4 minibatches, adam": {
        "batch_size": 25, "solver": "adam", "learning_rate_init": 0.02,
    },
}  # fmt: skip
figure, ax = plt.subplots(figsize=(9, 5.5), layout="constrained")
losses = {}
for name, parameters in ways.items():
    settings = {**PLAIN, "learning_rate_init": RATE, **parameters}
    network = BackpropRegressor((2,), max_iter=300, **settings).fit(X, y, **start)
    LossCurveDisplay.from_estimator(network, name=name, ax=ax)
    losses[name] = network.loss_curve_[-1]
    print(f"{name:28} loss {losses[name]:.5f} after {network.n_iter_} epochs")
ax.set_title("More updates come farther in 300 epochs, and so does momentum")
ax.set_ylim(0.006, 0.02)
plt.show()
assert losses["single samples"] < losses["batch (100)"]
assert losses["4 minibatches, momentum 0.9"] < losses["4 minibatches"]

# %%
# What the text says, and what skann gives
# ----------------------------------------
# There are other slips of the pen that do not change any number: "return to step 1"
# would draw new initial weights and should read step 2; the list of inputs has I2
# twice; the chain rule "stepping backwards" steps forwards, from x; and the changes
# that the program records for its last epoch are zeros, because it does not compute
# them.
width = max(len(what) for what, _, _ in table)
middle = max(len(str(text)) for _, text, _ in table)
print(f"{'':{width}}  {'the text says':{middle}}  skann gives")
for what, text, ours in table:
    print(f"{what:{width}}  {text!s:{middle}}  {ours}")

# sphinx_gallery_thumbnail_path = "_static/thumbnails/002_applied_machine_learning.png"
