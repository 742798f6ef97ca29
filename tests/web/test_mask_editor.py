"""The host's MaskEditor on the Load Image node of a shipped workflow: the painted stroke is what gets repainted.

Mutations seen to fail here: mask inverted, ignored or empty at the paste; Clean Mask inverting.
"""

import numpy as np
from scipy.ndimage import distance_transform_edt

NAME = "remove-without-model"
LOAD_IMAGE, SAVE_IMAGE = 1, 5
# Further than the workflow grows and feathers the mask.
MARGIN = 40
HAS_PICTURE = "(id) => app.graph.getNodeById(id).imgs?.length || app.graph.getNodeById(id).images?.length"
SELECT = "(id) => { app.canvas.deselectAll(); app.canvas.selectNode(app.graph.getNodeById(id)); }"


def test_stroke_is_repainted(canvas, server, photo, workflows, shot):
    page = canvas.page
    canvas.load_workflow(workflows[NAME])
    assert canvas.widgets()[LOAD_IMAGE]["image"] == "example.png"
    page.wait_for_function(HAS_PICTURE, arg=LOAD_IMAGE)
    page.evaluate(SELECT, LOAD_IMAGE)
    canvas.command("Comfy.MaskEditor.OpenMaskEditor")
    editor = page.get_by_role("dialog")
    editor.get_by_text("Brush Settings").wait_for()
    canvas.settle()
    _stroke(page, editor, (0.6, 0.2), (0.7, 0.3))
    shot()
    editor.get_by_role("button", name="Save").click()
    editor.wait_for(state="detached")

    value = canvas.widgets()[LOAD_IMAGE]["image"]
    assert value.endswith(" [input]")
    folder, _, name = value.removesuffix(" [input]").rpartition("/")
    painted = server.download({"filename": name, "subfolder": folder, "type": "input"})
    stroke = painted[..., 3] < 128
    assert stroke[round(0.25 * len(stroke)), round(0.65 * len(stroke))]
    assert 0 < stroke.mean() < 0.1

    queued = canvas.queue()
    result = server.download(queued.outputs[str(SAVE_IMAGE)]["images"][0])
    outside = distance_transform_edt(~stroke) > MARGIN
    assert np.array_equal(result[outside], photo.pixels[outside])
    assert np.abs(result[stroke].astype(int) - photo.pixels[stroke]).mean() > 1


def _stroke(page, editor, start, end):
    """Drag the brush across the picture; points as fractions of its width and height."""
    frame = editor.locator("canvas").first.bounding_box()

    def point(position):
        return frame["x"] + position[0] * frame["width"], frame["y"] + position[1] * frame["height"]

    page.mouse.move(*point(start))
    page.mouse.down()
    page.mouse.move(*point(end), steps=10)
    page.mouse.up()
