"""Around the mask: how far a window is from the whole picture encoded and decoded, and what the whole prompt costs.

python dev.py bench vae_window                                        all rows, about 15 minutes on two cores
python dev.py bench vae_window --markdown benchmarks/vae_window.md    also writes the figures to a file

Two VAEs: the demo's, which has neither group norms nor attention, and the full network of SD 1.5 with UNTRAINED
weights, whose group norms and attention look at the whole picture. A trained one may differ by less or more.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import skimage.data
import torch

from benchmarks.shared.host import HostWithPack, host_folder
from benchmarks.shared.tables import Report, machine
from devtools.hosts.process import prepare_base
from devtools.models.demo_model import write_demo_model
from devtools.models.model_shapes import make_vae
from devtools.setup.environment import ROOT

MARGINS = (0, 2, 4, 6, 8)
SIDE, HOLE = 512, 160
LARGE, STEPS, SHARE = 2048, 4, 0.05
REACH = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench vae_window", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()
    base = ROOT / ".host" / "bench-pack"
    prepare_base(base, ROOT)
    host = HostWithPack(base)
    report = Report()
    report.say("# Around the mask")
    report.say()
    report.say(machine(host_folder()))
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        import comfy.sd

        path = write_demo_model(Path(folder) / "demo.safetensors")
        model, clip, vae = comfy.sd.load_checkpoint_guess_config(str(path))[:3]
        _prompt(report, host, model, clip, vae)
        _errors(report, host, {"the demo's": vae, "SD 1.5's, untrained": _full_vae()})
    if options.markdown:
        report.write(options.markdown)


def _full_vae() -> Any:
    """Return the host's VAE with SD 1.5's network and PyTorch's own first weights."""
    import comfy.sd

    torch.manual_seed(0)
    network = make_vae().to_empty(device="cpu").float()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.Conv2d.reset_parameters(module)  # the host's classes leave weights as they are
        elif isinstance(module, torch.nn.GroupNorm):
            torch.nn.GroupNorm.reset_parameters(module)
    return comfy.sd.VAE(sd=network.state_dict())


def _photograph(side: int) -> torch.Tensor:
    """Return [1, side, side, 3]."""
    photo = cv2.resize(skimage.data.astronaut(), (side, side), interpolation=cv2.INTER_CUBIC)
    return torch.from_numpy(photo).float()[None] / 255


def _errors(report: Report, host: HostWithPack, vaes: dict[str, Any]) -> None:
    report.heading(f"A window of {HOLE} in {SIDE} px beside the whole, by its margin")
    report.say(
        "Mean / largest difference inside the window: decoded in levels of 255, encoded in percent of the latents' "
        "spread. Alone: group norms measure the window."
    )
    report.table(VAE=20, margin=6, decoded=14, decoded_alone=14, encoded=14, encoded_alone=14)
    module: Any = host.pack("host.vae_window")
    norms = host.pack("inpaint.networks.group_norms").GroupNorms
    replaying, small = norms.replaying, module.SMALL
    first, cells = (SIDE - HOLE) // 16, HOLE // 8
    box = host.pack("inpaint.core.geometry").Box(first, first, cells, cells)
    picture, pixels = _photograph(SIDE), box.times(8).slices
    # As much smaller than the whole as at 2048 px.
    module.SMALL = small * SIDE // LARGE * 2
    try:
        for name, vae in vaes.items():
            latent = vae.encode(picture)
            decoded = vae.decode(latent)[(slice(None), *pixels)]
            encoded = latent[(..., *box.slices)]
            for margin in MARGINS:
                module.MARGIN = margin
                row = []
                for method in (replaying, norms.recording):
                    norms.replaying = method
                    part = module.decode_window(vae, latent, box).result
                    row.append(_difference(part, decoded, 255))
                    part = module.encode_window(vae, picture, box).result[(..., *box.slices)]
                    row.append(_difference(part, encoded, 100 / float(latent.std())))
                report.row(name, margin, row[0], row[2], row[1], row[3])
    finally:
        norms.replaying, module.SMALL = replaying, small


def _difference(ours: torch.Tensor, theirs: torch.Tensor, scale: float) -> str:
    error = scale * (ours - theirs).abs()
    return f"{error.mean():.2f} / {error.max():.1f}"


def _prompt(report: Report, host: HostWithPack, model: Any, clip: Any, vae: Any) -> None:
    report.heading(f"A whole prompt, {LARGE} px, {SHARE:.0%} masked, {STEPS} steps, the demo's model")
    report.say("Seconds of one run of each, as the whole takes minutes. Seam: the score of the result.")
    report.table(area=16, encode=7, sample=7, decode=7, together=8, seam=6)
    picture = _photograph(LARGE)
    y, x = torch.meshgrid(*[torch.arange(LARGE) - LARGE / 2] * 2, indexing="ij")
    mask = ((y**2 + x**2).sqrt() < LARGE * (SHARE / torch.pi) ** 0.5).float()[None]
    prompt = clip.encode_from_tokens_scheduled(clip.tokenize(""))
    seam, composite = host.pack("inpaint.compositing").seam, host.pack("inpaint.compositing").composite_mask
    totals = []
    for area in ("whole picture", "around the mask"):
        times = [time.perf_counter()]
        shared = {"model": model, "positive": prompt, "negative": prompt}
        positive, negative, latent = host.node("MendEncodeInpaint")(
            **shared, vae=vae, image=picture, mask=mask, encode_area=area
        ).result
        times.append(time.perf_counter())
        (sampled,) = host.node("MendMaskedSampler")(
            model=model, positive=positive, negative=negative, latent=latent, steps=STEPS, seed=1
        ).result
        times.append(time.perf_counter())
        image, _, _ = host.node("MendDecodeComposite")(
            vae=vae, latent=sampled, image=picture, mask=mask, decode_area=area
        ).result
        times.append(time.perf_counter())
        parts = [after - before for before, after in itertools.pairwise(times)]
        totals.append(sum(parts))
        (score,) = seam(image, composite(mask, 8))
        report.row(area, *(f"{part:.1f}" for part in [*parts, totals[-1]]), f"{score.score:.2f}")
    report.say()
    report.point(totals[0] >= REACH * totals[1], f"{totals[0] / totals[1]:.1f} times as fast, {REACH:.0f} wanted")


if __name__ == "__main__":
    main()
