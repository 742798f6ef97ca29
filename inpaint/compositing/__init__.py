"""A repainted picture over the original, under a mask. What is outside the mask stays what it was, bit for bit.

blend            one picture from two, by one of METHODS
feather          by the mask's weight alone
multiband        low frequencies over a wide edge, high ones over a narrow one
poisson          the gradients of the repainted picture, the values of the original around it
pair             the two pictures, cut to where they are blended
paste            feather, with a proof of what was not changed
color            the repainted picture's colors, fitted on the known ring
registration     how far the repainted picture has drifted, and its way back
finish           a repainted crop registered, its color fitted, and blended
soft_composite   the mask to paste by after soft inpainting, from what changed
seam_score       a score for how visible the edge is
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
