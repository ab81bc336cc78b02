"""The examples run as they stand, and the reader of MNIST's files reads them."""

import gzip
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

import skann

EXAMPLES = Path(__file__).parents[1] / "examples"
IMAGES = np.arange(2 * 28 * 28).reshape(2, 28, 28).astype(np.uint8)
LABELS = np.array([7, 3], dtype=np.uint8)
FILES = {
    f"{part}-{kind}": array
    for part in ("train", "t10k")
    for kind, array in (("images-idx3-ubyte", IMAGES), ("labels-idx1-ubyte", LABELS))
}


@pytest.fixture
def plot_mnist():
    spec = importlib.util.spec_from_file_location(
        "plot_mnist", EXAMPLES / "plot_mnist.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def idx_bytes(array):
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()


def write_idx(path, array, *, zipped):
    if zipped:
        Path(f"{path}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    else:
        path.write_bytes(idx_bytes(array))


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("array", [IMAGES, LABELS], ids=["images", "labels"])
def test_read_idx_returns_what_was_written(plot_mnist, tmp_path, array, zipped):
    write_idx(tmp_path / "file", array, zipped=zipped)
    read = plot_mnist.read_idx(tmp_path / "file")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    "magic", [b"\x00\x00\x0d\x01", b"\x1f\x8b\x08\x00"], ids=["float32", "no-idx"]
)
def test_read_idx_refuses_a_wrong_magic_number(plot_mnist, tmp_path, magic):
    path = tmp_path / "labels"
    path.write_bytes(magic + idx_bytes(LABELS)[4:])
    with pytest.raises(ValueError, match=f"labels is not an idx.*{magic[:3].hex()}"):
        plot_mnist.read_idx(path)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_load_images_takes_the_four_files_of_a_folder(plot_mnist, tmp_path, zipped):
    for i, (name, array) in enumerate(FILES.items()):
        write_idx(tmp_path / name, array + np.uint8(i), zipped=zipped)
    *arrays, name = plot_mnist.load_images(tmp_path)
    assert name == "MNIST"
    for i, (array, written) in enumerate(zip(arrays, FILES.values(), strict=True)):
        np.testing.assert_array_equal(array, written + np.uint8(i))


def test_load_images_names_the_file_that_a_folder_lacks(plot_mnist, tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        plot_mnist.load_images(tmp_path)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(URLError("unreachable"), "no network"), (ImportError("pandas"), "pandas")],
    ids=["offline", "no-pandas"],
)
def test_mnist_falls_back_on_digits_and_says_so(
    plot_mnist, tmp_path, monkeypatch, capsys, error, reason
):
    def fetch(*args, **kwargs):
        raise error

    monkeypatch.setattr(plot_mnist, "fetch_openml", fetch)
    monkeypatch.setattr(plot_mnist, "plt", None)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "a/b/plot_mnist.py"), "--compare"])
    plot_mnist.main()
    printed = capsys.readouterr().out
    assert reason in printed
    assert "they are not MNIST" in printed
    assert 'pip install ".[plot]"' in printed
    for model in ("BackpropClassifier", "MLPClassifier"):
        accuracy = re.search(rf"{model}: test accuracy (\S+),", printed)
        assert float(accuracy[1]) > 0.9


def run(example, first_on_path, *arguments):
    # The example must find the skann that is tested, installed or not.
    path = os.pathsep.join([str(first_on_path), str(Path(skann.__file__).parents[1])])
    # More threads only get in each other's way here if the machine is busy.
    settings = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / example, *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.exhaustive
def test_digits_example_is_accurate_and_needs_no_matplotlib(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError")
    output = tmp_path / "new" / "folder"
    digits = run("plot_digits.py", tmp_path, "--output", output)

    assert "Warning" not in digits.stderr
    assert float(re.search(r"^Accuracy: (\S+)", digits.stdout, re.M)[1]) >= 0.97
    assert "f1-score" in digits.stdout
    assert re.search(r"^Trained in \S+ s \(\d+ epochs\)$", digits.stdout, re.M)
    assert 'pip install ".[plot]"' in digits.stdout
    assert not output.exists()


# What an example says, and between which bounds. No log loss is honestly below the
# entropy of labels of which a fifth are wrong, and always saying 1/2 has log(2) = 0.69.
SAYS = {
    "tables/plot_stream.py": (r"BackpropClassifier: accuracy (\S+)", 0.8, 0.95),
    "tables/plot_large_file.py": (r"In batches: R² (\S+) in", 0.96, 0.995),
    "probabilities/plot_quantile_intervals.py": (r"(\S+)% after the conformal", 88, 94),
    "probabilities/plot_calibration.py": (
        r"calibrated \(sigmoid\) +\S+ +(\S+)",
        0.5,
        0.66,
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("example", SAYS)
def test_an_example_says_what_it_should(tmp_path, example):
    said = run(example, tmp_path)
    pattern, least, most = SAYS[example]
    assert least < float(re.search(pattern, said.stdout, re.M)[1]) < most


def test_the_stream_may_come_from_a_file(tmp_path):
    random_state = np.random.RandomState(0)
    numbers = random_state.randn(900, 2)
    lines = [f"{a},{b},{'up' if a > b else 'down'}" for a, b in numbers]
    file = tmp_path / "market.csv"
    file.write_text("\n".join(["a,b,class", *lines]))
    said = run("tables/plot_stream.py", tmp_path, file)
    assert "market: 900 rows, 2 columns, 2 classes" in said.stdout
    accuracy = re.search(r"BackpropClassifier: accuracy (\S+)", said.stdout)
    assert float(accuracy[1]) > 0.8
