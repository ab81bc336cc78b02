"""How error and time grow with the rows and columns of a table.

Run by hand, in a clone with skann and its tests' requirements installed:

    python -m tests.benchmarks.growth rows --data FOLDER ... --results FILE.csv
    python -m tests.benchmarks.growth columns --data FOLDER ... --results FILE.csv

The folders hold tables as those of `tests.benchmarks.accuracy` do. "rows" takes those
of 20 000 rows and more, learns from 1000, 4000, 16 000 and all but 30 % of their rows,
and tests on those 30 %; "columns" takes those of 40 columns and more, whole. Both add a
table that is made here: a noisy smooth function of 50 columns, with `--smooth` rows to
learn from, and tables of 1000 columns, dense, of zeros and ones, and sparse.

All contenders have their defaults: skann, scikit-learn's MLP on scaled inputs (and
targets), HistGradientBoosting and, if it is installed, LightGBM. Each is measured in
processor and in wall seconds. To compare those with the MLP's, give all of them one
thread: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1. Finished fits are kept in the file of
results, so that a run that is cut off goes on where it was.
"""

import argparse
import csv
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from tests.benchmarks.accuracy import Table, error_of, make_model, tables

MODELS = ("skann", "MLP, scaled", "hist. gradient boosting", "LightGBM")
SIZES = (1000, 4000, 16_000, 64_000)
FIELDS = ("table", "rows", "columns", "model", "error", "processor", "wall", "epochs")
LEAST_ROWS = 20_000
LEAST_COLUMNS = 40
MOST_CELLS_OF_A_WIDE_TABLE = 2_000_000


def make_smooth(n_samples):
    """Return a noisy smooth function of ten of 50 normal columns, in float32."""
    random = np.random.default_rng(0)
    X = random.standard_normal((n_samples, 50), dtype=np.float32)
    y = np.sin(1.5 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * np.abs(X[:, 3])
    y += 0.3 * X[:, 4:10].sum(axis=1)
    y = y + 0.5 * y.std() * random.standard_normal(n_samples)
    return Table("smooth", X, y, regression=True)


def make_wide(name, n_samples=6000, n_columns=1000):
    """Return classes that ten among many columns tell apart, and pairs of these."""
    random = np.random.default_rng(0)
    X = random.standard_normal((n_samples, n_columns), dtype=np.float32)
    if name != "wide":
        limits = {"binary": 1.0, "sparse": 2.0}
        X = np.greater(X, limits[name]).astype(np.float32)
    centred = X[:, :10] - X[:, :10].mean(axis=0)
    score = centred @ random.standard_normal(10)
    score += (centred[:, ::2] * centred[:, 1::2]).sum(axis=1)
    y = (score + 0.5 * score.std() * random.standard_normal(n_samples) > 0).astype(int)
    return Table(name, sparse.csr_array(X) if name == "sparse" else X, y, False)


def chosen(part, folders, smooth):
    """Yield a table and the numbers of its rows to learn from."""
    found = [table for folder in folders for table in tables(folder)]
    if part == "rows":
        found = [table for table in found if table.y.size >= LEAST_ROWS]
        if smooth:
            found.append(make_smooth(smooth + 20_000))
    else:
        found = [table for table in found if table.X.shape[1] >= LEAST_COLUMNS]
        found += [make_wide(name) for name in ("wide", "binary", "sparse")]
    for table in found:
        share = 0.3 if table.name != "smooth" else 20_000
        train, test = train_test_split(
            np.arange(table.y.size),
            test_size=share,
            random_state=0,
            stratify=None if table.regression else table.y,
        )
        most = train.size
        if part == "columns":
            most = min(most, MOST_CELLS_OF_A_WIDE_TABLE // table.X.shape[1])
        sizes = [size for size in SIZES if size < most] if part == "rows" else []
        for size in [*sizes, most]:
            yield table, train[:size], test


def measure(name, table, train, test):
    """Return error, processor seconds, wall seconds and epochs of a fit."""
    if name.startswith("MLP"):
        name = "MLP, X and y scaled" if table.regression else "MLP, X scaled"
    model = make_model(name, {}, regression=table.regression, seed=0)
    if sparse.issparse(table.X) and name.startswith("MLP"):
        model.set_params(standardscaler__with_mean=False)
    X, X_test = table.X[train], table.X[test]
    if sparse.issparse(X) and name == "hist. gradient boosting":
        X, X_test = X.toarray(), X_test.toarray()
    wall, processor = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, table.y[train])
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    error = error_of(table, model.predict(X_test), table.y[test])
    return error, processor, wall, getattr(model, "n_iter_", "")


def run(part, folders, path, smooth):
    """Measure what the file does not hold yet."""
    path.touch()
    with path.open() as file:
        rows = csv.DictReader(file, FIELDS)
        done = {(row["table"], int(row["rows"]), row["model"]) for row in rows}
    for table, train, test in chosen(part, folders, smooth):
        for name in MODELS:
            if (table.name, train.size, name) in done:
                continue
            try:
                measured = measure(name, table, train, test)
            except ImportError:
                continue
            row = (table.name, train.size, table.X.shape[1], name, *measured)
            with path.open("a", newline="") as file:
                csv.writer(file).writerow(row)
            print(*row, flush=True)


def report(path):
    """Print errors and seconds, a row for each table and size."""
    frame = pd.read_csv(path, names=FIELDS)
    with pd.option_context("display.width", 200, "display.max_rows", 200):
        for value in ("error", "processor", "wall"):
            index = ["table", "columns", "rows"]
            pivot = frame.pivot_table(value, index, "model", sort=False)
            print(f"\n{value}", pivot.round(4), sep="\n")


def draw(path, picture):
    """Save a picture: a panel for each table, error against rows."""
    import matplotlib.pyplot as plt

    frame = pd.read_csv(path, names=FIELDS)
    names = list(frame["table"].unique())
    figure, axes = plt.subplots(
        2, len(names), figsize=(2.6 * len(names), 5), layout="constrained", sharex="col"
    )
    for name, column in zip(names, axes.T, strict=True):
        of_table = frame[frame["table"] == name]
        for (model, rows), marker in zip(
            of_table.groupby("model", sort=False), "os^D", strict=False
        ):
            for ax, value in zip(column, ("error", "processor"), strict=True):
                ax.loglog(rows["rows"], rows[value], marker + "-", ms=4, label=model)
        column[0].set_title(name)
        column[1].set_xlabel("rows")
        for ax in column:
            ax.grid(alpha=0.3, which="both")
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter("")
    axes[0, 0].set_ylabel("error on unseen rows")
    axes[1, 0].set_ylabel("processor seconds")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(picture, dpi=110)


def main(arguments=None):
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=["rows", "columns"])
    parser.add_argument("--data", nargs="*", default=[], help="folders with *.tsv.gz")
    parser.add_argument("--results", type=Path, required=True, help="a csv file")
    parser.add_argument("--smooth", type=int, default=100_000, help="rows; 0: without")
    parser.add_argument("--picture", help="where to save a picture of growth")
    options = parser.parse_args(arguments)
    run(options.part, options.data, options.results, options.smooth)
    report(options.results)
    if options.picture:
        draw(options.results, options.picture)


if __name__ == "__main__":
    main()
