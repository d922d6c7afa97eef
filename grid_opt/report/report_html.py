"""Write the report of a plan: one page without any script that opens offline, prints well and says what to trust.

Charts and map are pictures inside the file, so the page may forbid every script and every request.
"""

from __future__ import annotations

import base64
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.errors import InputError
from grid_opt.plan.explanation import explanation_of
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.schema import PROVENANCE
from grid_opt.plan.summary import BINDING_USD_PER_MW, summarize
from grid_opt.report import binding, charts, frames, report_charts
from grid_opt.report.map_static import write_map
from grid_opt.report.page import asset, from_terminal, number, page, table, text
from grid_opt.report.terminal import CONTRACT_WORDS, COST_WORDS, bills_section, facts, limit_rows
from grid_opt.report.terminal_footprint import footprint_section
from grid_opt.report.terminal_supply import supply_section
from grid_opt.report.words import plain
from grid_opt.resources import data_dir

LONGEST_CASE = 60_000
ROUNDING = 1e-3
"""Violations below this share of what is allowed are not shown: they are how sums were rounded, and differ from one
process to the next, as does the row found to be the worst of many that hold."""


def write_report(
    plan: xr.Dataset, path: str | Path, verification: Mapping[str, Any], outlines: Outlines | None = None,
    drawn: Path | None = None,
) -> None:  # fmt: skip
    """Write the report of ``plan`` at ``path``, whole or not at all.

    ``verification`` is what the verifier found, as plain values; ``outlines`` are rings of longitude and latitude by
    zone, by default the bundled ones; ``drawn`` is the map of the plan, PNG, where it was written before.

    Raises: InputError when the extra ``report`` is not installed; OSError when it cannot be written.
    """
    if not charts.available():
        raise InputError(
            "the report needs packages that are not installed", expected="the extra `report`", fix=charts.INSTALL
        )
    write_text(path, report_page(plan, verification, outlines, drawn))


def report_page(
    plan: xr.Dataset, verification: Mapping[str, Any], outlines: Outlines | None = None, drawn: Path | None = None
) -> str:
    """Return the report as the text of an HTML file; arguments as of :func:`write_report`."""
    summary = summarize(plan) | {"verification": verification}
    case = frames.case_of(plan)
    title = plain(case.title or case.name, 120)
    parts = [
        ("Summary", _summary(summary)),
        ("Map", _map(plan, outlines, drawn)),
        ("Build-out", _build_out(plan)),
        ("Costs", _costs(plan, summary)),
        ("Grid service", _contracts(plan, summary)),
        ("Contracts and sources of power", "".join(map(from_terminal, supply_section(summary)))),
        ("Power by the hour", _hours(plan)),
        ("Prices", _prices(plan)),
        ("Bills by tariff", "".join(map(from_terminal, bills_section(summary)))),
        ("Carbon and water", "".join(map(from_terminal, footprint_section(summary)))),
        ("Computers and tokens", _tokens(plan, summary)),
        ("What binds", _binds(plan, summary)),
        ("Why here, and why not there", _why(plan)),
        ("Assumptions and sources", _sources(summary)),
        ("Verification", _certificate(verification)),
        ("Provenance", _provenance(plan)),
    ]
    shown = [(head, body) for head, body in parts if body]
    links = "".join(f'<li><a href="#part-{k}">{text(head)}</a></li>' for k, (head, _) in enumerate(shown))
    sections = "".join(
        f'<section id="part-{k}"><h2>{text(h)}</h2>{body}</section>' for k, (h, body) in enumerate(shown)
    )
    head = f"<header><h1>{text(title)}</h1><p>{text(summary['headline'], 400)}</p></header>"
    body = f'{head}<nav aria-label="Parts"><ol>{links}</ol></nav><main>{sections}</main>'
    return page(f"{title} · report", body, styles=asset("page.css") + asset("report.css"))


