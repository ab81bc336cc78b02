"""Every read gives the rows that were asked for, and changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from small_data import N_SAMPLES, all_containers, make_data

from skann.data.one_hot import OneHotRows
from skann.data.rows import RowReader


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("rows", [None, np.array([7, 2, 9, 4, 0])], ids=["all", "some"])
@all_containers
def test_reads_the_rows_in_their_order(container, rows, weighted):
    data = make_data(container, weighted)
    order = np.arange(N_SAMPLES) if rows is None else rows
    reader = RowReader(data, rows)
    dense = data.X.toarray() if sparse.issparse(data.X) else data.X
    for start, stop in [(0, 3), (3, 5), (1, 2), (0, order.size), (2, 2)]:
        X, target, weight = reader.read(start, stop)
        X = X.toarray() if sparse.issparse(X) else X
        expected = order[start:stop]
        assert_array_equal(X, dense[expected])
        assert_array_equal(target, data.target[expected])
        if weighted:
            assert_array_equal(weight, data.sample_weight[expected])
        else:
            assert weight is None


@all_containers
def test_follows_rows_that_are_shuffled_in_place(container):
    data, rows = make_data(container), np.arange(N_SAMPLES)
    reader = RowReader(data, rows)
    reader.read(0, 4)
    rows[:] = rows[::-1].copy()
    _, target, _ = reader.read(0, 4)
    assert_array_equal(target, data.target[[9, 8, 7, 6]])


def test_reads_into_the_same_memory():
    reader = RowReader(make_data(), np.arange(N_SAMPLES))
    first, second = reader.read(0, 4), reader.read(4, 8)
    assert np.shares_memory(first[0], second[0])
    assert np.shares_memory(first[1], second[1])
    assert first[1].flags.f_contiguous


def test_reading_changes_neither_data_nor_rows():
    data = make_data(weighted=True)
    before = replace(data, X=data.X.copy(), target=data.target.copy())
    rows = np.arange(N_SAMPLES)[::-1].copy()
    X, target, _ = RowReader(data, rows).read(2, 9)
    X *= 2
    target *= 2
    assert_array_equal(data.X, before.X)
    assert_array_equal(data.target, before.target)
    assert_array_equal(rows, np.arange(N_SAMPLES)[::-1])


# ----------------------------------------------------------------------------- members


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("rows", [None, np.array([7, 2, 9, 4, 0])], ids=["all", "some"])
@all_containers
def test_targets_and_weights_come_once_for_each_member(container, rows, weighted):
    data = make_data(container, weighted)
    reader, plain = RowReader(data, rows, range(4, 7)), RowReader(data, rows)
    for start, stop in [(0, 3), (3, 5), (1, 2), (2, 2)]:
        X, target, weight = reader.read(start, stop)
        expected_X, expected, expected_weight = plain.read(start, stop)
        assert abs(X - expected_X).sum() == 0
        assert_array_equal(target, np.tile(expected, (3, 1)))
        assert target.flags.f_contiguous or stop - start == 1
        if weighted:
            assert_array_equal(weight, np.tile(expected_weight, 3))
        else:
            assert weight is None


FOLDS = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("rows", [None, np.array([7, 2, 9, 4, 0])], ids=["all", "some"])
def test_a_fold_weighs_nothing_and_the_others_make_up_for_it(rows, weighted, dtype):
    data = make_data(weighted=weighted)
    weight = data.sample_weight if weighted else np.ones(N_SAMPLES)
    weight = weight.astype(dtype)
    data = replace(
        data,
        target=data.target.astype(dtype),
        sample_weight=weight if weighted else None,
        folds=FOLDS,
    )
    order = np.arange(N_SAMPLES) if rows is None else rows
    _, _, found = RowReader(data, rows, range(2, 5)).read(1, 5)
    assert found.dtype == dtype
    found = found.reshape(3, 4)
    for number, its_weight in zip(range(2, 5), found, strict=True):
        kept = number != FOLDS
        expected = np.where(kept, weight, 0) * weight.sum() / weight[kept].sum()
        assert_allclose(its_weight, expected[order[1:5]], rtol=1e-5)
        assert (its_weight[~kept[order[1:5]]] == 0).all()


@pytest.mark.parametrize("rest", [0.0, 1e-300, 1e-20])
def test_a_fold_that_has_all_weight_leaves_nothing_to_learn(rest):
    weight = np.where(FOLDS == 1, 1.0, rest)
    data = replace(make_data(), sample_weight=weight, mean_weight=0.2, folds=FOLDS)
    assert_allclose(data.fold_factors, [1, 0, 1, 1, 1])
    _, _, found = RowReader(data, None, range(5)).read(0, N_SAMPLES)
    assert np.isfinite(found).all()
    assert (found.reshape(5, -1)[1] == 0).all()


def test_targets_of_members_may_be_one_hot_rows():
    indices = np.arange(N_SAMPLES) % 3
    for n_outputs in (3, 40):  # made at once, or when they are read
        rows = OneHotRows(indices, np.full(n_outputs, 0.01), 0.9)
        data = replace(make_data(), target=rows, folds=FOLDS)
        order = np.array([7, 2, 9])
        _, target, _ = RowReader(data, order, range(2)).read(0, 3)
        assert_array_equal(target, np.tile(rows.toarray()[order], (2, 1)))
