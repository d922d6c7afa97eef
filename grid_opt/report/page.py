"""Put together a web page of one file that asks nothing of any network and runs nothing but its own script.

The page forbids, by a content-security policy in its head, every request, every script and every style but those
inside it, known by their SHA-256. Names and numbers reach it as escaped text, or as JSON in which no tag can begin.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from rich.table import Table
from rich.text import Text

from grid_opt.report.words import plain

LONGEST_TEXT = 160
"""Characters of a name that a page shows."""


def asset(name: str) -> str:
    """Return the text of a file of ``grid_opt/report/assets``."""
    return files("grid_opt.report").joinpath("assets", name).read_text(encoding="utf-8")


def text(value: object, limit: int = LONGEST_TEXT) -> str:
    """Return a name for HTML: one line, without control or direction marks, cut to ``limit``, and escaped."""
    return html.escape(plain(value, limit))


def page(title: str, body: str, *, styles: str, scripts: Sequence[str] = (), data: Any = None) -> str:
    """Return a whole page.

    ``body`` is HTML whose texts are escaped already; ``data`` is what the scripts read, as JSON of the element
    ``data``. Scripts stand at the end, in their order.
    """
    allowed = [_digest(script) for script in scripts] or ["'none'"]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(allowed)}",
            f"style-src {_digest(styles)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{text(title)}</title>",
        '<link rel="icon" href="data:,">',
        f"<style>{styles}</style>",
        "</head>",
        "<body>",
        body,
        "" if data is None else f'<script type="application/json" id="data">{to_json(data)}</script>',
        *(f"<script>{script}</script>" for script in scripts),
        "</body>",
        "</html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def to_json(value: Any) -> str:
    """Return JSON that may stand inside a script element: no number that JSON lacks, no ``<`` and no odd character."""
    packed = json.dumps(_sound(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return packed.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    words: Sequence[int] = (0,),
    note: str = "",
    longest: int = 400,
) -> str:
    """Return a table as HTML; the columns ``words`` hold text, the others numbers set flush right.

    The first cell of a row heads it. ``note`` explains the table below its caption; a cell shows at
    most ``longest`` characters.
    """
    below = f'<span class="note">{text(note, 600)}</span>' if note else ""
    top = "".join(f'<th scope="col"{_flush(k, words)}>{text(head)}</th>' for k, head in enumerate(heads))
    lines = []
    for row in rows:
        first, *rest = row
        cells = "".join(f"<td{_flush(k, words)}>{text(cell, longest)}</td>" for k, cell in enumerate(rest, start=1))
        lines.append(f'<tr><th scope="row">{text(first)}</th>{cells}</tr>')
    return (
        f'<div class="wide"><table><caption><div>{text(caption)}{below}</div></caption><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def from_terminal(printed: Table) -> str:
    """Return a table of the terminal as HTML: the same title, headings and cells."""
    columns = [[_plain_cell(cell) for cell in column.cells] for column in printed.columns]
    words = tuple(k for k, column in enumerate(printed.columns) if column.justify != "right")
    heads = [_plain_cell(column.header) for column in printed.columns]
    return table(_plain_cell(printed.title), heads, list(zip(*columns, strict=True)), words=words)


def _plain_cell(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell or "")


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands set apart, and a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"


def rounded(values: Sequence[float], digits: int) -> list[float | None]:
    """Return numbers for JSON, short; what is not finite becomes nothing."""
    kept: list[float | None] = []
    for value in values:
        short = round(float(value), digits) if math.isfinite(value) else None
        kept.append(int(short) if short is not None and short == int(short) else short)
    return kept


def _flush(column: int, words: Sequence[int]) -> str:
    return "" if column in words else ' class="n"'


def _digest(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode('utf-8')).digest()).decode()}'"


def _sound(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _sound(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sound(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
