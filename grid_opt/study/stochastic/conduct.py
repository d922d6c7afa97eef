"""Solve what a stochastic study needs: each scenario by itself, with the reference kept, and all at once.

1. *Wait and see*: each scenario is planned by itself, as if it were known. No plan of all can cost less.
2. The *reference*, the one future that a plan without scenarios is made for; then each scenario with the first stage of
   that plan kept. What that costs beyond the stochastic plan is what thinking in scenarios is worth.
3. All scenarios at once with one first stage, begun from the second step's plans; then each scenario once more with
   that first stage, so that it is planned as well as it can be, whatever weight it has in the program of all.
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
from grid_opt.errors import ExitCode, InfeasibleError, InterruptedRunError, SolverError
from grid_opt.formulation.extensive import Scenario, delivered, granted
from grid_opt.formulation.model import build_model
from grid_opt.inputs.geography import outline_rings
from grid_opt.plan.first_stage import FirstStage, first_stage_of
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.io import open_plan, write_plan
from grid_opt.plan.summary import summarize
from grid_opt.solve.canary import trust_solver
from grid_opt.solve.extract import polish
from grid_opt.solve.highs import Answer, Options, relative_gap
from grid_opt.solve.standard_form import Array, Matrix
from grid_opt.solve.start import decisions_of
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

PLAN = "plan.nc"
WAITS, KEPT, PLANS, REFERENCE = "wait_and_see", "reference_kept", "scenarios", "reference"
"""Folders of the plans: each scenario by itself, with the reference's first stage, with the stochastic one; and that
of the reference."""


_ROUGH_GAP = 5e-3
"""Gap of plans that a search only begins with."""


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


@dataclass(frozen=True)
class Missed:
    """A scenario that cannot keep a first stage, or for which no plan was found, and why."""

    reason: str
    infeasible: bool


@dataclass
class Answers:
    """All that a study found."""

    waits: dict[str, Done] = field(default_factory=dict)
    reference: Done | None = None
    kept: dict[str, Done | Missed] = field(default_factory=dict)
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
        self.found.kept = self.keep(self.found.reference_first, KEPT)

    def keep(self, first: FirstStage, folder: str) -> dict[str, Done | Missed]:
        """Plan every scenario with a first stage that is given."""
        found: dict[str, Done | Missed] = {}
        for name, part in self.parts.items():
            self.log.stage(f"{name}, with the first stage of {folder.replace('_', ' ')}")
            case = self.ready.futures[name].case
            program, answer = part.recourse(first, self.options(case), self.log.stage, self._begin(name))
            self._go_on()
            self.log.stage(how_it_ended(case, answer))
            if answer.x is None:
                infeasible = answer.status == "infeasible"
                reason = "no plan keeps this first stage" if infeasible else f"no plan was found: {answer.detail}"
                found[name] = Missed(reason, infeasible)
                continue
            found[name] = self._write(name, program, answer, answer.bound, self.folder / folder / name)
        return found

    def all_at_once(self) -> None:
        """Plan all scenarios with one first stage.

        Raises:
            InfeasibleError: every scenario has a plan, but they have no first stage in common.
            SolverError: none was found in the time limit.
        """
        parts, study = list(self.parts.values()), self.study
        self.log.stage("joining the scenarios in one program")
        joint = join(parts, self.stage, study.weight, study.confidence, granted(self.worlds), delivered(self.worlds))
        self.found.size = model_size(joint.matrix)
        case = next(iter(self.ready.futures.values())).case
        limit = study.time_limit_s or len(parts) * case.solve.time_limit_s
        self.log.stage(
            f"solving {self.found.size['rows']:,} rows, {self.found.size['columns']:,} columns, "
            f"{self.found.size['integers']:,} integers"
        )
        by_region = decomposes(case, parts[0].world.sizes["region"])
        options = replace(self.options(case), time_limit_s=limit)
        begun = self._common()
        start = None if begun is None else joint.whole_of(begun[1])
        answer = solve_joint(joint, options, self.log.stage, start, by_region=by_region)
        self._go_on()
        self.log.stage(how_it_ended(case, answer))
        first = self._first_stage(joint, answer, None if begun is None else begun[0])
        proven = self.measure([done.bound for done in self.found.waits.values()])
        self.found.bound, self.found.seconds = max(answer.bound, proven), answer.seconds
        self.found.first = first
        for number, (name, part) in enumerate(self.parts.items()):
            self.log.stage(f"{name}, with the first stage of all")
            begin = self._begin(name)
            if answer.x is not None:
                begin = joint.part_of(number, answer.x)
            elif begun is not None:
                begin = begun[1][number]
            program, mine = part.recourse(first, self.options(self.ready.futures[name].case), self.log.stage, begin)
            self._go_on()
            if mine.x is None:
                raise SolverError(f"{name} has a plan among all scenarios, but none was found by itself: {mine.detail}")
            bound = self.found.waits[name].bound  # what is proven of this scenario, whatever is decided ahead
            self.found.plans[name] = self._write(name, program, mine, bound, self.folder / PLANS / name)

    def _first_stage(self, joint: Joint, answer: Answer, begun: FirstStage | None) -> FirstStage:
        if answer.x is not None:
            return joint.first_stage(answer.x)
        if answer.status == "infeasible":
            raise InfeasibleError(
                "every scenario has a plan of its own, but they have no first stage in common; "
                f"leave a group out of first_stage ({', '.join(self.stage)}), or make the scenarios milder"
            )
        if begun is not None:
            self.log.stage("no better first stage than the one to begin with was found in the time limit")
            return begun
        raise SolverError(
            f"no first stage of all scenarios was found: {answer.detail}; raise time_limit_s or solve.time_limit_s"
        )

    def _common(self) -> tuple[FirstStage, list[Array]] | None:
        """Return a first stage that all scenarios can keep, with their plans: to begin with, and to fall back on.

        It is that of the reference where all keep it; else the first that all keep of those that the scenarios have by
        themselves, the dearest first: what does in the worst of them may do in all.
        """
        plans = [one.plan for one in self.found.kept.values() if isinstance(one, Done)]
        if len(plans) == len(self.parts):
            pairs = zip(self.parts.values(), plans, strict=True)
            return self.found.reference_first, [_decided(part, plan) for part, plan in pairs]
        for name in sorted(self.found.waits, key=lambda one: -self.found.waits[one].cost):
            self.log.stage(f"trying what {name} decides by itself in all scenarios")
            first = first_stage_of(self.found.waits[name].plan, self.stage)
            found = []
            for other, part in self.parts.items():
                options = self.options(self.ready.futures[other].case)
                rough = replace(options, gap=max(options.gap, _ROUGH_GAP), progress=None)
                _, answer = part.recourse(first, rough, known=self._begin(other))
                self._go_on()
                if answer.x is None:
                    break
                found.append(answer.x)
            if len(found) == len(self.parts):
                return first, found
        return None

    def _begin(self, name: str) -> Array | None:
        """Return the whole numbers of the scenario's plan by itself."""
        done = self.found.waits.get(name)
        return None if done is None else _decided(self.parts[name], done.plan)

    def _planned(self, one: World, folder: Path, known: xr.Dataset | None, name: str) -> Done:
        try:
            planned = plan_case(one.case, one.world, self._hashes(one.case), self.log, self.stop, known)
        except InfeasibleError as error:
            raise InfeasibleError(f"the scenario {name} has no plan, whatever is decided ahead.\n{error}") from error
        self._go_on()
        return self._keep_plan(planned, folder)

    def _write(self, name: str, program: Matrix, answer: Answer, bound: float, folder: Path) -> Done:
        """Label the plan of a scenario with a given first stage, with a bound of what it is compared with."""
        case, part = self.ready.futures[name].case, self.parts[name]
        options = self.options(case)
        linear = polish(program, answer, options)
        assert linear.x is not None
        plan = labelled(case, Programmed(part.world, part.model, program, linear), options, self.log)
        bound = min(bound, linear.objective)
        close = relative_gap(linear.objective, bound) <= case.solve.gap
        final = replace(answer, objective=linear.objective, bound=bound, status="optimal" if close else "feasible")
        plan.attrs |= provenance(case, final, self._hashes(case))
        plan.attrs |= {"stochastic_study": self.study.name, "stochastic_scenario": name}
        return self._keep_plan(Planned(plan, final, model_size(program)), folder)

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


def _decided(part: Part, plan: xr.Dataset) -> Array:
    return decisions_of(plan, part.matrix, part.model)


def costs_of(found: Mapping[str, Done | Missed], names: Sequence[str]) -> tuple[list[float], list[float]]:
    """Return costs and bounds by scenario; infinite where the first stage cannot be kept."""
    costs, bounds = [], []
    for name in names:
        one = found[name]
        costs.append(one.cost if isinstance(one, Done) else math.inf)
        missing = math.inf if isinstance(one, Missed) and one.infeasible else -math.inf
        bounds.append(one.bound if isinstance(one, Done) else missing)
    return costs, bounds
