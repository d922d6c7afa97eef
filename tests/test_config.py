"""A case is what its file says, and a bad file is refused with its place and a way to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid_opt.compute import (
    bundled_definitions,
    load_accelerator,
    load_workload,
    output_tokens_per_s,
    tokens_per_year,
)
from grid_opt.config import (
    Case,
    add_quarters,
    bundled_cases,
    case_from_toml,
    case_to_toml,
    load_case,
    nearest,
    parse_quarter,
    quarter_range,
    with_overrides,
)
from grid_opt.errors import ExitCode, InputError


def refusal(text: str, tmp_path: Path) -> InputError:
    """Return the error that a case file with this text is refused with."""
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_case(path)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert caught.value.file == str(path)
    return caught.value


@pytest.mark.parametrize("name", bundled_cases())
def test_bundled_cases_round_trip(name: str) -> None:
    case = load_case(name)
    text = case_to_toml(case)
    again = case_from_toml(text)
    assert again == case
    assert case_to_toml(again) == text


def test_the_default_case_gives_the_documented_defaults() -> None:
    written = load_case("us_750mw").model_dump(exclude={"name", "title", "description"})
    assert written == Case().model_dump(exclude={"name", "title", "description"})


def test_default_case_is_750_mw_by_the_end_of_2028() -> None:
    case = load_case("us_750mw")
    assert case.quarters[0] == "2026Q1" and case.quarters[-1] == "2028Q4" and len(case.quarters) == 12
    assert case.target_mw("2026Q1") == 0
    assert case.target_mw("2027Q3") == 200  # carried from 2027Q2
    assert case.target_mw("2028Q4") == 750
    assert case.years == (2026, 2027, 2028, 2029)
    assert case.represented_years(2027) == (2027,)
    assert case.represented_years(2029) == tuple(range(2029, 2036))
    assert case.capacity_quarter(2027, 2) == "2027Q2"
    assert case.capacity_quarter(2029, 2) == "2028Q4"
    with pytest.raises(ValueError, match="2030"):
        case.represented_years(2030)


def test_without_a_long_run_only_the_plan_years_are_run() -> None:
    case = load_case("us_750mw", ["horizon.long_run_until_year=2028"])
    assert case.years == (2026, 2027, 2028)


@given(st.integers(-4000, 4000), st.sampled_from(quarter_range("2020Q1", "2030Q4")))
def test_quarters_count_like_integers(count: int, quarter: str) -> None:
    assert add_quarters(add_quarters(quarter, count), -count) == quarter


@given(
    st.fixed_dictionaries(
        {
            "title": st.text(max_size=200),
            "campus": st.fixed_dictionaries({"hall_mw": st.floats(1, 20), "max_sites": st.integers(1, 1000)}),
            "energy": st.fixed_dictionaries({"price_scale": st.floats(0, 100)}),
            "regions": st.fixed_dictionaries({"exclude": st.just(["OH_S", "TX_N"])}),
            "budget": st.fixed_dictionaries({"annual_musd": st.just({"2026": 1e-9, "2028": 9e5})}),
        }
    )
)
def test_any_case_round_trips(values: dict[str, object]) -> None:
    case = Case.model_validate(values)
    assert case_from_toml(case_to_toml(case)) == case


@pytest.mark.parametrize(
    ("text", "row", "field", "words"),
    [
        ("[campus]\nhall_mv = 3.0\n", 2, "campus.hall_mv", "did you mean 'hall_mw'"),
        ("[campuses]\nhall_mw = 3.0\n", 1, "campuses", "did you mean 'campus'"),
        ("hall_mw = 3.0\n", 1, "hall_mw", "did you mean 'campus.hall_mw'"),
        ("[campus]\nhall_mw = '3'\n", 2, "campus.hall_mw", "without quotes"),
        ("[costs]\n\nshell_usd_per_kw = '11,000'\n", 3, "costs.shell_usd_per_kw", "thousands separators"),
        ("[campus]\nhall_mw = nan\n", 2, "campus.hall_mw", "finite"),
        ("[energy]\nprice_scale = inf\n", 2, "energy.price_scale", "finite"),
        ("[demand.targets_mw]\n2026Q4 = nan\n", 2, "demand.targets_mw.2026Q4", "finite"),
        ("[campus]\nhall_mw = true\n", 2, "campus.hall_mw", "a number; IT power of one hall [MW]"),
        ("[campus]\nmax_sites = 2.5\n", 2, "campus.max_sites", "whole number"),
        ("[campus]\nhall_mw = -1.0\n", 2, "campus.hall_mw", "greater than 0"),
        ("[finance]\nreal_discount_rate = 7.0\n", 2, "finance.real_discount_rate", "0.5"),
        ("[energy]\ndays = 10\n", 2, "energy.days", "a multiple of 4 up to 352"),
        ("[grid]\nnetwork = 1\n", 2, "grid.network", "true or false"),
        ("[demand]\npower_basis = 'dc'\n", 2, "demand.power_basis", "'it' or 'facility'"),
        ("[demand.targets_mw]\n26Q4 = 5\n", 2, "demand.targets_mw.26Q4", "2026Q1"),
        ("[demand.targets_mw]\n2026Q4 = 9\n2026Q3 = 10\n", 2, "demand.targets_mw.2026Q4", "falls"),
        ("[demand.targets_mw]\n2031Q4 = 9\n", 2, "demand.targets_mw.2031Q4", "outside the horizon"),
        ("[demand]\ntargets_mw = {}\n", 2, "demand.targets_mw", "at least one"),
        ("[horizon]\nlast_quarter = '2028Q3'\n", 2, "horizon.last_quarter", "2028Q4"),
        ("[horizon]\nfirst_quarter = '2026'\n", 2, "horizon.first_quarter", "2026Q1"),
        ("[horizon]\nlong_run_until_year = 2027\n", 2, "horizon.long_run_until_year", "2028 or later"),
        ("[regions]\ninclude = ['TX_N', 'NA']\n", 2, "regions.include", "missing value"),
        ("[regions]\ninclude = [\n 'TX_N',\n 'OH_S',\n 'TX_N',\n]\n", 3, "regions.include", "more than once"),
        ("[regions]\nexclude = ['nan']\n", 2, "regions.exclude", "missing value"),
        ("[regions]\ninclude = 'TX_N'\n", 2, "regions.include", "candidate40"),
        ("[regions]\ninclude = []\n", 2, "regions.include", "no region"),
        ("[regions]\ninclude = [1]\n", 2, "regions.include", "text"),
        ("[campus]\nmin_campus_mw = 300.0\n", 2, "campus.min_campus_mw", "smallest campus"),
        (
            "[campus]\nhall_mw = 40.0\nmin_campus_mw = 50.0\nmax_campus_mw = 70.0\n",
            2,
            "campus.hall_mw",
            "whole number of halls",
        ),
        ("[campus]\nearliest_start = '2030Q1'\n", 2, "campus.earliest_start", "after the horizon"),
        ("[budget]\nannual_musd = { 2035 = 5.0 }\n", 2, "budget.annual_musd.2035", "outside the horizon"),
        ("name = 'a/b'\n", 1, "name", "letters"),
        ("campus = 3\n", 1, "campus", "section"),
    ],
)
def test_bad_values_are_refused_with_their_place(text: str, row: int, field: str, words: str, tmp_path: Path) -> None:
    error = refusal(text, tmp_path)
    assert (error.row, error.field) == (row, field)
    assert words in str(error)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("name = 'x'\n[campus\n", 2),
        ("a = 1\na = 2\n", 2),
        ("[campus]\nhall_mw = 1,000\n", 2),
        ("x = '''\n", 1),
    ],
)
def test_toml_syntax_errors_name_the_line(text: str, row: int, tmp_path: Path) -> None:
    error = refusal(text, tmp_path)
    assert error.row == row
    assert "TOML" in str(error)


def test_every_problem_is_counted(tmp_path: Path) -> None:
    assert "2 more fields" in str(refusal("[campus]\nhall_mw='x'\nmax_sites='y'\nhall_mv=1\n", tmp_path))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(b"name = '\xff\xfe'\n")
    with pytest.raises(InputError, match="UTF-8"):
        load_case(path)
    with pytest.raises(InputError):
        load_case(tmp_path / "folder.toml")


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "my case.toml"
    path.write_bytes(b"\xef\xbb\xbf[campus]\r\nmax_sites = 3\r\n")
    case = load_case(path)
    assert case.campus.max_sites == 3
    assert case.name == "my_case"


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'us_750mw'"):
        load_case("us_750MW_")
    with pytest.raises(InputError, match="did you mean 'b200_hgx'"):
        load_accelerator("b200")
    assert nearest("tx_n", ["TX_N", "OH_S"]) == "TX_N"
    assert nearest("zzzz", ["TX_N", "OH_S"]) is None


@pytest.mark.parametrize(
    ("override", "field", "words"),
    [
        ("campus.hall_mv=3", "campus.hall_mv", "did you mean 'hall_mw'"),
        ("campus.hall_mw=1,000", "campus.hall_mw", "thousands separators"),
        ("campus.hall_mw=nan", "campus.hall_mw", "finite"),
        ("campus.hall_mw.x=3", "campus.hall_mw.x", "no keys inside"),
        ("demand.targets_mw.2028Q4=1", "demand.targets_mw.2028Q4", "falls"),
        ("regions.include=['NA']", "regions.include", "missing value"),
    ],
)
def test_bad_overrides_are_refused_like_the_file(override: str, field: str, words: str) -> None:
    with pytest.raises(InputError, match="--set") as caught:
        load_case("us_750mw", [override])
    assert caught.value.field == field
    assert words in str(caught.value)


@pytest.mark.parametrize("override", ["campus.hall_mw", "=3", "campus.=3", ""])
def test_what_is_no_override_is_refused(override: str) -> None:
    with pytest.raises(InputError, match="not an override"):
        load_case("us_750mw", [override])


def test_overrides_take_toml_values_and_bare_text() -> None:
    case = load_case(
        "us_750mw",
        [
            "demand.power_basis=it",
            "demand.targets_mw.2028Q4 = 800",
            "regions.exclude=['OH_S', \"TX_N\"]",
            "budget.annual_musd={2026 = 900}",
            "campus.hall_mw=1_0",
            "grid.network=false",
        ],
    )
    assert case.demand.power_basis == "it"
    assert case.demand.targets_mw["2028Q4"] == 800 and case.demand.targets_mw["2026Q2"] == 20
    assert case.regions.exclude == ("OH_S", "TX_N")
    assert case.budget.annual_musd == {2026: 900}
    assert case.grid.network is False


def test_overriding_a_case_leaves_the_case_alone() -> None:
    case = load_case("quick")
    changed = with_overrides(case, ["demand.targets_mw.2027Q4=160", "campus.max_sites=4"])
    assert case.target_mw("2027Q4") == 150 and changed.target_mw("2027Q4") == 160
    assert changed.source == case.source
    assert with_overrides(case, []) is case


def test_paths_are_relative_to_the_case_file(tmp_path: Path) -> None:
    (tmp_path / "mine" / "tables").mkdir(parents=True)
    (tmp_path / "h.nc").touch()
    path = tmp_path / "mine" / "c.toml"
    path.write_text("[data]\ntables_dir = 'tables'\n[energy]\nhours_file = '../h.nc'\n", encoding="utf-8")
    case = load_case(path)
    assert case.tables_dir == tmp_path / "mine" / "tables"
    assert case.hours_path == tmp_path / "mine" / "../h.nc"
    assert case.row("data.tables_dir") == 2
    assert load_case("quick").tables_dir is None


def test_an_item_of_a_list_has_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[regions]\ninclude = [\n  "TX_N",\n  "XX_Y",\n]\n', encoding="utf-8")
    assert load_case(path).row("regions.include", "XX_Y") == 4
    assert load_case(path).row("regions.include", "ZZ") == 2
    assert load_case(path).row("campus.hall_mw") is None


def test_every_knob_has_a_meaning_and_every_quantity_a_unit() -> None:
    units = {"mw": "MW", "musd": "million USD", "years": "years", "s": "s", "fraction": "1", "share": "1"}
    for section, field in Case.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        for name, knob in (inner or {section: field}).items():
            assert knob.description, f"{section}.{name} has no meaning"
            assert not knob.is_required(), f"{section}.{name} has no default"
            expected = units.get(name.rpartition("_")[2])
            extra = knob.json_schema_extra if isinstance(knob.json_schema_extra, dict) else {}
            if expected is not None:
                assert extra.get("unit") == expected, f"{section}.{name}"


def test_quarters_are_strict() -> None:
    assert parse_quarter("2026Q4") == (2026, 4)
    for wrong in ("2026Q5", "2026q1", "26Q1", "2026Q1 ", "２026Q1"):
        with pytest.raises(ValueError, match="quarter"):
            parse_quarter(wrong)


@pytest.mark.parametrize("name", bundled_definitions("accelerator"))
def test_accelerators_are_sound(name: str) -> None:
    accelerator = load_accelerator(name)
    assert accelerator.rated_kw.value <= accelerator.it_kw.value <= accelerator.utility_kw.value
    for workload in accelerator.throughput:
        assert workload in bundled_definitions("workload")


def test_every_workload_is_served_by_some_accelerator() -> None:
    served = {w for a in bundled_definitions("accelerator") for w in load_accelerator(a).throughput}
    assert {load_workload(w).name for w in bundled_definitions("workload")} == served


def test_tokens_by_hand() -> None:
    cs3, llama = load_accelerator("cs3"), load_workload("llama-3.1-70b")
    # 26 MW hold 1,000 systems of 26 kW; each gives 33,500 tokens/s; half of the year's output is used.
    assert tokens_per_year(26, cs3, llama, 0.5) == pytest.approx(1000 * 33_500 * 3600 * 8760 * 0.5)
    low, high = (tokens_per_year(26, cs3, llama, 0.5, bound) for bound in ("low", "high"))
    assert low < tokens_per_year(26, cs3, llama, 0.5) < high
    assert cs3.hardware_musd_per_mw == pytest.approx(1000 / 26)
    # MLPerf v5.1 Interactive: 7,856 tokens/s per GPU.
    assert output_tokens_per_s(load_accelerator("b200_hgx"), llama) == 8 * 7856


def test_throughput_that_nobody_published_is_not_invented() -> None:
    with pytest.raises(InputError, match="no aggregate throughput of cs3 is published for gpt-oss-120b"):
        output_tokens_per_s(load_accelerator("cs3"), load_workload("gpt-oss-120b"))


def test_an_accelerator_file_of_ones_own(tmp_path: Path) -> None:
    from grid_opt.resources import models_dir

    text = (models_dir() / "accelerators" / "cs3.toml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace('"cs3"', '"mine"'), encoding="utf-8")
    assert load_accelerator("mine.toml", tmp_path).name == "mine"
    mine.write_text(text.replace("low = 22.0", "low = 27.0"), encoding="utf-8")
    with pytest.raises(InputError, match="outside its own range") as caught:
        load_accelerator(str(mine))
    assert caught.value.field == "it_kw.value" and caught.value.row is not None
    mine.write_text(text.replace('unit = "million USD"', 'unit = "USD"'), encoding="utf-8")
    with pytest.raises(InputError, match="wrong unit") as caught:
        load_accelerator(str(mine))
    assert caught.value.field == "price_musd.unit"
