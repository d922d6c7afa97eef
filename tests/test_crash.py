"""A killed run, a full disk and Ctrl-C leave whole files or none, and say so in one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.image
import pyogrio
import pytest
from typer.testing import CliRunner, Result

from grid_opt.atomic import PREFIX
from grid_opt.cli.app import app
from grid_opt.plan.io import open_plan
from tests.sweep_fixture import FAST as SMALL

pytest_plugins = ["tests.plan_plugin"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and limits")

FILES = ("map.html", "map.png", "plan.gpkg", "plan.nc", "report.html", "run.log", "summary.json")
PATIENCE_S = 120.0
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)  # Python ignores SIGXFSZ: writing fails instead
from grid_opt.cli import main
main()
"""


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a case that solves in a moment."""
    path = tmp_path_factory.mktemp("case") / "fast.toml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"TERM": "dumb"})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a run; its stages go to a file that can be read while it works."""
    command = [sys.executable, "-m", "grid_opt", "run", *arguments, "--out", str(out)]
    with (out.parent / "stderr").open("w") as stream:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stream, text=True, start_new_session=True)


def said(out: Path) -> str:
    return (out.parent / "stderr").read_text()


def wait_for(moment: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a moment of a run, looking often enough to meet a file that is being written."""
    end = time.monotonic() + PATIENCE_S
    while not moment():
        assert process.poll() is None, "the run ended before the moment came"
        assert time.monotonic() < end, "the moment never came"
        time.sleep(0.0005)


def writing(out: Path, name: str) -> Callable[[], bool]:
    """Wait until the file ``name`` is being written: its temporary file has some bytes."""
    return lambda: any(
        entry.name.startswith(PREFIX) and entry.name.endswith(f"-{name}") and entry.stat().st_size > 0
        for entry in (os.scandir(out) if out.is_dir() else ())
    )


def assert_whole(path: Path) -> None:
    """Fail unless the file under a final name can be read to its end."""
    if path.suffix == ".nc":
        assert open_plan(path).sizes["quarter"] == 4
    elif path.suffix == ".gpkg":
        with closing(sqlite3.connect(path)) as base:
            assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with TemporaryDirectory() as other:  # GDAL puts a file of its own beside what it opens
            copy = shutil.copy(path, other)
            assert {"sites", "regions", "links"} <= {str(layer) for layer, _ in pyogrio.list_layers(copy)}
    elif path.suffix == ".png":
        assert matplotlib.image.imread(path).ndim == 3
    elif path.suffix == ".json":
        assert json.loads(path.read_text())["verification"]["ok"]
    elif path.suffix == ".html":
        assert path.read_text(encoding="utf-8").endswith("</html>\n")
    else:
        assert path.read_text().endswith("\n")


def finals(folder: Path) -> list[str]:
    """Return the final names in a folder, each with a whole file under it."""
    found = [name for name in names(folder) if not name.startswith(PREFIX)]
    for name in found:
        assert name in FILES
        assert_whole(folder / name)
    return found


def test_a_killed_run_leaves_whole_files_and_the_next_one_cleans_up(fast: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    moments: list[tuple[Callable[[], bool], list[str]]] = [
        (writing(out, "plan.nc"), []),
        (writing(out, "map.png"), ["plan.gpkg", "plan.nc"]),
        (writing(out, "plan.gpkg"), ["plan.gpkg", "plan.nc"]),
    ]
    for moment, expected in moments:
        process = start(out, fast)
        wait_for(moment, process)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert finals(out) == expected
    left = [name for name in names(out) if name.startswith(PREFIX)]
    assert any(name.endswith("-plan.gpkg") for name in left), "a kill leaves its temporary file"
    assert not any(name.endswith("-plan.nc") for name in left), "the next write of a file cleans up after the kill"

    assert call("run", fast, "--quiet", "--out", str(out)).exit_code == 0
    assert names(out) == list(FILES)
    assert finals(out) == list(FILES)


@pytest.mark.parametrize(("command", "name"), [(("map",), "map.png"), (("export", "--format", "gpkg"), "plan.gpkg")])
def test_a_file_that_the_system_cuts_short_is_one_line_and_keeps_the_earlier_one(
    command: tuple[str, ...], name: str, quick_plan: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    plan = Path(shutil.copy(quick_plan, out))
    (out / name).write_text("an earlier one")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    arguments = [sys.executable, "-c", LIMITED, "20000", *command, str(plan)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {out / name}: cannot write the file")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_plan_that_the_system_cuts_short_is_one_line_and_no_file(fast: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [sys.executable, "-c", LIMITED, "100000", "run", fast, "--quiet", "--out", str(out)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert done.stderr.count("\n") == 1
    assert str(out / "plan.nc") in done.stderr
    assert names(out) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount a small file system in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def mount(size_kb: int) -> Path:
        tool = shutil.which("mount")
        asked = [str(tool), "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
        if tool is None or subprocess.run(asked, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small disk needs root")
        mounted.append(folder)
        return folder

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # HDF5 may hold on to what it could not write


def is_full(path: Path) -> str:
    return f"error: the disk is full: {path} could not be written; no half-written file was left\n"


def test_a_full_disk_is_one_line_and_leaves_no_half_file(fast: str, tiny_disk: Callable[[int], Path]) -> None:
    out = tiny_disk(200) / "out"
    told = call("run", fast, "--quiet", "--out", str(out))
    assert told.exit_code == 5, told.output
    assert told.stderr == is_full(out / "plan.nc")
    assert names(out) == []


@pytest.mark.parametrize(("command", "name"), [(("map",), "map.png"), (("export", "--format", "gpkg"), "plan.gpkg")])
def test_a_full_disk_keeps_the_plan_and_the_earlier_picture(
    command: tuple[str, ...], name: str, quick_plan: Path, tiny_disk: Callable[[int], Path]
) -> None:
    disk = tiny_disk(36)
    (disk / name).write_text("an earlier one")
    told = call(*command, str(quick_plan), "--out", str(disk / name))
    assert told.exit_code == 5, told.output
    assert told.stderr == is_full(disk / name)
    assert names(disk) == [name]
    assert (disk / name).read_text() == "an earlier one"


@pytest.mark.parametrize("stage", ["reading the inputs", "\nsolving"])
def test_interrupting_a_run_exits_130_with_a_clear_line(stage: str, fast: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(out, "quick" if "solving" in stage else fast)  # which is solved before it can be interrupted
    wait_for(lambda: stage in said(out), process)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    assert "interrupted" in said(out).splitlines()[-1]
    assert "Traceback" not in said(out)
    assert finals(out) == names(out)
    assert names(out) in ([], list(FILES))
