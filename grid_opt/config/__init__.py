"""The schema of a case: every knob with its unit, default, bounds and meaning; reading and writing it."""

from __future__ import annotations

from grid_opt.config.case import Case
from grid_opt.config.loading import bundled_cases, case_from_toml, load_case, with_overrides
from grid_opt.config.quarters import add_quarters, parse_quarter, quarter_ordinal, quarter_range
from grid_opt.config.reading import nearest
from grid_opt.config.toml_text import case_to_toml

__all__ = [
    "Case",
    "add_quarters",
    "bundled_cases",
    "case_from_toml",
    "case_to_toml",
    "load_case",
    "nearest",
    "parse_quarter",
    "quarter_ordinal",
    "quarter_range",
    "with_overrides",
]
