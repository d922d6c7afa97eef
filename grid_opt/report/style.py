"""Give every picture one look, and the same bytes for the same plan."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import style as mpl_style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from grid_opt.atomic import replacing

INK = "#1f2933"
MUTED = "#616e7c"
FAINT = "#cbd2d9"
LAND = "#f8f8f8"
HATCH = "#d6d4d0"
HATCH_PATTERN = "////"
PAPER = "#ffffff"
ALERT = "#e3120b"
LINE = "#2b3640"

PRICE_COLORS = ("#efece6", "#dad6ce", "#c0bbb2", "#a29d94")
"""Warm grays, so that no shade of a price is taken for the color of a site."""

REGION_COLORS = (
    "#332288",
    "#e69f00",
    "#117733",
    "#cc6677",
    "#44aa99",
    "#882255",
    "#ddcc77",
    "#56b4e9",
    "#aa4499",
    "#999933",
)
"""Paul Tol's muted scheme with two Okabe-Ito colors: told apart with every common color blindness."""

RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "svg.hashsalt": "grid-opt",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "path.simplify": True,
    "hatch.linewidth": 0.8,
}


@contextlib.contextmanager
def look() -> Iterator[None]:
    """Draw in this look whatever the settings of the user, which come back afterwards."""
    with mpl_style.context(["default", RC]):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that belongs to no window system and no global state."""
    figure = Figure(figsize=(width_in, height_in), facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str | Path, dpi: int = 200) -> None:
    """Write ``figure`` atomically, as SVG or PNG by the suffix of ``path``, without dates or versions inside.

    Raises: ValueError for another suffix; OSError when the disk is full or the folder is missing.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg"):
        raise ValueError(f"a map is written as .png or .svg, not as {suffix or 'a name without suffix'}")
    metadata: dict[str, str | None] = {"Software": "grid-opt"} if suffix == ".png" else {"Date": None}
    with replacing(path) as part, look():
        figure.savefig(part, format=suffix[1:], dpi=dpi, metadata=metadata, facecolor=PAPER)
