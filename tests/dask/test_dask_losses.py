"""Nothing is lost with a worker, and nothing hangs without a scheduler."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from dask_cases import FEW, LABELS, NUMBERS, STEPS, X
from distributed import Client
from numpy.testing import assert_array_equal

import skann
from skann.dask import (
    DaskBackpropClassifier,
    DaskBackpropRegressor,
    LostClusterError,
)

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


def test_a_lost_scheduler_is_an_error(tmp_path, monkeypatch):
    from skann.dask.cluster import Cluster

    file = str(tmp_path / "scheduler.json")
    options = ["--scheduler-file", file, "--no-dashboard"]
    commands = [
        ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", *options],
        ["dask_worker", "--host", "127.0.0.1", "--nworkers", "1", "--no-nanny",
         "--memory-limit", "0", *options],
    ]  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{name}", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(skann.__file__).parents[1])},
        )
        for name, *arguments in commands
    ]
    gather, calls = Cluster.gather, []

    def killing(self, futures):
        calls.append(len(futures))
        if len(calls) == 8:
            processes[0].kill()
        return gather(self, futures)

    monkeypatch.setattr(Cluster, "gather", killing)
    try:
        with Client(scheduler_file=file, set_as_default=False, timeout=60) as client:
            estimator = DaskBackpropRegressor(**FEW, client=client)
            with pytest.raises(LostClusterError, match="scheduler is lost"):
                estimator.fit(chunked(X), chunked(NUMBERS))
            assert not hasattr(estimator, "coefs_")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_data_that_nothing_can_make_anew_are_missed_in_words(client, kill_at):
    address = min(client.scheduler_info()["workers"])
    from dask import delayed

    scattered = client.scatter([X, NUMBERS], workers=[address])
    parts = [[delayed(np.asarray)(future)] for future in scattered]
    killed = kill_at(8)
    estimator = DaskBackpropRegressor(**FEW)
    with pytest.raises(LostClusterError, match="scattered"):
        estimator.fit(*parts)
    assert len(killed) == 1
