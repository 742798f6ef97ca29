"""Draw small log-log line charts side by side with Pillow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

# Drawn larger and scaled down, for smooth lines.
FINE = 3
WIDTH, HEIGHT, LEFT, TOP, GAP, BOTTOM = 300, 210, 200, 96, 62, 56
INK, FAINT, PAPER = "#222222", "#dddddd", "#ffffff"
# Safe for color-blind readers (Okabe & Ito). The marks distinguish lines in grey prints.
STYLES = (("#555555", "square"), ("#E69F00", "triangle"), ("#0072B2", "disc"), ("#009E73", "diamond"))

Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One chart."""

    lines: Mapping[str, Sequence[Point]]
    """Points (x, y) of each line, by its name."""
    floor: float
    """Values below this count as 0. The area below is grey."""


def draw_chart(
    path: Path, title: str, axis: str, columns: Sequence[str], rows: Mapping[str, Sequence[Panel]], ticks: Sequence[int]
) -> None:
    """Write a PNG of panels in rows and columns.

    Args:
        path: the PNG file.
        title: title of the sheet.
        axis: label of the x axis.
        columns: heading of each column: what its y axis shows.
        rows: panels of each row, by the row's label; its first line is the heading.
        ticks: ticks of the x axis. The first and the last are its ends.
    """
    size = (LEFT + len(columns) * (WIDTH + GAP), TOP + len(rows) * (HEIGHT + GAP) - GAP + BOTTOM)
    sheet = Sheet(size)
    sheet.text((16, 12), title, 19)
    names = list(next(iter(rows.values()))[0].lines)
    for index, name in enumerate(names):
        place = (LEFT + index * 250, 54)
        sheet.line([place, (place[0] + 34, place[1])], STYLES[index][0])
        sheet.mark((place[0] + 17, place[1]), STYLES[index])
        sheet.text((place[0] + 42, place[1]), name, 15, "lm")
    for row, (words, panels) in enumerate(rows.items()):
        top = TOP + row * (HEIGHT + GAP)
        heading, _, rest = words.partition("\n")
        sheet.text((16, top + 8), heading, 16)
        sheet.text((16, top + 32), rest, 13)
        for column, (head, panel) in enumerate(zip(columns, panels, strict=True)):
            left = LEFT + column * (WIDTH + GAP)
            sheet.text((left, top - 14), head, 14, "lm")
            _draw_panel(sheet, left, top, panel, ticks)
    sheet.text((LEFT, size[1] - 18), axis, 14, "lm")
    sheet.write(path)


def _draw_panel(sheet: Sheet, left: int, top: int, panel: Panel, ticks: Sequence[int]) -> None:
    heights = [height for points in panel.lines.values() for _, height in points]
    across = _Scale(ticks[0] / 1.12, ticks[-1] * 1.12, left, left + WIDTH)
    # At least a decade, so that small changes do not look large.
    upward = _Scale(min(min(heights) / 1.3, max(heights) / 10), max(heights) * 1.3, top + HEIGHT, top)
    if panel.floor > upward.low:
        sheet.box((left, upward(panel.floor)), (left + WIDTH, top + HEIGHT), "#eeeeee")
    for tick in ticks:
        sheet.line([(across(tick), top), (across(tick), top + HEIGHT)], FAINT, 1)
        sheet.text((across(tick), top + HEIGHT + 11), str(tick), 12, "mm")
    for mark in upward.ticks():
        sheet.line([(left, upward(mark)), (left + WIDTH, upward(mark))], FAINT, 1)
        sheet.text((left - 6, upward(mark)), f"{mark:g}", 12, "rm")
    for style, points in zip(STYLES, panel.lines.values(), strict=False):
        places = [(across(calls), upward(height)) for calls, height in points]
        sheet.line(places, style[0])
        for place in places:
            sheet.mark(place, style)


@dataclass(frozen=True)
class _Scale:
    """Maps values of a logarithmic axis to positions on the sheet."""

    low: float
    """Value at `start`."""
    high: float
    """Value at `end`."""
    start: float
    """Position of `low` in pixels."""
    end: float
    """Position of `high` in pixels."""

    def __call__(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return 1, 2 and 5 times each power of ten within the axis. If those are more than 6, the powers alone."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = [step * 10.0**power for power in powers for step in (1, 2, 5)]
        ticks = [tick for tick in every if self.low <= tick <= self.high]
        return ticks if len(ticks) <= 6 else [tick for tick in ticks if f"{tick:e}".startswith("1.0")]


class Sheet:
    """A white canvas. Coordinates are in pixels of the final picture."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._image = Image.new("RGB", (size[0] * FINE, size[1] * FINE), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def text(self, place: Point, words: str, height: int, anchor: str = "la") -> None:
        font = ImageFont.load_default(height * FINE)
        self._draw.text(_scaled(place), words, INK, font, anchor, spacing=4 * FINE)

    def line(self, places: Sequence[Point], color: str, width: float = 2.2) -> None:
        self._draw.line([_scaled(place) for place in places], color, round(width * FINE), joint="curve")

    def box(self, corner: Point, other: Point, color: str) -> None:
        self._draw.rectangle([_scaled(corner), _scaled(other)], color)

    def mark(self, place: Point, style: tuple[str, str]) -> None:
        color, shape = style
        sides, turn = {"disc": (24, 0), "square": (4, 0), "triangle": (3, 0), "diamond": (4, 45)}[shape]
        self._draw.regular_polygon((_scaled(place), 5.5 * FINE), sides, turn, color, PAPER)

    def write(self, path: Path) -> None:
        small = self._image.resize(self._size, Image.Resampling.LANCZOS)
        small.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def _scaled(place: Point) -> Point:
    return place[0] * FINE, place[1] * FINE
