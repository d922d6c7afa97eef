"""The section of a case that says what else than money counts, how much of it is allowed, and how it is weighed.

The other sections are in :mod:`grid_opt.config.sections`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, model_validator

from grid_opt.config.knobs import KnobError, Knobs, knob

Criterion = Literal["carbon", "tokens", "waiting", "water", "concentration", "alike"]

CRITERIA: Final[tuple[Criterion, ...]] = get_args(Criterion)

UNITS: Final[dict[str, str]] = {
    "cost": "million USD",
    "carbon": "kt",
    "tokens": "%",
    "waiting": "MW quarters",
    "water": "1000 m3",
    "concentration": "MW",
    "alike": "regions",
}
"""Unit of each criterion; of all of them less is better."""

MEANINGS: Final[dict[str, str]] = {
    "cost": "all costs of the case, present value",
    "carbon": "emissions of all years of the plan on the ledger of the case",
    "tokens": "share of all tokens wanted that is not served",
    "waiting": "IT power of the final target that is not yet in service, added up over the quarters",
    "water": "water consumed in all years of the plan",
    "concentration": "largest IT power in one region at the end",
    "alike": "most regions in which the sites at the end agree with one of the references",
}

Amounts = dict[Criterion, Annotated[float, Field(ge=0, le=1e9)]]


class Tradeoff(Knobs):
    """What else than money counts. ``grid-opt pareto`` and ``grid-opt alternatives`` set these knobs by themselves.

    Criteria are ``carbon`` [kt], ``tokens`` [% not served], ``waiting`` [MW quarters], ``water`` [1000 m3],
    ``concentration`` [MW] and ``alike`` [regions]; less of each is better.
    """

    most: Amounts = knob({}, "Most of a criterion that a plan may reach, in the criterion's unit.")
    weights: Amounts = knob(
        {}, "Weight of a criterion beside the costs in what is minimized.", unit="million USD per unit of the criterion"
    )
    cost_weight: float = knob(
        1.0,
        "Weight of the costs beside the criteria. A small one asks for the least of the criteria, and of the plans "
        "with the least for a cheap one.",
        unit="1",
        gt=0,
        le=1,
    )
    references: list[list[str]] = knob(
        [], "Sets of regions with a campus at the end, of plans from which this one is to differ ('alike').",
        max_length=1000,
    )  # fmt: skip

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Criteria that are limited or weighed, in the order in which they are listed above."""
        return tuple(one for one in CRITERIA if one in self.most or one in self.weights)

    @property
    def weighs(self) -> bool:
        """Whether anything but the costs of the case is minimized."""
        return bool(self.weights) or self.cost_weight != 1.0

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Tradeoff:
        if self.cost_weight != 1.0 and not any(weight > 0 for weight in self.weights.values()):
            raise KnobError("nothing stands beside the costs", field="cost_weight", value=self.cost_weight,
                            expected="1 where tradeoff.weights weighs nothing")  # fmt: skip
        if ("alike" in self.criteria) != bool(self.references):
            raise KnobError("'alike' and references go together", field="references", value=self.references,
                            expected="references where most or weights name 'alike', and only there")  # fmt: skip
        return self
