"""The mask doctor: what is odd about a mask, in plain sentences, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.checks import as_bhw, as_mask, as_values, check_image, full_value, match_mask
from . import operators
from .clean import CleanUp, without_specks
from .operators.distance import distance_to

# A patch, or a hole, of fewer pixels was hardly painted on purpose.
TINY = CleanUp.min_area
# How near to 0 or 1 a value still counts as meant to be that.
NEAR = CleanUp.snap_tolerance
# Values up to this come from masks added up, higher ones up to 255 from 8 bits.
SUM = 16


@dataclass(frozen=True)
class Finding:
    """name: what the matter is called. said: a sentence about it. done: one about what was done, "" where nothing."""

    name: str
    said: str
    done: str = ""


@dataclass(frozen=True)
class Examination:
    """mask: [B, H, W] in 0..1, mended if that was asked for. findings: in the order they were looked for."""

    mask: Tensor
    findings: list[Finding]

    def report(self) -> str:
        """A line for each finding."""
        return "\n".join(f"{one.said} {one.done}".strip() for one in self.findings) or "Nothing is odd about this mask."


@dataclass(frozen=True)
class _Case:
    """What the mask is held against. size: height, width and number of pictures, None where no picture is given."""

    size: tuple[int, int, int] | None
    binary: bool
    cell: int


# What a look at a mask gives: a sentence, and what was done with the mask that came of it, where something was.
_Seen = tuple[str, str, Tensor] | tuple[str] | None
_Look = Callable[[Tensor, _Case], _Seen]


def examine(
    mask: Tensor, image: Tensor | None = None, repair: bool = True, binary: bool = False, cell: int = 8
) -> Examination:
    """Look for what commonly goes wrong with masks.

    Args:
        mask: anything `as_bhw` takes, with any values.
        image: [B, H, W, C], the picture it belongs to; None leaves size and batch unquestioned.
        repair: mend what is found, where something can be done. If not, the mask is only made one: [B, H, W] of
            floats in 0..1 without NaN.
        binary: the mask is needed hard, as models with inpainting inputs need it.
        cell: pixels to a latent cell, along each side.

    Raises:
        InpaintError: if it is no mask at all, or `image` no picture.
    """
    size = None
    if image is not None:
        check_image(image)
        size = (*image.shape[1:3], len(image))
    case = _Case(size, binary, cell)
    findings, current = _look(mask, case, _READING | _LOOKING, repair)
    # Mending one thing brings out another at times: a stroke widened over its soft edge leaves a mask that is nearly
    # binary, and made binary it may fall into patches. Whether it is inverted is a guess, made once.
    more = findings
    while repair and any(one.done for one in more):
        more, current = _look(current, case, _LOOKING, repair, but="inverted")
        findings += [one for one in more if one.done]
    return Examination(as_mask(current), findings)


def _look(
    mask: Tensor, case: _Case, looks: dict[str, _Look], repair: bool, but: str = ""
) -> tuple[list[Finding], Tensor]:
    """What the looks find, in their order but for one, each on the mask as those before it left it; and that mask."""
    findings = []
    for name, look in looks.items():
        seen = None if name == but else look(mask, case)
        if seen is None:
            continue
        said, done, mended = seen if len(seen) == 3 else (*seen, "", mask)
        # A mask that cannot be read as it is has to be mended, whether that was asked for or not.
        repaired = repair or name in _READING
        mask = mended if repaired else mask
        findings.append(Finding(name, said, done if repaired else ""))
    return findings, mask


# ---- what it takes to read it ----------------------------------------------------------------------------------


def _shape(mask: Tensor, case: _Case) -> _Seen:
    planes = as_bhw(mask)
    if mask.ndim == 3:
        return None
    count = "one mask" if len(planes) == 1 else f"{len(planes)} masks"
    return f"It has {mask.ndim} dimensions, {list(mask.shape)}, instead of [B, H, W].", f"Read as {count}.", planes


def _type(mask: Tensor, case: _Case) -> _Seen:
    if mask.is_floating_point():
        return None
    full = full_value(mask)
    span = "0 and 1" if full == 1 else f"0 to {full}"
    said = f"Its values are {str(mask.dtype).removeprefix('torch.')} instead of float."
    return said, f"Read as {span}.", as_values(mask)


def _numbers(mask: Tensor, case: _Case) -> _Seen:
    odd = int((~mask.isfinite()).sum())
    if not odd:
        return None
    mended = mask.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0)
    return f"{_are(odd, 'value')} NaN or infinite.", "NaN and -infinity became 0, infinity 1.", mended


def _range(mask: Tensor, case: _Case) -> _Seen:
    low, high = (float(end) for end in mask.aminmax())
    # What rounding leaves, after a resize for example, is not worth a word.
    if low >= -1e-5 and high <= 1 + 1e-5:
        return None
    said = f"Its values go from {low:g} to {high:g} instead of 0 to 1."
    if low >= 0 and SUM < high <= 255:
        return said, "Divided by 255.", mask / 255
    return said, "Cut off at 0 and 1.", mask.clamp(0, 1)


# ---- how it fits its picture -----------------------------------------------------------------------------------


def _placeholder(mask: Tensor, case: _Case) -> _Seen:
    if mask.shape[1:] != (64, 64) or mask.any() or case.size is None or case.size[:2] == (64, 64):
        return None
    said = (
        "It is 64x64 and empty: Load Image gives that for a picture without transparency. "
        "Paint one with Open in MaskEditor, or connect another."
    )
    height, width, _ = case.size
    return said, "Given the picture's size.", mask.new_zeros(len(mask), height, width)


def _size(mask: Tensor, case: _Case) -> _Seen:
    if case.size is None or case.size[:2] == mask.shape[1:] or _placeholder(mask, case):
        return None
    height, width, _ = case.size
    said = f"It is {mask.shape[2]}x{mask.shape[1]}, the picture {width}x{height}."
    if abs(mask.shape[2] * height / (mask.shape[1] * width) - 1) > 0.02:
        said += " Their proportions differ: is it the mask of this picture?"
    return said, "Stretched to it.", match_mask(mask, height, width, len(mask))


def _batch(mask: Tensor, case: _Case) -> _Seen:
    if case.size is None or len(mask) in (1, case.size[2]):
        return None
    pictures = case.size[2]
    if pictures == 1:
        return None
    said = f"There are {len(mask)} masks for {pictures} pictures."
    if len(mask) > pictures:
        return said, f"Only the first {pictures} are used.", mask[:pictures]
    more = pictures - len(mask)
    return said, "The last is used for the rest.", torch.cat([mask, mask[-1:].expand(more, -1, -1)])


# ---- what it holds ---------------------------------------------------------------------------------------------


def _empty_or_full(mask: Tensor, case: _Case) -> _Seen:
    said = []
    for word, alike in (("empty: nothing", mask == 0), ("full: everything", mask == 1)):
        count = int(alike.flatten(1).all(dim=1).sum())
        if count == len(mask):
            return (f"It is {word} is repainted.",)
        if count:
            said.append(f"{count} of {len(mask)} masks {'is' if count == 1 else 'are'} {word} is repainted there.")
    return (" ".join(said),) if said else None


def _inverted(mask: Tensor, case: _Case) -> _Seen:
    """Masked along the border, and what is kept an island; but no rectangle, as when a picture is extended."""
    # A pinhole is no island, and beside a rectangle it would hide that this is one.
    kept = operators.remove_specks((mask < 0.5).float(), TINY)
    rims = torch.cat([kept[:, 0], kept[:, -1], kept[:, :, 0], kept[:, :, -1]], dim=1).mean(dim=1)
    shares, in_boxes = kept.mean(dim=(1, 2)), operators.bounding_box(kept).mean(dim=(1, 2))
    odd = (shares > 0) & (shares < 0.5) & (rims <= 0.1) & (shares <= 0.95 * in_boxes)
    count = int(odd.sum())
    if not count:
        return None
    said = f"It covers the border all round and {1 - float(shares[0]):.0%} of the picture, so it looks inverted."
    if len(mask) > 1:
        said = f"{count} of {len(mask)} masks cover the border all round and most of the picture: inverted, it seems."
    return said, "Inverted.", torch.where(odd[:, None, None].to(mask.device), operators.invert(mask), mask)


def _nearly_hard(mask: Tensor, case: _Case) -> _Seen:
    mended = operators.snap(mask, NEAR)
    changed = int((mended != mask).sum())
    # A soft edge passes these values on its way; a mask meant to be hard has little else.
    if changed <= _soft_pixels(mask):
        return None
    return f"{_are(changed, 'pixel')} nearly 0 or nearly 1, by {NEAR:g} or less.", "Made exactly that.", mended


def _soft(mask: Tensor, case: _Case) -> _Seen:
    soft = _soft_pixels(mask)
    if not soft:
        return None
    if not case.binary:
        return (f"{_are(soft, 'pixel')} soft. Models with inpainting inputs see 0.5 and more as masked.",)
    return f"{_are(soft, 'pixel')} soft where a hard mask is needed.", "Cut at 0.5.", operators.threshold(mask, 0.5)


def _soft_pixels(mask: Tensor) -> int:
    return int(((mask > NEAR) & (mask < 1 - NEAR)).sum())


def _specks(mask: Tensor, case: _Case) -> _Seen:
    mended = without_specks(mask, TINY)
    removed = mended != mask
    if not removed.any():
        return None
    return f"{_patches(removed, 'speck', 8)} of fewer than {TINY} pixels.", "Removed.", mended


def _pinholes(mask: Tensor, case: _Case) -> _Seen:
    mended = operators.fill_holes(mask, TINY - 1)
    filled = mended > mask
    if not filled.any():
        return None
    return f"{_patches(filled, 'pinhole', 4)} of fewer than {TINY} pixels.", "Filled.", mended


def _thin(mask: Tensor, case: _Case) -> _Seen:
    thin, count, lost = _thin_strokes(mask, case.cell)
    if not count:
        return None
    said = f"{_are(count, 'stroke')} thinner than a latent cell of {case.cell} pixels."
    if lost:
        which = "It" if count == 1 else f"{lost} of them"
        said += f" {which} would vanish where a mask is resized without pooling, as the host does."
    # How far is found by trying: on the pixel grid a stroke does not widen by the same in every direction.
    mended, left, reach = mask, thin, 0
    while left.any():
        reach += 1
        mended = torch.maximum(mended, operators.grow(left.to(mask.dtype), reach))
        left = left & _thin_strokes(mended, case.cell)[0]
    # What strokes enclose has become smaller too.
    return said, "Widened to about a cell.", operators.fill_holes(mended, TINY - 1)


def _thin_strokes(mask: Tensor, cell: int) -> tuple[Tensor, int, int]:
    """Patches in which no pixel is half a latent cell away from what is kept, and those that the host would lose.

    Returns:
        where they are, [B, H, W] bool; how many there are; how many of them the host would lose.
    """
    import cv2

    thin = torch.zeros_like(mask, dtype=torch.bool)
    count = lost = 0
    # The host resizes to the latent bilinearly: of a cell's pixels, only those about its centre count.
    rows, columns = (_centres(length, cell) for length in mask.shape[1:])
    for frame, result in zip((mask >= 0.5).cpu().numpy(), thin, strict=True):
        patches, labels = cv2.connectedComponents(frame.view(np.uint8), connectivity=8)
        is_lost, is_narrow = np.ones((2, patches), bool)
        is_lost[labels[np.ix_(rows, columns)]] = False
        is_narrow[labels[distance_to(~frame) >= cell / 2]] = False
        is_thin = is_lost | is_narrow
        # The first label is that of what is kept.
        is_lost[0] = is_thin[0] = False
        count, lost = count + int(is_thin.sum()), lost + int(is_lost.sum())
        result.copy_(torch.from_numpy(is_thin.take(labels, mode="clip")))
    return thin, count, lost


def _centres(length: int, cell: int) -> np.ndarray:
    """Pixels along a side of the picture that a bilinear resize to the latent looks at."""
    cells = max(length // cell, 1)
    centres = (np.arange(cells) + 0.5) * length / cells - 0.5
    return np.union1d(np.floor(centres), np.ceil(centres)).astype(int)


def _border(mask: Tensor, case: _Case) -> _Seen:
    sides = {"top": mask[:, 0], "bottom": mask[:, -1], "left": mask[:, :, 0], "right": mask[:, :, -1]}
    touched = [side for side, line in sides.items() if line.any()]
    if not touched or mask.all():
        return None
    listed = " and ".join(filter(None, [", ".join(touched[:-1]), touched[-1]]))
    return (f"It touches the picture's border ({listed}), where Mend does not fade it.",)


def _are(count: int, thing: str) -> str:
    return f"1 {thing} is" if count == 1 else f"{count:,} {thing}s are"


def _patches(area: Tensor, thing: str, connectivity: int) -> str:
    import cv2

    frames = area.cpu().numpy().view(np.uint8)
    count = sum(cv2.connectedComponents(frame, connectivity=connectivity)[0] - 1 for frame in frames)
    return f"There is 1 {thing}" if count == 1 else f"There are {count:,} {thing}s"


_READING: dict[str, _Look] = {
    "dimensions": _shape,
    "type": _type,
    "not finite": _numbers,
    "range": _range,
}
_LOOKING: dict[str, _Look] = {
    "placeholder": _placeholder,
    "size": _size,
    "batch": _batch,
    "nearly binary": _nearly_hard,
    # Before it is inverted: what is exactly 0.5 counts as masked, and would do so on either side.
    "soft": _soft,
    "inverted": _inverted,
    "specks": _specks,
    "pinholes": _pinholes,
    "thin strokes": _thin,
    "empty or full": _empty_or_full,
    "border": _border,
}
