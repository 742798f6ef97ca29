"""The blueprints: found by the page's search, opened, connected to a picture, run."""

import json
import urllib.request

import numpy as np
import pytest

from devtools.hosts import prompts
from devtools.publish.blueprints import BLUEPRINTS, FOLDER, blueprint_file

# Sets widgets of the nodes inside, by class and name.
INSIDE = """([node, values]) => {
    for (const inner of app.graph.getNodeById(node).subgraph.nodes)
        for (const widget of inner.widgets ?? [])
            if (widget.name in (values[inner.comfyClass] ?? {})) widget.value = values[inner.comfyClass][widget.name];
}"""
CONNECT = """([from, output, to, name]) => {
    const [origin, target] = [from, to].map((id) => app.graph.getNodeById(id));
    origin.connect(output, target, target.inputs.findIndex((slot) => slot.name === name));
}"""
SHOWN = "(id) => app.graph.getNodeById(id).widgets.map(({ name, value }) => [name, value])"


@pytest.fixture(params=BLUEPRINTS)
def name(request):
    return request.param


def test_files_are_up_to_date(server, name):
    assert json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) == blueprint_file(name, server.nodes)


def test_nothing_else_is_shipped(server):
    assert {path.stem for path in FOLDER.iterdir()} == set(BLUEPRINTS)
    with urllib.request.urlopen(f"{server.client.url}/global_subgraphs") as reply:
        listed = json.load(reply).values()
    assert {each["name"] for each in listed if each["info"]["node_pack"].endswith(server.pack)} == set(BLUEPRINTS)


def test_found_by_search(canvas, shot):
    canvas.command("Workspace.SearchBox.Toggle")
    canvas.page.locator("input:focus").wait_for()
    canvas.page.keyboard.type("Replace (any", delay=20)
    canvas.page.get_by_text("Replace (any checkpoint)").first.wait_for()
    canvas.page.wait_for_timeout(500)  # the list is animated
    canvas.page.keyboard.press("Enter")
    canvas.page.wait_for_function("() => app.graph.nodes.length === 1")
    canvas.page.locator("input:focus").wait_for(state="hidden")
    canvas.page.wait_for_timeout(500)  # so is its end
    # In the classic design the new node hangs on the pointer.
    canvas.page.mouse.click(900, 500)
    canvas.fit_view()
    shot()
    (node,) = canvas.page.evaluate("() => app.graph.nodes.map(({ id }) => id)")
    assert canvas.page.evaluate(SHOWN, node) == [
        ["prompt", ""],
        ["seed", 0],
        ["strength", 0],
        ["ckpt_name", "sd-v1-5-inpainting.ckpt"],
    ]


def _values(server, mode):
    files = server.files("sd15-inpaint", mode)
    return {"MendInpaint": {"steps": 2, **prompts.INPAINT}, "MendLoadCheckpoint": files, "KSampler": {"steps": 2}}


def test_runs(canvas, server, photo, mode, name, shot):
    canvas.load_workflow(FOLDER / f"{name}.json")
    assert canvas.missing_nodes() == []
    (node,) = canvas.page.evaluate("() => app.graph.nodes.map(({ id }) => id)")
    image = canvas.add_node("LoadImage", -450, 0)
    canvas.set_widget(image, "image", server.upload(photo.with_hole(), f"{mode}-blueprint.png"))
    save = canvas.add_node("SaveImage", 500, 0)
    slots = set(BLUEPRINTS[name].inputs)
    links = [(image, 0, node, "image"), (node, 0, save, "images")]
    links += [(image, 1, node, "mask")] if "mask" in slots else []
    values = _values(server, mode)
    if "model" in slots:
        loader = canvas.add_node("MendLoadCheckpoint", -900, 0)
        for widget, file in values["MendLoadCheckpoint"].items():
            canvas.set_widget(loader, widget, file)
        texts = [canvas.add_node("CLIPTextEncode", -450, 500 + 250 * row) for row in range(2)]
        links += [(loader, 0, node, "model"), (loader, 2, node, "vae"), *((loader, 1, text, "clip") for text in texts)]
        links += [(text, 0, node, slot) for text, slot in zip(texts, ("positive", "negative"), strict=True)]
    for link in links:
        canvas.page.evaluate(CONNECT, list(link))
    shown = {"steps": 2, "ckpt_name": values["MendLoadCheckpoint"]["ckpt_name"], "extend_by": 32}
    for widget, value in shown.items():
        if widget in slots:
            canvas.set_widget(node, widget, value)
    canvas.page.evaluate(INSIDE, [node, {**values, "MendCropForInpaint": {"size": "keep"}}])

    queued = canvas.queue()
    canvas.fit_view()
    shot()
    result = server.download(queued.outputs[str(save)]["images"][0])
    room = 32 if "extend_by" in slots else 0
    assert result.shape == (256, 256 + 2 * room, 3)
    inner = result[:, room : room + 256]
    if room:
        far = np.zeros((256, 256), bool)
        far[:, 40:-40] = True
    else:
        rows, columns = np.nonzero(photo.hole)
        far = np.ones((256, 256), bool)
        far[max(rows[0] - 60, 0) : rows[-1] + 60, max(columns.min() - 60, 0) : columns.max() + 60] = False
        changed = np.abs(inner[photo.hole].astype(int) - photo.pixels[photo.hole]).mean()
        assert changed > 5
    # In extend nothing is masked but the room; elsewhere the mask and what it grows by.
    assert np.array_equal(inner[far], photo.pixels[far])
