"""A repainted crop laid on its original by all that both show outside the mask."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.progress import pulse
from .align import Alignment, aligned
from .arrays import array, grey, sound
from .edits import edit_of
from .warp import warped

# A change of light by less is not one, in 0..1.
LEAST = 0.3 / 255


@dataclass(frozen=True)
class Motion:
    """How a crop lay on its original, and what was undone: a `finish.Motion`."""

    alignment: Alignment
    """The map between the two."""
    undone: bool
    """Whether the crop was changed."""
    account: str
    """What was found, and undone, in words."""

    @property
    def sure(self) -> bool:
        return self.alignment.sure

    @property
    def displacement(self) -> float:
        """Largest displacement in pixels."""
        return self.alignment.displacement

    def report(self) -> str:
        return self.account


@dataclass(frozen=True)
class Laid:
    """Crops laid on their originals: a `finish.Aligned`."""

    image: Tensor
    """[B, H, W, C], same dtype and device as the repainted crops."""
    drifts: tuple[Motion, ...]
    """One for each crop."""


def laid_on_original(original: Tensor, repainted: Tensor, unknown: Tensor, light: float = 1.0) -> Laid:
    """Undo a shift, zoom, turn, stretch, tilt or smooth bend that the model gave to the whole crop, and its light.

    Both are found on the known pixels, and the crop is sampled once. It stays as it is where the map is not believed.

    Args:
        original, repainted: [B, H, W, C] float sRGB of one size. B may be 1 for many repainted crops.
        unknown: [B, H, W], above 0 where pixels were repainted: nothing is measured there.
        light: 0..1, how much of the change of light is undone.
    """
    images, motions = repainted.clone(), []
    for index, image in enumerate(images):
        pulse()
        before, hole = (each[index if len(each) > 1 else 0] for each in (original, unknown))
        motions.append(_laid(image, before, hole, light))
    return Laid(images, tuple(motions))


def _laid(image: Tensor, original: Tensor, unknown: Tensor, light: float) -> Motion:
    """Lay one crop [H, W, C] on its original, in place."""
    before, after = array(original), array(image)
    hole = (unknown > 0).cpu().numpy()
    alignment = aligned(grey(before), grey(after), ~hole)
    if not alignment.sure:
        return Motion(alignment, False, alignment.account(after.shape[:2]))
    placed = torch.from_numpy(warped(after, alignment.mapping)[0])
    lines = [alignment.account(after.shape[:2])]
    if light > 0:
        edit = edit_of(before, after, alignment, ignored=hole)
        lines += edit.color_report()
        placed += light * (torch.from_numpy(edit.picture) - placed)
    undone = alignment.kind != "resize" or float((placed - torch.from_numpy(after)).abs().max()) > LEAST
    if undone:
        known = sound(image, alignment.mapping)
        image[..., :3] = torch.where(known[..., None], placed, torch.nan).to(image)
    return Motion(alignment, undone, " ".join(lines))
