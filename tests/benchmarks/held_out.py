"""Error and time on tables that had no part in choosing the defaults.

Run by hand, in a clone with skann and its tests' requirements installed:

    python -m tests.benchmarks.held_out --results FILE.csv --data FOLDER

The folder may hold `diamonds.csv.gz` (seaborn's) and `electricity.csv.gz`
(scikit-multiflow's); the other tables are scikit-learn's. LightGBM and pytabkit are
measured if they are installed (`--models` names some of them, so that each may have an
environment of its own; the file of results is shared). Every model has one thread, its
defaults and raw tables, but for scikit-learn's MLP, whose best scaling counts. Time is
that of the processor. `--picture FILE` draws what the file holds.

Houses are left out: they are one of the tables that the defaults were chosen on.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_friedman1,
    make_friedman2,
    make_friedman3,
)
from threadpoolctl import threadpool_limits

from tests.benchmarks.accuracy import (
    BEST_MLP,
    FIELDS,
    LEAST_ERROR,
    Table,
    error_of,
    make_model,
    run,
    split,
)
from tests.benchmarks.timing import geometric_mean

MOST_ROWS = 6000
MODELS = (*BEST_MLP, "hist. gradient boosting", "LightGBM", "RealMLP-TD-S", "skann")
LABELS = {"hist. gradient boosting": "HistGradientBoosting", "MLP": "MLP, best scaling"}
NOISE = {make_friedman1: 1.0, make_friedman2: 125.0, make_friedman3: 0.1}


def tables(folder):
    """Yield the held-out tables that are at hand."""
    for load in (load_breast_cancer, load_digits, load_wine, load_diabetes):
        X, y = load(return_X_y=True)
        yield Table(load.__name__.removeprefix("load_"), X, y, load is load_diabetes)
    for make, noise in NOISE.items():
        X, y = make(2000, noise=noise, random_state=0)
        yield Table(make.__name__.removeprefix("make_"), X, y, regression=True)
    for name, target in {"diamonds": "price", "electricity": "class"}.items():
        if folder is not None and (path := folder / f"{name}.csv.gz").exists():
            frame = pd.read_csv(path)
            y = frame.pop(target).to_numpy()
            numbers = frame.select_dtypes("number").to_numpy(float)
            yield Table(name, numbers, y, regression=name == "diamonds")


def model_of(name, table, seed):
    """Return a model with its defaults and one thread, or None if there is none."""
    if name == "RealMLP-TD-S":
        import pytabkit

        kind = "Regressor" if table.regression else "Classifier"
        make = getattr(pytabkit, f"RealMLP_TD_S_{kind}")
        return make(random_state=seed, device="cpu", n_threads=1)
    return make_model(name, {}, regression=table.regression, seed=seed)


def measure(model, table, seed):
    """Return the error and the processor's seconds of a fit."""
    X_train, X_test, y_train, y_test = split(table, seed, MOST_ROWS)
    start = time.process_time()
    with warnings.catch_warnings(action="ignore"):
        model.fit(X_train, y_train)
        seconds = time.process_time() - start
        predicted = np.asarray(model.predict(X_test)).ravel()
    return error_of(table, predicted, y_test), seconds


def summarise(path):
    """Return errors and seconds: a row for each table, a column for each model."""
    frame = pd.read_csv(path, names=FIELDS)
    errors, seconds = (
        frame.pivot_table(index="table", columns="model", values=value, sort=False)
        for value in ("error", "seconds")
    )
    errors = errors.clip(lower=LEAST_ERROR)
    kinds = [name for name in BEST_MLP if name in errors]
    best = errors[kinds].idxmin(axis=1)
    errors.insert(0, "MLP", errors[kinds].min(axis=1))
    seconds.insert(0, "MLP", [seconds.loc[row, name] for row, name in best.items()])
    return errors.drop(columns=kinds), seconds.drop(columns=kinds)


def draw(errors, seconds, path):
    """Save a chart of error against time, both relative to the MLP's."""
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "skann"
    figure, ax = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for name, marker in zip(errors, "sDv^o", strict=False):
        x = geometric_mean(seconds[name] / seconds["MLP"])
        y = geometric_mean(errors[name] / errors["MLP"])
        colour = "#c2410c" if name == "skann" else "#475569"
        ax.plot(x, y, marker, color=colour, markersize=11)
        text = f"{LABELS.get(name, name)}  {y:.2f}"
        side = -1 if name == "RealMLP-TD-S" else 1
        ax.annotate(
            text,
            (x, y),
            xytext=(12 * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            color=colour,
            fontsize=11,
            fontweight="bold" if name == "skann" else "normal",
        )
    ax.set_xscale("log")
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]
    ax.set_xticks([], minor=True)
    ax.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    ax.set_xlabel("time of a fit, relative to the MLP (one core)")
    ax.set_ylabel("test error, relative to the MLP")
    ax.grid(alpha=0.25)
    ax.margins(x=0.2, y=0.15)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main(arguments=None):
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with the tables of others")
    parser.add_argument("--results", type=Path, required=True, help="a csv file")
    parser.add_argument("--seeds", type=int, default=3, help="number of splits")
    parser.add_argument("--models", nargs="*", default=MODELS, choices=MODELS)
    parser.add_argument("--picture", type=Path, help="where to save a picture")
    options = parser.parse_args(arguments)
    with threadpool_limits(1):
        found = tables(options.data)
        run(found, options.results, options.models, options.seeds, model_of, measure)
    errors, seconds = summarise(options.results)
    with pd.option_context("display.width", 200, "display.max_columns", 20):
        print("\nError", errors.round(4), sep="\n")
        print("\nSeconds", seconds.round(2), sep="\n")
        for title, frame in {"Error": errors, "Time": seconds}.items():
            ratios = frame.div(frame["MLP"], axis=0)
            means = ratios.apply(geometric_mean)
            total = pd.DataFrame({"geometric mean": means, "largest": ratios.max()})
            print(f"\n{title} / MLP's", total.round(3), sep="\n")
    if options.picture:
        draw(errors, seconds, options.picture)


if __name__ == "__main__":
    main()
