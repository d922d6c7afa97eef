"""Hold what a check may look at: the arrays of the plan and the case that the plan carries as text."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.compute.definitions import Accelerator, load_accelerator
from grid_opt.config.case import Case
from grid_opt.config.loading import case_from_toml
from grid_opt.errors import GridOptError
from grid_opt.inputs.schema import WORLD, WorldArray
from grid_opt.inputs.schema_environment import FOOTPRINT
from grid_opt.inputs.schema_fleet import FLEET, declared_arrays
from grid_opt.inputs.schema_nodal import NODAL
from grid_opt.inputs.schema_offers import MENU, UPGRADE
from grid_opt.inputs.schema_supply import SUPPLY
from grid_opt.inputs.schema_tariffs import DELIVERED, TARIFF
from grid_opt.plan.schema import specs
from grid_opt.verify.table_files import NotMadeError, TableFiles

__all__ = ["Evidence", "MissingError", "NotMadeError", "declared_dims"]


class MissingError(Exception):
    """Say that the plan lacks an array or attribute that a check needs."""


def declared_dims(name: str) -> tuple[str, ...] | None:
    """Return the dimensions that a plan declares for an array; ``None`` for one that it does not declare."""
    spec = specs().get(name)
    if spec is not None:
        return spec.dims
    declared = {**WORLD, **FOOTPRINT, **FLEET, **NODAL, **MENU, **UPGRADE, **TARIFF, **DELIVERED, **SUPPLY}.get(name)
    return None if declared is None else declared.dims


@dataclass
class Evidence:
    """A plan as the checks see it.

    ``case_folder`` is where the files that the case names are looked for. ``warnings`` collects remarks that are
    not failures; ``shared`` what several checks work out once. ``made`` is a case with its world, made a moment ago.
    """

    plan: xr.Dataset
    compare_tables: bool = True
    case_folder: Path | None = None
    from_file: bool = False
    made: tuple[Case, xr.Dataset] | None = None
    warnings: list[str] = field(default_factory=list)
    shared: dict[str, Any] = field(default_factory=dict, repr=False)
    _arrays: dict[str, xr.DataArray] = field(default_factory=dict, repr=False)
    _labels: dict[str, list[Any]] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> xr.DataArray:
        """Return an array of the plan as floats where it is numeric.

        It is read once; do not write into it.

        Raises: MissingError when it is not there or does not have the dimensions that a plan declares.
        """
        if name not in self._arrays:
            self._arrays[name] = self._read(name)
        return self._arrays[name]

    def _read(self, name: str) -> xr.DataArray:
        if name not in self.plan.variables:
            raise MissingError(f"the plan has no variable {name!r}")
        array = self.plan[name]
        dims = declared_dims(name)
        if dims is not None:
            if set(array.dims) != set(dims):
                raise MissingError(f"variable {name!r} has dimensions {array.dims}, not {dims}")
            array = array.transpose(*dims)
        return array.astype(float) if array.dtype.kind in "biuf" else array

    def usd(self, name: str) -> xr.DataArray:
        """Return an array of money in USD, whichever multiple of it the plan is written in.

        Raises: MissingError when it is not there or its unit is no money.
        """
        factors = {"USD": 1.0, "million USD": 1e6}
        array = self[name]
        unit = str(self.plan[name].attrs.get("units", ""))
        if unit not in factors:
            raise MissingError(f"variable {name!r} is in {unit!r}, not in USD")
        return array * factors[unit]

    def attribute(self, name: str) -> Any:
        """Return a global attribute. Raises: MissingError when it is not there."""
        if name not in self.plan.attrs:
            raise MissingError(f"the plan has no attribute {name!r}")
        return self.plan.attrs[name]

    def number(self, name: str) -> float:
        """Return a global attribute as a number; NaN when it is none."""
        try:
            return float(self.attribute(name))
        except (TypeError, ValueError):
            return math.nan

    def json(self, name: str) -> dict[str, Any]:
        """Return a global attribute that holds a JSON object; empty when it holds anything else."""
        try:
            found = json.loads(str(self.attribute(name)))
        except json.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def labels(self, dim: str) -> list[Any]:
        """Return the labels of a dimension. Raises: MissingError when it has none."""
        if dim not in self._labels:
            if dim not in self.plan.coords:
                raise MissingError(f"the plan has no labels for the dimension {dim!r}")
            self._labels[dim] = self.plan[dim].values.tolist()
        return list(self._labels[dim])

    @cached_property
    def case(self) -> Case:
        """The case that the plan answers. Raises: MissingError when its text is absent or no case."""
        text = self.attribute("case_toml")
        source = None if self.case_folder is None else self.case_folder / "case.toml"
        try:
            return case_from_toml(str(text), source)
        except Exception as error:
            raise MissingError(f"the attribute 'case_toml' is not a case: {error}") from error

    @cached_property
    def accelerator(self) -> Accelerator:
        """The accelerator that fills the halls, as the plan carries it or else as installed."""
        try:
            if "accelerator_json" in self.plan.attrs:
                return Accelerator.model_validate_json(self.plan.attrs["accelerator_json"])
            return load_accelerator(self.case.compute.accelerator, self.case.resolve("."))
        except Exception as error:
            raise MissingError(f"the accelerator of the case cannot be read: {error}") from error

    @property
    def accelerator_differs(self) -> bool:
        """Whether the plan carries an accelerator that is installed here with other figures."""
        if "accelerator_json" not in self.plan.attrs:
            return False
        try:
            return load_accelerator(self.case.compute.accelerator, self.case.resolve(".")) != self.accelerator
        except GridOptError:
            return False  # not installed here at all: nothing to differ from

    @property
    def inputs(self) -> dict[str, WorldArray]:
        """The inputs that the plan of this case must hold."""
        return declared_arrays(self.case)

    @cached_property
    def tables(self) -> TableFiles:
        """The tables that the case was made from, read anew."""
        if not self.compare_tables:
            raise NotMadeError("the comparison with the tables was not asked for")
        return TableFiles(self.case.tables_dir, self.json("inputs_sha256"))

    @property
    def it_mw(self) -> xr.DataArray:
        """IT nameplate in service through every quarter [MW], (region, quarter)."""
        return self["halls"] * self.case.campus.hall_mw

    @property
    def facility_mw(self) -> xr.DataArray:
        """Facility power on the design day [MW], (region, quarter)."""
        return self.it_mw * self["pue_peak"]

    @property
    def counted_mw(self) -> xr.DataArray:
        """Power that counts towards the targets [MW], (region, quarter)."""
        return self["halls"] * self.counted_mw_per_hall

    @property
    def counted_mw_per_hall(self) -> float:
        """What one hall counts towards the targets [MW]: its IT power, or that times the reference PUE."""
        demand = self.case.demand
        return self.case.campus.hall_mw * (demand.reference_pue if demand.power_basis == "facility" else 1.0)

    def committed_mw(self, quarter: str) -> float:
        """Return the power of committed blocks in a quarter, counted as targets are [MW]."""
        demand, total = self.case.demand, 0.0
        for block in self.case.connection.committed.values():
            total += max((mw for when, mw in block.facility_mw.items() if when <= quarter), default=0.0)
        return total if demand.power_basis == "facility" else total / demand.reference_pue

    @property
    def last_quarter(self) -> str:
        """Label of the last quarter of the plan."""
        return str(self.labels("quarter")[-1])

    def before(self, array: xr.DataArray) -> xr.DataArray:
        """Return the values one quarter earlier, 0 before the first."""
        return array.shift(quarter=1, fill_value=0.0)

    def quarter_rows(self, year: int) -> list[str]:
        """Name the quarters whose capacity runs in the four calendar quarters of an operating year."""
        quarters = {str(q) for q in self.labels("quarter")}
        return [q if (q := f"{year}Q{season}") in quarters else self.last_quarter for season in (1, 2, 3, 4)]

    def running_mw(self) -> xr.DataArray:
        """IT nameplate that runs in every slice [MW], (region, year, slice)."""
        it_mw = self.it_mw
        season = self["slice_season"].values.astype(int)
        if not np.isin(season, (1, 2, 3, 4)).all():
            raise ValueError("slice_season has values other than 1, 2, 3, 4")
        quarters = np.array([self.quarter_rows(int(year)) for year in self.labels("year")], dtype=object)
        wanted = xr.DataArray(
            quarters[:, season - 1],
            dims=("year", "slice"),
            coords={"year": self.plan["year"], "slice": self.plan["slice"]},
        )
        return it_mw.sel(quarter=wanted).drop_vars("quarter").transpose("region", "year", "slice")
