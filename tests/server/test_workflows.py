"""Every shipped workflow, queued on a running host over its API, and the picture that comes back.

Mutations seen to fail here: mask inverted in the encode or the composite node; nothing pasted; the pasted picture moved
by one row; a fixed seed in the sampler node; a node with one widget more than its saved values.
"""

import io
import json
import os
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from devtools.hosts import prompts
from devtools.hosts.node_info import NodeInfo
from devtools.models.small_models import run_here
from devtools.pictures.rocket import save_masked
from inpaint.fills import fill_neutral

# Workflows of edit models, why the picture is a reference, and ComfyUI's own template that edits with the model.
EDITS = {
    "erase-with-edit-model": ("since FLUX.2 edits pictures", None),
    "flux2-inpaint": ("since FLUX.2 edits pictures", "image_flux2"),
    "klein-edit-inpaint": ("since FLUX.2 edits pictures", "image_flux2_klein_image_edit_4b_distilled"),
    "kontext-inpaint": ("by the name of the file, small-flux-kontext", "flux_kontext_dev_basic"),
    "qwen-edit-inpaint": ("by the name of the file, small-qwen-image-edit", "image_qwen_image_edit_2509"),
}
HERE = [name for name in prompts.names() if run_here(Path(os.environ["MEND_COMFYUI"]), name)]


def _ready(name, upload, small_models, seed=1):
    prompt = prompts.load(name)
    small_models.use(prompt, name)
    prompts.set_input(prompt, "LoadImage", image=upload)
    prompts.set_input(prompt, "MendMaskedSampler", seed=seed, steps=3)
    prompts.set_input(prompt, "MendInpaint", seed=seed, **prompts.INPAINT)
    prompts.set_input(prompt, "MendDiffusersInpaint", seed=seed, **prompts.DIFFUSERS)
    prompts.set_input(prompt, "MendInpaintMasks", feather=8)  # its wide soft edge would cover the small picture
    for node in ("MendCropForInpaint", "MendCropRegions"):
        prompts.set_input(prompt, node, size="keep")  # the model's own takes minutes here
    prompts.set_input(prompt, "MendPadForOutpaint", **prompts.PADDING, feather=8)
    print(f"{name}, set: seed {seed}, steps 3, feather 8, size keep, room {prompts.padding_of(prompt)}")
    prompts.show_support(prompt)
    return prompt


def _picture(client, run, node):
    (image,) = run.outputs[node]["images"]
    return Image.open(io.BytesIO(client.view(image)))


