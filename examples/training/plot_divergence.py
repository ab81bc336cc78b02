"""
When training diverges: what it looks like, and what helps
==========================================================

A step that is too long lands higher up on the other side of the valley. There the slope
is steeper, so the next step is longer still. After a few steps the weights are
astronomical. This example shows what scikit-learn's MLP does in that case, what skann
does, and what helps.
"""

# %%
# Ten measurements of 331 patients, in their own units (a cholesterol level of 200, an
# age of 50). The network is trained by gradient descent at a rate that is common
# elsewhere.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor

from skann import BackpropRegressor
from skann.inspection import suggest_learning_rate

X, y = load_diabetes(return_X_y=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
settings = {"solver": "sgd", "learning_rate_init": 0.01, "random_state": 0}


def warnings_of(estimator):
    """Fit, and return the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X_train, y_train)
    return [str(warning.message) for warning in caught]


# %%
# What it looks like
# ------------------
# The MLP gives no warning. Its loss of 10^26 no longer falls, which counts as
# convergence, and it returns a model. skann trains the same network to the same loss,
# as requested (``scaling=None``), but warns that nothing was learned.
silent = MLPRegressor(**settings)
said = warnings_of(silent)
score = silent.score(X_test, y_test)
print(f"MLP: {len(said)} warnings, R2 on unseen patients {score:.2g}")
assert said == []
assert score < -1e6

unscaled = BackpropRegressor(scaling=None, **settings)
said = warnings_of(unscaled)
print("skann:", said[0])
assert "nothing was learned" in said[0]

# %%
# In that network all relus end up dead, so the numbers stay finite. Without relus
# (``activation="identity"``, a linear network) the numbers overflow. skann stops in the
# epoch where this happens, raises an error that suggests remedies, and leaves the
# estimator as it was. The MLP with early stopping runs through 200 epochs of NaN and
# returns the weights of its best epoch as a model.
linear = {**settings, "activation": "identity"}
try:
    BackpropRegressor(scaling=None, early_stopping=True, **linear).fit(X_train, y_train)
except ValueError as error:
    message = str(error)
print("skann:", message)
best_of_bad = MLPRegressor(early_stopping=True, **linear)
warnings_of(best_of_bad)
print(
    f"MLP: {best_of_bad.n_iter_} epochs, the last loss is "
    f"{best_of_bad.loss_curve_[-1]}, R2 {best_of_bad.score(X_test, y_test):.2g}"
)
assert "Training diverged in epoch" in message
assert np.isnan(best_of_bad.loss_curve_[-1])
assert best_of_bad.score(X_test, y_test) < -1e6

# %%
# How large may the rate be?
# --------------------------
# A range test raises the learning rate with each step until the loss grows, and
# suggests a tenth of the rate with the smallest loss. For these unscaled data the
# suggestion is tiny; with skann's scaling it is ten thousand times as large.
curves = {}
for scaling in (None, "standard"):
    estimator = BackpropRegressor(scaling=scaling, **settings)
    curves[scaling] = suggest_learning_rate(estimator, X_train, y_train, lowest=1e-9)
    print(f"scaling={scaling!r}: suggested rate {curves[scaling].suggestion:.2g}")
suggestion = curves[None].suggestion
assert curves["standard"].suggestion > 1000 * suggestion

figure, axes = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
lines = ["-", "--", "-.", ":"]
# The colours of Okabe and Ito, which colour-blind readers can tell apart.
colors = ["#0072B2", "#E69F00", "#CC79A7", "#D55E00"]
rates = [1e-6, 1e-4, 1e-3, 1e-2]
for rate, line, color in zip(rates, lines, colors, strict=True):
    trial = MLPRegressor(**{**settings, "learning_rate_init": rate})
    warnings_of(trial)
    losses = trial.loss_curve_[:20]
    axes[0].plot(
        np.arange(1, len(losses) + 1), losses, line, marker=".", color=color,
        label=f"rate {rate:g}",
    )  # fmt: skip
axes[0].axhline(
    y_train.var() / 2, color="black", linewidth=0.8, label="always the mean", zorder=0
)
axes[0].set(title="Unscaled, all but the smallest rate fail", yscale="log")
axes[0].set(xlabel="epoch", ylabel="training loss (half the squared error)")
axes[0].set_xticks([1, 5, 10, 15, 20])
axes[0].legend()
for ax, (scaling, curve) in zip(axes[1:], curves.items(), strict=True):
    curve.plot(ax=ax)
    kind = "standard scaling" if scaling else "unscaled"
    ax.set_title(f"Range test, {kind}: take {curve.suggestion:.2g}")
    ax.set_xlabel("learning rate, raised at each step")
plt.show()

# %%
# What helps
# ----------
# In this order: scale the data, which skann does by default; use the rate that the
# range test suggests; clip long gradients with ``max_grad_norm``; or use Adam, whose
# steps do not grow with the gradient. All four prevent the explosion. Which is best for
# these few patients is not the question here.
remedies = {
    "none": {"scaling": None},
    "default scaling": {},
    "suggested rate": {"scaling": None, "learning_rate_init": suggestion},
    "max_grad_norm=1": {"scaling": None, "max_grad_norm": 1.0},
    'solver="adam"': {"scaling": None, "solver": "adam"},
}
r2 = {}
for name, remedy in remedies.items():
    estimator = BackpropRegressor(**{**settings, **remedy})
    said = warnings_of(estimator)
    r2[name] = estimator.score(X_test, y_test)
    print(f"{name:16} R2 on unseen patients {r2[name]:.3g}", *said[:1])
assert r2.pop("none") < -1e6
assert min(r2.values()) > 0.15

figure, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
bars = ax.barh(list(r2), list(r2.values()))
ax.bar_label(bars, fmt="%.2f", padding=4)
ax.set(title="Each remedy alone turns $-10^{15}$ into a useful model")
ax.set(xlabel="R² on unseen patients (0: always the mean)")
ax.margins(x=0.12)
ax.invert_yaxis()
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/divergence.png"
