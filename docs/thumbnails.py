"""Draws the thumbnails of the gallery: `python docs/thumbnails.py [EXAMPLE ...]`.

A figure of an example, shrunk to a thumbnail, cannot be read. So each example is run,
and one panel of its figures is drawn again at the size of a thumbnail, without titles
and legends. The PNGs in `_static/thumbnails` are committed, and each example names its
own as `sphinx_gallery_thumbnail_path`.
"""

import argparse
import os
import runpy
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.gridspec import GridSpec
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FOLDER = Path(__file__).resolve().parent / "_static" / "thumbnails"
SIZE, DPI = (3.0, 2.1), 200  # inches; `thumbnail_size` in conf.py is their product
N_COLORS = 64

# For each example, the title of a panel (or the start of it) and its short labels.
PANELS = {
    "plot_from_mlp": ("With scaling=None the loss", "epoch", "loss"),
    "plot_calibration": ("On the diagonal", "predicted probability", "frequency"),
    "plot_imbalanced": ("A threshold moves", "recall [%]", "precision [%]"),
    "plot_quantile_intervals": ("90 % of unseen", "x", "target"),
    "plot_000_gentle_introduction": ("At a constant rate of 2 the ring", "", ""),
    "plot_001_python_implementation": ("Take 2: the boundary is curved", "", ""),
    "plot_002_applied_machine_learning": ("Softmax:", "porosity [%]", "probability"),
    "plot_003_multilayer_perceptrons": ("Same network, same rate", "step", "error"),
    "plot_004_tutorial": ("Better initial weights", "iteration", "accuracy [%]"),
    "plot_large_file": ("Learning from a file", "batches", "R²"),
    "plot_mixed_columns": ("Dropping rows", "missing values", "R²"),
    "plot_stream": ("Test, then train", "rows seen", "accuracy"),
    "plot_divergence": ("Unscaled, all but", "epoch", "loss"),
    "plot_halving": ("Hopeless candidates", "epochs", "accuracy"),
    "plot_optimizers": ("momentum 0.9", "first weight", "second weight"),
}


def panel(start):
    """Return the axes with such a title, or the first ones of such a figure."""
    for number in plt.get_fignums():
        figure = plt.figure(number)
        if figure.get_suptitle().startswith(start):
            return figure.axes[0]
        for ax in figure.axes:
            if ax.get_title().startswith(start):
                return ax
    raise LookupError(f"No panel is called {start!r}.")


def isolate(ax, xlabel, ylabel):
    """Return the figure with nothing but these axes, at the size of a thumbnail."""
    figure = ax.get_figure(root=True)
    for other in figure.axes:
        if other is not ax:
            other.remove()
    for legend in (ax.get_legend(), *figure.legends):
        if legend is not None:
            legend.remove()
    for text in list(ax.texts):
        text.remove()
    for write in (figure.suptitle, figure.supxlabel, figure.supylabel):
        write("")
    for loc in ("left", "center", "right"):
        ax.set_title("", loc=loc)
    figure.set_size_inches(SIZE)
    ax.set_subplotspec(GridSpec(1, 1, figure=figure)[0])
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.tick_params(labelsize=10)
    for axis, scale in ((ax.xaxis, ax.get_xscale()), (ax.yaxis, ax.get_yscale())):
        axis.label.set_fontsize(11)
        if scale == "linear" and len(axis.get_majorticklocs()) > 5:
            axis.set_major_locator(plt.MaxNLocator(4))
    return figure


def small_figure(rows, columns, **options):
    """Return a new figure of the size of a thumbnail, and its axes."""
    return plt.subplots(rows, columns, figsize=SIZE, layout="constrained", **options)


def show_images(axes, images, titles):
    """Draw some images, each with a title."""
    for ax, image, title in zip(axes, images, titles, strict=False):
        ax.imshow(image, cmap="gray_r")
        ax.set_title(title, fontsize=11)
        ax.set_axis_off()


def digits(names):
    """Draw some digits of the test set, and how they are read."""
    figure, axes = small_figure(2, 4)
    X = names["X_test"][:8]
    show_images(axes.flat, X.reshape(-1, 8, 8), names["model"].predict(X))
    return figure


def weights(names):
    """Draw what the units with the largest outgoing weights look for."""
    figure, axes = small_figure(2, 4)
    inner, outer = names["reader"].coefs_
    largest = np.argsort(-np.linalg.norm(outer, axis=1))[:8]
    for ax, unit in zip(axes.flat, largest, strict=True):
        image = inner[:, unit].reshape(8, 8)
        limit = np.abs(image).max()
        ax.imshow(image, cmap="RdBu", vmin=-limit, vmax=limit)
        ax.set_axis_off()
    return figure


