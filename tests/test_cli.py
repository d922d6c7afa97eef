"""The commands parse, call and print; every failure is one message and its exit code."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import grid_opt
from grid_opt.cli.app import app
from grid_opt.cli.progress import ProgressLine
from grid_opt.config import Case
from grid_opt.errors import ExitCode, InfeasibleError, InputError, SolverError
from grid_opt.solve.answer import Progress
from grid_opt.verify.check import Check, Report

HEAVY = (
    "geopandas", "highspy", "matplotlib", "netCDF4", "numpy", "pandas", "pyogrio", "pyomo", "scipy",
    "shapely", "tsam", "xarray",
)  # fmt: skip
NO_TERMINAL = {"TERM": "dumb"}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=NO_TERMINAL)


def shell(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grid_opt", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def replace_module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put functions in the place of a module that a command imports."""

    def replace(name: str, **functions: Any) -> None:
        module = ModuleType(name)
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, name, module)

    return replace


def report_of(ok: bool) -> Report:
    state = "holds" if ok else "broken"
    check = Check("campus.tranche", "m", 0.0 if ok else 2.5, 1e-6, "MW", "quarter [2027Q1]", state)
    return Report((check,), ("an old case",))


def finished(code: ExitCode, ok: bool = True) -> Callable[..., SimpleNamespace]:
    def run(case: Case, **options: Any) -> SimpleNamespace:
        solve = {"gap": case.solve.gap, "time_limit_s": case.solve.time_limit_s, "seed": case.solve.seed}
        asked = solve | {"hours_file": str(case.energy.hours_file)} | {k: str(v) for k, v in options.items()}
        return SimpleNamespace(
            plan=None, folder=Path("somewhere"), exit_code=code, report=report_of(ok),
            summary={"cost": float("nan"), "case": case.name, "days": case.energy.days, "asked": asked},
        )  # fmt: skip

    return run


def failing(error: BaseException) -> Callable[..., None]:
    def run(*_: Any, **__: Any) -> None:
        raise error

    return run


# help


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom grid_opt.cli.app import app\n"
        "for words in (['--help'], ['run', '--help'], ['--version']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_imports_nothing_heavy_and_names_its_functions() -> None:
    program = f"import sys, grid_opt\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {"run", "load_case", "verify_plan", "open_plan"} <= set(dir(grid_opt))
    assert grid_opt.load_case("quick").name == "quick"
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = grid_opt.nothing_of_the_kind


def test_every_command_has_a_meaning_and_json() -> None:
    for name in ("run", "check", "verify", "map", "export", "new", "doctor"):
        result = call(name, "--help")
        assert result.exit_code == 0
        assert "--json" in result.stdout


def test_version() -> None:
    assert call("--version").stdout.strip() == f"grid-opt {grid_opt.__version__}"


# exit codes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "us_750"], "did you mean 'us_750mw'"),
        (["run", "quick", "--set", "campus.hall_mv=3"], "did you mean 'hall_mw'"),
        (["run", "quick", "--gap", "7"], "solve.gap"),
        (["check", "no/such.toml"], "there is no such case file"),
    ],
)
def test_bad_input_exits_2_with_one_message(
    arguments: list[str], words: str, replace_module: Callable[..., None]
) -> None:
    def load(case: str, *, overrides: Any = (), **_: Any) -> None:
        grid_opt.load_case(case, overrides)

    replace_module("grid_opt.study.run", run=load)
    replace_module("grid_opt.study.check", check=load)
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["fly"], ["run", "--gap"], ["export", "plan.nc"], ["verify"]])
def test_bad_usage_exits_2(arguments: list[str]) -> None:
    assert call(*arguments).exit_code == 2


