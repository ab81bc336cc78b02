"""
Imbalanced classes: class weights, or a threshold?
==================================================

If one sample in ten belongs to the class of interest, a classifier is right nine times
in ten by never predicting it. Class weights correct this, and so does a threshold below
a probability of 50 %. Both find the same rare samples, but class weights distort the
probabilities.
"""

# %%
# The task: is a scanned digit whose lower half is hidden an 8? One in ten is. Every
# sample is predicted out of fold, with five folds.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    precision_recall_curve,
    precision_score,
    recall_score,
)
from sklearn.model_selection import (
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropClassifier

digits = load_digits()
X, y = digits.data[:, :32], (digits.target == 8).astype(int)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
print(f"{y.size} scans, {y.mean():.1%} of which are an 8")

# %%
# The models. ``class_weight="balanced"`` gives both classes the same total weight.
# :class:`~sklearn.model_selection.TunedThresholdClassifierCV` leaves the network
# unchanged and chooses, by cross-validation within the training data, the probability
# above which it predicts "8". Early stopping takes any scorer: average precision (the
# area under the curve of precision against recall) needs no threshold, and never
# rewards a model that never predicts "8".
settings = {"hidden_layer_sizes": (100,), "dropout": 0.3, "random_state": 0}
network = BackpropClassifier(
    learning_rate="cosine", learning_rate_init=0.005, max_iter=40,
    n_iter_no_change=np.inf, **settings,
)  # fmt: skip
early = BackpropClassifier(
    learning_rate="constant", learning_rate_init=0.005, early_stopping=True, **settings
)
contenders = {
    "network": network,
    "network, class weights": BackpropClassifier(
        **{**network.get_params(), "class_weight": "balanced"}
    ),
    "network, tuned threshold": TunedThresholdClassifierCV(
        network, scoring="balanced_accuracy", random_state=0
    ),
    "stopped by accuracy": early,
    "stopped by average precision": BackpropClassifier(
        **{**early.get_params(), "scoring": "average_precision"}
    ),
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "boosted trees": HistGradientBoostingClassifier(max_iter=50, random_state=0),
}
probability, named = {}, {}
for name, estimator in contenders.items():
    outputs = np.empty(y.size), np.empty(y.size, dtype=int)
    for learned, unseen in folds.split(X, y):
        estimator.fit(X[learned], y[learned])
        outputs[0][unseen] = estimator.predict_proba(X[unseen])[:, 1]
        outputs[1][unseen] = estimator.predict(X[unseen])
    probability[name], named[name] = outputs

# %%
# Recall, precision, balanced accuracy and average precision measure the decisions. The
# quality of the probabilities is measured by the Brier score, which is their mean
# squared error; and their mean should be the share of the 8s.
recall, precision, balanced, average, brier = {}, {}, {}, {}, {}
print(f"{'':30}recall precision balanced average   Brier mean")
print(f"{'':30}                 accuracy precision score probability")
for name in contenders:
    recall[name] = recall_score(y, named[name])
    precision[name] = precision_score(y, named[name])
    balanced[name] = balanced_accuracy_score(y, named[name])
    average[name] = average_precision_score(y, probability[name])
    brier[name] = brier_score_loss(y, probability[name])
    print(
        f"{name:30}{recall[name]:6.0%} {precision[name]:9.0%} {balanced[name]:8.3f} "
        f"{average[name]:9.3f} {brier[name]:5.3f} {probability[name].mean():11.1%}"
    )

# %%
# Class weights and the tuned threshold both raise the balanced accuracy, and find far
# more of the 8s than the network with a threshold of 50 %, at the cost of more false
# alarms. But class weights make an 8 seem a third more likely than it is, and hardly
# improve the average precision, which does not depend on a threshold. If you need a
# decision, tune the threshold; it costs five more fits. Boosted trees are a little
# worse than the network, and logistic regression is far worse. Early stopping is worse,
# too, because the tenth of the training data that it sets aside contains only a dozen
# 8s.
plain, weighted, tuned = "network", "network, class weights", "network, tuned threshold"
assert recall[weighted] > recall[plain] + 0.1
assert min(balanced[tuned], balanced[weighted]) > balanced[plain] + 0.03
assert np.allclose(probability[tuned], probability[plain])
assert abs(average[plain] - average[weighted]) < 0.04
assert probability[weighted].mean() > 1.2 * y.mean()
assert average[plain] > average["logistic regression"] + 0.1

# %%
# Left: the precision-recall curves, with markers at the thresholds in use. Right: the
# calibration curves.
figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
lines = {
    plain: ("C1", "-"),
    weighted: ("C0", "--"),
    "boosted trees": ("0.5", "-."),
    "logistic regression": ("0.5", ":"),
}
for name, (color, line) in lines.items():
    found = precision_recall_curve(y, probability[name])
    label = f"{name} ({average[name]:.2f})"
    axes[0].plot(
        100 * found[1], 100 * found[0], line, color=color, label=label, zorder=1
    )
for name, color, marker in (
    (plain, "C1", "o"), (tuned, "C1", "D"), (weighted, "C0", "s"),
):  # fmt: skip
    label = "tuned threshold" if name == tuned else f"{name}, at 50 %"
    axes[0].scatter(
        100 * recall[name], 100 * precision[name], s=90, color=color, marker=marker,
        edgecolor="black", label=label, zorder=2,
    )  # fmt: skip
axes[0].set_title("A threshold moves along the curve as far as class weights do")
axes[0].set_xlabel("recall: share of 8s that are found [%]")
axes[0].set_ylabel("precision: share of found ones that are 8s [%]")
axes[0].legend(title="average precision in parentheses", loc="lower left")
for name in (plain, weighted):
    color, line = lines[name]
    CalibrationDisplay.from_predictions(
        y,
        probability[name],
        n_bins=8,
        name=name,
        ax=axes[1],
        color=color,
        linestyle=line,
    )
axes[1].set_title("With class weights, 8s are rarer than predicted")
axes[1].set_xlabel("predicted probability of an 8, mean of a bin")
axes[1].set_ylabel("share of 8s in the bin")
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/imbalanced.png"
