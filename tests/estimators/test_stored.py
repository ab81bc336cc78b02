"""X that stays in a file: the same fits as in memory, without a copy of it."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skann import BackpropClassifier, BackpropRegressor, check_gradient
from skann.data import rows as rows_in_memory
from skann.data.stored import StoredRows, is_stored

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N_ROWS, N_COLUMNS = 240, 5


class Slices:
    """What a library of files might offer at the least: a shape, a dtype and slices."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        return self._array[rows].copy()


class Chunks(Slices):
    """The same in chunks of rows, of which it counts how many were unpacked."""

    n_unpacked = 0

    def __init__(self, array, n_rows=50):
        super().__init__(array)
        self.chunks = n_rows, array.shape[1]

    def __getitem__(self, rows):
        self.n_unpacked += 1
        return super().__getitem__(rows)


class Masked(Slices):
    """The same with a mask where there is NaN, as a netCDF variable has."""

    def __getitem__(self, rows):
        return np.ma.masked_invalid(super().__getitem__(rows))


def memory_map(array, path, order="C"):
    """Return an array as a memory map of a new file."""
    mapped = np.lib.format.open_memmap(
        path / f"{order}.npy", "w+", array.dtype, array.shape, order == "F"
    )
    mapped[...] = array
    mapped.flush()
    return np.load(path / f"{order}.npy", mmap_mode="r")


def hdf5(array, path):
    """Return an array as a dataset of a new HDF5 file."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path / "rows.h5", "w") as file:
        file.create_dataset("X", data=array, chunks=(32, 2), compression="gzip")
    return h5py.File(path / "rows.h5", "r")["X"]


KINDS = {
    "memory map": memory_map,
    "memory map of columns": lambda array, path: memory_map(array, path, "F"),
    "part of a memory map": lambda array, path: np.asarray(memory_map(array, path))[:],
    "slices": lambda array, path: Slices(array),
    "chunks": lambda array, path: Chunks(array),
    "hdf5": hdf5,
}


def make_rows(dtype="float32", gaps=False):
    """Return rows with a far column, a rare one and a constant one, and targets."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, N_COLUMNS)) * 20
    y = X[:, 0] / 20 + np.abs(X[:, 1] / 20) + 0.1 * rng.standard_normal(N_ROWS)
    X[:, 2] += 1e5
    X[:, 3] = np.arange(N_ROWS) % 17 == 0
    X[7, 1] = 9999
    X[:, 4] = 3
    X = X.astype(dtype)
    if gaps:
        X[rng.random(X.shape) < 0.05] = np.nan
    return X, y


def assert_same_fit(stored, in_memory, rows, X):
    """Compare two estimators, and what they predict."""
    for name in ("coefs_", "intercepts_"):
        for mine, theirs in zip(
            getattr(stored, name), getattr(in_memory, name), strict=True
        ):
            assert_array_equal(mine, theirs)
    assert stored.history_["loss"] == in_memory.history_["loss"]
    assert_array_equal(stored.predict(rows), in_memory.predict(X))


MEMBERS = {"n_members": 8, "learning_rate": "cycles", "max_iter": 2}
SETTINGS = {
    "recipe": {**MEMBERS, "hidden_layer_sizes": (32,)},
    "two jobs": {**MEMBERS, "hidden_layer_sizes": (32,), "n_jobs": 2},
    "alone": {"n_members": 1, "max_iter": 2},
    "early stopping": {"early_stopping": True, "max_iter": 3},
    "in order": {"shuffle": False, "max_iter": 2},
    "in blocks": {"shuffle": "blocks", "max_iter": 2, "early_stopping": True},
    "sgd": {"solver": "sgd", "max_iter": 2, "hidden_layer_sizes": 4},
    "lbfgs": {"solver": "lbfgs", "max_iter": 4, "hidden_layer_sizes": 4},
    "lbfgs, early stopping": {
        "solver": "lbfgs",
        "max_iter": 4,
        "hidden_layer_sizes": 4,
        "early_stopping": True,
    },
}
SCALINGS = ["standard", "minmax", "robust", "bounded", "adaptive", "stream", None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_a_fit_is_that_of_the_array(kind, settings, tmp_path):
    X, y = make_rows()
    rows = KINDS[kind](X, tmp_path)
    assert is_stored(rows)
    stored, in_memory = (
        BackpropRegressor(**SETTINGS[settings], random_state=0) for _ in range(2)
    )
    assert_same_fit(stored.fit(rows, y), in_memory.fit(X, y), rows, X)
    if settings == "recipe":
        assert stored.oof_score_ == in_memory.oof_score_
        assert_array_equal(stored.oof_prediction_, in_memory.oof_prediction_)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_each_scaling_is_that_of_the_array(solver, scaling, weighted, tmp_path):
    X, y = make_rows("float64")
    if scaling is None:
        X[:, 1:3] = 0
    weight = np.arange(N_ROWS) % 4 if weighted else None
    options = {"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}
    stored, in_memory = (
        BackpropRegressor(scaling=scaling, solver=solver, **options) for _ in range(2)
    )
    rows = memory_map(X, tmp_path)
    stored.fit(rows, y > 0, sample_weight=weight)
    in_memory.fit(X, y > 0, sample_weight=weight)
    assert_same_fit(stored, in_memory, rows, X)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "bool", "float16", ">f8"])
