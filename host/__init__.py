"""All calls into ComfyUI. No other folder imports it, except for the node API `comfy_api`.

This folder hides the differences between host versions from the rest of the pack.
"""

from .blocked import blocked
from .expansion import inputs_as_sent, inside_expansion, loaded_file, new_graph, with_defaults
from .memory import Computer, dynamic_vram, flash_attention, is_oom, ram, this_computer
from .models.budget import budget_holds
from .models.detection import detect_model, facts_of, file_of, with_facts
from .models.dtypes import dtypes_here, loads_quantized
from .models.files import (
    checkpoint_names,
    diffusion_model_names,
    gguf_names,
    inpaint_names,
    load_checkpoint,
    load_diffusion_model,
    load_text_encoders,
    load_vae,
    load_weights,
    missing,
    model_path,
    network_names,
    share_inpaint_folder,
    text_encoder_names,
    vae_names,
)
from .models.held_network import HeldNetwork, hold_network, runner
from .models.held_pipeline import HeldPipeline, hold_pipeline, make_room, pipeline_names, pipeline_stamp
from .models.kept import kept_models
from .models.vae_kinds import vae_here
from .previews import save_previews
from .progress import progress_bar, stop_if_cancelled
from .sampling.coherent import coherent_sampler
from .sampling.fooocus import has_fooocus, is_general_sdxl, weight_shapes, with_fooocus
from .sampling.inputs import (
    ModelInputs,
    from_model_scale,
    in_model_scale,
    model_inputs,
    set_conditioning,
    variant_of,
)
from .sampling.latents import fitted, latent_ratio, picture_latents
from .sampling.masked import (
    in_whole_frames,
    latent_mask,
    reads_soft_masks,
    with_even_times,
    with_latent_preserved_outside_mask,
    with_part,
    with_soft_blend,
    with_soft_mask,
)
from .sampling.memory_use import packed_shape, sampling_memory
from .sampling.references import cut_conditioning, reference_sizes, references_taken, with_references
from .sampling.remove_object import predicts_by_itself, redirectable_blocks, with_removal
from .sampling.samplers import COHERENT, noise_levels, sample, sampler_names, scheduler_names
from .sampling.sound import check_sound, needs_sound, with_sound
from .sampling.stages import ORIGINAL, with_original
from .sampling.window import window_of, with_window
from .server import add_get_route
from .unmasked_files import unmasked_files
from .vae import VaeResult, decodable, decode, encode, vae_latents, vae_ratio
from .vae_window import decode_window, decodes_window, encode_window

__all__ = [
    "COHERENT",
    "ORIGINAL",
    "Computer",
    "HeldNetwork",
    "HeldPipeline",
    "ModelInputs",
    "VaeResult",
    "add_get_route",
    "blocked",
    "budget_holds",
    "check_sound",
    "checkpoint_names",
    "coherent_sampler",
    "cut_conditioning",
    "decodable",
    "decode",
    "decode_window",
    "decodes_window",
    "detect_model",
    "diffusion_model_names",
    "dtypes_here",
    "dynamic_vram",
    "encode",
    "encode_window",
    "facts_of",
    "file_of",
    "fitted",
    "flash_attention",
    "from_model_scale",
    "gguf_names",
    "has_fooocus",
    "hold_network",
    "hold_pipeline",
    "in_model_scale",
    "in_whole_frames",
    "inpaint_names",
    "inputs_as_sent",
    "inside_expansion",
    "is_general_sdxl",
    "is_oom",
    "kept_models",
    "latent_mask",
    "latent_ratio",
    "load_checkpoint",
    "load_diffusion_model",
    "load_text_encoders",
    "load_vae",
    "load_weights",
    "loaded_file",
    "loads_quantized",
    "make_room",
    "missing",
    "model_inputs",
    "model_path",
    "needs_sound",
    "network_names",
    "new_graph",
    "noise_levels",
    "packed_shape",
    "picture_latents",
    "pipeline_names",
    "pipeline_stamp",
    "predicts_by_itself",
    "progress_bar",
    "ram",
    "reads_soft_masks",
    "redirectable_blocks",
    "reference_sizes",
    "references_taken",
    "runner",
    "sample",
    "sampler_names",
    "sampling_memory",
    "save_previews",
    "scheduler_names",
    "set_conditioning",
    "share_inpaint_folder",
    "stop_if_cancelled",
    "text_encoder_names",
    "this_computer",
    "unmasked_files",
    "vae_here",
    "vae_latents",
    "vae_names",
    "vae_ratio",
    "variant_of",
    "weight_shapes",
    "window_of",
    "with_defaults",
    "with_even_times",
    "with_facts",
    "with_fooocus",
    "with_latent_preserved_outside_mask",
    "with_original",
    "with_part",
    "with_references",
    "with_removal",
    "with_soft_blend",
    "with_soft_mask",
    "with_sound",
    "with_window",
]
