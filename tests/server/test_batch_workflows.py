"""What mend-batch makes of workflows: where pictures enter and leave, whether the mask is used, what is set.

Mutations seen to fail here: a node that joins alpha, or any node with a mask, taken for one that repaints; the title
Prompt overlooked; seeds that do not depend on --seed; the two ways of results swapped.
"""

import copy

import pytest

from devtools.hosts import prompts
from inpaint.batch.comfyui.mask_reach import check_mask_reach
from inpaint.batch.comfyui.node_inputs import NodeInputs
from inpaint.batch.comfyui.workflow import RESULT, check_choices, load_prompt, open_workflow
from inpaint.batch.settings import settings_of
from inpaint.core.errors import InpaintError

# It takes a picture and its edited version: two pictures, and no mask.
TWO_PICTURES = prompts.KEEP_UNEDITED


@pytest.fixture(scope="session")
def nodes(client):
    return client.object_info()


def opened(name, nodes, **doors):
    return open_workflow(*load_prompt(name), nodes, **doors)


@pytest.mark.parametrize("name", [name for name in prompts.names() if name != TWO_PICTURES])
def test_doors_of_the_shipped_workflows(nodes, name):
    workflow = opened(name, nodes)
    prompt = workflow.prompt
    assert prompt[workflow.picture[0]]["class_type"] == "LoadImage"
    assert workflow.mask is None
    assert check_mask_reach(workflow, nodes)
    assert "SaveImage" not in {node["class_type"] for node in prompt.values()}
    sent = workflow.sent(workflow.filled({}), "a.png [temp]", None, over_websocket=True)
    assert sent[workflow.picture[0]]["inputs"]["image"] == "a.png [temp]"
    assert sent[RESULT] == {"class_type": "SaveImageWebsocket", "inputs": {"images": list(workflow.result)}}
    assert RESULT not in prompt


def test_two_pictures_are_named(nodes):
    with pytest.raises(InpaintError) as refused:
        opened(TWO_PICTURES, nodes)
    assert "not clear where the picture enters. Name the node by --image-node: 1 (Load Image, before" in str(
        refused.value
    )
    assert str(refused.value).endswith("If one of them loads the mask, name that by --mask-node.")


def test_a_mask_from_a_picture_of_its_own(nodes):
    name, prompt = load_prompt("remove")
    inpaint = prompts.node_of(prompt, "MendInpaint")
    prompt["mask"] = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}
    prompt[inpaint]["inputs"]["mask"] = ["mask", 1]
    workflow = open_workflow(name, prompt, nodes, mask_node="mask")
    assert (workflow.picture, workflow.mask) == (("1", "image"), ("mask", "image"))
    assert check_mask_reach(workflow, nodes) == [inpaint]


def test_a_mask_from_a_node_of_its_own(nodes):
    name, prompt = load_prompt("remove")
    inpaint = prompts.node_of(prompt, "MendInpaint")
    prompt["mask"] = {"class_type": "LoadImageMask", "inputs": {"image": "example.png", "channel": "red"}}
    prompt[inpaint]["inputs"]["mask"] = ["mask", 0]
    workflow = open_workflow(name, prompt, nodes)
    assert workflow.mask == ("mask", "image")
    assert check_mask_reach(workflow, nodes) == [inpaint]
    sent = workflow.sent(workflow.filled({}), "a.png", "m.png", over_websocket=False)
    assert (sent["mask"]["inputs"]["image"], sent[RESULT]["class_type"]) == ("m.png", "PreviewImage")


def test_a_pictures_own_mask_is_none_where_the_mask_is_another_file(nodes):
    """The picture is then sent without alpha, so that what its MASK output reaches gets no mask."""
    name, prompt = load_prompt("remove")
    (picture,) = (node for node, each in prompt.items() if each["class_type"] == "LoadImage")
    prompt["mask"] = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}
    saving = prompts.node_of(prompt, "SaveImage")
    joined = {"image": prompt[saving]["inputs"]["images"], "alpha": ["mask", 1]}
    prompt["join"] = {"class_type": "JoinImageWithAlpha", "inputs": joined}
    prompt[saving]["inputs"]["images"] = ["join", 0]
    workflow = open_workflow(name, prompt, nodes, image_node=picture, mask_node="mask")
    with pytest.raises(InpaintError, match="reaches no node that repaints"):
        check_mask_reach(workflow, nodes)


