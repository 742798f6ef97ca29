"""A first guess at what is in a small hole, from its edge inwards."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .patch import AWAY, Patch

# Of a patch's pixels those near its middle count most: a bell of this width, in patches.
BELL = 1 / 3
# As many sources are looked at as this allows, shared between the pixels of the hole; and likenesses at once.
WORK, FEWEST, MOST, AT_ONCE = 2**28, 2**9, 2**13, 2**20


def peeled(picture: Tensor, hole: Tensor, sources: Tensor, patch: Patch, random: torch.Generator) -> Tensor:
    """The picture with its hole filled, a pixel's width at a time all around.

    A pixel becomes what is in its place in the source most like its surroundings, as far as those are known.

    Args:
        picture: [H, W, C] float32, around 0..1.
        hole: [H, W] bool.
        sources: [H - h + 1, W - w + 1] bool, the corners of patches that may be used; at least one.
        random: on the picture's device. Where sources are many, some are drawn.

    Returns:
        [H, W, C].

    Source: Efros and Leung 1999, doi:10.1109/ICCV.1999.790383.
    """
    height, width, channels = picture.shape
    picture, known = picture.clone(), ~hole
    choice = sources.flatten().nonzero()[:, 0]
    most = min(max(WORK // max(int(hole.sum()), 1), FEWEST), MOST)
    if len(choice) > most:
        choice = choice[torch.randperm(len(choice), generator=random, device=choice.device)[:most]]
    values, choice_places = patch.values(picture, choice), patch.places(choice, width)
    squares, longest = values.square(), max(height, width)
    middle = patch.middle(picture.device)
    away = (patch.steps(picture.device) - middle).square().sum(dim=1)
    bell = torch.exp(away / (-2 * (BELL * max(patch)) ** 2))

    while not known.all():
        edge = ~known & (F.max_pool2d(known[None].float(), 3, stride=1, padding=1)[0] > 0)
        for pixels in edge.nonzero().split(max(AT_ONCE // len(choice), 1)):
            around = patch.at(pixels - middle, height, width)
            places = patch.places(around, width)
            weight = patch.values(known[..., None].float(), around) * bell
            # In a patch so small that nothing in it is known, all are alike, and the nearest is taken.
            weight = weight / (channels * weight.sum(dim=1, keepdim=True)).clamp(min=torch.finfo(weight.dtype).tiny)
            weight = weight.repeat_interleave(channels, dim=1)
            unlike = weight @ squares.T - 2 * (weight * patch.values(picture, around)) @ values.T
            unlike += (AWAY / longest * torch.cdist(places.float(), choice_places.float())).square_()
            row, column = (choice_places[unlike.argmin(dim=1)] + pixels - places).unbind(dim=1)
            picture[pixels[:, 0], pixels[:, 1]] = picture[row, column]
        known = known | edge
    return picture
