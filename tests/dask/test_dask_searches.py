"""Searches whose fits are on a cluster have the scores of searches here."""

import joblib
import pytest
from dask_cases import LABELS, X
from numpy.testing import assert_array_equal
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

from skann import BackpropClassifier


@pytest.mark.parametrize(
    "search",
    [
        lambda e, grid: GridSearchCV(e, grid, cv=2),
        lambda e, grid: HalvingGridSearchCV(e, grid, cv=2, random_state=0),
    ],
    ids=["grid", "halving"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_search_has_the_same_scores(client, search):
    plain = BackpropClassifier((8,), solver="lbfgs", max_iter=20, random_state=0)
    grid = {"alpha": [0.1, 1.0, 10.0]}
    here = search(plain, grid).fit(X, LABELS)
    with joblib.parallel_backend("dask", client=client):
        there = search(plain, grid).fit(X, LABELS)
    for name in ("mean_test_score", "split0_test_score", "params"):
        assert_array_equal(there.cv_results_[name], here.cv_results_[name])
    assert there.best_params_ == here.best_params_
