"""Shared parts of the comparisons with diffusers: a run of our nodes, and the measures.

Our nodes, Encode for Inpainting and Masked Sampler, run on the host. The reference is diffusers' pipeline for the
family. Its models are built from a local configuration. They get the weights of the same file by diffusers' own key
conversion. Both run in float32 on the CPU with Euler. The weights are representable in float16. Prompt embeddings are
passed in, and the autoencoder does not sample.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors import safe_open
from torch import Tensor

LATENT_TOLERANCE = 1e-4
# Relative.
RESULT_TOLERANCE = 1e-3
STEPS = 8
SEED = 20
# diffusers raises this warning with NumPy 2.
QUIET = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Report = Callable[[str, float | str], float | str]


def relative(ours: Tensor, theirs: Tensor) -> float:
    """Return the norm of the difference, relative to the norm of `theirs`."""
    return float((ours - theirs).norm() / theirs.norm())


def peak_memory() -> float:
    """Return the peak memory of this process in GB, including mapped files."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e9
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


@contextmanager
def first_input_of(module: torch.nn.Module):
    """Collect copies of the first input of each call of the module in the `with` block."""
    seen: list[Tensor] = []
    hook = module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    try:
        yield seen
    finally:
        hook.remove()


@dataclass(frozen=True)
class Ours:
    """A run of our nodes."""

    start: Tensor
    """The sampler's first x, [B, C, h, w]."""
    network_input: Tensor
    """Input of the network's first layer at the first step: [B, C, h, w] of a UNet, [B, N, C] tokens of Flux."""
    given: dict[str, Any]
    """Other inputs of the network, for the positive prompt."""
    sigmas: list[float]
    """Sigma of each step."""
    result: Tensor
    """The sampled latents, in the model's scale."""

    @property
    def concat(self) -> Tensor | None:
        """The channels of mask and masked picture in a UNet's input; None if it has no such channels."""
        return self.network_input[:, 4:] if self.network_input.shape[1] > 4 else None


def first_layer(model: Any) -> torch.nn.Module:
    """Return the layer that gets the network's raw input: a UNet's first convolution or Flux' image token layer."""
    network = model.model.diffusion_model
    return network.img_in if hasattr(network, "img_in") else network.input_blocks[0][0]


def run_ours(
    run: Callable,
    loaded: Any,
    picture: Tensor,
    mask: Tensor,
    *,
    cfg: float,
    noise_mask: bool = False,
    denoise: float = 1.0,
    steps: int = STEPS,
    **options: Any,
) -> Ours:
    """Run Encode for Inpainting, then Masked Sampler.

    Args:
        run: the fixture that runs nodes.
        loaded: model, VAE and conditioning.
        picture: [B, H, W, 3] in 0..1.
        mask: [B, H, W] in 0..1; 1 = repaint.
        options: of Encode for Inpainting.
    """
    calls = []

    def watch(apply, call):
        calls.append(call)
        return apply(call["input"], call["timestep"], **call["c"])

    model = loaded.model.clone()
    model.set_model_unet_function_wrapper(watch)
    encode = {"vae": loaded.vae, "image": picture, "mask": mask, "noise_mask": noise_mask}
    encode |= {"positive": loaded.positive, "negative": loaded.negative, "masked_content": "original"}
    encode |= options
    positive, negative, latent = run("MendEncodeInpaint", model=model, **encode).outputs
    sample = {"seed": SEED, "steps": steps, "cfg": cfg, "sampler_name": "euler", "scheduler": "simple"}
    sample |= {"positive": positive, "negative": negative, "latent": latent, "denoise": denoise}
    with first_input_of(first_layer(model)) as inputs:
        (sampled,) = run("MendMaskedSampler", model=model, **sample).outputs
    batch = len(picture)
    for part in inputs[0].split(batch):
        assert torch.equal(part, inputs[0][:batch]), "prompt and negative prompt see the same picture"
    prompt = calls[0]["cond_or_uncond"].index(0) * batch
    given = {name: value[prompt : prompt + batch] for name, value in calls[0]["c"].items() if isinstance(value, Tensor)}
    sigmas = [float(call["timestep"][0]) for call in calls]
    result = model.model.process_latent_in(sampled["samples"])
    return Ours(calls[0]["input"][:batch], inputs[0][:batch], given, sigmas, result)


def assert_same_inputs(report: Report, ours: Tensor, theirs: Tensor, parts: Mapping[str, Tensor]) -> None:
    """Assert that both networks got equal inputs.

    Args:
        ours, theirs: [B, C, h, w], or tokens [B, N, C]; both of the same shape.
        parts: the channels to compare, by name. Indices of axis C.
    """
    assert ours.shape == theirs.shape
    axis = 1 if ours.ndim == 4 else 2
    for name, channels in parts.items():
        difference = float((ours.index_select(axis, channels) - theirs.index_select(axis, channels)).abs().max())
        report(f"{name}, max", difference)
        assert difference <= LATENT_TOLERANCE, name


def read(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors of a safetensors file whose names start with `prefix`, in their stored dtype."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118


def filled(make: Callable[[], Any], convert: Callable[[Any], dict[str, Tensor]]) -> Any:
    """Return a diffusers network with the converted weights in float32. It is built without initial weights."""
    with torch.device("meta"):
        network = make()
    weights = convert(network)
    # Convert one by one, so that each stored tensor is freed before the next conversion.
    for name in list(weights):
        weights[name] = weights[name].float()
    network.load_state_dict(weights, assign=True)
    return network.eval()


def tiny_vae(weights: Mapping[str, Tensor], channels: int = 4) -> AutoencoderTiny:
    """Return a TAESD with these weights. Their names start with `taesd_`; others are ignored."""
    tiny = {}
    for name, tensor in weights.items():
        if name.startswith("taesd_"):
            side, layer, rest = name.removeprefix("taesd_").split(".", 2)
            # diffusers does not list TAESD's first decoder layer, a clamp without weights.
            tiny[f"{side}.layers.{int(layer) - (side == 'decoder')}.{rest}"] = tensor
    vae = AutoencoderTiny(latent_channels=channels)
    vae.load_state_dict(tiny)
    return vae