def test_exit_codes_reach_the_shell(tmp_path: Path) -> None:
    assert shell("new", "mine", cwd=tmp_path).returncode == 0
    refused = shell("new", "mine", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: file mine")
    assert shell("fly", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("odd", file="f.csv", row=3, field="price"), 2, "file f.csv, row 3, field price: odd"),
        (InfeasibleError("[red]two limits conflict"), 3, "[red]two limits conflict"),
        (SolverError("no plan"), 5, "no plan"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device", "out/plan.nc"), 5, "the disk is full: out/plan.nc"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 2, "out: Permission denied"),
        (OSError(None, "cannot write the file", "out/plan.nc"), 5, "out/plan.nc: cannot write the file"),
        (MemoryError(), 5, "there is not enough memory"),
        (ZeroDivisionError("oh"), 5, "internal error: ZeroDivisionError: oh"),
    ],
)
def test_every_failure_has_its_code_and_one_message(
    error: BaseException, code: int, words: str, replace_module: Callable[..., None]
) -> None:
    replace_module("grid_opt.study.run", run=failing(error))
    plain = call("run", "quick")
    assert plain.exit_code == code
    assert f"error: {words}" in plain.stderr
    assert plain.stdout == ""
    told = call("run", "quick", "--json")
    assert told.exit_code == code
    answer = json.loads(told.stdout)
    assert answer["exit_code"] == code
    assert words in answer["error"]


def test_json_errors_say_where(replace_module: Callable[..., None]) -> None:
    replace_module("grid_opt.study.run", run=failing(InputError("odd", file="f.csv", row=3, field="price")))
    answer = json.loads(call("run", "quick", "--json").stdout)
    assert (answer["file"], answer["row"], answer["field"]) == ("f.csv", 3, "price")


# run


@pytest.mark.parametrize("code", [ExitCode.DONE, ExitCode.GAP_NOT_REACHED, ExitCode.INTERRUPTED])
def test_run_hands_on_what_was_asked_and_ends_with_its_code(
    code: ExitCode, replace_module: Callable[..., None], tmp_path: Path
) -> None:
    hours = tmp_path / "h.nc"
    hours.touch()
    replace_module("grid_opt.study.run", run=finished(code))
    result = call(
        "run", "quick", "--set", "energy.days=12", "--set", "solve.seed=7", "--hours", str(hours), "--out", "o",
        "--gap", "0.01", "--time-limit", "5", "--json",
    )  # fmt: skip
    assert result.exit_code == code
    answer = json.loads(result.stdout)
    assert answer["exit_code"] == code
    assert answer["folder"] == "somewhere"
    assert answer["verification"] == report_of(True).to_dict()
    asked = answer["summary"]["asked"]
    assert answer["summary"]["case"] == "quick"
    assert answer["summary"]["cost"] is None  # JSON has no NaN
    assert answer["summary"]["days"] == 12
    assert (asked["seed"], asked["time_limit_s"], asked["gap"]) == (7, 5.0, 0.01)
    assert (Path(asked["hours_file"]).name, asked["out"]) == ("h.nc", "o")


def test_run_takes_the_default_case_and_prints_the_summary(replace_module: Callable[..., None]) -> None:
    shown: list[Any] = []
    replace_module("grid_opt.study.run", run=finished(ExitCode.DONE))
    replace_module("grid_opt.report.terminal", print_summary=lambda summary, console: shown.append(summary))
    result = call("run")
    assert result.exit_code == 0
    assert shown[0]["case"] == "us_750mw"
    assert "verified: 1 checks hold" in result.stdout
    assert "results: somewhere" in result.stdout


def test_a_plan_that_fails_verification_exits_6(replace_module: Callable[..., None]) -> None:
    replace_module("grid_opt.study.run", run=finished(ExitCode.VERIFICATION_FAILED, ok=False))
    result = call("run", "--quiet")
    assert result.exit_code == 6
    assert "verification FAILED: campus.tranche at quarter [2027Q1]: off by 2.5 MW" in result.stderr


def test_progress_goes_to_stderr_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine()
    line.stage("building")
    for seconds in (0.0, 1.0, 11.0):
        line.search(Progress(seconds, incumbent=float("inf"), bound=12.0, nodes=1, unit="million USD"))
    line.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 3
    assert "none yet" in err and "\x1b" not in err


# check, verify, map, export


def test_check_prints_sizes_and_warnings(replace_module: Callable[..., None]) -> None:
    found = {"case": "quick", "rows": 12345, "warnings": ["hours are generated"]}
    replace_module("grid_opt.study.check", check=lambda case, **_: found)
    result = call("check", "quick")
    assert result.exit_code == 0
    assert "12,345" in result.stdout and "warning: hours are generated" in result.stdout
    assert json.loads(call("check", "quick", "--json").stdout)["rows"] == 12345


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 6)])
def test_verify_prints_failures_and_every_check_on_demand(
    ok: bool, code: int, replace_module: Callable[..., None]
) -> None:
    replace_module("grid_opt.verify", verify=lambda path, **_: report_of(ok))
    result = call("verify", "plan.nc", "--all")
    assert result.exit_code == code
    assert "campus.tranche" in result.stdout and "quarter [2027Q1]" in result.stdout
    assert ("campus.tranche" in call("verify", "plan.nc").stdout) is not ok
    assert "note: an old case" in result.stdout
    told = call("verify", "plan.nc", "--json")
    assert told.exit_code == code
    assert json.loads(told.stdout) == {**report_of(ok).to_dict(), "exit_code": code}