def mnist(names):
    """Draw misread images, from the figure of the example."""
    mistakes = plt.figure(plt.get_fignums()[-1])
    figure, axes = small_figure(2, 4)
    images = [ax.images[0].get_array() for ax in mistakes.axes[:8]]
    titles = [ax.get_title().replace(", read as ", " → ") for ax in mistakes.axes]
    show_images(axes.flat, images, titles)
    return figure


def multilabel(names):
    """Draw two digits on top of each other, and the outputs of the network."""
    figure, axes = small_figure(1, 2)
    X, Y, network = names["X_test"], names["Y_test"], names["network_of_all"]
    is_right = (network.predict(X) == Y).all(axis=1)
    row = np.flatnonzero(is_right & (Y.sum(axis=1) == 2))[0]
    axes[0].imshow(X[row].reshape(8, 8), cmap="gray_r")
    axes[0].set_axis_off()
    outputs = network.predict_proba(X[[row]])[0]
    axes[1].barh(names["names"], outputs, color=np.where(outputs > 0.5, "C1", "0.6"))
    axes[1].invert_yaxis()
    axes[1].set(xlabel="probability", xlim=(0, 1), xticks=[0, 1])
    return figure


def several_targets(names):
    """Draw digits of which only the upper half was given."""
    figure, axes = small_figure(2, 4)
    samples = names["shown"][[2, 3, 6, 9]]
    for (given, whole), sample in zip(axes.T, samples, strict=True):
        upper = names["X_test"][sample]
        lower = names["completed"][names["one"]][sample]
        for ax, half in ((given, np.full(32, np.nan)), (whole, lower)):
            ax.imshow(np.append(upper, half).reshape(8, 8), cmap="gray_r")
            ax.axhline(3.5, color="C1", linewidth=1.5)
            ax.set_axis_off()
    return figure


def sparse_text(names):
    """Draw the words that stand for one of the libraries."""
    figure, ax = small_figure(1, 1)
    column = names["says"][:, list(names["network"].classes_).index("sklearn")]
    first = np.argsort(column)[::-1][:6]
    ax.barh(names["common"][first], 100 * column[first], color="C1")
    ax.invert_yaxis()
    ax.set(xlabel="probability of scikit-learn [%]", xlim=(0, 100))
    return figure


def diagnosis(names):
    """Draw the skill of an overfitted network beside simpler models."""
    figure, ax = small_figure(1, 1)
    skills = names["diagnoses"]["500 iterations without a penalty"].skills
    for name, skill in skills.items():
        color = "C0" if name.startswith("network") else "0.7"
        ax.barh(name.replace(", ", ",\n"), skill, color=color)
    ax.invert_yaxis()
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(xlabel="skill")
    return figure


DRAWN = {
    "plot_digits": digits,
    "plot_mnist": mnist,
    "plot_reading_the_weights": weights,
    "plot_multilabel": multilabel,
    "plot_several_targets": several_targets,
    "plot_sparse_text": sparse_text,
    "plot_diagnosis": diagnosis,
}


def draw(path, *arguments):
    """Run an example with these arguments, and write its thumbnail."""
    plt.close("all")
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(plt, "show"),
        patch.object(sys, "argv", [str(path), *arguments]),
    ):
        os.chdir(folder)  # some save pictures
        names = runpy.run_path(str(path), run_name="__main__")
        os.chdir(EXAMPLES)
    if path.stem in DRAWN:
        figure = DRAWN[path.stem](names)
    else:
        start, xlabel, ylabel = PANELS[path.stem]
        figure = isolate(panel(start), xlabel, ylabel)
    thumbnail = FOLDER / f"{path.stem.removeprefix('plot_')}.png"
    figure.savefig(thumbnail, dpi=DPI)
    colors = Image.open(thumbnail).convert("RGB").quantize(N_COLORS)
    colors.save(thumbnail, optimize=True)


def main():
    """Draw the thumbnails of the examples that are named, or of all."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("examples", nargs="*", help="such as plot_digits")
    parser.add_argument("--mnist", metavar="FOLDER", help="where MNIST's files are")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for path in sorted(EXAMPLES.rglob("plot_*.py")):
        if not options.examples or path.stem in options.examples:
            takes_folder = options.mnist and path.stem == "plot_mnist"
            draw(path, *(["--data", options.mnist] if takes_folder else []))


if __name__ == "__main__":
    main()
