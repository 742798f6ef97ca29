"""Pictures as arrays of numbers: nothing here knows what a mask is for.

resample      another size, by Lanczos in float, down to fractions of a pixel
kernels       the weights that resampling takes
padding       pictures and masks made larger at their borders
pyramid       sides halved and doubled
harmonic      Laplace's equation on the pixels of a hole
color_names   colors as people write them: names, #rrggbb
"""

from .color_names import parse_color
from .harmonic import harmonic
from .padding import BORDERS, cut_image, pad_image
from .pyramid import double, halve
from .resample import resample

__all__ = ["BORDERS", "cut_image", "double", "halve", "harmonic", "pad_image", "parse_color", "resample"]
