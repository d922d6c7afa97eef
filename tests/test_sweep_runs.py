"""Sweeps run, record what fails, survive kills, and end in the same cube."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from grid_opt.cli.app import app
from grid_opt.cli.sweep_progress import SweepProgress
from grid_opt.errors import InputError, InterruptedRunError
from grid_opt.plan.io import digest, open_plan
from grid_opt.study.run import run
from grid_opt.study.sweeps import study
from grid_opt.study.sweeps.conduct import Status, left_s
from grid_opt.study.sweeps.jobs import Job, end, supervise
from grid_opt.study.sweeps.lock import locked
from grid_opt.study.sweeps.manifest import Run, read_manifest
from grid_opt.study.sweeps.schema import RESERVED
from tests.sweep_fixture import FAST, PAIR, THREE, cube_of, processes_with, wait_until, write_sweep

pytest_plugins = ["tests.sweep_fixture"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
WORKER = "grid_opt.study.sweeps.worker"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"TERM": "dumb"})


def a_pair_of_cases(folder: Path, out: Path) -> list[str]:
    """Return the command that runs a sweep of two cases, one at a time."""
    return [sys.executable, "-m", "grid_opt", "sweep", str(write_sweep(folder, PAIR)), "--out", str(out), "-n", "1"]


def same(one: Path, other: Path) -> None:
    """Fail unless two sweeps have the same cube, and the same table but for times and memory."""
    assert cube_of(one).identical(cube_of(other))
    tables = [pd.read_csv(folder / "cases.csv").drop(columns=["seconds", "peak_mb"]) for folder in (one, other)]
    pd.testing.assert_frame_equal(*tables)


def test_the_cube_has_the_dimensions_of_the_sweep_and_the_values_of_single_runs(
    undisturbed: Path,
    tmp_path: Path,
) -> None:
    cube = cube_of(undisturbed)
    assert dict(cube["objective"].sizes) == {"price": 2, "target": 2}
    assert cube["price"].values.tolist() == [1.0, 2.0] and cube["target"].values.tolist() == [20.0, 900.0]
    assert cube["it_mw"].dims == ("price", "target", "region", "quarter")
    (tmp_path / "fast.toml").write_text(FAST)
    alone = run(tmp_path / "fast.toml", overrides=["energy.price_scale=2"], out=tmp_path / "alone", pictures=False)
    here = cube.sel(price=2.0, target=20.0)
    assert float(here["objective"]) == pytest.approx(alone.plan.attrs["objective"], rel=1e-9)
    assert float(here["it_mw"].isel(quarter=-1).sum()) == pytest.approx(float(here["final_it_mw"])) == 20.0
    assert float(here["cost"].sum()) == pytest.approx(float(here["objective"]), rel=1e-9)
    assert set(map(str, cube.variables)) - {"price", "target"} <= RESERVED


def test_it_is_told_how_often_sites_are_chosen_and_where_they_switch(undisturbed: Path) -> None:
    told = pd.read_csv(undisturbed / "chosen.csv")
    assert set(told["of_plans"]) == {2}
    assert list(pd.read_csv(undisturbed / "switches.csv").columns) == [
        "axis",
        "from",
        "to",
        "at",
        "region",
        "change",
        "mw_from",
        "mw_to",
        "larger_gap",
    ]
    for name in ("chosen.png", "parallel.png", "where.png", "heat_map.png"):
        assert (undisturbed / name).stat().st_size > 5_000


def test_plans_are_priced_under_every_case(undisturbed: Path) -> None:
    told = call("sweep-report", str(undisturbed), "--regret", "5", "--json")
    assert told.exit_code == 3, told.output  # that of the sweep, of which two cases are infeasible
    found = pd.read_csv(undisturbed / "regret.csv")
    assert set(found["case"]) == {"price=1, target=20", "price=2, target=20"}
    assert len(found) == found["plan"].nunique() * 2
    own = found[found["state"] == "own"]
    assert set(own["case"]) == set(found["case"]) and (own["regret"] == 0).all()
    priced = found[found["state"] == "priced"]
    assert (priced["regret_least"] <= priced["regret_most"]).all()
    assert (priced["regret"] >= -1e-5 * priced["objective"]).all()
    assert any(note.startswith("least worst regret") for note in json.loads(told.stdout)["notes"])
    assert (undisturbed / "regret.png").stat().st_size > 5_000


def test_what_fails_is_recorded_and_stops_nothing(undisturbed: Path) -> None:
    cube = cube_of(undisturbed)
    assert cube["state"].values.tolist() == [["done", "infeasible"]] * 2
    assert cube["exit_code"].values.tolist() == [[0, 3]] * 2
    assert np.isnan(cube["objective"].sel(target=900.0)).all() and (cube["objective"].sel(target=20.0) > 0).all()
    assert "900" in str(cube["reason"].sel(price=1.0, target=900.0).values)
    table = pd.read_csv(undisturbed / "cases.csv")
    assert table["state"].tolist() == ["done", "infeasible"] * 2
    assert (table["seconds"] > 0).all() and (table["peak_mb"] > 50).all()
    for name in ("heat_map.png", "where.png", "manifest.json", "sweep.toml"):
        assert (undisturbed / name).stat().st_size > 0
    assert not (undisturbed / "work").exists()
    assert int(study.report(undisturbed)["exit_code"]) == 3


def test_cases_begin_with_the_plan_of_the_first_and_search_only_where_they_must(tmp_path: Path) -> None:
    file = write_sweep(tmp_path, THREE, "three.toml")
    study.sweep(file, out=tmp_path / "out", workers=2)
    cube = cube_of(tmp_path / "out")
    assert cube["state"].values.tolist() == ["done"] * 3
    assert cube["repriced"].values.tolist()[:2] == [0.0, 1.0], "ten percent on power moves no campus"
    for price in (1.1, 3.0):
        cold = run(tmp_path / "fast.toml", overrides=[f"energy.price_scale={price}"], out=tmp_path / str(price),
                   pictures=False).plan  # fmt: skip
        warm = cube.sel(price=price)
        assert float(warm["bound"]) <= cold.attrs["objective"] * (1 + 1e-6)
        assert cold.attrs["objective"] * (1 - 1e-6) <= float(warm["objective"]) <= cold.attrs["objective"] * 1.0205
        assert float(warm["gap"]) <= 0.02
    manifest = read_manifest(tmp_path / "out")
    plans = [open_plan(tmp_path / "out" / manifest.run_of(entry).folder / "plan.nc") for entry in manifest.cases]
    assert "started_from" not in plans[0].attrs
    assert {plan.attrs["started_from"] for plan in plans[1:]} == {digest(plans[0])}
    assert cube["warm"].values.tolist() == [0.0, 1.0, 1.0], "what the first learnt of its hours came with its plan"
    assert all("learnt.npz" in manifest.run_of(entry).files for entry in manifest.cases)


def test_a_used_folder_is_refused_and_resume_finds_nothing_to_do(undisturbed: Path, tmp_path: Path) -> None:
    told = call("sweep", str(write_sweep(tmp_path)), "--out", str(undisturbed), "--quiet")
    assert told.exit_code == 2 and "resume" in told.stderr
    copy = shutil.copytree(undisturbed, tmp_path / "copy")
    before = read_manifest(copy).runs
    told = call("resume", str(copy), "--json", "--quiet")
    assert told.exit_code == 3 and json.loads(told.stdout)["counts"] == {"done": 2, "infeasible": 2}
    assert read_manifest(copy).runs == before
    same(undisturbed, copy)


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine" / "cases").mkdir(parents=True)
    (tmp_path / "mine" / "cases" / "precious.toml").write_text("x = 1")
    told = call("batch", str(write_sweep(tmp_path).with_name("fast.toml")), "--out", str(tmp_path / "mine"), "--quiet")
    assert told.exit_code == 2 and "is not empty" in told.stderr
    assert [path.name for path in (tmp_path / "mine").rglob("*")] == ["cases", "precious.toml"]


def test_resume_goes_by_checksums_and_not_by_what_exists(undisturbed: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(undisturbed, tmp_path / "copy"))
    manifest = read_manifest(copy)
    first = manifest.run_of(manifest.cases[0])
    (copy / first.folder / "measures.json").write_text('{"data_vars": {}, "coords": {}, "attrs": {}, "dims": {}}')
    study.resume(copy, workers=1)
    assert read_manifest(copy).runs[first.digest].attempts == first.attempts + 1
    same(undisturbed, copy)


@pytest.mark.parametrize("spoil", ["account", "case", "version"])
def test_resume_refuses_an_account_or_a_case_that_was_changed(
    spoil: str,
    undisturbed: Path,
    tmp_path: Path,
) -> None:
    copy = Path(shutil.copytree(undisturbed, tmp_path / "copy"))
    manifest = read_manifest(copy)
    if spoil == "account":
        path = copy / "manifest.json"
        path.write_text(path.read_text().replace('"infeasible"', '"done"', 1))
    elif spoil == "case":
        path = next((copy / "cases").iterdir())
        path.write_text(path.read_text().replace("max_sites = 3", "max_sites = 2"))
    else:
        manifest.versions["highspy"] = "0.1"
        manifest.write(copy)
    told = call("resume", str(copy), "--quiet")
    assert told.exit_code == 2
    assert {"account": "edited or damaged", "case": "is not what it was", "version": "begun with highspy 0.1"}[
        spoil
    ] in told.stderr


def test_a_killed_sweep_is_resumed_to_the_same_cube(undisturbed_pair: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = a_pair_of_cases(tmp_path, out)
    for ended in (0, 1):  # killed before anything ended, and after something had
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def moment(ended: int = ended) -> bool:
            if not (out / "manifest.json").exists() or len(processes_with(WORKER, str(out))) < 1:
                return False
            counts = read_manifest(out).counts()
            return sum(counts.values()) - counts.get("pending", 0) >= ended

        wait_until(moment, "the moment to kill")
        second = call("resume", str(out), "--quiet")
        assert second.exit_code == 2 and "another sweep is at work in this folder" in second.stderr
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda: not processes_with(WORKER, str(out)), "workers end when their sweep is gone")
        command = [sys.executable, "-m", "grid_opt", "resume", str(out), "-n", "1"]
    assert read_manifest(out).counts()["pending"] > 0
    assert call("resume", str(out), "--quiet").exit_code == 3
    same(undisturbed_pair, out)


def test_limits_kill_cases_with_their_reason_and_resume_tries_them_again(
    undisturbed_pair: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    told = call(
        "sweep", str(write_sweep(tmp_path, PAIR)), "--out", str(out), "--case-seconds", "0.3", "--json", "--quiet"
    )
    found = json.loads(told.stdout)
    assert told.exit_code == 5 == found["exit_code"] and found["counts"] == {"killed": 2}
    assert "longer than the limit of 0.3 s" in found["cases"][0]["reason"]
    told = call("resume", str(out), "--case-seconds", "500", "--case-memory-mb", "60", "--json", "--quiet")
    found = json.loads(told.stdout)
    assert found["counts"] == {"killed": 2} and "more than the limit of 60 MB" in found["cases"][0]["reason"]
    assert call("resume", str(out), "--case-memory-mb", "50000", "--quiet").exit_code == 3
    same(undisturbed_pair, out)


def test_a_killed_process_of_a_case_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "fast.toml").write_text(FAST)
    job = Job("d" * 64, str(tmp_path / "fast.toml"), str(tmp_path), None, str(tmp_path / "work" / "one"))
    ends = []
    thread = threading.Thread(target=lambda: ends.append(supervise(job)))
    thread.start()
    wait_until(lambda: bool(processes_with(WORKER, str(tmp_path))), "the process")
    os.kill(processes_with(WORKER, str(tmp_path))[0], signal.SIGKILL)
    thread.join()
    assert ends[0].state == "killed" and "SIGKILL" in ends[0].reason


def test_what_the_process_of_a_case_started_ends_with_it() -> None:
    command = ["sh", "-c", "sleep 300 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        end(process)
    stat = Path(f"/proc/{child}/stat")
    wait_until(lambda: not stat.exists() or stat.read_text().split()[2] == "Z", "the child to end")


def test_ctrl_c_ends_the_processes_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = a_pair_of_cases(tmp_path, out)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: bool(processes_with(WORKER, str(out))), "the process of a case")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130 and f"grid-opt resume {out}" in stderr and "Traceback" not in stderr
    assert not processes_with(WORKER, str(out)) and not (out / "work").exists()
    assert read_manifest(out).counts() == {"pending": 2}


def test_two_sweeps_cannot_write_one_folder(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(InputError, match="another sweep is at work") as error,
        locked(tmp_path),
    ):
        pass
    assert f"process {os.getpid()}" in str(error.value)
    with locked(tmp_path):
        pass


def test_a_batch_runs_the_same_case_once_and_has_the_codes_of_its_cases(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    (tmp_path / "again.toml").write_text(FAST.replace('"fast"', '"again"'))
    paths = [str(tmp_path / "fast.toml"), str(tmp_path / "again.toml")]
    told = call("batch", *paths, "--out", str(tmp_path / "out"), "--json", "--quiet", "--parquet")
    found = json.loads(told.stdout)
    assert told.exit_code == 0 and found["runs"] == 1 and found["counts"] == {"done": 2}
    assert [row["label"] for row in found["cases"]] == ["fast", "again"]
    assert found["cases"][0]["objective"] == found["cases"][1]["objective"] > 0
    assert len(pd.read_parquet(tmp_path / "out" / "cases.parquet")) == 2
    assert call("batch", str(tmp_path / "nowhere.toml"), "--quiet").exit_code == 2
    assert call("batch", paths[0], paths[0], "--quiet").exit_code == 2


def test_a_tornado_begins_at_the_base_and_draws_itself(tmp_path: Path) -> None:
    text = """
