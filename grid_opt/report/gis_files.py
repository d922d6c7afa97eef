"""Write the layers of a plan as GeoParquet 1.1 and as GeoJSON (RFC 7946), one file for each layer.

GeoParquet keeps the coordinates of the plan (EPSG:5070) and holds the plain tables, too, as plain Parquet. GeoJSON
knows only longitude and latitude (WGS 84): layers are turned into them, outer rings run counterclockwise, there is no
``crs`` member, and what the fields mean stands beside in ``fields.csv``; plain tables are what ``--format csv`` writes.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import geopandas as gpd
import pyogrio
import xarray as xr
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError

from grid_opt.atomic import replacing, write_text
from grid_opt.errors import InputError
from grid_opt.plan.geometry import Outlines
from grid_opt.report.csv_text import to_csv
from grid_opt.report.layers import DESCRIPTIONS, layers_of

GEOPARQUET_VERSION = "1.1.0"
DIGITS = 6
"""Decimal places of a degree: a tenth of a meter."""


def write_geoparquet(plan: xr.Dataset, folder: str | Path, outlines: Outlines | None = None) -> list[Path]:
    """Write every layer of ``plan`` to ``folder`` as ``NAME.parquet``, each whole or not at all; return the paths.

    Raises: InputError when the extra ``parquet`` is not installed; OSError when a file cannot be written.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError(
            "GeoParquet needs the package pyarrow, which is not installed", field="--format", value="geoparquet",
            expected="pyarrow beside grid-opt", fix="pip install 'grid-opt[parquet]'",
        )  # fmt: skip
    folder = _made(folder)
    written = []
    for name, layer in layers_of(plan, outlines).items():
        path = folder / f"{name}.parquet"
        with replacing(path) as part:
            if isinstance(layer, gpd.GeoDataFrame):
                layer.to_parquet(part, index=False, schema_version=GEOPARQUET_VERSION)
            else:
                layer.to_parquet(part, index=False)
        written.append(path)
    return written


def write_geojson(plan: xr.Dataset, folder: str | Path, outlines: Outlines | None = None) -> list[Path]:
    """Write every layer with places to ``folder`` as ``NAME.geojson``, each whole or not at all; return the paths.

    Raises: OSError when a file cannot be written.
    """
    folder = _made(folder)
    layers = layers_of(plan, outlines)
    places = {name: layer for name, layer in layers.items() if isinstance(layer, gpd.GeoDataFrame)}
    written = []
    for name, layer in places.items():
        path = folder / f"{name}.geojson"
        with replacing(path) as part:
            try:
                pyogrio.write_dataframe(
                    layer, part, layer=name, driver="GeoJSON", nan_as_null=True,
                    layer_options={
                        "RFC7946": "YES", "COORDINATE_PRECISION": str(DIGITS), "DESCRIPTION": DESCRIPTIONS[name],
                    },
                )  # fmt: skip
            except (DataSourceError, DataLayerError, FieldError, FeatureError) as error:
                reason = str(error).splitlines()[0]
                raise OSError(None, f"cannot write the file, is the disk full? ({reason})", str(path)) from error
        written.append(path)
    told = layers["fields"]
    write_text(folder / "fields.csv", to_csv(told[told["layer"].isin(places)]))
    return [*written, folder / "fields.csv"]


def _made(folder: str | Path) -> Path:
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return path
