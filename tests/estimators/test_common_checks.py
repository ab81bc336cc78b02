"""scikit-learn's own checks of an estimator, all of them, and what they leave out.

No check may fail and none may be skipped, for any solver, loss or scaling.
"""

import ast
import inspect
import re
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import get_tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    check_set_params,
    parametrize_with_checks,
)
from sklearn.utils.validation import check_is_fitted

from skann import BackpropClassifier, BackpropRegressor, Loss, Optimizer, Uniform

# Enough for the checks that ask for a good fit.
SHORT = {"max_iter": 60}

# What the MLP has and "auto" stands for, where the recipe for tables does not hold.
AUTO = {
    "hidden_layer_sizes", "activation", "learning_rate", "learning_rate_init",
    "max_iter", "n_iter_no_change", "beta_2",
}  # fmt: skip

# Dropout draws a mask for each row and members draw their folds by rows, so that a
# weight of two is not two rows; and the roundings of float32 depend on the order of the
# rows.
REPEATABLE = {"dropout": 0.0, "dtype": "float64", "n_members": 1}

CHECKED = [
    BackpropClassifier(),
    BackpropClassifier(solver="sgd", **SHORT),
    BackpropClassifier(solver="lbfgs", **SHORT),
    BackpropClassifier(loss="squared_error", **SHORT),
    BackpropClassifier(scaling=None, **SHORT),
    BackpropClassifier(scaling="standard", recipe="mlp", **SHORT),
    BackpropClassifier(solver="sgd", recipe="table", **REPEATABLE, **SHORT),
    BackpropClassifier(scaling="minmax", output_activation="softmax", **SHORT),
    BackpropClassifier(scaling="robust", output_activation="logistic", **SHORT),
    BackpropClassifier(scaling="bounded", **SHORT),
    BackpropClassifier(scaling="adaptive", **SHORT),
    BackpropClassifier(scaling="stream", **SHORT),
    BackpropClassifier(recipe="stream", solver="lbfgs", **SHORT),
    BackpropClassifier((), solver="lbfgs"),
    # Not dropout: what it leaves out is drawn for each sample, so that a weight of two
    # is no longer two samples.
    BackpropClassifier(weight_decay=0.01, max_grad_norm=5, **SHORT),
    BackpropClassifier(learning_rate="one_cycle", label_smoothing=0.05, **SHORT),
    BackpropClassifier(learning_rate="constant", max_iter=200),
    BackpropClassifier((40,), "tanh"),
    BackpropRegressor(),
    BackpropRegressor(learning_rate="constant", max_iter=200),
    BackpropRegressor((5,), n_frequencies=3, max_iter=300),
    BackpropRegressor(solver="sgd", **SHORT),
    BackpropRegressor(solver="lbfgs", **SHORT),
    BackpropRegressor(loss="poisson", **SHORT),
    BackpropRegressor(scaling=None, **SHORT),
    BackpropRegressor(scaling="standard", recipe="table", **REPEATABLE, **SHORT),
    BackpropRegressor(recipe="mlp", solver="lbfgs", **SHORT),
    BackpropRegressor(scaling="minmax", **SHORT),
    BackpropRegressor(scaling="robust", **SHORT),
    BackpropRegressor(scaling="bounded", **SHORT),
    BackpropRegressor(scaling="adaptive", **SHORT),
    BackpropRegressor(scaling="stream", **SHORT),
    BackpropRegressor(recipe="stream", solver="lbfgs", **SHORT),
    BackpropRegressor((), solver="lbfgs"),
    BackpropRegressor(loss="absolute_error", **SHORT),
    BackpropRegressor(loss="huber", restore_best_weights=True, **SHORT),
    BackpropRegressor(loss="quantile", quantile=0.6, **SHORT),
    BackpropRegressor(loss="gamma", **SHORT),
    BackpropRegressor(weight_decay=0.01, learning_rate="cosine", **SHORT),
]

DEFAULTS = {"BackpropClassifier()", "BackpropRegressor()"}

# scikit-learn runs these on its own estimators only.
CHECKS_LEFT_OUT = [
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    check_set_params,
]

BOTH = pytest.mark.parametrize(
    "estimator_class", [BackpropClassifier, BackpropRegressor]
)

