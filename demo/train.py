"""Train the demo's model: `python -m demo.train vae`, then `python -m demo.train unet`. Goes on where it was stopped."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from demo.crops import training_crops
from demo.networks import VAE, UNet
from demo.pairs import pairs
from demo.train_unet import UNetLoss
from demo.train_vae import VAELoss
from demo.trainer import Trainer
from devtools.environment import Environment

PAIRS = 12000
FOLDER = Environment().state / "training"


def main() -> None:
    options = _options()
    os.nice(19)  # whoever else works here goes first
    torch.set_num_threads(1)  # of each part of a batch
    FOLDER.mkdir(parents=True, exist_ok=True)
    crops = training_crops(FOLDER / "crops.npy")
    bfloat16 = torch.cpu._is_avx512_bf16_supported()
    torch.manual_seed(0)
    vae = VAE()
    trainer = Trainer(vae, FOLDER, "vae", rate=2e-3)
    if options.what == "unet":
        unet, vae_mean = UNet(), trainer.mean
        data = pairs(FOLDER / "pairs.pt", vae_mean.taesd_encoder, crops, PAIRS, bfloat16)
        trainer = Trainer(unet, FOLDER, "unet", rate=1e-3, keep=0.999)
        loss = UNetLoss(unet, data, options.steps, bfloat16)
    else:
        loss = VAELoss(vae, crops, bfloat16)
    trainer.run(loss, options.steps, options.minutes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("vae", "unet"))
    parser.add_argument("--steps", type=int, required=True, help="in all")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so many; a later run goes on")
    return parser.parse_args()


if __name__ == "__main__":
    main()
