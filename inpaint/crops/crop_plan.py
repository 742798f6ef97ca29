"""Where to crop a picture around its mask, and the size the crop is scaled to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..core.errors import InpaintError
from ..core.geometry import Area, Box, Sides, Size

# Largest ratio of the sides of a target given as an area, because models are trained up to it. A picture that is too
# narrow for it is shown at a larger ratio.
MOST_ASPECT = 2
# What a crop is scaled to: a size, an area, or None for the picture's own scale.
Target = Size | Area | None


@dataclass(frozen=True)
class Context:
    """How much of the picture a crop shows around a mask."""

    factor: float = 1.0
    """1 or more: multiplies the mask's width and height; 1.5 adds a quarter of them on every side."""
    pixels: int = 0
    """0 or more: pixels added on every side after that."""

    def __post_init__(self) -> None:
        if not 1 <= self.factor < math.inf:
            raise InpaintError(
                f"context factor: expected 1 or more, got {self.factor}. 1.5 adds a quarter of the mask on every side."
            )
        if self.pixels < 0:
            raise InpaintError(f"context pixels: expected 0 or more, got {self.pixels}. Use 0 for no margin.")

    def around(self, mask: Box | None, picture: Size, also: Box | None = None) -> Box:
        """Return the part of the picture to show.

        Args:
            mask: the smallest box around the mask; None for an empty mask, which shows the whole picture.
            picture: size of the picture; the result is clipped to it.
            also: a further box to show, from a separate context mask.
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
    """Where a crop is taken from, and what size it is scaled to."""

    box: Box
    """The crop, in pixels of the picture.

    It overhangs the picture only along an axis on which the picture is too small, and then covers that axis whole. The
    model sees the overhang, but it is never repainted.
    """
    target: Size
    """The size that the crop is scaled to."""
    picture: Size
    """The size of the picture."""

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
    """Plan the crop around a mask.

    The mask's box is widened by the context and clipped to the picture. Its shorter side then grows to the target's
    aspect, and the box is shifted into the picture. It overhangs only if it does not fit, and then on the side further
    from the mask, because a mirrored border next to the mask would show the object again.

    Args:
        mask: the smallest box around the mask; None for an empty mask, which shows the whole picture.
        picture: size of the picture.
        context: how much to show around the mask.
        target: what the crop is scaled to. An area takes the aspect of the part to show, up to 2 to 1.
        multiple: the crop's width and height become multiples of this, as VAE and model require. A size is rounded up,
            an area to the nearest multiple.
        also: a further box to show, from a context mask.

    Raises:
        InpaintError: if target or multiple is below 1.
    """
    shown = context.around(mask, picture, also)
    size = target_size([shown.size], picture, target, multiple)
    return Plan(place(shown, box_size([shown.size], size, target), picture, mask or shown), size, picture)


def target_size(shown: list[Size], picture: Size, target: Target, multiple: int) -> Size:
    """Return the common size of crops that show parts of these sizes.

    An area takes the geometric mean of the parts' aspects.

    Raises:
        InpaintError: if target or multiple is below 1.
    """
    least = 1 if target is None else target.pixels if isinstance(target, Area) else min(target.width, target.height)
    if not least >= 1 or multiple < 1:
        raise InpaintError(
            f"target: expected a size and a multiple of 1 or more, got {target}, {multiple}. Use 1 for any size."
        )
    if target is None:
        return _covering(shown).to_multiple(multiple)
    if isinstance(target, Size):
        return target.to_multiple(multiple)
    aspect = math.exp(sum(math.log(_aspect(size, picture)) for size in shown) / len(shown))
    sides = (math.sqrt(target.pixels * aspect), math.sqrt(target.pixels / aspect))
    width, height = (max(round(side / multiple), 1) * multiple for side in sides)
    return Size(width, height)


def box_size(shown: list[Size], size: Size, target: Target) -> Size:
    """Return the size of a box that covers each of the sizes `shown` and has the aspect of the crop's `size`."""
    return size if target is None else _covering(shown).with_aspect(size)


def place(shown: Box, size: Size, picture: Size, mask: Box) -> Box:
    """Place a box of `size` around `shown`, shifted into the picture. Any overhang is on the side far from the mask."""
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