# The checks allow too few epochs to converge.
ignore_convergence = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)


# ----------------------------------------------------------------- the common checks


def passes(estimator, check):
    try:
        check(estimator)
    except SkipTest as skip:
        pytest.fail(f"The check was skipped: {skip}")


@ignore_convergence
@parametrize_with_checks([BackpropClassifier(), BackpropRegressor()])
def test_estimator_passes_the_common_check(estimator, check):
    passes(estimator, check)


@pytest.mark.every(17)
@ignore_convergence
@parametrize_with_checks([e for e in CHECKED if repr(e) not in DEFAULTS])
def test_estimator_with_other_options_passes_the_common_check(estimator, check):
    passes(estimator, check)


@pytest.mark.every(7)
@ignore_convergence
@pytest.mark.parametrize("check", CHECKS_LEFT_OUT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", CHECKED, ids=repr)
def test_estimator_passes_the_check_of_scikit_learn_itself(estimator, check):
    check(type(estimator).__name__, clone(estimator))


@BOTH
@pytest.mark.parametrize("parameter", ["solver", "loss", "scaling", "recipe"])
def test_every_option_is_among_the_checked(estimator_class, parameter):
    options = set()
    for constraint in estimator_class._parameter_constraints[parameter]:
        is_options = isinstance(constraint, StrOptions)
        options |= constraint.options if is_options else {constraint}
    options -= {Loss, Optimizer}  # objects of the user's own
    checked = {
        getattr(estimator, parameter)
        for estimator in CHECKED
        if isinstance(estimator, estimator_class)
    }
    assert checked == options


def fitted(estimator):
    """Return the estimator, fitted to a small frame in a moment."""
    X = pd.DataFrame({"a": np.arange(10.0), "b": np.ones(10)})
    # A few units that happen to be dead would learn nothing, and say so.
    estimator.set_params(solver="lbfgs", tol=1e-3, random_state=0)
    return estimator.fit(X, [0] * 5 + [1] * 5)


# ------------------------------------------------------------------------------ tags


@pytest.mark.parametrize(
    ("estimator", "tag", "expected"),
    [
        (BackpropClassifier(), "estimator_type", "classifier"),
        (BackpropClassifier(), "target_tags.required", True),
        (BackpropClassifier(), "target_tags.multi_output", False),
        (BackpropClassifier(), "target_tags.positive_only", False),
        (BackpropClassifier(), "classifier_tags.multi_class", True),
        (BackpropClassifier(), "classifier_tags.multi_label", True),
        (BackpropClassifier(), "input_tags.sparse", True),
        (BackpropClassifier(), "input_tags.allow_nan", True),
        (BackpropClassifier(scaling=None), "input_tags.allow_nan", False),
        (BackpropRegressor(), "estimator_type", "regressor"),
        (BackpropRegressor(), "target_tags.required", True),
        (BackpropRegressor(), "target_tags.multi_output", True),
        (BackpropRegressor(), "target_tags.positive_only", False),
        (BackpropRegressor(), "input_tags.sparse", True),
        (BackpropRegressor(), "input_tags.allow_nan", True),
        (BackpropRegressor(recipe="mlp"), "input_tags.allow_nan", False),
        (BackpropRegressor(loss="poisson"), "target_tags.positive_only", True),
    ],
    ids=lambda value: repr(value) if hasattr(value, "fit") else str(value),
)
def test_tag(estimator, tag, expected):
    value = get_tags(estimator)
    for name in tag.split("."):
        value = getattr(value, name)
    assert value == expected


# ------------------------------------------------------------------------ parameters


def defaults(estimator_class):
    parameters = inspect.signature(estimator_class).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def test_both_estimators_have_the_same_parameters():
    classifier, regressor = defaults(BackpropClassifier), defaults(BackpropRegressor)
    own = {"class_weight", "label_smoothing"}, {"quantile", "huber_delta"}
    shared = [name for name in classifier if name not in own[0]]
    assert shared == [name for name in regressor if name not in own[1]]
    differing = {name for name in shared if classifier[name] != regressor[name]}
    assert differing == {"loss"}


@pytest.mark.parametrize(
    ("estimator_class", "peer_class"),
    [(BackpropClassifier, MLPClassifier), (BackpropRegressor, MLPRegressor)],
)
def test_every_parameter_of_the_mlp_exists_with_its_default(
    estimator_class, peer_class
):
    ours, theirs = defaults(estimator_class), defaults(peer_class)
    expected = {**theirs, **dict.fromkeys(AUTO, "auto")}
    assert {name: ours.get(name, "missing") for name in theirs} == expected
    X = np.arange(20.0).reshape(10, 2)
    plain = estimator_class(solver="lbfgs").fit(X, X[:, 0] > 8)
    assert {name: plain.auto_params_[name] for name in AUTO} == {
        name: theirs[name] for name in AUTO
    }


@BOTH
def test_layer_sizes_and_activation_are_the_only_positional_parameters(estimator_class):
    parameters = inspect.signature(estimator_class).parameters.values()
    positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert positional == ["hidden_layer_sizes", "activation"]
    with pytest.raises(TypeError, match="positional"):
        estimator_class((5,), "tanh", "squared_error")


OTHER_PARAMETERS = {
    "hidden_layer_sizes": (7, 3),
    "activation": "tanh",
    "alpha": 0.25,
    "init": Uniform(-0.5, 0.5),
    "scaling": None,
    "dtype": "float32",
    "random_state": 3,
}


@BOTH
def test_get_params_and_set_params_are_inverse(estimator_class):
    params = estimator_class(**OTHER_PARAMETERS).get_params(deep=False)
    assert params == {**defaults(estimator_class), **OTHER_PARAMETERS}
    again = estimator_class().set_params(**params)
    assert again.get_params(deep=False) == params
    assert (
        estimator_class().set_params(**again.get_params()).get_params(deep=False)
        == params
    )


@BOTH
def test_repr_names_what_differs_from_the_defaults_and_evaluates(estimator_class):
    assert repr(estimator_class()) == f"{estimator_class.__name__}()"
    estimator = estimator_class(**OTHER_PARAMETERS)
    assert eval(repr(estimator)).get_params() == estimator.get_params()


@BOTH
def test_html_repr_shows_parameters_and_whether_it_is_fitted(estimator_class):
    estimator = estimator_class((7, 3))
    html = estimator._repr_html_()
    assert estimator_class.__name__ in html
    assert "Not fitted" in html
    for name in defaults(estimator_class):
        assert name in html
    assert "Not fitted" not in fitted(estimator)._repr_html_()


@BOTH
def test_clone_has_the_parameters_and_nothing_learned(estimator_class):
    estimator = fitted(estimator_class(**OTHER_PARAMETERS))
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert vars(copy).keys() == estimator.get_params(deep=False).keys()
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)


