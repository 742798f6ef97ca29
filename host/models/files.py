"""The host's model folders, and its own loaders."""

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

from ...inpaint.core.errors import InpaintError
from ..memory import with_room
from .dtypes import TORCH

# Not a folder of the host's own: packs for inpainting share it.
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
    """GGUF files among the diffusion models. The host cannot load them and so does not list them; packs that can list
    them as "unet_gguf"."""
    if "unet_gguf" in folder_paths.folder_names_and_paths:
        return folder_paths.get_filename_list("unet_gguf")
    found: set[str] = set()
    for folder in folder_paths.get_folder_paths("diffusion_models"):
        files, _ = folder_paths.recursive_search(folder, excluded_dir_names=[".git"])
        found.update(folder_paths.filter_files_extensions(files, [".gguf"]))
    return sorted(found)


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


def network_names() -> list[str]:
    """Those that may hold a network."""
    return [name for name in inpaint_names() if Path(name).suffix.lower() != PATCH_SUFFIX]


def model_path(folder: str, name: str) -> str:
    """Where a file of one of the host's model folders is: one that is listed, and no other.

    Raises:
        InpaintError: if none of this name is.
    """
    if name in folder_paths.get_filename_list(folder):
        return folder_paths.get_full_path_or_raise(folder, name)
    if folder == "diffusion_models" and name in gguf_names():
        packs = "unet_gguf" in folder_paths.folder_names_and_paths
        return folder_paths.get_full_path_or_raise("unet_gguf" if packs else folder, name)
    raise InpaintError(f"{name}: no such file in models/{folder}. Choose one that is listed there.")


def load_weights(path: str) -> Any:
    """What a file of weights holds, read as data only: nothing in it is run.

    Tensors of it may lie in the file: they are not to be changed in place.

    Raises:
        InpaintError: if it cannot be read so, or as in `load_checkpoint`.
    """
    try:
        return _load([path], lambda: comfy.utils.load_torch_file(path, safe_load=True))
    except InpaintError:
        raise
    except Exception as error:  # each format, and each way to be broken, has its own
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise InpaintError(
            f"{Path(path).name}: expected a file of weights, got one that cannot be read as that ({reason}). "
            "Download it again."
        ) from error


def load_checkpoint(path: str, weights: str | None = None) -> tuple[Any, Any, Any]:
    """MODEL, CLIP and VAE of a checkpoint file, by the host's own loader; `missing` says which of them it has not.

    Args:
        path: of the file.
        weights: name of the dtype to keep the diffusion model's weights in; None leaves it to the host.

    Raises:
        InpaintError: if it is a pickle and PyTorch too old for it, or memory runs out with nothing else on the card.
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
    """MODEL of a file that holds a diffusion model by itself. weights, errors: as in `load_checkpoint`."""
    return _load([path], lambda: comfy.sd.load_diffusion_model(path, model_options=_options(weights)))


def load_text_encoders(paths: list[str], kind: str) -> Any:
    """CLIP of one file or more. kind: the host's name of what they are for; one that it does not know is left out.
    Errors: as in `load_checkpoint`."""
    kinds = comfy.sd.CLIPType
    return _load(
        paths,
        lambda: comfy.sd.load_clip(
            ckpt_paths=paths,
            embedding_directory=folder_paths.get_folder_paths("embeddings"),
            clip_type=getattr(kinds, kind.upper(), kinds.STABLE_DIFFUSION),
        ),
    )


def load_vae(path: str) -> Any:
    """VAE of a file that holds one by itself. Errors: as in `load_checkpoint`."""

    def load() -> Any:
        weights, metadata = comfy.utils.load_torch_file(path, safe_load=True, return_metadata=True)
        vae = comfy.sd.VAE(sd=weights, metadata=metadata)
        vae.throw_exception_if_invalid()
        return vae

    return _load([path], load)


def missing(clip: Any, vae: Any) -> list[str]:
    """The parts that a checkpoint was loaded without."""
    parts = {"text encoder": clip, "VAE": vae.first_stage_model}
    return [name for name, part in parts.items() if part is None]


def _load(paths: Sequence[str], load: Callable[[], Any]) -> Any:
    """Load these files; where memory runs out, once more with everything else off the card."""
    for path in paths:
        _refuse_unsafe(path)
    return with_room(
        load,
        load,
        lambda: (
            f"{_names(paths)}: memory ran out while loading, with no other model on the card. Close other "
            "programs, or choose a smaller file; Estimate VRAM says what fits."
        ),
    )


def _refuse_unsafe(path: str) -> None:
    """Below 2.6 PyTorch runs code that a pickle brings along, even where it is told to read weights only
    (CVE-2025-32434)."""
    version = tuple(int(number) for number in re.findall(r"\d+", torch.__version__)[:2])
    if version < (2, 6) and not path.lower().endswith((".safetensors", ".sft", ".gguf")):
        raise InpaintError(
            f"{_names([path])}: expected PyTorch 2.6 or newer, which reads pickles without running them, got "
            f"{torch.__version__}. Update PyTorch, or use a .safetensors version of the file."
        )


def _names(paths: Sequence[str]) -> str:
    return " and ".join(os.path.basename(path) for path in paths)


def _options(weights: str | None) -> dict[str, Any]:
    return {} if weights is None else {"dtype": TORCH[weights]}
