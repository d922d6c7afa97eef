"""Describe a stochastic study: a base case, scenarios with probabilities, and how their costs are weighed."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from grid_opt.config.knobs import KnobError, Knobs, knob
from grid_opt.study.sweeps.design import BASE
from grid_opt.study.sweeps.schema import NAME, Design, Scenario, Sweep

MEAN: Final = "mean"
_FOLDER = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
_ROUNDING = 1e-6

Stage = Literal["sites", "connections", "equipment", "contracts"]
Named = Annotated[str, Field(pattern=NAME)]


class Future(Scenario):
    """A scenario with its probability. One that changes nothing is the base case itself."""

    probability: float = knob(0.0, "Probability of the scenario; all together are 1.", gt=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _has_a_probability(cls, values: Any) -> Any:
        if isinstance(values, dict) and "probability" not in values:
            raise KnobError("how likely is it?", field="probability", expected="probability = 0.25, or another share")
        return values

    @model_validator(mode="after")
    def _changes_something(self) -> Future:
        return self


class Study(Knobs):
    """Scenarios of the future, declared in one file."""

    name: str = knob("risk", "Short name; the folder of results is called so.", pattern=_FOLDER)
    title: str = knob("", "One line for tables and pictures.", max_length=200)
    description: str = knob("", "What the study is for.", max_length=5000)
    case: str = knob("us_750mw", "Base case: a bundled name, or a path relative to this file.", min_length=1)
    base: dict[str, Any] = knob({}, "Knobs to set in every scenario, as sections: [base.energy] days = 4.")
    first_stage: list[Stage] = knob(
        ["sites", "connections", "equipment", "contracts"],
        "What is decided before the scenario is known. 'sites': the regions with a campus at the end. 'connections': "
        "the MW requested of every offer of grid service, and which of those with a study or a least size are taken. "
        "'equipment': MW ordered of plant and batteries on site. 'contracts': MW signed under long contracts.",
        min_length=1,
    )
    weight: float = knob(
        0.0, "Weight of the conditional value at risk beside the expected cost: 0 is the mean alone.", ge=0, le=1
    )
    confidence: float = knob(
        0.9, "The risk is the mean cost of the worst scenarios with 1 - confidence of the probability.", ge=0, lt=1
    )
    reference: str = knob(
        MEAN,
        "The one future that a plan without scenarios would be made for, to tell what planning for all is worth: "
        "'mean', with every changed number at its mean over the scenarios, or the name of a scenario.",
        min_length=1,
    )
    time_limit_s: float | None = knob(
        None, "Longest search for all scenarios at once; without it, solve.time_limit_s for each.", unit="s", gt=0
    )
    scenarios: dict[Named, Future] = knob({}, "The scenarios, each under a name of its own.")

    @model_validator(mode="after")
    def _adds_up(self) -> Study:
        if not self.scenarios:
            raise KnobError("no scenario is given", field="scenarios", expected="at least one [scenarios.NAME]")
        total = math.fsum(one.probability for one in self.scenarios.values())
        if abs(total - 1.0) > _ROUNDING:
            last = list(self.scenarios)[-1]
            raise KnobError("the probabilities do not add up", field=f"scenarios.{last}.probability",
                            value=f"{total:.6g} in all", expected="1 in all")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _each_once(self) -> Study:
        for n, group in enumerate(self.first_stage):
            if group in self.first_stage[:n]:
                raise KnobError("this is there twice", field="first_stage", value=group, expected="each group once")
        if self.reference != MEAN and self.reference not in self.scenarios:
            raise KnobError("no scenario is called so", field="reference", value=self.reference,
                            expected=f"'mean' or one of {', '.join(self.scenarios)}")  # fmt: skip
        if MEAN in self.scenarios or BASE in self.moved:
            taken = MEAN if MEAN in self.scenarios else BASE
            raise KnobError("this name has a meaning of its own", field=f"scenarios.{taken}", value=taken,
                            expected="another name; 'base' may only be a scenario that changes nothing")  # fmt: skip
        return self

    @property
    def moved(self) -> dict[str, Scenario]:
        """The scenarios that change something."""
        return {name: one for name, one in self.scenarios.items() if one.set or one.changes}

    def as_sweep(self) -> Sweep:
        """Return the sweep over the base and the scenarios that change something."""
        scenarios = {
            name: Scenario.model_construct(title=one.title, set=one.set, changes=one.changes)
            for name, one in self.moved.items()
        }
        return Sweep.model_construct(
            name=self.name, title=self.title, description=self.description, case=self.case, base=self.base,
            design=Design.model_construct(method="scenarios"), axes={}, scenarios=scenarios, reuse=False,
        )  # fmt: skip
