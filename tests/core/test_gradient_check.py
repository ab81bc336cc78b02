"""The public gradient check passes a right gradient and fails a wrong one."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.core.gradient_check import compare_gradients, finite_differences
from skann.core.network import Network, Workspace
from skann.estimators.fitted import fitted_problem, model_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N_SAMPLES = 30


def make_data():
    random_state = np.random.RandomState(0)
    X = 3 + 2 * random_state.randn(N_SAMPLES, 4)
    X[random_state.uniform(size=X.shape) < 0.3] = 0
    signal = X[:, 0] - X[:, 1]
    noisy = signal + random_state.randn(N_SAMPLES)
    targets = {
        "regression": 100 + 10 * noisy,
        "two targets": np.c_[100 + 10 * noisy, X[:, 2]],
        "counts": random_state.poisson(np.exp(signal / 4)),
        "binary": np.where(noisy > 0, "yes", "no"),
        "multiclass": np.array(["low", "middle", "high"])[np.digitize(noisy, [-2, 2])],
        "multilabel": np.c_[noisy > 0, X[:, 3] > 3, noisy > 2].astype(int),
    }
    return X, targets


X, Y = make_data()
WEIGHT = np.random.RandomState(1).uniform(0, 2, N_SAMPLES)
WEIGHT[::7] = 0


def make(target, **params):
    """Return an estimator for the target, of a few parameters."""
    params = {
        "hidden_layer_sizes": 5,
        "activation": "tanh",
        "max_iter": 3,
        "random_state": 0,
        **params,
    }
    if target in ("binary", "multiclass", "multilabel"):
        return BackpropClassifier(**params)
    loss = "poisson" if target == "counts" else "squared_error"
    return BackpropRegressor(**{"loss": loss, **params})


CASES = {
    "defaults": {},
    "relu": {"activation": "relu"},
    "logistic": {"activation": "logistic"},
    "two hidden layers": {"hidden_layer_sizes": (4, 3)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "strong penalty": {"alpha": 10.0},
    "unscaled": {"scaling": None, "learning_rate_init": 1e-5, "solver": "sgd"},
    "minmax": {"scaling": "minmax"},
    "robust": {"scaling": "robust"},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "float32": {"dtype": "float32"},
}


@pytest.mark.every(5)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("target", Y)
@pytest.mark.parametrize("case", CASES)
def test_fitted_estimator_passes(case, target, weight):
    estimator = make(target, **CASES[case]).fit(X, Y[target], weight)
    report = check_gradient(estimator, X, Y[target], weight)
    assert report, str(report)
    assert report.n_checked == report.n_parameters == estimator.n_parameters_


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("fitted_on", ["dense", "sparse"])
@pytest.mark.parametrize("target", ["regression", "multiclass"])
def test_sparse_inputs_pass(container, fitted_on, target):
    X_sparse = container(X)
    estimator = make(target).fit(X if fitted_on == "dense" else X_sparse, Y[target])
    report = check_gradient(estimator, X_sparse, Y[target])
    assert report, str(report)


@pytest.mark.parametrize("target", ["regression", "counts", "multiclass"])
def test_float32_inputs_pass(target):
    X32 = X.astype("float32")
    estimator = make(target).fit(X32, Y[target])
    assert estimator.coefs_[0].dtype == np.float32
    report = check_gradient(estimator, X32, Y[target])
    assert report, str(report)


@pytest.mark.parametrize(
    ("target", "options"), [("regression", {}), ("multiclass", {"classes": True})]
)
def test_partially_fitted_estimator_passes(target, options):
    if options:
        options = {"classes": np.unique(Y[target])}
    estimator = make(target).partial_fit(X[:20], Y[target][:20], **options)
    assert check_gradient(estimator, X[20:], Y[target][20:])
    assert check_gradient(estimator.partial_fit(X[20:], Y[target][20:]), X, Y[target])


@pytest.mark.parametrize(
    ("target", "params"),
    [
        ("multiclass", {"loss": "squared_error"}),
        ("multiclass", {"output_activation": "logistic"}),
        ("binary", {"output_activation": "softmax", "loss": "squared_error"}),
        ("counts", {"loss": "squared_error", "output_activation": "exp"}),
        ("counts", {"loss": "squared_error", "output_activation": "relu"}),
    ],
)
def test_other_losses_and_outputs_pass(target, params):
    estimator = make(target, **params).fit(X, Y[target])
    assert check_gradient(estimator, X, Y[target])


@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", ["regression", "multiclass"])
def test_estimator_and_data_are_not_changed(target, dtype, is_sparse):
    inputs = sparse.csr_array(X) if is_sparse else X.copy()
    estimator = make(target, dtype=dtype).fit(X, Y[target])
    before, inputs_before = pickle.dumps(estimator), inputs.copy()
    weight = WEIGHT.copy()
    check_gradient(estimator, inputs, Y[target], weight)
    assert pickle.dumps(estimator) == before
    assert_array_equal(weight, WEIGHT)
    changed = inputs != inputs_before
    assert changed.nnz == 0 if is_sparse else not changed.any()
    # and training goes on as if nothing had happened
    other = copy.deepcopy(estimator)
    check_gradient(other, inputs, Y[target])
    estimator.partial_fit(X, Y[target])
    other.partial_fit(X, Y[target])
    assert_array_equal(other.predict(X), estimator.predict(X))


# --------------------------------------------------------------- a wrong gradient


def spoil(monkeypatch, index, factor=1.001):
    """Let backpropagation get one parameter's derivative wrong."""
    backward = Network.backward

    def spoiled(self, theta, X, workspace, gradient):
        backward(self, theta, X, workspace, gradient)
        gradient[index] *= factor

    monkeypatch.setattr(Network, "backward", spoiled)


