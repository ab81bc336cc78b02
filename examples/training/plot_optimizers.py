"""
Which optimizer is fastest, and how sensitive is it?
====================================================

The same network starts from the same weights and learns the same digits: by plain
gradient descent, with momentum, with Nesterov's momentum, with Adam, with RMSProp,
which is written here in a few lines, and with L-BFGS. An epoch takes longer with some
than with others, so the loss is drawn against both epochs and time. Since a learning
rate that suits one of them ruins another, each is tried with nine rates and shown with
its best.
"""

# %%
# To write an optimizer, subclass ``skann.Optimizer``: it has a state, which is a dict,
# and takes a step on one flat array of all weights. RMSProp divides the gradient by the
# root of its recent mean square (Tieleman and Hinton, 2012).
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skann import BackpropClassifier, BackpropRegressor, Optimizer
from skann.callbacks import ParameterRecorder
from skann.inspection import ErrorSurfaceDisplay

# A comparison ends after a number of epochs, converged or not.
warnings.simplefilter("ignore", ConvergenceWarning)


class RMSProp(Optimizer):
    """Steps of about the same size for each weight."""

    def initial_state(self, theta):
        """Remember a mean square for each weight."""
        return {"square": np.zeros_like(theta)}

    def step(self, theta, gradient, learning_rate, state):
        """Move all weights, in place."""
        state["square"] *= 0.9
        state["square"] += 0.1 * gradient**2
        theta -= learning_rate * gradient / (np.sqrt(state["square"]) + 1e-8)


optimizers = {
    "gradient descent": {"solver": "sgd", "momentum": 0.0},
    "momentum 0.9": {"solver": "sgd", "nesterovs_momentum": False},
    "Nesterov 0.9": {"solver": "sgd"},
    "RMSProp": {"solver": RMSProp()},
    "Adam": {"solver": "adam"},
    "L-BFGS": {"solver": "lbfgs"},
}
# The colours of Okabe and Ito, which colour-blind readers can tell apart.
colors = ["#000000", "#E69F00", "#56B4E9", "#CC79A7", "#0072B2", "#D55E00"]
lines = [":", "--", "-", "--", "-", "-."]
styles = {
    name: {"color": color, "linestyle": line}
    for name, color, line in zip(optimizers, colors, lines, strict=True)
}

# %%
# Thirty epochs with each rate. If the rate is too high, skann may raise an error, which
# counts as an infinite loss here. L-BFGS chooses its step lengths itself.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
rates = np.geomspace(1e-4, 1, 9)
settings = {
    "learning_rate": "constant", "max_iter": 30, "n_iter_no_change": np.inf,
    "random_state": 0,
}  # fmt: skip
fitted, final_losses, milliseconds = {}, {}, {}


def fit(name, rate):
    """Return the fitted network, or None if it diverged."""
    network = BackpropClassifier(
        (32,), **optimizers[name], **settings, learning_rate_init=rate
    )
    try:
        return network.fit(X_train, y_train)
    except ValueError as error:
        if "diverged" not in str(error):
            raise
        return None


fit("L-BFGS", 1.0)  # the first call of scipy's takes longer
for name in optimizers:
    trials = [fit(name, rate) for rate in (rates if name != "L-BFGS" else [1.0])]
    losses = [np.inf if trial is None else trial.loss_ for trial in trials]
    final_losses[name] = losses
    best = int(np.argmin(losses))
    # Five times the same: of each epoch's times the shortest was disturbed least.
    again = [fit(name, rates[best] if len(trials) > 1 else 1.0) for _ in range(5)]
    durations = [np.diff(run.history_["seconds"], prepend=0) for run in again]
    milliseconds[name] = 1000 * np.cumsum(np.min(durations, axis=0))
    fitted[name] = trials[best]
    chosen = f"rate {rates[best]:.2g}" if len(trials) > 1 else ""
    print(
        f"{name:17} {chosen:12} loss {losses[best]:.5f}, test accuracy "
        f"{fitted[name].score(X_test, y_test):.3f}, "
        f"{milliseconds[name][-1]:.0f} ms"
    )

