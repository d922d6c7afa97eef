"""The efficiency model: limits that can be computed by hand, units, monotony, calibration."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid_opt.compute import gpu, wafer
from grid_opt.compute.calibration import compare, load_points, summarize
from grid_opt.compute.constants import Numbers, load_constants, maturity_factor, software_factor, stored_numbers
from grid_opt.compute.definitions import architecture_of, bundled_definitions, load_accelerator, load_workload
from grid_opt.compute.frontier import chain_seconds, supported_accelerators
from grid_opt.compute.operating import Wishes, fastest, fleet_yield, operate, operating_point
from grid_opt.compute.power import power_of
from grid_opt.compute.setting import Case, Device, Model, device_numbers, model_numbers
from grid_opt.errors import InfeasibleError, InputError

IDEAL = stored_numbers().but(
    bandwidth_share=1.0, imbalance=0.0, hopper_share=1.0, blackwell_fp8_share=1.0, blackwell_fp4_share=1.0,
    attention_share=1.0, link_share=1.0, network_share=1.0, layer_us=0.0, latent_layer_us=0.0, expert_layer_us=0.0,
    collective_us=0.0, peer_us=0.0, network_us=0.0, sequence_us=0.0, draft_cost=0.0, prefill_use=1.0,
)  # fmt: skip
"""A machine without losses and overheads."""
ALONE = Wishes(input_tokens=1024, output_tokens=1024, speculative="off", prefill="decode")


def parts(accelerator: str, workload: str, precision: str = "fp8") -> tuple[Device, Model]:
    machine = load_accelerator(accelerator)
    model = model_numbers(architecture_of(load_workload(workload)), precision, machine.kind == "wafer")  # type: ignore[arg-type]
    return device_numbers(machine, model), model


def one_gpu(n: float = 1.0, q: float = 1.0) -> gpu.Layouts:
    return gpu.Layouts(np.array([n]), np.array([False]), np.array([q]), np.array([1.0]))


def test_bandwidth_bound_decode_is_bytes_over_bandwidth() -> None:
    device, model = parts("h200_hgx", "llama-3.1-70b")
    device = replace(device, flops=1e30, flops_attention=1e30)
    case = Case(1024, 1024)
    step, busy = gpu.step_seconds(device, model, case, one_gpu(), np.array([16.0]), IDEAL, shared=False)
    # 70.6 GB of 8-bit weights; 80 layers x 2 x 8 heads x 128 numbers of 1 byte for 1024 + 512 tokens, 16 sequences.
    by_hand = (70.6e9 + 16 * 1536 * 80 * 2 * 8 * 128) / 4.8e12
    assert step[0] == pytest.approx(by_hand, rel=1e-12) and busy[0] == pytest.approx(by_hand, rel=1e-12)


def test_compute_bound_prefill_is_flops_over_peak() -> None:
    device, model = parts("h200_hgx", "llama-3.1-70b")
    device = replace(device, bandwidth=1e30)
    case = Case(2048, 1024)
    # 2 FLOP per parameter, and 4 x 64 x 128 FLOP per layer for each of the 1024 prompt tokens that are seen on average.
    by_hand = (2 * 70.6e9 + 80 * 1024 * 4 * 64 * 128) / 1.979e15
    assert gpu.prefill_seconds(device, model, case, IDEAL) == pytest.approx(by_hand, rel=1e-12)
    assert gpu.prefill_seconds(device, model, case, IDEAL.but(prefill_use=0.5)) == pytest.approx(2 * by_hand)


def test_prefill_reads_the_weights_once_a_chunk() -> None:
    device, model = parts("h200_hgx", "llama-3.1-70b")
    device = replace(device, flops=1e30, flops_attention=1e30)
    # One GPU holds the 70.6 GB of 8-bit weights, so nothing is exchanged.
    by_hand = 70.6e9 / 4.8e12 / 8192
    assert gpu.prefill_seconds(device, model, Case(2048, 1024), IDEAL) == pytest.approx(by_hand, rel=1e-9)


def test_prefill_across_servers_waits_for_the_network() -> None:
    device, model = parts("h100_hgx", "deepseek-r1")
    device = replace(device, flops=1e30, flops_attention=1e30, bandwidth=1e30, link=1e30)
    wide = Case(2048, 1024)
    # 671 GB fit on sixteen GPUs of 80 GB; half of the experts lie on the other server: 3 bytes of each of 7,168 numbers
    # go to four of the eight experts in 58 layers over 50 GB/s; or two all-reduces a layer of 16 GPUs.
    experts = 58 * 4 * 3 * 7168 / 50e9
    tensor = 61 * 8 * (1 - 1 / 16) * 7168 / 50e9 * 16
    assert gpu.prefill_seconds(device, model, wide, IDEAL) == pytest.approx(min(experts, tensor), rel=1e-6)


def test_compute_bound_decode_is_flops_over_peak() -> None:
    device, model = parts("b200_hgx", "llama-3.1-8b", "fp4")
    device = replace(device, bandwidth=1e30, flops_attention=1e30)
    step, _ = gpu.step_seconds(device, model, Case(1, 1), one_gpu(), np.array([1000.0]), IDEAL, shared=False)
    assert step[0] == pytest.approx(1000 * 2 * 8.03e9 / 9e15, rel=1e-9)


def test_experts_wake_with_the_batch() -> None:
    device, model = parts("b200_hgx", "deepseek-r1")
    device = replace(device, flops=1e30, flops_attention=1e30, link=1e30)
    free = replace(model, cached_numbers=0.0)
    plan = replace(one_gpu(8.0), expert=np.array([True]))
    for batch in (1.0, 32.0, 1e6):
        step, _ = gpu.step_seconds(device, free, Case(1, 1), plan, np.array([batch]), IDEAL, shared=False)
        awake = 1 - (1 - 8 / 256) ** batch
        assert step[0] == pytest.approx((model.dense + model.routed * awake / 8) / 8e12, rel=1e-6)


def test_accepted_tokens_are_the_sum_of_a_series() -> None:
    assert gpu.accepted_tokens(np.array([1.0, 4.0]), 0.5) == pytest.approx([1.0, 1 + 0.5 + 0.25 + 0.125])


def test_a_wafer_by_hand() -> None:
    device, model = parts("cs3", "llama-3.1-70b", "fp16")
    c = stored_numbers().but(wafer_layer_us=10.0, wafer_use=4.0, wafer_hop_us=5.0, wafer_load_use=2.0)
    plan = wafer.replicas(device, model, Case(1024, 1024, speculative="off", devices=4), c, shared=False)
    a_pass = 80 * (10e-6 + 4 * 2 * (70.6e9 / 4) / 15.6e15) + 3 * 5e-6
    assert plan.pass_s == pytest.approx(a_pass)
    assert plan.busy_s == pytest.approx(2 * 2 / 15.6e15 * 70.6e9 / 4)
    # 4 x 44 GB at 92 %, less 141.2 GB of weights, over 16-bit keys and values of 1,536 tokens.
    assert plan.most_users == pytest.approx((0.92 * 176e9 - 141.2e9) / (1536 * 80 * 2 * 8 * 128 * 2))
    assert wafer.fewest_wafers(device, model, c) == 4  # as published


@pytest.mark.parametrize(
    "pair", [("b200_hgx", "llama-3.1-70b"), ("gb200_nvl72", "deepseek-r1"), ("h200_hgx", "gpt-oss-120b")]
)
def test_output_grows_and_speed_falls_with_the_batch(pair: tuple[str, str]) -> None:
    machine, work = load_accelerator(pair[0]), load_workload(pair[1])
    wishes = replace(ALONE, devices=8, precision="fp8")
    points = [operating_point(machine, work, batch=batch, wishes=wishes) for batch in (1, 2, 8, 32, 128, 256)]
    output = [point["output_tok_s_per_device"] for point in points]
    speed = [point["tok_s_user"] for point in points]
    assert output == sorted(output) and speed == sorted(speed, reverse=True)


def test_the_batch_ends_where_the_memory_is_full() -> None:
    machine, work = load_accelerator("h200_hgx"), load_workload("llama-3.1-70b")
    wishes = replace(ALONE, devices=1, precision="fp8")
    most = (0.86 * 141e9 - 70.6e9) / (1536 * 80 * 2 * 8 * 128)
    assert operating_point(machine, work, wishes=wishes)["batch"] == pytest.approx(most)
    operating_point(machine, work, batch=most - 1, wishes=wishes)
    with pytest.raises(InfeasibleError, match="batch"):
        operating_point(machine, work, batch=most + 1, wishes=wishes)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(5, 400),
    st.sampled_from(["b200_hgx", "gb300_nvl72", "cs3"]),
    st.sampled_from(["gpt-oss-120b", "qwen3-32b"]),
)
def test_a_higher_floor_never_gives_more(floor: float, machine: str, workload: str) -> None:
    points = operate(load_accelerator(machine), load_workload(workload), [floor, floor * 1.3])
    low, high = np.nan_to_num(points.output_tok_s_per_device)
    assert high <= low * (1 + 1e-6)
    assert not points.tok_s_user[0] < floor * (1 - 1e-6)


def test_units_of_a_point() -> None:
    machine, work = load_accelerator("b200_hgx"), load_workload("llama-3.1-70b")
    one = operating_point(machine, work, tok_s_user=40, wishes=Wishes(prefill="shared", speculative="off"))
    assert one["output_tok_s_per_system"] == pytest.approx(8 * one["output_tok_s_per_device"])
    assert one["output_tok_s_per_device"] == pytest.approx(
        one["batch"] * one["tok_s_user"] / one["devices_per_replica"]
    )
    assert one["tok_s_user"] == pytest.approx(1000 / one["step_ms"])
    assert one["total_tok_s_per_device"] == pytest.approx(one["output_tok_s_per_device"] * (1 + 290 / 294))
    assert one["joule_per_token"] == pytest.approx(1000 * one["drawn_kw"] / one["output_tok_s_per_system"])
    assert one["usd_per_mtok"] == pytest.approx(15.6 / 3600 / one["output_tok_s_per_system"] * 1e6)
    power = power_of(machine)
    assert power.idle_kw < one["drawn_kw"] < power.load_kw < one["provisioned_kw"] == power.it_kw


def test_a_pool_counts_with_its_devices_power_and_cost() -> None:
    machine, work = load_accelerator("cs3"), load_workload("gpt-oss-120b")
    pool = operating_point(machine, work, tok_s_user=500, wishes=Wishes(prefill="pool", speculative="off"))
    alone = operating_point(machine, work, tok_s_user=500, wishes=Wishes(prefill="decode", speculative="off"))
    assert pool["provisioned_kw"] > alone["provisioned_kw"] == power_of(machine).it_kw
    assert pool["usd_per_mtok"] > alone["usd_per_mtok"]
    shared = operating_point(machine, work, tok_s_user=500, wishes=Wishes(prefill="shared", speculative="off"))
    assert shared["output_tok_s_per_device"] < alone["output_tok_s_per_device"]


def test_context_is_the_cliff_of_the_wafer() -> None:
    machine, work = load_accelerator("cs3"), load_workload("llama-3.1-70b")
    wishes = [replace(ALONE, input_tokens=float(length)) for length in (1024, 8192, 32768, 98304)]
    output = [operate(machine, work, [300.0], wish).output_tok_s_per_device[0] for wish in wishes]
    assert output == sorted(output, reverse=True) and output[-1] < output[0] / 4


def test_software_moves_throughput_at_equal_speed() -> None:
    assert software_factor(None) == software_factor(2026) == 1.0
    assert software_factor(2028) == pytest.approx(1.25**2)
    machine, work = load_accelerator("gb300_nvl72"), load_workload("deepseek-r1")
    assert (
        fleet_yield(machine, work, 100, 2028).output_tok_s_per_system
        > fleet_yield(machine, work, 100, 2026).output_tok_s_per_system
    )
    with pytest.raises(InputError, match="year"):
        fleet_yield(machine, work, 100, 2050)


def test_a_young_stack_yields_less() -> None:
    assert maturity_factor(None) == maturity_factor(6) == maturity_factor(60) == 1.0
    assert maturity_factor(0) == pytest.approx(1 / 1.66) and maturity_factor(3) == pytest.approx(1.66**-0.5)
    machine, work = load_accelerator("gb300_nvl72"), load_workload("deepseek-r1")
    outputs = [
        operate(machine, work, [50.0], Wishes(stack_months=months)).output_tok_s_per_device[0]
        for months in (0.0, 2.0, 4.0, None)
    ]
    assert outputs == sorted(outputs) and outputs[0] < outputs[-1]
    with pytest.raises(InputError, match="months"):
        operate(machine, work, [50.0], Wishes(stack_months=-1))


def test_an_accelerator_may_have_a_factor_of_its_own() -> None:
    device, model = parts("mi355x_oam", "deepseek-r1")
    plan, batch = one_gpu(8.0), np.array([16.0])
    slow, _ = gpu.step_seconds(device, model, Case(1024, 1024), plan, batch, stored_numbers(), shared=True)
    plain, _ = gpu.step_seconds(
        replace(device, step_factor=1.0), model, Case(1024, 1024), plan, batch, stored_numbers(), shared=True
    )
    assert slow[0] == pytest.approx(1.08 * plain[0])


def test_latent_attention_costs_time_a_layer() -> None:
    device, model = parts("b200_hgx", "deepseek-r1")
    c = stored_numbers()
    grouped = replace(model, latent=False)
    assert gpu.layer_seconds(model, c) - gpu.layer_seconds(grouped, c) == pytest.approx(61 * c.latent_layer_us * 1e-6)
    assert device.step_factor == 1.0


def test_any_number_of_devices_may_be_asked_for() -> None:
    machine, work = load_accelerator("gb200_nvl72"), load_workload("deepseek-r1")
    one = operating_point(machine, work, batch=512, wishes=Wishes(devices=24, prefill="decode"))
    assert one["devices_per_replica"] == 24 and one["expert_parallel"] == 1.0


def test_what_the_fleet_needs() -> None:
    machine, work = load_accelerator("cs3"), load_workload("gpt-oss-120b")
    found = fleet_yield(machine, work, 1000.0)
    assert found.output_tok_s_per_mw_it == pytest.approx(
        1000 * found.output_tok_s_per_system / found.provisioned_kw_per_system
    )
    assert found.idle_kw_per_system < found.drawn_kw_per_system < found.provisioned_kw_per_system
    assert fleet_yield(load_accelerator("h200_hgx"), work, 1000.0).output_tok_s_per_system == 0.0


def test_thousands_of_points_a_second() -> None:
    machine, work = load_accelerator("b200_hgx"), load_workload("deepseek-r1")
    operate(machine, work, [10.0])
    begin = time.perf_counter()
    points = operate(machine, work, np.linspace(5, 250, 2000))
    assert time.perf_counter() - begin < 2.0
    assert np.isfinite(points.tok_s_user).all()


def test_chains_by_hand() -> None:
    assert chain_seconds(load_workload("agent-chain-50"), 100.0) == pytest.approx(50 * (0.2 + 5.0 + 0.5))


@pytest.mark.parametrize("name", bundled_definitions("accelerator"))
def test_every_accelerator_has_an_engine_or_a_reason(name: str) -> None:
    machine = load_accelerator(name)
    assert machine.engine is not None and machine.delivery is not None
    power_of(machine)
    if not machine.engine.supported:
        with pytest.raises(InputError, match="not supported"):
            operate(machine, load_workload("gpt-oss-120b"), [10.0])
        return
    assert np.isfinite(operate(machine, load_workload("gpt-oss-120b"), [20.0]).tok_s_user).all()


@pytest.mark.parametrize("workload", bundled_definitions("workload"))
def test_every_workload_runs_on_every_supported_accelerator(workload: str) -> None:
    for name in supported_accelerators():
        assert fastest(load_accelerator(name), load_workload(workload)) > 5


def test_the_model_meets_what_was_measured() -> None:
    found = compare(load_points())
    fit = summarize([item for item in found if item.point.group == "fit"])
    held = summarize([item for item in found if item.point.group == "held"])
    late = summarize([item for item in found if item.point.late])
    assert fit.median < 0.10 and fit.geometric_mean < 0.13 and fit.beyond_two == 0
    assert held.points > 2 * fit.points
    assert held.median < 0.15 and held.geometric_mean < 0.20 and held.beyond_two <= 1
    assert late.points > 40 and late.median < 0.17 and late.geometric_mean < 0.17 and late.beyond_two == 0


def test_experts_at_the_crossing_are_no_longer_far_off() -> None:
    points = [
        point
        for point in load_points()
        if point.workload == "deepseek-r1" and "200" in point.accelerator[:5] and 100 <= point.tok_s_user <= 150
    ]
    assert len(points) >= 8
    assert max(item.factor for item in compare(points)) < 1.5


def test_the_refit_finds_the_stored_constants(script: Callable[[str], ModuleType]) -> None:
    refit = script("compute/refit.py")
    constants = load_constants()
    found = refit.refit(constants, most=4)
    assert found.loss > 0.97 * refit.stored_loss()
    for name, value in found.values.items():
        one = getattr(constants, name)
        assert abs(value - one.value) < 0.05 * (one.high - one.low), name
    path = Path(__file__).parents[1] / "models" / "compute" / "constants.toml"
    same = {name: getattr(constants, name).value for name in found.values}
    assert refit.written(path.read_text(encoding="utf-8"), same) == path.read_text(encoding="utf-8")


def test_constants_are_few_named_and_bounded() -> None:
    constants = load_constants()
    fitted = [name for name in type(constants).model_fields if getattr(constants, name).fitted]
    assert len(fitted) <= 15 and len([p for p in load_points() if p.group == "fit"]) > 2 * len(fitted)
    assert isinstance(constants.numbers(), Numbers)


def test_the_page_is_current(script: Callable[[str], ModuleType], root: Path) -> None:
    build = script("compute/build_calibration.py")
    assert (root / "docs" / "compute.md").read_text(encoding="utf-8") == build.page(), (
        "run scripts/compute/build_calibration.py"
    )
