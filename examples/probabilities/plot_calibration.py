"""
Are the probabilities right?
============================

Of the samples with a predicted probability of 80 %, four in five should belong to the
class. A network that overfits is overconfident. Early stopping, label smoothing and
calibration each correct this in their own way.
"""

# %%
# Two classes. A fifth of the labels are wrong, so no correct probability is close to 0
# or 1.
import warnings

import matplotlib.pyplot as plt
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
from sklearn.model_selection import train_test_split

from skann import BackpropClassifier

X, y = make_classification(
    n_samples=6000, n_features=20, n_informative=6, flip_y=0.4, random_state=0
)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0)


# %%
# The same network in four variants. ``ensemble=False`` calibrates a single network; the
# default averages five, which would be an advantage of its own.
def network(**parameters):
    """Return the network with other parameters."""
    return BackpropClassifier(
        (100,), learning_rate="constant", learning_rate_init=0.01, random_state=0
    ).set_params(**parameters)


overfitting = {"max_iter": 60, "n_iter_no_change": 60}
classifiers = {
    "overfitted": network(**overfitting),
    "label smoothing 0.3": network(label_smoothing=0.3, **overfitting),
    "early stopping": network(early_stopping=True, scoring="loss"),
    "calibrated (sigmoid)": CalibratedClassifierCV(
        network(**overfitting), cv=5, ensemble=False
    ),
}
print(f"{'':22}{'Brier score':>12}{'log loss':>12}{'accuracy':>12}")
for name, classifier in classifiers.items():
    with warnings.catch_warnings():  # 60 epochs are too few to converge
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(X, y)
    probability = classifier.predict_proba(X_test)[:, 1]
    print(
        f"{name:22}{brier_score_loss(y_test, probability):12.4f}"
        f"{log_loss(y_test, probability):12.4f}"
        f"{accuracy_score(y_test, classifier.predict(X_test)):12.4f}"
    )

# %%
# scikit-learn draws the calibration curves. On the diagonal, probabilities are correct.
figure, axes = plt.subplots(figsize=(6.5, 7), layout="constrained")
styles = zip(
    classifiers.items(),
    ["#D55E00", "#CC79A7", "#0072B2", "#009E73"],
    ["s", "D", "o", "^"],
    strict=True,
)
for (name, classifier), color, marker in styles:
    CalibrationDisplay.from_estimator(
        classifier, X_test, y_test, n_bins=10, strategy="quantile", name=name,
        ax=axes, color=color, marker=marker,
    )  # fmt: skip
axes.get_legend().remove()
axes.set_xlabel("predicted probability of class 1 (mean of a tenth of the samples)")
axes.set_ylabel("share of class 1 among them")
axes.set_title("On the diagonal, probabilities equal frequencies")
axes.grid(alpha=0.3)
figure.legend(loc="outside lower center", ncols=2)
plt.show()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/calibration.png"
