"""How accurate the estimators are on tables of numbers, beside the MLP's best scaling.

Run by hand, in a clone with skann and its tests' requirements installed:

    python -m tests.benchmarks.accuracy --data FOLDER --results FILE.csv

The folder holds tables named `*.tsv.gz`, as the Penn Machine Learning Benchmarks are
published: a column `target` and else numbers, and names of regression problems begin
with a number. Without it a few tables of scikit-learn are used. More settings are
given as `--settings NAME='{"max_iter": 50}'`, with parameters of both estimators, or
under the keys "classifier" and "regressor" of one of them.

Each model is fitted to raw tables (at most 10 000 rows) in several splits of 60 % and
40 %. Its error is the share of wrong classes, or the root mean squared error divided
by the standard deviation of the test targets. Finished fits are kept in the file of
results, so that a run that is cut off goes on where it was.
"""

import argparse
import csv
import json
import re
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import BackpropClassifier, BackpropRegressor
from tests.benchmarks.timing import geometric_mean

MOST_ROWS = 10_000
# The yardstick: the best of these, for each table.
BEST_MLP = ("MLP, X scaled", "MLP, X and y scaled", "MLP, raw")
# No error is taken to be smaller, as nothing can be divided by 0.
LEAST_ERROR = 1e-4


@dataclass(frozen=True)
class Table:
    """A data set with its kind of problem."""

    name: str
    X: np.ndarray
    y: np.ndarray
    regression: bool


def tables(folder):
    """Yield the tables of a folder, or some of scikit-learn's."""
    if folder is None:
        for load in (load_breast_cancer, load_digits, load_wine, load_diabetes):
            X, y = load(return_X_y=True)
            yield Table(load.__name__.removeprefix("load_"), X, y, "diab" in str(load))
        return
    for path in sorted(Path(folder).glob("*.tsv.gz")):
        frame = pd.read_csv(path, sep="\t")
        name = path.name.removesuffix(".tsv.gz")
        y = frame.pop("target").to_numpy()
        regression = re.match(r"\d+_", name) is not None
        yield Table(name, frame.to_numpy(float), y, regression)


def split(table, seed, most_rows=MOST_ROWS):
    """Return training and test data: X, X, y, y."""
    rows = np.arange(table.y.size)
    if rows.size > most_rows:
        rows = np.random.RandomState(seed).permutation(rows)[:most_rows]
    return train_test_split(
        table.X[rows],
        table.y[rows],
        test_size=0.4,
        random_state=seed,
        stratify=None if table.regression else table.y[rows],
    )


def make_model(name, settings, *, regression, seed):
    """Return a model by its name, or None if it is not for this kind of problem."""
    if name in BEST_MLP:
        raw = (MLPClassifier, MLPRegressor)[regression](random_state=seed)
        if name == "MLP, raw":
            return raw
        scaled = make_pipeline(StandardScaler(), raw)
        if name == "MLP, X scaled":
            return scaled
        if not regression:
            return None
        return TransformedTargetRegressor(scaled, transformer=StandardScaler())
    if name == "hist. gradient boosting":
        boosting = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
        return boosting[regression](random_state=seed)
    if name == "LightGBM":
        import lightgbm

        boosting = (lightgbm.LGBMClassifier, lightgbm.LGBMRegressor)
        return boosting[regression](random_state=seed, n_jobs=1, verbose=-1)
    estimator = (BackpropClassifier, BackpropRegressor)[regression](random_state=seed)
    kinds = {"classifier", "regressor"}
    shared = {key: value for key, value in settings.items() if key not in kinds}
    own = settings.get("regressor" if regression else "classifier", {})
    return estimator.set_params(**shared, **own)


def measure(model, table, seed):
    """Return the error and the seconds of a fit."""
    X_train, X_test, y_train, y_test = split(table, seed)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    return error_of(table, model.predict(X_test), y_test), seconds


def error_of(table, predicted, y):
    """Return the share of wrong classes, or the error in units of the deviation."""
    if not table.regression:
        return float(np.mean(predicted != y))
    return float(np.sqrt(np.mean((predicted - y) ** 2)) / y.std())


