"""A fill made of pieces of the picture itself (PatchMatch).

coarse_to_fine   the fill, from the coarsest pyramid level to the finest
levels           the pyramid: the picture and its hole at full size, half, a quarter ...
first_guess      the initial fill of the coarsest level
patch            the size of a patch, and where the patches of a picture are
space            patches as points of few dimensions: similar patches are near each other
nearest          the nearest-neighbour field: for every patch over the hole, the most similar known patch
votes            the value of every pixel, from the matches of the patches that cover it
"""

from .coarse_to_fine import fill_patchmatch

__all__ = ["fill_patchmatch"]
