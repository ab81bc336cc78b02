"""Shuffling by blocks: each window reads a few places of the file."""

import numpy as np
import pytest
from numpy.random import RandomState
from numpy.testing import assert_array_equal

from skann.data.rows import BLOCKS_OF_A_WINDOW, rows_per_window, shuffle_blocks

N_ROWS, WINDOW = 10_000, 640
SIZE = WINDOW // BLOCKS_OF_A_WINDOW


def shuffled(rows, seed=0):
    rows = rows.copy()
    shuffle_blocks(rows, WINDOW, RandomState(seed))
    return rows


@pytest.mark.parametrize("n_rows", [1, 639, 640, 641, N_ROWS])
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_each_row_comes_once(n_rows, dtype):
    rows = shuffled(np.arange(n_rows, dtype=dtype))
    assert_array_equal(np.sort(rows), np.arange(n_rows))


def test_a_window_comes_from_few_places_and_is_mixed():
    rows = shuffled(np.arange(N_ROWS))
    for start in range(0, N_ROWS, WINDOW):
        window = rows[start : start + WINDOW]
        places = 1 + (np.diff(np.sort(window)) > 1).sum()
        assert places <= BLOCKS_OF_A_WINDOW
        assert (np.diff(window) == 1).sum() < 10
        if window.size == WINDOW:  # a batch of it is from many places
            assert np.unique(window[:200] // SIZE).size > 40
            assert window.max() - window.min() > N_ROWS / 2


def test_epochs_differ_and_do_not_depend_on_the_order_before():
    rows = np.arange(N_ROWS)
    one, other = shuffled(rows), shuffled(rows, seed=1)
    assert (one != other).mean() > 0.9
    assert_array_equal(shuffled(other), one)


def test_rows_of_a_part_of_the_data_stay_neighbours():
    part = RandomState(0).permutation(N_ROWS)[:5_000]
    window = shuffled(part)[:WINDOW]
    assert_array_equal(np.sort(shuffled(part)), np.sort(part))
    assert (np.diff(np.sort(window)) > 10).sum() < 2 * BLOCKS_OF_A_WINDOW


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "expected"),
    [(10, 4, 262_144), (10**9, 4, 4_194_304), (10**7, 100, 167_772), (10, 10**7, 1)],
)
def test_a_window_is_a_small_share_within_limits(n_rows, n_columns, expected):
    assert rows_per_window((n_rows, n_columns), 4, in_blocks=True) == expected


@pytest.mark.parametrize("n_rows", [10, 10**9])
def test_other_windows_do_not_grow_with_the_rows(n_rows):
    assert rows_per_window((n_rows, 4), 4) == 262_144
