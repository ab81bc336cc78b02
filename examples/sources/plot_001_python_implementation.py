r"""
Why a network with ten hidden units draws a straight line for 1000 steps
========================================================================

"Artificial neural networks: An example implementation in Python 3 with numpy and
matplotlib" trains a 2-5-5-2 network of sigmoids on two moons. After 1000 steps of
gradient descent its boundary is a straight line; after 5000 it is curved. This example
reproduces everything that it computes and draws, and ends with a table of what the text
says and what skann gives. Its backpropagation is right. What it says about the straight
line is not: the cost has not "converged to a minimum", and a single hidden layer is not
the reason.
"""

# %%
# The network
# -----------
# Each class has its own output, a sigmoid that is independent of the other: these are K
# yes-or-no questions, and the cost is the sum of K cross-entropies. In skann this is a
# network with several labels, and the target is a matrix with a column per class. The
# largest output gives the class; the small class below passes it to scikit-learn's
# tools.
import warnings
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from skann import BackpropClassifier, check_gradient
from skann.callbacks import ParameterRecorder
from skann.inspection import (
    ActivationDisplay,
    ErrorSurfaceDisplay,
    LossCurveDisplay,
    NetworkDiagramDisplay,
    ParameterPathDisplay,
    trace_backprop,
)

# The text stops after a number of steps, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)

table = []


def say(what, text, ours):
    """Keep a row of the table, and print it."""
    table.append((what, text, ours))
    print(f"{what}: the text says {text}, skann gives {ours}")


def one_column_per_class(y):
    """Return a matrix with a 1 in the column of each sample's class."""
    return np.eye(2, dtype=int)[y]


class OneOutputPerClass(ClassifierMixin, BaseEstimator):
    """A network with independent outputs, the largest of which names the class."""

    def __init__(self, network):
        self.network = network

    def fit(self, X, y, **start):
        """Fit the network to one column per class."""
        self.classes_ = np.unique(y)
        self.network_ = clone(self.network).fit(X, one_column_per_class(y), **start)
        return self

    def decision_function(self, X):
        """Return how far the second output is above the first, in log-odds."""
        raw = self.network_.decision_function(X)
        return raw[:, 1] - raw[:, 0]

    def predict(self, X):
        """Return the class with the largest output."""
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


# %%
# Everything in the text is plain gradient descent on all points at once, at a rate of
# 0.5. It does not scale the points, and its penalty stays at zero because the function
# that trains never passes ``lamb`` on.
TEXT = {
    "hidden_layer_sizes": (5, 5),
    "activation": "logistic",
    "solver": "sgd",
    "learning_rate_init": 0.5,
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "shuffle": False,
    "alpha": 0.0,
    "scaling": None,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}

X, y = make_moons(n_samples=1000, noise=0.1, random_state=0)
half, y_half = X[:500], y[:500]
assert X.shape == (1000, 2)
assert y.shape == (1000,)


def text_start(seed, layers=(2, 5, 5, 2), width=1.0):
    """Draw weights and biases as the text does; `width=2` is the range it names."""
    random_state = np.random.RandomState(seed)
    coefs, intercepts = [], []
    for below, above in pairwise(layers):
        epsilon = np.sqrt(6) / np.sqrt(above + below + 1)
        drawn = random_state.random_sample((above, below + 1)) - 0.5
        theta = drawn * epsilon * width
        coefs.append(theta[:, 1:].T)  # the first column is for the constant 1
        intercepts.append(theta[:, 0])
    return {"coef_init": coefs, "intercept_init": intercepts}


def descend(X, y, start, n_steps):
    """Return the text's network after so many steps from given weights."""
    network = BackpropClassifier(**TEXT, batch_size=len(X), max_iter=n_steps)
    return OneOutputPerClass(network).fit(X, y, **start)


start = text_start(0)
untrained = BackpropClassifier.from_weights(
    start["coef_init"], start["intercept_init"], multilabel=True, **TEXT
)
thetas = [(w.shape[1], w.shape[0] + 1) for w in untrained.coefs_]
assert thetas == [(5, 3), (5, 6), (2, 6)]
assert untrained.n_parameters_ == 57
say("shapes of Theta 1 to 3", "(5, 3) (5, 6) (2, 6)", " ".join(map(str, thetas)))

