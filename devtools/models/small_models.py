"""Small models that replace those of the shipped workflows in tests on a running host.

The SD 1.5 inpainting model is the demo's trained one; the others are untrained.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from devtools.hosts import prompts
from devtools.models.checkpoints import write_flux_fill, write_migan, write_sd2_inpaint, write_sd15_inpaint, write_sdxl
from devtools.models.demo_model import write_demo_model

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
    "object-removal": SD15,
    "any-model-inpaint": SD15_GENERAL,
    "any-model-coherent": SD15_GENERAL,
    "any-model-soft-inpaint": SD15_GENERAL,
}
NETWORK = "small-migan.pt"
LOADERS = ("MendLoadCheckpoint", "MendLoadModel", "MendLoadNetwork")
# Flux's text encoder is left out for its size. A node of tests/host_pack makes conditioning of its shape.
TEXT_NODE, TEST_TEXT_NODE = "CLIPTextEncode", "TestFluxConditioning"


class SmallModels:
    """Writes the models of all shipped workflows into a models folder."""

    def __init__(self, models: Path) -> None:
        (models / "checkpoints").mkdir(parents=True, exist_ok=True)
        for name, write in CHECKPOINTS.items():
            write(models / "checkpoints" / name)
        self.fill = write_flux_fill(models)
        (models / "inpaint").mkdir(exist_ok=True)
        write_migan(models / "inpaint" / NETWORK, side=256, width=32)

    def files(self, workflow: str) -> dict[str, str]:
        """Return the values of a workflow's loader by widget name. {} if the workflow needs no model."""
        if workflow == "flux-fill":
            names = {"model_name": self.fill.diffusion_model, "vae_name": self.fill.vae}
            return {**names, "text_encoder": self.fill.text_encoder, "text_encoder_2": "none"}
        if workflow == "remove-with-network":
            return {"network_name": NETWORK}
        return {"ckpt_name": CHECKPOINT_OF[workflow]} if workflow in CHECKPOINT_OF else {}

    def use(self, prompt: prompts.Prompt, workflow: str) -> None:
        """Set these models in a workflow's prompt, and print what was replaced."""
        files = self.files(workflow)
        for loader in LOADERS:
            prompts.set_input(prompt, loader, **files)
        replaced = [f"{widget}: {name}" for widget, name in files.items()]
        if workflow == "flux-fill":
            for node in prompt.values():
                if node["class_type"] == TEXT_NODE:
                    node["class_type"] = TEST_TEXT_NODE
                    replaced.append(f"{TEXT_NODE}: {TEST_TEXT_NODE}")
        print(f"{workflow}, replaced: {', '.join(replaced) or 'nothing'}")
