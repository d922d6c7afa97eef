"""Write the report of a stochastic study: one page without any script that opens offline, and its picture."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.report import style
from grid_opt.report.page import asset, from_terminal, page, table, text
from grid_opt.report.risk_charts import draw_risk
from grid_opt.report.terminal_risk import KIND_WORDS, lines, scenario_table, stage_table
from grid_opt.report.words import plain


def write_risk_report(found: xr.Dataset, summary: Mapping[str, Any], path: Path, picture: Path) -> None:
    """Write picture and page, each whole or not at all.

    Raises: OSError when one cannot be written.
    """
    with style.look():
        figure = draw_risk(found)
    style.save(figure, picture, dpi=150)
    write_text(path, risk_page(found, summary, picture.read_bytes()))


def risk_page(found: xr.Dataset, summary: Mapping[str, Any], picture: bytes) -> str:
    """Return the report as the text of an HTML file."""
    title = plain(summary["title"], 120)
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    words = "What each scenario costs if it were known, decided for all, and decided for the reference alone; how " \
            "likely it is to cost more; and where the halls stand. The tables below say the same."  # fmt: skip
    drawn = f'<figure><img src="{source}" alt="{text(words, 400)}"><figcaption>{text(words, 400)}</figcaption></figure>'
    parts = [
        ("Findings", _list(lines(summary))),
        ("Costs of the scenarios", drawn + from_terminal(scenario_table(summary))),
        ("Decided now", _now(found, summary)),
        ("Verification", _verdict(summary["verification"])),
        ("The study", f"<details><summary>study.toml</summary><pre>{_whole(found)}</pre></details>"),
    ]
    links = "".join(f'<li><a href="#part-{k}">{text(head)}</a></li>' for k, (head, _) in enumerate(parts))
    sections = "".join(
        f'<section id="part-{k}"><h2>{text(h)}</h2>{body}</section>' for k, (h, body) in enumerate(parts)
    )
    count = len(summary["scenarios"])
    said = f"One first stage for {count} scenarios of {summary['case']}"
    head = f"<header><h1>{text(title)}</h1><p>{text(said)}</p></header>"
    body = f'{head}<nav aria-label="Parts"><ol>{links}</ol></nav><main>{sections}</main>'
    return page(f"{title} · risk", body, styles=asset("page.css") + asset("report.css"))


def _list(told: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{text(line, 600)}</li>" for line in told) + "</ul>"


def _now(found: xr.Dataset, summary: Mapping[str, Any]) -> str:
    """Return the first stage beside that of the reference, and what each scenario by itself would decide."""
    groups = ", ".join(summary["first_stage_groups"])
    said = f"Decided before the scenario is known: {groups}. All else follows the scenario."
    body = f"<p>{text(said, 400)}</p>" + from_terminal(stage_table(summary))
    names = [str(name) for name in found["scenario"].values]
    rows = []
    for kind, words in KIND_WORDS.items():
        name = f"wait_and_see_{kind}"
        if name not in found:
            continue
        (dim,) = [d for d in found[name].dims if d != "scenario"]
        for label in found[dim].values.tolist():
            values = found[name].sel({dim: label}).values.tolist()
            if max(values) > 1e-6:
                whole = kind in ("sites", "studies")
                shown = [("yes" if whole else f"{v:,.1f}") if v > 1e-6 else "–" for v in values]
                rows.append([words, label, *shown])
    note = "MW, or yes. What the best plan of each scenario decides when the scenario is known from the start."
    return body + table("Wait and see", ["Choice", "Of", *names], rows, words=(0, 1), note=note)


def _verdict(report: Mapping[str, Any]) -> str:
    good = bool(report["ok"])
    said = f"{report['held']} checks of the study hold, and every plan passes its own" if good else (
        f"{len(report['failed'])} checks fail: {', '.join(report['failed'])}"
    )  # fmt: skip
    notes = "".join(f"<li>{text(warning, 600)}</li>" for warning in report["warnings"])
    verdict = f'<p class="verdict {"yes" if good else "no"}">{text(said, 600)}</p>'
    return verdict + (f'<ul class="muted">{notes}</ul>' if notes else "")


def _whole(found: xr.Dataset) -> str:
    return "\n".join(text(line, 400) for line in str(found.attrs["study_toml"]).splitlines())
