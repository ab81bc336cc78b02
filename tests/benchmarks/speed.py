"""How fast skann is, beside scikit-learn's MLP, PyTorch and the bare matrix products.

Run by hand on a machine that does nothing else, in a clone with skann installed:

    python -m tests.benchmarks.speed            # everything, about ten minutes
    python -m tests.benchmarks.speed fit        # the six fits only
    python -m tests.benchmarks.speed more       # other solvers, data, predicting
    python -m tests.benchmarks.speed memory     # peak memory of the six fits

PyTorch takes part if it is installed. All contenders of a row are timed in turn in one
process; a ratio is the median of the ratios within a round.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys

import numpy as np
import scipy
import sklearn

from tests.benchmarks import contenders
from tests.benchmarks.contenders import SHAPES, floor_fit, make_data
from tests.benchmarks.timing import geometric_mean, interleave, paired_ratio
from tests.benchmarks.workloads import WORKLOADS

DTYPES = ("float32", "float64")


def print_environment():
    """Say what the figures belong to."""
    torch = contenders.torch.__version__ if contenders.torch else "not installed"
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy "
        f"{scipy.__version__}, scikit-learn {sklearn.__version__}, PyTorch {torch}, "
        f"{os.cpu_count()} cores"
    )


def fit_contenders(shape, dtype):
    """Return the contenders of one fit by name."""
    X, y = make_data(shape, dtype)
    fits = {
        "skann": contenders.skann_fit(shape, X, y),
        "floor": floor_fit(shape, dtype),
        "MLP": contenders.mlp_fit(shape, X, y),
    }
    if contenders.torch:
        fits["torch"] = contenders.torch_fit(shape, X, y)
    return fits


def compare_fits(repeats):
    """Print the time of one step of each fit, and ratios."""
    for dtype in DTYPES:
        print(
            f"\nFits with adam, {dtype}: milliseconds per epoch of 10 000 rows (median "
            f"of {repeats}) and ratios of times"
        )
        columns = ("skann", "floor", "MLP", "torch")
        names = ("skann/floor", "MLP/skann", "torch/skann")
        print(
            f"{'layers, batch':24}" + "".join(f"{name:>12}" for name in columns + names)
        )
        ratios = {name: [] for name in names}
        for shape in SHAPES:
            seconds = interleave(fit_contenders(shape, dtype), repeats)
            line = f"{shape!s:24}"
            for column in columns:
                if column in seconds:
                    median = statistics.median(seconds[column]) / shape.n_epochs
                    line += f"{median * 1e3:12.2f}"
                else:
                    line += f"{'-':>12}"
            for name in names:
                above, below = name.split("/")
                if above in seconds:
                    ratios[name].append(paired_ratio(seconds[above], seconds[below]))
                    line += f"{ratios[name][-1]:12.2f}"
                else:
                    line += f"{'-':>12}"
            print(line, flush=True)
        line = f"{'geometric mean':24}" + " " * 12 * len(columns)
        print(line + "".join(f"{geometric_mean(ratios[name]):12.2f}" for name in names))


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
    """Print how much each fit adds to the peak memory of its own process."""
    print("\nPeak memory that one fit adds, in MB, float32 (data: 10 000 rows)")
    columns = [
        name
        for name in ("skann", "MLP", "torch")
        if name != "torch" or contenders.torch
    ]
    print(f"{'layers, batch':24}" + "".join(f"{name:>12}" for name in columns))
    for index, shape in enumerate(SHAPES):
        line = f"{shape!s:24}"
        for contender in columns:
            command = ["-m", "tests.benchmarks.speed", "peak", str(index), contender]
            result = subprocess.run(
                [sys.executable, *command], capture_output=True, text=True, check=True
            )
            line += f"{float(result.stdout):12.1f}"
        print(line, flush=True)


def print_peak(index, contender):
    """Print the growth of this process's peak memory by one fit."""
    import resource  # not on Windows

    fits = fit_contenders(SHAPES[index], "float32")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fits[contender]()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1e6 if sys.platform == "darwin" else 1e3
    print((after - before) / unit)


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
    if options.part in ("all", "fit"):
        compare_fits(options.repeats)
    if options.part in ("all", "more"):
        compare_workloads(options.repeats)
    if options.part in ("all", "memory"):
        compare_memory()


if __name__ == "__main__":
    main()
