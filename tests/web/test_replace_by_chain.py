"""The menu entry of Inpaint that puts its chain in its place."""

import json

import numpy as np
import pytest

ENTRY = "Replace by its chain"
# Where a node's title is on the page.
TITLE = """(id) => {
    const node = app.graph.getNodeById(id);
    const element = document.querySelector(`[data-node-id="${id}"]`);
    if (element) {
        const { x, y } = element.getBoundingClientRect();
        return [x + 60, y + 12];
    }
    const page = app.canvas.canvas.getBoundingClientRect();
    const { scale, offset } = app.canvas.ds;
    return [page.x + (node.pos[0] + offset[0] + 60) * scale, page.y + (node.pos[1] + offset[1] - 15) * scale];
}"""
TYPES = "() => app.graph.nodes.map(({ comfyClass }) => comfyClass).sort()"
OVERLAPS = """() => {
    const nodes = app.graph.nodes.filter(({ comfyClass }) => comfyClass);
    const boxes = nodes.map((node) => [node.comfyClass, node.boundingRect]);
    const apart = ([, a], [, b]) =>
        a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1];
    return boxes.flatMap((a, number) => boxes.slice(number + 1).filter((b) => !apart(a, b)).map((b) => [a[0], b[0]]));
}"""


def _open(canvas, server, photo, mode, workflow, files):
    """Open a workflow with a small model and few steps."""
    canvas.load_workflow(workflow)
    nodes = {node["type"]: node["id"] for node in json.loads(workflow.read_text())["nodes"]}
    canvas.set_widget(nodes["LoadImage"], "image", server.upload(photo.with_hole(), f"{mode}-chain.png"))
    for name, value in {"steps": 2, "megapixels": 0.02, "control_after_generate": "fixed"}.items():
        canvas.set_widget(nodes["MendInpaint"], name, value)
    for name, value in files.items():
        canvas.set_widget(nodes["MendLoadCheckpoint"], name, value)
    return nodes


def _replace(canvas, mode, node):
    """Choose the entry in the node's menu; in Nodes 2.0 press the button above the selected node."""
    title = canvas.page.evaluate(TITLE, node)
    if mode == "classic":
        canvas.page.mouse.click(*title, button="right")
        canvas.page.get_by_text(ENTRY, exact=True).click()
    else:
        canvas.page.mouse.click(*title)
        canvas.page.locator(".selection-toolbox .pi-sitemap, .pi-sitemap").first.click()


def _picture(server, queued, node):
    (reference,) = queued.outputs[str(node)]["images"]
    return server.download(reference)


@pytest.mark.parametrize("name", ["remove", "inpaint"])
def test_the_chain_does_the_same(canvas, server, photo, mode, workflows, name, shot):
    files = server.files("sd15-inpaint", mode) if name == "inpaint" else {}
    nodes = _open(canvas, server, photo, mode, workflows[name], files)
    before = canvas.page.evaluate(TYPES)
    whole = _picture(server, canvas.queue(), nodes["SaveImage"])
    canvas.remember()

    _replace(canvas, mode, nodes["MendInpaint"])
    canvas.page.wait_for_function("() => !app.graph.nodes.some(({ comfyClass }) => comfyClass === 'MendInpaint')")
    canvas.fit_view()
    shot()
    assert canvas.page.evaluate(OVERLAPS) == []
    kinds = canvas.page.evaluate(TYPES)
    assert {"MendInpaintReport", "MendCleanMask"} <= set(kinds)

    canvas.command("Comfy.Undo")
    canvas.page.wait_for_function(f"() => app.graph.nodes.length === {len(before)}")
    assert canvas.page.evaluate(TYPES) == before
    canvas.command("Comfy.Redo")
    canvas.page.wait_for_function(f"() => app.graph.nodes.length === {len(kinds)}")
    canvas.settle()
    parts = _picture(server, canvas.queue(), nodes["SaveImage"])
    assert np.array_equal(parts, whole)


# Connects a node's first output to the input of a name.
CONNECT = """([from, output, to, name]) => {
    const target = app.graph.getNodeById(to);
    app.graph.getNodeById(from).connect(output, target, target.inputs.findIndex((slot) => slot.name === name));
}"""
LINKED = """(name) => app.graph.nodes.flatMap((node) => (node.inputs ?? [])
    .filter((slot) => slot.name === name && slot.link != null)
    .map((slot) => [node.comfyClass, app.graph.getNodeById(app.graph.links[slot.link].origin_id).comfyClass]))"""


def test_links_of_widgets_stay(canvas, server, mode):
    image, text, number, loader = (
        canvas.add_node(kind, 0, 400 * row)
        for row, kind in enumerate(("LoadImage", "PrimitiveString", "PrimitiveFloat", "MendLoadCheckpoint"))
    )
    node = canvas.add_node("MendInpaint", 500, 0)
    for name, file in server.files("sd15-inpaint", mode).items():
        canvas.set_widget(loader, name, file)
    links = [(image, 0, "image"), (image, 1, "mask"), (text, 0, "prompt"), (number, 0, "strength")]
    links += [(loader, output, name) for output, name in enumerate(("model", "clip", "vae"))]
    for origin, output, name in links:
        canvas.page.evaluate(CONNECT, [origin, output, node, name])
    canvas.fit_view()
    _replace(canvas, mode, node)
    canvas.page.wait_for_function("() => !app.graph.nodes.some(({ comfyClass }) => comfyClass === 'MendInpaint')")
    assert canvas.page.evaluate(LINKED, "text") == [["CLIPTextEncode", "PrimitiveString"]]
    assert canvas.page.evaluate(LINKED, "denoise") == [["MendMaskedSampler", "PrimitiveFloat"]]


def test_what_cannot_be_replaced_says_why(canvas, mode):
    node = canvas.add_node("MendInpaint", 100, 100)
    canvas.set_widget(node, "task", "replace")
    canvas.fit_view()
    _replace(canvas, mode, node)
    message = canvas.page.locator(".p-toast-message").filter(has_text="mask: expected a mask for replace, got none.")
    message.wait_for()
    canvas.page.locator(".p-toast-close-button").first.click()
    assert "MendInpaint" in canvas.page.evaluate(TYPES)
    canvas.errors.clear()  # the page logs the refusal of the request
