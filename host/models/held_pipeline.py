"""Pipelines of diffusers, agreed with the host's memory: its models make room for them, and it can unload them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comfy.model_management
import comfy.model_patcher
import folder_paths
import torch

from ...inpaint.core.errors import InpaintError

if TYPE_CHECKING:
    from ...inpaint.pipelines import Opened

FOLDER, INDEX = "diffusers", "model_index.json"


@dataclass(frozen=True, eq=False)
class HeldPipeline:
    """A pipeline that the host manages."""

    opened: Opened
    """The pipeline."""
    patcher: comfy.model_patcher.ModelPatcher | None
    """The host's ModelPatcher that holds all of its weights; None if diffusers places them itself, a part at a time."""


def pipeline_names() -> list[str]:
    """List the folders in models/diffusers that hold a pipeline."""
    names = set()
    for folder in folder_paths.get_folder_paths(FOLDER):
        for root, folders, files in os.walk(folder, followlinks=True):
            if INDEX in files:
                folders.clear()
                names.add(Path(root).relative_to(folder).as_posix())
    return sorted(names)


def pipeline_path(name: str) -> Path:
    """Return the folder of a pipeline.

    Raises:
        InpaintError: if there is none of this name.
    """
    if name in pipeline_names():
        for folder in folder_paths.get_folder_paths(FOLDER):
            if (Path(folder) / name / INDEX).is_file():
                return Path(folder) / name
    raise InpaintError(f"{name[:200]}: no such folder in models/{FOLDER}. Choose one that is listed there.")


def pipeline_stamp(name: str) -> tuple[int, int]:
    """Return a value that changes when a file of a pipeline's folder is replaced: newest change, bytes of all."""
    files = [path.stat() for path in pipeline_path(name).rglob("*") if path.is_file()]
    return max(file.st_mtime_ns for file in files), sum(file.st_size for file in files)


def hold_pipeline(name: str, dtype: str) -> HeldPipeline:
    """Open a pipeline and let the host manage its weights.

    Args:
        name: of its folder.
        dtype: what it computes in, "auto" for what suits the card.

    Raises:
        InpaintError: as `open_pipeline` does.
    """
    from ...inpaint.pipelines import Choice, apply_offload, open_pipeline

    management = comfy.model_management
    device = management.get_torch_device()
    choice = Choice(pipeline_path(name), dtype=dtype)  # type: ignore[arg-type]
    free = int(management.get_total_memory(device) - management.extra_reserved_memory())
    opened = open_pipeline(choice, device, free, place=False)
    if opened.offload != "none":
        apply_offload(opened.pipeline, opened.offload, device)
        return HeldPipeline(opened, None)
    usual = comfy.model_patcher.ModelPatcher
    patcher: type[comfy.model_patcher.ModelPatcher] = getattr(comfy.model_patcher, "CoreModelPatcher", usual)
    held = patcher(_parts(opened.pipeline), load_device=device, offload_device=management.unet_offload_device())
    return HeldPipeline(opened, held)


def make_room(held: HeldPipeline, pixels: int) -> None:
    """Bring a pipeline to the card, or free the card for one that diffusers places.

    Args:
        held: the pipeline.
        pixels: size of the crops that it is to make at once.
    """
    management = comfy.model_management
    if held.patcher is None:
        management.free_memory(management.get_total_memory(held.opened.device), held.opened.device)
        return
    management.load_models_gpu([held.patcher], memory_required=held.opened.work(pixels), force_full_load=True)
    # In its no-VRAM mode the host leaves weights off the card to stream them later, which these layers cannot.
    held.patcher.model.to(held.patcher.load_device)


def _parts(pipeline: Any) -> torch.nn.ModuleDict:
    parts = pipeline.components.items()
    return torch.nn.ModuleDict({name: part for name, part in parts if isinstance(part, torch.nn.Module)})
