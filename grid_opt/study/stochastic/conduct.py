"""Solve what a stochastic study needs: each scenario by itself, with the reference kept, and all at once.

1. *Wait and see*: each scenario is planned by itself, as if it were known. No plan of all can cost less.
2. The *reference*, the one future that a plan without scenarios is made for; then each scenario with the first stage of
   that plan kept. What that costs beyond the stochastic plan is what thinking in scenarios is worth.
3. Where some scenario cannot keep that, another one leads: it decides ahead as if it were known, and the others follow
   with what that leaves open (:mod:`~grid_opt.study.stochastic.tries`). So there is a plan of all; where it is within
   the asked gap of the first step's bounds, it is the one.
4. Else all scenarios at once with one first stage, begun from there; then each scenario once more with that first
   stage, so that it is planned as well as it can be, whatever weight it has in the program of all.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.config import Case
from grid_opt.errors import ExitCode, InfeasibleError, InputError, InterruptedRunError, SolverError
from grid_opt.formulation.extensive import Scenario, delivered, granted
from grid_opt.formulation.model import build_model
from grid_opt.inputs.geography import outline_rings
from grid_opt.plan.first_stage import FirstStage, first_stage_of
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.io import open_plan, write_plan
from grid_opt.plan.stochastic import SEARCH
from grid_opt.plan.summary import summarize
from grid_opt.solve.answer import Answer, Options, Status, relative_gap
from grid_opt.solve.canary import trust_solver
from grid_opt.solve.extract import polish
from grid_opt.solve.standard_form import Matrix
from grid_opt.solve.start import numbers_of
from grid_opt.solve.stochastic import Joint, Part, join, solve_joint
from grid_opt.study.plan_case import (
    Planned,
    Programmed,
    decomposes,
    hash_inputs,
    how_it_ended,
    labelled,
    model_size,
    plan_case,
    provenance,
)
from grid_opt.study.progress import Log
from grid_opt.study.stochastic.loading import Ready, World
from grid_opt.study.stochastic.measure import Measure
from grid_opt.study.stochastic.tries import Refused, Tries, Try

PLAN = "plan.nc"
WAITS, KEPT, PLANS, REFERENCE = "wait_and_see", "reference_kept", "scenarios", "reference"
"""Folders of the plans: each scenario by itself, with the reference's first stage, with the stochastic one; and that
of the reference."""


_ORIGIN = ("case_toml", "inputs_sha256", "versions")
"""What tells that a plan would be made the same way again."""


@dataclass(frozen=True)
class Done:
    """A plan of one scenario in its file: its cost, what is proven of it [million USD], whether the gap was reached."""

    plan: xr.Dataset
    cost: float
    bound: float
    reached: bool

    @property
    def code(self) -> ExitCode:
        """What the plan would exit with by itself, its verification aside: the study verifies all its plans."""
        return ExitCode.DONE if self.reached else ExitCode.GAP_NOT_REACHED


@dataclass
class Answers:
    """All that a study found."""

    waits: dict[str, Done] = field(default_factory=dict)
    reference: Done | None = None
    kept: dict[str, Done | Refused] = field(default_factory=dict)
    tries: list[Try] = field(default_factory=list)
    plans: dict[str, Done] = field(default_factory=dict)
    first: FirstStage = field(default_factory=FirstStage)
    reference_first: FirstStage = field(default_factory=FirstStage)
    bound: float = -math.inf
    seconds: float = 0.0
    size: dict[str, int] = field(default_factory=dict)


class Conduct:
    """Solve the programs of a study and write their plans into its folder."""

    def __init__(self, ready: Ready, folder: Path, log: Log, stop: threading.Event) -> None:
        self.ready, self.folder, self.log, self.stop = ready, folder, log, stop
        self.study, self.stage = ready.study, ready.study.first_stage
        self.measure = Measure(ready.probabilities, self.study.weight, self.study.confidence)
        self.found = Answers()
        case = next(iter(ready.futures.values())).case
        self.outlines: Outlines = outline_rings(case.tables_dir)
        self._inputs: dict[str, dict[str, str]] = {}
        trust_solver(case.solve.threads)

    @cached_property
    def worlds(self) -> dict[str, xr.Dataset]:
        """The worlds of the scenarios."""
        return {name: one.world for name, one in self.ready.futures.items()}

    @cached_property
    def parts(self) -> dict[str, Part]:
        """The scenarios with their models and programs."""
        self.log.stage("building the models of all scenarios")
        given, had = granted(self.worlds), delivered(self.worlds)
        found = {}
        for (name, one), chance in zip(self.ready.futures.items(), self.ready.probabilities, strict=True):
            scenario = Scenario(name, chance, one.world, build_model(one.case, one.world))
            found[name] = Part(scenario, self.stage, given, had)
        return found

    @cached_property
    def waits(self) -> dict[str, Answer]:
        """The plans of the scenarios by themselves, as answers of their programs; none where none were made."""
        found = {}
        for name, done in self.found.waits.items():
            part = self.parts[name]
            x = numbers_of(done.plan, part.matrix, part.model)
            status: Status = "optimal" if done.reached else "feasible"
            found[name] = Answer(status, "planned by itself", objective=done.cost, bound=done.bound, x=x)
        return found

    def options(self, case: Case) -> Options:
        """Return how a case is solved."""
        return Options(case.solve.gap, case.solve.time_limit_s, case.solve.threads, case.solve.seed,
                       progress=self.log.search, stop=self.stop)  # fmt: skip

    def wait_and_see(self) -> None:
        """Plan every scenario by itself.

        Raises:
            InfeasibleError: a scenario has no plan even so; the message names it, and the limits in its way.
        """
        known: xr.Dataset | None = None
        for name, one in self.ready.futures.items():
            self.log.stage(f"{name}, as if it were known")
            done = self._planned(one, self.folder / WAITS / name, known, name)
            self.found.waits[name] = done
            known = done.plan

    def follow_reference(self) -> None:
        """Plan the reference, and every scenario with the first stage of that plan."""
        name = self.study.reference
        if name in self.found.waits:
            self.found.reference = self.found.waits[name]
        else:
            self.log.stage(f"the reference: {name}")
            known = next(iter(self.found.waits.values())).plan
            self.found.reference = self._planned(self.ready.reference, self.folder / REFERENCE, known, name)
        self.found.reference_first = first_stage_of(self.found.reference.plan, self.stage)
        self.found.kept = self.keep(name, self.found.reference_first, KEPT)

    def keep(self, whose: str, first: FirstStage, folder: str) -> dict[str, Done | Refused]:
        """Plan every scenario with a first stage that is given, and write the plans into a folder of that name."""
        tried = self._tries().of(whose, first)
        self._told(tried)
        self.found.tries.append(tried)
        return {
            name: tried.refused[name] if name in tried.refused else self._write(name, *tried.solved[name], folder)
            for name in self.parts
        }

    def all_at_once(self) -> None:
        """Plan all scenarios with one first stage.

        Raises:
            InfeasibleError: every scenario has a plan, but they have no first stage in common.
            SolverError: none was found in the time limit.
        """
        case = next(iter(self.ready.futures.values())).case
        best, proven = self._best_known(), self.measure([done.bound for done in self.found.waits.values()])
        self.log.stage("joining the scenarios in one program")
        given, had = granted(self.worlds), delivered(self.worlds)
        joint = join(list(self.parts.values()), self.stage, self.study.weight, self.study.confidence, given, had)
        self.found.size, self.found.bound = model_size(joint.matrix), proven
        if best is None or relative_gap(best.weighed, proven) > case.solve.gap:
            answer = self._searched(joint, case, best)
            self.found.bound, self.found.seconds = max(answer.bound, proven), answer.seconds
            best = self._better(joint, answer, best)
        else:
            self.log.stage(f"what {best.whose} decides ahead is proven to be good enough")
        self.found.first = best.first
        self.found.plans = {
            # As a bound, what is proven of this scenario, whatever is decided ahead.
            name: self._write(name, program, replace(answer, bound=self.found.waits[name].bound), PLANS)
            for name, (program, answer) in best.solved.items()
        }

    def _searched(self, joint: Joint, case: Case, best: Try | None) -> Answer:
        size, count = self.found.size, len(self.parts)
        self.log.stage(f"solving {size['rows']:,} rows, {size['columns']:,} columns, {size['integers']:,} integers")
        limit = self.study.time_limit_s or count * case.solve.time_limit_s
        options = replace(self.options(case), time_limit_s=limit)
        known = None
        if best is not None:
            known = joint.whole_of([answer.x for _, answer in best.solved.values() if answer.x is not None])
        by_region = decomposes(case, next(iter(self.worlds.values())).sizes["region"])
        seen = joint.whole_of([one.x for one in self.waits.values() if one.x is not None])
        answer = solve_joint(joint, options, self.log.stage, known, by_region=by_region, seen=seen)
        self._go_on()
        self.log.stage(how_it_ended(case, answer))
        return answer

    def _best_known(self) -> Try | None:
        """Return a plan of all scenarios that is known without a search for all at once: the reference's, or a led one.

        The dearest scenario leads first: what does in the worst of them may do in all.
        """
        tries, tried = self.found.tries, self._tries()
        for name in sorted(self.found.waits, key=lambda one: -self.found.waits[one].cost):
            if math.isfinite(tries[-1].weighed):
                break
            tries.append(tried.led_by(name))
            self._told(tries[-1])
        return tries[-1] if math.isfinite(tries[-1].weighed) else None

    def _better(self, joint: Joint, answer: Answer, best: Try | None) -> Try:
        """Return what the search found, planned scenario by scenario, or what was known before where that is better."""
        if answer.status == "infeasible" and best is None:
            raise InfeasibleError(
                "every scenario has a plan of its own, but they have no first stage in common; "
                f"leave a group out of first_stage ({', '.join(self.stage)}), or make the scenarios milder"
            )
        if answer.x is None and best is None:
            raise SolverError(
                f"no first stage of all scenarios was found: {answer.detail}; raise time_limit_s or solve.time_limit_s"
            )
        if answer.x is None:
            self.log.stage("no better first stage than the one to begin with was found in the time limit")
        else:
            begin = {name: joint.part_of(number, answer.x) for number, name in enumerate(self.parts)}
            found = self._tries().of(SEARCH, joint.first_stage(answer.x), begin)
            self._told(found)
            self.found.tries.append(found)
            if best is None or found.weighed < best.weighed:
                best = found
        assert best is not None
        if best.refused:
            name, one = next(iter(best.refused.items()))
            raise SolverError(f"{name} has a plan among all scenarios, but none was found by itself: {one.reason}")
        return best

    def _tries(self) -> Tries:
        of = self.ready.futures
        return Tries(self.parts, self.measure, self.waits, lambda name: self.options(of[name].case), self.log.stage)

    def _told(self, tried: Try) -> None:
        """Say what came of a try."""
        self._go_on()
        for name, one in tried.refused.items():
            self.log.stage(f"{name}: {one.reason}")
        if math.isfinite(tried.weighed):
            self.log.stage(f"what {tried.whose} decides ahead comes to {tried.weighed:,.6g} million USD")

    def _planned(self, one: World, folder: Path, known: xr.Dataset | None, name: str) -> Done:
        before = self._from_before(one, folder)
        if before is not None:
            self.log.stage("planned before, and kept as it is")
            return before
        try:
            planned = plan_case(one.case, one.world, self._hashes(one.case), self.log, self.stop, known)
        except InfeasibleError as error:
            raise InfeasibleError(f"the scenario {name} has no plan, whatever is decided ahead.\n{error}") from error
        self._go_on()
        return self._keep_plan(planned, folder)

    def _from_before(self, one: World, folder: Path) -> Done | None:
        """Return the plan that an interrupted study left in its folder, where it is of the same case and world.

        The file's own checksums tell a damaged one. What is weighed is no part of a case, so that a study with
        another weight or other probabilities keeps these plans, too.
        """
        if not (folder / PLAN).is_file():
            return None
        try:
            plan = open_plan(folder / PLAN)
        except InputError:
            return None
        cost, bound = float(plan.attrs.get("objective", math.nan)), float(plan.attrs.get("bound", math.nan))
        made = provenance(one.case, Answer("feasible", ""), self._hashes(one.case))
        alike = all(plan.attrs.get(key) == made[key] for key in _ORIGIN)
        alike = alike and all(name in plan and plan[name].equals(array) for name, array in one.world.items())
        if not alike or not math.isfinite(cost - bound):
            return None
        return Done(plan, cost, bound, relative_gap(cost, bound) <= one.case.solve.gap)

    def _write(self, name: str, program: Matrix, answer: Answer, folder: str) -> Done:
        """Label and write the plan of a scenario with a given first stage."""
        case, part = self.ready.futures[name].case, self.parts[name]
        options = self.options(case)
        linear = polish(program, answer, options)
        assert linear.x is not None
        plan = labelled(case, Programmed(part.world, part.model, program, linear), options, self.log)
        bound = min(answer.bound, linear.objective)
        close = relative_gap(linear.objective, bound) <= case.solve.gap
        final = replace(answer, objective=linear.objective, bound=bound, status="optimal" if close else "feasible")
        plan.attrs |= provenance(case, final, self._hashes(case))
        plan.attrs |= {"stochastic_study": self.study.name, "stochastic_scenario": name}
        return self._keep_plan(Planned(plan, final, model_size(program)), self.folder / folder / name)

    def _keep_plan(self, planned: Planned, folder: Path) -> Done:
        """Write a plan, and read it back."""
        folder.mkdir(parents=True, exist_ok=True)
        write_plan(planned.plan, self.outlines, folder / PLAN)
        summary: dict[str, Any] = summarize(planned.plan) | {"model_size": planned.size}
        text = json.dumps(summary, indent=2, sort_keys=True, allow_nan=False)
        write_text(folder / "summary.json", text + "\n")
        answer = planned.answer
        return Done(open_plan(folder / PLAN), answer.objective, answer.bound, answer.status == "optimal")

    def _hashes(self, case: Case) -> dict[str, str]:
        key = case.model_dump_json(include={"data", "energy", "fleet", "service", "compute", "tariffs", "nodal"})
        if key not in self._inputs:
            self._inputs[key] = hash_inputs(case)
        return self._inputs[key]

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise InterruptedRunError(
                "interrupted; the plans made so far are in the folder, but no result of the study"
            )


def costs_of(found: Mapping[str, Done | Refused], names: Sequence[str]) -> tuple[list[float], list[float]]:
    """Return costs and bounds by scenario; infinite where the first stage cannot be kept."""
    costs, bounds = [], []
    for name in names:
        one = found[name]
        costs.append(one.cost if isinstance(one, Done) else math.inf)
        missing = math.inf if isinstance(one, Refused) and one.infeasible else -math.inf
        bounds.append(one.bound if isinstance(one, Done) else missing)
    return costs, bounds
