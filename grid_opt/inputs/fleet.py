"""Turn the definitions of a fleet and of its services into the arrays of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from grid_opt.compute.definitions import (
    Accelerator,
    FleetOffer,
    ServiceDemand,
    Workload,
    definition_path,
    load_accelerator,
    load_fleet,
    load_service,
    load_workload,
)
from grid_opt.compute.fleets import in_force
from grid_opt.compute.operating import fastest
from grid_opt.compute.power import power_of
from grid_opt.compute.services import HOURS_OF_DAY, ServiceClass
from grid_opt.compute.serving import FIT_FIELD, Serving, serve
from grid_opt.config import Case, quarter_ordinal
from grid_opt.errors import InputError
from grid_opt.inputs.schema_fleet import FLEET
from grid_opt.units import KW_PER_MW, QUARTERS_PER_YEAR, USD_PER_MUSD

Floats = NDArray[np.float64]
BLOCK_START_UTC = 5
"""Hour of the day, UTC, at which the first block begins: midnight Eastern Standard Time."""


@dataclass(frozen=True)
class Offer:
    """The definitions that a case with a fleet names, read and checked against each other."""

    case: Case
    fleet: FleetOffer
    services: ServiceDemand
    machines: dict[str, Accelerator]
    workloads: dict[str, Workload]
    base: Path

    @classmethod
    def of(cls, case: Case) -> Offer:
        """Read what the case names.

        Raises :class:`InputError` naming file and field of a definition that is missing or not sound.
        """
        base = case.resolve(".")
        fleet, services = load_fleet(case.fleet.members, base), load_service(case.service.classes, base)
        machines = {name: load_accelerator(name, base) for name in fleet.members}
        workloads = {one.workload: load_workload(one.workload, base) for one in services.classes.values()}
        offer = cls(case, fleet, services, machines, workloads, base)
        offer._check_names()
        return offer

    def _check_names(self) -> None:
        vendors = {machine.vendor for machine in self.machines.values()}
        file = definition_path("fleet", self.case.fleet.members, self.base)
        for vendor in self.fleet.vendors:
            if vendor not in vendors:
                raise InputError(
                    "no accelerator of this fleet is by this vendor",
                    file=file,
                    field=f"vendors.{vendor}",
                    expected=f"one of {', '.join(sorted(vendors))}",
                )
        for knob, given in (("price_scale", self.case.fleet.price_scale),
                            ("throughput_scale", self.case.fleet.throughput_scale)):  # fmt: skip
            for name in given:
                if name not in self.machines:
                    raise InputError(
                        "no such accelerator in the fleet",
                        file=self.case.source,
                        row=self.case.row(f"fleet.{knob}.{name}"),
                        field=f"fleet.{knob}.{name}",
                        expected=f"one of {', '.join(self.machines)}",
                    )

    def pool(self, name: str) -> str:
        """Return the accelerator of this fleet that prefills for another, or an empty text."""
        machine = self.machines[name]
        helper = machine.engine.prefill_pool if machine.kind == "wafer" and machine.engine else ""
        return helper if helper in self.machines else ""

    @cached_property
    def serving(self) -> dict[tuple[str, str, int], Serving]:
        """What a system of each accelerator serves of each class in each operating year.

        Raises :class:`InputError` where no accelerator of the fleet serves a class at all.
        """
        found = {}
        for kind, one in self.services.classes.items():
            for name, machine in self.machines.items():
                for year in self.case.years:
                    found[name, kind, year] = serve(
                        machine, self.workloads[one.workload], one.tok_s_user, year,
                        pool=bool(self.pool(name)), base=self.base,
                    )  # fmt: skip
            if not any(found[name, kind, year].tokens_per_s for name in self.machines for year in self.case.years):
                raise self._unserved(kind, one)
        return found

    def _unserved(self, kind: str, one: ServiceClass) -> InputError:
        file = definition_path("service", self.case.service.classes, self.base)
        speeds = {}
        for name, machine in self.machines.items():
            try:
                speeds[name] = fastest(machine, self.workloads[one.workload], base=self.base)
            except InputError as error:
                if error.field != FIT_FIELD:
                    raise
        if not speeds:
            return InputError(
                f"the workload {one.workload} fits on no accelerator of the fleet", file=file,
                field=f"classes.{kind}.workload", value=one.workload, expected="a model that some system holds",
            )  # fmt: skip
        best = max(speeds, key=lambda name: speeds[name])
        return InputError(
            "no accelerator of the fleet reaches this speed",
            file=file,
            field=f"classes.{kind}.tok_s_user",
            value=one.tok_s_user,
            expected=f"at most {speeds[best]:,.0f} tokens/s per user, which {best} gives a single user in 2026",
        )


def fleet_world(case: Case, world: xr.Dataset) -> xr.Dataset:
    """Return the world with the arrays of :mod:`grid_opt.inputs.schema_fleet`.

    Raises :class:`InputError` as :meth:`Offer.of` and :attr:`Offer.serving` do.
    """
    offer = Offer.of(case)
    streams = _streams(offer, world)
    parts: dict[str, Any] = {
        **_system_arrays(offer),
        **_yield_arrays(offer),
        **_class_arrays(offer),
        **_stream_arrays(offer, streams),
        **_block_arrays(case, world),
        **_software_arrays(offer),
        "rtt": _round_trips(offer, world),
        "user_share": [users.share for users in offer.services.users.values()],
        "stream_reach": [[float(r in stream.reach) for r in world["region"].values.tolist()] for stream in streams],
    }
    machines = list(offer.machines)
    coords = {
        "accelerator": machines,
        "beside": machines,
        "lost": world["region"].values.tolist(),
        "class": list(offer.services.classes),
        "stream": [stream.name for stream in streams],
        "user": list(offer.services.users),
        "block": block_labels(case.service.load_blocks),
        "software": list(offer.fleet.software),
        "vintage": list(case.quarters),
        "vendor": _vendors(offer),
    }
    found = world.assign_coords(coords).assign({n: (FLEET[n].dims, np.asarray(v)) for n, v in parts.items()})
    for name, array in FLEET.items():
        found[name].attrs = {"units": array.unit, "long_name": array.meaning}
    return found


def _vendors(offer: Offer) -> list[str]:
    return list(dict.fromkeys(machine.vendor for machine in offer.machines.values()))


def _system_arrays(offer: Offer) -> dict[str, Any]:
    case, fleet = offer.case, offer.fleet
    power = {name: power_of(machine) for name, machine in offer.machines.items()}
    members = list(fleet.members.values())
    scale = case.fleet.delivery_scale
    return {
        "accelerator_title": [machine.title for machine in offer.machines.values()],
        "accelerator_vendor": [machine.vendor for machine in offer.machines.values()],
        "accelerator_software": [member.software for member in members],
        "accelerator_pool": [offer.pool(name) for name in offer.machines],
        "system_mw": [one.it_kw / KW_PER_MW for one in power.values()],
        "system_idle_mw": [one.idle_kw / KW_PER_MW for one in power.values()],
        "system_full_mw": [one.load_kw / KW_PER_MW for one in power.values()],
        "system_life": [_life_quarters(machine) for machine in offer.machines.values()],
        "system_decline": [member.price_decline.value for member in members],
        "system_price": [[_price(offer, name, q) for q in case.quarters] for name in offer.machines],
        "system_racks": [member.racks.value for member in members],
        "system_liquid": [member.liquid_share for member in members],
        "deliveries_most": [[scale * in_force(m.deliveries, q) for q in case.quarters] for m in members],
        "deliveries_least": [[scale * in_force(m.take_or_pay, q) for q in case.quarters] for m in members],
        "co_siting": _co_siting(offer),
        "vendor_least": [fleet.vendors[v].least_share if v in fleet.vendors else 0.0 for v in _vendors(offer)],
        "vendor_most": [fleet.vendors[v].most_share if v in fleet.vendors else 1.0 for v in _vendors(offer)],
    }


def _life_quarters(machine: Accelerator) -> float:
    return float(max(1, round(QUARTERS_PER_YEAR * machine.life_years.value)))


def _price(offer: Offer, name: str, quarter: str) -> float:
    """Return the price of a system [USD] in a quarter: falling from the start of the year that the files are of."""
    fall = 1.0 - offer.fleet.members[name].price_decline.value
    years = (quarter_ordinal(quarter) - quarter_ordinal(f"{offer.fleet.price_year}Q1")) / QUARTERS_PER_YEAR
    scale = offer.case.fleet.price_scale.get(name, 1.0)
    return float(USD_PER_MUSD * scale * offer.machines[name].price_musd.value * fall**years)


def _co_siting(offer: Offer) -> Floats:
    names = list(offer.machines)
    ratio = np.zeros((len(names), len(names)))
    for rule in offer.fleet.co_siting:
        ratio[names.index(rule.system), names.index(rule.needs)] += rule.per_system
    return ratio


def _yield_arrays(offer: Offer) -> dict[str, Any]:
    classes, years, scale = list(offer.services.classes), offer.case.years, offer.case.fleet.throughput_scale

    def each(figure: Any) -> list[Any]:
        return [[[figure(name, offer.serving[name, c, y]) for y in years] for c in classes] for name in offer.machines]

    # The pool prefills for what comes out: it scales with the output of the system that it serves.
    return {
        "tokens_per_system": each(lambda name, one: scale.get(name, 1.0) * one.tokens_per_s),
        "system_busy_mw": each(lambda _, one: one.busy_kw / KW_PER_MW),
        "pool_systems": each(lambda name, one: scale.get(name, 1.0) * one.pool_systems),
    }


def _class_arrays(offer: Offer) -> dict[str, Any]:
    classes, case = offer.services.classes.values(), offer.case
    return {
        "class_title": [one.title for one in classes],
        "class_floor": [one.tok_s_user for one in classes],
        "class_latency": [one.latency_ms for one in classes],
        "class_protected": [float(one.protected) for one in classes],
        "class_deferrable": [one.deferrable_share for one in classes],
        "class_penalty": [one.penalty_usd_per_mtok for one in classes],
        "class_worth": [[_worth(case, one, year) for year in case.years] for one in classes],
    }


def _worth(case: Case, one: ServiceClass, year: int) -> float:
    """Return what a million tokens are worth [USD]; in the long-run year, the mean of its years by present value."""
    rate = case.finance.real_discount_rate
    weights = {y: (1.0 + rate) ** (year - y) for y in case.represented_years(year)}
    mean = sum(weight * one.worth(y) for y, weight in weights.items()) / sum(weights.values())
    return case.service.value_scale * mean


@dataclass(frozen=True)
class Stream:
    """Requests of one class from users that the same regions can serve."""

    name: str
    kind: str
    users: tuple[str, ...]
    reach: frozenset[str]


def _streams(offer: Offer, world: xr.Dataset) -> list[Stream]:
    """Put users together whom the same regions can serve: the routing of their requests is the same choice."""
    trips, regions = _round_trips(offer, world), world["region"].values.tolist()
    found = []
    for kind, one in offer.services.classes.items():
        groups: dict[frozenset[str], list[str]] = {}
        for user, row in zip(offer.services.users, trips, strict=True):
            reach = frozenset(r for r, ms in zip(regions, row, strict=True) if ms <= one.latency_ms)
            groups.setdefault(reach, []).append(user)
        for number, (reach, users) in enumerate(groups.items(), start=1):
            name = kind if len(groups) == 1 else f"{kind}-{number}"
            found.append(Stream(name, kind, tuple(users), reach))
    return found


def _round_trips(offer: Offer, world: xr.Dataset) -> list[list[float]]:
    zones = world["zone"].values.tolist()
    places = [(float(world["zone_lat"][i]), float(world["zone_lon"][i]))
              for i in (zones.index(region) for region in world["region"].values.tolist())]  # fmt: skip
    net = offer.services.net
    return [[net.round_trip_ms(users, lat, lon) for lat, lon in places] for users in offer.services.users.values()]


def _stream_arrays(offer: Offer, streams: list[Stream]) -> dict[str, Any]:
    case, classes = offer.case, offer.services.classes
    demand, peak = [], []
    for stream in streams:
        one = classes[stream.kind]
        hourly = _day_utc(offer, stream)
        blocks = np.array([hourly[hours] for hours in block_of_hours(case.service.load_blocks)])
        mean = blocks.mean(axis=1)
        daily = np.array([case.service.demand_scale * in_force(one.tok_s, q) for q in case.quarters])
        demand.append(daily[:, None] * mean)
        busiest = np.divide(blocks.max(axis=1), mean, out=np.ones_like(mean), where=mean > 0)
        peak.append(1.0 + (busiest - 1.0) * (1.0 - one.deferrable_share))
    return {
        "stream_class": [stream.kind for stream in streams],
        "stream_users": [", ".join(stream.users) for stream in streams],
        "stream_demand": demand,
        "stream_peak": peak,
    }


def _day_utc(offer: Offer, stream: Stream) -> Floats:
    """Return by hour of the day, UTC, the stream's demand relative to the mean demand of its whole class [1]."""
    day = np.array(offer.services.classes[stream.kind].day)
    parts = [offer.services.users[name] for name in stream.users]
    local = day / day.mean()
    # local hour h is UTC hour h - offset
    shifted = [users.share * np.roll(local, -users.utc_offset_hours) for users in parts]
    return np.asarray(np.sum(shifted, axis=0))


