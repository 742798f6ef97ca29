"""Widgets that several nodes have."""

from comfy_api.latest import io


def advanced(port: io.Input) -> io.Input:
    """Mark an input as advanced: folded away in the canvas, and optional in an API prompt.

    Older hosts have no `advanced` argument, but they pass `extra_dict` on to the page.
    """
    port.optional = True
    port.extra_dict["advanced"] = True
    return port


def all_advanced(*ports: io.Input) -> list[io.Input]:
    return [advanced(port) for port in ports]


def share(name: str, default: float, tooltip: str, most: float = 1.0) -> io.Float.Input:
    """A mask value or a fraction, from 0 to `most`."""
    return io.Float.Input(name, default=default, min=0.0, max=most, step=0.01, tooltip=tooltip)


def count(name: str, default: int, tooltip: str, most: int, least: int = 0) -> io.Int.Input:
    """A count."""
    return io.Int.Input(name, default=default, min=least, max=most, tooltip=tooltip)


def pixels(name: str, default: float, tooltip: str, least: float = 0.0, most: float = 512.0) -> io.Float.Input:
    """A distance or width in pixels."""
    return io.Float.Input(name, default=default, min=least, max=most, step=0.5, tooltip=tooltip)


def picture_of_mask() -> io.Image.Input:
    return io.Image.Input(
        "image",
        optional=True,
        tooltip="The picture the mask belongs to: the mask is matched to its size and batch, and shown over it.",
    )


def budget_gib() -> io.Float.Input:
    return io.Float.Input(
        "budget_gb",
        default=0.0,
        min=0.0,
        max=1024.0,
        step=0.5,
        tooltip="Use no more memory than this, in GiB: of the card if there is one. 0 for all that is free.",
    )


def amount(name: str, default: float, least: float, most: float, tooltip: str) -> io.Float.Input:
    """A factor or exponent, in steps of 0.05."""
    return io.Float.Input(name, default=default, min=least, max=most, step=0.05, tooltip=tooltip)
