"""Find operating points: what an accelerator yields with a workload at a speed per user, with its power and cost.

:func:`operate` answers for many floors of tokens/s per user at once; :func:`operating_point` for one floor or batch,
with an error that says why where there is none. The fleet block of the optimizer needs :func:`fleet_yield`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grid_opt.compute import gpu, wafer
from grid_opt.compute.accelerators import Accelerator, Precision
from grid_opt.compute.constants import Numbers, maturity_factor, software_factor, stored_numbers
from grid_opt.compute.definitions import architecture_of, load_accelerator
from grid_opt.compute.power import Power, power_of
from grid_opt.compute.setting import Case, Device, Model, Prefill, Speculative, device_numbers, model_numbers
from grid_opt.compute.workloads import Workload
from grid_opt.errors import InfeasibleError, InputError

Array = NDArray[np.float64]
_SLOWEST = 1e-3


@dataclass(frozen=True)
class Wishes:
    """What a call may ask for; what is None is chosen: lengths by the workload, the rest for most throughput."""

    precision: Precision | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    speculative: Speculative = "best"
    prefill: Prefill = "best"
    systems: int | None = None
    devices: int | None = None
    year: int | None = None
    stack_months: float | None = None
    """Months since the model was first supported on that kind of accelerator; None: a mature stack."""


@dataclass(frozen=True)
class Points:
    """Operating points at several floors, as arrays [V]; NaN where no layout reaches the floor.

    Throughput, power and cost of a device or system include its share of a prefill pool. ``drawn_kw`` (IT),
    ``provisioned_kw`` (IT, what a hall must hold) and ``utility_kw`` (at the meter) are of one system.
    """

    tok_s_user: Array
    output_tok_s_per_device: Array
    total_tok_s_per_device: Array
    output_tok_s_per_system: Array
    step_ms: Array
    batch: Array
    devices_per_replica: Array
    pool_devices_per_replica: Array
    positions_per_step: Array
    expert_parallel: Array
    drawn_kw: Array
    provisioned_kw: Array
    utility_kw: Array
    joule_per_token: Array
    usd_per_mtok: Array

    def row(self, index: int) -> dict[str, float]:
        """Return one point as plain numbers."""
        return {field.name: float(getattr(self, field.name)[index]) for field in fields(self)}


@dataclass(frozen=True)
class Found:
    """One way to serve at each floor, [V, layouts]: what the choice between layouts is made on."""

    batch: Array
    step_s: Array
    speed: Array
    output: Array
    devices: Array
    pool: Array
    busy: Array
    q: Array
    expert: Array


def operate(
    accelerator: Accelerator,
    workload: Workload,
    floors: Sequence[float] | Array,
    wishes: Wishes | None = None,
    numbers: Numbers | None = None,
    base: Path | None = None,
) -> Points:
    """Return the points of most output per device at each floor of tokens/s per user.

    Raises :class:`InputError` for an accelerator without a supported engine and for a model that does not fit.
    """
    wishes = wishes or Wishes()
    c = numbers or stored_numbers()
    asked = np.maximum(np.asarray(floors, dtype=float).reshape(-1), _SLOWEST)
    found = _ways(accelerator, workload, asked, None, wishes, c, base)
    return _choose(found, accelerator, workload, wishes, base)


def operating_point(
    accelerator: Accelerator,
    workload: Workload,
    *,
    tok_s_user: float | None = None,
    batch: float | None = None,
    wishes: Wishes | None = None,
    numbers: Numbers | None = None,
    base: Path | None = None,
) -> dict[str, float]:
    """Return one point: at a floor of tokens/s per user, at a batch of a replica, or of most output per device.

    A batch together with ``wishes.systems`` is that of one replica over all of these systems.
    Raises :class:`InfeasibleError` when no layout reaches the floor or holds the batch, and :class:`InputError` as
    :func:`operate` does.
    """
    wishes = wishes or Wishes()
    for name, value in (("tok_s_user", tok_s_user), ("batch", batch)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError("must be above zero", field=name, value=value, expected="a number above 0")
    if batch is not None and batch < 1:
        raise InputError("a batch has at least one sequence", field="batch", value=batch, expected="1 or more")
    if batch is None:
        points = operate(accelerator, workload, [tok_s_user or _SLOWEST], wishes, numbers, base)
    else:
        if wishes.systems and wishes.devices is None and accelerator.kind == "gpu":
            wishes = replace(wishes, devices=gpu.largest_layout(wishes.systems * accelerator.devices_per_system))
        floor = np.array([tok_s_user or _SLOWEST])
        found = _ways(accelerator, workload, floor, batch, wishes, numbers or stored_numbers(), base)
        points = _choose(found, accelerator, workload, wishes, base)
    if np.isnan(points.tok_s_user[0]):
        raise InfeasibleError(_unreached(accelerator, workload, tok_s_user, batch, wishes, numbers, base))
    return points.row(0)


def fastest(
    accelerator: Accelerator,
    workload: Workload,
    wishes: Wishes | None = None,
    numbers: Numbers | None = None,
    base: Path | None = None,
) -> float:
    """Return the tokens/s that a single user can get at most."""
    found = _ways(
        accelerator, workload, np.array([_SLOWEST]), 1.0, wishes or Wishes(), numbers or stored_numbers(), base
    )
    return float(np.nanmax(np.concatenate([way.speed[0] for way in found])))


@dataclass(frozen=True)
class Yield:
    """What a MW of IT power of an accelerator serves of a workload; zeros where the floor is out of reach."""

    output_tok_s_per_system: float
    output_tok_s_per_mw_it: float
    drawn_kw_per_system: float
    idle_kw_per_system: float
    provisioned_kw_per_system: float
    systems_per_replica: float


def fleet_yield(
    accelerator: Accelerator,
    workload: Workload,
    tok_s_user: float,
    year: int | None = None,
    wishes: Wishes | None = None,
    base: Path | None = None,
) -> Yield:
    """Return what the fleet of a plan needs: tokens/s at a floor and year, and power by utilization.

    A system with its share of the prefill pool draws ``idle + (drawn - idle) * utilization`` [kW IT].
    """
    own = wishes or Wishes()
    own = replace(own, year=year)
    points = operate(accelerator, workload, [tok_s_user], own, base=base)
    power = power_of(accelerator)
    if np.isnan(points.tok_s_user[0]):
        return Yield(0.0, 0.0, 0.0, power.idle_kw, power.it_kw, 0.0)
    one = points.row(0)
    share = one["provisioned_kw"] / power.it_kw
    return Yield(
        output_tok_s_per_system=one["output_tok_s_per_system"],
        output_tok_s_per_mw_it=1000.0 * one["output_tok_s_per_system"] / one["provisioned_kw"],
        drawn_kw_per_system=one["drawn_kw"],
        idle_kw_per_system=power.idle_kw * share,
        provisioned_kw_per_system=one["provisioned_kw"],
        systems_per_replica=one["devices_per_replica"] / accelerator.devices_per_system,
    )


def _ways(
    accelerator: Accelerator,
    workload: Workload,
    floors: Array,
    batch: float | None,
    wishes: Wishes,
    c: Numbers,
    base: Path | None,
) -> list[Found]:
    """Evaluate prefill on the same devices and on a pool, as far as wished."""
    architecture = architecture_of(workload, base)
    model = model_numbers(architecture, wishes.precision, accelerator.kind == "wafer")
    device = device_numbers(accelerator, model)
    case = _case(accelerator, workload, wishes)
    software = software_factor(wishes.year, c) * maturity_factor(wishes.stack_months, c)
    prefills: tuple[Prefill, ...] = ("shared", "pool") if wishes.prefill == "best" else (wishes.prefill,)
    if accelerator.kind == "wafer":
        return [_on_wafers(accelerator, device, model, case, floors, batch, how, c, software, base) for how in prefills]
    return [_on_gpus(device, model, case, floors, batch, how, c, software, accelerator) for how in prefills]


def _case(accelerator: Accelerator, workload: Workload, wishes: Wishes) -> Case:
    for name in ("input_tokens", "output_tokens", "systems", "devices"):
        value = getattr(wishes, name)
        if value is not None and not 0 < value <= 1e7:
            raise InputError("out of range", field=name, value=value, expected="above 0, at most 10 million")
    return Case(
        input_tokens=wishes.input_tokens or workload.input_tokens,
        output_tokens=wishes.output_tokens or workload.output_tokens,
        cached_share=workload.cached_share,
        speculative=wishes.speculative,
        prefill=wishes.prefill,
        devices=wishes.systems * accelerator.devices_per_system if wishes.systems else None,
        exactly=wishes.devices,
    )


def _on_gpus(
    device: Device,
    model: Model,
    case: Case,
    floors: Array,
    batch: float | None,
    how: Prefill,
    c: Numbers,
    software: float,
    accelerator: Accelerator,
) -> Found:
    plan = gpu.layouts(device, model, case, c)
    most = gpu.largest_batch(device, model, case, plan, c)
    fits = np.flatnonzero(most >= 1.0)
    if not fits.size:
        raise _does_not_fit(accelerator, model, case, device)
    plan, most = plan[fits], most[fits]
    shared = how == "shared"
    if batch is None:
        users = gpu.best_batches(device, model, case, plan, floors, c, shared, software)
    else:
        users = _as_asked(batch, most, floors)
    step, busy = gpu.step_seconds(device, model, case, plan, users, c, shared)
    pool_s = gpu.prefill_seconds(device, model, case, c) / software if how == "pool" else 0.0
    return _found(users, step / software, busy / step, floors, case, pool_s, plan.accepted, plan.n, plan.q, plan.expert)


def _on_wafers(
    accelerator: Accelerator,
    device: Device,
    model: Model,
    case: Case,
    floors: Array,
    batch: float | None,
    how: Prefill,
    c: Numbers,
    software: float,
    base: Path | None,
) -> Found:
    plan = wafer.replicas(device, model, case, c, how == "shared")
    if not (plan.most_users >= 1.0).any():
        raise _does_not_fit(accelerator, model, case, device)
    users = wafer.users_at(plan, floors, software) if batch is None else _as_asked(batch, plan.most_users, floors)
    step = wafer.step_seconds(plan, users)
    busy = np.minimum(users * plan.busy_s / step, 1.0)
    pool_s = 0.0
    if how == "pool":
        helper = device_numbers(_pool_accelerator(accelerator, base), model)
        pool_s = gpu.prefill_seconds(helper, model, case, c) / software
    none = np.zeros(plan.wafers.shape)
    return _found(users, step / software, busy, floors, case, pool_s, plan.accepted, plan.wafers, plan.q, none)


def _as_asked(batch: float, most: Array, floors: Array) -> Array:
    """Return the batch that was asked for at every floor and layout; NaN where the memory does not hold it."""
    return np.where(batch <= most, batch, np.nan) * np.ones((len(floors), 1))


def _found(
    users: Array,
    step: Array,
    busy: Array,
    floors: Array,
    case: Case,
    pool_s: float,
    accepted: Array,
    devices: Array,
    q: Array,
    expert: NDArray[np.bool_] | Array,
) -> Found:
    """Keep the layouts that reach their floor; ``pool_s`` are a pool's device-seconds per prompt token."""
    speed = accepted / step
    users = np.where(speed >= floors[:, None] * (1 - 1e-9), users, np.nan)
    output = users * speed
    pool = output * (case.fresh_input / case.output_tokens * pool_s)
    shape = np.ones_like(users)
    return Found(users, step, speed, output, devices * shape, pool, busy, q * shape, expert * shape)


