"""Read a plan into the plain tables that maps, GeoPackages and CSV files show, units in every column name."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.config import Case, case_from_toml
from grid_opt.inputs.offers import most_hosted
from grid_opt.plan.schema import COSTS, FLEET_COSTS, MENU_COSTS, NODAL_COSTS, UPGRADE_COSTS, VALUE_COSTS
from grid_opt.plan.schema_footprint import FOOTPRINT_COSTS
from grid_opt.plan.summary import BINDING_USD_PER_MW, BUILT_MW, cost_usd, power_bill, worth
from grid_opt.plan.supply_summary import hub_and_basis, supply_bill, used_mw
from grid_opt.units import USD_PER_MUSD

FULL_LINK = 0.999
"""Share of its limit from which a link counts as full."""


@functools.lru_cache(maxsize=8)
def _case(text: str) -> Case:
    return case_from_toml(text)


def case_of(plan: xr.Dataset) -> Case:
    """Return the case that the plan carries as text. Raises InputError when it cannot be read."""
    return _case(str(plan.attrs["case_toml"]))


def it_mw(plan: xr.Dataset) -> xr.DataArray:
    """Return the IT power in service through each quarter (region, quarter) [MW]."""
    return (plan["halls"] * case_of(plan).campus.hall_mw).transpose("region", "quarter")


def peak_draw_mw(plan: xr.Dataset) -> xr.DataArray:
    """Return what the grid must be ready to deliver: IT power in full use at the highest PUE (region, quarter) [MW]."""
    return (it_mw(plan) * plan["pue_peak"]).transpose("region", "quarter")


def counted_mw(plan: xr.Dataset) -> xr.DataArray:
    """Return the power that counts toward the tranche targets (region, quarter) [MW]."""
    return it_mw(plan) * case_of(plan).counted_per_it_mw


def hostable_mw(plan: xr.Dataset) -> pd.Series:
    """Return the IT power in whole halls that headroom and offers hold in the last quarter, by region [MW]."""
    hall_mw = case_of(plan).campus.hall_mw
    halls = (most_hosted(plan).isel(quarter=-1) / (plan["pue_peak"] * hall_mw)).values
    return pd.Series(np.floor(halls + 1e-9) * hall_mw, index=_ids(plan, "region"), dtype=float)


def opening(plan: xr.Dataset) -> pd.Series:
    """Return the first quarter with a hall in service, by region; empty text where nothing is built."""
    built = it_mw(plan).values > BUILT_MW
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    first = [quarters[int(row.argmax())] if row.any() else "" for row in built]
    return pd.Series(first, index=_ids(plan, "region"), dtype=object)


def price_year(plan: xr.Dataset, quarter: str | None = None) -> int:
    """Return the operating year of ``quarter`` (default: the last one)."""
    return int((quarter or last_quarter(plan))[:4])


def last_quarter(plan: xr.Dataset) -> str:
    """Return the label of the last quarter of the build-out, for example ``2028Q4``."""
    return str(plan["quarter"].values[-1])


def energy_price(plan: xr.Dataset) -> xr.DataArray:
    """Return the price of energy (region, year, slice) [USD/MWh]: wholesale, or at the bus of a network its own."""
    return plan["price"] if "price" in plan else plan["local_price"]


def wholesale_price(plan: xr.Dataset, year: int) -> pd.Series:
    """Return the mean wholesale price over the hours of ``year``, by region [USD/MWh]."""
    price = energy_price(plan).sel(year=year).weighted(plan["slice_weight"]).mean("slice")
    return pd.Series(price.values, index=_ids(plan, "region"), dtype=float)


def power_costs(plan: xr.Dataset) -> pd.DataFrame:
    """Return what power costs [million USD, present value] and its all-in price [USD/MWh], by region.

    The price is energy, rider, delivery, capacity and supply cost over the energy used, both discounted.
    """
    delivered = (used_mw(plan) * worth(plan, case_of(plan))).sum(["year", "slice"]).values
    cost = np.sum([usd.values for usd in power_bill(plan, case_of(plan)).values()], axis=0)
    price = np.divide(cost, delivered, out=np.full(len(cost), np.nan), where=delivered > 0)
    found = {"power_cost_musd": cost / USD_PER_MUSD, "all_in_price_usd_per_mwh": price}
    return pd.DataFrame(found, index=_ids(plan, "region"))


def built(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per region that is built in, as they open: name, market, when and how much; index ``region``."""
    frame = pd.DataFrame(
        {
            "name": _texts(plan["region_name"]),
            "market": _texts(plan["region_market"]),
            "opens": opening(plan).to_numpy(),
            "it_mw": it_mw(plan).values[:, -1],
            "counted_mw": counted_mw(plan).values[:, -1],
            "peak_draw_mw": peak_draw_mw(plan).values[:, -1],
        },
        index=_ids(plan, "region"),
    )
    found = frame[frame["it_mw"] > BUILT_MW]
    return found.sort_values(["opens", "it_mw"], ascending=[True, False], kind="stable")


