"""Make small stochastic programs whose first stages can be tried one by one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.extensive import Scenario, delivered, granted
from grid_opt.formulation.model import build_model
from grid_opt.plan.first_stage import FirstStage
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.stochastic import Joint, Part, join, solve_joint
from grid_opt.study.stochastic.measure import Measure
from tests.tiny import tiny_case, tiny_world

EXACT = Options(gap=0.0, time_limit_s=60.0)


def risky_case() -> Case:
    """Return a tiny case with dear and cheap years, whose last target needs two campuses."""
    return tiny_case(horizon={"long_run_until_year": 2040})


def worlds_of(case: Case) -> dict[str, xr.Dataset]:
    """Return three worlds that differ in the price of power: each is cheap in another region."""
    base = tiny_world(case, regions=4, seed=5)
    base["headroom"] = xr.full_like(base["headroom"], 40.0)
    base["site_lead_quarters"] = xr.full_like(base["site_lead_quarters"], 2.0)
    found = {}
    for n, name in enumerate(("calm", "dry", "storm")):
        factor = [1.0 + 2.5 * n * ((r + n) % 3) for r in range(4)]
        scale = xr.DataArray(factor, coords={"region": base["region"]}, dims="region")
        found[name] = base.assign(price=(base["price"] * scale).transpose(*base["price"].dims))
    return found


@dataclass(frozen=True)
class Risky:
    """A tiny stochastic program."""

    parts: Sequence[Part]
    stage: Sequence[str]
    weight: float
    confidence: float

    @property
    def measure(self) -> Measure:
        """How its costs are weighed."""
        chances = tuple(part.scenario.probability for part in self.parts)
        return Measure(chances, self.weight, self.confidence)

    def joined(self) -> Joint:
        """Return the program of all scenarios."""
        worlds = {part.name: part.world for part in self.parts}
        return join(self.parts, self.stage, self.weight, self.confidence, granted(worlds), delivered(worlds))

    def solve(self) -> tuple[Answer, FirstStage]:
        """Solve it to the optimum."""
        joint = self.joined()
        answer = solve_joint(joint, EXACT, lambda text: None)
        assert answer.x is not None
        return answer, joint.first_stage(answer.x)

    def costs(self, first: FirstStage) -> list[float]:
        """Return what every scenario costs with a first stage."""
        return [part.recourse(first, EXACT)[1].objective for part in self.parts]


def risky(
    case: Case,
    worlds: dict[str, xr.Dataset],
    chances: Sequence[float],
    *,
    stage: Sequence[str] = ("sites",),
    weight: float = 0.0,
    confidence: float = 0.5,
) -> Risky:
    """Return the stochastic program of some worlds."""
    given, had = granted(worlds), delivered(worlds)
    parts = [
        Part(Scenario(name, chance, world, build_model(case, world)), stage, given, had)
        for (name, world), chance in zip(worlds.items(), chances, strict=True)
    ]
    return Risky(parts, stage, weight, confidence)


def every_siting(world: xr.Dataset) -> list[FirstStage]:
    """Return every set of regions as a first stage."""
    regions = world["region"].values.tolist()
    return [
        FirstStage({"sites": dict(zip(regions, map(float, chosen), strict=True))})
        for chosen in itertools.product((0, 1), repeat=len(regions))
    ]
