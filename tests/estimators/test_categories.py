"""Tables of any kind, with labels in their columns."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from mixed_tables import (
    COLORS,
    FRAME,
    INDICATORS,
    INPUTS,
    KINDS_OF_FRAMES,
    N_ROWS,
    NEED_PYARROW,
    NUMBERS,
    TARGETS,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder

from skann import BackpropClassifier, BackpropRegressor

IGNORE = "ignore::sklearn.exceptions.ConvergenceWarning"
pytestmark = pytest.mark.filterwarnings(IGNORE)

CLASSES = {"classifier": BackpropClassifier, "regressor": BackpropRegressor}
BOTH = pytest.mark.parametrize("kind", CLASSES)
LAST = FRAME.columns[-1]


def make(kind, **params):
    defaults = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
    return CLASSES[kind](**{**defaults, **params})


def regressor(**params):
    return make("regressor", **params)


# -------------------------------------------------------------------- kinds of frames


@pytest.mark.parametrize("name", [*KINDS_OF_FRAMES, *NEED_PYARROW])
@BOTH
def test_every_kind_of_frame_gives_the_same_fit(name, kind):
    if name in NEED_PYARROW:
        pytest.importorskip("pyarrow")
    convert = {**KINDS_OF_FRAMES, **NEED_PYARROW}[name]
    expected = make(kind).fit(FRAME, TARGETS[kind])
    table = convert(FRAME)
    estimator = make(kind).fit(table, TARGETS[kind])
    assert_array_equal(estimator.predict(table), expected.predict(FRAME))
    assert estimator.n_features_in_ == 5
    if hasattr(table, "columns"):
        assert list(estimator.feature_names_in_) == list(FRAME.columns)


@pytest.mark.parametrize("name", [*KINDS_OF_FRAMES, *NEED_PYARROW])
@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_every_kind_of_frame_can_be_predicted_for(name):
    if name in NEED_PYARROW:
        pytest.importorskip("pyarrow")
    convert = {**KINDS_OF_FRAMES, **NEED_PYARROW}[name]
    estimator = regressor().fit(FRAME, NUMBERS)
    assert_array_equal(estimator.predict(convert(FRAME)), estimator.predict(FRAME))


def test_inputs_have_the_names_of_columns_and_levels():
    estimator = regressor().fit(FRAME, NUMBERS)
    assert list(estimator.input_weights()) == INPUTS
    assert estimator.coefs_[0].shape == (len(INPUTS), 4)


def test_columns_without_names_have_numbers():
    estimator = regressor().fit(FRAME.astype(object).to_numpy(), NUMBERS)
    assert list(estimator.input_weights())[:2] == ["x0_blue", "x0_green"]


def test_a_fit_is_that_of_a_pipeline_that_encodes_the_labels():
    table = FRAME.drop(columns="size").fillna({"color": "none"})
    encoder = make_column_transformer(
        (OneHotEncoder(min_frequency=5), ["color"]),
        (OneHotEncoder(drop="if_binary"), ["is_new"]),
        remainder="passthrough",
        sparse_threshold=0,
    )
    encoded = encoder.fit_transform(table)
    encoded[:, 5:] = (encoded[:, 5:] - encoded[:, 5:].mean(axis=0)) / (
        encoded[:, 5:].std(axis=0)
    )
    encoded[:, :5] /= 2  # few rows
    options = {"recipe": "mlp", "tol": 0.0, "solver": "lbfgs"}
    ours = regressor(scaling="standard", **options).fit(table, NUMBERS)
    theirs = regressor(scaling=None, **options)
    theirs.fit(encoded, (NUMBERS - NUMBERS.mean()) / NUMBERS.std())
    order = list(encoder.get_feature_names_out())
    assert order[4].endswith("infrequent_sklearn")
    assert len(order) == ours.coefs_[0].shape[0]
    assert_allclose(
        ours.predict(table),
        theirs.predict(encoded) * NUMBERS.std() + NUMBERS.mean(),
        rtol=1e-6,
    )


# ---------------------------------------------------------------- which columns it is


@pytest.mark.parametrize(
    "named",
    [
        ["a", "c"],
        [0, 2],
        [True, False, True],
        np.array([0, 2]),
        pd.Index(["a", "c"]),
    ],
    ids=["names", "indices", "mask", "array", "index"],
)
def test_columns_of_numbers_can_be_named_as_categorical(named):
    random = np.random.RandomState(0)
    table = pd.DataFrame(
        {
            "a": random.randint(3, size=30),
            "b": random.normal(size=30),
            "c": [0.0, 7] * 15,
        }
    )
    estimator = regressor(categorical_features=named).fit(table, table["b"])
    names = ["a_0", "a_1", "a_2", "c_7.0", "b"]
    assert list(estimator.input_weights()) == names


@pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist])
def test_columns_of_arrays_and_lists_can_be_named_by_number(convert):
    random = np.random.RandomState(0)
    table = convert(np.c_[random.randint(3, size=30), random.normal(size=30)])
    estimator = regressor(categorical_features=[0]).fit(table, np.arange(30.0))
    assert estimator.coefs_[0].shape[0] == 4
    assert_array_equal(estimator.predict(table), estimator.predict(np.array(table)))


def test_none_is_none_of_them():
    table = FRAME[["is_new", "count"]]
    estimator = regressor(categorical_features=None).fit(table, NUMBERS)
    assert list(estimator.input_weights()) == ["is_new", "count"]


WRONG = {
    "an unknown name": (["colour"], "item value 'colour' which is not a valid feature"),
    "an index too large": ([5], "must be in [0, n_features - 1]"),
    "a mask too short": ([True, False], "must have shape (n_features,), got: (2,)"),
    "floats": ([0.5], "must be an array-like of bool, int or str"),
    "not the text": (["is_new"], "could not convert string to float"),
    "none": (None, "list the columns in categorical_features"),
}


@pytest.mark.parametrize("name", WRONG)
@BOTH
def test_wrong_columns_are_refused_in_words(name, kind):
    named, words = WRONG[name]
    estimator = make(kind, categorical_features=named)
    with pytest.raises(ValueError, match=re.escape(words)):
        estimator.fit(FRAME, TARGETS[kind])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("named", [None, ["color"], [0, 1, 2]], ids=str)
def test_training_does_not_go_on_with_other_categorical_columns(named, method):
    estimator = regressor(warm_start=True).fit(FRAME, NUMBERS)
    before = estimator.predict(FRAME)
    estimator.set_params(categorical_features=named)
    with pytest.raises(
        ValueError, match=r"categorical columns have the indices \[0, 2\]"
    ):
        getattr(estimator, method)(FRAME, NUMBERS)
    assert_array_equal(estimator.predict(FRAME), before)
    estimator.set_params(categorical_features=["color", "is_new"])
    getattr(estimator, method)(FRAME, NUMBERS)


def test_names_without_a_frame_are_refused_in_words():
    with pytest.raises(ValueError, match="on data without feature names"):
        regressor(categorical_features=["a"]).fit(np.ones((5, 2)), np.arange(5.0))


def test_sparse_inputs_have_no_categorical_columns():
    table = sparse.csr_array(np.eye(6))
    with pytest.raises(ValueError, match="not supported for sparse X"):
        regressor(categorical_features=[0]).fit(table, np.arange(6.0))


@pytest.mark.parametrize("when", ["fit", "predict"])
def test_dates_are_refused_in_words(when):
    dated = FRAME.assign(count=pd.date_range("2020-01-01", periods=N_ROWS))
    estimator = regressor()
    call = {
        "fit": lambda: estimator.fit(dated, NUMBERS),
        "predict": lambda: estimator.fit(FRAME, NUMBERS).predict(dated),
    }[when]
    with pytest.raises(ValueError, match="Column 'count' of X contains dates"):
        call()


def test_dates_that_are_named_are_labels():
    days = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]).repeat(20)
    dated = FRAME.assign(count=days)
    named = ["color", "is_new", "count"]
    estimator = regressor(categorical_features=named).fit(dated, NUMBERS)
    assert sum(name.startswith("count_2020") for name in estimator.input_weights()) == 3


def test_cells_that_are_no_labels_are_refused_in_words():
    table = FRAME.astype({"color": object})
    table.at[4, "color"] = ["red", "blue"]
    with pytest.raises(
        ValueError, match="column 'color' of X contains cells that cannot"
    ):
        regressor().fit(table, NUMBERS)


# --------------------------------------------------------------------------- levels


def predictions(estimator, **changes):
    """Return what is predicted for the first row with other labels."""
    row = FRAME.iloc[[0]].astype({"color": object}).assign(**changes)
    return estimator.predict(row)[0]


def test_rare_unknown_and_missing_labels_have_one_place():
    estimator = regressor(max_iter=40).fit(FRAME, NUMBERS)
    others = {predictions(estimator, color=c) for c in ["mauve", "Mars", None, np.nan]}
    assert len(others) == 1
    assert others.isdisjoint({predictions(estimator, color=color) for color in COLORS})


def test_an_unknown_label_is_the_mean_of_all_if_training_had_no_others():
    table = FRAME[FRAME["color"].isin(COLORS)]
    targets = NUMBERS[table.index]
    # Without hidden layers the mean of the inputs has the mean of the predictions.
    linear = BackpropRegressor((), n_frequencies=0, random_state=0, max_iter=5)
    linear.fit(table, targets)
    shares = table["color"].value_counts(normalize=True)
    of_levels = [predictions(linear, color=color) for color in shares.index]
    expected = np.average(of_levels, weights=shares)
    assert_allclose(predictions(linear, color="Mars"), expected, rtol=1e-6)


def test_rows_of_weight_zero_have_no_levels():
    weight = np.ones(N_ROWS)
    weight[FRAME["color"] == "red"] = 0
    estimator = regressor().fit(FRAME, NUMBERS, weight)
    assert "color_red" not in estimator.input_weights()
    assert "color_green" in estimator.input_weights()


def test_labels_of_several_kinds_are_sorted_by_kind():
    labels = np.array([1, "a", 2.5, "b", None] * 6, object)
    estimator = regressor().fit(labels[:, np.newaxis], np.arange(30.0))
    names = ["x0_2.5", "x0_1", "x0_a", "x0_b", "x0_infrequent"]
    assert list(estimator.input_weights()) == names


def test_a_column_of_one_label_is_constant():
    estimator = regressor().fit(FRAME.assign(color="red"), NUMBERS)
    unknown = FRAME.assign(color="blue")
    assert_array_equal(
        estimator.predict(unknown), estimator.predict(FRAME.assign(color="red"))
    )


# -------------------------------------------------------------- what goes on working


@BOTH
def test_a_table_of_labels_alone_has_no_cosines(kind):
    table = FRAME[["color", "is_new"]]
    estimator = CLASSES[kind](recipe="table", max_iter=2, random_state=0)
    estimator.fit(table, TARGETS[kind])
    assert estimator.auto_params_["n_frequencies"] == 0
    assert estimator.embedding_ is None


def test_only_numbers_have_cosines():
    estimator = regressor(n_frequencies=2, scaling="bounded").fit(FRAME, NUMBERS)
    assert estimator.embedding_["factors"].shape == (3,)
    n_indicators, n_numbers = len(INDICATORS), 3
    assert estimator.coefs_[0].shape == (n_indicators + 3 * n_numbers, 4)
    assert estimator.input_weights()["weight"].shape == (3, 4)
    assert estimator.input_weights()["color_red"].shape == (1, 4)


@BOTH
def test_a_pickle_predicts_the_same(kind):
    estimator = make(kind).fit(FRAME, TARGETS[kind])
    copied = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(copied.predict(FRAME), estimator.predict(FRAME))
    assert copied.fit(FRAME, TARGETS[kind]) is copied


def test_columns_in_another_order_are_refused():
    estimator = regressor().fit(FRAME, NUMBERS)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        estimator.predict(FRAME[FRAME.columns[::-1]])
