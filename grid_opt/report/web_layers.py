"""Read from a plan what the map in the browser shows: layers of colors, flows on links, and the card of a region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.ticker import MaxNLocator

from grid_opt.inputs.offers import most_hosted
from grid_opt.plan.contract_summary import contract_table
from grid_opt.plan.footprint_summary import footprint_table, has_ledgers
from grid_opt.plan.summary import BUILT_MW
from grid_opt.report import binding, fleet_frames, frames, nodal_frames
from grid_opt.report.map_nodal import BINDING_USD_PER_MW_YEAR
from grid_opt.report.page import number, rounded
from grid_opt.report.terminal import CONTRACT_WORDS, COST_WORDS
from grid_opt.report.words import plain

Floats = npt.NDArray[np.float64]

BLUES = ("#eff3f8", "#cfdfed", "#9fc3de", "#5d9bc7", "#2a6fa8", "#0b4378")
GREENS = ("#eef6ef", "#cfe8d3", "#9dd0a8", "#5bae77", "#2a8452", "#0a5633")
OCHRES = ("#fdf6e3", "#fae3b0", "#f2c46d", "#dd9a35", "#b06d1c", "#774511")
PLUMS = ("#f6f0f7", "#e3d2e8", "#c8a7d2", "#a274b3", "#784790", "#4c1f66")
"""Each of one hue that only darkens, so that no color blindness mixes two steps up."""


@dataclass(frozen=True)
class Layer:
    """Say how places are colored: values of (quarter, place) in steps of colors, with their unit and meaning."""

    key: str
    label: str
    unit: str
    note: str
    colors: tuple[str, ...]
    values: Floats
    digits: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the layer for the page, with the bounds of its steps."""
        steps = steps_of(self.values)
        ramp = LinearSegmentedColormap.from_list(self.key, self.colors)
        shades = [to_hex(ramp(k / max(len(steps) - 2, 1))) for k in range(len(steps) - 1)]
        return {
            "key": self.key, "label": self.label, "unit": self.unit, "note": self.note, "digits": self.digits,
            "steps": steps, "colors": shades, "values": [rounded(row.tolist(), self.digits + 1) for row in self.values],
        }  # fmt: skip


def layers_of(plan: xr.Dataset) -> list[Layer]:
    """Return every layer that the plan has numbers for."""
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    tables = [frames.regions(plan, quarter) for quarter in quarters]

    def column(name: str) -> Floats:
        return np.array([table[name].to_numpy(dtype=float) for table in tables])

    price = "Local price" if "bus" in plan.dims else "Wholesale price"
    found = [
        Layer(
            "left", "Headroom left", "MW", "What headroom and offers of the grid hold beyond the campus, peak draw",
            GREENS, column("headroom_left_mw"),
        ),
        Layer(
            "headroom", "Headroom", "MW", "What headroom and offers of the grid hold, peak draw", GREENS,
            column("headroom_mw"),
        ),
        Layer(
            "price", price, "USD/MWh", "Mean over the hours of the quarter's operating year", OCHRES,
            column("wholesale_usd_per_mwh"), 1,
        ),
        Layer("mw", "IT power in service", "MW", "Through the quarter", BLUES, _where_built(column("it_mw"))),
        Layer(
            "worth", "Worth of headroom", "thousand USD/MW", "What one MW more of headroom in the quarter would save",
            PLUMS, column("headroom_shadow_usd_per_mw") / 1e3, 1,
        ),
    ]  # fmt: skip
    if "rtt" in plan:
        found.append(_latency(plan, tables[-1].index, len(quarters)))
    if "emission_average" in plan:
        found.append(_carbon(plan, tables[-1].index, quarters))
    return [layer for layer in found if np.isfinite(layer.values).any()]


def _where_built(values: Floats) -> Floats:
    return np.where(values > BUILT_MW, values, np.nan)


def _latency(plan: xr.Dataset, places: pd.Index[Any], quarters: int) -> Layer:
    share = plan["user_share"] / plan["user_share"].sum()
    mean = (plan["rtt"] * share).sum("user")
    by_place = pd.Series(mean.values, index=[str(r) for r in plan["region"].values]).reindex(places)
    values = np.repeat(by_place.to_numpy(dtype=float)[None, :], quarters, axis=0)
    return Layer("latency", "Round trip to users", "ms", "Mean over all users of the country", PLUMS, values)


