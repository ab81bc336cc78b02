"""
How well does one hidden layer read MNIST?
==========================================

MNIST contains 70 000 handwritten digits of 28 x 28 pixels. A network with a single
hidden layer of 100 units is trained on 60 000 of them and tested on the other 10 000.

``--data FOLDER`` names the folder of MNIST's four idx files, plain or gzipped; without
it they are fetched from openml.org. ``--compare`` also trains scikit-learn's
MLPClassifier with the same settings.
"""

# %%
# An idx file starts with two zero bytes, the type of its numbers (8: unsigned bytes)
# and the number of axes; then come the length of each axis and the numbers themselves.
import argparse
import gzip
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml, load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from skann import BackpropClassifier

try:
    import matplotlib.pyplot as plt
except ImportError:
    plt = None


def read_idx(path):
    """Return the array in an idx file of bytes, `path` or the gzipped `path`.gz."""
    if path.exists():
        content = path.read_bytes()
    else:
        content = gzip.decompress(Path(f"{path}.gz").read_bytes())
    if content[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"{path} is not an idx file of bytes: it starts with {content[:3].hex()} "
            "instead of 000008."
        )
    shape = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + shape.nbytes).reshape(shape)


# %%
# The images are read from the folder, or from ``shared/data/mnist`` next to the
# project, or fetched from openml.org. Without a connection, scikit-learn's small digits
# are used.
def load_images(folder):
    """Return images and labels to train on, images and labels to test on, a name."""
    beside_the_project = Path(sys.argv[0]).resolve().parent / "../../shared/data/mnist"
    if folder is None and beside_the_project.is_dir():
        folder = beside_the_project
    if folder is not None:
        files = ("images-idx3-ubyte", "labels-idx1-ubyte")
        train = [read_idx(folder / f"train-{file}") for file in files]
        test = [read_idx(folder / f"t10k-{file}") for file in files]
        return *train, *test, "MNIST"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a lost connection is reported below
            mnist = fetch_openml("mnist_784", version=1, as_frame=False, n_retries=1)
    except (OSError, ImportError) as error:
        reason = "pandas is missing" if isinstance(error, ImportError) else "no network"
        print(
            f"MNIST could not be fetched ({reason}): scikit-learn's 8x8 digits go "
            "through the same steps instead, but they are not MNIST."
        )
        images, y = load_digits().images, load_digits().target
        train, test, y_train, y_test = train_test_split(images, y, random_state=0)
        return train, y_train, test, y_test, "8x8 digits (not MNIST)"
    images, y = mnist.data.reshape(-1, 28, 28), mnist.target.astype(int)
    return images[:60000], y[:60000], images[60000:], y[60000:], "MNIST"


# %%
# The settings, all of which MLPClassifier has as well. Gradient descent starts with a
# high learning rate, which is divided by five whenever two epochs in a row improve the
# loss by less than ``tol``; training ends when the rate is tiny. The penalty ``alpha``
# keeps the weights small, which helps with unseen digits.
SETTINGS = {
    "hidden_layer_sizes": (100,),
    "solver": "sgd",
    "batch_size": 100,
    "learning_rate": "adaptive",
    "learning_rate_init": 0.1,
    "n_iter_no_change": 1,
    "tol": 0.003,
    "alpha": 0.02,
    "max_iter": 60,
    "random_state": 0,
}


def train_and_test(model, X_train, y_train, X_test, y_test):
    """Fit the model, print how good and how fast it is, and return its predictions."""
    start = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    predicted = model.predict(X_test)
    print(
        f"{type(model).__name__}: test accuracy {np.mean(predicted == y_test):.4f}, "
        f"trained in {seconds:.1f} s ({model.n_iter_} epochs)"
    )
    return predicted


# %%
# What does it get wrong?
def save_mistakes(images, y, predicted, name):
    """Draw the first images that were read wrongly into mnist_mistakes.png."""
    wrong = np.flatnonzero(predicted != y)
    figure, cells = plt.subplots(3, 6, figsize=(8, 5), layout="constrained")
    figure.suptitle(f"{name}: {wrong.size} of {y.size} test images misread, such as")
    for cell, i in zip(cells.flat, wrong, strict=False):
        cell.imshow(images[i], cmap="gray_r")
        cell.set_title(f"{y[i]}, read as {predicted[i]}", fontsize="medium")
    for cell in cells.flat:
        cell.axis("off")
    figure.savefig("mnist_mistakes.png")
    print(f"Saved {Path('mnist_mistakes.png').resolve()}")


# %%
# The program. Pixels range from 0 to 1 and are not scaled individually
# (``scaling=None``), because this would amplify pixels at the edge that are hardly ever
# used. The network computes in the dtype of its inputs, and float32 is enough here.
def main():
    """Load the images, train, test and draw."""
    parser = argparse.ArgumentParser(description="Train one hidden layer on MNIST.")
    parser.add_argument("--data", type=Path, help="folder of the four idx files")
    parser.add_argument("--compare", action="store_true", help="train the MLP as well")
    arguments = parser.parse_args()

    train, y_train, test, y_test, name = load_images(arguments.data)
    print(f"{name}: {len(train)} images to train on, {len(test)} to test on")
    X_train, X_test = (
        (images.reshape(len(images), -1) / train.max()).astype(np.float32)
        for images in (train, test)
    )
    network = BackpropClassifier(scaling=None, **SETTINGS)
    predicted = train_and_test(network, X_train, y_train, X_test, y_test)
    print(f"The network has {network.n_parameters_} parameters.")
    if arguments.compare:
        train_and_test(MLPClassifier(**SETTINGS), X_train, y_train, X_test, y_test)

    if plt is None:
        print('For a picture of the mistakes: pip install ".[plot]"')
    else:
        save_mistakes(test, y_test, predicted, name)


if __name__ == "__main__":
    main()

# sphinx_gallery_thumbnail_path = "_static/thumbnails/mnist.png"
