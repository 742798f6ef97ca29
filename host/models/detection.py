"""The host's detection of a model file, and the facts that a MODEL or VAE carries."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import comfy.model_detection
import torch

from ...inpaint.core.cache import weak_cache
from ...inpaint.core.errors import InpaintError, short_name
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


def file_of(model: Any) -> str:
    """Return the name of the file that a MODEL was loaded from; "" if nothing tells it."""
    facts = facts_of(model)
    if facts is not None:
        return str(facts.file)
    # Newer hosts keep what loads a model anew: a function and its arguments, of which the first is the path.
    _, arguments, *_ = getattr(model, "cached_patcher_init", None) or (None, ())
    return os.path.basename(arguments[0]) if arguments and isinstance(arguments[0], str) else ""


@dataclass(frozen=True, eq=False)
class Detected:
    """What the host says of a model file."""

    model_class: str
    """Name of its class (comfy.supported_models)."""
    supported: tuple[str, ...]
    """Names of the dtypes that it can compute in, best first."""
    factors: Mapping[str, float]
    """Its memory_usage_factor by the dtype that it computes in."""
    format: str
    """Name of its latent format."""
    ratio: int | None
    """Pixels per latent cell, along each side. None on hosts whose latent formats do not say."""


@weak_cache
def detect_model(header: CheckpointHeader) -> Detected | None:
    """Run the host's model detection on the header of a diffusion model, with tensors that use no memory.

    Returns:
        None if the host does not know the model.

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
            f"{short_name(header.path)}: looks like {header.label}, but tensors are missing or of a wrong shape "
            f"({type(error).__name__}: {str(error)[:100]}). Download it again, or choose a whole model."
        ) from error
    if config is None:
        return None
    supported = tuple(NAMES[dtype] for dtype in config.supported_inference_dtypes if dtype in NAMES)
    return Detected(
        model_class=type(config).__name__,
        supported=supported,
        factors={dtype: _factor(config, TORCH[dtype]) for dtype in dict.fromkeys((*supported, "F32"))},
        format=type(config.latent_format).__name__,
        ratio=getattr(config.latent_format, "spacial_downscale_ratio", None),
    )


def _factor(config: Any, dtype: torch.dtype) -> float:
    """Return the memory factor of a model that computes in this dtype. Some change it when they are told."""
    # The config answers None for any missing attribute, even to `copy.copy`.
    told = object.__new__(type(config))
    told.__dict__.update(config.__dict__, unet_config=dict(config.unet_config))
    told.set_inference_dtype(dtype, None)
    return float(told.memory_usage_factor)


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
