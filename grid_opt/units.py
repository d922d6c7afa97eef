"""Name the canonical units and the few conversions between the boundary and the model.

Inside grid-opt power is in MW, energy in MWh, mass in t, time in h and years, and money in real USD of the
case's price base year. The model alone counts money in million USD, so that its coefficients stay within the
range in which a simplex solver is accurate.

CF files need units that UDUNITS can parse: it knows neither ``MWh`` nor ``USD``. So energy is written
``MW h`` and money is dimensionless (``1``) with the attribute ``currency``.
"""

from __future__ import annotations

from typing import Final

USD_PER_MUSD: Final = 1e6
KW_PER_MW: Final = 1e3
MWH_PER_GWH: Final = 1e3
KG_PER_T: Final = 1e3
T_PER_KT: Final = 1e3
HOURS_PER_YEAR: Final = 8760
SECONDS_PER_HOUR: Final = 3600
MONTHS_PER_QUARTER: Final = 3
QUARTERS_PER_YEAR: Final = 4
DAYS_PER_QUARTER: Final = (90, 91, 92, 92)
"""Days of the four calendar quarters of the standard 8760-hour year."""
