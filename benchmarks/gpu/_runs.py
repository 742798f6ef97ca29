"""The runs of `memory`, the most important first."""

from __future__ import annotations

from typing import NamedTuple


class Model(NamedTuple):
    """The inputs of a model."""

    text: tuple[int, int]
    """Tokens and width of the text embedding."""
    pooled: int
    """Width of the pooled text embedding."""
    channels: int
    """Channels of the latents."""


MODELS = {
    "SD 1.5 inpainting": Model((77, 768), 768, 4),
    "SDXL inpainting": Model((77, 2048), 1280, 4),
    "Flux Fill": Model((512, 4096), 768, 16),
}


class Run(NamedTuple):
    """One process that measures one model."""

    model: str
    """A key of `MODELS`."""
    stored: str
    """dtype in the file."""
    jobs: tuple[tuple[int, int], ...]
    """Side in pixels and batch of each job."""
    dynamic: bool = False
    """Whether the host uses dynamic VRAM."""
    card: int = 0
    """GB of the GPU to imitate; 0 for the real one."""

    def cells(self) -> dict[str, object]:
        memory = "dynamic" if self.dynamic else "legacy"
        return {"memory": memory, "imitated GB": self.card or "", "model": self.model, "stored": self.stored}


SD15, SDXL = ("SD 1.5 inpainting", "F16"), ("SDXL inpainting", "F16")
FILL, FILL_FP8 = ("Flux Fill", "BF16"), ("Flux Fill", "F8_E4M3")
USUAL = [(SD15, 512), (SDXL, 1024), (FILL, 1024), (FILL_FP8, 1024)]
# The first entries test common claims about these GPUs.
CARDS = [(6, SD15, 512), (8, SDXL, 1024), (12, FILL_FP8, 1024), (1, SDXL, 1024)]
MORE_CARDS = [(6, SDXL, 1024), (8, FILL_FP8, 1024), (6, FILL_FP8, 1024), (12, FILL, 1024), (12, SDXL, 1536)]
SIZES = ((512, 1), (768, 1), (1024, 1), (1536, 1))
RUNS = [
    *(Run(*model, ((side, 1),)) for model, side in USUAL),
    *(Run(*model, ((side, 1),), dynamic=True) for model, side in USUAL),
    *(Run(*model, ((side, 1),), card=card) for card, model, side in CARDS),
    *(Run(*model, (*(job for job in SIZES if job != (side, 1)), (side, 4))) for model, side in USUAL),
    *(Run(*model, ((side, 1),), card=card) for card, model, side in MORE_CARDS),
]
