"""Answer three claims with numbers: 15 times faster, 2,700 tokens/s per user, 25 cents per million tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grid_opt.compute.accelerators import Accelerator
from grid_opt.compute.definitions import load_accelerator, load_workload
from grid_opt.compute.operating import Wishes, fastest, operate
from grid_opt.compute.power import power_of
from grid_opt.errors import InputError

CLAIMED_RATIO = 15.0
CLAIMED_SPEED = 2700.0
CLAIMED_USD = 0.25
HOURS = 8760.0
SPACE_USD_PER_KW_YEAR = 2750.0
"""Colocation: 1.1 billion USD over ten years for 40 MW (Columbiana contract), per kW of IT."""
POWER_USD_PER_MWH = 50.0
_LENGTHS = Wishes(input_tokens=1024, output_tokens=1024)
_NEAR = 0.98  # of the greatest speed that the model sees, where the measured one is beyond it


@dataclass(frozen=True)
class FifteenTimes:
    """Where a wafer is 15 times as fast as a GPU, and what it then yields relative to the GPU."""

    workload: str
    gpu: str
    wafer_tok_s_user: float
    gpu_tok_s_user: float
    gpu_fastest: float
    tokens_per_mw_ratio: float
    tokens_per_usd_ratio: float


@dataclass(frozen=True)
class Cost:
    """Cost of a million output tokens [USD] at full load, by what it pays, and the load at which 0.25 USD pays all."""

    accelerator: str
    workload: str
    tok_s_user: float
    hardware_usd: float
    space_usd: float
    power_usd: float
    owner_usd: float

    @property
    def sum_usd(self) -> float:
        """Hardware, space and power, without the cost of capital."""
        return self.hardware_usd + self.space_usd + self.power_usd

    @property
    def utilization(self) -> float:
        """Load at which the claimed price pays hardware, space and power [1]; above 1 it never does."""
        return self.sum_usd / CLAIMED_USD

    @property
    def owner_utilization(self) -> float:
        """The same against the owner's all-in hourly cost, capital included."""
        return self.owner_usd / CLAIMED_USD


def fifteen_times(workload: str, gpu: str, measured: float, wafer: str = "cs3") -> FifteenTimes:
    """Compare a wafer at its measured speed with a GPU at a fifteenth of it, both with prompts of 1,024 in and out."""
    model = load_workload(workload)
    top = fastest(load_accelerator(wafer), model, _LENGTHS)
    one = operate(load_accelerator(wafer), model, [min(measured, _NEAR * top)], _LENGTHS)
    other = operate(load_accelerator(gpu), model, [measured / CLAIMED_RATIO], _LENGTHS)
    per_mw = [float(points.output_tok_s_per_system[0] / points.utility_kw[0]) for points in (one, other)]
    return FifteenTimes(
        workload=workload,
        gpu=gpu,
        wafer_tok_s_user=measured,
        gpu_tok_s_user=measured / CLAIMED_RATIO,
        gpu_fastest=fastest(load_accelerator(gpu), model, _LENGTHS),
        tokens_per_mw_ratio=per_mw[0] / per_mw[1],
        tokens_per_usd_ratio=float(other.usd_per_mtok[0] / one.usd_per_mtok[0]),
    )


def reaches(accelerator: str, workload: str) -> float:
    """Return the tokens/s that a single user gets at most; NaN where the model does not fit."""
    try:
        return fastest(load_accelerator(accelerator), load_workload(workload), _LENGTHS)
    except InputError:
        return float("nan")


def cost(accelerator: str, workload: str, tok_s_user: float) -> Cost:
    """Split the cost of a million output tokens at full load. The pool that prefills for a wafer is in it."""
    machine = load_accelerator(accelerator)
    point = operate(machine, load_workload(workload), [tok_s_user], _LENGTHS)
    million_s = 1e6 / float(point.output_tok_s_per_system[0]) / 3600.0
    share = float(point.provisioned_kw[0]) / power_of(machine).it_kw
    hourly = machine.price_musd.value * 1e6 / (machine.life_years.value * HOURS)
    return Cost(
        accelerator=accelerator,
        workload=workload,
        tok_s_user=tok_s_user,
        hardware_usd=(hourly + _pool_usd_per_hour(machine, share)) * million_s,
        space_usd=float(point.provisioned_kw[0]) * SPACE_USD_PER_KW_YEAR / HOURS * million_s,
        power_usd=float(point.utility_kw[0]) / 1e3 * POWER_USD_PER_MWH * million_s,
        owner_usd=float(point.usd_per_mtok[0]),
    )


def _pool_usd_per_hour(machine: Accelerator, share: float) -> float:
    """Return the hourly price of the prefill pool of one system, from the power that the pool adds to it."""
    if machine.kind == "gpu" or machine.engine is None or not machine.engine.prefill_pool or np.isclose(share, 1.0):
        return 0.0
    helper = load_accelerator(machine.engine.prefill_pool)
    systems = (share - 1.0) * power_of(machine).it_kw / power_of(helper).it_kw
    return systems * helper.price_musd.value * 1e6 / (helper.life_years.value * HOURS)
