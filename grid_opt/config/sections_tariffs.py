"""The section of a case that says what its campuses pay for delivery, capacity and energy.

The other sections are in :mod:`grid_opt.config.sections`.
"""

from __future__ import annotations

from grid_opt.config.knobs import Knobs, knob


class Tariffs(Knobs):
    """Whether the plan pays tariffs, and how it meets the peaks by which they bill."""

    charge: bool = knob(
        True,
        "Whether campuses pay the tariffs that data/region_tariffs.csv names for their regions, month by month. "
        "Without it they pay wholesale energy and "
        "the flat demand charge, rider and capacity price of data/regions.csv.",
    )
    hours_per_peak: float = knob(
        20.0,
        "Hours for which compute is shed for every declared peak hour at which the plan sheds it, as nobody knows "
        "beforehand which hour will be the peak. ASSUMPTION: four hours on each of five hot or cold days.",
        unit="h",
        ge=1,
        le=400,
    )
    leave_at_end: bool = knob(
        False,
        "Whether campuses leave their tariffs when the horizon ends, and pay the exit fees. Otherwise they stay.",
    )
