"""Color correction of the repainted picture, fitted on the known ring: the kept pixels around the hole."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..core.checks import check_amount, check_choice, is_finite
from ..core.errors import InpaintError
from ..core.progress import pulse
from ..imaging.harmonic import TOLERANCE, harmonic
from ..imaging.pyramid import double
from ..masks.ring import ring_of
from .blend import check_pair
from .outliers import Ordinary
from .pair import all_finite, bands

METHODS = ("auto", "none", "mean-std", "field")
# With fewer known pixels the contrast is unreliable, and only the mean is matched; "auto" does nothing.
FEWEST = 64
# The largest change of contrast, up or down. A larger one means that the ring shows different content.
MOST_GAIN = 1.5
# Contrast stays where the ring's spread, for values in 0..1, is below the first; or its variance below the second times
# what is left unexplained. There it is one of grain, which a model makes anew.
FLAT, NOISE = 0.02, 30.0
# Colors are fitted on means over blocks, which neither grain nor a small shift changes. Side of a block, as a fraction
# of the ring's width.
BLOCK = 1 / 4
# "auto" foretells each of this number of sectors of the ring from the others.
SECTORS = 8
# It does so on a grid of at most this number of blocks: coarser ones in a large picture.
MOST_BLOCKS = 2**12
# How exactly it solves the fields that it only compares: to half a step of 8 bits.
ROUGH = 1 / 512
# How many standard errors a correction has to be better than a simpler one.
SURE = 2.0


@dataclass(frozen=True)
class Matched:
    """Pictures with corrected colors, and what the correction was fitted on."""

    image: Tensor
    """[B, H, W, C], same dtype and device as the repainted picture."""
    pixels: tuple[int, ...]
    """For each picture, the number of known pixels in the fit. 0 if there were none; that picture is unchanged."""
    shift: Tensor
    """[B, 3] float32: the mean change of red, green and blue over the known pixels."""
    methods: tuple[str, ...]
    """For each picture, the method that was used: the one asked for, or the one that "auto" chose."""
    asked: str
    """The method asked for; "none" if the strength is 0."""

    def report(self) -> str:
        """Return one line for the user."""
        if self.asked == "none":
            return "Color was left as it was."
        return color_report(self.asked, self.methods, self.pixels, self.shift)


def color_report(asked: str, methods: Sequence[str], pixels: Sequence[int], shift: Tensor) -> str:
    """Return one line for pictures whose color was corrected. The arguments are those of `Matched`."""
    fitted = [index for index, count in enumerate(pixels) if count]
    if not fitted:
        return "Color was not corrected: no known pixels lie around the mask to fit it on."
    red, green, blue = (shift[fitted].mean(dim=0) * 255).tolist()
    fit = f"red {red:+.1f}, green {green:+.1f}, blue {blue:+.1f} of 255"
    known = f"{sum(pixels):,} known pixels"
    unfitted = len(pixels) - len(fitted)
    rest = f" {unfitted} of {len(pixels)} pictures have no known pixels to fit on." if unfitted else ""
    chosen = Counter(methods[index] for index in fitted)
    if asked != "auto":
        return f"Color fitted on {known}: {fit}.{rest}"
    if set(chosen) == {"none"}:
        return f"Color: auto chose none: on {known} no correction is sure to help.{rest}"
    names = ", ".join(f"{name} in {count}" if len(chosen) > 1 else name for name, count in chosen.most_common())
    return f"Color: auto chose {names}: {fit} on {known}.{rest}"


def match_color(
    original: Tensor, repainted: Tensor, mask: Tensor, method: str = "auto", strength: float = 1.0, ring: float = 32
) -> Matched:
    """Correct the colors of the repainted picture to match the original's around the mask.

    Only kept pixels within `ring` of the mask are compared. Both pictures should be equal there, so the model caused
    the difference. Pixels inside the mask do not influence the fit, nor do known pixels that differ quite otherwise
    than most: they show something else.

    - "mean-std": each channel gets the original's mean and contrast, by a regression on the ring. The flatter the ring,
      the less it tells of contrast, and the less contrast changes.
    - "field": the same, and a smooth field: what is left of the difference along the ring, extended inside by Laplace's
      equation. Also undoes a shift that varies around the mask.
    - "auto": the simplest of "none", "mean-std" and "field" that foretells the ring's difference. Each sector of the
      ring is foretold from the others. A method counts as better than a simpler one if its squared error is smaller by
      more than twice the standard error. "none" if the ring is too small, or the two pictures show different things.
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
        return Matched(repainted, (0,) * batch, torch.zeros(batch, 3), ("none",) * batch, "none")

    original = original.to(repainted.device).expand(batch, -1, -1, -1)
    known = ring_of(mask, ring).to(repainted.device).expand(batch, -1, -1)
    if not (is_finite(original) and is_finite(repainted)):
        known = known & all_finite(original) & all_finite(repainted)
    image, shift = repainted, torch.zeros(batch, 3)
    pixels, methods = [0] * batch, ["none"] * batch
    for index in range(batch):
        pulse()
        blocks = _Blocks.of(original[index], repainted[index], known[index], ring * BLOCK)
        if blocks is None:
            continue
        pixels[index] = blocks.pixels
        methods[index] = _chosen(blocks) if method == "auto" else method
        if methods[index] == "none":
            continue
        if image is repainted:
            image = repainted.clone()
        shift[index] = strength * blocks.shift
        _correct(image[index], blocks, methods[index] == "field", strength)
    return Matched(image, tuple(pixels), shift, tuple(methods), method)


