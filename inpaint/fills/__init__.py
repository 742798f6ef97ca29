"""Fills that need no model: plausible content for the masked area, from the picture itself.

flat      one color: neutral, color
edge      the nearest known pixel
smooth    surfaces through the known pixels: harmonic, blur
noise     the smooth surface with the grain of what is around it
opencv    OpenCV's two, which go on with lines: Telea, Navier-Stokes
fade      how a fill begins at the mask's edge

A pixel is filled where its mask is above 0, however little; blending by a soft mask is the composite's work. Every
other pixel stays bit for bit what it was, and so does alpha everywhere. What the hole held, NaN included, plays no
part; pixels outside it that are not finite are kept and do not either. A picture with nothing to go by becomes 0.5.
"""

from .edge import fill_edge
from .fade import fade_in
from .flat import fill_color, fill_neutral
from .noise import fill_noise
from .opencv import RADIUS, fill_navier_stokes, fill_telea
from .smooth import fill_blur, fill_harmonic

__all__ = [
    "RADIUS",
    "fade_in",
    "fill_blur",
    "fill_color",
    "fill_edge",
    "fill_harmonic",
    "fill_navier_stokes",
    "fill_neutral",
    "fill_noise",
    "fill_telea",
]