figure, axes = plt.subplots(
    1, 2, figsize=(13, 4.6), layout="constrained", width_ratios=[2, 1]
)
NetworkDiagramDisplay.from_estimator(untrained, ax=axes[0])
axes[0].set_title("The 2-5-5-2 network before training")
ActivationDisplay.from_activations("logistic", ax=axes[1])
axes[1].set_title("All units are sigmoids, the outputs too")
plt.show()

# %%
# Backpropagation
# ---------------
# A short version of the text's algorithm, including the penalty: the rows of a Theta
# are units, and its first column is the bias. The derivatives agree with skann's, and
# finite differences (``check_gradient``) confirm both, with a penalty and without.
#
# Taken literally, the formula for delta in its step 2 gives the constant 1 a delta of
# its own, which is one too many. The text's code leaves it out, as it must.


def text_gradients(X, Y, thetas, penalty):
    """Return the derivatives by each Theta, as the text computes them."""
    outputs = [X]
    for theta in thetas:
        outputs[-1] = np.insert(outputs[-1], 0, 1, axis=1)
        outputs.append(expit(outputs[-1] @ theta.T))
    delta, gradients = outputs[-1] - Y, []
    for theta, a in zip(reversed(thetas), reversed(outputs[:-1]), strict=True):
        without_bias = theta * (np.arange(theta.shape[1]) > 0)
        gradients.insert(0, (delta.T @ a + penalty * without_bias) / len(X))
        delta = (delta @ theta * a * (1 - a))[:, 1:]
    return gradients


Y = one_column_per_class(y)
for penalty in [0.0, 3.0]:
    untrained.set_params(alpha=penalty)
    layers = trace_backprop(untrained, X, Y).layers
    theirs = text_gradients(
        X, Y, [np.c_[layer.biases, layer.weights.T] for layer in layers], penalty
    )
    ours = [np.c_[layer.bias_gradient, layer.weight_gradient.T] for layer in layers]
    difference = max(np.abs(a - b).max() for a, b in zip(theirs, ours, strict=True))
    report = check_gradient(untrained, X, Y)
    assert difference < 1e-14
    assert report.passed
    assert report.n_checked == 57
    say(
        f"its gradients, lambda = {penalty:g}",
        "(its code)",
        f"differ by {difference:.0e}; check_gradient: right",
    )
untrained.set_params(alpha=0.0)

# %%
# "If your Theta terms are initialized to all zeros, then the network will fail to
# learn." This is true: with the same number of points in either class, every derivative
# is a sum that cancels. Depending on how a processor adds the points up, a rounding
# error of each sum may remain.
zeros = {name: [0 * array for array in arrays] for name, arrays in start.items()}
stuck = descend(X, y, zeros, 50).network_
rounding = len(X) * np.finfo(float).eps
largest = max(np.abs(coefs).max() for coefs in stuck.coefs_)
assert max(stuck.history_["gradient_norm"]) < rounding
assert largest < 50 * TEXT["learning_rate_init"] * rounding
assert np.isclose(stuck.loss_, 2 * np.log(2), rtol=1e-12)  # as before the first step
say(
    "all Theta zero",
    "fails to learn",
    f"cost stays at {stuck.loss_:.4f}, gradient below {rounding:.0e}",
)

# %%
# Take 1: 1000 steps
# ------------------
# How straight is a boundary? Among all straight lines, one agrees best with the regions
# that the network draws; a logistic regression on their labels finds it. The share of
# the area in which it agrees is 1 for a straight boundary.
low, high = X.min(axis=0) - 1, X.max(axis=0) + 1
picture = np.stack(
    np.meshgrid(*np.linspace(low, high, 150).T, indexing="ij"), axis=-1
).reshape(-1, 2)


def straightness(classifier):
    """Return the largest share of the picture that a straight line gets right."""
    labels = classifier.predict(picture)
    return LogisticRegression(C=1e6).fit(picture, labels).score(picture, labels)


