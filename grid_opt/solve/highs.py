"""Hand arrays to HiGHS and bring back an answer that was checked: the only file that knows the solver."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from grid_opt.errors import SolverError
from grid_opt.solve.answer import Answer, Options, Progress, UnsoundAnswerError, audit
from grid_opt.solve.standard_form import LARGEST_COEFFICIENT, Array, Matrix

_INTERIOR, _CHOOSE = "ipm", "choose"
"""HiGHS's names of interior points, and of leaving the method to it."""
_OK = highspy.HighsStatus.kOk

_PROVING: dict[str, float | bool | int] = {
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_rins": False,
    "mip_pscost_minreliable": 0,
}
"""What HiGHS leaves out where only a bound is wanted: heuristics, which cost more than all cuts at the root, and trying
every branch of the first nodes, which cost more than the fifty nodes that are seen for it."""


def _engine(options: Options) -> Any:
    """Return a quiet HiGHS instance with the options set, each setting checked.

    HiGHS has one scheduler per process and refuses to run, or runs wrongly, when its number of threads changes
    under it, be it by another library. So it is made anew for every solve; that takes about a millisecond.
    """
    highspy.Highs.resetGlobalScheduler(True)
    engine: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    settings = {
        "output_flag": True,  # without output HiGHS sends no news of the search either
        "log_to_console": False,
        "threads": options.threads,
        "random_seed": options.seed,
        "mip_rel_gap": options.gap,
        "mip_abs_gap": 0.0,
        "time_limit": float(options.time_limit_s),
        "objective_target": options.target,
        "mip_lp_solver": _INTERIOR if options.interior else _CHOOSE,
        "mip_heuristic_run_root_reduced_cost": False,  # others find plans as good in these programs, sooner
    }
    for name, value in (settings | (_PROVING if options.proving else {})).items():
        if engine.setOptionValue(name, value) != _OK:
            raise SolverError(f"HiGHS refused the option {name} = {value}")
    return engine


def _load(engine: Any, matrix: Matrix) -> None:
    """Pass the arrays and make sure that HiGHS holds exactly what was passed."""
    rows, columns = matrix.shape
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = rows, columns
    lp.col_cost_, lp.offset_ = matrix.cost, matrix.offset
    lp.col_lower_, lp.col_upper_ = matrix.col_lower, matrix.col_upper
    lp.row_lower_, lp.row_upper_ = matrix.row_lower, matrix.row_upper
    entries = matrix.rows_matrix
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_row_, lp.a_matrix_.num_col_ = rows, columns
    lp.a_matrix_.start_ = entries.indptr.astype(np.int32)
    lp.a_matrix_.index_ = entries.indices.astype(np.int32)
    lp.a_matrix_.value_ = entries.data
    if matrix.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(flag)] for flag in matrix.integer]
    if engine.passModel(lp) == highspy.HighsStatus.kError:
        raise SolverError("HiGHS refused the model")
    held = (engine.getNumRow(), engine.getNumCol(), engine.getNumNz())
    passed = (rows, columns, entries.nnz)
    if held != passed:
        raise SolverError(f"HiGHS holds (rows, columns, entries) {held}, but {passed} were passed")


def _run(engine: Any) -> None:
    """Run HiGHS in a thread of its own: Python hands signals to the main thread, which must be free to hear them."""
    worker = threading.Thread(target=engine.run, name="HiGHS")
    worker.start()
    while worker.is_alive():
        worker.join(timeout=0.1)


def _subscribe(engine: Any, options: Options, started: float) -> None:
    stop = options.stop

    def interrupt(event: Any) -> None:
        if stop is not None and stop.is_set():
            event.interrupt()

    def report(event: Any) -> None:
        if options.progress is not None:
            data = event.data_out
            options.progress(
                Progress(time.monotonic() - started, data.mip_primal_bound, data.mip_dual_bound, data.mip_node_count)
            )

    def end(event: Any) -> None:
        interrupt(event)
        if options.until is not None and options.until(event.data_out.mip_primal_bound, event.data_out.mip_dual_bound):
            event.interrupt()

    engine.cbMipInterrupt += end
    engine.cbSimplexInterrupt += interrupt
    engine.cbIpmInterrupt += interrupt
    engine.cbMipLogging += report


