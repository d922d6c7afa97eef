"""Every bundled column has a source, every table equals its rebuild, and the dictionary is current."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from grid_opt.inputs.schema_tables import OUTLINE_FILE, SOURCES, SOURCES_FILE, TABLES
from grid_opt.inputs.tables import read_csv_table
from grid_opt.resources import data_dir

PROJECT = Path(__file__).resolve().parents[1]
SCRIPTS = PROJECT / "scripts" / "data"
SHARED = PROJECT.parent / "shared"


def headers() -> dict[str, list[str]]:
    """Return the columns of every bundled table, in order, and the properties of the outline."""
    found = {}
    for path in sorted(data_dir().rglob("*.csv")):
        name = path.relative_to(data_dir()).as_posix()
        if name != SOURCES_FILE:
            with path.open(encoding="utf-8", newline="") as file:
                found[name] = next(csv.reader(file))
    outline = json.loads((data_dir() / OUTLINE_FILE).read_text(encoding="utf-8"))
    found[OUTLINE_FILE] = sorted(set().union(*(feature["properties"] for feature in outline["features"])))
    found[OUTLINE_FILE].append("geometry")
    return found


def expanded(column: str, header: list[str]) -> list[str]:
    """Return the columns of a source row: itself, or for "h00..h23" all from the one to the other."""
    first, _, last = column.partition("..")
    if first in header and last in header:
        return header[header.index(first) : header.index(last) + 1]
    return [column]


def described() -> set[tuple[str, str]]:
    sources, header = read_csv_table(data_dir() / SOURCES_FILE, SOURCES), headers()
    rows = zip(sources["table"], sources["column"], strict=True)
    return {(table, name) for table, column in rows for name in expanded(column, header.get(table, []))}


def present() -> set[tuple[str, str]]:
    return {(table, column) for table, header in headers().items() for column in header}


def test_every_column_has_a_source_row() -> None:
    assert sorted(present() - described()) == []


def test_no_source_row_is_for_a_column_that_is_gone() -> None:
    assert sorted(described() - present()) == []


def test_a_range_of_columns_ends_at_its_last() -> None:
    assert expanded("h00..h02", ["zone", "h00", "h01", "h02", "extra"]) == ["h00", "h01", "h02"]
    assert expanded("h00..h09", ["zone", "h00", "h01"]) == ["h00..h09"]


def test_units_agree_with_the_schema() -> None:
    sources = read_csv_table(data_dir() / SOURCES_FILE, SOURCES).set_index(["table", "column"])
    for table in TABLES.values():
        for column in table.columns:
            assert sources.loc[(table.file, column.name), "unit"] == column.unit, (table.file, column.name)


def test_the_dictionary_is_current() -> None:
    done = run("build_dictionary.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tables_equal_their_rebuild() -> None:
    if not (SHARED / "data").is_dir():
        pytest.skip("the source files are not there: no ../shared/data beside the project")
    done = run("build_tables.py", "--shared", str(SHARED), "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_absent_source_folder_is_named(tmp_path: Path) -> None:
    done = run("build_tables.py", "--shared", str(tmp_path / "nowhere"), "--check")
    assert done.returncode != 0
    assert "--shared" in done.stderr
    assert "nowhere" in done.stderr


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