def draw_boundary(classifier, X, y, ax, title):
    """Draw the regions of both classes, and the points."""
    DecisionBoundaryDisplay.from_estimator(
        classifier, X, response_method="predict", grid_resolution=250, eps=1, ax=ax,
        cmap=ListedColormap(["#cfe2f3", "#fde3cc"]),
    )  # fmt: skip
    draw_points(X, y, ax, title)


def draw_points(X, y, ax, title):
    """Draw the points of both classes."""
    for label, marker in enumerate("o^"):
        ax.scatter(
            *X[y == label].T, s=12, marker=marker, color=f"C{label}",
            edgecolor="black", linewidth=0.2, label=f"class {label}",
        )  # fmt: skip
    ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    ax.legend(loc="upper right", fontsize="small")


def draw_cost(network, ax, title):
    """Draw the cost of each step from zero up, as the text does."""
    LossCurveDisplay.from_estimator(network, ax=ax)
    ax.set(title=title, xlabel="iteration", ylabel="cost J", yscale="linear")
    ax.set_ylim(0, None)


take_1 = descend(X, y, start, 1000)
line = LogisticRegression().fit(X, y)
share, accuracy = straightness(take_1), take_1.score(X, y)
assert 0.51 < take_1.network_.loss_ < 0.53
assert 0.87 < accuracy < 0.88
assert share > 0.999
assert abs(accuracy - line.score(X, y)) < 0.005
say("cost after 1000 steps", "(a picture)", f"{take_1.network_.loss_:.3f}")
say(
    "boundary after 1000 steps",
    "a straight line",
    f"a line gets {share:.2%} of it right; accuracy {accuracy:.3f}",
)
print(f"accuracy of a logistic regression, a line by design: {line.score(X, y):.3f}")

figure, axes = plt.subplots(1, 3, figsize=(15, 4), layout="constrained")
draw_points(X, y, axes[0], "Two moons, 1000 points")
draw_cost(take_1.network_, axes[1], "Take 1: the cost levels off at 0.52")
draw_boundary(take_1, X, y, axes[2], "Take 1: the boundary is a straight line")
plt.show()

# %%
# Take 2: 5000 steps
# ------------------
# "Let's try train our model again, but this time for a bit longer", from the same
# weights. The text does not say that its code also leaves out half of the points: take
# 2 uses only the first 500. With these weights this matters. With all 1000 points the
# network is still on the line after 5000 steps, and needs another 1600.
take_2 = descend(half, y_half, start, 5000)
whole = descend(X, y, start, 7000).network_
leaves = int(np.flatnonzero(np.array(whole.loss_curve_) < 0.1)[0])
share = straightness(take_2)
assert take_2.network_.loss_ < 0.05
assert whole.loss_curve_[5000] > 0.45
assert 6000 < leaves < 7500
assert take_2.score(X, y) > 0.99
assert share < 0.95
say("cost after 5000 steps", "close to zero", f"{take_2.network_.loss_:.3f}")
say("boundary after 5000 steps", "not linear", f"a line gets {share:.1%} of it right")
say("points of take 2", "(not said)", 500)
say(
    "the same with all 1000 points",
    "-",
    f"cost {whole.loss_curve_[5000]:.3f} after 5000 steps, below 0.1 after {leaves}",
)
say("accuracy on the points left out", "-", f"{take_2.score(X[500:], y[500:]):.3f}")

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
draw_cost(take_2.network_, axes[0], "Take 2: after 4000 steps it falls again")
draw_boundary(take_2, half, y_half, axes[1], "Take 2: the boundary is curved")
plt.show()

