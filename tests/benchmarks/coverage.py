"""How many unseen targets lie in predicted intervals, and how wide these are.

Run by hand, in a clone with skann and its tests' requirements installed:

    python -m tests.benchmarks.coverage --data FOLDER ... --results FILE.csv

The folders hold tables as those of `tests.benchmarks.accuracy` do; without them the
diabetes data of scikit-learn are used. At most `--rows` rows of a table are taken, in
several splits of 60 % to learn from and 40 % to test. The level is 0.9, for

- "CV+": `BackpropRegressor().predict_interval`,
- "quantiles": the same network with `loss="quantile"` at 0.05 and 0.95,
- "MAPIE": its CV+ around scikit-learn's histogram gradient boosting, with as many folds
  as skann has members; only if mapie is installed.

Widths are divided by the standard deviation of the test targets. The score of an
interval is its width and, for a target outside of it, 2 / 0.1 times its distance
(Gneiting and Raftery, 2007, "Strictly proper scoring rules, prediction, and
estimation", equation 43), in the same unit: it is smallest for the true quantiles.
Finished fits are kept in the file of results, so that a run that is cut off goes on
where it was.
"""

import argparse
import csv
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from skann import BackpropRegressor
from tests.benchmarks.accuracy import split, tables
from tests.benchmarks.timing import geometric_mean

try:
    from mapie.regression import CrossConformalRegressor
except ImportError:
    CrossConformalRegressor = None

LEVEL = 0.9
ALPHA = 1 - LEVEL


def by_members(X, y, X_test, seed):
    """Return the limits of CV+ of members."""
    regressor = BackpropRegressor(random_state=seed).fit(X, y)
    return regressor.predict_interval(X_test, LEVEL)


def by_quantiles(X, y, X_test, seed):
    """Return predicted quantiles."""
    levels = [ALPHA / 2, 1 - ALPHA / 2]
    regressor = BackpropRegressor(loss="quantile", quantile=levels, random_state=seed)
    return regressor.fit(X, y).predict(X_test)


def by_mapie(X, y, X_test, seed):
    """Return the limits of CV+ of boosted trees."""
    regressor = CrossConformalRegressor(
        HistGradientBoostingRegressor(random_state=seed),
        confidence_level=LEVEL,
        method="plus",
        cv=KFold(8, shuffle=True, random_state=seed),
    )
    regressor.fit_conformalize(X, y)
    return regressor.predict_interval(X_test)[1][:, :, 0]


MODELS = {"CV+": by_members, "quantiles": by_quantiles}
if CrossConformalRegressor is not None:
    MODELS["MAPIE"] = by_mapie
FIELDS = ("table", "model", "seed", "coverage", "width", "score", "seconds")


def measure(model, table, seed, most_rows):
    """Return coverage, mean width, mean score, and the seconds that it takes."""
    X, X_test, y, y_test = split(table, seed, most_rows)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        low, high = MODELS[model](X, y, X_test, seed).T
    seconds = time.perf_counter() - start
    outside = np.maximum(np.maximum(low - y_test, y_test - high), 0)
    score = high - low + 2 / ALPHA * outside
    unit = y_test.std()
    return (
        float(np.mean(outside == 0)),
        float(np.mean(high - low) / unit),
        float(score.mean() / unit),
        seconds,
    )


def run(folders, path, seeds, most_rows):
    """Measure what the file does not hold yet, all tables split by split."""
    path.touch()
    with path.open() as file:
        rows = csv.DictReader(file, FIELDS)
        done = {(row["table"], row["model"], int(row["seed"])) for row in rows}
    regressions = [
        table for folder in folders for table in tables(folder) if table.regression
    ]
    for seed, table, model in product(range(seeds), regressions, MODELS):
        key = table.name, model, seed
        if key not in done:
            row = *key, *measure(model, table, seed, most_rows)
            with path.open("a", newline="") as file:
                csv.writer(file).writerow(row)
            print(*row, flush=True)


def report(path):
    """Print means over splits by table and model, and over all tables."""
    frame = pd.read_csv(path, names=FIELDS)
    by_table = frame.pivot_table(
        index="table", columns="model", values=["coverage", "width", "score"]
    )
    single = frame.pivot_table(index="model", values="coverage", aggfunc=["min", "max"])
    single.columns = ["lowest of a split", "highest of a split"]
    totals = pd.DataFrame(
        {
            "coverage": by_table["coverage"].mean(),
            "worst table": by_table["coverage"].min(),
            "width (geometric mean)": by_table["width"].apply(geometric_mean),
            "score (geometric mean)": by_table["score"].apply(geometric_mean),
            "median seconds": frame.groupby("model")["seconds"].median(),
        }
    ).join(single)
    with pd.option_context("display.width", 200, "display.max_columns", 20):
        print(f"\n{frame['seed'].nunique()} splits, level {LEVEL}")
        print(by_table[["coverage", "width", "score"]].round(3))
        print("\n", totals.round(3), sep="")


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="*", default=[None], help="folders of *.tsv.gz")
    parser.add_argument("--results", type=Path, required=True, help="a csv file")
    parser.add_argument("--seeds", type=int, default=10, help="number of splits")
    parser.add_argument("--rows", type=int, default=1500, help="rows of a table")
    options = parser.parse_args(arguments)
    run(options.data, options.results, options.seeds, options.rows)
    report(options.results)


if __name__ == "__main__":
    main()
