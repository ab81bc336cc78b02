"""
How sure is a prediction?
=========================

A regressor that learns quantiles predicts an interval: nine targets in ten should lie
between the 5 % and the 95 % quantiles. Whether they do must be tested on unseen data.
If they do not, the intervals can be corrected.
"""

# %%
# A curve with increasing noise, for which the correct interval is known.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from skann import BackpropRegressor

LEVELS = [0.05, 0.5, 0.95]


def curve(x):
    """Return the mean and the standard deviation of the target at x."""
    return np.sin(x) + 0.5 * x, 0.1 + 0.25 * x


random_state = np.random.RandomState(0)
x = random_state.uniform(0, 6, 3000)
mean, deviation = curve(x)
y = random_state.normal(mean, deviation)
learned, unseen = slice(0, 2000), slice(2000, None)

network = BackpropRegressor(
    (50, 50),
    activation="silu",
    loss="quantile",
    quantile=LEVELS,
    learning_rate="cosine",
    learning_rate_init=0.01,
    max_iter=100,
    n_iter_no_change=np.inf,
    random_state=0,
)
network.fit(x[learned, None], y[learned])


def coverage(low, high, y):
    """Return the share of targets inside their interval."""
    return np.mean((low <= y) & (y <= high))


low, median, high = network.predict(x[unseen, None]).T
print(f"Curve: {coverage(low, high, y[unseen]):.1%} of unseen targets in the interval")
shares = {}
for start in (0, 2, 4):
    part = (start <= x[unseen]) & (x[unseen] < start + 2)
    shares[start] = coverage(low[part], high[part], y[unseen][part])
    print(f"    {shares[start]:.1%} where {start} <= x < {start + 2}")

# %%
# A small real data set: 442 patients. The network is trained on 200 of them, and is
# overconfident about the others. Conformal prediction (Romano, Patterson and Candes,
# 2019, "Conformalized quantile regression") measures how far other rows lie outside
# their intervals, and widens all intervals so that nine in ten of these rows are
# covered. Coverage is guaranteed on average over splits; in a single split it may be
# higher or lower.
X, progression = load_diabetes(return_X_y=True)
plain, conformal, widths = [], [], []
for seed in range(10):
    X_rest, X_test, y_rest, y_test = train_test_split(
        X, progression, test_size=0.3, random_state=seed
    )
    X_learn, X_ask, y_learn, y_ask = train_test_split(
        X_rest, y_rest, train_size=200, random_state=seed
    )
    patients = BackpropRegressor(
        (20,), loss="quantile", quantile=LEVELS, early_stopping=True,
        learning_rate_init=0.01, random_state=seed,
    )  # fmt: skip
    patients.fit(X_learn, y_learn)
    low_ask, _, high_ask = patients.predict(X_ask).T
    outside = np.maximum(low_ask - y_ask, y_ask - high_ask)
    # One more than there are, to count the row to be predicted.
    rank = int(np.ceil(0.9 * (y_ask.size + 1)))
    margin = np.sort(outside)[rank - 1]
    low_test, _, high_test = patients.predict(X_test).T
    plain.append(coverage(low_test, high_test, y_test))
    conformal.append(coverage(low_test - margin, high_test + margin, y_test))
    widths.append(np.mean(high_test - low_test + 2 * margin))
print(
    f"Patients, ten splits: {np.mean(plain):.1%} in the interval, "
    f"{np.mean(conformal):.1%} after the conformal correction (from "
    f"{min(conformal):.1%} to {max(conformal):.1%}), which makes it "
    f"{np.mean(widths):.0f} wide on average (targets from {progression.min():.0f} to "
    f"{progression.max():.0f})"
)

# %%
# The predicted and the true quantiles.
figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
grid = np.linspace(0, 6, 200)
axes.plot(x[unseen], y[unseen], ".", color="0.75", markersize=4, label="unseen targets")
predicted = network.predict(grid[:, None])
axes.fill_between(
    grid, predicted[:, 0], predicted[:, 2], color="#56B4E9", alpha=0.4,
    label="predicted: 5 % to 95 %",
)  # fmt: skip
axes.plot(grid, predicted[:, 1], color="#0072B2", label="predicted median")
mean, deviation = curve(grid)
for level in LEVELS:
    axes.plot(
        grid,
        norm.ppf(level, mean, deviation),
        color="#D55E00",
        linestyle="--",
        label="true quantiles" if level == 0.5 else None,
    )
share = coverage(low, high, y[unseen])
axes.set_title(
    f"{100 * share:.0f} % of unseen targets lie in the predicted 90 % interval"
)
for start, share in shares.items():
    axes.axvline(start, color="0.6", linewidth=0.8)
    axes.text(start + 1, -2.2, f"{100 * share:.0f} % inside", ha="center")
axes.set_ylim(bottom=-2.5)
axes.set_xlabel("x")
axes.set_ylabel("target")
figure.legend(loc="outside lower center", ncols=4)
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/quantile_intervals.png"
