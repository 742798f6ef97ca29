"""Registration: measures on known pixels how far the repainted picture has drifted from the original, and undoes it."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.checks import check_amount
from ..core.progress import pulse
from ..imaging.pyramid import halve, pull_push
from ..masks.ring import ring_of
from .blend import check_pair
from .pair import all_finite, bands

# Range of drifts that are undone, in pixels. A smaller one is not worth the sharpness that resampling costs. A larger
# one is a wrong estimate.
SMALLEST, LARGEST = 0.06, 32.0
# An estimate is reliable from this correlation of the known pixels on, and up to this expected error in pixels.
SURE, EXACT = 0.7, 0.3
# A drift has to be this number of times as large as its expected error. A tint and JPEG pass for motion: along the
# ring's rims they change the fit as a motion would. On photographs that were changed so and not moved, the ratio is 9
# at most where the estimate is above `SMALLEST`.
KNOWN = 10.0
# What passes for motion is alike over a wide stretch of the ring. So the expected error is that of sums over blocks, as
# if only blocks were independent: of this side in pixels, or of this share of the ring's area where that is less.
BLOCK, BLOCK_SHARE = 64.0, 1 / 9
# Number of pyramid levels, and the most iterations on each. The coarsest has pixels 2 ** (LEVELS - 1) times as large.
LEVELS, STEPS = 5, 12
# Pictures with more pixels skip the finest levels: coarser ones locate the drift well enough.
LARGE = 2**22
# Step lengths in pixels of the level. Below the first the fit is nearly aligned; below the second it has converged.
NEAR, ENOUGH = 0.1, 0.002
# Fewer known pixels on a level are not enough for a fit. More of them are subsampled to about this number.
FEWEST, MOST = 200, 2**17
# Distance in pixels up to which a pixel influences a sample, through blur, gradient and interpolation.
SUPPORT = 3
# In standard deviations of the noise. Larger residuals are treated as outliers, with falling weight.
OUTLIER = 2.5
# Reweighting rounds of each fit.
ROUNDS = 4


@dataclass(frozen=True)
class Drift:
    """How the repainted picture is displaced from the original, and how reliable that estimate is."""

    dx: float = 0.0
    """Shift to the right at the picture's centre, in pixels."""
    dy: float = 0.0
    """Shift down at the picture's centre, in pixels."""
    scale: float = 1.0
    """Enlargement around the picture's centre; 1 = the original's size."""
    confidence: float = 0.0
    """Correlation of the known pixels after alignment, 0..1; 0 if nothing could be measured."""
    error: float = math.inf
    """Expected position error of a pixel around the mask, in pixels."""
    displacement: float = 0.0
    """Largest displacement of a known pixel around the mask, in pixels."""
    undone: bool = False
    """Whether the picture was resampled. False if the drift is too small to matter or the estimate is unreliable."""

    @property
    def sure(self) -> bool:
        """Whether the estimate is reliable: high correlation and a small expected error."""
        return self.confidence >= SURE and self.error <= EXACT

    def report(self) -> str:
        """Return one line for the user."""
        if self.confidence == 0:
            return "Drift not measured: too few known pixels around the mask, or the pictures differ too much there."
        drift = f"{self.dx:+.2f} px right, {self.dy:+.2f} px down, {self.scale:.4f} times as large"
        quality = f"correlation of known pixels {self.confidence:.0%}, expected error {self.error:.2f} px"
        if self.undone:
            return f"Drift undone: {drift} ({quality})."
        if self.sure and self.displacement <= SMALLEST:
            return f"No drift to undo: {drift} ({quality})."
        if self.sure and self.displacement <= LARGEST:
            return f"Drift not undone, a tint or JPEG can pass for one as small: {drift} ({quality})."
        return f"Drift not undone, the estimate is unreliable: {drift} ({quality})."


@dataclass(frozen=True)
class Registered:
    """Pictures with their drift undone, and the measured drifts."""

    image: Tensor
    """[B, H, W, C], same dtype and device as the repainted picture."""
    drifts: tuple[Drift, ...]
    """One for each picture."""


