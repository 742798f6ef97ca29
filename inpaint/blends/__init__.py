"""A repainted picture over the original, under a mask: what is outside the mask stays what it was, bit for bit.

blend       the door: one picture from two, by one of METHODS
feather     by the mask's weight alone
multiband   low frequencies over a wide edge, high ones over a narrow one
poisson     the gradients of the repainted picture, the values of the original around it
paste       feather, with a proof of what was not changed
"""

from .blend import METHODS, blend
from .paste import Pasted, composite_mask, max_change, paste

__all__ = ["METHODS", "Pasted", "blend", "composite_mask", "max_change", "paste"]
