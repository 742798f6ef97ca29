"""The UNet's training data: latents of crops with and without a hole, encoded once by the trained VAE."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from demo.masks import random_mask
from demo.networks import RATIO
from demo.train_vae import GREY
from demo.trainer import PARTS
from devtools.whole_file import whole_file

BATCH = 8


class Pairs:
    """Encoded crops.

    Attributes:
        latents: [N, 4, 32, 32] float16, of the crops.
        hidden: [N, 4, 32, 32] float16, of the crops with a grey hole.
        cells: [N, 1, 32, 32] bool, the latent cells that the hole touches.
    """

    def __init__(self, latents: Tensor, hidden: Tensor, cells: Tensor) -> None:
        self.latents, self.hidden, self.cells = latents, hidden, cells


def pairs(folder: Path, encoder: nn.Module, crops: np.ndarray, number: int, bfloat16: bool) -> Pairs:
    """Load the training data from a file. The first call with an encoder writes it.

    Crops repeat until there are `number`. Half of them are mirrored, and each has a different hole.
    """
    weights = b"".join(tensor.numpy().tobytes() for tensor in encoder.state_dict().values())
    path = folder / f"pairs-{hashlib.sha256(weights).hexdigest()[:8]}.pt"
    if not path.exists():

        def made(first: int) -> tuple[Tensor, ...]:
            random = np.random.default_rng((2, first))
            return _encoded(encoder, _batch(crops, range(first, first + BATCH), random), random, bfloat16)

        starts = range(0, number, BATCH)
        with ThreadPoolExecutor(PARTS, initializer=partial(torch.set_num_threads, 1)) as workers:
            parts = [*tqdm(workers.map(made, starts), total=len(starts), desc="latents", mininterval=5)]
        with whole_file(path) as file:
            torch.save([torch.cat(part) for part in zip(*parts, strict=True)], file)
    return Pairs(*torch.load(path))


def _batch(crops: np.ndarray, numbers: range, random: np.random.Generator) -> Tensor:
    chosen = [crops[number % len(crops)][:, :: random.choice((-1, 1))] for number in numbers]
    return torch.from_numpy(np.stack(chosen)).movedim(-1, 1).float() / 255


@torch.inference_mode()
def _encoded(
    encoder: nn.Module, pictures: Tensor, random: np.random.Generator, bfloat16: bool
) -> tuple[Tensor, Tensor, Tensor]:
    side = pictures.shape[-1]
    mask = torch.from_numpy(np.stack([random_mask(random, side) for _ in pictures]))[:, None]
    both = torch.cat([pictures, torch.where(mask > 0, GREY, pictures)]).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16, cache_enabled=False):
        latents, hidden = encoder(both).half().chunk(2)
    return latents, hidden, F.max_pool2d(mask.float(), RATIO) > 0