def _choose(
    ways: list[Found], accelerator: Accelerator, workload: Workload, wishes: Wishes, base: Path | None
) -> Points:
    """Take the layout of most output per provisioned kW, which is per device where the pool is of the same kind."""
    both = Found(*(np.concatenate([getattr(way, f.name) for way in ways], axis=1) for f in fields(Found)))
    own, per = power_of(accelerator), accelerator.devices_per_system
    same = accelerator.kind == "gpu"
    helper = own if same else power_of(_pool_accelerator(accelerator, base))
    systems, pool = both.devices / per, both.pool / (per if same else helper.devices)
    provisioned = systems * own.it_kw + pool * helper.it_kw
    merit = np.where(np.isfinite(both.output), both.output / provisioned, -1.0)
    pick = merit.argmax(axis=1)
    rows = np.arange(len(pick))

    def at(values: Array) -> Array:
        return np.asarray(np.where(merit[rows, pick] > 0, values[rows, pick], np.nan))

    counted = systems + pool if same else systems
    per_system = at(both.output / counted)
    drawn = at((systems * own.drawn(both.busy) + pool * helper.load_kw) / counted)
    case = _case(accelerator, workload, wishes)
    cost = at((systems * own.usd_per_hour + pool * helper.usd_per_hour) / counted)
    return Points(
        tok_s_user=at(both.speed),
        output_tok_s_per_device=per_system / per,
        total_tok_s_per_device=per_system / per * (1.0 + case.input_tokens / case.output_tokens),
        output_tok_s_per_system=per_system,
        step_ms=at(both.step_s) * 1e3,
        batch=at(both.batch),
        devices_per_replica=at(both.devices),
        pool_devices_per_replica=at(both.pool),
        positions_per_step=at(both.q),
        expert_parallel=at(both.expert),
        drawn_kw=drawn,
        provisioned_kw=at(provisioned / counted),
        utility_kw=at((systems * own.utility_kw + pool * helper.utility_kw) / counted),
        joule_per_token=drawn * 1e3 / per_system,
        usd_per_mtok=cost / (per_system * 3600.0) * 1e6,
    )


