"""Turn a case and its world into a plan: build, solve, price, and label the result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from grid_opt import __version__
from grid_opt.compute.constants import constants_path
from grid_opt.compute.definitions import definition_path, load_accelerator, load_workload
from grid_opt.config import Case, case_to_toml
from grid_opt.errors import InfeasibleError, InterruptedRunError, SolverError
from grid_opt.formulation.model import Model, build_arrays
from grid_opt.inputs.fleet import Offer, definition_files
from grid_opt.inputs.tables import inputs_sha256, read_table
from grid_opt.inputs.tariffs import tariff_files
from grid_opt.inputs.world import build_world
from grid_opt.plan.bills import bill_arrays
from grid_opt.plan.ledgers import with_ledgers
from grid_opt.plan.schema_footprint import DIVISIBLE
from grid_opt.solve.answer import Answer, Options, Progress, relative_gap
from grid_opt.solve.arrays import matrix_of
from grid_opt.solve.budget import dense_budget
from grid_opt.solve.by_hours import MANY, ByHours
from grid_opt.solve.canary import trust_solver
from grid_opt.solve.diagnose import explain_infeasible
from grid_opt.solve.extract import costs, counted, layout, polish, price_fleet, price_siting, store, variables
from grid_opt.solve.footprint_prices import footprint_prices
from grid_opt.solve.learnt import Memory
from grid_opt.solve.nodal import site
from grid_opt.solve.nodal_prices import nodal_prices
from grid_opt.solve.prices import fleet_prices, power_price, siting_prices
from grid_opt.solve.search import search
from grid_opt.solve.standard_form import Array, Matrix
from grid_opt.solve.start import decisions_of
from grid_opt.solve.tidy import least_flow
from grid_opt.solve.tidy_bills import least_billed
from grid_opt.solve.tighten import tightened
from grid_opt.study.progress import Log
from grid_opt.study.warnings import warnings

_MONOLITH_REGIONS = 5
"""Regions up to which the solver gets the whole program: there is nothing to gain from taking it apart."""
_PROGRAMS = ("highspy", "netCDF4", "numpy", "pandas", "Pyomo", "scipy", "tsam", "xarray")


@dataclass(frozen=True)
class Planned:
    """A plan and how it was come by."""

    plan: xr.Dataset
    answer: Answer
    size: dict[str, int]


def plan_case(
    case: Case,
    world: xr.Dataset,
    inputs: dict[str, str],
    log: Log,
    stop: threading.Event | None = None,
    known: xr.Dataset | None = None,
    *,
    limit_prices: bool = True,
    memory: Memory | None = None,
) -> Planned:
    """Solve a case over its world and return the labelled plan.

    ``inputs`` gives the SHA-256 of every input file by its name, for the plan's provenance. ``stop`` ends the search
    when it is set (:func:`grid_opt.study.interrupt.interruptible`); the plan found so far is finished and returned.
    ``known`` is a plan of another case to begin with; where its decisions are proven within the asked gap of this case
    too, nothing is searched. ``memory`` brings what that case learnt, and takes what this one does
    (:func:`grid_opt.solve.search.search`). Networks of buses are searched anew. ``limit_prices`` prices targets,
    headroom and the like, each by a linear program as large as the whole.

    Raises:
        InfeasibleError: no plan meets every limit; the message names the limits and the smallest repairs.
        InterruptedRunError: stopped by the user before there was any plan.
        SolverError: no plan in the time limit, or the solver failed.
    """
    options = Options(
        gap=case.solve.gap,
        time_limit_s=case.solve.time_limit_s,
        threads=case.solve.threads,
        seed=case.solve.seed,
        progress=lambda news: log.search(_told(case, news)),
        stop=stop,
    )
    trust_solver(options.threads)
    if case.is_nodal:
        solved, answer = _at_buses(case, world, options, log)
    else:
        solved, answer = _in_regions(case, world, options, log, known, memory)
    size, linear = model_size(solved.matrix), solved.linear
    plan = labelled(case, solved, options, log, limit_prices=limit_prices)
    assert linear.x is not None
    final = replace(answer, objective=linear.objective, bound=min(answer.bound, linear.objective))
    plan.attrs |= provenance(case, final, inputs)
    return Planned(plan, final, size)


@dataclass(frozen=True)
class Programmed:
    """A solved program: its world, its model of record, its arrays, and the answer with whole numbers fixed.

    Where its hours are very many, programs like it are solved with them taken ``apart``.
    """

    world: xr.Dataset
    model: Model
    matrix: Matrix
    linear: Answer
    apart: ByHours | None = None


def labelled(case: Case, solved: Programmed, options: Options, log: Log, *, limit_prices: bool = True) -> xr.Dataset:
    """Return the arrays of a plan: choices, costs, ledgers, bills and prices; all but where it comes from."""
    world, model, matrix, linear = solved.world, solved.model, solved.matrix, solved.linear
    assert linear.x is not None and linear.row_dual is not None
    x = least_flow(matrix, linear.x, options)
    store(matrix, least_billed(matrix, x, world) if case.tariffs.charge else x, model)
    plan = world.assign(variables(model, world)).assign(costs(model, world))
    plan = with_ledgers(plan, case)
    if case.tariffs.charge:
        log.stage("writing the bills")
        plan = plan.assign(bill_arrays(case, plan))
    plan = plan.assign(dual_power=power_price(case, matrix, linear.row_dual, model, world))
    if case.tradeoff.cost_weight == 1.0:
        plan = plan.assign(footprint_prices(case, matrix, linear.row_dual, model, world))
    if case.is_nodal:
        plan = plan.assign(nodal_prices(case, matrix, linear.row_dual, model, world))
    # Where money hardly counts, limits have no price in it.
    if limit_prices and case.objective.goal != "most_tokens" and case.tradeoff.cost_weight == 1.0:
        plan = plan.assign(_prices(case, solved, linear.x, options))
    plan.attrs["warnings"] = json.dumps(list(warnings(case, world)))
    return plan


def _in_regions(
    case: Case, world: xr.Dataset, options: Options, log: Log, known: xr.Dataset | None, memory: Memory | None
) -> tuple[Programmed, Answer]:
    """Search for the best plan of campuses in regions; return it, and the answer of the search."""
    log.stage("building the model")
    model = build_arrays(case, world)
    matrix = matrix_of(model)
    size = model_size(matrix)
    log.stage(f"solving {size['rows']:,} rows, {size['columns']:,} columns, {size['integers']:,} integers")
    where = layout(matrix, model) if decomposes(case, world.sizes["region"]) else None
    begin = None if known is None else decisions_of(known, matrix, model)
    answer = search(tightened(matrix), counted(matrix, model), where, options, log.stage, begin, memory)
    log.stage(how_it_ended(case, answer))
    _require_plan(answer, matrix, options, case, world)
    log.stage("pricing the plan")
    many = where is not None and where.hourly.sum() > MANY and dense_budget(matrix) is None
    apart = ByHours(matrix, where.hourly, options) if where is not None and many else None
    return Programmed(world, model, matrix, polish(matrix, answer, options, apart), apart), answer


def decomposes(case: Case, regions: int) -> bool:
    """Tell whether a case with so many regions is searched region by region."""
    if case.solve.strategy == "auto":
        return regions > _MONOLITH_REGIONS
    return case.solve.strategy == "decomposition"


def _at_buses(case: Case, world: xr.Dataset, options: Options, log: Log) -> tuple[Programmed, Answer]:
    """Search for the best plan of campuses at the buses of a network, with its dispatch; return the search's answer."""
    log.stage("dispatching the network without campuses")
    found = site(case, world, options, log.stage)
    log.stage(how_it_ended(case, found.answer))
    if found.linear is None:
        if found.shortage:
            raise InfeasibleError("\n".join(_lines_in_the_way(found.shortage)))
        _require_plan(found.answer, found.matrix, options, case, found.world)
    assert found.linear is not None
    rounds = json.dumps(found.rounds, sort_keys=True)
    world = found.world.assign_attrs(limit_rounds=rounds)
    return Programmed(world, found.model, found.matrix, found.linear), found.answer


