"""scikit-learn's own tests of its MLP pass on skann, but for those listed here.

The file is the one that is installed with scikit-learn. It runs in a process of its
own, in which the two MLPs are skann's estimators with the MLP's defaults.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn.neural_network

import skann

REPOSITORY = Path(__file__).parents[2]
SUITE = Path(sklearn.neural_network.__file__).with_name("tests") / "test_mlp.py"

# The tests that fail, and what the message of the failure says. Reasons stand in
# docs/agreement.md: they read private state, demand the exact words of a message, or
# demand what is wrong.
FAILURES = {
    "test_fit": "has no weights yet. Call fit first",
    "test_gradient": "no attribute '_loss_grad_lbfgs'",
    "test_learning_rate_warmstart": "no attribute '_optimizer'",
    "test_nonfinite_params": "too large for float64",
    "test_predict_proba_multilabel": "Arrays are not equal",
    "test_adaptive_learning_rate": "no attribute '_optimizer'",
    "test_n_iter_no_change": "no attribute '_no_improvement_count'",
    "test_n_iter_no_change_inf": "no attribute '_no_improvement_count'",
    "test_early_stopping_stratified": "The validation set is too small",
    "test_mlp_diverging_loss": "Training diverged in epoch",
    "test_verbose_sgd": "Iteration",
}

PLUGIN = """
import json

import numpy as np
import pytest
import sklearn.neural_network

import skann


def stand_in(name, ours):
    mlp = getattr(sklearn.neural_network, name)

    def make(**params):
        return ours(scaling=None, **{**mlp().get_params(), **params})

    make.__name__ = name
    setattr(sklearn.neural_network, name, make)


stand_in("MLPClassifier", skann.BackpropClassifier)
stand_in("MLPRegressor", skann.BackpropRegressor)
messages = {}


@pytest.fixture(autouse=True)
def same_numbers_each_time():
    np.random.seed(0)


def pytest_runtest_logreport(report):
    name = report.nodeid.split("::")[-1]
    if report.failed:
        messages[name] = report.longrepr.reprcrash.message
    elif report.when == "call" or report.skipped:
        messages.setdefault(name, report.outcome)


def pytest_sessionfinish():
    with open("messages.json", "w") as file:
        json.dump(messages, file)
"""


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """Run scikit-learn's tests; return "passed" or the message of failure by name."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "stand_ins.py").write_text(PLUGIN)
    (folder / "pytest.ini").write_text("[pytest]\n")
    paths = [str(folder), str(Path(skann.__file__).parents[1])]
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pytest.ini", "-p", "stand_ins",
         "-p", "no:cacheprovider", str(SUITE)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert finished.returncode in (0, 1), finished.stdout + finished.stderr
    return json.loads((folder / "messages.json").read_text())


@pytest.mark.exhaustive
def test_exactly_the_known_tests_fail(messages):
    failed = {
        name: message for name, message in messages.items() if message != "passed"
    }
    assert failed.keys() == FAILURES.keys()
    assert len(messages) - len(failed) >= 48
    for name, expected in FAILURES.items():
        assert expected in failed[name], name


def test_the_documentation_lists_them():
    text = (REPOSITORY / "docs" / "agreement.md").read_text()
    section = text.split("## scikit-learn's own tests")[1]
    rows = [line for line in section.splitlines() if line.startswith("| `test_")]
    assert {row.split("`")[1] for row in rows} == FAILURES.keys()
