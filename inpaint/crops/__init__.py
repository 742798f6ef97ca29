"""Crop pictures around their masks at the size that suits a model, and paste the repainted crops back.

crop_plan  where to crop, and the size to scale the crop to
crop       one crop for each picture
box_path   boxes of one size that follow a mask through a video
regions    several crops of one picture
stitch     pastes repainted crops back
outpaint   pads pictures, so that a model can paint beyond their borders
"""

from .box_path import plan_path
from .crop import Cropped, Stitch, crop, crop_like
from .crop_plan import Context, Plan, plan_box
from .outpaint import pad_for_outpaint
from .regions import crop_regions, regions_like, stitch_regions
from .stitch import Stitched, stitch

__all__ = [
    "Context",
    "Cropped",
    "Plan",
    "Stitch",
    "Stitched",
    "crop",
    "crop_like",
    "crop_regions",
    "pad_for_outpaint",
    "plan_box",
    "plan_path",
    "regions_like",
    "stitch",
    "stitch_regions",
]
