"""A saved estimator knows the version of skann that made it."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

import skann.estimators.base as base_module
from skann import BackpropClassifier, BackpropRegressor

X = np.random.RandomState(0).randn(40, 3)
ESTIMATORS = {
    "classifier": (BackpropClassifier, X[:, 0] > 0),
    "regressor": (BackpropRegressor, X[:, 0]),
}
EACH = pytest.mark.parametrize("kind", ESTIMATORS)


def fitted(kind):
    cls, y = ESTIMATORS[kind]
    return cls((3,), solver="lbfgs", tol=1e-2, random_state=0).fit(X, y)


@EACH
def test_the_same_version_is_no_reason_to_warn(kind):
    estimator = fitted(kind)
    with warnings.catch_warnings(action="error"):
        for copied in (
            pickle.loads(pickle.dumps(estimator)),
            copy.copy(estimator),
            copy.deepcopy(estimator),
        ):
            assert_array_equal(copied.predict(X), estimator.predict(X))
        clone(estimator)
        pickle.loads(pickle.dumps(clone(estimator)))


@EACH
def test_another_version_warns_as_scikit_learn_does(kind, monkeypatch):
    estimator = fitted(kind)
    with monkeypatch.context() as patch:
        patch.setattr(base_module, "__version__", "0.0.7")
        saved = pickle.dumps(estimator)
    with pytest.warns(InconsistentVersionWarning, match=r"skann 0\.0\.7") as caught:
        loaded = pickle.loads(saved)
    assert type(estimator).__name__ in str(caught[0].message)
    # The usual way to look at what was wrong.
    assert caught[0].message.original_sklearn_version == "skann 0.0.7"
    assert_array_equal(loaded.predict(X), estimator.predict(X))
    # Saved again, it is of this version.
    with warnings.catch_warnings(action="error"):
        pickle.loads(pickle.dumps(loaded))


@EACH
def test_a_saved_estimator_is_made_of_plain_things(kind):
    """Anything else would have to be trusted by skops, and break when it is renamed."""
    plain = (dict, list, tuple, str, int, float, bool, type(None), np.ndarray)

    def check(value):
        assert isinstance(value, (*plain, np.generic)), type(value)
        if isinstance(value, dict):
            value = list(value.values())
        for element in value if isinstance(value, list | tuple) else []:
            check(element)

    check(fitted(kind).__getstate__())
