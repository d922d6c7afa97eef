"""Choose what the charts of the report show: build-out, costs, contracts, hours, prices, systems."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.plan.contract_summary import contract_table
from grid_opt.plan.schema import FORGONE
from grid_opt.plan.supply_summary import sources_mw
from grid_opt.report import charts, frames, map_panel, style
from grid_opt.report.fleet_frames import fleet
from grid_opt.report.terminal import CONTRACT_WORDS, COST_WORDS
from grid_opt.report.terminal_supply import SOURCE_WORDS
from grid_opt.report.words import plain, short

_SEASONS = {1: "first quarter", 2: "second quarter", 3: "third quarter", 4: "fourth quarter"}
MOST_TERMS = 8
"""Kinds of cost that the chart tells apart; the smaller ones are drawn together."""


def names_of(plan: xr.Dataset) -> dict[str, str]:
    """Return a short name for every built region, no two alike, in the order in which they open."""
    found: dict[str, str] = {}
    for region, name in frames.built(plan)["name"].items():
        label = short(name, 26)
        found[str(region)] = label if label not in found.values() else f"{plain(region, 12)} {label}"
    return found


def build_out(plan: xr.Dataset) -> Any:
    """Return IT power in service by quarter and region against the target."""
    names, colors = names_of(plan), map_panel.region_colors(plan)
    table = frames.build_out(plan)
    table["name"] = table["region"].map(names)
    case = frames.case_of(plan)
    target = dict(zip(plan["quarter"].values.tolist(), (plan["target"].values / case.counted_per_it_mw), strict=True))
    table["target_mw"] = table["quarter"].map(target)
    return charts.stack(
        table, x="quarter", y="it_mw", color="name", order=list(names.values()), title="MW IT in service",
        palette=[colors[region] for region in names],
        line="target_mw" if max(target.values()) > 0 else "", line_title="target",
    )  # fmt: skip


def costs(plan: xr.Dataset) -> Any:
    """Return the cost of every built region by kind, and that of the whole plan that belongs to none."""
    names = names_of(plan)
    table = frames.costs(plan).query(f"cost_musd != 0 and term != {FORGONE!r}").copy()
    sums = table.groupby("term")["cost_musd"].sum().sort_values(ascending=False)
    kept = {str(term): COST_WORDS.get(str(term), plain(term, 40)) for term in sums.index[:MOST_TERMS]}
    table["kind"] = [kept.get(str(term), "All other") for term in table["term"]]
    table["name"] = [names.get(region, "No region") for region in table["region"]]
    some = table.groupby(["name", "kind"])["cost_musd"].sum().reset_index()
    order = list(kept.values()) + (["All other"] if (some["kind"] == "All other").any() else [])
    rows = some.groupby("name")["cost_musd"].sum().sort_values(ascending=False).index.tolist()
    title = "Million USD, present value"
    return charts.lying_stack(some, x="cost_musd", y="name", color="kind", order=order, rows=rows, title=title)


def contracts(plan: xr.Dataset) -> Any:
    """Return MW of grid service under contract by quarter and kind."""
    table = contract_table(plan)
    table["name"] = [CONTRACT_WORDS.get(str(kind), plain(kind, 40)) for kind in table["kind"]]
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    order = sorted(table["name"].unique())
    every = pd.MultiIndex.from_product([quarters, order], names=["quarter", "name"])
    some = table.groupby(["quarter", "name"])["contract_mw"].sum().reindex(every, fill_value=0.0).reset_index()
    return charts.stack(some, x="quarter", y="contract_mw", color="name", order=order, title="MW under contract")


def hours(plan: xr.Dataset) -> Any:
    """Return what is bought by the hour in the last operating year, on two typical days and the dearest."""
    names, colors = names_of(plan), map_panel.region_colors(plan)
    table, panels = hours_table(plan, names)
    order = list(dict.fromkeys(table["name"]))
    palette = [colors[region] for region in names]
    if order != list(names.values()):
        palette = [style.REGION_COLORS[k] for k in range(len(order))]
    return charts.hours(table, panels=panels, order=order, palette=palette)


def hours_table(plan: xr.Dataset, names: dict[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Return day, hour, name, MW and the mean price of what is bought; and the days: two typical ones, the dearest."""
    last = plan.isel(year=-1)
    bought = last["purchase"].sel(region=list(names)).transpose("region", "slice").values
    price = frames.energy_price(last).sel(region=list(names)).transpose("region", "slice").values
    mix = sources_mw(plan.isel(year=[-1])) if frames.case_of(plan).supply.has_sources else {}
    parts = {SOURCE_WORDS[name]: mw.sum("region").values[0] for name, mw in mix.items()}
    parts = parts or dict(zip(names.values(), bought, strict=True))
    day, hour = last["slice_day"].values.astype(int), last["slice_hour"].values.astype(int)
    season, weight = last["slice_season"].values.astype(int), last["slice_weight"].values
    paid = np.divide(
        (bought * price).sum(axis=0), bought.sum(axis=0), out=price.mean(axis=0), where=bought.sum(axis=0) > 0
    )
    dearest = int(day[int(paid.argmax())])
    chosen: list[tuple[str, int]] = []
    for number in (1, 3):
        mine = np.flatnonzero(season == number)
        if len(mine):
            typical = int(np.bincount(day[mine], weight[mine]).argmax())
            chosen.append((f"Typical day, {_SEASONS[number]}", typical))
    chosen.append(("Day of the dearest hour", dearest))
    rows = [
        {
            "day": label,
            "hour": int(hour[s]) + end,
            "name": name,
            "mw": float(part[s]),
            "usd_per_mwh": float(paid[s]),
        }
        for label, which in chosen
        for name, part in parts.items()
        for s in np.flatnonzero(day == which)
        for end in ((0, 1) if hour[s] == hour[day == which].max() else (0,))
    ]
    return pd.DataFrame(rows), [label for label, _ in chosen]


