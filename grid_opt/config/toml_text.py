"""Write a case as TOML and find the line on which a key of a TOML file stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from grid_opt.config.case import Case

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TABLE = re.compile(r"\s*\[\s*(?P<name>[^\[\]]+?)\s*\]\s*(#.*)?")
_KEY = re.compile(r"\s*(?P<key>[A-Za-z0-9_.\"' -]+?)\s*=")
_TRIPLE = '"' * 3
_ITEM = re.compile(r"[\"'](?P<text>[^\"']+)[\"']")
_KEY_WITHIN = re.compile(r"[{,]\s*[\"']?(?P<key>[A-Za-z0-9_-]+)[\"']?\s*=")


def case_to_toml(case: Case) -> str:
    """Write every knob of a case, defaults included, in one fixed order.

    Reading the text gives an equal case. A knob without a value (no budget, no hours file) is left out.
    """
    values = case.model_dump()
    lines = [f"{key} = {toml_literal(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines.extend(toml_table(key, value))
    return "\n".join(lines) + "\n"


def toml_table(name: str, values: Mapping[Any, Any]) -> Iterator[str]:
    """Write a table and those inside it, line by line; a value that is ``None`` is left out."""
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping) and value is not None}
    if plain:
        yield ""
        yield f"[{name}]"
        yield from (f"{_key(str(key))} = {toml_literal(value)}" for key, value in plain.items())
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from toml_table(f"{name}.{_key(str(key))}", value)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def toml_literal(value: object) -> str:
    """Write one value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        pairs = (f"{_key(str(key))} = {toml_literal(item)}" for key, item in value.items() if item is not None)
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_literal(item) for item in value) + "]"
    return repr(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key_rows(text: str) -> dict[str, int]:
    """Map each dotted key of a TOML text, and each text in a list, to the line (from 1) where it stands.

    A plain scan, good enough for messages: it does not follow arrays of tables.
    """
    rows: dict[str, int] = {}
    table, dotted = "", ""
    in_text, in_list = False, False
    for number, line in enumerate(text.splitlines(), start=1):
        ends_text = line.count(_TRIPLE) % 2 == 1
        if in_text:
            in_text = not ends_text
            continue
        in_text = ends_text
        heading, match = _TABLE.fullmatch(line), _KEY.match(line)
        if heading and not in_list:
            table = _plain(heading["name"])
            rows.setdefault(table, number)
            continue
        if match and not in_list:
            dotted = f"{table}.{_plain(match['key'])}" if table else _plain(match["key"])
            rows.setdefault(dotted, number)
            value = line[match.end() :]
            for inner in _KEY_WITHIN.finditer(value):
                rows.setdefault(f"{dotted}.{inner['key']}", number)
            in_list = value.lstrip().startswith("[")
        if in_list:
            for item in _ITEM.finditer(line):
                rows.setdefault(f"{dotted}.{item['text']}", number)
            in_list = "]" not in line
    return rows


def _plain(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))
