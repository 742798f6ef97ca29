"""Train the demo's model: `.venv/bin/python -m demo.train vae`, then the same with `unet` and `keep`.

Each training resumes where it was stopped, also after Ctrl-C. Intermediate files stay in .host/training. `keep` writes
the weights that the project ships and the loss curve. `--onward` starts from the shipped weights.
"""

from __future__ import annotations

import argparse
import os
import sys

import numpy as np
import torch

from demo import weights
from demo.crops import training_crops
from demo.networks import VAE, UNet
from demo.pairs import pairs
from demo.train_unet import UNetLoss
from demo.train_vae import VAELoss
from demo.trainer import Trainer
from devtools.pictures.line_chart import Panel, draw_chart
from devtools.setup.environment import Environment

PAIRS = 4000
FOLDER = Environment().state / "training"
STEPS = {"vae": 1700, "unet": 9000}
TEXTURED_FROM = 1100


def main() -> None:
    options = _options()
    os.nice(19)  # lowest priority
    torch.set_num_threads(1)  # per part of a batch
    torch.manual_seed(0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    crops = training_crops(FOLDER / "crops.npy")
    bfloat16 = torch.cpu._is_avx512_bf16_supported()
    steps = options.steps or STEPS.get(options.what, 0)
    vae, unet = weights.load() if options.onward else (VAE(), UNet())
    share = 0.5 if options.onward else 1.0
    of_vae = Trainer(vae, FOLDER, "vae", rate=2e-3 * share)
    of_unet = Trainer(unet, FOLDER, "unet", rate=1e-3 * share, keep=0.999)
    trained = {"vae": of_vae.step or options.onward, "unet": of_unet.step}
    if options.what == "vae":
        of_vae.run(VAELoss(vae, crops, TEXTURED_FROM, bfloat16), steps, options.minutes)
    elif options.what == "unet":
        _ask_for("vae", trained)
        data = pairs(FOLDER, of_vae.mean.taesd_encoder, crops, PAIRS, bfloat16)
        of_unet.run(UNetLoss(unet, data, steps, bfloat16), steps, options.minutes)
    else:
        _ask_for("vae", trained)
        _ask_for("unet", trained)
        weights.save(of_vae.mean, of_unet.mean)
        _draw_curve("losses-onward.png" if options.onward else "losses.png")


def _ask_for(what: str, trained: dict[str, int]) -> None:
    if not trained[what]:
        sys.exit(f"train: there is nothing of the {what} in {FOLDER}. Run `python -m demo.train {what}` first.")


def _draw_curve(file: str) -> None:
    panels, names = [], [name for name in STEPS if (FOLDER / f"{name}.csv").exists()]
    for name in names:
        step, _, loss = np.loadtxt(FOLDER / f"{name}.csv", delimiter=",").T
        cuts = np.unique(np.searchsorted(step, np.geomspace(step[0], step[-1], 40)[1:-1]))
        parts = zip(np.split(step, cuts), np.split(loss, cuts), strict=True)
        panels.append(Panel({"mean loss": [(part.mean(), loss.mean()) for part, loss in parts if len(part)]}, floor=0))
    title = "Losses over the steps"
    draw_chart(weights.FILE.parent / file, title, "steps", names, {"loss": panels}, [100, 1000, 10000])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=(*STEPS, "keep"))
    parser.add_argument("--steps", type=int, help=f"in all; without it {STEPS}")
    parser.add_argument("--onward", action="store_true", help="begin with the shipped weights, at half the rate")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so many; a later run goes on")
    return parser.parse_args()


if __name__ == "__main__":
    main()