@dataclass(frozen=True)
class _Blocks:
    """Means of two pictures over square blocks of the known ring, without the pixels that show something else."""

    had: Tensor
    """[3, h, w] float64: means of the repainted picture; 0 in blocks without known pixels."""
    seen: Tensor
    """[3, h, w] float64: those of the original."""
    count: Tensor
    """[h, w] float64: number of pixels in each block."""
    halvings: int
    """A block's side is 2 to the power of this."""
    alike: bool
    """Whether the two pictures show the same on the ring, but for outliers."""

    @classmethod
    def of(cls, original: Tensor, repainted: Tensor, known: Tensor, side: float) -> _Blocks | None:
        """Average two pictures [H, W, C] over blocks of about `side` pixels where `known` [H, W]; None if nowhere."""
        rows, columns = known.nonzero(as_tuple=True)
        if not len(rows):
            return None
        seen, had = (picture[rows, columns][:, :3].float() for picture in (original, repainted))
        ordinary = Ordinary.of(seen - had)
        counts = ordinary.holds((seen - had).T)
        halvings = round(math.log2(max(side, 1)))
        height, width = ((length + 2**halvings - 1) >> halvings for length in known.shape)
        place = ((rows >> halvings) * width + (columns >> halvings))[counts].cpu()
        values = torch.cat([had, seen, torch.ones_like(had[:, :1])], dim=1)[counts].double().cpu()
        sums = torch.zeros(height * width, 7, dtype=torch.float64).index_add_(0, place, values)
        sums = sums.T.reshape(7, height, width)
        means = sums[:6] / sums[6].clamp(min=1)
        return cls(means[:3], means[3:], sums[6], halvings, ordinary.alike)

    @property
    def pixels(self) -> int:
        """Number of pixels that count."""
        return int(self.count.sum())

    @property
    def shift(self) -> Tensor:
        """[3] float32: the mean difference of the two pictures."""
        return (((self.seen - self.had) * self.count).sum(dim=(1, 2)) / self.count.sum()).float()

    @property
    def reliable(self) -> Tensor:
        """[h, w] bool: blocks that hold enough of the ring for their mean to be trusted."""
        return (self.count > 0) & (self.count >= self.count.max() / 4)

    def coarser(self) -> _Blocks:
        """Return blocks of twice the side."""
        sums = torch.cat([self.had * self.count, self.seen * self.count, self.count[None]])
        sums = avg_pool2d(sums, 2, ceil_mode=True, divisor_override=1)
        means = sums[:6] / sums[6].clamp(min=1)
        return _Blocks(means[:3], means[3:], sums[6], self.halvings + 1, self.alike)

    @cached_property
    def sums(self) -> Tensor:
        """[h, w, 3, 5, 5]: what `_regression` needs of each block, sums of products of 1, x, y, had and seen."""
        one = torch.ones_like(self.had)
        y, x = ((torch.arange(size) - size / 2).double() / max(one.shape) for size in one.shape[1:])
        terms = torch.stack([one, x * one, y[:, None] * one, self.had, self.seen], dim=-1).movedim(0, 2)
        return terms[..., :, None] * terms[..., None, :] * self.count[..., None, None, None]

    def left(self, gain: Tensor, offset: Tensor) -> Tensor:
        """[..., 3, h, w]: the difference that gain and offset [..., 3] leave."""
        return self.seen - (gain[..., None, None] * self.had + offset[..., None, None])


def _regression(sums: Tensor, sloped: bool) -> tuple[Tensor, Tensor]:
    """Return gain and offset [..., 3] of each channel, from `_Blocks.sums` added up, [..., 3, 5, 5].

    A ratio of the two spreads would be no measure of contrast: where the ring is flat, it is one of grain against
    grain. The slope of a regression sees only what both pictures share. A prior holds it at 1, with the weight of
    a spread far above what is not shared. If `sloped`, a change that grows from side to side is none of contrast.
    """
    count = sums[..., 0, 0].clamp(min=1)
    mean = sums / count[..., None, None]
    had, seen = mean[..., 0, 3], mean[..., 0, 4]
    given = 3 if sloped else 1
    place, cross = mean[..., :given, :given], mean[..., :given, 3:]
    # The prior on the slopes only keeps the system solvable where the ring is a line.
    spread = mean[..., 3:, 3:] - cross.mT @ torch.linalg.solve(place + 1e-6 * torch.eye(given).to(place), cross)
    had_variance, seen_variance, covariance = spread[..., 0, 0], spread[..., 1, 1], spread[..., 0, 1]
    larger, smaller = torch.maximum(had_variance, seen_variance), torch.minimum(had_variance, seen_variance)
    unshared = larger - covariance**2 / smaller.clamp(min=1e-12)
    prior = FLAT**2 + NOISE * unshared.clamp(min=0)
    gain = (covariance + prior) / (had_variance + prior)
    gain = torch.where(count >= FEWEST, gain.clamp(1 / MOST_GAIN, MOST_GAIN), 1.0)
    return gain, seen - gain * had


