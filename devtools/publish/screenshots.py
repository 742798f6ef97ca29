"""Make the pictures of the README and the template browser: `python -m devtools.publish.screenshots`.

docs/<node id>.png is each node as the canvas draws it, docs/graph.jpg the first workflow after a run.
workflows/<name>.jpg is a workflow's thumbnail: picture and result if it needs no trained model, else its canvas.
MEND_COMFYUI is the folder of the host, as for the tests.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from pathlib import Path

from PIL import Image

from devtools.hosts import prompts
from devtools.hosts.canvas import Canvas
from devtools.hosts.process import HostProcess
from devtools.pictures.rocket import object_mask, photograph, save_masked
from devtools.setup.environment import ROOT
from inpaint.batch.comfyui.client import HostClient
from inpaint.sampling.fooocus import HEAD_FILE, PATCH_FILE

WORKFLOWS = ROOT / "workflows"
# They need no model, so their thumbnails can show their result.
WITHOUT_MODEL = ("remove", "remove-without-model")
# Its graph with the result is the first picture of the README, docs/graph.jpg.
FIRST = "remove"
# A node's rectangle on the page, with its title and badge.
FRAME = """(id) => {
    const [x, y, width, height] = app.graph.getNodeById(id).boundingRect;
    const { scale, offset } = app.canvas.ds;
    const page = app.canvas.canvas.getBoundingClientRect();
    const margin = 10;
    return { x: page.x + (x + offset[0]) * scale - margin, y: page.y + (y + offset[1]) * scale - 2 * margin,
             width: width * scale + 2 * margin, height: height * scale + 3 * margin };
}"""
# The rectangle of all groups. The note is outside: it would be too small to read.
GRAPH_FRAME = """() => {
    const { scale, offset } = app.canvas.ds;
    const page = app.canvas.canvas.getBoundingClientRect();
    const boxes = app.graph.groups.map((group) => group.boundingRect ?? group._bounding);
    const left = Math.min(...boxes.map((box) => box[0])), top = Math.min(...boxes.map((box) => box[1]));
    const right = Math.max(...boxes.map((box) => box[0] + box[2]));
    const bottom = Math.max(...boxes.map((box) => box[1] + box[3]));
    return { x: page.x + (left + offset[0]) * scale, y: page.y + (top + offset[1]) * scale,
             width: (right - left) * scale, height: (bottom - top) * scale };
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        for folder, name in [*_named_models(), ("inpaint", HEAD_FILE), ("inpaint", PATCH_FILE)]:
            # Empty files are enough: only their names are shown.
            (base / "models" / folder).mkdir(parents=True, exist_ok=True)
            (base / "models" / folder / name).touch()
        for name in _named_pipelines():
            (base / "models" / "diffusers" / name).mkdir(parents=True)
            (base / "models" / "diffusers" / name / "model_index.json").touch()
        with HostProcess(Path(os.environ["MEND_COMFYUI"]), base) as host:
            client = HostClient(host.url)
            upload = client.upload_image(save_masked(photograph(), object_mask(), base / "photo.png"), "example.png")
            for name in WITHOUT_MODEL:
                _without_model(client, upload, name).save(WORKFLOWS / f"{name}.jpg", quality=90)
            with Canvas(host.url) as canvas:
                _portraits(canvas, sorted(name for name in client.object_info() if name.startswith("Mend")))
                canvas.load_workflow(WORKFLOWS / f"{FIRST}.json")
                canvas.queue()
                _view(canvas, (1400, 900)).save(ROOT / "docs" / "graph.jpg", quality=88)
                for workflow in sorted(WORKFLOWS.glob("*.json")):
                    if workflow.stem not in WITHOUT_MODEL:
                        canvas.load_workflow(workflow)
                        _view(canvas, (960, 640)).save(workflow.with_suffix(".jpg"), quality=90)


def _view(canvas: Canvas, size: tuple[int, int]) -> Image.Image:
    """Return the graph that is open, at most of this size."""
    canvas.fit_view()
    shot = canvas.page.screenshot(clip=canvas.page.evaluate(GRAPH_FRAME))
    view = Image.open(io.BytesIO(shot)).convert("RGB")
    view.thumbnail(size)
    return view


def _named_models() -> list[tuple[str, str]]:
    """Return folder and name of every model that the workflows name."""
    nodes = [node for path in WORKFLOWS.glob("*.json") for node in json.loads(path.read_text("utf-8"))["nodes"]]
    models = [model for node in nodes for model in node.get("properties", {}).get("models", [])]
    return sorted({(model["directory"], model["name"]) for model in models})


def _named_pipelines() -> set[str]:
    """Return the folders in diffusers' layout that the workflows name."""
    nodes = [node for path in WORKFLOWS.glob("*.json") for node in json.loads(path.read_text("utf-8"))["nodes"]]
    return {node["widgets_values"][0] for node in nodes if node["type"] == "MendLoadDiffusers"}


def _portraits(canvas: Canvas, names: list[str]) -> None:
    (ROOT / "docs").mkdir(exist_ok=True)
    for name in names:
        canvas.clear()
        node = canvas.add_node(name, 0, 0)
        canvas.page.evaluate("() => { app.canvas.ds.scale = 1; app.canvas.ds.offset = [400, 300]; }")
        canvas.settle()
        canvas.page.screenshot(path=ROOT / "docs" / f"{name}.png", clip=canvas.page.evaluate(FRAME, node))


def _without_model(client: HostClient, upload: str, name: str) -> Image.Image:
    """Return the photograph on the left and a workflow's result on the right."""
    prompt = prompts.load(name)
    prompts.set_input(prompt, "LoadImage", image=upload)
    (saved,) = client.run(prompt).outputs[prompts.node_of(prompt, "SaveImage")]["images"]
    before, after = photograph(), Image.open(io.BytesIO(client.view(saved))).convert("RGB")
    sheet = Image.new("RGB", (2 * before.width + 6, before.height), "white")
    sheet.paste(before, (0, 0))
    sheet.paste(after, (before.width + 6, 0))
    return sheet


if __name__ == "__main__":
    main()
