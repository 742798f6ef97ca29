"""The graph that Inpaint expands to, as the host's nodes take it.

Mutations seen to fail here: an input that the host's node does not have; a required input left out.
"""

import asyncio
import itertools
from types import SimpleNamespace
from typing import get_args

import pytest
import torch

from inpaint.model_families.sampling import BY_MODEL
from inpaint.tasks.chain import Wish, chain_for
from inpaint.tasks.models import Model
from inpaint.tasks.table import TASKS, Kind

# Files of the host's nodes that chains use.
EXTRAS = ("nodes_flux.py", "nodes_model_advanced.py", "nodes_qwen.py")
LOADED = ("image", "mask", "model", "clip", "vae")
READERS = {"Qwen-Image-Edit 2511": "TextEncodeQwenImageEditPlus", "flux2": "", "sd15": "", "FLUX.1 Kontext": ""}


@pytest.fixture(autouse=True, scope="module")
def _extras(host_nodes, comfyui):
    for file in EXTRAS:
        path = str(comfyui / "comfy_extras" / file)
        assert asyncio.run(host_nodes.load_custom_node(path, module_parent="comfy_extras"))


@pytest.mark.parametrize(
    ("task", "kind", "family"), [*itertools.product(TASKS, get_args(Kind), READERS), ("remove", None, "")]
)
def test_nodes_are_given_all_they_need_and_nothing_else(host_nodes, pack, task, kind, family):
    model = None if kind is None else Model(kind, BY_MODEL[family], READERS[family])
    for step in chain_for(Wish(task=task, model=model, connected=LOADED)).steps:
        types = host_nodes.NODE_CLASS_MAPPINGS[step.node].INPUT_TYPES()
        complete = pack("host").with_defaults(step.node, step.inputs)
        assert types["required"].keys() <= complete.keys(), step
        assert complete.keys() <= {*types["required"], *types.get("optional", ())}, step


def test_an_odd_picture_is_refused(run, InpaintError):
    with pytest.raises(InpaintError, match=r"^image: expected "):
        run("MendInpaint", **listed(image=torch.zeros(8, 8), mask=torch.ones(1, 8, 8)))


def test_what_is_not_connected_may_be_none(run, InpaintError):
    with pytest.raises(InpaintError, match=r"^model: expected a model for replace, got none"):
        run(
            "MendInpaint", **listed(image=torch.zeros(1, 8, 8, 3), mask=torch.ones(1, 8, 8), task="replace", model=None)
        )


@pytest.mark.parametrize(
    ("name", "values", "refused"),
    [("prompt", ["a cat", "a dog"], False), ("prompt", ["a cat", ""], True), ("strength", [0.5, 0.0], True)],
)
def test_lists_of_settings(run, InpaintError, name, values, refused):
    """One chain serves all of a list. What is refused afterwards is that there is no model."""
    inputs = listed(image=torch.zeros(1, 8, 8, 3), mask=torch.ones(1, 8, 8), task="replace")
    with pytest.raises(InpaintError, match=f"^{name}: expected one value" if refused else "^model: expected a model"):
        run("MendInpaint", **(inputs | {name: values}))


@pytest.mark.parametrize("loader", ["UNETLoader", "LoraLoaderModelOnly"])
def test_the_file_is_that_of_the_loader(pack, loader):
    nodes = {
        "1": {"inputs": {"unet_name": "folder/z_image_turbo.safetensors"}},
        "2": {"inputs": {"model": ["1", 0], "lora_name": "a.safetensors"}},
        "3": {"inputs": {"model": ["1" if loader == "UNETLoader" else "2", 0]}},
    }
    prompt = SimpleNamespace(get_node=nodes.__getitem__)
    assert pack("host").loaded_file(prompt, "3") == "z_image_turbo.safetensors"
    assert pack("host").loaded_file(prompt, "1") == pack("host").loaded_file(None, None) == ""


def test_the_result_holds_lists_as_one_value(run):
    pictures, masks = [torch.zeros(1, 2, 2, 3), torch.ones(1, 2, 2, 3)], [torch.ones(1, 2, 2)] * 2
    outputs = run("MendInpaintResult", image=pictures, mask=masks, report=["a", "b"]).outputs
    assert all(
        torch.equal(*pair)
        for ours, given in zip(outputs[:2], (pictures, masks), strict=True)
        for pair in zip(ours, given, strict=True)
    )
    assert outputs[2] == ["a", "b"]


def listed(**inputs):
    """Inputs of a node that gets lists; those that `run` would fill in are lists, too."""
    defaults = {"task": "remove", "prompt": "", "negative_prompt": "", "seed": 0, "strength": 0.0}
    defaults |= {"extend_by": 0, "steps": 0, "cfg": 0.0, "sampler_name": "auto", "scheduler": "auto"}
    defaults |= {"grow": -1.0, "feather": -1.0, "megapixels": 0.0}
    return {name: [value] for name, value in (defaults | inputs).items()}