# %%
# Why is there a plateau?
# -----------------------
# The text interprets its first curve as "converged to a minimum". At a minimum there is
# nothing left to gain. Here the gradient is small, but it is not zero, and later it
# grows again.
#
# To show this, the points are repeated ten times in the same order: an epoch is then
# ten of the text's steps, and the recorder keeps every tenth.
recorder = ParameterRecorder()
recorded = BackpropClassifier(**TEXT, batch_size=500, max_iter=500)
recorded.set_callbacks(recorder).fit(
    np.tile(half, (10, 1)), np.tile(one_column_per_class(y_half), (10, 1)), **start
)
assert np.allclose(recorded.coefs_[0], take_2.network_.coefs_[0], rtol=1e-6)
steps = 10 * np.array(recorder.epochs_)
norms = {
    layer: [
        np.sqrt(np.sum(weights[number] ** 2) + np.sum(biases[number] ** 2))
        for weights, biases in zip(
            recorder.coef_gradients_, recorder.intercept_gradients_, strict=True
        )
    ]
    for number, layer in enumerate(["hidden layer 1", "hidden layer 2", "output layer"])
}
overall = np.sqrt(np.sum(np.square(list(norms.values())), axis=0))
smallest = steps[overall.argmin()]
assert 1000 < smallest < 3000
assert overall[steps > 3000].max() > 3 * overall.min()
say(
    "at 1000 steps the cost is",
    "at a minimum",
    f"on a plateau: gradient {overall[100]:.4f}, {overall.min():.4f} at {smallest}, "
    f"then {overall[300:].max():.3f}",
)

figure, axes = plt.subplots(1, 2, figsize=(13, 4.8), layout="constrained")
ParameterPathDisplay(steps, norms, ylabel="length of the gradient").plot(axes[0])
axes[0].set(title="The gradient is small on the plateau, then grows", yscale="log")
axes[0].set(xscale="linear", xlabel="iteration", xticks=range(0, 5001, 1000))
axes[0].set_xticklabels(range(0, 5001, 1000))
axes[0].axvline(1000, color="0.5", linestyle=":")
axes[0].text(1060, 0.09, "take 1 ends here", color="0.3")
axes[0].legend(loc="upper right", fontsize="small")
ErrorSurfaceDisplay.from_estimator(
    recorded, half, one_column_per_class(y_half), recorder=recorder, ax=axes[1]
)
axes[1].set_title("From above: down a slope, along a shelf, over its edge")
plt.show()

# %%
# The reason is the sigmoid. Its derivative is at most 1/4, so with small weights each
# layer passes on a weaker signal, forward and backward: at the start the outputs hardly
# depend on the point. And in its middle a sigmoid is practically straight.
#
# At first, all five units of the first layer therefore learn the same: their weights
# turn to one direction, that of the best straight line, and stay there. Along it a
# unit's output is nearly a linear function of the point. Whatever the layers above make
# of it depends on one number, :math:`w \cdot x`, so the network is a logistic
# regression. The boundary bends when a second direction grows out of almost nothing.


def spread(network):
    """Return how much each layer's outputs vary from point to point."""
    layers = trace_backprop(network, X, Y).layers
    return [float(layer.activation.std(axis=0).mean()) for layer in layers]


def share_of_one_direction(network):
    """Return the share of the first layer's weights, squared, along one direction."""
    singular = np.linalg.svd(network.coefs_[0], compute_uv=False)
    return float(singular[0] ** 2 / np.sum(singular**2))


def least_linear(network):
    """Return the smallest R2 of a linear fit to an output of the first layer."""
    outputs = trace_backprop(network, X, Y).layers[0].activation
    return min(LinearRegression().fit(X, unit).score(X, unit) for unit in outputs.T)


for name, network in {
    "at the start": untrained,
    "after take 1": take_1.network_,
    "after take 2": take_2.network_,
}.items():
    layers = ", ".join(f"{value:.4f}" for value in spread(network))
    say(f"outputs of the three layers vary {name} by", "-", layers)
    say(
        f"first layer {name}",
        "-",
        f"{share_of_one_direction(network):.1%} of its weights in one direction, "
        f"R2 of a linear fit at least {least_linear(network):.3f}",
    )
first, second, last = spread(untrained)
assert first > 5 * second > 5 * last
assert share_of_one_direction(take_1.network_) > 0.99
assert share_of_one_direction(take_2.network_) < 0.9
assert least_linear(take_1.network_) > 0.98
assert least_linear(take_2.network_) < 0.8

