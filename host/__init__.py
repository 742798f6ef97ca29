"""Everything Mend asks of ComfyUI, and the only folder that imports it (the node API `comfy_api` apart).

Differences between host versions end here: the rest of the pack sees one host.
"""

from .budget import budget_holds
from .dtypes import dtypes_here
from .files import (
    checkpoint_names,
    diffusion_model_names,
    gguf_names,
    load_checkpoint,
    load_diffusion_model,
    load_text_encoders,
    load_vae,
    missing,
    model_path,
    text_encoder_names,
    vae_names,
)
from .memory import Computer, dynamic_vram, flash_attention, is_oom, ram, this_computer
from .models import InpaintInputs, detect_model, facts_of, inpaint_inputs, latent_noise, set_conditioning, with_facts
from .sampling import sample, sampler_names, sampling_memory, scheduler_names
from .server import add_get_route
from .vae import Worked, decode, encode, vae_ratio

__all__ = [
    "Computer",
    "InpaintInputs",
    "Worked",
    "add_get_route",
    "budget_holds",
    "checkpoint_names",
    "decode",
    "detect_model",
    "diffusion_model_names",
    "dtypes_here",
    "dynamic_vram",
    "encode",
    "facts_of",
    "flash_attention",
    "gguf_names",
    "inpaint_inputs",
    "is_oom",
    "latent_noise",
    "load_checkpoint",
    "load_diffusion_model",
    "load_text_encoders",
    "load_vae",
    "missing",
    "model_path",
    "ram",
    "sample",
    "sampler_names",
    "sampling_memory",
    "scheduler_names",
    "set_conditioning",
    "text_encoder_names",
    "this_computer",
    "vae_names",
    "vae_ratio",
    "with_facts",
]
