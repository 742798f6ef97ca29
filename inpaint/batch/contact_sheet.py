"""Pictures before and after on one sheet, for a look at many at once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..core.errors import InpaintError
from .files.atomic import write_atomic
from .files.channels import rgb_of
from .files.formats import read_picture

# In pixels. JPEG ends at 65,500 rows, which 500 cells do not reach.
THUMBNAIL, MARGIN, LINE, FONT = 240, 12, 18, 13
SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "arial.ttf", "Arial.ttf", "Helvetica.ttc")
CELLS_IN_A_ROW, TEXT_LINES, MOST_CELLS = 3, 3, 500
BACKGROUND, BEHIND, INK, FAINT = (250, 250, 250), (225, 225, 225), (20, 20, 20), (110, 110, 110)
QUALITY = 90


@dataclass(frozen=True)
class Cell:
    """One picture of the sheet."""

    title: str
    """A line above, cut where it is too long."""
    before: Path | None
    """The source."""
    after: Path | None
    """The result. None leaves its place empty."""
    text: str
    """Lines below, cut where they are too long."""


def contact_sheet(cells: Sequence[Cell], path: Path) -> None:
    """Draw pictures before and after, and write the sheet as JPEG.

    A picture that cannot be read is a gray box with the reason. One picture is in memory at a time. After 500 cells a
    line says how many more there are.

    Raises:
        InpaintError: if there are no cells, or the sheet cannot be written.
    """
    if not cells:
        raise InpaintError("contact sheet: expected one picture or more, got none. Give the pictures to show.")
    shown = cells[:MOST_CELLS]
    width, height = 2 * THUMBNAIL + 3 * MARGIN, THUMBNAIL + (1 + TEXT_LINES) * LINE + 2 * MARGIN
    columns = min(CELLS_IN_A_ROW, len(shown))
    rows = -(-len(shown) // columns)
    more = len(cells) - len(shown)
    sheet = Image.new("RGB", (columns * width, rows * height + (LINE + MARGIN if more else 0)), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), _font()
    for place, cell in enumerate(shown):
        row, column = divmod(place, columns)
        left, top = column * width + MARGIN, row * height + MARGIN
        room = width - 2 * MARGIN
        draw.text((left, top), _cut(cell.title, font, room), INK, font)
        for number, file in enumerate((cell.before, cell.after)):
            _place(sheet, draw, font, file, (left + number * (THUMBNAIL + MARGIN), top + LINE))
        for number, line in enumerate(_lines(cell.text, font, room)):
            draw.text((left, top + THUMBNAIL + (1 + number) * LINE + 2), line, FAINT, font)
    if more:
        draw.text((MARGIN, rows * height), f"and {more} more", INK, font)
    encoded = io.BytesIO()
    sheet.save(encoded, "JPEG", quality=QUALITY)
    write_atomic(path, encoded.getvalue())


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _font() -> Font:
    """Return a font of the system, since Pillow's own has no letters but those of English."""
    for name in SYSTEM_FONTS:
        try:
            return ImageFont.truetype(name, FONT)
        except OSError:
            continue
    return ImageFont.load_default(FONT)


def _place(sheet: Image.Image, draw: ImageDraw.ImageDraw, font: Font, file: Path | None, at: tuple[int, int]) -> None:
    """Paste one picture, in the middle of its box."""
    box = (*at, at[0] + THUMBNAIL - 1, at[1] + THUMBNAIL - 1)
    draw.rectangle(box, BEHIND)
    if file is None:
        return
    try:
        small = _thumbnail(file)
    except InpaintError as error:
        for number, line in enumerate(_lines(str(error), font, THUMBNAIL - 2 * MARGIN)):
            draw.text((at[0] + MARGIN, at[1] + MARGIN + number * LINE), line, INK, font)
        return
    sheet.paste(small, (at[0] + (THUMBNAIL - small.width) // 2, at[1] + (THUMBNAIL - small.height) // 2))


def _thumbnail(file: Path) -> Image.Image:
    """Return a small picture, its transparency over the box's gray."""
    _, picture = read_picture(file)
    image = Image.fromarray(np.ascontiguousarray(rgb_of(picture)))
    image.thumbnail((THUMBNAIL, THUMBNAIL), reducing_gap=2)
    return image


def _lines(text: str, font: Font, room: int) -> list[str]:
    """Break a text into lines, the last cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > TEXT_LINES:
        lines = [*lines[: TEXT_LINES - 1], " ".join(lines[TEXT_LINES - 1 :])]
    return [_cut(line, font, room) for line in lines]


def _cut(line: str, font: Font, room: int) -> str:
    """Shorten a line to its room, in the middle, so that the end of a file's name is seen."""
    if font.getlength(line) <= room:
        return line
    keep = len(line)
    while keep > 2 and font.getlength(f"{line[: keep // 2]}...{line[len(line) - keep // 2 :]}") > room:
        keep -= 2
    return f"{line[: keep // 2]}...{line[len(line) - keep // 2 :]}"
