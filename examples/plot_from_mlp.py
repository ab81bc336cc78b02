"""
From scikit-learn's MLP to skann
================================

skann's estimators take the parameters of scikit-learn's
:class:`~sklearn.neural_network.MLPRegressor` and
:class:`~sklearn.neural_network.MLPClassifier`. With ``scaling=None`` they train the
same network, number for number. What you gain is scaling by default, defaults for
tables, speed, your own validation data, and a record of the training.
"""

# %%
# The same parameters, the same network
# -------------------------------------
# Ten measurements of 442 patients, and how far their diabetes has progressed a year
# later. ``get_params`` of the MLP returns everything that skann needs. (As a positional
# argument, a regressor's first parameter is the loss in the MLP, and
# ``hidden_layer_sizes`` in skann.)
import copy
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropClassifier, BackpropRegressor
from skann.export import from_sklearn
from skann.inspection import LossCurveDisplay

# Some of these fits end at max_iter, and both libraries warn about it.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_diabetes(return_X_y=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

mlp = MLPRegressor(hidden_layer_sizes=(50,), max_iter=100, random_state=0)
same = BackpropRegressor(scaling=None, **mlp.get_params())
mlp.fit(X_train, y_train)
same.fit(X_train, y_train)
difference = np.max(np.abs(np.array(same.loss_curve_) / mlp.loss_curve_ - 1))
print(f"largest relative difference of a loss: {difference:.1e}")
assert len(same.loss_curve_) == len(mlp.loss_curve_)
assert difference < 1e-9
assert np.allclose(same.predict(X_test), mlp.predict(X_test))

# %%
# ``from_sklearn`` converts an MLP that is already fitted, including the optimizer's
# state, so that training can continue:
arrived = from_sklearn(mlp)
assert np.allclose(arrived.predict(X_test), mlp.predict(X_test))
further = copy.deepcopy(mlp).partial_fit(X_train, y_train)
arrived.partial_fit(X_train, y_train)
print(f"one more epoch: loss {further.loss_:.6f}, in skann {arrived.loss_:.6f}")
assert np.isclose(arrived.loss_, further.loss_)

# %%
# What changes: scaling, and the defaults
# ---------------------------------------
# By default skann scales the columns of X and, in regression, the target. The MLP needs
# a pipeline for this, and a wrapper for the target. With both, it is again the same
# network: scaling inside the estimator is the same method, but cannot be forgotten. If
# you set no parameters at all, you get the mean of eight networks with dropout and
# weight decay, with settings that did well in experiments on tables.
params = mlp.get_params()
wrapped = TransformedTargetRegressor(
    make_pipeline(StandardScaler(), MLPRegressor(**params)),
    transformer=StandardScaler(),
)
scaled = BackpropRegressor(**params)
half_wrapped = make_pipeline(StandardScaler(), MLPRegressor(**params))
r2 = {}
for name, estimator in {
    "MLP": MLPRegressor(**params),
    "skann, scaling=None": BackpropRegressor(scaling=None, **params),
    "MLP, X scaled": half_wrapped,
    "MLP, X and y scaled": wrapped,
    "skann": scaled,
    "skann, its defaults": BackpropRegressor(random_state=0),
}.items():
    r2[name] = estimator.fit(X_train, y_train).score(X_test, y_test)
    print(f"{name:20} R2 on unseen patients {r2[name]:.3f}")
assert np.allclose(scaled.predict(X_test), wrapped.predict(X_test))
assert r2["skann"] > 0.2
assert r2["skann, its defaults"] > r2["skann"]
assert r2["MLP"] < 0.2

# %%
# The unit of the target therefore does not matter. With a target a thousand times
# smaller, the MLP in the pipeline stops early, because ``tol`` is then large compared
# with the loss.
small_unit = y_train * 1e-3
bare = make_pipeline(StandardScaler(), MLPRegressor(**params)).fit(X_train, small_unit)
ours = BackpropRegressor(**params).fit(X_train, small_unit)
print(f"y / 1000: MLP {bare.score(X_test, y_test * 1e-3):.1f}")
print(f"y / 1000: skann {ours.score(X_test, y_test * 1e-3):.3f}")
assert np.isclose(ours.score(X_test, y_test * 1e-3), r2["skann"])

