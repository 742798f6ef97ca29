"""The mask doctor: finds common problems of masks, reports them in plain sentences, and repairs them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.checks import (
    NOTHING_MASKED,
    as_bhw,
    as_mask,
    as_values,
    check_image,
    full_value,
    labels,
    match_mask,
    unusable_values,
)
from ..core.counting import count_above, count_differing, count_nonzero
from ..core.mask_floor import HIGHEST, floor_of, stretched
from ..core.threads import one_thread
from .clean import CleanUp, without_specks
from .operators.components import large_patches, without_holes
from .operators.grow import grown
from .operators.shapes import rectangles
from .operators.values import inverted, snapped, thresholded

# Patches and holes of fewer pixels are taken for accidents.
TINY = CleanUp.min_area
# Values this near to 0 or 1 count as meant to be 0 or 1.
NEAR = CleanUp.snap_tolerance
# Up to this maximum, values above 1 are taken for a sum of masks; above it, up to 255, for 8-bit values.
SUM = 16
# Share of the variance that a split in two has to explain: two clouds of values. A gradient has 0.75.
TWO_CLOUDS = 0.9


@dataclass(frozen=True)
class Finding:
    """One problem of a mask."""

    name: str
    """Short name of the problem."""
    problem: str
    """A sentence that describes it."""
    repair: str = ""
    """A sentence about the repair; "" if nothing was repaired."""


@dataclass(frozen=True)
class Examination:
    """The result of an examination."""

    mask: Tensor
    """[B, H, W] in 0..1; repaired if requested."""
    findings: list[Finding]
    """The problems found, in the order of the checks."""

    def report(self) -> str:
        """Return one line per finding."""
        lines = (f"{finding.problem} {finding.repair}".strip() for finding in self.findings)
        return "\n".join(lines) or "Nothing is odd about this mask."


@dataclass(frozen=True)
class _Context:
    """What the mask is checked against."""

    size: tuple[int, int, int] | None
    """Height, width and number of pictures; None without a picture."""
    binary: bool
    """Whether a hard mask is needed."""
    cell: int
    """Pixels per latent cell, along each side."""


# The result of a check: (problem, repair, function that returns the repaired mask), (problem,) if it has no repair, or
# None without a problem. Only repairs that are asked for are made.
_Result = tuple[str, str, Callable[[], Tensor]] | tuple[str] | None
_Check = Callable[[Tensor, _Context], _Result]


@one_thread()
def examine(
    mask: Tensor, image: Tensor | None = None, repair: bool = True, binary: bool = False, cell: int = 8
) -> Examination:
    """Check a mask for common problems and repair them.

    Args:
        mask: any shape that `as_bhw` takes, with any values.
        image: [B, H, W, C], the picture of the mask; None skips the checks of size and batch.
        repair: repair the problems that have a repair. If False, the mask is only converted to [B, H, W] floats in
            0..1 without NaN.
        binary: whether a hard mask is needed, as by models with inpainting inputs.
        cell: pixels per latent cell, along each side.

    Raises:
        InpaintError: if `mask` is no mask, or `image` is no IMAGE.
    """
    size = None
    if image is not None:
        check_image(image)
        size = (*image.shape[1:3], len(image))
    context = _Context(size, binary, cell)
    findings, current = _run(mask, context, _FORMAT_CHECKS | _CONTENT_CHECKS, repair)
    # One repair can cause another problem: a stroke widened over its soft edge leaves a nearly binary mask, which may
    # fall into patches when it is made binary. "inverted" is a guess, so it is made only once.
    new = findings
    while repair and any(finding.repair for finding in new):
        new, current = _run(current, context, _CONTENT_CHECKS, repair, skip="inverted")
        findings += [finding for finding in new if finding.repair]
    return Examination(as_mask(current), findings)


def _run(
    mask: Tensor, context: _Context, checks: dict[str, _Check], repair: bool, skip: str = ""
) -> tuple[list[Finding], Tensor]:
    """Run the checks in order, except `skip`, each on the mask that the last one left. Return findings and mask."""
    findings = []
    for name, check in checks.items():
        result = None if name == skip else check(mask, context)
        if result is None:
            continue
        problem, action, repaired = result if len(result) == 3 else (*result, "", None)
        # A mask in another format is always repaired, because later checks could not read it.
        if repaired is None or not (repair or name in _FORMAT_CHECKS):
            findings.append(Finding(name, problem))
            continue
        findings.append(Finding(name, problem, action))
        mask = repaired()
    return findings, mask


# ---- checks of the format --------------------------------------------------------------------------------------


def _shape(mask: Tensor, context: _Context) -> _Result:
    masks = as_bhw(mask)
    if mask.ndim == 3:
        return None
    count = "one mask" if len(masks) == 1 else f"{len(masks)} masks"
    return (
        f"It has {mask.ndim} dimensions, {list(mask.shape)}, instead of [B, H, W].",
        f"Read as {count}.",
        lambda: masks,
    )


def _type(mask: Tensor, context: _Context) -> _Result:
    if mask.is_floating_point() and mask.itemsize > 1:
        return None
    labelled, advice = labels(mask)
    if labelled:
        return labelled, advice, lambda: as_values(mask)
    full = 1 if mask.is_floating_point() else full_value(mask)
    span = "0 to 1" if mask.is_floating_point() else "0 and 1" if full == 1 else f"0 to {full}"
    problem = f"Its values are {str(mask.dtype).removeprefix('torch.')} instead of float."
    return problem, f"Read as {span}.", lambda: as_values(mask)


def _numbers(mask: Tensor, context: _Context) -> _Result:
    problem, repair = unusable_values(mask)
    return (problem, repair, lambda: mask.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0)) if problem else None


def _range(mask: Tensor, context: _Context) -> _Result:
    low, high = (float(end) for end in mask.aminmax())
    # Rounding errors, such as those of a resize, are not reported.
    if low >= -1e-5 and high <= 1 + 1e-5:
        return None
    problem = f"Its values go from {low:g} to {high:g} instead of 0 to 1."
    # A resize that rings, or rounds, leaves the range a little on both sides; most pixels are still 0 or 255 then.
    rings = low >= -0.25 * 255 and high <= 1.25 * 255 and _near_ends(mask) >= 0.5
    if high > SUM and (rings or 0 <= low <= high <= 255):
        return problem, "Divided by 255.", lambda: (mask / 255).clamp(0, 1)
    return problem, "Clamped to 0..1.", lambda: mask.clamp(0, 1)


def _near_ends(mask: Tensor) -> float:
    """Return the share of values within 2 of 0 or 255."""
    return float(((mask.abs() <= 2) | ((mask - 255).abs() <= 2)).float().mean())


def _floor(mask: Tensor, context: _Context) -> _Result:
    floor = floor_of(mask)
    return None if floor is None else (floor.problem, floor.repair, lambda: stretched(mask, floor))


# ---- checks against the picture --------------------------------------------------------------------------------


def _placeholder(mask: Tensor, context: _Context) -> _Result:
    if mask.shape[1:] != (64, 64) or mask.any() or context.size is None or context.size[:2] == (64, 64):
        return None
    problem = "It is 64x64 and empty: Load Image gives that for a picture without transparency."
    height, width, _ = context.size
    return problem, "Replaced by an empty mask of the picture's size.", lambda: mask.new_zeros(len(mask), height, width)


def _size(mask: Tensor, context: _Context) -> _Result:
    if context.size is None or context.size[:2] == mask.shape[1:] or _placeholder(mask, context):
        return None
    height, width, _ = context.size
    problem = f"It is {mask.shape[2]}x{mask.shape[1]}, the picture is {width}x{height}."
    if abs(mask.shape[2] * height / (mask.shape[1] * width) - 1) > 0.02:
        problem += " Their proportions differ: is it the mask of this picture?"
    return problem, "Stretched to the picture's size.", lambda: match_mask(mask, height, width, len(mask))


def _batch(mask: Tensor, context: _Context) -> _Result:
    if context.size is None or len(mask) in (1, context.size[2]):
        return None
    pictures = context.size[2]
    if pictures == 1:
        return None
    problem = f"There are {len(mask)} masks for {pictures} pictures."
    if len(mask) > pictures:
        return problem, f"Only the first {pictures} are used.", lambda: mask[:pictures]
    missing = pictures - len(mask)
    rest = mask[-1:].expand(missing, -1, -1)
    return problem, "The last is used for the rest.", lambda: torch.cat([mask, rest])


# ---- checks of the content -------------------------------------------------------------------------------------


def _empty_or_full(mask: Tensor, context: _Context) -> _Result:
    if not mask.any():
        return (NOTHING_MASKED,)
    problems = []
    for word, matches in (("empty: nothing", mask == 0), ("full: everything", mask == 1)):
        count = int(matches.flatten(1).all(dim=1).sum())
        if count == len(mask):
            return (f"It is {word} is repainted.",)
        if count:
            problems.append(f"{count} of {len(mask)} masks {'is' if count == 1 else 'are'} {word} is repainted there.")
    return (" ".join(problems),) if problems else None


def _inverted(mask: Tensor, context: _Context) -> _Result:
    """The border is masked, and the kept area is an island inside it.

    A rectangular island is not reported: an extended (outpainted) picture has one.
    """
    # Pinholes are removed, because beside a rectangle they would hide that it is one.
    kept = large_patches((mask < 0.5).float(), TINY)
    rims = torch.cat([kept[:, 0], kept[:, -1], kept[:, :, 0], kept[:, :, -1]], dim=1).mean(dim=1)
    shares = kept.mean(dim=(1, 2))
    odd = (shares > 0) & (shares < 0.5) & (rims <= 0.1)
    # Few masks come so far, and what follows takes time.
    if odd.any():
        odd &= shares <= 0.95 * rectangles(kept).mean(dim=(1, 2))
    count = int(odd.sum())
    if not count:
        return None
    problem = f"It covers the border all round and {1 - float(shares[0]):.0%} of the picture, so it looks inverted."
    if len(mask) > 1:
        which = f"{count} of {len(mask)} masks"
        problem = f"{which} cover the border all round and most of the picture, so they look inverted."
    return problem, "Inverted.", lambda: torch.where(odd[:, None, None].to(mask.device), inverted(mask), mask)


def _noisy(mask: Tensor, context: _Context) -> _Result:
    """Most of the mask lies in two clouds of values, and the lower one is not at 0: probabilities, or a bad cast."""
    values = mask.flatten().float()
    counts = torch.histc(values, 256, 0, 1)
    share, levels = counts / counts.sum(), (torch.arange(256, device=mask.device) + 0.5) / 256
    below, mean = share.cumsum(0), (share * levels).cumsum(0)
    # Otsu's threshold: the split with the largest variance between both parts.
    between = (mean[-1] * below - mean) ** 2 / (below * (1 - below)).clamp(min=1e-9)
    split = int(between.argmax())
    total = float((share * (levels - mean[-1]) ** 2).sum())
    is_low = values <= levels[split] + 1 / 512
    # Of most masks the background is black. Its median takes a while to find, and is then not needed.
    if 2 * (len(values) - count_above(values, 1 / 255)) > count_nonzero(is_low):
        return _nowhere_0(mask)
    low, high = values[is_low], values[~is_low]
    clouds = len(low) and len(high) and total > 0 and float(between[split]) / total >= TWO_CLOUDS
    # One and the same value above that of a background is meant: 0.3 behind a subject.
    meant = clouds and low.median() > (HIGHEST + 1) / 255 and _near(low, low.median()) >= 0.5
    if not clouds or meant or float(low.median()) <= 2 / 255 or float(high.median() - low.median()) < 0.4:
        return _nowhere_0(mask)
    black, white = float(_quantile(low, 0.998)), float(high.median())
    problem = f"Its background is not 0 but about {float(low.median()):.2g}, on {len(low) / len(values):.0%} of it."
    action = f"Stretched from {black:.2g}..{white:.2g} to 0..1."
    return problem, action, lambda: ((mask - black) / (white - black)).clamp(0, 1)


def _nowhere_0(mask: Tensor) -> _Result:
    lowest = float(mask.min())
    return None if lowest <= NEAR or lowest >= 1 - NEAR else (f"It is nowhere 0: its lowest value is {lowest:.2g}.",)


def _near(values: Tensor, value: Tensor) -> float:
    """Return the share of values within 1/255 of this one."""
    return float(((values - value).abs() <= 1.001 / 255).float().mean())


def _quantile(values: Tensor, share: float) -> Tensor:
    """Return the value below which so large a share lies."""
    return values.kthvalue(max(1, round(share * len(values)))).values


def _nearly_hard(mask: Tensor, context: _Context) -> _Result:
    repaired = snapped(mask, NEAR)
    changed = count_differing(repaired, mask)
    # A soft edge has some of these values too. Only in a mask that is meant to be hard do they outnumber soft values.
    if changed <= _soft_pixels(mask):
        return None
    return f"{_are(changed, 'pixel')} nearly 0 or nearly 1 (within {NEAR:g}).", "Rounded to 0 or 1.", lambda: repaired


def _soft(mask: Tensor, context: _Context) -> _Result:
    soft = _soft_pixels(mask)
    if not soft:
        return None
    if not context.binary:
        return (f"{_are(soft, 'pixel')} soft. Models with inpainting inputs take 0.5 and above as masked.",)
    problem = f"{_are(soft, 'pixel')} soft where a hard mask is needed."
    return problem, "Thresholded at 0.5.", lambda: thresholded(mask, 0.5)


def _soft_pixels(mask: Tensor) -> int:
    """Count the pixels that are not near 0 or 1."""
    return count_nonzero((mask > NEAR) & (mask < 1 - NEAR))


def _specks(mask: Tensor, context: _Context) -> _Result:
    repaired = without_specks(mask, TINY)
    removed = repaired != mask
    if not removed.any():
        return None
    return f"{_patches(removed, 'speck', 8)} of fewer than {TINY} pixels.", "Removed.", lambda: repaired


def _pinholes(mask: Tensor, context: _Context) -> _Result:
    repaired = without_holes(mask, TINY - 1)
    filled = repaired > mask
    if not filled.any():
        return None
    return f"{_patches(filled, 'pinhole', 4)} of fewer than {TINY} pixels.", "Filled.", lambda: repaired


def _thin(mask: Tensor, context: _Context) -> _Result:
    thin = _ThinStrokes.of(mask, context.cell)
    if not thin.count:
        return None
    problem = f"{_are(thin.count, 'stroke')} thinner than a latent cell of {context.cell} pixels."
    if thin.lost:
        which = "It" if thin.count == 1 else f"{thin.lost} of them"
        problem += f" {which} would vanish where a mask is resized without pooling, as ComfyUI does."
    return problem, "Widened to about a cell.", lambda: _widened(mask, thin, context.cell)


def _widened(mask: Tensor, thin: _ThinStrokes, cell: int) -> Tensor:
    """Widen thin strokes until none is: on the pixel grid the gain of a pixel depends on the stroke's direction."""
    repaired, still_thin, pixels = mask, thin.pixels(mask), 0
    while still_thin.any():
        pixels += 1
        repaired = torch.maximum(repaired, grown(still_thin.to(mask.dtype), pixels))
        still_thin = still_thin & _ThinStrokes.of(repaired, cell).pixels(mask)
    # Widening shrinks enclosed holes, possibly to pinholes.
    return without_holes(repaired, TINY - 1)


