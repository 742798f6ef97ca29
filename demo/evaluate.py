"""How good the demo's model is, on crops of photographs that it never saw: `python -m demo.evaluate`.

Writes demo/figures.md and the pictures beside it.
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
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor
from tqdm import tqdm

from demo.crops import SIDE, held_out_crops
from demo.masks import random_mask
from demo.networks import VAE
from demo.sampling import inpaint
from demo.weights import load
from inpaint.fills import fill_harmonic, fill_neutral
from inpaint.seam import seam

FOLDER = Path(__file__).resolve().parent
LEAST, MOST = 0.15, 0.25  # the share of a crop that is masked
SURROUNDINGS = 32  # pixels around the hole
SHOWN = 24

Fill = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER)
    options = parser.parse_args()
    vae, unet = load()
    cases = [(name, _tensor(crop)) for name, crop in held_out_crops()]
    masks = [_hole(number) for number in range(len(cases))]
    fills: dict[str, Fill] = {
        "truth": lambda image, mask: image,
        "neutral": fill_neutral,
        "harmonic": fill_harmonic,
        "this model": lambda image, mask: inpaint(vae, unet, image, mask),
    }
    sums: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    shown: list[np.ndarray] = []
    for number, ((_, image), mask) in enumerate(zip(tqdm(cases, desc="crops"), masks, strict=True)):
        results = {name: fill(image, mask) for name, fill in fills.items()}
        for name, result in results.items():
            sums[name].append(judge(image, result, mask))
        if number % (len(cases) / SHOWN) < 1:
            shown.append(_row(image, mask, results["harmonic"], results["this model"]))
    lines = [
        f"{len(cases)} crops of {SIDE}x{SIDE} pixels, of which {LEAST:.0%} to {MOST:.0%} are masked.",
        "",
        "| fill | PSNR in the hole | SSIM in the hole | seam score | texture distance |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, values in sums.items():
        psnr, ssim, jump, texture = np.mean(values, axis=0)
        same = name == "truth"
        psnr_text, ssim_text = ("", "") if same else (f"{psnr:.2f} dB", f"{ssim:.3f}")
        lines.append(f"| {name} | {psnr_text} | {ssim_text} | {jump:.2f} | {texture:.2f} |")
    psnr, ssim = _vae_figures(vae, [image for _, image in cases])
    lines += ["", f"The VAE alone, there and back: PSNR {psnr:.2f} dB, SSIM {ssim:.3f}."]
    text = "\n".join(lines) + "\n"
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "figures.md").write_text(text)
    _sheet(shown).save(options.output / "contact-sheet.jpg", quality=85)


def judge(truth: Tensor, result: Tensor, mask: Tensor) -> tuple[float, ...]:
    """PSNR and SSIM over the masked pixels, seam score, texture distance."""
    hole = mask[0].numpy() > 0
    ours, theirs = result[0].numpy().clip(0, 1), truth[0].numpy()
    _, similar = structural_similarity(ours, theirs, data_range=1, channel_axis=-1, full=True)
    psnr = 10 * np.log10(1 / max(float(((ours - theirs)[hole] ** 2).mean()), 1e-10))
    return psnr, float(similar[hole].mean()), seam(result, mask)[0].jump, texture_distance(ours, hole)


def texture_distance(picture: np.ndarray, hole: np.ndarray) -> float:
    """How far the gradients in a hole are from those around it: the Wasserstein distance of their lengths, in steps of
    1/255 a pixel. 0 where the hole is as rough as its surroundings.

    Args:
        picture: [H, W, 3] in 0..1.
        hole: [H, W] bool. Pixels at its edge play no part: a seam is no texture.
    """
    grey = picture @ np.array([0.299, 0.587, 0.114])
    lengths = 255 * np.hypot(*np.gradient(grey))
    inside, outside = distance_transform_edt(hole), distance_transform_edt(~hole)
    around = (outside > 2) & (outside < SURROUNDINGS)
    return float(wasserstein_distance(lengths[inside > 2], lengths[around]))


def _vae_figures(vae: VAE, images: list[Tensor]) -> tuple[float, float]:
    values = []
    with torch.inference_mode():
        for image in images:
            back = vae.taesd_decoder(vae.taesd_encoder(image.movedim(-1, 1))).clamp(0, 1).movedim(1, -1)
            ours, theirs = back[0].numpy(), image[0].numpy()
            ssim = structural_similarity(ours, theirs, data_range=1, channel_axis=-1)
            values.append((peak_signal_noise_ratio(theirs, ours, data_range=1), ssim))
    psnr, ssim = np.mean(values, axis=0)
    return float(psnr), float(ssim)


def _tensor(crop: np.ndarray) -> Tensor:
    return torch.from_numpy(crop / np.float32(255))[None]


def _hole(number: int) -> Tensor:
    """[1, 256, 256] of 0 and 1."""
    random = np.random.default_rng((4, number))
    while True:
        mask = random_mask(random, SIDE, LEAST, LEAST)
        if LEAST <= mask.mean() <= MOST:
            return torch.from_numpy(mask)[None].float()


def _row(image: Tensor, mask: Tensor, *fills: Tensor) -> np.ndarray:
    """[128, ..., 3] uint8: picture, picture with its hole, and what the hole was filled with, at half size."""
    masked = torch.where(mask[..., None] > 0, 1.0, image)
    row = torch.cat([image, masked, *fills], dim=2)[0].clamp(0, 1)
    height, width = row.shape[:2]
    return np.asarray(
        Image.fromarray((row * 255).byte().numpy()).resize((width // 2, height // 2), Image.Resampling.BOX)
    )


def _sheet(rows: list[np.ndarray], across: int = 3) -> Image.Image:
    """Original, masked, harmonic fill, this model: several of them in a line, with white between."""
    padded = [np.pad(row, ((0, 6), (0, 12), (0, 0)), constant_values=255) for row in rows]
    return Image.fromarray(np.vstack([np.hstack(padded[at : at + across]) for at in range(0, len(padded), across)]))


if __name__ == "__main__":
    main()
