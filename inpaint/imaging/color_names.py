"""A color as people write it, read as numbers."""

from ..core.errors import InpaintError


def parse_color(text: str, name: str = "color") -> tuple[float, float, float]:
    """Read a color.

    Args:
        text: #rrggbb, #rgb, a name of CSS such as red, rgb(255, 0, 0), hsl(0, 100%, 50%), or three whole numbers
            0..255 such as 255, 0, 0. Upper or lower case, with space around it or not.
        name: the input's name, for the message.

    Returns:
        red, green and blue of sRGB in 0..1, each a multiple of 1/255.

    Raises:
        InpaintError: if it is none of these, a number is above its range, or the color is not opaque.

    Source: Pillow's ImageColor.getrgb, the colors of CSS 3.
    """
    from PIL import ImageColor

    written = text.strip()
    if written.count(",") == 2 and "(" not in written:
        written = f"rgb({written})"
    try:
        red, green, blue, *alpha = ImageColor.getrgb(written)
    except ValueError:
        raise _not_understood(text, name) from None
    # Pillow lets rgb(300, 0, 0) and hsl(0, 100%, 150%) through.
    if max(red, green, blue) > 255 or alpha not in ([], [255]):
        raise _not_understood(text, name)
    return red / 255, green / 255, blue / 255


def _not_understood(text: str, name: str) -> InpaintError:
    return InpaintError(
        f"{name}: expected #rrggbb, #rgb, a name such as red, rgb(255, 0, 0), hsl(0, 100%, 50%) or 255, 0, 0 "
        f"(numbers up to 255), got {text!r}. Copy #rrggbb from any color picker."
    )
