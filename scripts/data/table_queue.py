"""Bound what offers of new projects have left by the interconnection queue of their zone.

A project that is still to be built can be no larger than what the queue of its zone will have brought into service by
its first quarter, less what other buyers take of it:

    most_mw = min(size of the project, share of one buyer x completion of the technology x queue_mw)

The rows of ppa_offers.csv are typed; this gives them ``queue_mw``, what stands in the queue of the zone and technology
by the end of the year of the first quarter, and ``most_mw``. Projects that stand already, and portfolios, keep what is
typed.
"""

from __future__ import annotations

import csv

from shared_inputs import DATA, Row, SharedInputs, number

QUEUE = "queue/reeds_interconnection_queue_mw_z90.csv"

TYPED_MW: dict[str, float] = {
    "wind_tx_w": 200.0,
    "solar_tx_s": 200.0,
    "solar_tx_n_delivered": 150.0,
    "wind_ok": 200.0,
    "wind_tx_pan_delivered": 200.0,
    "wind_mn": 150.0,
    "solar_va": 150.0,
    "solar_ga": 150.0,
    "wind_wy": 200.0,
    "geothermal_nv": 50.0,
}
"""The size of each project that is still to be built [MW]. ASSUMPTION."""
COLUMN_OF = {"wind": "wind-ons", "solar": "pv", "geothermal": "geothermal"}
COMPLETED = {"wind": 0.20, "solar": 0.14, "geothermal": 0.14}
"""The share of requested capacity that comes into service, of requests of 2000 to 2018: solar 14 % (Berkeley Lab, told
by pv-tech.org). ASSUMPTION: wind 20 %, geothermal as solar."""
ONE_BUYER = 0.2
"""ASSUMPTION: one buyer signs a fifth of what is built in a zone, as it uses a fifth of what links leave free."""


def columns() -> list[str]:
    """Return the columns of ppa_offers.csv as it is."""
    return list(_typed()[0])


def _typed() -> list[Row]:
    with (DATA / "ppa_offers.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def offer_rows(shared: SharedInputs) -> list[Row]:
    """Return the rows of ppa_offers.csv with the queue of every new project and the MW that it has left."""
    queue = shared.table(QUEUE).set_index(["z90", "tg"])
    rows = _typed()
    unknown = set(TYPED_MW) - {row["offer"] for row in rows}
    if unknown:
        raise SystemExit(f"ppa_offers.csv lacks the new projects {sorted(unknown)}; correct TYPED_MW.")
    for row in rows:
        if row["offer"] not in TYPED_MW:
            row["queue_mw"] = ""
            continue
        place = (row["project_zone"], COLUMN_OF[row["technology"]])
        waiting = float(queue.loc[place, row["first_quarter"][:4]]) if place in queue.index else 0.0
        left = ONE_BUYER * COMPLETED[row["technology"]] * waiting
        row["queue_mw"], row["most_mw"] = number(waiting, 1), number(min(TYPED_MW[row["offer"]], left), 0)
    return rows