def _pool_accelerator(accelerator: Accelerator, base: Path | None) -> Accelerator:
    name = accelerator.engine.prefill_pool if accelerator.engine else ""
    if not name:
        raise InputError(
            f"{accelerator.name} names no accelerator for a prefill pool",
            field="engine.prefill_pool",
            expected="the name of an accelerator, or --prefill shared",
        )
    return load_accelerator(name, base)


def _does_not_fit(accelerator: Accelerator, model: Model, case: Case, device: Device) -> InputError:
    span = f"{case.devices} devices" if case.devices else "any number of devices that the model allows"
    return InputError(
        f"the workload fits on no system: {model.weight_bytes / 1e9:,.0f} GB of weights and "
        f"{model.cache_bytes(case.context) / 1e9:,.2f} GB of cache a sequence do not fit on {span} of "
        f"{accelerator.name}",
        field="architecture.parameters_b",
        value=model.parameters / 1e9,
        expected=f"what {device.memory / 1e9:g} GB a device hold (engine.memory_gb), within --systems if given",
    )


def _unreached(
    accelerator: Accelerator,
    workload: Workload,
    floor: float | None,
    batch: float | None,
    wishes: Wishes,
    numbers: Numbers | None,
    base: Path | None,
) -> str:
    if batch is not None and floor is None:
        return (
            f"field batch: no layout of {workload.name} on {accelerator.name} holds {batch:g} sequences in its memory"
        )
    top = fastest(accelerator, workload, wishes, numbers, base)
    return (
        f"field tok_s_user: {accelerator.name} does not reach {floor:g} tokens/s per user with {workload.name}; "
        f"a single user gets at most {top:,.0f}"
    )


__all__ = ["Points", "Power", "Wishes", "Yield", "fastest", "fleet_yield", "operate", "operating_point"]
