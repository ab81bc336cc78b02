"""Collections of every shape, what cannot be merged, and estimators as objects."""

import copy
import pickle

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask_cases import FEW, INDICATORS, LABELS, NUMBERS, STEPS, WEIGHT, X, assert_same
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skann import BackpropClassifier, BackpropRegressor
from skann.dask import DaskBackpropClassifier, DaskBackpropRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FRAME = pd.DataFrame(X, columns=list("abcd")).assign(y=NUMBERS)


def arrays(rows, cut_y=None):
    return (
        da.from_array(X, chunks=(tuple(rows), 4)),
        da.from_array(NUMBERS, chunks=(tuple(cut_y or rows),)),
    )


def unknown(chunks):
    """Return arrays whose chunks have sizes that nobody knows."""
    frames = dd.from_pandas(FRAME, npartitions=chunks, sort=False)
    return frames[list("abcd")].values, frames["y"].values


def parquet(folder):
    """Return columns of files that a projection reads in parts of its own."""
    for number, start in enumerate(range(0, 240, 40)):
        FRAME[start : start + 40].to_parquet(folder / f"{number}.parquet")
    frame = dd.read_parquet(folder, blocksize=None)
    return frame[list("abcd")], frame["y"]


def parts(rows, cut_y):
    """Return lists of delayed parts."""
    stops = [np.cumsum(some)[:-1] for some in (rows, cut_y)]
    pieces = np.split(X, stops[0]), np.split(NUMBERS, stops[1])
    return tuple([dask.delayed(one) for one in some] for some in pieces)


def _filtered(frame):
    """Return all rows of a frame that does not know it."""
    return frame[frame.a > -9]


COLLECTIONS = {
    "columns cut": lambda _: (da.from_array(X, chunks=(120, 2)), arrays([240])[1]),
    "empty first": lambda _: arrays([0, 240]),
    "empty last": lambda _: arrays([240, 0]),
    "all but one empty": lambda _: arrays([0, 0, 240, 0]),
    "cut differently": lambda _: arrays([100, 140], [30, 0, 170, 40]),
    "sizes unknown": lambda _: unknown(2),
    "frames": lambda _: (
        dd.from_pandas(FRAME[list("abcd")], npartitions=2),
        dd.from_pandas(FRAME["y"], npartitions=3),
    ),
    "filtered frames": lambda _: (
        _filtered(dd.from_pandas(FRAME, npartitions=3))[list("abcd")],
        dd.from_pandas(FRAME, npartitions=2)["y"].to_frame(),
    ),
    "parquet": parquet,
    "delayed": lambda _: parts([120, 120], [240]),
}


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_collections_of_every_shape(client, tmp_path, name):
    ours = DaskBackpropRegressor(**{**FEW, "max_iter": 2})
    theirs = BackpropRegressor(**{**FEW, "max_iter": 2}).fit(X, NUMBERS)
    collections = COLLECTIONS[name](tmp_path)
    assert_same(ours.fit(*collections), theirs, atol=1e-9)
    expected = theirs.predict(X)
    predicted = ours.predict(collections[0])
    assert isinstance(predicted, da.Array)
    assert_allclose(predicted.compute(), expected, rtol=1e-9)


def test_one_class_in_each_block(client):
    order = np.argsort(LABELS, kind="stable")
    sizes = tuple(np.unique(LABELS, return_counts=True)[1].tolist())
    data = (
        da.from_array(X[order], chunks=(sizes, 4)),
        da.from_array(LABELS[order], chunks=(sizes,)),
    )
    ours = DaskBackpropClassifier(**FEW, class_weight="balanced").fit(*data)
    theirs = BackpropClassifier(**FEW, class_weight="balanced")
    assert_same(ours, theirs.fit(X[order], LABELS[order]), atol=1e-9)
    assert_array_equal(ours.classes_, ["a", "b", "c"])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_what_a_prediction_is(client, method):
    table = FRAME[list("abcd")]
    classifier = BackpropClassifier(**{**FEW, "max_iter": 1}).fit(table, LABELS)
    ours = DaskBackpropClassifier(client=client)
    learned = vars(classifier).keys() - classifier.get_params().keys()
    vars(ours).update({name: vars(classifier)[name] for name in learned})
    expected = getattr(classifier, method)(table)
    lazy = getattr(ours, method)(dd.from_pandas(table, npartitions=2))
    assert lazy.dtype == expected.dtype
    assert lazy.shape[1:] == expected.shape[1:]
    if method == "predict":
        assert_array_equal(lazy.compute(), expected)
    else:
        assert_allclose(lazy.compute(), expected, rtol=1e-12)


def test_a_score_is_that_in_memory(client):
    labels = da.from_array(LABELS, chunks=240)
    frame = dd.from_pandas(FRAME[list("abcd")], npartitions=2)
    ours = DaskBackpropClassifier(**{**FEW, "max_iter": 1}).fit(frame, labels)
    assert_array_equal(ours.feature_names_in_, list("abcd"))
    expected = ours.to_local().score(FRAME[list("abcd")], LABELS)
    assert ours.score(frame, labels.rechunk(100)) == expected


