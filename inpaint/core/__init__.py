"""What every other folder stands on. Imports nothing of the rest.

errors      InpaintError, the one error raised for a person to read
checks      what an image, a mask and a setting must look like, and how inputs become that
geometry    sizes and boxes in whole pixels
alloc       output buffers, and batches of one repeated picture
cache       caches with a bound on size
threads     how many processor threads torch uses
progress    how long work reports how far it is
units       bytes and dtypes as people read them
"""

from .checks import as_mask, check_image, check_mask, match, match_mask
from .errors import InpaintError
from .geometry import Area, Box, Sides, Size, join

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