case = "fast.toml"
[design]
method = "tornado"
[axes.price]
key = "energy.price_scale"
low = 0.5
high = 1.0
[axes.gas]
table = "gas_outlook"
column = "usd_per_mmbtu"
change = "scale"
where = { year = [2026, 2027, 2028] }
values = [1, 2]
"""
    found = study.sweep(write_sweep(tmp_path, text, "t.toml"), out=tmp_path / "out")
    rows = {row["label"]: row for row in found["cases"]}
    assert list(rows) == ["base", "price=0.5", "price=1", "gas=1", "gas=2"]
    assert rows["gas=1"]["run"] == rows["price=1"]["run"] == rows["base"]["run"], "a scale of one is the base"
    assert rows["price=0.5"]["objective"] < rows["base"]["objective"] < rows["gas=2"]["objective"]
    assert (tmp_path / "out" / "tornado.png").stat().st_size > 0
    cube = cube_of(tmp_path / "out")
    assert cube["objective"].dims == ("case",) and np.isnan(cube["price"].values[0])


def test_the_time_left_is_told_only_when_something_is_known() -> None:
    assert left_s([], [1.0], 3, 2) is None
    assert left_s([10.0], [], 0, 2) is None or left_s([10.0], [], 0, 2) == (0.0, 0.0, 0.0)
    likely, low, high = left_s([10.0, 10.0], [5.0], 3, 2) or (0.0, 0.0, 0.0)
    assert likely == pytest.approx(17.5) and low == high == pytest.approx(17.5)
    likely, low, high = left_s([5.0, 15.0], [], 4, 1) or (0.0, 0.0, 0.0)
    assert low < likely == 40.0 < high


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_a_live_table_on_a_terminal_and_lines_elsewhere() -> None:
    run = Run("d" * 64, "", ".", state="infeasible", reason="no headroom\nin Texas", seconds=12.0)
    status = Status({"pending": 3, "done": 1}, 4, 1, (("price=2", 7.0),), "2 processes", 90.0, (75.0, 60.0, 400.0))
    for stream in (io.StringIO(), Terminal()):
        progress = SweepProgress(stream)
        progress.say("checking")
        progress.update(status)
        progress.ended("price=1", run, status)
        progress.close()
        told = stream.getvalue()
        assert "infeasible    12.0 s  price=1: no headroom" in told and "Texas" not in told
        if stream.isatty():
            assert "running  price=2" in told and "3 pending, 1 done; on 2 processes" in told
        assert "1 of 4 cases, about 75 s left (60 s to 7 min)" in told


def test_an_interrupt_between_runs_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from grid_opt.study.sweeps.executor import LocalExecutor

    def interrupted(self: LocalExecutor, seconds: float) -> list[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalExecutor, "wait", interrupted)
    with pytest.raises(InterruptedRunError, match="grid-opt resume"):
        study.sweep(write_sweep(tmp_path, PAIR), out=tmp_path / "out", workers=1)
