"""Operators on masks [B, H, W], 0 = keep, 1 = repaint. None of them changes its input.

values       one pixel at a time: threshold, snap, invert, levels
grow         by a true distance: grow, close, open
edges        the outline: feather, blur, smooth_outline
components   connected patches: fill_holes, remove_specks, keep_largest, split
shapes       what encloses a mask: convex_hull, bounding_box
combine      two masks made one
select       a mask from pictures: by color, by alpha, by what differs
video        masks of a film's frames: smooth_over_time
latent       masks at the resolution of a latent: pool, grow_cells
per_frame    how operators that use OpenCV or numpy take a batch
distance     exact Euclidean distances
"""

from .combine import combine
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
