"""The nodes that only tests use, on the host.

Mutations seen to fail here: the text ignored; a seed that changes with each process.
"""

import pytest
import torch


@pytest.fixture
def encode(run):
    return lambda text: run("TestFluxConditioning", text=text).outputs[0]


def test_flux_conditioning_has_the_true_shape(encode):
    ((embedding, values),) = encode("a meadow")
    assert embedding.shape == (1, 256, 4096)
    assert values["pooled_output"].shape == (1, 768)
    assert values.keys() == {"pooled_output"}


@pytest.mark.parametrize(
    ("node", "width"), [("TestFlux2Conditioning", 15360), ("TestKleinConditioning", 7680)], ids=["FLUX.2", "Klein"]
)
def test_others_have_the_true_width(run, node, width):
    ((embedding, values),) = run(node, text="a meadow").outputs[0]
    assert embedding.shape == (1, 16, width)
    assert values == {}


def test_qwen_conditioning_goes_by_the_prompt(run):
    ((first, values),), ((other, _),) = (
        run("TestQwenEditConditioning", prompt=prompt).outputs[0] for prompt in ("a meadow", "a lake")
    )
    assert first.shape == (1, 16, 3584)
    assert values == {}
    assert (first - other).abs().mean() > 1


def test_flux_conditioning_goes_by_the_text(encode):
    ((first, of_first),), ((again, of_again),), ((other, of_other),) = map(encode, ("a meadow", "a meadow", "a lake"))
    assert torch.equal(first, again)
    assert torch.equal(of_first["pooled_output"], of_again["pooled_output"])
    assert (first - other).abs().mean() > 1
    assert (of_first["pooled_output"] - of_other["pooled_output"]).abs().mean() > 0.5
    # A literal number, for it must be the same in every process.
    assert float(first[0, 0, 0]) == pytest.approx(0.8427456, abs=1e-5)


@pytest.mark.parametrize("stand_in", ["TestFluxConditioning", "TestFlux2Conditioning", "TestKleinConditioning"])
def test_they_take_the_inputs_of_the_node_they_stand_in_for(host_nodes, stand_in):
    theirs, ours = (host_nodes.NODE_CLASS_MAPPINGS[name].INPUT_TYPES() for name in ("CLIPTextEncode", stand_in))
    assert set(theirs["required"]) == set(ours["required"]) | set(ours["optional"])


def test_qwen_conditioning_takes_the_inputs_of_the_node_it_stands_in_for(host_nodes):
    from comfy_extras import nodes_qwen

    theirs = {each.id for each in nodes_qwen.TextEncodeQwenImageEditPlus.define_schema().inputs}
    ours = host_nodes.NODE_CLASS_MAPPINGS["TestQwenEditConditioning"].define_schema().inputs
    assert theirs == {each.id for each in ours}
