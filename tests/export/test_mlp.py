"""To scikit-learn's MLP, and from it."""

import pickle
from itertools import product

import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from skann import SGD, Adam, BackpropClassifier, BackpropRegressor, check_gradient
from skann.export import from_sklearn, to_sklearn
from skann.inspection import LossCurveDisplay, NetworkDiagramDisplay, trace_backprop

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLOSE = {"rtol": 1e-12, "atol": 1e-12}
X = RandomState(0).randn(120, 4) * [1, 3, 0.5, 2] + [0, 2, -1, 5]
NUMBERS = X[:, 0] - X[:, 1] / 2
CLASSES = np.digitize(NUMBERS, [-2, 0])

TARGETS = {
    "one target": (MLPRegressor, NUMBERS, {}),
    "two targets": (MLPRegressor, X[:, :2], {}),
    "counts": (MLPRegressor, np.floor(np.abs(NUMBERS)), {"loss": "poisson"}),
    "two classes": (MLPClassifier, NUMBERS > 0, {}),
    "three classes": (MLPClassifier, CLASSES, {}),
    "strings": (MLPClassifier, np.array(["a", "b", "c"])[CLASSES], {}),
    "labels": (MLPClassifier, (X[:, :3] > 0).astype(int), {}),
}
SOLVERS = {
    "adam": {"solver": "adam"},
    "adam, other settings": {"solver": "adam", "beta_1": 0.8, "epsilon": 1e-6},
    "sgd": {"solver": "sgd", "learning_rate_init": 1e-3},
    "plain sgd": {
        "solver": "sgd", "learning_rate_init": 1e-3, "nesterovs_momentum": False,
    },
    "adaptive": {
        "solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 1e-3,
        "n_iter_no_change": 2, "tol": 1e3,
    },
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
}  # fmt: skip
OURS = {MLPRegressor: BackpropRegressor, MLPClassifier: BackpropClassifier}


def outputs(estimator, data=X):
    return getattr(estimator, "predict_proba", estimator.predict)(data)


def trained(target, **params):
    kind, y, given = TARGETS[target]
    sizes = {"hidden_layer_sizes": (6, 3), "max_iter": 12}
    return kind(**{**sizes, "random_state": 0, **given, **params}).fit(X, y), y


