"""One small cluster on the loopback for all tests of the folder."""

import logging
import os
import signal

import pytest

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="session")
def cluster():
    """Return a cluster of two worker processes."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        scheduler_port=0,
        dashboard_address=None,
        memory_limit="500MB",
        silence_logs=logging.CRITICAL,
    ) as started:
        yield started


@pytest.fixture(scope="session")
def session_client(cluster):
    with distributed.Client(cluster) as started:
        yield started


@pytest.fixture
def client(session_client):
    """Return the client, all of whose workers are there."""
    session_client.wait_for_workers(2, timeout=60)
    return session_client


@pytest.fixture
def kill_at(client, monkeypatch):
    """Return what lets a worker be killed when results are asked for the n-th time."""
    from skann.dask.cluster import Cluster

    gather = Cluster.gather
    killed = []

    def arm(n):
        calls = []

        def killing(self, futures):
            calls.append(len(futures))
            if len(calls) == n:
                futures = list(futures)
                holders = {a for each in client.who_has(futures).values() for a in each}
                pids = client.run(os.getpid)
                worker = min(holders, default=min(pids))
                killed.append(pids[worker])
                os.kill(pids[worker], signal.SIGKILL)
            return gather(self, futures)

        monkeypatch.setattr(Cluster, "gather", killing)
        return killed

    return arm


def pytest_collection_modifyitems(items):
    """Let one process of pytest-xdist run all tests that need the cluster."""
    for item in items:
        if "session_client" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("dask"))
