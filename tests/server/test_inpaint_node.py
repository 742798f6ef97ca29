"""The node Inpaint on a running host: every task with each kind of model that is small enough, and what a graph inside
a node can get wrong.

Mutations seen to fail here: links passed on as values (all runs again with another seed; a list is gone through twice);
the fill given the sampler's seed; no step named in an error.
"""

import io
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from devtools.hosts.node_info import NodeInfo
from devtools.models.small_models import NETWORK, SD15, run_here
from devtools.models.small_models import SD15_GENERAL as GENERAL
from inpaint.tasks.table import TASKS

PICTURE, LOADER, NODE, SAVE, MASK, NETWORK_LOADER = "1", "2", "3", "4", "5", "6"
# For speed: two steps, on 128x128 pixels or about as many.
SMALL = {"steps": 2, "megapixels": 0.0157}


def graph(upload, task, checkpoint=None, **inputs):
    """A prompt with Load Image, Inpaint, Save Image and Save Image of the mask; and a loader, if a file is named."""
    node = {"image": [PICTURE, 0], "mask": [PICTURE, 1], "task": task, "prompt": "", "negative_prompt": ""}
    prompt = {
        PICTURE: {"class_type": "LoadImage", "inputs": {"image": upload}},
        SAVE: {"class_type": "SaveImage", "inputs": {"images": [NODE, 0], "filename_prefix": "inpaint"}},
        "support": {"class_type": "ThresholdMask", "inputs": {"mask": [NODE, 1], "value": 0.0}},
        MASK: {"class_type": "MaskPreview", "inputs": {"mask": ["support", 0]}},
    }
    if checkpoint is not None:
        loader = {"ckpt_name": checkpoint, "precision": "fp32", "budget_gb": 0, "other_files": ""}
        prompt[LOADER] = {"class_type": "MendLoadCheckpoint", "inputs": loader}
        node |= {"model": [LOADER, 0], "clip": [LOADER, 1], "vae": [LOADER, 2], **SMALL}
    prompt[NODE] = {"class_type": "MendInpaint", "inputs": {**node, "seed": 1, "strength": 0.0, **inputs}}
    return prompt


@pytest.fixture
def original(picture):
    return np.asarray(picture)


def picture_of(client, run, node=SAVE, number=0):
    image = run.outputs[node]["images"][number]
    return np.asarray(Image.open(io.BytesIO(client.view(image))))


def report_of(run):
    return run.outputs[f"{NODE}.0.0.report"]["text"][0]


def check(client, run, before):
    """Check that something was painted where the mask says, and that nothing else changed."""
    assert run.status == "success", run.failure
    after, pasted = picture_of(client, run)[..., :3], picture_of(client, run, MASK)[..., 0] > 0
    assert after.shape == before.shape
    assert np.array_equal(after[~pasted], before[~pasted])
    assert (after[pasted] != before[pasted]).any()
    assert "Largest change outside: 0." in report_of(run)


WITHOUT = {"remove": "Removed: PatchMatch fill, ", "repair": "Repaired: harmonic fill, "}


@pytest.mark.parametrize("task", WITHOUT)
def test_without_a_model(client, upload, original, task):
    run = client.run(graph(upload, task))
    check(client, run, original)
    assert report_of(run).startswith(WITHOUT[task])
    # The last report that the page gets for the node.
    assert list(run.outputs).index(f"{NODE}.0.0.report") > list(run.outputs).index(f"{NODE}.0.0.paste")


@pytest.mark.parametrize("task", [task for task in TASKS if not TASKS[task].fill])
def test_what_needs_a_model_says_so(client, upload, task):
    run = client.run(graph(upload, task))
    assert run.failure.node == NODE
    assert run.failure.message.strip() == (
        f"model: expected a model for {task}, got none. Connect model, clip and vae, or choose remove, repair, extend, "
        "which work without."
    )


WITH = {
    ("remove", SD15): "Removed: 128x128 crop, denoise 1, ",
    ("remove", GENERAL): "Removed: PatchMatch pre-fill, the object out of the model's attention, 128x128 crop, "
    "denoise 0.75, ",
    ("replace", SD15): "Replaced: 128x128 crop, denoise 1, ",
    ("replace", GENERAL): "Replaced: harmonic pre-fill, 128x128 crop, denoise 0.9, ",
    ("repair", GENERAL): "Repaired: harmonic pre-fill, 128x128 crop, denoise 0.6, ",
    ("refine", SD15): "Refined: 128x128 crop, denoise 0.5, ",
}


@pytest.mark.parametrize(("task", "checkpoint"), WITH)
def test_with_a_model(client, upload, original, task, checkpoint):
    run = client.run(graph(upload, task, checkpoint))
    check(client, run, original)
    assert report_of(run).startswith(WITH[task, checkpoint])


