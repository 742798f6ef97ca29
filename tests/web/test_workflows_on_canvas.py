"""The shipped workflows on the real canvas: opened, compared by name, run from the page, their reports read.

Mutations seen to fail here. In a workflow: two widget values swapped; a node type misspelt; a null that the page's
schema forbids; an API form that is not up to date; a thumbnail removed. In the pack: mask inverted, ignored or empty at
the paste; Clean Mask inverting. In web/report.js: a syntax error; the report hidden, too low for its text or stretched;
saved with the workflow or sent with the prompt; its widget added at the first report only (Nodes 2.0 overlooks it); one
name for the widgets of all nodes (Nodes 2.0 shows what was reported before undo); outputs that come back not shown;
what was reported before the page heard that the prompt is queued left to be forgotten by undo.
"""

import json
import os
import time
import urllib.request
import uuid
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from devtools.hosts import prompts
from devtools.models.small_models import LOADERS, LORA_LOADER, TEXT_NODES, run_here

NAMES = (
    "any-model-coherent",
    "any-model-inpaint",
    "any-model-soft-inpaint",
    "crop-and-stitch",
    "diffusers-inpaint",
    "erase-with-edit-model",
    "extend",
    "flux-fill",
    "flux2-inpaint",
    "inpaint",
    "keep-unedited",
    "klein-edit-inpaint",
    "kontext-inpaint",
    "object-removal",
    "outpaint",
    "photo-repair",
    "qwen-edit-inpaint",
    "remove-with-network",
    "remove-without-model",
    "remove",
    "sd15-inpaint-denoise-075",
    "sd15-inpaint",
    "sd2-inpaint",
    "sdxl-inpaint",
    "several-regions",
)
# Those whose small models the host can load.
HERE = [name for name in NAMES if run_here(Path(os.environ["MEND_COMFYUI"]), name)]
# What the sampler of each starts with: steps, cfg and denoise.
PROMISED = {
    "any-model-coherent": (30, 7, 1),
    "any-model-inpaint": (20, 7, 0.9),
    "any-model-soft-inpaint": (30, 7, 1),
    "crop-and-stitch": (20, 7, 1),
    "erase-with-edit-model": (4, 1, 1),
    "flux-fill": (20, 1, 1),
    "flux2-inpaint": (20, 1, 1),
    "klein-edit-inpaint": (4, 1, 1),
    "kontext-inpaint": (20, 1, 1),
    "object-removal": (30, 4, 0.5),
    "outpaint": (20, 7, 1),
    "qwen-edit-inpaint": (20, 2.5, 1),
    "sd15-inpaint": (20, 7, 1),
    "sd15-inpaint-denoise-075": (20, 7, 0.75),
    "sd2-inpaint": (20, 7, 1),
    "sdxl-inpaint": (20, 7, 1),
    "several-regions": (20, 7, 1),
}
# Further than any shipped workflow grows and feathers its mask.
MARGIN = 60
ALERTS = ".p-toast-message-error, .p-toast-message-warn"
# By node id: text of the reports that are drawn, and whether each can be read.
REPORTS = """() => {
    const page = app.canvas.canvas.getBoundingClientRect();
    const { scale, offset } = app.canvas.ds;
    const frame = (node) => {
        const element = document.querySelector(`[data-node-id="${node.id}"]`);
        if (element) return element.getBoundingClientRect();
        const [x, y, width, height] = node.boundingRect;
        return new DOMRect(
            page.x + (x + offset[0]) * scale, page.y + (y + offset[1]) * scale, width * scale, height * scale);
    };
    const shown = app.graph.nodes
        .map((node) => [node, node.widgets?.find((widget) => widget.type === "mend-report")?.element])
        .filter(([, element]) => element?.checkVisibility());
    return Object.fromEntries(shown.map(([node, element]) => {
        const inner = element.getBoundingClientRect();
        const outer = frame(node);
        const middle = [inner.x + inner.width / 2, inner.y + inner.height / 2];
        const text = document.createRange();
        text.selectNodeContents(element);
        return [node.id, {
            text: element.textContent,
            clipped: element.scrollHeight > element.clientHeight || element.scrollWidth > element.clientWidth,
            inside: inner.x >= outer.x && inner.right <= outer.right
                && inner.y >= outer.y && inner.bottom <= outer.bottom,
            empty: (inner.height - text.getBoundingClientRect().height) / scale > 100,
            covered: !element.contains(document.elementFromPoint(...middle)),
        }];
    }));
}"""
# How high what holds a report without a text is: it would take the clicks of what it lies over.
EMPTY_REPORTS = """() => app.graph.nodes
    .map((node) => node.widgets?.find((widget) => widget.type === "mend-report")?.element)
    .filter((element) => element && !element.textContent)
    .map((element) => element.parentElement?.getBoundingClientRect().height)"""


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def api(workflows, name):
    path = workflows[name]
    return json.loads((path.parent / "api" / path.name).read_text())


