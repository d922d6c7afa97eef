"""The sections of a case that say whose dollars are spent on what, and how many at most.

The other sections are in :mod:`grid_opt.config.sections` and :mod:`grid_opt.config.sections_compute`.
"""

from __future__ import annotations

from typing import Literal

from grid_opt.config.field_types import MoneyByYear
from grid_opt.config.knobs import Knobs, knob


class Finance(Knobs):
    """The money: whose dollars, discounted how."""

    price_base_year: int = knob(
        2024,
        "Year whose dollars every amount is in, the tables' amounts included; it labels the money and "
        "converts nothing.",
        unit="year",
        ge=2000,
        le=2040,
    )
    real_discount_rate: float = knob(0.07, "Discount rate above inflation, per year.", unit="1/year", ge=0, le=0.5)
    capex_mode: Literal["annuity", "cash_flow"] = knob(
        "annuity",
        "'annuity' spreads an investment over its life as equal yearly payments; 'cash_flow' pays it when "
        "energized, renews it at the end of its life and credits what is left at the end of the horizon.",
    )


class Costs(Knobs):
    """What a campus costs besides its energy. The computers' price is in the accelerator's file."""

    site_fixed_musd: float = knob(
        60.0,
        "Land, substation and civil works of a campus, whatever its size. ASSUMPTION.",
        unit="million USD",
        ge=0,
        le=1e5,
    )
    shell_usd_per_kw: float = knob(
        11000.0,
        "Building, power and cooling plant per kW of IT power, before the regional multiplier. ASSUMPTION.",
        unit="USD/kW",
        ge=0,
        le=1e6,
    )
    shell_life_years: float = knob(20.0, "Life of the site and the building.", unit="years", ge=1, le=100)
    hardware_life_years: float = knob(
        5.0,
        "Life of the computers; they are renewed at the same real price. ASSUMPTION.",
        unit="years",
        ge=1,
        le=100,
    )
    fixed_om_usd_per_kw_year: float = knob(
        350.0,
        "Staff, maintenance, insurance and property tax per kW of IT power and year: about 3 % of the shell. "
        "ASSUMPTION.",
        unit="USD/(kW year)",
        ge=0,
        le=1e5,
    )


class Budget(Knobs):
    """Limits on the money spent; left out means no limit."""

    annual_musd: MoneyByYear = knob(
        {}, "Most capital outlay in each named calendar year, undiscounted.", unit="million USD"
    )
    total_musd: float | None = knob(
        None, "Most capital outlay over the plan, undiscounted.", unit="million USD", ge=0, le=1e7
    )
    present_value_musd: float | None = knob(
        None, "Most present value of all costs, capital and running ones.", unit="million USD", gt=0, le=1e7
    )
