"""Untrained inpainting networks in the layout of the published files: TorchScript, or a plain state dict.

They paint noise. LaMa has its real size, which its module fixes: 51 M parameters, 204 MB. MI-GAN's sizes are read from
the file, so tests can use small ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from devtools.models.checkpoints.random_weights import Maker, Weights


def write_lama(path: str | Path, seed: int = 0) -> Path:
    """Write an untrained LaMa. The same seed gives the same file.

    Args:
        path: .pt writes TorchScript like big-lama.pt, with its tensors under `model.generator.`. .safetensors or .pth
            write a state dict under `model.`, as spandrel saves it.
        seed: picks the random weights.
    """
    prefix = "model.generator." if Path(path).suffix == ".pt" else "model."
    return write_network(path, {prefix + name: weight for name, weight in lama(Maker(seed, torch.float32)).items()})


def write_migan(path: str | Path, side: int = 512, width: int = 512, seed: int = 0) -> Path:
    """Write an untrained MI-GAN.

    Args:
        path: .pt writes TorchScript like migan_traced.pt. .pth or .safetensors write a state dict.
        side: side of its square input in pixels, a power of 2.
        width: channels of the widest level; 512 in the published networks.
        seed: picks the random weights.
    """
    return write_network(path, migan(Maker(seed, torch.float32), side, width))


def write_network(path: str | Path, weights: Mapping[str, Tensor]) -> Path:
    """Write weights, keyed by attribute path, as TorchScript (.pt), .pth or .safetensors."""
    path = Path(path)
    if path.suffix == ".safetensors":
        save_file(dict(weights), path)
    elif path.suffix == ".pt":
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated", category=FutureWarning)
            torch.jit.save(torch.jit.script(_tree(weights)), str(path))
    else:
        torch.save(dict(weights), path)
    return path


def lama(make: Maker) -> Weights:
    """Return the weights of LaMa's generator.

    Layers 2 to 4 halve the picture. Layers 5 to 22 are blocks of two Fourier convolutions: a quarter of the channels is
    local, the rest global. Layers 24 to 31 double the size back.
    """
    weights = _norm(make, "model.1.bn_l", 64) | _conv(make, "model.1.ffc.convl2l", 64, 4, 7)
    for layer, channels in ((2, 64), (3, 128)):
        weights |= _norm(make, f"model.{layer}.bn_l", 2 * channels)
        weights |= _conv(make, f"model.{layer}.ffc.convl2l", 2 * channels, channels, 3)
    near, far = 128, 384
    for part, channels in (("l", near), ("g", far)):
        weights |= _norm(make, f"model.4.bn_{part}", channels)
        weights |= _conv(make, f"model.4.ffc.convl2{part}", channels, 256, 3)
    for half in (f"model.{block}.conv{number}" for block in range(5, 23) for number in (1, 2)):
        for source, inputs in (("l", near), ("g", far)):
            # A small gain: the residuals of 18 blocks would otherwise add up and saturate.
            weights |= _norm(make, f"{half}.bn_{source}", inputs, gain=0.125 if half.endswith("2") else 1)
            if source == "l":
                weights |= _conv(make, f"{half}.ffc.convl2l", near, near, 3)
                weights |= _conv(make, f"{half}.ffc.convl2g", far, near, 3)
            else:
                weights |= _conv(make, f"{half}.ffc.convg2l", near, far, 3)
        spectral = f"{half}.ffc.convg2g"
        weights |= _conv(make, f"{spectral}.conv1.0", far // 2, far, 1) | _norm(make, f"{spectral}.conv1.1", far // 2)
        weights |= _conv(make, f"{spectral}.fu.conv_layer", far, far, 1) | _norm(make, f"{spectral}.fu.bn", far)
        weights |= _conv(make, f"{spectral}.conv2", far, far // 2, 1)
    for layer, channels in ((24, 512), (27, 256), (30, 128)):
        # A transposed convolution's weight has the input channels first.
        weights |= {f"model.{layer}.weight": make.normal(channels, channels // 2, 3, 3, std=(channels * 2) ** -0.5)}
        weights |= {f"model.{layer}.bias": make.zeros(channels // 2)}
        weights |= _norm(make, f"model.{layer + 1}", channels // 2)
    return weights | make.linear("model.34", 3, 64, 7, 7)


def migan(make: Maker, side: int = 512, width: int = 512) -> Weights:
    """Return the weights of MI-GAN.

    The widest level has `width` channels. Channels halve with each larger level: the published networks have at most
    2**15 / side channels at a level.
    """
    levels = [side >> step for step in range(side.bit_length() - 2)]
    channels = {res: max(min(2**15 // res * width // 512, width), 4) for res in levels}
    weights = make.linear(f"encoder.b{side}.fromrgb", channels[side], 4, 1, 1)
    for res, below in zip(levels, [*levels[1:], 4], strict=True):
        level = f"encoder.b{res}"
        weights |= _separable(make, f"{level}.conv1", channels[res], channels[res])
        weights |= _separable(make, f"{level}.conv2", channels[res], channels[below])
        if res > 4:
            weights |= {f"{level}.conv2.downsample.filter.weight": _blur(make, channels[res], 1)}
    above = channels[4]
    for res in reversed(levels):
        level, inner = f"synthesis.b{res}", channels[res]
        weights |= _separable(make, f"{level}.conv1", above, inner) | _separable(make, f"{level}.conv2", inner, inner)
        weights |= make.linear(f"{level}.torgb", 3, inner, 1, 1, std=0.1 * inner**-0.5)
        if res > 4:
            weights |= _double(make, f"{level}.conv1.upsample", inner) | _double(make, f"{level}.upsample", 3)
            for conv in ("conv1", "conv2"):
                weights |= {f"{level}.{conv}.noise_const": make.normal(res, res, std=1)}
                weights |= {f"{level}.{conv}.noise_strength": make.normal(1, std=0.1)[0]}
        above = inner
    return weights


def _conv(make: Maker, name: str, outputs: int, inputs: int, side: int) -> Weights:
    return make.linear(name, outputs, inputs, side, side, bias=False)


def _norm(make: Maker, name: str, channels: int, gain: float = 1.0) -> Weights:
    """Return a batch norm with running mean 0 and variance 1."""
    running = {f"{name}.running_mean": make.zeros(channels), f"{name}.running_var": make.ones(channels)}
    scale = {f"{name}.weight": make.ones(channels) * gain, f"{name}.bias": make.zeros(channels)}
    return scale | running | {f"{name}.num_batches_tracked": torch.tensor(0)}


def _separable(make: Maker, name: str, inputs: int, outputs: int) -> Weights:
    return make.linear(f"{name}.conv1", inputs, 1, 3, 3) | _conv(make, f"{name}.conv2", outputs, inputs, 1)


def _blur(make: Maker, channels: int, gain: float) -> Tensor:
    row = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=make.dtype)
    return (row[:, None] * row / 64 * gain).repeat(channels, 1, 1, 1)


def _double(make: Maker, name: str, channels: int) -> Weights:
    zeros = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=make.dtype).repeat(channels, 1, 1, 1)
    return {f"{name}.insert_zeros.weight": zeros, f"{name}.filter.weight": _blur(make, channels, 4)}


def _tree(weights: Mapping[str, Tensor]) -> nn.Module:
    """Return a module with weights at their attribute paths and no code. Integers and statistics become buffers."""
    top = nn.Module()
    for name, weight in weights.items():
        *path, leaf = name.split(".")
        module = top
        for step in path:
            if step not in module._modules:
                module.add_module(step, nn.Module())
            module = module.get_submodule(step)
        if weight.is_floating_point() and not leaf.startswith(("running_", "noise_const")):
            module.register_parameter(leaf, nn.Parameter(weight, requires_grad=False))
        else:
            module.register_buffer(leaf, weight)
    return top
