"""Encode for Inpainting compared with the host's own nodes, and how far the grey of neutral content bleeds.

python dev.py bench encode                                    all rows, some minutes on two cores
python dev.py bench encode --markdown benchmarks/encode.md    also writes the figures to a file

The VAE is the real network of SD 1.5, SDXL and FLUX.1 with UNTRAINED weights in fp32. Its time is realistic, but a
trained VAE may bleed differently. The model is only inspected, so it has no weights.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
from scipy.ndimage import distance_transform_cdt

from benchmarks.shared.host import HostWithPack, host_folder
from benchmarks.shared.tables import Report, machine
from benchmarks.shared.timing import Pairs, Quartiles, measure
from devtools.hosts.process import prepare_base
from devtools.models.model_shapes import make_patcher, make_vae
from devtools.setup.environment import ROOT

SIDES = (256, 512)
OWN_REACH_PERCENT = 5.0
# Chessboard distances from the hole, in latent cells, that get their own row.
NEAREST = 6
PROMPT = [[torch.zeros(1, 77, 768), {}]]


class Vae:
    """The host's VAE with the real network, and a timer around its `encode`."""

    def __init__(self) -> None:
        import comfy.sd

        network = make_vae().to_empty(device="cpu").float()
        random = torch.Generator().manual_seed(0)
        for name, weight in network.named_parameters():
            # The host's classes leave weights uninitialized. This std keeps the variance of a layer's input.
            if weight.ndim > 1:
                weight.data.normal_(std=math.prod(weight.shape[1:]) ** -0.5, generator=random)
            else:
                weight.data.fill_(float(name.endswith("weight")))
        self.vae = comfy.sd.VAE(sd=network.state_dict())
        self.seconds, self.calls = 0.0, 0
        encode = self.vae.encode

        def timed(pixel_samples: torch.Tensor) -> torch.Tensor:
            started = time.perf_counter()
            result = encode(pixel_samples)
            self.seconds += time.perf_counter() - started
            self.calls += 1
            return result

        self.vae.encode = timed  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench encode", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()
    base = ROOT / ".host" / "bench-pack"
    prepare_base(base, ROOT)
    host = HostWithPack(base)
    vae, model = Vae(), make_patcher("SD 1.5 inpainting")
    report = Report()
    report.say("# Encoding")
    report.say()
    report.say(machine(host_folder()))
    report.say()
    report.say("The VAE is the true network with untrained weights, fp32 on the CPU.")
    with torch.inference_mode():
        _times(report, host, vae, model)
        _bleed(report, host, vae, model)
    if options.markdown:
        report.write(options.markdown)


def _encode(host: HostWithPack, vae: Vae, model: Any, side: int, content: str) -> Any:
    node = host.nodes.NODE_CLASS_MAPPINGS["MendEncodeInpaint"].PREPARE_CLASS_CLONE({})
    picture, mask = _picture(side), _mask(side)
    return node.execute(model, PROMPT, PROMPT, vae.vae, picture, mask, content, True).result


def _times(report: Report, host: HostWithPack, vae: Vae, model: Any) -> None:
    report.heading("Beside the host's InpaintModelConditioning, 9-channel model, one picture")
    report.say("Own: of our time, what is not the VAE's. Ratio: the host's time by ours, pair by pair.")
    report.table(content=10, px=5, VAE_calls=9, host_calls=10, ours_ms=22, own_ms=18, own_percent=11, ratio=18)
    theirs = host.nodes.NODE_CLASS_MAPPINGS["InpaintModelConditioning"]()
    worst = 0.0
    for side in SIDES:
        for content in ("neutral", "original"):
            own: list[float] = []
            ours = _clocked(vae, partial(_encode, host, vae, model, side, content), own)

            def by_host(side: int = side) -> object:
                return theirs.encode(PROMPT, PROMPT, _picture(side), vae.vae, _mask(side))

            other = _clocked(vae, by_host, [])
            calls = [_calls(vae, run) for run in (ours, other)]
            own.clear()
            pairs: Pairs = measure(ours, other)
            own_ms = Quartiles.of([1000 * seconds for seconds in own])
            percent = 100 * own_ms.median / pairs.our_ms.median
            worst = max(worst, percent)
            report.row(content, side, *calls, pairs.our_ms, own_ms, f"{percent:.2f}", pairs.faster)
    report.say()
    report.point(worst <= OWN_REACH_PERCENT, f"own time {worst:.2f} % at the most, {OWN_REACH_PERCENT:.0f} % wanted")


def _clocked(vae: Vae, run: Callable[[], object], own: list[float]) -> Callable[[], object]:
    """Wrap `run` so that it records the seconds spent outside the VAE in `own`."""

    def clocked() -> object:
        vae.seconds = 0.0
        started = time.perf_counter()
        result = run()
        own.append(time.perf_counter() - started - vae.seconds)
        return result

    return clocked


def _calls(vae: Vae, run: Callable[[], object]) -> int:
    vae.calls = 0
    run()
    return vae.calls


def _bleed(report: Report, host: HostWithPack, vae: Vae, model: Any) -> None:
    """Report how much neutral content changes the latents outside the mask, by distance from the mask."""
    side = SIDES[-1]
    report.heading(f"How far the grey of neutral content reaches, {side} px")
    report.say(
        "Differences of neutral from original latents outside the mask, in standard deviations of the original's. The "
        "noise mask is widened by a cell, so what lies at 1 is repainted."
    )
    report.table(cells_from_the_mask=19, mean=8, largest=8)
    original, neutral = (_encode(host, vae, model, side, content)[2] for content in ("original", "neutral"))
    spread = original["samples"].std()
    change = ((neutral["samples"] - original["samples"]).abs() / spread)[0].amax(dim=0).numpy()
    distance = distance_transform_cdt((original["noise_mask"][0, 0, ::8, ::8] == 0).numpy(), metric="chessboard")
    for cells in range(1, NEAREST + 1):
        _row(report, str(cells), change[distance == cells])
    _row(report, f"over {NEAREST}", change[distance > NEAREST])


def _row(report: Report, cells: str, change: np.ndarray) -> None:
    report.row(cells, f"{change.mean():.4f}", f"{change.max():.4f}")


def _picture(side: int) -> torch.Tensor:
    whole = torch.from_numpy(skimage.data.astronaut().copy()).float()[None] / 255
    return whole[:, :side, :side].contiguous()


def _mask(side: int) -> torch.Tensor:
    """Return a mask [1, side, side]: a disc of a fifth of the picture's area."""
    y, x = torch.meshgrid(*[torch.arange(side) - side / 2] * 2, indexing="ij")
    return (y**2 + x**2 < 0.2 * side**2 / math.pi).float()[None]


if __name__ == "__main__":
    main()
