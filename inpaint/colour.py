"""Colour of the repainted picture corrected by what is known of it: the ring of kept pixels around the hole."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .blends.blend import check_pair
from .blends.pair import all_finite
from .checks import check_choice
from .errors import InpaintError
from .harmonic import harmonic
from .pyramid import double, halve
from .ring import ring_around

METHODS = ("none", "mean-std", "field")
# With fewer known pixels the spread of their values says little, and only their mean is taken.
FEWEST = 64
# How far contrast is changed at the most, either way. Where more would be asked for, the ring shows something else.
MOST_GAIN = 1.5
# The field is fitted on means over blocks: of the ring's width this part.
BLOCK = 1 / 4


@dataclass(frozen=True)
class Matched:
    """A picture with its colours corrected, and what that was fitted on.

    image: [B, H, W, C], like the repainted picture.
    pixels: of each picture, how many known pixels it was fitted on; 0 where there were none and nothing was changed.
    shift: [B, 3], what was added to red, green and blue, as a mean over the repainted area.
    asked: whether there was anything to do.
    """

    image: Tensor
    pixels: tuple[int, ...]
    shift: Tensor
    asked: bool = True

    def report(self) -> str:
        """A line."""
        if not self.asked:
            return "Colour was left as it was."
        if not any(self.pixels):
            return "Colour was not corrected: no known pixels lie around the mask to fit it on."
        fitted = [index for index, count in enumerate(self.pixels) if count]
        red, green, blue = (self.shift[fitted].mean(dim=0) * 255).tolist()
        unfitted = len(self.pixels) - len(fitted)
        rest = f" {unfitted} of {len(self.pixels)} pictures have no known pixels to fit on." if unfitted else ""
        return (
            f"Colour fitted on {sum(self.pixels):,} known pixels: red {red:+.1f}, green {green:+.1f}, "
            f"blue {blue:+.1f} of 255.{rest}"
        )


def match_colour(
    original: Tensor, repainted: Tensor, mask: Tensor, method: str = "mean-std", strength: float = 1.0, ring: float = 32
) -> Matched:
    """Correct the colours of the repainted picture so that they go on from the original's around the mask.

    Only pixels that are kept and lie within `ring` of the mask are compared: both pictures should show the same there,
    so what differs is the model's doing. What is inside the mask plays no part, however different. A shift that is the
    same everywhere is undone exactly by each method.

    - "mean-std": each channel gets the original's mean and standard deviation. Undoes a change of contrast as well.
    - "field": a smooth field is added, which is the difference of both along the ring and goes on inside by Laplace's
      equation. Undoes a shift that is not the same on all sides.
    - "none": nothing is changed.

    Args:
        original: [B, H, W, C] float, C = 3 or 4; B may be 1 for many repainted pictures.
        repainted: [B, H, W, C'] float of the same size: all of it as the model gave it, not pasted yet. B may be 1.
        mask: [B, H, W] float, 0 = known; B may be 1.
        method: one of METHODS.
        strength: 0 = nothing is changed, 1 = all of the correction.
        ring: width of the ring in pixels.

    Returns:
        the repainted picture with all of it corrected, dtype, device and alpha as they were; computed in float32. No
        value leaves 0..1 that was in it. Where pixels are not finite they stay so, and play no part.

    Raises:
        InpaintError: if these are no pictures or no mask, sizes or batches do not fit, or a setting is out of range.
    """
    check_choice("method", method, METHODS)
    if not 0 <= strength <= 1:
        raise InpaintError(f"strength: expected 0 to 1, got {strength}. Use 0 to leave colours as they are.")
    batch = check_pair(original, repainted, mask)
    repainted = repainted.expand(batch, -1, -1, -1)
    if method == "none" or strength == 0:
        return Matched(repainted, (0,) * batch, torch.zeros(batch, 3), asked=False)

    device = repainted.device
    original = original.to(device).expand(batch, -1, -1, -1)
    mask = mask.to(device).expand(batch, -1, -1)
    known = ring_around(mask, ring) & all_finite(original) & all_finite(repainted)
    pixels = known.sum(dim=(1, 2))
    planes = _planes(original), _planes(repainted)
    weight = known[:, None].float()
    change = _mean_std(*planes, weight) if method == "mean-std" else _field(*planes, weight, ring)
    change = change * strength

    # What was within 0..1 stays there.
    low, high = planes[1].clamp(max=0), planes[1].clamp(min=1)
    image = repainted.clone()
    image[..., :3] = (planes[1] + change).clamp(low, high).movedim(1, -1).to(image.dtype)
    hole = (mask > 0)[:, None]
    shift = (change * hole).sum(dim=(2, 3)) / hole.sum(dim=(2, 3)).clamp(min=1)
    return Matched(image, tuple(pixels.tolist()), shift.cpu())


def _planes(image: Tensor) -> Tensor:
    return image[..., :3].movedim(-1, 1).float()


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """[B, C, 1, 1]: weighted means, 0 where there is no weight."""
    total = torch.where(weight > 0, values * weight, 0).sum(dim=(2, 3), keepdim=True)
    return total / weight.sum(dim=(2, 3), keepdim=True).clamp(min=1)


def _mean_std(original: Tensor, repainted: Tensor, known: Tensor) -> Tensor:
    """What to add to the repainted picture so that its mean and spread over known pixels are those of the original."""
    means = [_mean(picture, known) for picture in (original, repainted)]
    wanted, had = (
        _mean((picture - mean) ** 2, known).sqrt() for picture, mean in zip((original, repainted), means, strict=True)
    )
    enough = (known.sum(dim=(2, 3), keepdim=True) >= FEWEST) & (had > 0)
    gain = torch.where(enough, wanted / had, 1).clamp(1 / MOST_GAIN, MOST_GAIN)
    return torch.where(repainted.isfinite(), (repainted - means[1]) * (gain - 1), 0) + means[0] - means[1]


def _field(original: Tensor, repainted: Tensor, known: Tensor, ring: float) -> Tensor:
    """What to add to the repainted picture: its smoothed difference to the original, and on from there."""
    difference = torch.where(known > 0, original - repainted, 0)
    sizes = []
    for _ in range(max(round(math.log2(max(ring * BLOCK, 1))), 0)):
        sizes.append(known.shape[-2:])
        difference, known = halve(difference), halve(known)
    # A block with less of the ring in it is left to its neighbours.
    sure = known >= known.amax(dim=(2, 3), keepdim=True) / 4
    sure &= known > 0
    shift = _mean(difference, torch.ones_like(known)) / _mean(known, torch.ones_like(known)).clamp(min=1e-12)
    blocks = torch.where(sure, difference / known.clamp(min=1e-12), shift) - shift
    field = torch.where(sure, blocks, harmonic(blocks, sure)) + shift
    for height, width in reversed(sizes):
        field = double(field, height, width)
    return field
