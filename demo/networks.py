"""The narrow networks of the demo's model, with only the trained channels.

Layers have the names and order of the host's networks. `devtools.models.demo_model` only places each weight in the
first channels of a larger zero weight. The output stays the same because

- a channel whose weights are all 0 stays 0 through convolutions, ReLU and SiLU;
- the host's GroupNorm has 32 groups of 10 channels (20 after a skip is concatenated), each normalized by itself, so
  widths here are multiples of 20;
- a residual block of TAESD whose weights are all 0 is a ReLU.

There is no attention, because its LayerNorm would include the added zeros.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LATENT = 4  # channels
RATIO = 8  # pixels per latent cell, along each side

# Levels of the VAE, from full size to an eighth: channels, and residual blocks (TAESD: 64 channels; 1, 3, 3, 3 blocks).
ENCODER = ((32, 0), (32, 1), (48, 2), (64, 2))
DECODER = ((16, 1), (32, 2), (64, 3), (64, 3))

# Initial latent channels: brightness, red minus blue, green minus both. Each has about unit variance.
COLORS = ((1.3, 1.3, 1.3), (5.0, 0.0, -5.0), (-2.5, 5.0, -2.5))

# Channels of the UNet's levels, from the latent's size to a quarter. The host's UNet has 320 on each.
WIDTHS = (80, 120, 120)
HOST_WIDTH = 320
GROUP = HOST_WIDTH // 32
TIME_WIDTH = 160


def conv(inputs: int, outputs: int, **options: bool | int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)  # type: ignore[arg-type]


class TinyBlock(nn.Module):
    """TAESD's residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second, third = (conv(width, width) for _ in range(3))
        self.conv = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
        third.weight.data *= 0.2

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x) + x)


class Clamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


def _blocks(width: int, active: int, places: int = 3) -> list[nn.Module]:
    return [TinyBlock(width) if place < active else nn.ReLU() for place in range(places)]


def encoder() -> nn.Sequential:
    """Return the encoder: pictures [B, 3, H, W] in 0..1 to latents [B, 4, H / 8, W / 8] of about unit variance."""
    (width, active), *smaller = ENCODER
    layers = [conv(3, width), *_blocks(width, active, places=1)]
    for narrower, (width, active) in zip(ENCODER, smaller, strict=False):
        layers += [conv(narrower[0], width, stride=2, bias=False), *_blocks(width, active)]
    return nn.Sequential(*layers, conv(width, LATENT))


def decoder() -> nn.Sequential:
    """Return the decoder: latents to pictures, whose values may slightly exceed 0..1."""
    layers: list[nn.Module] = [Clamp(), conv(LATENT, DECODER[-1][0]), nn.ReLU()]
    for level in range(len(DECODER) - 1, 0, -1):
        width, active = DECODER[level]
        layers += [*_blocks(width, active), nn.Upsample(scale_factor=2)]
        layers += [conv(width, DECODER[level - 1][0], bias=False)]
    width, active = DECODER[0]
    return nn.Sequential(*layers, *_blocks(width, active, places=1), conv(width, 3))


class VAE(nn.Module):
    """A VAE with TAESD's layer names. Before training it gives each 8x8 block its mean color plus some noise.

    The first three channels of every layer pass the colors on unchanged; the others are random.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taesd_encoder = encoder()
        self.taesd_decoder = decoder()
        mix = torch.tensor(COLORS)
        for layer in self.modules():
            if isinstance(layer, TinyBlock):
                for last in layer.conv[-1].parameters():
                    last.data[:3] = 0
            elif isinstance(layer, nn.Conv2d) and layer.bias is None:
                halving = layer.stride == (2, 2)
                layer.weight.data[:3] = 0
                for color in range(3):
                    place = slice(1, 3) if halving else slice(1, 2)
                    layer.weight.data[color, color, place, place] = 0.25 if halving else 1.0
        _set(self.taesd_encoder[0], torch.eye(3), torch.zeros(3))
        _set(self.taesd_encoder[-1], mix, -mix.sum(dim=1) / 2)
        _set(self.taesd_decoder[1], mix.inverse(), torch.full((3,), 0.5))
        _set(self.taesd_decoder[-1], torch.eye(3), torch.zeros(3))


def _set(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Set a convolution's first three outputs to depend on the first three inputs only."""
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    layer.weight.data[:3] = 0
    layer.weight.data[:3, :3, 1, 1] = weight
    layer.bias.data[:3] = bias