def test_a_mask_in_the_alpha_of_the_picture_may_be_named(nodes):
    by_alpha = opened("remove", nodes)
    for doors in ({"mask_node": "1"}, {"image_node": "1", "mask_node": "LoadImage"}):
        assert opened("remove", nodes, **doors) == by_alpha


def without_mask(prompt):
    """The mask reaches a preview, and nothing that repaints."""
    node = prompts.node_of(prompt, "MendInpaint")
    del prompt[node]["inputs"]["mask"]
    prompt["shown"] = {"class_type": "MaskPreview", "inputs": {"mask": ["1", 1]}}
    return prompt


def resized(prompt):
    """The picture passes, the mask ends in a picture of itself that nothing uses."""
    prompt = without_mask(prompt)
    save = prompts.node_of(prompt, "SaveImage")
    prompt["scaled"] = {
        "class_type": "ImageScaleBy",
        "inputs": {"image": ["1", 0], "upscale_method": "area", "scale_by": 0.5},
    }
    prompt[save]["inputs"]["images"] = ["scaled", 0]
    return prompt


def alpha(prompt):
    """The mask becomes the result's alpha."""
    prompt = without_mask(prompt)
    save = prompts.node_of(prompt, "SaveImage")
    prompt["joined"] = {"class_type": "JoinImageWithAlpha", "inputs": {"image": ["1", 0], "alpha": ["1", 1]}}
    prompt[save]["inputs"]["images"] = ["joined", 0]
    return prompt


@pytest.mark.parametrize("drop", [without_mask, resized, alpha])
def test_a_mask_is_never_dropped(nodes, drop):
    name, prompt = load_prompt("remove")
    with pytest.raises(InpaintError, match="reaches no node that repaints"):
        check_mask_reach(open_workflow(name, drop(copy.deepcopy(prompt)), nodes), nodes)


def with_reference(prompt):
    """Another picture, which Inpaint takes as its reference."""
    node = prompts.node_of(prompt, "MendInpaint")
    prompt["other"] = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}
    prompt["batch"] = {"class_type": "ImageBatch", "inputs": {"image1": ["1", 0], "image2": ["other", 0]}}
    prompt[node]["inputs"]["image"] = ["batch", 0]
    return prompt


def test_a_reference_is_no_mask(nodes):
    name, prompt = load_prompt("remove")
    workflow = open_workflow(name, with_reference(prompt), nodes, image_node="1", mask_node="other")
    # The picture is sent without its alpha, for the mask is said to be elsewhere.
    with pytest.raises(InpaintError, match=r"the mask of node other .* reaches no node that repaints"):
        check_mask_reach(workflow, nodes)


def test_the_pictures_alpha_is_no_mask_where_another_file_is(nodes):
    name, prompt = load_prompt("remove")
    save = prompts.node_of(prompt, "SaveImage")
    prompt["mask"] = {"class_type": "LoadImageMask", "inputs": {"image": "example.png", "channel": "red"}}
    prompt["joined"] = {
        "class_type": "JoinImageWithAlpha",
        "inputs": {"image": prompt[save]["inputs"]["images"], "alpha": ["mask", 0]},
    }
    prompt[save]["inputs"]["images"] = ["joined", 0]
    with pytest.raises(InpaintError, match=r"the mask of node mask .* reaches no node that repaints"):
        check_mask_reach(open_workflow(name, prompt, nodes), nodes)


def test_a_mask_that_comes_as_a_picture(nodes):
    name, prompt = load_prompt("remove")
    node = prompts.node_of(prompt, "MendInpaint")
    prompt["mask"] = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}
    prompt["red"] = {"class_type": "ImageToMask", "inputs": {"image": ["mask", 0], "channel": "red"}}
    prompt[node]["inputs"]["mask"] = ["red", 0]
    workflow = open_workflow(name, prompt, nodes, image_node="1", mask_node="mask")
    assert check_mask_reach(workflow, nodes) == [node]


