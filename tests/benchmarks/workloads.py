"""What else is timed: other solvers, batches, data, and everything after the fit."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skann import BackpropClassifier, BackpropRegressor
from tests.benchmarks.contenders import Shape, estimator_fit, make_data


def data(n_samples, n_features, n_classes=10, dtype="float32"):
    """Return inputs and classes."""
    return make_data(Shape((n_features, n_classes), 1, n_samples, 1), dtype)


def fits(ours, mlp, X, y, **parameters):
    """Return the same fit by both."""
    parameters = {"random_state": 0, "n_iter_no_change": 1000, **parameters}
    return {
        "skann": estimator_fit(ours(scaling=None, **parameters), X, y),
        "MLP": estimator_fit(mlp(**parameters), X, y),
    }


def classifiers(X, y, **parameters):
    """Return the same fit by both classifiers."""
    return fits(BackpropClassifier, MLPClassifier, X, y, **parameters)


def momentum():
    X, y = data(10_000, 64)
    return classifiers(X, y, hidden_layer_sizes=(100,), solver="sgd", max_iter=10)


def lbfgs():
    X, y = data(10_000, 64, dtype="float64")
    return classifiers(X, y, hidden_layer_sizes=(100,), solver="lbfgs", max_iter=20)


def small_lbfgs():
    X, y = data(500, 10, n_classes=3, dtype="float64")
    return classifiers(X, y, hidden_layer_sizes=(20,), solver="lbfgs", max_iter=100)


def batch_size(size, n_samples):
    def make():
        X, y = data(n_samples, 64)
        return classifiers(X, y, hidden_layer_sizes=(100,), batch_size=size, max_iter=5)

    return make


def zero_columns():
    # The weights of inputs that are always zero shrink until they are subnormal.
    X, y = data(2_000, 64)
    X[:, ::2] = 0
    return classifiers(X, y, hidden_layer_sizes=(100,), max_iter=400)


def sparse_fit():
    X = sparse.random(
        20_000, 2_000, density=0.01, format="csr", dtype=np.float32, rng=0
    )
    y = np.asarray(X.sum(axis=1)).ravel() > 10
    return classifiers(X, y, hidden_layer_sizes=(100,), max_iter=3)


def regression():
    X, _ = data(10_000, 30)
    y = np.tanh(X[:, 0]) + X[:, 1] * X[:, 2]
    return fits(
        BackpropRegressor, MLPRegressor, X, y, hidden_layer_sizes=(100,), max_iter=10
    )


def stream():
    X, y = data(20_000, 64)
    classes = np.unique(y)

    def work(estimator):
        def run():
            new = estimator()
            for start in range(0, 20_000, 1_000):
                rows = slice(start, start + 1_000)
                new.partial_fit(X[rows], y[rows], classes=classes)

        return run

    return {
        "skann": work(lambda: BackpropClassifier(scaling=None, random_state=0)),
        "MLP": work(lambda: MLPClassifier(random_state=0)),
    }


def predicting(n_rows):
    def make():
        X, y = data(2_000, 64)
        rows = np.resize(X, (n_rows, 64))
        # Single rows are too quick to be timed alone.
        n_calls = 100 if n_rows <= 100 else 1

        def work(estimator):
            estimator_fit(estimator, X, y)()

            def run():
                for _ in range(n_calls):
                    estimator.predict(rows)

            return run

        return {
            "skann": work(BackpropClassifier(scaling=None, max_iter=2)),
            "MLP": work(MLPClassifier(max_iter=2)),
        }

    return make


def search():
    X, y = data(1_000, 20, n_classes=3)
    grid = {"alpha": [1e-4, 1e-2], "hidden_layer_sizes": [(20,), (50,)]}

    def work(estimator):
        def run():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                GridSearchCV(estimator, grid, cv=6, n_jobs=2).fit(X, y)

        return run

    shared = {"max_iter": 50, "random_state": 0}
    return {
        "skann": work(BackpropClassifier(scaling=None, **shared)),
        "MLP": work(MLPClassifier(**shared)),
    }


WORKLOADS = {
    "sgd with momentum, 64-100-10, 200": momentum,
    "lbfgs, 64-100-10, 10 000 rows, float64": lbfgs,
    "lbfgs, 10-20-3, 500 rows, float64": small_lbfgs,
    "adam, batch_size=1, 64-100-10, 2 000 rows": batch_size(1, 2_000),
    "adam, batch_size=32, 64-100-10, 10 000 rows": batch_size(32, 10_000),
    "half of 64 columns zero, 4 000 steps": zero_columns,
    "sparse 20 000 x 2 000, density 0.01": sparse_fit,
    "regression, 30-100-1, 200": regression,
    "partial_fit of 20 x 1 000 rows": stream,
    "predict 1 row, 100 times": predicting(1),
    "predict 100 rows, 100 times": predicting(100),
    "predict 1 000 000 rows": predicting(1_000_000),
    "GridSearchCV of 24 small fits, n_jobs=2": search,
}
