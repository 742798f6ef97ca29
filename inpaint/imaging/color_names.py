"""Parsing of colors: names, #rrggbb, rgb(), hsl()."""

from ..core.errors import InpaintError


def parse_color(text: str, name: str = "color") -> tuple[float, float, float]:
    """Parse a color.

    Args:
        text: #rrggbb, #rgb, a CSS name such as red, rgb(255, 0, 0), hsl(0, 100%, 50%), or three integers 0..255 such as
            255, 0, 0. Case and surrounding space do not matter.
        name: the input's name, for the error message.

    Returns:
        sRGB red, green and blue in 0..1, each a multiple of 1/255.

    Raises:
        InpaintError: if `text` is none of these, a number is above its range, or the color is not opaque.

    Source: Pillow's ImageColor.getrgb, the colors of CSS 3.
    """
    from PIL import ImageColor

    color = text.strip()
    if color.count(",") == 2 and "(" not in color:
        color = f"rgb({color})"
    try:
        red, green, blue, *alpha = ImageColor.getrgb(color)
    except ValueError:
        raise _parse_error(text, name) from None
    # Pillow accepts rgb(300, 0, 0) and hsl(0, 100%, 150%).
    if max(red, green, blue) > 255 or alpha not in ([], [255]):
        raise _parse_error(text, name)
    return red / 255, green / 255, blue / 255


def _parse_error(text: str, name: str) -> InpaintError:
    return InpaintError(
        f"{name}: expected #rrggbb, #rgb, a name such as red, rgb(255, 0, 0), hsl(0, 100%, 50%) or 255, 0, 0 "
        f"(numbers up to 255), got {text!r}. Copy #rrggbb from any color picker."
    )
