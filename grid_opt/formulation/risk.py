"""Decide now what cannot wait, and weigh what the scenarios of the future then cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import xarray as xr

from grid_opt.formulation.block import Builder, Expression, Index

SITES, CONNECTIONS, EQUIPMENT, CONTRACTS = "sites", "connections", "equipment", "contracts"
STAGES: Final = (SITES, CONNECTIONS, EQUIPMENT, CONTRACTS)
"""Groups of choices that may be made now."""

At = tuple[str, str]
"""A scenario and the region, offer, equipment or contract that a choice is of."""


@dataclass(frozen=True)
class Choices:
    """What the scenarios choose that is to be chosen now, by scenario and label; a scenario may lack a label.

    ``sites``: campus open at the end; ``requests`` [MW]: contracted in the last quarter of an offer, with the share
    ``granted`` that the scenario can give of the most that any can; ``studies``: an offer with a study is taken;
    ``orders`` [MW] on site at the end, with the share ``delivered`` of the most; ``contracts`` [MW] signed.
    """

    sites: Mapping[At, Expression] = field(default_factory=dict)
    requests: Mapping[At, Expression] = field(default_factory=dict)
    granted: Mapping[At, float] = field(default_factory=dict)
    studies: Mapping[At, Expression] = field(default_factory=dict)
    orders: Mapping[At, Expression] = field(default_factory=dict)
    delivered: Mapping[At, float] = field(default_factory=dict)
    contracts: Mapping[At, Expression] = field(default_factory=dict)


class Risk:
    r"""Make the choices of the first stage once for all scenarios, and minimize expected costs and their tail.

    Scenario :math:`\omega` comes with probability :math:`p_\omega`; all blocks of the model are there once for each,
    with its data, and :math:`f(\omega)` is what that copy costs: its own objective. Known before the scenario are the
    regions in which a campus stands at the end, the MW requested of every offer of grid service, the studies paid, the
    equipment ordered and the long contracts signed; all else (when halls open, which systems fill them, what is bought
    from hour to hour) follows the scenario. A scenario that can give less of an offer than another one, because its
    connections come later, grants of a request at least the share :math:`\phi` that it can give of the most that any
    gives, and at most all of it; where all give the same, all contract what was requested. So it is with equipment.

    The risk is the conditional value at risk: the mean cost of the worst :math:`1 - \alpha` of the probability. By
    Rockafellar and Uryasev (Journal of Risk 2, 2000) it is the least of
    :math:`\eta + \frac{1}{1 - \alpha} \sum_\omega p_\omega \xi_\omega`, where :math:`\xi` is what a scenario costs
    beyond :math:`\eta`, so that both stay linear. Without weight on it, :math:`\lambda = 0`, its rows are not there.
    """

    def __init__(
        self,
        build: Builder,
        choices: Choices,
        costs: Mapping[str, Expression],
        probability: xr.DataArray,
        weight: float,
        confidence: float,
    ) -> None:
        self.build = build
        self._sites(choices)
        self._connections(choices)
        self._equipment(choices)
        self._contracts(choices)
        self._objective(costs, probability, weight, confidence)

    def _sites(self, choices: Choices) -> None:
        build, open_ = self.build, choices.sites
        if not open_:
            return
        sited = build.variable(
            "risk.sited", ("region",), symbol="Y", unit="1", domain="nonnegative", bounds=lambda r: (0, 1),
            meaning="1 where a campus is decided on before the scenario is known",
        )  # fmt: skip
        self._same("risk.one_site", "region", build.mapping(open_, symbol="y"), sited, open_, "1",
                   "Campuses stand in the same regions in every scenario.")  # fmt: skip

    def _connections(self, choices: Choices) -> None:
        build, mw, paid = self.build, choices.requests, choices.studies
        if mw:
            contracted = build.mapping(mw, symbol="C")
            granted = build.mapping(choices.granted, symbol=r"\phi")
            requested = build.variable(
                "risk.requested", ("offer",), symbol="R", unit="MW", domain="nonnegative",
                meaning="MW requested of the offer before the scenario is known",
            )  # fmt: skip
            self._served("requested", "offer", contracted, requested, granted, mw,
                         "No scenario contracts more than was requested.",
                         "Every scenario contracts the share of a request that it can give.")  # fmt: skip
        if paid:
            studied = build.variable(
                "risk.studied", ("offer",), symbol="U", unit="1", domain="nonnegative", bounds=lambda j: (0, 1),
                meaning="1 where the offer is taken before the scenario is known",
            )  # fmt: skip
            self._same("risk.one_study", "offer", build.mapping(paid, symbol="u"), studied, paid, "1",
                       "Offers with a study or a least size are taken in all scenarios or in none.")  # fmt: skip

    def _equipment(self, choices: Choices) -> None:
        build, mw = self.build, choices.orders
        if not mw:
            return
        standing = build.mapping(mw, symbol="o")
        delivered = build.mapping(choices.delivered, symbol=r"\phi")
        ordered = build.variable(
            "risk.ordered", ("own",), symbol="O", unit="MW", domain="nonnegative",
            meaning="MW of equipment ordered before the scenario is known",
        )  # fmt: skip
        self._served("ordered", "own", standing, ordered, delivered, mw,
                     "No scenario has more equipment on site at the end than was ordered.",
                     "Every scenario has the share of an order that it can have by then.")  # fmt: skip

    def _same(
        self,
        name: str,
        dim: str,
        chosen: Mapping[Index, Expression],
        decided: Mapping[Index, Expression],
        known: Mapping[At, Expression],
        unit: str,
        meaning: str,
    ) -> None:
        """Keep what every scenario chooses at what is decided for all."""
        self.build.constraint(
            name, ("scenario", dim), lambda w, j: chosen[w, j] == decided[j],
            unit=unit, meaning=meaning, where=lambda w, j: (w, j) in known,
        )  # fmt: skip

    def _served(
        self,
        name: str,
        dim: str,
        served: Mapping[Index, Expression],
        asked: Mapping[Index, Expression],
        share: Mapping[Index, float],
        known: Mapping[At, Expression],
        most: str,
        least: str,
    ) -> None:
        """Keep what a scenario gives between a share of what is asked for and all of it."""
        build = self.build
        build.constraint(
            f"risk.{name}_most", ("scenario", dim), lambda w, j: served[w, j] <= asked[j],
            unit="MW", meaning=most, where=lambda w, j: (w, j) in known,
        )  # fmt: skip
        build.constraint(
            f"risk.{name}_least", ("scenario", dim), lambda w, j: served[w, j] >= share[w, j] * asked[j],
            unit="MW", meaning=least, where=lambda w, j: (w, j) in known,
        )  # fmt: skip

    def _contracts(self, choices: Choices) -> None:
        build, mw = self.build, choices.contracts
        if not mw:
            return
        signed = build.variable(
            "risk.signed", ("ppa",), symbol="K", unit="MW", domain="nonnegative",
            meaning="nameplate signed for before the scenario is known",
        )  # fmt: skip
        self._same("risk.one_contract", "ppa", build.mapping(mw, symbol="k"), signed, mw, "MW",
                   "Long contracts are the same in every scenario.")  # fmt: skip

    def _objective(
        self, costs: Mapping[str, Expression], probability: xr.DataArray, weight: float, confidence: float
    ) -> None:
        build = self.build
        cost = build.mapping(costs, symbol="f")
        chance = build.parameter(
            "risk.probability", probability, ("scenario",), symbol="p", unit="1", meaning="probability of the scenario"
        )
        if weight == 0.0:
            build.objective(
                lambda: build.total("scenario", lambda w: chance[w] * cost[w]),
                unit="million USD", meaning="Expected cost.",
            )  # fmt: skip
            return
        of_tail = build.parameter("risk.weight", weight, symbol=r"\lambda", unit="1", meaning="weight of the tail")
        # As data, for a symbol is not divided by.
        worst = build.parameter(
            "risk.per_tail", 1.0 / (1.0 - confidence), symbol=r"\tfrac{1}{1-\alpha}", unit="1",
            meaning="one over the share of the probability whose mean cost is the risk",
        )  # fmt: skip
        kept = build.parameter(
            "risk.kept", 1.0 - weight, symbol=r"(1-\lambda)", unit="1", meaning="weight of the expected cost"
        )
        at_risk = build.variable(
            "risk.at_risk", (), symbol=r"\eta", unit="million USD", domain="real",
            meaning="cost that all but the worst scenarios stay within: the value at risk",
        )  # fmt: skip
        beyond = build.variable(
            "risk.beyond", ("scenario",), symbol=r"\xi", unit="million USD", domain="nonnegative",
            meaning="cost of the scenario beyond the value at risk",
        )  # fmt: skip
        build.constraint(
            "risk.tail", ("scenario",), lambda w: beyond[w] >= cost[w] - at_risk,
            unit="million USD", meaning="What a scenario costs beyond the value at risk counts.",
        )  # fmt: skip
        build.objective(
            lambda: kept * build.total("scenario", lambda w: chance[w] * cost[w])
            + of_tail * (at_risk + worst * build.total("scenario", lambda w: chance[w] * beyond[w])),
            unit="million USD", meaning="Expected cost and conditional value at risk, by their weights.",
        )  # fmt: skip
