"""The host's model folders and loaders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import comfy.sd
import comfy.utils
import folder_paths
import torch

from ...inpaint.core.errors import InpaintError, short_name
from ...inpaint.model_files.pickle_check import check_pickle
from ..memory import retry_after_freeing
from .dtypes import TORCH

# A folder that inpainting packs share. The host does not register it.
INPAINT = "inpaint"
INPAINT_SUFFIXES = {".pth", ".pt", ".ckpt", ".safetensors", ".patch"}
PATCH_SUFFIX = ".patch"


def checkpoint_names() -> list[str]:
    return folder_paths.get_filename_list("checkpoints")


def diffusion_model_names() -> list[str]:
    return folder_paths.get_filename_list("diffusion_models")


def text_encoder_names() -> list[str]:
    return folder_paths.get_filename_list("text_encoders")


def vae_names() -> list[str]:
    return folder_paths.get_filename_list("vae")


def gguf_names() -> list[str]:
    """List the GGUF files among the diffusion models.

    The host cannot load GGUF and does not list it. Packs that load GGUF register the folder "unet_gguf".
    """
    if "unet_gguf" in folder_paths.folder_names_and_paths:
        return folder_paths.get_filename_list("unet_gguf")
    found: set[str] = set()
    for folder in folder_paths.get_folder_paths("diffusion_models"):
        files, _ = folder_paths.recursive_search(folder, excluded_dir_names=[".git"])
        found.update(folder_paths.filter_files_extensions(files, [".gguf"]))
    return sorted(found)


def share_inpaint_folder() -> None:
    """Register models/inpaint with the host, in addition to what other packs registered before or register later.

    The folder is appended at the end, because downloads go to the first folder. Suffixes are only added. An empty set
    of suffixes means "every file" to the host and is kept.
    """
    known = folder_paths.folder_names_and_paths
    folders, suffixes = known.get(INPAINT, ([], INPAINT_SUFFIXES))
    folder = os.path.join(folder_paths.models_dir, INPAINT)
    wanted = set(suffixes) | INPAINT_SUFFIXES if suffixes else set()
    if folder in folders and wanted == set(suffixes):
        return
    if folder not in folders:
        folders.append(folder)
    known[INPAINT] = (folders, wanted)
    # The host's cache notices new files in a folder, but not new suffixes.
    folder_paths.filename_list_cache.pop(INPAINT, None)


def inpaint_names() -> list[str]:
    """List the files in models/inpaint that may contain weights, for this pack or others."""
    share_inpaint_folder()
    names = folder_paths.get_filename_list(INPAINT)
    return [name for name in names if Path(name).suffix.lower() in INPAINT_SUFFIXES]


def network_names() -> list[str]:
    """List the files in models/inpaint that may contain a network."""
    return [name for name in inpaint_names() if Path(name).suffix.lower() != PATCH_SUFFIX]


def model_path(folder: str, name: str) -> str:
    """Return the path of a file that is listed in one of the host's model folders.

    Raises:
        InpaintError: if no file of this name is listed.
    """
    if name in folder_paths.get_filename_list(folder):
        return folder_paths.get_full_path_or_raise(folder, name)
    if folder == "diffusion_models" and name in gguf_names():
        registered = "unet_gguf" in folder_paths.folder_names_and_paths
        return folder_paths.get_full_path_or_raise("unet_gguf" if registered else folder, name)
    raise InpaintError(f"{name[:200]}: no such file in models/{folder}. Choose one that is listed there.")


def load_weights(path: str) -> Any:
    """Load a weights file as data, without running code in it.

    Its tensors may be mapped from the file. Do not modify them in place.

    Raises:
        InpaintError: if it is no weights file, or as in `load_checkpoint`.
    """
    try:
        return _load([path], lambda: comfy.utils.load_torch_file(path, safe_load=True))
    except InpaintError:
        raise
    except Exception as error:  # each format and each kind of damage raises other exceptions
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise InpaintError(
            f"{short_name(Path(path))}: expected a weights file, got one that cannot be read as weights ({reason}). "
            "Download it again."
        ) from error


def load_checkpoint(path: str, weights: str | None = None) -> tuple[Any, Any, Any]:
    """Load MODEL, CLIP and VAE of a checkpoint with the host's loader. `missing` lists the parts that it lacks.

    Args:
        path: path of the file.
        weights: name of the dtype to store the diffusion model's weights in; None = the host's choice.

    Raises:
        InpaintError: if it is a pickle and PyTorch is too old to read it safely, or if memory runs out with no other
            model on the card.
    """
    loaded = _load(
        [path],
        lambda: comfy.sd.load_checkpoint_guess_config(
            path,
            output_vae=True,
            output_clip=True,
            embedding_directory=folder_paths.get_folder_paths("embeddings"),
            model_options=_options(weights),
        ),
    )
    return loaded[:3]


def load_diffusion_model(path: str, weights: str | None = None) -> Any:
    """Load MODEL from a file with only a diffusion model. `weights` and errors as in `load_checkpoint`."""
    return _load([path], lambda: comfy.sd.load_diffusion_model(path, model_options=_options(weights)))


def load_text_encoders(paths: list[str], clip_type: str) -> Any:
    """Load CLIP from one or more files. Errors as in `load_checkpoint`.

    Args:
        paths: paths of the files.
        clip_type: name in the host's `CLIPType`, in any case. An unknown name loads as Stable Diffusion.
    """
    clip_types = comfy.sd.CLIPType
    return _load(
        paths,
        lambda: comfy.sd.load_clip(
            ckpt_paths=paths,
            embedding_directory=folder_paths.get_folder_paths("embeddings"),
            clip_type=getattr(clip_types, clip_type.upper(), clip_types.STABLE_DIFFUSION),
        ),
    )


def load_vae(path: str) -> Any:
    """Load VAE from a file with only a VAE. Errors as in `load_checkpoint`."""

    def load() -> Any:
        weights, metadata = comfy.utils.load_torch_file(path, safe_load=True, return_metadata=True)
        vae = comfy.sd.VAE(sd=weights, metadata=metadata)
        vae.throw_exception_if_invalid()
        return vae

    return _load([path], load)


def missing(clip: Any, vae: Any) -> list[str]:
    """List the parts that a loaded checkpoint lacks."""
    parts = {"text encoder": clip, "VAE": vae.first_stage_model}
    return [name for name, part in parts.items() if part is None]


def _load(paths: Sequence[str], load: Callable[[], Any]) -> Any:
    """Load these files. If memory runs out, unload all models and try once more."""
    for path in paths:
        _refuse_unsafe(path)
        check_pickle(path)
    return retry_after_freeing(
        load,
        load,
        lambda: (
            f"{_names(paths)}: memory ran out while loading, with no other model loaded. Close other "
            "programs, or choose a smaller file; Estimate VRAM says what fits."
        ),
    )


def _refuse_unsafe(path: str) -> None:
    """Refuse pickles on PyTorch before 2.6, which runs code in them even with weights_only=True (CVE-2025-32434)."""
    version = tuple(int(number) for number in re.findall(r"\d+", torch.__version__)[:2])
    if version < (2, 6) and not path.lower().endswith((".safetensors", ".sft", ".gguf")):
        raise InpaintError(
            f"{_names([path])}: expected PyTorch 2.6 or newer, which reads pickles without running them, got "
            f"{torch.__version__}. Update PyTorch, or use a .safetensors version of the file."
        )


def _names(paths: Sequence[str]) -> str:
    return " and ".join(short_name(Path(path)) for path in paths)


def _options(weights: str | None) -> dict[str, Any]:
    return {} if weights is None else {"dtype": TORCH[weights]}
