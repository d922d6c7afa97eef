"""Build discrete upgrades of the network, once for all that use them."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import capital_weights
from grid_opt.units import USD_PER_MUSD

_OVER = ("upgrade", "quarter")


class Upgrades:
    """Decide which upgrades are in service through each quarter; one that is built stays.

    An upgrade widens the headroom of a region, for all offers on it together, or the limits of a link. It is paid once,
    whoever uses it, in the quarter in which it enters service.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset) -> None:
        self.build = build
        places = list(zip(world["upgrade"].values.tolist(), world["upgrade_place"].values.tolist(), strict=True))
        kind = dict(zip(world["upgrade"].values.tolist(), world["upgrade_target"].values.tolist(), strict=True))
        self.on_region = {
            r: [u for u, at in places if at == r and kind[u] == "region"] for r in world["region"].values.tolist()
        }
        self.on_link = {
            e: [u for u, at in places if at == e and kind[u] == "link"] for e in world["link"].values.tolist()
        }
        self._regional = build.mapping(self.on_region, symbol=r"\mathcal{T}")
        self._linked = build.mapping(self.on_link, symbol=r"\mathcal{T}")
        ready = build.parameter(
            "upgrade.ready", world["upgrade_ready"], _OVER, symbol=r"\rho^{T}", unit="1",
            meaning="1 from the first quarter in which the upgrade can serve, else 0",
        )  # fmt: skip
        self.forward = build.parameter(
            "upgrade.forward", world["upgrade_forward"], ("upgrade",), symbol=r"\Delta\overline{F}", unit="MW",
            meaning="headroom or forward limit that the upgrade adds",
        )  # fmt: skip
        self.reverse = build.parameter(
            "upgrade.reverse", world["upgrade_reverse"], ("upgrade",), symbol=r"\Delta\underline{F}", unit="MW",
            meaning="reverse limit that the upgrade adds",
        )  # fmt: skip
        self.price = build.parameter(
            "upgrade.price", world["upgrade_cost"] / USD_PER_MUSD, ("upgrade",), symbol="K^{T}", unit="million USD",
            meaning="overnight cost of the upgrade",
        )  # fmt: skip
        weight = build.parameter(
            "upgrade.weight", capital_weights(case, case.costs.shell_life_years), ("quarter",), symbol="A^{T}",
            unit="1", meaning="present value per USD of an upgrade that enters service in the quarter",
        )  # fmt: skip
        self.built = build.variable(
            "upgrade.built", _OVER, symbol="t", unit="1", domain="binary", bounds=lambda t, q: (0, ready[t, q]),
            meaning="upgrade is in service through the quarter",
        )  # fmt: skip
        build.constraint(
            "upgrade.lasting", _OVER, lambda t, q: self.built[t, q] >= build.before(self.built, t, q),
            unit="1", meaning="An upgrade that is built stays.",
        )  # fmt: skip
        build.cost(
            "upgrade.upgrade_cost", _OVER, lambda t, q: weight[q] * self.price[t] * self._new(t, q),
            meaning="Upgrades of the network.",
        )  # fmt: skip

    def _new(self, upgrade: Index, quarter: Index) -> Expression:
        return self.built[upgrade, quarter] - self.build.before(self.built, upgrade, quarter)

    def headroom_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the headroom that upgrades add [MW]."""
        return self.build.total(self._regional[region], lambda t: self.forward[t] * self.built[t, quarter])

    def forward_mw(self, link: Index, quarter: Index) -> Expression:
        """Return the forward limit that upgrades add [MW]."""
        return self.build.total(self._linked[link], lambda t: self.forward[t] * self.built[t, quarter])

    def reverse_mw(self, link: Index, quarter: Index) -> Expression:
        """Return the reverse limit that upgrades add [MW]."""
        return self.build.total(self._linked[link], lambda t: self.reverse[t] * self.built[t, quarter])

    def outlay(self, quarter: Index) -> Expression:
        """Return the overnight money spent on upgrades that enter service in the quarter [million USD]."""
        return self.build.total("upgrade", lambda t: self.price[t] * self._new(t, quarter))