def solve(matrix: Matrix, options: Options, start: Array | None = None) -> Answer:
    """Solve a mixed-integer program, from a known solution if one is given.

    Raises:
        SolverError: HiGHS failed, or its answer does not satisfy the model that was passed.
    """
    engine = _engine(options)
    if options.interior and not matrix.integer.any() and engine.setOptionValue("solver", _INTERIOR) != _OK:
        raise SolverError("HiGHS refused interior points")
    _load(engine, matrix)
    if start is not None:
        solution = highspy.HighsSolution()
        solution.col_value = start
        engine.setSolution(solution)
    began = time.monotonic()
    _subscribe(engine, options, began)
    _run(engine)
    stopped = options.stop is not None and options.stop.is_set()
    return replace(_read(engine, matrix), seconds=time.monotonic() - began, interrupted=stopped)


def write_mps(matrix: Matrix, path: Path) -> None:
    """Write a program as an MPS file, for other solvers; columns are named by their numbers.

    Raises:
        SolverError: HiGHS could not write the file.
    """
    engine = _engine(Options())
    _load(engine, matrix)
    if engine.writeModel(str(path)) == highspy.HighsStatus.kError:  # a warning says that names were made up
        raise SolverError(f"HiGHS could not write {path}")


_LOST = {
    highspy.HighsModelStatus.kUnknown,
    highspy.HighsModelStatus.kSolveError,
    highspy.HighsModelStatus.kNotset,
}


_AT = highspy.HighsBasisStatus
BASIC, UPPER, NONBASIC = int(_AT.kBasic), int(_AT.kUpper), int(_AT.kNonbasic)
"""HiGHS's numbers of columns and rows that are basic, at their upper bounds, or at whichever bound they have."""
_STATUSES = {int(one): one for one in _AT.__members__.values()}


@dataclass(frozen=True)
class Basis:
    """The status of every column and every row in a basis, by HiGHS's numbers."""

    columns: npt.NDArray[np.int8]
    rows: npt.NDArray[np.int8]


class Session:
    """Keep a linear program in HiGHS, so that after a change it is solved again from the last basis.

    ``matrix`` is what HiGHS holds, changes included; every answer is audited against it. A ``basis`` to begin with may
    be of another program: HiGHS makes one of it that it can use. It changes how long the simplex method takes, and
    which of several best solutions it finds.
    """

    def __init__(self, matrix: Matrix, options: Options, basis: Basis | None = None) -> None:
        self.matrix = matrix
        self._options = options
        self._engine = _engine(options)
        _load(self._engine, matrix)
        _subscribe(self._engine, replace(options, progress=None), 0.0)
        if options.interior:
            self._do(self._engine.setOptionValue("solver", _INTERIOR))
        if basis is not None:
            begin = highspy.HighsBasis()
            begin.col_status = [_STATUSES[one] for one in basis.columns.tolist()]
            begin.row_status = [_STATUSES[one] for one in basis.rows.tolist()]
            begin.valid = begin.alien = True
            self._do(self._engine.setBasis(begin))

    def basis(self) -> Basis:
        """Return the basis of the last answer."""
        held = self._engine.getBasis()
        columns, rows = (
            np.array([int(one) for one in part], dtype=np.int8) for part in (held.col_status, held.row_status)
        )
        return Basis(columns, rows)

    def solve(self) -> Answer:
        """Solve; the time limit of the options is for this call alone.

        Raises:
            SolverError: as :func:`solve` does.
        """
        limit = self._engine.getRunTime() + self._options.time_limit_s  # HiGHS's clock runs over all calls
        self._do(self._engine.setOptionValue("time_limit", limit))
        began = time.monotonic()
        _run(self._engine)
        if self._engine.getModelStatus() in _LOST:
            self._start_over()
        if self._options.interior:  # a basis is known from here on
            self._do(self._engine.setOptionValue("solver", _CHOOSE))
        try:
            answer = _read(self._engine, self.matrix)
        except UnsoundAnswerError:  # of a basis that became bad over many changes
            self._do(self._engine.clearSolver())
            _run(self._engine)
            answer = _read(self._engine, self.matrix)
        stop = self._options.stop
        stopped = stop is not None and stop.is_set()
        return replace(answer, seconds=time.monotonic() - began, interrupted=stopped)

    def _start_over(self) -> None:
        """Solve by interior points what the simplex method lost its way in: badly scaled, infeasible programs."""
        self._do(self._engine.clearSolver())
        self._do(self._engine.setOptionValue("solver", _INTERIOR))
        _run(self._engine)
        self._do(self._engine.setOptionValue("solver", _CHOOSE))

    def add_rows(self, rows: sp.csr_array, lower: Array, upper: Array, names: list[str]) -> None:
        """Append rows; :class:`SolverError` when a number in them is none that HiGHS can use."""
        if not (np.isfinite(rows.data).all() and np.abs(rows.data).max(initial=0.0) < LARGEST_COEFFICIENT):
            raise SolverError("a row to be added holds a number that a solver cannot use")
        index, value = rows.indices.astype(np.int32), rows.data
        start = rows.indptr[:-1].astype(np.int32)
        self._do(self._engine.addRows(len(lower), lower, upper, rows.nnz, start, index, value))
        self.matrix = replace(
            self.matrix,
            rows_matrix=sp.csr_array(sp.vstack([self.matrix.rows_matrix, rows], format="csr")),
            row_lower=np.concatenate([self.matrix.row_lower, lower]),
            row_upper=np.concatenate([self.matrix.row_upper, upper]),
            rows=[*self.matrix.rows, *names],
        )
        if self._engine.getNumRow() != len(self.matrix.row_lower):
            raise SolverError("HiGHS did not take the rows that were added")

    def change_rows(self, rows: npt.NDArray[np.int64], lower: Array, upper: Array) -> None:
        """Give rows other bounds."""
        if np.isnan(lower).any() or np.isnan(upper).any():
            raise SolverError("a bound is not a number that a solver can use")
        self._do(self._engine.changeRowsBounds(len(rows), rows.astype(np.int32), lower, upper))
        held = self.matrix
        lows, highs = held.row_lower.copy(), held.row_upper.copy()
        lows[rows], highs[rows] = lower, upper
        self.matrix = replace(held, row_lower=lows, row_upper=highs)

    def change_columns(self, columns: npt.NDArray[np.int64], cost: Array, lower: Array, upper: Array) -> None:
        """Give columns other costs and bounds."""
        if not np.isfinite(cost).all() or np.isnan(lower).any() or np.isnan(upper).any():
            raise SolverError("a cost or bound is not a number that a solver can use")
        count, index = len(columns), columns.astype(np.int32)
        self._do(self._engine.changeColsCost(count, index, cost))
        self._do(self._engine.changeColsBounds(count, index, lower, upper))
        held = self.matrix
        costs, lows, highs = held.cost.copy(), held.col_lower.copy(), held.col_upper.copy()
        costs[columns], lows[columns], highs[columns] = cost, lower, upper
        self.matrix = replace(held, cost=costs, col_lower=lows, col_upper=highs)

    def _do(self, status: Any) -> None:
        if status != _OK:
            raise SolverError("HiGHS refused a change of the model")