def _mosaic(pixels):
    """[H, W, 3]: means of blocks of 8 x 8, the picture's edge repeated to whole blocks."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % 8), (0, -width % 8), (0, 0)), mode="edge")
    blocks = padded.reshape(len(padded) // 8, 8, -1, 8, 3).mean(axis=(1, 3))
    return blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


def test_workflows_hold_a_value_for_each_widget(client):
    """One that is missing takes its default unnoticed. `python -m devtools.publish.export_api` writes the API forms."""
    nodes = {id: NodeInfo.of(description) for id, description in client.object_info().items()}
    for name in prompts.names():
        file = json.loads((prompts.WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
        for node in file["nodes"]:
            if node["type"] in nodes:  # notes are the page's own
                saved = nodes[node["type"]].saved_widgets()
                assert len(node.get("widgets_values", [])) == len(saved), (name, node["type"], saved)
        for node in prompts.load(name).values():
            assert set(nodes[node["class_type"]].widgets) <= set(node["inputs"]), (name, node["class_type"])


@pytest.mark.parametrize("name", [name for name in HERE if name != prompts.KEEP_UNEDITED])
def test_a_workflow_changes_what_it_should_and_nothing_else(client, upload, small_models, picture, mask, name):
    prompt = _ready(name, upload, small_models)
    run = client.run(prompt)
    assert run.status == "success"
    result = _picture(client, run, prompts.node_of(prompt, "SaveImage"))
    support = np.asarray(_picture(client, run, prompts.SUPPORT_NODE).convert("L")) > 0

    assert result.mode == "RGB"
    room = prompts.padding_of(prompt)
    before, after = np.pad(picture, (*room, (0, 0)), mode="edge"), np.asarray(result)
    assert after.shape == before.shape
    assert np.array_equal(after[~support], before[~support])
    assert 0.05 < support.mean() < 0.9
    # What was painted white is in the hole, whatever the clean-up added.
    hole = np.pad(np.asarray(mask) > 127, room, constant_values=True)
    assert support[hole].all()
    painted = after[hole] / 255
    assert painted.std() > 0.01
    # The small VAE alone would give the picture as a mosaic.
    for unpainted in (before, _mosaic(before)):
        assert np.abs(painted - unpainted[hole] / 255).mean() > 0.05
    grey = fill_neutral(torch.from_numpy(before / 255).float()[None], torch.from_numpy(hole).float()[None])
    assert np.abs(painted - grey[0].numpy()[hole]).mean() > 0.02
    texts = [shown["text"][0] for shown in run.outputs.values() if "text" in shown]
    assert any("Largest change outside: 0." in text for text in texts)
    reason, _ = EDITS.get(name, ("", None))
    assert any(f"The picture is a reference, {reason}" in text for text in texts) == (name in EDITS)


def _count(nodes, subgraphs):
    """How many nodes work: of subgraphs those within, no notes, none that is switched off."""
    working = [node for node in nodes if node.get("mode", 0) == 0 and not node["type"].endswith("Note")]
    inner = [subgraphs.get(node["type"]) for node in working]
    return sum(1 if graph is None else _count(graph["nodes"], subgraphs) for graph in inner)


@pytest.mark.parametrize("name", [name for name in HERE if EDITS.get(name, ("", None))[1]])
def test_an_edit_workflow_has_no_more_nodes_than_comfyuis_template(client, name, record_property):
    """The template edits whole pictures: it has no crop, no mask and no stitch."""
    with urllib.request.urlopen(f"{client.url}/templates/{EDITS[name][1]}.json") as reply:
        template = json.loads(reply.read())
    subgraphs = {graph["id"]: graph for graph in template.get("definitions", {}).get("subgraphs", [])}
    file = json.loads((prompts.WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
    ours, theirs = _count(file["nodes"], {}), _count(template["nodes"], subgraphs)
    record_property("nodes", (ours, theirs))
    print(f"{name}: {ours} nodes, ComfyUI's template: {theirs}")
    assert 8 < ours <= theirs


def test_keep_unedited_puts_back_the_edit_and_nothing_else(client, picture, tmp_path):
    """The edited picture is darker, moved by a pixel, and holds a red square."""
    before = np.asarray(picture)
    edited = (0.92 * np.pad(before, ((1, 0), (1, 0), (0, 0)), mode="edge")[:-1, :-1]).astype(np.uint8)
    edited[40:80, 30:70] = [200, 30, 40]
    prompt = prompts.load(prompts.KEEP_UNEDITED)
    node = prompts.node_of(prompt, "MendKeepUnedited")
    for name, pixels in (("original", before), ("edited", edited)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        loader, _ = prompt[node]["inputs"][name]
        prompt[loader]["inputs"]["image"] = client.upload_image(tmp_path / f"{name}.png")
    prompts.show_support(prompt)
    run = client.run(prompt)
    assert run.status == "success"
    after = np.asarray(_picture(client, run, prompts.node_of(prompt, "SaveImage")))
    support = np.asarray(_picture(client, run, prompts.SUPPORT_NODE).convert("L")) > 0
    assert np.array_equal(after[~support], before[~support])
    assert support[44:74, 34:64].all()
    assert support.mean() < 0.35
    # The photograph has no such red, so that how it was darkened is only partly known.
    assert np.abs(after[44:74, 34:64].mean(axis=(0, 1)) - np.array([200, 30, 40]) / 0.92).max() < 18
    assert any("Largest change outside: 0." in shown["text"][0] for shown in run.outputs.values() if "text" in shown)


def test_the_same_seed_is_equal_and_another_is_not(client, upload, small_models, picture, mask, tmp_path):
    # Under another name the picture is new to the host's cache, and so is all that is made of it.
    again = client.upload_image(save_masked(picture, mask, tmp_path / "again.png"))

    def result(seed, name):
        prompt = _ready("sd15-inpaint", name, small_models, seed)
        run = client.run(prompt)
        assert prompts.node_of(prompt, "MendMaskedSampler") not in run.cached
        return np.asarray(_picture(client, run, prompts.node_of(prompt, "SaveImage"))).astype(int)

    first = result(7, upload)
    assert np.array_equal(result(7, again), first)
    assert np.abs(result(8, upload) - first).max() > 10