def sites(plan: xr.Dataset) -> pd.DataFrame:
    """Return :func:`built` with IT power by quarter [MW], and at what cost [million USD]."""
    found, ids = built(plan), _ids(plan, "region")
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    by_quarter = pd.DataFrame(it_mw(plan).values, index=ids, columns=[f"it_mw_{q.lower()}" for q in quarters])
    regional = {term: cost_usd(plan, term) for term in cost_terms(plan) if "region" in plan[f"cost_{term}"].dims}
    money = pd.DataFrame(
        {
            f"cost_{term}_musd": usd.sum([d for d in usd.dims if d != "region"]).values / USD_PER_MUSD
            for term, usd in regional.items()
        },
        index=ids,
    )
    if (beside := supply_bill(plan)) is not None:  # its terms are by contract and plant, but for what export earns
        money = money.drop(columns="cost_export_revenue_musd", errors="ignore")
        money["cost_sources_musd"] = beside.sel(region=ids.to_list()).values / USD_PER_MUSD
    money["cost_total_musd"] = money.sum(axis=1)
    more = pd.concat([by_quarter, money, power_costs(plan)["all_in_price_usd_per_mwh"]], axis=1)
    return pd.concat([found, more.loc[found.index]], axis=1)


def regions(plan: xr.Dataset, quarter: str | None = None) -> pd.DataFrame:
    """Return one row per zone of the network, with the facts of the candidate regions; index ``region``."""
    quarter = quarter or last_quarter(plan)
    year = price_year(plan, quarter)
    ids = _ids(plan, "region")
    now = peak_draw_mw(plan).sel(quarter=quarter).values
    headroom = most_hosted(plan).sel(quarter=quarter).values
    power_dual = _dual(plan, "dual_power").sel(year=year).weighted(plan["slice_weight"]).mean("slice").values
    facts = pd.DataFrame(
        {
            "opens": opening(plan).to_numpy(),
            "it_mw": it_mw(plan).sel(quarter=quarter).values,
            "peak_draw_mw": now,
            "wholesale_usd_per_mwh": wholesale_price(plan, year).to_numpy(),
            "headroom_mw": headroom,
            "headroom_left_mw": headroom - now,
            "hostable_it_mw": hostable_mw(plan).to_numpy(),
            "headroom_shadow_usd_per_mw": _dual(plan, "dual_headroom").sel(quarter=quarter).values,
            "power_shadow_usd_per_mwh": power_dual,
        },
        index=ids,
    )
    zones = pd.DataFrame(
        {
            "name": _texts(plan["zone_name"]),
            "market": _texts(plan["zone_market"]),
            "state": _texts(plan["zone_state"]),
            "interconnect": _texts(plan["zone_interconnect"]),
        },
        index=pd.Index(_texts(plan["zone"]), name="region"),
    )
    candidate = zones.index.isin(ids)
    zones["candidate"] = candidate.astype("int32")
    zones["chosen"] = zones.index.isin(ids[now > BUILT_MW]).astype("int32")
    return zones.join(facts).fillna({"opens": ""})