def _read(engine: Any, matrix: Matrix) -> Answer:
    """Read the status first, and values only where the status says that they mean something."""
    status, info = engine.getModelStatus(), engine.getInfo()
    kinds = highspy.HighsModelStatus
    detail = engine.modelStatusToString(status)
    if status == kinds.kInfeasible:
        return Answer("infeasible", detail)
    if status in (kinds.kUnbounded, kinds.kUnboundedOrInfeasible):
        return _settle_unbounded(matrix, detail)
    stopped = {
        kinds.kTimeLimit, kinds.kInterrupt, kinds.kSolutionLimit, kinds.kIterationLimit, kinds.kObjectiveTarget
    }  # fmt: skip
    if status != kinds.kOptimal and status not in stopped:
        raise SolverError(f"HiGHS ended with status {detail!r}")
    is_mip = bool(matrix.integer.any())
    bound = info.mip_dual_bound if is_mip else (info.objective_function_value if status == kinds.kOptimal else -np.inf)
    feasible = info.primal_solution_status == 2  # kSolutionStatusFeasible
    if not feasible:
        if status == kinds.kOptimal:
            raise SolverError("HiGHS says 'Optimal' but holds no feasible solution")
        return Answer("no_plan", detail, bound=bound, nodes=max(info.mip_node_count, 0))
    solution = engine.getSolution()
    x = np.array(solution.col_value, dtype=float)
    objective = audit(matrix, x)
    duals = not is_mip and status == kinds.kOptimal
    return Answer(
        "optimal" if status == kinds.kOptimal else "feasible",
        detail,
        objective=objective,
        bound=min(bound, objective),
        nodes=max(info.mip_node_count, 0),
        x=x,
        row_dual=np.array(solution.row_dual, dtype=float) if duals else None,
        reduced_cost=np.array(solution.col_dual, dtype=float) if duals else None,
    )


def _settle_unbounded(matrix: Matrix, detail: str) -> Answer:
    """Tell infeasible from unbounded by solving once more without costs; an unbounded 'plan' is never read."""
    engine = _engine(Options())
    _load(engine, replace(matrix, cost=np.zeros_like(matrix.cost)))
    _run(engine)
    infeasible = engine.getModelStatus() == highspy.HighsModelStatus.kInfeasible
    return Answer("infeasible" if infeasible else "unbounded", detail)
