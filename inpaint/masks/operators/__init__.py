"""Operators on masks [B, H, W], 0 = keep, 1 = repaint. None of them changes its input.

values       per-pixel operations: threshold, snap, invert, levels
grow         morphology by Euclidean distance: grow, close, open
edges        the outline: feather, blur, smooth_outline
components   connected patches: fill_holes, remove_specks, keep_largest, keep_at, split
shapes       enclosing shapes: convex_hull, bounding_box
combine      set operations on masks
select       masks from a picture: by color or alpha
difference   masks of where two pictures differ: pixel by pixel, or above their noise
noise        how far two pictures differ where nothing was changed
lab          colors of frames in CIE Lab, and distances between them
video        masks of video frames: smooth_over_time
latent       masks at latent resolution: pool, in_pixels, grow_cells
per_frame    runs operators that use OpenCV or numpy on the frames of a batch
distance     exact Euclidean distances

Each operator checks what it gets, then calls a function that does not, such as `grown` for `grow`. Other modules of the
library call the latter with masks that are checked already.
"""

from .combine import combine, combine_all
from .components import fill_holes, keep_at, keep_largest, remove_specks, split
from .difference import Difference, above_noise, from_difference
from .edges import blur, feather, smooth_outline
from .grow import close, grow, open
from .latent import grow_cells, in_pixels, pool
from .select import colors_at, from_alpha, from_color
from .shapes import bounding_box, convex_hull
from .values import invert, levels, snap, threshold
from .video import smooth_over_time

__all__ = [
    "Difference",
    "above_noise",
    "blur",
    "bounding_box",
    "close",
    "colors_at",
    "combine",
    "combine_all",
    "convex_hull",
    "feather",
    "fill_holes",
    "from_alpha",
    "from_color",
    "from_difference",
    "grow",
    "grow_cells",
    "in_pixels",
    "invert",
    "keep_at",
    "keep_largest",
    "levels",
    "open",
    "pool",
    "remove_specks",
    "smooth_outline",
    "smooth_over_time",
    "snap",
    "split",
    "threshold",
]
