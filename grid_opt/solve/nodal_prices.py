"""State what energy costs at every candidate bus, and what a watched limit is worth."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.config.case import Case
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.model import Model
from grid_opt.formulation.nodal import Watched, pairs_of
from grid_opt.solve.extract import row_values
from grid_opt.solve.standard_form import Array, Matrix
from grid_opt.units import USD_PER_MUSD


def nodal_prices(
    case: Case, matrix: Matrix, row_dual: Array, model: Model, world: xr.Dataset
) -> dict[str, xr.DataArray]:
    r"""Return prices of the program with whole numbers fixed [USD/MWh].

    ``dual_energy`` (island, year, slice): cost of one MWh more at the island's reference bus, :math:`\lambda`.
    ``dual_limit`` (watch): saved by one MW more of the limit in its hour, :math:`\mu \ge 0`. ``local_price`` (region,
    year, slice): cost of one MWh more at the candidate, :math:`\lambda - \sum_p \mu_p \Phi_{pr}`. Duals are money of
    the whole horizon per MW in the slice; the hours of the slice and their discount weight make prices of them.
    """
    season = operating_weights(case).sel(season=world["slice_season"].astype(int)).drop_vars("season")
    hours = (season * world["slice_weight"]).transpose("year", "slice")
    sign = _sign_of_supply(matrix, model)
    energy = sign * USD_PER_MUSD * row_values("nodal.balance", matrix, row_dual, model, world) / hours
    dual = -row_values("nodal.within_limit", matrix, row_dual, model, world)
    at = {"year": world["watch_year"], "slice": world["watch_slice"]}
    worth = USD_PER_MUSD * dual / hours.sel(at).drop_vars(["year", "slice"])
    rise = Watched(world).at_regions
    congestion = np.zeros((world.sizes["region"], world.sizes["year"], world.sizes["slice"]))
    snapshot = pairs_of(world).snapshot
    by_snapshot = congestion.reshape(world.sizes["region"], -1).T
    np.add.at(by_snapshot, snapshot, (rise * worth).transpose("watch", "region").values)
    island = dict(zip(world["bus"].values.tolist(), world["bus_island"].values.tolist(), strict=True))
    at_reference = energy.sel(island=[island[bus] for bus in world["region"].values.tolist()])
    local = at_reference.transpose("island", "year", "slice").values - congestion
    note = "(dual, campuses fixed)"
    coords = {dim: world[dim] for dim in ("region", "year", "slice")}
    return {
        "dual_energy": energy.transpose("island", "year", "slice").assign_attrs(
            units="USD/MWh", long_name=f"cost of one MWh more at the reference bus of the island {note}"
        ),
        "dual_limit": worth.assign_attrs(
            units="USD/MWh", long_name=f"worth of one MW more of the watched limit {note}"
        ),
        "local_price": xr.DataArray(local, coords=coords, dims=("region", "year", "slice")).assign_attrs(
            units="USD/MWh", long_name=f"local price: cost of one MWh more at the bus {note}"
        ),
    }


def _sign_of_supply(matrix: Matrix, model: Model) -> float:
    """Return the sign with which generation enters the balance: Pyomo may write an equation with either side first."""
    rows = {id(row) for row in model.component("nodal.balance").values()}
    offers = {id(column) for column in model.component("nodal.dispatch").values()}
    number = next(k for k, row in enumerate(matrix.rows) if id(row) in rows)
    entries = matrix.rows_matrix[[number]]
    return next(
        float(np.sign(value))
        for column, value in zip(entries.indices.tolist(), entries.data.tolist(), strict=True)
        if id(matrix.columns[column]) in offers
    )
