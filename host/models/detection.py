"""What a MODEL, or the file of one, is to the host."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import comfy.model_detection
import torch

from ...inpaint.core.cache import weak_cache
from ...inpaint.core.errors import InpaintError
from .budget import keep_to
from .dtypes import NAMES, TORCH

if TYPE_CHECKING:
    from ...inpaint.model_files.checkpoint import CheckpointHeader
    from ...inpaint.vram.plan import Facts

# Under this name.
FACTS = "mend_facts"


def with_facts(model: Any, vae: Any, facts: Facts) -> tuple[Any, Any]:
    """A MODEL and a VAE that carry these facts, the MODEL keeping to their budget; those that are given are left as
    they are. Weights are shared."""
    model, vae = model.clone(), copy.copy(vae)
    model.set_attachments(FACTS, facts)
    keep_to(model, facts.budget)
    setattr(vae, FACTS, facts)
    return model, vae


def facts_of(carrier: Any) -> Any:
    """The facts that a MODEL or VAE carries; None where it comes from another loader."""
    return getattr(carrier, "attachments", {}).get(FACTS) or getattr(carrier, FACTS, None)


@weak_cache
def detect_model(header: CheckpointHeader) -> tuple[float, tuple[str, ...]] | None:
    """What the host makes of a diffusion model whose header was read, by its own detection on tensors without memory.

    Returns:
        its memory_usage_factor, and the names of the dtypes it can compute in, the best first; None where the host
        does not know it.

    Raises:
        InpaintError: if the host cannot make out its parts, and so could not load it either.
    """
    try:
        config = _config(header)
    except Exception as error:
        # The host's detection is written for whole files: it takes the first sign of a family for the rest of it, and
        # raises whatever comes of a tensor that is missing, has another shape, or is larger than torch can name
        # (KeyError, IndexError, ZeroDivisionError, RuntimeError ... and others as it grows). Nothing but the file is
        # read in there, so every error is the file's.
        raise InpaintError(
            f"{header.path.name}: looks like {header.label}, but tensors are missing or of a wrong shape "
            f"({type(error).__name__}: {str(error)[:100]}). Download it again, or choose a whole model."
        ) from error
    if config is None:
        return None
    supported = tuple(NAMES[dtype] for dtype in config.supported_inference_dtypes if dtype in NAMES)
    return float(config.memory_usage_factor), supported


def _config(header: CheckpointHeader) -> Any:
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
    return config
