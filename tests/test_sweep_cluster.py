"""The same sweep on a cluster of dask.distributed: a real scheduler and workers on loopback, one killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.errors import InputError
from grid_opt.study.sweeps import cluster, study
from tests.sweep_fixture import PAIR, cube_of, processes_with, wait_until, write_sweep

pytest_plugins = ["tests.sweep_fixture"]
pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
WORKER = "grid_opt.study.sweeps.worker"


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a scheduler or a worker that finds the others by a file."""
    command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
    file = ["--scheduler-file", str(folder / "scheduler.json")]
    with (folder / f"{arguments[0]}.log").open("ab") as log:
        return subprocess.Popen([*command, *file], stdout=log, stderr=log, cwd=folder, start_new_session=True)


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Give the address of a scheduler with two workers, and the processes of the workers."""
    folder = tmp_path / "dask"
    folder.mkdir()
    scheduler = start(folder, "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    wait_until((folder / "scheduler.json").exists, "the scheduler")
    more = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(folder))
    workers = [start(folder, "dask_worker", *more) for _ in range(2)]
    try:
        yield json.loads((folder / "scheduler.json").read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_cluster_gives_the_same_cube_though_a_worker_dies(
    loopback: tuple[str, list[subprocess.Popen[bytes]]],
    undisturbed_pair: Path,
    tmp_path: Path,
) -> None:
    address, workers = loopback
    out = tmp_path / "out"
    command = [sys.executable, "-m", "grid_opt", "sweep", str(write_sweep(tmp_path, PAIR)), "--out", str(out)]
    sweep = subprocess.Popen([*command, "--dask", address], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(processes_with(WORKER, str(out))) == 2, "both workers at work")
    os.kill(workers[0].pid, signal.SIGKILL)
    _, told = sweep.communicate()
    assert sweep.returncode == 3, told
    assert cube_of(out).identical(cube_of(undisturbed_pair))
    assert not (out / "work").exists()


def test_no_scheduler_is_bad_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE_S", 1.0)
    with pytest.raises(InputError, match="no scheduler answers") as error:
        study.sweep(write_sweep(tmp_path, PAIR), out=tmp_path / "out", dask="tcp://127.0.0.1:9")
    assert error.value.field == "--dask"
    file = str(tmp_path / "four.toml")
    told = CliRunner().invoke(app, ["sweep", file, "--dask", "tcp://127.0.0.1:9", "-n", "2", "--quiet"])
    assert told.exit_code == 2 and "--workers" in told.stderr
