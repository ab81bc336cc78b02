"""A bad call changes nothing: every public method, in every way that it can fail."""

from contextlib import contextmanager
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from failing import (
    IGNORE,
    KINDS,
    N_SAMPLES,
    STATES,
    TARGETS,
    WEIGHT,
    Fault,
    X,
    break_off,
    breaking,
    call,
    contents,
    fingerprint,
    good_arguments,
    make,
    make_warm,
    needed_by,
)
from scipy import sparse
from sklearn.exceptions import NotFittedError
from ways_to_fail import (
    BAD_CALL,
    BAD_INPUTS,
    NEEDS_FIT,
    READ_ONLY,
    WAYS,
    Broken,
    methods_of,
    public_names,
)

pytestmark = pytest.mark.filterwarnings(IGNORE)
BOTH = pytest.mark.parametrize("kind", KINDS)


@contextmanager
def fails(estimator, error):
    before = fingerprint(estimator)
    with pytest.raises(error):
        yield
    assert fingerprint(estimator) == before


# ------------------------------------------------------------------------- bad calls


@BOTH
def test_every_public_method_and_attribute_is_made_to_fail_here(kind):
    assert set(public_names(kind)) <= WAYS.keys()
    for method in methods_of(kind):
        assert WAYS[method](kind), method


@pytest.mark.every(4)
@pytest.mark.parametrize(
    ("kind", "method", "state"),
    [
        pytest.param(kind, method, state, id=f"{kind}-{method}-{state}")
        for kind in KINDS
        for method in methods_of(kind)
        for state in STATES
    ],
)
@pytest.mark.filterwarnings("ignore:X (has|does not have) .*feature names")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # of NaN
def test_a_bad_call_changes_nothing(kind, method, state):
    good = good_arguments(kind, method)
    made = STATES[state](kind, **needed_by(method))
    for name, way in WAYS[method](kind).items():
        if state not in way.states:
            continue
        estimator = deepcopy(made).set_params(**way.params)
        if way.callback is not None:
            estimator.set_callbacks(way.callback)
        error = way.error
        if state == "unfitted" and method in NEEDS_FIT:
            error = *BAD_CALL, NotFittedError, AttributeError
        elif method in READ_ONLY:
            error = AttributeError
        arguments = {**good, **way.arguments}
        passed = contents(arguments)
        before = fingerprint(estimator)
        try:
            call(estimator, method, arguments)
        except error:
            pass
        else:
            pytest.fail(f"{name}: no error")
        assert fingerprint(estimator) == before, name
        assert contents(arguments) == passed, name


# -------------------------------------------------------------------- what is passed


def with_duplicates():
    """Return a CSR array of X whose elements come in two parts and in any order."""
    rows, columns = np.indices(X.shape).reshape(2, -1)
    order = np.random.RandomState(0).permutation(2 * X.size)
    data = np.r_[X.ravel() / 2, X.ravel() / 2][order]
    indices = np.r_[columns, columns][order], np.r_[rows, rows][order]
    order = np.argsort(indices[1], kind="stable")
    start = np.arange(N_SAMPLES + 1) * 2 * X.shape[1]
    return sparse.csr_array((data[order], indices[0][order], start), shape=X.shape)


CONTAINERS = {
    "array": np.array,
    "Fortran array": np.asfortranarray,
    "float32": lambda array: np.array(array, np.float32),
    "list": np.ndarray.tolist,
    "frame": lambda array: pd.DataFrame(np.array(array)),
    "csr": lambda array: with_duplicates() if array.ndim == 2 else np.array(array),
    "csc": lambda array: sparse.csc_array(array) if array.ndim == 2 else array,
}


@pytest.mark.every(3)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("fitted", [False, True], ids=["unfitted", "fitted"])
@BOTH
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_nothing_that_is_passed_is_changed(kind, fitted, container):
    contain = CONTAINERS[container]
    for method in methods_of(kind):
        if method not in ("fit", "partial_fit") and not (
            fitted and method in NEEDS_FIT
        ):
            continue
        good = good_arguments(kind, method)
        arguments = {
            name: contain(value) if isinstance(value, np.ndarray) else value
            for name, value in good.items()
        }
        if "X_val" in good:
            arguments |= {"X_val": contain(X), "y_val": contain(TARGETS[kind])}
            arguments |= {"sample_weight_val": contain(WEIGHT)}
        if container == "frame":
            arguments |= {
                name: value[0]
                for name, value in arguments.items()
                if isinstance(value, pd.DataFrame) and value.shape[1] == 1
            }
        if method in READ_ONLY:
            continue
        passed = contents(arguments)
        for broken in ("nothing", "record"):
            factory = make_warm if fitted else make
            estimator = factory(kind, **needed_by(method))
            fault = Fault(MemoryError, 1 if broken == "record" else np.inf)
            with breaking("record", "before", fault):
                error, _ = break_off(estimator, method, arguments, fault)
            assert contents(arguments) == passed, (method, broken)
            if method in ("fit", "partial_fit"):
                assert (error is None) == (broken == "nothing")


@pytest.mark.parametrize("way", ["input", "weights", "divergence", "callback"])
def test_a_failed_fit_leaves_a_generator_of_the_callers_where_it_was(way):
    estimator = make("regressor", random_state=np.random.RandomState(3), solver="sgd")
    arguments = good_arguments("regressor", "fit")
    error = ValueError
    if way == "input":
        arguments["X"] = BAD_INPUTS["infinity"]
    elif way == "weights":
        arguments["coef_init"] = []
    elif way == "divergence":
        estimator.set_params(learning_rate_init=1e300)
    else:
        estimator.set_callbacks(Broken("end of epoch"))
        error = ZeroDivisionError
    with fails(estimator, error):
        estimator.fit(**arguments)
