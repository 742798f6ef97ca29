"""Everything Mend asks of ComfyUI, and the only file that imports it (the node API `comfy_api` apart).

Differences between host versions end here: the rest of the pack sees one host.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import comfy.model_base
import comfy.model_detection
import comfy.model_management
import comfy.samplers
import comfy.sd
import folder_paths
import node_helpers
import nodes as host_nodes
import psutil
import torch
from torch import Tensor

if TYPE_CHECKING:
    from .inpaint.checkpoint_header import CheckpointHeader

InpaintInputs = Literal["channels", "fill"]


# ---- checkpoints -----------------------------------------------------------------------------------------------


def checkpoint_names() -> list[str]:
    return folder_paths.get_filename_list("checkpoints")


def diffusion_model_names() -> list[str]:
    return folder_paths.get_filename_list("diffusion_models")


def text_encoder_names() -> list[str]:
    return folder_paths.get_filename_list("text_encoders")


def vae_names() -> list[str]:
    return folder_paths.get_filename_list("vae")


def model_path(folder: str, name: str) -> str:
    """Where a file of one of the host's model folders is: one that the host itself lists, and no other."""
    if name not in folder_paths.get_filename_list(folder):
        raise FileNotFoundError(f"{folder}: no file {name!r} is listed.")
    return folder_paths.get_full_path_or_raise(folder, name)


def checkpoint_path(name: str) -> str:
    return folder_paths.get_full_path_or_raise("checkpoints", name)


def load_checkpoint(path: str) -> tuple[Any, Any, Any]:
    """MODEL, CLIP and VAE of a checkpoint file, by the host's own loader."""
    embeddings = folder_paths.get_folder_paths("embeddings")
    loaded = comfy.sd.load_checkpoint_guess_config(
        path, output_vae=True, output_clip=True, embedding_directory=embeddings
    )
    return loaded[:3]


_TORCH_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
_DTYPE_NAMES = {dtype: name for name, dtype in _TORCH_DTYPES.items()}


