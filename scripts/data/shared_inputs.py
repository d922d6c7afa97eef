"""Read the source files that the bundled tables are derived from, and write tables one way."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
DATA = PROJECT / "data"
DEFAULT_SHARED = PROJECT.parent / "shared"

STRESSES = ("summer", "winter")
MONTHS = {"summer": (6, 7, 8, 9), "winter": (12, 1, 2)}
"""Months of the stress hours."""

Row = dict[str, str]


class SharedInputs:
    """The folder of source files; every reader names the file that is absent."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        if not self.data.is_dir():
            sys.exit(
                f"The source files are not there: no folder {self.data}.\n"
                "Give the folder that holds data/derived, data/tariffs and so on with --shared PATH."
            )

    def path(self, name: str) -> Path:
        """Return the path of a source file such as ``derived/link_facts_z90.csv``."""
        path = self.data / name
        if not path.is_file():
            sys.exit(f"The source file {name} is missing under {self.data}; give another folder with --shared.")
        return path

    def table(self, name: str, index: str | None = None) -> pd.DataFrame:
        """Read a CSV whose ids may be the text "NA"; empty cells become NaN in numeric columns only."""
        frame = pd.read_csv(self.path(name), keep_default_na=False, na_values=[""], dtype={"FIPS": str})
        return frame if index is None else frame.set_index(index)

    def facts(self) -> pd.DataFrame:
        """Return the facts of the 90 zones, indexed by zone in sorted order."""
        return self.table("derived/region_facts_z90_all.csv", index="region").sort_index()

    def candidates(self) -> pd.DataFrame:
        """Return the facts of the 40 candidate regions."""
        facts = self.facts()
        return facts[facts["candidate40"] == 1]


def market_name(raw: str) -> str:
    """Turn "none (SERTP)" into "SERTP": the planning region stands for a market where there is no ISO."""
    return raw.removeprefix("none (").removesuffix(")")


def number(value: float, decimals: int) -> str:
    """Write a number with at most so many decimals and no trailing zeros."""
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Return the text of a CSV file with Unix line ends."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
