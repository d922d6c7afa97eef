"""Write the hosting capacity of a network as a table, and as a layer of points for a GIS."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError

from grid_opt.atomic import replacing, write_text
from grid_opt.errors import InputError
from grid_opt.report.csv_text import to_csv

ENDINGS = (".csv", ".gpkg")
LAYER = "hosting"
_DESCRIPTION = (
    "Largest new load at one bus alone [MW]: hosting_mw can be carried, at_most_mw cannot be exceeded, exact where "
    "they are one"
)


def check_target(path: Path) -> None:
    """Raise InputError unless the name says what to write."""
    if path.suffix not in ENDINGS:
        raise InputError("unknown kind of file", field="--out", value=path, expected="a name ending in .csv or .gpkg")


def write_hosting(table: pd.DataFrame, path: Path) -> None:
    """Write the table of a study as CSV, or as points in longitude and latitude in a GeoPackage; whole or not at all.

    Errors: InputError for another ending, or for a map of a network without coordinates; OSError when the disk is full
    or the folder is missing.
    """
    check_target(path)
    if path.suffix == ".csv":
        write_text(path, to_csv(table))
        return
    if table[["longitude_deg", "latitude_deg"]].isna().any().any():
        raise InputError(
            "the network has no coordinates, so there is no map", field="--out", value=path,
            expected="a name ending in .csv", fix="use zone tables or a PyPSA network, whose buses have coordinates",
        )  # fmt: skip
    points = gpd.points_from_xy(table["longitude_deg"], table["latitude_deg"], crs="EPSG:4326")
    layer = gpd.GeoDataFrame(table.drop(columns=["longitude_deg", "latitude_deg"]), geometry=points)
    with replacing(path) as part:
        try:
            pyogrio.write_dataframe(
                layer, part, layer=LAYER, driver="GPKG", nan_as_null=True,
                layer_options={"IDENTIFIER": LAYER, "DESCRIPTION": _DESCRIPTION, "FID": "fid"},
            )  # fmt: skip
        except (DataSourceError, DataLayerError, FieldError, FeatureError) as error:
            reason = str(error).splitlines()[0]
            raise OSError(None, f"cannot write the file, is the disk full? ({reason})", str(path)) from error
