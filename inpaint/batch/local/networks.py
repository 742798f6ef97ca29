"""Holes filled by LaMa, MI-GAN or MAT."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...networks import Network, fill_with, load_network
from .choice import ModelChoice
from .cleaning import cleaned
from .paint import Paint, Painted, Picture, one_by_one


def opened(model: ModelChoice) -> Paint:
    """Load a network, on the graphics card if there is one.

    Raises:
        InpaintError: if the file holds none.
    """
    assert model.path is not None
    network = load_network(model.path, _read)
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", model.card % torch.cuda.device_count())
    network.module.to(device)

    def filled(picture: Picture) -> Painted:
        return _filled(picture, network, device)

    return one_by_one(filled)


def _filled(picture: Picture, network: Network, device: torch.device) -> Painted:
    def run(image: Tensor, hole: Tensor) -> Tensor | None:
        try:
            with torch.no_grad():
                return network.module(image.to(device), hole.to(device)).float().to(image.device)
        except torch.OutOfMemoryError:
            return None

    how = picture.values
    mask, notes = cleaned(picture.image, picture.mask, how["task"], how["grow"])
    filled = fill_with(
        run,
        network.grid,
        picture.image,
        mask,
        grow=0.0,  # the mask is widened already
        feather=how["feather"],
        context=how["context_factor"],
        most=how["max_size"],
    )
    unusable = [f"{filled.unusable:,} pixels came out as NaN and were left."] if filled.unusable else []
    said = [f"{network.label}: {sentence}" for sentence in filled.messages()]
    return Painted(filled.image, (*notes, *said, *unusable))


def _read(path: str) -> Any:
    """Read a file that is no archive, as data alone."""
    if path.endswith((".safetensors", ".sft")):
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