@pytest.mark.every(3)
@pytest.mark.parametrize(
    ("target", "solver", "seed"), list(product(TARGETS, SOLVERS, ["int", "generator"]))
)
def test_a_mlp_comes_in_and_goes_on_as_it_would(target, solver, seed):
    seed = 0 if seed == "int" else RandomState(0)
    mlp, y = trained(target, **SOLVERS[solver], random_state=seed)
    ours = from_sklearn(mlp)
    back = to_sklearn(ours, with_memory=True)
    assert_allclose(outputs(ours), outputs(mlp), **CLOSE)
    assert_allclose(outputs(back), outputs(mlp), **CLOSE)
    if hasattr(mlp, "classes_"):
        assert_array_equal(ours.predict(X), mlp.predict(X))
    for each in (mlp, ours, back):
        each.partial_fit(X, y)
    assert_allclose(outputs(ours), outputs(mlp), rtol=1e-9, atol=1e-11)
    assert_allclose(outputs(back), outputs(mlp), rtol=1e-9, atol=1e-11)
    assert ours.t_ == back.t_ == mlp.t_
    if target != "two targets":  # whose losses are added up here, and averaged there
        assert_allclose(ours.loss_curve_, mlp.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("params", [{"solver": "lbfgs"}, {"early_stopping": True}])
def test_a_mlp_that_has_ended_comes_in(target, params):
    mlp, _ = trained(target, **params)
    ours = from_sklearn(mlp)
    assert_allclose(outputs(ours), outputs(mlp), **CLOSE)
    assert_allclose(outputs(to_sklearn(ours)), outputs(mlp), **CLOSE)
    assert ours.get_params()["early_stopping"] == mlp.early_stopping


def test_what_came_in_can_be_looked_at_and_saved():
    mlp, y = trained("three classes")
    ours = from_sklearn(mlp)
    assert check_gradient(ours, X, y).passed
    assert len(trace_backprop(ours, X[:2], y[:2]).layers) == 3
    NetworkDiagramDisplay.from_estimator(ours, X[:1])
    LossCurveDisplay.from_estimator(ours)
    saved = pickle.loads(pickle.dumps(ours))
    assert_array_equal(outputs(saved), outputs(ours))
    assert ours.loss_curve_ == mlp.loss_curve_
    assert ours.n_iter_ == mlp.n_iter_


def test_names_of_columns_come_with_it():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    mlp = MLPRegressor((3,), max_iter=2, random_state=0).set_params(loss="poisson")
    mlp.set_params(loss="squared_error", hidden_layer_sizes=(3,)).fit(frame, NUMBERS)
    ours = from_sklearn(mlp)
    assert list(ours.feature_names_in_) == list("abcd")
    assert list(to_sklearn(ours).feature_names_in_) == list("abcd")
    scaled = make_pipeline(StandardScaler(), mlp).fit(frame, NUMBERS)
    assert list(from_sklearn(scaled).feature_names_in_) == list("abcd")


SCALERS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "wide minmax": MinMaxScaler((-2, 5)),
    "robust": RobustScaler(),
}


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("target", ["one target", "strings"])
def test_a_pipeline_comes_in_as_one_estimator(scaler, target):
    kind, y, _ = TARGETS[target]
    data = np.c_[X, np.full(len(X), 3.0)]  # one column is constant
    mlp = kind(hidden_layer_sizes=(5,), max_iter=20, random_state=0)
    pipeline = make_pipeline(SCALERS[scaler], mlp).fit(data, y)
    ours = from_sklearn(pipeline)
    assert ours.scaling == scaler.split()[-1]
    elsewhere = data * 1.5 - 1
    assert_allclose(outputs(ours, elsewhere), outputs(pipeline, elsewhere), **CLOSE)
    again = to_sklearn(ours)
    assert_allclose(outputs(again, elsewhere), outputs(pipeline, elsewhere), **CLOSE)
    assert ours._model.inputs.weight == len(data)
    before = outputs(ours, data)
    ours.partial_fit(data, y)
    assert 0 < np.abs(outputs(ours, data) - before).max() < 1
    assert ours.t_ == pipeline[-1].t_ + len(data)
    alone = from_sklearn(make_pipeline(mlp))
    assert alone.scaling is None


def test_other_estimators_and_unfitted_ones_are_refused():
    with pytest.raises(TypeError, match="Got Ridge"):
        from_sklearn(Ridge().fit(X, NUMBERS))
    for unfitted in (MLPRegressor(), make_pipeline(StandardScaler(), MLPRegressor())):
        with pytest.raises(NotFittedError):
            from_sklearn(unfitted)


@pytest.mark.parametrize(
    ("steps", "error", "message"),
    [
        ([StandardScaler(), StandardScaler()], TypeError, "Got the steps"),
        ([MaxAbsScaler()], ValueError, "MaxAbsScaler"),
        ([MinMaxScaler(clip=True)], ValueError, "without clip"),
        ([RobustScaler(unit_variance=True)], ValueError, "unit_variance"),
        ([StandardScaler(with_mean=False)], ValueError, "with_mean"),
    ],
)
def test_pipelines_that_no_scaling_expresses_are_refused(steps, error, message):
    mlp = MLPRegressor(hidden_layer_sizes=(2,), max_iter=2)
    pipeline = make_pipeline(*steps, mlp).fit(X, NUMBERS)
    with pytest.raises(error, match=message):
        from_sklearn(pipeline)


# --------------------------------------------------------------------- to the MLP

EXPRESSIBLE = {
    "standard": {"scaling": "standard"},
    "minmax": {"scaling": "minmax", "activation": "tanh"},
    "robust": {"scaling": "robust", "activation": "logistic"},
    "no scaling": {"scaling": None},
    "no hidden layer": {"hidden_layer_sizes": (), "scaling": "standard"},
    "lbfgs": {"solver": "lbfgs", "scaling": "standard"},
    "objects": {"solver": Adam(beta_1=0.8), "scaling": None},
    "sgd object": {
        "solver": SGD(0.5), "scaling": None, "learning_rate_init": 1e-3,
    },
    "one cycle": {"learning_rate": "one_cycle", "dropout": 0.1, "scaling": "standard"},
}  # fmt: skip


