"""Registration: how far the repainted picture has drifted against the original, found on known pixels and undone."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..imaging.pyramid import halve, pull_push
from ..masks.ring import ring_around
from .blend import check_pair
from .pair import all_finite

# A smaller drift is not worth what resampling costs in sharpness; a larger one is no drift. In pixels.
SMALLEST, LARGEST = 0.05, 32.0
# What is found counts if known pixels agree by this much once aligned, and is expected to be off by less than this.
SURE, EXACT = 0.7, 0.1
# Neighbouring pixels err alike, so they tell less than as many independent ones would.
ALIKE = 4.0
# The search goes from pixels made of 2 ** (LEVELS - 1) to single ones.
LEVELS, STEPS = 5, 12
# A picture of more pixels is not gone down to single ones: on some twice as large the place is found as well.
LARGE = 2**22
# Steps in pixels of the level: after one shorter than the first it is nearly there, one shorter than the second is the
# last.
NEAR, ENOUGH = 0.1, 0.002
# Fewer known pixels than this on a level say nothing; more than this say nothing new.
FEWEST, MOST = 200, 2**17
# How many pixels away a sample is influenced from.
SEEN = 3
# In standard deviations: differences beyond it are something else than noise and count less and less.
OUTLIER = 2.5
ROUNDS = 4


@dataclass(frozen=True)
class Drift:
    """How the repainted picture lies on the original, and how sure that is.

    dx, dy: it lies so many pixels too far right and down, at its centre.
    scale: it is so many times as large, around its centre.
    confidence: the correlation of known pixels once aligned, 0..1; 0 where there was nothing to go by.
    error: what the position of a pixel around the mask is expected to be off by, in pixels.
    moved: the largest distance in pixels that a known pixel around the mask has drifted.
    undone: whether the picture was resampled; not where the drift is too small to matter, or not sure.
    """

    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    confidence: float = 0.0
    error: float = math.inf
    moved: float = 0.0
    undone: bool = False

    @property
    def sure(self) -> bool:
        """Whether known pixels agree so well that what was found can be believed."""
        return self.confidence >= SURE and self.error <= EXACT

    def report(self) -> str:
        """A line."""
        if self.confidence == 0:
            return "No drift was found: too little is known around the mask, or it looks quite different there."
        found = f"{self.dx:+.2f} px right, {self.dy:+.2f} px down, {self.scale:.4f} times as large"
        sure = f"known pixels agree by {self.confidence:.0%}, to {self.error:.2f} px"
        if self.undone:
            return f"Drift undone: {found} ({sure})."
        if self.sure and self.moved <= LARGEST:
            return f"No drift to undo: {found} ({sure})."
        return f"Drift left as it is, for it is not sure: {found} ({sure})."


@dataclass(frozen=True)
class Registered:
    """image: [B, H, W, C], like the repainted picture. drifts: one for each picture."""

    image: Tensor
    drifts: tuple[Drift, ...]


def register(original: Tensor, repainted: Tensor, mask: Tensor, ring: float = 64) -> Registered:
    """Undo a shift and a change of size that the model gave to the whole picture.

    Only known pixels are compared, those within `ring` of the mask. A change of brightness or contrast, also one that
    grows from side to side, is allowed for; known pixels that show something else count little.

    Args:
        original: [B, H, W, C] float, C = 3 or 4; B may be 1 for many repainted pictures.
        repainted: [B, H, W, C'] float of the same size: all of it as the model gave it, not pasted yet. B may be 1.
        mask: [B, H, W] float, 0 = known; B may be 1.
        ring: width of the ring in pixels.

    Returns:
        the repainted picture, moved back by bicubic resampling in float32 where that is sure and worth it, and
        otherwise bit for bit as it was. Beyond its border its last pixels are repeated. Dtype and device stay.

    Raises:
        InpaintError: if these are no pictures or no mask, sizes or batches do not fit, or `ring` is out of range.

    Source: Lucas and Kanade 1981, coarse to fine, reweighted as in Odobez and Bouthemy 1995,
        doi:10.1006/jvci.1995.1029.
    """
    batch = check_pair(original, repainted, mask)
    repainted = repainted.expand(batch, -1, -1, -1)
    device = repainted.device
    original = original.to(device).expand(batch, -1, -1, -1)
    known = ring_around(mask, ring).to(device).expand(batch, -1, -1)
    drifts = tuple(_drift(*frame) for frame in zip(original, repainted, known, strict=True))
    if not any(drift.undone for drift in drifts):
        return Registered(repainted, drifts)
    image = repainted.clone()
    for frame, drift in zip(image, drifts, strict=True):
        if drift.undone:
            frame.copy_(_moved_back(frame, drift))
    return Registered(image, drifts)


@dataclass(frozen=True)
class _Found:
    """motion: float64 [3], how far right and down, and how much larger, the last in pixels at a corner; the rest is as
    in `Drift`."""

    motion: Tensor
    confidence: float
    error: float
    moved: float


def _drift(original: Tensor, repainted: Tensor, known: Tensor) -> Drift:
    known = known & all_finite(original) & all_finite(repainted)
    grey = (picture[..., 0].float() + picture[..., 1] + picture[..., 2] for picture in (original, repainted))
    # Little is calculated from here on, and in float64, which some cards do not have.
    planes = torch.stack([*(each.nan_to_num_(0, 0, 0) for each in grey), known.float()]).cpu()
    finest = 0
    while known.numel() >> 2 * finest > LARGE:
        planes, finest = halve(planes), finest + 1
    levels = [planes]
    while len(levels) < LEVELS and min(levels[-1].shape[1:]) > 1:
        levels.append(halve(levels[-1]))

    height, width = known.shape
    centre, corner = torch.tensor([width / 2, height / 2]).double(), math.hypot(width, height) / 2
    found = _Found(torch.zeros(3).double(), 0.0, math.inf, 0.0)
    for number, planes in reversed(list(enumerate(levels, finest))):
        found = _refined(found, planes, 2**number, centre, corner)

    dx, dy, growth = found.motion.tolist()
    drift = Drift(dx, dy, 1 + growth / corner, found.confidence, found.error, found.moved)
    worth_it = max(SMALLEST, 3 * found.error) < found.moved <= LARGEST
    return dataclasses.replace(drift, undone=drift.sure and worth_it)


def _refined(found: _Found, planes: Tensor, cell: int, centre: Tensor, corner: float) -> _Found:
    """What is found in steps from there, so that repainted(place + motion) = original(place) at known places.

    Args:
        found: what a coarser level found.
        planes: [3, h, w], the original, the repainted picture and the known part of pixels `cell` times as large.
        cell: how large.
        centre, corner: of the picture, [2] and its distance from there, in the picture's own pixels.

    Returns:
        the same motion again where this level cannot tell.
    """
    import cv2

    wanted, had = _softened(planes[:1]), _softened(planes[1:2])
    # A sample between the pixels next to the hole has some of the hole in it.
    sure = (planes[2] > 0.999).view(torch.uint8).numpy()
    known = torch.from_numpy(cv2.erode(sure, np.ones((2 * SEEN + 1, 2 * SEEN + 1), np.uint8))) > 0
    height, width = known.shape
    rows, columns = known.nonzero(as_tuple=True)
    if len(rows) < FEWEST:
        return found
    every = -(-len(rows) // MOST)
    rows, columns = rows[::every], columns[::every]
    values = wanted[0, rows, columns].double()
    places = (torch.stack([columns, rows]).double() + 0.5) * cell
    across, down = (places - centre[:, None]) / corner
    one, none = torch.ones_like(across), torch.zeros_like(across)
    # [2, 3, N]: what each part of a motion moves a place by.
    moves = torch.stack([torch.stack([one, none, across]), torch.stack([none, one, down])])
    sampled = torch.cat([had, *_slopes(had, cell)])
    own_change = _along(moves, torch.cat(_slopes(wanted, cell))[:, rows, columns].double())

    result, near = found, False
    for _ in range(STEPS):
        at = (places + _moved(moves, result.motion)) / cell
        value, *slopes = _at(sampled, at)
        # Where a pixel has drifted to must be known as well: the hole may have stayed while the rest moved.
        column, row = at.floor().long()
        usable = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        usable &= known[row.clamp(0, height - 1), column.clamp(0, width - 1)]
        parts, own_parts = (
            torch.stack([*change, value, one, across, down])
            for change in (_along(moves, torch.stack(slopes)), own_change)
        )
        solved = _robust(parts, own_parts if near else parts, values, usable)
        if solved is None:
            return found
        step = solved.factors[:3] / solved.factors[3]
        motion = result.motion + step
        variance = torch.einsum("acn,cd,adn->n", moves, solved.covariance[:3, :3], moves) / solved.factors[3] ** 2
        error, moved = math.sqrt(ALIKE * float(variance.mean())), float(_moved(moves, motion).norm(dim=0).max())
        result = _Found(motion, solved.agreement, error, moved)
        if near and step.abs().max() < ENOUGH * cell:
            break
        # Further off, the two pictures' slopes have little to do with each other.
        near = near or bool(step.abs().max() < NEAR * cell)
    if result.confidence >= SURE and result.error < cell / 4:
        return result
    # What leads nowhere here must not lead the finer levels astray.
    return _Found(found.motion, result.confidence, result.error, found.moved)


def _moved(moves: Tensor, motion: Tensor) -> Tensor:
    """[2, N]: how far each place moves."""
    return torch.einsum("acn,c->an", moves, motion)


def _along(moves: Tensor, slopes: Tensor) -> Tensor:
    """[3, N]: by how much each place's value rises with each part of a motion."""
    return torch.einsum("acn,an->cn", moves, slopes)


@dataclass(frozen=True)
class _Solved:
    """factors: [P]. covariance: [P, P], of the factors, were all pixels independent. agreement: a correlation."""

    factors: Tensor
    covariance: Tensor
    agreement: float


def _robust(parts: Tensor, own_parts: Tensor, values: Tensor, usable: Tensor) -> _Solved | None:
    """Weighted fit of parts that add up to values: the less a pixel fits, the less it counts.

    Slopes have noise in them. In least squares it would pass for structure: it draws what is found towards no motion,
    and makes it look sure along an edge, where nothing is known. So what is left over must be at right angles not to
    the repainted picture's slopes but to the original's, whose noise is another (instrumental variables).

    Args:
        parts: [P, N] float64: three kinds of motion of the repainted picture, its values, and a slow change.
        own_parts: [P, N], the same with the original's motions.
        values: [N], what they should add up to.
        usable: [N] bool.

    Returns:
        how much of each, and how well that agrees with the values; None where there is no telling.
    """
    weight = usable.double()
    for _ in range(ROUNDS):
        weighted = own_parts * weight
        inverse, failed = torch.linalg.inv_ex(weighted @ parts.T)
        if failed or weight.sum() < FEWEST:
            return None
        factors = inverse @ (weighted @ values)
        missing = values - factors @ parts
        # Not the median of them: in a picture that is flat but for a few edges, these edges would all be outliers.
        noise = ((weight * missing**2).sum() / weight.sum()).sqrt() + 1e-6
        weight = usable / (1 + (missing / (OUTLIER * noise)) ** 2)
    # A picture turned into its negative is none of it.
    if not factors[3] > 0:
        return None
    scattered = weighted * missing
    covariance = inverse @ (scattered @ scattered.T) @ inverse.T
    # Only what has structure tells whether it lies where it should.
    structure = usable * (own_parts[0] ** 2 + own_parts[1] ** 2)
    got, wanted = (each - (structure @ each) / structure.sum() for each in (factors @ parts, values))
    agreement = (structure * got) @ wanted / ((structure @ got**2) * (structure @ wanted**2)).sqrt().clamp(min=1e-12)
    return _Solved(factors, covariance, max(float(agreement), 0.0))


def _softened(plane: Tensor) -> Tensor:
    """[1, H, W] with what is finer than an interpolation can follow smoothed away: 1 4 6 4 1 both ways."""
    for dim in (1, 2, 1, 2):
        before, after = _beside(plane, dim)
        plane = torch.lerp(plane, (before + after) / 2, 0.5)
    return plane


def _slopes(plane: Tensor, cell: int) -> list[Tensor]:
    """[1, H, W] each: how much the plane rises with each pixel of the picture, to the right and down."""
    beside = (_beside(plane, dim) for dim in (2, 1))
    return [(after - before) / (2 * cell) for before, after in beside]


def _beside(plane: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Each pixel's neighbour before and after it along a dimension; at the ends, the pixel itself."""
    size = plane.shape[dim]
    first, last = plane.narrow(dim, 0, 1), plane.narrow(dim, size - 1, 1)
    before = torch.cat([first, plane.narrow(dim, 0, size - 1)], dim=dim)
    return before, torch.cat([plane.narrow(dim, 1, size - 1), last], dim=dim)


def _moved_back(picture: Tensor, drift: Drift) -> Tensor:
    """[H, W, C] resampled so that the drift is gone. Not a number stays so where it came from, and does not spread."""
    height, width = picture.shape[:2]
    planes = picture.movedim(-1, 0).float()
    finite = planes.isfinite().all(dim=0, keepdim=True)
    if not finite.all():
        planes = pull_push(planes.nan_to_num(0, 0, 0), finite.float())
    x, y = (
        (torch.arange(size, dtype=torch.float64) + 0.5 - size / 2) * drift.scale + size / 2 + shift
        for size, shift in ((width, drift.dx), (height, drift.dy))
    )
    moved = planes
    for dim, places in ((2, x), (1, y)):
        taps = [part.to(picture.device) for part in _taps(places, planes.shape[dim])]
        weighed = (
            moved.index_select(dim, index) * (weight[:, None] if dim == 1 else weight)
            for index, weight in zip(*taps, strict=True)
        )
        moved = functools.reduce(torch.add, weighed)
    if not finite.all():
        row, column = (places.floor().long().clamp(0, size - 1) for places, size in ((y, height), (x, width)))
        came_from = finite[0][row.to(finite.device)][:, column.to(finite.device)]
        moved = torch.where(came_from, moved, torch.nan)
    return moved.movedim(0, -1).to(picture.dtype)


def _at(planes: Tensor, places: Tensor) -> Tensor:
    """[C, N] float64: planes [C, H, W] interpolated at places [2, N], x and y, in pixels from the top left corner."""
    (columns, across), (rows, down) = (
        _taps(along, size) for along, size in zip(places, planes.shape[:0:-1], strict=True)
    )
    total = torch.zeros(len(planes), places.shape[1])
    for row, weight_y in zip(rows, down, strict=True):
        for column, weight_x in zip(columns, across, strict=True):
            total.addcmul_(planes[:, row, column], weight_y * weight_x)
    return total.double()


def _taps(places: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The four pixels along a line of `size` that make up each place, [4, N], and their weights.

    torch's own bicubic has the free parameter of Keys' kernel at -0.75; only -0.5 gives a straight ramp back, and with
    it the place that was meant: the other is off by up to 0.05 pixels.

    Source: Keys 1981, Cubic Convolution Interpolation for Digital Image Processing, doi:10.1109/TASSP.1981.1163711.
    """
    first = (places - 0.5).floor()
    t = places - 0.5 - first
    weights = torch.stack(
        [
            ((2 - t) * t - 1) * t / 2,
            ((3 * t - 5) * t * t + 2) / 2,
            ((4 - 3 * t) * t + 1) * t / 2,
            (t - 1) * t * t / 2,
        ]
    )
    indices = torch.stack([first.long() + step for step in (-1, 0, 1, 2)]).clamp_(0, size - 1)
    return indices, weights.float()
