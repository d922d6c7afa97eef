"""Read definition files, and say in one message where a bad one is wrong and how to mend it."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from grid_opt.config.knobs import KnobError, Knobs
from grid_opt.errors import InputError

K = TypeVar("K", bound=Knobs)
_PLAIN_WORDS = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text in quotes",
    "model_type": "a section with keys inside it",
    "dict_type": "a section with keys inside it",
    "too_short": "at least one entry",
    "string_too_short": "some text",
    "string_pattern_mismatch": "letters, digits, - and _, as the pattern of this field has it",
}
_LINE = re.compile(r"\(at (?:line (?P<line>\d+), column \d+|end of document)\)")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the known name that a mistyped one most likely meant, or ``None``."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def read_text(path: Path) -> str:
    """Read a UTF-8 file. Raises :class:`InputError` when it cannot be read as one."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "not a UTF-8 text file",
            file=path,
            row=path.read_bytes()[: error.start].count(b"\n") + 1,
            expected="UTF-8",
            fix="save it as UTF-8",
        ) from None
    except FileNotFoundError:
        raise InputError("there is no such file", file=path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None


def parse_toml(text: str, file: str | Path) -> dict[str, Any]:
    """Parse TOML. Raises :class:`InputError` naming the line of a syntax error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _LINE.search(str(error))
        line = int(match["line"]) if match and match["line"] else len(text.splitlines())
        source = text.splitlines()[line - 1].strip() if 0 < line <= len(text.splitlines()) else None
        problem = _LINE.sub("", str(error)).strip()
        raise InputError(
            f"not valid TOML: {problem}",
            file=file,
            row=line,
            value=source,
            expected="TOML, such as  hall_mw = 10.0",
            fix="the key is there twice; remove one" if "overwrite" in problem else "correct this line",
        ) from None


def validate(
    model: type[K],
    values: Mapping[str, Any],
    *,
    file: str | Path | None,
    rows: Mapping[str, int] | None = None,
    from_options: Collection[str] = (),
) -> K:
    """Build ``model`` from ``values``; turn the first complaint into an :class:`InputError`.

    ``rows`` maps dotted keys to lines of ``file``; ``from_options`` are the dotted keys given by ``--set``.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # An unknown key is told first: it is often the reason for the other complaints.
        complaints = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        told = _explain(model, complaints[0])
        others = len({_dotted(item["loc"]) for item in complaints}) - 1
        if others:
            told["problem"] += f" (and {others} more field{'s' if others > 1 else ''} of this file)"
        by_option = any(told["field"] == key or told["field"].startswith(f"{key}.") for key in from_options)
        raise InputError(
            told["problem"],
            file="--set" if by_option else file,
            row=None if by_option else _row(f"{told['field']}.{told['value']}", rows or {}),
            field=told["field"],
            value=told["value"],
            expected=told["expected"],
            fix=told["fix"],
        ) from None


def _explain(model: type[Knobs], complaint: Any) -> dict[str, Any]:
    """Put one pydantic complaint in a planner's words."""
    location, value = tuple(complaint["loc"]), complaint["input"]
    told: dict[str, Any] = {"field": _dotted(location), "value": value, "expected": None, "fix": None}
    raised = complaint.get("ctx", {}).get("error")
    if complaint["type"] == "extra_forbidden":
        known = sorted(_section(model, location[:-1]).model_fields)
        suggestion = nearest(str(location[-1]), known) or _elsewhere(model, str(location[-1]))
        told |= {"problem": "unknown key", "value": None, "expected": f"one of {', '.join(known)}"}
        told["fix"] = f"did you mean {suggestion!r}?" if suggestion else None
    elif isinstance(raised, KnobError):
        told |= {"problem": raised.problem, "value": raised.value, "expected": raised.expected}
        told["fix"] = raised.fix
        told["field"] = ".".join(part for part in (told["field"], raised.field) if part)
    elif complaint["type"] == "missing":
        told |= {"problem": "this key is missing", "value": None, "expected": _meaning(model, location)}
    else:
        told["problem"] = "not a value that this field can take"
        expected = _PLAIN_WORDS.get(complaint["type"]) or complaint["msg"].removeprefix("Input should be ")
        told["expected"] = "; ".join(part for part in (expected, _meaning(model, location)) if part)
        if complaint["type"] == "finite_number":
            told["fix"] = "write the number itself"
        if isinstance(value, str) and re.fullmatch(r"[+-]?\d[\d_,. ]*", value):
            told["fix"] = "write a number without quotes, spaces or thousands separators"
    return told


def _section(model: type[Knobs], location: Sequence[int | str]) -> type[Knobs]:
    """Find the class of the section that a location points into."""
    for part in location:
        field = model.model_fields.get(str(part))
        inner = _knobs_within(field.annotation) if field is not None else None
        if inner is not None:
            model = inner
    return model


def _knobs_within(annotation: Any) -> type[Knobs] | None:
    """Find the section that a field holds: itself, or as values of a table, items of a list, or optional."""
    if isinstance(annotation, type) and issubclass(annotation, Knobs):
        return annotation
    return next((found for part in reversed(get_args(annotation)) if (found := _knobs_within(part))), None)


def _elsewhere(model: type[Knobs], key: str) -> str | None:
    """Find the dotted name of a key that was put into the wrong section."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Knobs) and key in inner.model_fields:
            return f"{name}.{key}"
    return None


def _meaning(model: type[Knobs], location: Sequence[int | str]) -> str | None:
    """Recall what a field means, with its unit."""
    for depth in range(len(location), 0, -1):
        field = _section(model, location[: depth - 1]).model_fields.get(str(location[depth - 1]))
        if field is not None and field.description:
            extra = field.json_schema_extra
            unit = f" [{extra['unit']}]" if isinstance(extra, dict) and "unit" in extra else ""
            return f"{field.description.split('. ')[0].rstrip('.')}{unit}"
    return None


def _dotted(location: Sequence[int | str]) -> str:
    """Write a pydantic location as the user sees it; branch labels of unions are not keys of the file."""
    parts = [str(part) for part in location]
    hidden = ("function-", "tuple[", "literal[", "nullable[", "constrained-", "[key]")
    return ".".join(part for part in parts if not part.startswith(hidden))


def _row(field: str, rows: Mapping[str, int]) -> int | None:
    """Line of a field, or of the closest thing around it that has one."""
    while field:
        if field in rows:
            return rows[field]
        field = field.rpartition(".")[0]
    return None
