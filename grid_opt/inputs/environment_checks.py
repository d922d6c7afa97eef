"""Check that the tables of emissions and water agree with each other and with the regions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import pandas as pd

from grid_opt.errors import InputError
from grid_opt.inputs.schema_environment import HOURS, SEASONS

FIRST_ROW = 2
_DAYS = (90, 91, 92, 92)
_NEAR_ONE = 0.05
"""By how much the mean of a shape may differ from 1."""

Tables = Mapping[str, pd.DataFrame]


def check_environment(tables: Tables) -> None:
    """Refuse shapes that are not whole or have another mean than 1, and regions whose shapes are not there.

    Rows for regions that regions.csv does not have are no harm. Errors: InputError naming file, row and field.
    """
    for shape, quantity in _whole_shapes(tables):
        _mean_of_one(tables, shape, quantity)
    for column, quantities in (("average_shape", ("average", "carbon_free")), ("marginal_shape", ("marginal",))):
        for quantity in quantities:
            _there(tables, column, quantity)


def _whole_shapes(tables: Tables) -> list[tuple[str, str]]:
    table = tables["emission_shapes"]
    found: list[tuple[str, str]] = []
    for (shape, quantity), rows in table.groupby(["shape", "quantity"], sort=False):
        missing = sorted(set(SEASONS) - set(rows["quarter"]))
        if missing:
            raise InputError(
                f"the shape {shape} of {quantity} lacks calendar quarter {missing[0]}",
                file=str(table.attrs.get("file", "emission_shapes.csv")),
                row=int(rows.index[-1]) + FIRST_ROW,
                field="quarter",
                expected="a row for each of the quarters 1 to 4",
                fix="add the row after this one",
            )
        found.append((str(shape), str(quantity)))
    return found


def _mean_of_one(tables: Tables, shape: str, quantity: str) -> None:
    table = tables["emission_shapes"]
    rows = table[(table["shape"] == shape) & (table["quantity"] == quantity)].sort_values("quarter")
    mean = float((rows[list(HOURS)].mean(axis=1).to_numpy() * _DAYS).sum() / sum(_DAYS))
    if abs(mean - 1.0) > _NEAR_ONE:
        raise InputError(
            f"the shape {shape} of {quantity} has a mean of {mean:.3f} over the year",
            file=str(table.attrs.get("file", "emission_shapes.csv")),
            row=int(rows.index[0]) + FIRST_ROW,
            field=f"{HOURS[0]}..{HOURS[-1]}",
            value=round(mean, 3),
            expected="figures relative to the mean of the year, so a mean of 1",
            fix="divide every figure of the shape by their mean",
        )


def _there(tables: Tables, column: str, quantity: str) -> None:
    shapes, table = tables["emission_shapes"], tables["environment"]
    known = sorted(set(shapes.loc[shapes["quantity"] == quantity, "shape"]))
    for index, name in enumerate(table[column]):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise InputError(
                f"there is no shape {name!r} of {quantity}",
                file=str(table.attrs.get("file", "environment.csv")),
                row=index + FIRST_ROW,
                field=column,
                value=name,
                expected=f"a shape that emission_shapes.csv has for {quantity}: {', '.join(known)}",
                fix=f"did you mean {near[0]}?" if near else "add its rows to emission_shapes.csv",
            )
