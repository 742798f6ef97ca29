"""Widgets that several nodes have, and how they are shown."""

from comfy_api.latest import io


def advanced(port: io.Input) -> io.Input:
    """The input, folded away where the page can do that, and free to be left out of an API prompt.

    Older hosts take no such argument, but hand on to the page what else an input holds.
    """
    port.optional = True
    port.extra_dict["advanced"] = True
    return port


def pixels(name: str, default: float, tooltip: str, least: float = 0.0, most: float = 512.0) -> io.Float.Input:
    """A distance or width in pixels."""
    return io.Float.Input(name, default=default, min=least, max=most, step=0.5, tooltip=tooltip)


def picture_of_mask() -> io.Image.Input:
    return io.Image.Input(
        "image",
        optional=True,
        tooltip="The picture the mask belongs to: the mask is matched to its size and batch, and shown over it.",
    )
