"""How much memory a fitted model, a fit and a prediction take, beside the MLP's.

Run by hand, in a clone with skann installed:

    python -m tests.benchmarks.memory

Peaks are of what Python and numpy allocate during the call, without its result.
"""

import pickle
import tracemalloc
import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skann import BackpropClassifier, BackpropRegressor

MLP = "MLP"
SKANN = "skann"


def peak(function, *arguments):
    """Return the megabytes that a call allocates at most, beyond its result."""
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = function(*arguments)
        size = getattr(result, "nbytes", 0)
        return (tracemalloc.get_traced_memory()[1] - size) / 1e6
    finally:
        tracemalloc.stop()


def pickles():
    """Return the size of a pickle as a multiple of the weights'."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2_000, 784)), rng.integers(0, 10, 2_000)
    multiples = {}
    for name, estimator in classifiers((100,), max_iter=2).items():
        peak(estimator.fit, X, y)
        arrays = (*estimator.coefs_, *estimator.intercepts_)
        weights = sum(array.nbytes for array in arrays)
        multiples[name] = len(pickle.dumps(estimator)) / weights
        if name == SKANN:
            finalized = len(pickle.dumps(estimator.finalize())) / weights
            multiples["skann, finalized"] = finalized
    return multiples


def classifiers(hidden_layer_sizes, **parameters):
    """Return both classifiers."""
    parameters = {"learning_rate": "constant", "random_state": 0, **parameters}
    return {
        SKANN: BackpropClassifier(hidden_layer_sizes, **parameters),
        MLP: MLPClassifier(hidden_layer_sizes, **parameters),
    }


def predictions():
    """Return the peaks of predicting a million rows with 500 hidden units."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((1_000, 10)), rng.integers(0, 3, 1_000)
    rows = rng.standard_normal((1_000_000, 10))
    peaks = {}
    for name, estimator in classifiers((500,), max_iter=1).items():
        peak(estimator.fit, X, y)
        peaks[name] = peak(estimator.predict, rows)
    return peaks


def early_stopping():
    """Return the peaks of fits that set a part of 80 MB aside."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50_000, 200))
    parameters = {
        "hidden_layer_sizes": (10,),
        "max_iter": 2,
        "early_stopping": True,
        "random_state": 0,
    }
    estimators = {
        SKANN: BackpropRegressor(scaling=None, **parameters),
        "skann, scaled": BackpropRegressor(**parameters),
        MLP: MLPRegressor(**parameters),
    }
    return {name: peak(each.fit, X, X[:, 0]) for name, each in estimators.items()}


def sparse_fits():
    """Return the peaks of fits of 20 000 x 2 000 with a hundredth of it stored."""
    X = sparse.random(20_000, 2_000, density=0.01, format="csr", rng=0)
    y = np.asarray(X.sum(axis=1)).ravel() > 10
    return {
        name: peak(estimator.fit, X, y)
        for name, estimator in classifiers((10,), max_iter=2).items()
    }


MEASUREMENTS = {
    "pickle, times the weights (784-100-10)": pickles,
    "predict 1 000 000 rows, 500 hidden units, MB": predictions,
    "fit with early_stopping on 80 MB, MB": early_stopping,
    "fit of sparse 20 000 x 2 000 (4.9 MB), MB": sparse_fits,
}


def main():
    for title, measure in MEASUREMENTS.items():
        print(title)
        for name, value in measure().items():
            print(f"    {name:20}{value:10.2f}", flush=True)


if __name__ == "__main__":
    main()
