"""Weigh what happens in a slice by its hours and by what money is worth then."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index, Rule
from grid_opt.formulation.calendar import operating_weights


class Hours:
    """The hours of slices and the worth of money in them, declared once for all blocks of supply."""

    def __init__(self, build: Builder, case: Case, world: xr.Dataset) -> None:
        self.build = build
        seasons = world["slice_season"].values.astype(int).tolist()
        self.season_of = build.mapping(dict(zip(world["slice"].values.tolist(), seasons, strict=True)), symbol="c")
        self.weight = build.parameter(
            "supply.slice_weight", world["slice_weight"], ("slice",), symbol="w", unit="h",
            meaning="hours of the year that the slice stands for",
        )  # fmt: skip
        self.worth = build.parameter(
            "supply.operating_weight", operating_weights(case), ("year", "season"), symbol="D", unit="1",
            meaning="present value of one USD paid in the calendar quarter of the operating year",
        )  # fmt: skip

    def over_year(self, year: Index, rate: Rule) -> Expression:
        """Sum a rate [million USD/h] over the slices of an operating year, weighted and discounted."""
        return self.build.total("slice", lambda s: self.worth[year, self.season_of[s]] * self.weight[s] * rate(s))
