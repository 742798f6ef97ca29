"""The demo's trained checkpoint: kept narrow in the project, written as large as the host wants Stable Diffusion 1.5.

Every weight that was not trained is 0, and costs no disk. What comes out is what the narrow networks give: see
demo/networks.py. The text encoder is all zeros, so the prompt says nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from devtools.models.checkpoints import SD_SCALE, UNET, VAE
from devtools.models.checkpoints.text_encoders import hollow_clip
from devtools.models.checkpoints.unets import WIDTH, UNet, unet
from devtools.models.checkpoints.vaes import vae
from devtools.models.checkpoints.weights import Maker, WithHoles, under
from devtools.models.sparse_file import Hole, write_safetensors

WEIGHTS = Path(__file__).resolve().parents[2] / "demo" / "weights.safetensors"
TEXT = "cond_stage_model.transformer.text_model."
# Three levels. The host tells SD 1.5 by a transformer, so there is one, of zeros, where it costs least.
LAYOUT = UNet(depths=((0,), (0,), (1,)), depths_up=(0, 0, 0), text_width=768, linear=False)
# Weights of layers with inputs from below and, after them, from a skip.
JOINING = re.compile(r"output_blocks\.(\d+)\.0\.(in_layers|skip_connection\.weight)")
SCALE = ("vae_scale", "vae_shift")


def write_demo_model(path: str | Path, narrow: dict[str, Tensor] | None = None) -> Path:
    """Write the trained checkpoint for the host's loaders, float16, within seconds.

    Args:
        path: where to write; the name should end in .safetensors.
        narrow: weights in the place of those that the project keeps.
    """
    return write_safetensors(Path(path), expand(load_file(WEIGHTS) if narrow is None else narrow))


def expand(narrow: dict[str, Tensor]) -> WithHoles:
    """Narrow weights in the full layout; the rest of it is zeros.

    Raises:
        ValueError: if one has no place in the layout.
    """
    make = Maker(0)
    full = under(UNET, unet(make, LAYOUT, 9)) | under(TEXT, hollow_clip(make)) | under(VAE, vae(4, SD_SCALE))
    if strange := narrow.keys() - full.keys():
        raise ValueError(f"demo model: {', '.join(sorted(strange))}: no such weight in Stable Diffusion 1.5.")
    skips = [tensor.shape[0] for name, tensor in narrow.items() if _ends_input_block(name)]
    weights: WithHoles = {}
    for name, tensor in full.items():
        if name.removeprefix(VAE) in SCALE:
            weights[name] = tensor
        elif name in narrow:
            weights[name] = _placed(narrow[name], tuple(tensor.shape), _joined(name, skips))
        else:
            weights[name] = Hole(tuple(tensor.shape))
    return weights


def _ends_input_block(name: str) -> bool:
    endings = (".0.0.weight", ".0.op.weight", ".0.out_layers.3.weight")
    return name.startswith(f"{UNET}input_blocks.") and name.endswith(endings)


def _joined(name: str, skips: list[int]) -> int:
    """How many of the trained inputs of a layer come over a skip; they are the last."""
    found = JOINING.match(name.removeprefix(UNET))
    return skips[-1 - int(found[1])] if found else 0


def _placed(narrow: Tensor, shape: tuple[int, ...], joined: int) -> Tensor:
    """The narrow weight in the corner of zeros; what is for a skip, where the host's 320 inputs from there begin."""
    full = torch.zeros(shape, dtype=torch.float16)
    inputs = min(1, narrow.ndim - 1)
    if not joined or shape[inputs] == WIDTH:  # a bias, or the layer's outputs
        full[tuple(slice(size) for size in narrow.shape)] = narrow
        return full
    own = narrow.shape[inputs] - joined
    outputs = (slice(narrow.shape[0]),) if inputs else ()
    full[(*outputs, slice(own))] = narrow.narrow(inputs, 0, own)
    full[(*outputs, slice(WIDTH, WIDTH + joined))] = narrow.narrow(inputs, own, joined)
    return full
