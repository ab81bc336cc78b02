"""
Learning from a stream with partial_fit
=======================================

Rows arrive in small batches and are seen only once: each batch is first predicted, then
passed to ``partial_fit``. We compare skann with scikit-learn's linear
:class:`~sklearn.linear_model.SGDClassifier` and its network
:class:`~sklearn.neural_network.MLPClassifier`, both of which need a separate scaler,
and with a rule that learns nothing: repeat the last label.
"""

# %%
# The data: a stream whose rule rotates slowly. To use a stream of your own, run the
# example with a csv file in chronological order and with the class in the last column,
# such as that of the electricity market of New South Wales:
# ``python plot_stream.py electricity.csv``.
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skann import BackpropClassifier


def turning_stream(n_rows=20_000):
    """Return points in the plane, and in which of two pairs of quadrants they lie.

    The border between the quadrants makes one turn; each column has its own unit.
    """
    random_state = np.random.RandomState(0)
    points = random_state.randn(n_rows, 2)
    angle = np.linspace(0, 2 * np.pi, n_rows)
    a = np.cos(angle) * points[:, 0] + np.sin(angle) * points[:, 1]
    b = np.cos(angle) * points[:, 1] - np.sin(angle) * points[:, 0]
    noise = random_state.uniform(size=n_rows) < 0.05
    return points * [1000, 0.01] + [5000, 0], ((a * b > 0) ^ noise).astype(int)


if sys.argv[1:]:
    import pandas as pd

    name = Path(sys.argv[1]).name.split(".")[0]
    table = pd.read_csv(sys.argv[1])
    X, y = table.iloc[:, :-1].to_numpy(float), table.iloc[:, -1].to_numpy()
else:
    name = "a rotating border"
    X, y = turning_stream()
classes = np.unique(y)
print(f"{name}: {X.shape[0]} rows, {X.shape[1]} columns, {classes.size} classes")


# %%
# The models. skann's network scales its inputs by running statistics, and adjusts its
# first layer when these change. The others get a ``StandardScaler`` that learns from
# each batch. The linear model has a constant learning rate, since the rule may drift.
class Scaled:
    """An estimator behind a scaler, both of which learn batch by batch."""

    def __init__(self, estimator):
        self.scaler, self.estimator = StandardScaler(), estimator

    def partial_fit(self, X, y, classes):
        """Let the scaler learn, then the estimator."""
        X = self.scaler.partial_fit(X).transform(X)
        self.estimator.partial_fit(X, y, classes=classes)

    def predict(self, X):
        """Predict scaled rows."""
        return self.estimator.predict(self.scaler.transform(X))


settings = {"hidden_layer_sizes": (50,), "learning_rate_init": 0.005, "random_state": 0}
contenders = {
    "BackpropClassifier": BackpropClassifier(batch_size=20, **settings),
    "MLPClassifier": Scaled(MLPClassifier(batch_size=20, **settings)),
    "SGDClassifier": Scaled(
        SGDClassifier(
            loss="log_loss", learning_rate="constant", eta0=0.01, random_state=0
        )
    ),
}

# %%
# Test, then train, in batches of 100 rows. The first batch is for training only.
batches = np.array_split(np.arange(y.size), -(-y.size // 100))
right = {}
for contender, estimator in contenders.items():
    start = time.perf_counter()
    estimator.partial_fit(X[batches[0]], y[batches[0]], classes=classes)
    hits = []
    for batch in batches[1:]:
        hits.append(estimator.predict(X[batch]) == y[batch])
        estimator.partial_fit(X[batch], y[batch], classes=classes)
    right[contender] = np.concatenate(hits)
    seconds = time.perf_counter() - start
    print(f"{contender}: accuracy {right[contender].mean():.4f} in {seconds:.1f} s")
rest = batches[0].size
rule = "the class of the row before"
right[rule] = y[rest:] == y[rest - 1 : -1]

print(f"{rule}: accuracy {right[rule].mean():.4f}")

# %%
# Accuracy over time, as a moving average over a twentieth of the stream.
figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
window = max(1, y.size // 20)
# The colours of Okabe and Ito, which colour-blind readers can tell apart.
for (contender, hits), color, line in zip(
    right.items(),
    ["#0072B2", "#D55E00", "#009E73", "0.5"],
    ["-", "--", "-.", ":"],
    strict=True,
):
    total = np.cumsum(np.concatenate([[0], hits]))
    moving = (total[window:] - total[:-window]) / window
    rows = np.arange(rest + window, rest + window + moving.size)
    label = f"{contender} ({hits.mean():.3f})"
    axes.plot(rows, moving, color=color, linestyle=line, label=label)
axes.set_xlabel("rows seen")
axes.set_ylabel(f"accuracy on the last {window} rows")
axes.set_title(f"Test, then train: {name}")
title = "accuracy on all rows in parentheses"
figure.legend(title=title, loc="outside lower center", ncols=2)
axes.grid(alpha=0.3)
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/stream.png"
