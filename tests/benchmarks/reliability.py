"""Are probabilities honest? Of events with a probability of 0.3, do 30 % happen?

Run by hand, in a clone with skann and its tests' requirements installed:

    python -m tests.benchmarks.reliability --data FOLDER [--picture FILE.png]

The folder holds tables as `tests.benchmarks.accuracy` reads them; those of regression
are left out. A default fit to 60 % of at most 10 000 rows predicts the others. Printed
is for each table the expected calibration error (the mean distance of the frequency
from the probability in ten bins of equal size, over all classes), for the rarest class
the mean probability divided by the frequency, and the log loss, beside those of
HistGradientBoosting and of always predicting the frequencies.
"""

import argparse
from itertools import islice

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from skann import BackpropClassifier
from tests.benchmarks.accuracy import split, tables

N_BINS = 10


def curve(classes, y, probabilities):
    """Return the frequency and the mean probability in bins, over all classes."""
    happened = (y[:, np.newaxis] == classes).ravel()
    return calibration_curve(
        happened, probabilities.ravel(), n_bins=N_BINS, strategy="quantile"
    )


def measure(model, data):
    """Return what the probabilities of a model are worth, and their curve."""
    X_train, X_test, y_train, y_test = data
    model.fit(X_train, y_train)
    known = np.isin(y_test, model.classes_)
    X_test, y_test = X_test[known], y_test[known]
    probabilities = model.predict_proba(X_test)
    frequency, mean = curve(model.classes_, y_test, probabilities)
    counts = (y_test[:, np.newaxis] == model.classes_).sum(axis=0)
    rarest = np.argmin(np.where(counts > 0, counts, np.inf))
    return {
        "calibration error": np.abs(frequency - mean).mean(),
        "rarest": probabilities[:, rarest].sum() / counts[rarest],
        "log loss": log_loss(y_test, probabilities, labels=model.classes_),
    }, (mean, frequency)


def base_rate(data):
    """Return the log loss of always predicting the frequencies."""
    _, _, y_train, y_test = data
    classes, counts = np.unique(y_train, return_counts=True)
    known = y_test[np.isin(y_test, classes)]
    frequencies = np.tile(counts / counts.sum(), (known.size, 1))
    return log_loss(known, frequencies, labels=classes)


def draw(curves, path):
    """Save a picture of the curves."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 6), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for (name, (mean, frequency)), marker in zip(
        curves.items(), "os^Dvx+*<>", strict=False
    ):
        axes.plot(mean, frequency, marker=marker, linewidth=1, label=name)
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("frequency")
    axes.set_aspect("equal")
    axes.legend()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="the folder of tables; else scikit-learn's")
    parser.add_argument("--picture", help="where to save the curves")
    options = parser.parse_args()
    curves = {}
    print("table: skann, then HistGradientBoosting, then the base rate's log loss")
    of_classes = (each for each in tables(options.data) if not each.regression)
    for table in islice(of_classes, 10):
        data = split(table, 0)
        ours, curves[table.name] = measure(BackpropClassifier(random_state=0), data)
        theirs, _ = measure(HistGradientBoostingClassifier(random_state=0), data)
        both = [
            f"{name} {ours[name]:.3f} {theirs[name]:.3f}"
            for name in ("calibration error", "rarest", "log loss")
        ]
        print(f"{table.name}: {', '.join(both)}, {base_rate(data):.3f}", flush=True)
    if options.picture:
        draw(curves, options.picture)


if __name__ == "__main__":
    main()
