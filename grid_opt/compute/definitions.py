"""Read what is published about accelerators and workloads: power, price, speed and throughput.

Figures carry their range, unit, source, certainty and date. They live in ``models/accelerators`` and
``models/workloads``.
Throughput here is what was published for a pair of accelerator and workload; nothing is interpolated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, model_validator

from grid_opt.config.knobs import KnobError, Knobs
from grid_opt.config.reading import nearest, parse_toml, read_text, validate
from grid_opt.config.toml_text import key_rows
from grid_opt.errors import InputError
from grid_opt.resources import models_dir

HOURS_PER_YEAR = 8760
SECONDS_PER_HOUR = 3600
Certainty = Literal["H", "M", "L"]
Bound = Literal["low", "central", "high"]


class Figure(Knobs):
    """One published figure with its range and where it comes from."""

    value: float = Field(gt=0, description="Central value")
    low: float | None = Field(default=None, gt=0, description="Low end of the range")
    high: float | None = Field(default=None, gt=0, description="High end of the range")
    unit: str = Field(min_length=1, description="Unit of the three numbers")
    source: str = Field(min_length=1, description="Where the figure was published, or how it was inferred")
    certainty: Certainty = Field(description="H high, M medium, L low")
    date: str = Field(pattern=r"^\d{4}(-\d{2})?$", description="Year, or year and month, of the figure")

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


class Throughput(Knobs):
    """What one accelerator system does with one workload."""

    precision: str = Field(default="", description="Number format and tricks used")
    note: str = Field(default="", description="What to know before using the figures")
    tokens_per_s_per_user: Figure = Field(description="Output speed that one user sees")
    output_tokens_per_s_per_system: Figure | None = Field(
        default=None,
        description="Output of a whole system, all users together; absent where none is published",
    )


class Accelerator(Knobs):
    """A kind of compute system, in whole systems: a wafer with its host, or a server with its GPUs."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Short name; equal to the file's name")
    title: str = Field(min_length=1, description="Name in reports")
    vendor: str = Field(min_length=1, description="Who makes it")
    kind: Literal["wafer", "gpu"] = Field(description="Wafer-scale or GPU")
    devices_per_system: int = Field(ge=1, description="Wafers or GPUs in a system")
    rated_kw: Figure = Field(description="Nameplate power of a system")
    it_kw: Figure = Field(description="IT power that a hall provides for a system, hosts and network included")
    utility_kw: Figure = Field(description="Power at the meter for a system, cooling included")
    price_musd: Figure = Field(description="Price of a system")
    life_years: Figure = Field(description="Useful life")
    throughput: dict[str, Throughput] = Field(default={}, description="Published throughput by workload")

    @model_validator(mode="after")
    def _units_fit(self) -> Self:
        units = {
            "rated_kw": "kW",
            "it_kw": "kW",
            "utility_kw": "kW",
            "price_musd": "million USD",
            "life_years": "years",
        }
        figures = {name: getattr(self, name) for name in units}
        for workload, published in self.throughput.items():
            for name in ("tokens_per_s_per_user", "output_tokens_per_s_per_system"):
                figures[f"throughput.{workload}.{name}"] = getattr(published, name)
                units[f"throughput.{workload}.{name}"] = "1/s"
        for name, figure in figures.items():
            if figure is not None and figure.unit != units[name]:
                raise KnobError("wrong unit", field=f"{name}.unit", value=figure.unit, expected=units[name])
        return self

    @property
    def systems_per_mw(self) -> float:
        """Systems that one MW of IT power holds [1/MW]: 1000 / it_kw."""
        return 1000.0 / self.it_kw.value

    @property
    def hardware_musd_per_mw(self) -> float:
        """Price of the computers that fill one MW of IT power [million USD/MW]: price_musd * 1000 / it_kw."""
        return self.price_musd.value * self.systems_per_mw