def register(original: Tensor, repainted: Tensor, mask: Tensor, ring: float = 64) -> Registered:
    """Undo a shift and a change of scale that the model applied to the whole picture.

    Only known pixels within `ring` of the mask are compared. The fit allows for a change of contrast, of sharpness and
    of brightness, including a curve of tones and a linear brightness gradient. Known pixels that show different content
    get little weight.

    Args:
        original: [B, H, W, C] float, C = 3 or 4. B may be 1 for many repainted pictures.
        repainted: [B, H, W, C'] float of the same size: the model's whole output, not pasted yet. B may be 1.
        mask: [B, H, W] float, 0 = known. B may be 1.
        ring: width of the ring in pixels.

    Returns:
        the repainted picture, same dtype and device. Where the drift is large enough and the estimate reliable, it is
        moved back by bicubic resampling in float32, with border pixels repeated. Otherwise it is bit-identical.

    Raises:
        InpaintError: if an input is not a picture or not a mask, sizes or batch lengths do not match, or `ring` is out
            of range.

    Source: Lucas and Kanade 1981, coarse to fine, reweighted as in Odobez and Bouthemy 1995,
        doi:10.1006/jvci.1995.1029.
    """
    batch = check_pair(original, repainted, mask)
    check_amount("ring", ring, "Use 0 for none.")
    return registered(original, repainted.expand(batch, -1, -1, -1), mask, ring)


def registered(original: Tensor, repainted: Tensor, mask: Tensor, ring: float) -> Registered:
    """`register` without checks, for the whole batch of repainted pictures."""
    batch, device = len(repainted), repainted.device
    original = original.to(device).expand(batch, -1, -1, -1)
    known = ring_of(mask, ring).to(device).expand(batch, -1, -1)
    drifts = tuple(_drift(*frame) for frame in zip(original, repainted, known, strict=True))
    if not any(drift.undone for drift in drifts):
        return Registered(repainted, drifts)
    image = repainted.clone()
    for frame, drift in zip(image, drifts, strict=True):
        if drift.undone:
            frame.copy_(_moved_back(frame, drift))
    return Registered(image, drifts)


@dataclass(frozen=True)
class _Estimate:
    """A motion found on one pyramid level."""

    motion: Tensor
    """[3] float64: shift right and down, and growth, all in pixels; growth is the displacement of a corner."""
    confidence: float
    """As in `Drift`."""
    error: float
    """As in `Drift`."""
    displacement: float
    """As in `Drift`."""


def _drift(original: Tensor, repainted: Tensor, known: Tensor) -> Drift:
    # On the CPU: the rest is cheap and in float64, which some devices lack.
    planes = torch.empty(3, *known.shape)
    for rows in bands(*known.shape):
        pictures = original[rows], repainted[rows]
        for plane, picture in zip(planes[:2], pictures, strict=True):
            grey = picture[..., 0].float() + picture[..., 1] + picture[..., 2]
            plane[rows] = grey.nan_to_num_(0, 0, 0)
        planes[2, rows] = known[rows] & all_finite(pictures[0]) & all_finite(pictures[1])
    finest = 0
    while known.numel() >> 2 * finest > LARGE:
        planes, finest = halve(planes), finest + 1
    levels = [planes]
    while len(levels) < LEVELS and min(levels[-1].shape[1:]) > 1:
        pulse()
        levels.append(halve(levels[-1]))

    height, width = known.shape
    centre, corner = torch.tensor([width / 2, height / 2]).double(), math.hypot(width, height) / 2
    estimate = _Estimate(torch.zeros(3).double(), 0.0, math.inf, 0.0)
    for number, planes in reversed(list(enumerate(levels, finest))):
        estimate = _refined(estimate, planes, 2**number, centre, corner)

    dx, dy, growth = estimate.motion.tolist()
    drift = Drift(dx, dy, 1 + growth / corner, estimate.confidence, estimate.error, estimate.displacement)
    worth_it = max(SMALLEST, KNOWN * estimate.error) < estimate.displacement <= LARGEST
    return dataclasses.replace(drift, undone=drift.sure and worth_it)