def host_only(latent):
    """A graph of the host's own nodes; `latent` makes the latent with its mask."""
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "2": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["2", 1], "text": ""}},
        **latent,
        "8": {
            "class_type": "KSampler",
            "inputs": {
                **{"model": ["2", 0], "positive": ["3", 0], "negative": ["3", 0], "latent_image": ["7", 0]},
                **{"seed": 1, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0},
            },
        },
        "9": {"class_type": "VAEDecode", "inputs": {"samples": ["8", 0], "vae": ["2", 2]}},
        "10": {"class_type": "SaveImage", "inputs": {"images": ["9", 0], "filename_prefix": "a"}},
    }


ENCODE = {"class_type": "VAEEncode", "inputs": {"pixels": ["1", 0], "vae": ["2", 2]}}
MASKED = {"class_type": "SetLatentNoiseMask", "inputs": {"samples": ["6", 0], "mask": ["1", 1]}}
FOR_INPAINT = {
    "class_type": "VAEEncodeForInpaint",
    "inputs": {"pixels": ["1", 0], "vae": ["2", 2], "mask": ["1", 1], "grow_mask_by": 6},
}


@pytest.mark.parametrize("latent", [{"6": ENCODE, "7": MASKED}, {"7": FOR_INPAINT}], ids=["noise mask", "for inpaint"])
def test_the_hosts_own_ways_to_inpaint(nodes, latent):
    assert check_mask_reach(open_workflow("own", host_only(latent), nodes), nodes) == ["8"]


def test_a_mask_that_acts_by_conditioning_alone(nodes):
    control = {"class_type": "ControlNetInpaintingAliMamaApply", "inputs": {}}
    prompt = host_only({"7": {"class_type": "EmptyLatentImage", "inputs": {}}, "control": control})
    control["inputs"] = {"positive": ["3", 0], "negative": ["3", 0], "image": ["1", 0], "mask": ["1", 1]}
    prompt["8"]["inputs"]["positive"] = ["control", 0]
    assert check_mask_reach(open_workflow("own", prompt, nodes), nodes) == ["control"]


def test_a_sampler_without_the_mask_is_refused(nodes):
    with pytest.raises(InpaintError, match="It reaches: nothing"):
        check_mask_reach(open_workflow("own", host_only({"7": ENCODE}), nodes), nodes)


def test_a_model_that_the_host_lacks(nodes):
    with pytest.raises(InpaintError, match=r"ckpt_name.*--set 2.ckpt_name=VALUE"):
        check_choices(opened("inpaint", nodes).prompt, nodes)


def settings(nodes, name="remove", sets=(), table=None, seed=0, names=("a.png", "b.png")):
    return settings_of(NodeInputs(opened(name, nodes).prompt, nodes), sets, table, seed, names)


def test_seeds_depend_on_the_name_alone(nodes):
    one, other = settings(nodes), settings(nodes, names=("b.png", "c.png", "a.png"))
    assert one.seed_of("a.png") == other.seed_of("a.png") != one.seed_of("b.png")
    assert settings(nodes, seed=1).seed_of("a.png") != one.seed_of("a.png")
    (place,) = one.seeds
    assert one.of("a.png")[place] == one.seed_of("a.png")


def test_values_are_set_in_their_types(nodes):
    found = settings(nodes, sets=["MendInpaint.grow=5", "3.task=repair", "Inpaint.steps=4"]).of("a.png")
    assert (found["3", "grow"], found["3", "task"], found["3", "steps"]) == (5.0, "repair", 4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("grow", "expected NODE.input=value"),
        ("grow=3", "--set: expected NODE.input, got 'grow'. NODE is the id, title or class of one of: 1 (Load Image"),
        ("KSampler.steps=3", "fits no node that leads to the result. There are: 1 "),
        ("MendInpaint.width=3", "has image, "),
        ("MendInpaint.task=paint", "expected one of the choices, got 'paint'. There are: remove, "),
        ("MendInpaint.steps=-1", "expected a whole number from 0 to 10000, got '-1'"),
        ("MendInpaint.strength=nan", "expected a number from 0.0 to 1.0, got 'nan'"),
        ("MendInpaint.image=a", "takes IMAGE by a link only"),
    ],
)
def test_what_cannot_be_set_is_refused(nodes, words, said):
    with pytest.raises(InpaintError) as refused:
        settings(nodes, sets=[words])
    assert said in str(refused.value)