def test_other_numbers_become_float64(dtype, tmp_path):
    X = np.arange(600).reshape(-1, 3) % 7 % 5
    y, X = X[:, 0] * 1.0, X.astype(dtype)
    options = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
    stored = BackpropRegressor(**options).fit(memory_map(X, tmp_path), y)
    in_memory = BackpropRegressor(**options).fit(X, y)
    assert_same_fit(stored, in_memory, memory_map(X, tmp_path), X)


@pytest.mark.parametrize("kind", ["memory map", "slices", "masked"])
@pytest.mark.parametrize("settings", ["recipe", "early stopping", "lbfgs"])
def test_gaps_are_filled_as_they_are_read(kind, settings, tmp_path):
    X, y = make_rows(gaps=True)
    rows = Masked(X) if kind == "masked" else KINDS[kind](X, tmp_path)
    options = {**SETTINGS[settings], "random_state": 0}
    stored = BackpropRegressor(**options).fit(rows, y)
    in_memory = BackpropRegressor(**options).fit(X, y)
    assert_same_fit(stored, in_memory, rows, X)


def test_gaps_that_training_had_not_are_filled_as_well(tmp_path):
    X, y = make_rows()
    with_gaps = make_rows(gaps=True)[0]
    estimator = BackpropRegressor(4, max_iter=2, random_state=0).fit(X, y)
    rows = memory_map(with_gaps, tmp_path)
    assert_array_equal(estimator.predict(rows), estimator.predict(with_gaps))


@pytest.mark.parametrize("kind", ["memory map", "slices"])
def test_pieces_of_a_stream_and_validation_data(kind, tmp_path):
    X, y = make_rows()
    labels = (y > 0).astype(int)
    rows = KINDS[kind](X, tmp_path)
    stored, in_memory = (BackpropClassifier(4, random_state=0) for _ in range(2))
    for _ in range(3):
        stored.partial_fit(rows, labels, classes=[0, 1], X_val=rows, y_val=labels)
        in_memory.partial_fit(X, labels, classes=[0, 1], X_val=X, y_val=labels)
    assert_same_fit(stored, in_memory, rows, X)
    assert stored.validation_scores_ == in_memory.validation_scores_
    assert_array_equal(stored.predict_proba(rows), in_memory.predict_proba(X))


def test_a_scorer_gets_the_validation_part_without_reading_it(tmp_path):
    X, y = make_rows()
    seen = []

    def scorer(estimator, rows, targets):
        seen.append(rows)
        return estimator.score(rows, targets)

    options = {**SETTINGS["early stopping"], "scoring": scorer, "random_state": 0}
    stored = BackpropRegressor(**options).fit(memory_map(X, tmp_path), y)
    assert isinstance(seen[0], StoredRows)
    in_memory = BackpropRegressor(**options).fit(X, y)
    assert_same_fit(stored, in_memory, X, X)


def test_a_fit_goes_on(tmp_path):
    X, y = make_rows()
    rows = memory_map(X, tmp_path)
    stored, in_memory = (
        BackpropRegressor(4, max_iter=2, warm_start=True, random_state=0)
        for _ in range(2)
    )
    for _ in range(2):
        assert_same_fit(stored.fit(rows, y), in_memory.fit(X, y), rows, X)
    assert check_gradient(stored, rows, y).passed


