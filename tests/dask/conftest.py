"""One small cluster on the loopback for all tests of the folder."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import skann

distributed = pytest.importorskip("distributed")

PATHS = os.pathsep.join(
    [str(Path(skann.__file__).parents[1]), str(Path(__file__).parent)]
)


@contextmanager
def started(folder, *options):
    """Start a scheduler and its workers on the loopback, and end them."""
    file = ["--scheduler-file", str(folder / "scheduler.json"), "--no-dashboard"]
    commands = (
        ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", *file],
        ["dask_worker", "--host", "127.0.0.1", "--nthreads", "1", *options, *file],
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{name}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": PATHS},
        )
        for name, *arguments in commands
    ]
    try:
        yield processes[0]
    finally:
        for process in reversed(processes):  # workers first, with their nannies
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def lonely_scheduler(tmp_path):
    """Start a cluster whose scheduler may be killed; return it and its file."""
    with started(tmp_path, "--no-nanny", "--memory-limit", "0") as scheduler:
        yield scheduler, str(tmp_path / "scheduler.json")


@pytest.fixture(scope="session")
def processes(tmp_path_factory):
    """Start a scheduler and two workers, which come back if they are killed.

    They are no children of multiprocessing, which pytest-xdist would wait for.
    """
    folder = tmp_path_factory.mktemp("cluster")
    with started(folder, "--nworkers", "2", "--memory-limit", "500MB"):
        yield folder / "scheduler.json"


@pytest.fixture(scope="module")
def module_client(processes):
    # Not for the whole session: its thread goes on while other modules are tested.
    with distributed.Client(scheduler_file=str(processes), timeout=120) as client:
        yield client


@pytest.fixture
def client(module_client):
    """Return the client, all of whose workers are there."""
    module_client.wait_for_workers(2, timeout=120)
    return module_client


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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the marks
def pytest_collection_modifyitems(items):
    """Let one process of pytest-xdist run all tests that need the cluster."""
    for item in items:
        if "module_client" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("dask"))
