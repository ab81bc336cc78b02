"""Counting epochs without improvement, and what training remembers of its past."""

import copy
import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.neural_network import MLPRegressor

from skann.training.history import QUANTITIES, new_history, record
from skann.training.progress import Progress
from skann.training.stopping import Plateau

SEQUENCES = {
    "falls": [5, 4, 3, 2, 1],
    "rises": [1, 2, 3, 4],
    "constant": [2, 2, 2, 2],
    "falls by less than tol": [1, 0.96, 0.92, 0.88, 0.84],
    "falls by exactly tol": [1.0, 0.75, 0.5, 0.25],
    "one lucky epoch": [3, 1, 2.9, 2.8, 2.5, 0.95, 0.8, 0.7],
    "negative": [-1, -0.5, -1.5, -1.55, -3],
}


@pytest.mark.parametrize("tol", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("values", SEQUENCES.values(), ids=SEQUENCES)
def test_plateau_counts_losses_as_the_mlp_does(values, tol):
    # The MLP's own counter, fed by hand.
    mlp = MLPRegressor(tol=tol)
    mlp.best_loss_, mlp._no_improvement_count, mlp.loss_curve_ = np.inf, 0, []
    plateau = Plateau()
    for value in values:
        before = mlp.best_loss_
        mlp.loss_curve_.append(value)
        mlp._update_no_improvement_count(False, None, None, None)
        improved = plateau.update(value, tol)
        assert plateau.count == mlp._no_improvement_count
        assert plateau.best == mlp.best_loss_
        assert improved == (value < before)


@pytest.mark.parametrize("tol", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("values", SEQUENCES.values(), ids=SEQUENCES)
def test_plateau_counts_scores_as_the_mlp_does(values, tol):
    mlp = MLPRegressor(tol=tol)
    mlp.best_validation_score_, mlp._no_improvement_count = -np.inf, 0
    mlp.validation_scores_, mlp.coefs_, mlp.intercepts_ = [], [], []
    plateau = Plateau()
    for value in values:
        mlp._score = lambda X, y, sample_weight, score=-value: score
        mlp._update_no_improvement_count(True, None, None, None)
        plateau.update(value, tol)
        assert plateau.count == mlp._no_improvement_count
        assert -plateau.best == mlp.best_validation_score_


def test_an_improvement_smaller_than_tol_counts_as_none_but_is_the_best():
    plateau = Plateau()
    assert plateau.update(1.0, 0.1)
    assert plateau.update(0.95, 0.1)
    assert (plateau.best, plateau.count) == (0.95, 1)
    # Measured from the best so far, not from the last good epoch.
    assert plateau.update(0.87, 0.1)
    assert (plateau.best, plateau.count) == (0.87, 2)
    assert plateau.update(0.77, 0.1)
    assert (plateau.best, plateau.count) == (0.77, 0)


def test_progress_comes_back_from_plain_numbers():
    progress = Progress(3, 300, 2, 0.7, Plateau(best=0.123456789, count=4))
    saved = progress.as_dict()
    assert json.loads(json.dumps(saved)) == saved
    restored = Progress.from_dict(copy.deepcopy(saved))
    assert restored == progress
    # and it does not share the plateau
    restored.plateau.update(-1.0, 0.0)
    assert progress.as_dict() == saved


def test_progress_starts_empty():
    first, second = Progress(), Progress()
    assert (first.n_epochs, first.n_samples_seen, first.n_reductions) == (0, 0, 0)
    assert first.mean_weight == 1.0
    assert first.plateau == Plateau(best=math.inf, count=0)
    assert first.plateau is not second.plateau


@pytest.mark.parametrize("mean_weight", [0.1, 1 / 3, 1.0, 1e-300, 1e300])
@pytest.mark.parametrize("n_samples", [1, 7, 1000])
def test_merging_an_equal_mean_weight_changes_nothing(mean_weight, n_samples):
    progress = Progress(n_samples_seen=13, mean_weight=mean_weight)
    progress.merge_weight(mean_weight, n_samples)
    assert progress.mean_weight == mean_weight


def test_merged_mean_weight_is_that_of_all_samples():
    batches = np.split(np.random.RandomState(0).uniform(0, 3, 100), [10, 15, 60])
    progress = Progress(mean_weight=5.0)  # of no samples, hence without influence
    for batch in batches:
        progress.merge_weight(batch.mean(), batch.size)
        progress.n_samples_seen += batch.size
    assert_allclose(progress.mean_weight, np.concatenate(batches).mean(), rtol=1e-14)


def test_history_grows_by_a_row_per_epoch():
    history = new_history()
    assert history == {quantity: [] for quantity in QUANTITIES}
    for epoch in range(3):
        record(history, **{quantity: (quantity, epoch) for quantity in QUANTITIES})
    assert {len(column) for column in history.values()} == {3}
    assert history["loss"] == [("loss", 0), ("loss", 1), ("loss", 2)]
    with pytest.raises(KeyError):
        record(history, loss=1.0)


def test_history_goes_on_from_a_copy_of_the_earlier_one():
    earlier = new_history()
    record(earlier, **dict.fromkeys(QUANTITIES, 1))
    later = new_history(earlier)
    record(later, **dict.fromkeys(QUANTITIES, 2))
    assert earlier["loss"] == [1]
    assert later["loss"] == [1, 2]
