"""Write docs/reference/case.md, case.schema.json, sweep.md and risk.md from their schemas.

Run it from anywhere: ``python scripts/docs/build_reference.py``. A test compares the pages with what this
would write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from pydantic_core import PydanticUndefined

from grid_opt.atomic import write_text
from grid_opt.config import Case
from grid_opt.config.knobs import Knobs
from grid_opt.config.toml_text import toml_literal
from grid_opt.study.stochastic.schema import Future, Study
from grid_opt.study.sweeps.schema import Axis, Design, Limits, Scenario, ScenarioChange, Sweep

_INTRO = """\
# Reference of a case

Generated from `grid_opt/config` by `scripts/docs/build_reference.py`; do not edit.

A case is a TOML file. Every key has a default and may be left out; a key that is not listed here is refused,
and so are NaN, infinities and numbers in quotes. Numbers are plain: no thousands separators.
`--set section.key=value` changes one key for one run, with the same checks. Paths are relative to the case
file. Money is in real USD of `finance.price_base_year`; quarters are calendar quarters, written `2026Q1`.
The JSON schema `case.schema.json` beside this page gives editors completion and checks.
"""


_SWEEP_INTRO = """\
# Reference of a sweep file

Generated from `grid_opt/study/sweeps/schema.py` by `scripts/docs/build_reference.py`; do not edit.
What sweeps are for, with examples: [Sweeps](../sweeps.md).

A key that is not listed here is refused. Paths are relative to the sweep file.
"""


_RISK_INTRO = """\
# Reference of a stochastic study

Generated from `grid_opt/study/stochastic/schema.py` by `scripts/docs/build_reference.py`; do not edit.
What studies are for, with examples: [Risk](../risk.md).

A key that is not listed here is refused. Paths are relative to the study file.
"""


def reference_page() -> str:
    """Write the page: one table per section."""
    parts = [_INTRO, _section("Top of the file", Case, "")]
    for name, field in Case.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Knobs):
            parts.append(_section(f"[{name}]", inner, name))
            parts += [_section(f"[{name}.{key}.NAME]", one, name) for key, one in _named_parts(inner)]
    return "\n".join(parts)


def sweep_page() -> str:
    """Write the page of sweep files: one table per section."""
    return "\n".join(
        [
            _SWEEP_INTRO,
            _section("Top of the file", Sweep, ""),
            _section("[design]", Design, "design"),
            _section("[axes.NAME]", Axis, "axes"),
            _section("[scenarios.NAME]", Scenario, "scenarios"),
            _section("[scenarios.NAME.changes.NAME]", ScenarioChange, "changes"),
            _section("[limits]", Limits, "limits"),
        ]
    )


def risk_page() -> str:
    """Write the page of stochastic studies: one table per section."""
    return "\n".join(
        [
            _RISK_INTRO,
            _section("Top of the file", Study, ""),
            _section("[scenarios.NAME]", Future, "scenarios"),
            _section("[scenarios.NAME.changes.NAME]", ScenarioChange, "changes"),
        ]
    )


def _named_parts(model: type[Knobs]) -> list[tuple[str, type[Knobs]]]:
    """Return the keys of a section that hold tables of knobs by name, and what the tables hold."""
    found = []
    for key, field in model.model_fields.items():
        arguments = get_args(field.annotation)
        if len(arguments) == 2 and isinstance(arguments[1], type) and issubclass(arguments[1], Knobs):
            found.append((key, arguments[1]))
    return found


def schema_text() -> str:
    """Write the JSON schema."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Case.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _section(title: str, model: type[Knobs], name: str) -> str:
    lines = [f"## {title}", ""]
    if name and model.__doc__:
        lines += [model.__doc__.strip(), ""]
    lines += ["| key | unit | default | allowed | meaning |", "|---|---|---|---|---|"]
    properties = model.model_json_schema().get("properties", {})
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Knobs):
            continue
        unit = field.json_schema_extra.get("unit", "") if isinstance(field.json_schema_extra, dict) else ""
        cells = (
            f"`{key}`",
            str(unit),
            _default(field.default),
            _allowed(properties[key]),
            field.description or "",
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "must be given"
    if value is None or value == {}:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"`{key} = {toml_literal(item)}`" for key, item in value.items())
    return f"`{toml_literal(value)}`"


def _allowed(spec: dict[str, Any]) -> str:
    """Say in words what a JSON schema allows."""
    branches = [branch for branch in spec.get("anyOf", [spec]) if branch.get("type") != "null"]
    return " or ".join(_one_allowed(branch) for branch in branches)


def _one_allowed(spec: dict[str, Any]) -> str:
    if "enum" in spec or "const" in spec:
        return ", ".join(f"`{toml_literal(value)}`" for value in spec.get("enum", [spec.get("const")]))
    if spec.get("type") == "array" and "enum" in spec.get("items", {}):
        return "list of " + ", ".join(f"`{value}`" for value in spec["items"]["enum"])
    if "type" not in spec:
        return "anything that its place can hold"
    if spec["type"] == "array" and spec.get("items", {}).get("type") != "string":
        return "list"
    kind = {"number": "number", "integer": "whole number", "boolean": "true or false", "string": "text"}
    word = {"array": "list of zone ids", "object": "table"} | kind
    bounds = [
        f"{sign} {spec[key]:.15g}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in spec
    ]
    return " ".join([word[spec["type"]], ", ".join(bounds)]).strip()


def main() -> None:
    folder = Path(__file__).resolve().parents[2] / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "case.md", reference_page())
    write_text(folder / "case.schema.json", schema_text())
    write_text(folder / "sweep.md", sweep_page())
    write_text(folder / "risk.md", risk_page())


if __name__ == "__main__":
    main()