# %%
# Does it always end well?
# ------------------------
# Not every start leaves the plateau within 5000 steps. The text names a range of
# :math:`\pm\epsilon` with :math:`\epsilon = \sqrt 6 / \sqrt{L_{out} + L_{in}}`, but its
# ``(rand - 0.5) * epsilon`` draws from half of it. Weights twice as large give a
# stronger signal and, as a rule, a shorter plateau; among these six starts the first is
# an exception.
widths = {"half the range (the text's code)": 1.0, "the range the text names": 2.0}
runs = {
    name: [
        descend(half, y_half, text_start(seed, width=width), 5000) for seed in range(6)
    ]
    for name, width in widths.items()
}
bound = np.sqrt(6) / np.sqrt(8)
largest = max(np.abs(text_start(seed)["coef_init"][0]).max() for seed in range(200))
say("initial weights within", f"+-{bound:.3f}", f"+-{largest:.3f} by its code")
assert 0.49 * bound < largest < 0.5 * bound

figure, axes = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained", sharey=True)
for ax, (name, fits) in zip(axes, runs.items(), strict=True):
    costs = [fit.network_.loss_ for fit in fits]
    gone = [cost < 0.1 for cost in costs]
    curved = [straightness(fit) < 0.95 for fit in fits]
    assert gone == curved
    say(
        f"of 6 starts, {name}",
        "(one start)",
        f"{sum(gone)} leave the plateau; cost "
        + " ".join(f"{cost:.3f}" for cost in costs),
    )
    for fit, left in zip(fits, gone, strict=True):
        ax.plot(
            fit.network_.loss_curve_, "-" if left else "--",
            color="C0" if left else "C1",
            label="leaves the plateau" if left else "is still there",
        )  # fmt: skip
    ax.set(title=f"{name[0].upper()}{name[1:]}: {sum(gone)} of 6 get away")
    ax.set(xlabel="iteration", ylim=(0, 1.6))
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    ax.legend(handles.values(), handles.keys(), loc="upper right")
axes[0].set_ylabel("cost J")
plt.show()
left = {
    name: sum(fit.network_.loss_ < 0.1 for fit in fits) for name, fits in runs.items()
}
assert list(left.values()) == [4, 5]

# %%
# What would you do today?
# ------------------------
# The same network with Xavier's weights (skann's default), scaled inputs and "adam" on
# batches of 32 points needs about fifty epochs if the rate is large enough; at 0.02
# most starts are still on the plateau after a hundred. With tanh, whose derivative in
# the middle is 1 instead of 1/4, in place of the hidden sigmoids, the same rate is
# enough, and training is faster. For a problem this small, L-BFGS is the best tool.
#
# The table counts epochs, of 32 steps here, and iterations of L-BFGS, each of which
# takes one or a few passes over the points.
modern = {
    "adam at 0.05, sigmoids": {"learning_rate_init": 0.05, "activation": "logistic"},
    "adam at 0.02, sigmoids": {"learning_rate_init": 0.02, "activation": "logistic"},
    "adam at 0.02, tanh": {"learning_rate_init": 0.02, "activation": "tanh"},
    "L-BFGS, sigmoids": {"solver": "lbfgs", "activation": "logistic"},
}
styles = [("--", "C1"), ((0, (1, 4)), "C1"), ("-.", "C4"), (":", "black")]


def epochs_until(network, cost=0.05):
    """Return the number of epochs until the cost is below."""
    below = np.flatnonzero(np.array(network.loss_curve_) < cost)
    return int(below[0]) + 1 if below.size else np.inf