# %%
# All in one figure. An iteration of L-BFGS is one step on all data; an epoch of the
# others is seven steps. Right: the effect of the learning rate.
figure, axes = plt.subplots(1, 3, figsize=(15, 5), layout="constrained")
for name, network in fitted.items():
    history = network.history_
    axes[0].plot(history["epoch"], history["loss"], label=name, **styles[name])
    axes[1].plot(milliseconds[name], history["loss"], **styles[name])
    if len(final_losses[name]) > 1:
        axes[2].plot(rates, final_losses[name], marker="o", **styles[name])
axes[0].set(title="By epochs", xlabel="epoch")
axes[1].set(title="By time", xlabel="time since training began [ms]")
axes[2].set(title="By learning rate, after 30 epochs", xlabel="learning rate")
axes[2].set(xscale="log")
for ax in axes:
    ax.set(yscale="log", ylabel="training loss (log loss)")
    ax.grid(alpha=0.3)
figure.suptitle("Six optimizers learn the digits, each at its best learning rate")
figure.legend(loc="outside lower center", ncols=6)
plt.show()

end = {name: network.loss_ for name, network in fitted.items()}
assert end["Adam"] < end["gradient descent"]
assert end["momentum 0.9"] < end["gradient descent"]
assert end["L-BFGS"] < end["gradient descent"]

# %%
# How do they move? A linear model of two correlated columns has two weights, and its
# squared error is a long valley. The steep walls limit the step length of gradient
# descent, which creeps along the floor. Momentum gathers speed along the floor, and
# overshoots. RMSProp and Adam take steps of similar size along both axes, whatever the
# slope. L-BFGS learns the shape of the valley from a few gradients.
random_state = np.random.RandomState(0)
column = random_state.randn(200)
X_line = np.column_stack([column, 0.85 * column + 0.5 * random_state.randn(200)])
X_line -= X_line.mean(axis=0)
y_line = X_line @ [1.0, 1.0] + 0.4 * random_state.randn(200)
own_rates = [0.85, 0.04, 0.04, 0.15, 0.3, 1.0]


def follow(name, rate):
    """Return the fitted line and the recorder of its path."""
    recorder = ParameterRecorder()
    line = BackpropRegressor(
        (), **optimizers[name], scaling=None, alpha=0.0, batch_size=200,
        max_iter=40, n_iter_no_change=np.inf, learning_rate_init=rate,
    )  # fmt: skip
    line.set_callbacks(recorder).fit(
        X_line, y_line, coef_init=[[[-2.0], [2.0]]], intercept_init=[[0.0]]
    )
    return line, recorder


figure, axes = plt.subplots(
    2, 3, figsize=(14, 8), sharex=True, sharey=True, layout="constrained"
)
weights = [(0, 0, 0), (0, 1, 0)]
# L-BFGS ends in the minimum, so its window suits all of them: it is drawn first.
valley = None
for name, ax, rate in reversed(
    list(zip(optimizers, axes.flat, own_rates, strict=True))
):
    line, recorder = follow(name, rate)
    if valley is None:
        valley = ErrorSurfaceDisplay.from_estimator(
            line, X_line, y_line, parameters=weights, recorder=recorder,
            span=(3.6, 3.0), grid_resolution=61, ax=ax,
        )  # fmt: skip
    else:
        path = [[*coefs[0][:, 0], 0.0] for coefs in recorder.coefs_]
        path[-1][2] = recorder.losses_[-1]
        ErrorSurfaceDisplay(
            valley.values, valley.losses, valley.labels, path[-1], np.array(path)
        ).plot(ax=ax)
    ax.get_legend().remove()
    if ax not in axes[:, -1]:
        figure.axes[-1].remove()  # one colour bar for each row
    ax.set(title=f"{name}: {line.n_iter_} steps, rate {rate:g}", xlabel="", ylabel="")
axes[1, 2].set_title(f"L-BFGS: {len(valley.path) - 1} steps")
handles, labels = axes[0, 0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=3)
for ax in axes[1]:
    ax.set_xlabel("first weight")
for ax in axes[:, 0]:
    ax.set_ylabel("second weight")
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/optimizers.png"
