"""The blocks of the page "Works with", for each package that is installed."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

PAGE = Path(__file__).parents[1] / "docs" / "works_with.md"
FENCED = r"(?ms)^```\{code-block\} python\n(.*?)^```"
SETUP, *BLOCKS = re.findall(FENCED, PAGE.read_text())


def forecast_goes_on_with_the_sine(names):
    true = np.sin(np.arange(300, 320) / 5)
    assert np.abs(names["forecast"] - true).max() < 0.3


def intervals_hold_their_share(names):
    low, high, y_test = names["low"], names["high"], names["y_test"]
    assert np.mean((low <= y_test) & (y_test <= high)) > 0.8


def contributions_add_up(names):
    predicted = names["regressor"].predict(names["X_test"][:5])
    assert_allclose(names["sums"], predicted, rtol=1e-3)


PACKAGES = {
    "skrub": lambda names: names["predicted"].shape == names["y_train"].shape,
    "mapie": intervals_hold_their_share,
    "optuna": lambda names: names["study"].best_value > 0.1,
    "skforecast": forecast_goes_on_with_the_sine,
    "imblearn": lambda names: names["accuracy"] > 0.9,
    "fairlearn": lambda names: set(names["rates"].index) == {"coarse", "fine"},
    "shap": contributions_add_up,
}


@pytest.mark.filterwarnings("ignore")  # the packages have many warnings of their own
@pytest.mark.parametrize("package", PACKAGES)
def test_skann_works_with(package):
    pytest.importorskip(package, exc_type=ImportError)
    (block,) = (b for b in BLOCKS if re.search(rf"(?m)^(from|import) {package}\b", b))
    names = {"__name__": "__main__"}
    for code in (SETUP, block):
        exec(compile(code, str(PAGE), "exec"), names)
    assert PACKAGES[package](names) is not False


def test_each_block_is_tested():
    assert len(BLOCKS) == len(PACKAGES)
