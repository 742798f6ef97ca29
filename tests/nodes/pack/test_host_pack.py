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


def test_flux_conditioning_goes_by_the_text(encode):
    ((first, of_first),), ((again, of_again),), ((other, of_other),) = map(encode, ("a meadow", "a meadow", "a lake"))
    assert torch.equal(first, again)
    assert torch.equal(of_first["pooled_output"], of_again["pooled_output"])
    assert (first - other).abs().mean() > 1
    assert (of_first["pooled_output"] - of_other["pooled_output"]).abs().mean() > 0.5
    # A literal number, for it must be the same in every process.
    assert float(first[0, 0, 0]) == pytest.approx(0.8427456, abs=1e-5)


def test_it_takes_the_inputs_of_the_node_it_stands_in_for(host_nodes):
    theirs, ours = (
        host_nodes.NODE_CLASS_MAPPINGS[name].INPUT_TYPES() for name in ("CLIPTextEncode", "TestFluxConditioning")
    )
    assert set(theirs["required"]) == set(ours["required"]) | set(ours["optional"])
