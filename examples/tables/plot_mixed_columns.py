"""
Categories and missing values: how much accuracy do gaps cost?
==============================================================

Real tables contain numbers, categories and missing values. skann accepts them as they
are: missing values are filled in and marked, and categories become indicator columns.
For comparison, the same is done by hand with scikit-learn's
:class:`~sklearn.compose.ColumnTransformer`. Filling gaps costs some accuracy; dropping
rows with gaps costs far more.
"""

# %%
# The data: 442 patients, and how far their diabetes has progressed a year later. Seven
# columns remain numeric. Age, sex and body mass index are merged into one category, the
# group of a patient, as in an anonymised table. Values are then removed at random.
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from skann import BackpropRegressor


def patients():
    """Return the table of the patients, three columns as one group, and the target."""
    table, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    sex = table.pop("sex").map({1: "sex 1", 2: "sex 2"})
    age = (table.pop("age") // 10 * 10).astype(int).astype(str)
    borders, names = [0, 18.5, 25, 30, 99], ["thin", "normal", "heavy", "obese"]
    mass = pd.cut(table.pop("bmi"), borders, labels=names).astype(str)
    return table.assign(group=sex + ", " + age + ", " + mass), y.to_numpy()


table, y = patients()
print(table.head(3))
print(table.select_dtypes(exclude="number").nunique())


# %%
# The table as it is. The network scales its inputs and the target. With so few rows it
# needs a strong penalty.
network = BackpropRegressor(
    (50,), alpha=30.0, learning_rate="cosine",
    learning_rate_init=0.01, max_iter=60, n_iter_no_change=np.inf, random_state=0,
)  # fmt: skip


# %%
# The same by hand, which allows other encoders. In numeric columns, missing values are
# replaced by the median. In categorical columns, both encoders treat them as a category
# of their own.
def prepared(encoder, estimator):
    """Return the estimator behind imputation and an encoder."""
    return make_pipeline(
        make_column_transformer(
            (
                SimpleImputer(strategy="median"),
                make_column_selector(dtype_include="number"),
            ),
            (encoder, make_column_selector(dtype_exclude="number")),
            sparse_threshold=0,
        ),
        estimator,
    )


one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
folds = KFold(5, shuffle=True, random_state=0)
by_target = TargetEncoder(target_type="continuous", cv=folds)
ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 3, 7)))
contenders = {
    "network, the table as it is": network,
    "network, one-hot": prepared(one_hot, network),
    "network, target encoding": prepared(by_target, network),
    "network, complete rows only": prepared(one_hot, network),
    "linear (ridge), one-hot": prepared(one_hot, ridge),
    "boosted trees, target encoding": make_pipeline(
        make_column_transformer(
            (by_target, make_column_selector(dtype_exclude="number")),
            remainder="passthrough",
        ),
        HistGradientBoostingRegressor(max_iter=50, random_state=0),
    ),
}

# %%
# How good are the predictions when a share of all values is missing, in training and
# test rows alike? Each split removes other values. The trees handle missing numbers
# themselves.
shares = [0.0, 0.1, 0.2, 0.3]
splits = ShuffleSplit(12, test_size=0.25, random_state=0)
scores = {name: np.empty((len(shares), splits.n_splits)) for name in contenders}
kept = np.empty(len(shares))
start = time.perf_counter()
for i, share in enumerate(shares):
    for j, (learned, unseen) in enumerate(splits.split(table)):
        removed = np.random.RandomState(j).uniform(size=table.shape) < share
        holey = table.mask(removed)
        complete = learned[holey.iloc[learned].notna().all(axis=1)]
        kept[i] = complete.size / learned.size
        for contender, estimator in contenders.items():
            rows = complete if "complete" in contender else learned
            estimator.fit(holey.iloc[rows], y[rows])
            scores[contender][i, j] = estimator.score(holey.iloc[unseen], y[unseen])
print(f"{time.perf_counter() - start:.1f} s")
print("missing:".ljust(32), "  ".join(f"{share:5.0%}" for share in shares))
print("complete rows:".ljust(32), "  ".join(f"{share:5.0%}" for share in kept))
mean = {name: score.mean(axis=1) for name, score in scores.items()}
for contender, values in mean.items():
    print(contender.ljust(32), "  ".join(f"{value:5.2f}" for value in values))

# %%
# With three in ten values missing, filling the gaps costs a sixth of the explained
# variance. Dropping rows with gaps leaves one row in twenty, from which next to nothing
# can be learned. Passing the table as it is does a little worse than one-hot encoding
# here: most of the 39 groups of patients are rare, and those with fewer than five rows
# are combined. One-hot and target encoding do equally well here; with many small
# categories, target encoding needs fewer columns. The network is no better than a
# linear model: 442 patients are too few to show what it could add.
as_it_is, one_hot, encoded, complete, linear, boosted = mean
assert np.all(mean[as_it_is] > mean[one_hot] - 0.06)
assert np.all(mean[as_it_is] > mean[boosted])
assert mean[one_hot][-1] > mean[one_hot][0] - 0.12
assert mean[one_hot][-1] > mean[complete][-1] + 0.2
assert np.all(np.abs(mean[one_hot] - mean[encoded]) < 0.04)
assert np.all(np.abs(mean[one_hot] - mean[linear]) < 0.04)
assert np.all(mean[one_hot] > mean[boosted])

# %%
# Left: the scores. Right: why so few complete rows are left. Of 30 rows with a fifth of
# the values missing, only those in orange are complete.
figure, axes = plt.subplots(
    1, 2, figsize=(12, 5.2), layout="constrained", width_ratios=[1.6, 1]
)
lines = [
    ("C3", "-D"),
    ("C1", "-o"),
    ("C1", "--s"),
    ("C1", ":X"),
    ("C0", "-^"),
    ("0.5", "-v"),
]
for (contender, values), (color, line) in zip(mean.items(), lines, strict=True):
    percent = 100 * np.array(shares)
    axes[0].plot(percent, values, line, color=color, label=contender)
axes[0].set_xticks(
    100 * np.array(shares),
    [f"{share:.0%}\n({rows:.0%})" for share, rows in zip(shares, kept, strict=True)],
)
axes[0].set_xlabel("share of missing values (share of complete rows)")
axes[0].set_ylabel(f"R² on unseen rows, mean of {splits.n_splits} splits")
axes[0].set_title("Dropping rows with gaps costs more than filling them")
axes[0].legend(loc="lower left")

missing = np.random.RandomState(0).uniform(size=(30, table.shape[1])) < 0.2
state = np.where(missing, 0.0, np.where(missing.any(axis=1)[:, None], 1.0, 2.0))
colors = ListedColormap(["white", "0.75", "C1"])
axes[1].pcolormesh(state, cmap=colors, vmin=0, vmax=2, edgecolor="0.4", linewidth=0.5)
axes[1].set_xticks(
    np.arange(table.shape[1]) + 0.5, table.columns, rotation=40, ha="right"
)
axes[1].set_yticks([])
axes[1].set_ylabel("row")
axes[1].set_title("A fifth is missing (white): few rows are complete")
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/mixed_columns.png"
