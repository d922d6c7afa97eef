"""Turn the network of a siting case into rows and flows: what both of its programs are made from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.model import Model
from grid_opt.formulation.nodal import LEAST, NO_OUTAGE, unwatched
from grid_opt.network.elements import Numbers, Places
from grid_opt.network.screening import Pairs, Screen
from grid_opt.network.siting import Response
from grid_opt.plan.schema import NODAL_DECISIONS
from grid_opt.solve.opf import columns_of
from grid_opt.solve.standard_form import Array, Matrix

MET_MW = 1e-3
"""A limit that is watched already counts as broken only beyond this: HiGHS keeps rows to a tolerance of its own."""


@dataclass(frozen=True)
class Columns:
    """Where the variables of the dispatch stand in a program, (label, snapshot); ``bought`` and ``over`` may lack."""

    dispatch: Places
    shed: Places
    bought: Places | None = None
    over: Places | None = None

    @classmethod
    def of(cls, model: Model, matrix: Matrix) -> Columns:
        """Find them by their names."""
        found = {}
        names = {"dispatch": "nodal.dispatch", "shed": "nodal.shed", "bought": "operation.purchase",
                 "over": "base.overload"}  # fmt: skip
        for key, name in names.items():
            if name in model.declarations:
                first = model.declarations[name].dims[0]
                found[key] = columns_of(model, matrix, name).reshape(len(model.builder.index(first)), -1)
        return cls(**found)

    def rows(self, response: Response, pairs: Pairs, share: Numbers, width: int) -> sp.csr_array:
        """Return the rows of limits as numbers; ``share`` is the LODF of the pairs."""
        at = pairs.snapshot
        blocks = [
            (self.dispatch[:, at].T, pairs.combine(response.offers, share)),
            (self.shed[:, at].T, pairs.combine(response.areas, share)),
        ]
        if self.bought is not None:
            blocks.append((self.bought[:, at].T, -pairs.combine(response.regions, share)))
        if self.over is not None:
            blocks.append((self.over[pairs.branch, at][:, None], -np.ones((len(pairs), 1))))
        column = np.concatenate([block[0] for block in blocks], axis=1)
        value = np.concatenate([block[1] for block in blocks], axis=1)
        row = np.repeat(np.arange(len(pairs)), column.shape[1])
        kept = (column.ravel() >= 0) & (np.abs(value.ravel()) >= LEAST)
        place = (row[kept], column.ravel()[kept])
        return sp.csr_array((value.ravel()[kept], place), shape=(len(pairs), width))

    def values(self, x: Array) -> tuple[Numbers, Numbers, Numbers | None]:
        """Return dispatch, shed load and what is bought [MW], (label, snapshot)."""

        def of(at: Places) -> Numbers:
            return np.where(at >= 0, x[np.maximum(at, 0)], 0.0)

        return of(self.dispatch), of(self.shed), None if self.bought is None else of(self.bought)


@dataclass
class Grid:
    """A world with its network made ready: to turn dispatch into flows and flows into broken limits."""

    case: Case
    world: xr.Dataset
    response: Response
    screen: Screen

    @classmethod
    def of(cls, case: Case, world: xr.Dataset) -> Grid:
        """Factorise the network of a world."""
        response = Response.of(world)
        screen = Screen(response.factors, case.nodal.n_1, case.nodal.outage_rating)
        return cls(case, unwatched(world), response, screen)

    @property
    def snapshots(self) -> int:
        """Hours of all operating years."""
        return int(self.response.alone.shape[1])

    def rows(self, columns: Columns, pairs: Pairs, width: int) -> tuple[sp.csr_array, Numbers]:
        """Return the rows of limits, and their right-hand sides: the limits less the flows of load alone."""
        share = self.screen.lodf(pairs.branch, pairs.outage)
        rows = columns.rows(self.response, pairs, share, width)
        return rows, pairs.limit_mw - pairs.in_snapshot(self.response.alone, share)

    def named(self, pairs: Pairs, k: int) -> str:
        """Name a limit in words: branch, outage, hour."""
        branches, count = self.world["branch"].values, self.world.sizes["slice"]
        outage, snapshot = int(pairs.outage[k]), int(pairs.snapshot[k])
        after = f" after the outage of {branches[outage]}" if outage >= 0 else ""
        year, slice_ = self.world["year"].values[snapshot // count], self.world["slice"].values[snapshot % count]
        return f"branch {branches[int(pairs.branch[k])]}{after} in hour {slice_} of {year}"

    def watching(self, pairs: Pairs) -> xr.Dataset:
        """Return the world with these limits watched."""
        world = self.world
        names = np.append(world["branch"].values.astype(object), NO_OUTAGE)
        years, slices = world["year"].values, world["slice"].values
        found = {
            "watch_branch": names[pairs.branch].astype(str), "watch_outage": names[pairs.outage].astype(str),
            "watch_sign": pairs.sign, "watch_year": years[pairs.snapshot // len(slices)],
            "watch_slice": slices[pairs.snapshot % len(slices)], "watch_limit": pairs.limit_mw,
        }  # fmt: skip
        watch = world.drop_dims("watch").assign_coords(watch=np.arange(len(pairs)))
        about = {name: {"units": spec.unit, "long_name": spec.long_name} for name, spec in NODAL_DECISIONS.items()}
        return watch.assign({name: (("watch",), values, about[name]) for name, values in found.items()})


def names_of(pairs: Pairs) -> list[str]:
    """Name the rows of limits, by the positions of their branches."""
    rows = zip(pairs.branch.tolist(), pairs.outage.tolist(), strict=True)
    return [f"limit of branch {branch} after the outage of {outage}" for branch, outage in rows]


def with_rows(matrix: Matrix, rows: sp.csr_array, lower: Numbers, upper: Numbers, names: list[str]) -> Matrix:
    """Return a program with further rows."""
    return replace(
        matrix,
        rows_matrix=sp.csr_array(sp.vstack([matrix.rows_matrix, rows], format="csr")),
        row_lower=np.concatenate([matrix.row_lower, lower]),
        row_upper=np.concatenate([matrix.row_upper, upper]),
        rows=[*matrix.rows, *names],
    )