def _refined(coarser: _Estimate, planes: Tensor, cell: int, centre: Tensor, corner: float) -> _Estimate:
    """Refine a motion on one pyramid level, so that repainted(place + motion) = original(place) at known places.

    Args:
        coarser: the estimate of the next coarser level.
        planes: [3, h, w]: the level's original, repainted picture and share of known pixels.
        cell: size of the level's pixels, in pixels of the picture.
        centre: [2], the picture's centre in its own pixels.
        corner: distance from the centre to a corner, in the same pixels.

    Returns:
        the new estimate; the coarser motion again if this level cannot improve it.
    """
    import cv2

    pulse()
    target, source = _blurred(planes[:1]), _blurred(planes[1:2])
    # A sample close to the hole mixes in pixels of the hole: such pixels are left out.
    fully_known = (planes[2] > 0.999).view(torch.uint8).numpy()
    known = torch.from_numpy(cv2.erode(fully_known, np.ones((2 * SUPPORT + 1, 2 * SUPPORT + 1), np.uint8))) > 0
    height, width = known.shape
    rows, columns = known.nonzero(as_tuple=True)
    if len(rows) < FEWEST:
        return coarser
    every = -(-len(rows) // MOST)
    rows, columns = rows[::every], columns[::every]
    values = target[0, rows, columns].double()
    middle = values.mean()
    places = (torch.stack([columns, rows]).double() + 0.5) * cell
    across, down = (places - centre[:, None]) / corner
    one, zero = torch.ones_like(across), torch.zeros_like(across)
    # [2, 3, N]: derivative of each place's x and y by each motion parameter.
    jacobian = torch.stack([torch.stack([one, zero, across]), torch.stack([zero, one, down])])
    sampled = torch.cat([source, *_gradients(source, cell)])
    curvature = _curvature(target)[0, rows, columns].double()
    side = max(min(BLOCK / cell, math.sqrt(len(rows) * every * BLOCK_SHARE)), 1)
    block = (rows / side).long() * width + (columns / side).long()
    target_change = _change(jacobian, torch.cat(_gradients(target, cell))[:, rows, columns].double())

    result, near = coarser, False
    for _ in range(STEPS):
        pulse()
        at = (places + _displacement(jacobian, result.motion)) / cell
        value, *gradients = _at(sampled, at)
        # The place that a pixel has drifted to must be known as well: it may lie in the hole.
        column, row = at.floor().long()
        usable = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        usable &= known[row.clamp(0, height - 1), column.clamp(0, width - 1)]
        regressors, instruments = (
            torch.stack([*change, value, (value - middle) ** 2, curvature, one, across, down])
            for change in (_change(jacobian, torch.stack(gradients)), target_change)
        )
        fit = _robust_fit(regressors, instruments if near else regressors, values, usable, block)
        if fit is None:
            return coarser
        gain = fit.coefficients[3]
        step = fit.coefficients[:3] / gain
        motion = result.motion + step
        variance = torch.einsum("acn,cd,adn->n", jacobian, fit.covariance[:3, :3], jacobian) / gain**2
        error = math.sqrt(float(variance.mean()))
        displacement = float(_displacement(jacobian, motion).norm(dim=0).max())
        result = _Estimate(motion, fit.correlation, error, displacement)
        if near and step.abs().max() < ENOUGH * cell:
            break
        # Until the pictures are nearly aligned, their gradients are hardly related.
        near = near or bool(step.abs().max() < NEAR * cell)
    if result.confidence >= SURE and result.error < cell / 2:
        return result
    # A wrong motion of this level must not mislead the finer ones.
    return _Estimate(coarser.motion, result.confidence, result.error, coarser.displacement)


def _displacement(jacobian: Tensor, motion: Tensor) -> Tensor:
    """Return how far each place moves, [2, N], in pixels of the picture."""
    return torch.einsum("acn,c->an", jacobian, motion)


def _change(jacobian: Tensor, gradients: Tensor) -> Tensor:
    """Return the derivative of each place's value by each motion parameter, [3, N]."""
    return torch.einsum("acn,an->cn", jacobian, gradients)


@dataclass(frozen=True)
class _Fit:
    """The result of a robust linear fit."""

    coefficients: Tensor
    """[P] float64, one for each regressor."""
    covariance: Tensor
    """[P, P] float64, of the coefficients, as if all blocks were independent."""
    correlation: float
    """Correlation of fitted and true values, 0..1."""


def _robust_fit(regressors: Tensor, instruments: Tensor, values: Tensor, usable: Tensor, block: Tensor) -> _Fit | None:
    """Fit `coefficients @ regressors` to the values; pixels with large residuals get small weights.

    The repainted picture's gradients are noisy. Least squares would take the noise for structure: it would bias the
    motion towards zero, and make it look certain along an edge, where it is undetermined. So the residual is made
    orthogonal to the original's gradients instead, because their noise is independent (instrumental variables).

    Args:
        regressors: [P, N] float64: the repainted picture's change by three motion parameters, its values and
            their squares (a curve of tones), the original's curvature (as blur changes it), and a constant and linear
            brightness.
        instruments: [P, N] float64, the same with the original's change.
        values: [N] float64, the original's values.
        usable: [N] bool, the pixels to fit.
        block: [N] long, the block that each pixel lies in.

    Returns:
        the fit; None if there are too few pixels or they do not determine it.
    """
    weight = usable.double()
    for _ in range(ROUNDS):
        weighted = instruments * weight
        inverse, failed = torch.linalg.inv_ex(weighted @ regressors.T)
        if failed or weight.sum() < FEWEST:
            return None
        coefficients = inverse @ (weighted @ values)
        residual = values - coefficients @ regressors
        # Not the median: in a picture that is flat except for a few edges, all those edges would be outliers.
        noise = ((weight * residual**2).sum() / weight.sum()).sqrt() + 1e-6
        weight = usable / (1 + (residual / (OUTLIER * noise)) ** 2)
    # A negative gain would be the picture's negative, which is a wrong fit.
    if not coefficients[3] > 0:
        return None
    blocks, place = block.unique(return_inverse=True)
    scattered = torch.zeros(len(regressors), len(blocks)).double().index_add_(1, place, weighted * residual)
    covariance = inverse @ (scattered @ scattered.T) @ inverse.T
    # Weighted by the squared gradient: flat areas say nothing about alignment.
    structure = usable * (instruments[0] ** 2 + instruments[1] ** 2)
    fitted, target = (each - (structure @ each) / structure.sum() for each in (coefficients @ regressors, values))
    norm = ((structure @ fitted**2) * (structure @ target**2)).sqrt().clamp(min=1e-12)
    correlation = (structure * fitted) @ target / norm
    return _Fit(coefficients, covariance, max(float(correlation), 0.0))


def _blurred(plane: Tensor) -> Tensor:
    """Blur a plane [1, H, W] by 1 4 6 4 1 both ways, to remove detail that interpolation cannot follow."""
    for dim in (1, 2, 1, 2):
        before, after = _neighbours(plane, dim)
        plane = torch.lerp(plane, (before + after) / 2, 0.5)
    return plane


def _gradients(plane: Tensor, cell: int) -> list[Tensor]:
    """Return the plane's derivatives to the right and down, [1, H, W] each, per pixel of the picture."""
    neighbours = (_neighbours(plane, dim) for dim in (2, 1))
    return [(after - before) / (2 * cell) for before, after in neighbours]


def _curvature(plane: Tensor) -> Tensor:
    """Return the plane's Laplacian, [1, H, W], per pixel of the level."""
    (left, right), (above, below) = (_neighbours(plane, dim) for dim in (2, 1))
    return left + right + above + below - 4 * plane


def _neighbours(plane: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return each pixel's neighbour before and after it along a dimension; at the ends, the pixel itself."""
    size = plane.shape[dim]
    first, last = plane.narrow(dim, 0, 1), plane.narrow(dim, size - 1, 1)
    before = torch.cat([first, plane.narrow(dim, 0, size - 1)], dim=dim)
    return before, torch.cat([plane.narrow(dim, 1, size - 1), last], dim=dim)


def _moved_back(picture: Tensor, drift: Drift) -> Tensor:
    """Resample a picture [H, W, C] to undo the drift. Non-finite pixels become NaN, move along and do not spread."""
    height, width = picture.shape[:2]
    planes = picture.movedim(-1, 0).float()
    finite = planes.isfinite().all(dim=0, keepdim=True)
    if not finite.all():
        planes = pull_push(planes.nan_to_num(0, 0, 0), finite.float())
    x, y = (
        (torch.arange(size, dtype=torch.float64) + 0.5 - size / 2) * drift.scale + size / 2 + shift
        for size, shift in ((width, drift.dx), (height, drift.dy))
    )
    resampled = planes
    for dim, places in ((2, x), (1, y)):
        taps = [part.to(picture.device) for part in _taps(places, planes.shape[dim])]
        weighted = (
            resampled.index_select(dim, index) * (weight[:, None] if dim == 1 else weight)
            for index, weight in zip(*taps, strict=True)
        )
        resampled = functools.reduce(torch.add, weighted)
    if not finite.all():
        row, column = (places.floor().long().clamp(0, size - 1) for places, size in ((y, height), (x, width)))
        came_from = finite[0][row.to(finite.device)][:, column.to(finite.device)]
        resampled = torch.where(came_from, resampled, torch.nan)
    return resampled.movedim(0, -1).to(picture.dtype)


def _at(planes: Tensor, places: Tensor) -> Tensor:
    """Interpolate planes [C, H, W] at places [2, N] (x and y in pixels from the top left corner): [C, N] float64."""
    (columns, across), (rows, down) = (
        _taps(along, size) for along, size in zip(places, planes.shape[:0:-1], strict=True)
    )
    total = torch.zeros(len(planes), places.shape[1])
    for row, weight_y in zip(rows, down, strict=True):
        for column, weight_x in zip(columns, across, strict=True):
            total.addcmul_(planes[:, row, column], weight_y * weight_x)
    return total.double()


def _taps(places: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the four pixels that interpolate each place along a line of `size`, and their weights, [4, N] each.

    torch's bicubic sets the free parameter of Keys' kernel to -0.75, which displaces by up to 0.05 pixels. Only -0.5
    reproduces a linear ramp exactly, so that is used here.

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
