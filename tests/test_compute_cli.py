"""The commands of the efficiency model, and what they say of bad definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner, Result

from grid_opt.cli.app import app
from grid_opt.resources import models_dir

KEYS = (
    "tok_s_user", "output_tok_s_per_device", "total_tok_s_per_device", "output_tok_s_per_system", "step_ms", "batch",
    "devices_per_replica", "drawn_kw", "provisioned_kw", "joule_per_token", "usd_per_mtok",
)  # fmt: skip


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["compute", *arguments], env={"TERM": "dumb"})


def changed(folder: Path, kind: str, name: str, old: str, new: str) -> str:
    text = (models_dir() / kind / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new).replace(f'name = "{name}"', 'name = "mine"'), encoding="utf-8")
    return str(path)


def test_a_point_as_json() -> None:
    lengths = ("--input-tokens", "1024", "--output-tokens", "1024", "--precision", "fp4")
    how = ("--tok-s-user", "100", "--speculative", "on", "--prefill", "pool", "--json")
    result = call("point", "b200_hgx", "deepseek-r1", *lengths, *how)
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and all(isinstance(found[key], float) for key in KEYS)
    assert found["tok_s_user"] == pytest.approx(100, rel=1e-4)
    assert found["output_tok_s_per_device"] == pytest.approx(1523, rel=0.2)  # InferenceX, May 2026


def test_a_young_stack_is_slower() -> None:
    points = [
        json.loads(call("point", "b200_hgx", "deepseek-r1", "--tok-s-user", "30", *options, "--json").stdout)
        for options in ([], ["--stack-months", "3"], ["--stack-months", "0"])
    ]
    outputs = [point["output_tok_s_per_device"] for point in points]
    assert outputs == sorted(outputs, reverse=True) and outputs[0] > outputs[-1]


def test_a_point_as_text() -> None:
    result = call("point", "cs3", "llama-3.1-70b", "--systems", "4", "--batch", "1")
    assert result.exit_code == 0 and "tokens/s per user" in result.stdout and "Cerebras CS-3" in result.stdout


def test_the_table_is_that_of_the_page(root: Path) -> None:
    lines = (root / "docs" / "compute.md").read_text(encoding="utf-8").splitlines()
    found = json.loads(call("table", "--json").stdout)
    for row in found["points"]:
        numbers = f"| {row['published']:,.1f} | {row['modeled']:,.1f} | {row['error']:+.0%} |"
        assert sum(line.startswith(f"| {row['name']} |") and numbers in line for line in lines) == 1, row["name"]
    text = call("table").stdout
    assert "Held out" in text and "median error" in text


def test_a_frontier_is_printed_drawn_and_exported(tmp_path: Path) -> None:
    outs = [tmp_path / f"f.{ending}" for ending in ("png", "html", "csv", "nc")]
    options = [word for path in outs for word in ("--out", str(path))]
    result = call("frontier", "-a", "cs3", "-a", "b200_hgx", "-w", "gpt-oss-120b", "-w", "qwen3-32b", *options)
    assert result.exit_code == 0 and "cs3, qwen3-32b" in result.stdout
    assert outs[0].read_bytes().startswith(b"\x89PNG")
    page = outs[1].read_text(encoding="utf-8")
    assert "<svg" in page and "<script" not in page and "http" not in page.split("<svg")[0]
    table = pd.read_csv(outs[2])
    assert {"tok_s_per_mw", "chain_s", "usd_per_mtok", "floor_tok_s_user"} <= set(table.columns)
    with xr.open_dataset(outs[3]) as data:
        assert dict(data.sizes) == {"curve": 4, "floor": 60} and data["tok_s_per_mw"].attrs["units"] == "s-1 MW-1"
    assert call("frontier", "--out", str(tmp_path / "f.pdf")).exit_code == 2


def test_zero_bandwidth_is_refused(tmp_path: Path) -> None:
    mine = changed(
        tmp_path,
        "accelerators",
        "h200_hgx",
        "[engine.bandwidth_tb_s]\nvalue = 4.8",
        "[engine.bandwidth_tb_s]\nvalue = 0.0",
    )
    result = call("point", mine, "llama-3.1-8b")
    assert result.exit_code == 2 and "mine.toml" in result.stderr and "engine.bandwidth_tb_s.value" in result.stderr


def test_negative_idle_power_is_refused(tmp_path: Path) -> None:
    mine = changed(tmp_path, "accelerators", "h200_hgx", "[idle_kw]\nvalue = 2.0", "[idle_kw]\nvalue = -2.0")
    result = call("point", mine, "llama-3.1-8b")
    assert result.exit_code == 2 and "mine.toml" in result.stderr and "idle_kw.value" in result.stderr


def test_idle_above_load_is_refused(tmp_path: Path) -> None:
    mine = changed(tmp_path, "accelerators", "h200_hgx", "[idle_kw]\nvalue = 2.0", "[idle_kw]\nvalue = 9.0")
    result = call("point", mine, "llama-3.1-8b")
    assert result.exit_code == 2 and "idle_kw.value" in result.stderr


@pytest.mark.parametrize("machine", ["h200_hgx", "cs3"])
def test_a_model_that_fits_nowhere_is_refused(tmp_path: Path, machine: str) -> None:
    mine = changed(tmp_path, "workloads", "llama-3.1-405b", "parameters_b = 405.9", "parameters_b = 4.1e7")
    result = call("point", machine, mine, "--json")
    assert result.exit_code == 2 and "mine.toml" in result.stderr
    assert json.loads(result.stdout)["field"] == "architecture.parameters_b"


def test_a_model_without_architecture_is_refused(tmp_path: Path) -> None:
    text = (models_dir() / "workloads" / "llama-3.1-8b.toml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(text[: text.index("[architecture]")].replace("llama-3.1-8b", "mine"), encoding="utf-8")
    result = call("point", "h200_hgx", str(mine))
    assert result.exit_code == 2 and "mine.toml" in result.stderr and "architecture" in result.stderr


def test_a_floor_that_none_reaches_is_infeasible() -> None:
    result = call("point", "h200_hgx", "llama-3.1-405b", "--tok-s-user", "5000")
    assert result.exit_code == 3 and "tok_s_user" in result.stderr and "h200_hgx" in result.stderr


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["--tok-s-user", "-5"], "tok_s_user"),
        (["--tok-s-user", "nan"], "tok_s_user"),
        (["--batch", "0.5"], "batch"),
        (["--systems", "0"], "systems"),
        (["--input-tokens", "-1"], "input_tokens"),
        (["--year", "1999"], "year"),
        (["--stack-months", "-1"], "stack_months"),
    ],
)
def test_bad_options_are_refused(options: list[str], field: str) -> None:
    result = call("point", "h200_hgx", "llama-3.1-8b", *options)
    assert result.exit_code == 2 and field in result.stderr


def test_an_unsupported_accelerator_says_why() -> None:
    result = call("point", "mi300x_oam", "llama-3.1-70b")
    assert result.exit_code == 2 and "not supported" in result.stderr and "engine.supported" in result.stderr


def test_wrong_names_are_met_with_the_nearest() -> None:
    result = call("point", "b200", "llama-3.1-70b")
    assert result.exit_code == 2 and "b200_hgx" in result.stderr


def test_a_batch_on_given_systems_is_one_replica_over_them() -> None:
    points = []
    for batch in ("1", "4", "16", "64", "256"):
        result = call("point", "b200_hgx", "llama-4-maverick", "--batch", batch, "--systems", "1", "--json")
        points.append(json.loads(result.stdout))
    assert {point["devices_per_replica"] for point in points} == {8}
    speeds = [point["tok_s_user"] for point in points]
    outputs = [point["output_tok_s_per_device"] for point in points]
    assert speeds == sorted(speeds, reverse=True) and outputs == sorted(outputs)
