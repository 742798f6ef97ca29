"""Evaluate the demo's model on crops of photographs that it was not trained on: `python -m demo.evaluate`.

Writes demo/figures.md, and a contact sheet. The sheet stays out of the project, like the photographs.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt
from scipy.stats import wasserstein_distance
from torch import Tensor
from tqdm import tqdm

from demo.crops import SIDE, held_out_crops
from demo.masks import random_mask
from demo.networks import VAE
from demo.sampling import FEATHER, painted, pasted
from demo.weights import load
from devtools.pictures.measures import psnr, ssim, texture
from devtools.setup.environment import Environment
from inpaint.compositing import composite_mask
from inpaint.compositing.seam_score import seam
from inpaint.fills import fill_harmonic, fill_neutral
from inpaint.masks import grow
from inpaint.patchmatch import fill_patchmatch

FOLDER = Path(__file__).resolve().parent
LEAST, MOST = 0.15, 0.25  # the share of a crop that is masked
SURROUNDINGS = 32  # pixels around the hole
BATCH = 8
SHOWN = 24
SHEET = Environment().state / "training" / "contact-sheet.jpg"
DENOISE = 0.6
ITSELF = "the photograph itself"
FROM_NOTHING, OVER_FILL = "this model", f"this model over harmonic, denoise {DENOISE}"

NOTES = """\
Seam score: how visible the hole's edge is; up to 1.2 it is not to be seen. Texture: how differently cosines of blocks
are distributed from the photograph's (benchmarks/fills); 0 is the same. Unevenness: how differently gradients are
distributed from those within 32 pixels of the hole, in steps of 1/255 a pixel. What is filled is all within the hole,
and the seam is that of its own edge; soft is the seam where the same fill, of the hole grown by 8 pixels, has the soft
edge of Decode and Composite.""".replace("\n", " ")

# image, mask -> the whole picture with its hole filled.
Fill = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder for figures.md")
    parser.add_argument("--sheet", type=Path, default=SHEET, help="the contact sheet")
    options = parser.parse_args()
    vae, unet = load()
    images = torch.from_numpy(np.stack([crop for _, crop in held_out_crops()])).float() / 255
    masks = torch.cat([_hole(number) for number in range(len(images))])
    fills: dict[str, Fill] = {
        ITSELF: lambda image, mask: image,
        "neutral": fill_neutral,
        "harmonic": fill_harmonic,
        "PatchMatch": fill_patchmatch,
        FROM_NOTHING: lambda image, mask: painted(vae, unet, image, mask),
        OVER_FILL: lambda image, mask: painted(vae, unet, image, mask, fill_harmonic(image, mask), DENOISE),
    }
    figures: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    rows: list[np.ndarray] = []
    for first in tqdm(range(0, len(images), BATCH), desc="crops", unit_scale=BATCH):
        image, mask = images[first : first + BATCH], masks[first : first + BATCH]
        wide = grow(mask, FEATHER)
        soft = {}
        for name, fill in fills.items():
            # The model repaints whole cells, more than the hole, so it has content for the soft edge.
            over = fill(image, mask)
            hard = torch.where(mask[..., None] > 0, over, image)
            soft[name] = pasted(image, mask, over if name in (FROM_NOTHING, OVER_FILL) else fill(image, wide))
            cases = zip(*(part.split(1) for part in (image, hard, soft[name], mask)), strict=True)
            figures[name] += [judge(*case) for case in cases]
        shown = [soft[name] for name in ("harmonic", FROM_NOTHING, OVER_FILL)]
        rows += [_row(*case) for case in zip(image, mask, *shown, strict=True)]
    text = _report(figures, vae, images)
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "figures.md").write_text(text)
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    _sheet([rows[number] for number in np.linspace(0, len(rows) - 1, SHOWN).astype(int)]).save(
        options.sheet, quality=85
    )


def _report(figures: dict[str, list[tuple[float, ...]]], vae: VAE, images: Tensor) -> str:
    lines = [
        f"{len(images)} crops of {SIDE}x{SIDE} pixels of photographs that were not trained on, each with a hole of "
        f"{LEAST:.0%} to {MOST:.0%} of it.",
        "",
        "| hole filled by | PSNR in it, dB | SSIM in it | seam | soft | texture | unevenness |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, values in figures.items():
        noise, likeness, hard, soft, of_truth, rough = np.nanmean(values, axis=0)
        like = " | | " if name == ITSELF else f"{noise:.2f} | {likeness:.3f} | "
        unlike = "" if name == ITSELF else f"{of_truth:.2f}"
        lines.append(f"| {name} | {like}{hard:.2f} | {soft:.2f} | {unlike} | {rough:.2f} |")
    noise, likeness = _vae_figures(vae, images)
    lines += ["", NOTES, "", f"The VAE alone, there and back: PSNR {noise:.2f} dB, SSIM {likeness:.3f}."]
    return "\n".join(lines) + "\n"


def judge(truth: Tensor, result: Tensor, soft: Tensor, mask: Tensor) -> tuple[float, ...]:
    """Score one fill.

    Args:
        truth, result, soft: [1, H, W, 3] in 0..1: the photograph, the fill with a hard edge, the fill with a soft edge.
        mask: [1, H, W], 0 or 1.

    Returns:
        PSNR and SSIM inside the mask, seam scores with hard and with soft edge, distance of the texture to the truth's,
        and unevenness against the surroundings.
    """
    rough = unevenness(result[0].numpy(), mask[0].numpy() > 0)
    return (
        psnr(result, truth, mask),
        ssim(result, truth, mask),
        seam(result, mask)[0].score,
        seam(soft, composite_mask(mask, FEATHER))[0].score,
        texture(result, truth, mask),
        rough,
    )


def unevenness(picture: np.ndarray, hole: np.ndarray) -> float:
    """Return the Wasserstein distance between gradient magnitudes inside and around a hole, in 1/255 per pixel.

    0 if the hole is as rough as its surroundings.

    Args:
        picture: [H, W, 3] in 0..1.
        hole: [H, W] bool. Pixels near its edge are ignored, because a seam is not texture.
    """
    grey = picture @ np.array([0.299, 0.587, 0.114])
    lengths = 255 * np.hypot(*np.gradient(grey))
    inside, outside = distance_transform_edt(hole), distance_transform_edt(~hole)
    around = (outside > 2) & (outside < SURROUNDINGS)
    return float(wasserstein_distance(lengths[inside > 2], lengths[around]))


@torch.inference_mode()
def _vae_figures(vae: VAE, images: Tensor) -> tuple[float, float]:
    """Return mean PSNR and SSIM of whole pictures after encoding and decoding."""
    values = []
    for image in images.split(1):
        back = vae.taesd_decoder(vae.taesd_encoder(image.movedim(-1, 1))).clamp(0, 1).movedim(1, -1)
        values.append([measure(back, image, torch.ones_like(image[..., 0])) for measure in (psnr, ssim)])
    noise, likeness = np.mean(values, axis=0)
    return float(noise), float(likeness)


def _hole(number: int) -> Tensor:
    """Return the mask of a crop: [1, 256, 256], 0 or 1."""
    random = np.random.default_rng((4, number))
    while True:
        mask = random_mask(random, SIDE, LEAST, LEAST)
        if LEAST <= mask.mean() <= MOST:
            return torch.from_numpy(mask)[None].float()


def _row(image: Tensor, mask: Tensor, *fills: Tensor) -> np.ndarray:
    """Return a row of the sheet at half size, [128, ..., 3] uint8: picture, picture with a white hole, and fills."""
    row = torch.cat([image, torch.where(mask[..., None] > 0, 1.0, image), *fills], dim=1).clamp(0, 1)
    picture = Image.fromarray((row * 255).byte().numpy())
    return np.asarray(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX))


def _sheet(rows: list[np.ndarray], across: int = 2) -> Image.Image:
    """Return the contact sheet: original, masked, harmonic fill, this model, this model over the harmonic fill."""
    padded = [np.pad(row, ((0, 6), (0, 12), (0, 0)), constant_values=255) for row in rows]
    return Image.fromarray(np.vstack([np.hstack(padded[at : at + across]) for at in range(0, len(padded), across)]))


if __name__ == "__main__":
    main()