def gradient_of(estimator, target):
    """Return the estimator's gradient, and theta, in float64."""
    objective, theta, data = fitted_problem(estimator, X, Y[target])
    gradient = np.empty_like(theta)
    workspace = Workspace(objective.network, N_SAMPLES, np.float64)
    objective.value_and_gradient(
        theta, data.X, data.dense_target, None, float(N_SAMPLES), workspace, gradient
    )
    return gradient


def name_of(estimator, index):
    """Name a parameter by walking through the estimator's arrays."""
    names = [
        f"coefs_[{layer}][{i}, {j}]"
        for layer, array in enumerate(estimator.coefs_)
        for i, j in np.ndindex(array.shape)
    ]
    names += [
        f"intercepts_[{layer}][{i}]"
        for layer, array in enumerate(estimator.intercepts_)
        for i in range(array.size)
    ]
    return names[index]


# Networks of 166 parameters in all; each parameter in turn is wrong by a thousandth.
SPOILED = [
    ("binary", {"hidden_layer_sizes": (3, 1)}),
    ("regression", {}),
    ("multiclass", {"hidden_layer_sizes": 4}),
    ("counts", {"hidden_layer_sizes": (4, 2)}),
    ("regression", {"activation": "relu", "hidden_layer_sizes": 3}),
    ("multiclass", {"activation": "relu", "hidden_layer_sizes": 3}),
]


@pytest.mark.every(5)
@pytest.mark.parametrize(
    ("target", "params"),
    SPOILED,
    ids=[f"{t}-{p.get('activation', 'tanh')}" for t, p in SPOILED],
)
def test_an_error_of_a_thousandth_in_any_one_parameter_is_found(
    target, params, monkeypatch
):
    estimator = make(target, **params).fit(X, Y[target])
    assert check_gradient(estimator, X, Y[target])
    gradient = gradient_of(estimator, target)
    assert (gradient != 0).all(), "an error relative to zero is none"
    for index in range(gradient.size):
        with monkeypatch.context() as patch:
            spoil(patch, index)
            report = check_gradient(estimator, X, Y[target])
        name = name_of(estimator, index)
        assert not report
        assert not report.passed
        assert report.worst_parameter == name
        assert 0.9e-3 < report.max_relative_error < 1.1e-3
        assert name in str(report)
        assert "WRONG" in str(report)
        layer = name.split("]")[0] + "]"
        assert report.layer_errors[layer] == report.max_relative_error
        others = [e for key, e in report.layer_errors.items() if key != layer]
        assert max(others) < 1e-4
    assert check_gradient(estimator, X, Y[target])