def _lines_in_the_way(shortage: Sequence[str]) -> Iterator[str]:
    yield "The campuses that the targets ask for overload lines, wherever they stand. Least, in all, by:"
    yield from (f"  - {one}" for one in shortage)
    yield "Lower or later targets, more candidates, or (as studies) nodal.line_scale, nodal.outage_rating or nodal.n_1."


def _prices(case: Case, solved: Programmed, x: Array, options: Options) -> dict[str, xr.DataArray]:
    """Return the prices of limits, as far as their programs were solved to optimality."""
    found: dict[str, xr.DataArray] = {}
    world, model, matrix, apart = solved.world, solved.model, solved.matrix, solved.apart
    siting = price_siting(matrix, x, options, apart)
    if siting is not None:
        found |= siting_prices(case, matrix, siting, model, world)
        assert siting.row_dual is not None
        found |= footprint_prices(case, matrix, siting.row_dual, model, world, DIVISIBLE)
    fleet = price_fleet(matrix, x, model, options, apart) if case.has_fleet else None
    if fleet is not None:
        found |= fleet_prices(case, matrix, fleet, model, world)
    return found


def _told(case: Case, news: Progress) -> Progress:
    """Return the news as a planner reads them: tokens served in percent where the most are asked for, or money."""
    if case.objective.goal != "most_tokens":
        return replace(news, unit="million USD")
    return replace(news, incumbent=-1e-4 * news.incumbent, bound=-1e-4 * news.bound, unit="% of all tokens served")


