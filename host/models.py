"""What a MODEL, or the file of one, is to the host."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

import comfy.model_detection
import torch

from .dtypes import NAMES, TORCH

if TYPE_CHECKING:
    from ..inpaint.checkpoint_header import CheckpointHeader

# Under this name.
FACTS = "mend_facts"


def with_facts(model: Any, vae: Any, facts: object) -> tuple[Any, Any]:
    """A MODEL and a VAE that carry these facts; those that are given are left as they are. Weights are shared."""
    model, vae = model.clone(), copy.copy(vae)
    model.set_attachments(FACTS, facts)
    setattr(vae, FACTS, facts)
    return model, vae


def facts_of(carrier: Any) -> Any:
    """The facts that a MODEL or VAE carries; None where it comes from another loader."""
    return getattr(carrier, "attachments", {}).get(FACTS) or getattr(carrier, FACTS, None)


@functools.lru_cache(maxsize=32)
def detect_model(header: CheckpointHeader) -> tuple[float, tuple[str, ...]] | None:
    """What the host makes of a diffusion model whose header was read, by its own detection on tensors without memory.

    Returns:
        its memory_usage_factor, and the names of the dtypes it can compute in, the best first; None where the host
        does not know it.
    """
    tensors = {
        name.removeprefix(header.prefix): torch.empty(
            tensor.shape, dtype=TORCH.get(tensor.dtype, torch.uint8), device="meta"
        )
        for name, tensor in header.tensors.items()
        if name.startswith(header.prefix)
    }
    detection = comfy.model_detection
    # They take keys out of what they are given.
    config = detection.model_config_from_unet(dict(tensors), "")
    if config is None and "conv_in.weight" in tensors:
        config = detection.model_config_from_diffusers_unet(dict(tensors))
    if config is None:
        return None
    supported = tuple(NAMES[dtype] for dtype in config.supported_inference_dtypes)
    return float(config.memory_usage_factor), supported