def test_a_weight_of_two_is_checked_as_two_samples(monkeypatch):
    estimator = make("regression", alpha=1.0).fit(X, Y["regression"])
    repeats = np.arange(N_SAMPLES) % 3
    spoil(monkeypatch, 7, 1.5)  # so that both reports are about this parameter
    weighted = check_gradient(estimator, X, Y["regression"], repeats.astype(float))
    repeated = check_gradient(
        estimator, np.repeat(X, repeats, axis=0), np.repeat(Y["regression"], repeats)
    )
    plain = check_gradient(estimator, X, Y["regression"])
    assert weighted.worst_parameter == repeated.worst_parameter == "coefs_[0][1, 2]"
    assert_allclose(weighted.numeric, repeated.numeric, rtol=1e-8)
    assert_allclose(weighted.analytic, repeated.analytic, rtol=1e-12)
    assert abs(weighted.numeric / plain.numeric - 1) > 0.01


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_derivative_that_is_not_finite_is_found(value, monkeypatch):
    estimator = make("regression").fit(X, Y["regression"])
    spoil(monkeypatch, 3, value)
    report = check_gradient(estimator, X, Y["regression"])
    assert not report
    assert report.worst_parameter == "coefs_[0][0, 3]"


def test_a_forgotten_penalty_is_found(monkeypatch):
    estimator = make("regression", alpha=1.0).fit(X, Y["regression"])
    network = model_of(estimator).network
    backward = Network.backward

    def without_penalty(self, theta, X, workspace, gradient):
        backward(self, theta, X, workspace, gradient)
        # What the objective will add to the weights' part.
        gradient[: network.n_weights] -= theta[: network.n_weights] / N_SAMPLES

    monkeypatch.setattr(Network, "backward", without_penalty)
    report = check_gradient(estimator, X, Y["regression"])
    assert not report
    assert report.worst_parameter.startswith("coefs_")


# ------------------------------------------------------------------- the report


def test_report_says_where_the_worst_is_and_how_large():
    estimator = make("regression").fit(X, Y["regression"])
    report = check_gradient(estimator, X, Y["regression"])
    assert set(report.layer_errors) == {
        "coefs_[0]", "coefs_[1]", "intercepts_[0]", "intercepts_[1]"
    }  # fmt: skip
    assert max(report.layer_errors.values()) == report.max_relative_error
    assert report.layer_errors[report.worst_parameter.split("]")[0] + "]"] == (
        report.max_relative_error
    )
    names = [name_of(estimator, i) for i in range(estimator.n_parameters_)]
    index = names.index(report.worst_parameter)
    assert_allclose(report.analytic, gradient_of(estimator, "regression")[index])
    assert_allclose(report.numeric, report.analytic, rtol=report.tolerance)
    lines = str(report).splitlines()
    assert lines[0].startswith("The gradient is right")
    assert f"{report.max_relative_error:.2e}" in lines[0]
    assert report.worst_parameter in lines[1]
    assert lines[2].startswith("31 of 31 parameters")
    assert [line.split()[0] for line in lines[3:]] == list(report.layer_errors)


def test_tolerance_decides():
    estimator = make("regression").fit(X, Y["regression"])
    report = check_gradient(estimator, X, Y["regression"], tolerance=1e-30)
    assert not report
    assert 1e-30 < report.max_relative_error < 1e-4
    assert check_gradient(estimator, X, Y["regression"], tolerance=1.0)


def test_a_large_network_is_checked_in_part_and_in_every_layer():
    estimator = make("multiclass", hidden_layer_sizes=(40, 30)).fit(X, Y["multiclass"])
    report = check_gradient(estimator, X, Y["multiclass"], max_parameters=60)
    assert report
    assert report.n_parameters == estimator.n_parameters_ == 200 + 1230 + 93
    assert 6 <= report.n_checked <= 60
    assert len(report.layer_errors) == 6
    with pytest.raises(ValueError, match="max_parameters must be at least 1"):
        check_gradient(estimator, X, Y["multiclass"], max_parameters=0)


