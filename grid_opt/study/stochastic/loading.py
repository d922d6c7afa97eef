"""Read a stochastic study, make its scenarios and its reference, and check them before anything is solved."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from grid_opt.config import Case, with_overrides
from grid_opt.config.loading import bundled_cases
from grid_opt.config.reading import nearest, parse_toml, read_text, validate
from grid_opt.config.toml_text import key_rows
from grid_opt.errors import InputError
from grid_opt.inputs.world import build_world
from grid_opt.resources import models_dir
from grid_opt.study.run import resolve_case
from grid_opt.study.stochastic.mean import mean_case
from grid_opt.study.stochastic.schema import MEAN, Study
from grid_opt.study.sweeps.cases import OneCase, make_cases
from grid_opt.study.sweeps.effects import Probe, check_effects
from grid_opt.study.sweeps.loading import Source, flatten, load_base
from grid_opt.study.sweeps.tables import Overlays
from grid_opt.study.tradeoffs.points import refuse_other_goals

_ALIKE = ("region", "quarter", "year", "season")
"""Dimensions that all scenarios share."""
_SCREENED = ("ppa", "forward", "own")
_PARTS_OF = {"wheeled": "ppa", "plant": "own", "store": "own"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class World:
    """A future: its case, and the world that the case makes."""

    case: Case
    world: xr.Dataset
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ready:
    """A study whose scenarios and reference are sound."""

    study: Study
    source: Source
    futures: dict[str, World]
    reference: World

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The probabilities of the scenarios, in their order."""
        return tuple(one.probability for one in self.study.scenarios.values())


def bundled_studies() -> tuple[str, ...]:
    """Names of the stochastic studies that come with grid-opt."""
    return tuple(sorted(path.stem for path in (models_dir() / "risk").glob("*.toml")))


def load_study(ref: str | Path) -> tuple[Study, Source]:
    """Read a study by its bundled name or path. Raises :class:`InputError` naming file, line, field and value."""
    path = models_dir() / "risk" / f"{ref}.toml" if str(ref) in bundled_studies() else Path(ref)
    if not path.is_file():
        close = nearest(path.stem, bundled_studies())
        raise InputError(
            "there is no such stochastic study", file=path,
            expected=f"a bundled study ({', '.join(bundled_studies())}) or the path of a TOML file",
            fix=f"did you mean {close!r}?" if close else None,
        )  # fmt: skip
    text = read_text(path)
    values = parse_toml(text, path)
    values.setdefault("name", re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-")[:40] or "risk")
    source = Source(path, text, key_rows(text))
    return validate(Study, values, file=path, rows=source.rows), source


def prepare(
    ref: str | Path, tables: Path, say: Say, overrides: Sequence[str] = (), case: str | None = None,
    hours: str | Path | None = None, *, with_reference: bool = True,
) -> Ready:  # fmt: skip
    """Make every scenario of a study, and the reference, with changed tables in the folder ``tables``.

    ``case`` takes the place of the base case; ``overrides`` and the file of ``hours`` go before what ``[base]`` sets.

    Raises:
        InputError: anything in the file is refused, at its line; or nothing reads what a scenario changes.
    """
    study, source = load_study(ref)
    if case is not None:
        study = study.model_copy(update={"case": case if case in bundled_cases() else str(Path(case).resolve())})
    study = study.model_copy(update={"base": _left(study, overrides, hours)})
    base = resolve_case(load_base(study, source, overrides), (), hours)
    sweep = study.as_sweep()
    made = {one.scenario: one for one in make_cases(sweep, source, base)}
    first = next(iter(made.values()))
    overlays = Overlays(first.case.tables_dir, source)
    probe = Probe(source, overlays, tables, say)
    if study.moved:
        check_effects(sweep, source, list(made.values()), probe)
    chosen = {name: replace(made.get(name, first), label=name) for name in study.scenarios}
    futures = {name: _future(probe, one, f"scenarios.{name}") for name, one in chosen.items()}
    _refuse_unlike(futures, source)
    reference = futures.get(study.reference)
    if reference is None and with_reference:
        say("making the mean of the scenarios")
        reference = _mean(study, source, chosen, futures, tables)
    together = _screened_alike(study, [*futures.values(), *([] if reference is None else [reference])], say)
    ready = dict(zip(futures, together, strict=False))
    if study.reference != MEAN:
        return Ready(study, source, ready, ready[study.reference])
    return Ready(study, source, ready, together[-1])


def _left(study: Study, overrides: Sequence[str], hours: str | Path | None) -> dict[str, Any]:
    """Return what ``[base]`` sets but for what was asked for with the command."""
    asked = {one.partition("=")[0].strip() for one in overrides} | ({"energy.hours_file"} if hours else set())
    return {
        key: value
        for key, value in flatten(study.base).items()
        if key not in asked and not any(key.startswith(f"{one}.") for one in asked)
    }


def _future(probe: Probe, one: OneCase, at: str) -> World:
    case = probe.with_cells(one)
    refuse_other_goals(case)
    return World(case, probe.look(one, at, model=False), one.keys)


def _mean(study: Study, source: Source, chosen: dict[str, OneCase], futures: dict[str, World], tables: Path) -> World:
    weights = [one.probability for one in study.scenarios.values()]
    case = mean_case([future.case for future in futures.values()], list(chosen.values()), weights, source, tables)
    try:
        return World(case, build_world(case))
    except InputError as error:
        raise source.passed_on(error, "reference", "the mean of the scenarios is refused") from None


def _refuse_unlike(futures: dict[str, World], source: Source) -> None:
    """Refuse scenarios of other regions or times: their choices could not be compared."""
    (first, base), *others = futures.items()
    for name, future in others:
        for dim in _ALIKE:
            if future.world[dim].values.tolist() != base.world[dim].values.tolist():
                raise source.error(
                    f"this scenario has another {dim} than {first}", f"scenarios.{name}", value=name,
                    expected=f"the same {dim}s in all scenarios: choices made now are compared by them",
                    fix="set regions and horizon in [base]",
                )  # fmt: skip


def _screened_alike(study: Study, futures: Sequence[World], say: Say) -> list[World]:
    """Return futures with the same offers of power: those that pay in some of them, where screening left some out."""
    kept: dict[str, set[str]] = {}
    unlike = False
    for dim in _SCREENED:
        sets = [set(one.world[dim].values.tolist()) for one in futures if dim in one.world.dims]
        kept[dim] = set().union(*sets)
        unlike |= any(mine != kept[dim] for mine in sets)
    if not unlike or not any(one.case.supply.screen for one in futures):
        return list(futures)
    say("admitting in every scenario the offers of power that pay in some")
    found = []
    for one in futures:
        world = build_world(with_overrides(one.case, ["supply.screen=false"]))
        for dim, of in [*((d, d) for d in _SCREENED), *_PARTS_OF.items()]:
            if dim in world.dims:
                here = [label in kept[of] for label in world[dim].values.tolist()]
                left = here.count(False) if dim == of else 0
                world = world.isel({dim: here})
                world.attrs["power_offers_left_out"] = world.attrs.get("power_offers_left_out", 0) + left
        found.append(replace(one, world=world))
    return found
