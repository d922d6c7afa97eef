"""Say what matching a site's load with carbon-free power hour by hour costs, and hold the answer against PyPSA.

    python scripts/studies/hourly_matching.py --out outputs/hourly_matching
    python scripts/studies/hourly_matching.py --pypsa --picture docs/img/hourly_matching.png

One campus of 100 MW of IT in southern Minnesota runs through one year of representative days. It buys at wholesale,
may sign for wind, for sun and for one firm carbon-free project, all delivered to it, and may build a battery. It must
match from 80 to 100 % of its load in the same hour (``carbon.hourly_share``). The strikes of wind and sun are made as
those of data/ppa_offers.csv; that of the firm project is an ASSUMPTION of this study. With ``--pypsa`` the same problem
is written as a PyPSA network, with nothing of this package but its input numbers, and solved again at every point.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.config import Case, load_case
from grid_opt.errors import ExitCode, GridOptError
from grid_opt.inputs.schema_supply import PPA_OFFERS
from grid_opt.inputs.world import build_world
from grid_opt.report.style import FAINT, INK, MUTED, REGION_COLORS, look, new_figure, save
from grid_opt.study.plan_case import plan_case
from grid_opt.study.progress import Log

REGION, YEAR, IT_MW = "MN_S", 2028, 100.0
SHARES = (0.8, 0.85, 0.9, 0.95, 0.98, 1.0)
AGREE = 1e-4
"""Relative difference to PyPSA's costs that is allowed at every point."""
OFFERS = (
    # offer, technology, zone, strike [USD/MWh], capacity factor
    ("wind", "wind", "MN_S", 45.0, 0.0),
    ("sun", "solar", "MN_S", 61.4, 0.0),
    ("firm", "nuclear", "MN_S", 95.0, 0.92),
)
BASIS = 2.0
COSTS = ("energy", "rider", "settlement", "wheeling", "own_capex", "own_upkeep", "store_capex", "store_upkeep",
         "store_wear_cost")  # fmt: skip
CONNECTED_MW = 500.0
"""What the grid connects: enough that charging is never in its way."""


def write_offers(folder: Path) -> None:
    """Write the three projects as a table of offers."""
    rows = [
        {
            "offer": name, "technology": technology, "project_zone": zone, "deliverable_to": REGION,
            "settlement": "physical", "settles_at": "project", "price_usd_per_mwh": strike,
            "real_escalator_fraction": 0.0, "first_quarter": f"{YEAR}Q1", "last_quarter": f"{YEAR}Q4",
            "most_mw": 5000.0, "queue_mw": "", "capacity_factor": factor,
            "basis_usd_per_mwh": BASIS, "floor_usd_per_mwh": "",
            "source": "scripts/studies/hourly_matching.py", "assumption": "ASSUMPTION: terms of the study",
        }
        for name, technology, zone, strike, factor in OFFERS
    ]  # fmt: skip
    table = pd.DataFrame(rows)[[column.name for column in PPA_OFFERS.columns]]  # a column it lacks is an error
    table.to_csv(folder / PPA_OFFERS.file, index=False)


def site(share: float, days: int, tables: Path) -> tuple[Case, xr.Dataset]:
    """Return the case of one site that stands through one year, and its world."""
    case = load_case("quick", [
        f'regions.include=["{REGION}"]', f"demand.targets_mw={{ {YEAR}Q1 = {IT_MW:g} }}", 'demand.power_basis="it"',
        f'horizon.first_quarter="{YEAR}Q1"', f'horizon.last_quarter="{YEAR}Q4"', f"horizon.long_run_until_year={YEAR}",
        "finance.real_discount_rate=0.0", f"energy.days={days}", "campus.max_sites=1", "campus.max_region_share=1.0",
        "campus.max_market_share=1.0", f"campus.max_campus_mw={IT_MW:g}", "campus.max_halls_per_quarter=40",
        "connection.menu=false", "grid.network=false", "flexibility.max_curtailment_fraction=0.0",
        "tariffs.charge=false", 'supply.contracts=["physical"]', 'supply.onsite=["battery"]', "supply.screen=false",
        "supply.most_contracted_share=10.0", f"carbon.hourly_share={{ {YEAR} = {share} }}",
        f'data.tables_dir="{tables}"',
        "solve.gap=0.0000001",
    ])  # fmt: skip
    world = build_world(case)
    for name, value in (("headroom", CONNECTED_MW), ("site_lead_quarters", 0.0), ("capacity_charge", 0.0)):
        world[name] = xr.full_like(world[name], value)
    world["own_most"] = xr.full_like(world["own_most"], 5000.0)
    return case, world


