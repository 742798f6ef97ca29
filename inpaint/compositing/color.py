"""Color of the repainted picture corrected by what is known of it: the ring of kept pixels around the hole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.checks import check_choice
from ..core.errors import InpaintError
from ..imaging.harmonic import harmonic
from ..imaging.pyramid import double, halve
from ..masks.ring import ring_around
from .blend import check_pair
from .pair import all_finite, bands

METHODS = ("none", "mean-std", "field")
# With fewer known pixels the spread of their values says little, and only their mean is taken.
FEWEST = 64
# How far contrast is changed at the most, either way. Where more would be asked for, the ring shows something else.
MOST_GAIN = 1.5
# The field is fitted on means over blocks: of the ring's width this part.
BLOCK = 1 / 4


@dataclass(frozen=True)
class Matched:
    """A picture with its colors corrected, and what that was fitted on.

    image: [B, H, W, C], like the repainted picture.
    pixels: of each picture, how many known pixels it was fitted on; 0 where there were none and nothing was changed.
    shift: [B, 3], what was added to red, green and blue, as a mean over these pixels.
    asked: whether there was anything to do.
    """

    image: Tensor
    pixels: tuple[int, ...]
    shift: Tensor
    asked: bool = True

    def report(self) -> str:
        """A line."""
        return color_report(self.pixels, self.shift) if self.asked else "Color was left as it was."


def color_report(pixels: Sequence[int], shift: Tensor) -> str:
    """A line for pictures whose color was corrected: `pixels` and `shift` as in `Matched`."""
    fitted = [index for index, count in enumerate(pixels) if count]
    if not fitted:
        return "Color was not corrected: no known pixels lie around the mask to fit it on."
    red, green, blue = (shift[fitted].mean(dim=0) * 255).tolist()
    unfitted = len(pixels) - len(fitted)
    rest = f" {unfitted} of {len(pixels)} pictures have no known pixels to fit on." if unfitted else ""
    return (
        f"Color fitted on {sum(pixels):,} known pixels: red {red:+.1f}, green {green:+.1f}, "
        f"blue {blue:+.1f} of 255.{rest}"
    )


def match_color(
    original: Tensor, repainted: Tensor, mask: Tensor, method: str = "mean-std", strength: float = 1.0, ring: float = 32
) -> Matched:
    """Correct the colors of the repainted picture so that they go on from the original's around the mask.

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
        the repainted picture with all of it corrected, dtype, device and alpha as they were; computed in float32. Its
        values stay within 0..1, or within the range that they had where that is wider. Where pixels are not finite
        they stay so, and play no part.

    Raises:
        InpaintError: if these are no pictures or no mask, sizes or batches do not fit, or a setting is out of range.
    """
    check_choice("method", method, METHODS)
    if not 0 <= strength <= 1:
        raise InpaintError(f"strength: expected 0 to 1, got {strength}. Use 0 to leave colors as they are.")
    batch = check_pair(original, repainted, mask)
    repainted = repainted.expand(batch, -1, -1, -1)
    if method == "none" or strength == 0:
        return Matched(repainted, (0,) * batch, torch.zeros(batch, 3), asked=False)

    original = original.to(repainted.device).expand(batch, -1, -1, -1)
    known = ring_around(mask, ring).to(repainted.device).expand(batch, -1, -1)
    known = known & all_finite(original) & all_finite(repainted)
    image, shift = repainted.clone(), torch.zeros(batch, 3)
    pixels = known.sum(dim=(1, 2)).tolist()
    for index in (index for index, count in enumerate(pixels) if count):
        frame, ours = image[index], known[index]
        seen, had = original[index][ours][:, :3].float(), frame[ours][:, :3].float()
        shift[index] = strength * (seen.mean(dim=0) - had.mean(dim=0))
        low, high = _range(frame)
        for channel in range(3):
            plane = frame[..., channel]
            if method == "mean-std":
                gain, added = _mean_std(had[:, channel], seen[:, channel])
            else:
                gain, added = 1.0, _field(original[index, ..., channel].float() - plane.float(), ours, ring * BLOCK)
            added = added.expand(plane.shape)
            for rows in bands(*plane.shape):
                values = plane[rows].float()
                changed = values * gain + added[rows]
                mixed = torch.lerp(values, changed, strength).clamp_(low, high)
                plane[rows] = torch.where(values.isfinite(), mixed, values)
    return Matched(image, tuple(pixels), shift)


def _mean_std(had: Tensor, wanted: Tensor) -> tuple[float, Tensor]:
    """What to multiply [N] values by and then to add to them, to give them the mean and the spread of the others."""
    gain = 1.0
    if len(had) >= FEWEST and (spread := float(had.std())) > 0:
        gain = min(max(float(wanted.std()) / spread, 1 / MOST_GAIN), MOST_GAIN)
    return gain, wanted.mean() - gain * had.mean()


def _field(difference: Tensor, known: Tensor, block: float) -> Tensor:
    """A smooth surface [H, W] through the means, over blocks, of a difference where it is known, and on from there."""
    values, weight = torch.where(known, difference, 0)[None, None], known[None, None].float()
    sizes = []
    for _ in range(round(math.log2(max(block, 1)))):
        sizes.append(weight.shape[-2:])
        values, weight = halve(values), halve(weight)
    # A block with less of the ring in it is left to its neighbours.
    sure = (weight > 0) & (weight >= weight.max() / 4)
    shift = values.sum() / weight.sum()
    blocks = torch.where(sure, values / weight.clamp(min=1e-12) - shift, 0)
    field = torch.where(sure, blocks, harmonic(blocks, sure)) + shift
    for height, width in reversed(sizes):
        field = double(field, height, width)
    return field[0, 0]


def _range(picture: Tensor) -> tuple[float, float]:
    """The smallest and the largest of a picture's values that are numbers, at least 0..1."""
    colors = picture[..., :3]
    low, high = colors.aminmax()
    if not (low.isfinite() and high.isfinite()):
        low, high = colors[colors.isfinite()].aminmax()
    return min(float(low), 0.0), max(float(high), 1.0)
