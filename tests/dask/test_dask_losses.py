"""Nothing is lost with a worker, and nothing hangs without a scheduler."""

import threading
from concurrent.futures import CancelledError

import dask.array as da
import pytest
from dask_cases import FEW, LABELS, NUMBERS, STEPS, X
from distributed import Client, KilledWorker
from numpy.testing import assert_array_equal

from skann.dask import (
    DaskBackpropClassifier,
    DaskBackpropRegressor,
    LostClusterError,
)
from skann.dask.cluster import Cluster

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    # A killed worker leaves its sockets to the garbage collector.
    "ignore:unclosed:ResourceWarning",
)


def chunked(array):
    return da.from_array(array, chunks=(60, *array.shape[1:]))


MEMBERS = {"n_members": 8, "max_iter": 3, "hidden_layer_sizes": (32,)}


@pytest.mark.parametrize(
    ("params", "when"),
    [
        (FEW, 12),
        ({**STEPS, "max_iter": 2}, 12),
        ({**STEPS, "max_iter": 1}, 4),  # while blocks are measured
        ({**MEMBERS, "random_state": 0, "distribute": "members"}, 5),
    ],
    ids=["lbfgs", "adam", "measuring", "members"],
)
def test_a_killed_worker_changes_no_digit(client, kill_at, params, when):
    estimator = DaskBackpropClassifier(**params)
    undisturbed = DaskBackpropClassifier(**params).fit(chunked(X), chunked(LABELS))
    killed = kill_at(when)
    estimator.fit(chunked(X), chunked(LABELS))
    assert len(killed) == 1
    for ours, theirs in zip(estimator.coefs_, undisturbed.coefs_, strict=True):
        assert_array_equal(ours, theirs)
    assert estimator.loss_curve_ == undisturbed.loss_curve_


def test_two_fits_at_the_same_time(client):
    data = chunked(X), chunked(NUMBERS)
    alone = DaskBackpropRegressor(**FEW).fit(*data)
    both = [DaskBackpropRegressor(**FEW) for _ in range(2)]
    threads = [threading.Thread(target=one.fit, args=data) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in both:
        assert_array_equal(one.coefs_[0], alone.coefs_[0])


def test_a_lost_scheduler_is_an_error(lonely_scheduler, monkeypatch):
    scheduler, file = lonely_scheduler
    gather, calls = Cluster.gather, []

    def killing(self, futures):
        calls.append(len(futures))
        if len(calls) == 8:
            scheduler.kill()
        return gather(self, futures)

    monkeypatch.setattr(Cluster, "gather", killing)
    with Client(scheduler_file=file, set_as_default=False, timeout=120) as client:
        estimator = DaskBackpropRegressor(**FEW, client=client)
        with pytest.raises(LostClusterError, match="scheduler was lost"):
            estimator.fit(chunked(X), chunked(NUMBERS))
        assert not hasattr(estimator, "coefs_")


class _Client:
    """A client that has lost something."""

    def __init__(self, error, status="running"):
        self.error, self.status = error, status

    def gather(self, futures):
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "raised", "words"),
    [
        (CancelledError("lost"), "running", LostClusterError, "scattered data"),
        (OSError("closed"), "running", LostClusterError, "scheduler was lost"),
        (RuntimeError("closed"), "closed", LostClusterError, "scheduler was lost"),
        (KilledWorker("a", None, 3), "running", LostClusterError, "smaller chunks"),
        (ValueError("of a task"), "running", ValueError, "of a task"),
    ],
)
def test_what_is_lost_is_said_in_words(error, status, raised, words):
    with pytest.raises(raised, match=words):
        Cluster(_Client(error, status)).gather([])
