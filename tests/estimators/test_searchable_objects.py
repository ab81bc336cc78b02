"""Objects in the place of names: what they stand for, and how a search reaches them."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

import skann
from skann import (
    SGD,
    AbsoluteError,
    Adam,
    Adaptive,
    BackpropClassifier,
    BackpropRegressor,
    Constant,
    Cosine,
    Cycles,
    Elu,
    Exponential,
    FanScaled,
    Gelu,
    HalfGammaDeviance,
    HalfPoissonDeviance,
    HiddenActivation,
    Huber,
    Identity,
    Initializer,
    InverseScaling,
    InverseTime,
    LeakyRelu,
    Logistic,
    LogLoss,
    Loss,
    Normal,
    OneCycle,
    Optimizer,
    Quantile,
    Relu,
    Schedule,
    Selu,
    Silu,
    Softplus,
    SquaredError,
    Tanh,
    Uniform,
)

RNG = np.random.RandomState(0)
X = RNG.randn(60, 3)
POSITIVE = np.exp(X[:, 0] + 0.1 * RNG.randn(60))
TARGETS = {
    BackpropRegressor: POSITIVE,
    BackpropClassifier: np.digitize(X[:, 0], [-0.5, 0.5]),
}
BOTH = pytest.mark.parametrize("kind", TARGETS)

# Few epochs, none of which is the last for another reason than their number.
COMMON = {
    "hidden_layer_sizes": (5,),
    "learning_rate": "exponential",
    "learning_rate_init": 0.01,
    "decay": 0.99,
    "max_iter": 6,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fit(kind, **params):
    return kind(**{**COMMON, **params}).fit(X, TARGETS[kind])


# ----------------------------------------------------------- a row for each name


def glorot(distribution, numerator):
    uniform = distribution == "uniform"
    return FanScaled(distribution, numerator, both_fans=True, random_biases=uniform)


# parameter: (name, what else the name needs, object)
OF_BOTH = {
    "solver": [
        ("adam", {}, Adam()),
        ("adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1}, Adam(0.5, 0.9, 0.1)),
        ("sgd", {}, SGD()),
        ("sgd", {"momentum": 0.3, "nesterovs_momentum": False}, SGD(0.3, False)),
    ],
    "learning_rate": [
        ("constant", {}, Constant()),
        ("invscaling", {"solver": "sgd"}, InverseScaling()),
        ("invscaling", {"solver": "sgd", "power_t": 0.2}, InverseScaling(0.2)),
        ("adaptive", {"solver": "sgd", "n_iter_no_change": 1, "tol": 1.0}, Adaptive()),
        ("exponential", {"decay": None}, Exponential()),
        ("exponential", {"decay": 0.5}, Exponential(0.5)),
        ("inverse_time", {"decay": None}, InverseTime()),
        ("inverse_time", {"decay": 0.5}, InverseTime(0.5)),
        ("cosine", {}, Cosine(6)),
        ("one_cycle", {}, OneCycle(6)),
        ("cycles", {}, Cycles(6)),
    ],
    "activation": [
        ("identity", {}, Identity()),
        ("logistic", {}, Logistic()),
        ("tanh", {}, Tanh()),
        ("relu", {}, Relu()),
        ("leaky_relu", {}, LeakyRelu()),
        ("elu", {}, Elu()),
        ("selu", {}, Selu()),
        ("gelu", {}, Gelu()),
        ("silu", {}, Silu()),
        ("softplus", {}, Softplus()),
    ],
    "init": [
        ("glorot_uniform", {}, glorot("uniform", 6.0)),
        ("glorot_uniform", {"activation": "logistic"}, glorot("uniform", 2.0)),
        ("glorot_normal", {}, glorot("normal", 2.0)),
        ("he_uniform", {}, FanScaled("uniform", 6.0)),
        ("he_normal", {}, FanScaled("normal", 2.0)),
        ("lecun_uniform", {}, FanScaled("uniform", 3.0)),
        ("lecun_normal", {}, FanScaled("normal", 1.0)),
        ("fan_in_uniform", {}, FanScaled("uniform", 1.0, random_biases=True)),
    ],
}
OF_ONE = {
    BackpropRegressor: [
        ("squared_error", {}, SquaredError()),
        ("absolute_error", {}, AbsoluteError()),
        ("huber", {"huber_delta": 0.5}, Huber(0.5)),
        ("quantile", {}, Quantile()),
        ("quantile", {"quantile": 0.8}, Quantile(0.8)),
        ("poisson", {}, HalfPoissonDeviance()),
        ("gamma", {}, HalfGammaDeviance()),
    ],
    BackpropClassifier: [
        ("log_loss", {}, LogLoss()),
        ("log_loss", {"output_activation": "logistic"}, LogLoss()),
        ("squared_error", {}, SquaredError()),
        ("squared_error", {"output_activation": "logistic"}, SquaredError()),
    ],
}
ROWS = [
    pytest.param(kind, parameter, *row, id=f"{kind.__name__}-{row[2]!r}")
    for kind in TARGETS
    for parameter, rows in [*OF_BOTH.items(), ("loss", OF_ONE[kind])]
    for row in rows
]


@pytest.mark.parametrize(("kind", "parameter", "name", "options", "thing"), ROWS)
def test_a_name_and_its_object_make_the_same_fit(kind, parameter, name, options, thing):
    named = fit(kind, **{**options, parameter: name})
    given = fit(kind, **{**options, parameter: thing})
    assert named.loss_curve_ == given.loss_curve_
    for ours, theirs in zip(named.coefs_, given.coefs_, strict=True):
        assert_array_equal(ours, theirs)
    assert_array_equal(named.predict(X), given.predict(X))


@BOTH
@pytest.mark.parametrize("parameter", [*OF_BOTH, "loss"])
def test_every_name_has_a_row(kind, parameter):
    rows = OF_BOTH.get(parameter, OF_ONE[kind])
    constraints = kind._parameter_constraints[parameter]
    options = next(each.options for each in constraints if hasattr(each, "options"))
    assert options - {"auto", "lbfgs"} == {name for name, _, _ in rows}


def test_every_object_of_a_row_is_public():
    for row in ROWS:
        thing = row.values[-1]
        assert getattr(skann, type(thing).__name__) is type(thing)


def test_two_classes_and_labels_have_the_log_loss_of_their_output():
    labels = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)
    for y in (labels[:, 0], labels):
        for output_activation in ("auto", "logistic", "softmax"):
            if y.ndim == 2 and output_activation == "softmax":
                continue
            params = {**COMMON, "output_activation": output_activation}
            named = BackpropClassifier(**params).fit(X, y)
            given = BackpropClassifier(**params, loss=LogLoss()).fit(X, y)
            assert named.out_activation_ == given.out_activation_
            assert_array_equal(named.predict_proba(X), given.predict_proba(X))


def test_a_log_loss_has_no_value_before_it_is_joined():
    z = np.zeros((2, 1))
    with pytest.raises(TypeError, match="joined"):
        LogLoss().value_and_delta(z, z, None, z.copy())


def test_a_measured_huber_delta_makes_the_object_that_the_name_stands_for():
    named = fit(BackpropRegressor, loss="huber")
    given = fit(BackpropRegressor, loss=Huber(named.huber_delta_))
    assert_array_equal(named.predict(X), given.predict(X))


# -------------------------------------------------------------- within an estimator


@BOTH
@pytest.mark.parametrize(
    ("params", "name", "values"),
    [
        ({"solver": Adam()}, "solver__beta_1", [0.0, 0.9]),
        ({"solver": SGD()}, "solver__momentum", [0.0, 0.9]),
        ({"learning_rate": Exponential()}, "learning_rate__decay", [0.1, 0.99]),
        ({"learning_rate": OneCycle(6)}, "learning_rate__n_epochs", [2, 6]),
        ({"activation": LeakyRelu()}, "activation__slope", [0.0, 1.0]),
        ({"init": FanScaled("normal", 2.0)}, "init__numerator", [0.01, 2.0]),
        ({"init": Uniform(-1.0, 1.0)}, "init__high", [0.0, 1.0]),
        ({"loss": Huber()}, "loss__delta", [0.01, 10.0]),
    ],
)
def test_a_search_reaches_within_an_object(kind, params, name, values):
    if kind is BackpropClassifier and name == "loss__delta":
        params = {**params, "output_activation": "logistic"}
    estimator = kind(**{**COMMON, **params})
    before = estimator.get_params()[name]
    scoring = "r2" if kind is BackpropRegressor else "neg_log_loss"
    search = GridSearchCV(estimator, {name: values}, scoring=scoring, cv=2)
    search.fit(X, TARGETS[kind])
    first, second = search.cv_results_["mean_test_score"]
    assert first != second
    assert search.best_estimator_.get_params()[name] == search.best_params_[name]
    assert estimator.get_params()[name] == before


def test_a_pipeline_and_a_search_reach_within_an_object():
    pipeline = make_pipeline(
        StandardScaler(), BackpropRegressor(**{**COMMON, "solver": Adam()})
    )
    name = "backpropregressor__solver__beta_1"
    assert pipeline.get_params()[name] == 0.9
    search = GridSearchCV(pipeline, {name: [0.5]}, cv=2).fit(X, POSITIVE)
    assert search.best_estimator_[-1].solver == Adam(beta_1=0.5)
    assert pipeline.get_params()[name] == 0.9


@BOTH
def test_an_estimator_shows_and_sets_the_parameters_of_its_objects(kind):
    solver = Adam()
    estimator = kind(solver=solver, learning_rate=Cosine(5), activation=LeakyRelu())
    params = estimator.get_params()
    assert params["solver"] is solver
    assert params["solver__beta_1"] == 0.9
    assert params["learning_rate__n_epochs"] == 5
    assert params["activation__slope"] == 0.01
    assert "solver__beta_1" not in estimator.get_params(deep=False)
    estimator.set_params(solver__beta_1=0.5, learning_rate__n_epochs=7)
    assert estimator.solver == Adam(0.5)
    assert estimator.learning_rate == Cosine(7)
    # An object and what is within it.
    estimator.set_params(solver__momentum=0.1, solver=SGD())
    assert estimator.solver == SGD(0.1)
    with pytest.raises(ValueError, match="Invalid parameter 'beta_1' for SGD"):
        estimator.set_params(solver__beta_1=0.1)


@BOTH
def test_a_clone_has_objects_of_its_own(kind):
    estimator = kind(
        solver=Adam(0.5),
        learning_rate=Cosine(5),
        loss=Huber([1.0]),
        init=Normal(0.0, 1.0),
        activation=[LeakyRelu(0.5), "tanh"],
    )
    other = clone(estimator)
    for name in ("solver", "learning_rate", "loss", "init", "activation"):
        ours, theirs = getattr(estimator, name), getattr(other, name)
        assert ours == theirs
        assert ours is not theirs
    other.set_params(solver__beta_1=0.1)
    assert estimator.solver == Adam(0.5)


def test_an_estimator_with_objects_can_be_shown():
    estimator = BackpropRegressor(
        (3,), solver=Adam(), loss=Huber(2.0), activation=Tanh()
    )
    assert "loss=Huber(delta=2.0)" in repr(estimator)
    assert "Huber" in estimator_html_repr(estimator)


# ---------------------------------------------------------------- the objects alone

BUILT_IN = [row[2] for rows in [*OF_BOTH.values(), *OF_ONE.values()] for row in rows]
BUILT_IN += [Uniform(-1.0, 1.0), Normal(0.0, 1.0)]


@pytest.mark.parametrize("thing", BUILT_IN, ids=repr)
@pytest.mark.parametrize(
    "copied", [clone, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))],
    ids=["clone", "deepcopy", "pickle"],
)  # fmt: skip
def test_copies_are_equal_and_made_of_their_parameters(thing, copied):
    other = copied(thing)
    assert other is not thing
    assert other == thing
    assert hash(other) == hash(thing)
    assert repr(other) == repr(thing)
    assert type(thing)(**thing.get_params()) == thing
    assert other.set_params(**thing.get_params()) is other
    assert other.set_params() == thing


@pytest.mark.parametrize(
    ("thing", "params"),
    [
        (Adam(), {"beta_1": 1.0}),
        (Adam(), {"beta_1": 0.5, "beta_2": -0.1}),
        (Adam(), {"epsilon": 0.0}),
        (SGD(), {"nesterov": False, "momentum": 1.1}),
        (SGD(), {"momentum": np.nan}),
        (InverseScaling(), {"power_t": -1.0}),
        (Exponential(), {"decay": 0.0}),
        (InverseTime(), {"decay": -0.1}),
        (Cosine(5), {"n_epochs": 0}),
        (OneCycle(5), {"start": 3, "n_epochs": 0}),
        (Cycles(5), {"n_epochs": 0}),
        (LeakyRelu(), {"slope": 2.0}),
        (Elu(), {"alpha": 0.0}),
        (Uniform(-1.0, 1.0), {"low": 2.0}),
        (Normal(0.0, 1.0), {"scale": 0.0}),
        (FanScaled("normal", 2.0), {"distribution": "cauchy"}),
        (FanScaled("normal", 2.0), {"both_fans": True, "numerator": 0.0}),
        (Huber(), {"delta": 0.0}),
        (Huber(), {"delta": [1.0, np.nan]}),
        (Quantile(), {"quantile": 1.0}),
        (Quantile(), {"quantile": [0.0, 0.5]}),
        (Adam(), {"beta_1": 0.5, "gamma": 1}),
        (Adam(), {"beta_1": 0.5, "beta_2__gamma": 1}),
        (Tanh(), {"slope": 1.0}),
    ],
)
def test_an_object_stays_as_it_was_if_a_value_or_name_is_wrong(thing, params):
    before = copy.deepcopy(thing)
    with pytest.raises(ValueError, match=next(reversed(params))):
        thing.set_params(**params)
    assert thing == before


def test_an_unknown_name_is_answered_with_those_that_exist():
    message = r"Invalid parameter 'gamma' for Adam\(beta_1=.*\. Valid parameters are: "
    message += r"\['beta_1', 'beta_2', 'epsilon'\]\."
    with pytest.raises(ValueError, match=message):
        Adam().set_params(gamma=1)


def test_a_frozen_object_changes_by_set_params_alone():
    adam = Adam()
    with pytest.raises(AttributeError):
        adam.beta_1 = 0.5
    assert adam.set_params(beta_1=0.5) is adam
    assert adam == Adam(0.5)
    assert hash(adam) == hash(Adam(0.5))


def test_what_init_makes_of_a_value_is_made_of_a_new_one():
    slope = LeakyRelu().set_params(slope=np.float32(0.5)).slope
    assert type(slope) is float


def test_losses_with_arrays_are_compared_by_value():
    assert Huber([1.0, 2.0]) == Huber(np.array([1.0, 2.0])) != Huber([1.0, 3.0])
    assert Huber(0.5) != Quantile(0.5)
    assert Huber() != "huber"


# ------------------------------------------------------------------ the user's own


class NoInit(Optimizer):
    def initial_state(self, theta):
        return {}

    def step(self, theta, gradient, learning_rate, state):
        theta -= learning_rate * np.sign(gradient)


class Plain(NoInit):
    """It keeps its argument, and something that it derives from it."""

    def __init__(self, share=0.5, *, sign=True):
        if share <= 0:
            raise ValueError("share must be above 0.")
        self.share = share
        self.sign = sign
        self._twice = 2 * share

    def step(self, theta, gradient, learning_rate, state):
        theta -= self._twice * learning_rate * np.sign(gradient)


@dataclass
class Thawed(NoInit):
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Slotted(NoInit):
    share: float = 0.5


class Reading(NoInit):
    """Its parameter is a property that only reads."""

    def __init__(self, share=0.5):
        self._share = share

    @property
    def share(self):
        return self._share


@pytest.mark.parametrize("make", [Plain, Thawed, Slotted, Reading])
def test_an_optimizer_of_ones_own_can_be_searched(make):
    estimator = BackpropRegressor(**{**COMMON, "solver": make()})
    search = GridSearchCV(estimator, {"solver__share": [0.1, 0.9]}, cv=2)
    search.fit(X, POSITIVE)
    solver = search.best_estimator_.solver
    assert solver.share == search.best_params_["solver__share"]
    assert solver == make(solver.share)
    assert pickle.loads(pickle.dumps(solver)) == solver


def test_what_a_class_derives_from_its_arguments_follows_them():
    plain = Plain(sign=False).set_params(share=3)
    assert (plain._twice, plain.sign) == (6, False)
    assert plain == Plain(3, sign=False) != Plain(3)
    assert repr(plain) == "Plain(share=3, sign=False)"
    with pytest.raises(ValueError, match="above 0"):
        plain.set_params(share=0, sign=True)
    assert plain == Plain(3, sign=False)


def test_a_class_without_init_has_no_parameters():
    assert NoInit().get_params() == {}
    assert clone(NoInit()) == NoInit()
    with pytest.raises(ValueError, match="Invalid parameter 'share' for NoInit"):
        NoInit().set_params(share=1)


class Hiding(NoInit):
    """It keeps an argument where nobody looks for it."""

    def __init__(self, share=0.5, *args, scale=1.0, **kwargs):
        self.share = share
        self._scale = scale


def test_a_class_that_hides_an_argument_works_but_cannot_be_set():
    hiding = Hiding(0.3, scale=2.0)
    estimator = clone(BackpropRegressor(**{**COMMON, "solver": hiding}))
    estimator.set_params(max_iter=2).fit(X, POSITIVE)
    assert estimator.solver == hiding
    assert estimator.solver != Hiding(0.3)
    assert hiding.get_params() == {"share": 0.3}
    with pytest.raises(ValueError, match="argument scale, which"):
        hiding.set_params(share=0.1)
    assert hiding == Hiding(0.3, scale=2.0)


@dataclass(frozen=True)
class Warmup(Schedule):
    """A schedule within a schedule."""

    after: Schedule
    n_epochs: int = 2

    def rate(self, learning_rate_init, progress):
        if progress.n_epochs < self.n_epochs:
            return learning_rate_init / 10
        return self.after.rate(learning_rate_init, progress)


def test_parameters_within_parameters_are_reached():
    inner = Exponential(0.9)
    estimator = BackpropRegressor(**{**COMMON, "learning_rate": Warmup(inner)})
    assert estimator.get_params()["learning_rate__after__decay"] == 0.9
    estimator.set_params(learning_rate__after__decay=0.5, learning_rate__n_epochs=1)
    assert estimator.learning_rate == Warmup(Exponential(0.5), 1)
    assert inner == Exponential(0.9)
    rates = estimator.fit(X, POSITIVE).history_["learning_rate"]
    assert rates[:3] == [0.001, 0.005, 0.0025]
    with pytest.raises(ValueError, match="decay"):
        estimator.learning_rate.set_params(n_epochs=5, after__decay=-1)
    assert estimator.learning_rate == Warmup(Exponential(0.5), 1)
    estimator.learning_rate.set_params(after__n_epochs=3, after=Cosine(9))
    assert estimator.learning_rate == Warmup(Cosine(3), 1)


class Shifted(HiddenActivation):
    """A plain class, equal by its setting."""

    def __init__(self, shift=0.1):
        self.shift = shift

    def apply(self, pre_activation, out):
        np.tanh(pre_activation + self.shift, out=out)

    def apply_with_slope(self, pre_activation, slope):
        self.apply(pre_activation, out=pre_activation)
        slope[...] = 1 - pre_activation**2


class Spiky(Initializer):
    def __init__(self, size=0.1):
        self.size = size

    def draw(self, fan_in, fan_out, random_state):
        signs = random_state.choice([-1.0, 1.0], (fan_in, fan_out))
        return self.size * signs, np.zeros(fan_out)


class Quartic(Loss):
    name = "quartic"
    output_activations = ("identity",)

    def __init__(self, factor=1.0):
        self.factor = factor

    def value_and_delta(self, target, raw, sample_weight, delta):
        residual = raw - target
        delta[...] = 4 * self.factor * residual**3
        return float(self.factor * np.sum(residual**4))


@pytest.mark.parametrize(
    ("parameter", "thing", "name", "values"),
    [
        ("activation", Shifted(), "shift", [0.1, 0.5]),
        ("init", Spiky(), "size", [0.1, 0.5]),
        ("loss", Quartic(), "factor", [0.1, 0.5]),
        ("learning_rate", Warmup(Constant()), "n_epochs", [0, 9]),
    ],
)
def test_what_else_is_ones_own_can_be_searched(parameter, thing, name, values):
    estimator = BackpropRegressor(**{**COMMON, parameter: thing})
    grid = {f"{parameter}__{name}": values}
    search = GridSearchCV(estimator, grid, cv=2).fit(X, POSITIVE)
    found = getattr(search.best_estimator_, parameter)
    assert found.get_params()[name] == search.best_params_[f"{parameter}__{name}"]
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(again.predict(X), search.predict(X))


def test_training_goes_on_with_an_equal_activation():
    estimator = BackpropRegressor(
        **{**COMMON, "activation": Shifted(0.2), "warm_start": True}
    )
    estimator.fit(X, POSITIVE)
    estimator.set_params(activation=Shifted(0.2)).fit(X, POSITIVE)
    with pytest.raises(ValueError, match="activation"):
        estimator.set_params(activation=Shifted(0.3)).fit(X, POSITIVE)
