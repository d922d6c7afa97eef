"""Write the plan as a GeoPackage that opens styled in QGIS, and says inside what its fields mean.

The layers are those of :mod:`grid_opt.report.layers`. Beside them the file carries the styles (``layer_styles``, the
table of QGIS) and the title, unit and meaning of every field, twice: as the schema extension of the format
(``gpkg_data_columns``), which GIS programs read, and as the table ``fields``, which everybody can. The case text and
the provenance of the plan are a table of their own: as metadata of the file, GDAL would copy them into a
``plan.gpkg.aux.xml`` beside it whenever somebody looks.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import xarray as xr
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError

from grid_opt.atomic import replacing
from grid_opt.plan.geometry import Outlines
from grid_opt.report.fields import GEOMETRY, field_of
from grid_opt.report.layers import DESCRIPTIONS, layers_of
from grid_opt.report.qgis_styles import qml, sld, styles_of

FIXED_TIME = "2000-01-01T00:00:00.000Z"
"""Stands where the format asks for a time of writing, so that the same plan gives the same bytes."""

FIXED_COUNT = (1).to_bytes(4, "big")
"""Stands in the file header where SQLite counts the changes made to a file."""
COUNTERS = (24, 92)
"""Where it does so: the change counter, and the count for which the version beside it is valid."""


def write_geopackage(plan: xr.Dataset, path: str | Path, outlines: Outlines | None = None) -> None:
    """Write ``plan`` to a GeoPackage 1.3 at ``path``, whole or not at all.

    ``outlines`` are rings of longitude and latitude by zone; by default the bundled ones.

    Raises: OSError when the disk is full or the folder is missing.
    """
    layers = layers_of(plan, outlines)
    with replacing(path) as part, _fixed_clock():
        try:
            _write_layers(part, layers)
            with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as base:
                base.execute("BEGIN")
                _describe(base, layers)
                _add_styles(base, layers)
                base.execute("COMMIT")
                base.execute("VACUUM")  # drops free pages
            _settle(part)
        except (DataSourceError, DataLayerError, FieldError, FeatureError, sqlite3.Error) as error:
            reason = str(error).splitlines()[0]
            raise OSError(None, f"cannot write the file, is the disk full? ({reason})", str(path)) from error
    Path(f"{path}.aux.xml").unlink(missing_ok=True)  # what GDAL noted of an earlier file


def _write_layers(part: Path, layers: dict[str, gpd.GeoDataFrame | pd.DataFrame]) -> None:
    for number, (name, layer) in enumerate(layers.items()):
        pyogrio.write_dataframe(
            layer,
            part,
            layer=name,
            driver="GPKG",
            append=number > 0,
            dataset_options={"VERSION": "1.3"} if number == 0 else None,
            layer_options={"IDENTIFIER": name, "DESCRIPTION": DESCRIPTIONS[name], "FID": "fid"},
            nan_as_null=True,
        )


@contextlib.contextmanager
def _fixed_clock() -> Iterator[None]:
    """Make GDAL write the same time into every file, and put its clock back afterwards."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_TIME})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _describe(base: sqlite3.Connection, layers: Mapping[str, pd.DataFrame]) -> None:
    """Write what every field means into the schema extension of the format."""
    base.execute(_DATA_COLUMNS)
    base.execute(_CONSTRAINTS)
    where = "http://www.geopackage.org/spec130/#extension_schema"
    for table in ("gpkg_data_columns", "gpkg_data_column_constraints"):
        base.execute(
            "INSERT INTO gpkg_extensions VALUES (?, NULL, 'gpkg_schema', ?, 'read-write')",
            (table, where),
        )
    rows = [
        (name, str(column), str(column), field_of(str(column)).title, field_of(str(column)).meaning)
        for name, layer in layers.items()
        for column in layer.columns
        if column != GEOMETRY
    ]
    base.executemany("INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, NULL)", rows)


_DATA_COLUMNS = (
    "CREATE TABLE gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, "
    "description TEXT, mime_type TEXT, constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name), "
    "CONSTRAINT gdc_tn UNIQUE (table_name, name))"
)
_CONSTRAINTS = (
    "CREATE TABLE gpkg_data_column_constraints (constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, "
    "value TEXT, min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT, "
    "CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value))"
)
_STYLES = (
    "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), "
    "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), "
    "styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
    "update_time DATETIME)"
)


def _add_styles(base: sqlite3.Connection, layers: Mapping[str, pd.DataFrame]) -> None:
    """Write the styles into the table in which QGIS looks for them, each the default of its layer."""
    base.execute(_STYLES)
    base.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', 'How QGIS shows the layers', ?)",
        (FIXED_TIME,),
    )
    base.executemany(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
        "styleQML, styleSLD, useAsDefault, description, owner, update_time) "
        "VALUES ('', '', ?, 'geom', 'grid-opt', ?, ?, 1, ?, '', ?)",
        [
            (name, qml(made), sld(name, made), field_of(made.field).title, FIXED_TIME)
            for name, made in styles_of(layers).items()
        ],
    )


def _settle(part: Path) -> None:
    """Take out of the header how often the file was changed."""
    with part.open("r+b") as header:
        for place in COUNTERS:
            header.seek(place)
            header.write(FIXED_COUNT)
