"""
Tuning hyperparameters with successive halving
==============================================

A random search trains every candidate to the end, even hopeless ones. Successive
halving gives all candidates a few epochs, keeps the best third, and gives those three
times as many. The resource here is the number of epochs, ``max_iter`` in
:class:`skann.BackpropClassifier`.
"""

# %%
# Three hyperparameters matter most here: the learning rate, the size of the hidden
# layers, and the penalty on the weights. They are drawn from wide ranges, the first and
# the last on a logarithmic scale.
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    train_test_split,
)

from skann import BackpropClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)
# The schedule ends with max_iter, so that even a few epochs are a complete training.
# Some candidates learn nothing in so few epochs, and would give a warning.
warnings.simplefilter("ignore", ConvergenceWarning)
network = BackpropClassifier(
    scaling="minmax", learning_rate="cosine", n_iter_no_change=np.inf, random_state=0
)
candidates = {
    "learning_rate_init": loguniform(1e-4, 1e-1),
    "hidden_layer_sizes": [(20,), (100,), (300,), (100, 100), (50, 50, 50)],
    "alpha": loguniform(1e-6, 10),
}
folds = StratifiedKFold(3, shuffle=True, random_state=0)
n_candidates, most_epochs = 27, 54

# %%
# The same 27 candidates, once with halving and once with full training for all.
halving = HalvingRandomSearchCV(
    network,
    candidates,
    resource="max_iter",
    min_resources=most_epochs // 27,
    max_resources=most_epochs,
    n_candidates=n_candidates,
    factor=3,
    cv=folds,
    random_state=0,
)
everything = RandomizedSearchCV(
    network.set_params(max_iter=most_epochs),
    candidates,
    n_iter=n_candidates,
    cv=folds,
    random_state=0,
)
seconds, epochs = {}, {}
for name, search in {"halving": halving, "full training": everything}.items():
    start = time.perf_counter()
    search.fit(X_train, y_train)
    seconds[name] = time.perf_counter() - start
    results = search.cv_results_
    spent = results.get("n_resources", np.full(n_candidates, most_epochs))
    epochs[name] = int(np.sum(spent)) * folds.get_n_splits()
    best = {
        key: value for key, value in search.best_params_.items() if key in candidates
    }
    print(
        f"{name}: {epochs[name]} epochs, {seconds[name]:.1f} s, cross-validated "
        f"accuracy {search.best_score_:.3f}, on unseen images "
        f"{search.score(X_test, y_test):.3f}\n    {best}"
    )

assert epochs["halving"] < epochs["full training"] / 4
assert halving.score(X_test, y_test) > everything.score(X_test, y_test) - 0.015

# %%
# Each line is a candidate. Most are dropped after two or six epochs; the scores of the
# few that remain differ by less than the scores of the folds.
results = halving.cv_results_
scores = np.asarray(results["mean_test_score"])
resources = np.asarray(results["n_resources"])
names = [str({key: params[key] for key in candidates}) for params in results["params"]]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for name in dict.fromkeys(names):
    of_one = np.array([other == name for other in names])
    survives = resources[of_one].max() == resources.max()
    left.plot(
        resources[of_one], scores[of_one], "o-", markersize=4,
        color="C1" if survives else "0.7", zorder=3 if survives else 1,
    )  # fmt: skip
left.set(
    title="Hopeless candidates are dropped early",
    xlabel="epochs (max_iter) in a round, logarithmic",
    ylabel="cross-validated accuracy",
    xscale="log",
)
rounds = np.unique(resources)
left.set_xticks(rounds, [str(epochs_) for epochs_ in rounds])
left.minorticks_off()
left.plot([], [], "o-", color="C1", label="in the last round")
left.plot([], [], "o-", color="0.7", label="dropped")
left.legend(loc="lower right")

rates = [params["learning_rate_init"] for params in everything.cv_results_["params"]]
alphas = [params["alpha"] for params in everything.cv_results_["params"]]
drawn = right.scatter(
    rates, alphas, c=everything.cv_results_["mean_test_score"], cmap="viridis", s=60
)
figure.colorbar(drawn, ax=right, label="cross-validated accuracy after 54 epochs")
right.set(
    title="All candidates with a suitable rate do well",
    xlabel="learning_rate_init",
    ylabel="alpha (L2 penalty)",
    xscale="log",
    yscale="log",
)
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/halving.png"