class ResBlock(nn.Module):
    """A residual block of the UNet.

    Args:
        inputs: channels of each concatenated input. With two inputs the host's GroupNorm groups are twice as wide.
        outputs: channels of the output.
    """

    def __init__(self, *inputs: int, outputs: int) -> None:
        super().__init__()
        width = sum(inputs)
        self.in_layers = nn.Sequential(
            nn.GroupNorm(width // (GROUP * len(inputs)), width), nn.SiLU(), conv(width, outputs)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(TIME_WIDTH, outputs))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(outputs // GROUP, outputs), nn.SiLU(), nn.Identity(), _quiet(conv(outputs, outputs))
        )
        # The host has a skip convolution only where the width changes, which is where a skip is concatenated.
        self.skip_connection = nn.Conv2d(width, outputs, 1) if len(inputs) > 1 else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.in_layers(x) + self.emb_layers(time)[..., None, None]
        return self.skip_connection(x) + self.out_layers(h)


class Down(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.op = conv(inputs, outputs, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Up(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv(inputs, outputs)

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, size=like.shape[-2:]))


class UNet(nn.Module):
    """A UNet with one residual block per encoder level, two per decoder level, and one in the middle."""

    # nn.ModuleList of nn.ModuleList, in which mypy finds nothing but nn.Module.
    input_blocks: Iterable[Any]
    output_blocks: Iterable[Any]

    def __init__(self) -> None:
        super().__init__()
        first, *_ = WIDTHS
        self.time_embed = nn.Sequential(nn.Linear(HOST_WIDTH, TIME_WIDTH), nn.SiLU(), nn.Linear(TIME_WIDTH, TIME_WIDTH))
        down: list[nn.ModuleList] = [nn.ModuleList([conv(2 * LATENT + 1, first)])]
        skips = [first]
        for level, width in enumerate(WIDTHS):
            if level:
                down.append(nn.ModuleList([Down(WIDTHS[level - 1], width)]))
                skips.append(width)
            down.append(nn.ModuleList([ResBlock(width, outputs=width)]))
            skips.append(width)
        self.input_blocks = nn.ModuleList(down)
        self.middle_block = nn.ModuleList([ResBlock(width, outputs=width)])
        up: list[nn.ModuleList] = []
        for level, width in reversed([*enumerate(WIDTHS)]):
            up.append(nn.ModuleList([ResBlock(width, skips.pop(), outputs=width)]))
            up.append(nn.ModuleList([ResBlock(width, skips.pop(), outputs=width)]))
            if level:
                up[-1].append(Up(width, WIDTHS[level - 1]))
        self.output_blocks = nn.ModuleList(up)
        self.out = nn.Sequential(nn.GroupNorm(first // GROUP, first), nn.SiLU(), _quiet(conv(first, LATENT)))

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
        """Predict the noise in noisy latents.

        Args:
            x: [B, 9, h, w]: noisy latent, mask (1 = repaint), latent of the picture without the masked area.
            timesteps: [B] in 0..999.

        Returns:
            [B, 4, h, w].
        """
        time = self.time_embed(time_features(timesteps))
        skips: list[Tensor] = []
        for (block,) in self.input_blocks:
            x = block(x, time) if isinstance(block, ResBlock) else block(x)
            skips.append(x)
        x = self.middle_block[0](x, time)
        for block, *ups in self.output_blocks:
            x = block(torch.cat([x, skips.pop()], dim=1), time)
            for up in ups:
                x = up(x, like=skips[-1])
        return self.out(x)


def time_features(timesteps: Tensor) -> Tensor:
    """Return the time embedding [B, 320]: cosines and sines of falling frequency, as in the host."""
    half = HOST_WIDTH // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, device=timesteps.device) / half)
    angles = timesteps[:, None].float() * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _quiet(layer: nn.Conv2d) -> nn.Conv2d:
    """Zero a layer's weights, so that each block starts as its skip connection."""
    layer.weight.data.zero_()
    layer.bias.data.zero_()  # type: ignore[union-attr]
    return layer
