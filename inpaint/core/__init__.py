"""Basics that every other folder uses. Imports nothing from them.

errors      InpaintError, the error whose message is meant for users
checks      validation of images, masks and settings, and their conversion to one form
latents     validation of latents
notes       notes of checks for reports
mask_floor  backgrounds of masks that are not quite black
geometry    sizes and boxes in whole pixels
alloc       allocation of results, and batches made of one repeated frame
counting    counts of pixels
cache       caches of bounded size
threads     the number of CPU threads that torch uses
progress    how long work reports its progress, and how it is cancelled
units       bytes and dtypes as readable text
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import InpaintError
from .geometry import Area, Box, Sides, Size, join

if TYPE_CHECKING:
    from .checks import as_mask, check_image, check_mask, match, match_mask

__all__ = [
    "Area",
    "Box",
    "InpaintError",
    "Sides",
    "Size",
    "as_mask",
    "check_image",
    "check_mask",
    "join",
    "match",
    "match_mask",
]


def __getattr__(name: str) -> Any:
    # They bring torch, which batches through hosts do without.
    if name in __all__:
        return getattr(import_module(".checks", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