def test_these_are_shipped(workflows):
    assert tuple(workflows) == NAMES


def _saved_values(server, node):
    """The widget values of a node of a workflow file by widget name."""
    # Notes are the page's own; the host does not know them.
    names = ["text"] if node["type"] == "MarkdownNote" else server.nodes[node["type"]].saved_widgets()
    return dict(zip(names, node.get("widgets_values", []), strict=True))


def test_opens(canvas, server, workflows, name, api, shot):
    canvas.load_workflow(workflows[name])
    shot()
    assert canvas.missing_nodes() == []
    assert canvas.page.locator(ALERTS).all_inner_texts() == []
    file = json.loads(workflows[name].read_text())
    values = {node["id"]: _saved_values(server, node) for node in file["nodes"]}
    assert canvas.widgets() == values
    for id, node in api.items():
        queued = {name: value for name, value in node["inputs"].items() if not isinstance(value, list)}
        assert queued == {name: values[int(id)][name] for name in server.nodes[node["class_type"]].widgets}
    assert canvas.api_prompt() == api


@pytest.mark.parametrize("name", PROMISED, indirect=True)
def test_starts_as_promised(api, name):
    sampler = api[str(_node(api, "MendMaskedSampler"))]["inputs"]
    assert (sampler["steps"], sampler["cfg"], sampler["denoise"]) == PROMISED[name]


def test_any_model_starts_from_the_fill(workflows):
    api = json.loads((workflows["any-model-inpaint"].parent / "api" / "any-model-inpaint.json").read_text())
    encode = api[str(_node(api, "MendEncodeInpaint"))]["inputs"]
    assert encode["image"] == [str(_node(api, "MendFillMasked")), 0]
    assert encode["masked_content"] == "already filled"


@pytest.mark.parametrize(("name", "guidance"), [("flux-fill", 30), ("flux2-inpaint", 4), ("kontext-inpaint", 2.5)])
def test_flux_is_guided_as_its_makers_have_it(workflows, name, guidance):
    api = json.loads((workflows[name].parent / "api" / f"{name}.json").read_text())
    assert api[str(_node(api, "FluxGuidance"))]["inputs"]["guidance"] == guidance


def test_in_the_template_browser(server, workflows, name):
    def served(path):
        with urllib.request.urlopen(f"{server.client.url}/{path}") as reply:
            return reply.read()

    assert name in json.loads(served("workflow_templates"))[server.pack]
    folder = f"api/workflow_templates/{server.pack}"
    assert served(f"{folder}/{name}.json") == workflows[name].read_bytes()
    assert served(f"{folder}/{name}.jpg") == workflows[name].with_suffix(".jpg").read_bytes()


def _node(api, *kinds):
    (id,) = (int(id) for id, node in api.items() if node["class_type"] in kinds)
    return id


def _with_test_text(workflow, folder):
    """The workflow's file; a copy in which a node of tests/host_pack stands in for a text encoder that tests lack."""
    if workflow.stem not in TEXT_NODES:
        return workflow
    text_node, stand_in = TEXT_NODES[workflow.stem]
    print(f"{workflow.stem}, replaced: {text_node}: {stand_in}")
    copy = folder / workflow.name
    copy.write_text(workflow.read_text(encoding="utf-8").replace(f'"{text_node}"', f'"{stand_in}"'), encoding="utf-8")
    return copy


def _prepare(canvas, server, photo, mode, workflow, api, folder):
    """Open a workflow with a picture that no run has seen, small models, and quick to run."""
    picture = server.upload(photo.with_hole(), f"{uuid.uuid4().hex[:8]}.png")
    canvas.command("Comfy.RefreshNodeDefinitions")
    canvas.load_workflow(_with_test_text(workflow, folder))
    originals = [int(id) for id, node in api.items() if node["class_type"] == "LoadImage"]
    if workflow.stem == prompts.KEEP_UNEDITED:
        edited = server.upload(photo.edited(), f"{uuid.uuid4().hex[:8]}.png")
        canvas.set_widget(originals.pop(), "image", edited)
    (original,) = originals
    canvas.set_widget(original, "image", picture)
    for widget, file in server.files(workflow.stem, mode).items():
        canvas.set_widget(_node(api, *LOADERS), widget, file)
    if any(each["class_type"] == LORA_LOADER for each in api.values()):
        canvas.set_widget(_node(api, LORA_LOADER), "lora_name", server.lora(mode))
    if workflow.stem in PROMISED:
        canvas.set_widget(_node(api, "MendMaskedSampler"), "steps", 2)
    for node in ("MendCropForInpaint", "MendCropRegions"):
        if any(each["class_type"] == node for each in api.values()):
            canvas.set_widget(_node(api, node), "size", "keep")  # the model's own takes minutes here
    for node, settings in (("MendInpaint", prompts.INPAINT), ("MendDiffusersInpaint", prompts.DIFFUSERS)):
        if any(each["class_type"] == node for each in api.values()):
            for widget, number in settings.items():
                canvas.set_widget(_node(api, node), widget, number)
    if any(each["class_type"] == "MendPadForOutpaint" for each in api.values()):
        for widget, value in prompts.PADDING.items():
            canvas.set_widget(_node(api, "MendPadForOutpaint"), widget, value)