def links(plan: xr.Dataset, quarter: str | None = None) -> pd.DataFrame:
    """Return one row per link: limits for new flows, flow and utilization at the stress hours of ``quarter``.

    Flow is positive from ``from_zone`` to ``to_zone``; utilization is flow over the limit in its direction.
    A link binds when it is full and one more MW of limit would save money; a plan without that price says so
    of every full link.
    """
    frame = pd.DataFrame(
        {
            "from_zone": _texts(plan["link_from"]),
            "to_zone": _texts(plan["link_to"]),
            "kind": _texts(plan["link_kind"]),
        },
        index=pd.Index(_texts(plan["link"]), name="link"),
    )
    hours = _texts(plan["stress"])
    limits = {
        way: plan[f"link_{way}"].transpose("link", "stress").values for way in ("forward", "reverse", "base_flow")
    }
    for k, hour in enumerate(hours):
        frame[f"base_flow_{hour}_mw"] = limits["base_flow"][:, k]
        frame[f"limit_forward_{hour}_mw"], frame[f"limit_reverse_{hour}_mw"] = (
            limits[way][:, k] for way in ("forward", "reverse")
        )
    if "link_flow" not in plan:
        return frame.assign(tightest_hour="", flow_mw=0.0, utilization=0.0, binds=np.int32(0))
    quarter = quarter or last_quarter(plan)
    flows = plan["link_flow"].sel(quarter=quarter).transpose("link", "stress")
    use = _utilization(flows.values, limits["forward"], limits["reverse"])
    worth_more = _dual(plan, "dual_link").sel(quarter=quarter).transpose("link", "stress").values
    binds = (use >= FULL_LINK) & ~(worth_more <= BINDING_USD_PER_MW)
    for k, hour in enumerate(hours):
        frame[f"flow_{hour}_mw"] = flows.values[:, k]
        frame[f"utilization_{hour}"] = use[:, k]
        frame[f"shadow_{hour}_usd_per_mw"] = worth_more[:, k]
        frame[f"binds_{hour}"] = binds[:, k].astype("int32")
    tightest = (use + binds).argmax(axis=1)
    frame["tightest_hour"] = [hours[k] for k in tightest]
    frame["flow_mw"] = flows.values[np.arange(len(frame)), tightest]
    frame["utilization"] = use[np.arange(len(frame)), tightest]
    frame["binds"] = binds.any(axis=1).astype("int32")
    return frame