@dataclass(frozen=True)
class _ThinStrokes:
    """The patches that are narrower than a latent cell, and those that the host's resize would lose.

    A patch is narrower than a cell if none of its pixels is half a cell away from the kept area.
    """

    patches: list[tuple[np.ndarray, np.ndarray]]
    """For each frame: the labels of its patches, [H, W], and whether each is thin, [N]."""
    count: int
    """Number of thin patches."""
    lost: int
    """How many of them the host would lose."""

    @classmethod
    def of(cls, mask: Tensor, cell: int) -> _ThinStrokes:
        """Find the thin patches where the mask is 0.5 or more."""
        import cv2

        area = thresholded(mask, 0.5)
        # Squared distances are integers, so half a cell away is farther than the integer below.
        deep = grown(area, -math.sqrt(math.ceil(cell * cell / 4) - 1)).bool().cpu().numpy()
        # The host resizes bilinearly to the latent, so only the pixels around each cell's centre count.
        rows, columns = (_centres(length, cell) for length in mask.shape[1:])
        patches = []
        count = lost = 0
        for frame, deep_frame in zip(area.bool().cpu().numpy(), deep, strict=True):
            number, labels = cv2.connectedComponents(frame.view(np.uint8), connectivity=8)
            is_lost, is_narrow = np.ones((2, number), bool)
            is_lost[labels[np.ix_(rows, columns)]] = False
            is_narrow[labels[deep_frame]] = False
            is_thin = is_lost | is_narrow
            # Label 0 is the kept area.
            is_lost[0] = is_thin[0] = False
            count, lost = count + int(is_thin.sum()), lost + int(is_lost.sum())
            patches.append((labels, is_thin))
        return cls(patches, count, lost)

    def pixels(self, mask: Tensor) -> Tensor:
        """Return the pixels of the thin patches, [B, H, W] bool, on the device of `mask`."""
        frames = [is_thin.take(labels, mode="clip") for labels, is_thin in self.patches]
        return torch.from_numpy(np.stack(frames)).to(mask.device)