def solved(share: float, days: int, tables: Path) -> tuple[dict[str, float], Case, xr.Dataset]:
    """Return the point of one share: what power costs and what is contracted and built; the case and its plan."""
    case, world = site(share, days, tables)
    plan = plan_case(case, world, {}, Log(None)).plan
    used = float((plan["halls"].isel(quarter=-1) * case.campus.hall_mw).sum()) * case.demand.utilization_fraction
    mwh = used * float((_pue(plan) * plan["slice_weight"].values).sum())
    usd = sum(float(plan[f"cost_{term}"].sum()) for term in COSTS)
    mw = dict(zip((name.partition("@")[0] for name in plan["ppa"].values.tolist()), plan["ppa_mw"].values, strict=True))
    point = {"share": share, "usd_per_mwh": usd / mwh, "million_usd": usd / 1e6}
    point |= {f"{name}_mw": float(mw[name]) for name, *_ in OFFERS}
    point["battery_mw"] = float(plan["own_mw"].isel(quarter=-1).sum())
    point["battery_mwh"] = float(plan["store_capacity"].isel(quarter=-1).sum())
    return point, case, plan


def _pue(plan: xr.Dataset) -> Any:
    return plan["pue"].values[0][plan["slice_season"].values.astype(int) - 1]


def pypsa_cost(case: Case, plan: xr.Dataset, share: float) -> float:
    """Return what power costs in the same problem, written as a PyPSA network [million USD]."""
    n = pypsa_network(case, plan, share)
    status, condition = n.optimize.solve_model(solver_name="highs")
    if (status, condition) != ("ok", "optimal"):
        raise RuntimeError(f"PyPSA ended {status}, {condition}")
    return float(n.objective + n.objective_constant) / 1e6


def pypsa_network(case: Case, plan: xr.Dataset, share: float) -> Any:
    """Return the same problem as a PyPSA network with its linopy model, from the inputs that a plan or world holds.

    Every representative day is an investment period of its own, over which the battery's charge is cyclic; its energy
    is a store apart from the links that charge and discharge it.
    """
    import pypsa  # noqa: PLC0415 -- an optional extra, for this comparison alone

    n = pypsa.Network()
    day, hour = plan["slice_day"].values.astype(int) + 1, plan["slice_hour"].values.astype(int)
    n.set_snapshots(pd.MultiIndex.from_arrays([day, hour], names=["period", "timestep"]))
    n.investment_periods = sorted(set(day.tolist()))
    n.investment_period_weightings["objective"] = 1.0
    weight, count = plan["slice_weight"].values, len(n.investment_periods)
    n.snapshot_weightings["objective"] = weight
    n.snapshot_weightings[["stores", "generators"]] = 1.0  # hours of a day, for the battery

    def series(values: Any) -> pd.Series:
        return pd.Series(np.asarray(values, dtype=float), index=n.snapshots)

    price, loss = plan["price"].values[0, 0], float(plan["loss"].values[0])
    for bus in ("hub", "site", *(f"project {name}" for name, *_ in OFFERS)):
        n.add("Bus", bus)
    load = IT_MW * case.demand.utilization_fraction * _pue(plan)
    n.add("Load", "campus", bus="site", p_set=series(load))
    most = (1 + loss) * CONNECTED_MW
    n.add("Generator", "market", bus="hub", p_nom=most, marginal_cost=series(price))
    rider = float(plan["delivery_rider"].values[0]) / (1 + loss)
    n.add("Link", "delivery", bus0="hub", bus1="site", p_nom=most, efficiency=1 / (1 + loss), marginal_cost=rider)
    for i, (name, *_rest) in enumerate(OFFERS):
        made, at_project = plan["ppa_production"].values[i, 0], plan["ppa_price"].values[i, 0]
        strike = float(plan["ppa_strike"].values[i, 0, 0])
        n.add(
            "Generator", name, bus=f"project {name}", p_nom_extendable=True, p_nom_max=5000.0, p_max_pu=series(made),
            p_min_pu=series(made), capital_cost=strike * float(made @ weight) / count,
        )  # fmt: skip
        n.add("Link", f"{name} to hub", bus0=f"project {name}", bus1="hub", p_nom=5000.0,
              marginal_cost=float(plan["ppa_basis"].values[i]))  # fmt: skip
        sale = np.maximum(0.0, at_project - case.supply.sale_margin_usd_per_mwh)
        n.add("Generator", f"{name} sold", bus=f"project {name}", sign=-1, p_nom=5000.0, marginal_cost=series(-sale))
    _add_battery(n, case, plan, count)
    n.optimize.create_model(multi_investment_periods=True)
    _ask_battery(n, plan)
    _ask_matching(n, plan, load * weight, share)
    return n


