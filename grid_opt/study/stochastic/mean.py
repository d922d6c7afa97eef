"""Make the case of the mean: every number that scenarios change, at its mean over them."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grid_opt.atomic import write_text
from grid_opt.config import Case
from grid_opt.errors import InputError
from grid_opt.inputs.schema_tables import TABLES, Table
from grid_opt.inputs.tables import input_path, read_utf8
from grid_opt.study.sweeps.cases import OneCase, keys_of, with_tables
from grid_opt.study.sweeps.knobs import changed_case, current
from grid_opt.study.sweeps.loading import Source

_FIX = "name the scenario that a plan without scenarios would be made for: reference = 'NAME'"
FOLDER = "mean"


def mean_case(
    cases: Sequence[Case], made: Sequence[OneCase], weights: Sequence[float], source: Source, tables: Path
) -> Case:
    """Return the case in which every knob and cell that some scenario changes has its mean; whole numbers are rounded.

    ``cases`` are the scenarios with their tables in place, ``made`` what they were made from; changed tables go into a
    folder of ``tables``.

    Raises:
        InputError: what is changed has no mean, such as a text.
    """
    values = {key: _mean_of([current(case, key) for case in cases], weights, key, source) for key in keys_of(made)}
    case = changed_case(made[0].case, values, source, dict.fromkeys(values, "reference"))
    changed = sorted({cell.table for one in made for cell in one.cells})
    if not changed:
        return case
    folder, own = tables / FOLDER, case.tables_dir
    if own is not None:
        shutil.copytree(own, folder, dirs_exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        texts = [read_utf8(input_path(TABLES[name].file, one.tables_dir)) for one in cases]
        write_text(folder / TABLES[name].file, _mean_table(TABLES[name], texts, weights, source))
    return with_tables(case, folder)


def _mean_of(found: Sequence[Any], weights: Sequence[float], key: str, source: Source) -> Any:
    if all(one == found[0] for one in found):
        return _plain(found[0])
    if all(isinstance(one, Mapping) for one in found):
        entries = list(dict.fromkeys(str(entry) for one in found for entry in one))
        parts = [{str(entry): value for entry, value in one.items()} for one in found]
        if all(set(part) == set(entries) for part in parts):
            return {e: _mean_of([part[e] for part in parts], weights, f"{key}.{e}", source) for e in entries}
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in found):
        value = math.fsum(w * one for w, one in zip(weights, found, strict=True))
        return round(value) if all(isinstance(one, int) for one in found) else value
    raise source.error(
        f"the scenarios change {key}, which has no mean", "reference", value="mean", expected="the name of a scenario",
        fix=_FIX,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value as a case file would hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return json.loads(json.dumps(value)) if isinstance(value, list | tuple) else value


def _mean_table(table: Table, texts: Sequence[str], weights: Sequence[float], source: Source) -> str:
    tables = [list(csv.reader(io.StringIO(text, newline=""))) for text in texts]
    rows = [[row for row in one if row] for one in tables]
    header = [cell.strip() for cell in rows[0][0]]
    out = [header]
    for number in range(1, len(rows[0])):
        cells = [[one[number][at].strip() for one in rows] for at in range(len(header))]
        out.append([_mean_cell(table, header[at], mine, weights, source) for at, mine in enumerate(cells)])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(out)
    return text.getvalue()


def _mean_cell(table: Table, column: str, cells: Sequence[str], weights: Sequence[float], source: Source) -> str:
    if all(cell == cells[0] for cell in cells):
        return cells[0]
    kind = table.column(column).kind
    if kind == "str" or "" in cells:
        raise _no_mean(table, column, source)
    value = math.fsum(w * float(cell) for w, cell in zip(weights, cells, strict=True))
    return str(round(value)) if kind == "int" else repr(value)


def _no_mean(table: Table, column: str, source: Source) -> InputError:
    return source.error(
        f"the scenarios change {column} of {table.file}, which has no mean", "reference", value="mean",
        expected="the name of a scenario", fix=_FIX,
    )  # fmt: skip
