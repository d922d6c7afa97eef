"""Ways to spoil a case folder: ``case.toml``, and the tables that it brings in ``tables``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from grid_opt.config import load_case
from grid_opt.resources import data_dir

REGIONS = load_case("quick").regions.include
Spoil = Callable[[Path], object]


def cell(name: str, field: str, value: str, row: int = 3) -> Spoil:
    """Change one cell of a copy of a bundled table; ``row`` counts the header as 1."""

    def spoil(folder: Path) -> None:
        frame = pd.read_csv(data_dir() / f"{name}.csv", dtype=str, keep_default_na=False)
        frame.loc[row - 2, field] = value
        frame.to_csv(folder / "tables" / f"{name}.csv", index=False)

    return spoil


def table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Spoil:
    """Change a copy of a bundled table."""

    def spoil(folder: Path) -> None:
        frame = pd.read_csv(data_dir() / f"{name}.csv", dtype=str, keep_default_na=False)
        change(frame).to_csv(folder / "tables" / f"{name}.csv", index=False)

    return spoil


def raw(name: str, change: Callable[[bytes], bytes]) -> Spoil:
    """Change the bytes of a copy of a bundled file."""

    def spoil(folder: Path) -> None:
        path = folder / "tables" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(change((data_dir() / name).read_bytes()))

    return spoil


def case_text(old: str, new: str) -> Spoil:
    """Change the case file."""

    def spoil(folder: Path) -> None:
        text = (folder / "case.toml").read_text(encoding="utf-8")
        assert text.count(old) == 1
        (folder / "case.toml").write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def outline(zone: str, ring: list[list[float]]) -> Spoil:
    """Give one zone another outline."""

    def change(old: bytes) -> bytes:
        content = json.loads(old)
        feature = next(f for f in content["features"] if f["properties"]["zone"] == zone)
        feature["geometry"] = {"type": "Polygon", "coordinates": [ring]}
        return json.dumps(content).encode()

    return raw("zones.geojson", change)


def hours(change: Callable[[pd.DataFrame], pd.DataFrame], *, long: bool = False) -> Spoil:
    """Let the case name an hours file: a column per region, or a row per hour and region as price clients write it."""

    def spoil(folder: Path) -> None:
        time = pd.date_range("2023-01-01", periods=8760, freq="h", tz="UTC")
        price = np.round(30 + 10 * np.sin(np.arange(8760) / 4), 2)
        frame = pd.DataFrame({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ"), **dict.fromkeys(REGIONS, price)})
        if long:
            frame = frame.melt("time", var_name="Location", value_name="LMP").rename(columns={"time": "Interval Start"})
        change(frame.astype(object)).to_csv(folder / "hours.csv", index=False)
        case_text("[energy]", '[energy]\nhours_file = "hours.csv"')(folder)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    def spoil(folder: Path) -> None:
        for each in spoils:
            each(folder)

    return spoil


def write(name: str, content: bytes) -> Spoil:
    """Write a file into the case folder."""

    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return spoil


def put(field: str, row: int, value: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[row - 2, field] = value
        return frame

    return change


def swapped(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[1, ["latitude_deg", "longitude_deg"]] = frame.loc[1, ["longitude_deg", "latitude_deg"]].to_numpy()
    return frame