class Workload(Knobs):
    """A model that is served, with the mean lengths that its published throughput was measured at."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Short name; equal to the file's name")
    title: str = Field(min_length=1, description="Name in reports")
    input_tokens: float = Field(gt=0, le=1e7, description="Mean prompt length [tokens]")
    output_tokens: float = Field(gt=0, le=1e7, description="Mean answer length [tokens]")
    source: str = Field(min_length=1, description="Where the lengths come from")
    certainty: Certainty = Field(description="H high, M medium, L low")


D = TypeVar("D", Accelerator, Workload)


def load_accelerator(name: str, base: Path | None = None) -> Accelerator:
    """Read an accelerator by its bundled name, or from a TOML file (relative to ``base``).

    Raises :class:`InputError` naming the file, line and field, or the nearest name.
    """
    return _load(Accelerator, "accelerator", name, base)


def load_workload(name: str, base: Path | None = None) -> Workload:
    """Read a workload by its bundled name, or from a TOML file (relative to ``base``).

    Raises :class:`InputError` naming the file, line and field, or the nearest name.
    """
    return _load(Workload, "workload", name, base)


def bundled_definitions(kind: Literal["accelerator", "workload"]) -> tuple[str, ...]:
    """Names of the bundled accelerators or workloads."""
    return tuple(sorted(path.name.removesuffix(".toml") for path in (models_dir() / f"{kind}s").glob("*.toml")))


def output_tokens_per_s(accelerator: Accelerator, workload: Workload, bound: Bound = "central") -> float:
    """Published output of one system on a workload [tokens/s], all users together.

    Raises :class:`InputError` where none is published, naming the pairs that are.
    """
    published = accelerator.throughput.get(workload.name)
    if published is None or published.output_tokens_per_s_per_system is None:
        known = [name for name, entry in accelerator.throughput.items() if entry.output_tokens_per_s_per_system]
        raise InputError(
            f"no aggregate throughput of {accelerator.name} is published for {workload.name}",
            field="compute.workload",
            value=workload.name,
            expected=f"for {accelerator.name}: {', '.join(known) or 'none is published'}",
            fix="choose another workload, or give an accelerator file of your own with the figure",
        )
    return published.output_tokens_per_s_per_system.at(bound)


def tokens_per_year(
    it_mw: float, accelerator: Accelerator, workload: Workload, utilization: float, bound: Bound = "central"
) -> float:
    """Output tokens that an amount of IT power gives in a standard year [tokens/year].

    ``systems = 1000 * it_mw / it_kw`` (a fraction of a system counts, so that the result is linear in MW),
    and ``tokens = systems * tokens_per_s * 3600 * 8760 * utilization``, with ``tokens_per_s`` the published
    output of a system at full load and ``utilization`` [1] the share of the year's full output that is used.
    ``it_mw`` [MW IT]. Raises :class:`InputError` where no throughput is published for the pair.
    """
    systems = it_mw * accelerator.systems_per_mw
    per_second = systems * output_tokens_per_s(accelerator, workload, bound)
    return per_second * SECONDS_PER_HOUR * HOURS_PER_YEAR * utilization


def definition_path(kind: Literal["accelerator", "workload"], name: str, base: Path | None = None) -> Path:
    """Find the file of a bundled name, or of a path relative to ``base``.

    Raises :class:`InputError` with the nearest name when there is neither.
    """
    known = bundled_definitions(kind)
    if name in known:
        return models_dir() / f"{kind}s" / f"{name}.toml"
    path = (base or Path()) / name
    if path.is_file():
        return path
    suggestion = nearest(name, known)
    raise InputError(
        f"there is no {kind} called {name!r}",
        field=f"compute.{kind}",
        value=name,
        expected=f"one of {', '.join(known)}, or the path of a TOML file",
        fix=f"did you mean {suggestion!r}?" if suggestion else None,
    )


def _load(model: type[D], kind: Literal["accelerator", "workload"], name: str, base: Path | None) -> D:
    path = definition_path(kind, name, base)
    text = read_text(path)
    definition = validate(model, parse_toml(text, path), file=path, rows=key_rows(text))
    if path.parent == models_dir() / f"{kind}s" and definition.name != name:
        raise InputError("the name is not the file's", file=path, field="name", value=definition.name, expected=name)
    return definition
