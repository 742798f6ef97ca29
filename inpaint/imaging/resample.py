"""Resizing by Lanczos in float, of any part of a picture, with sub-pixel regions.

A picture that is enlarged and reduced again comes back with a PSNR 1 to 4 dB higher than by torch's antialiased
bicubic, and 15 to 35 dB higher with `undo`. It takes a third of the time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.alloc import allocate
from ..core.checks import check_image
from ..core.geometry import Size
from ..core.threads import one_thread
from .kernels import Span, lanczos, undone

# Output pixels per matrix product. Fewer mean many small products; more mean matrices with many zeros.
ROWS, COLUMNS = 32, 16
# An output pixel becomes NaN if less than this share of its weight lies on finite input pixels.
ENOUGH = 0.5


def resample(
    image: Tensor,
    rows: Span,
    columns: Span,
    size: Size,
    border: str = "edge",
    linear: bool = False,
    undo: bool = False,
) -> Tensor:
    """Resize a part of a picture.

    The output is clamped to the input's range, so there is no ringing beyond it. Pixels that are not finite are
    ignored by their neighbours. An output pixel is NaN if they hold most of its weight.

    Args:
        image: [B, H, W, C] float.
        rows, columns: the part to resize, in pixels of the picture.
        size: of the result.
        border: what lies beyond the picture, as in `padding.cut_image`.
        linear: resample in linear light instead of sRGB, so that fine bright detail keeps its brightness. Alpha is
            resampled as it is.
        undo: when reducing, undo an earlier enlargement, see `kernels.undone`. The part must then cover whole pixels
            of the original.

    Returns:
        [B, size.height, size.width, C], same device; float64 if `image` is float64, else float32.

    Raises:
        InpaintError: if `image` is no IMAGE.
    """
    check_image(image)
    return resampled(image, rows, columns, size, border, linear, undo)


@torch.no_grad()
@one_thread()
def resampled(
    image: Tensor, rows: Span, columns: Span, size: Size, border: str, linear: bool, undo: bool = False
) -> Tensor:
    """`resample` without checks."""
    height, width, channels = image.shape[1:]
    dtype = torch.promote_types(image.dtype, torch.float32)
    down = _products(height, rows, size.height, border, undo, ROWS).on(image.device, dtype)
    across = _products(width, columns, size.width, border, undo, COLUMNS, channels).on(image.device, dtype)
    result = allocate((len(image), size.height, size.width, channels), image.new_empty(0, dtype=dtype))
    for frame, target in zip(image, result, strict=True):
        source = frame[down.touched, across.touched].to(dtype)
        # aminmax would take ten times as long on a part of a large picture.
        low, high = source.amin(), source.amax()
        if low.isfinite() and high.isfinite():
            _apply(_light(source) if linear else source, down, across, target)
        else:
            finite = source.isfinite()
            low, high = torch.where(finite, source, torch.inf).amin(), torch.where(finite, source, -torch.inf).amax()
            clean = torch.where(finite, source, 0)
            _apply(_light(clean) if linear else clean, down, across, target)
            share = _apply(finite.to(dtype), down, across, torch.empty_like(target))
            target.div_(share).masked_fill_(share < ENOUGH, torch.nan)
        if linear:
            _to_srgb(target)
        target.clamp_(low, high)
    return result


class _Products(NamedTuple):
    """Resampling along one axis, as products of small matrices. Each makes a block of output pixels."""

    touched: slice
    """The input pixels that any output pixel uses."""
    starts: list[int]
    """For each matrix, the first pixel of `touched` that it uses."""
    matrices: Tensor
    """[N, inputs, outputs] weights. The last matrix may have more outputs than pixels are left to make."""

    def on(self, device: torch.device, dtype: torch.dtype) -> _Products:
        """Return a copy with the matrices on this device, in this dtype."""
        return self._replace(matrices=self.matrices.to(device, dtype))

    def across(self, source: Tensor, channels: int, result: Tensor) -> None:
        """Resample columns, [rows, inputs x channels] to [rows, outputs x channels], into `result`."""
        inputs, outputs = self.matrices.shape[1:]
        for number, (start, matrix) in enumerate(zip(self.starts, self.matrices, strict=True)):
            block = result[:, number * outputs : (number + 1) * outputs]
            part = source[:, start * channels : start * channels + inputs]
            torch.mm(part, matrix[:, : block.shape[1]], out=block)

    def down(self, source: Tensor, result: Tensor) -> None:
        """Resample rows, [inputs, N] to [outputs, N], into `result`."""
        inputs, outputs = self.matrices.shape[1:]
        for number, (start, matrix) in enumerate(zip(self.starts, self.matrices, strict=True)):
            block = result[number * outputs : (number + 1) * outputs]
            torch.mm(matrix[:, : len(block)].T, source[start : start + inputs], out=block)


@lru_cache(maxsize=32)
def _products(
    count: int, span: Span, outputs: int, border: str, undo: bool, block: int, channels: int = 1
) -> _Products:
    """Build the matrices that resample a span of a row of `count` pixels to `outputs` pixels, `block` per matrix.

    The channels of a pixel lie side by side in the row.
    """
    kernel = undone if undo and span.length > outputs else lanczos
    places, weights = kernel(count, span, outputs, border)
    touched = slice(int(places.min()), int(places.max()) + 1)
    places = places - touched.start

    number, within = np.divmod(np.arange(outputs), block)
    edges = np.arange(0, outputs, block)
    starts = np.minimum.reduceat(places.min(axis=1), edges)
    inputs = int((np.maximum.reduceat(places.max(axis=1), edges) + 1 - starts).max())
    starts = np.minimum(starts, touched.stop - touched.start - inputs)
    matrices = np.zeros((len(edges), inputs, block), np.float64)
    np.add.at(matrices, (number[:, None], places - starts[number][:, None], within[:, None]), weights)
    # Each output channel uses the same channel of the input only.
    matrices = np.einsum("ngm,cd->ngcmd", matrices, np.eye(channels))
    matrices = matrices.reshape(len(edges), inputs * channels, block * channels)
    return _Products(touched, starts.tolist(), torch.from_numpy(matrices.astype(np.float32)))


def _apply(source: Tensor, down: _Products, across: _Products, result: Tensor) -> Tensor:
    """Resample `source` [H, W, C] into `result` [h, w, C] and return it."""
    height, width, channels = source.shape
    flat, target = source.flatten(1), result.flatten(1)
    # If there are fewer rows afterwards, resampling rows first is less work.
    if len(result) < height:
        between = flat.new_empty(len(result), width * channels)
        down.down(flat, between)
        across.across(between, channels, target)
    else:
        between = flat.new_empty(height, target.shape[1])
        across.across(flat, channels, between)
        down.down(between, target)
    return result


def _light(picture: Tensor) -> Tensor:
    """Convert [H, W, C] from sRGB to linear light. Alpha stays as it is."""
    from kornia.color import rgb_to_linear_rgb

    light = rgb_to_linear_rgb(picture[..., :3].movedim(-1, 0)).movedim(0, -1)
    return torch.cat([light, picture[..., 3:]], dim=-1)


def _to_srgb(picture: Tensor) -> None:
    """Convert [H, W, C] from linear light to sRGB in place. Alpha stays as it is."""
    from kornia.color import linear_rgb_to_rgb

    picture[..., :3] = linear_rgb_to_rgb(picture[..., :3].movedim(-1, 0)).movedim(0, -1)
