"""Measure a plan by other criteria than money, and keep it within what a trade-off allows of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.config.sections_tradeoff import Criterion
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.campus import Campus, halls_needed
from grid_opt.formulation.service import Service

_CRITERION = ("criterion",)
_THOUSAND = 1000.0
_PERCENT = 100.0


class Tradeoff:
    r"""Bound every criterion from below by what the plan comes to, and from above by what is allowed of it.

    With costs :math:`f_1` and criteria :math:`f_k`, the epsilon-constraint method solves
    :math:`\min f_1 \;|\; f_k \le e_k`. Its augmented form (AUGMECON2; Mavrotas and Florios, Applied Mathematics and
    Computation 219, 2013) rewards the slack :math:`s_k = e_k - f_k` by a trifle, :math:`\min f_1 - \delta \sum_k
    s_k / r_k`, so that no plan is returned that another one beats in one criterion at no more of any other. With
    :math:`f_k = e_k - s_k` that is, up to a constant, the weight :math:`\delta / r_k` on :math:`f_k` itself, which
    needs no slack: ``reached`` is both bounded and weighed.

    ``waiting`` adds up, over the quarters, what is missing of the final target; ``alike`` counts regions that have a
    campus in both of two plans or in neither, so that at most :math:`|R| - d` of them is a Hamming distance of at least
    :math:`d` from every reference.
    """

    def __init__(
        self, build: Builder, case: Case, world: xr.Dataset, campus: Campus, yearly: Mapping[str, Expression]
    ) -> None:
        """Declare the criteria; ``yearly`` gives the amounts by region and year of those that are kept so."""
        self.build, self.case, self.campus = build, case, campus
        self.asked = set(case.tradeoff.criteria)
        self.reached = build.variable(
            "tradeoff.reached", _CRITERION, symbol="f", unit="1", domain="nonnegative",
            meaning="what the plan comes to by each criterion, in the criterion's own unit",
        )  # fmt: skip
        for name, unit in (("carbon", "t"), ("water", "m3")):
            if name in yearly:
                self._over_years(name, unit, yearly[name], world)
        if "waiting" in self.asked:
            self._waiting(world)
        if "concentration" in self.asked:
            self._concentration()
        if "alike" in self.asked:
            self._alike(world)
        self._limits()

    def serve(self, service: Service, world: xr.Dataset) -> None:
        """Declare the tokens that are not served, where they count."""
        if "tokens" in self.asked:
            self.build.constraint(
                "tradeoff.tokens", _CRITERION, lambda k: self.reached[k] >= _PERCENT * service.missed_share(world),
                unit="%", meaning="For tokens: the share of all tokens wanted that is not served.",
                where=lambda k: k == "tokens",
            )  # fmt: skip

    def weighed(self) -> Expression:
        """Return the criteria by their weights [million USD]."""
        weights = self.case.tradeoff.weights
        weight = self.build.parameter(
            "tradeoff.weight", self._labelled(weights), _CRITERION, symbol=r"\omega",
            unit="million USD per unit", meaning="weight of the criterion beside the costs",
        )  # fmt: skip
        return self.build.total("criterion", lambda k: weight[k] * self.reached[k])

    def _over_years(self, name: str, unit: str, amount: Expression, world: xr.Dataset) -> None:
        stands_for = [float(len(self.case.represented_years(year))) for year in world["year"].values.tolist()]
        years = self.build.parameter(
            f"tradeoff.{name}_years",
            xr.DataArray(np.array(stands_for) / _THOUSAND, coords={"year": world["year"].values}, dims=("year",)),
            ("year",), symbol="N", unit=f"1/1000 {unit}", meaning="calendar years that a year stands for, by 1000",
        )  # fmt: skip
        self.build.constraint(
            f"tradeoff.{name}", _CRITERION,
            lambda k: self.reached[k] >= self.build.total(
                "region", lambda r: self.build.total("year", lambda a: years[a] * amount[r, a])
            ),
            unit="kt" if name == "carbon" else "1000 m3",
            meaning=f"For {name}: all regions and calendar years together.", where=lambda k: k == name,
        )  # fmt: skip

    def _waiting(self, world: xr.Dataset) -> None:
        build, campus = self.build, self.campus
        full = build.parameter(
            "tradeoff.full_mw", self.case.campus.hall_mw * float(halls_needed(self.case, world)[-1]), symbol=r"P^{Q}",
            unit="MW", meaning="IT power of the whole halls that meet the final target",
        )  # fmt: skip
        late = build.variable(
            "tradeoff.late", ("quarter",), symbol=r"\ell", unit="MW", domain="nonnegative",
            meaning="IT power of the final target that is not in service through the quarter",
        )  # fmt: skip
        build.constraint(
            "tradeoff.missing", ("quarter",),
            lambda q: late[q] >= full - build.total("region", lambda r: campus.it_mw(r, q)),
            unit="MW", meaning="What is not in service is late.",
        )  # fmt: skip
        build.constraint(
            "tradeoff.waiting", _CRITERION, lambda k: self.reached[k] >= build.total("quarter", lambda q: late[q]),
            unit="MW", meaning="For waiting: all quarters together.", where=lambda k: k == "waiting",
        )  # fmt: skip

    def _concentration(self) -> None:
        end = self.build.last("quarter")
        self.build.constraint(
            "tradeoff.concentration", ("criterion", "region"),
            lambda k, r: self.reached[k] >= self.campus.it_mw(r, end),
            unit="MW", meaning="For concentration: no region holds more at the end.",
            where=lambda k, r: k == "concentration",
        )  # fmt: skip

    def _alike(self, world: xr.Dataset) -> None:
        build, end = self.build, self.build.last("quarter")
        stands = build.parameter(
            "tradeoff.stands", reference_sites(self.case, world), ("reference", "region"), symbol="z", unit="1",
            meaning="1 where the reference has a campus at the end, else 0",
        )  # fmt: skip

        def agrees(n: Index, r: Index) -> Expression:
            return 1 - stands[n, r] + (2 * stands[n, r] - 1) * self.campus.site[r, end]

        build.constraint(
            "tradeoff.alike", ("criterion", "reference"),
            lambda k, n: self.reached[k] >= build.total("region", lambda r: agrees(n, r)),
            unit="1", meaning="For alike: regions with a campus in both the plan and the reference, or in neither.",
            where=lambda k, n: k == "alike",
        )  # fmt: skip

    def _limits(self) -> None:
        most = self.case.tradeoff.most
        if not most:
            return
        limit = self.build.parameter(
            "tradeoff.most", self._labelled(most), _CRITERION, symbol="e", unit="1",
            meaning="most that is allowed by the criterion, in its own unit",
        )  # fmt: skip
        self.build.constraint(
            "tradeoff.limit", _CRITERION, lambda k: self.reached[k] <= limit[k],
            unit="1", meaning="No more by a criterion than is allowed.", where=lambda k: k in most,
        )  # fmt: skip

    def _labelled(self, amounts: Mapping[Criterion, float]) -> xr.DataArray:
        names = list(self.case.tradeoff.criteria)
        values = np.array([amounts.get(name, 0.0) for name in names])
        return xr.DataArray(values, coords={"criterion": names}, dims=_CRITERION)


def reference_sites(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return 1 where a reference has a campus, else 0, by (reference, region)."""
    regions = world["region"].values.tolist()
    rows = [[float(region in set(sites)) for region in regions] for sites in case.tradeoff.references]
    numbers = list(range(1, len(rows) + 1))
    return xr.DataArray(rows, coords={"reference": numbers, "region": regions}, dims=("reference", "region"))