TABLES = {
    "csv": 'name,prompt,seed,MendInpaint.grow\na.png,"a bench, wooden",7,3\nb.png,,,\n',
    "jsonl": '{"name": "a.png", "prompt": "a bench, wooden", "seed": 7, "MendInpaint.grow": 3}\n\n{"name": "b.png"}\n',
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_sets_single_pictures(nodes, tmp_path, kind):
    table = tmp_path / f"table.{kind}"
    table.write_text(TABLES[kind], encoding="utf-8-sig")
    found = settings(nodes, table=table)
    own, other = found.of("a.png"), found.of("b.png")
    assert (own["3", "prompt"], own["3", "seed"], own["3", "grow"]) == ("a bench, wooden", 7, 3.0)
    assert ("3", "prompt") not in other
    assert other["3", "seed"] == settings(nodes).seed_of("b.png")


def test_the_prompt_goes_where_it_is_titled(nodes, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("name,prompt\na.png,sky\n")
    found = settings(nodes, "sd15-inpaint", table=table).of("a.png")
    ((node, name),) = [place for place, value in found.items() if value == "sky"]
    prompt = load_prompt("sd15-inpaint")[1]
    assert (prompt[node]["_meta"]["title"], name) == ("Prompt", "text")


def test_a_seed_of_the_table_is_closer_than_one_for_all(nodes, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("name,seed\na.png,7\n")
    found = settings(nodes, sets=["MendInpaint.seed=5"], table=table)
    assert [found.of(name)["3", "seed"] for name in ("a.png", "b.png")] == [7, 5]
    assert [found.seeded(name) for name in ("a.png", "b.png")] == [[("3", "seed")], []]


def test_a_seed_where_nothing_takes_one_is_refused(nodes, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("name,seed\na.png,7\n")
    with pytest.raises(InpaintError, match=r"--prompts, row 1: nothing here takes a seed"):
        settings(nodes, "remove-with-network", table=table)


def test_a_seed_beyond_what_a_node_takes_is_refused(nodes, tmp_path):
    small = copy.deepcopy(nodes)
    ((_, options),) = [group["seed"] for group in small["MendInpaint"]["input"].values() if "seed" in group]
    options["max"] = 99
    table = tmp_path / "table.csv"
    table.write_text("name,seed\na.png,100\n")
    with pytest.raises(InpaintError, match=r"--prompts, row 1: seed: expected a whole number from 0 to 99, got '100'"):
        settings(small, table=table)


def test_line_separators_in_a_prompt_end_no_row(nodes, tmp_path):
    for kind, text in (
        ("csv", "name,prompt\na.png,a\u2028b\x0bc\n"),
        ("jsonl", '{"name": "a.png", "prompt": "a\u2028b"}\n'),
    ):
        table = tmp_path / f"table.{kind}"
        table.write_text(text, encoding="utf-8")
        assert settings(nodes, table=table).of("a.png")["3", "prompt"].startswith("a\u2028b")


def test_names_in_a_table_match_as_those_of_masks_do(nodes, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("name,prompt\nu\u0308.png,sky\n", encoding="utf-8")
    assert settings(nodes, table=table, names=("\u00fc.png",)).of("\u00fc.png")["3", "prompt"] == "sky"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,prompt\nc.png,sky\n", "row 1: expected the name of one of the 2 pictures, got 'c.png'"),
        ("name,seed\na.png,1\na.png,2\n", "row 2: a.png has a row already"),
        ("name,seed\na.png,minus\n", "seed: expected a whole number"),
        ("picture\na.png\n", "expected a column 'name'"),
        ("name,promt\na.png,sky\n", "row 1: expected name, prompt, seed or NODE.input, got 'promt'. NODE is "),
        ("name,prompt\na.png,a bench, wooden\n", "more values than the head has columns"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(nodes, tmp_path, text, said):
    table = tmp_path / "table.csv"
    table.write_text(text)
    with pytest.raises(InpaintError) as refused:
        settings(nodes, table=table)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ('{"nodes": [], "links": []}', "in the canvas's own form"),
        ("[]", "is no workflow in API form"),
        ("{}", "is no workflow in API form"),
    ],
)
def test_files_that_are_no_workflow(tmp_path, text, said):
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(InpaintError, match=said):
        load_prompt(str(file))


def test_a_workflow_that_is_not_there():
    with pytest.raises(InpaintError, match=r"expected a file\.json or one of any-model-coherent, "):
        load_prompt("remov")