def _carbon(plan: xr.Dataset, places: pd.Index[Any], quarters: list[str]) -> Layer:
    """Return the carbon of grid power in the quarter's operating year, mean over the hours of the day."""
    rates = plan["emission_average"]
    rates = rates.mean([dim for dim in rates.dims if dim not in ("region", "year")])
    rows = []
    for quarter in quarters:
        now = rates.sel(year=frames.price_year(plan, quarter)) if "year" in rates.dims else rates
        by_place = pd.Series(now.values, index=[str(r) for r in plan["region"].values]).reindex(places)
        rows.append(by_place.to_numpy(dtype=float))
    note = "Average of grid power by the hour, in the quarter's operating year"
    return Layer("carbon", "Carbon of grid power", "kg CO2/MWh", note, OCHRES, np.array(rows))


def steps_of(values: Floats) -> list[float]:
    """Return round bounds of about six steps; the few largest values share the last one when they lie far off."""
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    if low >= 0 and (high > 3 * np.quantile(known, 0.97)) and np.quantile(known, 0.97) > 0:
        high = float(np.quantile(known, 0.97))
    if high - low < 1e-6:
        low, high = min(low, 0.0), max(high, low + 1.0)
    return [round(float(step), 6) for step in MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]


# --- links


def flows_of(plan: xr.Dataset) -> dict[str, Any]:
    """Return ends of links and their flow, use and price; ``frames`` by stress hour, one for each quarter or year."""
    if "bus" in plan.dims:
        return _line_flows(plan)
    if "link_flow" not in plan:
        return {"ends": [], "hours": [], "frame_of": [], "frames": {}}
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    tables = [frames.links(plan, quarter) for quarter in quarters]
    zones = {str(zone): k for k, zone in enumerate(plan["zone"].values)}
    first = tables[0]
    hours = [str(hour) for hour in plan["stress"].values]
    best = frames.tightest_hour(tables[-1])
    return {
        "ends": [[zones[a], zones[b]] for a, b in zip(first["from_zone"], first["to_zone"], strict=True)],
        "names": [plain(name, 80) for name in first.index],
        "note": "Flow that the new load adds",
        "hours": sorted(hours, key=lambda hour: hour != best),
        "frame_of": list(range(len(quarters))),
        "frames": {
            hour: [
                {
                    "flow": rounded(table[f"flow_{hour}_mw"].tolist(), 1),
                    "use": rounded((100 * table[f"utilization_{hour}"]).tolist(), 0),
                    "worth": rounded(table[f"shadow_{hour}_usd_per_mw"].tolist(), 0),
                    "binds": table[f"binds_{hour}"].tolist(),
                }
                for table in tables
            ]
            for hour in hours
        },
    }


def _line_flows(plan: xr.Dataset) -> dict[str, Any]:
    years = sorted({frames.price_year(plan, str(quarter)) for quarter in plan["quarter"].values})
    last_of = {frames.price_year(plan, str(quarter)): str(quarter) for quarter in plan["quarter"].values}
    tables = [nodal_frames.lines(plan, last_of[year]) for year in years]
    buses = {str(bus): k for k, bus in enumerate(plan["bus"].values)}
    first = tables[0]
    hour = "of largest loading"
    return {
        "ends": [[buses[a], buses[b]] for a, b in zip(first["from_bus"], first["to_bus"], strict=True)],
        "names": [plain(name, 80) for name in first.index],
        "note": "Flow of the year",
        "hours": [hour],
        "frame_of": [years.index(frames.price_year(plan, str(quarter))) for quarter in plan["quarter"].values],
        "frames": {
            hour: [
                {
                    "flow": rounded(table["flow_mw"].tolist(), 0),
                    "use": rounded((100 * table["loading"]).tolist(), 0),
                    "worth": rounded(table["worth_usd_per_mw_year"].tolist(), 0),
                    "binds": (table["worth_usd_per_mw_year"] > BINDING_USD_PER_MW_YEAR).astype(int).tolist(),
                }
                for table in tables
            ]
        },
    }


# --- cards


def cards_of(plan: xr.Dataset) -> list[dict[str, Any]]:
    """Return one card per place, in the order of the zones: names, facts by quarter, and what binds."""
    table = frames.regions(plan)
    quarterly, whole = binding.by_quarter(plan), binding.at_the_end(plan)
    facts, systems, contracts, costs = _facts(plan), _systems(plan), _contracts(plan), _costs(plan)
    found = []
    for place, row in zip(table.index, table.to_dict("records"), strict=True):
        where = ", ".join(plain(part, 40) for part in (row["state"], row["market"]) if str(part).strip())
        card: dict[str, Any] = {"id": plain(place, 40), "name": plain(row["name"], 120), "where": where}
        if row["candidate"]:
            card |= {
                "opens": row["opens"], "facts": facts.get(place, []), "systems": systems.get(place, []),
                "contracts": contracts.get(place, []), "costs": costs.get(place, []),
                "binds": quarterly[place], "whole": whole[place],
                **_by_quarter(plan, place),
            }  # fmt: skip
        found.append(card)
    return found


