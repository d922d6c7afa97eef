"""Write tables as CSV that spreadsheet programs, terminals and scripts read as what it is: numbers and texts."""

from __future__ import annotations

import math
import unicodedata
from numbers import Number

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
                  "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip
"""A text cell that begins so, after blanks, is run as a formula by spreadsheet programs."""


def to_csv(table: pd.DataFrame, float_format: str | None = None) -> str:
    """Return ``table`` as CSV text whose text cells and headings no spreadsheet program takes for formulas.

    Numbers stay numbers, in columns of texts as well; what is missing is an empty cell.
    """
    safe = table.set_axis([safe_text(name) for name in table.columns], axis=1)
    for place, (name, kind) in enumerate(zip(safe.columns, table.dtypes, strict=True)):
        if not pd.api.types.is_numeric_dtype(kind):
            cells = pd.Series([_safe(value) for value in table.iloc[:, place]], index=safe.index, dtype=object)
            safe[name] = cells
    return str(safe.to_csv(index=False, lineterminator="\n", float_format=float_format))


def safe_text(value: object) -> str:
    """Return a text cell on one line, with an apostrophe before what would be a formula (the way that OWASP advises).

    Control and direction marks, tabs and line ends among them, become blanks.
    """
    text = "".join(" " if unicodedata.category(char) in _MARKS else char for char in str(value))
    return f"'{text}" if text.lstrip().startswith(FORMULA_STARTS) else text


_MARKS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _safe(value: object) -> object:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, Number) and not isinstance(value, bool) else safe_text(value)