def _summary(summary: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{text(label)}</dt><dd>{text(words.plain, 600)}</dd>" for label, words in facts(summary))
    notes = "".join(f"<li>{text(warning, 2000)}</li>" for warning in summary["warnings"])
    said = text(summary["case"]["description"], 2000)
    return f"<p>{said}</p><dl>{rows}</dl>" + (f'<h3>To know</h3><ul class="muted">{notes}</ul>' if notes else "")


def _map(plan: xr.Dataset, outlines: Outlines | None, drawn: Path | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        if drawn is None:
            drawn = Path(folder) / "map.png"
            write_map(plan, drawn, outlines=outlines)
        source = f"data:image/png;base64,{base64.b64encode(drawn.read_bytes()).decode()}"
    return _figure(source, "Map of the campuses at the end of the build-out; the table below says the same", "map")


def _build_out(plan: xr.Dataset) -> str:
    sites, power = frames.built(plan), frames.it_mw(plan)
    if not len(sites):
        return "<p>Nothing is built.</p>"
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    rows = [
        [plain(row["name"], 40), row["market"], row["opens"], *map(number, power.sel(region=region).values.tolist())]
        for region, row in zip(sites.index, sites.to_dict("records"), strict=True)
    ]
    rows.append(["All", "", "", *map(number, power.sum("region").values.tolist())])
    numbers = table("IT power in service through each quarter, MW", ["Region", "Market", "Opens", *quarters], rows,
                    words=(0, 1, 2))  # fmt: skip
    return _chart(report_charts.build_out(plan), "IT power by quarter and region, against the target") + numbers


def _costs(plan: xr.Dataset, summary: Mapping[str, Any]) -> str:
    costs = {key.removesuffix("_musd"): value for key, value in summary["costs"].items()}
    total = costs.pop("total")
    forgone = costs.pop("forgone", None)
    rows = [
        [COST_WORDS.get(term, plain(term, 40)), number(musd, 1), number(100 * musd / total, 1) if total else "–"]
        for term, musd in sorted(costs.items(), key=lambda item: -item[1])
        if musd
    ]
    rows.append(["Total", number(total, 1), "100.0" if total else "–"])
    note = (
        "" if forgone is None else f"Besides, tokens wanted and not served would have been worth {number(forgone, 1)}."
    )
    heads = ["Term", "Million USD", "Share, %"]
    numbers = table(f"Present value, USD of {summary['price_base_year']}", heads, rows, note=note)
    drawn = _chart(report_charts.costs(plan), "Costs by region and kind") if len(frames.built(plan)) else ""
    return drawn + numbers


def _contracts(plan: xr.Dataset, summary: Mapping[str, Any]) -> str:
    found = summary["connections"]
    if not found or not found["contracts"]:
        return ""
    last = frames.last_quarter(plan)
    rows = [
        [
            one["region"], plain(one["offer"], 60), CONTRACT_WORDS.get(one["kind"], plain(one["kind"], 40)),
            next((q for q, mw in one["contract_mw_by_quarter"].items() if mw > 0), ""),
            number(max(one["contract_mw_by_quarter"].values()), 1), number(one["contract_mw_by_quarter"][last], 1),
            number(one["callable_mw_by_quarter"][last], 1),
        ]
        for one in found["contracts"]
    ]  # fmt: skip
    heads = ["Region", "Offer", "Kind", "From", "Most, MW", f"{last}, MW", "May be called, MW"]
    numbers = table("Contracts", heads, rows, words=(0, 1, 2, 3))
    if found["upgrades"]:
        built = [[u["upgrade"], u["place"], u["from_quarter"], number(u["forward_mw"]), number(u["cost_musd"], 1)]
                 for u in found["upgrades"]]  # fmt: skip
        heads = ["Upgrade", "For", "From", "MW", "Million USD"]
        numbers += table("Upgrades of the network", heads, built, words=(0, 1, 2))
    return _chart(report_charts.contracts(plan), "MW of grid service under contract, by kind and quarter") + numbers


def _hours(plan: xr.Dataset) -> str:
    if not len(frames.built(plan)):
        return ""
    if "slice_day" not in plan:  # the hours of a network file may be single ones
        return "<p>The hours of this plan are no whole days; what is bought in each is in plan.nc, with its price.</p>"
    year = plan["year"].values[-1]
    said = (
        f"Power of the campuses in {year}, and what they pay for what they buy; every day has its own scale of prices."
    )
    return f"<p>{text(said)}</p>" + _chart(
        report_charts.hours(plan), "Power by the hour, and the price of what is bought"
    )


def _prices(plan: xr.Dataset) -> str:
    shadow = frames.prices(plan).pivot(index="region", columns="year", values="power_shadow_usd_per_mwh")
    mean = frames.prices(plan).pivot(index="region", columns="year", values="wholesale_usd_per_mwh")
    built = list(frames.built(plan).index)
    rows = [[region, *(number(v, 2) for v in mean.loc[region]), *(number(v, 2) for v in shadow.loc[region])]
            for region in built]  # fmt: skip
    heads = ["Region", *(f"Energy {year}" for year in mean), *(f"Local {year}" for year in shadow)]
    note = (
        "Energy: mean over the hours. Local: what one MWh more would cost there at this plan, with riders and losses."
    )
    target = plan["dual_target"].values.tolist() if "dual_target" in plan else []
    quarters = zip(plan["quarter"].values.tolist(), plan["target"].values.tolist(), target, strict=False)
    more = [[quarter, number(mw), number(usd)] for quarter, mw, usd in quarters if usd > BINDING_USD_PER_MW]
    asked = table("What one MW less of a target would save", ["Quarter", "Target, MW", "USD/MW"], more) if more else ""
    drawn = _chart(report_charts.prices(plan), "Price of energy at every candidate, and all-in where a campus stands")
    return drawn + table("Power, USD/MWh", heads, rows, note=note) + asked


def _tokens(plan: xr.Dataset, summary: Mapping[str, Any]) -> str:
    found = summary["fleet"]
    if found is None:
        compute = summary["compute"] or {}
        each, year = compute.get("usd_per_million_tokens") or {}, compute.get("tokens_per_year") or {}
        rows = [[bound, f"{year[bound]:,.4g}", number(each[f"{bound}_throughput"], 4)] for bound in year]
        title = (
            f"{compute['systems']:,} {plain(compute['accelerator_title'], 60)}, {plain(compute['workload_title'], 80)}"
        )
        return table(title, ["Throughput", "Tokens a year", "USD per million tokens"], rows) if rows else ""
    years = list(found["classes"][0]["served_share"])
    rows = []
    for one in found["classes"]:
        more = one["usd_per_million_tokens_more"] or {}
        by = ", ".join(f"{name} {100 * part:.0f} %" for name, part in one["served_by"].items() if part >= 0.005)
        served = [number(None if v is None else 100 * v, 0) for v in one["served_share"].values()]
        rows.append([plain(one["title"], 60), number(one["tok_s_user"]), *served, _cents(more.get(years[-1])), by])
    heads = [
        "Class",
        "tok/s a user",
        *(f"Served {year}, %" for year in years),
        f"USD per million more, {years[-1]}",
        "By",
    ]
    classes = table("Requests", heads, rows, words=(0, len(heads) - 1))
    each = [[plain(one["title"], 60), plain(one["vendor"], 40), f"{one['systems']:,}", number(one["it_mw"], 1)]
            for one in found["systems"]]  # fmt: skip
    machines = table("Systems at the end", ["Accelerator", "Vendor", "Systems", "MW IT"], each, words=(0, 1))
    money = (
        f"All costs over all tokens: ${number(found['usd_per_million_tokens'], 4)} and "
        f"{number(found['kwh_per_million_tokens'], 3)} kWh per million tokens."
    )
    drawn = _chart(report_charts.systems(plan), "IT power by accelerator and quarter")
    return f"<p>{text(money, 300)}</p>{drawn}{machines}{classes}"


def _cents(value: float | None) -> str:
    """Return a small price with two digits that count."""
    return number(value, 0 if not value or abs(value) >= 1 else min(6, 1 - math.floor(math.log10(abs(value)))))


def _binds(plan: xr.Dataset, summary: Mapping[str, Any]) -> str:
    rows: list[Sequence[str]] = list(limit_rows(summary["binding_limits"]))
    note = "What one MW more of it, or less of a target, would save at this plan."
    limits = table("Limits that bind", ["Limit", "Where and when", "USD per MW"], rows, words=(0, 1), note=note)
    names = dict(zip(plan["region"].values.tolist(), plan["region_name"].values.tolist(), strict=True))
    first = binding.first_fit(plan)
    rows = [
        [region, plain(names[region], 60), first[region] or "none", said]
        for region, said in binding.in_short(plan).items()
    ]
    heads = ["Region", "Name", "Smallest campus fits from", "What holds it back"]
    return limits + table("Region by region", heads, rows, words=(0, 1, 2, 3), longest=1600)


def _why(plan: xr.Dataset) -> str:
    """Return what `grid-opt explain` found, where it lies beside the plan."""
    found = explanation_of(plan)
    if found is None:
        return ""
    money = found.unit == "million USD"
    digits, factor = (1, 1.0) if money else (4, 1e-4)
    unit = found.unit if money else "% of all tokens"

    def cell(value: float | None) -> str:
        return "" if value is None else number(factor * value, digits)

    parts = []
    for chosen, title in ((True, "Chosen: what each saves"), (False, "Not chosen: what forcing it in would cost")):
        rows = [
            [one.region, plain(one.name, 60), cell(one.difference), cell(one.estimate), cell(one.at_least),
             cell(one.at_most), one.method, plain(one.words, 1200)]
            for one in found.reasons if one.chosen == chosen
        ]  # fmt: skip
        heads = ["Region", "Name", "Found", "Estimate", "At least", "At most", "Known by", "Why"]
        parts.append(table(f"{title}, {unit}", heads, rows, words=(0, 1, 6, 7), longest=1200) if rows else "")
    notes = "".join(f"<li>{text(note, 400)}</li>" for note in found.notes)
    return "".join(parts) + f'<ul class="muted">{notes}</ul>'


def _sources(summary: Mapping[str, Any]) -> str:
    known = pd.read_csv(data_dir() / "SOURCES.csv", dtype=str, keep_default_na=False)
    assumed = known[known["assumption"] != ""]
    rows = [
        [f"{r['table']}: {r['column']}", r["assumption"], r["origin"], r["date"]] for r in assumed.to_dict("records")
    ]
    heads = ["Input", "Assumption", "From", "Date"]
    first = table("What is assumed", heads, rows, words=(0, 1, 2, 3))
    rows = [[f"{r['table']}: {r['column']}", r["origin"], r["licence"], r["unit"], r["date"], r["method"]]
            for r in known.to_dict("records")]  # fmt: skip
    heads = ["Input", "Origin", "License", "Unit", "Date", "Method"]
    every = table("Every column of the bundled tables", heads, rows, words=tuple(range(6)))
    said = (
        "Where the bundled tables are from. A case that brings tables or hours of its own replaces them; the sums "
        "under Provenance tell which files were read."
    )
    folded = f"<details><summary>All {len(known)} sources</summary>{every}</details>"
    return f'<p class="muted">{text(said, 400)}</p>{first}{folded}'


def _certificate(found: Mapping[str, Any]) -> str:
    state = "yes" if found["ok"] else "no"
    said = (
        f"Every limit and every bill was computed again from the plan file, by a program without solver: "
        f"{found['held']} checks hold, {len(found['failed'])} fail, {len(found['not_made'])} could not be made, "
        f"{len(found['not_in_case'])} are not of this case. Violations below {ROUNDING:g} of what is allowed are "
        "rounding, and not shown."
    )
    rows = [_check(one) for one in found["checks"] if one["state"] != "not in this case"]
    heads = ["Check", "Meaning", "State", "Worst violation", "Allowed", "Unit", "Where"]
    every = table("Checks", heads, rows, words=(0, 1, 2, 5, 6))
    verdict = "The plan holds." if found["ok"] else "THE PLAN DOES NOT HOLD."
    notes = "".join(f"<li>{text(warning, 600)}</li>" for warning in found["warnings"])
    return (
        f'<p class="verdict {state}">{verdict}</p><p>{text(said, 600)}</p><ul>{notes}</ul>'
        f"<details><summary>All checks</summary>{every}</details>"
    )


def _check(one: Mapping[str, Any]) -> list[str]:
    allowed = math.inf if one["tolerance"] is None else one["tolerance"]  # of a row without limit
    rounding = one["state"] == "holds" and one["violation"] <= ROUNDING * allowed
    found = ("–", "–", one["unit"], "–") if rounding else (
        _small(one["violation"]), _small(one["tolerance"]), one["unit"], one["place"]
    )  # fmt: skip
    return [one["name"], one["meaning"], one["state"], *found]


def _provenance(plan: xr.Dataset) -> str:
    skipped = {"case_toml", "inputs_sha256", "versions"}
    rows = [[key, meaning, plain(plan.attrs[key], 200)] for key, meaning in PROVENANCE.items()
            if key not in skipped and key in plan.attrs]  # fmt: skip
    facts_of = table("How it was made", ["Name", "Meaning", "Value"], rows, words=(0, 1, 2))
    files = sorted(json.loads(str(plan.attrs["inputs_sha256"])).items())
    inputs = table("Inputs, by SHA-256", ["File", "Sum"], files, words=(0, 1))
    programs = table(
        "Programs", ["Name", "Version"], sorted(json.loads(str(plan.attrs["versions"])).items()), words=(0, 1)
    )
    case = "\n".join(
        text(line, 2000) if line.strip() else "" for line in str(plan.attrs["case_toml"])[:LONGEST_CASE].splitlines()
    )
    return facts_of + programs + _folded("Inputs", inputs) + _folded("The case", f"<pre>{case}</pre>")


def _folded(head: str, body: str) -> str:
    return f"<details><summary>{text(head)}</summary>{body}</details>"


def _chart(chart: Any, words: str) -> str:
    return _figure(charts.picture(chart), words, "chart")


def _figure(source: str, words: str, kind: str) -> str:
    said = text(words)
    return f'<figure class="{kind}"><img src="{source}" alt="{said}"><figcaption>{said}</figcaption></figure>'


def _small(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
