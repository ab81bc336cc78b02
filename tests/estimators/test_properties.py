"""What holds for any finite data, of whatever size: found or refuted by Hypothesis."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skann import BackpropClassifier, BackpropRegressor

# Two or three epochs never converge.
IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(IGNORE, "ignore:.*all inputs are zero")

COMMON = {"deadline": None, "derandomize": True, "database": None}
SLOW_STRATEGIES = [HealthCheck.too_slow, HealthCheck.data_too_large]
examples = settings(max_examples=60, suppress_health_check=SLOW_STRATEGIES, **COMMON)

SCALINGS = ("standard", "minmax", "robust")
SOLVERS = ("sgd", "adam", "lbfgs")
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")

# --------------------------------------------------------------------- what is drawn


@st.composite
def columns(draw, n_samples, dtype):
    """Draw a column of finite numbers of any size."""
    info = np.finfo(dtype)
    any_number = st.floats(
        allow_nan=False, allow_infinity=False, width=8 * np.dtype(dtype).itemsize
    )
    extremes = [0.0, 1.0, info.max, info.min, info.tiny, info.smallest_subnormal]
    kind = draw(st.sampled_from(["any", "usual", "constant", "ties", "offset"]))
    if kind == "any":
        elements = any_number
    elif kind == "usual":
        elements = st.floats(-10, 10, width=16)
    elif kind == "constant":
        elements = st.just(draw(any_number))
    elif kind == "ties":
        few = st.one_of(
            st.sampled_from([float(number) for number in extremes]), any_number
        )
        elements = st.sampled_from(draw(st.lists(few, min_size=2, max_size=3)))
    else:
        center = draw(st.sampled_from([1e3, -1e6, 1e15, 1e30]))
        elements = st.floats(-1, 1, width=16).map(lambda number: center + number)
    column = draw(arrays(np.float64, n_samples, elements=elements))
    return column.astype(dtype)


@st.composite
def matrices(draw, n_samples, max_columns, dtype):
    """Draw a matrix whose columns have nothing to do with each other."""
    n_columns = draw(st.integers(1, max_columns))
    parts = [draw(columns(n_samples, dtype)) for _ in range(n_columns)]
    return np.stack(parts, axis=1)


@st.composite
def weights(draw, n_samples):
    """Draw no weights, or some with zeros among them."""
    if draw(st.booleans()):
        return None
    elements = st.sampled_from([0.0, 1.0, 2.0, 0.1, 1e-3, 1e3])
    return draw(arrays(np.float64, n_samples, elements=elements))


DTYPES = st.sampled_from(["float32", "float64"])


@st.composite
def parameters(draw, n_samples, *, solvers=SOLVERS):
    """Draw the parameters of a small network and of a short training."""
    return {
        "hidden_layer_sizes": draw(st.sampled_from([(), (3,), (2, 2)])),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "solver": draw(st.sampled_from(solvers)),
        "scaling": draw(st.sampled_from([*SCALINGS, None])),
        "dtype": draw(st.sampled_from([None, "float32", "float64"])),
        "batch_size": draw(st.sampled_from(["auto", 1, max(1, n_samples // 2)])),
        "max_iter": draw(st.integers(2, 3)),
        "random_state": draw(st.integers(0, 9)),
    }


@st.composite
def regressors(draw, n_samples, dtype, **kwargs):
    """Draw a regressor and a target that its loss and output allow."""
    params = draw(parameters(n_samples, **kwargs))
    loss, output = draw(
        st.sampled_from(
            [
                ("squared_error", "identity"),
                ("squared_error", "relu"),
                ("squared_error", "logistic"),
                ("squared_error", "exp"),
                ("poisson", "auto"),
            ]
        )
    )
    target = draw(matrices(n_samples, 2, dtype))
    if output == "logistic":
        target = np.clip(target, 0, 1)
    elif output != "identity":
        target = np.abs(target)
    if target.shape[1] == 1:
        target = target[:, 0]
    params |= {"loss": loss, "output_activation": output}
    return BackpropRegressor(**params), target


@st.composite
def classifiers(draw, n_samples, dtype, **kwargs):
    """Draw a classifier and labels."""
    params = draw(parameters(n_samples, **kwargs))
    params["loss"] = draw(st.sampled_from(["log_loss", "squared_error"]))
    params["output_activation"] = draw(st.sampled_from(["auto", "logistic", "softmax"]))
    if draw(st.booleans()):
        labels = arrays(int, n_samples, elements=st.integers(0, 3))
    else:
        labels = arrays(int, (n_samples, 2), elements=st.integers(0, 1))
    return BackpropClassifier(**params), draw(labels)


ESTIMATORS = pytest.mark.parametrize(
    "estimators", [regressors, classifiers], ids=["regressor", "classifier"]
)


# ------------------------------------------------------------------ finite, or refused


def assert_finite(estimator, X):
    """Check parameters, and whatever can be asked of rows that were learned from."""
    for array in (*estimator.coefs_, *estimator.intercepts_):
        assert np.isfinite(array).all()
    predictions = estimator.predict(X)
    assert predictions.shape[0] == X.shape[0]
    assert np.isfinite(predictions).all()
    if isinstance(estimator, BackpropRegressor):
        return
    assert np.isfinite(estimator.decision_function(X)).all()
    assert np.isfinite(estimator.predict_log_proba(X)).all()
    probabilities = estimator.predict_proba(X)
    assert probabilities.shape == (X.shape[0], estimator.classes_.size)
    assert (probabilities > 0).all()
    assert (probabilities <= 1).all()
    if predictions.ndim == 1:
        assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        assert np.isin(predictions, estimator.classes_).all()


@ESTIMATORS
@examples
@given(data=st.data())
def test_a_fit_to_finite_numbers_is_finite_or_refused(estimators, data):
    n_samples = data.draw(st.sampled_from([1, 2, 3, 7, 12]))
    dtype = data.draw(DTYPES)
    X = data.draw(matrices(n_samples, 3, dtype))
    estimator, y = data.draw(estimators(n_samples, dtype))
    if data.draw(st.booleans()):
        X = sparse.csr_array(X)
    try:
        estimator.fit(X, y, data.draw(weights(n_samples)))
    except ValueError:
        assert not hasattr(estimator, "coefs_")
    else:
        assert_finite(estimator, X)


@ESTIMATORS
@examples
@given(data=st.data())
def test_a_stream_of_finite_numbers_is_finite_or_refused(estimators, data):
    dtype = data.draw(DTYPES)
    n_features = data.draw(st.integers(1, 3))
    sizes = data.draw(st.lists(st.sampled_from([1, 2, 5]), min_size=2, max_size=3))
    estimator, y = data.draw(estimators(sum(sizes), dtype, solvers=("sgd", "adam")))
    estimator.set_params(batch_size=1)
    kwargs = {}
    if isinstance(estimator, BackpropClassifier):
        kwargs["classes"] = np.arange(2 if y.ndim == 2 else 4)
    start = 0
    for size in sizes:
        parts = [data.draw(columns(size, dtype)) for _ in range(n_features)]
        X = np.stack(parts, axis=1)
        if data.draw(st.booleans()):
            X = sparse.csr_array(X)
        rows = slice(start, start + size)
        before = dict(vars(estimator))
        try:
            estimator.partial_fit(X, y[rows], data.draw(weights(size)), **kwargs)
        except ValueError:
            # The stream may go on with the next batch.
            assert vars(estimator).keys() == before.keys()
            assert all(vars(estimator)[name] is before[name] for name in before)
        else:
            assert_finite(estimator, X)
        start += size


# What a search of tens of thousands of examples found, as small as it gets: an
# estimator, and the batches X, y, weight that it is fitted to, or a stream of them.
LARGEST = float(np.finfo(np.float64).max)
SMALLEST = float(np.finfo(np.float64).smallest_subnormal)
ENDS = np.array([[-LARGEST], [-LARGEST], [LARGEST], [LARGEST]])
FOUR = np.arange(4.0)[:, np.newaxis]
ONE_OF_FOUR = np.array([0.0, 1.0, 1.0, 1.0])
LINEAR = {"hidden_layer_sizes": (), "random_state": 0, "max_iter": 2}
FOUND = {
    "both ends of the numbers as inputs": ({}, [(ENDS, FOUR[:, 0], None)]),
    "both ends as inputs, robust": ({"scaling": "robust"}, [(ENDS, FOUR[:, 0], None)]),
    "both ends as inputs, unscaled": ({"scaling": None}, [(ENDS, FOUR[:, 0], None)]),
    "both ends as float32 inputs": (
        {"scaling": "robust"},
        [(np.sign(ENDS).astype("f4") * np.finfo("f4").max, FOUR[:, 0], None)],
    ),
    "both ends as targets": ({}, [(FOUR, ENDS[:, 0], None)]),
    "both ends as targets, minmax": ({"scaling": "minmax"}, [(FOUR, ENDS[:, 0], None)]),
    "both ends as targets, robust": ({"scaling": "robust"}, [(FOUR, ENDS[:, 0], None)]),
    "constant at the end": ({}, [(FOUR, np.full(4, LARGEST), None)]),
    "large counts": ({"loss": "poisson"}, [(FOUR, np.abs(ENDS[:, 0]), None)]),
    "float32 for large targets": ({"dtype": "float32"}, [(FOUR, ENDS[:, 0], None)]),
    "float32 for large weights": (
        {"dtype": "float32"},
        [(FOUR, FOUR[:, 0], np.full(4, 1e300))],
    ),
    "float32 for small weights": (
        {"dtype": "float32"},
        [(FOUR, FOUR[:, 0], np.full(4, 1e-300))],
    ),
    "weights whose sum overflows": ({}, [(FOUR, FOUR[:, 0], np.full(4, LARGEST))]),
    "the smallest weights": ({}, [(FOUR, FOUR[:, 0], np.full(4, SMALLEST))]),
    "a large input without weight": (
        {},
        [(np.array([[1e300], [1], [2], [4]]), FOUR[:, 0], ONE_OF_FOUR)],
    ),
    "a large input among small ones, without weight": (
        {},
        [(np.array([[1], [1e-310], [2e-310], [5e-310]]), FOUR[:, 0], ONE_OF_FOUR)],
    ),
    "a large target without weight": (
        {},
        [(FOUR, np.array([1e300, 1, 2, 4]), ONE_OF_FOUR)],
    ),
    "a stream from small to large": (
        {},
        [(FOUR * 1e-300, FOUR[:, 0], None), (FOUR * 1e300, FOUR[:, 0], None)],
    ),
    "a stream from small to large targets": (
        {},
        [(FOUR, FOUR[:, 0] * 1e-300, None), (FOUR, FOUR[:, 0] * 1e300, None)],
    ),
    "a stream from large to small targets": (
        {},
        [(FOUR, FOUR[:, 0] * 1e300, None), (FOUR, FOUR[:, 0] * 1e-300, None)],
    ),
    "a last step that is far too long": (
        {
            "hidden_layer_sizes": (2, 2),
            "activation": "identity",
            "output_activation": "relu",
            "solver": "sgd",
            "random_state": 3,
        },
        [(np.zeros((1, 1), np.float32), np.array([1e6], np.float32), None)],
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_numbers_that_once_did_harm_are_fitted_or_refused(name):
    params, batches = FOUND[name]
    regressor = BackpropRegressor(**LINEAR | params)
    train = regressor.fit if len(batches) == 1 else regressor.partial_fit
    for X, y, weight in batches:
        try:
            train(X, y, weight)
        except ValueError:
            continue
        assert_finite(regressor, X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e8, 1e30])
@pytest.mark.parametrize("output", ["multilabel", "binary", "softmax", "logistic"])
def test_saturated_probabilities_are_finite_and_inside_the_unit_interval(
    output, size, dtype
):
    X = np.array([[-1], [0], [1]], dtype)
    y = {"multilabel": np.eye(3, 2, dtype=int), "binary": [0, 1, 1]}.get(
        output, [0, 1, 2]
    )
    params = {} if output in ("multilabel", "binary") else {"output_activation": output}
    classifier = BackpropClassifier(**LINEAR | params).fit(X, y)
    classifier.coefs_[0] = classifier.coefs_[0] * size
    assert_finite(classifier, X)
    if output in ("binary", "multilabel"):  # one score decides
        scores = classifier.decision_function(X).reshape(3, -1)[:, -1]
        in_order = classifier.predict_proba(X)[scores.argsort(), -1]
        assert (np.diff(in_order) >= 0).all()


# --------------------------------------------------------------- what changes nothing

# Numbers of one order of magnitude, so that nothing diverges, and far enough from the
# ends of the numbers that a power of two loses nothing.
MODERATE = st.integers(-16, 16).map(lambda number: number / 4)
POWERS = st.integers(-60, 60)


@st.composite
def usual_problems(draw, max_outputs=2):
    """Draw X and y of moderate numbers, as many rows as make statistics worthwhile."""
    n_samples = draw(st.integers(4, 12))
    X = draw(arrays(float, (n_samples, draw(st.integers(1, 3))), elements=MODERATE))
    shape = (n_samples, draw(st.integers(2, max_outputs))) if max_outputs > 1 else ()
    shape = draw(st.sampled_from([(n_samples,), shape or (n_samples,)]))
    y = draw(arrays(float, shape, elements=MODERATE))
    # A constant target has no unit that predictions could be in.
    y[1] = np.where(np.ptp(y, axis=0) == 0, y[0] + 1, y[1])
    return X, y


@st.composite
def smooth_networks(draw):
    """Draw the parameters of networks in which a rounding stays a rounding."""
    return {
        "hidden_layer_sizes": draw(st.sampled_from([(), (3,), (2, 2)])),
        "activation": draw(st.sampled_from(["identity", "logistic", "tanh"])),
        "solver": draw(st.sampled_from(SOLVERS)),
        "max_iter": draw(st.integers(2, 3)),
        "random_state": draw(st.integers(0, 9)),
    }


@examples
@given(
    problem=usual_problems(),
    params=smooth_networks(),
    scaling=st.sampled_from(SCALINGS),
    data=st.data(),
)
def test_the_fit_does_not_depend_on_units_that_are_powers_of_two(
    problem, params, scaling, data
):
    X, y = problem
    columns = data.draw(arrays(int, X.shape[1], elements=POWERS))
    outputs = data.draw(arrays(int, y.shape[1:], elements=POWERS))
    regressor = BackpropRegressor(**params, scaling=scaling).fit(X, y)
    other = BackpropRegressor(**params, scaling=scaling)
    other.fit(np.ldexp(X, columns), np.ldexp(y, outputs))
    assert_array_equal(
        other.predict(np.ldexp(X, columns)), np.ldexp(regressor.predict(X), outputs)
    )
    assert regressor.loss_curve_ == other.loss_curve_


@examples
@given(
    problem=usual_problems(),
    params=smooth_networks(),
    scaling=st.sampled_from(SCALINGS),
    shift=st.floats(-1e6, 1e6),
    power=POWERS,
)
def test_the_fit_of_a_shifted_target_is_the_shifted_fit(
    problem, params, scaling, shift, power
):
    X, y = problem
    # Integers, which a shift does not round.
    y, shift = np.round(100 * y), np.round(100 * shift)
    y[1] += np.ptp(y, axis=0) == 0
    regressor = BackpropRegressor(**params, scaling=scaling).fit(X, y)
    other = BackpropRegressor(**params, scaling=scaling)
    other.fit(X, np.ldexp(y + shift, power))
    shifted_back = np.ldexp(other.predict(X), -power) - shift
    assert_allclose(shifted_back, regressor.predict(X), rtol=0, atol=1e-5)


@ESTIMATORS
@examples
@given(
    problem=usual_problems(max_outputs=1),
    params=smooth_networks(),
    scaling=st.sampled_from([*SCALINGS, None]),
    data=st.data(),
)
def test_a_weight_is_that_many_samples(estimators, problem, params, scaling, data):
    X, y = problem
    n_samples = y.size
    counts = data.draw(arrays(int, n_samples, elements=st.integers(0, 3)))
    counts[0] += 1
    estimator_class = BackpropRegressor
    if estimators is classifiers:
        estimator_class = BackpropClassifier
        y = np.abs(y).astype(int) % 3
        y[: np.unique(y).size] = np.unique(y)  # no class without a weight
        counts[: np.unique(y).size] += 1
    params |= {"scaling": scaling, "shuffle": False, "learning_rate_init": 1e-4}
    rows = np.repeat(np.arange(n_samples), counts)
    weighted = estimator_class(**params, batch_size=n_samples).fit(X, y, counts)
    repeated = estimator_class(**params, batch_size=rows.size).fit(X[rows], y[rows])
    for mine, theirs in zip(
        (*weighted.coefs_, *weighted.intercepts_),
        (*repeated.coefs_, *repeated.intercepts_),
        strict=True,
    ):
        assert_allclose(mine, theirs, rtol=0, atol=1e-7 * max(1, np.abs(theirs).max()))


@ESTIMATORS
@examples
@given(problem=usual_problems(max_outputs=1), params=smooth_networks(), data=st.data())
def test_sparse_inputs_are_dense_inputs_when_nothing_is_scaled(
    estimators, problem, params, data
):
    X, y = problem
    X = X * data.draw(arrays(int, X.shape, elements=st.integers(0, 1)))
    estimator_class = BackpropRegressor
    if estimators is classifiers:
        estimator_class, y = BackpropClassifier, np.abs(y).astype(int) % 3
    params |= {"scaling": None, "batch_size": 3}
    form = data.draw(
        st.sampled_from([sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
    )
    dense = estimator_class(**params).fit(X, y)
    other = estimator_class(**params).fit(form(X), y)
    for mine, theirs in zip(other.coefs_, dense.coefs_, strict=True):
        assert_allclose(mine, theirs, rtol=0, atol=1e-7 * max(1, np.abs(theirs).max()))
    assert_allclose(other.loss_curve_, dense.loss_curve_, rtol=1e-7)
    method = "predict" if estimators is regressors else "predict_proba"
    from_both = [getattr(other, method)(rows) for rows in (X, form(X))]
    assert_allclose(*from_both, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------- what is where


@ESTIMATORS
@examples
@given(
    problem=usual_problems(max_outputs=1),
    params=smooth_networks(),
    scaling=st.sampled_from([*SCALINGS, None]),
    data=st.data(),
)
def test_a_row_is_predicted_alike_wherever_it_stands(
    estimators, problem, params, scaling, data
):
    X, y = problem
    estimator, methods = BackpropRegressor(**params, scaling=scaling), ["predict"]
    if estimators is classifiers:
        estimator = BackpropClassifier(**params, scaling=scaling)
        methods = ["predict_proba", "predict_log_proba", "decision_function"]
        y = np.abs(y).astype(int) % 3
    estimator.fit(X, y)
    order = np.array(data.draw(st.permutations(range(y.size))))
    rows = order[: data.draw(st.integers(1, y.size))]
    for method in methods:
        predict = getattr(estimator, method)
        assert_allclose(predict(X[rows]), predict(X)[rows], rtol=1e-9, atol=1e-12)


@examples
@given(problem=usual_problems(max_outputs=1), params=smooth_networks(), data=st.data())
def test_columns_of_probabilities_stand_in_the_order_of_the_classes(
    problem, params, data
):
    X, y = problem
    n_classes = data.draw(st.integers(2, 4))
    y = np.arange(y.size) % n_classes
    names = np.array(data.draw(st.permutations(["d", "b", "a", "c"])))
    classifier = BackpropClassifier(**params).fit(X, names[y])
    assert_array_equal(classifier.classes_, np.sort(names[:n_classes]))
    probabilities = classifier.predict_proba(X)
    assert_array_equal(
        classifier.predict(X), classifier.classes_[probabilities.argmax(axis=1)]
    )
    # The bias of the last layer alone decides: the favoured class is the right column.
    favoured = data.draw(st.integers(0, n_classes - 1))
    biases = np.zeros_like(classifier.intercepts_[-1])
    biases[favoured if n_classes > 2 else 0] = 50 if n_classes > 2 or favoured else -50
    classifier.coefs_[-1] = np.zeros_like(classifier.coefs_[-1])
    classifier.intercepts_[-1] = biases
    assert (classifier.predict(X) == classifier.classes_[favoured]).all()
    assert (classifier.predict_proba(X)[:, favoured] > 0.99).all()


@examples
@given(problem=usual_problems(), params=smooth_networks(), data=st.data())
def test_columns_of_predictions_stand_in_the_order_of_the_targets(
    problem, params, data
):
    X, _ = problem
    constants = np.array(data.draw(st.permutations([-3.0, 5.0, 1e4])))
    y = np.tile(constants, (X.shape[0], 1))
    y[::2] += 0.125 * constants
    regressor = BackpropRegressor(**params).fit(X, y)
    regressor.coefs_[-1] = np.zeros_like(regressor.coefs_[-1])
    regressor.intercepts_[-1] = np.zeros(3)
    expected = np.tile(y.mean(axis=0), (X.shape[0], 1))
    assert_allclose(regressor.predict(X), expected, rtol=1e-12)
