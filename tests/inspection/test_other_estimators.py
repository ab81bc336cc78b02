"""What looks at a network says what it takes, and where that may be found."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skann import BackpropRegressor, check_gradient
from skann.inspection import (
    ErrorSurfaceDisplay,
    NetworkDiagramDisplay,
    UnitContributionDisplay,
    WeightImageDisplay,
    trace_backprop,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).rand(20, 1)
Y = X[:, 0]

LOOKS = {
    "diagram": NetworkDiagramDisplay.from_estimator,
    "trace": lambda estimator: trace_backprop(estimator, X, Y),
    "gradient": lambda estimator: check_gradient(estimator, X, Y),
    "surface": lambda estimator: ErrorSurfaceDisplay.from_estimator(estimator, X, Y),
    "units": lambda estimator: UnitContributionDisplay.from_estimator(estimator, X),
    "images": lambda estimator: WeightImageDisplay.from_estimator(estimator, (1, 1)),
}
OURS = BackpropRegressor((2,), max_iter=2, random_state=0)
OTHERS = {
    "MLP": (MLPRegressor(hidden_layer_sizes=(2,), max_iter=2), "export.from_sklearn"),
    "pipeline": (
        make_pipeline(StandardScaler(), OURS),
        "For a pipeline, pass its last step",
    ),
    "search": (GridSearchCV(OURS, {"alpha": [0.1]}, cv=2), "best_estimator_"),
    "tree": (DecisionTreeRegressor(), "Got DecisionTreeRegressor"),
}


@pytest.fixture(scope="module")
def others():
    return {name: estimator.fit(X, Y) for name, (estimator, _) in OTHERS.items()}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("look", LOOKS)
def test_another_estimator_is_refused_with_a_hint(others, look, other):
    with pytest.raises(TypeError, match=f"BackpropRegressor.*{OTHERS[other][1]}"):
        LOOKS[look](others[other])
