"""Arguments that people type for the MLP: are they served as well here, and as fast?

Run by hand, in a clone with skann and its tests' requirements installed:

    python -m tests.benchmarks.real_calls --data FOLDER [--calls FILE.json]

Below the folder lie tables named `*.tsv.gz`, as `tests.benchmarks.accuracy` reads them,
and the calls, `calls.json`: a list of arguments under "classifier" and "regressor", and
lists of values to search under "grids". A list in an argument stands for a tuple.

Each call is fitted to at most 2 500 rows of each table of its kind, three fifths of
them for training, by skann on the raw columns and by scikit-learn's MLP on standardised
inputs and targets. Error is the share of wrong classes or the root mean squared error
in units of the target's standard deviation; time is processor time of the fit.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropClassifier, BackpropRegressor
from tests.benchmarks.accuracy import LEAST_ERROR, tables
from tests.benchmarks.timing import geometric_mean

MOST_ROWS = 2_500


def all_tables(folder):
    """Return the tables below a folder."""
    folders = sorted({path.parent for path in Path(folder).rglob("*.tsv.gz")})
    return [table for each in folders for table in tables(each)]


def split(table):
    """Return training and test data of some rows: X, X, y, y."""
    rows = np.random.RandomState(0).permutation(table.y.size)[:MOST_ROWS]
    y = table.y[rows]
    strata = None
    if not table.regression and np.unique(y, return_counts=True)[1].min() > 1:
        strata = y
    return train_test_split(
        table.X[rows], y, test_size=0.4, random_state=0, stratify=strata
    )


def as_arguments(call):
    """Return arguments as Python has them: lists were tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in call.items()}


def make(contender, regression, arguments):
    """Return an estimator with these arguments."""
    arguments = {"random_state": 0, **arguments}
    if contender == "skann":
        return (BackpropRegressor if regression else BackpropClassifier)(**arguments)
    mlp = (MLPRegressor if regression else MLPClassifier)(**arguments)
    scaled = make_pipeline(StandardScaler(), mlp)
    if not regression:
        return scaled
    return TransformedTargetRegressor(scaled, transformer=StandardScaler())


def measure(estimator, data, regression):
    """Return the test error and the processor seconds of a fit."""
    X_train, X_test, y_train, y_test = data
    start = time.process_time()
    estimator.fit(X_train, y_train)
    seconds = time.process_time() - start
    predicted = estimator.predict(X_test)
    if regression:
        residual = np.asarray(predicted, float) - y_test
        error = np.sqrt(np.mean(residual**2)) / y_test.std()
    else:
        error = np.mean(predicted != y_test)
    return max(float(error), LEAST_ERROR), seconds


def compare(call, regression, problems):
    """Return the ratios skann / MLP of error and time on each table."""
    ratios = []
    for name, data in problems.items():
        found = {
            contender: measure(make(contender, regression, call), data, regression)
            for contender in ("skann", "MLP")
        }
        ours, theirs = found["skann"], found["MLP"]
        ratios.append((name, ours[0], theirs[0], ours[1], theirs[1]))
    return ratios


def report_call(call, ratios):
    """Print a row for a call, and return its mean ratios."""
    errors = geometric_mean([ours / theirs for _, ours, theirs, _, _ in ratios])
    times = geometric_mean([ours / theirs for _, _, _, ours, theirs in ratios])
    flag = " <-- error" * (errors > 1.02) + " <-- time" * (times > 2)
    print(f"{errors:6.3f} {times:6.2f}  {call}{flag}", flush=True)
    return errors, times


def search(grid, regression, data):
    """Return the test error and processor seconds of a grid search by each."""
    grid = {k: [tuple(v) if isinstance(v, list) else v for v in values]
            for k, values in grid.items()}  # fmt: skip
    found = {}
    for contender in ("skann", "MLP"):
        model = make(contender, regression, {})
        prefix = ""
        if contender == "MLP":
            step = "mlpregressor" if regression else "mlpclassifier"
            prefix = f"regressor__{step}__" if regression else f"{step}__"
        named = {prefix + name: values for name, values in grid.items()}
        found[contender] = measure(GridSearchCV(model, named, cv=3), data, regression)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="the folder of tables")
    parser.add_argument("--calls", help="the calls; default: calls.json in the folder")
    parser.add_argument("--most-tables", type=int, help="of each kind")
    parser.add_argument("--grids", action="store_true", help="search the grids as well")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", UserWarning)
    path = options.calls or next(Path(options.data).rglob("calls.json"))
    calls = json.loads(Path(path).read_text(encoding="utf-8"))
    problems = {False: {}, True: {}}
    for table in all_tables(options.data):
        of_kind = problems[table.regression]
        if options.most_tables is None or len(of_kind) < options.most_tables:
            of_kind[table.name] = split(table)
    print(f"skann / MLP on {[list(names) for names in problems.values()]}")
    print(" error   time  call")
    means = []
    for kind, regression in (("classifier", False), ("regressor", True)):
        for call in map(as_arguments, calls[kind]):
            ratios = compare(call, regression, problems[regression])
            means.append(report_call(call, ratios))
    errors, times = zip(*means, strict=True)
    print(f"{geometric_mean(errors):6.3f} {geometric_mean(times):6.2f}  all calls")
    if options.grids:
        name, data = next(iter(problems[False].items()))
        for grid in calls["grids"]:
            print(f"grid on {name}: (error, seconds) {search(grid, False, data)}")


if __name__ == "__main__":
    main()
