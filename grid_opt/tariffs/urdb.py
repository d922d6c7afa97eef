"""Turn a rate of the OpenEI Utility Rate Database (its JSON form) into a tariff.

What a tariff cannot say is refused where the bill would be wrong without it (coincident-peak rates, tiers in kWh per
kW, demand per day or in kVA) and named in the notes where it would be incomplete (reactive power, net metering, free
text). A key that is not known is named too: nothing is dropped without a word.

Units: rates in USD/kWh and USD/kW become USD/MWh and USD/(kW month); a tier's ``max`` in kWh or kW becomes MWh or MW;
``rate`` and ``adj`` are added. Tiers of energy count within a period, as in the database.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grid_opt.config.reading import read_text, validate
from grid_opt.errors import InputError
from grid_opt.tariffs.schema import Tariff
from grid_opt.tariffs.urdb_dates import month_and_rest
from grid_opt.tariffs.urdb_schedule import Named, month_periods, rate_periods
from grid_opt.units import KW_PER_MW

_TOLD = {
    "label", "uri", "name", "utility", "eiaid", "approved", "is_default", "country", "source", "sourceparent", "sector",
    "supersedes", "revisions", "startdate", "enddate", "description", "voltagecategory", "phasewiring", "servicetype",
    "energyratestructure", "energyweekdayschedule", "energyweekendschedule", "fueladjustmentsmonthly", "demandrateunit",
    "demandratestructure", "demandweekdayschedule", "demandweekendschedule", "flatdemandstructure", "flatdemandmonths",
    "flatdemandunit", "demandratchetpercentage", "lookbackpercent", "lookbackrange", "lookbackmonths", "mincharge",
    "minchargeunits", "fixedchargefirstmeter", "fixedchargeunits", "demandunits", "peakkwcapacitymin",
    "peakkwcapacitymax", "demandwindow", "coincidentratestructure", "coincidentrateschedule", "coincidentrateunit",
    "latest_update",
}  # fmt: skip
"""Keys that are read, or that say nothing about the bill."""
_NAMED = {
    "demandreactivepowercharge": "reactive power is not billed",
    "fixedchargeeaaddl": "one meter is billed; the charge of each further one is left out",
    "usenetmetering": "power fed back is not billed",
    "dgrules": "power fed back is not billed",
    "energyattrs": "an attribute of the energy charge that no field stands for",
    "demandattrs": "an attribute of the demand charge that no field stands for",
    "fixedattrs": "an attribute of the fixed charge that no field stands for",
    "energycomments": "a comment that may change the bill; read it",
    "demandcomments": "a comment that may change the bill; read it",
    "basicinformationcomments": "a comment that may change the bill; read it",
    "peakkwcapacityhistory": "a condition of use that is not checked",
    "peakkwhusagemin": "a condition of use that is not checked",
    "peakkwhusagemax": "a condition of use that is not checked",
    "peakkwhusagehistory": "a condition of use that is not checked",
    "voltageminimum": "a condition of use that is not checked",
    "voltagemaximum": "a condition of use that is not checked",
}
_OPEN_KW = 9.9e5
_LOOK_BACK = 11


@dataclass
class _Record:
    """A rate as the database gives it, and what has been told of it so far."""

    file: Path
    values: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)

    def number(self, key: str) -> float:
        """Return a number; an absent one is 0."""
        value = self.values.get(key)
        if value in (None, ""):
            return 0.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.bad(key, "not a number", value, "a number")
        return float(value)

    def twelve(self, key: str, kind: type) -> list[Any]:
        """Return a value for every month; an absent list is empty."""
        values = self.values.get(key) or []
        right = isinstance(values, list) and len(values) in (0, 12)
        if not right or not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
            raise self.bad(key, "not a value for every month", values, f"12 values: {kind.__name__}")
        return list(values)

    def bad(self, key: str, problem: str, value: object, expected: str, fix: str | None = None) -> InputError:
        """Make an error that names the file and the key."""
        return InputError(problem, file=self.file, field=key, value=value, expected=expected, fix=fix)


def import_urdb(file: Path, *, name: str, timezone: str, market: str, first_month: str | None = None) -> Tariff:
    """Read a rate of the database and return it as a tariff whose notes name what it does not hold.

    The database has no time zones and no markets, so both are given. Raises :class:`InputError` where the file is no
    rate, or where its bill cannot be represented.
    """
    record = _read(file)
    _refuse_coincident(record)
    date, first, last = _dates(record, first_month)
    cited = {"source": _source(record), "certainty": "M", "date": date}
    named = Named(file, record.values, cited, record.notes)
    schedule: dict[str, Any] = {
        **cited,
        "title": str(record.values.get("name") or name),
        "first_month": first,
        **({"last_month": last} if last else {}),
        **_sizes(record),
        "energy": _energy(record, named),
        "demand": _demand(record, named, cited),
        "fixed": _fixed(record, cited),
        "minimum_bill": _minimum(record, cited),
    }
    _name_the_rest(record)
    values = {
        "name": name,
        "title": schedule["title"],
        "utility": str(record.values.get("utility") or "unknown"),
        "market": market,
        "timezone": timezone,
        "holidays": "none",
        "notes": "\n".join(record.notes),
        "schedules": {"imported": schedule},
    }
    return validate(Tariff, values, file=file)


def _read(file: Path) -> _Record:
    try:
        found = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", file=file, row=error.lineno, expected="a rate of OpenEI") from None
    items = found.get("items", [found]) if isinstance(found, dict) else found
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        count = len(items) if isinstance(items, list) else 0
        raise InputError(
            "not one rate", file=file, field="items", value=f"{count} rates", expected="a rate, or items with one in it"
        )
    return _Record(file, {str(key).lower(): value for key, value in items[0].items()})


def _source(record: _Record) -> str:
    label = record.values.get("label") or record.values.get("uri") or "no label"
    return f"OpenEI Utility Rate Database, {label}, as it is there"


def _refuse_coincident(record: _Record) -> None:
    structure = record.values.get("coincidentratestructure")
    if structure and not _nothing(structure):
        raise record.bad(
            "coincidentratestructure",
            "a coincident-peak rate whose peak hours the database does not give",
            None,
            "a rate without it",
            "write the charge by hand as schedules.NAME.coincident, with its peak hours",
        )


def _nothing(structure: object) -> bool:
    """Whether no rate of a structure is anything but 0."""
    if isinstance(structure, list):
        return all(_nothing(part) for part in structure)
    return isinstance(structure, dict) and not structure.get("rate") and not structure.get("adj")


def _dates(record: _Record, given: str | None) -> tuple[str, str, str | None]:
    """Return the date of the source, the first and the last month in force."""
    start, last = record.values.get("startdate"), None
    if given is None and not start:
        raise record.bad(
            "startdate",
            "no date from which the rate is in force",
            None,
            "seconds since 1970",
            "use --first-month 2026-01",
        )
    date = given or ""
    if start:
        date, day = month_and_rest(record.file, "startdate", start)
        if given is None and day > 1:
            record.notes.append(f"in force from day {day} of {date}; billed from the first")
    if record.values.get("enddate"):
        end, day = month_and_rest(record.file, "enddate", record.values["enddate"], day_before=True)
        last = end if given is None or end >= given else None
        record.notes.append(
            f"the database ends the rate on day {day} of {end}" + ("" if last else "; billed on after it")
        )
    return date, given or date, last


def _sizes(record: _Record) -> dict[str, float]:
    """Return the range of contract demand [MW]."""
    units = record.values.get("demandunits", "kW")
    least, most = record.number("peakkwcapacitymin"), record.number("peakkwcapacitymax")
    if (least or most) and units not in ("kW", None, ""):
        raise record.bad("demandunits", "sizes in another unit", units, "kW")
    sizes = {"from_mw": least / KW_PER_MW} if least else {}
    if 0 < most < _OPEN_KW:
        record.notes.append(f"serves up to {most:g} kW; a contract of exactly that is not served here")
        sizes["below_mw"] = most / KW_PER_MW
    return sizes


def _energy(record: _Record, named: Named) -> dict[str, Any]:
    found = {}
    if record.values.get("energyratestructure"):
        found["energy"] = {**named.cited, "periods": rate_periods(named, "energy")}
    if any(record.twelve("fueladjustmentsmonthly", float)):
        found["fuel_adjustment"] = {**named.cited, "periods": month_periods(named, "fueladjustmentsmonthly")}
    return found


def _demand(record: _Record, named: Named, cited: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if record.values.get("flatdemandstructure"):
        found["flat_demand"] = {**cited, "periods": rate_periods(named, "flatdemand")}
    if record.values.get("demandratestructure"):
        found["period_demand"] = {**cited, "periods": rate_periods(named, "demand")}
    ratchet = _ratchet(record, cited)
    if ratchet and not found:
        record.notes.append("a ratchet without a demand charge is left out")
    if ratchet and len(found) > 1:
        record.notes.append("the ratchet is applied to the flat and the period demand alike")
    for charge in found.values():
        if ratchet:
            charge["ratchet"] = ratchet
    window = record.number("demandwindow")
    if found and 0 < window < 60:
        record.notes.append(f"demand is metered over {window:g} minutes; of an hourly load it is understated")
    return found


def _ratchet(record: _Record, cited: Mapping[str, str]) -> dict[str, Any] | None:
    percentages = record.twelve("demandratchetpercentage", float)
    shares = {value / 100.0 if value > 1 else float(value) for value in percentages}
    share, back = max(shares, default=0.0), record.number("lookbackpercent")
    if len(shares) > 1:
        raise record.bad(
            "demandratchetpercentage", "a share that changes by month", percentages, "the same share in all months"
        )
    if share and back:
        raise record.bad("lookbackpercent", "two ratchets at once", back, "demandratchetpercentage or lookbackpercent")
    if share:
        record.notes.append(f"the ratchet looks back {_LOOK_BACK} months (ASSUMPTION: the database does not say)")
        return {**cited, "share": share, "lookback_months": _LOOK_BACK}
    months = [n + 1 for n, flag in enumerate(record.twelve("lookbackmonths", bool)) if flag]
    span = round(record.number("lookbackrange"))
    if not back or not (months or span):
        return None
    if months and span:
        raise record.bad("lookbackrange", "a range and months to look back to", span, "lookbackrange or lookbackmonths")
    ratchet = {**cited, "share": back / 100.0 if back > 1 else back, "lookback_months": span or _LOOK_BACK}
    return {**ratchet, "of_months": months} if months else ratchet


def _fixed(record: _Record, cited: Mapping[str, str]) -> dict[str, Any]:
    amount = record.number("fixedchargefirstmeter")
    unit = record.values.get("fixedchargeunits") or "$/month"
    return {"fixed": {**cited, **_by_time(record, "fixedchargeunits", amount, unit)}} if amount else {}


def _minimum(record: _Record, cited: Mapping[str, str]) -> dict[str, Any]:
    amount = record.number("mincharge")
    unit = record.values.get("minchargeunits") or "$/month"
    if amount and unit == "$/year":
        raise record.bad("minchargeunits", "a least bill of the whole year", unit, "$/month or $/day")
    return {"minimum": {**cited, **_by_time(record, "minchargeunits", amount, unit)}} if amount else {}


def _by_time(record: _Record, key: str, amount: float, unit: object) -> dict[str, float]:
    if unit == "$/month":
        return {"usd_per_month": amount}
    if unit == "$/year":
        return {"usd_per_month": amount / 12}
    if unit == "$/day":
        return {"usd_per_day": amount}
    raise record.bad(key, "not a unit of time", unit, "$/month, $/day or $/year")


def _name_the_rest(record: _Record) -> None:
    service = record.values.get("servicetype")
    if service not in (None, "", "Bundled"):
        record.notes.append(f"servicetype is {service}: the rest of the supply is billed elsewhere")
    for key, value in record.values.items():
        if key in _TOLD or value in (None, "", 0, False, [], {}):
            continue
        why = _NAMED.get(key, "not known here, and not read")
        text = value if isinstance(value, str) else json.dumps(value)
        record.notes.append(f"{key} ({' '.join(text.split())[:200]}): {why}")
