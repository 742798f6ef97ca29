"""MI-GAN: a small network that fills holes of pictures of exactly 256 or 512 pixels.

An encoder halves the picture down to 4 x 4, and a decoder doubles it back. Each decoder level also receives the
encoder's features of the same size. Convolutions are depthwise separable: 3 x 3 within each channel, then 1 x 1 across
channels.

Source: Sargsyan et al. 2023, MI-GAN: A Simple Baseline for Image Inpainting on Mobile Devices (ICCV), section 3.1 and
the names and shapes of the published weights (github.com/Picsart-AI-Research/MI-GAN, MIT). Blur, gain and clamp are
those of StyleGAN2 (Karras et al. 2020).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import InpaintError
from .network import Architecture, Grid, Network, Shapes, filled_with

_LEVEL = re.compile(r"(.*?)encoder\.b(\d{1,4})\.fromrgb\.weight")
_WORKING = 3_000


def find(shapes: Shapes) -> str | None:
    matches = [match for match in map(_LEVEL.fullmatch, shapes) if match]
    # The larger networks that MI-GAN was distilled from share the first name, but have no separable `conv1`.
    return next((m[1] for m in matches if f"{m[1]}encoder.b{m[2]}.conv1.conv2.weight" in shapes), None)


def build(weights: dict[str, Tensor]) -> Network:
    side = max(int(match[2]) for match in map(_LEVEL.fullmatch, weights) if match)
    if side not in [2**level for level in range(3, 12)]:
        raise InpaintError(f"expected a MI-GAN for 256 or 512 pixels, got one for {side}. Choose another file.")
    with torch.device("meta"):
        module = MiGan({res: _channels(weights, res) for res in _levels(side)})
    return Network(f"MI-GAN {side}", filled_with("MI-GAN", module, weights), Grid(side, side, True), True, _WORKING)


_FILES = "migan_traced.pt, migan_512_places2.pt, migan_256_places2.pt"
ARCHITECTURE = Architecture("MI-GAN", find, ("encoder.", "synthesis."), build, _FILES)


def _levels(side: int) -> list[int]:
    """The sides of all levels in pixels, from the picture's side down to 4."""
    return [side >> step for step in range(side.bit_length() - 2)]


def _channels(weights: Mapping[str, Tensor], res: int) -> int:
    """The number of channels of the level with this side in pixels."""
    weight = weights.get(f"encoder.b{res}.conv1.conv2.weight")
    if weight is None or weight.ndim != 4:
        raise InpaintError(f"looks like MI-GAN, but its level of {res} pixels is missing. Download it again.")
    return weight.shape[0]


class MiGan(nn.Module):
    """Encoder and decoder.

    Args:
        channels: the number of channels of each level, by its side in pixels, from the picture's side down to 4.
    """

    def __init__(self, channels: Mapping[int, int]):
        super().__init__()
        self.encoder, self.synthesis = Encoder(channels), Synthesis(channels)

    def forward(self, image: Tensor, hole: Tensor) -> Tensor:
        """image: [B, 3, side, side] in 0..1. hole: [B, 1, side, side], 1 where to fill. Returns pictures in 0..1."""
        known = 1 - hole
        inputs = torch.cat([known - 0.5, (image * 2 - 1) * known], dim=1)
        return (self.synthesis(*self.encoder(inputs)) / 2 + 0.5).clamp(0, 1)


class Encoder(nn.Module):
    def __init__(self, channels: Mapping[int, int]):
        super().__init__()
        self.levels = list(channels)
        for res, below in zip(self.levels, [*self.levels[1:], 4], strict=True):
            self.add_module(f"b{res}", EncoderLevel(channels[res], channels[below], res == self.levels[0], res > 4))

    def forward(self, x: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Encode [B, 4, side, side]. Returns the output of the last level, and the features of every level by side."""
        features = {}
        for res in self.levels:
            features[res], x = getattr(self, f"b{res}")(x)
        return x, features


class EncoderLevel(nn.Module):
    def __init__(self, channels: int, below: int, first: bool, halved: bool):
        super().__init__()
        self.fromrgb = nn.Conv2d(4, channels, 1) if first else None
        self.conv1 = Separable(channels, channels)
        self.conv2 = Separable(channels, below, down=halved)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.fromrgb is not None:
            x = activated(self.fromrgb(x))
        feature = self.conv1(x)
        return feature, self.conv2(feature)


class Synthesis(nn.Module):
    def __init__(self, channels: Mapping[int, int]):
        super().__init__()
        self.levels = list(channels)[::-1]
        above = channels[4]
        for res in self.levels:
            self.add_module(f"b{res}", SynthesisLevel(above, channels[res], res))
            above = channels[res]

    def forward(self, x: Tensor, features: Mapping[int, Tensor]) -> Tensor:
        """Decode what the encoder returned. Returns pictures [B, 3, side, side], about -1..1."""
        image = None
        for res in self.levels:
            x, image = getattr(self, f"b{res}")(x, features[res], image)
        assert image is not None, "there is a level"
        return image


class SynthesisLevel(nn.Module):
    def __init__(self, above: int, channels: int, res: int):
        super().__init__()
        first = res == 4
        self.conv1 = Separable(above, channels, up=not first, noise=0 if first else res)
        self.conv2 = Separable(channels, channels, noise=0 if first else res)
        self.torgb = nn.Conv2d(channels, 3, 1)
        self.upsample = None if first else Double(3)

    def forward(self, x: Tensor, feature: Tensor, image: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.conv2(self.conv1(x) + feature)
        colors = self.torgb(x)
        return x, colors if self.upsample is None else self.upsample(image) + colors


class Separable(nn.Module):
    """A depthwise separable convolution, optionally with resampling and added noise.

    Args:
        inputs, outputs: numbers of channels.
        down: halve the size between the two convolutions.
        up: double the size after them.
        noise: side in pixels of the fixed noise that is added; 0 for none.
    """

    def __init__(self, inputs: int, outputs: int, down: bool = False, up: bool = False, noise: int = 0):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.conv2 = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.downsample = Halve(inputs) if down else None
        self.upsample = Double(outputs) if up else None
        if noise:
            self.register_buffer("noise_const", torch.empty(noise, noise))
            self.noise_strength = nn.Parameter(torch.empty(()))
        self.noise = bool(noise)

    def forward(self, x: Tensor) -> Tensor:
        x = activated(self.conv1(x))
        if self.downsample is not None:
            x = self.downsample(x)
        x = self.conv2(x)
        if self.upsample is not None:
            x = self.upsample(x)
        if self.noise:
            x = x + self.get_buffer("noise_const") * self.noise_strength
        return activated(x)


class Halve(nn.Module):
    """Halve the size with a blur. The file holds its weights."""

    def __init__(self, channels: int):
        super().__init__()
        self.filter = nn.Conv2d(channels, channels, 4, stride=2, padding=1, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.filter(x)


class Double(nn.Module):
    """Double the size: insert zeros between the pixels, then blur. The file holds the weights of both steps."""

    def __init__(self, channels: int):
        super().__init__()
        self.insert_zeros = nn.ConvTranspose2d(channels, channels, 2, stride=2, groups=channels, bias=False)
        self.filter = nn.Conv2d(channels, channels, 4, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.filter(F.pad(self.insert_zeros(x), (2, 1, 2, 1)))


def activated(x: Tensor) -> Tensor:
    """A leaky ReLU, scaled to preserve the variance and clamped to -256..256."""
    return F.leaky_relu(x, 0.2).mul_(math.sqrt(2)).clamp_(-256, 256)
