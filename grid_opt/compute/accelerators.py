"""Describe an accelerator: a whole system, its power and price, and the engine that the roofline needs."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from grid_opt.compute.figures import DATE, Certainty, Figure, check_units
from grid_opt.config.knobs import KnobError, Knobs

Precision = Literal["fp16", "fp8", "fp4"]
Family = Literal["hopper", "blackwell", "wafer", "other"]


class Throughput(Knobs):
    """What one accelerator system was measured to do with one workload."""

    precision: str = Field(default="", description="Number format and tricks used")
    note: str = Field(default="", description="What to know before using the figures")
    tokens_per_s_per_user: Figure = Field(description="Output speed that one user sees")
    output_tokens_per_s_per_system: Figure | None = Field(
        default=None,
        description="Output of a whole system, all users together; absent where none is published",
    )


class Delivery(Knobs):
    """When systems can first be had in number."""

    start: str = Field(pattern=r"^20\d{2}Q[1-4]$", description="First quarter of volume deliveries")
    source: str = Field(min_length=1, description="Where it was published")
    certainty: Certainty = Field(description="H high, M medium, L low")
    date: str = Field(pattern=DATE, description="Year, or year and month, of the statement")


class Engine(Knobs):
    """One device as the roofline sees it: memory, arithmetic and links. A device is a GPU or a wafer."""

    supported: bool = Field(default=True, description="Whether the model's constants hold for this device")
    reason: str = Field(default="", description="Why it is not supported")
    family: Family = Field(description="Which of the fitted constants apply")
    memory_gb: Figure = Field(description="Memory of a device")
    bandwidth_tb_s: Figure = Field(description="Memory bandwidth of a device")
    pflops: dict[Precision, Figure] = Field(min_length=1, description="Dense arithmetic by number format")
    link_gb_s: Figure = Field(description="Scale-up link of a device, one direction")
    scale_up_devices: int = Field(ge=1, description="Devices that the scale-up links join")
    scale_out_gb_s: Figure | None = Field(default=None, description="Network of a device beyond those, one direction")
    step_factor: Figure | None = Field(
        default=None, description="Time of a step relative to what the constants of its family give; absent: 1"
    )
    prefill_pool: str = Field(default="", description="Accelerator that prefills for this one, if not its own kind")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.supported and not self.reason:
            raise KnobError("an unsupported device needs a reason", field="reason", expected="some text")
        fixed = {
            "memory_gb": (self.memory_gb, "GB"),
            "bandwidth_tb_s": (self.bandwidth_tb_s, "TB/s"),
            "link_gb_s": (self.link_gb_s, "GB/s"),
            "scale_out_gb_s": (self.scale_out_gb_s, "GB/s"),
            "step_factor": (self.step_factor, "1"),
        }
        check_units(fixed | {f"pflops.{name}": (figure, "PFLOP/s") for name, figure in self.pflops.items()})
        return self


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
    idle_kw: Figure | None = Field(default=None, description="IT power of an idle system")
    load_kw: Figure | None = Field(default=None, description="IT power of a system whose devices are all busy")
    price_musd: Figure = Field(description="Price of a system")
    usd_per_hour: Figure | None = Field(default=None, description="All-in cost of a system to its owner, per hour")
    life_years: Figure = Field(description="Useful life")
    delivery: Delivery | None = Field(default=None, description="When systems can first be had")
    engine: Engine | None = Field(default=None, description="What the roofline needs to know of a device")
    throughput: dict[str, Throughput] = Field(default={}, description="Published throughput by workload")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        units = {
            "rated_kw": "kW",
            "it_kw": "kW",
            "utility_kw": "kW",
            "idle_kw": "kW",
            "load_kw": "kW",
            "price_musd": "million USD",
            "usd_per_hour": "USD/h",
            "life_years": "years",
        }
        figures: dict[str, tuple[Figure | None, str]] = {
            name: (getattr(self, name), unit) for name, unit in units.items()
        }
        for workload, published in self.throughput.items():
            for name in ("tokens_per_s_per_user", "output_tokens_per_s_per_system"):
                figures[f"throughput.{workload}.{name}"] = (getattr(published, name), "1/s")
        check_units(figures)
        if self.idle_kw and self.load_kw and self.idle_kw.value > self.load_kw.value:
            raise KnobError(
                "an idle system draws more than a busy one",
                field="idle_kw.value",
                value=self.idle_kw.value,
                expected=f"at most load_kw.value = {self.load_kw.value:g}",
            )
        return self

    @property
    def systems_per_mw(self) -> float:
        """Systems that one MW of IT power holds [1/MW]: 1000 / it_kw."""
        return 1000.0 / self.it_kw.value

    @property
    def hardware_musd_per_mw(self) -> float:
        """Price of the computers that fill one MW of IT power [million USD/MW]: price_musd * 1000 / it_kw."""
        return self.price_musd.value * self.systems_per_mw
