"""Plan for the scenarios of a study by progressive hedging, scenario by scenario, with mpi-sppy.

On one machine: ``python scripts/studies/stochastic_mpi.py quick_risk``. With MPI and mpi4py, four scenarios at a time:
``mpiexec -n 4 python -m mpi4py scripts/studies/stochastic_mpi.py quick_risk``. It prints the first stage that the
scenarios settle on, how far they still disagree, and the proven bound, as JSON. Progressive hedging is a heuristic for
whole numbers; on one machine, ``grid-opt stochastic`` proves its plan.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from grid_opt.formulation.extensive import Scenario, delivered, granted
from grid_opt.formulation.model import build_model
from grid_opt.solve.mpi_sppy import Tree, progressive_hedging
from grid_opt.study.stochastic.loading import prepare


def main() -> None:
    """Read the study, hedge, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="bundled name or file of a stochastic study")
    parser.add_argument("--rounds", type=int, default=20, help="most rounds [20]")
    parser.add_argument("--rho", type=float, default=10.0, help="price of disagreement, million USD per unit [10]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a knob of the case")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="grid-opt-") as scratch:
        ready = prepare(asked.study, Path(scratch), lambda text: None, asked.set, with_reference=False)
        chances = dict(zip(ready.futures, ready.probabilities, strict=True))
        worlds = {name: one.world for name, one in ready.futures.items()}

        def make(name: str) -> Scenario:
            return Scenario(name, chances[name], worlds[name], build_model(ready.futures[name].case, worlds[name]))

        study = ready.study
        tree = Tree(make, list(worlds), study.first_stage, study.weight, study.confidence,
                    granted(worlds), delivered(worlds))  # fmt: skip
        hedged = progressive_hedging(tree, asked.rounds, asked.rho)
    first = {kind: {k: round(v, 3) for k, v in some.items() if v > 1e-6} for kind, some in hedged.first.of.items()}
    told = {"bound_musd": hedged.bound, "disagreement": hedged.disagreement, "rounds": hedged.rounds}
    print(json.dumps(told | {"first_stage": first}, indent=2))


if __name__ == "__main__":
    main()
