"""MAT, from spandrel_extra_arches: a transformer that fills large holes of pictures of 512 x 512 pixels.

Its licence allows no commercial use. So that package is not a dependency, and only this file imports it.

Source: Li et al. 2022, MAT: Mask-Aware Transformer for Large Hole Image Inpainting (CVPR), github.com/fenglinglwb/MAT.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.errors import InpaintError
from .network import Architecture, Grid, Network, Shapes, filled_with, prefix_before

INSTALL = "python -m pip install spandrel_extra_arches"
LICENCE = "MAT's licence (CC BY-NC 4.0) allows no commercial use."
_WORKING = 6_000


def find(shapes: Shapes) -> str | None:
    return prefix_before(shapes, "synthesis.first_stage.conv_first.conv.resample_filter")


def build(weights: dict[str, Tensor]) -> Network:
    try:
        from spandrel_extra_arches.architectures.MAT import MAT
    except ImportError as error:
        raise InpaintError(
            "this is MAT, which needs a package that is not installed. Run this with ComfyUI's Python, and start "
            f"ComfyUI again: {INSTALL}\n{LICENCE}"
        ) from error
    with torch.random.fork_rng(_devices()):  # the constructor draws random weights
        generator = MAT().model
    module = Mat(filled_with("MAT", generator, weights)).eval()
    return Network("MAT", module, Grid(512, 512, True), False, _WORKING, LICENCE)


ARCHITECTURE = Architecture("MAT", find, ("synthesis.", "mapping."), build)


def _devices() -> list[int]:
    """The indices of all GPUs, because `torch.manual_seed` seeds every one of them."""
    return list(range(torch.cuda.device_count()))


class Mat(nn.Module):
    """MAT with a fixed seed, so that every run gives the same result.

    MAT itself takes a random style, and drops half of its features at random even in eval mode.
    """

    def __init__(self, generator: nn.Module):
        super().__init__()
        self.generator = generator
        self.register_buffer("style", torch.randn(1, 512, generator=torch.Generator().manual_seed(0)))

    def forward(self, image: Tensor, hole: Tensor) -> Tensor:
        """image: [B, 3, 512, 512] in 0..1. hole: [B, 1, 512, 512], 1 where to fill. Returns pictures in 0..1."""
        style, label = self.get_buffer("style").expand(len(image), -1), image.new_zeros(len(image), 0)
        with torch.random.fork_rng(_devices()):
            torch.manual_seed(0)
            filled = self.generator(image * 2 - 1, 1 - hole, style, label, truncation_psi=1, noise_mode="none")
        return (filled / 2 + 0.5).clamp(0, 1)
