"""Names of dtypes as in safetensors files, and the dtypes that the host uses on this computer."""

from __future__ import annotations

from collections.abc import Sequence

import comfy.model_management
import comfy.quant_ops
import comfy.utils
import torch

from ...inpaint.model_files.quantization import Quantization

TORCH = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
NAMES = {dtype: name for name, dtype in TORCH.items()}


def loads_quantized(quantization: Quantization) -> bool:
    """Whether the running host loads weights that are quantized in this way."""
    if quantization.noted and not hasattr(comfy.utils, "convert_old_quants"):
        return False  # it would drop the scales: it does not look at the notes
    # Weights in e5m2 with scales have been loaded for longer than they have a name.
    return quantization.format in {"", "float8_e5m2", *comfy.quant_ops.QUANT_ALGOS}


def dtypes_here(
    parameters: int,
    stored: str | None,
    supported: Sequence[str],
    vae_allowed: Sequence[str],
    weights: str | None = None,
) -> tuple[str, str, str]:
    """Return the dtypes that the host uses on this computer for weights, computation and VAE.

    All dtypes are names such as "F16".

    Args:
        parameters: number of parameters of the diffusion model.
        stored: dtype of most of its parameters in the file; None if they are scaled or packed.
        supported, vae_allowed: dtypes that the model and the VAE can compute in, best first.
        weights: dtype to store the weights in; None = the host's choice.
    """
    management = comfy.model_management
    dtypes = [TORCH[name] for name in supported]
    if weights is None:
        weight_dtype = TORCH.get(stored or "")
        kept = management.unet_dtype(model_params=parameters, supported_dtypes=dtypes, weight_dtype=weight_dtype)
    else:
        kept = TORCH[weights]
    compute = management.unet_manual_cast(kept, management.get_torch_device(), dtypes) or kept
    vae = management.vae_dtype(management.vae_device(), [TORCH[name] for name in vae_allowed])
    return NAMES[kept], NAMES[compute], NAMES[vae]