figure, axes = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
epochs = np.arange(1, mlp.n_iter_ + 1)
axes[0].plot(epochs, mlp.loss_curve_, linewidth=5, alpha=0.4, label="MLPRegressor")
axes[0].plot(epochs, same.loss_curve_, "--", color="C1", label="skann, scaling=None")
axes[0].set(title="With scaling=None the loss curves are the same")
axes[0].set(
    xlabel="epoch", ylabel="training loss (half the squared error)", yscale="log"
)
axes[0].legend()
names = [name.replace("skann, ", "skann,\n") for name in r2]
colors = ["C1" if name.startswith("skann") else "C0" for name in r2]
bars = axes[1].barh(names, list(r2.values()), color=colors)
axes[1].bar_label(bars, fmt="%.2f", padding=4)
axes[1].axvline(0, color="black", linewidth=0.8)
axes[1].set(title="By default skann scales X and y", xlabel="R² on unseen patients")
axes[1].margins(x=0.15)
axes[1].invert_yaxis()
plt.show()

# %%
# What you gain: speed
# --------------------
# The time of 20 epochs, best of five fits. Small networks gain most, because there the
# MLP spends its time not on matrix products but on everything around them. With float32
# inputs, which both accept, matrix products are twice as fast.
X, y = load_digits(return_X_y=True)
times = {}
for label, dtype, hidden in (
    ("(30,), float64", "float64", (30,)),
    ("(30,), float32", "float32", (30,)),
    ("(200, 100), float32", "float32", (200, 100)),
):
    inputs = (X / 16).astype(dtype)
    shared = {"hidden_layer_sizes": hidden, "max_iter": 20, "random_state": 0}
    contenders = MLPClassifier(**shared), BackpropClassifier(scaling=None, **shared)
    seconds = [[], []]
    for _ in range(5):
        for estimator, measured in zip(contenders, seconds, strict=True):
            start = time.perf_counter()
            estimator.fit(inputs, y)
            measured.append(time.perf_counter() - start)
    times[label] = np.min(seconds, axis=1)
    theirs, ours = 1000 * times[label]
    print(f"{label:20} MLP {theirs:5.0f} ms, skann {ours:5.0f} ms")

# %%
# What you gain: your own validation data, and a record
# -----------------------------------------------------
# The MLP's ``early_stopping`` uses a random tenth of the training data. skann accepts
# your own validation data, such as a later year or other patients, and any scorer.
# ``history_`` has one row per epoch, which displays can draw and pandas can show as a
# table.
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
X_learn, X_val, y_learn, y_val = train_test_split(X_train, y_train, random_state=0)
watched = BackpropClassifier(
    (30,),
    early_stopping=True,
    scoring="neg_log_loss",
    learning_rate_init=0.01,
    random_state=0,
)
watched.fit(X_learn, y_learn, X_val=X_val, y_val=y_val)
print(f"{watched.n_iter_} epochs, test accuracy {watched.score(X_test, y_test):.3f}")
print("a row of history_:", {name: row[-1] for name, row in watched.history_.items()})
assert watched.score(X_test, y_test) > 0.95

figure, axes = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
places = np.arange(len(times))
for shift, name, column in ((-0.2, "MLPClassifier", 0), (0.2, "skann", 1)):
    measured = [1000 * pair[column] for pair in times.values()]
    bars = axes[0].bar(places + shift, measured, 0.4, label=name)
    axes[0].bar_label(bars, fmt="%.0f")
axes[0].set_xticks(places, times)
axes[0].set(title="The same fit takes less time", ylabel="time of 20 epochs [ms]")
axes[0].set(xlabel="hidden layers and type of X")
axes[0].margins(y=0.12)
axes[0].legend()
LossCurveDisplay.from_estimator(watched, ax=axes[1])
axes[1].set_title("What history_ holds: loss and own validation score")
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/from_mlp.png"
