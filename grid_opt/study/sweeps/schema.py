"""Describe a sweep: a base case, what of it varies, and how the variations are combined.

What varies is a knob of the case (``key = "energy.price_scale"``) or a column of an input table
(``table = "gas_outlook"``, ``column = "usd_per_mmbtu"``, of the rows that ``where`` picks).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from grid_opt.config.knobs import KnobError, Knobs, knob

Method = Literal["grid", "list", "tornado", "latin_hypercube", "sobol", "morris", "scenarios"]
SAMPLED = ("latin_hypercube", "sobol", "morris")
"""Methods that draw points between ``low`` and ``high`` instead of listing them."""

NAME = r"^[A-Za-z][A-Za-z0-9_]{0,39}$"
_FOLDER = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
RESERVED = frozenset({
    "case", "scenario", "region", "quarter", "year", "accelerator", "term", "base", "run", "label", "state",
    "reason", "exit_code", "objective", "bound", "gap", "cost_total", "all_in_usd_per_mwh",
    "usd_per_million_tokens", "final_it_mw", "sites", "it_mw", "bought_mwh", "cost", "tokens", "systems",
    "scope1_t", "scope2_location_t", "scope2_market_t", "scope2_hourly_t", "carbon_free_share", "water_m3",
    "seconds", "peak_mb", "repriced", "warm",
})  # fmt: skip
"""Names that the data cube and the table of cases use themselves."""

Named = Annotated[str, Field(pattern=NAME)]


class Change(Knobs):
    """One thing that is changed: a knob of the case, or cells of an input table."""

    key: str | None = knob(None, "Knob of the case, such as energy.price_scale.", min_length=3)
    table: str | None = knob(None, "Input table, such as gas_outlook, instead of a key.", min_length=1)
    column: str | None = knob(None, "Column of the table.", min_length=1)
    where: dict[str, Any] = knob(
        {},
        "Rows of the table, by columns: where = { year = [2027, 2028], zone = 'TX_N' }; empty means all rows.",
    )
    change: Literal["set", "scale", "shift"] = knob(
        "set",
        "'set' replaces what is there by the value, 'scale' multiplies it, 'shift' adds to it.",
    )

    @model_validator(mode="after")
    def _one_target(self) -> Change:
        if (self.key is None) == (self.table is None):
            raise KnobError(
                "what changes?",
                field="key",
                expected="either key = 'section.knob' or table = 'name' with column = 'name'",
            )
        if self.table is not None and self.column is None:
            raise KnobError("which column of the table changes?", field="column", expected="column = 'name'")
        if self.key is not None and (self.column is not None or self.where):
            field = "column" if self.column is not None else "where"
            raise KnobError("this goes with a table only", field=field, expected=f"no {field} beside a key")
        return self


class Axis(Change):
    """One dimension of a sweep: what changes, and through which values it goes."""

    values: list[Any] | None = knob(None, "Values that the axis takes.", min_length=1, max_length=10_000)
    low: float | int | None = knob(None, "Least value, of an axis without a list of values.")
    high: float | int | None = knob(None, "Largest value, of an axis without a list of values.")
    steps: int | None = knob(None, "Number of equidistant values from low to high, for method 'grid'.", ge=2, le=1000)
    spread: Literal["linear", "log"] = knob(
        "linear", "How values lie between low and high: evenly, or evenly in their logarithm."
    )

    @model_validator(mode="after")
    def _values_or_range(self) -> Axis:
        ranged = self.low is not None or self.high is not None
        if (self.values is None) != ranged:
            raise KnobError("through which values does it go?", field="values",
                            expected="either values = [...] or low and high")  # fmt: skip
        if ranged and (self.low is None or self.high is None or self.low >= self.high):
            raise KnobError("low and high do not span a range", field="low", value=self.low,
                            expected="both low and high, low below high")  # fmt: skip
        if self.spread == "log" and ranged and (self.low is None or self.low <= 0):
            raise KnobError("a logarithmic range starts above zero", field="low", value=self.low,
                            expected="a number above 0")  # fmt: skip
        if self.steps is not None and not ranged:
            raise KnobError("steps go between low and high", field="steps", value=self.steps,
                            expected="low and high, or no steps")  # fmt: skip
        for n, value in enumerate(self.values or ()):
            if value in (self.values or [])[:n]:
                raise KnobError("this value is there twice", field="values", value=value, expected="each value once")
        return self


class ScenarioChange(Change):
    """One change that a scenario makes."""

    value: Any = knob(None, "Value to set, factor to scale by, or amount to shift by.")

    @model_validator(mode="after")
    def _has_a_value(self) -> ScenarioChange:
        if self.value is None:
            raise KnobError("by what?", field="value", expected="value = ...")
        return self


class Scenario(Knobs):
    """A named world: several changes at once."""

    title: str = knob("", "One line for tables and pictures.", max_length=200)
    set: dict[str, Any] = knob({}, "Knobs of the case to set, as sections: set.energy.price_scale = 2.0.")
    changes: dict[Named, ScenarioChange] = knob({}, "Further changes, each under a name of its own.")

    @model_validator(mode="after")
    def _changes_something(self) -> Scenario:
        if not self.set and not self.changes:
            raise KnobError("this scenario changes nothing", expected="set or changes; the base is always there itself")
        return self


class Design(Knobs):
    """How the values of the axes are combined to cases."""

    method: Method = knob(
        "grid",
        "'grid': every combination, scenarios included. 'list': the first values of all axes, the second ones, and so "
        "on. 'tornado': the base, and every axis alone through its values. 'latin_hypercube', 'sobol', 'morris': "
        "samples between low and high. 'scenarios': the base and every scenario.",
    )
    samples: int = knob(
        64,
        "Latin hypercube: cases. Sobol: base samples, a power of two, each of which becomes as many cases as there are "
        "axes, and two. Morris: trajectories, each of as many cases as there are axes, and one.",
        ge=2,
        le=100_000,
    )
    seed: int = knob(2026, "Seed of the samples.", ge=0, le=2**31 - 1)
    levels: int = knob(4, "Morris: levels of the grid that trajectories step on, an even number.", ge=2, le=100)


class Limits(Knobs):
    """How long and how large the process of one case may become before it is ended and recorded as killed."""

    seconds: float | None = knob(None, "Longest time from start to end of a case.", unit="s", gt=0, le=1e7)
    memory_mb: float | None = knob(
        None, "Largest resident memory of the process of a case, looked at ten times a second.", unit="MB", gt=0, le=1e9
    )


class Sweep(Knobs):
    """Many cases, declared in one file."""

    name: str = knob("sweep", "Short name; the folder of results is called so.", pattern=_FOLDER)
    title: str = knob("", "One line for tables and pictures.", max_length=200)
    description: str = knob("", "What the sweep is for.", max_length=5000)
    case: str = knob("us_750mw", "Base case: a bundled name, or a path relative to this file.", min_length=1)
    base: dict[str, Any] = knob({}, "Knobs to set in every case, as sections: [base.energy] days = 4.")
    design: Design = Design()
    axes: dict[Named, Axis] = knob({}, "Dimensions, each under a name of its own.")
    scenarios: dict[Named, Scenario] = knob({}, "Named worlds; the base, without changes, always comes first.")
    limits: Limits = Limits()
    reuse: bool = knob(
        False,
        "Whether every case begins with the plan of the nearest case before it; the first runs alone. Where that plan "
        "is proven within the asked gap of a case, nothing is searched there. Processes stay from case to case.",
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> Sweep:
        for field, names in (("axes", self.axes), ("scenarios", self.scenarios)):
            for name in names:
                if name in RESERVED:
                    raise KnobError("the results use this name themselves", field=f"{field}.{name}", value=name,
                                    expected=f"another name, such as {name}_1")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _method_has_what_it_needs(self) -> Sweep:
        method = self.design.method
        if method == "scenarios" and (self.axes or not self.scenarios):
            raise KnobError("this method runs scenarios alone", field="design.method", value=method,
                            expected="scenarios and no axes; with axes, method 'grid'")  # fmt: skip
        if method not in ("scenarios", "grid") and self.scenarios:
            raise KnobError("scenarios go with 'grid' or 'scenarios' only", field="design.method", value=method,
                            expected="method 'grid', or no scenarios")  # fmt: skip
        if method != "scenarios" and not self.axes and not (method == "grid" and self.scenarios):
            raise KnobError("nothing varies", field="axes", expected="at least one axis or scenario")
        for name, axis in self.axes.items():
            self._axis_fits(name, axis, method)
        return self

    def _axis_fits(self, name: str, axis: Axis, method: Method) -> None:
        if method == "grid" and axis.values is None and axis.steps is None:
            raise KnobError("how many values between low and high?", field=f"axes.{name}.steps",
                            expected="steps = ..., or values = [...]")  # fmt: skip
        if method == "list":
            lengths = {key: len(one.values or ()) for key, one in self.axes.items()}
            if axis.values is None or len(set(lengths.values())) > 1:
                told = ", ".join(f"{key} {n}" for key, n in lengths.items())
                raise KnobError("a list goes through all axes in step", field=f"axes.{name}.values",
                                expected=f"values in every axis, equally many (now: {told})")  # fmt: skip
        if method == "sobol" and self.design.samples & (self.design.samples - 1):
            raise KnobError("the sequence is balanced for powers of two only", field="design.samples",
                            value=self.design.samples, expected="64, 128, 256 ...")  # fmt: skip
        if method == "morris" and self.design.levels % 2:
            raise KnobError("an odd number of levels", field="design.levels", value=self.design.levels,
                            expected="an even number")  # fmt: skip
        if method == "tornado" and axis.steps is not None:
            raise KnobError("a tornado goes to low and high", field=f"axes.{name}.steps", value=axis.steps,
                            expected="no steps, or values = [...]")  # fmt: skip
