"""What was edited in a picture: the map between the two, the change of light, and a mask of the edit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .agreement import agreement
from .align import Alignment
from .arrays import grey
from .find import find
from .light import Light, fit_light
from .reduce import reduced
from .warp import warped

# Larger pictures are searched at this many pixels: an edit's outline is then exact to the pixels of the reduced one.
MOST = 1.5e6
# Where so much of the picture seems edited, nothing that was kept is left to measure on.
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Edit:
    """What was edited in one picture."""

    mask: np.ndarray
    """[H, W] bool, on the original's grid."""
    inside: np.ndarray
    """[H, W] bool: where the edited picture has content."""
    picture: np.ndarray
    """[H, W, 3] float32: the edited picture on the original's grid, in the original's light."""
    alignment: Alignment
    """The map between the two pictures, and how reliable it is."""
    shift: tuple[float, float, float]
    """Mean change of red, green and blue where nothing was edited, which was undone."""
    unlike: bool
    """Whether nearly everything differs, so that the mask is not to be believed."""

    @property
    def confidence(self) -> float:
        """Share of the original's structure that the edited picture shows too, 0..1; 0 if the map is not believed."""
        return self.alignment.share if self.alignment.sure and not self.unlike else 0.0

    def report(self, edited: tuple[int, ...]) -> list[str]:
        """Return sentences for the user.

        Args:
            edited: (height, width) of the edited picture.
        """
        lines = [self.alignment.account(edited), *self.color_report()]
        if self.unlike:
            lines.append("Nearly everything differs: these may not be two versions of one picture.")
        elif not self.mask.any():
            lines.append("No edit found.")
        else:
            lines.append(f"Edited: {self.mask.mean():.1%} of the picture.")
        return lines

    def color_report(self) -> list[str]:
        """Return a sentence on the change of color, if there was one."""
        red, green, blue = (round(255 * each, 1) + 0.0 for each in self.shift)
        if max(map(abs, (red, green, blue))) < 0.3:
            return []
        return [f"Change of color undone: red {red:+.1f}, green {green:+.1f}, blue {blue:+.1f} of 255."]


def edit_of(
    original: np.ndarray,
    edited: np.ndarray,
    alignment: Alignment,
    more: float = 0.0,
    match_light: bool = True,
    ignored: np.ndarray | None = None,
) -> Edit:
    """Find what was edited, and bring the edited picture to the original's grid and light.

    Args:
        original, edited: [H, W, 3] and [h, w, 3] float32 sRGB in 0..1.
        alignment: the map between them, from `align.aligned`.
        more: -1..1; above 0 finds fainter edits, below 0 only clearer ones.
        match_light: whether to undo the change of light.
        ignored: [H, W] bool: pixels known to be edited, which nothing is measured on.
    """
    small, small_edited = reduced(original, MOST), reduced(edited, MOST)
    mapping = alignment.mapping.rescaled(small.shape[:2], edited.shape[:2], small_edited.shape[:2])
    placed, inside = warped(small_edited, mapping)
    measured = inside if ignored is None else inside & (_resized(ignored, small.shape) < 0.01)
    same = agreement(grey(small), grey(placed), measured).same
    mask = find(small, placed, inside, same & measured, more)
    unchanged = measured & ~mask
    unlike = bool(mask.sum() > NEARLY_ALL * inside.sum())
    light = fit_light(placed, small, unchanged) if match_light and not unlike else Light(None, 0)
    lit = light(placed)
    shift = (lit - placed)[unchanged].mean(axis=0) if unchanged.any() else np.zeros(3)
    if small is not original:
        del placed, lit
        mask = _resized(mask, original.shape) > 0.25
        picture, inside = warped(edited, alignment.mapping)
        lit = light(picture)
    red, green, blue = (float(-each) for each in shift)
    return Edit(mask, inside, lit, alignment, (red, green, blue), unlike)


def _resized(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    import cv2

    shrinks = mask.size > shape[0] * shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=way)
