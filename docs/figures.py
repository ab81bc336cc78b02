"""Draws the figures of the guide: `python docs/figures.py [NAME ...]`.

Each function draws one, and the SVG in `_static/guide` has its name. They are
committed, so that the pages show them on GitHub as well.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from scipy.special import expit
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skann import BackpropClassifier, BackpropRegressor, Cosine, Cycles, OneCycle
from skann.inspection import diagnose

FOLDER = Path(__file__).parent / "_static" / "guide"
BLUE, ORANGE, GREEN, GREY = "#2563eb", "#ea580c", "#059669", "#64748b"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "skann",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREEN, GREY]),
    "legend.frameon": False,
    "axes.grid": True,
    "grid.alpha": 0.2,
}


def panels(n_panels, height=3.0):
    """Return a figure and its axes, side by side."""
    return plt.subplots(1, n_panels, figsize=(7.4, height), layout="constrained")


def wave(n_samples=60, seed=0):
    """Return noisy samples of a sine: inputs, targets and a grid."""
    rng = np.random.RandomState(seed)
    X = np.sort(rng.uniform(-3, 3, (n_samples, 1)), axis=0)
    return X, np.sin(2 * X[:, 0]) + 0.3 * rng.randn(n_samples), np.linspace(-3, 3, 300)


def networks():
    """Draw the activations of hidden layers."""
    figure, axes = panels(2)
    for ax, names in zip(
        axes, [("tanh", "logistic", "relu"), ("silu", "elu", "softplus")], strict=True
    ):
        z = np.linspace(-4, 4, 200)
        for name in names:
            ax.plot(z, value_of(name, z), label=name, linewidth=2)
        ax.set(ylim=(-1.3, 3), xlabel="$z$", ylabel="$f(z)$")
        ax.legend()
    return figure


def value_of(name, z):
    """Return an activation of z."""
    values = {
        "tanh": np.tanh,
        "logistic": expit,
        "relu": lambda z: np.maximum(z, 0),
        "silu": lambda z: z * expit(z),
        "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        "softplus": lambda z: np.logaddexp(0, z),
    }
    return values[name](z)


def losses():
    """Draw losses of a residual, and an interval by quantiles."""
    figure, (left, right) = panels(2)
    r = np.linspace(-3, 3, 301)
    left.plot(r, r**2 / 2, label="squared error")
    left.plot(r, np.abs(r), label="absolute error")
    left.plot(r, np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5), label="Huber")
    left.plot(r, np.where(r < 0, -0.9 * r, 0.1 * r), "--", label="quantile 0.9")
    left.set(xlabel="residual $p - y$", ylabel="loss", ylim=(0, 3))
    left.legend()
    rng = np.random.RandomState(0)
    X = np.sort(rng.uniform(0, 3, (600, 1)), axis=0)
    y = np.sin(2 * X[:, 0]) + (0.1 + 0.25 * X[:, 0]) * rng.randn(600)
    model = BackpropRegressor(
        (64,), recipe="mlp", scaling="standard", loss="quantile",
        quantile=[0.05, 0.5, 0.95], learning_rate="cosine", learning_rate_init=0.01,
        max_iter=150, random_state=0,
    ).fit(X, y)  # fmt: skip
    low, median, high = model.predict(X).T
    right.scatter(X, y, s=5, color=GREY, alpha=0.4, linewidth=0, rasterized=True)
    right.fill_between(X[:, 0], low, high, alpha=0.25, label="0.05 to 0.95")
    right.plot(X, median, label="median")
    right.set(xlabel="$x$", ylabel="$y$", title="quantiles follow the noise")
    right.legend(loc="lower left")
    return figure


def regularisation():
    """Draw the same large network without and with regularisation."""
    figure, axes = plt.subplots(
        1, 2, figsize=(7.4, 3), layout="constrained", sharey=True
    )
    X, y, grid = wave()
    common = {"recipe": "mlp", "scaling": "standard", "solver": "lbfgs"}
    common |= {"activation": "tanh"}
    for ax, alpha in zip(axes, [0.0, 0.03], strict=True):
        model = BackpropRegressor(
            (200,), alpha=alpha, max_iter=5000, random_state=2, **common
        ).fit(X, y)
        ax.scatter(X, y, s=12, color=GREY)
        ax.plot(grid, model.predict(grid[:, np.newaxis]), linewidth=2)
        ax.plot(grid, np.sin(2 * grid), "--", color=GREEN, linewidth=1)
        ax.set(title=f"200 units, alpha={alpha:g}", xlabel="$x$", ylim=(-2, 2))
    return figure


def training():
    """Draw schedules of the learning rate."""
    figure, ax = panels(1)
    epochs = np.arange(120)
    X, y = np.random.RandomState(0).randn(200, 2), np.arange(200.0) % 7
    schedules = {
        '"constant"': "constant",
        '"cosine"': Cosine(120),
        '"one_cycle"': OneCycle(120),
        '"cycles"': Cycles(120),
    }
    for name, schedule in schedules.items():
        model = BackpropRegressor(
            (2,), recipe="mlp", learning_rate=schedule, learning_rate_init=0.005,
            max_iter=120, n_iter_no_change=120, random_state=0,
        ).fit(X, y)  # fmt: skip
        ax.plot(epochs, model.history_["learning_rate"], label=name)
    ax.set(xlabel="epoch", ylabel="learning rate")
    ax.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def stopping():
    """Draw how the losses of training and validation data drift apart."""
    figure, ax = panels(1)
    X, y = load_diabetes(return_X_y=True)
    X, X_val, y, y_val = train_test_split(X, y, random_state=0)
    model = BackpropRegressor(
        (100,), recipe="mlp", scaling="standard", learning_rate_init=0.003,
        max_iter=300, n_iter_no_change=300, random_state=0, scoring="loss",
    ).fit(X, y, X_val=X_val, y_val=y_val)  # fmt: skip
    validation = -np.array(model.validation_scores_)
    best = int(np.argmin(validation))
    ax.plot(model.loss_curve_, label="training loss")
    ax.plot(validation, label="validation loss")
    ax.axvline(best, color=GREY, linestyle=":")
    ax.annotate(
        "best epoch", (best, validation.max() * 0.9), xytext=(6, 0),
        textcoords="offset points", color=GREY,
    )  # fmt: skip
    ax.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    ax.legend()
    return figure


def tuning():
    """Draw underfitting, a good fit and overfitting."""
    figure, axes = plt.subplots(
        1, 3, figsize=(7.4, 2.8), layout="constrained", sharey=True
    )
    X, y, grid = wave()
    common = {"solver": "lbfgs", "activation": "tanh", "random_state": 2}
    common["max_iter"] = 5000
    cases = {
        "underfitting": ((1,), 0.1),
        "a good fit": ((50,), 0.03),
        "overfitting": ((200,), 0.0),
    }
    for ax, (title, (sizes, alpha)) in zip(axes, cases.items(), strict=True):
        model = BackpropRegressor(sizes, alpha=alpha, **common).fit(X, y)
        ax.scatter(X, y, s=10, color=GREY)
        ax.plot(grid, model.predict(grid[:, np.newaxis]), linewidth=2)
        ax.set(title=title, xlabel="$x$", ylim=(-2, 2))
    return figure


def scaling():
    """Draw what two scalings make of a column with one extreme value."""
    figure, axes = panels(2, 2.6)
    rng = np.random.RandomState(0)
    X = rng.randn(300, 1)
    y = np.sin(2 * X[:, 0])
    X[0] = 1e3
    grid = np.linspace(-3, 3, 300)
    for ax, name in zip(axes, ["standard", "bounded"], strict=True):
        model = BackpropRegressor((64, 64), scaling=name, random_state=0).fit(X, y)
        ax.scatter(X[1:], y[1:], s=8, color=GREY, alpha=0.5, linewidth=0)
        ax.plot(grid, model.predict(grid[:, np.newaxis]), linewidth=2, color=ORANGE)
        ax.set(title=f'scaling="{name}"', xlabel="$x$ (one of 300 values is 1000)")
    return figure


def boxes(ax, texts, colours):
    """Draw boxes from left to right, with arrows between them."""
    ax.set(xlim=(0, len(texts)), ylim=(0, 1))
    ax.axis("off")
    for i, (text, colour) in enumerate(zip(texts, colours, strict=True)):
        ax.add_patch(
            FancyBboxPatch(
                (i + 0.08, 0.12),
                0.74,
                0.76,
                boxstyle="round,pad=0.02",
                facecolor=colour,
                alpha=0.14,
                edgecolor=colour,
            )
        )
        ax.text(i + 0.45, 0.5, text, ha="center", va="center", fontsize=9)
        if i:
            ends = (i - 0.14, 0.5), (i + 0.06, 0.5)
            ax.add_patch(
                FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, color=GREY)
            )


def tables():
    """Draw the path of a row of a table into the network."""
    figure, ax = panels(1, 1.9)
    texts = [
        "age 52\ncity 'Oslo'\nbmi (missing)",
        "numbers:\nscaled\ngaps: median",
        "labels: one\nindicator each;\nrare ones share",
        "52.0 -> 0.4\nOslo -> 0 1 0\nmissing -> 1",
        "network",
    ]
    boxes(ax, texts, [GREY, BLUE, BLUE, GREY, ORANGE])
    return figure


def deployment():
    """Draw where a fitted estimator can go."""
    figure, ax = panels(1, 1.7)
    texts = [
        "fitted\nestimator",
        "to_onnx:\nany language",
        "skops:\nPython, safely",
        "pickle, joblib:\nyour own files",
        "to_sklearn:\nscikit-learn",
    ]
    boxes(ax, texts, [ORANGE, BLUE, BLUE, GREEN, GREEN])
    for patch in [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]:
        patch.remove()
    return figure


def streams():
    """Draw the accuracy along a stream whose rule changes halfway."""
    figure, ax = panels(1)
    rng = np.random.RandomState(0)
    X = rng.randn(12_000, 5)
    law = np.where(
        np.arange(12_000)[:, np.newaxis] < 6000, [1, 1, 0, 0, 0], [1, -1, 0, 0, 0]
    )
    y = (np.sum(X * law, axis=1) > 0).astype(int)
    model = BackpropClassifier((20,), random_state=0)
    accuracies = []
    for rows in np.array_split(np.arange(12_000), 120):
        if accuracies or rows[0]:
            accuracies.append(model.score(X[rows], y[rows]))
        model.partial_fit(X[rows], y[rows], classes=[0, 1])
    ax.plot(100 * np.arange(1, 120), accuracies)
    ax.axvline(6000, color=GREY, linestyle=":")
    ax.annotate("the rule changes", (6100, 0.55), color=GREY)
    ax.set(xlabel="rows seen", ylabel="accuracy on the next 100", ylim=(0.4, 1))
    return figure


def inspection():
    """Draw the first layer of a network of digits, as images."""
    figure, axes = plt.subplots(2, 8, figsize=(7.4, 2.1), layout="constrained")
    X, y = load_digits(return_X_y=True)
    model = BackpropClassifier(
        (16,), scaling=None, alpha=5.0, solver="lbfgs", max_iter=100, random_state=0
    )
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        model.fit(X / 16, y)
    limit = np.abs(model.coefs_[0]).max()
    for ax, weights in zip(axes.ravel(), model.coefs_[0].T, strict=True):
        ax.imshow(weights.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
        ax.axis("off")
    return figure


def sklearn():
    """Draw a search over two parameters."""
    figure, ax = panels(1)
    X, y = load_breast_cancer(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    alphas = np.logspace(-3, 2, 6)
    for sizes in [(), (20,)]:
        scores = []
        for alpha in alphas:
            model = BackpropClassifier(
                sizes, alpha=alpha, solver="lbfgs", max_iter=1000, random_state=0
            )
            scores.append(model.fit(X, y).score(X_test, y_test))
        ax.semilogx(alphas, scores, "o-", label=f"hidden_layer_sizes={sizes}")
    ax.set(xlabel="alpha", ylabel="accuracy on new rows")
    ax.legend()
    return figure


def diagnosis():
    """Draw two failed fits beside simpler models."""
    figure, axes = plt.subplots(2, 1, figsize=(7.4, 4.6), layout="constrained")
    X, y = load_wine(return_X_y=True)
    deep = BackpropClassifier((30,) * 8, "logistic", max_iter=50, random_state=0)
    parts = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
    X_train, X_val, y_train, y_val = parts
    overfitted = BackpropRegressor(
        (100,), "relu", solver="lbfgs", alpha=0.0, max_iter=500, random_state=0
    ).fit(X_train, y_train)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        deep.fit(X, y)
    diagnose(deep, X, y).plot(axes[0])
    diagnose(overfitted, X_train, y_train, X_val, y_val).plot(axes[1])
    return figure


FIGURES = (
    networks, losses, regularisation, training, stopping, tuning, scaling, tables,
    streams, inspection, sklearn, deployment, diagnosis,
)  # fmt: skip


def main():
    """Draw the figures named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*")
    names = parser.parse_args().names
    FOLDER.mkdir(exist_ok=True)
    for draw in FIGURES:
        if not names or draw.__name__ in names:
            with plt.rc_context(STYLE):
                figure = draw()
                figure.savefig(FOLDER / f"{draw.__name__}.svg", metadata={"Date": None})
                plt.close(figure)


if __name__ == "__main__":
    main()
