"""Say how QGIS shows the layers of a plan: classes of colors and sizes, written as QML and as SLD.

A GeoPackage carries both in the table ``layer_styles``, which QGIS reads when a layer is opened: the plan opens styled,
with a legend in numbers and units. QML is the form of QGIS; SLD 1.0 is for other programs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd

from grid_opt.report import style
from grid_opt.report.fields import field_of
from grid_opt.report.web_layers import BLUES, GREENS, OCHRES, PLUMS, steps_of

NOWHERE = 1e300
"""Stands for no bound above."""
DIAMETER_MM = 11.0
_UPTO = (("no flow", 1e-6), ("below 50 %", 0.5), ("50 to 90 %", 0.9), ("90 to 99.9 %", 0.999), ("full", NOWHERE))
"""Classes of how far a link is used, by their upper bounds."""
_MARK = {"Polygon": "fill", "LineString": "line", "Point": "marker"}
_QML_LAYER = {"fill": "SimpleFill", "line": "SimpleLine", "marker": "SimpleMarker"}
_GEOMETRY_TYPE = {"marker": "0", "line": "1", "fill": "2"}


@dataclass(frozen=True)
class Class:
    """One entry of a legend: the values from ``low`` to ``high``, or those that are the text ``value``."""

    label: str
    color: str
    low: float = 0.0
    high: float = 0.0
    value: str | None = None
    size_mm: float = 0.2


@dataclass(frozen=True)
class Style:
    """How a layer is drawn: ``mark`` is fill, line or marker; ``label`` an expression that names features."""

    mark: str
    field: str
    classes: tuple[Class, ...]
    label: str = ""
    dates: tuple[str, str] | None = None

    @property
    def by_words(self) -> bool:
        """Whether the classes are texts and not ranges."""
        return self.classes[0].value is not None


def styles_of(layers: Mapping[str, pd.DataFrame]) -> dict[str, Style]:
    """Return the style of every layer with places, by name; a layer without features or numbers has none."""
    found = {}
    for name, layer in layers.items():
        if isinstance(layer, gpd.GeoDataFrame) and len(layer):
            made = _style(name, layer, _MARK[str(layer.geom_type.dropna().iloc[0]).removeprefix("Multi")])
            if made is not None:
                found[name] = made
    return found


def _style(name: str, layer: gpd.GeoDataFrame, mark: str) -> Style | None:
    named = '"name" || \'\\n\' || "opens"'
    if name == "regions":
        return Style(mark, "status", _STATUS)
    if name in ("links", "lines"):
        return Style(mark, "utilization" if name == "links" else "loading", _used())
    if name == "sites":
        return _sized(layer, named, None)
    if name == "sites_by_quarter":
        return _sized(layer, "", ("from_time", "until_time"))
    starts, colors = {
        "headroom": ("headroom_left_mw_", GREENS), "prices": ("wholesale_usd_per_mwh_", OCHRES),
        "candidates": ("headroom_left_mw", GREENS),
    }.get(name, ("", PLUMS))  # fmt: skip
    fields = [str(column) for column in layer.columns if starts and str(column).startswith(starts)]
    return _shaded(layer, fields[-1], mark, colors) if fields else None


_STATUS = (
    Class("built", BLUES[3], value="built"),
    Class("candidate", GREENS[1], value="candidate"),
    Class("candidate without headroom for a campus", "#e6e2da", value="too small"),
    Class("no candidate", style.LAND, value="no candidate"),
)


def _used() -> tuple[Class, ...]:
    colors, widths = (style.FAINT, "#9aa5b1", style.MUTED, "#dd9a35", style.ALERT), (0.15, 0.4, 0.8, 1.1, 1.5)
    lows = (0.0, *(high for _, high in _UPTO))
    rows = zip(_UPTO, lows, colors, widths, strict=False)
    return tuple(Class(label, color, low, high, size_mm=width) for (label, high), low, color, width in rows)


def _shaded(layer: gpd.GeoDataFrame, field: str, mark: str, colors: tuple[str, ...]) -> Style | None:
    """Color by the steps of a field."""
    values = layer[field].to_numpy(dtype=float)
    if not np.isfinite(values).any():
        return None
    steps, unit = steps_of(values), field_of(field).unit
    last = max(steps[-1], float(np.nanmax(values)))
    bounds = [*pairwise(steps[:-1]), (steps[-2], last)]
    shades = [colors[round(k * (len(colors) - 1) / max(len(bounds) - 1, 1))] for k in range(len(bounds))]
    classes = [
        Class(f"{low:,g} to {high:,.6g} {unit}", shade, low, high, size_mm=3.0 if mark == "marker" else 0.2)
        for (low, high), shade in zip(bounds, shades, strict=True)
    ]
    return Style(mark, field, tuple(classes))


def _sized(layer: gpd.GeoDataFrame, label: str, dates: tuple[str, str] | None) -> Style | None:
    """Show IT power as circles, in steps of whose middle the area tells."""
    top = float(layer["it_mw"].max())
    steps = [step for step in steps_of(np.array([0.0, top])) if step >= 0]
    classes = [
        Class(
            f"{low:,g} to {high:,g} MW", BLUES[4] if dates is None else BLUES[2], low, high,
            size_mm=round(DIAMETER_MM * math.sqrt((low + high) / 2 / top), 2),
        )
        for low, high in pairwise(steps)
    ]  # fmt: skip
    return Style("marker", "it_mw", tuple(classes), label, dates)


# --- QML


def qml(made: Style) -> str:
    """Return the style in the form of QGIS 3.22 and later."""
    root = ET.Element(
        "qgis",
        version="3.22.0",
        styleCategories="Symbology|Labeling|Temporal",
        labelsEnabled=str(int(bool(made.label))),
    )
    if made.dates is not None:
        times = {"mode": "2", "enabled": "1", "startField": made.dates[0], "endField": made.dates[1], "limitMode": "1"}
        ET.SubElement(root, "temporal", times)
    drawn = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol" if made.by_words else "graduatedSymbol", attr=made.field,
        symbollevels="0", forceraster="0", enableorderby=str(int(made.mark == "marker")),
    )  # fmt: skip
    rows = ET.SubElement(drawn, "categories" if made.by_words else "ranges")
    symbols = ET.SubElement(drawn, "symbols")
    for k, one in enumerate(made.classes):
        shown = {"symbol": str(k), "label": one.label, "render": "true"}
        if one.value is not None:
            ET.SubElement(rows, "category", shown | {"value": one.value, "type": "string"})
        else:
            ET.SubElement(rows, "range", shown | {"lower": repr(one.low), "upper": repr(one.high)})
        _symbol(symbols, str(k), made, one)
    if made.mark == "marker":
        order = ET.SubElement(ET.SubElement(drawn, "orderby"), "orderByClause", asc="0", nullsFirst="0")
        order.text = f'"{made.field}"'
    if made.label:
        _labels(root, made.label)
    for name, value in (("blendMode", "0"), ("layerOpacity", "1"), ("layerGeometryType", _GEOMETRY_TYPE[made.mark])):
        ET.SubElement(root, name).text = value
    return _document(root, "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n")


def _symbol(symbols: ET.Element, name: str, made: Style, one: Class) -> None:
    settings = {
        "fill": {"color": _rgba(one.color), "outline_color": _rgba(style.PAPER), "outline_width": "0.2"},
        "line": {"line_color": _rgba(one.color), "line_width": f"{one.size_mm:g}", "capstyle": "round"},
        "marker": {
            "color": _rgba(one.color, 200), "outline_color": _rgba(style.PAPER), "outline_width": "0.3",
            "name": "circle", "size": f"{one.size_mm:g}", "size_unit": "MM",
        },
    }[made.mark]  # fmt: skip
    symbol = ET.SubElement(symbols, "symbol", name=name, type=made.mark, alpha="1", clip_to_extent="1", force_rhr="0")
    layer = ET.SubElement(symbol, "layer", {"class": _QML_LAYER[made.mark], "enabled": "1", "locked": "0", "pass": "0"})
    options = ET.SubElement(layer, "Option", type="Map")
    for key, value in settings.items():
        ET.SubElement(options, "Option", name=key, value=value, type="QString")


def _labels(root: ET.Element, expression: str) -> None:
    """Name features by an expression; names are plain text, never HTML."""
    settings = ET.SubElement(ET.SubElement(root, "labeling", type="simple"), "settings")
    text = ET.SubElement(
        settings, "text-style", fieldName=expression, isExpression="1", fontSize="8", fontSizeUnit="Point",
        fontFamily="DejaVu Sans", textColor=_rgba(style.INK), textOpacity="1", allowHtml="0", multilineHeight="1",
    )  # fmt: skip
    ET.SubElement(
        text, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferSizeUnits="MM", bufferColor=_rgba(style.PAPER),
        bufferOpacity="1",
    )  # fmt: skip
    ET.SubElement(settings, "text-format", multilineAlign="0", autoWrapLength="28", useMaxLineLengthForAutoWrap="1")
    ET.SubElement(
        settings, "placement", placement="6", dist="1", distUnits="MM", offsetType="1",
        predefinedPositionOrder="TR,TL,BR,BL,R,L,TSR,BSR", priority="8",
    )  # fmt: skip
    ET.SubElement(settings, "rendering", drawLabels="1", obstacle="1", obstacleFactor="1", scaleVisibility="0")


def _rgba(color: str, alpha: int = 255) -> str:
    red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    return f"{red},{green},{blue},{alpha}"


# --- SLD


def sld(name: str, made: Style) -> str:
    """Return the style of the layer ``name`` as SLD 1.0: every class a rule with its filter."""
    spaces = {"xmlns": "http://www.opengis.net/sld", "xmlns:ogc": "http://www.opengis.net/ogc", "version": "1.0.0"}
    root = ET.Element("StyledLayerDescriptor", spaces)
    layer = ET.SubElement(root, "NamedLayer")
    ET.SubElement(layer, "Name").text = name
    kind = ET.SubElement(ET.SubElement(layer, "UserStyle"), "FeatureTypeStyle")
    for k, one in enumerate(made.classes):
        rule = ET.SubElement(kind, "Rule")
        ET.SubElement(rule, "Name").text = one.label
        _filter(ET.SubElement(rule, "ogc:Filter"), made.field, one, closed=k == len(made.classes) - 1)
        _sld_symbol(rule, made.mark, one)
    return _document(root, '<?xml version="1.0" encoding="UTF-8"?>\n')


def _filter(parent: ET.Element, field: str, one: Class, closed: bool) -> None:
    if one.value is not None:
        _compare(parent, "EqualTo", field, one.value)
        return
    both = ET.SubElement(parent, "ogc:And")
    _compare(both, "GreaterThanOrEqualTo", field, repr(one.low))
    _compare(both, "LessThanOrEqualTo" if closed else "LessThan", field, repr(one.high))


def _compare(parent: ET.Element, how: str, field: str, value: str) -> None:
    made = ET.SubElement(parent, f"ogc:PropertyIs{how}")
    ET.SubElement(made, "ogc:PropertyName").text = field
    ET.SubElement(made, "ogc:Literal").text = value


def _sld_symbol(rule: ET.Element, mark: str, one: Class) -> None:
    pixels = one.size_mm / 25.4 * 96
    if mark == "line":
        _strokes(ET.SubElement(rule, "LineSymbolizer"), one.color, pixels)
        return
    if mark == "fill":
        place = ET.SubElement(rule, "PolygonSymbolizer")
    else:
        graphic = ET.SubElement(ET.SubElement(rule, "PointSymbolizer"), "Graphic")
        place = ET.SubElement(graphic, "Mark")
        ET.SubElement(place, "WellKnownName").text = "circle"
        ET.SubElement(graphic, "Size").text = f"{pixels:.4g}"
    ET.SubElement(ET.SubElement(place, "Fill"), "CssParameter", name="fill").text = one.color
    _strokes(place, style.PAPER, 0.8)


def _strokes(parent: ET.Element, color: str, pixels: float) -> None:
    stroke = ET.SubElement(parent, "Stroke")
    ET.SubElement(stroke, "CssParameter", name="stroke").text = color
    ET.SubElement(stroke, "CssParameter", name="stroke-width").text = f"{pixels:.3g}"


def _document(root: ET.Element, head: str) -> str:
    ET.indent(root, " ")
    return head + ET.tostring(root, encoding="unicode") + "\n"