def how_it_ended(case: Case, answer: Answer) -> str:
    """Say in one line what the search came to."""
    took = f"{answer.detail} after {answer.seconds:.1f} s and {answer.nodes:,} nodes"
    if answer.x is None:
        return f"{took}: no plan"
    end = _told(case, Progress(answer.seconds, answer.objective, answer.bound, answer.nodes))
    return f"{took}: {end.incumbent:,.6g} {end.unit}, bound {end.bound:,.6g}, gap {100 * answer.gap:.2g} %"


def model_size(matrix: Matrix) -> dict[str, int]:
    """Return the size of the program."""
    rows, columns = matrix.shape
    return {
        "rows": rows,
        "columns": columns,
        "nonzeros": int(matrix.rows_matrix.nnz),
        "integers": int(matrix.integer.sum()),
    }


def _require_plan(answer: Answer, matrix: Matrix, options: Options, case: Case, world: xr.Dataset) -> None:
    if answer.x is not None:
        return
    if answer.interrupted:
        raise InterruptedRunError("interrupted before any plan was found; nothing was written")
    if answer.status == "infeasible":
        raise explain_infeasible(
            matrix, options, case, lambda new: _rebuilt(new, _for(new, case, world)),
            None if case.is_nodal else lambda new: matrix_of(build_arrays(new, _for(new, case, world))),
        )  # fmt: skip
    if answer.status == "unbounded":
        raise SolverError("the model is unbounded: some cost falls without limit; no plan was read")
    raise SolverError(
        f"no plan within the time limit of {options.time_limit_s:g} s; "
        "raise solve.time_limit_s, or ask for fewer energy.days"
    )


def _for(case: Case, old: Case, world: xr.Dataset) -> xr.Dataset:
    """Return the world of a changed case: with its targets, and read anew where connections come at other dates."""
    if case.grid.connection_delay_quarters != old.grid.connection_delay_quarters:
        return build_world(case)
    targets = [case.target_mw(quarter) for quarter in case.quarters]
    return world.assign(target=world["target"].copy(data=np.array(targets)))


def _rebuilt(case: Case, world: xr.Dataset) -> Matrix:
    """Build a changed case again, with one slice a calendar quarter: the explanation leaves the operation out."""
    first = [int(np.argmax(world["slice_season"].values == season)) for season in world["season"].values]
    return matrix_of(build_arrays(case, world.isel(slice=first)))


def hash_inputs(case: Case) -> dict[str, str]:
    """Return the SHA-256 of every file that the case reads, by file name."""
    here = case.resolve(".")
    if case.has_fleet:
        named = [*definition_files(case).values(), constants_path()]
    else:
        named = [
            definition_path("accelerator", case.compute.accelerator, here),
            definition_path("workload", case.compute.workload, here),
        ]
    if case.hours_path is not None:
        named.append(case.hours_path)
    named += case.nodal_paths.values()
    if case.tariffs.charge:
        named += tariff_files(read_table("region_tariffs", case.tables_dir))
    return inputs_sha256(case.tables_dir) | {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in named}


def provenance(case: Case, answer: Answer, inputs: dict[str, str]) -> dict[str, str | float | int]:
    """Return what another person needs to make the same plan again. No clock: same inputs, same bytes."""
    here = case.resolve(".")
    versions = {"grid-opt": __version__, "Python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in _PROGRAMS}
    return {
        "case_toml": case_to_toml(case),
        **definition_texts(case, here),
        "inputs_sha256": json.dumps(inputs, sort_keys=True),
        "versions": json.dumps(versions, sort_keys=True),
        "seed": case.solve.seed,
        "threads": case.solve.threads,
        "status": "optimal" if answer.status == "optimal" else "feasible",
        "solver_status": answer.detail,
        "objective": answer.objective,
        "bound": answer.bound,
        "objective_unit": "1e-6" if case.objective.goal == "most_tokens" else "million USD",
        "gap": relative_gap(answer.objective, answer.bound),
    }


def definition_texts(case: Case, here: Path) -> dict[str, str]:
    """Return, as JSON by attribute of the plan, the definitions of computers and requests that the case names."""
    if not case.has_fleet:
        return {
            "accelerator_json": load_accelerator(case.compute.accelerator, here).model_dump_json(),
            "workload_json": load_workload(case.compute.workload, here).model_dump_json(),
        }
    offer = Offer.of(case)
    return {
        "fleet_json": offer.fleet.model_dump_json(),
        "service_json": offer.services.model_dump_json(),
        "accelerators_json": json.dumps({name: one.model_dump(mode="json") for name, one in offer.machines.items()}),
        "workloads_json": json.dumps({name: one.model_dump(mode="json") for name, one in offer.workloads.items()}),
    }
