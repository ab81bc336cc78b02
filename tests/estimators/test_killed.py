"""Training goes on, to the last bit, after the process that did it was killed."""

import signal
import subprocess
import sys

import joblib
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from skann import BackpropClassifier

# Saves a model after each of endless pieces, as someone does who fears to lose them.
TRAINING = """
import os, sys
import joblib, numpy as np
from sklearn.datasets import load_digits
from skann import BackpropClassifier

path, solver, learning_rate = sys.argv[1:]
X, y = load_digits(return_X_y=True)
model = BackpropClassifier(
    (20,), solver=solver, learning_rate=learning_rate, random_state=0
)
while True:
    model.partial_fit(X, y, classes=np.arange(10))
    joblib.dump(model, path + ".new")
    os.replace(path + ".new", path)
    print(model.n_iter_, flush=True)
"""


@pytest.mark.every(5)
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_s4_a_killed_process_is_continued_from_its_last_file(
    solver, learning_rate, tmp_path
):
    path = tmp_path / "model.joblib"
    command = [sys.executable, "-c", TRAINING, str(path), solver, learning_rate]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= 3:
                break
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    continued = joblib.load(path)
    assert continued.n_iter_ >= 3

    X, y = load_digits(return_X_y=True)
    n_pieces = continued.n_iter_ + 4
    for _ in range(4):
        continued.partial_fit(X, y)
    whole = BackpropClassifier(
        (20,), solver=solver, learning_rate=learning_rate, random_state=0
    )
    for _ in range(n_pieces):
        whole.partial_fit(X, y, classes=range(10))
    assert continued.n_iter_ == whole.n_iter_
    assert continued.loss_curve_ == whole.loss_curve_
    for a, b in zip(continued.coefs_, whole.coefs_, strict=True):
        assert_array_equal(a, b)