@pytest.mark.parametrize("checkpoint", [None, SD15])
def test_extend(client, upload, original, checkpoint):
    run = client.run(graph(upload, "extend", checkpoint, extend_sides="right", extend_by=32))
    check(client, run, np.pad(original, ((0, 0), (0, 32), (0, 0)), mode="edge"))
    assert report_of(run).startswith("Extended: ")


def test_with_a_network(client, upload, original, small_models):
    prompt = graph(upload, "remove", network=[NETWORK_LOADER, 0])
    prompt[NETWORK_LOADER] = {"class_type": "MendLoadNetwork", "inputs": {"network_name": NETWORK}}
    run = client.run(prompt)
    check(client, run, original)
    assert report_of(run).startswith("Removed: network, ")


# Newer models in files of their own: task, class of the stand-in for their text encoder, begin of the report.
NEWER = {
    "flux-fill": ("remove", "TestFluxConditioning", "Removed: 112x144 crop, denoise 1, 2 steps, "),
    "kontext-inpaint": ("replace", "TestFluxConditioning", "Replaced: 112x144 crop, denoise 1, 2 steps, "),
    "qwen-edit-inpaint": (
        "repair",
        "TestQwenEditConditioning",
        "Repaired: harmonic pre-fill, 112x144 crop, denoise 0.8, 2 steps, ",
    ),
    "klein-edit-inpaint": ("refine", "TestKleinConditioning", "Refined: 112x144 crop, denoise 0.5, 2 steps, "),
    "flux2-inpaint": (
        "extend",
        "TestFlux2Conditioning",
        "Extended: harmonic pre-fill, 144x112 crop, denoise 1, 2 steps, ",
    ),
}


@pytest.mark.parametrize("model", [name for name in NEWER if run_here(Path(os.environ["MEND_COMFYUI"]), name)])
def test_with_newer_models(client, upload, original, small_models, model):
    task, text, begin = NEWER[model]
    prompt = graph(upload, task)
    loader = {"precision": "fp32", "budget_gb": 0, "other_files": "", **small_models.files(model)}
    word = "prompt" if text == "TestQwenEditConditioning" else "text"
    prompt[LOADER] = {"class_type": "MendLoadModel", "inputs": loader}
    for name in ("positive", "negative"):
        prompt[name] = {"class_type": text, "inputs": {word: name}}
    prompt[NODE]["inputs"] |= {"model": [LOADER, 0], "vae": [LOADER, 2], **SMALL}
    prompt[NODE]["inputs"] |= {"positive": ["positive", 0], "negative": ["negative", 0], "extend_by": 24}
    run = client.run(prompt)
    if task == "extend":
        original = np.pad(original, ((0, 0), (24, 24), (0, 0)), mode="edge")
    check(client, run, original)
    assert report_of(run).startswith(begin)


def test_cancelled_half_way(client, upload):
    def stop(kind, data):
        if kind == "progress" and data["value"] == 2:
            client.interrupt()

    long = graph(upload, "replace", GENERAL, seed=21, steps=400)
    assert client.run(long, stop).status == "interrupted"
    assert client.run(graph(upload, "replace", GENERAL, seed=21)).status == "success"


def test_another_seed_runs_the_sampler_and_what_follows(client, upload):
    first, second = (client.run(graph(upload, "remove", GENERAL, seed=seed)) for seed in (11, 12))
    ran = {node.removeprefix(f"{NODE}.0.0.") for node in second.seconds}
    assert {"sample", "decode", "stitch", "report"} <= ran
    assert ran <= {NODE, SAVE, MASK, "support", "sample", "decode", "stitch", "report", "result"}
    assert not np.array_equal(picture_of(client, first), picture_of(client, second))
    third = client.run(graph(upload, "remove", GENERAL, seed=12))
    assert not third.seconds


def test_an_error_names_the_node_and_the_step(client, upload):
    prompt = graph(upload, "replace", SD15)
    prompt[NODE]["inputs"]["mask"] = ["7", 0]
    prompt["8"] = {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 8, "height": 8}}
    prompt["9"] = {"class_type": "MaskToImage", "inputs": {"mask": ["8", 0]}}
    prompt["10"] = {"class_type": "RepeatImageBatch", "inputs": {"image": ["9", 0], "amount": 3}}
    prompt["7"] = {"class_type": "ImageToMask", "inputs": {"image": ["10", 0], "channel": "red"}}
    prompt["11"] = {"class_type": "RepeatImageBatch", "inputs": {"image": [PICTURE, 0], "amount": 2}}
    prompt[NODE]["inputs"]["image"] = ["11", 0]
    failure = client.run(prompt).failure
    assert (failure.node, failure.class_type) == (NODE, "MendInpaint")
    assert failure.message.startswith("Clean Mask: ")


