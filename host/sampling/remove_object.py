"""Attentive Eraser on the host's U-Nets: each step predicts twice, once with redirected self-attention."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import comfy.model_patcher
import comfy.samplers
import torch
from comfy.ldm.modules.attention import SpatialTransformer, SpatialVideoTransformer, optimized_attention
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from torch import Tensor

from ...inpaint.core.errors import InpaintError
from ...inpaint.core.geometry import Box
from ...inpaint.sampling import attentive_eraser as eraser
from ...inpaint.sampling.soft import done
from .window import window_of


def redirectable_blocks(model: Any) -> list[int]:
    """Return the numbers of the decoder blocks with spatial self-attention, by the model's structure.

    The list is empty if the model is no U-Net, or is a video U-Net, whose attention also covers frames.
    """
    unet = model.model.diffusion_model
    if not isinstance(unet, UNetModel):
        return []
    found = {}
    for number, block in enumerate(unet.output_blocks):
        for part in block:
            if isinstance(part, SpatialVideoTransformer):
                return []
            # In models without self-attention, such as SDXS, attn1 attends to the text.
            if isinstance(part, SpatialTransformer) and not part.transformer_blocks[0].disable_self_attn:
                found[number] = part
    return list(found)


def predicts_by_itself(model: Any) -> bool:
    """Whether another node already replaces the prediction of a MODEL. Only one node can."""
    return "sampler_calc_cond_batch_function" in model.model_options


def with_removal(model: Any, hard: Tensor, guidance: float, query_scale: float, query_steps: float) -> Any:
    """Return a copy of a MODEL that removes the masked object. Weights are shared.

    It replaces both predictions of CFG by the same value. The negative prompt is not evaluated, and the cfg value has
    no effect.

    Args:
        model: a MODEL with `redirectable_blocks`.
        hard: [M, H, W] bool; True = remove. The latents of a batch use the masks in turn: latent i uses mask i mod M.
        guidance: see `eraser.guided`.
        query_scale: factor for the queries under the mask in the first steps.
        query_steps: fraction of the steps in which `query_scale` applies, 0..1.

    Sampling raises InpaintError if the batch is no multiple of M, or attention covers other tokens than the mask does.
    """
    blocks = redirectable_blocks(model)

    @lru_cache(maxsize=8)
    def cells(whole: tuple[int, int], window: Box | None) -> Tensor:
        return eraser.cells_under(hard, whole, window)

    @lru_cache(maxsize=32)  # each window has a few attention resolutions
    def places(
        whole: tuple[int, int], window: Box | None, grid: tuple[int, int], device: torch.device
    ) -> list[eraser.Places | None]:
        return eraser.places_under(cells(whole, window).to(device), grid)

    def predict(step: Mapping[str, Any]) -> list[Tensor]:
        x, sigma, options = step["input"], step["sigma"], step["model_options"]
        if len(x) % len(hard):
            raise InpaintError(
                f"Remove Object: expected {len(hard)} latents, as many as masks, or a multiple, got {len(x)}. Connect "
                "one mask for all pictures, or one for each."
            )
        run = options["transformer_options"]
        size = tuple(x.shape[-2:])
        window, whole = window_of(run) or (None, size)
        early = bool(done(sigma.max(), run["sample_sigmas"]) < query_steps)

        def attention(q: Tensor, k: Tensor, v: Tensor, at: Mapping[str, Any]) -> Tensor:
            grid = tuple(at["activations_shape"][-2:])
            _check_places(q, k, grid, tuple(at["original_shape"][-2:]), size)
            attend = partial(
                optimized_attention, heads=at["n_heads"], attn_precision=at["attn_precision"], transformer_options=at
            )
            under = places(whole, window, grid, q.device)
            return eraser.redirected_attention(attend, q, k, v, under, query_scale if early else 1.0)

        redirecting = options.copy()
        for number in blocks:
            comfy.model_patcher.set_model_options_patch_replace(redirecting, attention, "attn1", "output", number)
        plain, redirected = (
            comfy.samplers.calc_cond_batch(step["model"], [step["conds"][0]], x, sigma, given)[0]
            for given in (options, redirecting)
        )
        return [eraser.guided(plain, redirected, guidance)] * len(step["conds"])

    patched = model.clone()
    patched.set_model_sampler_calc_cond_batch_function(predict)
    return patched


def _check_places(q: Tensor, k: Tensor, grid: tuple[int, ...], sampled: tuple[int, ...], size: tuple[int, ...]) -> None:
    """Refuse attention over other tokens than the mask's: an area of the latent, or tokens that other nodes changed."""
    if sampled != size:
        raise InpaintError(
            f"Remove Object: expected a latent of {size[1]} x {size[0]} cells, got {sampled[1]} x {sampled[0]} cells. "
            "Remove conditioning areas, and nodes that sample in tiles."
        )
    expected = grid[0] * grid[1]
    for tensor in (q, k):
        if tensor.shape[1] != expected:
            raise InpaintError(
                f"Remove Object: expected {expected} tokens in a self-attention, got {tensor.shape[1]}. Another node "
                "merges, adds or tiles them, such as Tome Patch Model or HyperTile: remove it."
            )
