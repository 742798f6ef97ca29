"""Fills that need no model: they make plausible content for the masked area from the picture itself.

flat      one color: neutral, color
edge      the nearest known pixel
smooth    smooth surfaces through the known pixels: harmonic, blur
noise     the harmonic surface plus noise that matches the surrounding grain
opencv    OpenCV's two methods, which continue lines: Telea, Navier-Stokes
surroundings   the known pixels around each hole, and the result back into it
fade      a soft transition from picture to fill inside the mask's edge

A pixel is filled if its mask value is above 0, however small; blending by a soft mask is left to the composite. All
other pixels, and alpha everywhere, stay bit-identical. A pixel is known if it is outside the hole and finite. Fills use
known pixels only: the old content of the hole is ignored, and so are non-finite pixels outside it, which are kept. A
picture without known pixels is filled with 0.5.
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
