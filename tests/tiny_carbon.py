"""What tiny cases ask of carbon and water, so that every rule of them has something to rule."""

from __future__ import annotations

from typing import Any

OFFERS = {"annual_certificates_gwh": 120.0, "hourly_certificates_mw": 25.0}
_PRICED = {"price_usd_per_t": {2026: 20.0, 2028: 60.0}, "cap_t": {2027: 170e3}}

FOOTPRINTS: list[dict[str, Any]] = [
    {
        "carbon": {"ledger": "location", **_PRICED},
        "water": {"price_usd_per_m3": {1: 1.0, 3: 4.0}, "cap_m3": {1: 1e6, 2: 239e3}},
    },
    {
        "carbon": {
            "ledger": "market", **_PRICED, "annual_share": {2026: 0.2, 2028: 0.3}, "hourly_share": {2027: 0.15},
            "scope": "region", **OFFERS,
        }
    },
    {
        "carbon": {
            "ledger": "hourly", **_PRICED, "annual_share": {2026: 0.3}, "hourly_share": {2026: 0.2},
            "grid_counts": True, **OFFERS,
        }
    },
]  # fmt: skip
"""One for each ledger; shares of every region and of all together; water."""

FOOTPRINT_BLOCKS = ("certificates", "matching", "carbon", "water")