@functools.lru_cache(maxsize=32)
def detect_model(header: CheckpointHeader) -> tuple[float, tuple[str, ...]] | None:
    """What the host makes of a diffusion model whose header was read, by its own detection on tensors without memory.

    Returns:
        its memory_usage_factor, and the names of the dtypes it can compute in, the best first; None where the host
        does not know it.
    """
    tensors = {
        name.removeprefix(header.prefix): torch.empty(
            tensor.shape, dtype=_TORCH_DTYPES.get(tensor.dtype, torch.uint8), device="meta"
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
    supported = tuple(_DTYPE_NAMES[dtype] for dtype in config.supported_inference_dtypes)
    return float(config.memory_usage_factor), supported


class Computer(NamedTuple):
    """Where models run: free and reserved bytes of its device; dynamic, whether weights come in on demand."""

    name: str
    free: int
    reserve: int
    dynamic: bool


def this_computer() -> Computer:
    """The device that models run on, with what models that are loaded could give back counted as free."""
    management = comfy.model_management
    device = management.get_torch_device()
    free = management.get_free_memory(device)
    free += sum(loaded.model_loaded_memory() for loaded in management.current_loaded_models if loaded.device == device)
    name = f"this computer ({'its CPU' if management.is_device_cpu(device) else torch.cuda.get_device_name(device)})"
    return Computer(name, int(free), int(management.extra_reserved_memory()), dynamic_vram())


def dynamic_vram() -> bool:
    """Whether weights are brought onto the card when they are used (hosts from 0.16 on, on NVIDIA)."""
    memory = sys.modules.get("comfy.memory_management")
    return bool(getattr(memory, "aimdo_enabled", False))


def ram() -> tuple[int, int, int]:
    """Bytes of the computer's memory: all, available, and swap."""
    memory = psutil.virtual_memory()
    return memory.total, memory.available, psutil.swap_memory().total


def dtypes_here(
    parameters: int, stored: str | None, supported: Sequence[str], vae_allowed: Sequence[str]
) -> tuple[str, str, str]:
    """Names of the dtypes that the host chooses here: of the weights, of the computation, of the VAE.

    Args:
        parameters: of the diffusion model.
        stored: the dtype of most of them in the file; None where they are scaled or packed.
        supported, vae_allowed: what model and VAE can compute in, the best first.
    """
    management = comfy.model_management
    device = management.get_torch_device()
    dtypes = [_TORCH_DTYPES[name] for name in supported]
    weight_dtype = _TORCH_DTYPES.get(stored or "")
    weights = management.unet_dtype(model_params=parameters, supported_dtypes=dtypes, weight_dtype=weight_dtype)
    compute = management.unet_manual_cast(weights, device, dtypes) or weights
    vae = management.vae_dtype(management.vae_device(), [_TORCH_DTYPES[name] for name in vae_allowed])
    return _DTYPE_NAMES[weights], _DTYPE_NAMES[compute], _DTYPE_NAMES[vae]


def flash_attention() -> bool:
    """Whether the host takes it that attention never writes its whole matrix."""
    management = comfy.model_management
    return bool(management.xformers_enabled() or management.pytorch_attention_flash_attention())


# ---- models ----------------------------------------------------------------------------------------------------


def inpaint_inputs(model: Any) -> InpaintInputs | None:
    """Which inpainting inputs of its own a MODEL has, read from its structure and never from its name.

    "channels": the 9-channel U-Nets of SD 1.5, SD 2 and SDXL (4 noise, 1 mask, 4 masked picture).
    "fill": Flux Fill, whose input is wide enough for latent, masked latent and 64 mask values per latent cell.
    None: a general model. (The host's own `inpaint_model()` is true for every transformer, so it is no help.)
    """
    base = model.model
    config = base.model_config.unet_config
    if isinstance(base, comfy.model_base.Flux):
        return "fill" if config["in_channels"] > 2 * config["out_channels"] else None
    if base.concat_keys == ("mask", "masked_image") and config.get("in_channels") == 9:
        return "channels"
    return None


def latent_noise(model: Any, shape: torch.Size, seed: int) -> Tensor:
    """Gaussian noise of unit variance in the model's own latent scale, as the VAE would have given it.

    Args:
        model: MODEL.
        shape: of the latent the VAE gave, [B, C, h, w] or [B, C, T, h, w].
        seed: of a generator of its own, so that the sampler's noise is another.
    """
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return model.model.process_latent_out(noise)


def set_conditioning(conditioning: list, values: dict[str, Any]) -> list:
    """A copy of the conditioning list with these values set on every entry."""
    return node_helpers.conditioning_set_values(conditioning, values)


# ---- VAE -------------------------------------------------------------------------------------------------------


def vae_ratio(vae: Any) -> int:
    """Pixels to a latent cell, along each side (8 for SD and Flux)."""
    return int(vae.spacial_compression_encode())


def encode(vae: Any, pixels: Tensor) -> Tensor:
    """Latents of a batch of pictures.

    Args:
        vae: VAE.
        pixels: [B, H, W, 3] in 0..1; H and W multiples of `vae_ratio`, or the host crops them.

    Returns:
        [B, C, h, w]; [B, C, 1, h, w] from a video VAE, which would take a batch for the frames of one film.
    """
    if vae.latent_dim == 3 and len(pixels) > 1:
        return torch.cat([vae.encode(picture[None]) for picture in pixels])
    return vae.encode(pixels)


@dataclass(frozen=True)
class Decoded:
    """pixels: [B, H, W, C]. tile: side of the tiles in latent cells where memory ran out, else None."""

    pixels: Tensor
    tile: int | None


def decode(vae: Any, samples: Tensor) -> Decoded:
    """Pictures of a batch of latents; where memory runs out, in tiles that halve until they fit.

    The host falls back to tiles by itself where it recognises the error. This covers what it does not: memory that
    runs out again in those tiles, and errors that its older versions take for something else.
    """
    tile: int | None = None
    while True:
        try:
            if tile is None:
                pixels = vae.decode(samples)
            else:
                pixels = vae.decode_tiled(samples, tile_x=tile, tile_y=tile, overlap=tile // 4)
            break
        except Exception as error:
            if not is_oom(error) or tile == 8:
                raise
        # Out of the except block, or the error would keep the tensors of the failed try alive.
        tile = 32 if tile is None else tile // 2
        comfy.model_management.soft_empty_cache()
    if pixels.ndim == 5:
        pixels = pixels.flatten(0, 1)
    return Decoded(pixels, tile)


def is_oom(error: Exception) -> bool:
    """Whether an error says that memory ran out, on any device.

    The host's OOM_EXCEPTION is plain `Exception` where torch knows no such error, so it is not asked. torch raises
    OutOfMemoryError on accelerators and, on some of them and on the CPU, a RuntimeError told only by its text.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


# ---- sampling --------------------------------------------------------------------------------------------------


def sampler_names() -> list[str]:
    return comfy.samplers.KSampler.SAMPLERS


def scheduler_names() -> list[str]:
    return comfy.samplers.KSampler.SCHEDULERS


def sample(
    model: Any,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: list,
    negative: list,
    latent: dict[str, Any],
    denoise: float,
) -> dict[str, Any]:
    """The host's own KSampler step, with its noise, preview, progress and cancel."""
    return host_nodes.common_ksampler(
        model, seed, steps, cfg, sampler_name, scheduler, positive, negative, latent, denoise=denoise
    )[0]


# ---- server ----------------------------------------------------------------------------------------------------


def add_get_route(path: str, answer: Callable[[Mapping[str, str]], Awaitable[tuple[int, dict[str, Any]]]]) -> None:
    """Answer GET requests with JSON, behind the host's own checks of who asks.

    Args:
        path: such as "/mend/estimate"; the host serves it under /api too.
        answer: takes the query, gives a status and a body. An error of it is the host's to report.
    """
    # Where the nodes are used without a server nobody asks, and importing it would start half of one.
    server = sys.modules.get("server")
    if server is None:
        return
    from aiohttp import web

    @server.PromptServer.instance.routes.get(path)
    async def respond(request: web.Request) -> web.Response:
        status, body = await answer(request.query)
        return web.json_response(body, status=status)