def prices(plan: xr.Dataset) -> Any:
    """Return the mean price of energy in the year of the last quarter, and all-in where a campus stands."""
    year = frames.price_year(plan)
    mean, all_in = frames.wholesale_price(plan, year), frames.power_costs(plan)["all_in_price_usd_per_mwh"]
    built = names_of(plan)
    names = dict(zip(plan["region"].values.tolist(), plan["region_name"].values.tolist(), strict=True))
    labels = {str(region): f"{short(name, 30)} ({plain(region, 12)})" for region, name in names.items()}
    kinds = ["Energy, other candidates", "Energy, campuses", "All-in at the meter, campuses"]
    rows = [
        {"name": labels[str(region)], "usd": float(usd), "kind": kinds[1] if region in built else kinds[0]}
        for region, usd in mean.items()
    ]
    rows += [{"name": labels[region], "usd": float(all_in[region]), "kind": kinds[2]} for region in built]
    order = [labels[str(region)] for region in mean.sort_values().index]
    table = pd.DataFrame(rows).dropna()
    return charts.dots(table, x="usd", y="name", rows=order, color="kind", order=kinds, title=f"USD/MWh, {year}")


def systems(plan: xr.Dataset) -> Any:
    """Return the IT power of the systems in service by quarter and accelerator."""
    titles = dict(zip(plan["accelerator"].values.tolist(), plan["accelerator_title"].values.tolist(), strict=True))
    table = fleet(plan)
    table["name"] = [short(titles[name], 40) for name in table["accelerator"]]
    order = list(dict.fromkeys(short(title, 40) for title in titles.values() if short(title, 40) in set(table["name"])))
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    every = pd.MultiIndex.from_product([quarters, order], names=["quarter", "name"])
    some = table.groupby(["quarter", "name"])["it_mw"].sum().reindex(every, fill_value=0.0).reset_index()
    palette = [style.REGION_COLORS[(k * 3) % len(style.REGION_COLORS)] for k in range(len(order))]
    return charts.stack(some, x="quarter", y="it_mw", color="name", order=order, title="MW IT", palette=palette)
