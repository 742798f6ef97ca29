"""The seam score: how much a pasted area stands out along its edge from the picture around it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.checks import check_fits
from ..core.progress import pulse
from ..core.threads import one_thread
from ..masks.boxes import boxes_of
from .edge_lines import GROUP, Bands, EdgeLines

# Width in pixels of the bands that are compared.
BAND = 3
# The first bands lie just inside and just outside the soft edge. The others follow at the same distance from each
# other: three on each side, so that the picture's own steps are measured on both sides without the seam.
BANDS = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
SEAM = 2  # the step between bands 2 and 3
# Fewest of the picture's own steps by which a place can be judged.
FEWEST = 2
# The mask's values between these shares of its largest count as the soft edge.
SOFT = (0.02, 0.98)
# A step this large counts 1 where the picture has no steps of its own. Lightness L*, and a* and b*: eyes see less of a
# tint than of a step in lightness.
LEAST = np.array([2.0, 4.0, 4.0])
# The same for detail inside divided by detail outside, as a natural logarithm, and the detail in L* that is not seen.
LEAST_DETAIL, UNSEEN_DETAIL = 0.3, 0.35
# Grain is seen between neighbours; what is soft already shows a blur only over a larger spacing.
SPACINGS = (1, 2)
# Largest score of an edge that is not visible, and of one that is faint. See benchmarks/seam.md.
HIDDEN, FAINT = 1.2, 1.6


@dataclass(frozen=True)
class Seam:
    """The score of a mask's edge in a picture."""

    score: float = 1.0
    """1 or more: sqrt(1 + lightness^2 + tint^2 + detail^2). 1 if nothing is seen."""
    lightness: float = 0.0
    """How visible the step in lightness is: about 1 if it is as large as what the picture has there anyway."""
    tint: float = 0.0
    """How visible the step in a* and b* is."""
    detail: float = 0.0
    """How visible the difference in sharpness and grain is."""
    delta_e: float = 0.0
    """Root mean square color step across the whole edge, soft or hard (CIE 1976, Lab under D65)."""
    lighter: float = 0.0
    """Mean step in L* alone; below 0 if the pasted area is darker."""
    sharpness: float = 1.0
    """Detail inside divided by detail outside: below 1 blurred or without grain, above 1 grainy."""
    lines: int = 0
    """Number of lines across the edge that were measured; 0 if there is no edge."""

    def report(self) -> str:
        """Return one line for the user."""
        if not self.lines:
            return "No seam to measure: the mask has no edge inside the picture, or no usable pixels lie beside it."
        if self.score <= HIDDEN:
            return f"Seam not visible: score {self.score:.2f}, and up to {HIDDEN} is not seen."
        parts = [(self.lightness, self._step()), (self.tint, self._tint()), (self.detail, self._detail())]
        parts.sort(reverse=True)
        # The strongest, and what would be visible alone.
        causes = [what for index, (amount, what) in enumerate(parts) if not index or math.hypot(1, amount) > HIDDEN]
        verdict = "faint" if self.score <= FAINT else "visible"
        return f"Seam {verdict}: score {self.score:.2f}, Delta E {self.delta_e:.1f} across the edge. {' '.join(causes)}"

    def _step(self) -> str:
        what = f"{abs(self.lighter):.1f} L* {'lighter' if self.lighter > 0 else 'darker'}"
        if self.lightness > self.tint and abs(self.lighter) < self.delta_e / 2:
            what = "lighter on one side and darker on the other"
        return (
            f"A step: the pasted area is {what}. Set color to auto or field where it is pasted, or raise the feather."
        )

    def _tint(self) -> str:
        return "A tint: the pasted area has another color cast. Set color to auto or field where it is pasted."

    def _detail(self) -> str:
        if self.sharpness < 1:
            return (
                f"A blur: the pasted area has {100 * self.sharpness:.0f} % of the detail beside it. "
                "Sample with more steps or at full denoise, or at a larger size."
            )
        return (
            f"Grain: the pasted area has {self.sharpness:.1f} times the detail beside it. "
            "Sample with more steps, and to the last one."
        )


def seam(image: Tensor, mask: Tensor) -> tuple[Seam, ...]:
    """Score how visible a pasted area is along its edge.

    The edge is where the mask crosses half of its largest value. Lines across it are read in bands: just inside and
    just outside the soft edge, and further away at the same distances. Between two bands the mean color changes by a
    step. What a paste adds to the steps at the edge varies slowly along it; so a plane over the picture is fitted to
    them, with weights by how much the picture's own steps vary at that place. The plane, in units of what the picture
    does there anyway, is what is seen, less what the same fit finds between the other bands. Texture hides a seam, and
    a clear sky does not. A soft edge is measured a second time as if it were hard, in case there is a step within it.
    Sharpness and grain are compared likewise.

    If the mask follows an outline of the picture, that outline counts as a seam.

    Args:
        image: [B, H, W, C] float in 0..1, C = 3 or 4: the picture after pasting.
        mask: [B, H, W] float, the weight it was pasted with.

    Returns:
        one score for each picture. Pixels that are not finite are ignored.

    Raises:
        InpaintError: if `image` is not a picture or `mask` does not fit it.
    """
    check_fits(image, mask)
    return tuple(_seam(*frame) for frame in zip(image, mask.to(image.device), strict=True))


def worst(seams: Iterable[Seam]) -> Seam:
    """Return the most visible of the seams; one that was not measured counts as the least visible."""
    return max(seams, key=lambda each: (each.lines > 0, each.score))


