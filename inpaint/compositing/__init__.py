"""Paste a repainted picture over the original through a mask. Pixels outside the mask stay bit-identical.

blend            blends two pictures by one of METHODS
feather          blend method: mixes by the mask's weight alone
multiband        blend method: low frequencies fade over a wide edge, high ones over a narrow edge
poisson          blend method: gradients of the repainted picture, values of the original around it
pair             the two pictures, cropped to the window where they are blended
outliers         tells which known pixels differ for a reason: neither color nor blend believes them
paste            blends, and measures the largest change outside the mask
color            fits the repainted picture's colors on the known ring
registration     measures how far the repainted picture has drifted, and moves it back
finish           registers a repainted crop, fits its color and blends it
soft_composite   computes the paste mask after soft inpainting from what changed
edge_lines       reads a picture along short lines across a mask's edge
seam_score       scores how visible the edge is
"""

from .blend import METHODS, blend
from .color import match_color
from .finish import Finish
from .paste import Pasted, composite_mask, max_change, paste
from .registration import register
from .seam_score import Seam, seam, worst

__all__ = [
    "METHODS",
    "Finish",
    "Pasted",
    "Seam",
    "blend",
    "composite_mask",
    "match_color",
    "max_change",
    "paste",
    "register",
    "seam",
    "worst",
]
