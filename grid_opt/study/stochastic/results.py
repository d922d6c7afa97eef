"""Put what a stochastic study found into one labelled file, a table and a summary."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.errors import ExitCode
from grid_opt.plan.first_stage import DIMS, MEANINGS, UNITS, FirstStage, first_stage_of, kinds_of
from grid_opt.plan.io import digest
from grid_opt.plan.stochastic import KIND
from grid_opt.plan.summary import it_mw
from grid_opt.solve.answer import relative_gap
from grid_opt.study.stochastic.conduct import (
    KEPT,
    PLAN,
    PLANS,
    REFERENCE,
    WAITS,
    Answers,
    Conduct,
    Done,
    costs_of,
)
from grid_opt.study.stochastic.loading import Ready
from grid_opt.study.stochastic.measure import Measure
from grid_opt.study.stochastic.schema import MEAN, Study
from grid_opt.study.stochastic.tries import Refused
from grid_opt.study.sweeps.cases import versions

_NOTHING = 1e-6
_MUSD = "million USD"


@dataclass(frozen=True)
class Interval:
    """A number as the plans give it, and between which it is proven to lie; infinite where nothing is."""

    value: float
    least: float
    most: float

    def told(self) -> dict[str, float | None]:
        """Return it for JSON."""
        return {"value": _finite(self.value), "least": _finite(self.least), "most": _finite(self.most)}


@dataclass(frozen=True)
class Worths:
    """What a study comes to [million USD]: the weighed cost of its plan, and what planning so and knowing is worth."""

    costs: list[float]
    objective: float
    bound: float
    waits: Interval
    kept: Interval
    vss: Interval
    evpi: Interval

    @property
    def gap(self) -> float:
        """Relative distance of objective and bound."""
        return relative_gap(self.objective, self.bound)


def worths_of(found: Answers, measure: Measure, names: Sequence[str]) -> Worths:
    """Work out the value of the stochastic solution and of perfect information, each with what is proven of it.

    All three are weighed alike. Scenarios known ahead cost at most what is planned for all: every scenario's plan with
    the common first stage is one of the scenario; and the first stage of the reference is one of all.
    """
    costs = [found.plans[name].cost for name in names]
    objective = measure(costs)
    bound = min(found.bound, objective)
    waits = Interval(*_both(*costs_of(found.waits, names), measure))
    kept = Interval(*_both(*costs_of(found.kept, names), measure))
    vss = Interval(kept.value - objective, max(0.0, kept.least - objective), kept.most - bound)
    evpi = Interval(objective - waits.value, max(0.0, bound - waits.value), objective - waits.least)
    return Worths(costs, objective, bound, waits, kept, vss, evpi)


def _both(costs: Sequence[float], bounds: Sequence[float], measure: Measure) -> tuple[float, float, float]:
    value = measure(costs)
    return value, -math.inf if -math.inf in bounds else measure(bounds), value


def exit_code(found: Answers, worths: Worths, gap: float) -> ExitCode:
    """Return the exit code of a study, its verification aside: 4 where a gap was not reached."""
    waiting = any(one.code == ExitCode.GAP_NOT_REACHED for one in found.waits.values())
    return ExitCode.GAP_NOT_REACHED if worths.gap > gap or waiting else ExitCode.DONE


def dataset(conduct: Conduct, worths: Worths) -> xr.Dataset:
    """Return the study by (scenario, ...): costs and bounds, the first stages, IT power, and where the plans are."""
    ready, found, measure = conduct.ready, conduct.found, conduct.measure
    names = list(ready.futures)
    table = xr.Dataset(coords={"scenario": names}, attrs=_attributes(ready, conduct.folder))

    def add(name: str, dims: str | tuple[()], values: Any, unit: str, meaning: str) -> None:
        table[name] = (dims, np.asarray(values, dtype=float), {"units": unit, "long_name": meaning})

    of_each = "scenario"
    add("probability", of_each, ready.probabilities, "1", "probability of the scenario")
    add("cost", of_each, worths.costs, _MUSD, "cost of the scenario with the stochastic plan's first stage")
    costs, bounds = costs_of(found.waits, names)
    add("wait_and_see", of_each, costs, _MUSD, "cost of the scenario planned by itself, as if it were known")
    add("wait_and_see_bound", of_each, bounds, _MUSD, "least cost proven of every plan of the scenario")
    costs, bounds = costs_of(found.kept, names)
    add("kept", of_each, costs, _MUSD, "cost of the scenario with the reference's first stage; infinite: none keeps it")
    add("kept_bound", of_each, bounds, _MUSD, "least cost proven of every plan that keeps it")
    scalars = {
        "expected_cost": (measure.expected(worths.costs), "expected cost of the stochastic plan"),
        "value_at_risk": (measure.value_at_risk(worths.costs), "cost that the scenarios stay within, with confidence"),
        "tail_cost": (measure.tail(worths.costs), "conditional value at risk: mean cost of the worst scenarios"),
        "objective": (worths.objective, "weighed cost of the stochastic plan"),
        "bound": (worths.bound, "least weighed cost proven of all plans with one first stage"),
    }
    for name, (value, meaning) in scalars.items():
        add(name, (), value, _MUSD, meaning)
    for name, meaning in (("vss", "value of the stochastic solution"), ("evpi", "value of perfect information")):
        interval: Interval = getattr(worths, name)
        for part in ("value", "least", "most"):
            add(name if part == "value" else f"{name}_{part}", (), getattr(interval, part), _MUSD,
                meaning if part == "value" else f"{part} proven: {meaning}")  # fmt: skip
    _add_first_stages(table, conduct)
    for folder, done in ((PLANS, found.plans), (WAITS, found.waits)):
        table[f"{folder}_it_mw"] = _power(done, ready)
    table.attrs |= {"reference_plan": reference_plan(ready.study), "reference_sha256": _digest_of(found.reference)}
    _add_plans(table, PLANS, found.plans)
    _add_plans(table, WAITS, found.waits)
    _add_plans(table, KEPT, found.kept)
    return table


def reference_plan(study: Study) -> str:
    """Return where in the folder of a study the plan of its reference is."""
    return f"{REFERENCE}/{PLAN}" if study.reference == MEAN else f"{WAITS}/{study.reference}/{PLAN}"


def _digest_of(done: Done | None) -> str:
    return "" if done is None else digest(done.plan)


def _attributes(ready: Ready, folder: Path) -> dict[str, Any]:
    study, case = ready.study, next(iter(ready.futures.values())).case
    return {
        "Conventions": "CF-1.11",
        "study_format": KIND,
        "title": study.title or study.name,
        "source": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "study": study.name,
        "study_toml": ready.source.text,
        "first_stage": json.dumps(list(study.first_stage)),
        "weight": study.weight,
        "confidence": study.confidence,
        "reference": study.reference,
        "case_folder": case_folder(case, folder),
        "gap_asked": case.solve.gap,
        "currency": "USD",
        "price_base_year": case.finance.price_base_year,
    }


def case_folder(case: Case, folder: Path) -> str:
    """Return where the files of the case are, as seen from the folder of results."""
    return Path(os.path.relpath(case.resolve("."), folder)).as_posix()


def _add_first_stages(table: xr.Dataset, conduct: Conduct) -> None:
    found = conduct.found
    waits = {name: first_stage_of(done.plan, conduct.stage) for name, done in found.waits.items()}
    for kind in kinds_of(conduct.stage):
        every = [found.first, found.reference_first, *waits.values()]
        labels = list(dict.fromkeys(label for one in every for label in one.of.get(kind, {})))
        if not labels:
            continue
        dim, attrs = DIMS[kind], {"units": UNITS[kind], "long_name": MEANINGS[kind]}
        if dim not in table.coords:
            table.coords[dim] = labels
        labels = table[dim].values.tolist()
        table[kind] = (dim, _row(found.first, kind, labels), attrs)
        table[f"reference_{kind}"] = (dim, _row(found.reference_first, kind, labels), attrs)
        rows = np.array([_row(one, kind, labels) for one in waits.values()])
        table[f"wait_and_see_{kind}"] = (("scenario", dim), rows, attrs)


def _row(first: FirstStage, kind: str, labels: Sequence[str]) -> list[float]:
    return [first.get(kind, label) for label in labels]


def _power(done: dict[str, Done], ready: Ready) -> xr.DataArray:
    parts = [it_mw(one.plan, ready.futures[name].case) for name, one in done.items()]
    power = xr.concat(parts, dim="scenario").transpose("scenario", "region", "quarter")
    attrs = {"units": "MW", "long_name": "IT power in service through the quarter"}
    return power.assign_coords(scenario=list(done)).reset_coords(drop=True).assign_attrs(attrs)


def _add_plans(table: xr.Dataset, folder: str, done: Mapping[str, Done | Refused]) -> None:
    """Say where the plan of every scenario is, and the digest of what is in it."""
    files = [f"{folder}/{name}/{PLAN}" if isinstance(one, Done) else "" for name, one in done.items()]
    sums = [digest(one.plan) if isinstance(one, Done) else "" for one in done.values()]
    table[f"{folder}_plan"] = ("scenario", np.array(files, dtype=object), {"long_name": "File of the plan"})
    table[f"{folder}_sha256"] = ("scenario", np.array(sums, dtype=object), {"long_name": "Digest of the plan"})


def rows_of(conduct: Conduct, worths: Worths) -> list[dict[str, Any]]:
    """Return one row per scenario: what it costs by each of the three ways, and where campuses stand."""
    rows = []
    for name, chance, cost in zip(conduct.ready.futures, conduct.ready.probabilities, worths.costs, strict=True):
        kept, wait = conduct.found.kept.get(name), conduct.found.waits[name]
        final = it_mw(conduct.found.plans[name].plan, conduct.ready.futures[name].case).isel(quarter=-1).to_series()
        rows.append(
            {
                "scenario": name,
                "title": conduct.study.scenarios[name].title,
                "probability": chance,
                "cost_musd": cost,
                "wait_and_see_musd": wait.cost,
                "regret_musd": cost - wait.cost,
                "reference_kept_musd": kept.cost if isinstance(kept, Done) else None,
                "why_not_kept": "" if kept is None or isinstance(kept, Done) else kept.reason,
                "sites": ", ".join(f"{region} {mw:.0f}" for region, mw in final[final > _NOTHING].items()),
                "exit_code": int(conduct.found.plans[name].code),
            }
        )
    return rows


def table_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    out = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    out.writeheader()
    out.writerows(rows)
    return text.getvalue()


def summary_of(conduct: Conduct, worths: Worths, code: ExitCode) -> dict[str, Any]:
    """Return the findings for scripts and for the terminal."""
    found, study, measure = conduct.found, conduct.study, conduct.measure
    return {
        "study": study.name,
        "title": study.title or study.name,
        "case": study.case,
        "folder": str(conduct.folder),
        "exit_code": int(code),
        "weight": study.weight,
        "confidence": study.confidence,
        "reference": study.reference,
        "first_stage_groups": list(study.first_stage),
        "first_stage": _told(found.first),
        "reference_first_stage": _told(found.reference_first),
        "expected_cost_musd": measure.expected(worths.costs),
        "value_at_risk_musd": measure.value_at_risk(worths.costs),
        "conditional_value_at_risk_musd": measure.tail(worths.costs),
        "objective_musd": worths.objective,
        "bound_musd": worths.bound,
        "gap": worths.gap,
        "wait_and_see_musd": worths.waits.told(),
        "reference_kept_musd": worths.kept.told(),
        "value_of_stochastic_solution_musd": worths.vss.told(),
        "value_of_perfect_information_musd": worths.evpi.told(),
        "scenarios": rows_of(conduct, worths),
        "tries": [one.told() for one in found.tries],
        "model_size": found.size,
        "search_seconds": found.seconds,
        "reference_plan": reference_plan(study),
    }


def _told(first: FirstStage) -> dict[str, dict[str, float]]:
    return {
        kind: {label: value for label, value in mine.items() if value > _NOTHING} for kind, mine in first.of.items()
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
