"""Declare the knobs of a definition file: strict, frozen, bounded, each with its unit and meaning."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Knobs(BaseModel):
    """A section of a definition file. Unknown keys, NaN, infinities and numbers in quotes are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class KnobError(ValueError):
    """Refuse a value for a reason that a bound on one field cannot express.

    ``field`` is dotted and relative to the section whose validator raises it.
    """

    def __init__(
        self,
        problem: str,
        *,
        field: str = "",
        value: object | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem
        self.field = field
        self.value = value
        self.expected = expected
        self.fix = fix
        super().__init__(problem)


def knob(default: Any, meaning: str, *, unit: str | None = None, **bounds: Any) -> Any:
    """Declare one knob with its default, unit, meaning and pydantic's bounds (``gt``, ``le``...)."""
    extra: Any = {"unit": unit} if unit else None
    return Field(default=default, description=meaning, json_schema_extra=extra, **bounds)