def block_of_hours(blocks: int) -> list[list[int]]:
    """Return the hours of the day, UTC, of every block."""
    length = HOURS_OF_DAY // blocks
    return [[(BLOCK_START_UTC + b * length + h) % HOURS_OF_DAY for h in range(length)] for b in range(blocks)]


def block_labels(blocks: int) -> list[str]:
    """Name the blocks by their hours, Eastern Standard Time, such as ``08-16``."""
    length = HOURS_OF_DAY // blocks
    return [f"{b * length:02d}-{(b + 1) * length:02d}" for b in range(blocks)]


def _block_arrays(case: Case, world: xr.Dataset) -> dict[str, Any]:
    number = {hour: b for b, hours in enumerate(block_of_hours(case.service.load_blocks)) for hour in hours}
    of_slice = np.array([number[int(hour)] for hour in world["slice_hour"].values])
    weight, season = world["slice_weight"].values, world["slice_season"].values
    hours = [[weight[(season == c) & (of_slice == b)].sum() for b in range(case.service.load_blocks)]
             for c in world["season"].values]  # fmt: skip
    return {"slice_block": of_slice.astype(float), "block_hours": hours}


def _software_arrays(offer: Offer) -> dict[str, Any]:
    quarters = offer.case.quarters
    stacks = offer.fleet.software.values()
    return {
        "porting_cost": [stack.porting_musd for stack in stacks],
        "software_ready": [
            [[stack.ready(quarter_ordinal(q) - quarter_ordinal(v)) for q in quarters] for v in quarters]
            for stack in stacks
        ],
    }


def definition_files(case: Case) -> Mapping[str, Path]:
    """Return the files that define the fleet of a case, by a name of kind and reference."""
    base = case.resolve(".")
    fleet, services = load_fleet(case.fleet.members, base), load_service(case.service.classes, base)
    found = {
        "fleet": definition_path("fleet", case.fleet.members, base),
        "service": definition_path("service", case.service.classes, base),
    }
    for name in fleet.members:
        found[f"accelerator {name}"] = definition_path("accelerator", name, base)
    for one in services.classes.values():
        found[f"workload {one.workload}"] = definition_path("workload", one.workload, base)
    return found
