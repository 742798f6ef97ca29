"""An initial fill of a small hole, from its edge inwards."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .patch import AWAY, Patch

# Pixels near a patch's middle count most. Sigma of their Gaussian weights, as a share of the patch's longer side.
BELL = 1 / 3
# Each pixel of the hole is compared with WORK / (pixels of the hole) sources, but not fewer or more than these.
WORK, MIN_SOURCES, MAX_SOURCES = 2**28, 2**9, 2**13
# Comparisons that are computed at once.
AT_ONCE = 2**20


def peeled(picture: Tensor, hole: Tensor, sources: Tensor, patch: Patch, random: torch.Generator) -> Tensor:
    """Fill the hole of a picture layer by layer: each layer is the ring of unknown pixels next to known ones.

    Each pixel is compared through the patch around it. It is copied from the same position in the source that is most
    similar to the patch's known pixels.

    Args:
        picture: [H, W, C] float32, around 0..1.
        hole: [H, W] bool.
        sources: [H - h + 1, W - w + 1] bool, the corners of patches that may be used; at least one.
        random: generator on the picture's device; if there are many sources, it draws some of them.

    Returns:
        [H, W, C], a copy.

    Source: Efros and Leung 1999, doi:10.1109/ICCV.1999.790383.
    """
    height, width, channels = picture.shape
    picture, known = picture.clone(), ~hole
    candidates = sources.flatten().nonzero()[:, 0]
    most = min(max(WORK // max(int(hole.sum()), 1), MIN_SOURCES), MAX_SOURCES)
    if len(candidates) > most:
        candidates = candidates[torch.randperm(len(candidates), generator=random, device=candidates.device)[:most]]
    values, candidate_places = patch.values(picture, candidates), patch.places(candidates, width)
    squares, longest = values.square(), max(height, width)
    middle = patch.middle(picture.device)
    squared_distance = (patch.steps(picture.device) - middle).square().sum(dim=1)
    bell = torch.exp(squared_distance / (-2 * (BELL * max(patch)) ** 2))

    while not known.all():
        edge = ~known & (F.max_pool2d(known[None].float(), 3, stride=1, padding=1)[0] > 0)
        for pixels in edge.nonzero().split(max(AT_ONCE // len(candidates), 1)):
            around = patch.at(pixels - middle, height, width)
            places = patch.places(around, width)
            weight = patch.values(known[..., None].float(), around) * bell
            # A very small patch may have no known pixel. Then all sources are equally similar, and the nearest wins.
            weight = weight / (channels * weight.sum(dim=1, keepdim=True)).clamp(min=torch.finfo(weight.dtype).tiny)
            weight = weight.repeat_interleave(channels, dim=1)
            difference = weight @ squares.T - 2 * (weight * patch.values(picture, around)) @ values.T
            difference += (AWAY / longest * torch.cdist(places.float(), candidate_places.float())).square_()
            row, column = (candidate_places[difference.argmin(dim=1)] + pixels - places).unbind(dim=1)
            picture[pixels[:, 0], pixels[:, 1]] = picture[row, column]
        known = known | edge
    return picture