def test_chunks_are_unpacked_once_for_each_pass():
    X, _ = make_rows()
    chunks = Chunks(X, n_rows=60)
    rows = StoredRows(chunks)
    for start in range(0, N_ROWS, 20):
        assert_array_equal(rows[start : start + 20], X[start : start + 20])
    assert chunks.n_unpacked == N_ROWS / 60


@pytest.mark.parametrize("source", [Slices, Chunks, np.asarray])
@pytest.mark.parametrize("rows", [[5, 3, 3, 200], [0], [], list(range(99, 9, -1))])
def test_rows_come_in_the_order_that_was_asked_for(source, rows):
    X, _ = make_rows()
    rows = np.array(rows, dtype=int)
    assert_array_equal(StoredRows(source(X))[rows], X[rows])
    part = StoredRows(source(X)).selected(np.arange(20, 240))
    assert_array_equal(part[rows[rows < 220]], X[20:][rows[rows < 220]])
    assert_array_equal(part[::7], X[20::7])


# ------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("kind", ["memory map", "slices"])
@pytest.mark.parametrize(
    ("value", "scaling", "message"),
    [
        (np.inf, "standard", "Input X contains infinity"),
        (np.nan, None, "With scaling=None, X must be numeric"),
    ],
)
def test_what_is_not_a_number_is_refused_as_in_an_array(
    kind, value, scaling, message, tmp_path
):
    X, y = make_rows()
    X[-1, 0] = value
    estimator = BackpropRegressor(4, scaling=scaling)
    with pytest.raises(ValueError, match=message):
        estimator.fit(KINDS[kind](X, tmp_path), y)


def test_shapes_are_refused_as_those_of_arrays():
    X, y = make_rows()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        BackpropRegressor(4).fit(Slices(X), y[1:])
    with pytest.raises(ValueError, match="Found array with 0 sample"):
        BackpropRegressor(4).fit(Slices(X[:0]), y[:0])
    fitted = BackpropRegressor(4, max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match="4 features, but BackpropRegressor is"):
        fitted.predict(Slices(X[:, 1:]))


def test_what_cannot_be_sliced_is_refused():
    X, y = make_rows()
    for unsliceable in (iter(X), (row for row in X), {"a": X}, object()):
        for call in (BackpropRegressor().fit, BackpropRegressor().partial_fit):
            with pytest.raises(TypeError, match="rows cannot be sliced"):
                call(unsliceable, y)


def test_categories_of_a_file_are_refused():
    X, y = make_rows()
    estimator = BackpropRegressor(4, categorical_features=[3])
    with pytest.raises(ValueError, match="data stored in a Slices"):
        estimator.fit(Slices(X), y)


def test_a_result_in_memory_is_not_taken_for_a_file(tmp_path):
    rows = memory_map(make_rows()[0], tmp_path)
    assert not is_stored(np.asarray(rows) + 1)
    assert not is_stored(rows[[1, 2]])
    assert not is_stored(rows[:, 0])


# --------------------------------------------------------------------------- memory


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("fit", {"n_members": 8, "learning_rate": "cycles", "max_iter": 1}),
        ("fit", {"early_stopping": True, "max_iter": 1}),
        ("fit", {"solver": "lbfgs", "max_iter": 1}),
        ("partial_fit", {}),
    ],
)
def test_memory_hardly_grows_with_the_rows_of_a_file(
    method, settings, tmp_path, monkeypatch
):
    # Of a larger file there are more rows at a time.
    monkeypatch.setattr(rows_in_memory, "WINDOW_BYTES", (1 << 18, 1 << 26))
    rng = np.random.default_rng(0)
    rows = memory_map(rng.standard_normal((12_000, 100), dtype="float32"), tmp_path)
    y = rows[:, 0] + np.abs(rows[:, 1])
    estimator = BackpropRegressor(32, recipe="table", random_state=0, **settings)
    of_half, of_all = (
        peaks_of(estimator, method, rows[:n_rows], y[:n_rows])
        for n_rows in (6_000, 12_000)
    )
    # Each row has its place, its target and its prediction in memory, but not itself.
    assert (of_all - of_half < 0.25 * rows.nbytes / 2).all()


def peaks_of(estimator, method, rows, y):
    """Return how many bytes are allocated at most by a fit and by a prediction."""
    estimator, peaks = clone(estimator), []
    for call, arguments in (
        (getattr(estimator, method), [rows, y]),
        (estimator.predict, [rows]),
    ):
        tracemalloc.start()
        try:
            call(*arguments)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return np.array(peaks)