FIELDS = ("table", "model", "seed", "error", "seconds")


def run(found, path, names, seeds, make, measure=measure):
    """Measure what the file does not hold yet.

    `make(name, table, seed)` returns a model, or None if it is not for the table, and
    `measure(model, table, seed)` its error and seconds.
    """
    path.touch()
    with path.open() as file:
        rows = csv.DictReader(file, FIELDS)
        done = {(row["table"], row["model"], int(row["seed"])) for row in rows}
    for table in found:
        for seed in range(seeds):
            for name in names:
                if (table.name, name, seed) in done:
                    continue
                model = make(name, table, seed)
                if model is None:
                    continue
                error, seconds = measure(model, table, seed)
                row = (table.name, name, seed, error, seconds)
                with path.open("a", newline="") as file:
                    csv.writer(file).writerow(row)
                print(*row, flush=True)


def summarise(path, models):
    """Return errors, ratios to the best MLP and seconds: a row for each table."""
    frame = pd.read_csv(path, names=FIELDS)
    errors, seconds = (
        frame.pivot_table(index="table", columns="model", values=value, sort=False)
        for value in ("error", "seconds")
    )
    positive = errors.clip(lower=LEAST_ERROR)
    best = positive[[name for name in BEST_MLP if name in errors]].min(axis=1)
    others = [name for name in models if name not in BEST_MLP]
    ratios = positive[others].div(best, axis=0)
    return errors, ratios, seconds


def report(errors, ratios, seconds):
    """Print errors by table, and what they amount to."""
    with pd.option_context("display.width", 200, "display.max_columns", 20):
        print("\nError", errors.round(4), sep="\n")
        print("\nError / error of the MLP with its best scaling")
        print(ratios.round(3))
        totals = pd.DataFrame(
            {
                "geometric mean": ratios.apply(geometric_mean),
                "worst": ratios.max(),
                "median seconds": seconds.median(),
                "seconds / MLP's": seconds.div(seconds[BEST_MLP[0]], axis=0).median(),
            }
        )
        print("\n", totals.round(3), sep="")


def draw(ratios, path):
    """Save a picture of the ratios, one row for each table."""
    import matplotlib.pyplot as plt

    height = 1.5 + 0.3 * len(ratios)
    figure, axes = plt.subplots(figsize=(8, height), layout="constrained")
    for (name, values), marker in zip(ratios.items(), "os^Dvx+*<>", strict=False):
        label = f"{name} (geometric mean {geometric_mean(values):.3f})"
        axes.plot(values, range(len(values)), marker, label=label)
    axes.axvline(1, color="0.5", linewidth=1)
    axes.set_yticks(range(len(ratios)), ratios.index)
    axes.invert_yaxis()
    axes.set_xscale("log")
    ticks = [0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3]
    low, high = ratios.min().min() * 0.95, ratios.max().max() * 1.05
    axes.set_xticks([], minor=True)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlim(low, high)
    axes.set_xlabel("test error / that of the MLP with its best scaling")
    axes.set_title("Error by data set: left of the line is better")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.12 * 6 / height), frameon=False)
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=120)


def read_settings(text):
    """Return the name and the parameters of NAME={...}."""
    name, _, parameters = text.partition("=")
    return name, json.loads(parameters)


def main(arguments=None):
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="folder with *.tsv.gz; default: scikit-learn's")
    parser.add_argument("--results", type=Path, required=True, help="a csv file")
    parser.add_argument("--seeds", type=int, default=2, help="number of splits")
    parser.add_argument("--settings", nargs="*", type=read_settings, default=[])
    parser.add_argument("--picture", help="where to save a picture")
    options = parser.parse_args(arguments)
    models = {name: {} for name in (*BEST_MLP, "hist. gradient boosting", "skann")}
    models |= dict(options.settings)

    def make(name, table, seed):
        return make_model(name, models[name], regression=table.regression, seed=seed)

    run(tables(options.data), options.results, models, options.seeds, make)
    errors, ratios, seconds = summarise(options.results, models)
    report(errors, ratios, seconds)
    if options.picture:
        draw(ratios, options.picture)


if __name__ == "__main__":
    main()