def test_a_list_of_pictures_is_gone_through_once(client, upload):
    prompt = graph(upload, "remove")
    prompt["7"] = {"class_type": "RepeatImageBatch", "inputs": {"image": [PICTURE, 0], "amount": 2}}
    prompt["8"] = {"class_type": "RebatchImages", "inputs": {"images": ["7", 0], "batch_size": 1}}
    prompt[NODE]["inputs"]["image"] = ["8", 0]
    run = client.run(prompt)
    assert run.status == "success", run.failure
    assert len(run.outputs[SAVE]["images"]) == 2
    assert np.array_equal(picture_of(client, run, number=0), picture_of(client, run, number=1))


def test_a_batch_is_painted_as_one(client, upload):
    prompt = graph(upload, "replace", SD15)
    prompt["7"] = {"class_type": "RepeatImageBatch", "inputs": {"image": [PICTURE, 0], "amount": 2}}
    prompt[NODE]["inputs"]["image"] = ["7", 0]
    run = client.run(prompt)
    assert run.status == "success", run.failure
    assert len(run.outputs[SAVE]["images"]) == 2


def chain(client, **query):
    with urllib.request.urlopen(f"{client.url}/mend/chain?{urllib.parse.urlencode(query)}") as reply:
        return json.loads(reply.read())


def by_hand(prompt, found, nodes):
    """Return a prompt with the chain in the place of Inpaint."""
    given = prompt[NODE]["inputs"]

    def value(sent):
        if "step" in sent:
            return [sent["step"], sent["output"]]
        return given[sent["given"]] if "given" in sent else sent["value"]

    made = {id: node for id, node in prompt.items() if id != NODE}
    for step in found["steps"]:
        defaults = {name: default(options) for name, options in nodes[step["node"]].widgets.items()}
        inputs = {name: value(sent) for name, sent in step["inputs"].items()}
        made[step["id"]] = {"class_type": step["node"], "inputs": defaults | inputs}
    made[SAVE]["inputs"]["images"] = value(found["outputs"][0])
    made["support"]["inputs"]["mask"] = value(found["outputs"][1])
    return made


def default(options):
    return options.get("default", options.get("options", [""])[0])


@pytest.mark.parametrize(("task", "checkpoint"), [*WITH, ("remove", None), ("extend", None)])
def test_the_route_gives_the_chain_that_runs(client, upload, task, checkpoint):
    nodes = {id: NodeInfo.of(description) for id, description in client.object_info().items()}
    prompt = graph(upload, task, checkpoint, seed=77, prompt="something new", grow=3.0, extend_by=16)
    connected = "image,mask" + (",model,clip,vae" if checkpoint else "")
    settings = {"prompt": "something new", "grow": 3.0, "extend_by": 16, **(SMALL if checkpoint else {})}
    found = chain(client, task=task, connected=connected, model=checkpoint or "", **settings)
    ours, theirs = client.run(prompt), client.run(by_hand(prompt, found, nodes))
    assert (ours.status, theirs.status) == ("success", "success"), (ours.failure, theirs.failure)
    assert np.array_equal(picture_of(client, ours), picture_of(client, theirs))
    assert theirs.outputs["report"]["text"] == ours.outputs[f"{NODE}.0.0.report"]["text"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"task": "paint"}, "task: expected one of remove, "),
        ({"task": "remove", "connected": "mask", "grow": "wide"}, "grow: expected a number from -1 to 100000, got "),
        ({"task": "replace", "connected": "mask,model", "model": "none.ckpt"}, "model: expected a model from a loader"),
        (
            {"task": "replace", "connected": "mask,model", "model": "page.safetensors"},
            "model: expected a model from a ",
        ),
        ({"task": "extend", "extend_sides": "inwards"}, "extend_sides: expected one of left and right, "),
    ],
)
def test_the_route_refuses_in_words(client, query, said):
    with pytest.raises(urllib.error.HTTPError) as refused:
        chain(client, **query)
    assert refused.value.code == 400
    assert json.loads(refused.value.read())["error"].startswith(said)


def test_what_an_editor_erased_is_brought_back(client, original, mask, tmp_path):
    hole = np.asarray(mask) > 127
    erased = np.dstack([np.where(hole[..., None], 0, original), np.where(hole, 0, 255)]).astype(np.uint8)
    whole = np.dstack([original, np.where(hole, 0, 255)]).astype(np.uint8)
    files = {"clipspace-painted-masked-1.png": erased, "clipspace-painted-1.png": original, "whole.png": whole}
    for name, pixels in files.items():
        Image.fromarray(pixels).save(tmp_path / name)
    names = [client.upload_image(tmp_path / name) for name in files]
    runs = [client.run(graph(name, "refine", SD15)) for name in (names[0], names[2])]
    assert np.array_equal(*(picture_of(client, run)[hole] for run in runs))


def test_an_empty_mask_changes_nothing(client, original, tmp_path):
    path = tmp_path / "whole.png"
    Image.fromarray(original).save(path)
    run = client.run(graph(client.upload_image(path), "remove"))
    assert np.array_equal(picture_of(client, run)[..., :3], original)
    assert "Removed: PatchMatch fill, nothing: the mask is empty." in report_of(run)
