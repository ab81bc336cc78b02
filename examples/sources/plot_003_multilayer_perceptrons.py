r"""
A wrong gradient, found by finite differences
=============================================

"An Introduction to Neural Networks: Multi-Layer Perceptrons" derives backpropagation
for a 4-5-1 network, prints its gradients, and trains it until the error stays at 0.051.
This example reproduces everything that it computes and draws, and ends with a table of
what the text says and what skann gives. Its printed predictions are right. Its printed
gradients are not, and its training multiplies two means where it should take the mean
of a product, so its error says nothing about the network. With the right gradient, the
same network reaches 0.007 from the same weights just as simply, and a plane, which the
text calls unfit for the problem, reaches 0.002.
"""

# %%
# The network
# -----------
# Sigmoids in the hidden layer, a linear output, half the squared error, full batches,
# and nothing else. The text keeps a layer's biases as the first row of its weights.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_absolute_percentage_error, root_mean_squared_error

from skann import BackpropRegressor, Normal, check_gradient
from skann.callbacks import ParameterRecorder
from skann.inspection import (
    ActivationDisplay,
    ErrorSurfaceDisplay,
    NetworkDiagramDisplay,
    trace_backprop,
)

# The text stops after a number of steps, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)

PLAIN = {
    "activation": "logistic",
    "solver": "sgd",
    "learning_rate_init": 0.2,
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "shuffle": False,
    "alpha": 0.0,
    "scaling": None,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
table = []


def say(what, text, ours):
    """Keep a row of the table, and print it."""
    table.append((what, text, ours))
    print(f"{what}: the text says {text}, skann gives {ours}")


def network(first, second):
    """Return a network with the given weights, biases in the first rows."""
    return BackpropRegressor.from_weights(
        [first[1:], second[1:]], [first[0], second[0]], **PLAIN
    )


# %%
# The text's first figure is a network with 3 inputs, 4 hidden units and an output.
draw = np.random.RandomState(0).normal
figure, ax = plt.subplots(figsize=(9, 4.6), layout="constrained")
NetworkDiagramDisplay.from_estimator(
    network(draw(0, 0.5, (4, 4)), draw(0, 0.5, (5, 1))), ax=ax
)
ax.set_title("A perceptron with one hidden layer: 3-4-1")
plt.show()

# %%
# The sigmoid
# -----------
# The derivative is at most 0.25, at zero. The text explains why it vanishes far from
# there, but swaps the sides: "the :math:`\sigma(x)` term tends to zero as :math:`x`
# increases and the :math:`1 - \sigma(x)` term tends to zero as :math:`x` becomes
# increasingly negative". It is the other way round.
x = np.linspace(-10, 10, 1001)
figure, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
sigmoid = ActivationDisplay.from_activations("logistic", pre_activation=x, ax=axes[0])
axes[0].set_title("The sigmoid and its derivative")
values, slopes = sigmoid.curves["logistic"]
axes[1].plot(x, values, label=r"$\sigma(x)$: zero at the left")
axes[1].plot(x, 1 - values, "--", label=r"$1 - \sigma(x)$: zero at the right")
axes[1].plot(x, slopes, ":", color="black", label=r"their product, $\sigma'(x)$")
axes[1].set(title="Each factor vanishes on one side", xlabel="$x$", ylabel="value")
axes[1].legend()
plt.show()

assert slopes.max() == 0.25
assert x[slopes.argmax()] == 0
assert values[0] < 1e-4 < 0.99 < values[-1]
say("largest slope of the sigmoid", "0.25 at 0", f"{slopes.max()} at 0")
say("sigma(x) tends to zero as x", "increases", "decreases")

# %%
# The forward pass
# ----------------
# The weights and the input are those that the text prints.
FIRST = np.array(
    [
        [-0.35488876, -0.23659869, -0.33867314, 0.36387468, 0.32611655],
        [-0.26065506, -1.05467748, 0.18559385, 0.25842844, -0.40552946],
        [-0.08049153, -0.62635345, 0.52101412, -0.08069795, -0.83872539],
        [-0.72111432, -0.29579596, -0.27537176, 0.66396855, 0.20578943],
        [0.52081198, -0.68363231, 0.01350068, -0.11467529, 0.26864561],
    ]
)
SECOND = np.array(
    [[0.03878111], [0.70394749], [-0.84874312], [0.50273702], [-0.8350314],
     [-0.26286314]]
)  # fmt: skip
sample = np.array([[0.003, 0.19, 0.1, 0.39]])
regressor = network(FIRST, SECOND)
prediction = regressor.predict(sample)
assert abs(prediction[0] - -0.3672341) < 5e-8
say("prediction", -0.3672341, f"{prediction[0]:.7f}")

# %%
# The gradient
# ------------
# The text prints the gradient of the prediction. With a target that is smaller by one,
# the error is one, and the gradient of the loss is that of the prediction. skann's
# hidden outputs, which are the gradient with respect to the output weights, agree with
# the text. The rest does not.
trace = trace_backprop(regressor, sample, prediction - 1, learning_rate=0.2)
hidden = trace.layers[0].activation[0]
printed_hidden = [0.44029649, 0.34187132, 0.43502067, 0.59169838, 0.57221471]
assert np.allclose(trace.layers[1].weight_gradient[:, 0], printed_hidden, atol=5e-9)
assert np.allclose(trace.layers[1].bias_gradient, 1)
for number, (text, value) in enumerate(zip(printed_hidden, hidden, strict=True), 1):
    say(f"output of hidden unit {number}", text, f"{value:.8f}")

PRINTED = np.array(
    [
        [9.55704063e-03, 2.86711219e-05, 1.81583772e-03, 9.55704063e-04,
         3.72724585e-03],
        [1.58384890e-01, 4.75154670e-04, 3.00931291e-02, 1.58384890e-02,
         6.17701071e-02],
        [-2.08602121e-01, -6.25806364e-04, -3.96344031e-02, -2.08602121e-02,
         -8.13548273e-02],
        [1.21456945e-01, 3.64370835e-04, 2.30768195e-02, 1.21456945e-02,
         4.73682085e-02],
        [-2.04403191e-01, -6.13209574e-04, -3.88366063e-02, -2.04403191e-02,
         -7.97172446e-02],
    ]
)  # fmt: skip
bias_gradient = trace.layers[0].bias_gradient
gradient = np.vstack([bias_gradient, trace.layers[0].weight_gradient])
for unit in range(5):
    say(
        f"derivative by the bias of unit {unit + 1}",
        f"{PRINTED[unit, 0]:.8f}",
        f"{bias_gradient[unit]:.8f}",
    )
assert np.abs(PRINTED[:, 0] - bias_gradient).min() > 0.1

# %%
# Who is right? ``check_gradient`` asks the loss itself: it moves each of the 31
# parameters slightly in both directions. To see the same without skann's help, move the
# first bias by hand.
report = check_gradient(regressor, sample, prediction - 1)
assert report.passed
assert report.n_checked == 31
print(report)
moved = [FIRST.copy(), FIRST.copy()]
moved[0][0, 0] += 1e-5
moved[1][0, 0] -= 1e-5
up, down = (network(first, SECOND).predict(sample)[0] for first in moved)
by_hand = (up - down) / 2e-5
assert abs(by_hand - bias_gradient[0]) < 1e-9
assert abs(by_hand - PRINTED[0, 0]) > 0.1
say("the first of these, by moving it", f"{PRINTED[0, 0]:.8f}", f"{by_hand:.8f}")

# %%
# What went wrong? Two things, each of which would be enough.
#
# - *Shifted by one.* The derivative with respect to a bias of unit j is its output
#   weight times ``h (1 - h)``. The text's ``weights[-1]`` starts with the output's
#   bias, so its ``weights[-1][j]`` is the weight of unit j - 1; for the first unit it
#   is that bias.
# - *Transposed.* The loop runs over units and, inside it, over inputs. Reshaped to
#   5 x 5, the derivatives of a unit form a row. In the weights they form a column.
#   Since there are five of each, no error is raised.
#
# The right gradient with both mistakes is the printed one, to the precision of the
# printed weights.
slope = hidden * (1 - hidden)
inputs = np.insert(sample[0], 0, 1)
with_both = np.outer(SECOND[:-1, 0] * slope, inputs)
assert np.allclose(with_both, PRINTED, rtol=2e-7, atol=0)
assert np.allclose(np.outer(SECOND[1:, 0] * slope, inputs).T, gradient, rtol=1e-12)
say("all 25 printed derivatives", "the gradient", "shifted by one, and transposed")

# %%
# There is also an error in a formula of the text. It sums over the hidden units, but a
# weight into unit j moves only that unit. Taken literally, all units would have the
# same derivative. The code does not have this sum.
literally = np.sum(SECOND[1:, 0] * slope)
assert np.abs(literally - bias_gradient).min() > 0.02
say(
    "derivative by any bias, its formula",
    f"{literally:.8f}",
    "one for each unit, as above",
)

limit = np.abs(gradient).max()
figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
for ax, (title, values) in zip(
    axes,
    {
        "What the text prints": PRINTED,
        "The same, transposed": PRINTED.T,
        "The right gradient": gradient,
    }.items(),
    strict=True,
):
    image = ax.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ax.text(
            column, row, f"{value:.3f}", ha="center", va="center", fontsize="small",
            color="white" if abs(value) > 0.6 * limit else "black",
        )  # fmt: skip
    ax.set(title=title, xlabel="unit j", xticks=range(5), xticklabels=range(1, 6))
    ax.set(yticks=range(5), yticklabels=["bias", "a", "b", "c", "d"])
figure.colorbar(image, ax=axes, label="derivative of the prediction")
figure.suptitle("The printed gradients belong to the weights of the unit before")
plt.show()

figure, ax = plt.subplots(figsize=(12, 7), layout="constrained")
NetworkDiagramDisplay.from_estimator(regressor, sample, prediction - 1, ax=ax)
ax.set_title("The 4-5-1 network, its values and its right gradient")
plt.show()

# %%
# The data
# --------
# The text announces normally distributed values, "on a standardised scale". Its code
# draws uniform ones between 0 and 1, and so do the rows that it prints. The function is
# made of four sigmoids.


def hyperplane(X):
    """Return the text's function of four variables."""
    return expit(X * [0.1, 1, 1, 1]) @ [1, 0.4, -0.2, 1]


# a, b, c, d, value and the text's prediction in the end
ROWS = np.array(
    [
        [0.915241, 0.876958, 0.505173, 0.072895, 1.198823, 1.259136],
        [0.651209, 0.839387, 0.396698, 0.127875, 1.207955, 1.265691],
        [0.560437, 0.257284, 0.839789, 0.385774, 1.195175, 1.154314],
        [0.680295, 0.022301, 0.435102, 0.412747, 1.199559, 1.222694],
        [0.282659, 0.047266, 0.276772, 0.855818, 1.299827, 1.303933],
        [0.300819, 0.980814, 0.318806, 0.996610, 1.413013, 1.411764],
        [0.063727, 0.616757, 0.848085, 0.298776, 1.195496, 1.127035],
        [0.943742, 0.417800, 0.793604, 0.591618, 1.270774, 1.238789],
        [0.434185, 0.968384, 0.128421, 0.601513, 1.340362, 1.396442],
        [0.737530, 0.995429, 0.733167, 0.031645, 1.183304, 1.210274],
    ]
)
assert np.allclose(hyperplane(ROWS[:, :4]), ROWS[:, 4], atol=1.5e-6)
random_state = np.random.RandomState(2)
X = np.column_stack([random_state.uniform(size=10000) for _ in "abcd"])
y = hyperplane(X)
say("values of the ten printed rows", "as printed", "the same")
say("range of the inputs", "normal (0, 1)", f"uniform, {X.min():.1f} to {X.max():.1f}")
constant = y.std()
say("RMSE of the mean as a prediction", "-", f"{constant:.4f}")

figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained", sharey=True)
for ax, column, name in zip(axes, X.T, "abcd", strict=True):
    ax.scatter(column[:1000], y[:1000], s=4, alpha=0.5)
    ax.set(xlabel=name)
axes[0].set_ylabel("value")
figure.suptitle("The value rises with d and b, falls with c, and hardly depends on a")
plt.show()


# %%
# The text's training
# -------------------
# Here it is with all its mistakes, computed from skann's traces: a target one below
# each prediction gives the mean derivative of the prediction. The mean error is
# multiplied by the mean derivative. And both stacks of derivatives start with the
# weights themselves, which are therefore averaged in, as one row among 10 001.


def mean_derivatives(regressor, X, *, shifted, transposed):
    """Return the prediction's mean derivatives by each layer, with mistakes or not."""
    layers = trace_backprop(regressor, X, regressor.predict(X) - 1).layers
    first = np.vstack([layers[0].bias_gradient, layers[0].weight_gradient])
    second = np.vstack([layers[1].bias_gradient, layers[1].weight_gradient])
    if shifted:
        # Instead of its own output weight, a unit gets that of the unit before.
        wrong = np.append(layers[1].biases, layers[1].weights[:-1, 0])
        first = first * wrong / layers[1].weights[:, 0]
    return (first.T if transposed else first), second


def train_like_the_text(
    regressor, n_steps, rate, *, shifted=True, transposed=True, stacked=True
):
    """Train in place as the text does, and return the RMSE before each step."""
    errors = []
    for _ in range(n_steps):
        error = regressor.predict(X) - y
        errors.append(np.sqrt(np.mean(error**2)))
        steps = mean_derivatives(regressor, X, shifted=shifted, transposed=transposed)
        weights = [
            np.vstack(layer)
            for layer in zip(regressor.intercepts_, regressor.coefs_, strict=True)
        ]
        if stacked:
            steps = [
                (len(X) * step + weight) / (len(X) + 1)
                for step, weight in zip(steps, weights, strict=True)
            ]
        new = [
            weight - rate * error.mean() * step
            for step, weight in zip(steps, weights, strict=True)
        ]
        regressor.coefs_ = [layer[1:] for layer in new]
        regressor.intercepts_ = [layer[0] for layer in new]
    return errors


# %%
# The text's data were drawn without a seed, and yet all its numbers are reproduced, to
# the extent that 10 000 points of one draw resemble those of another. It says "100
# epochs"; its code runs 25, and then 15 at half the rate.
TEXT_RMSE = [
    1.578374146804774, 0.9312349021539885, 0.5504270612951493, 0.3250227156553526,
    0.19379625178844223, 0.11996587444471339, 0.08115042336692907, 0.0629904988895241,
    0.05559431277355389, 0.05287504823997944, 0.05191990388661968, 0.05158625746082776,
    0.05146744701966655, 0.05142347747905161, 0.05140626381138705, 0.05139903472974495,
    0.0513957602600725, 0.05139416917360941, 0.05139335085545238, 0.05139291233823147,
    0.05139267084067152, 0.051392535541941925, 0.051392458948078694,
    0.051392415319202835, 0.05139239037771956,
]  # fmt: skip
as_text = network(FIRST, SECOND)
text_errors = train_like_the_text(as_text, 25, 0.2)
text_errors += train_like_the_text(as_text, 15, 0.1)
assert np.allclose(text_errors[:25], TEXT_RMSE, rtol=0.02)
assert text_errors[24] - text_errors[-1] < 1e-6
say("epochs of the first run", "100", 25)
for epoch in [1, 5, 10, 25]:
    say(
        f"RMSE, epoch {epoch}, its way",
        f"{TEXT_RMSE[epoch - 1]:.4f}",
        f"{text_errors[epoch - 1]:.4f}",
    )
say("RMSE after 15 epochs more", f"{0.05139235751906127:.6f}", f"{text_errors[-1]:.6f}")
ours = as_text.predict(ROWS[:, :4])
worst = np.abs(ours - ROWS[:, 5]).max()
assert worst < 0.003
say("its ten predictions", "as printed", f"the same within {worst:.4f}")

# %%
# Why does the error stop at 0.051? The text's answer: "close to the optimal solution
# our chosen model architecture and random initialisation can create". The real reason
# is that a step is proportional to the *mean* error. Once that is zero no weight moves,
# however large the errors are on either side. It is zero here, while the gradient of
# the loss is not.
mean_error = np.mean(as_text.predict(X) - y)
layers = trace_backprop(as_text, X, y).layers
left = max(np.abs(layer.weight_gradient).max() for layer in layers)
assert abs(mean_error) < 1e-4
assert left > 1e-3
say("where it stops, mean error", "-", f"{mean_error:.0e}")
say("and the largest derivative", "near an optimum", f"{left:.4f}")
relative = mean_absolute_percentage_error(y, as_text.predict(X))
assert 0.02 < relative < 0.05
say("its average error", "5-10 %", f"{relative:.1%}")

# %%
# The right gradient
# ------------------
# From the same weights, with the same rate, using ``fit``. The loss of an epoch is half
# the mean square of the errors before its step. (Other draws of the data end between
# 0.0070 and 0.0071.) The text's 25 steps would not have shown it: the right gradient is
# no better there.
n_steps = 5000
right = BackpropRegressor(5, **PLAIN, batch_size=len(X), max_iter=n_steps)
right.fit(
    X, y,
    coef_init=[FIRST[1:], SECOND[1:]],
    intercept_init=[FIRST[0], SECOND[0]],
)  # fmt: skip
right_errors = np.sqrt(2 * np.array(right.loss_curve_))
final = root_mean_squared_error(y, right.predict(X))
assert abs(right_errors[0] - text_errors[0]) < 1e-12
assert check_gradient(right, X[:100], y[:100])
assert 0.0068 < final < 0.0072
say("RMSE, right gradient, 25 steps", "0.0514 its way", f"{right_errors[24]:.4f}")
say("RMSE, right gradient, 5000 steps", "0.051 its way", f"{final:.4f}")

# %%
# Which mistake costs what? The product of the means is the one that matters: without
# the shift, the transposed matrix and the weights in the mean, the error stops just as
# early.
mended = {
    "the shift mended": train_like_the_text(
        network(FIRST, SECOND), 100, 0.2, shifted=False, transposed=True
    ),
    "the transpose mended": train_like_the_text(
        network(FIRST, SECOND), 100, 0.2, shifted=True, transposed=False
    ),
    "all but the product of means": train_like_the_text(
        network(FIRST, SECOND), 100, 0.2, shifted=False, transposed=False, stacked=False
    ),
}
for name, errors in mended.items():
    assert errors[-1] > 0.05
    assert abs(errors[24] - errors[-1]) < 1e-5
    say(f"RMSE, {name}", "-", f"{errors[-1]:.4f}")

figure, axes = plt.subplots(1, 2, figsize=(12.5, 4.6), layout="constrained")
axes[0].loglog(range(1, 41), text_errors, "--", color="C1", label="the text's training")
axes[0].loglog(
    range(1, n_steps + 1), right_errors, color="C0", label="the right gradient"
)
axes[0].axhline(constant, color="0.5", linestyle=":", label="the mean as prediction")
axes[0].set(title=f"Same network, same rate: {final:.4f} and not {text_errors[-1]:.4f}")
axes[0].set(xlabel="step", ylabel="root mean squared error")
axes[0].legend()
shown = slice(0, 400)
for regressor_, color, marker, label in (
    (as_text, "C1", "^", "the text's training"),
    (right, "C0", "o", "the right gradient"),
):
    axes[1].scatter(
        y[shown], regressor_.predict(X[shown]), s=12, color=color, marker=marker,
        alpha=0.7, label=label,
    )  # fmt: skip
ends = [y.min(), y.max()]
axes[1].plot(ends, ends, color="black", linewidth=0.8, label="without error")
axes[1].set(title="The text's training is right only on average")
axes[1].set(xlabel="true value", ylabel="prediction")
axes[1].legend()
plt.show()

# %%
# The text describes the loss as a mountainous landscape over the weights. The point
# where its own training ends is not a valley: from there, the right gradient leads
# further down. The figures show the plane that contains most of that path.
recorder = ParameterRecorder()
onward = BackpropRegressor(5, **PLAIN, batch_size=len(X), max_iter=400)
onward.set_callbacks(recorder).fit(
    X, y, coef_init=as_text.coefs_, intercept_init=as_text.intercepts_
)
onward_error = root_mean_squared_error(y, onward.predict(X))
assert onward_error < text_errors[-1] / 2
say("RMSE, 400 right steps from there", "0.0514 (15 more)", f"{onward_error:.4f}")

figure = plt.figure(figsize=(14, 5), layout="constrained")
landscape = {"X": X[:2000], "y": y[:2000], "recorder": recorder}
ax = figure.add_subplot(1, 2, 1, projection="3d")
ErrorSurfaceDisplay.from_estimator(onward, **landscape, kind="surface", ax=ax)
ax.set_title("The text's training ends on a slope")
ax.locator_params(nbins=4)
ax.zaxis.labelpad = 14
ax = figure.add_subplot(1, 2, 2)
ErrorSurfaceDisplay.from_estimator(onward, **landscape, ax=ax)
ax.set_title("From above: 400 right steps from the text's end")
plt.show()

# %%
# How good can it get?
# --------------------
# The text takes the problem to be "beyond the capacity of a single perceptron which
# learns a linear function". Between 0 and 1 a sigmoid is nearly straight. A network
# without a hidden layer, a plane, has an error of 0.002: a twentieth of the text's
# 0.051.
#
# And it is indeed "a known deterministic process which is within the set of functions
# our model can learn": four of the hidden units with the weights of the formula compute
# it exactly, and the fifth does nothing.
plane = BackpropRegressor((), solver="lbfgs", alpha=0.0, tol=1e-8).fit(X, y)
exact = network(
    np.vstack([np.zeros(5), np.eye(4, 5) * [0.1, 1, 1, 1, 0]]),
    np.array([[0.0], [1.0], [0.4], [-0.2], [1.0], [0.0]]),
)
error_of_plane = root_mean_squared_error(y, plane.predict(X))
error_of_exact = root_mean_squared_error(y, exact.predict(X))
assert error_of_plane < 0.0025
assert error_of_exact < 1e-15
say("RMSE of a plane", "(beyond it)", f"{error_of_plane:.4f}")
say("RMSE of the formula's weights", "can be learnt", f"{error_of_exact:.0e}")

# %%
# The text ends with what might help: other activations, more units, more layers, small
# batches, single samples. All of them do, on unseen points, within seconds; its way of
# drawing weights, ``Normal(0, 0.5)``, does no harm. (Without them, 25 full batches from
# new weights are too few.) But to beat the plane, a network has to learn how the
# function bends, and few do in so few epochs.
X_test = random_state.uniform(size=(10000, 4))
y_test = hyperplane(X_test)
better = {
    "single samples, 3 epochs": dict(PLAIN, batch_size=1, max_iter=3, shuffle=True),
    "batches of 32, 25 epochs": dict(PLAIN, batch_size=32, max_iter=25, shuffle=True),
    "and with momentum": dict(
        PLAIN, batch_size=32, max_iter=25, shuffle=True, momentum=0.9
    ),
    "adam": {"activation": "logistic", "learning_rate_init": 0.01, "max_iter": 25},
    "adam, relu": {"learning_rate_init": 0.01, "max_iter": 25},
    "adam, 20 units": {
        "hidden_layer_sizes": 20, "activation": "logistic",
        "learning_rate_init": 0.01, "max_iter": 25,
    },
    "adam, two layers of 5": {
        "hidden_layer_sizes": (5, 5), "activation": "logistic",
        "learning_rate_init": 0.01, "max_iter": 25,
    },
    "L-BFGS": {
        "activation": "logistic", "solver": "lbfgs", "max_iter": 300, "tol": 1e-8,
    },
}  # fmt: skip
results = {}
again = BackpropRegressor(
    5, **PLAIN, init=Normal(0, 0.5), batch_size=10000, max_iter=25
)
again_error = root_mean_squared_error(y_test, again.fit(X, y).predict(X_test))
say("RMSE, 25 full batches, new weights", "-", f"{again_error:.5f}")
for name, settings in better.items():
    settings = {
        "hidden_layer_sizes": 5, "init": Normal(0, 0.5), "alpha": 0.0,
        "n_iter_no_change": np.inf, "random_state": 0, **settings,
    }  # fmt: skip
    fitted = BackpropRegressor(**settings).fit(X, y)
    results[name] = root_mean_squared_error(y_test, fitted.predict(X_test))
    say(f"RMSE, {name}", "-", f"{results[name]:.5f}")
assert max(results.values()) < text_errors[-1] / 8
assert min(results, key=results.get) == "L-BFGS"

figure, ax = plt.subplots(figsize=(9, 4.4), layout="constrained")
names = [f"{name}: {error:.5f}" for name, error in results.items()]
ax.barh(names, list(results.values()))
ax.axvline(text_errors[-1], color="C1", linestyle="--", label="the text's training")
ax.axvline(error_of_plane, color="black", linestyle=":", label="a plane")
ax.set(xscale="log", xlim=(1e-4, 0.2), xlabel="RMSE on new points")
ax.set_title("What the text proposes takes its error to an eighth or less")
ax.invert_yaxis()
ax.legend(loc="lower right")
plt.show()

# %%
# What the text says, and what skann gives
# ----------------------------------------
# Three more slips that do not change any number: The comment says that for a bias the
# input is forced to be 0; the code rightly takes 1. The line that collects the
# predictions appends to a list that does not exist yet, and iterates over the four
# numbers of one input instead of the rows. And ``np.copy`` of a list of arrays of
# different shapes raises an error in today's NumPy; in that of the text it copied
# references, so its training changed the weights it was given.
width = max(len(what) for what, _, _ in table)
middle = max(len(str(text)) for _, text, _ in table)
print(f"{'':{width}}  {'the text says':{middle}}  skann gives")
for what, text, ours in table:
    print(f"{what:{width}}  {text!s:{middle}}  {ours}")

# sphinx_gallery_thumbnail_path = "_static/thumbnails/003_multilayer_perceptrons.png"
