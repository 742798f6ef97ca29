"""Crops around masks at the size a model likes best, and their way back.

crop       one crop for each picture
box_path   boxes of one size that follow a mask through a video
regions    several crops of one picture
stitch     crops pasted back
outpaint   pictures made larger for a model to paint beyond their borders
"""

from .box_path import plan_path
from .crop import Cropped, Stitch, crop, crop_like
from .outpaint import pad_for_outpaint
from .regions import crop_regions, regions_like, stitch_regions
from .stitch import Stitched, stitch

__all__ = [
    "Cropped",
    "Stitch",
    "Stitched",
    "crop",
    "crop_like",
    "crop_regions",
    "pad_for_outpaint",
    "plan_path",
    "regions_like",
    "stitch",
    "stitch_regions",
]
