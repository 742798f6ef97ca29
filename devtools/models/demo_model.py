"""The demo's trained checkpoint: stored narrow in the project, written in the full size of Stable Diffusion 1.5.

Every weight that was not trained is 0 and takes no disk space. The output is that of the narrow networks: see
demo/networks.py. The text encoder is all zeros, so the prompt has no effect.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from devtools.models.checkpoints import SD_SCALE, UNET, VAE
from devtools.models.checkpoints.random_weights import Maker, WithHoles, under
from devtools.models.checkpoints.text_encoders import hollow_clip
from devtools.models.checkpoints.unets import WIDTH, UNet, unet
from devtools.models.checkpoints.vaes import vae
from devtools.models.sparse_file import Hole, write_safetensors

WEIGHTS = Path(__file__).resolve().parents[2] / "demo" / "weights.safetensors"
TEXT = "cond_stage_model.transformer.text_model."
# Three levels. The host detects SD 1.5 by a transformer, so the lowest level has one of zeros, where it is cheapest.
LAYOUT = UNet(depths=((0,), (0,), (1,)), depths_up=(0, 0, 0), text_width=768, linear=False)
# Layers whose inputs are the level below, followed by a skip connection.
JOINING = re.compile(r"output_blocks\.(\d+)\.0\.(in_layers|skip_connection\.weight)")
SCALE = ("vae_scale", "vae_shift")


def write_demo_model(path: str | Path, narrow: dict[str, Tensor] | None = None) -> Path:
    """Write the trained checkpoint for the host's loaders, float16, within seconds.

    Args:
        path: where to write; the name should end in .safetensors.
        narrow: trained weights to use instead of those in the project.
    """
    return write_safetensors(Path(path), expand(load_file(WEIGHTS) if narrow is None else narrow))


def expand(narrow: dict[str, Tensor]) -> WithHoles:
    """Return narrow weights in the full layout, filled up with zeros.

    Raises:
        ValueError: if a name is not in the layout.
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
    """Return how many of a layer's trained inputs come from a skip. They are its last inputs."""
    found = JOINING.match(name.removeprefix(UNET))
    return skips[-1 - int(found[1])] if found else 0


def _placed(narrow: Tensor, shape: tuple[int, ...], joined: int) -> Tensor:
    """Return a zero weight with the narrow one in its first channels.

    Inputs from a skip go to channel 320 and up, where the full layout has them.
    """
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
