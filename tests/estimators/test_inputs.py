"""Every container, dtype and size of inputs, and what comes back for it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fitted_state import arrays_in
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from tables import (
    CLOSE,
    COUNTS,
    LABELS,
    NUMBERS,
    THREE,
    TWO,
    WEIGHT,
    X,
    classifier,
    regressor,
)

from skann.core.network import Network

# Training ends at max_iter here, which is not news.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NAMES = [f"column {j}" for j in range(5)]


# ------------------------------------------------------------------ dense containers


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


@pytest.mark.every(3)
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


# ----------------------------------------------------------------- sparse containers


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


@pytest.mark.every(5)
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


# --------------------------------------------------------------------- feature names

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


# ----------------------------------------------------------------------------- dtype


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
    # The parameters and what the solver remembers of each of them.
    kept = [
        a for a in arrays_in(fitted.__getstate__()) if a.size == fitted.n_parameters_
    ]
    assert len(kept) >= {"adam": 3, "sgd": 2, "lbfgs": 1}[solver]
    assert {array.dtype.name for array in arrays + kept} == {expected}
    # Rows of another dtype do not change the dtype of the fit.
    assert fitted.predict(X.astype("float32")).dtype == expected


@pytest.mark.parametrize("container", ["dense", "sparse"])
def test_training_goes_on_in_the_dtype_in_which_it_began(container):
    make = sparse.csr_array if container == "sparse" else np.asarray
    fitted = regressor(solver="adam").partial_fit(make(X.astype("float32")), NUMBERS)
    fitted.partial_fit(make(X), NUMBERS)
    assert fitted.coefs_[0].dtype == np.float32


# ---------------------------------------------------------------------------- blocks


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
