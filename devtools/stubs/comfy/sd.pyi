"""VAEs, text encoders, and the loaders of models."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from .model_patcher import ModelPatcher

class CLIP: ...

class VAE:
    # None where the checkpoint had no VAE.
    first_stage_model: Any
    device: torch.device
    vae_dtype: torch.dtype
    latent_channels: int
    # 3 for a video VAE.
    latent_dim: int
    # Pixels to a latent cell; for a video VAE a function of the frames, and two of these.
    downscale_ratio: Any
    upscale_ratio: Any
    patcher: ModelPatcher
    # Bytes, by shape and dtype.
    memory_used_encode: Callable[[Sequence[int], torch.dtype], float]
    memory_used_decode: Callable[[Sequence[int], torch.dtype], float]
    def __init__(
        self,
        sd: dict[str, Tensor],
        device: torch.device | None = None,
        config: Any = None,
        dtype: torch.dtype | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None: ...
    def throw_exception_if_invalid(self) -> None: ...
    def model_size(self) -> int: ...
    # Best first.
    working_dtypes: list[torch.dtype]
    def spacial_compression_encode(self) -> int: ...
    def spacial_compression_decode(self) -> int: ...
    def encode(self, pixel_samples: Tensor) -> Tensor: ...
    def encode_tiled(
        self,
        pixel_samples: Tensor,
        tile_x: int | None = None,
        tile_y: int | None = None,
        overlap: int | None = None,
    ) -> Tensor: ...
    def decode(self, samples_in: Tensor) -> Tensor: ...
    def decode_tiled(
        self, samples: Tensor, tile_x: int | None = None, tile_y: int | None = None, overlap: int | None = None
    ) -> Tensor: ...

class CLIPType(Enum):
    # The one that we name; the others are looked up.
    STABLE_DIFFUSION = ...

# MODEL, CLIP and VAE, each None where the file or the call has none, and the CLIP of vision.
def load_checkpoint_guess_config(
    ckpt_path: str,
    output_vae: bool = True,
    output_clip: bool = True,
    output_clipvision: bool = False,
    embedding_directory: list[str] | str | None = None,
    output_model: bool = True,
    model_options: dict[str, Any] = ...,
) -> tuple[ModelPatcher | None, CLIP | None, VAE | None, Any]: ...
def load_diffusion_model(unet_path: str, model_options: dict[str, Any] = ...) -> ModelPatcher: ...
def load_clip(
    ckpt_paths: list[str],
    embedding_directory: list[str] | str | None = None,
    clip_type: CLIPType = ...,
    model_options: dict[str, Any] = ...,
) -> CLIP: ...
