"""Write the results of a sweep beside its account: data cube, table of cases, sensitivities and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from grid_opt.atomic import write_text
from grid_opt.config.reading import parse_toml
from grid_opt.report import style, sweep_charts
from grid_opt.report.csv_text import to_csv
from grid_opt.report.sweep_charts import Bar
from grid_opt.study.sweeps import regret, sensitivity, sites
from grid_opt.study.sweeps.cases import shown
from grid_opt.study.sweeps.cube import CUBE, gather, table_of, write_cube, write_tables
from grid_opt.study.sweeps.design import BASE
from grid_opt.study.sweeps.manifest import Manifest
from grid_opt.study.sweeps.schema import Design

TORNADO: Final = "tornado.png"
HEAT_MAP: Final = "heat_map.png"
WHERE: Final = "where.png"
OFTEN: Final = "chosen.png"
PARALLEL: Final = "parallel.png"
_RESULTS: Final = {
    "objective": "objective", "all_in_usd_per_mwh": "all-in price", "final_it_mw": "IT power at the end",
    "sites": "campuses",
}  # fmt: skip
"""What the lines of the parallel coordinates go through after the axes."""
ANALYZED: Final = ("sobol", "morris")


def write_results(manifest: Manifest, folder: Path, parquet: bool = False) -> dict[str, Any]:
    """Write everything that the runs so far allow; return the figures of the summary, as plain values."""
    cube = gather(manifest, folder)
    table = table_of(manifest, cube)
    write_cube(cube, folder / CUBE)
    write_tables(table, folder, parquet)
    notes: list[str] = []
    if manifest.method in ANALYZED:
        notes += _write_sensitivity(manifest, folder, table)
    notes += _write_sites(manifest, cube, folder)
    drawn = []
    with style.look():
        for name, figure in _pictures(manifest, cube, table):
            style.save(figure, folder / name)
            drawn.append(name)
    for name in {TORNADO, HEAT_MAP, WHERE, OFTEN, PARALLEL} - set(drawn):
        (folder / name).unlink(missing_ok=True)  # of an earlier state of the sweep
    return summary_of(manifest, folder, table, notes)


def summary_of(manifest: Manifest, folder: Path, table: pd.DataFrame, notes: list[str]) -> dict[str, Any]:
    """Return what a script asks of a sweep: counts by state, the exit code, and one row per case."""
    rows = [
        {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]
    return {
        "name": manifest.name,
        "kind": manifest.kind,
        "method": manifest.method,
        "axes": list(manifest.axes),
        "folder": str(folder),
        "exit_code": int(manifest.exit_code()),
        "counts": manifest.counts(),
        "runs": len(manifest.runs),
        "notes": notes,
        "cases": rows,
    }


def write_regrets(manifest: Manifest, folder: Path, most: int, say: Callable[[str], None]) -> list[str]:
    """Price the ``most`` plans that come most often under every case; write table and picture, and say it in words."""
    found = regret.regrets(manifest, folder, most, say)
    write_text(folder / regret.FILE, to_csv(found))
    if found.empty:
        return ["no case has a plan, so there is no regret"]
    unit = str(gather(manifest, folder)["objective"].attrs["units"])
    plans, cases = (list(dict.fromkeys(found[name])) for name in ("plan", "case"))
    shape = [(row.plan, row.case) for row in found.itertuples()]
    values = pd.Series(found["regret"].to_numpy(), index=pd.MultiIndex.from_tuples(shape)).unstack().loc[plans, cases]
    with style.look():
        style.save(sweep_charts.regrets(values, unit, manifest.title or manifest.name), folder / regret.PICTURE)
    return regret.in_words(found, unit)


def _write_sites(manifest: Manifest, cube: xr.Dataset, folder: Path) -> list[str]:
    """Write how often sites are chosen and where they switch; say in words how many switches there are."""
    if "it_mw" not in cube:
        for name in (sites.CHOSEN, sites.SWITCHES):
            (folder / name).unlink(missing_ok=True)  # of an earlier state of the sweep
        return []
    power = sites.final_power(manifest, cube)
    write_text(folder / sites.CHOSEN, to_csv(sites.chosen(power)))
    found = sites.switches(manifest, cube, power)
    write_text(folder / sites.SWITCHES, to_csv(found))
    return [f"{len(found)} times a site enters or leaves from one value of an axis to the next"] if len(found) else []


def _write_sensitivity(manifest: Manifest, folder: Path, table: pd.DataFrame) -> list[str]:
    text = (folder / "sweep.toml").read_text(encoding="utf-8")
    design = Design.model_validate(parse_toml(text, folder / "sweep.toml").get("design", {}))
    found, notes = sensitivity.sensitivity_of(table, design, list(manifest.axes))
    write_text(folder / sensitivity.FILE, to_csv(found))
    return notes


def _pictures(manifest: Manifest, cube: xr.Dataset, table: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    title = manifest.title or manifest.name
    if "objective" not in cube:
        return  # no case has a plan
    unit = str(cube["objective"].attrs["units"])
    if manifest.method == "tornado":
        drawn = _tornado(manifest, table, unit, title)
        if drawn is not None:
            yield TORNADO, drawn
    elif manifest.method == "grid" and len(manifest.axes) > 1:
        others: Mapping[Any, Any] = {d: 0 for d in cube["objective"].dims if d not in list(manifest.axes)[:2]}
        rows, columns = list(manifest.axes)[:2]
        at = ", ".join(f"{dim} {shown(cube[dim].values.tolist()[0])}" for dim in others)
        yield HEAT_MAP, sweep_charts.heat_map(
            cube["objective"].isel(others).transpose(rows, columns), unit,
            f"{title}: objective" + (f" at {at}" if at else ""),
        )  # fmt: skip
    if len(manifest.axes) > 1 and manifest.method != "tornado":
        units = {name: str(cube[name].attrs["units"]) for name in _RESULTS if name in cube}
        measures = {name: _RESULTS[name] + (f"\n[{unit}]" if unit != "1" else "") for name, unit in units.items()}
        yield PARALLEL, sweep_charts.parallel(table, list(manifest.axes), measures, title)
    power = sites.final_power(manifest, cube).T
    power.columns = pd.Index(table["label"])
    yield WHERE, sweep_charts.where(power, title)
    yield OFTEN, sweep_charts.how_often(power, title)


def _tornado(manifest: Manifest, table: pd.DataFrame, unit: str, title: str) -> Figure | None:
    base = float(table.loc[table["label"] == BASE, "objective"].iloc[0])
    if np.isnan(base):
        return None
    bars = [
        Bar(axis, shown(entry.place[axis]), float(result))
        for entry, result in zip(manifest.cases, table["objective"], strict=True)
        for axis in entry.place
        if not np.isnan(result)
    ]
    return sweep_charts.tornado(base, bars, unit, f"{title}: what moves the objective") if bars else None