# --------------------------------------------------------------------- documentation


def documented(estimator_class, section):
    """Return {name: description line} of a numpydoc section."""
    doc = inspect.getdoc(estimator_class)
    body = re.search(rf"^{section}\n-+\n(.*?)^\w[^\n]*\n-+\n", doc, re.M | re.S)
    entries = body.group(1).replace("\\\n", " ")
    return dict(re.findall(r"^(\w+) : (.+)$", entries, re.M))


@BOTH
def test_parameters_are_documented_in_order_with_their_defaults(estimator_class):
    documented_defaults = {
        name: ast.literal_eval(line.split("default=")[1])
        for name, line in documented(estimator_class, "Parameters").items()
    }
    assert list(documented_defaults.items()) == list(defaults(estimator_class).items())


@BOTH
def test_fitted_attributes_are_the_documented_ones(estimator_class):
    # Members leave out folds.
    estimator = estimator_class(4, n_members=4, learning_rate="cycles", random_state=0)
    estimator.fit(pd.DataFrame({"a": [0.0, 1.0] * 20}), [0, 1] * 20)
    public = [name for name in dir(estimator) if not name.startswith("_")]
    attributes = {name for name in public if name.endswith("_")}
    assert attributes == documented(estimator_class, "Attributes").keys()


@BOTH
def test_every_public_method_has_a_docstring(estimator_class):
    public = [name for name in dir(estimator_class) if not name.startswith("_")]
    silent = [n for n in public if not inspect.getdoc(getattr(estimator_class, n))]
    assert {"fit", "predict", "partial_fit", "score", "fold_scaling"} <= set(public)
    assert silent == []