def _field(left: Tensor, known: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Extend what is left of the difference, [B, 3, h, w], from known blocks, [B, 1, h, w] bool, over all of them."""
    values = torch.where(known, left, 0).float()
    return torch.where(known, values, harmonic(values, known, tolerance))


def _chosen(blocks: _Blocks) -> str:
    """Return the simplest method that foretells each sector of the ring from the others; see `match_color`."""
    while blocks.count.numel() > MOST_BLOCKS:
        blocks = blocks.coarser()
    sector = _sectors(blocks)
    present = [number for number in range(SECTORS) if bool((sector == number).any())]
    if not blocks.alike or blocks.pixels < FEWEST or len(present) < 3:
        return "none"
    # [N, 1, h, w] bool: the blocks of each sector, which is foretold.
    hidden = torch.stack([sector == number for number in present])[:, None]
    own = torch.einsum("nhw,hwcij->ncij", hidden[:, 0].to(blocks.sums), blocks.sums)
    others = blocks.sums.sum(dim=(0, 1)) - own
    left = [blocks.left(*_regression(others, sloped)) for sloped in (False, True)]
    errors = {
        "none": blocks.seen - blocks.had,
        "mean-std": left[0],
        "field": left[1] - _field(left[1], blocks.reliable & ~hidden, ROUGH),
    }
    # Mean squared error of each sector.
    scores = {
        name: (torch.where(hidden, error**2, 0).sum(dim=(1, 2, 3)) / hidden.sum(dim=(1, 2, 3)))
        for name, error in errors.items()
    }
    best = "none"
    for name in ("mean-std", "field"):
        better = scores[best] - scores[name]
        if better.mean() > SURE * better.std() / math.sqrt(len(better)):
            best = name
    return best


def _sectors(blocks: _Blocks) -> Tensor:
    """Return the sector of the ring that each block lies in, seen from the ring's centre, [h, w]; -1 if unreliable."""
    rows, columns = blocks.reliable.nonzero(as_tuple=True)
    angle = torch.atan2(rows - rows.double().mean(), columns - columns.double().mean())
    sector = torch.full(blocks.count.shape, -1)
    sector[rows, columns] = ((angle / (2 * math.pi) % 1) * SECTORS).long().clamp(max=SECTORS - 1)
    return sector


def _correct(picture: Tensor, blocks: _Blocks, with_field: bool, strength: float) -> None:
    """Correct a picture [H, W, C] in place."""
    gain, offset = _regression(blocks.sums.sum(dim=(0, 1)), sloped=with_field)
    field = None
    if with_field:
        left = blocks.left(gain, offset)
        field = _field(left[None], blocks.reliable[None, None])[0].to(picture.device)
        for halving in reversed(range(blocks.halvings)):
            field = double(field, *((length + 2**halving - 1) >> halving for length in picture.shape[:2]))
    low, high, finite = _range(picture)
    # One factor and one sum for each of a band's values: broadcasting over the last axis is several times slower.
    shape = next(bands(*picture.shape[:2])).stop, picture.shape[1], 3
    factor = (1 + strength * (gain - 1)).to(picture.device, torch.float32).expand(shape).contiguous()
    added = (strength * offset).to(picture.device, torch.float32).expand(shape).contiguous()
    for band in bands(*picture.shape[:2]):
        colors = picture[band, :, :3]
        values = colors.float()
        corrected = torch.addcmul(added[: len(values)], values, factor[: len(values)])
        if field is not None:
            corrected.add_(field[:, band].movedim(0, -1), alpha=strength)
        corrected.clamp_(low, high)
        colors.copy_(corrected if finite else torch.where(values.isfinite(), corrected, values))


def _range(picture: Tensor) -> tuple[float, float, bool]:
    """Return the smallest and the largest finite color of a picture, widened to include 0..1, and whether all are."""
    colors = picture[..., :3]
    low, high = colors.aminmax()
    finite = bool(low.isfinite() and high.isfinite())
    if not finite:
        low, high = colors[colors.isfinite()].aminmax()
    return min(float(low), 0.0), max(float(high), 1.0), finite