def link_flows(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per link and quarter: flow, utilization, worth and whether it binds at every stress hour."""
    kept = ("flow_", "utilization_", "shadow_", "binds_")
    parts = []
    for quarter in _texts(plan["quarter"]):
        table = links(plan, quarter)
        chosen = ["from_zone", "to_zone", *(name for name in table if str(name).startswith(kept) and name != "flow_mw")]
        parts.append(table[chosen].reset_index().assign(quarter=quarter))
    found = pd.concat(parts, ignore_index=True)
    found.insert(3, "quarter", found.pop("quarter"))
    return found


def tightest_hour(links: pd.DataFrame) -> str:
    """Return the stress hour at which most links bind, then the one of the higher mean use.

    ``links`` is a table of :func:`links`; without flows the answer is empty.
    """
    hours = [str(name).removeprefix("binds_") for name in links if str(name).startswith("binds_")]
    use = {hour: (links[f"binds_{hour}"].sum(), links[f"utilization_{hour}"].mean()) for hour in hours}
    return max(hours, key=lambda hour: use[hour], default="")


def _utilization(
    flow: np.ndarray[Any, Any], forward: np.ndarray[Any, Any], reverse: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    limit = np.where(flow >= 0, forward, reverse)
    share: np.ndarray[Any, Any] = np.divide(np.abs(flow), limit, out=np.zeros_like(flow), where=limit > 1e-9)
    return share


def build_out(plan: xr.Dataset) -> pd.DataFrame:
    """Return the cumulative build-out as a long table: one row per built region and quarter."""
    chosen = built(plan).index
    it, draw, headroom = it_mw(plan), peak_draw_mw(plan), most_hosted(plan).transpose("region", "quarter")
    index = pd.MultiIndex.from_product(
        [chosen, [str(quarter) for quarter in plan["quarter"].values]], names=["region", "quarter"]
    )
    pick = {"region": list(chosen)}
    return pd.DataFrame(
        {
            "halls": np.rint(plan["halls"].transpose("region", "quarter").sel(pick).values.ravel()).astype("int64"),
            "it_mw": it.sel(pick).values.ravel(),
            "counted_mw": counted_mw(plan).sel(pick).values.ravel(),
            "peak_draw_mw": draw.sel(pick).values.ravel(),
            "headroom_mw": headroom.sel(pick).values.ravel(),
        },
        index=index,
    ).reset_index()


def cost_terms(plan: xr.Dataset) -> list[str]:
    """Return the names of the cost terms that the plan carries: the known ones in their order, then others."""
    names = sorted(str(name).removeprefix("cost_") for name in plan.data_vars if str(name).startswith("cost_"))
    known = [*COSTS, *NODAL_COSTS, *MENU_COSTS, *UPGRADE_COSTS, *FOOTPRINT_COSTS, *FLEET_COSTS, *VALUE_COSTS]
    return [name for name in known if name in names] + [name for name in names if name not in known]


def costs(plan: xr.Dataset) -> pd.DataFrame:
    """Return every cost as a long table: region, item, term, period (quarter or year), present value [MUSD].

    A cost that belongs to no region has none; ``item`` then says which accelerator, software or requests it is for.
    """
    parts = []
    for term in cost_terms(plan):
        cost = (cost_usd(plan, term) / USD_PER_MUSD).rename("cost_musd")
        part = cost.reset_coords(drop=True).to_dataframe().reset_index()
        periods = [dim for dim in ("quarter", "year") if dim in cost.dims]
        items = [str(dim) for dim in cost.dims if dim not in ("region", "quarter", "year")]
        part["region"] = part["region"].astype(str) if "region" in cost.dims else ""
        part["item"] = functools.reduce(lambda a, b: a + " " + b, (part[d].astype(str) for d in items)) if items else ""
        part["period"] = part[periods[0]].astype(str) if periods else ""
        parts.append(part.assign(term=term)[["region", "item", "term", "period", "cost_musd"]])
    return pd.concat(parts, ignore_index=True)


def energy(plan: xr.Dataset) -> pd.DataFrame:
    """Return what each built region buys in each year of 8760 h, and at what mean price; how much of it is basis."""
    hours = plan["slice_weight"]
    chosen = list(built(plan).index)
    bought = (plan["purchase"] * hours).sum("slice").sel(region=chosen).transpose("region", "year")
    spent = (plan["purchase"] * energy_price(plan) * hours).sum("slice").sel(region=chosen).transpose("region", "year")
    cut = (plan["curtailment"] * hours).sum("slice").sel(region=chosen).transpose("region", "year")
    index = pd.MultiIndex.from_product([chosen, plan["year"].values.tolist()], names=["region", "year"])
    mwh, usd = bought.values.ravel(), spent.values.ravel()
    paid = np.divide(usd, mwh, out=np.full_like(mwh, np.nan), where=mwh > 0)
    found = {"purchase_mwh": mwh, "curtailed_it_mwh": cut.values.ravel(), "wholesale_paid_usd_per_mwh": paid}
    if "basis" in plan:
        above = hub_and_basis(plan)[1].sel(region=chosen).values.ravel()
        found["basis_paid_usd_per_mwh"] = np.divide(above, mwh, out=np.full_like(mwh, np.nan), where=mwh > 0)
    return pd.DataFrame(found, index=index).reset_index()


def prices(plan: xr.Dataset) -> pd.DataFrame:
    """Return the mean wholesale and shadow price of power by candidate region and year [USD/MWh]."""
    hours = plan["slice_weight"]
    wholesale = energy_price(plan).weighted(hours).mean("slice").transpose("region", "year")
    shadow = _dual(plan, "dual_power").weighted(hours).mean("slice").transpose("region", "year")
    index = pd.MultiIndex.from_product(
        [list(_ids(plan, "region")), plan["year"].values.tolist()], names=["region", "year"]
    )
    return pd.DataFrame(
        {
            "wholesale_usd_per_mwh": wholesale.values.ravel(),
            "power_shadow_usd_per_mwh": shadow.values.ravel(),
        },
        index=index,
    ).reset_index()


def sites_by_quarter(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per built region and quarter with MW in service: how much, how much is new, and when that is."""
    facts, table = built(plan)[["name", "market"]], build_out(plan)
    before = table.groupby("region")["it_mw"].shift(fill_value=0.0)
    periods = pd.PeriodIndex(table["quarter"], freq="Q")
    found = pd.DataFrame(
        {
            "region": table["region"],
            "name": table["region"].map(facts["name"]),
            "market": table["region"].map(facts["market"]),
            "quarter": table["quarter"],
            "it_mw": table["it_mw"],
            "added_it_mw": table["it_mw"] - before,
            "counted_mw": table["counted_mw"],
            "peak_draw_mw": table["peak_draw_mw"],
            "from_time": pd.DatetimeIndex(periods.start_time.to_numpy("datetime64[s]"), tz="UTC"),
            "until_time": pd.DatetimeIndex(periods.end_time.to_numpy("datetime64[s]"), tz="UTC"),
        }
    )
    return found[found["it_mw"] > BUILT_MW].reset_index(drop=True)


def headroom(plan: xr.Dataset) -> pd.DataFrame:
    """Return what headroom and offers hold, what is left, and what one MW more would save, by quarter; by region."""
    facts = {"name": _texts(plan["region_name"]), "market": _texts(plan["region_market"])}
    holds, draw = most_hosted(plan).transpose("region", "quarter"), peak_draw_mw(plan)
    worth = _dual(plan, "dual_headroom").transpose("region", "quarter")
    parts = {"headroom_mw": holds, "headroom_left_mw": holds - draw, "headroom_shadow_usd_per_mw": worth}
    found = {
        f"{name}_{str(quarter).lower()}": array.sel(quarter=quarter).values
        for name, array in parts.items()
        for quarter in plan["quarter"].values
    }
    return pd.DataFrame(facts | found, index=_ids(plan, "region"))


def prices_by_year(plan: xr.Dataset) -> pd.DataFrame:
    """Return mean and shadow price of energy by operating year, and the all-in price where built; by region."""
    facts = {"name": _texts(plan["region_name"]), "market": _texts(plan["region_market"])}
    shadow = _dual(plan, "dual_power").weighted(plan["slice_weight"]).mean("slice").transpose("region", "year")
    years = [int(year) for year in plan["year"].values]
    found = {f"wholesale_usd_per_mwh_{year}": wholesale_price(plan, year).to_numpy() for year in years}
    found |= {f"power_shadow_usd_per_mwh_{year}": shadow.sel(year=year).values for year in years}
    return pd.DataFrame(facts | found, index=_ids(plan, "region")).join(power_costs(plan)["all_in_price_usd_per_mwh"])


def _dual(plan: xr.Dataset, name: str) -> xr.DataArray:
    """Return a shadow price; not-a-number everywhere in a plan that has none."""
    if name in plan:
        return plan[name]
    like = {"dual_power": "purchase", "dual_headroom": "headroom", "dual_link": "link_flow"}[name]
    return xr.full_like(plan[like], np.nan, dtype=float)


def _ids(plan: xr.Dataset, dim: str) -> pd.Index[Any]:
    return pd.Index(_texts(plan[dim]), name=dim)


def _texts(array: xr.DataArray) -> list[str]:
    return [str(item) for item in array.values]
