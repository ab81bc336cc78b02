"""What a user sees of a fit while it runs."""

import re
import sys

import numpy as np
import pytest
from sklearn.datasets import make_friedman1

from skann import BackpropClassifier, BackpropRegressor
from skann.training.report import EpochRow, EpochTable, duration, number

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_friedman1(120, random_state=0)


def head_and_rows(printed):
    """Return the names of the columns, and the lines of the epochs."""
    head, rule, *lines = printed.splitlines()
    assert set(rule) == {" ", "-"}
    return head.split(), [line for line in lines if line.split()[0].isdigit()]


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({}, "epoch loss rate seconds left"),
        ({"early_stopping": True}, "epoch loss validation rate seconds left"),
        ({"solver": "lbfgs"}, "epoch loss seconds left"),
        (
            {"n_members": 4, "hidden_layer_sizes": (32,), "learning_rate": "cycles"},
            "epoch loss out-of-fold rate seconds left",
        ),
        (
            {"solver": "lbfgs", "early_stopping": True},
            "epoch loss validation seconds left",
        ),
    ],
    ids=["plain", "early-stopping", "lbfgs", "members", "lbfgs-score"],
)
def test_a_table_has_a_header_and_a_row_for_each_epoch(capsys, options, columns):
    options = {"hidden_layer_sizes": (3,), "max_iter": 8, "random_state": 0, **options}
    regressor = BackpropRegressor(**options, verbose=True).fit(X, Y)
    printed = capsys.readouterr().out
    head, rows = head_and_rows(printed)
    assert head == columns.split()
    assert [int(row.split()[0]) for row in rows] == regressor.history_["epoch"]
    losses = [float(row.split()[1].rstrip("*")) for row in rows]
    np.testing.assert_allclose(losses, regressor.loss_curve_, rtol=1e-3, atol=1e-5)
    # Every cell ends below the end of the name of its column.
    for name in ("epoch", "loss", "seconds"):
        end = re.search(rf"\b{name}\b", printed.splitlines()[0]).end()
        assert all(row[end - 1] != " " and row[end : end + 1] == " " for row in rows)
    if "out-of-fold" in columns:
        known = [loss for loss in regressor.history_["oof_loss"] if loss is not None]
        assert known
        assert all(f"{number(loss)}" in printed for loss in known)


def test_the_best_epoch_is_marked():
    estimator = BackpropClassifier(
        (3,), solver="sgd", early_stopping=True, max_iter=12, random_state=0
    )
    table = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", table.append)
        estimator.set_params(verbose=True).fit(X, Y > 14)
    _, rows = head_and_rows("\n".join(table))
    scores, best = estimator.validation_scores_, -np.inf
    for row, score in zip(rows, scores, strict=True):
        assert ("*" in row) == (score > best)
        best = max(best, score)
    last = max(k for k, row in enumerate(rows, start=1) if "*" in row)
    if last < len(rows):
        assert f"The weights of epoch {last}, the last one" in table[-1]


@pytest.mark.parametrize("verbose", [True, 2])
def test_a_stream_has_one_header(capsys, verbose):
    regressor = BackpropRegressor((3,), verbose=verbose, random_state=0)
    for _ in range(3):
        regressor.partial_fit(X, Y)
    head, rows = head_and_rows(capsys.readouterr().out)
    assert head == ["epoch", "loss", "rate", "seconds"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]


def test_a_fit_that_goes_on_says_nothing_of_the_time_left_at_first(capsys):
    table = EpochTable(12)
    for epoch, seconds in ((10, 5.0), (11, 6.0), (12, 7.0)):
        table.show(EpochRow(epoch, 1.0, seconds, 0.1))
    _, rows = head_and_rows(capsys.readouterr().out)
    assert [row.split()[-2:] for row in rows[1:]] == [["1.0", "s"], ["0.0", "s"]]
    assert rows[0].split()[-1] == "5.00"


def test_a_fit_that_diverges_keeps_nothing(capsys):
    regressor = BackpropRegressor(
        (3,), solver="sgd", learning_rate_init=1e20, restore_best_weights=True,
        verbose=True, max_iter=5, random_state=0,
    )  # fmt: skip
    with pytest.raises(ValueError, match="diverged"):
        regressor.fit(X, Y)
    assert "are kept" not in capsys.readouterr().out


def test_two_shows_a_bar(capsys):
    pytest.importorskip("rich")
    BackpropRegressor((3,), max_iter=4, verbose=2, random_state=0).fit(X, Y)
    printed = capsys.readouterr().out
    assert "4/4" in printed
    assert "loss" in printed


def test_a_bar_without_rich_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    regressor = BackpropRegressor((3,), max_iter=4, verbose=2)
    with pytest.raises(ImportError, match=r"skann\[progress\].*verbose=True"):
        regressor.fit(X, Y)
    assert not hasattr(regressor, "n_iter_")


@pytest.mark.parametrize("verbose", [False, 0])
def test_nothing_is_printed_unasked(capsys, verbose):
    BackpropRegressor((3,), max_iter=2, verbose=verbose).fit(X, Y)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.693147, "0.69315"),
        (0, "0.00000"),
        (-12.5, "-12.50000"),
        (1234.5678, "1234.57"),
        (1.23456e-5, "1.235e-05"),
        (1e9, "1.000e+09"),
        (float("nan"), "nan"),
        (None, ""),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (9.96, "0:10"), (125, "2:05"), (3725, "1:02:05")],
)
def test_times_are_short(seconds, text):
    assert duration(seconds) == text
