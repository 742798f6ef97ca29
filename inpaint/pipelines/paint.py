"""Crops repainted by a pipeline of diffusers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InpaintError
from .opening import Opened

# Called with steps done and their number. An exception that it raises ends the work.
Step = Callable[[int, int], None]


@dataclass(frozen=True)
class Crop:
    """One crop that is to be repainted."""

    image: Tensor
    """[1, h, w, 3] in 0..1; its sides are multiples of the family's grid."""
    mask: Tensor
    """[1, h, w] in 0..1, 1 = repaint."""
    prompt: str
    """What should be there."""
    negative: str
    """What should not."""
    seed: int
    """Of its noise, which depends on nothing else."""


@dataclass(frozen=True)
class Settings:
    """What all crops of a call have in common."""

    steps: int
    """Steps that are sampled, at any strength."""
    cfg: float
    """Classifier-free guidance; 1 for none."""
    guidance: float | None
    """The guidance that a distilled model is told; None for the pipeline's own."""
    strength: float
    """How much of what is there is repainted, above 0 up to 1 (denoise)."""


def repaint(
    opened: Opened, crops: Sequence[Crop], settings: Settings, step: Step = lambda done, total: None, **more: Any
) -> Tensor:
    """Repaint crops of one size in one call.

    Args:
        opened: the pipeline.
        crops: at least one.
        settings: of all.
        step: called after each step.
        more: further arguments of the pipeline.

    Returns:
        [B, h, w, 3] float32 in 0..1 on the CPU; Kontext and Qwen-Image-Edit may return another size of the same aspect.

    Raises:
        InpaintError: if memory runs out.
    """
    height, width = crops[0].image.shape[1:3]
    takes = inspect.signature(type(opened.pipeline).__call__).parameters
    route = opened.route
    # Pipelines sample the last part of a schedule: of so many steps, what is asked for is sampled.
    whole = math.ceil(settings.steps / settings.strength - 1e-6) if "strength" in takes else settings.steps
    total = settings.steps

    def at_step_end(pipeline: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        step(index + 1, total)
        return tensors

    arguments: dict[str, Any] = {
        "prompt": [crop.prompt for crop in crops],
        "negative_prompt": [crop.negative for crop in crops],
        "image": torch.cat([crop.image for crop in crops]).movedim(-1, 1),
        "mask_image": torch.cat([crop.mask for crop in crops])[:, None],
        "height": height,
        "width": width,
        "strength": settings.strength,
        "num_inference_steps": whole,
        # On the CPU, so that a card makes no other noise.
        "generator": [torch.Generator().manual_seed(crop.seed) for crop in crops],
        "output_type": "pt",
        "callback_on_step_end": at_step_end,
        # Kontext would choose another size.
        "_auto_resize": False,
    }
    if route.cfg:
        arguments[route.cfg] = settings.cfg
    if route.guidance and settings.guidance is not None:
        arguments[route.guidance] = settings.guidance
    arguments = {name: value for name, value in arguments.items() if name in takes} | more
    try:
        with torch.inference_mode():
            images = opened.pipeline(**arguments).images
    except torch.OutOfMemoryError as error:
        raise InpaintError(
            f"memory ran out with {len(crops)} crops of {width}x{height} at once. Make them smaller (megapixels) or "
            "fewer (--batch), or offload more (--offload group)."
        ) from error
    return images.movedim(1, -1).float().cpu()
