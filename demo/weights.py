"""The trained weights of both networks in one file: float16, with the key names of a checkpoint."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file

from demo.networks import VAE, UNet
from devtools.whole_file import whole_file

FILE = Path(__file__).resolve().parent / "weights.safetensors"
PREFIXES = {"vae": "first_stage_model.", "unet": "model.diffusion_model."}


def save(vae: VAE, unet: UNet, path: Path = FILE) -> None:
    weights = {
        PREFIXES[name] + key: tensor.half().contiguous()
        for name, network in (("vae", vae), ("unet", unet))
        for key, tensor in network.state_dict().items()
    }
    with whole_file(path) as file:
        save_file(weights, file)


def load(path: Path = FILE) -> tuple[VAE, UNet]:
    """Load both networks, in float32."""
    weights = load_file(path)
    vae, unet = VAE(), UNet()
    for name, network in (("vae", vae), ("unet", unet)):
        prefix = PREFIXES[name]
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        network.load_state_dict(own)
        network.eval().requires_grad_(False)
    return vae, unet
