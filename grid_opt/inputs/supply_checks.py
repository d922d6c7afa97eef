"""Check that the tables of contracts, blocks and technologies agree with the others and say what can be meant."""

from __future__ import annotations

from typing import Any

from grid_opt.config import quarter_ordinal
from grid_opt.config.sections_supply import STORES
from grid_opt.inputs.offer_checks import Tables, places, refusal, require_known, rows
from grid_opt.inputs.schema_supply import AS_PRODUCED, HUB

FUELLESS = ("solar", *STORES)
_NEEDED = ("least_storage_h", "most_storage_h", "usable_fraction", "round_trip_fraction")
_OF_STORES = ("usd_per_kwh", "fade_per_year", "fade_per_cycle", "usd_per_kwh_year", "accredited_h")
_OFFERS, _BLOCKS, _OWN = "ppa_offers", "forward_blocks", "onsite_technologies"


def check_supply(tables: Tables) -> None:
    """Refuse offers, blocks and technologies that do not fit together.

    Errors: InputError naming the file, the row, the field, the value, what was expected and how to mend it.
    """
    known, zones = places(tables), set(tables["zones"]["zone"])
    for number, row in rows(tables, _OFFERS):
        for token in row.deliverable_to.split():
            require_known(tables, _OFFERS, number, "deliverable_to", token.removeprefix("-"), known)
        require_known(tables, _OFFERS, number, "project_zone", row.project_zone, zones)
        _offer(tables, number, row)
    for number, row in rows(tables, _BLOCKS):
        for token in row.applies_to.split():
            require_known(tables, _BLOCKS, number, "applies_to", token.removeprefix("-"), known)
    for number, row in rows(tables, _OWN):
        for token in row.applies_to.split():
            require_known(tables, _OWN, number, "applies_to", token.removeprefix("-"), known)
        _technology(tables, number, row)
        _credit(tables, number, row)


def _offer(tables: Tables, number: int, row: Any) -> None:
    if quarter_ordinal(row.last_quarter) < quarter_ordinal(row.first_quarter):
        raise refusal(
            tables, _OFFERS, number, "last_quarter", row.last_quarter, "the offer ends before it begins",
            f"no earlier than first_quarter {row.first_quarter}", "correct one of them",
        )  # fmt: skip
    if row.most_mw > row.queue_mw:
        raise refusal(
            tables, _OFFERS, number, "most_mw", row.most_mw, "more is offered than waits to be connected in the zone",
            f"at most queue_mw {row.queue_mw:g}", "correct one of them, or clear queue_mw where the project stands",
        )  # fmt: skip
    if row.technology in AS_PRODUCED and row.capacity_factor > 0:
        raise refusal(
            tables, _OFFERS, number, "capacity_factor", row.capacity_factor,
            f"{row.technology} follows the weather of its zone", "0", "write 0, or name another technology",
        )  # fmt: skip
    if row.technology not in AS_PRODUCED and row.capacity_factor <= 0:
        raise refusal(
            tables, _OFFERS, number, "capacity_factor", row.capacity_factor,
            f"{row.technology} has a production of its own", "a share above 0", "give its mean production by nameplate",
        )  # fmt: skip
    if row.settlement == "physical" and row.settles_at == HUB:
        raise refusal(
            tables, _OFFERS, number, "settles_at", row.settles_at,
            "what a delivering project does not deliver is sold where it stands", "project",
            'write project, or set settlement to "financial"',
        )  # fmt: skip
    if row.settlement == "financial" and row.basis_usd_per_mwh > 0:
        raise refusal(
            tables, _OFFERS, number, "basis_usd_per_mwh", row.basis_usd_per_mwh,
            "nothing is delivered under a contract for differences", "0",
            'write 0, or set settlement to "physical"',
        )  # fmt: skip


def _technology(tables: Tables, number: int, row: Any) -> None:
    store = row.technology in STORES
    for field in (*_NEEDED, *_OF_STORES):
        value = getattr(row, field)
        if (store and field in _NEEDED and value <= 0) or (not store and value > 0):
            raise refusal(
                tables, _OWN, number, field, value,
                f"{row.technology} {'stores energy' if store else 'stores no energy'}",
                "above 0" if store else "0", "correct the value or the technology",
            )  # fmt: skip
    if store:
        _battery(tables, number, row)
    if row.technology in FUELLESS and row.mmbtu_per_mwh > 0:
        raise refusal(tables, _OWN, number, "mmbtu_per_mwh", row.mmbtu_per_mwh, f"{row.technology} burns no fuel", "0",
                      "write 0")  # fmt: skip
    if row.unit_mw > row.most_mw:
        raise refusal(tables, _OWN, number, "unit_mw", row.unit_mw, "not one unit fits",
                      f"at most most_mw {row.most_mw:g}", "correct one of them")  # fmt: skip


def _battery(tables: Tables, number: int, row: Any) -> None:
    if row.most_storage_h < row.least_storage_h:
        raise refusal(
            tables, _OWN, number, "most_storage_h", row.most_storage_h, "the most is below the least",
            f"at least least_storage_h {row.least_storage_h:g}", "correct one of them",
        )  # fmt: skip
    if row.fade_per_year * row.life_years >= 1:
        raise refusal(
            tables, _OWN, number, "fade_per_year", row.fade_per_year,
            f"nothing is left of the battery before the end of its life of {row.life_years:g} years",
            f"below {1 / row.life_years:.3g}", "correct the share, or shorten life_years",
        )  # fmt: skip


def _credit(tables: Tables, number: int, row: Any) -> None:
    first, last = row.credit_starts_from, row.credit_starts_by
    if first and last and quarter_ordinal(last) < quarter_ordinal(first):
        raise refusal(
            tables, _OWN, number, "credit_starts_by", last, "the credit ends before it begins",
            f"no earlier than credit_starts_from {first}", "correct one of them",
        )  # fmt: skip
    if row.credit_in_service_by and not last:
        raise refusal(
            tables, _OWN, number, "credit_in_service_by", row.credit_in_service_by,
            "a date of service saves a start that is late, and no start is", "empty where credit_starts_by is",
            "give credit_starts_by, or clear the cell",
        )  # fmt: skip
