"""How fast skann is, beside scikit-learn's MLP, PyTorch and the bare matrix products.

Run by hand on a machine that does nothing else, in a clone with skann installed:

    python -m tests.benchmarks.speed            # everything, about eight minutes
    python -m tests.benchmarks.speed fit        # the six fits only
    python -m tests.benchmarks.speed more       # other solvers, data, predicting
    python -m tests.benchmarks.speed memory     # peak memory of the six fits

PyTorch takes part if it is installed. All contenders of a row are timed in turn in one
process. Cores that are shared with other machines are at times slow to exchange data:
the ratios of the best rounds depend on that least.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import scipy
import sklearn

from tests.benchmarks import contenders
from tests.benchmarks.contenders import HAS_TORCH, SHAPES, make_data
from tests.benchmarks.timing import geometric_mean, interleave, paired_ratio
from tests.benchmarks.workloads import WORKLOADS

DTYPES = ("float32", "float64")


def print_environment():
    """Say what the figures belong to."""
    torch = version("torch") if HAS_TORCH else "not installed"
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy "
        f"{scipy.__version__}, scikit-learn {sklearn.__version__}, PyTorch {torch}, "
        f"{os.cpu_count()} cores"
    )


def contender_names():
    """Return who takes part in the fits."""
    return (
        ["skann", "floor", "MLP", "torch"] if HAS_TORCH else ["skann", "floor", "MLP"]
    )


def make_fit(name, shape, dtype):
    """Return a contender's fit."""
    if name == "floor":
        return contenders.floor_fit(shape, dtype)
    X, y = make_data(shape, dtype)
    makers = {
        "skann": contenders.skann_fit,
        "MLP": contenders.mlp_fit,
        "torch": contenders.torch_fit,
    }
    return makers[name](shape, X, y)


def compare_fits(repeats):
    """Print the time of an epoch of each fit, and ratios."""
    names = contender_names()
    pairs = [("skann", "floor"), ("MLP", "skann"), ("torch", "skann")][: len(names) - 1]
    for dtype in DTYPES:
        print(
            f"\nFits with adam, {dtype}: milliseconds per epoch of 10 000 rows (median "
            f"of {repeats} rounds); ratios: median of the rounds (of the best ones)"
        )
        print_row("layers, batch", [*names, *map("/".join, pairs)])
        paired, best = [], []
        for shape in SHAPES:
            fits = {name: make_fit(name, shape, dtype) for name in names}
            seconds = interleave(fits, repeats)
            epochs = [
                1e3 * statistics.median(seconds[name]) / shape.n_epochs
                for name in names
            ]
            paired.append([paired_ratio(seconds[a], seconds[b]) for a, b in pairs])
            best.append([min(seconds[a]) / min(seconds[b]) for a, b in pairs])
            print_row(str(shape), [*epochs, *both(paired[-1], best[-1])])
        means = [
            map(geometric_mean, zip(*ratios, strict=True)) for ratios in (paired, best)
        ]
        print_row("geometric mean", [*([""] * len(names)), *both(*means)])


def both(medians, bests):
    """Return the two kinds of ratios as they are printed."""
    return [f"{a:.2f} ({b:.2f})" for a, b in zip(medians, bests, strict=True)]


def print_row(title, cells):
    """Print a row of a table."""
    cells = [cell if isinstance(cell, str) else f"{cell:.2f}" for cell in cells]
    print(f"{title:24}" + "".join(f"{cell:>13}" for cell in cells), flush=True)


def compare_workloads(repeats):
    """Print the times of skann and the MLP on everything else."""
    print(f"\nOther work: milliseconds (median of {repeats}) and ratio of times")
    print(f"{'':44}{'skann':>12}{'MLP':>12}{'MLP/skann':>12}")
    for name, make in WORKLOADS.items():
        seconds = interleave(make(), repeats)
        medians = "".join(
            f"{statistics.median(seconds[contender]) * 1e3:12.3f}"
            for contender in ("skann", "MLP")
        )
        ratio = paired_ratio(seconds["MLP"], seconds["skann"])
        print(f"{name:44}{medians}{ratio:12.2f}", flush=True)


def compare_memory():
    """Print how much each fit adds to the peak memory of a process of its own."""
    names = [name for name in contender_names() if name != "floor"]
    print("\nPeak memory that a fit adds to the data's, in MB, float32")
    print_row("layers, batch", names)
    for index, shape in enumerate(SHAPES):
        peaks = []
        for name in names:
            command = ["-m", "tests.benchmarks.speed", "peak", str(index), name]
            result = subprocess.run(
                [sys.executable, *command], capture_output=True, text=True, check=True
            )
            peaks.append(float(result.stdout))
        print_row(str(shape), peaks)


def print_peak(index, name):
    """Print the growth of this process's peak memory by one fit."""
    import resource  # not on Windows

    fit = make_fit(name, SHAPES[index], "float32")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fit()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print((after - before) / (1e6 if sys.platform == "darwin" else 1e3))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "part",
        nargs="?",
        default="all",
        choices=["all", "fit", "more", "memory", "peak"],
    )
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=7, help="counted rounds")
    options = parser.parse_args()
    if options.part == "peak":
        print_peak(int(options.arguments[0]), options.arguments[1])
        return
    print_environment()
    # First, as a process begins with the peak of the one that starts it.
    if options.part in ("all", "memory"):
        compare_memory()
    if options.part in ("all", "fit"):
        compare_fits(options.repeats)
    if options.part in ("all", "more"):
        compare_workloads(options.repeats)


if __name__ == "__main__":
    main()
