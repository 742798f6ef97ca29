"""Small models that replace those of the shipped workflows in tests on a running host.

The SD 1.5 inpainting model is the demo's trained one; the others are untrained.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from devtools.hosts import prompts
from devtools.models.checkpoints import (
    SeparateFiles,
    write_flux2,
    write_flux_fill,
    write_klein_lora,
    write_kontext,
    write_migan,
    write_qwen_edit,
    write_sd2_inpaint,
    write_sd15_inpaint,
    write_sdxl,
)
from devtools.models.demo_model import write_demo_model
from devtools.models.diffusers_folder import write_sd15

SD15, SD15_GENERAL = "small-sd15-inpaint.safetensors", "small-sd15.safetensors"
SD2, SDXL = "small-sd2-inpaint.safetensors", "small-sdxl-inpaint.safetensors"
CHECKPOINTS: dict[str, Callable[[Path], object]] = {
    SD15: write_demo_model,
    SD15_GENERAL: partial(write_sd15_inpaint, in_channels=4),
    SD2: write_sd2_inpaint,
    SDXL: write_sdxl,
}
CHECKPOINT_OF = {
    "sd15-inpaint": SD15,
    "sd15-inpaint-denoise-075": SD15,
    "sd2-inpaint": SD2,
    "sdxl-inpaint": SDXL,
    "crop-and-stitch": SD15,
    "several-regions": SD15,
    "outpaint": SD15,
    "inpaint": SD15,
    "extend": SD15,
    "object-removal": SD15,
    "any-model-inpaint": SD15_GENERAL,
    "any-model-coherent": SD15_GENERAL,
    "any-model-soft-inpaint": SD15_GENERAL,
}
SEPARATE: dict[str, Callable[[Path], SeparateFiles]] = {
    "flux-fill": write_flux_fill,
    "kontext-inpaint": write_kontext,
    "flux2-inpaint": write_flux2,
    "klein-edit-inpaint": partial(write_flux2, klein=True),
    "qwen-edit-inpaint": write_qwen_edit,
}
KLEIN_ERASER = "erase-with-edit-model"
NETWORK, LORA = "small-migan.pt", "small-eraser-lora.safetensors"
PIPELINE = "small-sd15-inpaint"
LOADERS = ("MendLoadCheckpoint", "MendLoadModel", "MendLoadNetwork", "MendLoadDiffusers")
LORA_LOADER = "LoraLoaderModelOnly"
# The text encoders of newer models are left out for their size. Nodes of tests/host_pack make conditioning of their
# shape. By workflow: the node, and the one that stands in for it.
TEXT_NODES = {
    "flux-fill": ("CLIPTextEncode", "TestFluxConditioning"),
    "kontext-inpaint": ("CLIPTextEncode", "TestFluxConditioning"),
    "flux2-inpaint": ("CLIPTextEncode", "TestFlux2Conditioning"),
    "klein-edit-inpaint": ("CLIPTextEncode", "TestKleinConditioning"),
    KLEIN_ERASER: ("CLIPTextEncode", "TestKleinConditioning"),
    "qwen-edit-inpaint": ("TextEncodeQwenImageEditPlus", "TestQwenEditConditioning"),
}
# Versions of ComfyUI that do not know Klein load FLUX.2 in one width only, which takes minutes here.
NEED_KLEIN = ("flux2-inpaint", "klein-edit-inpaint", KLEIN_ERASER)


def run_here(comfyui: Path, workflow: str) -> bool:
    """Return whether a host can load the small models of a workflow, as its files say."""
    known = "klein" in (comfyui / "comfy" / "text_encoders" / "flux.py").read_text(encoding="utf-8")
    return known or workflow not in NEED_KLEIN


class SmallModels:
    """Writes the models of all shipped workflows into a models folder."""

    def __init__(self, models: Path) -> None:
        (models / "checkpoints").mkdir(parents=True, exist_ok=True)
        for name, write in CHECKPOINTS.items():
            write(models / "checkpoints" / name)
        self.separate = {workflow: write_parts(models) for workflow, write_parts in SEPARATE.items()}
        self.separate[KLEIN_ERASER] = self.separate["klein-edit-inpaint"]
        (models / "loras").mkdir(exist_ok=True)
        write_klein_lora(models / "loras" / LORA)
        (models / "inpaint").mkdir(exist_ok=True)
        write_migan(models / "inpaint" / NETWORK, side=256, width=32)
        write_sd15(models / "diffusers" / PIPELINE)

    def files(self, workflow: str) -> dict[str, str]:
        """Return the values of a workflow's loader by widget name. {} if the workflow needs no model."""
        if parts := self.separate.get(workflow):
            names = {"model_name": parts.diffusion_model, "vae_name": parts.vae}
            return {**names, "text_encoder": parts.text_encoder, "text_encoder_2": "none"}
        if workflow == "remove-with-network":
            return {"network_name": NETWORK}
        if workflow == "diffusers-inpaint":
            return {"model_name": PIPELINE}
        return {"ckpt_name": CHECKPOINT_OF[workflow]} if workflow in CHECKPOINT_OF else {}

    def use(self, prompt: prompts.Prompt, workflow: str) -> None:
        """Set these models in a workflow's prompt, and print what was replaced."""
        files = self.files(workflow)
        for loader in LOADERS:
            prompts.set_input(prompt, loader, **files)
        prompts.set_input(prompt, LORA_LOADER, lora_name=LORA)
        replaced = [f"{widget}: {name}" for widget, name in files.items()]
        if workflow in TEXT_NODES:
            text_node, stand_in = TEXT_NODES[workflow]
            for node in prompt.values():
                if node["class_type"] == text_node:
                    node["class_type"] = stand_in
            replaced.append(f"{text_node}: {stand_in}")
        print(f"{workflow}, replaced: {', '.join(replaced) or 'nothing'}")