def _centres(length: int, cell: int) -> np.ndarray:
    """Return the indices of the pixels, along one side, that a bilinear resize to the latent reads."""
    cells = max(length // cell, 1)
    centres = (np.arange(cells) + 0.5) * length / cells - 0.5
    return np.union1d(np.floor(centres), np.ceil(centres)).astype(int)


def _border(mask: Tensor, context: _Context) -> _Result:
    sides = {"top": mask[:, 0], "bottom": mask[:, -1], "left": mask[:, :, 0], "right": mask[:, :, -1]}
    touched = [side for side, line in sides.items() if line.any()]
    if not touched or mask.all():
        return None
    listed = " and ".join(filter(None, [", ".join(touched[:-1]), touched[-1]]))
    return (f"It touches the picture's border ({listed}), where Mend does not fade it.",)


def _are(count: int, thing: str) -> str:
    """Format a count with its noun and verb: "1 pixel is", "2 pixels are"."""
    return f"1 {thing} is" if count == 1 else f"{count:,} {thing}s are"


def _patches(area: Tensor, thing: str, connectivity: int) -> str:
    """Count the connected patches of `area` and format the count: "There are 2 specks"."""
    import cv2

    frames = area.cpu().numpy().view(np.uint8)
    count = sum(cv2.connectedComponents(frame, connectivity=connectivity)[0] - 1 for frame in frames)
    return f"There is 1 {thing}" if count == 1 else f"There are {count:,} {thing}s"


# Run first. Their repairs are always applied.
_FORMAT_CHECKS: dict[str, _Check] = {
    "dimensions": _shape,
    "type": _type,
    "not finite": _numbers,
    "range": _range,
    "background": _floor,
}
_CONTENT_CHECKS: dict[str, _Check] = {
    "placeholder": _placeholder,
    "size": _size,
    "batch": _batch,
    "noisy background": _noisy,
    "nearly binary": _nearly_hard,
    # Before "inverted": exactly 0.5 counts as masked, and would still do so after inverting.
    "soft": _soft,
    "inverted": _inverted,
    "specks": _specks,
    "pinholes": _pinholes,
    "thin strokes": _thin,
    "empty or full": _empty_or_full,
    "border": _border,
}
