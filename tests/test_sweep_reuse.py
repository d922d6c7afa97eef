"""Cases of a sweep share what is the same, begin with the nearest plan, and come out as they would alone."""

from __future__ import annotations

import contextlib
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import Case
from grid_opt.inputs.remembered import Kept, remember, remembering
from grid_opt.inputs.world import build_world
from grid_opt.study.cases import resolve_case
from grid_opt.study.sweeps import study
from grid_opt.study.sweeps.conduct import conduct
from grid_opt.study.sweeps.jobs import OUTCOME, Crew, Job, Outcome
from grid_opt.study.sweeps.manifest import Entry, Manifest, Run
from grid_opt.study.sweeps.nearest import lineage
from tests.sweep_fixture import FAST, processes_with, wait_until

needs_signals = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
WORKER = "grid_opt.study.sweeps.worker"


def account(places: list[dict[str, Any]], *, reuse: bool = True) -> Manifest:
    """Return the account of a sweep of cases at some places, with their numbers as names."""
    names = [f"{n:016d}" for n in range(len(places))]
    return Manifest("sweep", "", "", "grid", {}, [], {"seconds": None, "memory_mb": None}, {},
                    [Entry(name, name, "base", place) for name, place in zip(names, places, strict=True)],
                    {name: Run(name, "", ".") for name in names}, reuse)  # fmt: skip


def parents(places: list[dict[str, Any]]) -> dict[int, int | None]:
    """Return the number of every case, in their order, with that of the one whose plan it begins with."""
    found = lineage(account(places))
    return {int(name): None if parent is None else int(parent) for name, parent in found.items()}


def test_every_case_begins_with_the_nearest_that_runs_before_it() -> None:
    places = [{"price": p, "gas": g} for p in (1.0, 1.1, 1.2, 1.3, 1.4) for g in (2.0, 3.0, 4.0)]
    at = np.array([[(p["price"] - 1.0) / 0.4, (p["gas"] - 2.0) / 2.0] for p in places])
    found = parents(places)
    order, steps = list(found), []
    assert sorted(order) == list(range(15)) and order[0] == 0 and places[order[1]] == {"price": 1.4, "gas": 4.0}
    for n, one in enumerate(order[1:], start=1):
        apart = np.abs(at[order[:n]] - at[one]).sum(axis=1)
        steps.append(np.abs(at[found[one]] - at[one]).sum())
        assert steps[-1] == pytest.approx(apart.min()), "none before it is nearer"
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(steps)), "corners come first"
    assert set(lineage(account(places, reuse=False)).values()) == {None}


def test_places_of_every_kind_have_a_distance() -> None:
    found = parents([{}, {"kind": "a"}, {"kind": "b"}, {"price": 2.0}, {"price": 2.1}, {"price": 9.0}])
    assert found[0] is None and (found[3] == 4 or found[4] == 3), "of one axis of a tornado, those side by side"


def test_what_is_kept_is_what_is_made_anew() -> None:
    """Worlds at other prices, of another rate and days, from what a first one left: the same to the last digit."""
    small = ["regions.include=['TX_N', 'OK']", "energy.days=4", "energy.extreme_days=0"]
    cases = [resolve_case("quick", [*small, *more]) for more in (
        [], ["energy.price_scale=1.3", "supply.gas_price_scale=1.2"], ["finance.real_discount_rate=0.09"],
        ["energy.days=8"],
    )]  # fmt: skip
    anew = [build_world(case) for case in cases]
    with remembering():
        kept = [build_world(case) for case in cases]
    for one, other in zip(kept, anew, strict=True):
        xr.testing.assert_identical(one, other)


def test_a_thing_serves_only_cases_that_agree_in_all_it_was_made_from() -> None:
    made: list[float] = []

    class Late:
        def __init__(self, case: Case, text: str) -> None:
            self.case = case
            made.append(case.energy.price_scale)

    keep: Kept[Late] = Kept(Late)
    cases = [Case.model_validate({"energy": {"price_scale": p, "seed": s}}) for p, s in ((1, 1), (1, 2), (2, 2))]
    first, again = keep(cases[0], "a"), keep(cases[0], "a")
    assert first is not again, "nothing is kept unless it is asked for"
    remember()
    try:
        made.clear()
        found = [keep(case, "a") for case in cases]
        assert found[0] is found[1] is not found[2] and made == [1.0, 2.0]
        assert keep(cases[0], "b") is not found[0], "other content"
        with pytest.raises(RuntimeError, match=r"energy\.seed was read too late"):
            _ = found[0].case.energy.seed
    finally:
        remember(False)


def job(folder: Path, name: str, price: float, **more: Any) -> Job:
    """Return a job of the fast case at a price."""
    path = folder / f"{name}.toml"
    path.write_text(FAST.replace("extreme_days = 0", f"extreme_days = 0\nprice_scale = {price}"))
    settings: dict[str, Any] = {"threads": 1, "stay": True} | more
    return Job(f"{name:0>64}", str(path), str(folder), None, str(folder / "work" / name), **settings)


@needs_signals
def started_here() -> list[int]:
    """Return the processes of cases that this test started: others may run beside it."""
    found = []
    for one in processes_with(WORKER):
        with contextlib.suppress(OSError):
            parent = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[1]
            found += [one] if int(parent) == os.getpid() else []
    return found


def test_a_process_stays_until_it_is_killed_fails_or_is_dismissed(tmp_path: Path) -> None:
    crew = Crew()
    one, two = (crew.supervise(job(tmp_path, str(n), price)) for n, price in enumerate((1.0, 2.0)))
    assert (one.state, two.state) == ("done", "done") and two.seconds < one.seconds, "imports are paid once"
    assert 50 < two.peak_mb < 5_000
    [stayed] = started_here()
    assert (Path(two.work) / OUTCOME).exists() and (Path(two.work) / "results" / "plan.nc").exists()
    end = crew.supervise(job(tmp_path, "2", 1.0, seconds=0.01))
    assert end.state == "killed" and "longer than the limit" in end.reason and not end.struck
    assert stayed not in started_here()
    assert crew.supervise(job(tmp_path, "3", 3.0)).state == "done", "another process takes the place of one that ended"
    crew.dismiss()
    wait_until(lambda: not started_here(), "the end of those that stayed")


class Struck:
    """An executor, one job at a time, that strikes down the process of the first case once, and has no plan for any."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def slots(self) -> int:
        return 1

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def wait(self, seconds: float) -> list[Outcome]:
        job, first = self.jobs[-1], len(self.jobs) == 1
        return [Outcome(job.digest, job.work, "killed" if first else "infeasible", "why", 1.0, 1.0, struck=first)]

    def where(self) -> str:
        return "nowhere"


def test_a_case_that_others_begin_with_is_tried_again_before_them(tmp_path: Path) -> None:
    manifest, executor = account([{"price": 1.0}, {"price": 2.0}, {"price": 1.4}]), Struck()
    (tmp_path / "cases").mkdir()
    for run in manifest.runs.values():
        (tmp_path / "cases" / f"{run.id}.toml").write_text(FAST)
    first, far, near = manifest.runs
    conduct(tmp_path, manifest, executor, study.Quiet())
    assert [job.digest for job in executor.jobs] == [first, first, far, near]
    assert all(job.stay and job.threads == 1 and job.start is None for job in executor.jobs)
    assert manifest.runs[first].attempts == 2 and manifest.counts() == {"infeasible": 3}
