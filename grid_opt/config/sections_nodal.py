"""The section of a case that puts its candidates on the buses of a power network.

The other sections are in :mod:`grid_opt.config.sections`. How it is used: ``docs/networks.md``.
"""

from __future__ import annotations

from typing import Literal

from grid_opt.config.knobs import Knobs, knob


class Nodal(Knobs):
    """The network at whose buses campuses may stand; without `network` they stand in regions.

    The dispatch of the network's generators then takes the place of wholesale prices, and its lines that of the zonal
    network. Paths are relative to the case file.
    """

    network: str | None = knob(
        None, "The network: a MATPOWER case (.m) or a PyPSA network (.nc, .h5).", min_length=1
    )  # fmt: skip
    candidates: str = knob(
        "candidates.csv",
        "Buses at which a campus may stand (bus, name, like, from_quarter, headroom_mw): `like` is the bundled region "
        "whose PUE, building cost and time, charges and market the bus has; a bus has a row for every quarter from "
        "which more headroom is there.",
        min_length=1,
    )
    hours: str = knob(
        "hours.csv",
        "Hours that stand for a year (season, weight_h, and one column for every series): the weights of a calendar "
        "quarter add up to its hours, the series are shares of a load or of a generator's maximum.",
        min_length=1,
    )
    buses: str | None = knob(
        None,
        "Places of buses, and the series that their loads follow (bus, latitude_deg, longitude_deg, load_series). A "
        "bus that is not listed follows the series `load`.",
        min_length=1,
    )
    generators: str | None = knob(
        None,
        "Series that the availability of generators follows (generator, series). One that is not listed is available "
        "in full in every hour.",
        min_length=1,
    )
    convention: Literal["matpower", "powermodels"] = knob(
        "matpower", "How a branch turns into a line of the DC model (docs/networks.md)."
    )
    n_1: bool = knob(
        True,
        "Whether lines must stay within their limits also after the outage of any one other line that does not cut "
        "the network in two.",
    )
    line_scale: float = knob(1.0, "Factor on the ratings of all lines.", unit="1", gt=0, le=100)
    outage_rating: float = knob(
        1.0, "Rating of a line after an outage, relative to its rating without one.", unit="1", ge=1, le=10
    )
    cost_steps: int = knob(
        3,
        "Steps of equal size by which a curved cost of a generator is offered; at their ends the cost is exact.",
        unit="steps", ge=1, le=100,
    )  # fmt: skip
    load_scale: float = knob(1.0, "Factor on the load of all existing consumers.", unit="1", ge=0, le=100)
    load_growth: float = knob(
        0.0,
        "Growth of that load, per year after the first quarter's year. Generators stay as the network has them.",
        unit="1/year", ge=-0.5, le=0.5,
    )  # fmt: skip
    value_of_lost_load_usd_per_mwh: float = knob(
        20000.0, "Worth of the energy that existing consumers lose where supply falls short. ASSUMPTION.",
        unit="USD/MWh", gt=0, le=1e6,
    )  # fmt: skip
    overload_penalty_usd_per_mwh: float = knob(
        5000.0,
        "What one MW over the limit of a line counts in the dispatch without campuses: it says which overloads the "
        "system has already. No campus may add to them. ASSUMPTION: the highest shadow price of a line in ERCOT's "
        "dispatch is of this size.",
        unit="USD/MWh", gt=0, le=1e6,
    )  # fmt: skip