def _without_seed(prompt):
    """The seed is set to randomize, which the page does after each run."""
    for node in prompt.values():
        node["inputs"].pop("seed", None)
    return prompt


@pytest.mark.parametrize("name", HERE, indirect=True)
def test_runs_from_the_page(canvas, server, photo, mode, workflows, name, api, shot, tmp_path):
    _prepare(canvas, server, photo, mode, workflows[name], api, tmp_path)
    drawn_as_elements = canvas.page.locator("[data-node-id]").count()
    assert drawn_as_elements == (len(canvas.widgets()) if mode == "nodes-2" else 0)
    prompt, saved = canvas.api_prompt(), canvas.saved_workflow()

    queued = canvas.queue()
    canvas.fit_view()
    shot()

    result = server.download(queued.outputs[str(_node(api, "SaveImage"))]["images"][0])
    room = prompts.padding_of(api)
    before = np.pad(photo.pixels, (*room, (0, 0)), mode="edge")
    hole = np.pad(photo.hole, room, constant_values=True)
    assert result.shape == before.shape
    outside = distance_transform_edt(~hole) > MARGIN
    assert outside.mean() > 0.1
    assert np.array_equal(result[outside], before[outside])
    assert np.abs(result[hole].astype(int) - before[hole]).mean() > 5

    messages = {id: "\n".join(output["text"]) for id, output in queued.outputs.items() if output and output.get("text")}
    one_report = name == prompts.KEEP_UNEDITED or any(node["class_type"] == "MendInpaint" for node in api.values())
    assert len(messages) >= (1 if one_report else 2)
    readable = {"clipped": False, "inside": True, "empty": False, "covered": False}
    expected = {id: {"text": text, **readable} for id, text in messages.items()}
    for _ in range(50):
        # What the page lays over the canvas for a moment, as at the end of a run, goes by itself.
        if canvas.page.evaluate(REPORTS) == expected:
            break
        canvas.page.wait_for_timeout(200)
    assert canvas.page.evaluate(REPORTS) == expected
    assert not any(canvas.page.evaluate(EMPTY_REPORTS))

    assert _without_seed(canvas.api_prompt()) == _without_seed(prompt)
    for before, after in zip(saved["nodes"], canvas.saved_workflow()["nodes"], strict=True):
        assert len(after.get("widgets_values") or []) == len(before.get("widgets_values") or []), after["type"]


@pytest.mark.parametrize("name", ["remove-without-model"], indirect=True)
def test_reports_outlast_undo_and_a_change_of_tabs(canvas, server, photo, mode, workflows, name, api, tmp_path):
    _prepare(canvas, server, photo, mode, workflows[name], api, tmp_path)
    clean = _node(api, "MendCleanMask")
    before = canvas.widgets()
    with _answers_late(canvas.page):
        canvas.queue()
    canvas.settle()
    reports = canvas.page.evaluate(REPORTS)
    assert str(clean) in reports

    canvas.remember()
    canvas.set_widget(clean, "grow", 20)
    canvas.remember()
    canvas.command("Comfy.Undo")
    canvas.settle()
    assert canvas.widgets() == before
    assert _reports(canvas, reports) == reports

    canvas.load_workflow(workflows["sd15-inpaint"])
    assert canvas.page.evaluate(REPORTS) == {}
    canvas.command("Workspace.PreviousOpenedWorkflow")
    canvas.settle()
    assert canvas.widgets() == before
    assert _reports(canvas, reports) == reports

    # Nodes made anew by undo show what later runs report, too.
    canvas.set_widget(clean, "grow", 20)
    canvas.queue()
    canvas.settle()
    assert "20 px" in canvas.page.evaluate(REPORTS)[str(clean)]["text"]


@contextmanager
def _answers_late(page):
    """Let the page hear that its prompt is queued when the first nodes are done already."""

    def answer(route):
        response = route.fetch()
        time.sleep(3)
        route.fulfill(response=response)

    page.route("**/prompt", answer)
    try:
        yield
    finally:
        page.unroute("**/prompt")


def _reports(canvas, awaited):
    """The reports on the canvas, once they are the awaited ones or ten seconds have passed: nodes are made anew frame
    by frame, later on a busy machine."""
    for _ in range(100):
        found = canvas.page.evaluate(REPORTS)
        if found == awaited:
            break
        canvas.page.wait_for_timeout(100)
    return found
