"""
Recognising handwritten digits
==============================

scikit-learn includes 1797 small images of handwritten digits, 8 x 8 pixels each. A
:class:`skann.BackpropClassifier`, as one step of a pipeline, is trained on four fifths
of them and tested on the rest.
"""

# %%
# The data: one row per image, one column per pixel, from 0 (white) to 16 (black).
import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.feature_selection import VarianceThreshold
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skann import BackpropClassifier
from skann.inspection import LossCurveDisplay

try:
    import matplotlib.pyplot as plt
except ImportError:
    plt = None

parser = argparse.ArgumentParser(description="Learn scikit-learn's 8x8 digits.")
parser.add_argument("--output", type=Path, default=".", help="folder for pictures")
output = parser.parse_args().output

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.2, stratify=y, random_state=0
)
print(f"{X.shape[0]} images of {X.shape[1]} pixels, {np.unique(y).size} digits")

# %%
# The model. A few pixels at the edge are white in every image and carry no information;
# the first step drops them. The second step is the classifier. By default it is the
# mean of eight networks with two hidden layers each, and scales its inputs. Since all
# pixels have the same unit, "minmax" suits them better than the default scaling, which
# would amplify rarely used pixels.
model = make_pipeline(
    VarianceThreshold(), BackpropClassifier(scaling="minmax", random_state=0)
)
start = time.perf_counter()
model.fit(X_train, y_train)
network = model[-1]
print(f"Trained in {time.perf_counter() - start:.1f} s ({network.n_iter_} epochs)")

# %%
# How good is it? The first score is measured on unseen images, the second is the fit's
# own estimate. Each of the eight networks leaves out an eighth of the training images,
# so every training image is predicted by a network that was not trained on it. The
# accuracy of these predictions is ``oof_score_``. Because each comes from a single
# network, the mean of all eight is usually a little better.
print(f"Accuracy: {model.score(X_test, y_test):.3f} on {y_test.size} test images")
print(f"As estimated from the training images alone: {network.oof_score_:.3f}")

# %%
# Which digits are hard? Precision is the share of images predicted as a digit that show
# it; recall is the share of images of a digit that are predicted as such.
left_out = network.classes_[network.oof_decision_function_.argmax(axis=1)]
truth = np.concatenate([y_test, y_train])
predicted = np.concatenate([model.predict(X_test), left_out])
print(classification_report(truth, predicted))

# %%
# Two figures, if matplotlib is installed: how the loss fell, and which digits were
# confused. The loss falls in cycles of the learning rate, which end after 8, 24, 56
# epochs and so on. At the end of each cycle the rate is zero and the networks have
# settled; their loss on the images that they left out (the points) decides whether
# another cycle is worthwhile. (The training loss is larger because units drop out and
# labels are smoothed during training.)
if plt is None:
    print('For the loss curve and the confusion matrix: pip install ".[plot]"')
else:
    output.mkdir(parents=True, exist_ok=True)

    figure, axes = plt.subplots(layout="constrained")
    LossCurveDisplay.from_estimator(network, ax=axes)
    axes.set(title="Training ends after the cycle that gains too little", yscale="log")
    figure.savefig(output / "digits_loss.png")

    figure, axes = plt.subplots(layout="constrained", figsize=(6.4, 6.4))
    ConfusionMatrixDisplay.from_predictions(
        truth, predicted, ax=axes, cmap="Blues", colorbar=False, im_kw={"vmax": 10}
    )
    n_right = (truth == predicted).sum()
    axes.set(
        title=f"{n_right} of {truth.size} unseen digits are read correctly\n"
        "(each cell: number of images)",
        xlabel="Digit that the network reads",
        ylabel="Digit that was written",
    )
    figure.savefig(output / "digits_confusion.png")
    print(f"Saved digits_loss.png and digits_confusion.png in {output.resolve()}")

# sphinx_gallery_thumbnail_path = "_static/thumbnails/digits.png"
