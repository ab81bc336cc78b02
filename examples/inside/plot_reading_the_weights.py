"""
What can be read from a network's weights?
==========================================

Everything that a network has learned is in its weights. Some of them can be
interpreted: those of the first layer as pictures of what a hidden unit responds to, and
those of a linear network as slopes in the units of the data. For the others it is
better to test how well the network does without a column.
"""

# %%
# Pictures of the first layer
# ---------------------------
# A hidden unit has one weight for each pixel of a digit, and together these make an
# image: ink on blue pixels excites the unit, ink on red ones inhibits it. With the
# default ``alpha``, which is tiny, part of the image is noise from the initial weights.
# A larger penalty removes everything that the digits do not need, and leaves strokes
# and their edges. It also improves the accuracy on unseen digits.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from skann import BackpropClassifier, BackpropRegressor
from skann.inspection import NetworkDiagramDisplay, WeightImageDisplay, trace_backprop

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
# One scale for all pixels: "standard" would magnify the rare ink of the margins.
X_train, X_test = X_train / 16, X_test / 16

figure, axes = plt.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
unseen = X_train.max(axis=0) == 0  # pixels without ink in all training digits
accuracy, noise = {}, {}
for ax, alpha in zip(axes, (0.0001, 1.0), strict=True):
    reader = BackpropClassifier(
        (32,), solver="lbfgs", scaling=None, alpha=alpha, tol=1e-4, max_iter=3000,
        random_state=0,
    )  # fmt: skip
    reader.fit(X_train, y_train)
    accuracy[alpha] = reader.score(X_test, y_test)
    noise[alpha] = np.abs(reader.coefs_[0][unseen]).mean()
    print(
        f"alpha={alpha:g}: test accuracy {accuracy[alpha]:.3f}, mean size of the "
        f"weights of {unseen.sum()} empty pixels {noise[alpha]:.2g}"
    )
    WeightImageDisplay.from_estimator(reader, (8, 8), n_units=16, ax=ax)
    ax.set_title(f"alpha={alpha:g}: {accuracy[alpha]:.1%} of test digits right")
assert noise[1.0] < 0.1 * noise[0.0001]
assert accuracy[1.0] > accuracy[0.0001] > 0.93
figure.suptitle("What the 16 units with the largest outgoing weights look for")
plt.show()

# %%
# Which units do nothing?
# -----------------------
# A relu whose input is negative for every sample always returns zero, gets no gradient,
# and never recovers. ``trace_backprop`` returns the activations of every layer. With a
# high learning rate most units die, but the network still recognises digits with the
# remaining ones.


def dead_units(classifier):
    """Say which hidden units are zero for all training samples."""
    trace = trace_backprop(classifier, X_train, y_train)
    return ~(trace.layers[0].activation > 0).any(axis=0)


settings = {
    "scaling": None,
    "learning_rate": "cosine",
    "max_iter": 80,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
rates = [0.001, 0.01, 0.03, 0.1, 0.2, 0.3]
n_dead, accuracies = [], []
for rate in rates:
    classifier = BackpropClassifier((64,), learning_rate_init=rate, **settings)
    classifier.fit(X_train, y_train)
    n_dead.append(dead_units(classifier).sum())
    accuracies.append(classifier.score(X_test, y_test))
    print(f"rate {rate}: {n_dead[-1]} of 64 units dead, accuracy {accuracies[-1]:.3f}")
assert n_dead[-1] > 32 > n_dead[0]

figure, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
ax.plot(rates, n_dead, "o-", label="dead units of 64")
ax.plot(rates, 100 * np.array(accuracies), "s--", label="test accuracy [%]")
ax.set(title="Large first steps kill hidden units", xscale="log", ylim=(0, 105))
ax.set(xlabel="learning rate (Adam)", ylabel="units, or per cent")
ax.legend(loc="center left")
plt.show()

# %%
# Which pixels matter?
# --------------------
# A large weight means that a pixel influences a hidden unit, not that the prediction
# depends on it. :func:`~sklearn.inspection.permutation_importance` tests the whole
# network: how much accuracy is lost when a pixel's values are shuffled among the unseen
# images?
lost = 100 * permutation_importance(
    reader, X_test, y_test, n_repeats=10, random_state=0
).importances_mean.reshape(8, 8)
sizes = np.linalg.norm(reader.coefs_[0], axis=1).reshape(8, 8)
print(f"the most important pixel costs {lost.max():.1f} points of accuracy")
print(
    f"correlation of importance and size of the weights: "
    f"{np.corrcoef(lost.ravel(), sizes.ravel())[0, 1]:.2f}"
)
assert lost.max() > 1

figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
pictures = {
    "The mean digit": (16 * X_test.mean(axis=0).reshape(8, 8), "ink (0 to 16)"),
    "Size of a pixel's weights": (sizes, "norm of its weights"),
    "What a pixel is needed for": (lost, "accuracy lost by shuffling it [points]"),
}
for ax, (title, (image, unit)) in zip(axes, pictures.items(), strict=True):
    figure.colorbar(ax.imshow(image, cmap="cividis"), ax=ax, label=unit)
    ax.set(title=title, xlabel="column", ylabel="row")
plt.show()

# %%
# Weights in the units of the data
# --------------------------------
# skann scales inputs and targets, and ``coefs_`` refer to scaled data, which makes them
# comparable with each other. ``fold_scaling`` returns the weights of the same network
# for raw inputs and a raw target. Without a hidden layer these are the slopes of linear
# regression.
table = load_diabetes(as_frame=True, scaled=False)
X, y = table.data, table.target
line = BackpropRegressor((), solver="lbfgs", alpha=0.0, tol=1e-8).fit(X, y)
coefs, intercepts = line.fold_scaling()
slopes = LinearRegression().fit(X, y).coef_
print("           scaled   per unit   linear regression")
for name, scaled, raw, slope in zip(
    X.columns, line.coefs_[0][:, 0], coefs[0][:, 0], slopes, strict=True
):
    print(f"{name:6} {scaled:10.3f} {raw:10.3f} {slope:19.3f}")
assert np.allclose(coefs[0][:, 0], slopes, rtol=1e-3)
assert np.allclose(intercepts[0] + X.to_numpy() @ coefs[0][:, 0], line.predict(X))

# %%
# A whole network
# ---------------
# A network with three hidden units can be drawn in full. The penalty leaves few wide
# edges. The sign of a path from a column to the output is the sign of the product of
# its weights: body mass, blood pressure and the serum value s5 increase the prediction,
# in agreement with the slopes above.
small = BackpropRegressor(
    (3,), "tanh", solver="lbfgs", alpha=20.0, max_iter=1000, random_state=0
).fit(X, y)
paths = small.coefs_[0] @ small.coefs_[1][:, 0]
for name, path in sorted(zip(X.columns, paths, strict=True), key=lambda p: -abs(p[1])):
    print(f"{name:6} {path:6.2f}")
assert min(paths[X.columns.get_indexer(["bmi", "bp", "s5"])]) > 0
figure, ax = plt.subplots(figsize=(10, 9), layout="constrained")
NetworkDiagramDisplay.from_estimator(small, ax=ax)
# Room for the titles of the layers below.
ax.set_title(f"Three units explain {small.score(X, y):.0%} of the variance")
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/reading_the_weights.png"