@one_thread()
def _seam(image: Tensor, mask: Tensor) -> Seam:
    pulse()
    (around,) = boxes_of(mask[None])
    if around is None:
        return Seam()
    part = mask[around.slices]
    full = float(part.max())
    lines = EdgeLines.around((part > full / 2).cpu().numpy(), around.y, around.x, (mask.shape[0], mask.shape[1]))
    if lines is None:
        return Seam()
    soft = int(((part > SOFT[0] * full) & (part < SOFT[1] * full)).sum()) / max(lines.length, 1)
    across = lines.read(image, mask, full / 2, BANDS * (soft + BAND), BAND, SPACINGS)
    color = _color(across, lines, soft)
    if soft > 1:
        within = _color(lines.read(image, mask, full / 2, BANDS * BAND, BAND), lines, 0)
        color = max(color, within, key=lambda steps: (steps.visible.sum(), steps.measured))
    if not color.measured:
        return Seam()
    detail = _detail(across, lines, soft)
    spacing = int(detail.visible.argmax())
    lightness, tint = color.visible[0], color.visible[1:].sum()
    return Seam(
        score=math.sqrt(1 + lightness + tint + detail.visible[spacing]),
        lightness=math.sqrt(lightness),
        tint=math.sqrt(tint),
        detail=math.sqrt(detail.visible[spacing]),
        delta_e=float(color.size),
        lighter=float(color.mean[0]),
        sharpness=math.exp(detail.mean[spacing]),
        lines=color.measured,
    )


def _color(bands: Bands, lines: EdgeLines, gap: float) -> _Steps:
    """Measure the steps in L*, a* and b*, `gap` pixels wide."""
    from kornia.color import rgb_to_lab

    lab = rgb_to_lab(torch.from_numpy(bands.color).movedim(-1, 0)[None])[0].movedim(0, -1).numpy()
    return _Steps.of(lab, LEAST, lines.middles, lines.sizes, gap)


def _detail(bands: Bands, lines: EdgeLines, gap: float) -> _Steps:
    """Measure the steps in the logarithm of detail, for each spacing."""
    amount = np.log(bands.detail + UNSEEN_DETAIL**2) / 2
    pairs = lines.sizes.reshape(-1, 2).sum(axis=1)
    return _Steps.of(amount, np.full(amount.shape[-1], LEAST_DETAIL), None, pairs, gap / 2)


@dataclass(frozen=True)
class _Steps:
    """What the steps at the edge have in common."""

    visible: np.ndarray
    """[C] mean square of the common step, in units of the picture's own steps at the same place, less the largest that
    is found at outlines beside the edge."""
    mean: np.ndarray
    """[C] mean common step."""
    size: float
    """Root mean square of the common step, over all channels."""
    measured: int
    """Number of lines used."""

    @classmethod
    def of(
        cls, bands: np.ndarray, least: np.ndarray, middles: np.ndarray | None, sizes: np.ndarray, gap: float
    ) -> _Steps:
        """Fit the common step.

        Args:
            bands: [G, K, C] values in each band; NaN is unknown.
            least: [C] step that counts 1 where the picture has none.
            middles: [G, 2] places: the common step may change linearly over the picture, and a slope that goes on
                across the edge is no step. None: the step is the same all along the edge, and a slope counts.
            sizes: [G] lines of each group.
            gap: width of the edge in pixels.
        """
        from scipy import ndimage

        channels = bands.shape[-1]
        steps = np.diff(bands, axis=1)
        own = np.delete(steps, SEAM, axis=1)
        known = np.isfinite(own).sum(axis=1)
        usable = (np.isfinite(steps[:, SEAM]) & (known >= FEWEST)).all(axis=1)
        if not usable.any():
            return cls(np.zeros(channels), np.zeros(channels), 0.0, 0)
        steps, own, known, share = steps[usable], own[usable], known[usable], sizes[usable].astype(np.float64)
        terms = np.ones((len(share), 1))
        free = known
        if middles is not None:
            slope = np.nansum(own, axis=1) / known
            steps, own, free = steps - slope[:, None], own - slope[:, None], known - 1
            places = middles[usable] - middles[usable].mean(axis=0)
            terms = np.concatenate([terms, places / max(np.abs(places).max(), 1)], axis=1)
        spread = np.nansum(own**2, axis=1) / free
        # Each group shows few steps of its own. Those of its neighbours, as far as the edge is wide, count too.
        spread = ndimage.uniform_filter1d(spread, 2 * max(round(gap / GROUP), 1) + 1, axis=0, mode="wrap")
        weight = 1 / (least**2 + spread)
        # The same is fitted at the displaced outlines, where nothing was pasted.
        fitted = np.empty_like(steps)
        for channel in range(channels):
            # The square of the weight: smooth places, where a step is seen best, decide what the step is.
            root = (weight[:, channel] * np.sqrt(share))[:, None]
            solution, *_ = np.linalg.lstsq(terms * root, np.nan_to_num(steps[..., channel]) * root, rcond=None)
            fitted[..., channel] = terms @ solution
        amounts = np.average(fitted**2 * weight[:, None], axis=0, weights=share)
        visible = (amounts[SEAM] - np.delete(amounts, SEAM, axis=0).max(axis=0)).clip(min=0)
        common = fitted[:, SEAM]
        # Between strong steps of the picture's own the fit says little about this one.
        sure = weight * share[:, None]
        mean, square = (np.average(value, axis=0, weights=sure) for value in (common, common**2))
        return cls(visible, mean, math.sqrt(square.sum()), int(share.sum()))
