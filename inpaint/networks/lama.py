"""LaMa, from spandrel: a network of Fourier convolutions, which see the whole crop from the first block on.

Source: Suvorov et al. 2021, Resolution-robust Large Mask Inpainting with Fourier Convolutions (WACV 2022),
github.com/advimman/lama.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .network import Architecture, Grid, Network, Shapes, filled_with, prefix_before

# The network halves the crop three times, so sides are multiples of 8. It was trained on 256 pixels and generalizes to
# more; a wider view gives it more texture to continue.
_GRID = Grid(native=512, multiple=8, fixed=False)
_WORKING = 1_500


def find(shapes: Shapes) -> str | None:
    return prefix_before(shapes, "model.1.bn_l.running_mean")


def build(weights: dict[str, Tensor]) -> Network:
    from spandrel.architectures.LaMa import LaMa

    with torch.device("meta"):
        module = LaMa(in_nc=4, out_nc=3)
    # spandrel's names have this prefix; the prefix of the file is already removed.
    named = {f"model.{name}": weight for name, weight in weights.items()}
    # No float16: not every device has it for Fourier transforms, and it costs too much precision. spandrel does not
    # offer it either.
    return Network("LaMa", filled_with("LaMa", module, named), _GRID, False, _WORKING)


ARCHITECTURE = Architecture(
    "LaMa", find, ("model.",), build, "big-lama.pt, and its weights as .safetensors, .pth or .ckpt"
)
