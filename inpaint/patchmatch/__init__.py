"""A fill made of pieces of the picture itself.

coarse_to_fine   from coarse to fine, until every patch of the fill is like one that is known
levels        a picture and its hole at half, a quarter ... of its size
first_guess   what is in the hole of the smallest of them
patch         where the patches of a picture are
space         patches as points, so that near ones look alike
nearest       for every patch over the hole the known one most like it
votes         what those patches make of every pixel
"""

from .coarse_to_fine import fill_patchmatch

__all__ = ["fill_patchmatch"]