def _by_quarter(plan: xr.Dataset, place: str) -> dict[str, Any]:
    arrays = {"it": frames.it_mw(plan), "draw": frames.peak_draw_mw(plan), "room": most_hosted(plan)}
    return {
        key: rounded(array.sel(region=place).transpose("quarter").values.tolist(), 1) for key, array in arrays.items()
    }


def _facts(plan: xr.Dataset) -> dict[str, list[list[str]]]:
    """Return facts that no quarter changes, as label and words."""
    power, energy = frames.power_costs(plan), frames.energy(plan)
    ledgers = _ledgers(plan)
    found: dict[str, list[list[str]]] = {}
    for place in plan["region"].values.tolist():
        said = [["Power lost on the way", f"{100 * float(plan['loss'].sel(region=place)):,.1f} %"]]
        said.append(["PUE at the summer peak", f"{float(plan['pue_peak'].sel(region=place)):,.2f}"])
        price = float(power["all_in_price_usd_per_mwh"].loc[place])
        if np.isfinite(price):
            said.insert(0, ["Power, all-in at the meter", f"${number(price, 2)}/MWh"])
            paid = energy[energy["region"] == place]["wholesale_paid_usd_per_mwh"].iloc[-1]
            said.insert(1, [f"Of which energy, {energy['year'].iloc[-1]}", f"${number(float(paid), 2)}/MWh"])
        found[place] = said + ledgers.get(str(place), [])
    return found


def _ledgers(plan: xr.Dataset) -> dict[str, list[list[str]]]:
    """Return what the ledgers of carbon and water say of every region with load in the last operating year."""
    if not has_ledgers(plan):
        return {}
    table = footprint_table(plan)
    last = table[table["year"] == table["year"].max()]
    return {
        str(row["region"]): [
            [f"Carbon {row['year']}, location-based", f"{number(row['scope1_t'] + row['scope2_location_t'])} t"],
            [f"Carbon {row['year']}, market-based", f"{number(row['scope1_t'] + row['scope2_market_t'])} t"],
            [f"Water {row['year']}", f"{number(row['water_m3'])} m3"],
        ]
        for row in last.to_dict("records")
    }


def _systems(plan: xr.Dataset) -> dict[str, list[list[str]]]:
    if "systems" not in plan:
        return {}
    titles = dict(
        zip(plan["accelerator"].values.tolist(), map(str, plan["accelerator_title"].values.tolist()), strict=True)
    )
    standing = fleet_frames.standing(plan)
    return {
        str(place): [
            [plain(titles[name.removeprefix("systems_")], 60), f"{count:,}"] for name, count in row.items() if count > 0
        ]
        for place, row in ((p, {str(k): int(v) for k, v in r.items()}) for p, r in standing.iterrows())
    }


def _contracts(plan: xr.Dataset) -> dict[str, list[dict[str, Any]]]:
    """Return the contracts of every region: words, and MW by quarter."""
    if "contract" not in plan:
        return {}
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    found: dict[str, list[dict[str, Any]]] = {}
    for (place, offer), rows in contract_table(plan).groupby(["region", "offer"], sort=True):
        by = rows.groupby("quarter")[["contract_mw", "callable_mw"]].sum().reindex(quarters).fillna(0.0)
        kind = str(rows["kind"].iloc[0])
        found.setdefault(str(place), []).append(
            {
                "offer": plain(offer, 60),
                "kind": CONTRACT_WORDS.get(kind, plain(kind, 40)),
                "mw": rounded(by["contract_mw"].tolist(), 1),
                "callable": rounded(by["callable_mw"].tolist(), 1),
            }
        )
    return found


def _costs(plan: xr.Dataset) -> dict[str, list[list[Any]]]:
    """Return what a built region costs by term, the largest first [million USD, present value]."""
    table = frames.costs(plan).query("region != '' and cost_musd != 0")
    found: dict[str, list[list[Any]]] = {}
    for place, term, amount in (
        table.groupby(["region", "term"])["cost_musd"].sum().reset_index().itertuples(index=False)
    ):
        found.setdefault(str(place), []).append([COST_WORDS.get(str(term), plain(term, 40)), round(float(amount), 2)])
    return {place: sorted(rows, key=lambda row: -row[1]) for place, rows in found.items()}
