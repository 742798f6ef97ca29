"""Image processing on plain arrays, independent of inpainting.

resample      resizing by Lanczos in float, with sub-pixel regions
kernels       resampling weights
padding       extending and cutting pictures and masks at their borders
pyramid       halving and doubling, and pull-push interpolation
harmonic      Laplace's equation on the pixels of a hole
picture_files pictures and masks as JPEG and PNG, for previews
color_names   parsing of colors: names, #rrggbb, rgb(), hsl()
"""

from .color_names import parse_color
from .harmonic import harmonic
from .padding import BORDERS, cut_image, pad_image
from .pyramid import double, halve
from .resample import resample

__all__ = ["BORDERS", "cut_image", "double", "halve", "harmonic", "pad_image", "parse_color", "resample"]
