"""What every family is compared by: our side run on the host, and the measures.

Encode for Inpainting and Masked Sampler run on the host; diffusers' pipeline for the family runs on models of its own,
built from a local configuration and filled with the same file's weights by diffusers' own key conversion. float32 on
the CPU, weights representable in float16, prompt embeddings passed in, an autoencoder that does not sample, Euler.
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
RESULT_TOLERANCE = 1e-3  # relative
STEPS = 8
SEED = 20
# diffusers and numpy 2
QUIET = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Report = Callable[[str, float | str], float | str]


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def peak_memory() -> float:
    """Most memory that this process has held, in GB, with the files it has mapped."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e9
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


@contextmanager
def first_input_of(module: torch.nn.Module):
    """A list that gets the inputs of each call of the module meanwhile; they are copies."""
    seen: list[Tensor] = []
    hook = module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    try:
        yield seen
    finally:
        hook.remove()


@dataclass(frozen=True)
class Ours:
    """A run of our nodes.

    start: the sampler's first x. network_input: what the network's first layer got of the first picture batch.
    given: what the host gave the network besides, of the prompt. sigmas: of the steps. result: in the model's scale.
    """

    start: Tensor
    network_input: Tensor
    given: dict[str, Any]
    sigmas: list[float]
    result: Tensor

    @property
    def concat(self) -> Tensor | None:
        """Of a UNet, mask and masked picture; None where it has no such inputs."""
        return self.network_input[:, 4:] if self.network_input.shape[1] > 4 else None


def first_layer(model: Any) -> torch.nn.Module:
    """The layer that sees the network's input as it is: the convolution of a UNet, Flux' layer for image tokens."""
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
) -> Ours:
    """Encode for Inpainting, then Masked Sampler.

    Args:
        run: the fixture that runs nodes.
        loaded: model, VAE and conditioning.
        picture: [B, H, W, 3]. mask: [B, H, W].
    """
    calls = []

    def watch(apply, call):
        calls.append(call)
        return apply(call["input"], call["timestep"], **call["c"])

    model = loaded.model.clone()
    model.set_model_unet_function_wrapper(watch)
    encode = {"vae": loaded.vae, "image": picture, "mask": mask, "noise_mask": noise_mask}
    encode |= {"positive": loaded.positive, "negative": loaded.negative, "masked_content": "original"}
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
    """Hold the two networks' inputs against each other.

    Args:
        ours, theirs: of any one shape.
        parts: by name, which channels (of axis 1 of a picture, of the last axis of tokens).
    """
    assert ours.shape == theirs.shape
    axis = 1 if ours.ndim == 4 else 2
    for name, channels in parts.items():
        difference = float((ours.index_select(axis, channels) - theirs.index_select(axis, channels)).abs().max())
        report(f"{name}, max", difference)
        assert difference <= LATENT_TOLERANCE, name


def read(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a file whose names begin so, as they are stored."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118


def filled(make: Callable[[], Any], convert: Callable[[Any], dict[str, Tensor]]) -> Any:
    """A network of diffusers with these weights in float32, without making others first."""
    with torch.device("meta"):
        network = make()
    weights = convert(network)
    # One by one, so that the stored ones go as these come.
    for name in list(weights):
        weights[name] = weights[name].float()
    network.load_state_dict(weights, assign=True)
    return network.eval()


def tiny_vae(weights: Mapping[str, Tensor], channels: int = 4) -> AutoencoderTiny:
    """weights: by their names in the checkpoint from `taesd_` on."""
    tiny = {}
    for name, tensor in weights.items():
        if name.startswith("taesd_"):
            side, layer, rest = name.removeprefix("taesd_").split(".", 2)
            # diffusers keeps TAESD's first decoder layer, a clamp without weights, outside its list of layers
            tiny[f"{side}.layers.{int(layer) - (side == 'decoder')}.{rest}"] = tensor
    vae = AutoencoderTiny(latent_channels=channels)
    vae.load_state_dict(tiny)
    return vae
