"""What a fill is worth, in the hole alone."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.fft import dct
from torch import Tensor

from inpaint.compositing.seam_score import seam
from inpaint.imaging.pyramid import double, halve

BLOCK = 8
LEVELS = 3
# Fewer blocks say nothing about texture, and amplitudes below this are not seen.
FEWEST = 64
LEAST = 1 / 255


def psnr(filled: Tensor, truth: Tensor, mask: Tensor) -> float:
    """In dB."""
    error = float((filled - truth)[mask > 0].double().square().mean())
    return 10 * math.log10(1 / max(error, 1e-12))


def ssim(filled: Tensor, truth: Tensor, mask: Tensor) -> float:
    """Structural similarity of the whole pictures in windows of 7 pixels, its mean over the hole."""
    from skimage.metrics import structural_similarity

    _, similarity = structural_similarity(
        truth[0].numpy(), filled[0].numpy(), channel_axis=-1, data_range=1.0, full=True
    )
    return float(similarity[mask[0].numpy() > 0].mean())


def texture(filled: Tensor, truth: Tensor, mask: Tensor) -> float:
    """How differently texture is distributed: 0 where it is as the truth's, wherever in the hole each piece lies.

    Every 8 x 8 block that lies in the hole is taken apart into cosines (of its lightness and of two color
    differences), on the picture and on it made half and a quarter as large. For each cosine that can be seen in either,
    but the even one, the sorted amplitudes of all blocks are held against the truth's: a Wasserstein distance, in
    standard deviations of the truth's. So every direction and every fineness counts as much as another. A flat fill has
    about 0.7 to 0.8. No network, and no weights.

    Returns:
        the mean of it; NaN where the hole is too thin to hold blocks.
    """
    rows, columns = (slice(int(places.min()), int(places.max()) + 1) for places in mask[0].nonzero().unbind(dim=1))
    share = mask[:, None, rows, columns]
    planes = _opponent(torch.cat([filled, truth])[:, rows, columns])
    distances = []
    for _ in range(LEVELS):
        if min(share.shape[-2:]) < BLOCK:
            break
        whole = (1 - F.max_pool2d(1 - share, BLOCK, stride=1))[0, 0].flatten() > 0.999
        if int(whole.sum()) < FEWEST:
            break
        distances.append(_between_amplitudes(planes, whole))
        planes, share = halve(planes), halve(share)
    return float(torch.stack(distances).nanmean()) if distances else math.nan


def _opponent(pictures: Tensor) -> Tensor:
    """[B, 3, H, W]: lightness, and how much redder than green and bluer than both, from [B, H, W, 3]."""
    red, green, blue = pictures.unbind(dim=-1)
    return torch.stack([(red + green + blue) / 3, (red - green) / 2, (2 * blue - red - green) / 4], dim=1)


def _between_amplitudes(planes: Tensor, whole: Tensor) -> Tensor:
    """planes: [2, 3, h, w]. whole: [N] bool, for every place of a block."""
    cosines = torch.from_numpy(dct(np.eye(BLOCK), norm="ortho", axis=0)).float()
    filters = torch.einsum("iy,jx->ijyx", cosines, cosines).flatten(0, 1)[1:, None]
    height, width = planes.shape[-2:]
    amplitudes = F.conv2d(planes.reshape(6, 1, height, width), filters).flatten(2)[..., whole]
    filled, truth = amplitudes.sort(dim=-1).values.unflatten(0, (2, 3))
    deviations = truth.std(dim=-1)
    seen = torch.maximum(deviations, filled.std(dim=-1)) > LEAST
    return ((filled - truth).abs().mean(dim=-1) / deviations.clamp(min=LEAST))[seen].nanmean()


def seam_score(filled: Tensor, mask: Tensor) -> float:
    return seam(filled, mask)[0].jump


def detail(truth: Tensor, mask: Tensor) -> float:
    """Standard deviation of what is finer than some 8 pixels in the hole: how textured it is."""
    planes = truth.movedim(-1, 1)
    coarse = halve(halve(halve(planes)))
    for factor in (4, 2, 1):
        height, width = (-(-side // factor) for side in planes.shape[-2:])
        coarse = double(coarse, height, width)
    return float((planes - coarse).movedim(1, -1)[mask > 0].std())


def delta_e(filled: Tensor, truth: Tensor, mask: Tensor) -> float:
    """Mean CIEDE2000 difference."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    inside = mask[0].numpy() > 0
    one, other = (rgb2lab(picture[0].numpy()[inside][None]) for picture in (filled, truth))
    return float(deltaE_ciede2000(one, other).mean())


def correlation(filled: Tensor, given: Tensor, truth: Tensor, mask: Tensor) -> float:
    """Of the fill with what was erased, with what both share with the truth taken out first. NaN for one color."""
    inside = mask[0] > 0
    left = [_without(picture[0][inside].double(), truth[0][inside].double()) for picture in (filled, given)]
    return float(torch.corrcoef(torch.stack([part.flatten() for part in left]))[0, 1])


def share_through(difference: Tensor, thing: Tensor, mask: Tensor) -> float:
    """How much of a thing is in a difference: 0 for none of it, 1 for all."""
    difference, thing = (each[mask > 0].double() for each in (difference, thing))
    return float((difference * thing).sum() / thing.square().sum())


def _without(values: Tensor, truth: Tensor) -> Tensor:
    """[N, 3] less the line through the truth that fits it best, channel by channel."""
    values, truth = values - values.mean(dim=0), truth - truth.mean(dim=0)
    return values - truth * (values * truth).sum(dim=0) / truth.square().sum(dim=0).clamp(min=1e-12)
