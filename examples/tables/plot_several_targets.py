"""
Several targets: one network for 32 pixels, or 32 networks?
===========================================================

A regression target may have many columns. :class:`skann.BackpropRegressor` then has as
many outputs, which share the hidden units. Here the upper half of a scanned digit is
given, and the 32 pixels of its lower half are predicted: by one network, by a network
for each pixel, and by several scikit-learn models.
"""

# %%
# 1797 scans of 8 x 8 pixels, 60 % of them for training. Some pixels are always white,
# and stay constant after scaling.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropRegressor

pixels, digits = load_digits(return_X_y=True)
X, X_test, Y, Y_test, _, digits_test = train_test_split(
    pixels[:, :32], pixels[:, 32:], digits, test_size=0.4, random_state=0
)


# %%
# ``Y`` has 32 columns, and is passed as it is. 32 separate networks are trained with
# scikit-learn's :class:`~sklearn.multioutput.MultiOutputRegressor`.
def network(n_units):
    """Return a network with one hidden layer."""
    return BackpropRegressor(
        (n_units,), dropout=0.3, learning_rate="cosine", learning_rate_init=0.01,
        max_iter=60, n_iter_no_change=np.inf, random_state=0,
    )  # fmt: skip


contenders = {
    "one network, 320 units": network(320),
    "32 networks, 10 units each": MultiOutputRegressor(network(10)),
    "32 networks, 100 units each": MultiOutputRegressor(network(100)),
    "MLPRegressor, 320 units": TransformedTargetRegressor(
        make_pipeline(
            StandardScaler(),
            MLPRegressor(
                hidden_layer_sizes=(320,), learning_rate_init=0.01, random_state=0
            ),
        ),
        transformer=StandardScaler(),
    ),
    "extra trees": ExtraTreesRegressor(random_state=0),
    "10 nearest neighbours": KNeighborsRegressor(10),
    "linear (ridge)": RidgeCV(np.logspace(-1, 4, 6)),
    "the mean image": DummyRegressor(),
}
error, seconds, completed = {}, {}, {}
for name, estimator in contenders.items():
    start = time.perf_counter()
    estimator.fit(X, Y)
    seconds[name] = time.perf_counter() - start
    completed[name] = estimator.predict(X_test)
    error[name] = root_mean_squared_error(Y_test.ravel(), completed[name].ravel())
    print(f"{name:28} error {error[name]:.2f} of 16, {seconds[name]:5.2f} s")

# %%
# One network is better than 32 with the same total number of units, and as good as 32
# with ten times as many, for a fraction of the work: what it detects in the upper half
# is useful for all pixels. scikit-learn's network, which has no dropout, is worse.
# Extra trees, which also predict whole images, are as good or a little better, and
# nearest neighbours are nearly as good: an image of a digit looks like others of the
# same digit.
one, small, large, mlp, trees, neighbours, linear, mean = error
assert error[one] < error[small] - 0.1
assert error[one] < error[large] + 0.1
assert error[one] < error[linear] - 0.4
assert abs(error[one] - error[trees]) < 0.2

# %%
# The squared error is minimised by the mean of all possible images. If the upper half
# could belong to several digits, this mean is a mixture, and the lower half is blurred:
# it is not a digit that anyone would write. The linear model produces mixtures
# everywhere.
order = np.argsort(digits_test, kind="stable")
shown = order[np.searchsorted(digits_test[order], np.arange(10)) + 4]
methods = [one, small, trees, neighbours, linear, mean]
rows = len(methods) + 2
figure, grid = plt.subplots(rows, 10, figsize=(9, 7), layout="constrained")
for i, sample in enumerate(shown):
    upper = X_test[sample]
    halves = {
        "what is given": np.full(32, np.nan),
        **{name: completed[name][sample] for name in methods},
        "the truth": Y_test[sample],
    }
    for axes, (name, lower) in zip(grid[:, i], halves.items(), strict=True):
        image = np.append(upper, lower).reshape(8, 8)
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=16)
        axes.axhline(3.5, color="C1", linewidth=1.5)
        axes.set(xticks=[], yticks=[])
        if i == 0:
            label = f"{name}\nerror {error[name]:.2f}" if name in error else name
            axes.set_ylabel(label, rotation=0, ha="right", va="center")
figure.suptitle(
    "One network completes digits from their upper halves\n"
    "(below the line is predicted; error: root mean square, white 0 to black 16)"
)
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/several_targets.png"
