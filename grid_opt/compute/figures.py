"""A published figure: its value, range, unit, source, certainty and date."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from grid_opt.config.field_types import DATE, Certainty
from grid_opt.config.knobs import KnobError, Knobs

__all__ = ["DATE", "Bound", "Certainty", "Figure", "check_units"]

Bound = Literal["low", "central", "high"]


class Figure(Knobs):
    """One published figure with its range and where it comes from."""

    value: float = Field(gt=0, description="Central value")
    low: float | None = Field(default=None, gt=0, description="Low end of the range")
    high: float | None = Field(default=None, gt=0, description="High end of the range")
    unit: str = Field(min_length=1, description="Unit of the three numbers")
    source: str = Field(min_length=1, description="Where the figure was published, or how it was inferred")
    certainty: Certainty = Field(description="H high, M medium, L low")
    date: str = Field(pattern=DATE, description="Year, or year and month, of the figure")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.at("low") <= self.value <= self.at("high"):
            raise KnobError(
                "the value lies outside its own range",
                field="value",
                value=self.value,
                expected=f"{self.at('low'):g} to {self.at('high'):g}",
            )
        return self

    def at(self, bound: Bound) -> float:
        """Return the low, central or high value; a missing end of the range is the central value."""
        end = {"low": self.low, "central": None, "high": self.high}[bound]
        return self.value if end is None else end


def check_units(figures: dict[str, tuple[Figure | None, str]]) -> None:
    """Refuse a figure whose unit is not the one of its field; a key is the dotted name of the figure."""
    for name, (figure, unit) in figures.items():
        if figure is not None and figure.unit != unit:
            raise KnobError("wrong unit", field=f"{name}.unit", value=figure.unit, expected=unit)