@pytest.mark.parametrize(("target", "name"), list(product(TARGETS, EXPRESSIBLE)))
@pytest.mark.every(2)
def test_a_network_becomes_a_mlp(target, name):
    kind, y, given = TARGETS[target]
    params = {"hidden_layer_sizes": (5,), "max_iter": 8, "recipe": "mlp"}
    ours = OURS[kind](**{**params, "random_state": 0, **given, **EXPRESSIBLE[name]})
    mlp = to_sklearn(ours.fit(X, y))
    assert type(mlp) is kind
    assert_allclose(outputs(mlp), outputs(ours), **CLOSE)
    if kind is MLPClassifier:
        assert_array_equal(mlp.predict(X), ours.predict(X))
    if "skann" in str(mlp.__dict__):
        pytest.fail("something of skann is left in it")
    if mlp.solver != "lbfgs":
        mlp.partial_fit(X, y)
    mlp.set_params(max_iter=2).fit(X, y)


def test_a_mlp_is_saved_by_skops_without_any_untrusted_type():
    skops_io = pytest.importorskip("skops.io")
    for target in ("counts", "strings", "labels"):
        kind, y, given = TARGETS[target]
        ours = OURS[kind]((5,), recipe="mlp", max_iter=5, random_state=0, **given)
        mlp = to_sklearn(ours.fit(X, y))
        saved = skops_io.dumps(mlp)
        assert skops_io.get_untrusted_types(data=saved) == []
        assert_array_equal(outputs(skops_io.loads(saved)), outputs(mlp))


FITS = {"hidden_layer_sizes": (4,), "recipe": "mlp", "max_iter": 2, "random_state": 0}


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        (BackpropRegressor, {"n_members": 2}, "Fit with n_members=1"),
        (
            BackpropRegressor, {"n_frequencies": 2, "scaling": "standard"},
            "n_frequencies=0",
        ),
        (BackpropRegressor, {"activation": "gelu"}, "Fit with activation in"),
        (BackpropRegressor, {"loss": "huber"}, "Fit with loss in"),
        (BackpropRegressor, {"loss": "quantile", "quantile": [0.1, 0.9]}, "loss in"),
        (BackpropRegressor, {"output_activation": "tanh"}, "output_activation='auto'"),
        (BackpropRegressor, {"scaling": "bounded"}, "scaling='standard'"),
        (BackpropRegressor, {"scaling": "adaptive"}, "scaling='standard'"),
        (BackpropRegressor, {"scaling": "stream"}, "scaling='standard'"),
        (
            BackpropRegressor,
            {"hidden_layer_sizes": (4, 4), "activation": ["relu", "tanh"]},
            "one for all layers",
        ),
        (BackpropClassifier, {"loss": "squared_error"}, "Fit with loss in"),
        (BackpropClassifier, {"output_activation": "softmax"}, "output_activation="),
    ],
)  # fmt: skip
def test_what_a_mlp_cannot_express_is_refused(kind, params, message):
    y = (NUMBERS > 0) if kind is BackpropClassifier else np.tanh(NUMBERS)
    estimator = kind(**{**FITS, **params}).fit(X, y)
    with pytest.raises(ValueError, match=message):
        to_sklearn(estimator)


def test_unfitted_estimators_are_refused():
    with pytest.raises(NotFittedError):
        to_sklearn(BackpropRegressor())


def test_weights_by_hand_become_a_mlp():
    ours = BackpropRegressor.from_weights([[[1.0], [2.0]]], [[0.5]])
    mlp = to_sklearn(ours)
    assert_allclose(mlp.predict([[1.0, 1.0]]), [3.5])
    assert mlp.partial_fit([[1.0, 1.0]], [3.0]).best_loss_ < 1
