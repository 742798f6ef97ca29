"""Objects removed without a prompt: where self-attention cannot look at the object, it paints what is around it.

Each step predicts the noise twice, as the model does and with the self-attention of its decoder redirected: places
under the mask are no keys there, so that every place is made of what lies outside, and early on their queries are
weaker, so that they look everywhere and not for what is like the object. The step then goes beyond the second:

    eps = eps_wo + s * (eps_w - eps_wo)

Source: Sun et al. 2025, "Attentive Eraser", AAAI, arXiv:2412.12974, with the settings of its authors' code
(github.com/Anonym0u3/AttentiveEraser): s = 9 without CFG, all self-attention layers of the decoder (7 to 15 of
SD 2.1's 16, 34 to 69 of SDXL's 70), queries times 0.3 in the first 10 of the 50 steps of a full run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import InpaintError
from ..core.geometry import Box, Size
from ..imaging.padding import pad_mask
from ..masks import pool

PIXELS = 8  # to a latent cell, along each side, in all U-Nets that this is for
Attention = Callable[[Tensor, Tensor, Tensor], Tensor]


class Places(NamedTuple):
    """A picture's mask among the n places of an attention.

    under: [n, 1] bool. kept: [k], the numbers of the places that are not under it; there is at least one.
    """

    under: Tensor
    kept: Tensor


def guided(plain: Tensor, redirected: Tensor, guidance: float) -> Tensor:
    """What the step goes by: plain + guidance * (redirected - plain).

    Args:
        plain, redirected: predictions of one shape, from one noisy latent. Whether of its noise, of the clean latent or
            of the velocity comes to the same: any is an affine function of any other, and the two weights sum to 1.
        guidance: 0 for the plain one, 1 for the redirected one, more to go beyond it.
    """
    return torch.lerp(plain, redirected, guidance)


def hard_mask(mask: Tensor) -> Tensor:
    """What self-attention must not see: 0.5 and more, as inpainting models are told it.

    Args:
        mask: [M, H, W] float in 0..1.

    Returns:
        [M, H, W] bool.

    Raises:
        InpaintError: if nothing of a picture is left to fill the hole from.
    """
    hard = mask >= 0.5
    if hard.flatten(1).all(dim=1).any():
        raise InpaintError(
            "mask: expected one that leaves something of the picture, got a full one. What is removed is filled from "
            "what is around it: mask the object only."
        )
    return hard


def cells_under(hard: Tensor, whole: tuple[int, int], window: Box | None = None) -> Tensor:
    """The cells of a latent that hold a masked pixel.

    Args:
        hard: [M, H, W] bool. At the size of a picture that was padded at the right and the bottom to whole cells, it is
            padded like that; at any other size it is stretched.
        whole: height and width of the whole latent.
        window: the part of it that is sampled; None for all.

    Returns:
        [M, 1, h, w] bool.

    Raises:
        InpaintError: if every cell of a picture holds one.
    """
    height, width = (length * PIXELS for length in whole)
    if 0 <= height - hard.shape[1] < PIXELS and 0 <= width - hard.shape[2] < PIXELS:
        hard = pad_mask(hard.float(), Size(width, height)).bool()
    cells = pool(hard, (len(hard), 1, *whole))
    if window is not None:
        cells = cells[(..., *window.slices)]
    if cells.flatten(1).all(dim=1).any():
        raise InpaintError(
            f"mask: expected one that leaves a latent cell ({PIXELS} x {PIXELS} pixels) of what is sampled, got one "
            "with a pixel in each. Mask the object only, or leave more around it where a part is sampled."
        )
    return cells


def places_under(cells: Tensor, grid: tuple[int, int]) -> list[Places | None]:
    """The masks among the places of an attention.

    Args:
        cells: [M, 1, h, w] bool.
        grid: rows and columns of the attention's places; each stands for the cells that it covers.

    Returns:
        one for each mask; None where attention stays as it is, since no place is under the mask, or every one is. The
        latter is so at low resolutions only, where a picture is a few places.
    """
    found: list[Places | None] = []
    for under in pool(cells, (len(cells), 1, *grid)).flatten(1):
        redirects = bool(under.any()) and not bool(under.all())
        found.append(Places(under[:, None], (~under).nonzero()[:, 0]) if redirects else None)
    return found


def redirected_attention(
    attend: Attention, q: Tensor, k: Tensor, v: Tensor, places: list[Places | None], query_scale: float = 1.0
) -> Tensor:
    """Self-attention in which no place under the mask is seen.

    Keys and values are dropped and not masked: the result is the same, there is less to compute, and attention without
    a mask keeps its fast, flat path. As many are dropped as the picture's mask has, so each mask takes its own turn.

    Args:
        attend: attention of [B, n, C] to [B, k, C].
        q, k, v: [B, n, C]; B is a multiple of the number of masks, and the rows repeat them in their order.
        places: of `places_under`.
        query_scale: what the queries under the mask are multiplied with.

    Returns:
        [B, n, C].
    """

    def turn(q: Tensor, k: Tensor, v: Tensor, own: Places | None) -> Tensor:
        if own is None:
            return attend(q, k, v)
        if query_scale != 1:
            q = torch.where(own.under, q * query_scale, q)
        return attend(q, k[:, own.kept], v[:, own.kept])

    masks = len(places)
    turns = [turn(q[i::masks], k[i::masks], v[i::masks], own) for i, own in enumerate(places)]
    return torch.stack(turns, dim=1).flatten(0, 1)
