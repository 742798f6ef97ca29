"""The host's detection of a model file, and the facts that a MODEL or VAE carries."""

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
    from ...inpaint.vram.memory_plan import Facts

# Name of the attachment on a MODEL, and of the attribute on a VAE.
FACTS = "mend_facts"


def with_facts(model: Any, vae: Any, facts: Facts) -> tuple[Any, Any]:
    """Return copies of a MODEL and a VAE that carry these facts, the MODEL with their budget. Weights are shared."""
    model, vae = model.clone(), copy.copy(vae)
    model.set_attachments(FACTS, facts)
    keep_to(model, facts.budget)
    setattr(vae, FACTS, facts)
    return model, vae


def facts_of(carrier: Any) -> Any:
    """Return the facts that a MODEL or VAE carries; None if it comes from another loader."""
    return getattr(carrier, "attachments", {}).get(FACTS) or getattr(carrier, FACTS, None)


@weak_cache
def detect_model(header: CheckpointHeader) -> tuple[float, tuple[str, ...]] | None:
    """Run the host's model detection on the header of a diffusion model, with tensors that use no memory.

    Returns:
        The model's memory_usage_factor, and the names of the dtypes it can compute in, best first. None if the host
        does not know the model.

    Raises:
        InpaintError: if the detection fails. The host could not load the file either.
    """
    try:
        config = _config(header)
    except Exception as error:
        # The host's detection expects complete files. It recognises a family by one tensor and assumes the others. A
        # tensor that is missing, misshapen or too large for torch raises KeyError, IndexError, ZeroDivisionError,
        # RuntimeError or others. The detection reads nothing but the file, so every error is due to the file.
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
    # Pass copies: the host removes keys from the dict.
    config = detection.model_config_from_unet(dict(tensors), "")
    if config is None and "conv_in.weight" in tensors:
        config = detection.model_config_from_diffusers_unet(dict(tensors))
    return config
