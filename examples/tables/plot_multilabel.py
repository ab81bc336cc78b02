"""
Multilabel classification: which digits lie on top of each other?
=================================================================

An image may show more than one thing. If the target has a column of zeros and ones for
each label, :class:`skann.BackpropClassifier` becomes a network with as many independent
logistic outputs, which share the hidden units. Is that better than a network for each
label?
"""

# %%
# The data: pairs of scanned digits are laid on top of each other, and the labels say
# which digits they were. (The same digit twice gives one label.) No scan is used in
# both training and test images.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import hamming_loss
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropClassifier


def overlaid(images, digits, n_samples, random_state):
    """Return pairs of images laid on each other, and a column of 0 and 1 per digit."""
    a, b = random_state.randint(len(images), size=(2, n_samples))
    labels = np.zeros((n_samples, 10), dtype=int)
    labels[np.arange(n_samples), digits[a]] = 1
    labels[np.arange(n_samples), digits[b]] = 1
    return np.maximum(images[a], images[b]), labels


title, names = "two digits on top of each other", list("0123456789")
scans, digits = load_digits(return_X_y=True)
parts = train_test_split(scans, digits, test_size=600, random_state=0)
random_state = np.random.RandomState(0)
X, Y = overlaid(parts[0], parts[2], 4000, random_state)
X_test, Y_test = overlaid(parts[1], parts[3], 2000, random_state)
print(
    f"{title}: {X.shape[0]} rows to learn, {len(X_test)} to test, {len(names)} labels"
)
print(f"labels per row: {Y.sum(axis=1).mean():.2f}")


# %%
# One network for all labels takes ``Y`` as it is. scikit-learn's
# :class:`~sklearn.multioutput.MultiOutputClassifier` fits one estimator for each label,
# which any classifier can do; trees and scikit-learn's network also take all labels at
# once.
def network(n_units):
    """Return a network with one hidden layer."""
    return BackpropClassifier(
        (n_units,), dropout=0.3, learning_rate="cosine", learning_rate_init=0.005,
        max_iter=40, n_iter_no_change=np.inf, random_state=0,
    )  # fmt: skip


size, large = 200, 1000
small = size // len(names)
contenders = {
    f"one network, {large} units": network(large),
    f"one network, {size} units": network(size),
    f"a network of {small} units per label": MultiOutputClassifier(network(small)),
    f"a network of {size} units per label": MultiOutputClassifier(network(size)),
    f"MLPClassifier, {size} units": make_pipeline(
        StandardScaler(),
        MLPClassifier((size,), learning_rate_init=0.005, max_iter=300, random_state=0),
    ),
    "boosted trees per label": MultiOutputClassifier(
        HistGradientBoostingClassifier(max_iter=50, random_state=0)
    ),
    "extra trees": ExtraTreesClassifier(random_state=0),
    "logistic regression per label": make_pipeline(
        StandardScaler(), MultiOutputClassifier(LogisticRegression(max_iter=1000))
    ),
}

# %%
# Two metrics: how many rows have *all* labels right, and how many single labels are
# wrong (the Hamming loss). The second looks better than it is: always predicting no
# label gets only 20 % of the labels wrong, but no row right.
exact, wrong, seconds = {}, {}, {}
for name, estimator in contenders.items():
    start = time.perf_counter()
    estimator.fit(X, Y)
    seconds[name] = time.perf_counter() - start
    predicted = estimator.predict(X_test)
    exact[name] = np.mean((predicted == Y_test).all(axis=1))
    wrong[name] = hamming_loss(Y_test, predicted)
    print(
        f"{name:34} all right {exact[name]:6.1%}, labels wrong {wrong[name]:6.2%}, "
        f"{seconds[name]:4.1f} s"
    )

# %%
# With the same number of units, a network that shares them among all labels is better:
# a unit that detects a stroke serves every digit that contains it. Ten networks that
# are each as large as the shared one are about as good, at many times the cost. A
# larger shared network is a little better. Without hidden units (logistic regression)
# the task is hard, because the evidence for a 3 changes when an 8 lies on top of it.
best, one, few, many, mlp, boosted, trees, linear = exact
assert exact[one] > exact[few] + 0.02
assert exact[one] > exact[linear] + 0.08
assert exact[one] > exact[boosted] + 0.05
assert abs(exact[one] - exact[many]) < 0.04
assert exact[best] > exact[many] - 0.01

# %%
# Left: how often all labels are right. Right: the outputs for four unseen images. They
# are independent and need not add up to 1; a label is predicted if its output is above
# 0.5.
network_of_all = contenders[f"one network, {size} units"]
figure = plt.figure(figsize=(12, 5.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1])
axes = left.subplots()
colors = ["C1" if "network" in name else "C0" for name in exact]
bars = axes.barh(list(exact), 100 * np.array(list(exact.values())), color=colors)
labels = [f"{100 * exact[name]:.0f} %, {seconds[name]:.1f} s" for name in exact]
axes.bar_label(bars, labels, padding=4)
axes.invert_yaxis()
axes.margins(x=0.35)
axes.set_xlabel("rows with all labels right [%], and time of the fit (orange: skann)")
axes.set_title("Shared units do more than as many separate ones")

rows = np.flatnonzero(Y_test.sum(axis=1) == 2)[:4]
widths = [1, 4]
panels = right.subplots(
    4, len(widths), squeeze=False, width_ratios=widths, sharex="col"
)
for row, (*image, bars) in zip(rows, panels, strict=True):
    for axes in image:
        axes.imshow(X_test[row].reshape(8, 8), cmap="gray_r")
        axes.set_axis_off()
    outputs = network_of_all.predict_proba(X_test[[row]])[0]
    bars.bar(names, outputs, color=["C1" if label else "0.6" for label in Y_test[row]])
    bars.axhline(0.5, color="black", linewidth=0.8, linestyle=":")
    bars.set(ylim=(0, 1), yticks=[0, 0.5, 1])
    bars.tick_params(axis="x", rotation=0)
panels[0, -1].set_title(f"Outputs of {size} shared units")
panels[-1, -1].set_xlabel("label (orange: present, grey: absent)")
right.supylabel("probability")
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/multilabel.png"