def _add_battery(n: Any, case: Case, plan: xr.Dataset, count: int) -> None:
    """Add the battery: stores and links, a part for every calendar quarter; each is paid from then on."""
    quarters, life = len(case.quarters), float(plan["own_life"].values[0])
    there, one_way = float(plan["store_available"].values[0]), float(plan["store_efficiency"].values[0])
    season = plan["slice_season"].values.astype(int) - 1
    n.add("Bus", "battery")
    for q in range(quarters):
        paid = (1 - float(plan["own_credit"].values[0, q])) / (4 * life) * quarters
        since = {"build_year": 1 + q * count // quarters, "lifetime": np.inf}
        power = {"p_nom_extendable": True, "p_nom_max": 5000.0, "p_max_pu": there, "efficiency": one_way, **since}
        n.add(
            "Link", f"charge {q + 1}", bus0="site", bus1="battery", **power,
            capital_cost=(paid * float(plan["own_cost"].values[0]) + float(plan["own_fixed"].values[0])) / count,
        )  # fmt: skip
        n.add("Link", f"discharge {q + 1}", bus0="battery", bus1="site", **power,
              marginal_cost=float(plan["store_wear"].values[0]) * one_way)  # fmt: skip
        usable = pd.Series(there * plan["store_left"].values[0, q, 0, season], index=n.snapshots)
        n.add(
            "Store", f"energy {q + 1}", bus="battery", e_nom_extendable=True, e_max_pu=usable,
            e_cyclic_per_period=True, **since,
            capital_cost=(paid * float(plan["store_cost"].values[0]) + float(plan["store_fixed"].values[0])) / count,
        )  # fmt: skip


def _ask_battery(n: Any, plan: xr.Dataset) -> None:
    """Ask that a battery give what it takes, losses aside, and have the hours that the table allows."""
    power, energy, one_way = n.model["Link-p_nom"], n.model["Store-e_nom"], float(plan["store_efficiency"].values[0])
    least, most = (float(plan[f"store_{k}_hours"].values[0]) for k in ("least", "most"))
    mw = mwh = 0.0
    for q in range(1, plan.sizes["quarter"] + 1):
        new = power.loc[f"charge {q}"]
        n.model.add_constraints(one_way * power.loc[f"discharge {q}"] - new == 0, name=f"both ways {q}")
        mw, mwh = mw + new, mwh + energy.loc[f"energy {q}"]
        n.model.add_constraints(mwh - least * mw >= 0, name=f"least energy {q}")
        n.model.add_constraints(mwh - most * mw <= 0, name=f"most energy {q}")


def _ask_matching(n: Any, plan: xr.Dataset, load_mwh: Any, share: float) -> None:
    """Ask that what carbon-free power leaves of the load, hour by hour, be no more than the rest."""
    model, weight = n.model, plan["slice_weight"].values
    clean = sum(model["Generator-p_nom"].loc[name] * xr.DataArray(
        plan["ppa_production"].values[i, 0], coords={"snapshot": n.snapshots}, dims="snapshot")
        for i, (name, *_) in enumerate(OFFERS))  # fmt: skip
    way, parts = model["Link-p"], range(1, plan.sizes["quarter"] + 1)
    given, taken = (way.loc[:, [f"{word} {q}" for q in parts]].sum("name") for word in ("discharge", "charge"))
    stored = float(plan["store_efficiency"].values[0]) * given - taken
    left = model.add_variables(lower=0, coords=[n.snapshots], name="left")
    load = xr.DataArray(load_mwh / weight, coords={"snapshot": n.snapshots}, dims="snapshot")
    model.add_constraints(left + clean + stored >= load, name="match")
    hours = xr.DataArray(weight, coords={"snapshot": n.snapshots}, dims="snapshot")
    model.add_constraints((left * hours).sum() <= (1 - share) * float(load_mwh.sum()), name="share")


def study(shares: Sequence[float], days: int, *, compare: bool) -> pd.DataFrame:
    """Return one row per share; with ``compare`` also PyPSA's cost and the relative difference."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_offers(Path(folder))
        for share in shares:
            point, case, plan = solved(share, days, Path(folder))
            if compare:
                point["pypsa_million_usd"] = pypsa_cost(case, plan, share)
                point["difference"] = abs(point["million_usd"] / point["pypsa_million_usd"] - 1)
            rows.append(point)
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw the cost curve, and below it what is contracted and built."""
    with look():
        figure = new_figure(6.4, 5.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        percent = 100 * table["share"]
        upper.plot(percent, table["usd_per_mwh"], color=INK, marker="o", markersize=4, linewidth=1.6)
        for x, y in zip(percent, table["usd_per_mwh"], strict=True):
            upper.annotate(f"{y:.0f}", (x, y), xytext=(-3, 7), textcoords="offset points", ha="right", color=INK)
        upper.set_ylabel("USD per MWh used")
        upper.set_ylim(0.9 * float(table["usd_per_mwh"].min()), 1.08 * float(table["usd_per_mwh"].max()))
        upper.set_title("What matching a site around the clock costs", loc="left", color=INK, fontsize=11)
        named = {"wind_mw": "Wind", "sun_mw": "Solar", "firm_mw": "Firm clean", "battery_mw": "Battery"}
        for (column, label), color in zip(named.items(), REGION_COLORS[1:], strict=False):
            lower.plot(percent, table[column], color=color, marker="o", markersize=3, linewidth=1.4, label=label)
        lower.set_ylabel("MW for 100 MW of IT")
        lower.set_xticks(percent, [f"{x:g}" for x in percent])
        lower.set_xlabel("Load matched in the same hour, %")
        lower.legend(frameon=False, ncols=4, loc="upper left", labelcolor=MUTED)
        lower.set_ylim(0, 1.35 * float(table[list(named)].to_numpy().max()))
        for axes in (upper, lower):
            axes.grid(axis="y", color=FAINT, linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        save(figure, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Solve, compare, print, draw; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shares", type=float, nargs="+", default=list(SHARES), help="shares of the load, 0 to 1")
    parser.add_argument("--days", type=int, default=24, help="representative days of the year, a multiple of 4")
    parser.add_argument("--pypsa", action="store_true", help="solve the same with PyPSA (pip install '.[pypsa]')")
    parser.add_argument("--out", type=Path, help="folder for the table")
    parser.add_argument("--picture", type=Path, help="PNG or SVG of the cost curve")
    asked = parser.parse_args(arguments)
    try:
        table = study(asked.shares, asked.days, compare=asked.pypsa)
    except GridOptError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(table.round(6).to_string(index=False))
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        write_text(asked.out / "hourly_matching.csv", table.to_csv(index=False, lineterminator="\n"))
    if asked.picture is not None:
        draw(table, asked.picture)
    if asked.pypsa and float(table["difference"].max()) > AGREE:
        print(f"error: PyPSA's costs differ by more than {AGREE:g}", file=sys.stderr)
        return int(ExitCode.VERIFICATION_FAILED)
    return int(ExitCode.DONE)


if __name__ == "__main__":
    sys.exit(main())
