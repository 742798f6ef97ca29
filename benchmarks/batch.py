"""What mend-batch costs outside of the host, beside a plain loop that posts and polls; and its memory.

python dev.py bench batch                                    a real host, some five minutes on two cores
python dev.py bench batch --markdown benchmarks/batch.md     also writes the figures to a file

The host samples the demo's small SD 1.5 checkpoint in crops of 512x512; the costs of the two ways are compared with
that. Memory is measured while small pictures go through a workflow without a model.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.shared.host import host_folder
from benchmarks.shared.tables import Report, machine
from devtools.hosts import prompts
from devtools.hosts.process import HostProcess
from devtools.models.demo_model import write_demo_model
from devtools.pictures.rocket import object_mask, photograph
from devtools.setup.environment import ROOT
from inpaint.batch.comfyui.client import HostClient

CHECKPOINT = "demo.safetensors"
# 512x512 pixels, and the steps of the demo.
SET = {"ckpt_name": CHECKPOINT, "steps": 20, "megapixels": 0.25, "prompt": "sky", "cfg": 1.0}
# Between looks of the plain loop, in seconds.
POLL = 0.5
SHARE = 0.05
# Runs mend-batch, and prints the peak of its memory in KiB.
WITH_PEAK = """
import sys
from inpaint.batch.__main__ import main
main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
GROWTH_MIB = 30


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench batch", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=8, help="pictures that are sampled (default: 8)")
    parser.add_argument("--many", type=int, default=2000, help="pictures for the memory (default: 2000)")
    parser.add_argument("--markdown", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    report = Report()
    report.say("# mend-batch")
    report.say()
    report.say(machine(host_folder()))
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary) / "base"
        (base / "models" / "checkpoints").mkdir(parents=True)
        write_demo_model(base / "models" / "checkpoints" / CHECKPOINT)
        with HostProcess(host_folder(), base) as host:
            _costs(report, host.url, Path(temporary), options.pictures)
            _memory(report, host.url, Path(temporary), options.many)
    if options.markdown:
        report.write(options.markdown)


def _pictures(folder: Path, count: int, size: tuple[int, int]) -> tuple[Path, Path]:
    """Write photographs with masks. No two are alike, so that no host's cache has one."""
    images, masks = folder / "images", folder / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    picture, mask = np.asarray(photograph().resize(size)), object_mask().resize(size)
    for number in range(count):
        pixels = picture.copy()
        pixels[0, 0] = number % 256, number // 256, 0
        Image.fromarray(pixels).save(images / f"{number:05}.png", compress_level=1)
        mask.save(masks / f"{number:05}.png")
    return images, masks


def _batch(url: str, images: Path, masks: Path, output: Path, workflow: str, *more: str) -> list[str]:
    command = [sys.executable, "-m", "inpaint.batch", "--images", str(images), "--masks", str(masks)]
    return [*command, "--output", str(output), "--host", url, "--workflow", workflow, *more]


def _costs(report: Report, url: str, folder: Path, count: int) -> None:
    images, masks = _pictures(folder / "sampled", count + 1, (768, 512))
    client = HostClient(url)
    # Loads the model, which neither way is to pay for.
    _post_and_poll(client, images / "00000.png", masks / "00000.png")
    (images / "00000.png").unlink()
    sets = [f"MendInpaint.{name}={value}" for name, value in SET.items() if name != "ckpt_name"]
    command = _batch(url, images, masks, folder / "sampled-out", "inpaint")
    began = time.perf_counter()
    subprocess.run([*command, "--set", f"MendLoadCheckpoint.ckpt_name={CHECKPOINT}", *sets], cwd=ROOT, check=True)
    ours = (time.perf_counter() - began) / count
    began, inside = time.perf_counter(), 0.0
    for image in sorted(images.iterdir()):
        inside += _post_and_poll(client, image, masks / image.name)
    plain = (time.perf_counter() - began) / count
    inside /= count
    report.heading("Seconds a picture, SD 1.5 (demo) at 512x512, 20 steps")
    report.table(way=32, seconds=10, outside_the_host=18)
    report.row("the host alone", f"{inside:.3f}", "")
    for name, seconds in (("mend-batch, start included", ours), ("post and poll", plain)):
        report.row(name, f"{seconds:.3f}", f"{100 * (seconds - inside) / inside:.1f} %")
    report.say()
    report.point(ours - inside <= SHARE * inside, f"at most {100 * SHARE:.0f} % outside of the host")


def _post_and_poll(client: HostClient, image: Path, mask: Path) -> float:
    """Make a picture by a plain loop. Returns the seconds that the host worked on it."""
    picture = Image.open(image).convert("RGB")
    picture.putalpha(Image.eval(Image.open(mask).convert("L"), lambda level: 255 - level))
    file = io.BytesIO()
    picture.save(file, "PNG")
    prompt = prompts.load("inpaint")
    prompts.set_input(prompt, "LoadImage", image=client.upload(file.getvalue(), image.name))
    prompts.set_input(prompt, "MendLoadCheckpoint", ckpt_name=CHECKPOINT)
    prompts.set_input(prompt, "MendInpaint", **{name: value for name, value in SET.items() if name != "ckpt_name"})
    id = client.queue(prompt, client_id="bench")
    while not (done := client.history(id)):
        time.sleep(POLL)
    client.view(done["outputs"][prompts.node_of(prompt, "SaveImage")]["images"][0])
    times = {name: data["timestamp"] for name, data in done["status"]["messages"]}
    return (times["execution_success"] - times["execution_start"]) / 1000


def _memory(report: Report, url: str, folder: Path, count: int) -> None:
    images, masks = _pictures(folder / "many", count, (96, 64))
    peaks: dict[int, float] = {}
    for part in (count // 10, count):
        command = _batch(url, images, masks, folder / f"many-{part}", "remove-without-model", "--limit", str(part))
        program = [command[0], "-c", WITH_PEAK, *command[3:]]
        done = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        peaks[part] = int(done.stdout.split()[-1]) / 1024
    report.heading("Peak memory of mend-batch")
    report.table(pictures=10, MiB=8)
    for part, peak in peaks.items():
        report.row(part, f"{peak:.0f}")
    report.say()
    few, many = peaks.values()
    report.point(many - few <= GROWTH_MIB, f"no more than {GROWTH_MIB} MiB from {count // 10} pictures to {count}")


if __name__ == "__main__":
    main()
