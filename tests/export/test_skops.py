"""skops saves and loads an estimator if skann's own types are trusted."""

import numpy as np
import pytest
from exported import NORMAL, NUMBERS
from numpy.random import RandomState
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skann import (
    Adam,
    BackpropClassifier,
    BackpropRegressor,
    Cosine,
    HiddenActivation,
    Huber,
    LeakyRelu,
    Uniform,
)
from skann.export import trusted_types

skops_io = pytest.importorskip("skops.io")

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
OBJECTS = {
    "activation": LeakyRelu(0.1), "solver": Adam(), "learning_rate": Cosine(10),
    "init": Uniform(-1, 1), "loss": Huber(1.0), "random_state": RandomState(0),
}  # fmt: skip
MADE = {
    "regressor": BackpropRegressor(**SMALL),
    "classifier": BackpropClassifier(**SMALL),
    "members": BackpropRegressor(
        **SMALL, n_members=4, learning_rate="cycles", n_frequencies=2, scaling="bounded"
    ),
    "early stopping": BackpropClassifier(**SMALL, early_stopping=True),
    "lbfgs": BackpropRegressor(**SMALL, solver="lbfgs"),
    "objects": BackpropRegressor(**{**SMALL, **OBJECTS}),
    "several activations": BackpropRegressor(
        **{**SMALL, "hidden_layer_sizes": (4, 4)}, activation=[LeakyRelu(0.1), "tanh"]
    ),
    "pipeline": make_pipeline(StandardScaler(), BackpropRegressor(**SMALL)),
    "search": GridSearchCV(BackpropRegressor(**SMALL), {"alpha": [0.1, 1.0]}, cv=2),
}


@pytest.mark.parametrize("name", MADE)
def test_skops_asks_for_skanns_types_and_loads_the_estimator(name):
    y = NUMBERS > 0 if isinstance(MADE[name], BackpropClassifier) else NUMBERS
    estimator = MADE[name].fit(NORMAL, y)
    saved = skops_io.dumps(estimator)
    asked = skops_io.get_untrusted_types(data=saved)
    trusted = trusted_types(estimator)
    assert trusted == sorted(kind for kind in asked if kind.startswith("skann."))
    loaded = skops_io.loads(saved, trusted=asked)
    np.testing.assert_array_equal(loaded.predict(NORMAL), estimator.predict(NORMAL))
    if name != "search":  # which holds types of numpy that skops does not know
        assert asked == trusted
        if hasattr(loaded, "partial_fit") and not loaded.early_stopping:
            loaded.partial_fit(NORMAL, y)


class Own(HiddenActivation):
    """A type that skann does not answer for."""

    def apply(self, pre_activation, out):
        np.sin(pre_activation, out=out)

    def apply_with_slope(self, pre_activation, slope):
        np.cos(pre_activation, out=slope)
        np.sin(pre_activation, out=pre_activation)


def test_types_of_ones_own_are_not_among_them():
    estimator = BackpropRegressor(**SMALL, activation=Own()).fit(NORMAL, NUMBERS)
    asked = skops_io.get_untrusted_types(data=skops_io.dumps(estimator))
    trusted = trusted_types(estimator)
    assert trusted == ["skann.estimators.regressor.BackpropRegressor"]
    assert [kind for kind in asked if kind not in trusted] == [f"{__name__}.Own"]


def test_what_holds_nothing_of_skann_has_nothing_to_trust():
    assert trusted_types(StandardScaler()) == []
