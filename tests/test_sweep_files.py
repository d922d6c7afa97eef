"""Sweep files are read strictly: what is wrong is told with its file, line and field, before anything runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.config import load_case
from grid_opt.config.reads import watched
from grid_opt.errors import InputError
from grid_opt.inputs.tables import read_table
from grid_opt.inputs.world import build_world
from grid_opt.study.sweeps import study
from grid_opt.study.sweeps.cases import Digests, make_cases, with_tables
from grid_opt.study.sweeps.design import points_of, unit_samples
from grid_opt.study.sweeps.knobs import known_keys
from grid_opt.study.sweeps.loading import Source, bundled_sweeps, load_base, load_sweep
from grid_opt.study.sweeps.schema import Design, Sweep
from grid_opt.study.sweeps.sensitivity import analyze
from grid_opt.study.sweeps.tables import Overlays
from tests.sweep_fixture import write_sweep

HEAD = 'case = "fast.toml"\n'
PRICE = '[axes.price]\nkey = "energy.price_scale"\nvalues = [1.0, 2.0]\n'

WRONG = {
    "not TOML": ("axes = [", "row 2", "not valid TOML"),
    "unknown section": ("[axis.price]\n", "field axis", "did you mean 'axes'"),
    "nothing varies": ("", "field axes", "nothing varies"),
    "no such case": ('case = "slow.toml"\n' + PRICE, "field case", "no such case"),
    "unknown key": ('[axes.p]\nkey = "energy.price_scal"\nvalues = [1]\n', "row 3, field axes.p.key",
                    "did you mean 'energy.price_scale'"),
    "key in another section": ('[axes.p]\nkey = "grid.price_scale"\nvalues = [1]\n', "row 3, field axes.p.key",
                               "did you mean 'energy.price_scale'"),
    "key within a number": ('[axes.p]\nkey = "energy.price_scale.x"\nvalues = [1]\n', "axes.p.key",
                            "no keys inside it"),
    "two targets": ('[axes.p]\nkey = "energy.days"\ntable = "links"\nvalues = [1]\n', "axes.p.key", "what changes?"),
    "no target": ("[axes.p]\nvalues = [1]\n", "axes.p.key", "what changes?"),
    "no values": ('[axes.p]\nkey = "energy.days"\n', "axes.p.values", "through which values"),
    "values twice": ('[axes.p]\nkey = "energy.days"\nvalues = [4, 4]\n', "row 4, field axes.p.values", "twice"),
    "value out of bounds": ('[axes.p]\nkey = "energy.price_scale"\nvalues = [1.0, -3.0]\n',
                            "row 4, field axes.p.values", "energy.price_scale = -3.0"),
    "value of another kind": ('[axes.p]\nkey = "energy.days"\nvalues = ["many"]\n', "row 4, field axes.p.values",
                              "a whole number"),
    "not a number": ('[axes.p]\nkey = "energy.price_scale"\nvalues = [nan]\n', "row 4, field axes.p.values", "nan"),
    "scale of text": ('[axes.p]\nkey = "energy.outlook"\nchange = "scale"\nvalues = [2]\n', "axes.p.values",
                      "cannot be changed by 'scale'"),
    "scale of nothing": ('[axes.p]\nkey = "fleet.price_scale.cs3"\nchange = "scale"\nvalues = [2]\n', "axes.p.values",
                         "has no value"),
    "scale to a fraction": ('[axes.p]\nkey = "campus.max_sites"\nchange = "scale"\nvalues = [0.5]\n', "axes.p.values",
                            "3 would become 1.5"),
    "knobs that do not fit": ('[axes.p]\nkey = "campus.min_campus_mw"\nvalues = [10.0, 500.0]\n',
                              "row 4, field axes.p.values", "500"),
    "one knob twice": (PRICE + PRICE.replace("axes.price", "axes.again"), "axes.again.key",
                       "changes this knob already"),
    "name of the cube": (PRICE.replace("axes.price", "axes.objective"), "axes.objective", "results use this name"),
    "range upside down": ('[axes.p]\nkey = "energy.price_scale"\nlow = 2\nhigh = 1\nsteps = 3\n', "axes.p.low",
                          "do not span a range"),
    "grid without steps": ('[axes.p]\nkey = "energy.price_scale"\nlow = 1\nhigh = 2\n', "axes.p.steps", "how many"),
    "list out of step": ('[design]\nmethod = "list"\n' + PRICE + '[axes.q]\nkey = "energy.seed"\nvalues = [1]\n',
                         "axes", "equally many"),
    "odd samples": ('[design]\nmethod = "sobol"\nsamples = 100\n' + PRICE, "row 4, field design.samples",
                    "powers of two"),
    "unknown method": ('[design]\nmethod = "monte"\n' + PRICE, "row 3, field design.method", "'latin_hypercube'"),
    "scenario of nothing": ("[scenarios.late]\n", "row 2, field scenarios.late", "changes nothing"),
    "scenarios in samples": ('[design]\nmethod = "morris"\n' + PRICE + "[scenarios.x.set.energy]\nseed = 1\n",
                             "design.method", "scenarios go with"),
    "unknown key of a scenario": ("[scenarios.x.set.energy]\nprices = 1\n",
                                  "row 3, field scenarios.x.set.energy.prices", "energy.price_scale"),
    "unknown key of the base": ("[base.energy]\nprices = 1\n" + PRICE, "row 3, field base.energy.prices", "no knob"),
    "tables folder": ('[axes.p]\nkey = "data.tables_dir"\nvalues = ["a", "b"]\n', "axes.p.key", "the sweep itself"),
    "unknown table": ('[axes.p]\ntable = "gas"\ncolumn = "x"\nvalues = [1]\n', "row 3, field axes.p.table",
                      "did you mean 'gas_outlook'"),
    "unknown column": ('[axes.p]\ntable = "gas_outlook"\ncolumn = "usd"\nvalues = [1]\n', "row 4, field axes.p.column",
                       "usd_per_mmbtu"),
    "column of the key": ('[axes.p]\ntable = "gas_outlook"\ncolumn = "year"\nvalues = [1]\n', "axes.p.column",
                          "which row it is"),
    "scale of a text column": ('[axes.p]\ntable = "zones"\ncolumn = "state"\nchange = "scale"\nvalues = [1]\n',
                               "axes.p.column", "text cannot"),
    "unknown row": ('[axes.p]\ntable = "regions"\ncolumn = "rider_usd_per_mwh"\nchange = "scale"\nvalues = [2]\n'
                    'where = { region = "TX_M" }\n', "row 7, field axes.p.where.region", "no row of regions.csv"),
    "unknown column of a row": ('[axes.p]\ntable = "regions"\ncolumn = "rider_usd_per_mwh"\nvalues = [2]\n'
                                'where = { zone = "TX_N" }\n', "axes.p.where.zone", "no column of regions.csv"),
    "cell out of bounds": ('[axes.p]\ntable = "gas_outlook"\ncolumn = "usd_per_mmbtu"\nvalues = [5000.0]\n',
                           "row 5, field axes.p.values", "outside its physical bounds"),
    "cell that breaks a table": ('[axes.p]\ntable = "headroom"\ncolumn = "headroom_mw"\nvalues = [1000.0]\n'
                                 'where = { quarter = "2026Q1" }\n', "row 5, field axes.p.values", "headroom.csv"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_with_its_place(wrong: str, tmp_path: Path) -> None:
    text, place, words = WRONG[wrong]
    file = write_sweep(tmp_path, text if text.startswith("case") else HEAD + text, "s.toml")
    told = CliRunner().invoke(app, ["sweep", str(file), "--out", str(tmp_path / "out"), "--quiet"])
    assert told.exit_code == 2, told.output
    assert str(file) in told.stderr and place in told.stderr and words in told.stderr, told.stderr
    assert not (tmp_path / "out").exists()


def test_a_sweep_over_what_nothing_reads_is_refused(tmp_path: Path) -> None:
    unread = '[axes.p]\nkey = "fleet.delivery_scale"\nvalues = [1.0, 2.0]\n'  # the case has no fleet
    with pytest.raises(InputError, match="nothing reads this knob") as error:
        study.dry_run(write_sweep(tmp_path, HEAD + unread, "s.toml"))
    assert (error.value.row, error.value.field) == (3, "axes.p.key")
    unread = (
        '[axes.p]\ntable = "wholesale_outlook"\ncolumn = "usd_per_mwh"\nchange = "scale"\nvalues = [1.0, 1.5]\n'
        "where = { year = 2027 }\n"
    )  # the case follows the gas outlook
    with pytest.raises(InputError, match="nothing in the case reads these cells") as error:
        study.dry_run(write_sweep(tmp_path, HEAD + unread, "s.toml"))
    assert error.value.field == "axes.p"
    read = '[base.energy]\noutlook = "wholesale"\n' + unread
    assert len(study.dry_run(write_sweep(tmp_path, HEAD + read, "s.toml"))) == 2


def test_the_base_is_not_what_is_swept_away(tmp_path: Path) -> None:
    """A region that the tables lack is found before anything runs, in the case that has it."""
    wrong = '[axes.p]\nkey = "regions.include"\nvalues = [["OK"], ["OK", "TX_X"]]\n'
    with pytest.raises(InputError, match="TX_X") as error:
        study.dry_run(write_sweep(tmp_path, HEAD + wrong, "s.toml"))
    assert error.value.field == "axes.p" and str(tmp_path) in str(error.value.file)


def test_watching_tells_what_was_read_and_changes_nothing() -> None:
    case = load_case("quick", ["grid.network=false", "connection.menu=false"])
    spied, seen = watched(case)
    assert spied == case and not seen
    assert build_world(spied).identical(build_world(case))
    assert {"energy.price_scale", "regions.include", "grid.headroom_scale"} <= seen <= set(known_keys())
    assert "nodal.n_1" not in seen and "fleet.delivery_scale" not in seen


def test_changed_tables_hold_the_changes_and_nothing_else(tmp_path: Path) -> None:
    text = HEAD + (
        '[axes.p]\ntable = "gas_outlook"\ncolumn = "usd_per_mmbtu"\nchange = "shift"\nvalues = [0, 0.5]\n'
        'where = { year = [2027, 2028], census_division = "Mountain" }\n'
        '[axes.q]\ntable = "gas_outlook"\ncolumn = "usd_per_mmbtu"\nchange = "scale"\nvalues = [1, 2]\n'
        "where = { year = 2028 }\n"
    )
    sweep, source = load_sweep(write_sweep(tmp_path, text, "s.toml"))
    cases = make_cases(sweep, source, load_base(sweep, source))
    assert [len(one.cells) for one in cases] == [0, 1, 1, 2]
    folder = Overlays(None, source).write(cases[-1].cells, tmp_path / "tables")
    before = read_table("gas_outlook").set_index(["census_division", "year"])["usd_per_mmbtu"]
    after = read_table("gas_outlook", folder).set_index(["census_division", "year"])["usd_per_mmbtu"]
    expected = before.copy()
    expected.loc["Mountain", [2027, 2028]] += 0.5
    expected.loc[:, 2028] *= 2
    pd.testing.assert_series_equal(after, expected)
    assert [path.name for path in folder.iterdir()] == ["gas_outlook.csv"]


def test_the_files_of_tariffs_count_whatever_case_comes_first() -> None:
    flat, paying = (load_case("quick", [f"tariffs.charge={one}"]) for one in ("false", "true"))
    digests = Digests()
    assert [digests.of(flat), digests.of(paying)] == [Digests().of(flat), Digests().of(paying)]


def test_equal_content_is_one_run_wherever_it_lies(tmp_path: Path) -> None:
    digests = Digests()
    write_sweep(tmp_path / "a")
    write_sweep(tmp_path / "b")
    one, other = (load_case(tmp_path / name / "fast.toml") for name in "ab")
    assert digests.of(one) == digests.of(other)
    assert digests.of(one) != digests.of(load_case(tmp_path / "a" / "fast.toml", ["energy.seed=1"]))
    (tmp_path / "own").mkdir()
    text = Path(read_table("gas_outlook").attrs["file"]).read_text(encoding="utf-8")
    (tmp_path / "own" / "gas_outlook.csv").write_text(text, encoding="utf-8")
    assert digests.of(with_tables(one, tmp_path / "own")) == digests.of(one)
    (tmp_path / "own" / "gas_outlook.csv").write_text(text.replace(",2023,", ",2023,1", 1), encoding="utf-8")
    assert Digests().of(with_tables(one, tmp_path / "own")) != digests.of(one)


def test_dry_run_prints_the_cases_and_writes_nothing(tmp_path: Path) -> None:
    text = (
        HEAD
        + PRICE
        + '[scenarios.late]\ntitle = "A year late"\n[scenarios.late.set.grid]\nconnection_delay_quarters = 1\n'
    )
    rows = study.dry_run(write_sweep(tmp_path, text, "s.toml"))
    assert [row["case"] for row in rows] == ["price=1", "price=2", "late, price=1", "late, price=2"]
    assert [row["scenario"] for row in rows] == ["base", "base", "late", "late"]
    assert len({row["run"] for row in rows}) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fast.toml", "s.toml"]


@pytest.mark.parametrize("name", bundled_sweeps())
def test_bundled_sweeps_make_cases(name: str) -> None:
    sweep, source = load_sweep(name)
    cases = make_cases(sweep, source, load_base(sweep, source))
    assert sweep.name == name and sweep.title and len(cases) > 1


def test_a_linked_value_goes_to_every_entry_of_a_table_of_numbers(tmp_path: Path) -> None:
    text = HEAD + '[axes.p]\nkey = "demand.targets_mw"\nchange = "scale"\nvalues = [1, 1.5]\n'
    sweep, source = load_sweep(write_sweep(tmp_path, text, "s.toml"))
    cases = make_cases(sweep, source, load_base(sweep, source))
    assert [one.case.demand.targets_mw for one in cases] == [{"2026Q4": 20.0}, {"2026Q4": 30.0}]


def design(method: str, samples: int = 8) -> Sweep:
    axes = {
        "a": {"key": "energy.price_scale", "low": 1.0, "high": 3.0},
        "b": {"key": "campus.max_sites", "low": 1, "high": 4},
        "c": {"key": "energy.outlook", "values": ["gas", "flat"]},
    }
    return Sweep.model_validate({"case": "quick", "axes": axes, "design": {"method": method, "samples": samples}})


@pytest.mark.parametrize(("method", "cases"), [("latin_hypercube", 8), ("sobol", 8 * 5), ("morris", 8 * 4)])
def test_samples_keep_to_their_ranges_and_kinds_and_come_again(method: str, cases: int) -> None:
    sweep = design(method)
    points = [point.place for point in points_of(sweep, frozenset({"b"}))]
    assert len(points) == cases and points == [point.place for point in points_of(sweep, frozenset({"b"}))]
    assert all(1 <= place["a"] <= 3 and place["b"] in (1, 2, 3, 4) and isinstance(place["b"], int) for place in points)
    assert {place["c"] for place in points} == {"gas", "flat"}
    if method == "latin_hypercube":
        cells = sorted(int((place["a"] - 1) / 2 * 8) for place in points)
        assert cells == list(range(8))


def test_a_tornado_moves_one_axis_at_a_time() -> None:
    points = points_of(design("tornado"), frozenset({"b"}))
    moved: list[dict[str, object]] = [{"a": 1.0}, {"a": 3.0}, {"b": 1}, {"b": 4}, {"c": "gas"}, {"c": "flat"}]
    assert [point.place for point in points] == [{}, *moved]


def test_logarithmic_grids_are_even_in_the_logarithm() -> None:
    axis = {"key": "energy.price_scale", "low": 0.25, "high": 4.0, "steps": 3, "spread": "log"}
    sweep = Sweep.model_validate({"axes": {"a": axis}})
    assert [point.place["a"] for point in points_of(sweep, frozenset())] == pytest.approx([0.25, 1.0, 4.0])


def test_sobol_indices_of_a_known_function_match_the_published_values() -> None:
    """Ishigami with a = 7, b = 0.1: S1 = 0.3139, 0.4424, 0; ST = 0.5576, 0.4424, 0.2437 (Saltelli et al. 2008)."""
    plan = Design(method="sobol", samples=4096)
    x = np.pi * (2 * unit_samples(plan, 3) - 1)
    y = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    found = analyze(plan, ["x1", "x2", "x3"], y).set_index(["index", "axis"])["value"]
    assert found["S1"].tolist() == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)
    assert found["ST"].tolist() == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)


def test_elementary_effects_of_a_linear_function_are_its_slopes() -> None:
    plan = Design(method="morris", samples=10)
    x = unit_samples(plan, 3)
    found = analyze(plan, ["a", "b", "c"], x @ [3.0, -2.0, 0.0]).set_index(["index", "axis"])["value"]
    assert found["mu"].tolist() == pytest.approx([3.0, -2.0, 0.0], abs=1e-9)
    assert found["mu_star"].tolist() == pytest.approx([3.0, 2.0, 0.0], abs=1e-9)
    assert found["sigma"].tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)


def test_a_source_points_at_the_closest_line() -> None:
    error = Source("x.toml", "", {"axes.p": 3}).error("no", "axes.p.values")
    assert (error.row, error.field) == (3, "axes.p.values")
