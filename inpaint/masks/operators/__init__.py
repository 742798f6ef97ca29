"""Operators on masks [B, H, W], 0 = keep, 1 = repaint. None of them changes its input.

values       per-pixel operations: threshold, snap, invert, levels
grow         morphology by Euclidean distance: grow, close, open
edges        the outline: feather, blur, smooth_outline
components   connected patches: fill_holes, remove_specks, keep_largest, split
shapes       enclosing shapes: convex_hull, bounding_box
combine      set operations on masks
select       masks from pictures: by color, alpha or difference
video        masks of video frames: smooth_over_time
latent       masks at latent resolution: pool, grow_cells
per_frame    runs operators that use OpenCV or numpy on the frames of a batch
distance     exact Euclidean distances

Each operator checks what it gets, then calls a function that does not, such as `grown` for `grow`. Other modules of the
library call the latter with masks that are checked already.
"""

from .combine import combine, combine_all
from .components import fill_holes, keep_largest, remove_specks, split
from .edges import blur, feather, smooth_outline
from .grow import close, grow, open
from .latent import grow_cells, pool
from .select import from_alpha, from_color, from_difference
from .shapes import bounding_box, convex_hull
from .values import invert, levels, snap, threshold
from .video import smooth_over_time

__all__ = [
    "blur",
    "bounding_box",
    "close",
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
    "invert",
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