say("epochs to cost 0.05: take 2", "-", epochs_until(take_2.network_))
figure, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
ax.plot(range(1, 5001), take_2.network_.loss_curve_, "-", label="the text's take 2")
for (name, settings), (style, color) in zip(modern.items(), styles, strict=True):
    fits = [
        BackpropClassifier(
            (5, 5), **settings, alpha=0.0, batch_size=32, max_iter=100,
            n_iter_no_change=np.inf, random_state=seed,
        ).fit(X, Y)
        for seed in range(4)
    ]  # fmt: skip
    epochs = [epochs_until(fit) for fit in fits]
    if name == "adam at 0.02, sigmoids":
        assert np.isinf(epochs).sum() > 2
    else:
        assert max(epochs) < epochs_until(take_2.network_) / 50
    counts = " ".join("none" if n == np.inf else str(n) for n in epochs)
    say(f"epochs to cost 0.05: {name}", "-", f"{counts} (4 starts)")
    costs = np.maximum(fits[0].loss_curve_, 1e-4)
    ax.plot(range(1, len(costs) + 1), costs, linestyle=style, color=color, label=name)
ax.set(xscale="log", yscale="log", xlabel="epoch (iteration of L-BFGS)")
ax.set(ylabel="cost J", ylim=(1e-3, 3))
ax.set_title("Tanh, or a larger rate, leaves the plateau within 70 epochs")
ax.axhline(0.05, color="0.6", linewidth=0.8)
ax.text(1.1, 0.053, "J = 0.05", color="0.4", fontsize="small")
ax.legend(loc="lower left", bbox_to_anchor=(0, 0.02))
plt.show()

# %%
# One hidden layer
# ----------------
# "Usually, this is the behavior we would get with logisitic regression or with a neural
# network containing only one hidden layer." For logistic regression this is true; with
# products of the inputs its boundary bends, as the text says at its end. For a network
# with one hidden layer it is false: five sigmoids in one layer separate the moons.
one_layer = [
    OneOutputPerClass(
        BackpropClassifier(
            (5,), activation="logistic", solver="lbfgs", alpha=0.0, max_iter=100,
            random_state=seed,
        )
    ).fit(X, y)
    for seed in range(4)
]  # fmt: skip
scores = [classifier.score(X, y) for classifier in one_layer]
assert min(scores) > 0.99
assert max(straightness(classifier) for classifier in one_layer) < 0.95
cubic = make_pipeline(PolynomialFeatures(3), LogisticRegression(C=100)).fit(X, y)
assert cubic.score(X, y) > 0.99
by_skann = BackpropClassifier(
    (), solver="lbfgs", alpha=1.0, scaling=None, tol=1e-8, random_state=0
).fit(X, y)
assert np.allclose(by_skann.coefs_[0][:, 0], line.coef_[0], rtol=1e-3)
say(
    "boundary with one hidden layer",
    "a straight line",
    f"curved, accuracy {min(scores):.3f} to {max(scores):.3f} (4 starts)",
)
say("logistic regression", "a straight line", f"accuracy {line.score(X, y):.3f}")
say("the same with powers to 3", "would do", f"accuracy {cubic.score(X, y):.3f}")

figure, axes = plt.subplots(1, 3, figsize=(15, 4), layout="constrained")
draw_boundary(line, X, y, axes[0], "Logistic regression: a straight line")
draw_boundary(cubic, X, y, axes[1], "Logistic regression on powers to 3: curved")
draw_boundary(one_layer[0], X, y, axes[2], "Five sigmoids in one layer: curved")
plt.show()

# %%
# Cross validation
# ----------------
# The text leaves this for another day. Since skann's estimators are scikit-learn
# estimators, it takes a single call.
modern_network = BackpropClassifier(
    (5, 5), activation="tanh", learning_rate_init=0.02, batch_size=32, max_iter=60,
    n_iter_no_change=np.inf, random_state=0,
)  # fmt: skip
scores = cross_val_score(OneOutputPerClass(modern_network), X, y, cv=5)
assert scores.mean() > 0.98
say("accuracy by cross validation", "(planned)", f"{scores.mean():.3f} of 5 parts")

# %%
# What the text says, and what skann gives
# ----------------------------------------
width = max(len(what) for what, _, _ in table)
middle = max(len(str(text)) for _, text, _ in table)
print(f"{'':{width}}  {'the text says':{middle}}  skann gives")
for what, text, ours in table:
    print(f"{what:{width}}  {text!s:{middle}}  {ours}")

# sphinx_gallery_thumbnail_path = "_static/thumbnails/001_python_implementation.png"