def test_no_block_is_computed_before_it_is_asked_for(client):
    regressor = DaskBackpropRegressor(**{**FEW, "max_iter": 1}).fit(*arrays([240]))

    def refuse(block):
        raise RuntimeError("computed")

    lazy = regressor.predict(arrays([240])[0].map_blocks(refuse, dtype=float))
    with pytest.raises(RuntimeError, match="computed"):
        lazy.compute()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"scaling": "robust"}, "cannot be computed exactly"),
        ({"scaling": "bounded"}, "distribute='members'"),
        ({"scaling": "adaptive"}, "order of the rows"),
        ({"scaling": "stream"}, "order of the rows"),
        ({"n_members": 8}, "Set n_members=1"),
        ({"loss": "huber"}, "Set huber_delta"),
        ({"scoring": "r2", "early_stopping": True}, "in one process"),
        ({"categorical_features": [0]}, "get_dummies"),
        ({"distribute": "columns"}, "distribute"),
        ({"distribute": "members", "solver": "lbfgs"}, "distribute='rows'"),
    ],
)
def test_what_cannot_be_merged_is_refused_in_words(client, params, words):
    with pytest.raises(ValueError, match=words):
        DaskBackpropRegressor(**params).fit(*arrays([240]))


def with_cell(value):
    spoiled = X.copy()
    spoiled[200, 1] = value
    return da.from_array(spoiled, chunks=(120, 4))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda: (with_cell(np.nan), arrays([240])[1]), "block 1.* missing values"),
        (lambda: (with_cell(np.inf), arrays([240])[1]), "block 1.*infinity"),
        (lambda: (arrays([240])[0], arrays([240])[1][:100]), "X has 240, y has 100"),
        (lambda: (arrays([240])[0][:0], arrays([240])[1][:0]), "no rows"),
        (lambda: (X, NUMBERS), "skann.BackpropRegressor"),
    ],
)
def test_bad_data_are_refused_in_words(client, data, words):
    with pytest.raises((ValueError, TypeError), match=words):
        DaskBackpropRegressor(**FEW).fit(*data())


def test_weights_that_are_all_zero_are_refused(client):
    zero = da.from_array(0 * WEIGHT, chunks=100)
    with pytest.raises(ValueError, match="at least one non-zero"):
        DaskBackpropRegressor(**FEW).fit(*arrays([240]), zero)


def test_a_failed_fit_changes_nothing(client):
    regressor = DaskBackpropRegressor(**{**STEPS, "max_iter": 1}).fit(*arrays([240]))
    before = regressor.coefs_[0].copy()
    with pytest.raises(ValueError, match="infinity"):
        regressor.fit(with_cell(np.inf), arrays([240])[1])
    assert_array_equal(regressor.coefs_[0], before)


# ------------------------------------------------------------- without any cluster


@pytest.mark.parametrize("kind", [BackpropClassifier, BackpropRegressor])
@pytest.mark.parametrize("method", ["fit", "predict", "partial_fit"])
def test_a_plain_estimator_says_where_to_go(kind, method):
    data = da.from_array(X, chunks=100)
    estimator = kind(**{**STEPS, "max_iter": 1})
    arguments = [data]
    options = {}
    if method == "predict":
        estimator.fit(X, INDICATORS)
    else:
        arguments.append(INDICATORS)
    if method == "partial_fit" and kind is BackpropClassifier:
        options["classes"] = [0, 1]
    with pytest.raises(TypeError, match=rf"skann\.dask\.Dask{kind.__name__}"):
        getattr(estimator, method)(*arguments, **options)


@pytest.mark.parametrize("passed", [dd.from_pandas(FRAME, 2), [dask.delayed(X)]])
def test_other_collections_are_no_tables_for_a_plain_estimator(passed):
    with pytest.raises(TypeError, match=r"skann\.dask\.DaskBackpropRegressor"):
        BackpropRegressor().fit(passed, NUMBERS)
    with pytest.raises(TypeError, match=r"skann\.dask\.DaskBackpropRegressor"):
        BackpropRegressor().fit(X, passed)


def test_without_a_client_there_is_an_error(monkeypatch):
    def nothing():
        raise ValueError("no client")

    monkeypatch.setattr("skann.dask.cluster.get_client", nothing)
    with pytest.raises(ValueError, match="There is no Dask client"):
        DaskBackpropRegressor(**FEW).fit(*arrays([240]))


def test_partial_fit_is_for_pieces_in_memory(client):
    with pytest.raises(ValueError, match="to_local"):
        DaskBackpropRegressor(**STEPS).partial_fit(*arrays([240]))


def test_the_client_is_neither_pickled_nor_copied(client):
    regressor = DaskBackpropRegressor(**{**FEW, "max_iter": 1}, client=client)
    assert clone(regressor).client is client
    assert regressor.client_ is client
    with pytest.raises(NotFittedError):
        regressor.score(arrays([240])[0], arrays([240])[1])
    regressor.fit(*arrays([240]))
    for copied in (pickle.loads(pickle.dumps(regressor)), copy.deepcopy(regressor)):
        assert copied.client is None
        assert_array_equal(copied.predict(X), regressor.predict(X))
    local = regressor.to_local()
    assert type(local) is BackpropRegressor
    assert local.get_params().keys() == BackpropRegressor().get_params().keys()
    assert_array_equal(local.predict(X), regressor.predict(X))
    assert pickle.loads(pickle.dumps(local)).n_iter_ == 1


def test_parameters_are_those_of_the_plain_estimator():
    for ours, theirs in (
        (DaskBackpropClassifier(), BackpropClassifier()),
        (DaskBackpropRegressor(), BackpropRegressor()),
    ):
        params = ours.get_params()
        assert params.pop("client") is None
        assert params.pop("distribute") == "rows"
        assert params == theirs.get_params()
        named = type(ours)(hidden_layer_sizes=(3,), distribute="members")
        assert repr(named) == (
            f"{type(ours).__name__}(distribute='members', hidden_layer_sizes=(3,))"
        )
