"""Every kind of target and every container of inputs, and what comes back for them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.datasets import make_classification
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)

from skann import BackpropClassifier, BackpropRegressor
from skann.core.network import Network

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 60
X, THREE = make_classification(
    N, 5, n_informative=3, n_redundant=0, n_classes=3, random_state=0
)
X = (4 * X).round()  # whole numbers, so that every dtype can hold them
TWO = (THREE > 0).astype(int)
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > X[:, 2], THREE == 1]).astype(int)
NUMBERS = X[:, 0] - 2 * X[:, 1] + np.sin(X[:, 2])
COUNTS = np.exp(NUMBERS / 10).round()
NAMES = [f"column {j}" for j in range(5)]

# A linear model, searched for beyond the default tolerances.
LINEAR = {
    "hidden_layer_sizes": (),
    "scaling": None,
    "tol": 1e-9,
    "max_iter": 2000,
    "alpha": 1.0,
}
Z = X / 4  # columns with a spread near 1

# Rounding may depend on how a matrix product is cut, and on nothing else.
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def classifier(**params):
    defaults = {"hidden_layer_sizes": 4, "solver": "lbfgs", "max_iter": 10}
    return BackpropClassifier(**{**defaults, "random_state": 0, **params})


def regressor(**params):
    defaults = {"hidden_layer_sizes": 4, "solver": "lbfgs", "max_iter": 10}
    return BackpropRegressor(**{**defaults, "random_state": 0, **params})


# ----------------------------------------------------------------------- class labels

CLASSES = {
    "int": np.array([-3, 2, 7]),
    "uint8": np.array([0, 1, 255], dtype=np.uint8),
    "float": np.array([-1.0, 0.0, 2.0]),
    "str": np.array(["ash", "beech", "oak"]),
    "object": np.array(["ash", "beech", "oak"], dtype=object),
    "bool": np.array([False, True]),
}

LABEL_CONTAINERS = {
    "array": lambda y: y,
    "list": lambda y: y.tolist(),
    "pandas": lambda y: pd.Series(y, index=range(100, 100 + len(y))),
    "categorical": lambda y: pd.Series(y).astype("category"),
    "polars": lambda y: pl.Series(y.tolist()),
}


@pytest.mark.parametrize("container", LABEL_CONTAINERS)
@pytest.mark.parametrize("kind", CLASSES)
def test_labels_of_any_kind_are_learned_alike_and_come_back(kind, container):
    classes = CLASSES[kind]
    numbers = THREE if len(classes) == 3 else TWO
    y = classes[numbers]
    fitted = classifier().fit(X, LABEL_CONTAINERS[container](y))
    direct = classifier().fit(X, numbers)
    assert_array_equal(fitted.classes_, classes)
    predicted = fitted.predict(X)
    assert_array_equal(predicted, classes[direct.predict(X)])
    assert predicted.dtype == fitted.classes_.dtype
    assert_array_equal(fitted.predict_proba(X), direct.predict_proba(X))
    assert fitted.score(X, y) == direct.score(X, numbers) > 0.6


@pytest.mark.parametrize("kind", CLASSES)
def test_partial_fit_knows_labels_of_any_kind(kind):
    classes = CLASSES[kind]
    numbers = THREE if len(classes) == 3 else TWO
    fitted = classifier(solver="adam").partial_fit(
        X, classes[numbers], classes=classes[::-1]
    )
    direct = classifier(solver="adam").partial_fit(
        X, numbers, classes=range(len(classes))
    )
    only_last = numbers == len(classes) - 1
    fitted.partial_fit(X[only_last], classes[numbers[only_last]])
    direct.partial_fit(X[only_last], numbers[only_last])
    assert_array_equal(fitted.classes_, classes)
    assert_array_equal(fitted.predict_proba(X), direct.predict_proba(X))


# --------------------------------------------------- what comes back: shapes and dtypes

PROBLEMS = {
    # y, parameters, number of network outputs, of classes, columns of the scores
    "binary": (TWO, {}, 1, 2, None),
    "binary softmax": (TWO, {"output_activation": "softmax"}, 2, 2, None),
    "three classes": (THREE, {}, 3, 3, 3),
    "three independent": (THREE, {"output_activation": "logistic"}, 3, 3, 3),
    "multilabel": (LABELS, {}, 3, 3, 3),
    "two labels": (LABELS[:, :2], {}, 2, 2, 2),
    "one class": (np.full(N, 5), {}, 1, 1, None),
    "squared error": (THREE, {"loss": "squared_error"}, 3, 3, 3),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_shapes_and_dtypes_of_what_a_classifier_returns(problem, dtype):
    y, params, n_outputs, n_classes, n_scores = PROBLEMS[problem]
    data = X[:7].astype(dtype)
    fitted = classifier(**params).fit(X.astype(dtype), y)
    assert fitted.n_outputs_ == n_outputs
    assert fitted.classes_.shape == (n_classes,)

    predicted = fitted.predict(data)
    assert predicted.shape == y[:7].shape
    assert predicted.dtype.kind == "i"
    for method in (fitted.predict_proba, fitted.predict_log_proba):
        assert method(data).shape == (7, n_classes)
        assert method(data).dtype == dtype
    scores = fitted.decision_function(data)
    assert scores.shape == ((7,) if n_scores is None else (7, n_scores))
    assert scores.dtype == dtype


@pytest.mark.parametrize("problem", PROBLEMS)
def test_predictions_probabilities_and_scores_agree(problem):
    y, params, *_ = PROBLEMS[problem]
    fitted = classifier(**params).fit(X, y)
    predicted, probabilities = fitted.predict(X), fitted.predict_proba(X)
    scores = fitted.decision_function(X)
    assert_allclose(np.log(probabilities), fitted.predict_log_proba(X), atol=1e-9)
    if y.ndim == 2:
        assert_array_equal(predicted, probabilities > 0.5)
        assert_allclose(probabilities, expit(scores))
        return
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_array_equal(predicted, fitted.classes_[probabilities.argmax(axis=1)])
    if problem in ("binary", "binary softmax"):
        assert_allclose(probabilities[:, 1], expit(scores))
    elif problem == "three independent":
        each = expit(scores)
        assert_allclose(probabilities, each / each.sum(axis=1, keepdims=True))
    elif problem != "one class":
        assert_allclose(probabilities, softmax(scores, axis=1))


def test_a_single_class_is_certain():
    fitted = classifier().fit(X, np.full(N, "only"))
    assert_array_equal(fitted.predict(X), "only")
    assert_array_equal(fitted.predict_proba(X), np.ones((N, 1)))
    assert fitted.score(X, np.full(N, "only")) == 1


INDICATORS = {
    "int array": LABELS,
    "bool array": LABELS.astype(bool),
    "float array": LABELS.astype(float),
    "lists": LABELS.tolist(),
    "csr_array": sparse.csr_array(LABELS),
    "csc_matrix": sparse.csc_matrix(LABELS),
    "coo_array": sparse.coo_array(LABELS),
    "pandas": pd.DataFrame(LABELS, columns=list("abc")),
    "polars": pl.DataFrame(LABELS, schema=list("abc")),
}


@pytest.mark.parametrize("container", INDICATORS)
def test_labels_in_any_indicator_are_learned_alike(container):
    fitted = classifier().fit(X, INDICATORS[container])
    direct = classifier().fit(X, LABELS)
    assert_array_equal(fitted.classes_, [0, 1, 2])
    assert_array_equal(fitted.predict_proba(X), direct.predict_proba(X))
    predicted = fitted.predict(X)
    assert isinstance(predicted, np.ndarray)
    assert predicted.dtype.kind == "i"
    assert (predicted == LABELS).mean() > 0.8


def test_partial_fit_learns_from_a_sparse_indicator():
    dense, thin = classifier(solver="adam"), classifier(solver="adam")
    for _ in range(2):
        dense.partial_fit(X, LABELS, classes=[0, 1, 2])
        thin.partial_fit(X, sparse.csr_array(LABELS), classes=[0, 1, 2])
    assert_array_equal(dense.predict_proba(X), thin.predict_proba(X))


def test_labels_without_hidden_layer_are_independent_of_each_other():
    options = {**LINEAR, "alpha": 10.0}
    together = classifier(**options).fit(Z, LABELS)
    for k in range(3):
        alone = classifier(**options).fit(Z, LABELS[:, k])
        assert_allclose(together.coefs_[0][:, k], alone.coefs_[0][:, 0], atol=1e-4)


# ----------------------------------------------------------------- regression targets

TARGETS = {
    "array": NUMBERS,
    "list": NUMBERS.tolist(),
    "float32": NUMBERS.astype(np.float32).astype(np.float64),
    "pandas": pd.Series(NUMBERS, index=range(100, 100 + N)),
    "polars": pl.Series(NUMBERS),
    "several": np.column_stack([NUMBERS, -3 * NUMBERS]),
    "several, lists": np.column_stack([NUMBERS, X[:, 1]]).tolist(),
    "several, pandas": pd.DataFrame({"a": NUMBERS, "b": X[:, 1]}),
    "several, polars": pl.DataFrame({"a": NUMBERS, "b": X[:, 1]}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", TARGETS)
def test_predictions_have_the_shape_of_the_target_and_the_dtype_of_x(kind, dtype):
    y = TARGETS[kind]
    data = X.astype(dtype)
    fitted = regressor(max_iter=30).fit(data, y)
    direct = regressor(max_iter=30).fit(data, np.asarray(y))
    predicted = fitted.predict(data)
    assert predicted.shape == np.shape(y)
    assert predicted.dtype == dtype
    assert fitted.n_outputs_ == (1 if np.ndim(y) == 1 else 2)
    assert_array_equal(predicted, direct.predict(data))
    assert fitted.score(data, y) > 0.7


@pytest.mark.parametrize("dtype", [int, bool, np.float32], ids=lambda d: d.__name__)
def test_targets_of_any_dtype_are_numbers(dtype):
    y = (NUMBERS > 0) if dtype is bool else NUMBERS.round()
    fitted = regressor().fit(X, y.astype(dtype))
    direct = regressor().fit(X, y.astype(float))
    assert_allclose(fitted.predict(X), direct.predict(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust", None])
def test_several_targets_come_back_in_their_own_units(loss, scaling):
    y = COUNTS if loss == "poisson" else NUMBERS
    units = np.array([1.0, 4.0])
    options = {"loss": loss, "scaling": scaling, "max_iter": 300, "alpha": 0.0}
    fitted = regressor(**options).fit(X, y[:, np.newaxis] * units)
    error = np.abs(fitted.predict(X) - y[:, np.newaxis] * units).mean(axis=0)
    assert (error < 0.3 * units * np.abs(y - y.mean()).mean()).all()


@pytest.mark.parametrize(("make", "y"), [(classifier, THREE), (regressor, NUMBERS)])
def test_a_column_is_taken_as_one_target_with_a_warning(make, y):
    with pytest.warns(DataConversionWarning, match="column-vector"):
        fitted = make().fit(X, y[:, np.newaxis])
    direct = make().fit(X, y)
    assert fitted.predict(X).shape == (N,)
    assert_array_equal(fitted.predict(X), direct.predict(X))


# ------------------------------------------------------------------- dense containers


def read_only(data):
    data = data.copy()
    data.flags.writeable = False
    return data


def as_memmap(data, tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, data)
    return np.load(path, mmap_mode="r")


def strided(data):
    wide = np.zeros((2 * data.shape[0], 3 * data.shape[1]))
    wide[::2, ::3] = data
    return wide[::2, ::3]


DENSE = {
    "C order": lambda data, path: data,
    "Fortran order": lambda data, path: np.asfortranarray(data),
    "read-only": lambda data, path: read_only(data),
    "memmap": as_memmap,
    "strided": lambda data, path: strided(data),
    "reversed": lambda data, path: data[::-1].copy()[::-1],
    "lists": lambda data, path: data.tolist(),
    "int64": lambda data, path: data.astype(np.int64),
    "int8": lambda data, path: data.astype(np.int8),
    "float16": lambda data, path: data.astype(np.float16),
    "longdouble": lambda data, path: data.astype(np.longdouble),
    "big-endian": lambda data, path: data.astype(">f8"),
    "object": lambda data, path: data.astype(object),
    "pandas": lambda data, path: pd.DataFrame(data, columns=NAMES),
    "pandas, int and float": lambda data, path: pd.DataFrame(
        data, columns=NAMES
    ).astype({NAMES[0]: int, NAMES[3]: np.float32}),
    "polars": lambda data, path: pl.DataFrame(data, schema=NAMES),
}

FITS = {
    "classifier": (classifier, THREE, "predict_proba"),
    "regressor": (regressor, NUMBERS, "predict"),
    "unscaled": (lambda: regressor(scaling=None), NUMBERS, "predict"),
    "robust": (lambda: classifier(scaling="robust"), LABELS, "predict_proba"),
    "adam": (lambda: regressor(solver="adam"), NUMBERS, "predict"),
}


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("container", DENSE)
def test_results_do_not_depend_on_the_dense_container(container, name, tmp_path):
    make, y, method = FITS[name]
    data = DENSE[container](X, tmp_path)
    fitted, direct = make().fit(data, y), make().fit(X, y)
    expected = getattr(direct, method)(X)
    assert_allclose(getattr(fitted, method)(data), expected, **CLOSE)
    assert fitted.coefs_[0].dtype == np.float64
    assert_array_equal(np.asarray(data, dtype=float), X)


def test_bool_columns_are_zeros_and_ones():
    data = X > 0
    fitted, direct = regressor().fit(data, NUMBERS), regressor()
    direct.fit(data.astype(float), NUMBERS)
    assert_array_equal(fitted.predict(data), direct.predict(data.astype(float)))


def test_float32_gives_nearly_what_float64_gives():
    single, double = (
        regressor(solver="adam").fit(X.astype(dtype), NUMBERS)
        for dtype in (np.float32, np.float64)
    )
    assert_allclose(single.predict(X), double.predict(X), rtol=1e-3, atol=1e-3)
    assert single.predict(X).dtype == np.float32


# ------------------------------------------------------------------ sparse containers


def unsorted(data):
    """Return CSR whose rows hold their columns in falling order."""
    data = sparse.csr_array(data)
    for start, stop in zip(data.indptr[:-1], data.indptr[1:], strict=True):
        data.indices[start:stop] = data.indices[start:stop][::-1].copy()
        data.data[start:stop] = data.data[start:stop][::-1].copy()
    data.has_sorted_indices = False
    return data


def with_duplicates(data):
    """Return CSR that holds each element as the sum of two, of different sign."""
    data = sparse.csr_array(data)
    return sparse.csr_array(
        (
            np.repeat(data.data, 2) * np.tile([3.0, -2.0], data.nnz),
            np.repeat(data.indices, 2),
            data.indptr * 2,
        ),
        shape=data.shape,
    )


def with_explicit_zeros(data):
    """Return CSR that stores every element, zero or not."""
    n_rows, n_columns = data.shape
    return sparse.csr_array(
        (
            data.ravel(),
            np.tile(np.arange(n_columns), n_rows),
            np.arange(0, data.size + 1, n_columns),
        ),
        shape=data.shape,
    )


def with_int64_indices(data):
    data = sparse.csr_array(data)
    data.indices = data.indices.astype(np.int64)
    data.indptr = data.indptr.astype(np.int64)
    return data


SPARSE = {
    "csr_array": sparse.csr_array,
    "csr_matrix": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
    "csc_matrix": sparse.csc_matrix,
    "coo_array": sparse.coo_array,
    "lil_matrix": sparse.lil_matrix,
    "int64 indices": with_int64_indices,
    "unsorted": unsorted,
    "duplicates": with_duplicates,
    "explicit zeros": with_explicit_zeros,
    "int32 data": lambda data: sparse.csr_array(data.astype(np.int32)),
}

THIN = np.where(np.arange(X.size).reshape(X.shape) % 3 == 0, X, 0.0)


@pytest.mark.parametrize("form", SPARSE)
def test_the_sparse_forms_are_what_they_say(form):
    data = SPARSE[form](THIN)
    assert_array_equal(data.toarray(), THIN)
    assert (form == "explicit zeros") == (data.nnz == THIN.size)
    assert (form == "unsorted") == (not getattr(data, "has_sorted_indices", True))
    if form == "duplicates":
        assert not data.has_canonical_format
    if form == "int64 indices":
        assert data.indices.dtype == np.int64


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("form", SPARSE)
def test_unscaled_sparse_input_is_learned_like_dense_input(form, solver):
    options = {"scaling": None, "solver": solver, "batch_size": 16}
    thin = regressor(**options).fit(SPARSE[form](THIN), NUMBERS)
    dense = regressor(**options).fit(THIN, NUMBERS)
    assert_allclose(thin.loss_curve_, dense.loss_curve_, **CLOSE)
    assert_allclose(thin.predict(THIN), dense.predict(THIN), **CLOSE)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust"])
@pytest.mark.parametrize("form", SPARSE)
def test_scaled_sparse_input_is_learned_alike_in_every_form(form, scaling):
    thin = regressor(scaling=scaling).fit(SPARSE[form](THIN), NUMBERS)
    plain = regressor(scaling=scaling).fit(sparse.csr_array(THIN), NUMBERS)
    assert_allclose(thin.predict(THIN), plain.predict(THIN), **CLOSE)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust", None])
@pytest.mark.parametrize("fitted_on", ["dense", "sparse"])
@pytest.mark.parametrize("form", SPARSE)
def test_dense_and_sparse_rows_are_predicted_alike(form, fitted_on, scaling):
    data = THIN if fitted_on == "dense" else sparse.csr_array(THIN)
    fitted = classifier(scaling=scaling).fit(data, THREE)
    for method in ("predict", "predict_proba", "decision_function"):
        predict = getattr(fitted, method)
        assert_allclose(predict(SPARSE[form](THIN)), predict(THIN), **CLOSE)


@pytest.mark.parametrize("order", ["dense first", "sparse first"])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust", None])
def test_a_stream_may_mix_dense_and_sparse_batches(scaling, order):
    batches = [X[:30], sparse.csr_array(THIN[30:])]
    targets = [NUMBERS[:30], NUMBERS[30:]]
    if order == "sparse first":
        batches, targets = batches[::-1], targets[::-1]
    fitted = regressor(solver="adam", scaling=scaling)
    for batch, target in zip(batches, targets, strict=True):
        fitted.partial_fit(batch, target)
        assert_allclose(
            fitted.predict(sparse.csr_array(THIN)), fitted.predict(THIN), **CLOSE
        )


@pytest.mark.parametrize("form", SPARSE)
def test_sparse_input_is_not_changed(form):
    data, before = SPARSE[form](THIN), SPARSE[form](THIN)
    regressor(solver="adam").fit(data, NUMBERS).predict(data)
    for part in ("data", "indices", "indptr"):
        if hasattr(before, part):
            assert_array_equal(getattr(data, part), getattr(before, part))


# ---------------------------------------------------------------------- feature names

FRAMES = {
    "pandas": lambda data, names: pd.DataFrame(data, columns=names),
    "polars": lambda data, names: pl.DataFrame(data, schema=names),
}


@pytest.mark.parametrize("predicted_on", FRAMES)
@pytest.mark.parametrize("fitted_on", FRAMES)
def test_names_of_columns_are_remembered_and_checked(fitted_on, predicted_on):
    fitted = classifier().fit(FRAMES[fitted_on](X, NAMES), THREE)
    assert fitted.feature_names_in_.tolist() == NAMES
    assert fitted.feature_names_in_.dtype == object
    frame = FRAMES[predicted_on]
    assert_array_equal(fitted.predict(frame(X, NAMES)), classifier_predictions())
    for other in (NAMES[::-1], [name.upper() for name in NAMES]):
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(frame(X, other))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fitted.predict(X)


def classifier_predictions():
    return classifier().fit(X, THREE).predict(X)


@pytest.mark.parametrize("frame", FRAMES)
def test_names_of_columns_are_checked_while_training_goes_on(frame):
    make = FRAMES[frame]
    fitted = regressor(solver="adam").partial_fit(make(X, NAMES), NUMBERS)
    fitted.partial_fit(make(X, NAMES), NUMBERS)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.partial_fit(make(X, NAMES[::-1]), NUMBERS)
    fitted.set_params(warm_start=True)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.fit(make(X, NAMES[::-1]), NUMBERS)
    assert fitted.n_iter_ == 2


# -------------------------------------------------------------------- no hidden layer

WEIGHT = np.random.RandomState(0).uniform(0, 2, N)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("y", [TWO, THREE], ids=["two classes", "three classes"])
def test_without_hidden_layer_it_is_logistic_regression(y, weight):
    network = classifier(**LINEAR).fit(Z, y, weight)
    # Times the total weight, both minimise sum(w loss) + alpha / 2 ||W||^2.
    peer = LogisticRegression(C=1 / LINEAR["alpha"], tol=1e-9, max_iter=2000)
    peer.fit(Z, y, weight)
    assert_allclose(network.predict_proba(Z), peer.predict_proba(Z), atol=1e-4)
    assert_allclose(network.coefs_[0].T, peer.coef_, atol=1e-4)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    "y", [NUMBERS, np.column_stack([NUMBERS, Z[:, 1] ** 2])], ids=["one", "two"]
)
def test_without_hidden_layer_it_is_ridge(y, weight):
    network = regressor(**LINEAR).fit(Z, y, weight)
    peer = Ridge(alpha=LINEAR["alpha"]).fit(Z, y, weight)
    assert_allclose(network.predict(Z), peer.predict(Z), rtol=1e-4, atol=1e-4)
    assert_allclose(network.coefs_[0].T, np.atleast_2d(peer.coef_), atol=1e-4)
    assert_allclose(network.intercepts_[0], peer.intercept_, atol=1e-4)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_without_hidden_layer_poisson_is_poisson_regression(weight):
    network = regressor(**LINEAR, loss="poisson").fit(Z, COUNTS, weight)
    total = N if weight is None else weight.sum()
    peer = PoissonRegressor(alpha=LINEAR["alpha"] / total, tol=1e-9, max_iter=2000)
    peer.fit(Z, COUNTS, weight)
    assert_allclose(network.predict(Z), peer.predict(Z), rtol=1e-4)
    assert_allclose(network.coefs_[0][:, 0], peer.coef_, atol=1e-4)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust"])
def test_without_penalty_scaling_does_not_change_a_linear_fit(scaling):
    options = {**LINEAR, "scaling": scaling, "alpha": 0.0}
    network = regressor(**options, warm_start=True).fit(Z, NUMBERS)
    network.fit(Z, NUMBERS)  # to go on beyond the tolerance that ended the first fit
    peer = LinearRegression().fit(Z, NUMBERS)
    coefs, intercepts = network.fold_scaling()
    precision = 1e-4 * NUMBERS.std()
    assert_allclose(coefs[0][:, 0], peer.coef_, atol=precision)
    folded = Z @ coefs[0] + intercepts[0]
    assert_allclose(folded[:, 0], network.predict(Z), rtol=1e-9)
    assert_allclose(network.predict(Z), peer.predict(Z), atol=precision)


# ------------------------------------------------------- output activations and losses


def test_logistic_outputs_for_three_classes_are_three_separate_questions():
    network = classifier(**LINEAR, output_activation="logistic").fit(Z, THREE)
    assert network.out_activation_ == "logistic"
    for k in range(3):
        peer = LogisticRegression(C=1 / LINEAR["alpha"], tol=1e-9, max_iter=2000)
        peer.fit(Z, k == THREE)
        assert_allclose(network.coefs_[0][:, k], peer.coef_[0], atol=1e-4)
        assert_allclose(network.intercepts_[0][k], peer.intercept_[0], atol=1e-4)


def test_softmax_outputs_for_two_classes_are_logistic_regression_of_the_difference():
    network = classifier(**LINEAR, output_activation="softmax").fit(Z, TWO)
    assert network.n_outputs_ == 2
    # Two weight vectors that share the work cost half the penalty of one.
    peer = LogisticRegression(C=2 / LINEAR["alpha"], tol=1e-9, max_iter=2000)
    peer.fit(Z, TWO)
    first, second = network.coefs_[0].T
    assert_allclose(second - first, peer.coef_[0], atol=1e-4)
    assert_allclose(network.predict_proba(Z), peer.predict_proba(Z), atol=1e-4)


LOSSES = {
    "log_loss, two": (TWO, {}),
    "log_loss, three": (THREE, {}),
    "log_loss, independent": (THREE, {"output_activation": "logistic"}),
    "log_loss, labels": (LABELS, {}),
    "squared_error, two": (TWO, {"loss": "squared_error"}),
    "squared_error, three": (THREE, {"loss": "squared_error"}),
    "squared_error, independent": (
        THREE,
        {"loss": "squared_error", "output_activation": "logistic"},
    ),
    "squared_error, labels": (LABELS, {"loss": "squared_error"}),
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_of_a_classifier_is_the_documented_formula(name):
    y, params = LOSSES[name]
    alpha = 0.7
    fitted = classifier(**params, alpha=alpha).fit(X, y)
    target = y if y.ndim == 2 else np.eye(3)[y]
    if y is TWO:
        target = y[:, np.newaxis]
    raw = fitted.decision_function(X).reshape(N, -1)
    squash = softmax if fitted.out_activation_ == "softmax" else None
    p = expit(raw) if squash is None else softmax(raw, axis=1)
    if fitted.loss == "squared_error":
        losses = (p - target) ** 2 / 2
    else:
        losses = -target * np.log(p)
        if squash is None:
            losses -= (1 - target) * np.log(1 - p)
    penalty = alpha / (2 * N) * sum((weights**2).sum() for weights in fitted.coefs_)
    assert_allclose(fitted.loss_, losses.sum() / N + penalty)
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]


# --------------------------------------------------------------- weights from outside

COEFS = [np.linspace(-1, 1, 20).reshape(5, 4), np.linspace(1, -1, 12).reshape(4, 3)]
INTERCEPTS = [np.array([0.1, -0.2, 0.3, 0.0]), np.array([-1.0, 0.5, 0.25])]

# The search ends at the start: no component of the gradient is above this tolerance.
AT_START = {"tol": 1e9}


def forward(data, coefs, intercepts):
    hidden = np.maximum(data @ coefs[0] + intercepts[0], 0)
    return hidden @ coefs[1] + intercepts[1]


@pytest.mark.parametrize("as_lists", [False, True], ids=["arrays", "lists"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_starts_from_the_given_weights(dtype, as_lists):
    coefs = [w.tolist() for w in COEFS] if as_lists else [w.copy() for w in COEFS]
    fitted = classifier(**AT_START, scaling=None, dtype=dtype)
    fitted.fit(X, THREE, coef_init=coefs, intercept_init=INTERCEPTS)
    assert fitted.n_iter_ == 0
    expected = forward(X, COEFS, INTERCEPTS)
    precision = {"rtol": 1e-4, "atol": 1e-4} if dtype == "float32" else CLOSE
    assert_allclose(fitted.decision_function(X), expected, **precision)
    for weights, given in zip(fitted.coefs_, COEFS, strict=True):
        assert_array_equal(weights, given.astype(dtype))
    for biases, given in zip(fitted.intercepts_, INTERCEPTS, strict=True):
        assert_array_equal(biases, given.astype(dtype))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_given_weights_are_moved_but_not_changed_in_place(solver):
    coefs = [w.copy() for w in COEFS]
    intercepts = [b.copy() for b in INTERCEPTS]
    fitted = classifier(solver=solver)
    fitted.fit(X, THREE, coef_init=coefs, intercept_init=intercepts)
    assert not np.allclose(fitted.coefs_[0], COEFS[0], rtol=0, atol=1e-6)
    for given, original in zip(coefs + intercepts, COEFS + INTERCEPTS, strict=True):
        assert_array_equal(given, original)


def test_what_is_not_given_is_drawn_as_ever():
    drawn = classifier(**AT_START).fit(X, THREE)
    given = classifier(**AT_START).fit(X, THREE, coef_init=COEFS)
    assert_array_equal(given.coefs_[1], COEFS[1])
    assert_array_equal(given.intercepts_[1], drawn.intercepts_[1])
    given = classifier(**AT_START).fit(X, THREE, intercept_init=INTERCEPTS)
    assert_array_equal(given.coefs_[1], drawn.coefs_[1])
    assert_array_equal(given.intercepts_[1], INTERCEPTS[1])


def test_given_weights_take_the_place_of_the_earlier_ones_in_a_warm_start():
    fitted = classifier(**AT_START, warm_start=True).fit(X, THREE)
    fitted.fit(X, THREE, coef_init=COEFS)
    assert_array_equal(fitted.coefs_[0], COEFS[0])


ASSIGNMENTS = {
    "the list": lambda fitted, coefs: setattr(fitted, "coefs_", coefs),
    "an array of it": lambda fitted, coefs: [
        fitted.coefs_.__setitem__(k, w) for k, w in enumerate(coefs)
    ],
    "values in place": lambda fitted, coefs: [
        np.copyto(w, new) for w, new in zip(fitted.coefs_, coefs, strict=True)
    ],
}


@pytest.mark.parametrize("way", ASSIGNMENTS)
def test_weights_may_be_assigned_after_the_fit(way):
    fitted = classifier(scaling=None).fit(X, THREE)
    ASSIGNMENTS[way](fitted, COEFS)
    fitted.intercepts_ = INTERCEPTS
    expected = forward(X, COEFS, INTERCEPTS)
    assert_allclose(fitted.decision_function(X), expected, **CLOSE)
    assert_array_equal(fitted.coefs_[0], COEFS[0])


# ------------------------------------------------------------------------------ dtype


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("container", ["dense", "sparse"])
@pytest.mark.parametrize(
    ("dtype", "x_dtype", "expected"),
    [
        (None, "float32", "float32"),
        (None, "float64", "float64"),
        (None, "int64", "float64"),
        ("float32", "float64", "float32"),
        ("float32", "int64", "float32"),
        ("float64", "float32", "float64"),
    ],
)
def test_all_numbers_of_a_fit_have_one_dtype(
    dtype, x_dtype, expected, container, solver
):
    data = X.astype(x_dtype)
    if container == "sparse":
        data = sparse.csr_array(data)
    fitted = regressor(dtype=dtype, solver=solver)
    fitted.fit(data, NUMBERS, sample_weight=WEIGHT)
    arrays = [*fitted.coefs_, *fitted.intercepts_, fitted.predict(data)]
    if solver != "lbfgs":
        memories = fitted._training_state["optimizer"]["optimizer"].values()
        arrays += [memory for memory in memories if isinstance(memory, np.ndarray)]
    assert {array.dtype.name for array in arrays} == {expected}
    assert len(arrays) == {"adam": 7, "sgd": 6, "lbfgs": 5}[solver]
    # Rows of another dtype do not change the dtype of the fit.
    assert fitted.predict(X.astype("float32")).dtype == expected


@pytest.mark.parametrize("container", ["dense", "sparse"])
def test_training_goes_on_in_the_dtype_in_which_it_began(container):
    make = sparse.csr_array if container == "sparse" else np.asarray
    fitted = regressor(solver="adam").partial_fit(make(X.astype("float32")), NUMBERS)
    fitted.partial_fit(make(X), NUMBERS)
    assert fitted.coefs_[0].dtype == np.float32


# ----------------------------------------------------------------------------- blocks


@pytest.mark.parametrize("container", ["dense", "sparse"])
@pytest.mark.parametrize(
    ("make", "y", "methods"),
    [
        (classifier, TWO, ["predict", "predict_proba", "decision_function"]),
        (classifier, THREE, ["predict", "predict_log_proba", "decision_function"]),
        (classifier, LABELS, ["predict", "predict_proba", "decision_function"]),
        (regressor, NUMBERS, ["predict"]),
        (regressor, np.column_stack([NUMBERS, COUNTS]), ["predict"]),
    ],
    ids=["two classes", "three classes", "labels", "one target", "two targets"],
)
def test_blocks_give_what_one_block_gives(make, y, methods, container, monkeypatch):
    data = sparse.csr_array(X) if container == "sparse" else X
    fitted = make().fit(data, y)
    whole = {method: getattr(fitted, method)(data) for method in methods}

    sizes = []
    forward_pass = Network.forward

    def counting(self, theta, rows, workspace):
        sizes.append(rows.shape[0])
        return forward_pass(self, theta, rows, workspace)

    monkeypatch.setattr(Network, "forward", counting)
    monkeypatch.setattr(Network, "rows_per_block", 7)
    for method, expected in whole.items():
        sizes.clear()
        assert_allclose(getattr(fitted, method)(data), expected, **CLOSE)
        assert sizes == [7] * 8 + [4]


def test_early_stopping_scores_in_blocks_what_it_scores_in_one(monkeypatch):
    options = {"solver": "adam", "early_stopping": True, "validation_fraction": 0.3}
    whole = regressor(**options).fit(X, NUMBERS)
    monkeypatch.setattr(Network, "rows_per_block", 1)
    cut = regressor(**options).fit(X, NUMBERS)
    assert_allclose(cut.validation_scores_, whole.validation_scores_, **CLOSE)
