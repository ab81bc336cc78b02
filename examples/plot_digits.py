"""
Recognising handwritten digits
==============================

scikit-learn includes 1797 small images of handwritten digits, 8 x 8 pixels each. A
:class:`skann.BackpropClassifier` learns them as one step of a pipeline, and
cross-validation tests it on images that it was not trained on.
"""

# %%
# The data: one row per image, one column per pixel, from 0 (white) to 16 (black).
import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.feature_selection import VarianceThreshold
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline

from skann import BackpropClassifier

try:
    import matplotlib.pyplot as plt
except ImportError:
    plt = None

parser = argparse.ArgumentParser(description="Learn scikit-learn's 8x8 digits.")
parser.add_argument("--output", type=Path, default=".", help="folder for pictures")
output = parser.parse_args().output

X, y = load_digits(return_X_y=True)
print(f"{X.shape[0]} images of {X.shape[1]} pixels, {np.unique(y).size} digits")

# %%
# The model. A few pixels at the edge are white in every image and carry no information:
# the first step drops them. The second is the classifier: by default it is the mean of
# eight networks with two hidden layers each. It scales its inputs; since all pixels
# have the same unit, "minmax" suits them better than the default, which would amplify
# rarely used pixels.
model = make_pipeline(
    VarianceThreshold(), BackpropClassifier(scaling="minmax", random_state=0)
)

# %%
# Cross-validation: five times, the model is trained on four fifths of the images and
# tested on the others, so every image is tested once. During training each of the eight
# networks leaves out an eighth of the training images, so that the fit has an estimate
# of its own: ``oof_score_``. It uses one network for each image, and is a little lower
# than the score of the mean of eight.
folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
results = cross_validate(
    model, X, y, cv=folds, return_estimator=True, return_indices=True, n_jobs=-1
)
networks = [pipeline[-1] for pipeline in results["estimator"]]
accuracies, seconds = results["test_score"], results["fit_time"]
for k, network in enumerate(networks):
    print(
        f"Fold {k + 1}: accuracy {accuracies[k]:.3f}, trained in {seconds[k]:.1f} s "
        f"({network.n_iter_} epochs)"
    )
print(f"Accuracy: {accuracies.mean():.3f} (standard deviation {accuracies.std():.3f})")
own = np.mean([network.oof_score_ for network in networks])
print(f"As estimated by the fits themselves: {own:.3f}")
print(f"Training time: {seconds.mean():.1f} s per fold, {seconds.sum():.1f} s in all")

# %%
# Which digits are hard? Precision is the share of images predicted as a digit that show
# it; recall is the share of images of a digit that are predicted as such.
predicted = np.empty_like(y)
for pipeline, unseen in zip(
    results["estimator"], results["indices"]["test"], strict=True
):
    predicted[unseen] = pipeline.predict(X[unseen])
print(classification_report(y, predicted))

# %%
# Two pictures, if matplotlib is there: how the loss fell, and what was mistaken for
# what. The loss falls in cycles of the learning rate, which end after 8, 24, 56 epochs
# and so on (the grey lines): at the end of each the rate is zero, the networks settle,
# and their loss on the images that they left out says whether another is worth it.
if plt is None:
    print('For the loss curve and the confusion matrix: pip install ".[plot]"')
else:
    output.mkdir(parents=True, exist_ok=True)

    figure, axes = plt.subplots(layout="constrained")
    for k, network in enumerate(networks):
        axes.semilogy(network.history_["epoch"], network.loss_curve_, label=k + 1)
    axes.set(
        title="The training loss falls alike in all five folds",
        xlabel="Epoch (passes over the training images)",
        ylabel="Training loss (cross-entropy + L2 penalty, nats per image)",
    )
    longest = max(networks, key=lambda network: network.n_iter_).history_
    for epoch, loss in zip(longest["epoch"], longest["oof_loss"], strict=True):
        if loss is not None:  # which is known at the end of a cycle
            axes.axvline(epoch, color="0.8", zorder=0)
    axes.legend(title="Fold")
    figure.savefig(output / "digits_loss.png")

    figure, axes = plt.subplots(layout="constrained", figsize=(6.4, 6.4))
    ConfusionMatrixDisplay.from_predictions(
        y, predicted, ax=axes, cmap="Blues", colorbar=False, im_kw={"vmax": 10}
    )
    n_right = (y == predicted).sum()
    axes.set(
        title=f"{n_right} of {y.size} unseen digits are read correctly\n"
        "(each cell: number of images)",
        xlabel="Digit that the network reads",
        ylabel="Digit that was written",
    )
    figure.savefig(output / "digits_confusion.png")
    print(f"Saved digits_loss.png and digits_confusion.png in {output.resolve()}")
