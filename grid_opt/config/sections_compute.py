"""The sections of a case that say what is bought, what it serves, and what the plan is the best of.

The other sections are in :mod:`grid_opt.config.sections`.
"""

from __future__ import annotations

from typing import Literal

from grid_opt.config.field_types import FactorByName
from grid_opt.config.knobs import Knobs, knob


class Objective(Knobs):
    """What the plan is the best of."""

    goal: Literal["net_value", "least_cost", "most_tokens"] = knob(
        "net_value",
        "'net_value' weighs the worth of the tokens served against all costs; 'least_cost' asks for the cheapest way "
        "to meet the targets, and counts of tokens only the penalties for those not served; "
        "'most_tokens' serves as many as budget.present_value_musd allows.",
    )


class FleetChoice(Knobs):
    """Which computers may be bought, and how they may be used."""

    members: str = knob(
        "us_market",
        "Accelerators on offer, with deliveries, prices and software: a file in models/fleets, or a path. 'none' means "
        "that compute.accelerator fills the halls and serves at a steady utilization.",
        min_length=1,
    )
    delivery_scale: float = knob(1.0, "Factor on all deliveries of systems.", unit="1", ge=0, le=1000)
    price_scale: FactorByName = knob({}, "Factor on the price of an accelerator, by its name.", unit="1")
    throughput_scale: FactorByName = knob(
        {}, "Factor on the tokens/s of an accelerator, by its name: its uncertainty.", unit="1"
    )
    busiest_share: float = knob(
        0.85,
        "Share of the systems of a kind and region that may be busy in the busiest hour; the rest is for queues, "
        "repair and upgrades. ASSUMPTION.",
        unit="1",
        gt=0,
        le=1,
    )
    filled_share: float = knob(
        0.95,
        "Share of a committed target that must hold systems, not empty floor: whole systems seldom fill a hall.",
        unit="1",
        ge=0,
        le=1,
    )
    region_loss: bool = knob(
        False,
        "Whether the loss of any one region must leave systems for what the protected classes are served. It makes the "
        "model grow with the square of the regions: for cases of up to some fifteen.",
    )


class Service(Knobs):
    """Which requests there are to serve."""

    classes: str = knob(
        "five_classes",
        "Classes of requests with their demand, speed, latency and worth: a file in models/services, or a path.",
        min_length=1,
    )
    demand_scale: float = knob(1.0, "Factor on all demand for tokens.", unit="1", ge=0, le=1e6)
    value_scale: float = knob(1.0, "Factor on the worth of all tokens.", unit="1", ge=0, le=1e6)
    load_blocks: Literal[1, 2, 3, 4, 6, 8] = knob(
        3,
        "Blocks of equal length that a day is cut into from midnight Eastern Standard Time; demand, routing and power "
        "are level within a block, while systems are counted for its busiest hour.",
        unit="blocks",
    )


class Compute(Knobs):
    """What is installed and what it serves where fleet.members = 'none'."""

    accelerator: str = knob(
        "cs3", "Accelerator that fills the halls: a file in models/accelerators, or a path.", min_length=1
    )
    workload: str = knob(
        "llama-3.1-70b",
        "Workload whose tokens are reported: a file in models/workloads, or a path.",
        min_length=1,
    )
