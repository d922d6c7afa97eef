"""The types of single fields of a definition: quarters, zone ids, sums of money by year, how sure a figure is."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from grid_opt.config.knobs import KnobError
from grid_opt.config.quarters import parse_quarter


def _checked_quarter(value: str) -> str:
    try:
        parse_quarter(value)
    except ValueError:
        raise KnobError("not a calendar quarter", value=value, expected="a quarter written like 2026Q1") from None
    return value


def integer_keys(value: Any) -> Any:
    """Read TOML's text keys ``2026 = 900`` as years; anything else is left for the type check to refuse."""
    if not isinstance(value, dict):
        return value
    return {int(k) if isinstance(k, str) and k.isascii() and k.isdigit() else k: v for k, v in value.items()}


def refuse_spoiled_zones(zones: Any) -> Any:
    """Refuse missing values and repetitions before the type check, whose complaints would hide them."""
    if not isinstance(zones, list | tuple):
        return zones
    for zone in zones:
        if not isinstance(zone, str):
            raise KnobError("a zone id is text", value=zone, expected="zone ids such as TX_N or OH_S (data/zones.csv)")
        if zone.strip().upper() in {"NA", "N/A", "NAN", "NULL", "NONE", ""}:
            raise KnobError(
                f"{zone!r} is how spreadsheets write a missing value, not a region",
                value=zone,
                expected="zone ids such as TX_N or OH_S (data/zones.csv)",
                fix="write the id of the zone that is meant, or remove it",
            )
    repeated = [zone for zone, count in Counter(zones).items() if count > 1]
    if repeated:
        raise KnobError(
            f"region {repeated[0]} is named more than once",
            value=repeated[0],
            expected="each region once",
            fix="remove one of them",
        )
    return zones


Quarter = Annotated[str, AfterValidator(_checked_quarter)]
ZoneId = Annotated[str, Field(max_length=24)]
ZoneIds = Annotated[tuple[ZoneId, ...], Field(strict=False), BeforeValidator(refuse_spoiled_zones)]
Certainty = Literal["H", "M", "L"]
DATE = r"^\d{4}(-\d{2})?$"
NonNegative = Annotated[float, Field(ge=0, le=1e6)]
FactorByName = dict[Annotated[str, Field(min_length=1, max_length=64)], Annotated[float, Field(gt=0, le=1000)]]
MoneyByYear = Annotated[dict[int, NonNegative], BeforeValidator(integer_keys)]
