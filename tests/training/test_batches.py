"""Every read gives the rows that were asked for, and changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from small_data import N_SAMPLES, all_containers, make_data

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
