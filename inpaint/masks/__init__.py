"""Masks [B, H, W], 0 = keep, 1 = repaint.

operators       single operations: grow, feather, fill_holes, threshold ...
clean           mask clean-up: the operators in a fixed order, with a report
doctor          finds and repairs common problems of masks
lost_pixels     pictures that are black exactly under the mask
inpaint_masks   the three masks of an inpaint: denoise, conditioning, composite
boxes           the bounding box of each mask
far_specks      specks that would swell a crop
ring            the known pixels around a hole
overlay         a mask drawn over its picture
"""

from .boxes import mask_boxes
from .clean import CleanUp, clean, coverage
from .doctor import examine
from .inpaint_masks import InpaintMasks, inpaint_masks
from .operators import (
    Difference,
    above_noise,
    blur,
    bounding_box,
    close,
    colors_at,
    combine,
    combine_all,
    convex_hull,
    feather,
    fill_holes,
    from_alpha,
    from_color,
    from_difference,
    grow,
    grow_cells,
    in_pixels,
    invert,
    keep_at,
    keep_largest,
    levels,
    open,
    pool,
    remove_specks,
    smooth_outline,
    smooth_over_time,
    snap,
    split,
    threshold,
)
from .overlay import overlay
from .ring import ring_around

__all__ = [
    "CleanUp",
    "Difference",
    "InpaintMasks",
    "above_noise",
    "blur",
    "bounding_box",
    "clean",
    "close",
    "colors_at",
    "combine",
    "combine_all",
    "convex_hull",
    "coverage",
    "examine",
    "feather",
    "fill_holes",
    "from_alpha",
    "from_color",
    "from_difference",
    "grow",
    "grow_cells",
    "in_pixels",
    "inpaint_masks",
    "invert",
    "keep_at",
    "keep_largest",
    "levels",
    "mask_boxes",
    "open",
    "overlay",
    "pool",
    "remove_specks",
    "ring_around",
    "smooth_outline",
    "smooth_over_time",
    "snap",
    "split",
    "threshold",
]