# ------------------------------------------------------------------- bad input


@pytest.mark.parametrize("target", ["regression", "binary"])
def test_estimator_without_parameters_is_refused(target):
    with pytest.raises(NotFittedError):
        check_gradient(make(target), X, Y[target])


@pytest.mark.parametrize(
    ("target", "inputs", "y", "weight", "match"),
    [
        ("regression", X[:, :3], Y["regression"], None, "features"),
        ("regression", X, Y["regression"][:5], None, "inconsistent"),
        ("regression", X, Y["regression"], -WEIGHT - 1, "[Nn]egative"),
        ("regression", X, Y["two targets"], None, "output|target|shape"),
        ("two targets", X, Y["regression"], None, "output|target|shape"),
        ("binary", X, Y["multiclass"], None, "classes"),
        ("counts", X, -1.0 - Y["counts"], None, "poisson"),
    ],
    ids=[
        "features", "length", "weight", "outputs", "fewer outputs", "classes", "domain",
    ],
)  # fmt: skip
def test_data_that_do_not_suit_the_estimator_are_refused(
    target, inputs, y, weight, match
):
    estimator = make(target).fit(X, Y[target])
    with pytest.raises(ValueError, match=match):
        check_gradient(estimator, inputs, y, weight)


# ------------------------------------------------------------ finite differences


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (lambda x: float(np.sum(x**2)), lambda x: 2 * x),
        (lambda x: float(np.exp(x).sum()), np.exp),
        (lambda x: float(np.sin(3 * x).sum()), lambda x: 3 * np.cos(3 * x)),
        (lambda x: float(np.prod(x)), lambda x: np.prod(x) / x),
        # with a kink nearby, as a relu has
        (lambda x: float(np.maximum(x, 0.3).sum()), lambda x: (x > 0.3).astype(float)),
    ],
    ids=["square", "exp", "sine", "product", "kink"],
)
def test_finite_differences_of_known_functions(function, derivative):
    point = np.array([-0.7, 0.305, 1.3, 0.2])
    assert_allclose(
        finite_differences(function, point), derivative(point), rtol=1e-8, atol=1e-9
    )


def test_compare_gradients_looks_at_the_chosen_parameters_only():
    point = np.array([1.0, 2.0, 3.0])
    gradient = np.array([2.0, 400.0, 6.0])  # of the sum of squares; wrong at 1

    def compare(checked):
        return compare_gradients(
            lambda x: float(x @ x), gradient, point, checked, "p[{}]".format, 1e-4
        )

    assert compare([0, 2])
    report = compare([0, 1, 2])
    assert not report
    assert report.worst_parameter == "p[1]"
    assert report.analytic == 400
    assert_allclose(report.numeric, 4)
    assert_array_equal(point, [1, 2, 3])


def test_the_slope_of_either_side_is_right_at_a_kink_and_no_other():
    theta = np.array([0.0, 0.3])

    def function(point):
        return 2 * max(point[0], 0) + abs(point[1] - 0.3 - 3e-5) + point[1] ** 2

    def passed(*gradient):
        return compare_gradients(
            function, np.array(gradient), theta, [0, 1], lambda i: f"[{i}]", 1e-4
        ).passed

    near_a_kink = -1 + 0.6
    assert passed(0.0, near_a_kink)
    assert passed(2.0, near_a_kink)
    assert not passed(0.5, near_a_kink)
    assert not passed(2.002, near_a_kink)
    assert not passed(2.0, 1 + 0.6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_networks_that_training_has_brought_to_kinks_pass():
    random_state = np.random.RandomState(0)
    X = random_state.randn(120, 5)
    y = np.digitize(X[:, 0] + random_state.randn(120), [-0.5, 0.5])
    for seed in range(10):
        classifier = BackpropClassifier(8, solver="lbfgs", random_state=seed)
        assert check_gradient(classifier.fit(X, y), X, y)
