"""The host's model folders, and its own loaders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import comfy.sd
import comfy.utils
import folder_paths

from ..inpaint.errors import InpaintError
from .dtypes import TORCH
from .memory import is_oom

# Not a folder of the host's own: packs for inpainting share it.
INPAINT = "inpaint"
INPAINT_SUFFIXES = {".pth", ".pt", ".safetensors", ".patch"}


def checkpoint_names() -> list[str]:
    return folder_paths.get_filename_list("checkpoints")


def diffusion_model_names() -> list[str]:
    return folder_paths.get_filename_list("diffusion_models")


def text_encoder_names() -> list[str]:
    return folder_paths.get_filename_list("text_encoders")


def vae_names() -> list[str]:
    return folder_paths.get_filename_list("vae")


def share_inpaint_folder() -> None:
    """Make models/inpaint known to the host, beside what other packs registered for it, before this or after.

    Folders are only added, at the end, since the first is where downloads go, and so are suffixes. No suffixes at all
    is how the host says "every file", and stays.
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
    # The host notices new files in it, not new suffixes.
    folder_paths.filename_list_cache.pop(INPAINT, None)


def inpaint_names() -> list[str]:
    """Files in models/inpaint that may hold weights, of this pack or of others."""
    share_inpaint_folder()
    names = folder_paths.get_filename_list(INPAINT)
    return [name for name in names if Path(name).suffix.lower() in INPAINT_SUFFIXES]


def model_path(folder: str, name: str) -> str:
    """Where a file of one of the host's model folders is: one that the host itself lists, and no other.

    Raises:
        InpaintError: if it lists none of this name.
    """
    if name not in folder_paths.get_filename_list(folder):
        raise InpaintError(f"{name}: no such file in models/{folder}. Choose one that is listed there.")
    return folder_paths.get_full_path_or_raise(folder, name)


def load_weights(path: str) -> Any:
    """What a file of weights holds, read as data only: nothing in it is run.

    Tensors of it may lie in the file: they are not to be changed in place.

    Raises:
        InpaintError: if it cannot be read so.
    """
    try:
        return comfy.utils.load_torch_file(path, safe_load=True)
    except Exception as error:  # each format, and each way to be broken, has its own
        if is_oom(error):
            raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise InpaintError(
            f"{Path(path).name}: expected a file of weights, got one that cannot be read as that ({reason}). "
            "Download it again."
        ) from error


def load_checkpoint(path: str, weights: str | None = None) -> tuple[Any, Any, Any]:
    """MODEL, CLIP and VAE of a checkpoint file, by the host's own loader.

    Args:
        path: of the file.
        weights: name of the dtype to keep the diffusion model's weights in; None leaves it to the host.
    """
    loaded = comfy.sd.load_checkpoint_guess_config(
        path,
        output_vae=True,
        output_clip=True,
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        model_options=_options(weights),
    )
    return loaded[:3]


def load_diffusion_model(path: str, weights: str | None = None) -> Any:
    """MODEL of a file that holds a diffusion model by itself. weights: as in `load_checkpoint`."""
    return comfy.sd.load_diffusion_model(path, model_options=_options(weights))


def load_text_encoders(paths: list[str], kind: str) -> Any:
    """CLIP of one file or more. kind: the host's name of what they are for; one that it does not know is left out."""
    kinds = comfy.sd.CLIPType
    return comfy.sd.load_clip(
        ckpt_paths=paths,
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        clip_type=getattr(kinds, kind.upper(), kinds.STABLE_DIFFUSION),
    )


def load_vae(path: str) -> Any:
    """VAE of a file that holds one by itself."""
    vae = comfy.sd.VAE(sd=comfy.utils.load_torch_file(path, safe_load=True))
    vae.throw_exception_if_invalid()
    return vae


def _options(weights: str | None) -> dict[str, Any]:
    return {} if weights is None else {"dtype": TORCH[weights]}