@pytest.mark.parametrize(("agrees", "code"), [(True, 0), (False, 6)])
def test_a_second_solver_that_disagrees_exits_6(agrees: bool, code: int, replace_module: Callable[..., None]) -> None:
    second = {"objective": 10.0, "difference": 0.25, "solver": "SCIP", "agrees": agrees}
    replace_module("grid_opt.verify", verify=lambda path, **_: report_of(True))
    replace_module("grid_opt.study.second", second_solver=lambda path: second)
    result = call("verify", "plan.nc", "--second-solver")
    assert result.exit_code == code
    assert ("DISAGREES" in result.stdout) is not agrees
    assert json.loads(call("verify", "plan.nc", "--second-solver", "--json").stdout)["second_solver"] == second


def test_map_and_export_write_beside_the_plan(tmp_path: Path, replace_module: Callable[..., None]) -> None:
    wrote: list[tuple[str, Path]] = []
    replace_module("grid_opt.plan.io", open_plan=lambda path: "opened", read_outlines=lambda path: {})
    for module, function in (
        ("map_static", "write_map"),
        ("map_html", "write_map_html"),
        ("geopackage", "write_geopackage"),
        ("tables", "write_csv"),
    ):
        replace_module(
            f"grid_opt.report.{module}",
            **{function: lambda plan, path, outlines=None, name=module: wrote.append((name, Path(path)))},
        )
    plan = str(tmp_path / "plan.nc")
    assert call("map", plan).exit_code == 0
    assert call("export", plan, "--format", "gpkg").exit_code == 0
    assert call("export", plan, "--format", "csv").exit_code == 0
    told = json.loads(call("map", plan, "--out", str(tmp_path / "x.png"), "--json").stdout)
    assert told == {"written": str(tmp_path / "x.png"), "exit_code": 0}
    names = ["map.png", "map.html", "plan.gpkg", "tables", "x.png"]
    kinds = ["map_static", "map_html", "geopackage", "tables", "map_static"]
    assert wrote == list(zip(kinds, [tmp_path / name for name in names], strict=True))
    assert call("export", plan, "--format", "shp").exit_code == 2


# new, doctor


def test_new_writes_a_case_that_loads_and_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "my first case"
    result = call("new", str(folder))
    assert result.exit_code == 0
    case = grid_opt.load_case(folder / "case.toml")
    assert case.name == "my_first_case"
    assert case.model_dump(exclude={"name", "title", "description"}) == grid_opt.load_case("us_750mw").model_dump(
        exclude={"name", "title", "description"}
    )
    text = (folder / "case.toml").read_text(encoding="utf-8")
    assert text.count("#") > 10 and "default case" not in text
    (folder / "case.toml").write_text("mine", encoding="utf-8")
    again = call("new", str(folder), "--json")
    assert again.exit_code == 2
    assert json.loads(again.stdout)["file"] == str(folder)
    assert (folder / "case.toml").read_text(encoding="utf-8") == "mine"


def test_doctor_finds_this_installation_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("doctor", "--json")
    answer = json.loads(result.stdout)
    assert [check for check in answer["checks"] if not check["ok"]] == []
    assert result.exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_doctor_exits_5_when_the_solver_errs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace_module: Callable[..., None]
) -> None:
    monkeypatch.chdir(tmp_path)
    replace_module("grid_opt.solve.canary", check_solver=lambda: [("siting", False, "objective 3, expected 4")])
    result = call("doctor")
    assert result.exit_code == 5
    assert "FAIL" in result.stdout and "expected 4" in result.stdout
    replace_module("grid_opt.solve.canary", check_solver=failing(ImportError("no highspy")))
    broken = call("doctor")
    assert broken.exit_code == 5
    assert "ImportError: no highspy" in broken.stdout
