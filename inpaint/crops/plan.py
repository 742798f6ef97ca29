"""Where to crop a picture around its mask, and the size the crop is scaled to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..core.errors import InpaintError
from ..core.geometry import Area, Box, Sides, Size

# Where a size is known by its area alone, its longer side is at most so many times the shorter, as models are trained,
# as long as the picture is wide and high enough.
MOST_ASPECT = 2
# What a crop is scaled to: a size, an area, or None to keep the scale of the picture.
Target = Size | Area | None


@dataclass(frozen=True)
class Context:
    """How much of the picture around a mask a crop shows.

    factor: of the mask's width and height; 1.5 adds a quarter of them on every side.
    pixels: added on every side after that.
    """

    factor: float = 1.0
    pixels: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.factor < math.inf:
            raise InpaintError(f"context factor: expected 1 or more, got {self.factor}. 1.5 shows half as much again.")
        if self.pixels < 0:
            raise InpaintError(f"context pixels: expected 0 or more, got {self.pixels}. Use 0 for no margin.")

    def around(self, mask: Box | None, picture: Size, also: Box | None = None) -> Box:
        """The part of the picture to show.

        Args:
            mask: where the mask is; None for an empty one, which is shown with the whole picture.
            picture: its size; nothing beyond its borders is asked for.
            also: what to show besides, from a mask of its own.
        """
        if mask is None:
            return Box(0, 0, picture.width, picture.height)
        horizontally, vertically = (
            math.ceil((self.factor - 1) / 2 * side) + self.pixels for side in (mask.width, mask.height)
        )
        wide = mask.widened(horizontally, vertically)
        return (wide if also is None else wide.join(also)).within(picture)


TIGHT = Context()


@dataclass(frozen=True)
class Plan:
    """Where a crop is taken from, and what it is scaled to.

    box: in pixels of the picture. It overhangs the picture only where that is too small for it, and then covers it
        from border to border; what overhangs is shown to the model and never painted.
    target: size of the crop.
    picture: size of the picture.
    """

    box: Box
    target: Size
    picture: Size

    @property
    def inside(self) -> Box:
        """The part of the box that lies on the picture."""
        return self.box.within(self.picture)

    @property
    def padding(self) -> Sides:
        """How far the box overhangs the picture."""
        return self.box.overhang(self.picture)


def plan_box(
    mask: Box | None,
    picture: Size,
    context: Context = TIGHT,
    target: Target = None,
    multiple: int = 8,
    also: Box | None = None,
) -> Plan:
    """Where to crop around a mask.

    The mask's box is widened by the context as far as there is picture, grows on its short side to the target's aspect,
    and is shifted into the picture. It overhangs only if it does not fit, and on the side further from the mask: a
    mirrored picture shows the object again.

    Args:
        mask: the smallest box around the mask; None where it is empty, which takes the whole picture.
        picture: its size.
        context: what to show around the mask.
        target: what to scale the crop to: an area takes the aspect of what is to be shown, up to 2 to 1.
        multiple: the crop's width and height are multiples of this, as VAE and model want: a size is rounded up to it,
            an area to the nearest.
        also: a box to show besides, that of a context mask.

    Raises:
        InpaintError: if target or multiple is below 1.
    """
    shown = context.around(mask, picture, also)
    size = target_size([shown.size], picture, target, multiple)
    return Plan(place(shown, box_size([shown.size], size, target), picture, mask or shown), size, picture)


def target_size(shown: list[Size], picture: Size, target: Target, multiple: int) -> Size:
    """The one size of crops that show so much of a picture each.

    An area takes the aspect in the middle (the geometric mean) of theirs.

    Raises:
        InpaintError: if target or multiple is below 1.
    """
    least = 1 if target is None else target.pixels if isinstance(target, Area) else min(target.width, target.height)
    if not least >= 1 or multiple < 1:
        raise InpaintError(f"target: expected a size and a multiple of 1 or more, got {target}, {multiple}.")
    if target is None:
        return _covering(shown).to_multiple(multiple)
    if isinstance(target, Size):
        return target.to_multiple(multiple)
    aspect = math.exp(sum(math.log(_aspect(size, picture)) for size in shown) / len(shown))
    sides = (math.sqrt(target.pixels * aspect), math.sqrt(target.pixels / aspect))
    width, height = (max(round(side / multiple), 1) * multiple for side in sides)
    return Size(width, height)


def box_size(shown: list[Size], size: Size, target: Target) -> Size:
    """How large a box has to be to show all of these, one after the other, in crops of `size`."""
    return size if target is None else _covering(shown).with_aspect(size)


def place(shown: Box, size: Size, picture: Size, mask: Box) -> Box:
    """A box of `size` around what is shown, shifted into the picture; what does not fit overhangs far from the mask."""
    x = _start(shown.x, shown.width, size.width, picture.width, mask.x, mask.right)
    y = _start(shown.y, shown.height, size.height, picture.height, mask.y, mask.bottom)
    return Box(x, y, size.width, size.height)


def _start(shown: int, shown_length: int, length: int, count: int, mask: int, mask_end: int) -> int:
    if length <= count:
        return min(max(shown - (length - shown_length) // 2, 0), count - length)
    return 0 if mask <= count - mask_end else count - length


def _aspect(shown: Size, picture: Size) -> float:
    width = max(shown.width, min(shown.height / MOST_ASPECT, picture.width))
    return width / max(shown.height, min(shown.width / MOST_ASPECT, picture.height))


def _covering(sizes: list[Size]) -> Size:
    return Size(max(size.width for size in sizes), max(size.height for size in sizes))
