"""Color correction of the repainted picture, fitted on the known ring: the kept pixels around the hole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.checks import check_amount, check_choice
from ..core.errors import InpaintError
from ..imaging.harmonic import harmonic
from ..imaging.pyramid import double, halve
from ..masks.ring import ring_of
from .blend import check_pair
from .pair import all_finite, bands

METHODS = ("none", "mean-std", "field")
# With fewer known pixels the standard deviation is unreliable, and only the mean is matched.
FEWEST = 64
# The largest change of contrast, up or down. A larger one means that the ring shows different content.
MOST_GAIN = 1.5
# The field is fitted on means over blocks. Side of a block, as a fraction of the ring's width.
BLOCK = 1 / 4


@dataclass(frozen=True)
class Matched:
    """Pictures with corrected colors, and what the correction was fitted on."""

    image: Tensor
    """[B, H, W, C], same dtype and device as the repainted picture."""
    pixels: tuple[int, ...]
    """For each picture, the number of known pixels in the fit. 0 if there were none; that picture is unchanged."""
    shift: Tensor
    """[B, 3] float32: the mean change of red, green and blue over the known pixels."""
    asked: bool = True
    """False if the settings asked for no correction."""

    def report(self) -> str:
        """Return one line for the user."""
        return color_report(self.pixels, self.shift) if self.asked else "Color was left as it was."


def color_report(pixels: Sequence[int], shift: Tensor) -> str:
    """Return one line for pictures whose color was corrected. `pixels` and `shift` are those of `Matched`."""
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
    """Correct the colors of the repainted picture to match the original's around the mask.

    Only kept pixels within `ring` of the mask are compared. Both pictures should be equal there, so the model caused
    the difference. Pixels inside the mask do not influence the fit. Every method except "none" undoes a uniform shift
    exactly.

    - "mean-std": each channel gets the original's mean and standard deviation. Also undoes a change of contrast.
    - "field": adds a smooth field: the difference of the two pictures along the ring, extended inside by Laplace's
      equation. Also undoes a shift that varies around the mask.
    - "none": changes nothing.

    Args:
        original: [B, H, W, C] float, C = 3 or 4. B may be 1 for many repainted pictures.
        repainted: [B, H, W, C'] float of the same size: the model's whole output, not pasted yet. B may be 1.
        mask: [B, H, W] float, 0 = known. B may be 1.
        method: one of METHODS.
        strength: 0..1; 0 = no correction, 1 = full correction.
        ring: width of the ring in pixels.

    Returns:
        the whole repainted picture corrected, inside and outside the mask; same dtype, device and alpha; computed in
        float32. Values are clamped to 0..1, or to the picture's own range if that is wider. Pixels that are not finite
        stay as they are and do not influence the fit.

    Raises:
        InpaintError: if an input is not a picture or not a mask, sizes or batch lengths do not match, or a setting is
            out of range.
    """
    check_color_settings(method, strength, ring)
    batch = check_pair(original, repainted, mask)
    return matched(original, repainted.expand(batch, -1, -1, -1), mask, method, strength, ring)


def check_color_settings(method: str, strength: float, ring: float) -> None:
    """Check the settings of `match_color`."""
    check_choice("method", method, METHODS)
    if not 0 <= strength <= 1:
        raise InpaintError(f"strength: expected 0 to 1, got {strength}. Use 0 to leave colors as they are.")
    check_amount("ring", ring, "Use 0 for none.")


def matched(original: Tensor, repainted: Tensor, mask: Tensor, method: str, strength: float, ring: float) -> Matched:
    """`match_color` without checks, for the whole batch of repainted pictures."""
    batch = len(repainted)
    if method == "none" or strength == 0:
        return Matched(repainted, (0,) * batch, torch.zeros(batch, 3), asked=False)

    original = original.to(repainted.device).expand(batch, -1, -1, -1)
    known = ring_of(mask, ring).to(repainted.device).expand(batch, -1, -1)
    known = known & all_finite(original) & all_finite(repainted)
    image, shift = repainted.clone(), torch.zeros(batch, 3)
    pixels = known.sum(dim=(1, 2)).tolist()
    for index in (index for index, count in enumerate(pixels) if count):
        frame, fitted = image[index], known[index]
        target, source = original[index][fitted][:, :3].float(), frame[fitted][:, :3].float()
        shift[index] = strength * (target.mean(dim=0) - source.mean(dim=0))
        low, high = _range(frame)
        for channel in range(3):
            plane = frame[..., channel]
            if method == "mean-std":
                gain, offset = _mean_std(source[:, channel], target[:, channel])
            else:
                gain, offset = 1.0, _field(original[index, ..., channel].float() - plane.float(), fitted, ring * BLOCK)
            offset = offset.expand(plane.shape)
            for rows in bands(*plane.shape):
                values = plane[rows].float()
                corrected = values * gain + offset[rows]
                mixed = torch.lerp(values, corrected, strength).clamp_(low, high)
                plane[rows] = torch.where(values.isfinite(), mixed, values)
    return Matched(image, tuple(pixels), shift)


def _mean_std(source: Tensor, target: Tensor) -> tuple[float, Tensor]:
    """Return the gain and offset that give `source` [N] the mean and standard deviation of `target` [N]."""
    gain = 1.0
    if len(source) >= FEWEST and (spread := float(source.std())) > 0:
        gain = min(max(float(target.std()) / spread, 1 / MOST_GAIN), MOST_GAIN)
    return gain, target.mean() - gain * source.mean()


def _field(difference: Tensor, known: Tensor, block: float) -> Tensor:
    """Fit a smooth surface [H, W] to the block means of the known difference, and extend it over the picture."""
    values, weight = torch.where(known, difference, 0)[None, None], known[None, None].float()
    sizes = []
    for _ in range(round(math.log2(max(block, 1)))):
        sizes.append(weight.shape[-2:])
        values, weight = halve(values), halve(weight)
    # A block that holds little of the ring is noisy: it is interpolated from its neighbours.
    reliable = (weight > 0) & (weight >= weight.max() / 4)
    shift = values.sum() / weight.sum()
    blocks = torch.where(reliable, values / weight.clamp(min=1e-12) - shift, 0)
    field = torch.where(reliable, blocks, harmonic(blocks, reliable)) + shift
    for height, width in reversed(sizes):
        field = double(field, height, width)
    return field[0, 0]


def _range(picture: Tensor) -> tuple[float, float]:
    """Return the smallest and the largest finite color value of a picture, widened to include 0..1."""
    colors = picture[..., :3]
    low, high = colors.aminmax()
    if not (low.isfinite() and high.isfinite()):
        low, high = colors[colors.isfinite()].aminmax()
    return min(float(low), 0.0), max(float(high), 1.0)
