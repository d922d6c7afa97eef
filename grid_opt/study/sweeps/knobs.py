"""Change knobs of a case: set, scale or shift what a dotted key names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from grid_opt.config.case import Case
from grid_opt.config.knobs import Knobs
from grid_opt.config.loading import with_overrides
from grid_opt.config.reading import nearest
from grid_opt.config.toml_text import toml_literal
from grid_opt.errors import InputError
from grid_opt.study.sweeps.loading import Source

_WHOLE = 1e-9


def known_keys() -> tuple[str, ...]:
    """Return every knob of a case as section.knob."""
    found = []
    for section, field in Case.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Knobs):
            found += [f"{section}.{key}" for key in inner.model_fields]
    return tuple(found)


def head_of(key: str) -> str:
    """Return section.knob of a key, which may name an entry of a knob that is a table."""
    return ".".join(key.split(".")[:2])


def check_key(case: Case, key: str, source: Source, at: str) -> None:
    """Refuse a key that is no knob of a case. Raises :class:`InputError` with the nearest name."""
    head = head_of(key)
    known = known_keys()
    if head not in known:
        tail = key.rpartition(".")[2]
        same = [one for one in known if one.rpartition(".")[2] == tail]
        close = same[0] if same else nearest(head, known)
        raise source.error(
            "no knob of a case is called so", at, value=key, expected="section.knob, as in docs/reference/case.md",
            fix=f"did you mean {close!r}?" if close else None,
        )  # fmt: skip
    if key != head and not isinstance(_field(case, head), Mapping):
        raise source.error(f"{head} has no keys inside it", at, value=key, expected=head, fix=f"write {head}")


def current(case: Case, key: str) -> Any:
    """Return what a case holds at a key; ``None`` where it holds nothing."""
    value = _field(case, head_of(key))
    for part in key.split(".")[2:]:
        if not isinstance(value, Mapping):
            return None
        value = value.get(part, value.get(int(part)) if part.isdigit() else None)
    return value


def is_whole(case: Case, key: str) -> bool:
    """Whether a key takes whole numbers only."""
    value = current(case, key)
    return isinstance(value, int) and not isinstance(value, bool)


def new_value(case: Case, key: str, change: str, amount: Any, source: Source, at: str) -> Any:
    """Return the value that a change gives to a key; a knob that is a table of numbers changes in every entry."""
    if change == "set":
        return amount
    now = current(case, key)
    if not _number(amount):
        raise source.error(f"'{change}' needs a number", at, value=amount, expected="a number")
    if isinstance(now, Mapping) and now and all(_number(value) for value in now.values()):
        return {str(entry): _changed(value, change, amount) for entry, value in now.items()}
    if not _number(now):
        what = "has no value in the base case" if now is None or now == {} else f"is {now!r} in the base case"
        raise source.error(f"{key} {what}, which cannot be changed by '{change}'", at, value=amount,
                           expected="a knob that holds a number", fix="use change = 'set'")  # fmt: skip
    value = _changed(now, change, amount)
    if isinstance(now, int):
        if abs(value - round(value)) > _WHOLE:
            raise source.error(f"{key} takes whole numbers, and {now} would become {value:g}", at, value=amount,
                               expected=f"what makes {now} whole again", fix="use change = 'set'")  # fmt: skip
        return round(value)
    return value


def changed_case(case: Case, values: Mapping[str, Any], source: Source, places: Mapping[str, str]) -> Case:
    """Return the case with knobs set, validated; ``places`` says where in the sweep file each knob gets its value.

    Raises:
        InputError: a value is refused, or the knobs do not fit together.
    """
    try:
        return with_overrides(case, [f"{key}={toml_literal(value)}" for key, value in values.items()])
    except InputError as error:
        told = ", ".join(f"{key} = {toml_literal(value)}" for key, value in values.items())
        mine = [key for key in values if error.field and (error.field.startswith(key) or key.startswith(error.field))]
        at = places[(mine or list(values))[0]]
        raise source.passed_on(error, at, f"the case with {told} is refused") from None


def _changed(now: float, change: str, amount: float) -> float:
    return now * amount if change == "scale" else now + amount


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _field(case: Case, head: str) -> Any:
    section, _, key = head.partition(".")
    return getattr(getattr(case, section), key)


def allowed(keys: Iterable[str], source: Source, at: str) -> None:
    """Refuse keys that a sweep manages itself."""
    for key in keys:
        if key == "data.tables_dir":
            raise source.error("the sweep itself keeps the tables of its cases", at, value=key,
                               expected="table = 'name' and column = 'name'",
                               fix="give the folder in the base case, and change its tables by axes")  # fmt: skip
