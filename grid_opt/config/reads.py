"""Find out which knobs of a case are read when its program is made, so that none is swept that nothing reads."""

from __future__ import annotations

from typing import Any

from grid_opt.config.case import Case
from grid_opt.config.knobs import Knobs

ALWAYS = frozenset({"solve"})
"""Sections that are read by the search, not by the program that it searches."""


def watched(case: Case, into: set[str] | None = None) -> tuple[Case, set[str]]:
    """Return a copy of the case, and the set into which it writes section.knob whenever a knob of it is read."""
    seen: set[str] = set() if into is None else into
    copy = case.model_copy()
    for name in Case.model_fields:
        section = getattr(copy, name)
        if isinstance(section, Knobs):
            twin = section.model_copy()
            object.__setattr__(twin, "__class__", _spy(type(section), name, seen))
            copy.__dict__[name] = twin
    return copy, seen


def _spy(kind: type[Knobs], section: str, seen: set[str]) -> type[Knobs]:
    knobs = frozenset(kind.model_fields)

    def read(self: Any, key: str) -> Any:
        if key in knobs:
            seen.add(f"{section}.{key}")
        return super(spy, self).__getattribute__(key)

    spy: type[Knobs] = type(kind.__name__, (kind,), {"__getattribute__": read, "__module__": kind.__module__})
    return spy


def value_of(case: Case, knob: str) -> Any:
    """Return the value of section.knob."""
    section, _, name = knob.partition(".")
    return getattr(getattr(case, section), name)
