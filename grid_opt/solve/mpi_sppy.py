"""Hand the scenarios to mpi-sppy, where they outgrow one program or one machine (extra: ``mpi-sppy``).

mpi-sppy decomposes by scenario: progressive hedging (Rockafellar and Wets, Mathematics of Operations Research 16, 1991)
plans each scenario with a price on departing from what the others decide ahead. With whole numbers it need not end at
the optimum, and its bound is that of its first round, every scenario by itself. A scenario is the same model as
everywhere: the extensive form of one scenario alone, whose variables of the block
:class:`~grid_opt.formulation.risk.Risk` are those that the scenarios share.

Without MPI (``mpi4py``) mpi-sppy runs in one process. Run a script under ``mpiexec -n N`` to give scenarios processes
of their own: ``scripts/studies/stochastic_mpi.py`` is one.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyomo.environ as pyo

from grid_opt.errors import InputError, SolverError
from grid_opt.formulation.extensive import Scenario, Shares, build_extensive
from grid_opt.plan.first_stage import KINDS, ROOTS, FirstStage

INSTALL: Final = "pip install 'grid-opt[mpi-sppy]'"
SOLVER: Final = "appsi_highs"
_NOTHING = 1e-6


@dataclass(frozen=True)
class Tree:
    """What mpi-sppy needs to make a scenario: from its name its model, the first stage, the risk, and the shares."""

    make: Callable[[str], Scenario]
    names: Sequence[str]
    stage: Sequence[str]
    weight: float
    confidence: float
    given: Shares
    had: Shares


@dataclass(frozen=True)
class Hedged:
    """What hedging came to: a proven bound [million USD], its first stage, and how far scenarios disagree."""

    bound: float
    first: FirstStage
    disagreement: float
    rounds: int


def available() -> bool:
    """Return whether mpi-sppy is installed."""
    return importlib.util.find_spec("mpisppy") is not None


def scenario_creator(name: str, tree: Tree) -> Any:
    """Return the model of one scenario with its probability and its first stage, as mpi-sppy wants it."""
    sputils: Any = _require("mpisppy.utils.sputils")
    scenario = tree.make(name)
    alone = Scenario(scenario.name, 1.0, scenario.world, scenario.model)
    extensive = build_extensive([alone], tree.stage, tree.weight, tree.confidence, tree.given, tree.had)
    model = extensive.pyomo
    shared = [v for kind in KINDS for v in _values(extensive.root(ROOTS[kind]))]
    # mpi-sppy refuses a shared variable that a scenario does not have in any row, such as an offer it never gets.
    model.appear = pyo.Constraint(range(len(shared)), rule=lambda _m, number: shared[number] >= 0.0)
    shared += _values(extensive.root("at_risk"))
    sputils.attach_root_node(model, 0.0, shared)
    model._mpisppy_probability = scenario.probability
    return model


def extensive_form(tree: Tree) -> tuple[float, dict[str, float]]:
    """Solve all scenarios in one program that mpi-sppy makes; return the objective and the values of the root.

    Raises:
        InputError: mpi-sppy is not installed.
        SolverError: no optimum was found.
    """
    ef: Any = _require("mpisppy.opt.ef")
    with _quiet():
        program = ef.ExtensiveForm({"solver": SOLVER}, list(tree.names), scenario_creator,
                                   scenario_creator_kwargs={"tree": tree})  # fmt: skip
        results = program.solve_extensive_form()
    if str(results.solver.termination_condition) != "optimal":
        raise SolverError(f"mpi-sppy's extensive form ended '{results.solver.termination_condition}'")
    return float(program.get_objective_value()), {str(k): float(v) for k, v in program.get_root_solution().items()}


def progressive_hedging(tree: Tree, rounds: int = 20, rho: float = 1.0) -> Hedged:
    """Plan scenario by scenario until they agree on the first stage, or for so many rounds.

    ``rho`` is the price of departing from the mean of a first-stage value, per unit and squared unit [million USD]. The
    quadratic term is cut by tangents, so that every program stays linear but for whole numbers.

    Raises:
        InputError: mpi-sppy is not installed.
    """
    ph: Any = _require("mpisppy.opt.ph")
    options = {
        "solver_name": SOLVER, "PHIterLimit": rounds, "defaultPHrho": rho, "convthresh": _NOTHING, "verbose": False,
        "display_progress": False, "display_timing": False, "iter0_solver_options": None, "iterk_solver_options": None,
        "linearize_proximal_terms": True, "proximal_linearization_tolerance": 1e-3,
    }  # fmt: skip
    with _quiet():
        hedging = ph.PH(options, list(tree.names), scenario_creator, scenario_creator_kwargs={"tree": tree})
        disagreement, _, bound = hedging.ph_main()
        average = _averages(hedging)
    return Hedged(float(bound), _first_stage(average), float(disagreement), int(hedging._PHIter))


def _averages(hedging: Any) -> dict[str, float]:
    """Return the mean over the scenarios of every shared variable, by its name."""
    found: dict[str, float] = {}
    for model in hedging.local_scenarios.values():
        for (node, number), average in model._mpisppy_model.xbars.items():
            variable = model._mpisppy_data.nonant_indices[node, number]
            found[str(variable.name)] = float(average.value)
    return found


def _first_stage(average: dict[str, float]) -> FirstStage:
    kind_of = {f"risk__{root}": kind for kind, root in ROOTS.items()}
    found: dict[str, dict[str, float]] = {}
    for name, value in average.items():
        component, _, label = name.partition("[")
        if component in kind_of:
            found.setdefault(kind_of[component], {})[label.rstrip("]").strip("'")] = value
    return FirstStage(found)


def _values(component: Any) -> list[Any]:
    return [] if component is None else list(component.values())


def _require(module: str) -> Any:
    if not available():
        raise InputError("mpi-sppy is not installed", expected="the extra `mpi-sppy`", fix=INSTALL)
    with _quiet():
        return importlib.import_module(module)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what mpi-sppy prints of its progress to itself."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
