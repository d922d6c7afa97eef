"""The documents say what the code does, and name what exists."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

import grid_opt
from grid_opt.cli.app import app
from grid_opt.config import Case, load_case
from grid_opt.errors import ExitCode

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
COMMANDS = (
    "run", "check", "verify", "redispatch", "explain", "sweep", "batch", "resume", "sweep-report", "pareto",
    "alternatives", "stochastic", "replay", "map", "report", "compare", "export", "new", "doctor",
)  # fmt: skip
GROUPS = ("compute", "network", "tariff")
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def project() -> dict[str, object]:
    return tomllib.loads(read("pyproject.toml"))["project"]


def test_the_reference_is_what_the_schema_says(script: Callable[[str], ModuleType]) -> None:
    build = script("docs/build_reference.py")
    assert read("docs/reference/case.md") == build.reference_page(), "run `make docs`"
    assert read("docs/reference/case.schema.json") == build.schema_text(), "run `make docs`"
    assert read("docs/reference/sweep.md") == build.sweep_page(), "run `make docs`"
    assert read("docs/reference/risk.md") == build.risk_page(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_version_is_one() -> None:
    version = grid_opt.__version__
    assert project()["version"] == version
    assert f"version: {version}" in read("CITATION.cff")
    assert f"## {version}" in read("CHANGELOG.md")


@pytest.mark.parametrize("page", ["README.md", "docs/user-guide.md"])
def test_exit_codes_are_documented(page: str) -> None:
    text = read(page)
    for code in ExitCode:
        assert f"\n| {int(code)} |" in text


def test_commands_are_documented() -> None:
    text = read("docs/user-guide.md") + read("README.md")
    for command in (*COMMANDS, *GROUPS):
        assert f"grid-opt {command}" in text
    assert {command.name for command in app.registered_commands} == set(COMMANDS)
    assert {group.name for group in app.registered_groups} == set(GROUPS)


@pytest.mark.parametrize("page", ["README.md", "docs/user-guide.md", "CHANGELOG.md"])
def test_commands_and_options_in_the_pages_exist(page: str) -> None:
    for line in re.findall(r"^(?:grid-opt|.*&& grid-opt) .*$", read(page), flags=re.MULTILINE):
        words = line[line.index("grid-opt") :].partition("#")[0].split()
        command = words[1:3] if words[1] in GROUPS else words[1:2]
        help_text = CliRunner().invoke(app, [*command, "--help"]).stdout
        for option in (word for word in words if word.startswith("--")):
            assert option in help_text, line


@pytest.mark.parametrize("page", ["README.md", "docs/user-guide.md"])
def test_overrides_in_the_pages_are_valid(page: str) -> None:
    overrides = re.findall(r"--set (?:'([^']+)'|([a-z_]+\.\S+=\S+))", read(page))
    chosen = [quoted or plain for quoted, plain in overrides if (quoted or plain) != "section.key=value`"]
    assert chosen
    for override in chosen:
        assert isinstance(load_case("us_750mw", [override]), Case)


def test_targets_of_make_are_explained() -> None:
    text = read("Makefile")
    targets = re.search(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)
    assert targets is not None
    for target in set(targets[1].split()) - {"help"}:
        assert f'"make {target} ' in text
    assert {"plan", "test", "lint", "clean"} <= set(targets[1].split())


def test_the_license_is_apache_2() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    assert project()["license"] == "Apache-2.0"


def test_versions_are_pinned_and_meet_the_project() -> None:
    lines = [line for line in read("requirements.txt").splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", line) for line in lines), "names and versions only"
    pinned = {plain_name(line.partition("==")[0]): line.partition("==")[2] for line in lines}
    tables = project()
    extras = tables["optional-dependencies"]
    assert isinstance(extras, dict)
    wanted = [*tables["dependencies"], *extras["test"], *extras["lint"]]  # type: ignore[misc]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pinned[plain_name(requirement.name)], prereleases=True), requirement


def plain_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_continuous_integration_can_be_started() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    text = read(".ci/run")
    assert "set -euo pipefail" in text and "make lint" in text and "make test" in text


def test_the_default_case_file_explains_itself() -> None:
    lines = read("models/cases/us_750mw.toml").splitlines()
    given = {line.partition("=")[0].strip() for line in lines if re.match(r"[a-z0-9_]+ *=", line)}
    optional = {"hours_file", "tables_dir", "annual_musd", "total_musd", "present_value_musd", "targets_mw"}
    optional |= {"network", "buses", "generators", "committed"}
    for name, section in Case.model_fields.items():
        inner = getattr(section.annotation, "model_fields", None)
        for key in inner or {name: section}:
            assert key in given | optional, f"{key} is not in the default case"


def example(kind: str) -> str:
    """Return the code of the example in CONTRIBUTING.md that begins so, on a knob that exists."""
    code = re.search(rf"```python\n({kind}.*?)```", read("CONTRIBUTING.md"), flags=re.DOTALL)
    assert code is not None
    text = code[1].replace("case.campus.market_cap_mw", "case.campus.max_campus_mw")
    return f"from __future__ import annotations\n{text}"


def test_the_example_block_builds_and_prints_itself() -> None:
    from grid_opt.formulation.block import Builder
    from grid_opt.formulation.campus import Campus, regions_by_market
    from grid_opt.formulation.model import labels
    from grid_opt.formulation.pyomo_builder import PyomoBuilder
    from grid_opt.formulation.tex_builder import TexBuilder
    from tests.tiny import tiny_case, tiny_world

    names: dict[str, Any] = {"Builder": Builder, "regions_by_market": regions_by_market}
    exec(example("class MarketCap"), names)
    case, world = tiny_case(), tiny_world(tiny_case())
    for builder in (PyomoBuilder(labels(world)), TexBuilder()):
        names["MarketCap"](builder, case, world, Campus(builder, case, world))
        assert builder.declarations["market_cap.within"].unit == "MW"
    assert r"\overline{C}" in builder.declarations["market_cap.within"].formula


def test_the_example_check_measures_an_excess() -> None:
    from types import SimpleNamespace

    import xarray as xr

    from grid_opt.verify.check import at_most

    found: dict[str, Any] = {}
    names = {"at_most": at_most, "check": lambda *words: lambda rule: found.setdefault(words[0], rule)}
    exec(example("@check"), names)
    region = {"region": ["A", "B", "C"]}

    class Evidence(SimpleNamespace):
        def __getitem__(self, name: str) -> xr.DataArray:
            assert name == "region_market"
            return xr.DataArray(["X", "Y", "X"], coords=region, name=name)

    power = xr.DataArray([[10.0], [20.0], [30.0]], coords=region | {"quarter": ["2026Q1"]})
    case = SimpleNamespace(campus=SimpleNamespace(max_campus_mw=25.0))
    excess = found["market_cap.within"](Evidence(it_mw=power, case=case))
    assert excess.amount.values.ravel().tolist() == [15.0, -5.0]
