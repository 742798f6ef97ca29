"""`python dev.py demo`: run two shipped workflows on a real host with a real photograph, and save the results."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from devtools.hosts import prompts
from devtools.hosts.process import HostFailed, HostProcess, has_gpu
from devtools.models.demo_model import write_demo_model
from devtools.pictures.rocket import object_mask, photograph, save_masked
from inpaint.batch.comfyui.client import HostClient, PromptRejected
from inpaint.batch.comfyui.events import Run

ROOT = Path(__file__).resolve().parent.parent
SMALL_CHECKPOINT = "mend-demo-sd15-inpaint.safetensors"
# The small model was trained on crops of 256x256. It ignores the prompt, so CFG would only double the time.
SMALL_SETTINGS: dict[str, dict[str, Any]] = {
    "MendInpaint": {
        **{"megapixels": (384 / 1024) ** 2, "steps": 20, "cfg": 1.0},
        **{"sampler_name": "euler", "scheduler": "normal"},
    },
}
SEED = 1
# These need no download and run within minutes.
WORKFLOWS = ("remove", "inpaint")


def main() -> int:
    options = _options()
    for file in (options.checkpoint, options.image, options.mask):
        if file is not None and not file.is_file():
            sys.exit(f"demo: file not found: {file}.")
    if options.image and not options.mask:
        sys.exit("demo: --image needs --mask: a picture of the same size, white where it is to be repainted.")
    picture = _read_picture(options.image, "RGB") if options.image else photograph()
    mask = _read_picture(options.mask, "L") if options.mask else object_mask()
    if mask.width * picture.height != mask.height * picture.width:
        sys.exit(
            f"demo: the mask is {mask.width}x{mask.height}, the picture {picture.width}x{picture.height}: give "
            "a mask of the picture's size."
        )
    mask = mask.resize(picture.size)

    base = ROOT / ".host" / "demo"
    arguments = []
    if options.checkpoint:
        checkpoint = options.checkpoint.name
        config = base / "checkpoint.yaml"
        config.parent.mkdir(parents=True, exist_ok=True)
        # A JSON string is also a YAML string, whatever characters the path has.
        config.write_text(f"demo:\n  checkpoints: {json.dumps(str(options.checkpoint.parent))}\n", encoding="utf-8")
        arguments = ["--extra-model-paths-config", str(config)]
    else:
        checkpoint = SMALL_CHECKPOINT
        print("Writing the small trained checkpoint in the layout of SD 1.5 inpainting ...", flush=True)
        small = base / "models" / "checkpoints" / checkpoint
        small.parent.mkdir(parents=True, exist_ok=True)
        write_demo_model(small)

    options.output.mkdir(parents=True, exist_ok=True)
    print("Starting ComfyUI ...", flush=True)
    try:
        with HostProcess(options.comfyui, base, cpu=not has_gpu(), arguments=arguments) as host:
            settings = {} if options.checkpoint else SMALL_SETTINGS
            client = HostClient(host.url)
            report = _run_all(client, picture, mask, options.prompt, checkpoint, settings, options.output)
    except HostFailed as error:
        sys.exit(f"demo: {error}")
    report["checkpoint"] = checkpoint
    (options.output / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")

    print()
    for name, figures in report["workflows"].items():
        print(figures["node_reports"]["report"][0].splitlines()[0])
        print(
            f"{name}: {figures['seconds']} s, largest change outside the composite mask {figures['max_change_outside']}"
        )
    if not options.checkpoint:
        print(
            "\nThe checkpoint is a small one, trained for this demo on a handful of photographs (demo/README.md).\n"
            "To see what your checkpoint does: python dev.py demo --checkpoint FILE"
        )
    shown = options.output / WORKFLOWS[-1] / "side_by_side.png"
    print(f"\nOpen next: {shown}, then `python dev.py serve` for the canvas.")
    return 0


def _read_picture(file: Path, mode: str) -> Image.Image:
    """Read a picture file and apply its EXIF orientation."""
    try:
        return ImageOps.exif_transpose(Image.open(file)).convert(mode)
    except UnidentifiedImageError:
        sys.exit(f"demo: {file} is not a readable picture. Give a PNG or a JPEG.")


def _run_all(
    client: HostClient,
    picture: Image.Image,
    mask: Image.Image,
    text: str,
    checkpoint: str,
    settings: dict[str, dict[str, Any]],
    output: Path,
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "host": client.system_stats()["system"]["comfyui_version"],
        "seed": SEED,
        "size": picture.size,
        "workflows": {},
    }
    upload = client.upload_image(save_masked(picture, mask, output / "input-with-mask.png"))
    for name in WORKFLOWS:
        prompt = prompts.load(name)
        prompts.set_input(prompt, "LoadImage", image=upload)
        prompts.set_input(prompt, "MendLoadCheckpoint", ckpt_name=checkpoint)
        prompts.set_input(prompt, "MendInpaint", seed=SEED, prompt=text)
        for node, values in settings.items():
            prompts.set_input(prompt, node, **values)
        prompts.show_support(prompt)
        started = time.monotonic()
        run = _follow(client, prompt, name)
        seconds = round(time.monotonic() - started, 1)

        (saved,) = run.outputs[prompts.node_of(prompt, "SaveImage")]["images"]
        (shown,) = run.outputs[prompts.SUPPORT_NODE]["images"]
        result = Image.open(io.BytesIO(client.view(saved))).convert("RGB")
        support = Image.open(io.BytesIO(client.view(shown))).convert("L")
        _write(output / name, picture, mask, result)
        report["workflows"][name] = {
            "seconds": seconds,
            "seconds_per_node": {
                f"{node} {_name(prompt, node)}": round(spent, 2) for node, spent in run.seconds.items()
            },
            "max_change_outside": _max_change(picture, result, support),
            "node_reports": {
                _name(prompt, node): shown["text"] for node, shown in run.outputs.items() if "text" in shown
            },
        }
    return report


def _name(prompt: prompts.Prompt, node: str) -> str:
    """Return the class of a node; of one that Inpaint expanded to, its name in the chain."""
    return prompt[node]["class_type"] if node in prompt else node.rpartition(".")[2]


def _follow(client: HostClient, prompt: prompts.Prompt, name: str) -> Run:
    """Queue a prompt and show its progress. Exits the program if the prompt fails."""
    with tqdm(
        total=len(prompt), desc=name, unit="node", bar_format="{desc}: {bar} {n_fmt}/{total_fmt} {postfix}"
    ) as bar:

        def on_event(kind: str, data: dict[str, Any]) -> None:
            if kind == "execution_cached":
                bar.update(len(data["nodes"]))
            elif kind == "executing" and data["node"]:
                bar.set_postfix_str(_name(prompt, data["node"]))
                bar.update(data["node"] in prompt)
            elif kind == "progress":
                bar.set_postfix_str(f"{_name(prompt, data['node'])} {data['value']}/{data['max']}")

        try:
            run = client.run(prompt, on_event, timeout=3600)
        except PromptRejected as error:
            sys.exit(f"demo: the host refused {name}: {error}")
    if run.status != "success":
        failure = run.failure
        sys.exit(f"demo: {name}: {failure.class_type}: {failure.message}" if failure else f"demo: {name}: {run.status}")
    return run


def _max_change(before: Image.Image, after: Image.Image, support: Image.Image) -> int:
    """Return the largest difference, in 8-bit levels, over the pixels whose composite mask is 0."""
    outside = np.asarray(support) == 0
    change = np.abs(np.asarray(after, np.int16) - np.asarray(before, np.int16))
    return int(change[outside].max(initial=0))


def _write(folder: Path, picture: Image.Image, mask: Image.Image, result: Image.Image) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / "input.png")
    mask.save(folder / "mask.png")
    result.save(folder / "result.png")
    tinted = Image.composite(Image.blend(picture, Image.new("RGB", picture.size, (255, 40, 25)), 0.6), picture, mask)
    panels, gap = (picture, tinted, result), 8
    sheet = Image.new("RGB", (3 * picture.width + 2 * gap, picture.height), "white")
    for index, panel in enumerate(panels):
        sheet.paste(panel, (index * (picture.width + gap), 0))
    sheet.save(folder / "side_by_side.png")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py demo", description=__doc__)
    parser.add_argument("--comfyui", type=Path, required=True, help="folder of the host")
    parser.add_argument("--checkpoint", type=Path, help="your checkpoint, instead of the small one of the demo")
    parser.add_argument("--image", type=Path, help="your picture")
    parser.add_argument("--mask", type=Path, help="your mask: white is repainted")
    parser.add_argument("--prompt", default="", help="what should be there instead, for a checkpoint of yours")
    parser.add_argument("--output", type=Path, default=ROOT / "demo-output")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
