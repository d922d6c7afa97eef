"""Place labels beside their circles so that nothing covers anything else.

All lengths are in display units (pixels). Labels are placed greedily, the largest circle first, each at the
candidate position with the least cost among those that touch no circle, no earlier label and no edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

GAPS = (0.12, 0.35, 0.6, 0.8, 1.1, 1.4, 2.2, 3.2, 4.5, 6.0, 8.0, 10.5)
"""Distances from circle to label to try, in label heights."""
DIRECTIONS = 48
CLEAR_PX = 3.0
"""Distance that a label keeps from a line [pixels]."""
WORTH_MOVING = 2.0
"""Distance, in label heights, that a label goes farther from its circle to leave a line free."""


@dataclass(frozen=True)
class Circle:
    """Mark a site on the page: center and radius."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Box:
    """Mark a rectangle on the page by its lower left and upper right corner."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def center(self) -> tuple[float, float]:
        """Return the middle of the rectangle."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def overlap(self, other: Box) -> float:
        """Return the area that two rectangles share."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0.0) * max(height, 0.0)

    def gap(self, circle: Circle) -> float:
        """Return the distance from the rectangle to the rim of ``circle``, negative where they overlap."""
        dx = max(self.x0 - circle.x, 0.0, circle.x - self.x1)
        dy = max(self.y0 - circle.y, 0.0, circle.y - self.y1)
        return math.hypot(dx, dy) - circle.radius

    def outside(self, page: Box) -> float:
        """Return by how much the rectangle leaves ``page``."""
        return (
            max(page.x0 - self.x0, 0.0)
            + max(self.x1 - page.x1, 0.0)
            + max(page.y0 - self.y0, 0.0)
            + max(self.y1 - page.y1, 0.0)
        )


def place(
    circles: Sequence[Circle],
    sizes: Sequence[tuple[float, float]],
    page: Box,
    avoid: Sequence[Box] = (),
    dots: Sequence[Circle] = (),
) -> list[Box]:
    """Return one rectangle per circle, of the given (width, height), inside ``page``.

    ``avoid`` are rectangles that labels must not cover, ``dots`` are small circles, for example along lines,
    that they cover only where the next free place is ``WORTH_MOVING`` label heights farther. Where no free
    place exists the least bad one is taken.
    """
    order = sorted(range(len(circles)), key=lambda k: (-circles[k].radius, k))
    taken = list(avoid)
    placed: dict[int, Box] = {}
    marks = tuple(np.array([getattr(dot, part) for dot in dots], dtype=float) for part in ("x", "y", "radius"))
    for k in order:
        options = _options(circles[k], *sizes[k])
        placed[k] = min(
            options,
            key=lambda option: (
                option[0]
                + _harm(option[1], circles, taken, page)
                + sizes[k][1] * _covered(option[1], *marks)
                + _ambiguity(option[1], k, circles)
            ),
        )[1]
        taken.append(placed[k])
    return [placed[k] for k in range(len(circles))]


def _covered(box: Box, x: Floats, y: Floats, radius: Floats) -> float:
    """Return what covering dots, by center and radius, is worth avoiding, in label heights."""
    dx = np.maximum(np.maximum(box.x0 - x, x - box.x1), 0.0)
    dy = np.maximum(np.maximum(box.y0 - y, y - box.y1), 0.0)
    hidden = int(np.count_nonzero(np.hypot(dx, dy) - radius < CLEAR_PX))
    return (WORTH_MOVING + 0.05 * hidden) if hidden else 0.0


def _ambiguity(box: Box, own: int, circles: Sequence[Circle]) -> float:
    """Return by how much a label comes nearer than half its height to other circles than its own [pixels]."""
    near = (box.y1 - box.y0) / 2
    return 2.0 * sum(max(near - box.gap(circle), 0.0) for k, circle in enumerate(circles) if k != own)


def _options(circle: Circle, width: float, height: float) -> list[tuple[float, Box]]:
    """Return (cost, rectangle) around ``circle``: near before far, beside before above, right before left."""
    options = []
    for gap, step in product(GAPS, range(DIRECTIONS)):
        angle = 2 * math.pi * step / DIRECTIONS
        reach = circle.radius + gap * height
        x = circle.x + math.cos(angle) * reach + math.copysign(width / 2, math.cos(angle)) * _lean(angle)
        y = circle.y + math.sin(angle) * (reach + height / 2)
        box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        preference = 0.25 * (1 - math.cos(angle)) / 2 + 0.35 * abs(math.sin(angle))
        options.append(((gap + preference) * height, box))
    return options


def _lean(angle: float) -> float:
    """Return how far a label moves out sideways: wholly when beside its circle, not at all when above it."""
    return min(1.0, 1.6 * abs(math.cos(angle)))


def _harm(box: Box, circles: Sequence[Circle], taken: Sequence[Box], page: Box) -> float:
    shared = sum(box.overlap(other) for other in taken)
    covered = sum(max(2.0 - box.gap(circle), 0.0) for circle in circles)
    return 1e6 * bool(shared) + shared + 1e5 * bool(covered) + 1e3 * covered + 1e4 * box.outside(page)


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move ascending values apart so that neighbors keep ``gap``, or less where [low, high] is too small."""
    gap = min(gap, (high - low) / max(len(positions) - 1, 1))
    moved: list[float] = []
    for position in positions:
        moved.append(max(position, low, moved[-1] + gap if moved else low))
    ceiling = high
    for k in reversed(range(len(moved))):
        moved[k] = min(moved[k], ceiling)
        ceiling = moved[k] - gap
    return moved
